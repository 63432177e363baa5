//! An archive of logs in S3: lists its files, and reads each as a stream, of whatever size, in little memory.
//!
//! A task of the async runtime asks for the file as soon as it is opened and hands its bytes on, a bounded number ahead, to a plain thread
//! that reads them. Each file is one `GetObject`: an archive is many files, so that requests in flight are files opened ahead, and one
//! connection brings about as much as one thread inflates (S3 gives 85 to 90 MB/s a connection, and 100 MB/s packed are inflated on the
//! machine of the benchmarks). Ranges side by side would cost a request each, and help a single large file alone. One that breaks off goes
//! on from there, by range, and only while it is the same file.
//!
//! It must not: replace or delete anything, decide which files matter, or keep a file whole in memory.

use std::io::{self, Read};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;
use reprieve_aws::{Kind, call_error};
use reprieve_engine::CallError;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::store::{GET, kind_of_s3_code, senseless};

/// The most bytes that are handed over at once.
const BLOCK_BYTES: usize = 64 * 1024;
/// Blocks that wait for the thread that reads. With these, a file that is open costs at most 1 MiB, besides what the connection holds.
const BLOCKS_AHEAD: usize = 16;
/// How often a file that breaks off is asked for again from there. The client itself tries each request several times.
const MOST_RESUMES: u32 = 6;
/// The pause before a file is asked for again; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

const LIST: &str = "s3:ListObjectsV2";

/// What is said of a file that is another one by now.
const REPLACED: &str = "was replaced while it was read: read it again";

/// A file of the archive, as S3 lists it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListedLogFile {
    /// The bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// Its size in bytes, packed as it is.
    pub bytes: u64,
}

impl ListedLogFile {
    /// Returns its name below a prefix, as a folder that is a copy of that prefix would have it.
    #[must_use]
    pub fn name_below(&self, prefix: &str) -> &str {
        self.key.strip_prefix(prefix).unwrap_or(&self.key).trim_start_matches('/')
    }
}

/// Lists and reads an archive of logs. To be made within an async runtime of tokio, whose tasks then bring the bytes.
#[derive(Debug, Clone)]
pub struct LogArchive {
    client: Client,
    runtime: Option<Handle>,
}

impl LogArchive {
    /// Makes it.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client, runtime: Handle::try_current().ok() }
    }

    /// Lists every object whose key begins with the prefix, in the order of keys, logs or not.
    ///
    /// # Errors
    /// When S3 refuses, or an answer makes no sense.
    pub async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<ListedLogFile>, CallError> {
        let mut found = Vec::new();
        self.visit(bucket, prefix, |file| found.push(file)).await?;
        // S3 lists in this order, but a directory bucket does not: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
        found.sort();
        Ok(found)
    }

    /// Visits what [`LogArchive::list`] lists, page by page as it comes, so that any number of files takes no more memory than a page.
    ///
    /// # Errors
    /// When S3 refuses, or an answer makes no sense.
    pub async fn visit(&self, bucket: &str, prefix: &str, mut visit: impl FnMut(ListedLogFile)) -> Result<(), CallError> {
        let mut pages = self.client.list_objects_v2().bucket(bucket).prefix(prefix).into_paginator().send();
        while let Some(page) = pages.try_next().await.map_err(|error| call_error(LIST, &error, kind_of_s3_code))? {
            for object in page.contents() {
                let key = object.key().ok_or_else(|| senseless(LIST, "an object of the list has no `Key`"))?;
                let bytes = object.size().and_then(|size| u64::try_from(size).ok());
                let bytes = bytes.ok_or_else(|| senseless(LIST, &format!("`{key}` has no `Size`, or a negative one")))?;
                visit(ListedLogFile { bucket: bucket.to_owned(), key: key.to_owned(), bytes });
            }
        }
        Ok(())
    }

    /// Opens a file: asks for it now, and holds the first of its bytes ready. Files opened ahead are requests in flight.
    #[must_use]
    pub fn open(&self, file: &ListedLogFile) -> LogFileReader {
        let (sender, receiver) = mpsc::channel(BLOCKS_AHEAD);
        match &self.runtime {
            Some(runtime) => {
                let fetch = Fetch { client: self.client.clone(), file: file.clone(), etag: None, done: 0, resumes: 0 };
                runtime.spawn(fetch.run(sender));
            }
            None => drop(sender),
        }
        LogFileReader {
            name: format!("s3://{}/{}", file.bucket, file.key),
            blocks: receiver,
            block: Vec::new(),
            taken: 0,
            end: End::NotYet,
        }
    }
}

/// What is handed over: bytes, or why there are no more. Nothing at all means that whoever fetched was stopped.
#[derive(Debug)]
enum Handed {
    Bytes(Vec<u8>),
    Whole,
    Failed(CallError),
}

/// How far a reader is.
#[derive(Debug)]
enum End {
    NotYet,
    Whole,
    Failed(CallError),
}

/// A file of the archive, being read. To be read on a plain thread: on one that drives async tasks, reading would wait for itself.
#[derive(Debug)]
pub struct LogFileReader {
    name: String,
    blocks: mpsc::Receiver<Handed>,
    block: Vec<u8>,
    taken: usize,
    end: End,
}

impl LogFileReader {
    /// Returns why the file could not be read to its end, once [`Read::read`] said that it could not: what was refused for good is told
    /// from what another attempt may bring. The error of `read` says the same in words that do not change from attempt to attempt.
    #[must_use]
    pub const fn failure(&self) -> Option<&CallError> {
        match &self.end {
            End::Failed(error) => Some(error),
            End::NotYet | End::Whole => None,
        }
    }

    fn next_block(&mut self) {
        match self.blocks.blocking_recv() {
            Some(Handed::Bytes(bytes)) => (self.block, self.taken) = (bytes, 0),
            Some(Handed::Whole) => self.end = End::Whole,
            Some(Handed::Failed(error)) => self.end = End::Failed(error),
            None => {
                let message = "nobody brings its bytes: the runtime that the archive was made in has ended, or there was none".to_owned();
                self.end = End::Failed(CallError::Unavailable { call: GET, message });
            }
        }
    }
}

impl Read for LogFileReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut rest = self.block.get(self.taken..).unwrap_or_default();
            if !rest.is_empty() || into.is_empty() {
                let read = rest.read(into)?;
                self.taken += read;
                return Ok(read);
            }
            match &self.end {
                End::NotYet => self.next_block(),
                End::Whole => return Ok(0),
                End::Failed(error) => return Err(told(&self.name, error)),
            }
        }
    }
}

/// Says which file could not be read, why and what to do, without the words of one attempt, such as the request's id: the same fault is
/// told in the same words, whoever reads.
fn told(name: &str, error: &CallError) -> io::Error {
    let (kind, why) = match error {
        CallError::NotFound { .. } => (io::ErrorKind::NotFound, "is there no longer: list the archive again"),
        CallError::AccessDenied { .. } => (
            io::ErrorKind::PermissionDenied,
            "may not be read: allow `s3:GetObject` on it and, where a key of yours encrypts it, `kms:Decrypt` with that key",
        ),
        CallError::InvalidState { message, .. } => (io::ErrorKind::Other, message.as_str()),
        CallError::Throttled { .. } => (io::ErrorKind::Other, "was refused since S3 is asked too often: try again, with less at once"),
        CallError::Unavailable { message, .. } if message == REPLACED => (io::ErrorKind::Other, REPLACED),
        CallError::Unavailable { .. } => (io::ErrorKind::Other, "broke off, however often it was asked for: try again later"),
        CallError::Unsupported { message, .. } | CallError::Rejected { message, .. } => {
            let words = message.split(" (request ").next().unwrap_or_default();
            return io::Error::other(format!(
                "`{name}` was refused by S3 ({words}): see that the bucket is the right one, and in this Region"
            ));
        }
    };
    io::Error::new(kind, format!("`{name}` {why}"))
}

/// One file being fetched.
struct Fetch {
    client: Client,
    file: ListedLogFile,
    /// Which file of this name it is, once S3 said so.
    etag: Option<String>,
    /// Bytes that were handed over.
    done: u64,
    resumes: u32,
}

/// Whether the thread that reads still wants bytes.
enum Passed {
    On,
    Nobody,
}

impl Fetch {
    /// Brings the file to its end, or says why not. Ends early where nobody reads any longer.
    async fn run(mut self, sender: mpsc::Sender<Handed>) {
        let last = match self.bring(&sender).await {
            Ok(Passed::On) => Handed::Whole,
            Ok(Passed::Nobody) => return,
            Err(error) => Handed::Failed(error),
        };
        // Nobody listens where the reader was dropped meanwhile.
        drop(sender.send(last).await);
    }

    async fn bring(&mut self, sender: &mpsc::Sender<Handed>) -> Result<Passed, CallError> {
        loop {
            let answer = self.ask().await?;
            let expected = length_of(&answer)?;
            let until = self.done.saturating_add(expected);
            self.etag = self.etag.take().or_else(|| answer.e_tag().map(ToOwned::to_owned));
            let why = match self.pass_on(answer.body, sender).await {
                Ok(Passed::Nobody) => return Ok(Passed::Nobody),
                Ok(Passed::On) if self.done == until => return Ok(Passed::On),
                Ok(Passed::On) => format!("the answer has {} bytes of {until}", self.done),
                Err(error) => error,
            };
            // Without an ETag nobody can tell whether what follows is of the same file.
            if self.resumes == MOST_RESUMES || self.etag.is_none() {
                return Err(CallError::Unavailable { call: GET, message: format!("{why}, after {} byte(s)", self.done) });
            }
            tokio::time::sleep(FIRST_PAUSE * (1 << self.resumes)).await;
            self.resumes += 1;
        }
    }

    /// Asks for the file, or for the rest of it.
    async fn ask(&self) -> Result<GetObjectOutput, CallError> {
        let mut request = self.client.get_object().bucket(&self.file.bucket).key(&self.file.key);
        if let Some(etag) = &self.etag {
            request = request.range(format!("bytes={}-", self.done)).if_match(etag);
        }
        request.send().await.map_err(|error| refused(&error))
    }

    /// Hands bytes on as they come.
    async fn pass_on(&mut self, mut body: ByteStream, sender: &mpsc::Sender<Handed>) -> Result<Passed, String> {
        while let Some(bytes) = body.next().await {
            let bytes = bytes.map_err(|error| error.to_string())?;
            for block in bytes.chunks(BLOCK_BYTES) {
                if sender.send(Handed::Bytes(block.to_vec())).await.is_err() {
                    return Ok(Passed::Nobody);
                }
                self.done += block.len() as u64;
            }
        }
        Ok(Passed::On)
    }
}

/// Sorts why S3 gives no file.
fn refused(error: &SdkError<GetObjectError, HttpResponse>) -> CallError {
    let code = error.as_service_error().and_then(|answer| answer.code()).unwrap_or_default();
    let status = error.raw_response().map(|answer| answer.status().as_u16());
    if code == "PreconditionFailed" || status == Some(412) {
        return CallError::Unavailable { call: GET, message: REPLACED.to_owned() };
    }
    if code == "InvalidObjectState" {
        let message = "was moved to a storage class that has to be restored first: restore it, and read it again".to_owned();
        return CallError::InvalidState { call: GET, message };
    }
    call_error(GET, error, kind_of_code)
}

/// What the codes mean with which S3 hands on what KMS says of the key that encrypts a file.
fn kind_of_code(code: &str) -> Option<Kind> {
    match code {
        "KMS.ThrottlingException" | "KMS.LimitExceededException" => Some(Kind::Throttled),
        "KMS.DependencyTimeoutException" | "KMS.InternalException" | "KMS.KMSInternalException" => Some(Kind::Unavailable),
        _ => kind_of_s3_code(code),
    }
}

fn length_of(answer: &GetObjectOutput) -> Result<u64, CallError> {
    let length = answer.content_length().and_then(|length| u64::try_from(length).ok());
    length.ok_or_else(|| senseless(GET, "the answer has no `ContentLength`"))
}

#[cfg(test)]
#[path = "log_archive_tests.rs"]
mod tests;

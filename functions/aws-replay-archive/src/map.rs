//! Reads a batch of log files into a part, and writes it down under a name that follows from the files.
//!
//! A file that will never be read is a problem in the part, told in words that do not depend on the attempt. What another attempt may mend
//! fails the batch, and nothing is written: whoever reads the batch again writes the same bytes.

use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reprieve_aws_evidence::ListedLogFile;
use reprieve_engine::Disposition;
use reprieve_replay::{Collector, Part};
use reprieve_scan::why_left_out;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::failure::Failure;
use crate::part_name;
use crate::port::{LogFiles, LogReader, Results};
use crate::queue::Queue;
use crate::task::Batch;

/// What came of a batch. Step Functions writes it down, and the reduce reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mapped {
    /// The name of the part.
    pub(crate) part: String,
    /// Log files that it is of.
    pub(crate) files: u64,
    /// Objects that are no logs.
    pub(crate) left_out: u64,
    /// Records.
    pub(crate) records: u64,
    /// Things that could not be read.
    pub(crate) errors: u64,
}

/// Reads a batch, unless its part is there.
///
/// # Errors
/// When S3 refuses or is too busy, or the time is too short.
pub(crate) async fn map<L: LogFiles>(logs: &L, results: &impl Results, batch: Batch, left: Duration) -> Result<Mapped, Failure> {
    let name = part_name::part(&batch);
    let objects = batch.files.len() as u64;
    if let Some(bytes) = results.read(&name).await.map_err(|error| Failure::of_call("the part cannot be looked for", &error))? {
        let part = Part::from_bytes(&bytes).map_err(|error| Failure::Refused(format!("`{name}` is there and cannot be read: {error}")))?;
        tracing::info!(part = name, "the part is there; its files are not read again");
        return Ok(told(name, &part, objects));
    }
    let is_log = |file: &ListedLogFile| why_left_out(file.name_below(&batch.prefix)).is_none();
    let files = batch.files.into_iter().filter(is_log).collect();
    let part = read(logs.clone(), files, batch.prefix, left).await?;
    let bytes = part.to_bytes().map_err(|error| Failure::Refused(format!("`{name}` cannot be written: {error}")))?;
    let created = results.put_once(&name, bytes).await;
    let created = created.map_err(|error| Failure::of_call(&format!("`{name}` cannot be written"), &error))?;
    tracing::info!(
        part = name,
        created,
        files = part.files(),
        records = part.counts().records,
        errors = part.problems(),
        "a batch was read"
    );
    Ok(told(name, &part, objects))
}

fn told(name: String, part: &Part, objects: u64) -> Mapped {
    Mapped {
        part: name,
        files: part.files(),
        left_out: objects.saturating_sub(part.files()),
        records: part.counts().records,
        errors: part.problems(),
    }
}

/// What the threads that read share.
struct Shared<L: LogFiles> {
    queue: Queue<L>,
    collector: Collector,
    prefix: String,
    /// How many log files are to be read.
    asked: usize,
    /// How much time there was for that.
    given: Duration,
    /// When it ends.
    until: Instant,
    /// Why the batch fails, where it does: what the first thread that failed says.
    failure: Mutex<Option<Failure>>,
}

/// Reads log files on as many threads as there are processors, which Lambda gives by the memory setting.
async fn read<L: LogFiles>(logs: L, files: Vec<ListedLogFile>, prefix: String, left: Duration) -> Result<Part, Failure> {
    let asked = files.len();
    let until = Instant::now() + left;
    let queue = Queue::new(logs, files);
    let shared = Arc::new(Shared { queue, collector: Collector::default(), prefix, asked, given: left, until, failure: Mutex::new(None) });
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let mut readers = JoinSet::new();
    for _ in 0..threads {
        let shared = Arc::clone(&shared);
        readers.spawn_blocking(move || shared.read_all());
    }
    loop {
        match timeout_at(until, readers.join_next()).await {
            Ok(Some(Ok(()))) => {}
            Ok(Some(Err(error))) => {
                shared.queue.clear();
                return Err(Failure::Refused(format!("a thread that reads log files has ended: {error}")));
            }
            Ok(None) => break,
            Err(_) => {
                shared.queue.clear();
                return Err(shared.late());
            }
        }
    }
    if let Some(failure) = shared.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(failure);
    }
    match Arc::into_inner(shared) {
        Some(shared) => Ok(shared.collector.finish()),
        None => Err(Failure::TryAgain("a thread still reads log files, which should have ended".to_owned())),
    }
}

impl<L: LogFiles> Shared<L> {
    fn read_all(&self) {
        while let Some((file, reader)) = self.queue.next() {
            let mut reader = UntilThen { inner: reader, until: self.until, has_cut: false };
            self.collector.read(file.name_below(&self.prefix), &mut reader);
            if reader.has_cut {
                // Nothing is wrong with the file: what was read of it must not be taken for all that can be.
                self.fail(|| self.late());
                return;
            }
            let Some(error) = reader.inner.failure() else { continue };
            if error.disposition() == Disposition::Retryable {
                self.fail(|| Failure::of_call(&format!("`s3://{}/{}` could not be read", file.bucket, file.key), error));
                return;
            }
            tracing::warn!(key = file.key, %error, "a log file cannot be read; it is named in the answer");
        }
    }

    /// Fails the batch, unless another thread did so before.
    fn fail(&self, why: impl FnOnce() -> Failure) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(why);
        self.queue.clear();
    }

    /// Says that the time was too short.
    fn late(&self) -> Failure {
        let (asked, seconds, files) = (self.asked, self.given.as_secs(), self.collector.so_far().files());
        Failure::OutOfTime(format!(
            "{seconds} s were not enough for {asked} log files: about {files} were read. Lower `FilesPerBatch` of the stack, or raise \
             `ReadMemory`"
        ))
    }
}

/// Ends when the time does, so that no thread reads on for an invocation that has failed.
struct UntilThen<R> {
    inner: R,
    until: Instant,
    /// Whether it ended so.
    has_cut: bool,
}

impl<R: Read> Read for UntilThen<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if Instant::now() >= self.until {
            self.has_cut = true;
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the time is over"));
        }
        self.inner.read(into)
    }
}

#[cfg(test)]
mod tests {
    use reprieve_engine::CallError;

    use super::*;

    /// An archive of empty files.
    #[derive(Debug, Clone)]
    struct EmptyFiles;

    #[derive(Debug)]
    struct NoBytes;

    impl Read for NoBytes {
        fn read(&mut self, _into: &mut [u8]) -> io::Result<usize> {
            Ok(0)
        }
    }

    impl LogReader for NoBytes {
        fn failure(&self) -> Option<&CallError> {
            None
        }
    }

    impl LogFiles for EmptyFiles {
        type Reader = NoBytes;

        async fn visit(&self, _bucket: &str, _prefix: &str, _visit: impl FnMut(ListedLogFile) + Send) -> Result<(), CallError> {
            Ok(())
        }

        fn open(&self, _file: &ListedLogFile) -> NoBytes {
            NoBytes
        }
    }

    /// P134
    #[test]
    fn a_file_that_the_end_of_the_time_cuts_off_fails_the_batch() {
        let file = |key: &str| ListedLogFile { bucket: "trail".to_owned(), key: key.to_owned(), bytes: 1 };
        let shared = Shared {
            queue: Queue::new(EmptyFiles, vec![file("a.json.gz"), file("b.json.gz")]),
            collector: Collector::default(),
            prefix: String::new(),
            asked: 2,
            given: Duration::ZERO,
            until: Instant::now(),
            failure: Mutex::new(None),
        };
        shared.read_all();
        assert!(shared.queue.next().is_none(), "no other thread reads on");
        let failure = shared.failure.into_inner().unwrap();
        assert!(matches!(failure, Some(Failure::OutOfTime(_))), "{failure:?}");
    }
}

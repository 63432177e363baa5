//! What the function needs of a cloud: log files as streams, and a place for what came of them.

use std::future::Future;
use std::io::Read;

use reprieve_aws_evidence::{ListedLogFile, LogArchive, LogFileReader, S3ReplayResults};
use reprieve_engine::CallError;

/// A log file being read, on a plain thread.
pub(crate) trait LogReader: Read + Send + 'static {
    /// Why it could not be read to its end, once reading said that it could not.
    fn failure(&self) -> Option<&CallError>;
}

/// An archive of logs.
pub(crate) trait LogFiles: Clone + Send + Sync + 'static {
    /// A file of it.
    type Reader: LogReader;
    /// Visits the objects whose keys begin with a prefix.
    fn visit(
        &self,
        bucket: &str,
        prefix: &str,
        visit: impl FnMut(ListedLogFile) + Send,
    ) -> impl Future<Output = Result<(), CallError>> + Send;
    /// Asks for a file, and hands it over before it is there.
    fn open(&self, file: &ListedLogFile) -> Self::Reader;
}

/// Where results lie.
pub(crate) trait Results: Clone + Send + Sync + 'static {
    /// The bucket.
    fn bucket(&self) -> &str;
    /// Creates an object; `false` where there is one of this name.
    fn put_once(&self, name: &str, bytes: Vec<u8>) -> impl Future<Output = Result<bool, CallError>> + Send;
    /// Writes an object, whatever was there.
    fn put(&self, name: &str, content_type: &str, bytes: Vec<u8>) -> impl Future<Output = Result<(), CallError>> + Send;
    /// Reads an object; `None` where there is none.
    fn read(&self, name: &str) -> impl Future<Output = Result<Option<Vec<u8>>, CallError>> + Send;
    /// Lists the names that begin with a prefix, in their order.
    fn list(&self, prefix: &str) -> impl Future<Output = Result<Vec<String>, CallError>> + Send;
}

impl LogReader for LogFileReader {
    fn failure(&self) -> Option<&CallError> {
        Self::failure(self)
    }
}

impl LogFiles for LogArchive {
    type Reader = LogFileReader;

    async fn visit(&self, bucket: &str, prefix: &str, visit: impl FnMut(ListedLogFile) + Send) -> Result<(), CallError> {
        Self::visit(self, bucket, prefix, visit).await
    }

    fn open(&self, file: &ListedLogFile) -> LogFileReader {
        Self::open(self, file)
    }
}

impl Results for S3ReplayResults {
    fn bucket(&self) -> &str {
        Self::bucket(self)
    }

    async fn put_once(&self, name: &str, bytes: Vec<u8>) -> Result<bool, CallError> {
        Self::put_once(self, name, bytes).await
    }

    async fn put(&self, name: &str, content_type: &str, bytes: Vec<u8>) -> Result<(), CallError> {
        Self::put(self, name, content_type, bytes).await
    }

    async fn read(&self, name: &str) -> Result<Option<Vec<u8>>, CallError> {
        Self::read(self, name).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, CallError> {
        Self::list(self, prefix).await
    }
}

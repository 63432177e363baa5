//! What the function needs besides the engine's ports: where log files are read from, and who counts what only it knows.

use std::future::Future;

use jiff::Timestamp;
use reprieve_aws_evidence::S3LogSource;
use reprieve_engine::{CallError, RecordingMeter};
use reprieve_runtime::EmfMeter;

/// Reads log files.
pub(crate) trait LogSource: Sync {
    /// Reads one, whole and as it was written.
    fn fetch(&self, bucket: &str, key: &str) -> impl Future<Output = Result<Vec<u8>, CallError>> + Send;
}

impl LogSource for S3LogSource {
    async fn fetch(&self, bucket: &str, key: &str) -> Result<Vec<u8>, CallError> {
        Self::fetch(self, bucket, key).await
    }
}

/// Counts files and seals.
pub(crate) trait FunctionMeter: RecordingMeter {
    /// Notes that a file was recorded: how many records of it were none, and how old its oldest entry is.
    fn file_recorded(&self, at: Timestamp, unreadable: u64, oldest: Option<Timestamp>, file: &str);
    /// Notes seals.
    fn sealed(&self, at: Timestamp, seals: u64, objects: u64);
}

impl FunctionMeter for EmfMeter {
    fn file_recorded(&self, at: Timestamp, unreadable: u64, oldest: Option<Timestamp>, file: &str) {
        Self::file_recorded(self, at, unreadable, oldest, file);
    }

    fn sealed(&self, at: Timestamp, seals: u64, objects: u64) {
        Self::sealed(self, at, seals, objects);
    }
}

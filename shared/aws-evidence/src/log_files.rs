//! The files of a trail: read whole, as they were written, up to a size.

use aws_sdk_s3::Client;
use reprieve_engine::CallError;

use crate::store::{GET, body_of, get, senseless};

/// The most that is read of one file, in bytes, packed as it is. CloudTrail's own files stay far below; a function has only so much memory.
pub const MOST_LOG_FILE_BYTES: u64 = 128 << 20;

/// Reads files of a trail out of S3.
#[derive(Debug, Clone)]
pub struct S3LogSource {
    client: Client,
}

impl S3LogSource {
    /// Makes the source.
    #[must_use]
    pub const fn new(client: Client) -> Self {
        Self { client }
    }

    /// Reads a file, packed as it is.
    ///
    /// # Errors
    /// [`CallError::NotFound`] where it does not exist, and [`CallError::Rejected`] where it is too large or makes no sense: trying again
    /// does not help. What another attempt may mend is neither.
    pub async fn fetch(&self, bucket: &str, key: &str) -> Result<Vec<u8>, CallError> {
        let answer = get(&self.client, bucket, key).await?;
        let length = answer.content_length().and_then(|length| u64::try_from(length).ok());
        let length = length.ok_or_else(|| senseless(GET, "the answer has no `ContentLength`"))?;
        if length > MOST_LOG_FILE_BYTES {
            let what = format!("`s3://{bucket}/{key}` has {length} bytes, and at most {MOST_LOG_FILE_BYTES} are read of one file");
            return Err(senseless(GET, &what));
        }
        body_of(answer).await
    }
}

#[cfg(test)]
#[path = "log_files_tests.rs"]
mod tests;

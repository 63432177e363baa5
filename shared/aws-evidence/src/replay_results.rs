//! The results of a replay in S3: parts that are created once, and the answer.
//!
//! It must not: write outside `replay/`, delete anything, or replace a part.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumAlgorithm;
use bytes::Bytes;
use reprieve_aws::{call_error, put_conditionally};
use reprieve_engine::CallError;

use crate::log_archive::{ListedLogFile, LogArchive};
use crate::store::{body_of, get, kind_of_s3_code, senseless};

/// Below this lies everything that a replay writes.
pub const REPLAY_PREFIX: &str = "replay/";

const PUT: &str = "s3:PutObject";

/// Keeps the results of replays in an S3 bucket.
#[derive(Debug, Clone)]
pub struct S3ReplayResults {
    client: Client,
    bucket: String,
}

impl S3ReplayResults {
    /// Makes it.
    #[must_use]
    pub fn new(client: Client, bucket: impl Into<String>) -> Self {
        Self { client, bucket: bucket.into() }
    }

    /// Returns the bucket.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Creates an object. Returns `false` where there is one of this name: it stays as it is.
    ///
    /// # Errors
    /// When S3 refuses, or the name does not begin with [`REPLAY_PREFIX`].
    pub async fn put_once(&self, name: &str, bytes: Vec<u8>) -> Result<bool, CallError> {
        let (name, bytes) = (ours(name)?, Bytes::from(bytes));
        put_conditionally(|| {
            let put = self.client.put_object().bucket(&self.bucket).key(name).if_none_match("*");
            put.content_type("application/octet-stream").checksum_algorithm(ChecksumAlgorithm::Sha256).body(ByteStream::from(bytes.clone()))
        })
        .await
    }

    /// Writes an object, in place of one of this name: the answer, which other rules change.
    ///
    /// # Errors
    /// When S3 refuses, or the name does not begin with [`REPLAY_PREFIX`].
    pub async fn put(&self, name: &str, content_type: &str, bytes: Vec<u8>) -> Result<(), CallError> {
        let put = self.client.put_object().bucket(&self.bucket).key(ours(name)?).content_type(content_type);
        let put = put.checksum_algorithm(ChecksumAlgorithm::Sha256).body(ByteStream::from(bytes)).send().await;
        put.map(drop).map_err(|error| call_error(PUT, &error, kind_of_s3_code))
    }

    /// Reads an object; `None` where there is none.
    ///
    /// # Errors
    /// When S3 refuses or breaks off.
    pub async fn read(&self, name: &str) -> Result<Option<Vec<u8>>, CallError> {
        match get(&self.client, &self.bucket, name).await {
            Ok(answer) => body_of(answer).await.map(Some),
            Err(CallError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lists the names that begin with a prefix, in their order.
    ///
    /// # Errors
    /// When S3 refuses.
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>, CallError> {
        let listed = LogArchive::new(self.client.clone()).list(&self.bucket, prefix).await?;
        Ok(listed.into_iter().map(|ListedLogFile { key, .. }| key).collect())
    }
}

fn ours(name: &str) -> Result<&str, CallError> {
    if name.starts_with(REPLAY_PREFIX) { Ok(name) } else { Err(senseless(PUT, &format!("`{name}` does not lie below `{REPLAY_PREFIX}`"))) }
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::operation::put_object::PutObjectOutput;
    use aws_smithy_mocks::mock;

    use super::*;
    use crate::store::tests::{client, refused};

    #[tokio::test]
    async fn a_part_is_created_and_one_that_is_there_stays() {
        let created = mock!(Client::put_object)
            .match_requests(|request| request.if_none_match() == Some("*") && request.key() == Some("replay/r/parts/a.part"))
            .then_output(|| PutObjectOutput::builder().build());
        let there = refused(412, "PreconditionFailed");
        let results = S3ReplayResults::new(client(&[&created, &there]), "results");
        assert_eq!(results.put_once("replay/r/parts/a.part", vec![1]).await, Ok(true));
        assert_eq!(results.put_once("replay/r/parts/a.part", vec![1]).await, Ok(false));
    }

    #[tokio::test]
    async fn nothing_is_written_outside_of_its_folder() {
        let results = S3ReplayResults::new(client(&[]), "results");
        let error = results.put("audit/decisions/x", "application/json", Vec::new()).await.unwrap_err();
        assert!(error.to_string().contains("`audit/decisions/x` does not lie below `replay/`"), "{error}");
        assert!(results.put_once("x", Vec::new()).await.is_err());
    }
}

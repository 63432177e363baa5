//! The baseline of what is usual, as one object that is replaced version by version.
//!
//! It lies in the bucket of the evidence and is none: each version is locked for a day and no longer, because a bucket with a default
//! retention would lock it for a year. The bucket's lifecycle clears the versions away that were replaced.

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{ChecksumAlgorithm, ObjectLockMode};
use reprieve_aws::put_conditionally;
use reprieve_engine::{BaselineStore, CallError, Clock, SystemClock, Versioned};

use crate::store::{GET, body_of, get, senseless};

/// Where it lies.
pub const BASELINE: &str = "state/baseline";

/// S3 takes no lock that ends at once.
const LOCKED_SECONDS: i64 = 24 * 60 * 60;

/// Keeps the baseline in an object of a bucket.
#[derive(Debug, Clone)]
pub struct S3BaselineStore<C = SystemClock> {
    client: Client,
    bucket: String,
    clock: C,
}

impl<C> S3BaselineStore<C> {
    /// Makes the store over the bucket of the evidence.
    #[must_use]
    pub fn new(client: Client, bucket: impl Into<String>, clock: C) -> Self {
        Self { client, bucket: bucket.into(), clock }
    }
}

impl<C: Clock> S3BaselineStore<C> {
    fn put(&self, bytes: &[u8]) -> PutObjectFluentBuilder {
        let until = self.clock.now().as_second().saturating_add(LOCKED_SECONDS);
        self.client
            .put_object()
            .bucket(&self.bucket)
            .key(BASELINE)
            .content_type("application/octet-stream")
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .object_lock_mode(ObjectLockMode::Governance)
            .object_lock_retain_until_date(DateTime::from_secs(until))
            .body(ByteStream::from(bytes.to_vec()))
    }
}

impl<C: Clock> BaselineStore for S3BaselineStore<C> {
    async fn load(&self) -> Result<Option<Versioned>, CallError> {
        let answer = match get(&self.client, &self.bucket, BASELINE).await {
            Ok(answer) => answer,
            Err(CallError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let etag = answer.e_tag().ok_or_else(|| senseless(GET, "the answer has no `ETag`"))?.to_owned();
        Ok(Some(Versioned { bytes: body_of(answer).await?, etag }))
    }

    async fn save(&self, bytes: &[u8], replaces: Option<&str>) -> Result<bool, CallError> {
        put_conditionally(|| match replaces {
            Some(etag) => self.put(bytes).if_match(etag),
            None => self.put(bytes).if_none_match("*"),
        })
        .await
    }
}

#[cfg(test)]
#[path = "baseline_tests.rs"]
mod tests;

//! Audit records on S3 under Object Lock: written once, never replaced, not deletable before their time.
//!
//! The object's name is derived from the event alone, so that the same record, written again after a lost answer, meets itself
//! and adds nothing. It says neither when the record was made nor by whom it was written: that is inside.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::put_object::PutObjectError;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{ChecksumAlgorithm, ObjectLockMode};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;
use reprieve_core::Record;
use reprieve_engine::{AuditSink, CallError};
use reprieve_evidence::layout;

use crate::error::{call_error, no_own_codes};

const CALL: &str = "s3:PutObject";

/// How often a write is tried that conflicts with another one of the same name. The other one wins or fails within moments.
const CONFLICT_ATTEMPTS: u32 = 4;
const CONFLICT_PAUSE: Duration = Duration::from_millis(50);

/// Keeps audit records in an S3 bucket with Object Lock.
#[derive(Debug)]
pub struct S3AuditSink {
    client: Client,
    bucket: String,
    retention_days: u32,
}

impl S3AuditSink {
    /// Makes the sink. Each record is locked in mode COMPLIANCE for `retention_days` from when it was made.
    #[must_use]
    pub fn new(client: Client, bucket: impl Into<String>, retention_days: u32) -> Self {
        Self { client, bucket: bucket.into(), retention_days }
    }

    async fn put(&self, record: &Record, body: &[u8]) -> Result<(), SdkError<PutObjectError, HttpResponse>> {
        let days = i64::from(self.retention_days);
        let until = record.recorded_at.as_second().saturating_add(days * 24 * 60 * 60);
        let put = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(layout::decision(record))
            .if_none_match("*")
            .content_type("application/json")
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .object_lock_mode(ObjectLockMode::Compliance)
            .object_lock_retain_until_date(DateTime::from_secs(until))
            .body(ByteStream::from(body.to_vec()));
        put.send().await.map(drop)
    }
}

impl AuditSink for S3AuditSink {
    async fn append(&self, record: &Record) -> Result<(), CallError> {
        let body = reprieve_wire::ocsf::record_json(record).to_string();
        let mut attempt = 1;
        loop {
            match self.put(record, body.as_bytes()).await {
                Ok(()) => return Ok(()),
                Err(error) => match Refusal::of(&error) {
                    Some(Refusal::AlreadyThere) => return Ok(()),
                    Some(Refusal::Conflict) if attempt < CONFLICT_ATTEMPTS => {
                        tokio::time::sleep(CONFLICT_PAUSE * attempt).await;
                        attempt += 1;
                    }
                    Some(Refusal::Conflict) | None => return Err(call_error(CALL, &error, no_own_codes)),
                },
            }
        }
    }
}

/// How S3 refuses a conditional write (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>).
enum Refusal {
    /// An object of this name exists.
    AlreadyThere,
    /// Another write of this name is under way.
    Conflict,
}

impl Refusal {
    fn of(error: &SdkError<PutObjectError, HttpResponse>) -> Option<Self> {
        let status = error.raw_response()?.status().as_u16();
        let code = error.as_service_error()?.code().unwrap_or_default();
        match (status, code) {
            (412, _) | (_, "PreconditionFailed") => Some(Self::AlreadyThere),
            (_, "ConditionalRequestConflict" | "OperationAborted") => Some(Self::Conflict),
            _ => None,
        }
    }
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;

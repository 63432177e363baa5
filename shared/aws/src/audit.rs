//! Audit records on S3 under Object Lock: written once, never replaced, not deletable before their time.
//!
//! The object's name is derived from the event alone, so that the same record, written again after a lost answer, meets itself
//! and adds nothing. It says neither when the record was made nor by whom it was written: that is inside.

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{ChecksumAlgorithm, ObjectLockMode};
use reprieve_core::Record;
use reprieve_engine::{AuditSink, CallError};
use reprieve_evidence::layout;

use crate::conditional::put_conditionally;

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

    fn put(&self, record: &Record, body: &[u8]) -> PutObjectFluentBuilder {
        let days = i64::from(self.retention_days);
        let until = record.recorded_at.as_second().saturating_add(days * 24 * 60 * 60);
        self.client
            .put_object()
            .bucket(&self.bucket)
            .key(layout::decision(record))
            .if_none_match("*")
            .content_type("application/json")
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .object_lock_mode(ObjectLockMode::Compliance)
            .object_lock_retain_until_date(DateTime::from_secs(until))
            .body(ByteStream::from(body.to_vec()))
    }
}

impl AuditSink for S3AuditSink {
    async fn append(&self, record: &Record) -> Result<(), CallError> {
        let body = reprieve_wire::ocsf::record_json(record).to_string();
        // `false` where it is there already, which is as desired.
        put_conditionally(|| self.put(record, body.as_bytes())).await.map(|_| ())
    }
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;

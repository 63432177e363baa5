//! The archive as an S3 bucket with Object Lock: objects are created, never replaced, and not deletable before their time.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{ChecksumAlgorithm, ObjectLockMode};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;
use jiff::Timestamp;
use reprieve_aws::{Kind, call_error, put_conditionally};
use reprieve_engine::{CallError, Clock, EvidenceStore, StoredObject, SystemClock};

const SECONDS_A_DAY: i64 = 24 * 60 * 60;

/// Keeps evidence in an S3 bucket with Object Lock.
#[derive(Debug, Clone)]
pub struct S3EvidenceStore<C = SystemClock> {
    client: Client,
    bucket: String,
    retention_days: u32,
    clock: C,
}

impl<C> S3EvidenceStore<C> {
    /// Makes the store. Each object is locked in mode COMPLIANCE for `retention_days` from when it is written.
    #[must_use]
    pub fn new(client: Client, bucket: impl Into<String>, retention_days: u32, clock: C) -> Self {
        Self { client, bucket: bucket.into(), retention_days, clock }
    }
}

impl<C: Clock> EvidenceStore for S3EvidenceStore<C> {
    async fn put_once(&self, name: &str, content_type: &str, bytes: &[u8]) -> Result<bool, CallError> {
        let until = self.clock.now().as_second().saturating_add(i64::from(self.retention_days).saturating_mul(SECONDS_A_DAY));
        put_conditionally(|| {
            self.client
                .put_object()
                .bucket(&self.bucket)
                .key(name)
                .if_none_match("*")
                .content_type(content_type)
                .checksum_algorithm(ChecksumAlgorithm::Sha256)
                .object_lock_mode(ObjectLockMode::Compliance)
                .object_lock_retain_until_date(DateTime::from_secs(until))
                .body(ByteStream::from(bytes.to_vec()))
        })
        .await
    }

    async fn read(&self, name: &str) -> Result<Option<Vec<u8>>, CallError> {
        match get(&self.client, &self.bucket, name).await {
            Ok(answer) => body_of(answer).await.map(Some),
            Err(CallError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<StoredObject>, CallError> {
        let call = "s3:ListObjectsV2";
        let mut pages = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix).into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.try_next().await.map_err(|error| call_error(call, &error, kind_of_s3_code))? {
            for object in page.contents() {
                found.push(stored(object).map_err(|what| senseless(call, what))?);
            }
        }
        // S3 lists in this order, but a directory bucket does not: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }
}

/// Asks for an object. One that does not exist is [`CallError::NotFound`].
pub(crate) async fn get(client: &Client, bucket: &str, key: &str) -> Result<GetObjectOutput, CallError> {
    let answer = client.get_object().bucket(bucket).key(key).send().await;
    answer.map_err(|error: SdkError<GetObjectError, HttpResponse>| {
        if error.as_service_error().and_then(|answer| answer.code()) == Some("InvalidObjectState") {
            return senseless(GET, &format!("`{key}` was moved to a storage class that has to be restored first"));
        }
        call_error(GET, &error, kind_of_s3_code)
    })
}

/// Reads what was asked for to its end.
pub(crate) async fn body_of(answer: GetObjectOutput) -> Result<Vec<u8>, CallError> {
    let bytes = answer.body.collect().await.map_err(|error| CallError::Unavailable { call: GET, message: error.to_string() })?;
    Ok(bytes.to_vec())
}

/// The call that reads.
pub(crate) const GET: &str = "s3:GetObject";

/// An answer that makes no sense, or a request that never will.
pub(crate) fn senseless(call: &'static str, what: &str) -> CallError {
    CallError::Rejected { call, message: what.to_owned() }
}

/// What the codes of S3 mean (<https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>).
pub(crate) fn kind_of_s3_code(code: &str) -> Option<Kind> {
    match code {
        "NoSuchKey" | "NoSuchVersion" | "NotFound" => Some(Kind::NotFound),
        _ => None,
    }
}

fn stored(object: &aws_sdk_s3::types::Object) -> Result<StoredObject, &'static str> {
    let name = object.key().ok_or("an object of the list has no `Key`")?;
    let modified = object.last_modified().ok_or("an object of the list has no `LastModified`")?;
    let modified = Timestamp::new(modified.secs(), modified.subsec_nanos().cast_signed());
    let size = object.size().ok_or("an object of the list has no `Size`")?;
    Ok(StoredObject {
        name: name.to_owned(),
        modified: modified.map_err(|_| "an object's `LastModified` is out of range")?,
        size_bytes: u64::try_from(size).map_err(|_| "an object's `Size` is negative")?,
    })
}

#[cfg(test)]
#[path = "store_tests.rs"]
pub(crate) mod tests;

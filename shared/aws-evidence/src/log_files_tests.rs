//! Files of a trail against scripted answers: what is read, and what never will be.

use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::error::NoSuchKey;
use aws_smithy_mocks::{Rule, mock};
use aws_smithy_types::error::ErrorMetadata;

use super::*;
use crate::store::tests::client;

const KEY: &str = "AWSLogs/111122223333/CloudTrail/eu-central-1/2026/11/21/111122223333_CloudTrail_eu-central-1_20261121T0500Z_abc.json.gz";

fn source(rule: &Rule) -> S3LogSource {
    S3LogSource::new(client(&[rule]))
}

#[tokio::test]
async fn a_file_is_read_as_it_is() {
    let rule = mock!(Client::get_object)
        .match_requests(|request| request.bucket() == Some("trail") && request.key() == Some(KEY))
        .then_output(|| GetObjectOutput::builder().content_length(2).body(ByteStream::from_static(&[31, 139])).build());
    let read = source(&rule).fetch("trail", KEY).await;
    assert_eq!(read, Ok(vec![31, 139]));
}

#[tokio::test]
async fn a_file_that_is_too_large_is_named_and_not_read() {
    let most = i64::try_from(MOST_LOG_FILE_BYTES).unwrap();
    let rule = mock!(Client::get_object).then_output(move || GetObjectOutput::builder().content_length(most + 1).build());
    let error = source(&rule).fetch("trail", KEY).await.unwrap_err();
    assert!(matches!(error, CallError::Rejected { .. }) && error.to_string().contains(&format!("`s3://trail/{KEY}`")), "{error}");
}

#[tokio::test]
async fn a_file_that_is_gone_is_told_from_one_that_cannot_be_read() {
    let absent = mock!(Client::get_object).then_error(|| {
        let meta = ErrorMetadata::builder().code("NoSuchKey").build();
        GetObjectError::NoSuchKey(NoSuchKey::builder().meta(meta).build())
    });
    assert!(matches!(source(&absent).fetch("trail", KEY).await, Err(CallError::NotFound { .. })));
    let moved =
        mock!(Client::get_object).then_error(|| GetObjectError::generic(ErrorMetadata::builder().code("InvalidObjectState").build()));
    let error = source(&moved).fetch("trail", KEY).await.unwrap_err();
    assert!(error.to_string().contains("has to be restored first"), "{error}");
}

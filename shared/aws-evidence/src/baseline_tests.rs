//! The baseline against scripted answers: that only the version that was read is replaced, and that no version is locked for long.

use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::operation::put_object::PutObjectOutput;
use aws_sdk_s3::types::error::NoSuchKey;
use aws_smithy_mocks::{Rule, mock};
use aws_smithy_types::error::ErrorMetadata;

use super::*;
use crate::store::tests::{At, client, noon, refused};

fn store(rules: &[&Rule]) -> S3BaselineStore<At> {
    S3BaselineStore::new(client(rules), "archive", noon())
}

fn written(if_match: Option<&'static str>, if_none_match: Option<&'static str>) -> Rule {
    mock!(Client::put_object)
        .match_requests(move |request| {
            let until = noon().0.as_second() + 86_400;
            request.key() == Some("state/baseline")
                && request.if_match() == if_match
                && request.if_none_match() == if_none_match
                && request.object_lock_mode() == Some(&ObjectLockMode::Governance)
                && request.object_lock_retain_until_date() == Some(&DateTime::from_secs(until))
        })
        .then_output(|| PutObjectOutput::builder().build())
}

#[tokio::test]
async fn the_first_baseline_is_created_and_a_later_one_replaces_the_version_that_was_read() {
    assert_eq!(store(&[&written(None, Some("*"))]).save(b"one", None).await, Ok(true));
    assert_eq!(store(&[&written(Some("\"e-1\""), None)]).save(b"two", Some("\"e-1\"")).await, Ok(true));
}

#[tokio::test]
async fn whoever_comes_second_is_told_so() {
    for (status, code) in [(412, "PreconditionFailed"), (404, "NoSuchKey")] {
        assert_eq!(store(&[&refused(status, code)]).save(b"two", Some("\"e-1\"")).await, Ok(false), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_tried_again_under_the_same_condition() {
    let (conflict, then) = (refused(409, "ConditionalRequestConflict"), written(Some("\"e-1\""), None));
    assert_eq!(store(&[&conflict, &then]).save(b"two", Some("\"e-1\"")).await, Ok(true));
}

#[tokio::test]
async fn the_baseline_is_read_with_its_version_and_may_not_be_there_yet() {
    let found = mock!(Client::get_object)
        .match_requests(|request| request.key() == Some("state/baseline"))
        .then_output(|| GetObjectOutput::builder().e_tag("\"e-1\"").body(ByteStream::from_static(b"one")).build());
    let absent = mock!(Client::get_object).then_error(|| {
        let meta = ErrorMetadata::builder().code("NoSuchKey").build();
        GetObjectError::NoSuchKey(NoSuchKey::builder().meta(meta).build())
    });
    let unversioned = mock!(Client::get_object).then_output(|| GetObjectOutput::builder().body(ByteStream::from_static(b"one")).build());
    let store = store(&[&found, &absent, &unversioned]);
    assert_eq!(store.load().await, Ok(Some(Versioned { bytes: b"one".to_vec(), etag: "\"e-1\"".to_owned() })));
    assert_eq!(store.load().await, Ok(None));
    assert!(store.load().await.unwrap_err().to_string().contains("no `ETag`"));
}

//! The archive against scripted answers: how an object is written, what "there already" looks like, and how a list is read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::operation::put_object::PutObjectOutput;
use aws_sdk_s3::types::Object;
use aws_sdk_s3::types::error::NoSuchKey;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::retry::RetryConfig;

use super::*;

const NAME: &str = "audit/findings/year=2026/month=11/day=21/hour=05/account=111122223333/region=eu-central-1/f-1.json";

/// Always the same time.
#[derive(Debug, Clone)]
pub(crate) struct At(pub(crate) Timestamp);

impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }

    async fn sleep(&self, _: Duration) {}

    async fn within<F: Future + Send>(&self, _: Duration, answer: F) -> Option<F::Output> {
        Some(answer.await)
    }
}

pub(crate) fn noon() -> At {
    At("2026-11-21T12:00:00Z".parse().unwrap())
}

pub(crate) fn client(rules: &[&Rule]) -> Client {
    mock_client!(aws_sdk_s3, RuleMode::Sequential, rules, |config| config
        .retry_config(RetryConfig::standard().with_max_attempts(4).with_initial_backoff(Duration::from_millis(1))))
}

pub(crate) fn refused(status: u16, code: &'static str) -> Rule {
    mock!(Client::put_object).then_http_response(move || {
        let body = format!("<Error><Code>{code}</Code><Message>the words of S3</Message></Error>");
        HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body))
    })
}

fn store(rules: &[&Rule]) -> S3EvidenceStore<At> {
    S3EvidenceStore::new(client(rules), "archive", 365, noon())
}

#[tokio::test]
async fn an_object_is_created_only_and_locked_from_now_on() {
    let rule = mock!(Client::put_object)
        .match_requests(|request| {
            let until = noon().0.as_second() + 365 * 86_400;
            request.bucket() == Some("archive")
                && request.key() == Some(NAME)
                && request.if_none_match() == Some("*")
                && request.content_type() == Some("application/json")
                && request.checksum_algorithm() == Some(&ChecksumAlgorithm::Sha256)
                && request.object_lock_mode() == Some(&ObjectLockMode::Compliance)
                && request.object_lock_retain_until_date() == Some(&DateTime::from_secs(until))
        })
        .then_output(|| PutObjectOutput::builder().build());
    assert_eq!(store(&[&rule]).put_once(NAME, "application/json", b"{}").await, Ok(true));
}

#[tokio::test]
async fn an_object_that_is_there_already_is_told_from_a_new_one() {
    assert_eq!(store(&[&refused(412, "PreconditionFailed")]).put_once(NAME, "application/json", b"{}").await, Ok(false));
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_tried_again_and_then_reported() {
    let conflict = || refused(409, "ConditionalRequestConflict");
    let (first, then) = (conflict(), refused(412, "PreconditionFailed"));
    assert_eq!(store(&[&first, &then]).put_once(NAME, "application/json", b"{}").await, Ok(false));
    let conflicts = [conflict(), conflict(), conflict(), conflict()];
    let error = store(&conflicts.iter().collect::<Vec<_>>()).put_once(NAME, "application/json", b"{}").await.unwrap_err();
    assert!(matches!(error, CallError::Throttled { .. }), "{error}");
}

#[tokio::test]
async fn a_write_that_is_refused_is_no_object_that_is_there() {
    let error = store(&[&refused(403, "AccessDenied")]).put_once(NAME, "application/json", b"{}").await.unwrap_err();
    assert!(matches!(error, CallError::AccessDenied { .. }), "{error}");
}

#[tokio::test]
async fn an_object_is_read_and_one_that_is_not_there_is_none() {
    let found = mock!(Client::get_object)
        .match_requests(|request| request.bucket() == Some("archive") && request.key() == Some(NAME))
        .then_output(|| GetObjectOutput::builder().body(ByteStream::from_static(b"{}")).build());
    let absent = mock!(Client::get_object).then_error(|| {
        let meta = ErrorMetadata::builder().code("NoSuchKey").build();
        GetObjectError::NoSuchKey(NoSuchKey::builder().meta(meta).build())
    });
    let denied = mock!(Client::get_object).then_error(|| GetObjectError::generic(ErrorMetadata::builder().code("AccessDenied").build()));
    let store = store(&[&found, &absent, &denied]);
    assert_eq!(store.read(NAME).await, Ok(Some(b"{}".to_vec())));
    assert_eq!(store.read(NAME).await, Ok(None));
    // What cannot be read is not absent.
    assert!(matches!(store.read(NAME).await, Err(CallError::AccessDenied { .. })));
}

fn object(name: &str, second: i64) -> Object {
    Object::builder().key(name).last_modified(DateTime::from_secs(second)).size(7).build()
}

#[tokio::test]
async fn a_list_is_read_to_its_last_page_and_put_in_order() {
    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    let first = mock!(Client::list_objects_v2)
        .match_requests(|request| request.prefix() == Some("seals/") && request.continuation_token().is_none())
        .then_output(|| {
            let page = ListObjectsV2Output::builder().is_truncated(true).next_continuation_token("more");
            page.contents(object("seals/b.json", 2)).build()
        });
    let last =
        mock!(Client::list_objects_v2).match_requests(|request| request.continuation_token() == Some("more")).then_output(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            ListObjectsV2Output::builder().is_truncated(false).contents(object("seals/a.json", 1)).build()
        });
    let found = store(&[&first, &last]).list("seals/").await.unwrap();
    let stored =
        |name: &str, second| StoredObject { name: name.to_owned(), modified: Timestamp::from_second(second).unwrap(), size_bytes: 7 };
    assert_eq!(found, [stored("seals/a.json", 1), stored("seals/b.json", 2)]);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_list_that_leaves_the_time_out_is_no_list() {
    let silent = mock!(Client::list_objects_v2).then_output(|| {
        let object = Object::builder().key("seals/a.json").size(7).build();
        ListObjectsV2Output::builder().contents(object).build()
    });
    let error = store(&[&silent]).list("seals/").await.unwrap_err();
    assert!(error.to_string().contains("no `LastModified`"), "{error}");
}

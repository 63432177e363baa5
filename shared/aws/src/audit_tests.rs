//! The audit sink against scripted answers: where a record goes, how it is locked, and what "already there" looks like.

use std::time::Duration;

use aws_sdk_s3::operation::put_object::PutObjectOutput;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;

use super::*;
use reprieve_test_support::record;

const OBJECT: &str = "audit/decisions/year=2026/month=01/day=02/hour=03/account=111122223333/region=eu-central-1/event-1.outcome.1.json";

fn sink(rules: &[&Rule]) -> S3AuditSink {
    let client = mock_client!(aws_sdk_s3, RuleMode::Sequential, rules, |config| config
        .retry_config(RetryConfig::standard().with_max_attempts(4).with_initial_backoff(Duration::from_millis(1))));
    S3AuditSink::new(client, "audit", 365)
}

fn answer(status: u16, code: &str) -> HttpResponse {
    let body = format!("<Error><Code>{code}</Code><Message>the words of S3</Message></Error>");
    HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body))
}

fn refused(status: u16, code: &'static str) -> Rule {
    mock!(Client::put_object).then_http_response(move || answer(status, code))
}

#[tokio::test]
async fn a_record_is_created_only_and_locked() {
    let rule = mock!(Client::put_object)
        .match_requests(|request| {
            let until = record().recorded_at.as_second() + 365 * 86_400;
            request.bucket() == Some("audit")
                && request.key() == Some(OBJECT)
                && request.if_none_match() == Some("*")
                && request.content_type() == Some("application/json")
                && request.checksum_algorithm() == Some(&ChecksumAlgorithm::Sha256)
                && request.object_lock_mode() == Some(&ObjectLockMode::Compliance)
                && request.object_lock_retain_until_date() == Some(&DateTime::from_secs(until))
        })
        .then_output(|| PutObjectOutput::builder().build());
    sink(&[&rule]).append(&record()).await.unwrap();
}

#[tokio::test]
async fn a_record_that_is_there_already_is_a_success() {
    sink(&[&refused(412, "PreconditionFailed")]).append(&record()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_tried_again_and_then_reported() {
    let conflict = || refused(409, "ConditionalRequestConflict");
    let (first, then) = (conflict(), refused(412, "PreconditionFailed"));
    sink(&[&first, &then]).append(&record()).await.unwrap();
    let conflicts = [conflict(), conflict(), conflict(), conflict()];
    let error = sink(&conflicts.iter().collect::<Vec<_>>()).append(&record()).await.unwrap_err();
    assert!(matches!(error, CallError::Throttled { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn two_bad_answers_are_followed_by_a_third_attempt() {
    let rule = mock!(Client::put_object).sequence().http_status(503, None).times(2).output(|| PutObjectOutput::builder().build()).build();
    sink(&[&rule]).append(&record()).await.unwrap();
    assert_eq!(rule.num_calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn every_error_of_s3_is_sorted() {
    for (status, code, expected) in [
        (403, "AccessDenied", "access denied"),
        (403, "InvalidAccessKeyId", "access denied"),
        (503, "SlowDown", "throttled"),
        (500, "InternalError", "no usable answer"),
        (400, "RequestTimeout", "no usable answer"),
        (400, "InvalidRequest", "rejected"),
        (404, "NoSuchBucket", "rejected"),
        (400, "InvalidRetentionPeriod", "rejected"),
    ] {
        let rule = refused(status, code);
        let client = mock_client!(aws_sdk_s3, RuleMode::MatchAny, [&rule]);
        let error = S3AuditSink::new(client, "audit", 365).append(&record()).await.unwrap_err();
        assert!(error.to_string().starts_with(&format!("s3:PutObject: {expected}")), "{code}: {error}");
    }
}

#[test]
fn a_repeated_delivery_comes_to_the_same_name() {
    let mut again = record();
    again.recorded_at = "2026-03-04T05:06:07Z".parse().unwrap();
    again.received_at = again.recorded_at;
    assert_eq!(layout::decision(&again), OBJECT);
    again.event.time = None;
    assert!(layout::decision(&again).contains("/year=2026/month=03/day=04/hour=05/"));
}

#[test]
fn names_are_safe_and_stay_different() {
    assert_eq!(layout::safe("a-B_9.outcome.1"), "a-B_9.outcome.1");
    assert_eq!(layout::safe("../x y"), "..!2fx!20y");
    assert_ne!(layout::safe("a!2f"), layout::safe("a/"));
}

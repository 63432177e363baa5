//! The KMS adapter against scripted answers: what each error means, retries, pages, shapes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_kms::operation::describe_key::DescribeKeyOutput;
use aws_sdk_kms::operation::enable_key::EnableKeyOutput;
use aws_sdk_kms::operation::get_key_rotation_status::GetKeyRotationStatusOutput;
use aws_sdk_kms::operation::list_aliases::ListAliasesOutput;
use aws_sdk_kms::operation::list_keys::ListKeysOutput;
use aws_sdk_kms::operation::list_resource_tags::ListResourceTagsOutput;
use aws_sdk_kms::primitives::DateTime;
use aws_sdk_kms::types::{AliasListEntry, KeyListEntry, KeyState as SdkState, Tag};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;

use super::*;

const KEY: &str = "arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";

fn key() -> KeyArn {
    KeyArn::parse(KEY).unwrap()
}

fn keys(rules: &[&Rule]) -> KmsKeyControl {
    let client = mock_client!(aws_sdk_kms, RuleMode::Sequential, rules, |config| config
        .retry_config(RetryConfig::standard().with_max_attempts(4).with_initial_backoff(Duration::from_millis(1))));
    KmsKeyControl::new(KmsClients::scripted(&client), Quotas::default())
}

fn answer(status: u16, code: &str) -> HttpResponse {
    let body = format!(r#"{{"__type":"{code}","message":"the words of KMS"}}"#);
    let mut response = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body));
    response.headers_mut().insert("x-amzn-requestid", "11112222-3333");
    response
}

fn kind(error: &CallError) -> &'static str {
    match error {
        CallError::NotFound { .. } => "not found",
        CallError::InvalidState { .. } => "invalid state",
        CallError::Unsupported { .. } => "unsupported",
        CallError::AccessDenied { .. } => "access denied",
        CallError::Throttled { .. } => "throttled",
        CallError::Unavailable { .. } => "unavailable",
        CallError::Rejected { .. } => "rejected",
    }
}

#[tokio::test(start_paused = true)]
async fn every_error_of_kms_is_sorted() {
    for (status, code, expected) in [
        (400, "NotFoundException", "not found"),
        (400, "KMSInvalidStateException", "invalid state"),
        (400, "UnsupportedOperationException", "unsupported"),
        (400, "AccessDeniedException", "access denied"),
        (403, "AccessDenied", "access denied"),
        (403, "OptInRequired", "access denied"),
        (400, "UnrecognizedClientException", "access denied"),
        (400, "ThrottlingException", "throttled"),
        (400, "LimitExceededException", "throttled"),
        (400, "RequestLimitExceeded", "throttled"),
        (429, "SomethingNew", "throttled"),
        (503, "DependencyTimeoutException", "unavailable"),
        (500, "KMSInternalException", "unavailable"),
        (500, "KeyUnavailableException", "unavailable"),
        (500, "InternalFailure", "unavailable"),
        (503, "ServiceUnavailable", "unavailable"),
        (400, "ExpiredTokenException", "unavailable"),
        (502, "SomethingNew", "unavailable"),
        (400, "InvalidArnException", "rejected"),
        (400, "InvalidMarkerException", "rejected"),
        (409, "DisabledException", "rejected"),
        (400, "ValidationException", "rejected"),
        (400, "SomethingNew", "rejected"),
    ] {
        let rule = mock!(Client::enable_key_rotation).then_http_response(move || answer(status, code));
        let keys = keys_without_end(&rule);
        let error = keys.enable_rotation(&key(), None).await.unwrap_err();
        assert_eq!(kind(&error), expected, "{status} {code}: {error}");
        let text = error.to_string();
        assert!(text.starts_with("kms:EnableKeyRotation: ") && text.contains(code), "{text}");
        assert!(text.ends_with("the words of KMS (request 11112222-3333)"), "{text}");
    }
}

/// Answers every attempt alike.
fn keys_without_end(rule: &Rule) -> KmsKeyControl {
    KmsKeyControl::new(KmsClients::scripted(&mock_client!(aws_sdk_kms, RuleMode::MatchAny, [rule])), Quotas::default())
}

#[tokio::test(start_paused = true)]
async fn each_call_sorts_its_errors_and_says_its_name() {
    let denied = || answer(400, "AccessDeniedException");
    let rules = [
        mock!(Client::describe_key).then_http_response(denied),
        mock!(Client::list_resource_tags).then_http_response(denied),
        mock!(Client::get_key_rotation_status).then_http_response(denied),
        mock!(Client::cancel_key_deletion).then_http_response(denied),
        mock!(Client::enable_key).then_http_response(denied),
        mock!(Client::list_keys).then_http_response(denied),
    ];
    let keys = keys(&rules.iter().collect::<Vec<_>>());
    let key = key();
    let errors = [
        keys.describe(&key).await.unwrap_err(),
        keys.tags(&key).await.unwrap_err(),
        keys.rotation(&key).await.unwrap_err(),
        keys.cancel_deletion(&key).await.unwrap_err(),
        keys.enable(&key).await.unwrap_err(),
        keys.list().await.unwrap_err(),
    ];
    let calls = ["DescribeKey", "ListResourceTags", "GetKeyRotationStatus", "CancelKeyDeletion", "EnableKey", "ListKeys"];
    for (error, call) in errors.iter().zip(calls) {
        assert_eq!(kind(error), "access denied");
        assert!(error.to_string().starts_with(&format!("kms:{call}: access denied: ")), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_bad_answers_are_followed_by_a_third_attempt() {
    let tags = || ListResourceTagsOutput::builder().build();
    let rule = mock!(Client::list_resource_tags).sequence().http_status(503, None).times(2).output(tags).build();
    assert_eq!(keys(&[&rule]).tags(&key()).await, Ok(Tags::new()));
    assert_eq!(rule.num_calls(), 3);
}

/// The engine tries an act again, at its pace; nothing below it does.
#[tokio::test]
async fn an_act_is_one_request() {
    let config =
        SdkConfig::builder().behavior_version(aws_sdk_kms::config::BehaviorVersion::latest()).retry_config(RetryConfig::adaptive()).build();
    let clients = KmsClients::new(&config);
    assert_eq!(clients.act.config().retry_config().unwrap().max_attempts(), 1);
    assert_eq!(clients.look.config().retry_config().unwrap().max_attempts(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_refused_state_is_not_tried_again() {
    let rule = mock!(Client::cancel_key_deletion).then_http_response(|| answer(400, "KMSInvalidStateException"));
    keys_without_end(&rule).cancel_deletion(&key()).await.unwrap_err();
    assert_eq!(rule.num_calls(), 1);
}

#[tokio::test]
async fn a_description_keeps_what_decisions_need() {
    let rule = mock!(Client::describe_key).match_requests(|request| request.key_id() == Some(KEY)).then_output(|| {
        let metadata = KeyMetadata::builder()
            .key_id("mrk-1234abcd12ab34cd56ef1234567890ab")
            .key_state(SdkState::PendingDeletion)
            .key_manager(KeyManagerType::Customer)
            .deletion_date(DateTime::from_millis(1_700_000_000_123))
            .pending_deletion_window_in_days(7)
            .origin(OriginType::External)
            .custom_key_store_id("cks-1")
            .build()
            .unwrap();
        DescribeKeyOutput::builder().key_metadata(metadata).build()
    });
    let description = keys(&[&rule]).describe(&key()).await.unwrap();
    assert_eq!(
        description,
        KeyDescription {
            state: KeyState::PendingDeletion,
            aws_managed: false,
            deletion_date: Some(Timestamp::from_millisecond(1_700_000_000_123).unwrap()),
            pending_window_days: Some(7),
            imported_material: true,
            key_store: Some("cks-1".to_owned()),
        }
    );
}

#[tokio::test]
async fn a_state_that_is_new_is_kept_and_a_missing_one_is_an_error() {
    let described = |state: Option<SdkState>| {
        mock!(Client::describe_key).then_output(move || {
            let metadata = KeyMetadata::builder().key_id("k").key_manager(KeyManagerType::Aws).set_key_state(state.clone());
            DescribeKeyOutput::builder().key_metadata(metadata.build().unwrap()).build()
        })
    };
    let rules = [described(Some(SdkState::from("Resting"))), described(None)];
    let keys = keys(&rules.iter().collect::<Vec<_>>());
    let description = keys.describe(&key()).await.unwrap();
    assert_eq!((description.state, description.aws_managed), (KeyState::Other("Resting".to_owned()), true));
    assert_eq!(kind(&keys.describe(&key()).await.unwrap_err()), "rejected");
}

#[tokio::test]
async fn tags_are_read_to_the_last_page() {
    let page = |name: &'static str, next: Option<&'static str>| {
        mock!(Client::list_resource_tags).match_requests(move |request| (request.marker() == Some("more")) == next.is_none()).then_output(
            move || {
                let tag = Tag::builder().tag_key(name).tag_value("value").build().unwrap();
                ListResourceTagsOutput::builder().tags(tag).truncated(next.is_some()).set_next_marker(next.map(str::to_owned)).build()
            },
        )
    };
    let rules = [page("first", Some("more")), page("second", None)];
    let tags = keys(&rules.iter().collect::<Vec<_>>()).tags(&key()).await.unwrap();
    assert_eq!(tags.keys().collect::<Vec<_>>(), ["first", "second"]);
}

#[tokio::test]
async fn the_aliases_of_one_key_are_listed_to_the_last_page() {
    let page = |name: &'static str, next: Option<&'static str>| {
        mock!(Client::list_aliases)
            .match_requests(move |request| request.key_id() == Some(KEY) && request.marker().is_some() == next.is_none())
            .then_output(move || {
                let alias = AliasListEntry::builder().alias_name(name).build();
                ListAliasesOutput::builder().aliases(alias).truncated(next.is_some()).set_next_marker(next.map(str::to_owned)).build()
            })
    };
    let rules = [page("alias/payments", Some("more")), page("alias/payments-2024", None)];
    let aliases = keys(&rules.iter().collect::<Vec<_>>()).aliases(&key()).await.unwrap();
    assert_eq!(aliases, ["alias/payments", "alias/payments-2024"]);
}

#[tokio::test]
async fn keys_are_listed_to_the_last_page() {
    let page = |arn: &'static str, next: Option<&'static str>| {
        mock!(Client::list_keys).then_output(move || {
            let entry = KeyListEntry::builder().key_arn(arn).build();
            ListKeysOutput::builder().keys(entry).truncated(next.is_some()).set_next_marker(next.map(str::to_owned)).build()
        })
    };
    let second = "arn:aws:kms:us-east-1:111122223333:key/2";
    let rules = [page(KEY, Some("more")), page(second, None)];
    let keys = keys(&rules.iter().collect::<Vec<_>>()).list().await.unwrap();
    assert_eq!(keys, [key(), KeyArn::parse(second).unwrap()]);
}

#[tokio::test]
async fn rotation_and_its_period_are_read_and_written() {
    let read = mock!(Client::get_key_rotation_status)
        .then_output(|| GetKeyRotationStatusOutput::builder().key_rotation_enabled(true).rotation_period_in_days(180).build());
    let written = mock!(Client::enable_key_rotation)
        .match_requests(|request| request.rotation_period_in_days() == Some(180) && request.key_id() == Some(KEY))
        .then_output(|| aws_sdk_kms::operation::enable_key_rotation::EnableKeyRotationOutput::builder().build());
    let keys = keys(&[&read, &written]);
    let rotation = keys.rotation(&key()).await.unwrap();
    assert_eq!(rotation, Rotation { enabled: true, period_days: Some(180) });
    keys.enable_rotation(&key(), rotation.period_days).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn enables_and_cancels_are_paced_apart() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let enabled = mock!(Client::enable_key).then_compute_output(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        EnableKeyOutput::builder().build()
    });
    let keys = keys_without_end(&enabled);
    let begin = tokio::time::Instant::now();
    for _ in 0..6 {
        keys.cancel_pace.turn().await;
        keys.enable(&key()).await.unwrap();
    }
    assert_eq!(calls.load(Ordering::Relaxed), 6);
    assert_eq!(begin.elapsed(), Duration::from_secs(1), "five at once, the sixth a second later; one pace does not use up the other");
}

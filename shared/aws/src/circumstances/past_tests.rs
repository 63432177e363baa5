//! Look-ups against scripted pages: what one scan is worth to all keys, how it is paced, where it ends, and which calls count.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_cloudtrail::operation::lookup_events::LookupEventsInput;
use aws_sdk_cloudtrail::types::error::InvalidNextTokenException;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use futures_util::future::join_all;
use jiff::ToSpan as _;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::*;
use crate::lazily::lazily;
use reprieve_test_support::TestClock;

const TAGGING: PastCall = PastCall::ApprovalTagging;

fn key(id: usize) -> KeyArn {
    KeyArn::parse(&format!("arn:aws:kms:eu-central-1:111122223333:key/{id}")).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn noon() -> Timestamp {
    at("2026-01-02T12:00:00Z")
}

fn clock() -> TestClock {
    TestClock::at("2026-01-02T12:00:00Z")
}

fn record(key: &KeyArn, time: &str) -> Value {
    json!({
        "eventVersion": "1.11", "eventID": format!("tagged-{time}"), "eventTime": time, "eventSource": "kms.amazonaws.com",
        "eventName": "TagResource", "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
        "userIdentity": {"type": "IAMUser", "userName": "alice", "arn": "arn:aws:iam::111122223333:user/alice", "accountId": "111122223333"},
        "requestParameters": {"keyId": key.as_str(), "tags": [{"tagKey": "reprieve:change", "tagValue": "CHG-1"}]},
        "resources": [{"ARN": key.as_str(), "type": "AWS::KMS::Key", "accountId": "111122223333"}],
    })
}

fn page(records: &[Value], next: Option<&str>) -> LookupEventsOutput {
    let entry = |record: &Value| {
        let time = record["eventTime"].as_str().and_then(|time| time.parse::<Timestamp>().ok());
        let time = time.map(|time| DateTime::from_secs(time.as_second()));
        types::Event::builder().set_event_time(time).cloud_trail_event(record.to_string()).build()
    };
    LookupEventsOutput::builder().set_events(Some(records.iter().map(entry).collect())).set_next_token(next.map(str::to_owned)).build()
}

/// A log whose page `n` holds a call on key `n`, and that has so many pages.
fn log_of_pages(pages: usize) -> Rule {
    mock!(Client::lookup_events).then_compute_output(move |request: &LookupEventsInput| {
        let number = request.next_token().map_or(1, |token| token.parse::<usize>().unwrap());
        let next = (number < pages).then(|| (number + 1).to_string());
        page(&[record(&key(number), "2026-01-02T11:00:00Z")], next.as_deref())
    })
}

fn past(mode: RuleMode, rules: &[&Rule]) -> PastCalls {
    let client = mock_client!(aws_sdk_cloudtrail, mode, rules, |config| config.retry_config(RetryConfig::disabled()));
    PastCalls::new(lazily(move || client), Pace::per_second(NonZeroU32::MIN))
}

fn any(rule: &Rule) -> PastCalls {
    past(RuleMode::MatchAny, &[rule])
}

/// The time of the latest tagging of the key before noon.
async fn ask(past: &PastCalls, number: usize, clock: &TestClock) -> Result<Option<Timestamp>, CallError> {
    Ok(past.latest(TAGGING, &key(number), noon(), clock).await?.and_then(|event| event.time))
}

fn refusal(status: u16, code: &'static str) -> impl Fn() -> HttpResponse {
    move || {
        let body = format!(r#"{{"__type":"{code}","message":"the words of CloudTrail"}}"#);
        HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body))
    }
}

#[tokio::test]
async fn the_log_is_asked_by_the_name_of_the_call_alone() {
    let calls = [
        (TAGGING, "TagResource"),
        (PastCall::DeletionScheduling, "ScheduleKeyDeletion"),
        (PastCall::Disabling, "DisableKey"),
        (PastCall::RotationEnabling, "EnableKeyRotation"),
        (PastCall::RotationDisabling, "DisableKeyRotation"),
        (PastCall::MaterialDeleting, "DeleteImportedKeyMaterial"),
        (PastCall::StoreDisconnecting, "DisconnectCustomKeyStore"),
    ];
    for (call, name) in calls {
        let rule = mock!(Client::lookup_events)
            .match_requests(move |request| {
                let [attribute] = request.lookup_attributes() else { return false };
                attribute.attribute_key() == &LookupAttributeKey::EventName
                    && attribute.attribute_value() == name
                    && request.end_time() == Some(&DateTime::from_secs(noon().as_second()))
                    && request.max_results() == Some(50)
            })
            .then_output(|| page(&[], None));
        assert_eq!(any(&rule).latest(call, &key(1), noon(), &clock()).await, Ok(None), "{name}");
        assert_eq!(rule.num_calls(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn one_scan_serves_all_keys_and_goes_on_where_it_stopped() {
    let rule = log_of_pages(3);
    let (past, clock) = (any(&rule), clock());
    for (number, calls) in [(1, 1), (2, 2), (1, 2), (3, 3), (2, 3), (4, 3)] {
        assert_eq!(ask(&past, number, &clock).await.unwrap().is_some(), number <= 3, "key {number}");
        assert_eq!(rule.num_calls(), calls, "key {number}");
    }
}

#[tokio::test(start_paused = true)]
async fn kinds_of_calls_are_scanned_apart_at_one_pace() {
    let rule = log_of_pages(1);
    let (past, clock) = (any(&rule), clock());
    let begin = Instant::now();
    past.latest(TAGGING, &key(1), noon(), &clock).await.unwrap();
    let scheduled = past.latest(PastCall::DeletionScheduling, &key(1), noon(), &clock).await.unwrap();
    assert_eq!((scheduled, rule.num_calls()), (None, 2));
    assert_eq!(begin.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_scan_is_begun_anew_when_it_is_old_or_earlier_than_what_is_asked() {
    let rule = log_of_pages(1);
    let (past, clock) = (any(&rule), clock());
    let ask_until = async |until| past.latest(TAGGING, &key(1), until, &clock).await.unwrap();
    ask_until(noon()).await;
    clock.pass(60.seconds());
    ask_until(noon()).await;
    assert_eq!(rule.num_calls(), 1, "a minute old");
    clock.pass(1.second());
    ask_until(noon()).await;
    assert_eq!(rule.num_calls(), 2, "older");
    clock.pass(5.seconds());
    ask_until(noon() + 61.seconds()).await;
    assert_eq!(rule.num_calls(), 2, "asked of what was before the scan");
    ask_until(noon() + 62.seconds()).await;
    assert_eq!(rule.num_calls(), 3, "asked of what was after the scan began");
}

#[tokio::test(start_paused = true)]
async fn the_latest_call_strictly_before_the_moment_counts() {
    let rule = mock!(Client::lookup_events)
        .then_output(|| page(&["2026-01-02T11:00:20Z", "2026-01-02T11:00:10Z"].map(|time| record(&key(1), time)), None));
    let (past, clock) = (any(&rule), clock());
    for (until, expected) in [
        ("2026-01-02T11:00:21Z", Some("2026-01-02T11:00:20Z")),
        ("2026-01-02T11:00:20Z", Some("2026-01-02T11:00:10Z")),
        ("2026-01-02T11:00:10Z", None),
    ] {
        let latest = past.latest(TAGGING, &key(1), at(until), &clock).await.unwrap();
        assert_eq!(latest.and_then(|event| event.time), expected.map(at), "until {until}");
    }
}

#[tokio::test]
async fn of_two_calls_in_one_second_the_log_gives_the_later_first() {
    let rule = mock!(Client::lookup_events).then_output(|| {
        let with_id = |id: &str| {
            let mut record = record(&key(1), "2026-01-02T11:00:00Z");
            record["eventID"] = json!(id);
            record
        };
        page(&[with_id("later"), with_id("earlier")], None)
    });
    let latest = any(&rule).latest(TAGGING, &key(1), noon(), &clock()).await.unwrap();
    assert_eq!(latest.unwrap().id.as_str(), "later");
}

#[tokio::test]
async fn calls_that_are_none_on_the_key_are_passed_over() {
    let changed = |field: &str, value: Value| {
        let mut record = record(&key(1), "2026-01-02T11:30:00Z");
        record[field] = value;
        record
    };
    let table = [
        ("of another service", changed("eventSource", json!("lambda.amazonaws.com"))),
        ("refused", changed("errorCode", json!("AccessDenied"))),
        ("of other tags", changed("requestParameters", json!({"keyId": key(1).as_str(), "tags": [{"tagKey": "owner", "tagValue": "me"}]}))),
        ("without a time", changed("eventTime", Value::Null)),
        ("on another key", record(&key(2), "2026-01-02T11:30:00Z")),
        ("no record", json!("no record")),
    ];
    for (what, other) in table {
        let rule = mock!(Client::lookup_events).then_output(move || page(&[other.clone(), record(&key(1), "2026-01-02T11:00:00Z")], None));
        assert_eq!(ask(&any(&rule), 1, &clock()).await, Ok(Some(at("2026-01-02T11:00:00Z"))), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn many_who_ask_at_once_share_the_pages_at_the_pace() {
    let rule = log_of_pages(3);
    let (past, clock) = (any(&rule), clock());
    let begin = Instant::now();
    let answers = join_all((1..=4).map(|number| ask(&past, number, &clock))).await;
    assert_eq!(answers.iter().filter(|answer| matches!(answer, Ok(Some(_)))).count(), 3, "{answers:?}");
    assert_eq!(rule.num_calls(), 3);
    assert_eq!(begin.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn one_who_looks_deep_holds_up_the_others_for_a_page() {
    let rule = log_of_pages(1000);
    let (past, clock) = (any(&rule), clock());
    let deep = async { ask(&past, 1001, &clock).await };
    let shallow = async {
        tokio::time::sleep(Duration::from_millis(2500)).await;
        let begin = Instant::now();
        assert!(ask(&past, 2, &clock).await.unwrap().is_some());
        begin.elapsed()
    };
    let (deep, waited) = futures_util::join!(deep, shallow);
    deep.unwrap_err();
    assert!(waited < Duration::from_secs(1), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn those_who_ask_of_later_times_share_the_next_turn_and_take_nothing_from_the_ones_before() {
    let rule = log_of_pages(5);
    let (past, clock) = (any(&rule), clock());
    let deep = async { ask(&past, 5, &clock).await };
    let later = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        clock.pass(10.seconds());
        let key = key(1);
        join_all([3, 7, 5].map(|seconds| past.latest(TAGGING, &key, noon() + seconds.seconds(), &clock))).await
    };
    let (deep, later) = futures_util::join!(deep, later);
    assert!(deep.unwrap().is_some());
    assert!(later.iter().all(|answer| matches!(answer, Ok(Some(_)))), "{later:?}");
    assert_eq!(rule.num_calls(), 6, "five pages for the first, one for the three others");
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_given_up_loses_no_page_that_was_read() {
    let rule = log_of_pages(4);
    let (past, clock) = (any(&rule), clock());
    let given_up = tokio::time::timeout(Duration::from_millis(1500), ask(&past, 4, &clock)).await;
    assert!(given_up.is_err());
    assert_eq!(rule.num_calls(), 2);
    assert!(ask(&past, 4, &clock).await.unwrap().is_some());
    assert_eq!(rule.num_calls(), 4);
}

#[tokio::test(start_paused = true)]
async fn throttled_look_ups_are_tried_again_in_their_turn() {
    let throttled = mock!(Client::lookup_events).then_http_response(refusal(400, "ThrottlingException"));
    let broken = mock!(Client::lookup_events).then_http_response(refusal(503, "ServiceUnavailable"));
    let answered = log_of_pages(1);
    let past = past(RuleMode::Sequential, &[&throttled, &broken, &answered]);
    let begin = Instant::now();
    assert!(ask(&past, 1, &clock()).await.unwrap().is_some());
    assert_eq!(begin.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_looked_up_is_an_error() {
    for (status, code, calls, expected) in [
        (400, "ThrottlingException", 4, "throttled"),
        (503, "ServiceUnavailable", 4, "no usable answer"),
        (400, "AccessDeniedException", 1, "access denied"),
        (400, "InvalidLookupAttributesException", 1, "rejected"),
        (400, "InvalidTimeRangeException", 1, "rejected"),
    ] {
        let rule = mock!(Client::lookup_events).then_http_response(refusal(status, code));
        let error = ask(&any(&rule), 1, &clock()).await.unwrap_err().to_string();
        assert!(error.starts_with(&format!("cloudtrail:LookupEvents: {expected}")), "{code}: {error}");
        assert_eq!(rule.num_calls(), calls, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_that_was_not_read_to_its_end_holds_no_absence() {
    let rule = log_of_pages(1000);
    let (past, clock) = (any(&rule), clock());
    let error = ask(&past, 1001, &clock).await.unwrap_err();
    assert!(matches!(error, CallError::Unavailable { .. }), "{error}");
    assert!(error.to_string().contains("20 pages of `TagResource` calls were read, back to 2026-01-02T11:00:00Z"), "{error}");
    assert_eq!(rule.num_calls(), 20);
    assert!(ask(&past, 40, &clock).await.unwrap().is_some(), "the next question looks deeper");
    for calls in [60, 80, 100, 100] {
        ask(&past, 1001, &clock).await.unwrap_err();
        assert_eq!(rule.num_calls(), calls, "one scan keeps no more than its limit");
    }
    clock.pass(61.seconds());
    assert!(ask(&past, 1, &clock).await.unwrap().is_some());
    assert_eq!(rule.num_calls(), 101, "begun anew");
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_begins_the_scan_anew_once() {
    for (expirations, found) in [(1, true), (2, false)] {
        let expired = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&expired);
        let first =
            mock!(Client::lookup_events).match_requests(|request| request.next_token().is_none()).then_output(|| page(&[], Some("2")));
        let refused = mock!(Client::lookup_events)
            .match_requests(move |request| request.next_token().is_some() && counted.fetch_add(1, Ordering::Relaxed) < expirations)
            .then_error(|| LookupEventsError::InvalidNextTokenException(InvalidNextTokenException::builder().build()));
        let second = mock!(Client::lookup_events)
            .match_requests(|request| request.next_token() == Some("2"))
            .then_output(|| page(&[record(&key(1), "2026-01-02T11:00:00Z")], None));
        let past = past(RuleMode::MatchAny, &[&first, &refused, &second]);
        let answer = ask(&past, 1, &clock()).await;
        assert_eq!(matches!(answer, Ok(Some(_))), found, "{answer:?}");
        assert_eq!(matches!(answer, Err(CallError::Rejected { .. })), !found, "{answer:?}");
    }
}

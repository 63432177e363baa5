//! Change Calendar against scripted answers: what is asked, how long an answer is kept, and that an odd one is no state.

use aws_sdk_ssm::operation::get_calendar_state::GetCalendarStateOutput;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use futures_util::future::join_all;
use jiff::ToSpan as _;

use super::*;
use crate::lazily::lazily;
use reprieve_test_support::TestClock;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn clock() -> TestClock {
    TestClock::at("2026-01-02T12:00:00Z")
}

fn calendars(rule: &Rule) -> ChangeCalendars {
    let client = mock_client!(aws_sdk_ssm, RuleMode::MatchAny, [rule]);
    ChangeCalendars::new(lazily(move || client), vec!["freeze".to_owned(), "window".to_owned()])
}

fn says(state: SdkState) -> Rule {
    mock!(Client::get_calendar_state).then_output(move || GetCalendarStateOutput::builder().state(state.clone()).build())
}

#[tokio::test]
async fn without_calendars_no_client_is_made() {
    let none = ChangeCalendars::new(lazily(|| panic!("a client was made")), Vec::new());
    assert_eq!(none.state(at("2026-01-02T11:00:00Z"), &clock()).await, Ok(None));
}

#[tokio::test]
async fn all_calendars_are_asked_of_the_minute() {
    for (state, expected) in [(SdkState::Open, CalendarState::Open), (SdkState::Closed, CalendarState::Closed)] {
        let rule = mock!(Client::get_calendar_state)
            .match_requests(|request| request.calendar_names() == ["freeze", "window"] && request.at_time() == Some("2026-01-02T11:59:00Z"))
            .then_output(move || GetCalendarStateOutput::builder().state(state.clone()).build());
        assert_eq!(calendars(&rule).state(at("2026-01-02T11:59:59.9Z"), &clock()).await, Ok(Some(expected)));
    }
}

#[tokio::test]
async fn an_answer_is_shared_by_its_minute_and_kept_for_one() {
    let rule = says(SdkState::Open);
    let (calendars, clock) = (calendars(&rule), clock());
    let asked = ["2026-01-02T11:59:00Z", "2026-01-02T11:59:30Z", "2026-01-02T11:59:59.9Z"].map(at);
    join_all(asked.map(|time| calendars.state(time, &clock))).await;
    assert_eq!(rule.num_calls(), 1);
    calendars.state(at("2026-01-02T12:00:00Z"), &clock).await.unwrap();
    assert_eq!(rule.num_calls(), 2, "another minute");
    clock.pass(60.seconds());
    calendars.state(asked[0], &clock).await.unwrap();
    assert_eq!(rule.num_calls(), 3, "a minute later");
}

#[tokio::test]
async fn answers_kept_are_limited() {
    let rule = says(SdkState::Closed);
    let (calendars, clock) = (calendars(&rule), clock());
    for minutes in 0..100 {
        calendars.state(at("2026-01-02T09:00:00Z") + minutes.minutes(), &clock).await.unwrap();
    }
    assert_eq!(calendars.answers.lock().await.len(), KEPT_LIMIT);
}

#[tokio::test]
async fn an_answer_that_is_none_is_an_error_and_not_kept() {
    let odd = says(SdkState::from("AJAR"));
    let (calendars, clock) = (calendars(&odd), clock());
    for calls in [1, 2] {
        let error = calendars.state(at("2026-01-02T11:00:00Z"), &clock).await.unwrap_err();
        assert!(matches!(&error, CallError::Rejected { message, .. } if message.contains("`AJAR`")), "{error}");
        assert_eq!(odd.num_calls(), calls);
    }
}

#[tokio::test(start_paused = true)]
async fn every_error_of_the_calendar_is_sorted() {
    for (status, code, expected) in [
        (400, "InvalidDocument", "rejected"),
        (400, "InvalidDocumentType", "rejected"),
        (400, "UnsupportedCalendarException", "rejected"),
        (400, "AccessDeniedException", "access denied"),
        (400, "ThrottlingException", "throttled"),
        (500, "InternalServerError", "no usable answer"),
    ] {
        let rule = mock!(Client::get_calendar_state).then_http_response(move || {
            let body = format!(r#"{{"__type":"{code}","message":"the words of Systems Manager"}}"#);
            HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body))
        });
        let error = calendars(&rule).state(at("2026-01-02T11:00:00Z"), &clock()).await.unwrap_err().to_string();
        assert!(error.starts_with(&format!("ssm:GetCalendarState: {expected}")), "{code}: {error}");
    }
}

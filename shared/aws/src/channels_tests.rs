//! When the webhooks' parameter is read, and what a fault of it costs.

use aws_sdk_ssm::Client;
use aws_sdk_ssm::operation::get_parameter::{GetParameterError, GetParameterOutput};
use aws_sdk_ssm::types::Parameter;
use aws_sdk_ssm::types::error::InternalServerError;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use jiff::ToSpan as _;

use super::*;
use crate::http::{Schemes, Waits};
use crate::lazily::lazily;
use reprieve_test_support::TestClock;
use reprieve_test_support::record;

const NAME: &str = "/reprieve/webhooks";

fn holding(value: &'static str) -> Rule {
    mock!(Client::get_parameter)
        .then_output(move || GetParameterOutput::builder().parameter(Parameter::builder().name(NAME).value(value).build()).build())
}

fn failing() -> Rule {
    mock!(Client::get_parameter).then_error(|| GetParameterError::InternalServerError(InternalServerError::builder().build()))
}

fn sink(rules: &[&Rule], mode: RuleMode, parameter: Option<&str>, clock: &TestClock) -> ChatNoticeSink<TestClock> {
    let client = mock_client!(aws_sdk_ssm, mode, rules);
    let second = std::time::Duration::from_secs(1);
    let http = Http::new(crate::tls::config().unwrap(), Waits { connect: second, answer: second }, Schemes::HttpsOnly);
    ChatNoticeSink::new(ParameterStore::new(lazily(move || client)), http, parameter.map(str::to_owned), clock.clone())
}

async fn tell(sink: &ChatNoticeSink<TestClock>) -> Result<(), CallError> {
    let record = record();
    sink.tell(&Notice::of(&record).unwrap(), &record).await
}

fn clock() -> TestClock {
    TestClock::at("2026-11-20T10:00:00Z")
}

#[tokio::test]
async fn without_a_parameter_nothing_is_asked() {
    let rule = holding("# nobody");
    let sink = sink(&[&rule], RuleMode::MatchAny, None, &clock());
    assert_eq!((tell(&sink).await, rule.num_calls()), (Ok(()), 0));
}

#[tokio::test]
async fn the_parameter_is_read_at_the_first_notice_and_anew_after_five_minutes() {
    let (rule, clock) = (holding("# nobody yet"), clock());
    let sink = sink(&[&rule], RuleMode::MatchAny, Some(NAME), &clock);
    assert_eq!(rule.num_calls(), 0);
    for (minutes, reads) in [(0, 1), (4, 1), (1, 2)] {
        clock.pass(minutes.minutes());
        assert_eq!((tell(&sink).await, rule.num_calls()), (Ok(()), reads));
    }
}

#[tokio::test]
async fn a_fault_is_bridged_by_what_was_read_before() {
    let (good, bad, clock) = (holding("# nobody"), failing(), clock());
    let sink = sink(&[&good, &bad], RuleMode::Sequential, Some(NAME), &clock);
    assert_eq!(tell(&sink).await, Ok(()));
    clock.pass(6.minutes());
    assert_eq!((tell(&sink).await, bad.num_calls()), (Ok(()), 1));
}

#[tokio::test]
async fn webhooks_that_cannot_be_used_are_an_error_that_shows_none() {
    let wrong = holding("irc https://chat.example.com/s3cret");
    let error = tell(&sink(&[&wrong], RuleMode::MatchAny, Some(NAME), &clock())).await.unwrap_err().to_string();
    assert!(error.contains(NAME) && error.contains("line 1") && !error.contains("s3cret"), "{error}");
    let unread = failing();
    assert!(tell(&sink(&[&unread], RuleMode::MatchAny, Some(NAME), &clock())).await.is_err());
}

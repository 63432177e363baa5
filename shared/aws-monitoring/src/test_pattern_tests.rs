//! `TestMetricFilter` against scripted answers: batches, and answers that are about something else.

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::operation::test_metric_filter::{TestMetricFilterInput, TestMetricFilterOutput};
use aws_sdk_cloudwatchlogs::types::MetricFilterMatchRecord;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_types::SdkConfig;
use aws_types::region::Region;

use crate::AwsMonitoringControl;
use crate::log_groups::LogGroups;
use crate::scripted::{kind, place};

fn control(rule: &Rule) -> AwsMonitoringControl {
    let config = SdkConfig::builder()
        .behavior_version(aws_sdk_cloudwatchlogs::config::BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .build();
    let client = mock_client!(aws_sdk_cloudwatchlogs, RuleMode::MatchAny, [rule]);
    AwsMonitoringControl { log_groups: LogGroups::over(client, place()), ..AwsMonitoringControl::new(&config, place()) }
}

/// Matches the messages that hold a 7.
fn sevens() -> Rule {
    mock!(Client::test_metric_filter).match_requests(|request| request.log_event_messages().len() <= 50).then_compute_output(
        |request: &TestMetricFilterInput| {
            let matches = request.log_event_messages().iter().filter(|message| message.contains('7'));
            let matches = matches.map(|message| MetricFilterMatchRecord::builder().event_message(message).build());
            TestMetricFilterOutput::builder().set_matches(Some(matches.collect())).build()
        },
    )
}

#[tokio::test]
async fn messages_are_tested_in_batches_and_answered_in_order() {
    let rule = sevens();
    let messages: Vec<String> = (0..120).map(|number| format!("event {number}")).collect();
    let matched = control(&rule).test_metric_filter("7", &messages).await.unwrap();
    let expected: Vec<bool> = messages.iter().map(|message| message.contains('7')).collect();
    assert_eq!((matched, rule.num_calls()), (expected, 3));
}

#[tokio::test]
async fn nothing_is_asked_about_no_messages() {
    let rule = sevens();
    assert_eq!(control(&rule).test_metric_filter("7", &[]).await, Ok(Vec::new()));
    assert_eq!(rule.num_calls(), 0);
}

#[tokio::test]
async fn an_answer_about_another_message_is_an_error() {
    let rule = mock!(Client::test_metric_filter).then_output(|| {
        TestMetricFilterOutput::builder().matches(MetricFilterMatchRecord::builder().event_message("another").build()).build()
    });
    let error = control(&rule).test_metric_filter("7", &["event 7".to_owned()]).await.unwrap_err();
    assert_eq!(kind(&error), "rejected");
}

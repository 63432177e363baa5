//! The drill's ears and eyes against scripted answers of SQS and CloudWatch.

use aws_sdk_cloudwatch::operation::describe_alarm_history::{DescribeAlarmHistoryError, DescribeAlarmHistoryOutput};
use aws_sdk_cloudwatch::operation::describe_alarms::DescribeAlarmsOutput;
use aws_sdk_cloudwatch::types::{AlarmHistoryItem, CompositeAlarm, MetricAlarm};
use aws_sdk_sqs::operation::delete_message::DeleteMessageOutput;
use aws_sdk_sqs::operation::receive_message::{ReceiveMessageError, ReceiveMessageOutput};
use aws_sdk_sqs::types::Message;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_types::error::ErrorMetadata;
use reprieve_core::drill::Content;

use super::*;

const QUEUE: &str = "https://sqs.eu-central-1.amazonaws.com/111122223333/drill";
const ALARM: &str = "Reprieve-CIS-7";

fn watch(sqs: &[&Rule], cloudwatch: &[&Rule]) -> SqsDrillWatch {
    SqsDrillWatch {
        sqs: mock_client!(aws_sdk_sqs, RuleMode::Sequential, sqs),
        cloudwatch: mock_client!(aws_sdk_cloudwatch, RuleMode::Sequential, cloudwatch),
        queue_url: QUEUE.to_owned(),
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[tokio::test]
async fn messages_are_received_with_the_time_of_their_arrival() {
    let rule = mock!(aws_sdk_sqs::Client::receive_message)
        .match_requests(|request| {
            request.queue_url() == Some(QUEUE)
                && request.wait_time_seconds() == Some(1)
                && request.message_system_attribute_names() == [MessageSystemAttributeName::SentTimestamp]
        })
        .then_output(|| {
            let timed = Message::builder().receipt_handle("r-1").body("hello");
            let timed = timed.attributes(MessageSystemAttributeName::SentTimestamp, "1795168800000").build();
            let untimed = Message::builder().receipt_handle("r-2").body("{\"AlarmName\":\"a\",\"NewStateValue\":\"OK\"}").build();
            ReceiveMessageOutput::builder().messages(timed).messages(untimed).messages(Message::builder().body("lost").build()).build()
        });
    let letters = watch(&[&rule], &[]).receive().await.unwrap();
    assert_eq!(letters.len(), 2, "what cannot be taken out of the queue is left alone");
    assert_eq!((letters[0].receipt.as_str(), letters[0].sent_at), ("r-1", Some(at("2026-11-20T10:00:00Z"))));
    assert_eq!((&letters[0].content, letters[1].sent_at), (&Content::Other, None));
    assert!(matches!(letters[1].content, Content::Alarm(_)));
}

#[tokio::test]
async fn a_message_is_forgotten_by_its_receipt() {
    let rule = mock!(aws_sdk_sqs::Client::delete_message)
        .match_requests(|request| request.receipt_handle() == Some("r-1") && request.queue_url() == Some(QUEUE))
        .then_output(|| DeleteMessageOutput::builder().build());
    let letter = Letter { receipt: "r-1".to_owned(), sent_at: None, content: Content::Other };
    assert_eq!(watch(&[&rule], &[]).discard(&letter).await, Ok(()));
}

#[tokio::test]
async fn a_refused_receive_is_sorted() {
    for (code, expected) in [("AccessDenied", "access denied"), ("OverLimit", "throttled"), ("QueueDoesNotExist", "")] {
        let rule = mock!(aws_sdk_sqs::Client::receive_message)
            .then_error(move || ReceiveMessageError::generic(ErrorMetadata::builder().code(code).message("words").build()));
        let error = watch(&[&rule], &[]).receive().await.unwrap_err();
        assert!(error.to_string().starts_with(&format!("sqs:ReceiveMessage: {expected}")), "{code}: {error}");
    }
}

#[tokio::test]
async fn the_alarms_state_is_read_of_metric_and_composite_alarms() {
    let metric = |state: StateValue| {
        mock!(aws_sdk_cloudwatch::Client::describe_alarms).match_requests(|request| request.alarm_names() == [ALARM]).then_output(
            move || {
                let alarm = MetricAlarm::builder().alarm_name(ALARM).state_value(state.clone()).build();
                DescribeAlarmsOutput::builder().metric_alarms(alarm).build()
            },
        )
    };
    let composite = mock!(aws_sdk_cloudwatch::Client::describe_alarms).then_output(|| {
        let alarm = CompositeAlarm::builder().alarm_name(ALARM).state_value(StateValue::Alarm).build();
        DescribeAlarmsOutput::builder().composite_alarms(alarm).build()
    });
    let none = mock!(aws_sdk_cloudwatch::Client::describe_alarms).then_output(|| DescribeAlarmsOutput::builder().build());
    for (rule, expected) in [
        (metric(StateValue::Ok), Some(false)),
        (metric(StateValue::InsufficientData), Some(false)),
        (metric(StateValue::Alarm), Some(true)),
        (composite, Some(true)),
        (none, None),
    ] {
        assert_eq!(watch(&[], &[&rule]).is_raised(ALARM).await, Ok(expected));
    }
}

#[tokio::test]
async fn the_history_shows_the_first_time_that_the_alarm_went_off_since_the_start() {
    let entry = |text: &str, state: &str| {
        let data = format!(r#"{{"version":"1.0","oldState":{{"stateValue":"OK"}},"newState":{{"stateValue":"{state}"}}}}"#);
        AlarmHistoryItem::builder().timestamp(DateTime::from_millis(at(text).as_millisecond())).history_data(data).build()
    };
    let entries = vec![
        entry("2026-11-20T09:59:00Z", "ALARM"),
        entry("2026-11-20T10:02:00Z", "OK"),
        entry("2026-11-20T10:04:10Z", "ALARM"),
        entry("2026-11-20T10:09:00Z", "ALARM"),
    ];
    let rule = mock!(aws_sdk_cloudwatch::Client::describe_alarm_history)
        .match_requests(|request| request.alarm_name() == Some(ALARM) && request.history_item_type() == Some(&HistoryItemType::StateUpdate))
        .then_output(move || DescribeAlarmHistoryOutput::builder().set_alarm_history_items(Some(entries.clone())).build());
    let raised_at = watch(&[], &[&rule]).raised_since(ALARM, at("2026-11-20T10:00:00Z")).await;
    assert_eq!(raised_at, Ok(Some(at("2026-11-20T10:04:10Z"))));
}

#[tokio::test]
async fn a_history_that_cannot_be_read_is_an_error_and_no_silence() {
    let rule = mock!(aws_sdk_cloudwatch::Client::describe_alarm_history)
        .then_error(|| DescribeAlarmHistoryError::generic(ErrorMetadata::builder().code("AccessDenied").message("words").build()));
    let error = watch(&[], &[&rule]).raised_since(ALARM, at("2026-11-20T10:00:00Z")).await.unwrap_err();
    assert!(error.to_string().starts_with("cloudwatch:DescribeAlarmHistory: access denied"), "{error}");
}

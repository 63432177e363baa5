//! Hears what people are told, through the drill's own queue, and looks at the alarm: its state before, its history after.

use std::error::Error;

use aws_sdk_cloudwatch::types::{AlarmType, HistoryItemType, ScanBy, StateValue};
use aws_sdk_sqs::types::MessageSystemAttributeName;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::DateTime;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::SdkConfig;
use jiff::Timestamp;
use reprieve_aws::{Kind, call_error};
use reprieve_core::drill::Letter;
use reprieve_engine::{CallError, DrillWatch};
use serde_json::Value;

use crate::message::content;

/// SQS gives at most so many messages a call.
const MESSAGES_A_CALL: i32 = 10;

/// How long SQS waits for a message, in seconds. The SDK gives up on an answer after three.
const WAIT_SECONDS: i32 = 1;

/// Hears what people are told, through SQS, and looks at the alarm, through CloudWatch.
#[derive(Debug)]
pub struct SqsDrillWatch {
    sqs: aws_sdk_sqs::Client,
    cloudwatch: aws_sdk_cloudwatch::Client,
    queue_url: String,
}

impl SqsDrillWatch {
    /// Makes it, for the queue of this URL.
    #[must_use]
    pub fn new(config: &SdkConfig, queue_url: impl Into<String>) -> Self {
        let (sqs, cloudwatch) = (aws_sdk_sqs::Client::new(config), aws_sdk_cloudwatch::Client::new(config));
        Self { sqs, cloudwatch, queue_url: queue_url.into() }
    }
}

impl DrillWatch for SqsDrillWatch {
    async fn receive(&self) -> Result<Vec<Letter>, CallError> {
        let request = self
            .sqs
            .receive_message()
            .queue_url(&self.queue_url)
            .max_number_of_messages(MESSAGES_A_CALL)
            .wait_time_seconds(WAIT_SECONDS)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp);
        let answer = request.send().await.map_err(sorted("sqs:ReceiveMessage"))?;
        let letters = answer.messages().iter().filter_map(|message| {
            let sent_at = message.attributes().and_then(|attributes| attributes.get(&MessageSystemAttributeName::SentTimestamp));
            Some(Letter {
                receipt: message.receipt_handle()?.to_owned(),
                sent_at: sent_at.and_then(|ms| Timestamp::from_millisecond(ms.parse().ok()?).ok()),
                content: content(message.body().unwrap_or_default()),
            })
        });
        Ok(letters.collect())
    }

    async fn discard(&self, letter: &Letter) -> Result<(), CallError> {
        let request = self.sqs.delete_message().queue_url(&self.queue_url).receipt_handle(&letter.receipt);
        request.send().await.map(drop).map_err(sorted("sqs:DeleteMessage"))
    }

    async fn is_raised(&self, alarm: &str) -> Result<Option<bool>, CallError> {
        let request = self.cloudwatch.describe_alarms().alarm_names(alarm);
        let request = request.alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm);
        let answer = request.send().await.map_err(sorted("cloudwatch:DescribeAlarms"))?;
        let metric = answer.metric_alarms().iter().map(|found| (found.alarm_name(), found.state_value()));
        let composite = answer.composite_alarms().iter().map(|found| (found.alarm_name(), found.state_value()));
        let state = metric.chain(composite).find(|(name, _)| *name == Some(alarm)).map(|(_, state)| state);
        Ok(state.map(|state| state == Some(&StateValue::Alarm)))
    }

    async fn raised_since(&self, alarm: &str, since: Timestamp) -> Result<Option<Timestamp>, CallError> {
        let request = self
            .cloudwatch
            .describe_alarm_history()
            .alarm_name(alarm)
            .history_item_type(HistoryItemType::StateUpdate)
            .start_date(DateTime::from_millis(since.as_millisecond()))
            .scan_by(ScanBy::TimestampAscending);
        let answer = request.send().await.map_err(sorted("cloudwatch:DescribeAlarmHistory"))?;
        let raised = answer.alarm_history_items().iter().filter(|item| went_to_alarm(item.history_data().unwrap_or_default()));
        let times = raised.filter_map(|item| {
            let at = item.timestamp()?;
            Timestamp::new(at.secs(), at.subsec_nanos().cast_signed()).ok()
        });
        Ok(times.filter(|at| *at >= since).min())
    }
}

/// Reads the JSON of a history item: `{"oldState":{"stateValue":"OK"},"newState":{"stateValue":"ALARM"}}`.
fn went_to_alarm(history_data: &str) -> bool {
    let data: Option<Value> = serde_json::from_str(history_data).ok();
    let state = data.as_ref().and_then(|data| data.get("newState")?.get("stateValue")?.as_str());
    state == Some("ALARM")
}

fn sorted<E>(call: &'static str) -> impl Fn(SdkError<E, HttpResponse>) -> CallError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    move |error| call_error(call, &error, kind_of_code)
}

/// What the codes of SQS and CloudWatch mean. No key is missing where a queue is: what SQS does not find is a wrong request.
fn kind_of_code(code: &str) -> Option<Kind> {
    match code {
        "InternalServiceFault" | "InternalServiceError" => Some(Kind::Unavailable),
        "OverLimit" | "KmsThrottled" => Some(Kind::Throttled),
        "KmsAccessDenied" => Some(Kind::AccessDenied),
        _ => None,
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;

//! What arrives in the drill's queue: SNS envelopes with the guard's notices and the alarms' messages. Anything else is none of ours.
//!
//! A notice is text, a blank line, and one line of JSON; an alarm's message is JSON alone. Source of the alarm's shape:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html>.

use jiff::Timestamp;
use reprieve_core::KeyArn;
use reprieve_core::drill::{AlarmMessage, Content, GuardNotice};
use serde_json::Value;

/// How CloudWatch writes times: `2026-11-20T10:04:10.123+0000`.
const ALARM_TIME: &str = "%Y-%m-%dT%H:%M:%S%.f%z";

/// Reads the body of a queue's message. Where raw delivery is on, the body is the message itself.
pub(crate) fn content(body: &str) -> Content {
    let envelope = serde_json::from_str::<Value>(body).ok();
    let field = |name: &str| envelope.as_ref()?.get(name)?.as_str();
    let message = field("Message").unwrap_or(body);
    alarm(message, field("Timestamp")).map(Content::Alarm).or_else(|| notice(message).map(Content::Notice)).unwrap_or(Content::Other)
}

fn alarm(message: &str, published_at: Option<&str>) -> Option<AlarmMessage> {
    let message: Value = serde_json::from_str(message).ok()?;
    let text = |name: &str| message.get(name).and_then(Value::as_str);
    let changed_at = text("StateChangeTime").and_then(|time| Timestamp::strptime(ALARM_TIME, time).ok());
    let published_at = published_at.and_then(|time| time.parse().ok());
    Some(AlarmMessage {
        name: text("AlarmName")?.to_owned(),
        state: text("NewStateValue")?.to_owned(),
        changed_at: changed_at.or(published_at),
    })
}

fn notice(message: &str) -> Option<GuardNotice> {
    let (_, summary) = message.trim_end().rsplit_once("\n\n")?;
    let summary: Value = serde_json::from_str(summary).ok()?;
    let event = summary.get("event")?;
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let number = |name: &str| summary.get(name).and_then(Value::as_i64);
    Some(GuardNotice {
        key: text(summary.get("key")).and_then(|key| KeyArn::parse(&key).ok()),
        call: text(event.get("name"))?,
        called_at: text(event.get("time")).and_then(|time| time.parse().ok()),
        detect_ms: number("detect_ms"),
        remediate_ms: number("remediate_ms"),
        status: text(summary.get("status")).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn envelope(message: &str) -> String {
        json!({ "Type": "Notification", "TopicArn": "arn:aws:sns:eu-central-1:111122223333:notices", "Message": message,
            "Timestamp": "2026-11-20T10:04:11.000Z", "SignatureVersion": "1" })
        .to_string()
    }

    #[test]
    fn a_notice_of_the_guard_is_read_from_its_last_line() {
        let summary = json!({ "event": { "id": "e-1", "name": "ScheduleKeyDeletion", "time": "2026-11-20T10:00:00Z" }, "key": KEY,
            "status": "success", "detect_ms": 1200, "remediate_ms": 2100 });
        let expected = GuardNotice {
            key: KeyArn::parse(KEY).ok(),
            call: "ScheduleKeyDeletion".to_owned(),
            called_at: Some(time("2026-11-20T10:00:00Z")),
            detect_ms: Some(1_200),
            remediate_ms: Some(2_100),
            status: "success".to_owned(),
        };
        let message = format!("key alias/reprieve-drill is back\n\nWhat was done:\n- cancel\n\n{summary}");
        assert_eq!(content(&envelope(&message)), Content::Notice(expected.clone()));
        assert_eq!(content(&message), Content::Notice(expected), "with raw delivery");
    }

    #[test]
    fn an_alarm_is_read_with_its_time() {
        let message = json!({ "AlarmName": "Reprieve-CIS-7", "NewStateValue": "ALARM", "OldStateValue": "OK",
            "StateChangeTime": "2026-11-20T10:04:10.123+0000", "Trigger": { "MetricName": "x" } });
        let Content::Alarm(alarm) = content(&envelope(&message.to_string())) else { panic!("an alarm") };
        assert_eq!((alarm.name.as_str(), alarm.state.as_str()), ("Reprieve-CIS-7", "ALARM"));
        assert_eq!(alarm.changed_at, Some(time("2026-11-20T10:04:10.123Z")));
    }

    #[test]
    fn an_alarm_without_a_readable_time_changed_when_it_was_published() {
        let message = json!({ "AlarmName": "a", "NewStateValue": "ALARM", "StateChangeTime": "soon" });
        let Content::Alarm(alarm) = content(&envelope(&message.to_string())) else { panic!("an alarm") };
        assert_eq!(alarm.changed_at, Some(time("2026-11-20T10:04:11Z")));
    }

    #[test]
    fn whatever_else_arrives_is_none_of_ours() {
        for body in ["", "hello", "{}", "[1]", "text\n\n{}", "text\n\nmore text", &envelope("hello"), &envelope("{\"AlarmName\":1}")] {
            assert_eq!(content(body), Content::Other, "{body}");
        }
    }
}

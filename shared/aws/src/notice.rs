//! Notices through an SNS topic: the sentences for people first, then one line of JSON for machines.
//!
//! Message attributes (`severity`, `status`, `decision`, `threat`) let each subscription filter for what concerns it.

use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;
use reprieve_core::notice::Notice;
use reprieve_core::{Decision, Record, Threat};
use reprieve_engine::{CallError, NoticeSink};
use serde_json::{Value, json};

use crate::error::{Kind, call_error, no_own_codes};
use crate::lazily::Lazily;

const CALL: &str = "sns:Publish";

/// SNS takes 262,144 bytes, attributes included; the rest is room for those.
const MESSAGE_LIMIT_BYTES: usize = 256 * 1024 - 4 * 1024;

/// The longest text of one field in the JSON line, in bytes; only a provider's error text could ever be longer.
const FIELD_LIMIT_BYTES: usize = 2 * 1024;

const SHORTENED: &str = "\n[shortened; the audit record holds everything]";

/// Sends notices to an SNS topic.
#[derive(Debug)]
pub struct SnsNoticeSink {
    client: Lazily<Client>,
    topic_arn: String,
}

impl SnsNoticeSink {
    /// Makes the sink.
    pub(crate) fn new(client: Lazily<Client>, topic_arn: impl Into<String>) -> Self {
        Self { client, topic_arn: topic_arn.into() }
    }
}

impl NoticeSink for SnsNoticeSink {
    async fn tell(&self, notice: &Notice, record: &Record) -> Result<(), CallError> {
        let mut publish = self
            .client
            .publish()
            .topic_arn(&self.topic_arn)
            .subject(&notice.subject)
            .message(message(&notice.text(), &summary(notice, record).to_string()));
        for (name, value) in attributes(notice, record) {
            let value = MessageAttributeValue::builder().data_type("String").string_value(value).build();
            let value = value.map_err(|error| Kind::Rejected.error(CALL, error.to_string()))?;
            publish = publish.message_attributes(name, value);
        }
        publish.send().await.map(drop).map_err(|error| call_error(CALL, &error, no_own_codes))
    }
}

/// What subscriptions can filter by.
fn attributes(notice: &Notice, record: &Record) -> [(&'static str, String); 4] {
    let word = |value: Value| value.as_str().unwrap_or("none").to_owned();
    [
        ("severity", word(json!(notice.severity))),
        ("status", word(json!(record.status))),
        ("decision", record.decision.as_ref().map_or("none", Decision::name).to_owned()),
        ("threat", record.threat.map_or("none", Threat::as_str).to_owned()),
    ]
}

/// The record in short.
fn summary(notice: &Notice, record: &Record) -> Value {
    let event = &record.event;
    let (account, region) = record.place();
    let why = record.decision.as_ref().map(Decision::why);
    let mut summary = json!({
        "record_id": record.id(),
        "severity": notice.severity,
        "mode": record.mode,
        "threat": record.threat,
        "decision": record.decision.as_ref().map(Decision::name),
        "why": why.map(|why| &why.sentence),
        "policies": why.map(|why| &why.policies),
        "escalations": why.map(|why| &why.escalations),
        "deadline": why.and_then(|why| why.deadline),
        "steps": record.steps,
        "status": record.status,
        "commands": notice.commands.iter().map(|command| &command.line).collect::<Vec<_>>(),
        "event": {"id": event.id, "source": event.source, "name": event.name, "time": event.time},
        "actor": {"name": event.actor.display_name(), "arn": event.actor.arn, "source_address": event.actor.source_address},
        "target": event.target.display_name(),
        "key": record.key(),
        "aliases": record.names.aliases,
        "owner": record.names.owner,
        "account": account,
        "region": region,
        "detect_ms": record.detect_ms,
        "remediate_ms": record.remediate_ms,
    });
    shorten_fields(&mut summary);
    summary
}

fn shorten_fields(value: &mut Value) {
    match value {
        Value::String(text) if text.len() > FIELD_LIMIT_BYTES => *text = format!("{}[shortened]", start_of(text, FIELD_LIMIT_BYTES)),
        Value::Array(values) => values.iter_mut().for_each(shorten_fields),
        Value::Object(fields) => fields.values_mut().for_each(shorten_fields),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Text, a blank line, JSON. Where both are too long the text gives way, then the JSON.
fn message(text: &str, summary: &str) -> String {
    let between = "\n\n";
    if text.len() + between.len() + summary.len() <= MESSAGE_LIMIT_BYTES {
        return format!("{text}{between}{summary}");
    }
    let summary = if summary.len() > MESSAGE_LIMIT_BYTES / 2 { r#"{"shortened":true}"# } else { summary };
    let room = MESSAGE_LIMIT_BYTES.saturating_sub(summary.len() + between.len() + SHORTENED.len());
    format!("{}{SHORTENED}{between}{summary}", start_of(text, room))
}

/// The longest start of a text that fits and ends between characters.
fn start_of(text: &str, limit_bytes: usize) -> &str {
    let end = (0..=limit_bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
#[path = "notice_tests.rs"]
mod tests;

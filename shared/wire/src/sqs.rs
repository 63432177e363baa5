//! What the function is invoked with: an SQS batch whose bodies are EventBridge envelopes, or one envelope directly.
//!
//! A message that cannot be parsed spoils only itself: it is reported by its id, and ends in the dead-letter queue.

use jiff::Timestamp;
use serde_json::Value;

use crate::cloudtrail::time::epoch_milliseconds;
use crate::error::{WireError, shorten_value};
use crate::eventbridge::parse_envelope;
use crate::{Invocation, Message, Sighting, parse_record};

const EXPECTED: &str = "an SQS batch, an EventBridge envelope or a CloudTrail record";

/// Parses what the function was invoked with.
///
/// # Errors
/// When it is neither a batch nor one event. Inside a batch, errors are each message's own.
pub fn parse_invocation(payload: &Value) -> Result<Invocation, WireError> {
    let object = payload.as_object().ok_or_else(|| WireError::not_an_object(EXPECTED, payload))?;
    match object.get("Records") {
        None => parse_event(payload).map(Invocation::Single),
        Some(Value::Array(messages)) if messages.iter().all(is_message) => {
            Ok(Invocation::Batch(messages.iter().map(parse_message).collect()))
        }
        Some(other) => Err(WireError::Container { expected: "`Records` to be a list of SQS messages", input: shorten_value(other) }),
    }
}

/// Parses one event in whichever of the forms it comes: an envelope, a record, or either inside an SNS notification.
pub(crate) fn parse_event(value: &Value) -> Result<Sighting, WireError> {
    let object = value.as_object().ok_or_else(|| WireError::not_an_object(EXPECTED, value))?;
    if let Some(Value::String(inner)) = object.get("Message").filter(|_| object.contains_key("TopicArn")) {
        return parse_event(&parse_json(inner)?);
    }
    let is_envelope = ["detail-type", "detailType", "detail"].iter().any(|name| object.contains_key(*name));
    if is_envelope && !object.contains_key("eventName") {
        return parse_envelope(value);
    }
    match parse_record(value) {
        Ok(event) => Ok(Sighting::Event(Box::new(event))),
        Err(WireError::NoName { input, .. }) => Err(WireError::NoName { expected: EXPECTED, input }),
        Err(error) => Err(error),
    }
}

/// Says whether a value is an SQS message.
pub(crate) fn is_message(value: &Value) -> bool {
    value.get("eventSource").and_then(Value::as_str) == Some("aws:sqs") || (value.get("messageId").is_some() && value.get("body").is_some())
}

pub(crate) fn parse_message(message: &Value) -> Message {
    let attribute = |name: &str| message.get("attributes").and_then(|attributes| attributes.get(name));
    Message {
        id: message.get("messageId").and_then(Value::as_str).unwrap_or_default().to_owned(),
        sighting: parse_body(message),
        first_received_at: attribute("ApproximateFirstReceiveTimestamp").and_then(milliseconds),
        receive_count: attribute("ApproximateReceiveCount").and_then(count),
    }
}

fn parse_body(message: &Value) -> Result<Sighting, WireError> {
    match message.get("body") {
        Some(Value::String(body)) => parse_event(&parse_json(body)?),
        Some(body @ Value::Object(_)) => parse_event(body),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_)) | None => {
            Err(WireError::NoBody { input: shorten_value(message) })
        }
    }
}

fn parse_json(text: &str) -> Result<Value, WireError> {
    serde_json::from_str(text).map_err(|source| WireError::not_json(text, &source))
}

fn milliseconds(value: &Value) -> Option<Timestamp> {
    value.as_str().and_then(epoch_milliseconds).or_else(|| Timestamp::from_millisecond(value.as_i64()?).ok())
}

fn count(value: &Value) -> Option<u32> {
    value.as_str().and_then(|text| text.parse().ok()).or_else(|| u32::try_from(value.as_u64()?).ok())
}

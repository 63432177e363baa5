//! How an entry reaches us: as it is, in a `CloudEvent` of Eventarc (structured, or binary with its attributes in HTTP headers), or
//! in a message that Pub/Sub pushes.
//!
//! Sources: <https://docs.cloud.google.com/eventarc/standard/docs/cloudevents>,
//! <https://docs.cloud.google.com/pubsub/docs/push#receive_push>,
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md>

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::PAYLOAD;
use crate::audit::Parsed;
use crate::error::{WireError, shorten, shorten_value};

/// The type of the `CloudEvents` that carry audit log entries.
pub const AUDIT_LOG_WRITTEN: &str = "google.cloud.audit.log.v1.written";
/// The type of the `CloudEvents` that carry a Pub/Sub message.
pub const MESSAGE_PUBLISHED: &str = "google.cloud.pubsub.topic.v1.messagePublished";

/// How often an envelope may lie in another: a Pub/Sub message in a `CloudEvent`, with an entry that was wrapped once more.
const DEPTH_LIMIT: usize = 4;

/// The HTTP headers that matter of a delivery.
#[derive(Debug, Clone, Copy, Default)]
pub struct Headers<'a> {
    /// `content-type`.
    pub content_type: Option<&'a str>,
    /// `ce-type`; only a `CloudEvent` in binary mode has one.
    pub event_type: Option<&'a str>,
    /// `ce-id`.
    pub event_id: Option<&'a str>,
}

/// What a delivery turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivered {
    /// An entry, or one that is not ours.
    Entry(Parsed),
    /// An event of another type, which nobody asked for.
    OtherEvent {
        /// Its type.
        event_type: String,
    },
}

/// Parses the body of an HTTP delivery: a `CloudEvent` in binary or structured mode, or a push of Pub/Sub.
///
/// # Errors
/// When the body is not JSON, or holds no audit record.
pub fn parse_delivery(headers: Headers<'_>, body: &[u8]) -> Result<Delivered, WireError> {
    let value: Value = serde_json::from_slice(body).map_err(|source| WireError::not_json(&String::from_utf8_lossy(body), &source))?;
    let written_type = value.get("type").and_then(Value::as_str).filter(|_| value.get("specversion").is_some());
    let event_type = headers.event_type.or(written_type);
    if let Some(event_type) = event_type.filter(|event_type| ![AUDIT_LOG_WRITTEN, MESSAGE_PUBLISHED].contains(event_type)) {
        return Ok(Delivered::OtherEvent { event_type: shorten(event_type) });
    }
    super::parse_entry(&value).map(Delivered::Entry)
}

/// Says whether this is an entry of an audit log.
pub(super) fn is_log_entry(object: &Map<String, Value>) -> bool {
    let payload = object.get(PAYLOAD).or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(PAYLOAD)).map(|(_, value)| value));
    payload.is_some_and(Value::is_object)
}

/// Says whether this is an envelope that carries one.
pub(super) fn is_envelope(object: &Map<String, Value>) -> bool {
    open_object(object, 0).is_some()
}

/// Takes an entry out of its envelopes.
///
/// # Errors
/// When there is none in them.
pub(super) fn open(value: &Value) -> Result<Cow<'_, Value>, WireError> {
    let Some(object) = value.as_object() else {
        return Err(WireError::not_an_object(super::EXPECTED, value));
    };
    if is_log_entry(object) {
        return Ok(Cow::Borrowed(value));
    }
    open_object(object, 0).map(Cow::Owned).ok_or_else(|| WireError::Container {
        expected: "an entry of Google Cloud Audit Logs, a CloudEvent of Eventarc or a push of Pub/Sub that carries one",
        input: shorten_value(value),
    })
}

fn open_object(object: &Map<String, Value>, depth: usize) -> Option<Value> {
    if depth >= DEPTH_LIMIT {
        return None;
    }
    if is_log_entry(object) {
        return Some(Value::Object(object.clone()));
    }
    // Pub/Sub: `{"message": {"data": BASE64, ...}, "subscription": ...}`, and the message alone.
    let message = object.get("message").and_then(Value::as_object).unwrap_or(object);
    let encoded = ["data", "data_base64"].iter().find_map(|name| message.get(*name)?.as_str());
    if let Some(encoded) = encoded {
        let bytes = STANDARD.decode(encoded.trim()).ok()?;
        let inner: Value = serde_json::from_slice(&bytes).ok()?;
        return open_object(inner.as_object()?, depth + 1);
    }
    // A structured `CloudEvent`, whose data is the entry, or again a push.
    object.get("data").and_then(Value::as_object).and_then(|data| open_object(data, depth + 1))
}

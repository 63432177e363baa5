//! Why an input is no event, in the words of whoever sent it.

use serde_json::Value;

/// The most of an input that an error shows, in characters.
const SHOWN_CHARACTERS: usize = 80;

/// Says why an input cannot be understood at all. What is merely odd is noted on the event instead.
///
/// Every one is permanent: the same input fails again. It belongs in the dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The text is not JSON.
    #[error("`{input}` is not JSON: {why}")]
    NotJson {
        /// The input, shortened.
        input: String,
        /// What the JSON parser says.
        why: String,
    },
    /// The JSON is not an object.
    #[error("expected {expected} (a JSON object), found {found}: `{input}`")]
    NotAnObject {
        /// What was expected.
        expected: &'static str,
        /// The kind of JSON value found.
        found: &'static str,
        /// The input, shortened.
        input: String,
    },
    /// The object names no event.
    #[error("expected {expected}: `{input}` has no `eventName` and no `detail-type`")]
    NoName {
        /// What was expected.
        expected: &'static str,
        /// The input, shortened.
        input: String,
    },
    /// A record of Azure names no operation.
    #[error("expected {expected}: `{input}` has no `operationName`, no `authorization.action` and no `eventType`")]
    NoOperation {
        /// What was expected.
        expected: &'static str,
        /// The input, shortened.
        input: String,
    },
    /// An EventBridge envelope says that it carries a CloudTrail record, and does not.
    #[error("the envelope `{detail_type}` carries no CloudTrail record: expected `detail.eventName`, found `{input}`")]
    NoRecord {
        /// The envelope's `detail-type`.
        detail_type: String,
        /// The detail, shortened.
        input: String,
    },
    /// An SQS message has no body.
    #[error("expected an SQS message whose `body` is an EventBridge envelope, found `{input}`")]
    NoBody {
        /// The message, shortened.
        input: String,
    },
    /// An event in OCSF holds no entry, decision, finding or posture that can be read back.
    #[error("expected an event in OCSF as this product writes it, with the whole of it under `unmapped.reprieve`; {why}: `{input}`")]
    NotWrittenHere {
        /// What stands in the way.
        why: String,
        /// The event, shortened.
        input: String,
    },
    /// A container of events is not as its kind should be.
    #[error("expected {expected}, found `{input}`")]
    Container {
        /// What was expected.
        expected: &'static str,
        /// The input, shortened.
        input: String,
    },
}

impl WireError {
    /// Says what is wrong without a word of the input: for logs, which others read than those who may read events, and for longer.
    #[must_use]
    pub fn unquoted(&self) -> String {
        match self {
            Self::NotJson { why, .. } => format!("the input is not JSON: {why}"),
            Self::NotAnObject { expected, found, .. } => format!("expected {expected} (a JSON object), found {found}"),
            Self::NoName { expected, .. } => format!("expected {expected}: it has no `eventName` and no `detail-type`"),
            Self::NoOperation { expected, .. } => {
                format!("expected {expected}: it has no `operationName`, no `authorization.action` and no `eventType`")
            }
            Self::NoRecord { .. } => "the envelope says that it carries a CloudTrail record, and has no `detail.eventName`".to_owned(),
            Self::NoBody { .. } => "expected an SQS message whose `body` is an EventBridge envelope".to_owned(),
            Self::NotWrittenHere { .. } => {
                "expected an event in OCSF as this product writes it, with the whole of it under `unmapped.reprieve`".to_owned()
            }
            Self::Container { expected, .. } => format!("expected {expected}, found something else"),
        }
    }

    pub(crate) fn not_json(text: &str, source: &serde_json::Error) -> Self {
        Self::NotJson { input: shorten(text), why: source.to_string() }
    }

    pub(crate) fn not_an_object(expected: &'static str, value: &Value) -> Self {
        Self::NotAnObject { expected, found: kind(value), input: shorten_value(value) }
    }

    pub(crate) fn no_name(expected: &'static str, value: &Value) -> Self {
        Self::NoName { expected, input: shorten_value(value) }
    }

    pub(crate) fn no_operation(expected: &'static str, value: &Value) -> Self {
        Self::NoOperation { expected, input: shorten_value(value) }
    }
}

/// Names the kind of a JSON value, for sentences.
pub(crate) const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Shortens a text to one line that fits into a sentence.
pub(crate) fn shorten(text: &str) -> String {
    let mut characters = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut short: String = characters.by_ref().take(SHOWN_CHARACTERS).collect();
    if characters.next().is_some() {
        short.push('…');
    }
    short
}

/// Shows a JSON value, shortened; a string is shown without its quotes.
pub(crate) fn shorten_value(value: &Value) -> String {
    match value {
        Value::String(text) => shorten(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => shorten(&value.to_string()),
    }
}

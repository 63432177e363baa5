//! Whether a call did what it says: `errorCode`, or what a CloudHSM key's deletion hides in a JSON string.

use reprieve_core::CallOutcome;
use serde_json::Value;

use crate::error::{kind, shorten, shorten_value};
use crate::fields::{Fields, Oddities};

/// The code given to a `DeleteKey` whose backing keys could not be deleted; CloudTrail itself gives none.
pub(crate) const BACKING_KEYS_NOT_DELETED: &str = "BackingKeysNotDeleted";

pub(super) fn read(record: &Fields<'_>, additional: &Fields<'_>, name: &str, odd: &mut Oddities) -> CallOutcome {
    let message = record.text("errorMessage", odd);
    if let Some(code) = error_code(record, odd) {
        return CallOutcome::Refused { code, message };
    }
    if message.is_some() {
        odd.note(record.path("errorMessage"), "comes without an `errorCode`; the call is taken as carried out");
    }
    if name == "DeleteKey"
        && let Some(message) = undeleted_backing_keys(additional, odd)
    {
        return CallOutcome::Refused { code: BACKING_KEYS_NOT_DELETED.to_owned(), message: Some(message) };
    }
    CallOutcome::Succeeded
}

fn error_code(record: &Fields<'_>, odd: &mut Oddities) -> Option<String> {
    match record.value("errorCode", odd)? {
        Value::String(code) if code.trim().is_empty() => {
            odd.note(record.path("errorCode"), "is empty; the call is taken as carried out");
            None
        }
        Value::String(code) => Some(code.clone()),
        value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            odd.note(record.path("errorCode"), format!("is {} where a string is expected: `{}`", kind(value), shorten_value(value)));
            Some(shorten_value(value))
        }
    }
}

/// Reads `backingKeysDeletionStatus`, a JSON string: `[{"keyHandle","backingKeyId","deletionStatus":"SUCCESS"|"FAILURE"}]`.
fn undeleted_backing_keys(additional: &Fields<'_>, odd: &mut Oddities) -> Option<String> {
    let field = "backingKeysDeletionStatus";
    let value = additional.value(field, odd)?.clone();
    let path = additional.path(field);
    let parsed = match &value {
        Value::String(text) => serde_json::from_str::<Value>(text).ok(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => Some(value.clone()),
    };
    let Some(Value::Array(keys)) = parsed else {
        odd.note(path, format!("is not a list of backing keys: `{}`", shorten_value(&value)));
        return None;
    };
    let is_deleted = |key: &&Value| key.get("deletionStatus").and_then(Value::as_str).is_some_and(|status| status == "SUCCESS");
    let left: Vec<_> = keys.iter().filter(|key| !is_deleted(key)).collect();
    if left.is_empty() {
        return None;
    }
    let handles = left.iter().filter_map(|key| key.get("keyHandle").map(shorten_value)).collect::<Vec<_>>().join(", ");
    let message = format!("{} of {} backing keys were not deleted (key handles: {})", left.len(), keys.len(), shorten(&handles));
    odd.note(path, format!("is the only place that reports a failure: {message}"));
    Some(message)
}

//! Reads back what was written: the whole of it, from under `unmapped.reprieve`.

use reprieve_core::audit::AuditEvent;
use reprieve_core::{Finding, Posture, Record};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{WireError, shorten, shorten_value};

/// What an event of an archive tells of.
#[derive(Debug, Clone, PartialEq)]
pub enum Read {
    /// A guard's decision: its intent or its outcome.
    Decision(Box<Record>),
    /// An entry of an audit log.
    Entry(Box<AuditEvent>),
    /// An anomaly.
    Finding(Box<Finding>),
    /// How things stood.
    Posture(Posture),
}

/// Reads an event back. What stands under `unmapped.reprieve` counts, and nothing else of it.
///
/// # Errors
/// When it was not written by this product, or cannot be understood any more: says which, with the event shortened.
pub fn read(event: &Value) -> Result<Read, WireError> {
    let refuse = |why: String| WireError::NotWrittenHere { why, input: shorten_value(event) };
    let whole = event.pointer("/unmapped/reprieve").ok_or_else(|| refuse("it has no such field".to_owned()))?;
    let has = |field: &str| whole.get(field).is_some();
    // Each has a required field that none of the others has.
    if has("phase") {
        return typed(whole).map(|record| Read::Decision(Box::new(record))).map_err(|why| refuse(format!("its decision: {why}")));
    }
    if has("found_at") {
        return typed(whole).map(|finding| Read::Finding(Box::new(finding))).map_err(|why| refuse(format!("its finding: {why}")));
    }
    if has("keys_monitored") {
        return typed(whole).map(Read::Posture).map_err(|why| refuse(format!("its posture: {why}")));
    }
    if has("log") {
        return typed(whole).map(|entry| Read::Entry(Box::new(entry))).map_err(|why| refuse(format!("its entry: {why}")));
    }
    Err(refuse("it is no decision, entry, finding or posture".to_owned()))
}

fn typed<T: DeserializeOwned>(whole: &Value) -> Result<T, String> {
    T::deserialize(whole).map_err(|error| shorten(&error.to_string()))
}

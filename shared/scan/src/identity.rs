//! The digest by which a record is told from others, wherever it was read and however it is written.
//!
//! It is that of the record's id, where it has one: its own `eventID`; in an envelope of `EventBridge` or an answer of
//! `cloudtrail lookup-events`, that of the record inside, so that a record has one digest in all of them. Of other records (Azure, Google
//! Cloud, and `CloudTrail`'s without an id) it is that of all their fields in the order of their names. What is no JSON has that of its text.

use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use crate::names::Names;

/// Returns the digest of a record, parsed only where its text does not tell for sure.
#[inline]
pub(crate) fn digest(record: &[u8], names: Names) -> u64 {
    names.id(record).map_or_else(|| of_text(record), xxh3_64)
}

/// Returns the digest of a record by parsing it.
pub(crate) fn of_text(record: &[u8]) -> u64 {
    let Ok(value) = serde_json::from_slice::<Value>(record) else { return xxh3_64(record.trim_ascii()) };
    let own = id(&value).map(str::to_owned);
    let inside = || id(value.get("detail")?).map(str::to_owned);
    let in_text = || id(&serde_json::from_str::<Value>(value.get("CloudTrailEvent")?.as_str()?).ok()?).map(str::to_owned);
    if let Some(id) = own.or_else(inside).or_else(in_text) {
        return xxh3_64(id.as_bytes());
    }
    let mut written = Vec::with_capacity(record.len());
    write(&value, &mut written);
    xxh3_64(&written)
}

fn id(value: &Value) -> Option<&str> {
    value.get("eventID").and_then(Value::as_str).filter(|id| !id.is_empty())
}

/// Writes a value in one form only: compactly, fields in the order of their names.
fn write(value: &Value, into: &mut Vec<u8>) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            into.push(b'{');
            for (name, value) in fields {
                write_scalar(name, into);
                into.push(b':');
                write(value, into);
                into.push(b',');
            }
            into.push(b'}');
        }
        Value::Array(items) => {
            into.push(b'[');
            for item in items {
                write(item, into);
                into.push(b',');
            }
            into.push(b']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => write_scalar(value, into),
    }
}

fn write_scalar(scalar: &(impl serde::Serialize + ?Sized), into: &mut Vec<u8>) {
    // Texts and numbers can always be written, and memory takes what is written to it.
    if serde_json::to_writer(&mut *into, scalar).is_err() {
        into.push(b'?');
    }
}

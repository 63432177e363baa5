//! Azure's JSON to the domain: what the Functions host sends, Event Grid, the Activity Log, vaults' audit logs.
//!
//! One input may hold many events, in lists within lists, some of them written as JSON texts: each is parsed on its own, so that one
//! that cannot be understood never loses the others. How deep and how much is read is bounded.

pub mod activity_log;
pub mod audit_event;
mod claims;
pub mod custom_handler;
pub mod event_grid;
mod outcome;
mod target;
mod unpack;

use reprieve_core::azure::ResourceId;
use reprieve_core::{Event, EventId};
use serde_json::{Map, Value};

pub use custom_handler::{Invocation, Kind, TimerCall, answer_json, parse_invocation};
pub(crate) use outcome::failure_of_server;
pub use outcome::has_only_begun;
pub use unpack::{Unpacked, unpack};

use crate::cloudtrail::derived_id;
use crate::error::{WireError, shorten};
use crate::fields::{Fields, Oddities};

/// The source of every event that the Activity Log tells of, itself or through Event Grid.
pub const ACTIVITY_SOURCE: &str = "Microsoft.Resources/ActivityLog";

const EXPECTED: &str = "an event of Event Grid, or a record of the Activity Log or of a vault's audit log";

/// One item of an input, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// Where the item stands, as a path into the input: `Data.events[2].records[0]`.
    pub at: String,
    /// The item as it came: what is put aside where the item cannot be handled.
    pub input: Value,
    /// The event.
    pub event: Result<Event, WireError>,
}

/// Parses one item: an event of Event Grid in either schema, a record of the Activity Log in either form, or a record of a vault's
/// audit log. `None` where it is no event: the handshake of a subscription to Event Grid, which the Functions host answers.
///
/// # Errors
/// When it is not a JSON object, or names no operation.
pub fn parse_item(value: &Value) -> Result<Option<Event>, WireError> {
    let object = value.as_object().ok_or_else(|| WireError::not_an_object(EXPECTED, value))?;
    if event_grid::is_event(object) {
        return event_grid::parse(value);
    }
    if audit_event::is_record(object) {
        return audit_event::parse(value).map(Some);
    }
    activity_log::parse(value).map(Some)
}

/// Parses everything that an input holds, such as a page of the Activity Log or a message of an event hub; handshakes are left out.
#[must_use]
pub fn parse_all(value: &Value) -> Vec<Parsed> {
    let parse = |Unpacked { at, item, input }| {
        let event = item.and_then(|item| parse_item(&item)).transpose()?;
        Some(Parsed { at, input, event })
    };
    unpack(value, "").into_iter().filter_map(parse).collect()
}

/// Returns the id that the provider gave, or one derived from these fields, or else from everything.
fn event_id(
    written: Option<String>,
    field: &str,
    parts: &[(&str, Option<&str>)],
    object: &Map<String, Value>,
    odd: &mut Oddities,
) -> EventId {
    if let Some(id) = written.as_deref().and_then(|text| EventId::parse(text).ok()) {
        return id;
    }
    if let Some(written) = written {
        odd.note(field, format!("is not an event id: `{}`; one is derived", shorten(&written)));
    }
    // Without its time, one call could not be told from the next.
    if parts.iter().any(|(name, part)| *name == "time" && part.is_none()) {
        return derived_id(object);
    }
    let parts = parts.iter().filter_map(|(name, part)| Some(((*name).to_owned(), Value::from((*part)?))));
    derived_id(&parts.collect())
}

/// Returns a text, or the `value` of `{value, localizedValue}`.
fn text_or_value(fields: &Fields<'_>, name: &str, odd: &mut Oddities) -> Option<String> {
    let is_object = fields.value(name, odd).is_some_and(Value::is_object);
    if is_object { fields.object(name, odd).text("value", odd) } else { fields.text(name, odd) }
}

/// Returns a text, or a number as its text: what Azure writes either way is no oddity.
fn text_or_number(fields: &Fields<'_>, name: &str, odd: &mut Oddities) -> Option<String> {
    let number = match fields.value(name, odd) {
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_)) | None => None,
    };
    number.or_else(|| fields.text(name, odd))
}

/// The namespace of a resource's provider, as it was written: `Microsoft.KeyVault`.
fn namespace(id: &ResourceId) -> Option<&str> {
    let position = id.canonical().rfind("/providers/")? + "/providers/".len();
    id.as_str().get(position..)?.split('/').next()
}

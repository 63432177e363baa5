//! What the Functions host posts to a custom handler, and what it takes as the answer.
//!
//! The host's request is `{"Data":{"BINDING":VALUE},"Metadata":{...}}`. What stands as VALUE depends on the trigger, its cardinality
//! and the host's version: an object, a list, a JSON text, or a JSON text of a JSON text. An answer that is no object, or whose parts
//! have other types, fails the invocation, so that it would be delivered again.
//! Source: <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers>

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::unpack::{Unpacked, read_fields, unpack};
use super::{Parsed, parse_item};
use crate::SweepCall;
use crate::cloudtrail::{derived_id, time};
use crate::error::{WireError, shorten_value};
use crate::fields::{Fields, Oddities};
use reprieve_core::EventId;

const EXPECTED: &str = "the request of the Functions host";
/// The largest request that is read, in bytes: the host's own limit is 100 MB.
const LARGEST_REQUEST_BYTES: usize = 100 * 1024 * 1024;

/// What the host asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// What it brings.
    pub kind: Kind,
    /// The id in the request's metadata (`sys.RandGuid`). The host's own id of the invocation stands in the header
    /// `X-Azure-Functions-InvocationId`.
    pub invocation_id: Option<String>,
    /// Where something stood that is no event, and nothing to be handled: the handshake of a subscription.
    pub skipped: Vec<String>,
}

/// What an invocation brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Events, each to be handled and answered for by itself.
    Events(Vec<Parsed>),
    /// The timer has fired.
    Timer(TimerCall),
}

/// A run of the timer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimerCall {
    /// The sweep that it asks for. Every run has its own id: a run too many does no harm, one that is left out does.
    pub sweep: SweepCall,
    /// The run is later than it was due.
    pub is_past_due: bool,
    /// When the run before was, where the host remembers.
    pub last: Option<Timestamp>,
}

/// The host's request, whose parts are skipped over, however deep they are nested.
#[derive(Deserialize)]
struct Parts<'a> {
    #[serde(borrow, rename = "Data")]
    data: BTreeMap<String, &'a RawValue>,
    #[serde(borrow, rename = "Metadata")]
    metadata: Option<&'a RawValue>,
}

/// Parses the body of the host's request.
///
/// # Errors
/// When it is too large, not JSON, or has no `Data`. Errors inside are each event's own, also where something is nested too deep.
pub fn parse_invocation(body: &[u8]) -> Result<Invocation, WireError> {
    if body.len() > LARGEST_REQUEST_BYTES {
        let input = format!("{} bytes", body.len());
        return Err(WireError::Container { expected: "a request of at most 100 MiB", input });
    }
    let value = serde_json::from_slice::<Value>(body)
        .or_else(|source| read_parts(body).ok_or_else(|| WireError::not_json(&beginning(body), &source)))?;
    parse_value(&value)
}

/// Reads each part of a request by itself. Metadata that cannot be read is left out: what the request brings counts without it.
fn read_parts(body: &[u8]) -> Option<Value> {
    let Parts { data, metadata } = serde_json::from_slice(body).ok()?;
    let metadata = metadata.and_then(|part| serde_json::from_str(part.get()).ok()).unwrap_or(Value::Null);
    Some(json!({ "Data": read_fields(data), "Metadata": metadata }))
}

/// Enough of the body to show.
fn beginning(body: &[u8]) -> String {
    String::from_utf8_lossy(body.get(..400).unwrap_or(body)).into_owned()
}

/// Parses the host's request, once it is read as JSON.
///
/// # Errors
/// When it is no object, or has no `Data`.
pub fn parse_value(value: &Value) -> Result<Invocation, WireError> {
    let object = value.as_object().ok_or_else(|| WireError::not_an_object(EXPECTED, value))?;
    let odd = &mut Oddities::default();
    let request = Fields::new(object, "");
    let data = request.object("Data", odd);
    let Some(bindings) = data.entries() else {
        let expected = "`Data` with what the trigger brings (the request of the Functions host)";
        return Err(WireError::Container { expected, input: shorten_value(value) });
    };
    let metadata = request.object("Metadata", odd);
    let system = metadata.object("sys", odd);
    let invocation_id = system.text("RandGuid", odd).or_else(|| metadata.text("InvocationId", odd));
    let mut events = Vec::new();
    let mut skipped = Vec::new();
    for Unpacked { at, item, input } in bindings.iter().flat_map(|(name, value)| unpack(value, &format!("Data.{name}"))) {
        // A timer is all that its binding brings: inside of a list, nothing is one.
        let is_whole = bindings.keys().any(|name| at.strip_prefix("Data.") == Some(name));
        if let Ok(Some(timer)) = item.as_ref().map(timer)
            && is_whole
        {
            let call = timer_call(&timer, &system, invocation_id.as_deref(), object);
            return Ok(Invocation { kind: Kind::Timer(call), invocation_id, skipped });
        }
        match item.and_then(|item| parse_item(&item)) {
            Ok(Some(event)) => events.push(Parsed { at, input, event: Ok(event) }),
            Ok(None) => skipped.push(at),
            Err(error) => events.push(Parsed { at, input, event: Err(error) }),
        }
    }
    Ok(Invocation { kind: Kind::Events(events), invocation_id, skipped })
}

/// A timer's payload has no event's fields and `IsPastDue`.
fn timer(item: &Value) -> Option<Fields<'_>> {
    let object = item.as_object()?;
    let has = |name: &str| object.keys().any(|key| key.eq_ignore_ascii_case(name));
    let is_timer = has("IsPastDue") && !["operationName", "eventType", "specversion", "data"].into_iter().any(has);
    is_timer.then(|| Fields::new(object, "timer"))
}

fn timer_call(timer: &Fields<'_>, system: &Fields<'_>, id: Option<&str>, request: &Map<String, Value>) -> TimerCall {
    let odd = &mut Oddities::default();
    let status = timer.object("ScheduleStatus", odd);
    let id = id.and_then(|id| EventId::parse(&format!("timer-{id}")).ok()).unwrap_or_else(|| derived_id(request));
    TimerCall {
        sweep: SweepCall { id, time: time::read(system, "UtcNow", odd) },
        is_past_due: timer.flag("IsPastDue", odd).unwrap_or(false),
        // A timer that has never run has the year 1 here.
        last: time::read(&status, "Last", odd).filter(|time| *time > Timestamp::UNIX_EPOCH),
    }
}

/// Writes the answer that the host takes: always an object with `Outputs`, `Logs` and `ReturnValue`, whatever there is to say.
#[must_use]
pub fn answer_json(outputs: Map<String, Value>, logs: &[String], return_value: Option<Value>) -> Value {
    let parts = [("Outputs", Value::Object(outputs)), ("Logs", json!(logs)), ("ReturnValue", return_value.unwrap_or(Value::Null))];
    Value::Object(parts.map(|(name, part)| (name.to_owned(), part)).into_iter().collect())
}

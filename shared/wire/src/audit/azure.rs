//! Records of Azure to audit entries: of the Activity Log, also as Event Grid tells of it, and of the audit logs of vaults and Managed
//! HSMs.
//!
//! Azure writes ids and operations in any letter case: they are compared in lower case, and kept as they were written. What Event Grid
//! tells of a service without a call is no entry of a log.

mod activity;
mod credential;
mod vault;

use reprieve_core::audit::{AuditEvent, Credential, Excerpt, Log};
use reprieve_core::azure::event::VAULT_SOURCE;
use reprieve_core::{CallOutcome, Event, EventForm};
use serde_json::{Map, Value};

use super::excerpt::{self, Allowed};
use super::{Parsed, clean, not_ours};
use crate::azure::{ACTIVITY_SOURCE, failure_of_server, parse_item};
use crate::error::WireError;
use crate::fields::{Fields, Oddities};

/// Fields of which a record of Azure has at least one.
const FIELDS: [&str; 3] = ["operationName", "authorization", "specversion"];

/// Says whether an object is a record of Azure, or an event of Event Grid.
pub(super) fn is_record(object: &Map<String, Value>) -> bool {
    let has = |name: &str| object.keys().any(|key| key.eq_ignore_ascii_case(name));
    FIELDS.iter().any(|name| has(name)) || (has("eventType") && (has("topic") || has("subject") || has("data")))
}

/// Parses a record.
pub(super) fn parse(value: &Value, object: &Map<String, Value>) -> Result<Parsed, WireError> {
    let Some(event) = parse_item(value)? else {
        return Ok(Parsed::NotOurs { source: "Microsoft.EventGrid".to_owned(), name: "(handshake of a subscription)".to_owned() });
    };
    let record = Fields::new(object, "");
    if event.source == VAULT_SOURCE {
        return Ok(vault::entry(event, &record));
    }
    // Event Grid has the record under `data`.
    let is_of_event_grid = !has_operation(&record);
    let data = record.object("data", &mut Oddities::default());
    let record = if is_of_event_grid { &data } else { &record };
    if event.source == ACTIVITY_SOURCE && event.form != EventForm::Native {
        return Ok(activity::entry(event, record));
    }
    Ok(not_ours(event))
}

fn has_operation(record: &Fields<'_>) -> bool {
    let odd = &mut Oddities::default();
    record.value("operationName", odd).is_some() || record.value("authorization", odd).is_some()
}

/// Returns a text, without noting what is odd: the parser of events has done so.
fn text(fields: &Fields<'_>, name: &str) -> Option<String> {
    fields.text(name, &mut Oddities::default())
}

/// Returns an object, without noting what is odd.
fn object<'a>(fields: &'a Fields<'_>, name: &str) -> Fields<'a> {
    fields.object(name, &mut Oddities::default())
}

fn excerpt_of(record: &Fields<'_>, allowed: &Allowed) -> Excerpt {
    let mut excerpt = Excerpt::new();
    if let Some(entries) = record.entries() {
        excerpt::add(entries, allowed, &mut excerpt);
    }
    excerpt
}

/// What is told of an event, beside what its parser says.
struct Told {
    operation: reprieve_core::audit::Operation,
    asset: Option<reprieve_core::audit::Asset>,
    credential: Credential,
    request: Excerpt,
    response: Excerpt,
}

fn entry(log: Log, mut event: Event, told: Told) -> Parsed {
    // The guard looks at what a call may have done though its server failed. For the record, such a call did not succeed.
    if let Some(code) = failure_of_server(&event) {
        event.outcome = CallOutcome::Refused { code, message: None };
    }
    let Told { operation, asset, credential, request, response } = told;
    let credential = clean::credential(credential);
    Parsed::Entry(Box::new(AuditEvent { log, event: clean::event(event), operation, asset, credential, request, response }))
}

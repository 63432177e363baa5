//! Google Cloud's JSON to the domain: audit log entries, and the `CloudEvents` and Pub/Sub messages that carry them.
//!
//! Method names appear short or fully qualified, so the last segment counts. An empty `status` means success. Enabling and disabling
//! a key version are the same method: the state that was asked for tells them apart. Nothing here decides.
//!
//! Sources: <https://docs.cloud.google.com/logging/docs/reference/audit/auditlog/rest/Shared.Types/AuditLog>,
//! <https://docs.cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry>, <https://docs.cloud.google.com/kms/docs/audit-logging>

pub mod delivery;
mod excerpt;
mod method;
mod outcome;
mod principal;
mod resource;

use reprieve_core::audit::{AuditEvent, Log, Operation};
use reprieve_core::{Details, Event, EventForm, EventId};
use serde_json::{Map, Value};

pub use delivery::{Delivered, Headers, parse_delivery};

use self::method::Method;
use crate::audit::{Parsed, clean};
use crate::cloudtrail::{derived_id, time};
use crate::error::{WireError, shorten_value};
use crate::fields::{Fields, Oddities};

const EXPECTED: &str = "an entry of Google Cloud Audit Logs";

/// The name under which entries hold an audit record.
const PAYLOAD: &str = "protoPayload";

/// Texts of which at least one is in every entry that is ours.
pub const NEEDLES: [&str; 5] = ["cloudkms", "google.cloud.kms", "secretmanager", "logging.googleapis.com", "monitoring.googleapis.com"];

/// Says whether this is an entry of Google Cloud Audit Logs, or a `CloudEvent` of Eventarc or a Pub/Sub message that carries one.
#[must_use]
pub fn is_entry(object: &Map<String, Value>) -> bool {
    delivery::is_log_entry(object) || delivery::is_envelope(object)
}

/// Parses an entry, also one in the envelope of Eventarc or Pub/Sub.
///
/// # Errors
/// When it is no JSON object, holds no audit record, or its envelope holds none.
pub fn parse_entry(value: &Value) -> Result<Parsed, WireError> {
    let opened = delivery::open(value)?;
    let object = opened.as_object().ok_or_else(|| WireError::not_an_object(EXPECTED, &opened))?;
    parse_object(object)
}

fn parse_object(object: &Map<String, Value>) -> Result<Parsed, WireError> {
    let mut odd = Oddities::default();
    let entry = Fields::new(object, "");
    let payload = entry.object(PAYLOAD, &mut odd);
    if !payload.is_present() {
        return Err(WireError::Container {
            expected: "an entry of Google Cloud Audit Logs with a `protoPayload`",
            input: shorten_value(&Value::Object(object.clone())),
        });
    }
    let request = payload.object("request", &mut odd);
    let response = payload.object("response", &mut odd);
    let named = NamedCall::read(&entry, &payload, &mut odd);
    let Some(method) = Method::of(&named.service, &named.method, &request, &response) else {
        return Ok(Parsed::NotOurs { source: named.service, name: named.method });
    };
    let resource = resource::read(&entry, &payload, &request, &response, &method, &mut odd);
    let time = time_of(&entry, &payload, &mut odd);
    let who = principal::read(&payload, &mut odd);
    let event = Event {
        id: entry_id(&entry, time.map(|time| time.to_string()), object, &mut odd),
        form: form(&entry),
        source: named.service,
        name: method.name,
        time,
        account: None,
        region: None,
        actor: who.actor,
        target: resource.target,
        outcome: outcome::read(&payload, &mut odd),
        details: details(method.operation, &request, &response, &mut odd),
        oddities: odd.into_vec(),
    };
    let mut asked = excerpt::request(&request);
    asked.extend(who.excerpt);
    Ok(Parsed::Entry(Box::new(AuditEvent {
        log: Log::GoogleCloudAudit,
        event: clean::event(event),
        operation: method.operation,
        asset: resource.asset,
        credential: clean::credential(who.credential),
        request: asked,
        response: excerpt::response(&response),
    })))
}

/// The service and the method, as they are written; where one is missing, what else names them.
struct NamedCall {
    service: String,
    method: String,
}

impl NamedCall {
    fn read(entry: &Fields<'_>, payload: &Fields<'_>, odd: &mut Oddities) -> Self {
        let method = payload.text("methodName", odd);
        let permission = || {
            let quiet = &mut Oddities::default();
            let items = payload.value("authorizationInfo", quiet)?.as_array()?;
            items.iter().find_map(|item| item.get("permission")?.as_str()).map(ToOwned::to_owned)
        };
        let service = payload.text("serviceName", odd).or_else(|| {
            let quiet = &mut Oddities::default();
            let kind = entry.object("resource", quiet).text("type", quiet);
            method.as_deref().and_then(method::service_of_method).or_else(|| method::service_of_resource(kind.as_deref()?))
        });
        let method = method.or_else(permission);
        Self { service: service.unwrap_or_else(|| "(no service)".to_owned()), method: method.unwrap_or_else(|| "(no method)".to_owned()) }
    }
}

/// When the call was made: the entry's time; else the request's own.
fn time_of(entry: &Fields<'_>, payload: &Fields<'_>, odd: &mut Oddities) -> Option<jiff::Timestamp> {
    let of_entry = time::read(entry, "timestamp", odd);
    if of_entry.is_some() {
        return of_entry;
    }
    odd.note("timestamp", "does not say when it happened");
    let metadata = payload.object("requestMetadata", odd);
    time::read(&metadata.object("requestAttributes", odd), "time", odd)
}

/// What Google does by itself is in a log of its own.
fn form(entry: &Fields<'_>) -> EventForm {
    let log = entry.text("logName", &mut Oddities::default()).unwrap_or_default();
    if log.ends_with("system_event") { EventForm::ServiceEvent } else { EventForm::ApiCall }
}

/// Returns the id of an entry. An `insertId` is unique only among the entries of one log and one time, so both are part of it
/// (<https://docs.cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry>).
fn entry_id(entry: &Fields<'_>, time: Option<String>, object: &Map<String, Value>, odd: &mut Oddities) -> EventId {
    let insert_id = entry.text("insertId", odd);
    let log = entry.text("logName", odd);
    let (Some(insert_id), Some(time)) = (insert_id, time) else {
        return derived_id(object);
    };
    let parts = [("insertId", insert_id.as_str()), ("logName", log.as_deref().unwrap_or_default()), ("timestamp", time.as_str())];
    let whole = derived_id(&parts.into_iter().map(|(name, part)| (name.to_owned(), Value::from(part))).collect());
    let is_plain = insert_id.len() <= 64 && insert_id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    let digits: String = whole.as_str().trim_start_matches("sha256-").chars().take(32).collect();
    let readable = is_plain.then(|| EventId::parse(&format!("{insert_id}-{digits}")).ok()).flatten();
    readable.unwrap_or(whole)
}

fn details(operation: Operation, request: &Fields<'_>, response: &Fields<'_>, odd: &mut Oddities) -> Details {
    let mut details = Details::default();
    // Later, `destroyTime` of a version that is gone is in the past: only the answer to its destruction is a deadline.
    if operation == Operation::Destroy {
        let field = if response.value("scheduledDestroyTime", odd).is_some() { "scheduledDestroyTime" } else { "destroyTime" };
        details.deletion_date = time::read(response, field, odd);
    }
    let key = request.object("cryptoKey", odd);
    if let Some(labels) = key.object("labels", odd).entries() {
        details.tag_keys = labels.keys().cloned().collect();
    }
    let seconds = key.text("rotationPeriod", odd).and_then(|text| text.trim_end_matches('s').parse::<f64>().ok());
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and a period is some days")]
    let days = seconds.map(|seconds| (seconds / 86_400.0).round() as u32);
    details.rotation_period_days = days;
    details
}

//! Events of Event Grid, in its own schema and as CNCF's `CloudEvents` 1.0: what the Activity Log says of a subscription's resources, and what
//! services say of themselves.
//!
//! `authorization`, `claims` and `httpRequest` come as objects or as JSON texts; a text that is none costs only what it would say.
//! Source: <https://learn.microsoft.com/azure/event-grid/event-schema-subscriptions>

use reprieve_core::azure::ResourceId;
use reprieve_core::{Actor, CallOutcome, Details, Event, EventForm, Target};
use serde_json::{Map, Value};

use super::{ACTIVITY_SOURCE, claims, event_id, outcome, target, text_or_value};
use crate::cloudtrail::time;
use crate::error::{WireError, shorten};
use crate::fields::{Fields, Oddities};

const EXPECTED: &str = "an event of Event Grid";
/// What the types of the Activity Log's events begin with: `Microsoft.Resources.ResourceWriteSuccess`.
const OF_RESOURCES: &str = "microsoft.resources.resource";
/// What Event Grid says of subscriptions to it.
const OF_EVENT_GRID: &str = "microsoft.eventgrid.subscription";

/// The names of one schema.
struct Schema {
    kind: &'static str,
    time: &'static str,
    topic: &'static str,
}

const EVENT_GRID: Schema = Schema { kind: "eventType", time: "eventTime", topic: "topic" };
const CLOUD_EVENTS: Schema = Schema { kind: "type", time: "time", topic: "source" };

/// Says whether an object is an event of either schema.
pub(super) fn is_event(object: &Map<String, Value>) -> bool {
    let has = |name: &str| object.keys().any(|key| key.eq_ignore_ascii_case(name));
    has("eventType") || has("specversion") || (has("type") && has("source") && has("data"))
}

/// Parses an event; `None` for the handshake of a subscription, which the Functions host answers by itself.
///
/// # Errors
/// When it is not a JSON object, or has no type.
pub fn parse(value: &Value) -> Result<Option<Event>, WireError> {
    let object = value.as_object().ok_or_else(|| WireError::not_an_object(EXPECTED, value))?;
    let mut odd = Oddities::default();
    let envelope = Fields::new(object, "");
    let is_cloud_event = envelope.value("eventType", &mut odd).is_none();
    let schema = if is_cloud_event { CLOUD_EVENTS } else { EVENT_GRID };
    let kind = envelope.text(schema.kind, &mut odd).ok_or_else(|| WireError::no_operation(EXPECTED, value))?;
    let usual = kind.to_ascii_lowercase();
    if usual.starts_with(OF_EVENT_GRID) {
        return Ok(None);
    }
    let time = time::read(&envelope, schema.time, &mut odd);
    if time.is_none() {
        odd.note(schema.time, "does not say when it happened");
    }
    let data = envelope.object("data", &mut odd);
    let said = if usual.starts_with(OF_RESOURCES) {
        of_resource(&envelope, &data, kind, &mut odd)
    } else {
        of_service(&envelope, &schema, &data, kind, &mut odd)
    };
    let written_time = envelope.text(schema.time, &mut Oddities::default());
    let written_id = envelope.text("id", &mut odd);
    let parts = [("time", written_time.as_deref()), ("name", Some(said.name.as_str())), ("target", Some(said.target.display_name()))];
    let id = event_id(written_id, "id", &parts, object, &mut odd);
    Ok(Some(Event {
        id,
        form: said.form,
        source: said.source,
        name: said.name,
        time,
        account: None,
        region: None,
        actor: said.actor,
        target: said.target,
        outcome: said.outcome,
        details: Details::default(),
        oddities: odd.into_vec(),
    }))
}

/// What an event says, besides its id and its time.
struct Said {
    form: EventForm,
    source: String,
    name: String,
    actor: Actor,
    target: Target,
    outcome: CallOutcome,
}

fn of_resource(envelope: &Fields<'_>, data: &Fields<'_>, kind: String, odd: &mut Oddities) -> Said {
    let authorization = data.object("authorization", odd);
    let operation = text_or_value(data, "operationName", odd).or_else(|| authorization.text("action", odd));
    let uri = data.text("resourceUri", odd);
    let subject = envelope.text("subject", odd);
    let target = target::of_fields([(data.path("resourceUri"), uri), (envelope.path("subject"), subject)], odd);
    let status = text_or_value(data, "status", odd);
    let outcome = outcome::of_words(&[status.as_deref().unwrap_or_default(), ending(&kind)], None, &data.path("status"), odd);
    let mut actor = claims::read(&data.object("claims", odd), odd);
    if let Some(address) = data.object("httpRequest", odd).text("clientIpAddress", odd) {
        actor.source_address = Some(claims::address(&address));
    }
    if actor.tenant_id.is_none() && actor.is_known() {
        actor.tenant_id = data.text("tenantId", odd);
    }
    let name = operation.unwrap_or_else(|| {
        odd.note(data.path("operationName"), "is missing; the event's type is its name");
        kind
    });
    Said { form: EventForm::ApiCall, source: ACTIVITY_SOURCE.to_owned(), name, actor, target, outcome }
}

/// How a type says that the call ended: `Failure` of `Microsoft.Resources.ResourceDeleteFailure`.
fn ending(kind: &str) -> &'static str {
    let usual = kind.to_ascii_lowercase();
    ["Failure", "Cancel"].into_iter().find(|ending| usual.ends_with(&ending.to_ascii_lowercase())).unwrap_or("Success")
}

/// A service's event about itself, such as `Microsoft.KeyVault.KeyNearExpiry`: a notice, of no call and of nobody.
fn of_service(envelope: &Fields<'_>, schema: &Schema, data: &Fields<'_>, kind: String, odd: &mut Oddities) -> Said {
    let topic = envelope.text(schema.topic, odd);
    let subject = envelope.text("subject", odd);
    let about = [&topic, &subject].into_iter().flatten().find_map(|text| ResourceId::parse(text).ok());
    let target = match about {
        Some(vault) if vault.is("Microsoft.KeyVault/vaults") => Target::Azure(part_of_vault(vault, data)),
        Some(resource) => Target::Azure(resource),
        None => topic.or(subject).map_or(Target::Unnamed, |name| Target::Named(shorten(&name))),
    };
    let source = kind.rsplit_once('.').map_or_else(|| kind.clone(), |(service, _)| service.to_owned());
    Said { form: EventForm::Native, source, name: kind, actor: Actor::unknown(), target, outcome: CallOutcome::Succeeded }
}

fn part_of_vault(vault: ResourceId, data: &Fields<'_>) -> ResourceId {
    let odd = &mut Oddities::default();
    let kind = match data.text("ObjectType", odd).map(|kind| kind.to_ascii_lowercase()).as_deref() {
        Some("key") => "keys",
        Some("secret") => "secrets",
        Some("certificate") => "certificates",
        Some(_) | None => return vault,
    };
    // Published events have a space behind the name of this field.
    let name = data.text("ObjectName", odd).or_else(|| data.text("ObjectName ", odd));
    let part = name.and_then(|name| ResourceId::parse(vault.child(kind, name.trim()).as_str()).ok());
    part.unwrap_or(vault)
}

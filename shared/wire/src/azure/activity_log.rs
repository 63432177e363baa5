//! Records of the Activity Log: as its REST API lists them, and as diagnostic settings export them; and records of other resource logs,
//! which have the same shape and pass through as events of their own source.
//!
//! Sources: <https://learn.microsoft.com/azure/azure-monitor/platform/activity-log-schema>,
//! <https://learn.microsoft.com/azure/azure-monitor/platform/resource-logs-schema>

use reprieve_core::{Actor, CallOutcome, Details, Event, EventForm, Target};
use serde_json::Value;

use super::{ACTIVITY_SOURCE, claims, event_id, namespace, outcome, target, text_or_number, text_or_value};
use crate::cloudtrail::time;
use crate::error::{WireError, shorten};
use crate::fields::{Fields, Oddities};

const EXPECTED: &str = "a record of the Activity Log";

/// The categories of the Activity Log that hold calls. Exported records once had the kind of the call as theirs.
const OF_CALLS: [&str; 5] = ["administrative", "write", "delete", "action", "policy"];
/// Its other categories.
const OF_SERVICES: [&str; 6] = ["servicehealth", "resourcehealth", "alert", "autoscale", "security", "recommendation"];

/// What exports the logs of resources; the source of a record that names no resource.
const MONITOR: &str = "Microsoft.Insights";

/// Parses a record.
///
/// # Errors
/// When it is not a JSON object, or names no operation.
pub fn parse(value: &Value) -> Result<Event, WireError> {
    let object = value.as_object().ok_or_else(|| WireError::not_an_object(EXPECTED, value))?;
    let mut odd = Oddities::default();
    let record = Fields::new(object, "");
    let identity = record.object("identity", &mut odd);
    let authorization = first_object([(&record, "authorization"), (&identity, "authorization")], &mut odd);
    let operation = text_or_value(&record, "operationName", &mut odd).or_else(|| authorization.text("action", &mut odd));
    let name = operation.ok_or_else(|| WireError::no_operation(EXPECTED, value))?;
    let properties = record.object("properties", &mut odd);
    let target = target(&record, &authorization, &mut odd);
    let (form, source) = form_and_source(&record, &name, &target, &mut odd);
    let field = if record.value("eventTimestamp", &mut odd).is_some() { "eventTimestamp" } else { "time" };
    let time = time::read(&record, field, &mut odd);
    if time.is_none() {
        odd.note(field, "does not say when it happened");
    }
    let results = Results::read(&record, &properties, &mut odd);
    let outcome = results.outcome(&record, &properties, &name, &mut odd);
    let actor = actor(&record, &identity, &mut odd);
    let quiet = &mut Oddities::default();
    let [written_time, correlation, operation_id] = [field, "correlationId", "operationId"].map(|name| record.text(name, quiet));
    let resource = target.azure().map_or_else(|| target.display_name(), |id| id.canonical());
    let parts = [
        ("time", written_time.as_deref()),
        ("operationName", Some(name.as_str())),
        ("resourceId", Some(resource)),
        ("correlationId", correlation.as_deref()),
        ("operationId", operation_id.as_deref()),
        ("status", results.status.as_deref()),
        ("signature", results.signature.as_deref()),
    ];
    let written_id = record.text("eventDataId", &mut odd);
    let id = event_id(written_id, "eventDataId", &parts, object, &mut odd);
    Ok(Event {
        id,
        form,
        source,
        name,
        time,
        account: None,
        region: None,
        actor,
        target,
        outcome,
        details: Details::default(),
        oddities: odd.into_vec(),
    })
}

/// The first of these that is there; else the lack of the last.
fn first_object<'a>(places: [(&'a Fields<'_>, &str); 2], odd: &mut Oddities) -> Fields<'a> {
    let [(first, name), (second, other)] = places;
    let found = first.object(name, odd);
    if found.is_present() { found } else { second.object(other, odd) }
}

/// The resource that the record is about; where it does not say, the scope that the call was authorized on.
fn target(record: &Fields<'_>, authorization: &Fields<'_>, odd: &mut Oddities) -> Target {
    let field = if record.value("resourceId", odd).is_some() { "resourceId" } else { "resourceUri" };
    let resource = record.text(field, odd);
    let scope = authorization.text("scope", odd);
    target::of_fields([(record.path(field), resource), (authorization.path("scope"), scope)], odd)
}

fn form_and_source(record: &Fields<'_>, name: &str, target: &Target, odd: &mut Oddities) -> (EventForm, String) {
    let activity = || ACTIVITY_SOURCE.to_owned();
    let service = target.azure().and_then(namespace);
    let Some(category) = text_or_value(record, "category", odd) else {
        // Calls of the resource manager are paths: `Microsoft.KeyVault/vaults/delete`.
        let source = if name.contains('/') { activity() } else { service.unwrap_or(MONITOR).to_owned() };
        return (EventForm::ApiCall, source);
    };
    let usual = category.to_ascii_lowercase();
    if OF_CALLS.contains(&usual.as_str()) {
        return (EventForm::ApiCall, activity());
    }
    if OF_SERVICES.contains(&usual.as_str()) {
        return (EventForm::ServiceEvent, activity());
    }
    (EventForm::ApiCall, format!("{}/{category}", service.unwrap_or(MONITOR)))
}

/// What a record says of how the call ended.
struct Results {
    status: Option<String>,
    sub_status: Option<String>,
    signature: Option<String>,
    code: Option<String>,
}

impl Results {
    fn read(record: &Fields<'_>, properties: &Fields<'_>, odd: &mut Oddities) -> Self {
        let [listed, exported] = outcome::STATUS_FIELDS;
        Self {
            status: text_or_value(record, listed, odd).or_else(|| text_or_number(record, exported, odd)),
            sub_status: text_or_value(record, "subStatus", odd),
            signature: text_or_number(record, "resultSignature", odd),
            code: text_or_number(properties, "statusCode", odd).or_else(|| text_or_number(record, "statusCode", odd)),
        }
    }

    fn outcome(&self, record: &Fields<'_>, properties: &Fields<'_>, name: &str, odd: &mut Oddities) -> CallOutcome {
        let message = record.text("resultDescription", odd).or_else(|| properties.text("statusMessage", odd));
        // That nothing is found any more is how a deletion ends that goes on after its call was answered.
        let is_said_to_succeed = self.status.as_deref().is_some_and(|status| status.to_ascii_lowercase().starts_with("succe"));
        let is_deletion = is_said_to_succeed && name.to_ascii_lowercase().ends_with("/delete");
        let is_gone = |word: &str| word == "404" || word.to_ascii_lowercase().ends_with("notfound");
        let words = [&self.status, &self.sub_status, &self.signature, &self.code].into_iter().flatten().map(String::as_str);
        let words: Vec<&str> = words.filter(|word| !(is_deletion && is_gone(word))).collect();
        let outcome = outcome::of_words(&words, message.map(|text| shorten(&text)), "status", odd);
        if is_said_to_succeed && outcome != CallOutcome::Succeeded {
            odd.note("status", "says success of a call that was refused");
        }
        outcome
    }
}

fn actor(record: &Fields<'_>, identity: &Fields<'_>, odd: &mut Oddities) -> Actor {
    let mut claims = record.object("claims", odd);
    for name in ["claims", "claim"] {
        if !claims.is_present() {
            claims = identity.object(name, odd);
        }
    }
    let caller = record.text("caller", odd);
    let mut actor = claims::with_caller(claims::read(&claims, odd), caller.as_deref(), "caller", odd);
    let request = record.object("httpRequest", odd);
    let address = record.text("callerIpAddress", odd).or_else(|| request.text("clientIpAddress", odd));
    if let Some(address) = address {
        actor.source_address = Some(claims::address(&address));
    }
    if actor.tenant_id.is_none() && actor.is_known() {
        actor.tenant_id = record.text("tenantId", odd);
    }
    actor
}

//! Audit records to OCSF 1.8.0 events, with the cloud profile.
//!
//! | record | class | `activity_id` | `status_id` |
//! |---|---|---|---|
//! | intent | Remediation Activity 7001 | 3 Restore | 99, `status` = `Pending` |
//! | outcome of a remedy | Remediation Activity 7001 | 3 Restore | 1 success, 2 failure, 3 does not exist, 4 partial, 5 unsupported; 99 with `status` = `Observed` in mode observe |
//! | outcome of an escalation | Detection Finding 2004 | 1 Create | 1 New |
//! | outcome where nothing was to be done | API Activity 6003, the call that was seen | by the call: 1 create, 2 read, 3 update, 4 delete, 99 other | 1 success, 2 failure (the call was refused) |
//!
//! On Azure, `cloud.account` is the subscription, `cloud.org` the caller's tenant, and a resource's `uid` its resource id.
//!
//! `command_uid` is the event's id: the same in its intent and in the outcome of every attempt. `severity_id` is the decision's; an intent has none yet (0).
//! The caller of the offending call stands in `actor` (6003), in `evidences` (2004), and in `observables` (all). Nothing is lost: the
//! whole record stands under `unmapped.reprieve`. `time` is when the record was made, in epoch milliseconds; for API Activity, and for
//! `finding_info.first_seen_time`, when the call was made, where that is known.

mod azure;
mod seen;

use reprieve_core::{Decision, Phase, Record, Severity, Status, Target, Threat};
use serde_json::{Map, Value, json};

const SCHEMA_VERSION: &str = "1.8.0";
const OTHER: u8 = 99;

/// An OCSF enumeration's value: the id and its caption.
type Coded = (u8, &'static str);

/// A class, and what this record says in it.
struct Classified {
    class: (u16, &'static str),
    category: Coded,
    activity: Coded,
    status: Coded,
}

/// Writes a record as an OCSF event. The same record always gives the same JSON, keys in the same order.
#[must_use]
pub fn record_json(record: &Record) -> Value {
    let classified = classify(record);
    let mut event = base(record, &classified);
    match classified.category.0 {
        2 => event.extend(finding(record)),
        6 => event.extend(api_activity(record)),
        _ => event.extend(remediation(record)),
    }
    sorted(Value::Object(event))
}

fn classify(record: &Record) -> Classified {
    let remediation =
        |status| Classified { class: (7001, "Remediation Activity"), category: (7, "Remediation"), activity: (3, "Restore"), status };
    match (record.phase, &record.decision) {
        (Phase::Intent, _) | (Phase::Outcome, None) => remediation((OTHER, "Pending")),
        (Phase::Outcome, Some(Decision::Remedy { .. })) => remediation(remediation_status(record.status)),
        (Phase::Outcome, Some(Decision::Escalate { .. })) => {
            Classified { class: (2004, "Detection Finding"), category: (2, "Findings"), activity: (1, "Create"), status: (1, "New") }
        }
        (Phase::Outcome, Some(Decision::Stand { .. })) => Classified {
            class: (6003, "API Activity"),
            category: (6, "Application Activity"),
            activity: seen::activity(&record.event),
            status: seen::status(&record.event.outcome),
        },
    }
}

const fn remediation_status(status: Status) -> Coded {
    match status {
        Status::Success => (1, "Success"),
        Status::Failure => (2, "Failure"),
        Status::DoesNotExist => (3, "Does Not Exist"),
        Status::Partial => (4, "Partial"),
        Status::Unsupported => (5, "Unsupported"),
        Status::Pending => (OTHER, "Pending"),
        Status::NothingToDo => (OTHER, "Nothing To Do"),
        Status::Observed => (OTHER, "Observed"),
        Status::Escalated => (OTHER, "Escalated"),
    }
}

fn base(record: &Record, classified: &Classified) -> Map<String, Value> {
    let Classified { class, category, activity, status } = classified;
    let severity = record.decision.as_ref().map(|decision| decision.why().severity);
    let time = match (category.0, record.event.time) {
        (6, Some(time)) => time,
        _ => record.recorded_at,
    };
    let mut event = object(json!({
        "class_uid": class.0,
        "class_name": class.1,
        "category_uid": category.0,
        "category_name": category.1,
        "activity_id": activity.0,
        "activity_name": activity.1,
        "type_uid": u32::from(class.0) * 100 + u32::from(activity.0),
        "type_name": format!("{}: {}", class.1, activity.1),
        "severity_id": severity.map_or(0, Severity::ocsf_id),
        "severity": severity.map_or("Unknown", Severity::caption),
        "status_id": status.0,
        "status": status.1,
        "time": time.as_millisecond(),
        "metadata": metadata(record),
        "cloud": seen::cloud(record),
        "message": message(record),
        "observables": seen::observables(&record.event),
        "unmapped": { "reprieve": whole(record) },
    }));
    if let Some(detail) = status_detail(record) {
        event.insert("status_detail".to_owned(), detail.into());
    }
    event
}

fn metadata(record: &Record) -> Value {
    let mut metadata = object(json!({
        "version": SCHEMA_VERSION,
        "product": product(),
        "profiles": ["cloud"],
        "uid": record.id(),
        "correlation_uid": record.event.id.as_str(),
        "event_code": record.event.name,
        "logged_time": record.recorded_at.as_millisecond(),
    }));
    if let Some(time) = record.event.time {
        metadata.insert("original_time".to_owned(), time.to_string().into());
    }
    metadata.into()
}

fn product() -> Value {
    json!({ "name": "Reprieve", "vendor_name": "Reprieve", "version": env!("CARGO_PKG_VERSION") })
}

fn message(record: &Record) -> String {
    record.decision.as_ref().map_or_else(
        || format!("About to decide on `{}` of `{}`; at most: {}", record.event.name, record.event.target.display_name(), at_most(record)),
        |decision| decision.why().sentence.clone(),
    )
}

fn at_most(record: &Record) -> String {
    if record.considering.steps.is_empty() { "nothing but a look.".to_owned() } else { format!("{}.", record.considering) }
}

/// The first step that did not succeed, in the provider's words.
fn status_detail(record: &Record) -> Option<String> {
    let failed = record.steps.iter().find(|step| !step.result.is_success())?;
    let result = serde_json::to_value(&failed.result).ok()?;
    let said = result.get("error").or_else(|| result.get("result"))?.as_str()?;
    Some(format!("{}: {said}", failed.step.name()))
}

/// Remediation Activity's own attributes.
fn remediation(record: &Record) -> Map<String, Value> {
    let plan = record.decision.as_ref().and_then(Decision::plan).unwrap_or(&record.considering);
    object(json!({
        "command_uid": record.event.id.as_str(),
        "countermeasures": [{ "d3f_tactic": { "name": "Restore", "src_url": "https://d3fend.mitre.org/tactic/d3f:Restore/" } }],
        "remediation": { "desc": if plan.steps.is_empty() { "nothing but a look".to_owned() } else { plan.to_string() } },
    }))
}

/// Detection Finding's own attributes.
fn finding(record: &Record) -> Map<String, Value> {
    let title = match (&record.event.target, record.threat) {
        (Target::Azure(id), _) => azure::title(&record.event.name, id),
        (target, Some(threat)) => format!("{} {}", target.display_name(), threat.phrase()),
        (Target::Key(_) | Target::KeyStore(_) | Target::Google(_) | Target::Named(_) | Target::Unnamed, None) => record.event.name.clone(),
    };
    let mut info = object(json!({
        "uid": record.event.id.as_str(),
        "title": title,
        "desc": message(record),
        "created_time": record.recorded_at.as_millisecond(),
        "product": product(),
        "types": record.threat.map(Threat::as_str).into_iter().collect::<Vec<_>>(),
        "data_sources": [record.event.source],
    }));
    if let Some(time) = record.event.time {
        info.insert("first_seen_time".to_owned(), time.as_millisecond().into());
    }
    object(json!({
        "finding_info": info,
        "is_alert": true,
        "resources": seen::resources(&record.event.target),
        "evidences": [{
            "actor": seen::actor(&record.event.actor),
            "api": seen::api(&record.event),
            "src_endpoint": seen::source_endpoint(&record.event.actor),
        }],
    }))
}

/// API Activity's own attributes.
fn api_activity(record: &Record) -> Map<String, Value> {
    let mut attributes = object(json!({
        "actor": seen::actor(&record.event.actor),
        "api": seen::api(&record.event),
        "src_endpoint": seen::source_endpoint(&record.event.actor),
        "resources": seen::resources(&record.event.target),
    }));
    if let Some(agent) = &record.event.actor.user_agent {
        attributes.insert("http_request".to_owned(), json!({ "user_agent": agent }));
    }
    attributes
}

/// The whole record, as the domain writes it.
fn whole(record: &Record) -> Value {
    serde_json::to_value(record).unwrap_or_else(|error| json!({ "error": format!("the record could not be written: {error}") }))
}

/// Takes the fields of an object literal.
fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

/// Puts the keys of every object in order, whichever map `serde_json` was built with.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut entries: Vec<(String, Value)> = object.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            entries.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

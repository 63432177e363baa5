//! A guard's decision: its intent, and its outcome in the class that says what came of it.
//!
//! `command_uid` is the event's id: the same in its intent and in the outcome of every attempt. `severity_id` is the decision's; an
//! intent has none yet (0). The caller of the offending call stands in `actor` (6003), in `evidences` (2004), and in `observables`
//! (all). `time` is when the record was made, in epoch milliseconds; for API Activity, and for `finding_info.first_seen_time`, when the
//! call was made, where that is known.

use reprieve_core::audit::Excerpt;
use reprieve_core::{Decision, Phase, Record, Status, Target, Threat};
use serde_json::{Map, Value, json};

use super::frame::{API_ACTIVITY, DETECTION_FINDING, Frame, REMEDIATION_ACTIVITY, fields, metadata, object, reprieve};
use super::{Coded, OTHER, azure, observe, seen};

/// Writes a record as an OCSF event. The same record always gives the same JSON, keys in the same order.
#[must_use]
pub fn record_json(record: &Record) -> Value {
    let severity = record.decision.as_ref().map(|decision| decision.why().severity);
    let frame = |class, activity, status, time: jiff::Timestamp| Frame {
        class,
        activity,
        status,
        severity,
        time: time.as_millisecond(),
        message: message(record),
        metadata: metadata_of(record),
        cloud: seen::cloud_of_record(record),
    };
    let (frame, mut own) = match (record.phase, &record.decision) {
        (Phase::Intent, _) | (Phase::Outcome, None) => {
            (frame(&REMEDIATION_ACTIVITY, (3, "Restore"), (OTHER, "Pending"), record.recorded_at), remediation(record))
        }
        (Phase::Outcome, Some(Decision::Remedy { .. })) => {
            (frame(&REMEDIATION_ACTIVITY, (3, "Restore"), remediation_status(record.status), record.recorded_at), remediation(record))
        }
        (Phase::Outcome, Some(Decision::Escalate { .. })) => {
            (frame(&DETECTION_FINDING, (1, "Create"), (1, "New"), record.recorded_at), finding(record))
        }
        (Phase::Outcome, Some(Decision::Stand { .. })) => {
            let time = record.event.time.unwrap_or(record.recorded_at);
            let (activity, status) = (seen::activity(&record.event), seen::status(&record.event.outcome));
            (frame(&API_ACTIVITY, activity, status, time), seen::api_activity(&record.event))
        }
    };
    if let Some(detail) = status_detail(record) {
        own.insert("status_detail".to_owned(), detail.into());
    }
    frame.write(own, record)
}

const fn remediation_status(status: Status) -> Coded<'static> {
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

fn metadata_of(record: &Record) -> Map<String, Value> {
    let mut metadata = metadata(&reprieve(), &record.id());
    metadata.extend(fields([
        ("correlation_uid", Some(record.event.id.as_str().into())),
        ("event_code", Some(record.event.name.as_str().into())),
        ("logged_time", Some(record.recorded_at.as_millisecond().into())),
        ("original_time", record.event.time.map(|time| time.to_string().into())),
    ]));
    metadata
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
        "observables": observe::of_event(&record.event),
    }))
}

/// Detection Finding's own attributes.
fn finding(record: &Record) -> Map<String, Value> {
    let title = match (&record.event.target, record.threat) {
        (Target::Azure(id), _) => azure::title(&record.event.name, id),
        (target, Some(threat)) => format!("{} {}", target.display_name(), threat.phrase()),
        (Target::Key(_) | Target::KeyStore(_) | Target::Google(_) | Target::Named(_) | Target::Unnamed, None) => record.event.name.clone(),
    };
    let info = fields([
        ("uid", Some(record.event.id.as_str().into())),
        ("title", Some(title.into())),
        ("desc", Some(message(record).into())),
        ("created_time", Some(record.recorded_at.as_millisecond().into())),
        ("first_seen_time", record.event.time.map(|time| time.as_millisecond().into())),
        ("product", Some(reprieve())),
        ("types", Some(record.threat.map(Threat::as_str).into_iter().collect::<Vec<_>>().into())),
        ("data_sources", Some(json!([record.event.source]))),
    ]);
    let nothing = Excerpt::new();
    let evidence = fields([
        ("actor", Some(seen::actor(&record.event.actor, None))),
        ("api", Some(seen::api(&record.event, &nothing, &nothing))),
        ("http_request", seen::http_request(&record.event.actor)),
        ("src_endpoint", Some(seen::source_endpoint(&record.event.actor))),
    ]);
    object(json!({
        "finding_info": info,
        "is_alert": true,
        "resources": seen::resources(&record.event),
        "evidences": [evidence],
        "observables": observe::of_event(&record.event),
    }))
}

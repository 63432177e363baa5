//! An EventBridge envelope: CloudTrail's records in it, KMS's own events, and the schedule's call to sweep.
//!
//! What the envelope knows fills in what a record leaves out, and is noted. Events of other services pass through as events.

use reprieve_core::{AccountId, Actor, CallOutcome, Details, Event, EventForm, EventId, Region};
use serde_json::{Map, Value};

use crate::cloudtrail::{KMS, Surroundings, derived_id, parse_record_within, target, time};
use crate::error::{WireError, shorten, shorten_value};
use crate::fields::{Fields, Oddities};
use crate::{Sighting, SweepCall};

const EXPECTED: &str = "an EventBridge envelope";

/// Parses an EventBridge envelope.
///
/// # Errors
/// When it is not a JSON object, names no event, or says that it carries a CloudTrail record and does not.
pub fn parse_envelope(value: &Value) -> Result<Sighting, WireError> {
    let object = value.as_object().ok_or_else(|| WireError::not_an_object(EXPECTED, value))?;
    let mut odd = Oddities::default();
    let envelope = Fields::new(object, "");
    let detail_type = ["detail-type", "detailType"].iter().find_map(|name| envelope.text(name, &mut odd));
    let detail = envelope.object("detail", &mut odd);
    let carries_record = detail.text("eventName", &mut Oddities::default()).is_some();
    let Some(detail_type) = detail_type else {
        if !carries_record {
            return Err(WireError::no_name(EXPECTED, value));
        }
        odd.note("detail-type", "is missing; the detail is a CloudTrail record");
        return record(object, &envelope, "", odd).ok_or_else(|| WireError::no_name(EXPECTED, value));
    };
    if carries_record {
        return record(object, &envelope, &detail_type, odd).ok_or_else(|| WireError::no_name(EXPECTED, value));
    }
    if detail_type.ends_with("via CloudTrail") {
        let input = object.get("detail").map(shorten_value).unwrap_or_default();
        return Err(WireError::NoRecord { detail_type: shorten(&detail_type), input });
    }
    if is_sweep(&detail_type, &envelope, &detail) {
        let time = time::read(&envelope, "time", &mut odd);
        return Ok(Sighting::Sweep(SweepCall { id: envelope_id(&envelope, object, &mut odd), time }));
    }
    Ok(Sighting::Event(Box::new(native(object, &envelope, detail_type, odd))))
}

/// A schedule says `{"task":"sweep"}`; a plain scheduled rule can only mean the same.
fn is_sweep(detail_type: &str, envelope: &Fields<'_>, detail: &Fields<'_>) -> bool {
    let odd = &mut Oddities::default();
    let task = detail.text("task", odd);
    let source = envelope.text("source", odd);
    detail_type == "Scheduled Event"
        && (task.as_deref() == Some("sweep") || (task.is_none() && matches!(source.as_deref(), Some("aws.events" | "aws.scheduler"))))
}

fn record(object: &Map<String, Value>, envelope: &Fields<'_>, detail_type: &str, mut odd: Oddities) -> Option<Sighting> {
    let surroundings = Surroundings {
        account: account(envelope),
        region: region(envelope),
        time: time::read(envelope, "time", &mut odd),
        source: envelope.text("source", &mut odd).map(|source| as_cloudtrail_source(&source)),
        is_service_event: detail_type == "AWS Service Event via CloudTrail",
    };
    let written = object.get("detail");
    let from_text = written.and_then(Value::as_str).and_then(|text| serde_json::from_str::<Value>(text).ok());
    let detail = written.and_then(Value::as_object).or_else(|| from_text.as_ref()?.as_object())?;
    parse_record_within(detail, "detail", &surroundings, odd).map(|event| Sighting::Event(Box::new(event)))
}

fn native(object: &Map<String, Value>, envelope: &Fields<'_>, name: String, mut odd: Oddities) -> Event {
    let account = account(envelope);
    let region = region(envelope);
    let source = envelope.text("source", &mut odd).unwrap_or_else(|| {
        odd.note("source", "is missing");
        "unknown".to_owned()
    });
    let time = time::read(envelope, "time", &mut odd);
    if envelope.value("time", &mut odd).is_none() {
        odd.note("time", "is missing: when it happened is not known");
    }
    let target = if source == "aws.kms" {
        target::of_native_event(envelope, account.as_ref(), region.as_ref(), &mut odd)
    } else {
        target::of_foreign_event(envelope, &mut odd)
    };
    Event {
        id: envelope_id(envelope, object, &mut odd),
        form: EventForm::Native,
        source,
        name,
        time,
        account,
        region,
        actor: Actor::unknown(),
        target,
        outcome: CallOutcome::Succeeded,
        details: Details::default(),
        oddities: odd.into_vec(),
    }
}

/// The envelope says `aws.kms` where CloudTrail says `kms.amazonaws.com`.
fn as_cloudtrail_source(source: &str) -> String {
    match source.strip_prefix("aws.") {
        Some("kms") => KMS.to_owned(),
        Some(service) => format!("{service}.amazonaws.com"),
        None => source.to_owned(),
    }
}

fn account(envelope: &Fields<'_>) -> Option<AccountId> {
    AccountId::parse(&envelope.text("account", &mut Oddities::default())?).ok()
}

fn region(envelope: &Fields<'_>) -> Option<Region> {
    Region::parse(&envelope.text("region", &mut Oddities::default())?).ok()
}

fn envelope_id(envelope: &Fields<'_>, object: &Map<String, Value>, odd: &mut Oddities) -> EventId {
    let written = envelope.text("id", odd);
    written.as_deref().and_then(|text| EventId::parse(text).ok()).unwrap_or_else(|| {
        odd.note("id", "is missing or not an event id; an id is derived from the whole event");
        derived_id(object)
    })
}

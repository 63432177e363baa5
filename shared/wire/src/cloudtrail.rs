//! A CloudTrail record, in any published shape, to an [`Event`].
//!
//! A record is parsed as far as it goes. Only what is no object, or names no event, is refused. A key is never guessed: where the
//! record names none by its id, the target says so.

mod details;
mod identity;
mod outcome;
pub(crate) mod target;
pub(crate) mod time;

use jiff::Timestamp;
use reprieve_core::{AccountId, Event, EventForm, EventId, Region};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::error::{WireError, shorten};
use crate::fields::{Fields, Oddities};

const EXPECTED: &str = "a CloudTrail record";
/// The service whose events are looked at closely.
pub(crate) const KMS: &str = "kms.amazonaws.com";

/// Calls that no other service has: where a record does not name its service, these are still answered.
const KMS_ONLY: [&str; 8] = [
    "ScheduleKeyDeletion",
    "CancelKeyDeletion",
    "DisableKey",
    "EnableKey",
    "DisableKeyRotation",
    "EnableKeyRotation",
    "DeleteImportedKeyMaterial",
    "DisconnectCustomKeyStore",
];

/// What an envelope around a record knows; used only where the record itself does not say.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    pub(crate) account: Option<AccountId>,
    pub(crate) region: Option<Region>,
    pub(crate) time: Option<Timestamp>,
    /// The service, as CloudTrail names it.
    pub(crate) source: Option<String>,
    /// The envelope says that the service acted by itself.
    pub(crate) is_service_event: bool,
}

/// Parses a CloudTrail record.
///
/// # Errors
/// When it is not a JSON object, or has no `eventName`.
pub fn parse_record(value: &Value) -> Result<Event, WireError> {
    let object = value.as_object().ok_or_else(|| WireError::not_an_object(EXPECTED, value))?;
    parse_record_within(object, "", &Surroundings::default(), Oddities::default()).ok_or_else(|| WireError::no_name(EXPECTED, value))
}

/// Parses a record that stands at `path`; `None` where it names no event.
pub(crate) fn parse_record_within(
    object: &Map<String, Value>,
    path: &str,
    surroundings: &Surroundings,
    mut odd: Oddities,
) -> Option<Event> {
    let record = Fields::new(object, path);
    let name = record.text("eventName", &mut odd)?;
    check_version(&record, &mut odd);
    let form = form(&record, surroundings, &mut odd);
    let time = event_time(&record, surroundings, &mut odd);
    let region = region(&record, surroundings, &mut odd);
    let request = record.object("requestParameters", &mut odd);
    let response = record.object("responseElements", &mut odd);
    let additional = record.object("additionalEventData", &mut odd);
    let resources = target::Resources::read(&record, &mut odd);
    let source = source(&record, surroundings, &name, &resources, &mut odd);
    let actor = identity::read(&record, form, &mut odd);
    let outcome = outcome::read(&record, &additional, &name, &mut odd);
    let account = account(&record, &mut odd).or_else(|| actor.account.clone()).or_else(|| surroundings.account.clone());
    let call = target::Call {
        record: &record,
        source: &source,
        name: &name,
        request: &request,
        response: &response,
        resources: &resources,
        region: region.as_ref(),
        account: account.as_ref(),
        actor: &actor,
        outcome: &outcome,
    };
    let target = if source == KMS { target::of_kms_call(&call, &mut odd) } else { target::of_other_call(&call, &mut odd) };
    // Not needed for anything, but published logs hold it as a string.
    let _read_only = record.flag("readOnly", &mut odd);
    let details = details::read(&source, &request, &response, &additional, &mut odd);
    let id = event_id(&record, object, &mut odd);
    Some(Event { id, form, source, name, time, account, region, actor, target, outcome, details, oddities: odd.into_vec() })
}

/// Versions compare as numbers ("1.11" is newer than "1.9"); any minor version of 1 is understood.
fn check_version(record: &Fields<'_>, odd: &mut Oddities) {
    let path = record.path("eventVersion");
    let Some(version) = record.text("eventVersion", odd) else {
        odd.note(path, "is missing");
        return;
    };
    let mut parts = version.split('.').map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(1)), None | Some(Ok(_))) => {}
        (Some(Ok(major)), None | Some(Ok(_))) => {
            odd.note(path, format!("is of the unknown major version {major}: `{}`", shorten(&version)));
        }
        _ => odd.note(path, format!("is not a version: `{}`", shorten(&version))),
    }
}

fn form(record: &Fields<'_>, surroundings: &Surroundings, odd: &mut Oddities) -> EventForm {
    let declared = record.text("eventType", odd);
    let form = match declared.as_deref() {
        Some("AwsServiceEvent") => EventForm::ServiceEvent,
        None if surroundings.is_service_event => EventForm::ServiceEvent,
        None => {
            odd.note(record.path("eventType"), "is missing");
            EventForm::ApiCall
        }
        Some("AwsApiCall" | "AwsConsoleAction" | "AwsConsoleSignIn" | "AwsConsoleSignin" | "AwsVpceEvent" | "AwsCloudTrailInsight") => {
            EventForm::ApiCall
        }
        Some(other) => {
            odd.note(record.path("eventType"), format!("is of an unknown kind: `{}`", shorten(other)));
            EventForm::ApiCall
        }
    };
    if surroundings.is_service_event && form != EventForm::ServiceEvent {
        odd.note(record.path("eventType"), "is not `AwsServiceEvent`, but the envelope is `AWS Service Event via CloudTrail`");
    }
    form
}

fn event_time(record: &Fields<'_>, surroundings: &Surroundings, odd: &mut Oddities) -> Option<Timestamp> {
    let written = record.value("eventTime", odd).is_some();
    let time = time::read(record, "eventTime", odd);
    if time.is_some() {
        return time;
    }
    match (written, surroundings.time) {
        (_, Some(_)) => odd.note(record.path("eventTime"), "does not say when it happened; the envelope's time is used"),
        (false, None) => odd.note(record.path("eventTime"), "is missing: when it happened is not known"),
        (true, None) => {}
    }
    surroundings.time
}

fn region(record: &Fields<'_>, surroundings: &Surroundings, odd: &mut Oddities) -> Option<Region> {
    let written = record.text("awsRegion", odd);
    let region = written.as_deref().and_then(|text| Region::parse(text).ok());
    if region.is_some() {
        return region;
    }
    let what = written.map_or_else(|| "is missing".to_owned(), |text| format!("is not a Region: `{}`", shorten(&text)));
    let instead = if surroundings.region.is_some() { "; the envelope's Region is used" } else { "" };
    odd.note(record.path("awsRegion"), format!("{what}{instead}"));
    surroundings.region.clone()
}

/// The account that received the record; for a key, only a way to complete its id.
fn account(record: &Fields<'_>, odd: &mut Oddities) -> Option<AccountId> {
    read_account(record, "recipientAccountId", odd)
}

/// Reads an account id and notes one that is none, or of unusual length.
pub(crate) fn read_account(fields: &Fields<'_>, name: &str, odd: &mut Oddities) -> Option<AccountId> {
    let text = fields.text(name, odd)?;
    let Ok(account) = AccountId::parse(&text) else {
        odd.note(fields.path(name), format!("is not an account id: `{}`", shorten(&text)));
        return None;
    };
    if text.len() != 12 {
        odd.note(fields.path(name), format!("has {} digits instead of 12: `{text}`", text.len()));
    }
    Some(account)
}

fn source(record: &Fields<'_>, surroundings: &Surroundings, name: &str, resources: &target::Resources, odd: &mut Oddities) -> String {
    if let Some(source) = record.text("eventSource", odd) {
        let envelope_disagrees = surroundings.source.as_deref().is_some_and(|envelope| (envelope == KMS) != (source == KMS));
        if envelope_disagrees {
            odd.note(record.path("eventSource"), format!("is `{}`, which is not what the envelope's `source` says", shorten(&source)));
        }
        return source;
    }
    let (source, because) = match &surroundings.source {
        Some(source) => (source.clone(), "the envelope's `source` is used"),
        None if resources.names_a_key() => (KMS.to_owned(), "its resources name a KMS key"),
        None if KMS_ONLY.contains(&name) => (KMS.to_owned(), "no other service has a call of this name"),
        None => ("unknown".to_owned(), "nothing else names the service"),
    };
    odd.note(record.path("eventSource"), format!("is missing; {because}"));
    source
}

fn event_id(record: &Fields<'_>, object: &Map<String, Value>, odd: &mut Oddities) -> EventId {
    let written = record.text("eventID", odd);
    if let Some(id) = written.as_deref().and_then(|text| EventId::parse(text).ok()) {
        return id;
    }
    let what = written.map_or_else(|| "is missing".to_owned(), |text| format!("is not an event id: `{}`", shorten(&text)));
    odd.note(record.path("eventID"), format!("{what}; an id is derived from the whole record"));
    derived_id(object)
}

/// Derives an id from the whole input: the same input, in whatever order its keys come, gives the same id.
#[expect(clippy::expect_used, reason = "`sha256-` and 64 hexadecimal digits are a valid event id, whatever the input")]
pub(crate) fn derived_id(object: &Map<String, Value>) -> EventId {
    let mut hasher = Sha256::new();
    hash_object(object, &mut hasher);
    let digest = hasher.finalize();
    let mut id = "sha256-".to_owned();
    for byte in digest {
        id.extend([byte >> 4, byte & 0xf].map(|digit| char::from_digit(u32::from(digit), 16).unwrap_or('0')));
    }
    EventId::parse(&id).expect("a digest in hexadecimal is printable")
}

fn hash_object(object: &Map<String, Value>, hasher: &mut Sha256) {
    let mut entries: Vec<_> = object.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    hasher.update(b"{");
    for (key, value) in entries {
        hasher.update(Value::from(key.as_str()).to_string());
        hasher.update(b":");
        hash_value(value, hasher);
        hasher.update(b",");
    }
    hasher.update(b"}");
}

fn hash_value(value: &Value, hasher: &mut Sha256) {
    match value {
        Value::Object(object) => hash_object(object, hasher),
        Value::Array(items) => {
            hasher.update(b"[");
            for item in items {
                hash_value(item, hasher);
                hasher.update(b",");
            }
            hasher.update(b"]");
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => hasher.update(value.to_string()),
    }
}

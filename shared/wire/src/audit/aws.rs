//! Records of CloudTrail to audit entries: which services' calls are ours, what kind of act each is, what it was about.
//!
//! Ours are all calls of KMS, Secrets Manager, `CloudHSM`, Certificate Manager, private certificate authorities and CloudTrail; of
//! other services those on parameters, on what protects a bucket, on what watches, and on whether a Region can be used. An unknown call of a service that is ours is
//! kept, under the kind of act that its name begins with.

mod asset;
mod credential;
mod operation;

use reprieve_core::audit::{AuditEvent, Excerpt, Log};
use reprieve_core::{CallOutcome, Event, EventForm};
use serde_json::{Map, Value};

use super::excerpt::{self, Allowed, aws as fields};
use super::{Parsed, clean, not_ours};
use crate::Sighting;
use crate::error::WireError;
use crate::fields::{Fields, Oddities};

/// A service of which calls are ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    Kms,
    Secrets,
    Parameters,
    Hsm,
    Certificates,
    Authorities,
    Buckets,
    Trails,
    Logs,
    Alarms,
    Topics,
    Rules,
    Regions,
}

impl Service {
    fn of(source: &str) -> Option<Self> {
        Some(match source {
            "kms.amazonaws.com" => Self::Kms,
            "secretsmanager.amazonaws.com" => Self::Secrets,
            "ssm.amazonaws.com" => Self::Parameters,
            "cloudhsm.amazonaws.com" => Self::Hsm,
            "acm.amazonaws.com" => Self::Certificates,
            "acm-pca.amazonaws.com" => Self::Authorities,
            "s3.amazonaws.com" => Self::Buckets,
            "cloudtrail.amazonaws.com" => Self::Trails,
            "logs.amazonaws.com" => Self::Logs,
            "monitoring.amazonaws.com" => Self::Alarms,
            "sns.amazonaws.com" => Self::Topics,
            "events.amazonaws.com" => Self::Rules,
            "account.amazonaws.com" => Self::Regions,
            _ => return None,
        })
    }

    /// What is kept of its parameters and of its results.
    const fn allowed(self) -> (&'static Allowed, &'static Allowed) {
        match self {
            Self::Kms => (&fields::KMS_REQUEST, &fields::KMS_RESPONSE),
            Self::Secrets => (&fields::SECRETS_REQUEST, &fields::SECRETS_RESPONSE),
            Self::Parameters => (&fields::PARAMETERS_REQUEST, &fields::PARAMETERS_RESPONSE),
            Self::Hsm => (&fields::HSM_REQUEST, &fields::HSM_RESPONSE),
            Self::Certificates | Self::Authorities => (&fields::CERTIFICATES_REQUEST, &fields::CERTIFICATES_RESPONSE),
            Self::Buckets => (&fields::BUCKETS_REQUEST, &Allowed::NONE),
            Self::Trails => (&fields::TRAILS, &fields::TRAILS),
            Self::Logs => (&fields::LOGS_REQUEST, &Allowed::NONE),
            Self::Alarms => (&fields::ALARMS_REQUEST, &Allowed::NONE),
            Self::Topics => (&fields::TOPICS_REQUEST, &fields::MONITORING_RESPONSE),
            Self::Rules => (&fields::RULES_REQUEST, &fields::MONITORING_RESPONSE),
            Self::Regions => (&fields::REGIONS_REQUEST, &Allowed::NONE),
        }
    }

    /// What is kept of what it adds beside them, in `additionalEventData` and `serviceEventDetails`.
    const fn allowed_beside(self) -> &'static Allowed {
        match self {
            Self::Kms => &fields::KMS_ADDITIONAL,
            Self::Secrets => &fields::SECRETS_RESPONSE,
            Self::Parameters
            | Self::Hsm
            | Self::Certificates
            | Self::Authorities
            | Self::Buckets
            | Self::Trails
            | Self::Logs
            | Self::Alarms
            | Self::Topics
            | Self::Rules
            | Self::Regions => &Allowed::NONE,
        }
    }
}

/// A record, and its parts.
struct Parts<'a> {
    record: &'a Fields<'a>,
    request: Fields<'a>,
    response: Fields<'a>,
    additional: Fields<'a>,
    /// Of what a service did by itself.
    details: Fields<'a>,
}

impl<'a> Parts<'a> {
    fn read(record: &'a Fields<'a>) -> Self {
        let part = |name| record.object(name, &mut Oddities::default());
        Self {
            record,
            request: part("requestParameters"),
            response: part("responseElements"),
            additional: part("additionalEventData"),
            details: part("serviceEventDetails"),
        }
    }
}

/// Returns a text, without noting what is odd: the parser of events has done so.
fn text(fields: &Fields<'_>, name: &str) -> Option<String> {
    fields.text(name, &mut Oddities::default())
}

/// Returns a flag, without noting what is odd.
fn flag(fields: &Fields<'_>, name: &str) -> Option<bool> {
    fields.flag(name, &mut Oddities::default())
}

/// Says whether an object is a record of CloudTrail. Records of Azure's REST API have an `eventName` too, which is an object.
pub(super) fn is_record(object: &Map<String, Value>) -> bool {
    text(&Fields::new(object, ""), "eventName").is_some()
}

/// Says whether an object is an envelope of EventBridge.
pub(super) fn is_envelope(object: &Map<String, Value>) -> bool {
    object.contains_key("detail-type") || object.contains_key("detailType") || object.contains_key("detail")
}

/// Parses a record.
pub(super) fn parse_record(value: &Value, record: &Map<String, Value>) -> Result<Parsed, WireError> {
    crate::parse_record(value).map(|event| entry(event, record))
}

/// Parses an envelope. What a service says of itself, and the schedule's call, are in no log.
pub(super) fn parse_envelope(value: &Value, envelope: &Map<String, Value>) -> Result<Parsed, WireError> {
    let event = match crate::parse_envelope(value)? {
        Sighting::Event(event) => *event,
        Sighting::Sweep(_) => {
            let source = envelope.get("source").and_then(Value::as_str).unwrap_or("aws.events").to_owned();
            return Ok(Parsed::NotOurs { source, name: "Scheduled Event".to_owned() });
        }
    };
    let envelope = Fields::new(envelope, "");
    let detail = envelope.object("detail", &mut Oddities::default());
    Ok(match detail.entries() {
        Some(record) if event.form != EventForm::Native => entry(event, record),
        Some(_) | None => not_ours(event),
    })
}

fn entry(mut event: Event, record: &Map<String, Value>) -> Parsed {
    let Some(service) = Service::of(&event.source) else { return not_ours(event) };
    let record = Fields::new(record, "");
    let parts = Parts::read(&record);
    let Some(operation) = operation::of(service, &event, &parts) else { return not_ours(event) };
    if let Some(failure) = failed_by_itself(service, &event.name) {
        event.outcome = failure;
    }
    let asset = asset::of(service, &event, &parts);
    let credential = clean::credential(credential::read(&record));
    let (request, response) = excerpts(service, &parts);
    Parsed::Entry(Box::new(AuditEvent {
        log: Log::CloudTrail,
        event: clean::event(event),
        operation,
        asset,
        credential,
        request,
        response,
    }))
}

/// What a service says went wrong with what it did by itself: such an event has no `errorCode`, its name is all that tells.
fn failed_by_itself(service: Service, name: &str) -> Option<CallOutcome> {
    let is_failure = service == Service::Secrets && matches!(name, "RotationFailed" | "RotationAbandoned" | "TestRotationFailed");
    is_failure.then(|| CallOutcome::Refused { code: name.to_owned(), message: None })
}

fn excerpts(service: Service, parts: &Parts<'_>) -> (Excerpt, Excerpt) {
    let (of_request, of_response) = service.allowed();
    let mut request = Excerpt::new();
    let mut response = Excerpt::new();
    let places = [(&parts.request, of_request, &mut request), (&parts.response, of_response, &mut response)];
    for (fields, allowed, excerpt) in places {
        if let Some(object) = fields.entries() {
            excerpt::add(object, allowed, excerpt);
        }
    }
    for fields in [&parts.additional, &parts.details] {
        if let Some(object) = fields.entries() {
            excerpt::add(object, service.allowed_beside(), &mut response);
        }
    }
    if let Some(object) = parts.record.entries() {
        excerpt::add(object, &fields::RECORD, &mut request);
    }
    (request, response)
}

//! Records of every audit log that is read, to one [`AuditEvent`]: who did what to which key, secret or log, when, from where, with
//! what result.
//!
//! The guard's parsers say who, when and whether; what is added here is the kind of act, the thing with its version, the credential,
//! and excerpts of parameters and results. *Architecture invariant:* nothing of a record leaves but what a list names (`excerpt`),
//! so no plaintext, ciphertext, secret or key ever does. Nothing here decides, does I/O, reads a clock, or panics on any input.

mod aws;
mod azure;
pub(crate) mod clean;
mod excerpt;

use reprieve_core::Event;
use reprieve_core::audit::{AuditEvent, Operation};
use serde_json::{Map, Value};

use crate::error::{WireError, shorten_value};
use crate::google;

const EXPECTED: &str = "a record of CloudTrail, of Azure's Activity Log, of a vault's audit log, or of Google Cloud Audit Logs";

/// What one record turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    /// An entry about a key, a secret, or the logging of them.
    Entry(Box<AuditEvent>),
    /// A record about something else: which service and which call.
    NotOurs {
        /// The service, as the record names it.
        source: String,
        /// The call.
        name: String,
    },
}

/// Texts of which at least one is in the JSON of every record that is ours, for a filter over bytes before anything is parsed.
///
/// They are matched as they are written here, letter case and all. Services of AWS are named in one case only. Azure names providers
/// in any case, so its records are told by the names of their fields. A text begins with a quotation mark where a longer name would
/// match as well, and never ends with one: a record inside a JSON text has a backslash before it.
pub const NEEDLES: &[&str] = &[
    "\"kms.amazonaws.com",
    "\"secretsmanager.amazonaws.com",
    "\"ssm.amazonaws.com",
    "\"cloudhsm.amazonaws.com",
    "\"acm.amazonaws.com",
    "\"acm-pca.amazonaws.com",
    "\"cloudtrail.amazonaws.com",
    "\"logs.amazonaws.com",
    "\"monitoring.amazonaws.com",
    "\"sns.amazonaws.com",
    "\"events.amazonaws.com",
    "\"account.amazonaws.com",
    // Only calls that change a bucket's settings are ours: reads and writes of objects are most of what S3 logs.
    "\"PutBucket",
    "\"DeleteBucket",
    "\"CreateBucket",
    "\"GetBucketEncryption",
    "\"PutObjectRetention",
    "\"PutObjectLegalHold",
    "\"PutObjectLock",
    "\"PutAccountPublicAccessBlock",
    "\"DeleteAccountPublicAccessBlock",
    // Envelopes of EventBridge, where the record inside does not name its service.
    "\"aws.",
    // Records of KMS that do not name their service: a key's ARN, or a call that no other service has.
    ":kms:",
    "\"ScheduleKeyDeletion",
    "\"CancelKeyDeletion",
    "\"DisableKey",
    "\"EnableKey",
    "\"DeleteImportedKeyMaterial",
    "\"DisconnectCustomKeyStore",
    // Azure.
    "perationName",
    "operationname",
    "OPERATIONNAME",
    "uthorization\"",
    "uthorization\\\"",
    "esources.Resource",
    "esources.resource",
    // Google Cloud.
    "cloudkms",
    "google.cloud.kms",
    "secretmanager",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
];

/// Parses one record: of CloudTrail, also in an envelope of EventBridge or an answer of `cloudtrail lookup-events`; of Azure's
/// Activity Log in any of its forms, also from Event Grid; of the audit log of a vault or Managed HSM; of Google Cloud Audit Logs.
///
/// What services tell of themselves without a log (EventBridge events of KMS, Event Grid events of Key Vault) is no entry of a log,
/// and not ours: the logs have entries of their own for what they tell.
///
/// # Errors
/// When it is no JSON object, or nothing of the above.
pub fn parse(value: &Value) -> Result<Parsed, WireError> {
    let object = value.as_object().ok_or_else(|| WireError::not_an_object(EXPECTED, value))?;
    if google::is_entry(object) {
        return google::parse_entry(value);
    }
    if let Some(record) = looked_up(object)? {
        return parse(&record);
    }
    if aws::is_record(object) {
        return aws::parse_record(value, object);
    }
    if aws::is_envelope(object) {
        return aws::parse_envelope(value, object);
    }
    if azure::is_record(object) {
        return azure::parse(value, object);
    }
    Err(WireError::Container { expected: EXPECTED, input: shorten_value(value) })
}

/// `cloudtrail lookup-events` answers with the record as a string. It is opened once: a text in a text is no record.
fn looked_up(object: &Map<String, Value>) -> Result<Option<Value>, WireError> {
    let Some(text) = object.get("CloudTrailEvent").and_then(Value::as_str) else { return Ok(None) };
    let record: Value = serde_json::from_str(text).map_err(|source| WireError::not_json(text, &source))?;
    let is_nested = record.get("CloudTrailEvent").is_some();
    if is_nested {
        return Err(WireError::Container { expected: EXPECTED, input: shorten_value(&record) });
    }
    Ok(Some(record))
}

fn not_ours(event: Event) -> Parsed {
    Parsed::NotOurs { source: event.source, name: event.name }
}

/// Reads a kind of act from how a call's name begins: what is done with calls that came to a service after this was written.
fn by_verb(name: &str) -> Operation {
    const VERBS: [(&str, Operation); 38] = [
        ("Get", Operation::Read),
        ("Describe", Operation::Read),
        ("Lookup", Operation::Read),
        ("Search", Operation::Read),
        ("Validate", Operation::Read),
        ("List", Operation::List),
        ("Create", Operation::Create),
        ("Import", Operation::Import),
        ("Upload", Operation::Import),
        ("Backup", Operation::Backup),
        ("Download", Operation::Backup),
        ("Restore", Operation::Restore),
        ("Recover", Operation::Restore),
        ("Undelete", Operation::Restore),
        ("Purge", Operation::Purge),
        ("Delete", Operation::Destroy),
        ("Revoke", Operation::Disable),
        ("Rotate", Operation::Rotate),
        ("Renew", Operation::Rotate),
        ("Replicate", Operation::Replicate),
        ("Copy", Operation::Replicate),
        ("Enable", Operation::Enable),
        ("Start", Operation::Enable),
        ("Connect", Operation::Enable),
        ("Disable", Operation::Disable),
        ("Stop", Operation::Disable),
        ("Disconnect", Operation::Disable),
        ("PutResourcePolicy", Operation::ChangeAccess),
        ("PutPolicy", Operation::ChangeAccess),
        ("Tag", Operation::Tag),
        ("Untag", Operation::Tag),
        ("AddTags", Operation::Tag),
        ("RemoveTags", Operation::Tag),
        ("Update", Operation::Update),
        ("Put", Operation::Update),
        ("Modify", Operation::Update),
        ("Set", Operation::Update),
        ("Register", Operation::Update),
    ];
    VERBS.iter().find(|(verb, _)| name.starts_with(verb)).map_or(Operation::Other, |(_, operation)| *operation)
}

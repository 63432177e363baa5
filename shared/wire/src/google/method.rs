//! Which calls are ours, and what kind of act each is.
//!
//! Sources: <https://docs.cloud.google.com/kms/docs/audit-logging>, <https://docs.cloud.google.com/secret-manager/docs/audit-logging>,
//! <https://docs.cloud.google.com/logging/docs/audit-logging>

use reprieve_core::audit::{AssetKind, Operation};
use serde_json::Value;

use crate::fields::{Fields, Oddities};

const KMS: &str = "cloudkms.googleapis.com";
const SECRETS: &str = "secretmanager.googleapis.com";
const LOGGING: &str = "logging.googleapis.com";
const MONITORING: &str = "monitoring.googleapis.com";

/// A call that is ours.
pub(super) struct Method {
    /// The last segment of its name.
    pub(super) name: String,
    pub(super) operation: Operation,
    /// The kind of asset where the resource's name does not tell.
    pub(super) kind: AssetKind,
}

impl Method {
    /// Returns what a call is; `None` where it is about no key, secret, log or alert.
    pub(super) fn of(service: &str, written: &str, request: &Fields<'_>, response: &Fields<'_>) -> Option<Self> {
        let name = last_segment(written);
        let (operation, kind) = match service {
            KMS => (of_kms(name, request), AssetKind::Key),
            SECRETS => (of_secrets(name, request, response), AssetKind::Secret),
            LOGGING if is_configuration(written) => (of_logging(name, request), AssetKind::AuditLog),
            MONITORING if is_alerting(written) => (by_verb(name), AssetKind::Alert),
            _ => return None,
        };
        Some(Self { name: name.to_owned(), operation, kind })
    }
}

/// Method names appear short or fully qualified, with dots or with a slash.
fn last_segment(written: &str) -> &str {
    written.rsplit(['.', '/']).next().unwrap_or(written)
}

/// The service that a fully qualified method belongs to.
pub(super) fn service_of_method(written: &str) -> Option<String> {
    let services = [
        ("google.cloud.kms.", KMS),
        ("google.cloud.secretmanager.", SECRETS),
        ("google.cloud.secrets.", SECRETS),
        ("google.logging.v2.", LOGGING),
    ];
    services.iter().find(|(prefix, _)| written.starts_with(prefix)).map(|(_, service)| (*service).to_owned())
}

/// The service of a monitored resource's type.
pub(super) fn service_of_resource(kind: &str) -> Option<String> {
    let services = [("cloudkms_", KMS), ("logging_", LOGGING)];
    services.iter().find(|(prefix, _)| kind.starts_with(prefix)).map(|(_, service)| (*service).to_owned())
}

/// Reading and writing log entries is everybody's daily work; what is written where is not.
fn is_configuration(written: &str) -> bool {
    let reads_entries = ["WriteLogEntries", "ListLogEntries", "TailLogEntries", "ListLogs", "ListMonitoredResourceDescriptors"];
    !written.contains("LoggingServiceV2") && !reads_entries.contains(&last_segment(written)) || last_segment(written) == "DeleteLog"
}

fn is_alerting(written: &str) -> bool {
    ["AlertPolicyService", "NotificationChannelService"].iter().any(|service| written.contains(service))
}

fn of_kms(name: &str, request: &Fields<'_>) -> Operation {
    match name {
        "Encrypt" | "RawEncrypt" | "AsymmetricEncrypt" => Operation::Encrypt,
        "Decrypt" | "RawDecrypt" | "AsymmetricDecrypt" => Operation::Decrypt,
        "AsymmetricSign" | "MacSign" => Operation::Sign,
        "MacVerify" => Operation::Verify,
        "Decapsulate" => Operation::Derive,
        "GenerateRandomBytes" => Operation::Generate,
        "CreateCryptoKeyVersion" | "UpdateCryptoKeyPrimaryVersion" => Operation::Rotate,
        "ImportCryptoKeyVersion" => Operation::Import,
        "UpdateCryptoKey" if is_only(request, "labels") => Operation::Tag,
        "UpdateCryptoKeyVersion" => of_state(request),
        "DestroyCryptoKeyVersion" => Operation::Destroy,
        "RestoreCryptoKeyVersion" => Operation::Restore,
        "DeleteCryptoKey" | "DeleteCryptoKeyVersion" => Operation::Purge,
        "VerifyConnectivity" | "ShowEffectiveAutokeyConfig" => Operation::Read,
        _ => by_verb(name),
    }
}

/// Enabling and disabling are the same method. A state that the mask leaves out is not set.
fn of_state(request: &Fields<'_>) -> Operation {
    let quiet = &mut Oddities::default();
    let mask = mask(request);
    if !mask.is_empty() && !mask.iter().any(|field| field == "state") {
        return Operation::Update;
    }
    let state = request.object("cryptoKeyVersion", quiet).value("state", quiet).cloned();
    // `CryptoKeyVersionState`: 1 is enabled, 2 is disabled.
    let is = |word: &str, number: u64| state.as_ref().is_some_and(|state| state.as_str() == Some(word) || state.as_u64() == Some(number));
    match () {
        () if is("ENABLED", 1) => Operation::Enable,
        () if is("DISABLED", 2) => Operation::Disable,
        () => Operation::Update,
    }
}

fn of_secrets(name: &str, request: &Fields<'_>, response: &Fields<'_>) -> Operation {
    match name {
        "AccessSecretVersion" => Operation::Access,
        "AddSecretVersion" => Operation::Rotate,
        "EnableSecretVersion" => Operation::Enable,
        "DisableSecretVersion" => Operation::Disable,
        // Where the secret has a delay for it, the version is disabled until then, and can be enabled.
        "DestroySecretVersion" if response.value("scheduledDestroyTime", &mut Oddities::default()).is_some() => Operation::Destroy,
        "DestroySecretVersion" | "DeleteSecret" => Operation::Purge,
        "UpdateSecret" if is_only(request, "labels") => Operation::Tag,
        _ => by_verb(name),
    }
}

fn of_logging(name: &str, request: &Fields<'_>) -> Operation {
    let quiet = &mut Oddities::default();
    match name {
        "DeleteLog" => Operation::Purge,
        "UpdateSink" | "UpdateExclusion" => {
            let mask = mask(request);
            let holds = request.object(if name == "UpdateSink" { "sink" } else { "exclusion" }, quiet).value("disabled", quiet).cloned();
            let is_set = mask.iter().any(|field| field == "disabled");
            match holds {
                Some(Value::Bool(true)) if is_set || mask.is_empty() => by_what_is_off(name),
                Some(Value::Bool(false)) | None if is_set => by_what_is_on(name),
                Some(_) | None => Operation::Update,
            }
        }
        _ => by_verb(name),
    }
}

/// A sink that is off writes no logs any more; an exclusion that is off lets them be written.
fn by_what_is_off(name: &str) -> Operation {
    if name == "UpdateSink" { Operation::Disable } else { Operation::Enable }
}

fn by_what_is_on(name: &str) -> Operation {
    if name == "UpdateSink" { Operation::Enable } else { Operation::Disable }
}

fn by_verb(name: &str) -> Operation {
    let verbs = [
        ("SetIamPolicy", Operation::ChangeAccess),
        ("TestIamPermissions", Operation::Read),
        ("Get", Operation::Read),
        ("List", Operation::List),
        ("Create", Operation::Create),
        ("Update", Operation::Update),
        ("Undelete", Operation::Restore),
        ("Delete", Operation::Destroy),
    ];
    verbs.iter().find(|(verb, _)| name.starts_with(verb)).map_or(Operation::Other, |(_, operation)| *operation)
}

/// The fields of an update: `state`, `"labels,rotationPeriod"`, or `{"paths": ["next_rotation_time"]}`.
fn mask(request: &Fields<'_>) -> Vec<String> {
    let quiet = &mut Oddities::default();
    let Some(value) = request.value("updateMask", quiet) else { return Vec::new() };
    let paths: Vec<&str> = match value {
        Value::String(text) => text.split(',').collect(),
        Value::Object(object) => object.get("paths").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => Vec::new(),
    };
    paths.into_iter().map(|path| path.trim().rsplit('.').next().unwrap_or_default().to_owned()).filter(|path| !path.is_empty()).collect()
}

fn is_only(request: &Fields<'_>, field: &str) -> bool {
    let mask = mask(request);
    !mask.is_empty() && mask.iter().all(|path| path == field)
}

//! An entry of an audit log, as an API Activity: who called what, on which key or secret, when, from where, with what result.
//!
//! The log's product stands in `metadata.product`, and Reprieve in `metadata.loggers`. `time` is when it happened; 0 where the log does
//! not say, and then there is no `metadata.original_time`.

use reprieve_core::audit::{Asset, AssetKind, AuditEvent, Cloud, Log, Operation};
use reprieve_core::azure::ResourceId;
use reprieve_core::google::GoogleName;
use reprieve_core::{CallOutcome, KeyArn, Severity};
use serde_json::{Map, Value, json};

use super::frame::{API_ACTIVITY, Frame, fields, metadata, reprieve};
use super::{Coded, OTHER, azure, google, observe, seen};

/// Writes an entry as an OCSF event. The same entry always gives the same JSON, keys in the same order.
#[must_use]
pub fn audit_json(entry: &AuditEvent) -> Value {
    let (account, region) = (entry.account(), entry.region());
    let frame = Frame {
        class: &API_ACTIVITY,
        activity: activity(entry),
        status: seen::status(&entry.event.outcome),
        severity: Some(severity(entry)),
        time: entry.event.time.map_or(0, jiff::Timestamp::as_millisecond),
        message: message(entry),
        metadata: metadata_of(entry),
        cloud: seen::place(entry.cloud(), account.as_deref(), region.as_deref(), &entry.event),
    };
    let mut own = attributes(entry);
    observe::add(&mut own, "");
    if let CallOutcome::Refused { code, message } = &entry.event.outcome {
        own.extend(fields([("status_code", Some(code.as_str().into())), ("status_detail", message.as_deref().map(Into::into))]));
    }
    frame.write(own, entry)
}

/// Returns who called what, on which resource, from where: what API Activity and a finding's evidence share.
pub(super) fn attributes(entry: &AuditEvent) -> Map<String, Value> {
    let actor = &entry.event.actor;
    fields([
        ("actor", Some(seen::actor(actor, Some(&entry.credential)))),
        ("api", Some(seen::api(&entry.event, &entry.request, &entry.response))),
        ("http_request", seen::http_request(actor)),
        ("src_endpoint", Some(seen::source_endpoint(actor))),
        ("resources", Some(resources(entry))),
    ])
}

/// Returns API Activity's activity: by the operation, the same in every cloud; a use of a key has its own name.
fn activity(entry: &AuditEvent) -> Coded<'_> {
    match entry.operation {
        Operation::Create | Operation::Import | Operation::Replicate => (1, "Create"),
        Operation::Access | Operation::Backup | Operation::Read | Operation::List => (2, "Read"),
        Operation::Update
        | Operation::Rotate
        | Operation::Enable
        | Operation::Disable
        | Operation::Restore
        | Operation::ChangeAccess
        | Operation::Tag => (3, "Update"),
        Operation::Destroy | Operation::Purge => (4, "Delete"),
        Operation::Encrypt => (OTHER, "Encrypt"),
        Operation::Decrypt => (OTHER, "Decrypt"),
        Operation::ReEncrypt => (OTHER, "Re-encrypt"),
        Operation::Wrap => (OTHER, "Wrap"),
        Operation::Unwrap => (OTHER, "Unwrap"),
        Operation::Generate => (OTHER, "Generate"),
        Operation::Sign => (OTHER, "Sign"),
        Operation::Verify => (OTHER, "Verify"),
        Operation::Derive => (OTHER, "Derive"),
        Operation::Other => seen::activity(&entry.event),
    }
}

/// Returns how urgent an entry is by itself: a loss that took effect, a change of who may do what, a refused call; else for the record.
fn severity(entry: &AuditEvent) -> Severity {
    if entry.event.outcome != CallOutcome::Succeeded {
        return Severity::Low;
    }
    match entry.operation {
        Operation::Purge => Severity::High,
        Operation::Destroy | Operation::Disable => Severity::Medium,
        Operation::ChangeAccess => Severity::Low,
        Operation::Encrypt
        | Operation::Decrypt
        | Operation::ReEncrypt
        | Operation::Wrap
        | Operation::Unwrap
        | Operation::Generate
        | Operation::Sign
        | Operation::Verify
        | Operation::Derive
        | Operation::Access
        | Operation::Create
        | Operation::Import
        | Operation::Backup
        | Operation::Read
        | Operation::List
        | Operation::Update
        | Operation::Rotate
        | Operation::Enable
        | Operation::Restore
        | Operation::Tag
        | Operation::Replicate
        | Operation::Other => Severity::Informational,
    }
}

/// Says it in a sentence: `alice called Decrypt on arn:...: refused (AccessDenied)`.
fn message(entry: &AuditEvent) -> String {
    let event = &entry.event;
    let on = entry.asset.as_ref().map_or_else(String::new, |asset| format!(" on {}", asset.id));
    let ended = match &event.outcome {
        CallOutcome::Succeeded => "succeeded".to_owned(),
        CallOutcome::Refused { code, .. } => format!("refused ({code})"),
    };
    format!("{} called {}{on}: {ended}", event.actor.display_name(), event.name)
}

fn metadata_of(entry: &AuditEvent) -> Map<String, Value> {
    let event = &entry.event;
    let mut metadata = metadata(&product(entry.log), event.id.as_str());
    metadata.extend(fields([
        ("correlation_uid", Some(event.id.as_str().into())),
        ("original_event_uid", Some(event.id.as_str().into())),
        ("event_code", Some(event.name.as_str().into())),
        ("log_name", Some(log_name(entry.log).into())),
        ("log_provider", Some(entry.log.caption().into())),
        ("original_time", event.time.map(|time| time.to_string().into())),
        ("tenant_uid", event.actor.tenant_id.as_deref().map(Into::into)),
        ("loggers", Some(json!([{ "name": "Reprieve", "product": reprieve() }]))),
    ]));
    metadata
}

/// Returns the product that reported it: the log's, as Amazon Security Lake has it.
fn product(log: Log) -> Value {
    match log {
        Log::CloudTrail => json!({ "name": "CloudTrail", "vendor_name": "AWS" }),
        Log::AzureActivityLog => json!({ "name": "Activity Log", "vendor_name": "Microsoft" }),
        Log::KeyVaultAudit => json!({ "name": "Key Vault", "vendor_name": "Microsoft" }),
        Log::ManagedHsmAudit => json!({ "name": "Managed HSM", "vendor_name": "Microsoft" }),
        Log::GoogleCloudAudit => json!({ "name": "Cloud Audit Logs", "vendor_name": "Google" }),
    }
}

/// Returns the log's name, as its provider's consumers know it.
const fn log_name(log: Log) -> &'static str {
    match log {
        Log::CloudTrail => "CloudTrail",
        Log::AzureActivityLog => "Activity Log",
        Log::KeyVaultAudit | Log::ManagedHsmAudit => "AuditEvent",
        Log::GoogleCloudAudit => "cloudaudit.googleapis.com",
    }
}

/// Returns what it was about: the asset, with its version and owner; else what the event itself acted on.
pub(super) fn resources(entry: &AuditEvent) -> Value {
    let Some(asset) = &entry.asset else { return seen::resources(&entry.event) };
    let mut resource = match entry.cloud() {
        Cloud::Aws => arn_parts(&asset.id),
        Cloud::Azure => ResourceId::parse(&asset.id).map(|id| azure::resource(&id)).unwrap_or_default(),
        Cloud::GoogleCloud => GoogleName::parse(&asset.id).map(|name| google::resource(&name)).unwrap_or_default(),
    };
    resource.extend(fields([
        ("uid", Some(asset.id.as_str().into())),
        ("version", asset.version.as_deref().map(Into::into)),
        ("role_id", Some(1.into())),
        ("role", Some("Target".into())),
    ]));
    let region = entry.region().filter(|_| entry.cloud() != Cloud::Azure);
    let owner = entry.account().map(|account| json!({ "account": seen::account_of(entry.cloud(), &account) }));
    let else_known = fields([("type", Some(kind(asset, entry.cloud()).into())), ("region", region.map(Into::into)), ("owner", owner)]);
    for (name, value) in else_known {
        resource.entry(name).or_insert(value);
    }
    json!([resource])
}

/// What an ARN tells: the partition, the Region and the owner of what it names, which need not be the caller's.
fn arn_parts(id: &str) -> Map<String, Value> {
    let parts: Vec<&str> = id.splitn(6, ':').collect();
    let ["arn", partition, _, region, account, _] = parts[..] else { return Map::new() };
    let written = |text: &str| (!text.is_empty()).then(|| Value::from(text));
    fields([
        ("cloud_partition", written(partition)),
        ("region", written(region)),
        ("owner", (!account.is_empty()).then(|| json!({ "account": seen::account_of(Cloud::Aws, account) }))),
    ])
}

/// Returns the provider's name of a kind of thing, where it has one; else the kind.
fn kind(asset: &Asset, cloud: Cloud) -> &'static str {
    match (cloud, asset.kind) {
        (Cloud::Aws, AssetKind::Key) if KeyArn::parse(&asset.id).is_ok() => "AWS::KMS::Key",
        (Cloud::Aws, AssetKind::KeyAlias) => "AWS::KMS::Alias",
        (Cloud::Aws, AssetKind::Secret) => "AWS::SecretsManager::Secret",
        (Cloud::Aws, AssetKind::Parameter) => "AWS::SSM::Parameter",
        (Cloud::Aws, AssetKind::Certificate) => "AWS::CertificateManager::Certificate",
        (Cloud::Aws, AssetKind::AuditLog) => "AWS::CloudTrail::Trail",
        (Cloud::Aws, AssetKind::Storage) => "AWS::S3::Bucket",
        (Cloud::GoogleCloud, AssetKind::Key) => "cloudkms.googleapis.com/CryptoKey",
        (Cloud::GoogleCloud, AssetKind::KeyStore) => "cloudkms.googleapis.com/KeyRing",
        (Cloud::GoogleCloud, AssetKind::Secret) => "secretmanager.googleapis.com/Secret",
        (Cloud::GoogleCloud, AssetKind::AuditLog) => "logging.googleapis.com/LogSink",
        (
            Cloud::Aws | Cloud::Azure | Cloud::GoogleCloud,
            AssetKind::Key
            | AssetKind::KeyAlias
            | AssetKind::KeyStore
            | AssetKind::Vault
            | AssetKind::Secret
            | AssetKind::Parameter
            | AssetKind::Certificate
            | AssetKind::AuditLog
            | AssetKind::Storage
            | AssetKind::DatabaseAudit
            | AssetKind::Alert,
        ) => asset.kind.as_str(),
    }
}

//! Audit entries for Elasticsearch, after the Elastic Common Schema 9.4.
//!
//! Fields of the schema stand where the schema has them; what it has no field for stands under `reprieve`, a name that the schema leaves
//! to us. Parameters and results become lists of a path and a value: their paths hold dots, and a field for each would make an index
//! grow without end. The entry cannot be read back from this form; OCSF is what the archive keeps.

use std::net::{IpAddr, SocketAddr};

use reprieve_core::audit::{AuditEvent, Cloud, Excerpt, Log, Operation};
use reprieve_core::{ActorKind, CallOutcome};
use serde_json::{Map, Value, json};

use crate::row::kind_word;

/// The version of the schema.
const SCHEMA_VERSION: &str = "9.4.0";

/// Writes an entry after the Elastic Common Schema. `@timestamp` is the start of 1970 where the log does not say when it happened.
#[must_use]
pub fn audit_json(entry: &AuditEvent) -> Value {
    let tenant = entry.event.actor.tenant_id.as_deref();
    object([
        ("@timestamp", Some(entry.event.time.unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string().into())),
        ("cloud", Some(cloud(entry))),
        ("ecs", Some(json!({ "version": SCHEMA_VERSION }))),
        ("error", error(&entry.event.outcome)),
        ("event", Some(event(entry))),
        ("message", Some(message(entry).into())),
        ("organization", tenant.map(|tenant| json!({ "id": tenant }))),
        ("related", related(entry)),
        ("reprieve", Some(own(entry))),
        ("source", source(entry)),
        ("user", user(entry)),
        ("user_agent", entry.event.actor.user_agent.as_deref().map(|agent| json!({ "original": agent }))),
    ])
}

fn event(entry: &AuditEvent) -> Value {
    let (categories, kind) = categories(entry.operation);
    let (outcome, reason) = match &entry.event.outcome {
        CallOutcome::Succeeded => ("success", None),
        CallOutcome::Refused { code, message } => ("failure", Some(message.as_deref().unwrap_or(code))),
    };
    let (module, dataset) = dataset(entry.log);
    object([
        ("action", Some(entry.event.name.as_str().into())),
        ("category", Some(categories.into())),
        ("dataset", Some(dataset.into())),
        ("id", Some(entry.event.id.as_str().into())),
        ("kind", Some("event".into())),
        ("module", Some(module.into())),
        ("outcome", Some(outcome.into())),
        ("provider", Some(entry.event.source.as_str().into())),
        ("reason", reason.map(Into::into)),
        ("type", Some(json!([kind]))),
    ])
}

/// The categories of an operation, and its type, which the schema expects in one of them.
const fn categories(operation: Operation) -> (&'static [&'static str], &'static str) {
    match operation {
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
        | Operation::Backup => (&["api"], "access"),
        Operation::Read | Operation::List | Operation::Other => (&["api"], "info"),
        Operation::Create | Operation::Import | Operation::Replicate => (&["api", "configuration"], "creation"),
        Operation::Update | Operation::Rotate | Operation::Enable | Operation::Disable | Operation::Restore | Operation::Tag => {
            (&["api", "configuration"], "change")
        }
        Operation::Destroy | Operation::Purge => (&["api", "configuration"], "deletion"),
        Operation::ChangeAccess => (&["api", "configuration", "iam"], "change"),
    }
}

/// The module and dataset under which Elastic's own integrations file the same log.
const fn dataset(log: Log) -> (&'static str, &'static str) {
    match log {
        Log::CloudTrail => ("aws", "aws.cloudtrail"),
        Log::AzureActivityLog => ("azure", "azure.activitylogs"),
        Log::KeyVaultAudit | Log::ManagedHsmAudit => ("azure", "azure.platformlogs"),
        Log::GoogleCloudAudit => ("gcp", "gcp.audit"),
    }
}

fn cloud(entry: &AuditEvent) -> Value {
    let provider = match entry.cloud() {
        Cloud::Aws => "aws",
        Cloud::Azure => "azure",
        Cloud::GoogleCloud => "gcp",
    };
    let account = entry.account();
    let project = account.as_deref().filter(|_| entry.cloud() == Cloud::GoogleCloud);
    object([
        ("account", account.as_deref().map(|id| json!({ "id": id }))),
        ("project", project.map(|id| json!({ "id": id }))),
        ("provider", Some(provider.into())),
        ("region", entry.region().map(Into::into)),
        ("service", Some(json!({ "name": entry.event.source }))),
    ])
}

fn error(outcome: &CallOutcome) -> Option<Value> {
    match outcome {
        CallOutcome::Succeeded => None,
        CallOutcome::Refused { code, message } => {
            Some(object([("code", Some(code.as_str().into())), ("message", message.as_deref().map(Into::into))]))
        }
    }
}

fn message(entry: &AuditEvent) -> String {
    let on = entry.asset.as_ref().map_or_else(String::new, |asset| format!(" on {}", asset.id));
    format!("{} called {}{on}", entry.event.actor.display_name(), entry.event.name)
}

/// The caller; none where nothing identifies one.
fn user(entry: &AuditEvent) -> Option<Value> {
    let actor = &entry.event.actor;
    let name = actor.user_name.as_deref().or(actor.session_name.as_deref());
    let user = fields([
        ("domain", actor.tenant_id.as_deref().map(Into::into)),
        ("email", actor.user_name.as_deref().filter(|name| name.contains('@')).map(Into::into)),
        ("id", actor.arn.as_deref().or(actor.object_id.as_deref()).or(actor.app_id.as_deref()).map(Into::into)),
        ("name", name.map(Into::into)),
        ("roles", actor.role.as_ref().map(|role| json!([role.as_str()]))),
    ]);
    (!user.is_empty()).then_some(user.into())
}

/// Where the call came from: always as it was logged, and as an address where it is one.
fn source(entry: &AuditEvent) -> Option<Value> {
    let text = entry.event.actor.source_address.as_deref()?;
    let (address, port) = address(text);
    Some(object([
        ("address", Some(text.into())),
        ("ip", address.map(|address| address.to_string().into())),
        ("port", port.map(Into::into)),
    ]))
}

fn address(text: &str) -> (Option<IpAddr>, Option<u16>) {
    if let Ok(address) = text.parse() {
        return (Some(address), None);
    }
    text.parse::<SocketAddr>().map_or((None, None), |socket| (Some(socket.ip()), Some(socket.port())))
}

/// What one looks up across all fields: addresses and names.
fn related(entry: &AuditEvent) -> Option<Value> {
    let actor = &entry.event.actor;
    let address = actor.source_address.as_deref().and_then(|text| address(text).0).map(|address| address.to_string());
    let mut names: Vec<&str> = [&actor.user_name, &actor.session_name, &actor.source_identity, &actor.arn, &actor.object_id]
        .into_iter()
        .filter_map(|name| name.as_deref())
        .collect();
    names.sort_unstable();
    names.dedup();
    let related = fields([("ip", address.map(|address| json!([address]))), ("user", (!names.is_empty()).then(|| json!(names)))]);
    (!related.is_empty()).then_some(related.into())
}

/// What the schema has no field for.
fn own(entry: &AuditEvent) -> Value {
    let (actor, credential) = (&entry.event.actor, &entry.credential);
    let asset = entry.asset.as_ref().map(|asset| {
        object([
            ("id", Some(asset.id.as_str().into())),
            ("kind", Some(asset.kind.as_str().into())),
            ("version", asset.version.as_deref().map(Into::into)),
        ])
    });
    let known_as = object([
        ("id", credential.id.as_deref().map(Into::into)),
        ("identity_provider", credential.identity_provider.as_deref().map(Into::into)),
        ("mfa", credential.mfa.map(Into::into)),
        ("session_created", credential.created_at.map(|time| time.to_string().into())),
    ]);
    let kind = (actor.kind != ActorKind::Unknown).then(|| kind_word(&actor.kind).into());
    object([
        ("application_id", actor.app_id.as_deref().map(Into::into)),
        ("asset", asset),
        ("credential", known_as.as_object().is_some_and(|fields| !fields.is_empty()).then_some(known_as)),
        ("invoked_by", actor.invoked_by.as_deref().map(Into::into)),
        ("log", Some(entry.log.caption().into())),
        ("operation", Some(entry.operation.as_str().into())),
        ("principal", entry.principal().map(Into::into)),
        ("principal_kind", kind),
        ("request", list(&entry.request)),
        ("response", list(&entry.response)),
        ("source_identity", actor.source_identity.as_deref().map(Into::into)),
    ])
}

fn list(excerpt: &Excerpt) -> Option<Value> {
    let pairs = || excerpt.iter().map(|(path, value)| json!({ "path": path, "value": value }));
    (!excerpt.is_empty()).then(|| pairs().collect())
}

fn object<const N: usize>(all: [(&str, Option<Value>); N]) -> Value {
    fields(all).into()
}

/// Makes an object out of the fields that are there.
fn fields<const N: usize>(fields: [(&str, Option<Value>); N]) -> Map<String, Value> {
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

//! Containers in ARM: create, change, read, list with the deleted ones, delete softly, make versions immutable.
//!
//! Must not write blobs. What a container holds decides whether it may be deleted.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::crud::{self, set, text};
use crate::path::ResourcePath;
use crate::request::{Answer, ArmRequest};
use crate::storage::blobs::{AccountStore, Container, DeletedContainer};
use crate::storage::immutability::{Author, LegalHold, Policy};
use crate::storage::writes::remaining_days;
use crate::tenant::Tenant;

const CONTAINER_TYPE: &str = "Microsoft.Storage/storageAccounts/blobServices/containers";

/// Answers a request to the collection or to one container.
pub(super) fn answer(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath, account: &str) -> Answer {
    match (request.method.as_str(), path.names_a_resource()) {
        ("GET", false) => list(tenant, request, path, account),
        ("GET", true) => read(tenant, path, account),
        ("PUT", true) => put(tenant, request, path, account),
        ("PATCH", true) => patch(tenant, request, path, account),
        ("DELETE", true) => delete(tenant, request, path, account),
        _ => crud::method_not_allowed(request),
    }
}

/// ARM's answer for a container that is not there.
pub(super) fn not_found(name: &str) -> Answer {
    Answer::error(404, "ContainerNotFound", &format!("The specified container does not exist: `{name}`."))
}

/// The author of a step, from the caller of a request.
pub(super) fn author(request: &ArmRequest) -> Author {
    let caller = &request.caller;
    Author { object_id: caller.object_id.clone(), tenant_id: caller.tenant_id.clone(), upn: caller.upn.clone(), at: request.now }
}

fn list(tenant: &Tenant, request: &ArmRequest, path: &ResourcePath, account: &str) -> Answer {
    let Some(store) = tenant.blobs.account(account) else { return crud::list(tenant, request, Vec::new()) };
    let id_of = |container: &Container| format!("{}/{}", path.id, container.name);
    let shown = |container: &Container| json_of(&id_of(container), container);
    let mut entries: Vec<Value> = store.containers.values().map(shown).collect();
    if request.query.get("$include").is_some_and(|include| include.eq_ignore_ascii_case("deleted")) {
        let kept = store.deleted.iter().map(|deleted| (deleted, remaining_days(deleted.deleted_at, deleted.retention_days, request.now)));
        entries.extend(kept.filter(|(_, days)| *days > 0).map(|(deleted, days)| deleted_json(&id_of(&deleted.container), deleted, days)));
    }
    if let Some(prefix) = request.query.get("$filter").and_then(|filter| starts_with(filter)) {
        entries.retain(|entry| text(entry, "/name").starts_with(&prefix));
    }
    for entry in &mut entries {
        thin(entry);
    }
    crud::list(tenant, request, entries)
}

/// Reads `startswith(name, audit)`, the one filter that the list knows.
fn starts_with(filter: &str) -> Option<String> {
    let inner = filter.trim().strip_prefix("startswith(name,")?.strip_suffix(')')?;
    Some(inner.trim().trim_matches('\'').to_owned())
}

/// A list tells whether there is a policy and a hold, not which.
fn thin(entry: &mut Value) {
    if let Some(properties) = entry.get_mut("properties").and_then(Value::as_object_mut) {
        properties.remove("immutabilityPolicy");
        properties.remove("legalHold");
    }
}

fn deleted_json(id: &str, deleted: &DeletedContainer, days: i64) -> Value {
    let mut body = json_of(id, &deleted.container);
    if let Some(properties) = body.get_mut("properties") {
        set(properties, "deleted", json!(true));
        set(properties, "deletedTime", json!(deleted.deleted_at.to_string()));
        set(properties, "remainingRetentionDays", json!(days));
        set(properties, "version", json!(deleted.version));
    }
    body
}

fn read(tenant: &Tenant, path: &ResourcePath, account: &str) -> Answer {
    match tenant.blobs.container(account, path.name()) {
        Some(container) => answer_of(200, &path.id, container),
        None => not_found(path.name()),
    }
}

fn answer_of(status: u16, id: &str, container: &Container) -> Answer {
    let body = Some(json_of(id, container));
    Answer { body, ..Answer::status(status) }.with_header("ETag", format!("\"{}\"", container.etag))
}

fn json_of(id: &str, container: &Container) -> Value {
    let mut properties = json!({
        "deleted": false,
        "remainingRetentionDays": 0,
        "defaultEncryptionScope": "$account-encryption-key",
        "denyEncryptionScopeOverride": false,
        "publicAccess": container.public_access,
        "lastModifiedTime": container.changed_at.to_string(),
        "leaseStatus": "Unlocked",
        "leaseState": "Available",
        "hasLegalHold": container.hold.is_held(),
        "hasImmutabilityPolicy": container.policy.is_some(),
    });
    if !container.metadata.is_empty() {
        set(&mut properties, "metadata", json!(container.metadata));
    }
    if let Some(policy) = &container.policy {
        set(&mut properties, "immutabilityPolicy", policy_json(policy));
    }
    if container.hold.is_held() {
        set(&mut properties, "legalHold", hold_json(&container.hold));
    }
    if let Some(since) = container.version_level_since {
        let state = json!({ "enabled": true, "timeStamp": since.to_string(), "migrationState": "Completed" });
        set(&mut properties, "immutableStorageWithVersioning", state);
    }
    let etag = format!("\"{}\"", container.etag);
    json!({ "id": id, "name": container.name, "type": CONTAINER_TYPE, "etag": etag, "properties": properties })
}

fn policy_json(policy: &Policy) -> Value {
    let history: Vec<Value> = policy
        .history
        .iter()
        .map(|update| {
            let mut line = by(&update.author);
            set(&mut line, "update", json!(update.step.name()));
            set(&mut line, "immutabilityPeriodSinceCreationInDays", json!(update.period_days));
            line
        })
        .collect();
    json!({ "etag": format!("\"{}\"", policy.etag), "updateHistory": history, "properties": super::policies::properties(policy) })
}

fn hold_json(hold: &LegalHold) -> Value {
    let tags: Vec<Value> = hold
        .tags
        .iter()
        .map(|held| {
            let mut line = by(&held.author);
            set(&mut line, "tag", json!(held.tag));
            line
        })
        .collect();
    json!({ "hasLegalHold": hold.is_held(), "tags": tags })
}

fn by(author: &Author) -> Value {
    let mut line = json!({ "timestamp": author.at.to_string(), "objectIdentifier": author.object_id, "tenantId": author.tenant_id });
    if let Some(upn) = &author.upn {
        set(&mut line, "upn", json!(upn));
    }
    line
}

fn put(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath, account: &str) -> Answer {
    if let Some(refusal) = check_name(path.name()) {
        return refusal;
    }
    if tenant.blobs.container(account, path.name()).is_some() {
        return patch(tenant, request, path, account);
    }
    let etag = tenant.blobs.new_etag();
    let mut container = Container::new(path.name(), etag, request.now);
    if account_is_version_level(tenant, path) {
        container.version_level_since = Some(request.now);
    }
    let wanted = crud::properties(&request.json());
    if let Err(refusal) = apply(&mut container, &wanted, tenant.blobs.account(account).is_some_and(AccountStore::is_versioned), request.now)
    {
        return refusal;
    }
    let answer = answer_of(201, &path.id, &container);
    tenant.blobs.account_mut(account).containers.insert(path.name().to_owned(), container);
    answer
}

/// An account with version-level immutability passes it on to every container made in it.
fn account_is_version_level(tenant: &Tenant, path: &ResourcePath) -> bool {
    let account_id = format!("{}/providers/{}/{}", path.scope, super::ACCOUNT_TYPE, path.names.first().map_or("", String::as_str));
    let flag = "/properties/immutableStorageWithVersioning/enabled";
    tenant.resource(&account_id).and_then(|account| account.body.pointer(flag)).and_then(Value::as_bool).unwrap_or(false)
}

fn check_name(name: &str) -> Option<Answer> {
    let is_fit = (3..=63).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--");
    let system = ["$logs", "$root", "$web"].contains(&name) || name.starts_with("insights-");
    (!is_fit && !system)
        .then(|| crud::bad_request("InvalidResourceName", &format!("The specified resource name contains invalid characters: `{name}`.")))
}

fn patch(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath, account: &str) -> Answer {
    let etag = tenant.blobs.new_etag();
    let store = tenant.blobs.account_mut(account);
    let is_versioned = store.is_versioned();
    let Some(container) = store.containers.get_mut(path.name()) else { return not_found(path.name()) };
    if let Err(refusal) = apply(container, &crud::properties(&request.json()), is_versioned, request.now) {
        return refusal;
    }
    container.etag = etag;
    container.changed_at = request.now;
    answer_of(200, &path.id, container)
}

fn apply(container: &mut Container, wanted: &Value, is_versioned: bool, now: Timestamp) -> Result<(), Answer> {
    let version_level = wanted.pointer("/immutableStorageWithVersioning/enabled").and_then(Value::as_bool);
    if version_level == Some(false) && container.version_level_since.is_some() {
        return Err(Answer::error(409, "OperationNotAllowed", "Version-level immutability cannot be disabled once it is enabled."));
    }
    if version_level == Some(true) && !is_versioned && container.version_level_since.is_none() {
        return Err(Answer::error(409, "BlobVersioningNotEnabled", "Version-level immutability needs blob versioning on the account."));
    }
    if version_level == Some(true) && container.version_level_since.is_none() {
        container.version_level_since = Some(now);
    }
    if let Some(access) = wanted.get("publicAccess").and_then(Value::as_str) {
        access.clone_into(&mut container.public_access);
    }
    if let Some(metadata) = wanted.get("metadata").and_then(Value::as_object) {
        let pair = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
        container.metadata = metadata.iter().filter_map(pair).collect::<BTreeMap<_, _>>();
    }
    Ok(())
}

fn delete(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath, account: &str) -> Answer {
    let Some(container) = tenant.blobs.container(account, path.name()) else { return Answer::no_content() };
    if let Some(reason) = protection(container) {
        let message = format!("The storage account {account} container {} is protected from deletion due to {reason}.", path.name());
        return Answer::error(409, "ContainerProtectedFromDeletion", &message);
    }
    remove(tenant, account, path.name(), request.now);
    Answer::status(200)
}

/// Why a container may not be deleted.
pub(super) fn protection(container: &Container) -> Option<&'static str> {
    if container.hold.is_held() {
        return Some("LegalHold");
    }
    let is_immutable = container.policy.is_some() || container.version_level_since.is_some();
    (is_immutable && container.holds_blobs()).then_some("ImmutabilityPolicy")
}

/// Deletes a container: softly where the account keeps deleted containers.
pub(super) fn remove(tenant: &mut Tenant, account: &str, name: &str, now: Timestamp) {
    let version = format!("{:016X}", now.as_millisecond());
    let store = tenant.blobs.account_mut(account);
    let Some(container) = store.containers.remove(name) else { return };
    if let Some(retention_days) = store.container_retention_days() {
        store.deleted.push(DeletedContainer { container, version, deleted_at: now, retention_days });
    }
}

/// Makes the versions of a container immutable one by one, for good. Asynchronous.
pub(super) fn migrate(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath, account: &str) -> Answer {
    if request.method != http::Method::POST {
        return crud::method_not_allowed(request);
    }
    let Some(name) = path.names.get(2).cloned() else { return not_found("") };
    let Some(container) = tenant.blobs.container(account, &name) else { return not_found(&name) };
    if container.policy.is_none() {
        return Answer::error(
            409,
            "ImmutabilityPolicyRequired",
            "The container needs a time-based retention policy before it can be migrated.",
        );
    }
    if !tenant.blobs.account(account).is_some_and(AccountStore::is_versioned) {
        return Answer::error(409, "BlobVersioningNotEnabled", "Version-level immutability needs blob versioning on the account.");
    }
    let account = account.to_owned();
    let ticket = tenant.begin_operation(path.parent_id(), super::NAMESPACE, request.now, move |tenant, at| {
        if let Some(container) = tenant.blobs.account_mut(&account).containers.get_mut(&name) {
            container.version_level_since.get_or_insert(at);
        }
    });
    Answer::accepted(&ticket)
}

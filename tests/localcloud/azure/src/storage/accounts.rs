//! Storage accounts in ARM: create, change, read, list, delete.
//!
//! Must not touch blobs, except that a deleted account takes them along.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::crud::{self, merge, set, set_default, text};
use crate::event_grid;
use crate::managed_identity;
use crate::path::ResourcePath;
use crate::request::{Answer, ArmRequest};
use crate::storage::blobs::Container;
use crate::storage::immutability::PolicyState;
use crate::storage::{ACCOUNT_TYPE, account_by_name, encryption};
use crate::tenant::Tenant;

/// Answers a request to the collection or to one account.
pub(super) fn answer(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    match (request.method.as_str(), path.names_a_resource()) {
        ("GET", false) => crud::list(tenant, request, crud::bodies(tenant, &path.scope, ACCOUNT_TYPE)),
        ("GET", true) => crud::read(tenant, path),
        ("PUT", true) => put(tenant, request, path),
        ("PATCH", true) => patch(tenant, request, path),
        ("DELETE", true) => delete(tenant, path),
        _ => crud::method_not_allowed(request),
    }
}

fn put(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    if let Some(missing) = crud::missing_parent(tenant, path) {
        return missing;
    }
    if let Some(refusal) = check_name(tenant, path) {
        return refusal;
    }
    let sent = request.json();
    let existing = tenant.resource(&path.id).map(|resource| resource.body.clone());
    if existing.is_none()
        && let Some(field) = ["location", "sku", "kind"].iter().find(|field| sent.get(**field).is_none())
    {
        return crud::bad_request("MissingRequiredProperty", &format!("The request is missing the required property `{field}`."));
    }
    let is_new = existing.is_none();
    let body = existing.unwrap_or_else(|| new_account(path, &sent, request.now));
    let body = match changed(tenant, path, body, &sent, request.now) {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    tenant.put_resource(&path.id, body.clone(), request.now);
    if !is_new || tenant.options.operation_delay.is_zero() {
        return Answer::ok(body);
    }
    created_later(tenant, path, request.now)
}

/// A new account is there once its operation has ended.
fn created_later(tenant: &mut Tenant, path: &ResourcePath, now: Timestamp) -> Answer {
    set_state(tenant, &path.id, "Creating", now);
    let id = path.id.clone();
    let ticket = tenant.begin_operation(&path.id, super::NAMESPACE, now, move |tenant, at| set_state(tenant, &id, "Succeeded", at));
    Answer::accepted(&ticket)
}

fn set_state(tenant: &mut Tenant, id: &str, state: &str, now: Timestamp) {
    let Some(mut body) = tenant.resource(id).map(|resource| resource.body.clone()) else { return };
    if let Some(properties) = body.get_mut("properties") {
        set(properties, "provisioningState", json!(state));
    }
    tenant.put_resource(id, body, now);
}

fn patch(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    let Some(body) = tenant.resource(&path.id).map(|resource| resource.body.clone()) else { return crud::not_found(path) };
    match changed(tenant, path, body, &request.json(), request.now) {
        Ok(body) => {
            tenant.put_resource(&path.id, body.clone(), request.now);
            Answer::ok(body)
        }
        Err(refusal) => refusal,
    }
}

/// Merges what was sent into an account, or refuses it as a whole.
fn changed(tenant: &mut Tenant, path: &ResourcePath, mut body: Value, sent: &Value, now: Timestamp) -> Result<Value, Answer> {
    check_version_level(&body, sent)?;
    if let Some(wanted) = sent.get("identity").filter(|wanted| !wanted.is_null()) {
        let settled = managed_identity::settle(tenant, path.name(), body.get("identity"), wanted).map_err(|id| unknown_identity(&id))?;
        set(&mut body, "identity", settled);
    }
    for field in ["sku", "kind"] {
        if let Some(value) = sent.get(field) {
            set(&mut body, field, value.clone());
        }
    }
    if let Some(tags) = sent.get("tags").filter(|tags| !tags.is_null()) {
        // Tags are replaced as a whole, in a PATCH too.
        set(&mut body, "tags", tags.clone());
    }
    if let Some(sku) = body.get_mut("sku") {
        let tier = if text(sku, "/name").starts_with("Premium") { "Premium" } else { "Standard" };
        set(sku, "tier", json!(tier));
    }
    let mut wanted = crud::properties(sent);
    let wanted_encryption = wanted.as_object_mut().and_then(|fields| fields.remove("encryption"));
    if let Some(properties) = body.get_mut("properties") {
        merge(properties, &wanted);
    }
    encryption::change(tenant, &mut body, wanted_encryption.as_ref(), now)?;
    Ok(body)
}

fn unknown_identity(id: &str) -> Answer {
    crud::bad_request("FailedIdentityOperation", &format!("Identity operation failed: the resource `{id}` was not found."))
}

/// Version-level immutability of a whole account is fixed when the account is made, and a locked one is never weakened.
fn check_version_level(body: &Value, sent: &Value) -> Result<(), Answer> {
    let field = "/properties/immutableStorageWithVersioning";
    let (Some(held), Some(wanted)) = (body.pointer(field), sent.pointer(field)) else { return Ok(()) };
    let days = |value: &Value| value.pointer("/immutabilityPolicy/immutabilityPeriodSinceCreationInDays").and_then(Value::as_i64);
    let state = |value: &Value| text(value, "/immutabilityPolicy/state").to_owned();
    let is_weaker = days(wanted).is_some_and(|wanted| days(held).is_some_and(|held| wanted < held)) || state(wanted) != "Locked";
    let is_taken_back = held.get("enabled") == Some(&json!(true)) && wanted.get("enabled") == Some(&json!(false));
    if is_taken_back || (state(held) == "Locked" && is_weaker) {
        let message = "The account immutability policy cannot be disabled once enabled, nor weakened once locked.";
        return Err(Answer::error(409, "OperationNotAllowed", message));
    }
    Ok(())
}

fn new_account(path: &ResourcePath, sent: &Value, now: Timestamp) -> Value {
    let name = path.name();
    let location = text(sent, "/location").to_ascii_lowercase().replace(' ', "");
    let endpoint = |service: &str| format!("https://{name}.{service}.core.windows.net/");
    let mut properties = json!({
        "provisioningState": "Succeeded",
        "primaryLocation": location,
        "statusOfPrimary": "available",
        "creationTime": now.to_string(),
        "keyCreationTime": { "key1": now.to_string(), "key2": now.to_string() },
        "primaryEndpoints": {
            "blob": endpoint("blob"), "queue": endpoint("queue"), "table": endpoint("table"), "file": endpoint("file"), "dfs": endpoint("dfs"),
        },
        "encryption": encryption::microsoft_managed(now),
    });
    for (field, value) in [
        ("accessTier", json!("Hot")),
        ("supportsHttpsTrafficOnly", json!(true)),
        ("minimumTlsVersion", json!("TLS1_2")),
        ("allowBlobPublicAccess", json!(false)),
        ("networkAcls", json!({ "bypass": "AzureServices", "virtualNetworkRules": [], "ipRules": [], "defaultAction": "Allow" })),
        ("privateEndpointConnections", json!([])),
    ] {
        set_default(&mut properties, field, value);
    }
    let mut body = json!({
        "id": path.id, "name": name, "type": ACCOUNT_TYPE, "location": location, "tags": {}, "properties": properties,
    });
    set_default(&mut body, "kind", json!("StorageV2"));
    body
}

/// Names are 3 to 24 lower-case letters and digits, and unique in all of Azure.
fn check_name(tenant: &Tenant, path: &ResourcePath) -> Option<Answer> {
    let name = path.name();
    let is_fit = (3..=24).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if !is_fit {
        let message = format!(
            "{name} is not a valid storage account name. Storage account name must be between 3 and 24 characters in length and use numbers and lower-case letters only."
        );
        return Some(crud::bad_request("AccountNameInvalid", &message));
    }
    let taken = account_by_name(tenant, name).is_some_and(|resource| !resource.id.eq_ignore_ascii_case(&path.id));
    taken.then(|| Answer::error(409, "StorageAccountAlreadyTaken", &format!("The storage account named {name} is already taken.")))
}

fn delete(tenant: &mut Tenant, path: &ResourcePath) -> Answer {
    let containers = tenant.blobs.account(path.name()).map(|store| &store.containers);
    let protected: Vec<&str> =
        containers.into_iter().flatten().filter(|(_, container)| is_protected(container)).map(|(name, _)| name.as_str()).collect();
    if !protected.is_empty() && tenant.resource(&path.id).is_some() {
        let message = format!(
            "The storage account {} is protected from deletion. The container(s) {} have a locked immutability policy or a legal hold.",
            path.name(),
            protected.join(", ")
        );
        return Answer::error(409, "AccountProtectedFromDeletion", &message);
    }
    tenant.blobs.forget(path.name());
    event_grid::forget_source(tenant, &path.id);
    crud::delete(tenant, path)
}

fn is_protected(container: &Container) -> bool {
    let is_locked = container.policy.as_ref().is_some_and(|policy| policy.state == PolicyState::Locked);
    container.hold.is_held() || (is_locked && container.holds_blobs())
}

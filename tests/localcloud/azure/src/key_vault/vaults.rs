//! Vaults in ARM: create, update, read, list, delete and recover.
//!
//! Must not bring back with a vault what Azure does not: role assignments, event subscriptions and diagnostic settings stay gone.

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::deleted::{DeletedVault, purge_date};
use super::store::VaultData;
use super::{VAULT_HOST, VAULT_TYPE, host, location_of, misplaced, protection, remove_companions, system_data};
use crate::crud::{self, set, set_default, text};
use crate::path::ResourcePath;
use crate::request::{Answer, ArmRequest};
use crate::tenant::{Resource, Tenant};

/// The first version whose vaults use RBAC where nothing is said.
const RBAC_BY_DEFAULT_SINCE: &str = "2026-02-01";

pub(super) fn answer(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    if !path.names_a_resource() {
        return crud::list(tenant, request, crud::bodies(tenant, &path.scope, VAULT_TYPE));
    }
    match request.method {
        Method::GET => crud::read(tenant, path),
        Method::PUT => put(tenant, request, path),
        Method::PATCH => patch(tenant, request, path),
        Method::DELETE => delete(tenant, path, request.now),
        _ => crud::method_not_allowed(request),
    }
}

fn put(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    let sent = request.json();
    let location = location_of(&sent);
    if let Some(refusal) = misplaced(tenant, path, &location) {
        return refusal;
    }
    if text(&sent, "/properties/createMode").eq_ignore_ascii_case("recover") {
        return recover(tenant, path, &location, request);
    }
    if let Some(refusal) = name_refused(tenant, path) {
        return refusal;
    }
    let held = tenant.resource(&path.id).map(|resource| resource.body.clone());
    let properties = match new_properties(tenant, request, path, held.as_ref()) {
        Ok(properties) => properties,
        Err(refusal) => return refusal,
    };
    let mut body = crud::resource_body(path, &sent, &["tags"], properties);
    set(&mut body, "type", json!(VAULT_TYPE));
    set(&mut body, "location", json!(location));
    set_default(&mut body, "tags", json!({}));
    set(&mut body, "systemData", system_data(request, held.as_ref().and_then(|held| held.get("systemData"))));
    if let Some(held) = &held {
        set(&mut body, "id", held.get("id").cloned().unwrap_or_default());
    }
    write(tenant, request, &path.id, body, held.is_none())
}

/// A new vault is there at once, and its name in DNS a little later.
fn write(tenant: &mut Tenant, request: &ArmRequest, id: &str, mut body: Value, is_new: bool) -> Answer {
    let delay = tenant.options.operation_delay;
    let is_registering = is_new && !delay.is_zero();
    if let Some(properties) = body.get_mut("properties") {
        set(properties, "provisioningState", json!(if is_registering { "RegisteringDns" } else { "Succeeded" }));
    }
    let body = tenant.put_resource(id, body, request.now).body.clone();
    if !is_new {
        return Answer::ok(body);
    }
    let name = text(&body, "/name").to_owned();
    tenant.data.entry(host(&name, VAULT_HOST)).or_insert_with(|| VaultData::of_vault(id));
    if is_registering {
        let id = id.to_owned();
        tenant.do_later(request.now + delay, move |tenant, at| registered(tenant, &id, at));
    }
    Answer::created(body)
}

fn registered(tenant: &mut Tenant, id: &str, at: Timestamp) {
    let Some(mut body) = tenant.resource(id).map(|resource| resource.body.clone()) else { return };
    if let Some(properties) = body.get_mut("properties") {
        set(properties, "provisioningState", json!("Succeeded"));
    }
    tenant.put_resource(id, body, at);
}

/// What stands against a vault's name: its form, a vault that has it, or one that had it and can be recovered.
fn name_refused(tenant: &Tenant, path: &ResourcePath) -> Option<Answer> {
    let name = path.name();
    if !is_valid_name(name) {
        let message = format!(
            "The vault name '{name}' is invalid. A vault's name must be between 3-24 alphanumeric characters. The name must begin with a letter, \
             end with a letter or digit, and not contain consecutive hyphens."
        );
        return Some(Answer::error(400, "VaultNameNotValid", &message));
    }
    if tenant.deleted_vaults.contains_key(&name.to_ascii_lowercase()) {
        let message = "A vault with the same name already exists in deleted state. You need to either recover or purge existing key vault. \
                       Follow this link https://go.microsoft.com/fwlink/?linkid=2149745 for more information on soft delete.";
        return Some(Answer::error(409, "ConflictError", message));
    }
    let holder = tenant.data.get(&host(name, VAULT_HOST)).filter(|data| tenant.resource(&data.resource_id).is_some())?;
    if holder.resource_id.eq_ignore_ascii_case(&path.id) {
        return None;
    }
    let message = format!(
        "The vault name '{name}' is already in use. Vault names are globally unique so it is possible that the name is already taken."
    );
    Some(Answer::error(409, "VaultAlreadyExists", &message))
}

fn is_valid_name(name: &str) -> bool {
    (3..=24).contains(&name.len())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
        && name.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && !name.ends_with('-')
        && !name.contains("--")
}

fn new_properties(tenant: &Tenant, request: &ArmRequest, path: &ResourcePath, held: Option<&Value>) -> Result<Value, Answer> {
    let sent = crud::properties(&request.json());
    let held = held.map(crud::properties);
    let refuse = |message: &str| Answer::error(400, "BadRequest", message);
    if text(&sent, "/tenantId").is_empty() {
        return Err(refuse("The parameter tenantId is not specified."));
    }
    if !["standard", "premium"].contains(&text(&sent, "/sku/name").to_ascii_lowercase().as_str()) || text(&sent, "/sku/family") != "A" {
        return Err(refuse("The parameter sku is not valid: its family is `A`, its name `standard` or `premium`."));
    }
    let before = held.as_ref().and_then(|held| held.get("enableRbacAuthorization")).and_then(Value::as_bool);
    let by_default = before.unwrap_or(request.api_version() >= RBAC_BY_DEFAULT_SINCE);
    let uses_rbac = sent.get("enableRbacAuthorization").and_then(Value::as_bool).unwrap_or(by_default);
    if !uses_rbac && sent.get("accessPolicies").is_none_or(Value::is_null) {
        return Err(refuse("The parameter accessPolicies is not specified."));
    }
    let mut properties = json!({
        "sku": sent.get("sku"),
        "tenantId": sent.get("tenantId"),
        "accessPolicies": [],
        "enabledForDeployment": false,
        "publicNetworkAccess": "Enabled",
        "enableRbacAuthorization": uses_rbac,
        "vaultUri": format!("https://{}/", host(path.name(), VAULT_HOST)),
    });
    for field in [
        "accessPolicies",
        "networkAcls",
        "enabledForDeployment",
        "enabledForDiskEncryption",
        "enabledForTemplateDeployment",
        "publicNetworkAccess",
    ] {
        if let Some(value) = sent.get(field).filter(|value| !value.is_null()) {
            set(&mut properties, field, value.clone());
        }
    }
    if text(&properties, "/tenantId") != tenant.tenant_id {
        // Azure lets a vault trust another tenant; its own callers then have no access to the data.
        set(&mut properties, "accessPolicies", json!([]));
    }
    protection::apply(held.as_ref(), &sent, &mut properties)?;
    Ok(properties)
}

fn patch(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    let Some(held) = tenant.resource(&path.id).map(|resource| resource.body.clone()) else { return crud::not_found(path) };
    let sent = request.json();
    let wanted = crud::properties(&sent);
    let mut body = held.clone();
    // Tags of a PATCH replace those that are there, as a whole.
    if let Some(tags) = sent.get("tags").filter(|tags| tags.is_object()) {
        set(&mut body, "tags", tags.clone());
    }
    let mut properties = crud::properties(&held);
    for field in [
        "sku",
        "tenantId",
        "accessPolicies",
        "networkAcls",
        "enabledForDeployment",
        "enabledForDiskEncryption",
        "enabledForTemplateDeployment",
        "publicNetworkAccess",
        "enableRbacAuthorization",
    ] {
        if let Some(value) = wanted.get(field).filter(|value| !value.is_null()) {
            set(&mut properties, field, value.clone());
        }
    }
    if let Err(refusal) = protection::apply(Some(&crud::properties(&held)), &wanted, &mut properties) {
        return refusal;
    }
    set(&mut body, "properties", properties);
    set(&mut body, "systemData", system_data(request, held.get("systemData")));
    Answer::ok(tenant.put_resource(&path.id, body, request.now).body.clone())
}

fn delete(tenant: &mut Tenant, path: &ResourcePath, now: Timestamp) -> Answer {
    if tenant.resource(&path.id).is_none() {
        return Answer::no_content();
    }
    remove(tenant, &path.id, now);
    Answer::status(200)
}

/// Deletes a vault: one with soft delete can be recovered until its purge date, another is gone with all that it held.
pub(super) fn remove(tenant: &mut Tenant, id: &str, now: Timestamp) {
    let Some(vault) = tenant.remove_resource(id) else { return };
    remove_companions(tenant, &vault.id);
    let name = text(&vault.body, "/name").to_ascii_lowercase();
    if vault.body.pointer("/properties/enableSoftDelete").and_then(Value::as_bool) != Some(true) {
        tenant.data.remove(&host(&name, VAULT_HOST));
        return;
    }
    let purge_at = purge_date(&vault, now);
    tenant.deleted_vaults.insert(name.clone(), DeletedVault { vault, deleted_at: now, purge_at });
    tenant.do_later(purge_at, move |tenant, _| {
        let is_due = tenant.deleted_vaults.get(&name).is_some_and(|deleted| deleted.deleted_at == now);
        if is_due {
            super::deleted::purge_vault(tenant, &name);
        }
    });
}

/// Brings a vault back with its properties, tags and data, in its old place.
fn recover(tenant: &mut Tenant, path: &ResourcePath, location: &str, request: &ArmRequest) -> Answer {
    let name = path.name().to_ascii_lowercase();
    let is_it =
        |deleted: &&DeletedVault| deleted.vault.id.eq_ignore_ascii_case(&path.id) && text(&deleted.vault.body, "/location") == location;
    let Some(deleted) = tenant.deleted_vaults.get(&name).filter(is_it).cloned() else {
        let message = format!("The specified vault '{}' could not be found in deleted state in location '{location}'.", path.name());
        return Answer::error(404, "DeletedVaultNotFound", &message);
    };
    tenant.deleted_vaults.remove(&name);
    let mut body = deleted.vault.body;
    let system_data = system_data(request, body.get("systemData"));
    set(&mut body, "systemData", system_data);
    let body = tenant.put_resource(&deleted.vault.id, body, request.now).body.clone();
    Answer::ok(body)
}

/// `.../accessPolicies/add`, `replace` and `remove`.
pub(super) fn change_policies(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    let id = path.id.rsplitn(3, '/').last().unwrap_or_default().to_owned();
    let Some(held) = tenant.resource(&id).map(|resource| resource.body.clone()) else { return crud::not_found(path) };
    let list = |body: &Value| body.pointer("/properties/accessPolicies").and_then(Value::as_array).cloned().unwrap_or_default();
    let sent = list(&request.json());
    let mut policies = list(&held);
    let is_named = |policy: &Value| sent.iter().any(|named| text(named, "/objectId").eq_ignore_ascii_case(text(policy, "/objectId")));
    match path.name().to_ascii_lowercase().as_str() {
        "add" => {
            policies.retain(|policy| !is_named(policy));
            policies.extend(sent.iter().cloned());
        }
        "replace" => policies.clone_from(&sent),
        "remove" => policies.retain(|policy| !is_named(policy)),
        other => return Answer::error(400, "BadRequest", &format!("The operation `{other}` is none of add, replace, remove.")),
    }
    let mut body = held;
    if let Some(properties) = body.get_mut("properties") {
        set(properties, "accessPolicies", json!(policies));
    }
    let location = body.get("location").cloned();
    tenant.put_resource(&id, body, request.now);
    Answer::ok(json!({
        "id": format!("{id}/accessPolicies/"),
        "type": "Microsoft.KeyVault/vaults/accessPolicies",
        "location": location,
        "properties": { "accessPolicies": policies },
    }))
}

/// Says whether a vault's name is free.
pub(super) fn check_name(tenant: &Tenant, request: &ArmRequest) -> Answer {
    let sent = request.json();
    let name = text(&sent, "/name");
    if !is_valid_name(name) {
        return Answer::ok(
            json!({ "nameAvailable": false, "reason": "AccountNameInvalid", "message": format!("The vault name '{name}' is invalid.") }),
        );
    }
    if tenant.data.contains_key(&host(name, VAULT_HOST)) {
        let message = format!("The vault name '{name}' is already in use.");
        return Answer::ok(json!({ "nameAvailable": false, "reason": "AlreadyExists", "message": message }));
    }
    Answer::ok(json!({ "nameAvailable": true }))
}

impl Tenant {
    /// Plants a vault as they were made before 2020, without soft delete: `None` leaves the property out, as the oldest have it.
    /// When it is deleted it is gone for good. Its access is by access policies, of which it has none.
    pub fn plant_old_vault(&mut self, id: &str, location: &str, enable_soft_delete: Option<bool>) -> Resource {
        let now = self.now();
        let name = id.rsplit('/').next().unwrap_or_default().to_owned();
        let mut properties = json!({
            "sku": { "family": "A", "name": "standard" },
            "tenantId": self.tenant_id,
            "accessPolicies": [],
            "enabledForDeployment": false,
            "vaultUri": format!("https://{}/", host(&name, VAULT_HOST)),
            "provisioningState": "Succeeded",
        });
        if let Some(is_on) = enable_soft_delete {
            set(&mut properties, "enableSoftDelete", json!(is_on));
        }
        let body = json!({ "id": id, "name": name, "type": VAULT_TYPE, "location": location, "tags": {}, "properties": properties });
        self.data.insert(host(&name, VAULT_HOST), VaultData::of_vault(id));
        self.put_resource(id, body, now).clone()
    }
}

//! Managed HSMs in ARM: as vaults, but every write takes its time and is asked after.
//!
//! Must not bring back with an HSM what hangs on it in ARM; its local roles and keys are its own and come back.

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::deleted::{DeletedHsm, purge_date};
use super::local_roles::{ADMINISTRATOR, LocalRole};
use super::store::VaultData;
use super::{HSM_HOST, HSM_TYPE, host, location_of, misplaced, protection, remove_companions, system_data};
use crate::crud::{self, set, set_default, text};
use crate::path::ResourcePath;
use crate::request::{Answer, ArmRequest, OperationTicket};
use crate::tenant::Tenant;

const PROVIDER: &str = "Microsoft.KeyVault";

pub(super) fn answer(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    if !path.names_a_resource() {
        return crud::list(tenant, request, crud::bodies(tenant, &path.scope, HSM_TYPE));
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
        return recover(tenant, path, request);
    }
    if let Some(refusal) = name_refused(tenant, path) {
        return refusal;
    }
    let held = tenant.resource(&path.id).map(|resource| resource.body.clone());
    let properties = match new_properties(&sent, path, held.as_ref()) {
        Ok(properties) => properties,
        Err(refusal) => return refusal,
    };
    let mut body = crud::resource_body(path, &sent, &["sku", "tags"], properties);
    set(&mut body, "type", json!(HSM_TYPE));
    set(&mut body, "location", json!(location));
    set_default(&mut body, "tags", json!({}));
    set(&mut body, "systemData", system_data(request, held.as_ref().and_then(|held| held.get("systemData"))));
    if held.is_none() {
        let administrators = body.pointer("/properties/initialAdminObjectIds").and_then(Value::as_array).cloned().unwrap_or_default();
        let data = tenant.data.entry(host(path.name(), HSM_HOST)).or_insert_with(|| VaultData::of_hsm(&path.id));
        data.local_roles = administrators.iter().filter_map(Value::as_str).map(administrator).collect();
    }
    let state = if held.is_none() { "Provisioning" } else { "Updating" };
    let (body, ticket) = write(tenant, &path.id, body, state, request.now);
    // Never 201: a new HSM is answered as an updated one.
    Answer::ok(body).with_operation(&ticket)
}

fn administrator(object_id: &str) -> LocalRole {
    LocalRole {
        name: Uuid::new_v4().to_string(),
        principal_id: object_id.to_owned(),
        role_definition_id: format!("Microsoft.KeyVault/providers/Microsoft.Authorization/roleDefinitions/{ADMINISTRATOR}"),
        scope: "/".to_owned(),
    }
}

/// Writes an HSM in a state that passes when the operation ends.
fn write(tenant: &mut Tenant, id: &str, mut body: Value, state: &str, now: Timestamp) -> (Value, OperationTicket) {
    set_state(&mut body, state);
    let id = tenant.put_resource(id, body, now).id.clone();
    let worked_on = id.clone();
    let ticket = tenant.begin_operation(&id, PROVIDER, now, move |tenant, at| {
        let Some(mut body) = tenant.resource(&worked_on).map(|resource| resource.body.clone()) else { return };
        set_state(&mut body, "Succeeded");
        tenant.put_resource(&worked_on, body, at);
    });
    let body = tenant.resource(&id).map(|resource| resource.body.clone()).unwrap_or_default();
    (body, ticket)
}

fn set_state(body: &mut Value, state: &str) {
    if let Some(properties) = body.get_mut("properties") {
        set(properties, "provisioningState", json!(state));
        set(
            properties,
            "statusMessage",
            json!(if state == "Succeeded" { "The Managed HSM is provisioned and ready to use." } else { state }),
        );
    }
}

fn name_refused(tenant: &Tenant, path: &ResourcePath) -> Option<Answer> {
    let name = path.name();
    if tenant.deleted_hsms.contains_key(&name.to_ascii_lowercase()) {
        let message =
            format!("A Managed HSM with the name '{name}' exists in deleted state. Recover or purge it before its name is used again.");
        return Some(Answer::error(409, "Conflict", &message));
    }
    let holder = tenant.data.get(&host(name, HSM_HOST))?;
    if holder.resource_id.eq_ignore_ascii_case(&path.id) {
        return None;
    }
    Some(Answer::error(409, "Conflict", &format!("The Managed HSM name '{name}' is already in use.")))
}

fn new_properties(sent: &Value, path: &ResourcePath, held: Option<&Value>) -> Result<Value, Answer> {
    let wanted = crud::properties(sent);
    let held = held.map(crud::properties);
    if text(&wanted, "/tenantId").is_empty() || text(sent, "/sku/name").is_empty() {
        return Err(Answer::error(400, "BadRequest", "The parameters `sku` and `properties.tenantId` are required."));
    }
    let has_administrator = wanted.get("initialAdminObjectIds").and_then(Value::as_array).is_some_and(|ids| !ids.is_empty());
    if held.is_none() && !has_administrator {
        return Err(Answer::error(400, "BadRequest", "The parameter `initialAdminObjectIds` must name at least one administrator."));
    }
    let mut properties = held.clone().unwrap_or_else(|| {
        json!({
            "tenantId": wanted.get("tenantId"),
            "initialAdminObjectIds": wanted.get("initialAdminObjectIds"),
            "hsmUri": format!("https://{}/", host(path.name(), HSM_HOST)),
            "publicNetworkAccess": "Enabled",
            "securityDomainProperties": { "activationStatus": "Active", "activationStatusMessage": "Your HSM has been activated and can be used for cryptographic operations." },
        })
    });
    for field in ["networkAcls", "publicNetworkAccess", "regions"] {
        if let Some(value) = wanted.get(field).filter(|value| !value.is_null()) {
            set(&mut properties, field, value.clone());
        }
    }
    protection::apply(held.as_ref(), &wanted, &mut properties)?;
    Ok(properties)
}

fn patch(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    let Some(held) = tenant.resource(&path.id).map(|resource| resource.body.clone()) else { return crud::not_found(path) };
    let sent = request.json();
    let wanted = crud::properties(&sent);
    let mut body = held.clone();
    if let Some(tags) = sent.get("tags").filter(|tags| tags.is_object()) {
        set(&mut body, "tags", tags.clone());
    }
    let mut properties = crud::properties(&held);
    for field in ["networkAcls", "publicNetworkAccess", "regions"] {
        if let Some(value) = wanted.get(field).filter(|value| !value.is_null()) {
            set(&mut properties, field, value.clone());
        }
    }
    if let Err(refusal) = protection::apply(Some(&crud::properties(&held)), &wanted, &mut properties) {
        return refusal;
    }
    set(&mut body, "properties", properties);
    set(&mut body, "systemData", system_data(request, held.get("systemData")));
    let (body, ticket) = write(tenant, &path.id, body, "Updating", request.now);
    let answer =
        if tenant.options.operation_delay.is_zero() { Answer::ok(body) } else { Answer { body: Some(body), ..Answer::status(202) } };
    answer.with_operation(&ticket)
}

fn delete(tenant: &mut Tenant, path: &ResourcePath, now: Timestamp) -> Answer {
    let Some(id) = tenant.resource(&path.id).map(|resource| resource.id.clone()) else { return Answer::no_content() };
    if let Some(mut body) = tenant.resource(&id).map(|resource| resource.body.clone()) {
        set_state(&mut body, "Deleting");
        tenant.put_resource(&id, body, now);
    }
    let worked_on = id.clone();
    let ticket = tenant.begin_operation(&id, PROVIDER, now, move |tenant, at| remove(tenant, &worked_on, at));
    Answer::accepted(&ticket)
}

/// Deletes an HSM, which can always be recovered until its purge date.
pub(super) fn remove(tenant: &mut Tenant, id: &str, now: Timestamp) {
    let Some(mut vault) = tenant.remove_resource(id) else { return };
    remove_companions(tenant, &vault.id);
    set_state(&mut vault.body, "Succeeded");
    let name = text(&vault.body, "/name").to_ascii_lowercase();
    let purge_at = purge_date(&vault, now);
    tenant.deleted_hsms.insert(name.clone(), DeletedHsm { vault, deleted_at: now, purge_at });
    tenant.do_later(purge_at, move |tenant, _| {
        let is_due = tenant.deleted_hsms.get(&name).is_some_and(|deleted| deleted.deleted_at == now);
        if is_due {
            super::deleted::purge_hsm(tenant, &name);
        }
    });
}

fn recover(tenant: &mut Tenant, path: &ResourcePath, request: &ArmRequest) -> Answer {
    let name = path.name().to_ascii_lowercase();
    let found = tenant.deleted_hsms.get(&name).filter(|deleted| deleted.vault.id.eq_ignore_ascii_case(&path.id)).cloned();
    let Some(deleted) = found else {
        return Answer::error(404, "NotFound", &format!("The Managed HSM '{}' could not be found in deleted state.", path.name()));
    };
    tenant.deleted_hsms.remove(&name);
    let mut body = deleted.vault.body;
    let system_data = system_data(request, body.get("systemData"));
    set(&mut body, "systemData", system_data);
    let (body, ticket) = write(tenant, &deleted.vault.id, body, "Restoring", request.now);
    let answer =
        if tenant.options.operation_delay.is_zero() { Answer::ok(body) } else { Answer { body: Some(body), ..Answer::status(202) } };
    answer.with_operation(&ticket)
}

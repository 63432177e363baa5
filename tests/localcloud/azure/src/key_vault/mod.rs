//! Microsoft.KeyVault: vaults and Managed HSMs in ARM, live and deleted, and the keys, secrets and certificates that they hold.
//!
//! Must not forget what is soft-deleted before its purge date, nor give away its name.

mod access;
mod arm_keys;
mod audit;
mod certificates;
mod crypto;
mod data_plane;
pub mod deleted;
mod errors;
mod hsms;
mod keys;
pub mod local_roles;
mod local_roles_api;
mod protection;
mod rotation;
mod secrets;
pub mod store;
mod vaults;

use jiff::Timestamp;

use crate::path::ResourcePath;
use crate::request::{Answer, ArmRequest};
use crate::tenant::{Happening, Resource, Tenant};

/// The type of vaults.
pub(crate) const VAULT_TYPE: &str = "Microsoft.KeyVault/vaults";
/// The type of Managed HSMs.
pub(crate) const HSM_TYPE: &str = "Microsoft.KeyVault/managedHSMs";
/// The end of the host names of vaults.
pub(crate) const VAULT_HOST: &str = ".vault.azure.net";
/// The end of the host names of Managed HSMs.
pub(crate) const HSM_HOST: &str = ".managedhsm.azure.net";

/// Answers a request to the provider or to a vault's data. `None`: not its path.
pub(crate) fn handle(tenant: &mut Tenant, request: &ArmRequest) -> Option<Answer> {
    if request.host.ends_with(VAULT_HOST) || request.host.ends_with(HSM_HOST) {
        return Some(data_plane::answer(tenant, request));
    }
    let path = request.resource_path()?;
    if !path.namespace.eq_ignore_ascii_case("Microsoft.KeyVault") {
        return None;
    }
    let kinds: Vec<String> = path.types.iter().map(|kind| kind.to_ascii_lowercase()).collect();
    match kinds.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["vaults"] => Some(vaults::answer(tenant, request, &path)),
        ["vaults", "accesspolicies"] => Some(vaults::change_policies(tenant, request, &path)),
        ["vaults", "keys", ..] => arm_keys::answer(tenant, request, &path),
        ["managedhsms"] => Some(hsms::answer(tenant, request, &path)),
        ["checknameavailability"] => Some(vaults::check_name(tenant, request)),
        ["deletedvaults"] | ["locations", "deletedvaults"] | ["locations", "deletedvaults", "purge"] => {
            Some(deleted::vaults(tenant, request, &path))
        }
        ["deletedmanagedhsms"] | ["locations", "deletedmanagedhsms"] | ["locations", "deletedmanagedhsms", "purge"] => {
            Some(deleted::hsms(tenant, request, &path))
        }
        _ => None,
    }
}

/// Says whether a host of a vault or HSM has an address: one that is deleted has none.
pub(crate) fn resolves(tenant: &Tenant, host: &str) -> bool {
    if !host.ends_with(VAULT_HOST) && !host.ends_with(HSM_HOST) {
        return true;
    }
    tenant.data.get(host).is_some_and(|data| tenant.resource(&data.resource_id).is_some())
}

/// Logs a call on a vault's data whose token was missing or not taken.
pub(crate) fn log_unauthenticated(tenant: &mut Tenant, host: &str, path: &str, user_agent: &str, ip: &str) {
    let now = tenant.now();
    let Some(vault) = tenant.data.get(host).and_then(|data| tenant.resource(&data.resource_id)).cloned() else { return };
    let record = audit::unauthenticated(now, &vault, &format!("https://{host}{path}"), user_agent, ip);
    tenant.push_happening(Happening::KeyVaultAudit { vault_id: vault.id, record });
}

/// Deletes the vaults and HSMs below an id, as when their resource group is deleted: they stay recoverable.
pub(crate) fn delete_all_below(tenant: &mut Tenant, id: &str, now: Timestamp) {
    let vaults: Vec<Resource> = tenant.resources_of(id, VAULT_TYPE).cloned().collect();
    for vault in vaults {
        vaults::remove(tenant, &vault.id, now);
    }
    let hsms: Vec<Resource> = tenant.resources_of(id, HSM_TYPE).cloned().collect();
    for hsm in hsms {
        hsms::remove(tenant, &hsm.id, now);
    }
}

/// Removes what hangs on a vault from outside and does not come back with it: role assignments, event subscriptions, diagnostic
/// settings, and the system topics whose source it is.
fn remove_companions(tenant: &mut Tenant, id: &str) {
    tenant.remove_below(id);
    let is_source = |topic: &&Resource| crate::crud::text(&topic.body, "/properties/source").eq_ignore_ascii_case(id);
    let topics: Vec<String> =
        tenant.resources_of("", "Microsoft.EventGrid/systemTopics").filter(is_source).map(|topic| topic.id.clone()).collect();
    for topic in topics {
        tenant.remove_below(&topic);
        tenant.remove_resource(&topic);
    }
}

/// The host of a vault or HSM by its name.
fn host(name: &str, suffix: &str) -> String {
    format!("{}{suffix}", name.to_ascii_lowercase())
}

/// The location as Azure writes it: lower case without spaces.
fn location_of(sent: &serde_json::Value) -> String {
    crate::crud::text(sent, "/location").to_ascii_lowercase().replace(' ', "")
}

/// Who wrote a resource first and last, and when.
fn system_data(request: &ArmRequest, held: Option<&serde_json::Value>) -> serde_json::Value {
    let caller = request.caller.upn.as_ref().unwrap_or(&request.caller.object_id);
    let kind = if request.caller.upn.is_some() { "User" } else { "Application" };
    let at = request.now.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
    let mut data = held.cloned().unwrap_or_else(|| serde_json::json!({ "createdBy": caller, "createdByType": kind, "createdAt": at }));
    for (field, value) in [("lastModifiedBy", caller.as_str()), ("lastModifiedByType", kind), ("lastModifiedAt", at.as_str())] {
        crate::crud::set(&mut data, field, serde_json::Value::String(value.to_owned()));
    }
    data
}

/// Says what stands against a write of a vault or HSM in its place: no resource group, or another location than before.
fn misplaced(tenant: &Tenant, path: &ResourcePath, location: &str) -> Option<Answer> {
    if let Some(missing) = crate::crud::missing_parent(tenant, path) {
        return Some(missing);
    }
    if location.is_empty() {
        return Some(Answer::error(400, "LocationRequired", "The location property is required for this definition."));
    }
    let held = crate::crud::text(&tenant.resource(&path.id)?.body, "/location");
    if held == location {
        return None;
    }
    let message = format!(
        "The resource '{}' already exists in location '{held}' in resource group '{}'. A resource with the same name cannot be created in location '{location}'.",
        path.name(),
        path.resource_group.as_deref().unwrap_or_default()
    );
    Some(Answer::error(409, "InvalidResourceLocation", &message))
}

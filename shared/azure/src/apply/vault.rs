//! Vaults and Managed HSMs: protection switched on, recovered, and what belonged to them written back.

use reprieve_core::azure::ResourceId;
use reprieve_core::azure::world::Companion;
use reprieve_engine::CallError;
use serde_json::{Map, Value, json};

use super::gone;
use crate::answer::code;
use crate::api;
use crate::arm::Condition;
use crate::control::{AzureControl, is_managed_hsm};

/// What a vault is recovered with where nobody remembers: Azure keeps the one that it had.
const VAULT_SKU: (&str, &str) = ("A", "standard");
const HSM_SKU: (&str, &str) = ("B", "Standard_B1");

/// What a refusal begins with that is not about what is written, but about what it leads to: a workspace, an event hub, a function.
const LINKED: &str = "`LinkedAuthorizationFailed`";

impl AzureControl {
    pub(super) async fn patch_vault(&self, id: &ResourceId, location: &str, soft_delete: bool, purge: bool) -> Result<(), CallError> {
        let vault = self.vault(id).await?.ok_or_else(|| gone(id))?;
        let mut properties = Map::new();
        if soft_delete && !vault.soft_delete {
            properties.insert("enableSoftDelete".to_owned(), Value::Bool(true));
        }
        if purge && !vault.purge_protection {
            // Azure asks for soft delete beside it, also where that is on.
            if !is_managed_hsm(id) {
                properties.insert("enableSoftDelete".to_owned(), Value::Bool(true));
            }
            properties.insert("enablePurgeProtection".to_owned(), Value::Bool(true));
        }
        if properties.is_empty() {
            return Ok(());
        }
        let body = if is_managed_hsm(id) {
            json!({ "location": location, "properties": properties })
        } else {
            json!({ "properties": properties })
        };
        self.arm.patch(id.as_str(), api::KEY_VAULT, &body, Condition::Always).await.map(drop)
    }

    pub(super) async fn recover_vault(
        &self,
        id: &ResourceId,
        location: &str,
        tenant_id: Option<&str>,
        sku: Option<&(String, String)>,
    ) -> Result<(), CallError> {
        if self.arm.get(id.as_str(), api::KEY_VAULT).await?.is_some() {
            return Ok(());
        }
        let tenant_id = tenant_id.filter(|tenant| !tenant.is_empty()).unwrap_or(&self.tenant_id);
        let usual = if is_managed_hsm(id) { HSM_SKU } else { VAULT_SKU };
        let (family, name) = sku.map_or(usual, |(family, name)| (family.as_str(), name.as_str()));
        let sku = json!({ "family": family, "name": name });
        let body = if is_managed_hsm(id) {
            json!({ "location": location, "sku": sku, "properties": { "tenantId": tenant_id, "createMode": "recover" } })
        } else {
            json!({ "location": location, "properties": { "tenantId": tenant_id, "sku": sku, "createMode": "recover" } })
        };
        self.arm.put(id.as_str(), api::KEY_VAULT, &body, Condition::Always).await.map(drop)
    }

    /// Writes back what a vault lost, unless it is there: whoever made it again since knows better.
    pub(super) async fn restore_companion(&self, companion: &Companion) -> Result<(), CallError> {
        let version = match companion.id.resource_type().as_str() {
            "microsoft.authorization/roleassignments" => api::AUTHORIZATION,
            "microsoft.eventgrid/eventsubscriptions" => api::EVENT_GRID,
            "microsoft.insights/diagnosticsettings" => api::DIAGNOSTIC_SETTINGS,
            other => {
                let message = format!("a `{other}` is not written back (`{}`)", companion.id);
                return Err(CallError::Unsupported { call: super::PUT, message });
            }
        };
        let path = companion.id.as_str();
        if self.arm.get(path, version).await?.is_some() {
            return Ok(());
        }
        let body = json!({ "properties": companion.properties });
        with_way_out(unless_granted(self.arm.put(path, version, &body, Condition::Always).await))
    }
}

/// Says what a human can do where a setting or a subscription is refused for what it leads to: the guard has no right on that.
fn with_way_out(answer: Result<(), CallError>) -> Result<(), CallError> {
    match answer {
        Err(CallError::AccessDenied { call, message }) if message.starts_with(LINKED) => {
            let way_out = "it leads to what the guard has no right on; make it again by hand, or grant what Azure names here";
            let message = format!("{LINKED}: {way_out}{}", message.trim_start_matches(LINKED));
            Err(CallError::AccessDenied { call, message })
        }
        answer => answer,
    }
}

/// Takes "the principal holds this role already, by an assignment of another name" for done.
pub(super) fn unless_granted(answer: Result<Value, CallError>) -> Result<(), CallError> {
    match answer {
        Err(error) if code(&error) == "RoleAssignmentExists" => Ok(()),
        answer => answer.map(drop),
    }
}

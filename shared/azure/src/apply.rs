//! Makes one change: reads what is there, writes nothing where it is as asked for, else the least that changes it.
//!
//! What it must not do: choose. What is written is the change's, merged into what is there, so that nothing else is lost by it; only our
//! diagnostic setting writes to nothing that the change does not name.

mod database;
mod encryption;
mod immutability;
mod monitoring;
mod object;
mod storage;
mod vault;

use reprieve_core::azure::{Change, ResourceId};
use reprieve_engine::CallError;
use serde_json::{Value, json};

use crate::answer::{holds, merged};
use crate::arm::Condition;
use crate::control::AzureControl;

/// What a write is called in errors.
const PUT: &str = "arm:Put";

impl AzureControl {
    pub(crate) async fn make(&self, change: &Change) -> Result<(), CallError> {
        match change {
            Change::PatchVault { vault, location, soft_delete, purge_protection } => {
                self.patch_vault(vault, location, *soft_delete, *purge_protection).await
            }
            Change::RecoverVault { vault, location, tenant_id, sku } => {
                self.recover_vault(vault, location, tenant_id.as_deref(), sku.as_ref()).await
            }
            Change::RestoreCompanion { companion } => self.restore_companion(companion).await,
            Change::RecoverObject { object } => self.recover_object(object).await,
            Change::EnableKey { key, version } => self.enable_key(key, version.as_deref()).await,
            Change::PutRotationPolicy { key, policy } => self.put_rotation_policy(key, policy).await,
            Change::PutBlobService { account, properties, what: _ } => self.put_blob_service(account, properties).await,
            Change::AssignIdentity { account, identity, identities, system_identity } => {
                self.assign_identity(account, identity, identities, *system_identity).await
            }
            Change::GrantKeyUse { vault, principal_id } => self.grant_key_use(vault, principal_id).await,
            Change::SetKeySource { account, key, identity } => self.set_key_source(account, key, identity).await,
            Change::RestoreContainer { container, version } => self.restore_container(container, version).await,
            Change::CreateContainer { container } => self.create_container(container).await,
            Change::PutImmutabilityPolicy { container, days, etag } => self.put_immutability(container, *days, etag.as_deref()).await,
            Change::ExtendImmutabilityPolicy { container, days, etag } => self.extend_immutability(container, *days, etag).await,
            Change::LockImmutabilityPolicy { container, etag } => self.lock_immutability(container, etag.as_deref()).await,
            Change::PutSqlAuditing { server, properties } => self.put_sql_auditing(server, properties).await,
            Change::PutServerParameter { server, name, value } => self.put_server_parameter(server, name, value).await,
            Change::PutDiagnosticSetting { setting, properties } => self.put_diagnostic_setting(setting, properties).await,
            Change::PutActivityLogAlert { alert, properties } => self.put_activity_log_alert(alert, properties).await,
            Change::RestoreActionGroup { group, body } => self.restore_action_group(group, body).await,
            Change::EnableActionGroup { group } => self.enable_action_group(group).await,
        }
    }

    /// Writes properties into those that are there; nothing where they are there already.
    async fn put_properties(&self, path: &str, version: &str, present: &Value, wanted: &Value) -> Result<(), CallError> {
        if holds(present, wanted) {
            return Ok(());
        }
        let body = json!({ "properties": merged(present, wanted) });
        self.arm.put(path, version, &body, Condition::Always).await.map(drop)
    }
}

/// An error about what must be there to be changed.
fn gone(about: &ResourceId) -> CallError {
    CallError::NotFound { call: PUT, message: format!("there is no `{about}` any more") }
}

#[cfg(test)]
#[path = "apply_tests.rs"]
mod tests;

//! Looks at one subject: what its world is made of, read side by side.
//!
//! What it must not do: write anything, or judge what it sees.

pub(crate) mod database;
mod encryption;
pub(crate) mod monitoring;
pub(crate) mod object;
pub(crate) mod storage;
pub(crate) mod vault;

use reprieve_core::azure::{Discovery, Subject, World};
use reprieve_engine::CallError;

use crate::control::AzureControl;

/// What a read of one resource is called in errors.
pub(crate) const GET: &str = "arm:Get";

impl AzureControl {
    pub(crate) async fn look_at(&self, subject: &Subject, known: &Discovery) -> Result<World, CallError> {
        match subject {
            Subject::VaultProtection(vault) => self.vault_protection(vault, known).await,
            Subject::Vault(vault) => self.vault_existence(vault).await,
            Subject::VaultObject(object) => self.object_existence(object).await,
            Subject::RotationPolicy(key) => self.rotation(key).await,
            Subject::StorageProtection(account) => self.storage_protection(account, known).await,
            Subject::LogEncryption(account) => self.log_encryption(account, known).await,
            Subject::AuditContainer(container) => self.audit_container(container, known).await,
            Subject::DatabaseAuditing(server) => self.database_auditing(server).await,
            Subject::VaultLogging(vault) => self.vault_logging(vault).await,
            Subject::Alerts(subscription) => self.alerts(subscription).await,
        }
    }
}

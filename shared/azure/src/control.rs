//! The tenant behind the engine's port: looks at one subject at a time, makes one change at a time, finds what there is to keep.
//!
//! *Architecture invariants:* a look never writes; a change reads first, and writes nothing where all is as asked for; what could not be
//! read says so and is never taken for missing. Which changes are made is the plan's to say.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use reprieve_core::Event;
use reprieve_core::azure::{Change, Desired, Discovery, ResourceId, Subject, World};
use reprieve_engine::CallError;
use reprieve_engine::tenant::TenantControl;

use crate::arm::ArmClient;
use crate::connection::Connection;
use crate::vault::{VaultClient, VaultHost};

/// How many calls are under way at the same time where many resources are looked through.
pub(crate) const CONCURRENCY: usize = 8;

const CONNECT: &str = "keyvault:Connect";

/// Looks at what a tenant holds, and changes it. Clones share connections, tokens and pace.
#[derive(Clone)]
pub struct AzureControl {
    pub(crate) arm: ArmClient,
    pub(crate) connection: Connection,
    pub(crate) desired: Arc<Desired>,
    /// The tenant of vaults of which nobody remembers it.
    pub(crate) tenant_id: Arc<str>,
    /// The clients of vaults, with what they learned of them.
    vaults: Arc<Mutex<HashMap<VaultHost, VaultClient>>>,
}

impl fmt::Debug for AzureControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AzureControl").field("arm", &self.arm).field("tenant_id", &self.tenant_id).finish_non_exhaustive()
    }
}

impl AzureControl {
    /// Makes it. `desired` says where to look: which subscriptions are guarded, which key, storage and action group are ours.
    #[must_use]
    pub fn new(connection: &Connection, desired: Desired, tenant_id: &str) -> Self {
        Self {
            arm: ArmClient::new(connection),
            connection: connection.clone(),
            desired: Arc::new(desired),
            tenant_id: tenant_id.into(),
            vaults: Arc::default(),
        }
    }

    /// Returns the client of a vault's or Managed HSM's own data.
    ///
    /// # Errors
    /// When its name can be no host.
    pub(crate) fn data_of(&self, vault: &ResourceId) -> Result<VaultClient, CallError> {
        let suffix = if is_managed_hsm(vault) { "managedhsm.azure.net" } else { "vault.azure.net" };
        let refused = |error: crate::vault::VaultHostError| CallError::Rejected { call: CONNECT, message: error.to_string() };
        let host = VaultHost::parse(&format!("{}.{suffix}", vault.name())).map_err(refused)?;
        let mut vaults = self.vaults.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = vaults.get(&host) {
            return Ok(client.clone());
        }
        let client = VaultClient::new(&self.connection, &host)?;
        vaults.insert(host, client.clone());
        Ok(client)
    }
}

/// Says whether this is a Managed HSM, or something in one.
pub(crate) fn is_managed_hsm(id: &ResourceId) -> bool {
    id.within("Microsoft.KeyVault/managedHSMs").is_some()
}

impl TenantControl for AzureControl {
    async fn discover(&self) -> Discovery {
        self.look_through().await
    }

    async fn observe(&self, subject: &Subject, known: &Discovery) -> Result<World, CallError> {
        self.look_at(subject, known).await
    }

    async fn apply(&self, change: &Change) -> Result<(), CallError> {
        self.make(change).await
    }

    async fn last_calls(&self, subject: &Subject, until: Timestamp) -> Result<Vec<Event>, CallError> {
        self.logged_calls(subject, until).await
    }
}

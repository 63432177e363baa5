//! What a deployment asks for. One-way changes are made only where it says so.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::id::{KeyReference, ResourceId, SubscriptionId};

/// Which vaults are given purge protection, which nobody can take off again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PurgeProtection {
    /// None: only told.
    Off,
    /// Those whose keys protect logs or databases.
    LogVaults,
    /// All of them.
    All,
}

impl PurgeProtection {
    /// Reads the configuration's word: `off`, `log-vaults` or `all`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "off" => Some(Self::Off),
            "log-vaults" => Some(Self::LogVaults),
            "all" => Some(Self::All),
            _ => None,
        }
    }
}

/// Where the audit events of vaults go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRoute {
    /// The authorization rule of the Event Hubs namespace.
    pub event_hub_rule: ResourceId,
    /// The event hub.
    pub event_hub_name: String,
}

/// What must be true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desired {
    /// The subscriptions that are guarded.
    pub subscriptions: BTreeSet<SubscriptionId>,
    /// Which vaults get purge protection.
    pub purge_protection: PurgeProtection,
    /// How long deleted blobs and containers of log storage are kept, in days, 1 to 365.
    pub soft_delete_days: u32,
    /// How long audit logs are immutable, in days.
    pub immutability_days: u32,
    /// Whether immutability is locked, which nobody can undo.
    pub lock_immutability: bool,
    /// The vaults and Managed HSMs whose keys may protect logs. A key anywhere else counts as none.
    pub allowed_vaults: BTreeSet<ResourceId>,
    /// The key for the storage of the Activity Log.
    pub log_key: Option<KeyReference>,
    /// The user-assigned identity by which storage accounts read that key.
    pub log_identity: Option<ResourceId>,
    /// The storage account to which vaults and databases log.
    pub log_storage: Option<ResourceId>,
    /// The event hub to which vaults log, from which the functions hear of deleted keys.
    pub audit_route: Option<AuditRoute>,
    /// The action group that alerts call.
    pub action_group: Option<ResourceId>,
    /// The resource group of the alerts that we make.
    pub alerts_group: Option<ResourceId>,
}

impl Desired {
    /// Says whether a key is in a vault of the allow-list. Names of vaults are unique in all of Azure.
    #[must_use]
    pub fn allows(&self, key: &KeyReference) -> bool {
        self.allowed_vaults.iter().any(|vault| vault.name().eq_ignore_ascii_case(key.vault_name()))
    }

    /// Returns the vault of the log key, out of the allow-list.
    #[must_use]
    pub fn log_vault(&self) -> Option<&ResourceId> {
        let key = self.log_key.as_ref()?;
        self.allowed_vaults.iter().find(|vault| vault.name().eq_ignore_ascii_case(key.vault_name()))
    }

    /// Says whether a resource is in a subscription that is guarded.
    #[must_use]
    pub fn guards(&self, resource: &ResourceId) -> bool {
        self.subscriptions.contains(&resource.subscription())
    }
}

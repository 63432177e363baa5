//! One idempotent change in Azure. None of them deletes, purges, unlocks, shortens or narrows anything.
//!
//! A change holds all that its call needs, merged with what is there, so that whoever carries it out chooses nothing.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::id::{KeyReference, ResourceId};
use super::subject::kind;
use super::world::{Companion, RotationPolicy};

/// The role by which a storage account reads the key that it is encrypted with: `Key Vault Crypto Service Encryption User`.
/// <https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/security>
pub const CRYPTO_SERVICE_ENCRYPTION_USER: &str = "e147488a-f6f5-4113-8e2d-b22465e65bf6";

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change")]
pub enum Change {
    /// Switches on soft delete, purge protection, or both. Both are one-way.
    PatchVault {
        /// The vault or Managed HSM.
        vault: ResourceId,
        /// Its Azure region; a Managed HSM's patch names it.
        location: String,
        /// Soft delete.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        soft_delete: bool,
        /// Purge protection.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        purge_protection: bool,
    },
    /// Recovers a deleted vault or Managed HSM, with the keys in it.
    RecoverVault {
        /// The vault or Managed HSM.
        vault: ResourceId,
        /// Its Azure region.
        location: String,
        /// Its tenant, where the inventory knows it; else the deployment's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tenant_id: Option<String>,
        /// The family and name of its SKU, where the inventory knows it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sku: Option<(String, String)>,
    },
    /// Writes back what was lost with a vault: a role assignment, an event subscription, a diagnostic setting.
    RestoreCompanion {
        /// What.
        companion: Companion,
    },
    /// Recovers a deleted key, secret or certificate.
    RecoverObject {
        /// What.
        object: ResourceId,
    },
    /// Enables a key.
    EnableKey {
        /// The key.
        key: ResourceId,
        /// The version.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<String>,
    },
    /// Gives a key its rotation policy back.
    PutRotationPolicy {
        /// The key.
        key: ResourceId,
        /// The policy.
        policy: RotationPolicy,
    },
    /// Switches on soft delete of blobs and containers, and versions. What is on, or longer, stays.
    PutBlobService {
        /// The storage account.
        account: ResourceId,
        /// All of the properties, merged with what is there.
        properties: Value,
        /// What is switched on, for people.
        what: Vec<String>,
    },
    /// Gives a storage account a user-assigned identity, beside those that it has.
    AssignIdentity {
        /// The storage account.
        account: ResourceId,
        /// The identity.
        identity: ResourceId,
        /// All user-assigned identities it has then.
        identities: Vec<ResourceId>,
        /// Whether it keeps a system-assigned one.
        system_identity: bool,
    },
    /// Lets an identity use the keys of a vault to encrypt storage.
    GrantKeyUse {
        /// The vault.
        vault: ResourceId,
        /// The identity's principal.
        principal_id: String,
    },
    /// Encrypts a storage account with a key. Azure refuses it as long as the identity cannot use the key, and then nothing has changed.
    SetKeySource {
        /// The storage account.
        account: ResourceId,
        /// The key, without a version: rotation is followed.
        key: KeyReference,
        /// The identity by which it reads the key.
        identity: ResourceId,
    },
    /// Restores a deleted container.
    RestoreContainer {
        /// The container.
        container: ResourceId,
        /// The deleted version.
        version: String,
    },
    /// Makes a container.
    CreateContainer {
        /// The container.
        container: ResourceId,
    },
    /// Sets or lengthens the time-based retention of a container, unlocked.
    PutImmutabilityPolicy {
        /// The container.
        container: ResourceId,
        /// The retention, in days.
        days: u32,
        /// The ETag of the policy that is replaced.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        etag: Option<String>,
    },
    /// Lengthens a locked policy. Azure allows it five times.
    ExtendImmutabilityPolicy {
        /// The container.
        container: ResourceId,
        /// The retention, in days.
        days: u32,
        /// The policy's ETag.
        etag: String,
    },
    /// Locks a policy. One-way.
    LockImmutabilityPolicy {
        /// The container.
        container: ResourceId,
        /// The policy's ETag, where it is known; of a policy that the same plan sets, it is read first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        etag: Option<String>,
    },
    /// Switches the auditing of a SQL server on.
    PutSqlAuditing {
        /// The server.
        server: ResourceId,
        /// All of the properties, merged with what is there.
        properties: Value,
    },
    /// Sets a server parameter of PostgreSQL or MySQL.
    PutServerParameter {
        /// The server.
        server: ResourceId,
        /// The parameter.
        name: String,
        /// Its value.
        value: String,
    },
    /// Makes or mends a diagnostic setting of ours.
    PutDiagnosticSetting {
        /// The setting.
        setting: ResourceId,
        /// All of its properties.
        properties: Value,
    },
    /// Makes or mends an activity-log alert of ours.
    PutActivityLogAlert {
        /// The alert.
        alert: ResourceId,
        /// All of its properties.
        properties: Value,
    },
    /// Makes an action group again that was deleted.
    RestoreActionGroup {
        /// The action group.
        group: ResourceId,
        /// Its location, tags and properties. No record holds them: whom it calls are people.
        #[serde(skip)]
        body: Value,
    },
    /// Switches an action group on again. Its receivers stay as they are.
    EnableActionGroup {
        /// The action group.
        group: ResourceId,
    },
}

impl Change {
    /// Returns the name of the change in records.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::PatchVault { .. } => "PatchVault",
            Self::RecoverVault { .. } => "RecoverVault",
            Self::RestoreCompanion { .. } => "RestoreCompanion",
            Self::RecoverObject { .. } => "RecoverObject",
            Self::EnableKey { .. } => "EnableVaultKey",
            Self::PutRotationPolicy { .. } => "PutRotationPolicy",
            Self::PutBlobService { .. } => "PutBlobService",
            Self::AssignIdentity { .. } => "AssignIdentity",
            Self::GrantKeyUse { .. } => "GrantKeyUse",
            Self::SetKeySource { .. } => "SetKeySource",
            Self::RestoreContainer { .. } => "RestoreContainer",
            Self::CreateContainer { .. } => "CreateContainer",
            Self::PutImmutabilityPolicy { .. } => "PutImmutabilityPolicy",
            Self::ExtendImmutabilityPolicy { .. } => "ExtendImmutabilityPolicy",
            Self::LockImmutabilityPolicy { .. } => "LockImmutabilityPolicy",
            Self::PutSqlAuditing { .. } => "PutSqlAuditing",
            Self::PutServerParameter { .. } => "PutServerParameter",
            Self::PutDiagnosticSetting { .. } => "PutDiagnosticSetting",
            Self::PutActivityLogAlert { .. } => "PutActivityLogAlert",
            Self::RestoreActionGroup { .. } => "RestoreActionGroup",
            Self::EnableActionGroup { .. } => "EnableActionGroup",
        }
    }

    /// Returns what is changed, as it is written.
    #[must_use]
    pub fn target(&self) -> &str {
        self.resource().as_str()
    }

    /// Returns what is changed.
    #[must_use]
    pub const fn resource(&self) -> &ResourceId {
        match self {
            Self::PatchVault { vault, .. } | Self::RecoverVault { vault, .. } | Self::GrantKeyUse { vault, .. } => vault,
            Self::RestoreCompanion { companion } => &companion.id,
            Self::RecoverObject { object } => object,
            Self::EnableKey { key, .. } | Self::PutRotationPolicy { key, .. } => key,
            Self::PutBlobService { account, .. } | Self::AssignIdentity { account, .. } | Self::SetKeySource { account, .. } => account,
            Self::RestoreContainer { container, .. }
            | Self::CreateContainer { container }
            | Self::PutImmutabilityPolicy { container, .. }
            | Self::ExtendImmutabilityPolicy { container, .. }
            | Self::LockImmutabilityPolicy { container, .. } => container,
            Self::PutSqlAuditing { server, .. } | Self::PutServerParameter { server, .. } => server,
            Self::PutDiagnosticSetting { setting, .. } => setting,
            Self::PutActivityLogAlert { alert, .. } => alert,
            Self::RestoreActionGroup { group, .. } | Self::EnableActionGroup { group } => group,
        }
    }

    /// Says whether nobody can undo the change.
    #[must_use]
    pub const fn is_one_way(&self) -> bool {
        match self {
            Self::PatchVault { .. } | Self::LockImmutabilityPolicy { .. } | Self::ExtendImmutabilityPolicy { .. } => true,
            Self::RecoverVault { .. }
            | Self::RestoreCompanion { .. }
            | Self::RecoverObject { .. }
            | Self::EnableKey { .. }
            | Self::PutRotationPolicy { .. }
            | Self::PutBlobService { .. }
            | Self::AssignIdentity { .. }
            | Self::GrantKeyUse { .. }
            | Self::SetKeySource { .. }
            | Self::RestoreContainer { .. }
            | Self::CreateContainer { .. }
            | Self::PutImmutabilityPolicy { .. }
            | Self::PutSqlAuditing { .. }
            | Self::PutServerParameter { .. }
            | Self::PutDiagnosticSetting { .. }
            | Self::PutActivityLogAlert { .. }
            | Self::RestoreActionGroup { .. }
            | Self::EnableActionGroup { .. } => false,
        }
    }

    /// Says whether this change makes no sense where `earlier` failed.
    #[must_use]
    pub fn builds_on(&self, earlier: &Self) -> bool {
        match (earlier, self) {
            // The order that never locks an account out: identity, role, key source. And what belongs to a vault needs the vault, as an
            // alert needs the group that it calls.
            (Self::AssignIdentity { .. } | Self::GrantKeyUse { .. }, Self::SetKeySource { .. })
            | (Self::RecoverVault { .. }, _)
            | (Self::RestoreActionGroup { .. }, Self::PutActivityLogAlert { .. })
            | (
                Self::RestoreContainer { .. } | Self::CreateContainer { .. },
                Self::PutImmutabilityPolicy { .. } | Self::ExtendImmutabilityPolicy { .. } | Self::LockImmutabilityPolicy { .. },
            )
            | (Self::PutImmutabilityPolicy { .. } | Self::ExtendImmutabilityPolicy { .. }, Self::LockImmutabilityPolicy { .. })
            | (Self::RecoverObject { .. }, Self::EnableKey { .. } | Self::PutRotationPolicy { .. }) => true,
            (
                Self::PatchVault { .. }
                | Self::RestoreCompanion { .. }
                | Self::RecoverObject { .. }
                | Self::EnableKey { .. }
                | Self::PutRotationPolicy { .. }
                | Self::PutBlobService { .. }
                | Self::AssignIdentity { .. }
                | Self::GrantKeyUse { .. }
                | Self::SetKeySource { .. }
                | Self::RestoreContainer { .. }
                | Self::CreateContainer { .. }
                | Self::PutImmutabilityPolicy { .. }
                | Self::ExtendImmutabilityPolicy { .. }
                | Self::LockImmutabilityPolicy { .. }
                | Self::PutSqlAuditing { .. }
                | Self::PutServerParameter { .. }
                | Self::PutDiagnosticSetting { .. }
                | Self::PutActivityLogAlert { .. }
                | Self::RestoreActionGroup { .. }
                | Self::EnableActionGroup { .. },
                _,
            ) => false,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resource = self.resource();
        let (kind, name) = (kind(resource), resource.name());
        match self {
            Self::PatchVault { soft_delete, purge_protection, .. } => {
                let what = match (soft_delete, purge_protection) {
                    (true, true) => "soft delete and purge protection",
                    (true, false) => "soft delete",
                    (false, _) => "purge protection",
                };
                write!(f, "switch {what} of {kind} `{name}` on, for good")
            }
            Self::RecoverVault { .. } | Self::RecoverObject { .. } => write!(f, "recover {kind} `{name}`"),
            Self::RestoreCompanion { companion } => match companion.id.parent() {
                Some(parent) => write!(f, "write {kind} `{name}` of `{}` back", parent.name()),
                None => write!(f, "write {kind} `{name}` back"),
            },
            Self::EnableKey { .. } => write!(f, "enable key `{name}`"),
            Self::PutRotationPolicy { .. } => write!(f, "give key `{name}` its rotation policy back"),
            Self::PutBlobService { what, .. } => write!(f, "switch {} of storage account `{name}` on", what.join(", ")),
            Self::AssignIdentity { identity, .. } => write!(f, "give storage account `{name}` the identity `{}`", identity.name()),
            Self::GrantKeyUse { principal_id, .. } => write!(f, "let `{principal_id}` use the keys of {kind} `{name}`"),
            Self::SetKeySource { key, .. } => write!(f, "encrypt storage account `{name}` with `{key}`"),
            Self::RestoreContainer { .. } => write!(f, "restore container `{name}`"),
            Self::CreateContainer { .. } => write!(f, "make container `{name}`"),
            Self::PutImmutabilityPolicy { days, .. } => write!(f, "make container `{name}` immutable for {days} days"),
            Self::ExtendImmutabilityPolicy { days, .. } => write!(f, "lengthen the immutability of container `{name}` to {days} days"),
            Self::LockImmutabilityPolicy { .. } => write!(f, "lock the immutability of container `{name}`, for good"),
            Self::PutSqlAuditing { .. } => write!(f, "switch the auditing of SQL server `{name}` on"),
            Self::PutServerParameter { name: parameter, value, .. } => write!(f, "set `{parameter}` of {kind} `{name}` to `{value}`"),
            Self::PutDiagnosticSetting { .. } | Self::PutActivityLogAlert { .. } => write!(f, "put {kind} `{name}`"),
            Self::RestoreActionGroup { .. } => write!(f, "make action group `{name}` again"),
            Self::EnableActionGroup { .. } => write!(f, "switch action group `{name}` on"),
        }
    }
}

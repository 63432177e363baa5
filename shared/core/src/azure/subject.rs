//! What is looked at, and kept as it must be: one aspect of one resource. Each belongs to one function.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::id::{ResourceId, SubscriptionId};

/// The function that answers for a subject; its name is its route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Function {
    /// Soft delete and purge protection of vaults.
    RestoreSoftDelete,
    /// Deleted vaults.
    RecoverVault,
    /// Deleted or disabled keys; deleted secrets and certificates.
    RecoverKey,
    /// Soft delete and versioning of storage accounts that keep logs.
    ProtectStorage,
    /// The key under which the Activity Log is stored.
    EncryptActivityLogs,
    /// Database auditing, and the immutability of where it is kept.
    LockAuditStorage,
    /// Rotation policies of keys.
    RestoreRotationPolicy,
    /// Diagnostic settings, activity-log alerts, the action group.
    ProvisionAlerts,
}

impl Function {
    /// All of them. The timer's `Sweep` is none: it goes through all subjects.
    pub const ALL: [Self; 8] = [
        Self::RestoreSoftDelete,
        Self::RecoverVault,
        Self::RecoverKey,
        Self::ProtectStorage,
        Self::EncryptActivityLogs,
        Self::LockAuditStorage,
        Self::RestoreRotationPolicy,
        Self::ProvisionAlerts,
    ];

    /// Returns its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RestoreSoftDelete => "RestoreSoftDelete",
            Self::RecoverVault => "RecoverVault",
            Self::RecoverKey => "RecoverKey",
            Self::ProtectStorage => "ProtectStorage",
            Self::EncryptActivityLogs => "EncryptActivityLogs",
            Self::LockAuditStorage => "LockAuditStorage",
            Self::RestoreRotationPolicy => "RestoreRotationPolicy",
            Self::ProvisionAlerts => "ProvisionAlerts",
        }
    }

    /// Says whether it hears of what vaults log, by the event hub. There, a batch that is to come again holds up all behind it.
    #[must_use]
    pub const fn hears_by_hub(self) -> bool {
        match self {
            Self::RecoverKey | Self::RestoreRotationPolicy => true,
            Self::RestoreSoftDelete
            | Self::RecoverVault
            | Self::ProtectStorage
            | Self::EncryptActivityLogs
            | Self::LockAuditStorage
            | Self::ProvisionAlerts => false,
        }
    }

    /// Returns the function of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|function| function.name() == name)
    }
}

/// One aspect of one resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "aspect", content = "id", rename_all = "snake_case")]
pub enum Subject {
    /// Soft delete and purge protection of a vault or Managed HSM.
    VaultProtection(ResourceId),
    /// That a vault or Managed HSM is there, with what belongs to it.
    Vault(ResourceId),
    /// That a key, secret or certificate is there, and a key enabled.
    VaultObject(ResourceId),
    /// The rotation policy of a key.
    RotationPolicy(ResourceId),
    /// Soft delete and versioning of a storage account that keeps logs.
    StorageProtection(ResourceId),
    /// The key of a storage account that keeps the Activity Log.
    LogEncryption(ResourceId),
    /// That a container which keeps audit logs is there, and immutable.
    AuditContainer(ResourceId),
    /// The auditing of a SQL, PostgreSQL or MySQL server.
    DatabaseAuditing(ResourceId),
    /// The diagnostic settings of a vault or Managed HSM.
    VaultLogging(ResourceId),
    /// The diagnostic settings of a subscription, its activity-log alerts, and the action group they call.
    Alerts(SubscriptionId),
}

impl Subject {
    /// Returns the function that answers for it.
    #[must_use]
    pub const fn function(&self) -> Function {
        match self {
            Self::VaultProtection(_) => Function::RestoreSoftDelete,
            Self::Vault(_) => Function::RecoverVault,
            Self::VaultObject(_) => Function::RecoverKey,
            Self::RotationPolicy(_) => Function::RestoreRotationPolicy,
            Self::StorageProtection(_) => Function::ProtectStorage,
            Self::LogEncryption(_) => Function::EncryptActivityLogs,
            Self::AuditContainer(_) | Self::DatabaseAuditing(_) => Function::LockAuditStorage,
            Self::VaultLogging(_) | Self::Alerts(_) => Function::ProvisionAlerts,
        }
    }

    /// Returns the resource.
    #[must_use]
    pub fn resource(&self) -> ResourceId {
        match self {
            Self::VaultProtection(id)
            | Self::Vault(id)
            | Self::VaultObject(id)
            | Self::RotationPolicy(id)
            | Self::StorageProtection(id)
            | Self::LogEncryption(id)
            | Self::AuditContainer(id)
            | Self::DatabaseAuditing(id)
            | Self::VaultLogging(id) => id.clone(),
            Self::Alerts(subscription) => subscription.resource(),
        }
    }

    /// Returns the resource whose tags approve a change of it: containers bear none, so their account's count.
    #[must_use]
    pub fn approval_resource(&self) -> ResourceId {
        let resource = self.resource();
        match self {
            Self::AuditContainer(_) => resource.within("Microsoft.Storage/storageAccounts").unwrap_or(resource),
            Self::VaultProtection(_)
            | Self::Vault(_)
            | Self::VaultObject(_)
            | Self::RotationPolicy(_)
            | Self::StorageProtection(_)
            | Self::LogEncryption(_)
            | Self::DatabaseAuditing(_)
            | Self::VaultLogging(_)
            | Self::Alerts(_) => resource,
        }
    }

    /// Returns the word that an approval uses for what was done to it (`reprieve:action`), which is also the Cedar action's name. A key
    /// can also be disabled; `was_deleted` says which it was.
    #[must_use]
    pub const fn action(&self, was_deleted: bool) -> &'static str {
        match self {
            Self::VaultObject(_) if !was_deleted => "disable",
            Self::Vault(_) | Self::VaultObject(_) => "delete",
            Self::VaultProtection(_) => "weaken-vault",
            Self::RotationPolicy(_) => "disable-rotation",
            Self::StorageProtection(_) => "weaken-storage",
            Self::LogEncryption(_) => "change-log-key",
            Self::AuditContainer(_) | Self::DatabaseAuditing(_) => "weaken-audit",
            Self::VaultLogging(_) | Self::Alerts(_) => "remove-monitoring",
        }
    }

    /// Returns one text for one subject, for keys of stores: `vault:/subscriptions/...` in lower case.
    #[must_use]
    pub fn key(&self) -> String {
        let aspect = match self {
            Self::VaultProtection(_) => "vault-protection",
            Self::Vault(_) => "vault",
            Self::VaultObject(_) => "object",
            Self::RotationPolicy(_) => "rotation-policy",
            Self::StorageProtection(_) => "storage-protection",
            Self::LogEncryption(_) => "log-encryption",
            Self::AuditContainer(_) => "audit-container",
            Self::DatabaseAuditing(_) => "database-auditing",
            Self::VaultLogging(_) => "vault-logging",
            Self::Alerts(_) => "alerts",
        };
        format!("{aspect}:{}", self.resource().canonical())
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resource = self.resource();
        let name = resource.name();
        match self {
            Self::VaultProtection(_) => write!(f, "the protection of {} `{name}`", kind(&resource)),
            Self::Vault(_) | Self::VaultObject(_) => write!(f, "{} `{name}`", kind(&resource)),
            Self::RotationPolicy(_) => write!(f, "the rotation policy of key `{name}`"),
            Self::StorageProtection(_) => write!(f, "the protection of storage account `{name}`"),
            Self::LogEncryption(_) => write!(f, "the encryption of storage account `{name}`"),
            Self::AuditContainer(_) => write!(f, "audit container `{name}`"),
            Self::DatabaseAuditing(_) => write!(f, "the auditing of {} `{name}`", kind(&resource)),
            Self::VaultLogging(_) => write!(f, "the logging of {} `{name}`", kind(&resource)),
            Self::Alerts(subscription) => write!(f, "the alerts of subscription `{subscription}`"),
        }
    }
}

/// Returns what people call a resource of this type.
#[must_use]
pub fn kind(id: &ResourceId) -> &'static str {
    match id.resource_type().as_str() {
        "microsoft.keyvault/vaults" => "vault",
        "microsoft.keyvault/managedhsms" => "Managed HSM",
        "microsoft.keyvault/vaults/keys" | "microsoft.keyvault/managedhsms/keys" => "key",
        "microsoft.keyvault/vaults/secrets" => "secret",
        "microsoft.keyvault/vaults/certificates" => "certificate",
        "microsoft.storage/storageaccounts" => "storage account",
        "microsoft.storage/storageaccounts/blobservices/containers" => "container",
        "microsoft.sql/servers" => "SQL server",
        "microsoft.sql/servers/databases" => "SQL database",
        "microsoft.dbforpostgresql/flexibleservers" => "PostgreSQL server",
        "microsoft.dbformysql/flexibleservers" => "MySQL server",
        "microsoft.authorization/roleassignments" => "role assignment",
        "microsoft.eventgrid/eventsubscriptions" => "event subscription",
        "microsoft.insights/diagnosticsettings" => "diagnostic setting",
        "microsoft.insights/activitylogalerts" => "activity-log alert",
        "microsoft.insights/actiongroups" => "action group",
        "microsoft.resources/subscriptions" => "subscription",
        _ => "resource",
    }
}

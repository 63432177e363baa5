//! What was observed of a subject. Each fact is known, absent, or unreadable with the reason; unreadable never counts as good news.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::id::{KeyReference, ResourceId};
use crate::facts::{Known, Tags};

/// A vault or Managed HSM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vault {
    /// Its id, as Azure writes it.
    pub id: ResourceId,
    /// Its Azure region.
    pub location: String,
    /// Its tenant.
    pub tenant_id: String,
    /// Its URL, without a trailing slash.
    pub uri: String,
    /// Its tags.
    pub tags: Tags,
    /// The family and name of its SKU.
    pub sku: (String, String),
    /// Whether what is deleted is kept for a while.
    pub soft_delete: bool,
    /// Whether nobody can purge what is kept.
    pub purge_protection: bool,
    /// For how many days; fixed at creation.
    pub retention_days: Option<u32>,
    /// Whether access to keys is by roles; else by access policies.
    pub access_by_roles: bool,
}

/// A vault or Managed HSM that was deleted and can be recovered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletedVault {
    /// The id it had, and has again once it is recovered.
    pub id: ResourceId,
    /// Its Azure region.
    pub location: String,
    /// The tags it had.
    pub tags: Tags,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// When Azure purges it.
    pub purge_at: Option<Timestamp>,
    /// Whether nobody can purge it before.
    pub purge_protection: bool,
}

/// Something that is lost with a vault and not recovered with it: a role assignment, an event subscription, a diagnostic setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Companion {
    /// Its id.
    pub id: ResourceId,
    /// Its properties, as they are written back.
    pub properties: serde_json::Value,
}

/// What the inventory keeps of a vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VaultInventory {
    /// The vault when it was last seen whole.
    pub vault: Vault,
    /// What belonged to it.
    pub companions: Vec<Companion>,
    /// When that was.
    pub as_of: Timestamp,
}

/// A key, secret or certificate. Of secrets and certificates only metadata is ever read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VaultObject {
    /// Whether its current version is enabled.
    pub enabled: bool,
    /// Its tags.
    pub tags: Tags,
    /// Its current version, where it is known.
    pub version: Option<String>,
    /// Whether it belongs to a certificate, and comes and goes with that.
    pub managed: bool,
}

/// A key, secret or certificate that was deleted and can be recovered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletedObject {
    /// The tags it had.
    pub tags: Tags,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// When Azure purges it.
    pub purge_at: Option<Timestamp>,
    /// Whether it belongs to a certificate, and comes back with that.
    pub managed: bool,
}

/// The rotation policy of a key. Durations are ISO 8601, as Key Vault writes them (`P18M`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RotationPolicy {
    /// When it rotates by itself: so long after it was made.
    pub rotate_after: Option<String>,
    /// When it rotates by itself: so long before it expires.
    pub rotate_before_expiry: Option<String>,
    /// When people are told: so long before it expires.
    pub notify_before_expiry: Option<String>,
    /// After how long a new version expires.
    pub expires_after: Option<String>,
}

impl RotationPolicy {
    /// Says whether the key rotates by itself.
    #[must_use]
    pub const fn rotates(&self) -> bool {
        self.rotate_after.is_some() || self.rotate_before_expiry.is_some()
    }
}

/// What the inventory keeps of a key, secret or certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObjectInventory {
    /// Whether it was meant to be usable, the last time that somebody entitled decided so.
    pub enabled: Option<bool>,
    /// The rotation policy of a key.
    pub rotation: Option<RotationPolicy>,
}

/// Why a storage account keeps logs that matter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "keeps", rename_all = "snake_case")]
pub enum LogUse {
    /// A diagnostic setting of the subscription exports the Activity Log to it.
    ActivityLog,
    /// Diagnostic settings of vaults write to it.
    VaultAudit,
    /// A database server's auditing, or its diagnostic settings, write to this container of it.
    DatabaseAudit {
        /// The server.
        server: ResourceId,
        /// The container.
        container: String,
    },
    /// It is the configured log storage.
    Configured,
}

/// A storage account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageAccount {
    /// Its id, as Azure writes it.
    pub id: ResourceId,
    /// Its Azure region.
    pub location: String,
    /// Its tags.
    pub tags: Tags,
    /// Whether its key comes from a vault; else from Microsoft.
    pub customer_managed: bool,
    /// The key, where it comes from a vault.
    pub key: Option<KeyReference>,
    /// The user-assigned identity by which it reads the key; `None` where that is the system-assigned one.
    pub key_identity: Option<ResourceId>,
    /// Whether it has a system-assigned identity.
    pub system_identity: bool,
    /// The user-assigned identities that it has.
    pub identities: BTreeSet<ResourceId>,
}

/// The blob service of a storage account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobService {
    /// For how many days deleted blobs are kept; `None` where they are not.
    pub delete_retention_days: Option<u32>,
    /// For how many days deleted containers are kept; `None` where they are not.
    pub container_delete_retention_days: Option<u32>,
    /// Whether blobs have versions.
    pub versioning: bool,
    /// All of its properties as they are, for what is written back to be merged into. Empty where none were read.
    #[serde(default)]
    pub properties: serde_json::Value,
}

/// The key that storage of the Activity Log must use, and what would keep it from working.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovedKey {
    /// The key.
    pub key: KeyReference,
    /// Its vault.
    pub vault: Known<Vault>,
    /// The key itself.
    pub object: Known<VaultObject>,
    /// The principal of the identity by which storage accounts read it.
    pub identity_principal: Known<String>,
    /// Whether that identity holds the role `Key Vault Crypto Service Encryption User` on the vault, or above it.
    pub identity_may_use_key: Known<bool>,
}

/// A container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Its id.
    pub id: ResourceId,
    /// Whether each version of its blobs is immutable by itself.
    pub version_level_immutability: bool,
}

/// The time-based retention of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Immutability {
    /// For how many days after its creation a blob cannot be changed.
    pub days: u32,
    /// Whether the policy is locked: it can then only be lengthened.
    pub locked: bool,
    /// Whether logs can still be appended to.
    pub append_allowed: bool,
    /// Its ETag.
    pub etag: String,
}

/// The kind of a database server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Engine {
    /// Azure SQL (`Microsoft.Sql/servers`).
    Sql,
    /// Azure Database for PostgreSQL, flexible server.
    PostgreSql,
    /// Azure Database for MySQL, flexible server.
    MySql,
}

/// The auditing of a SQL server (`auditingSettings/default`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqlAuditing {
    /// Whether it is on.
    pub enabled: bool,
    /// The blob endpoint that it writes to, where it writes to storage.
    pub storage_endpoint: Option<String>,
    /// For how many days it keeps logs; 0 means for ever.
    pub retention_days: u32,
    /// Whether it writes to Azure Monitor (a workspace or event hub).
    pub to_azure_monitor: bool,
    /// Whether it writes by the server's identity; else by an access key.
    pub by_identity: bool,
    /// All of its properties as they are, for what is written back to be merged into. Empty where none were read.
    #[serde(default)]
    pub properties: serde_json::Value,
}

impl SqlAuditing {
    /// Says whether it works by an access key. Azure never tells the key, so that whatever is written takes it away.
    #[must_use]
    pub const fn works_by_key(&self) -> bool {
        self.enabled && self.storage_endpoint.is_some() && !self.by_identity
    }
}

/// A server parameter of PostgreSQL or MySQL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerParameter {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A diagnostic setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiagnosticSetting {
    /// Its name.
    pub name: String,
    /// The storage account that it writes to.
    pub storage: Option<ResourceId>,
    /// The event hub's authorization rule.
    pub event_hub_rule: Option<ResourceId>,
    /// The event hub's name.
    pub event_hub_name: Option<String>,
    /// The Log Analytics workspace that it writes to.
    pub workspace: Option<ResourceId>,
    /// The categories, and category groups, of logs that are on, in lower case.
    pub categories: BTreeSet<String>,
}

impl DiagnosticSetting {
    /// Says whether it writes this category of logs: by name, or as part of a group.
    #[must_use]
    pub fn writes(&self, category: &str, groups: &[&str]) -> bool {
        let has = |name: &str| self.categories.contains(&name.to_ascii_lowercase());
        has(category) || groups.iter().any(|group| has(group))
    }
}

/// An activity-log alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityLogAlert {
    /// Its id.
    pub id: ResourceId,
    /// Whether it is on.
    pub enabled: bool,
    /// The resources under which it listens.
    pub scopes: BTreeSet<ResourceId>,
    /// The `operationName`s that it fires on, in lower case; empty where its condition asks for something else.
    pub operations: BTreeSet<String>,
    /// Whether its condition asks for more than category and operation, and so may not fire.
    pub is_narrowed: bool,
    /// The action groups that it calls.
    pub action_groups: BTreeSet<ResourceId>,
}

/// An action group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionGroup {
    /// Whether it is on.
    pub enabled: bool,
    /// How many receivers it has that somebody hears.
    pub receivers: u32,
    /// What is to be remembered of it; `None` where nothing of whom it calls may be.
    #[serde(default)]
    pub kept: Option<ActionGroupInventory>,
}

/// What the inventory keeps of an action group, to make it again. Receivers that are called by a URL are left out: such a URL is a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionGroupInventory {
    /// Its id.
    pub id: ResourceId,
    /// Its location, tags and properties, as they are written back.
    pub body: serde_json::Value,
    /// How many receivers are left out.
    pub left_out: u32,
}

/// What was observed of a subject.
#[expect(clippy::large_enum_variant, reason = "one is made for each look, and none is kept in numbers")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "aspect", rename_all = "snake_case")]
pub enum World {
    /// Of `Subject::VaultProtection`.
    VaultProtection {
        /// The vault.
        vault: Known<Vault>,
        /// What its keys protect, as far as is known: log storage, databases.
        protects: Known<Vec<ResourceId>>,
    },
    /// Of `Subject::Vault`.
    Vault {
        /// The vault.
        vault: Known<Vault>,
        /// The vault, deleted.
        deleted: Known<DeletedVault>,
        /// What belongs to it now.
        companions: Known<Vec<Companion>>,
    },
    /// Of `Subject::VaultObject`.
    VaultObject {
        /// The object.
        object: Known<VaultObject>,
        /// The object, deleted.
        deleted: Known<DeletedObject>,
    },
    /// Of `Subject::RotationPolicy`.
    RotationPolicy {
        /// The key.
        object: Known<VaultObject>,
        /// Its rotation policy.
        rotation: Known<RotationPolicy>,
    },
    /// Of `Subject::StorageProtection`.
    StorageProtection {
        /// The account.
        account: Known<StorageAccount>,
        /// Its blob service.
        service: Known<BlobService>,
        /// What it keeps; empty where nothing that matters.
        uses: Known<BTreeSet<LogUse>>,
    },
    /// Of `Subject::LogEncryption`.
    LogEncryption {
        /// The account.
        account: Known<StorageAccount>,
        /// What it keeps.
        uses: Known<BTreeSet<LogUse>>,
        /// The key that it must use; absent where none is configured.
        approved: Known<ApprovedKey>,
        /// Whether the identity by which it reads its present key may use that key; absent where the key is Microsoft's.
        present_identity_may_use_key: Known<bool>,
    },
    /// Of `Subject::AuditContainer`.
    AuditContainer {
        /// The storage account.
        account: Known<StorageAccount>,
        /// What the account keeps.
        uses: Known<BTreeSet<LogUse>>,
        /// The container.
        container: Known<Container>,
        /// The version of the container that was deleted and can be restored.
        deleted_version: Known<String>,
        /// Its immutability.
        immutability: Known<Immutability>,
    },
    /// Of `Subject::DatabaseAuditing`.
    DatabaseAuditing {
        /// The kind of server.
        engine: Engine,
        /// The server's tags, where the server is there.
        server: Known<Tags>,
        /// The auditing of a SQL server.
        sql: Known<SqlAuditing>,
        /// Whether a role is seen that lets a SQL server's identity write to the storage of its auditing, or to the configured one
        /// where it names none; absent where there is no storage to write to.
        #[serde(default = "unseen")]
        identity_may_write: Known<bool>,
        /// The parameters that matter, of the other kinds.
        parameters: Known<Vec<ServerParameter>>,
        /// The diagnostic settings, of the other kinds.
        settings: Known<Vec<DiagnosticSetting>>,
    },
    /// Of `Subject::VaultLogging`.
    VaultLogging {
        /// The vault.
        vault: Known<Vault>,
        /// Its diagnostic settings.
        settings: Known<Vec<DiagnosticSetting>>,
    },
    /// Of `Subject::Alerts`.
    Alerts {
        /// The subscription's tags.
        subscription: Known<Tags>,
        /// The subscription's diagnostic settings.
        settings: Known<Vec<DiagnosticSetting>>,
        /// Its activity-log alerts.
        alerts: Known<Vec<ActivityLogAlert>>,
        /// The action group; absent where it is missing, or none is configured.
        group: Known<ActionGroup>,
    },
}

impl World {
    /// Returns the tags that approve a change of the subject: of what is there, else of what was deleted.
    #[must_use]
    pub fn tags(&self) -> Known<Tags> {
        match self {
            Self::VaultProtection { vault, .. } | Self::VaultLogging { vault, .. } => of(vault, |vault| &vault.tags),
            Self::Vault { vault, deleted, .. } => either(of(vault, |vault| &vault.tags), of(deleted, |vault| &vault.tags)),
            Self::VaultObject { object, deleted } => either(of(object, |object| &object.tags), of(deleted, |object| &object.tags)),
            Self::RotationPolicy { object, .. } => of(object, |object| &object.tags),
            Self::StorageProtection { account, .. } | Self::LogEncryption { account, .. } | Self::AuditContainer { account, .. } => {
                of(account, |account| &account.tags)
            }
            Self::DatabaseAuditing { server, .. } => server.clone(),
            Self::Alerts { subscription, .. } => subscription.clone(),
        }
    }
}

/// What facts say of what they were written before.
const fn unseen<T>() -> Known<T> {
    Known::Absent
}

fn of<T>(fact: &Known<T>, tags: impl Fn(&T) -> &Tags) -> Known<Tags> {
    match fact {
        Known::Is(value) => Known::Is(tags(value).clone()),
        Known::Absent => Known::Absent,
        Known::Unreadable(reason) => Known::Unreadable(reason.clone()),
    }
}

fn either(first: Known<Tags>, second: Known<Tags>) -> Known<Tags> {
    match (first, second) {
        (Known::Is(tags), _) | (Known::Absent, Known::Is(tags)) => Known::Is(tags),
        (Known::Unreadable(reason), _) | (Known::Absent, Known::Unreadable(reason)) => Known::Unreadable(reason),
        (Known::Absent, Known::Absent) => Known::Absent,
    }
}

//! What an entry is about: a key, a secret, a certificate, or a log and where it is kept.

use serde::{Deserialize, Serialize};

/// The kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssetKind {
    /// A cryptographic key.
    Key,
    /// An alias of a key.
    KeyAlias,
    /// A custom key store, a key ring, a `CloudHSM` cluster, a Managed HSM.
    KeyStore,
    /// A vault of keys, secrets and certificates.
    Vault,
    /// A secret.
    Secret,
    /// A parameter of Systems Manager.
    Parameter,
    /// A certificate with its private key.
    Certificate,
    /// A trail, an event data store, a diagnostic setting, a log sink: what writes an audit log.
    AuditLog,
    /// A storage account, bucket or container that keeps logs or other data, and how it is encrypted.
    Storage,
    /// The audit settings of a database server or of a database.
    DatabaseAudit,
    /// An alert and whom it tells.
    Alert,
}

impl AssetKind {
    /// Returns the word, in snake case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::KeyAlias => "key_alias",
            Self::KeyStore => "key_store",
            Self::Vault => "vault",
            Self::Secret => "secret",
            Self::Parameter => "parameter",
            Self::Certificate => "certificate",
            Self::AuditLog => "audit_log",
            Self::Storage => "storage",
            Self::DatabaseAudit => "database_audit",
            Self::Alert => "alert",
        }
    }
}

/// A thing, by its name and version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asset {
    /// Its kind.
    pub kind: AssetKind,
    /// The full id: an ARN, a resource id (as written), a resource name of Google; else what the call named it.
    pub id: String,
    /// The version, where the call names one or the answer tells: a key version, a secret version id, a parameter version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl Asset {
    /// Returns the one text by which it is counted: ids of Azure in lower case.
    #[must_use]
    pub fn canonical(&self) -> String {
        if self.id.starts_with('/') { self.id.to_ascii_lowercase() } else { self.id.clone() }
    }
}

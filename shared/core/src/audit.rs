//! One entry of an audit log about a key, a secret, or the logging that proves what happened to them: who did what to which, when,
//! from where, with what result.
//!
//! It holds no secret material: parameters and results are kept by an allow-list of fields, and nothing else of them.

mod asset;
mod operation;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use asset::{Asset, AssetKind};
pub use operation::Operation;

use crate::event::Event;

/// A provider of clouds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cloud {
    /// Amazon Web Services.
    Aws,
    /// Microsoft Azure.
    Azure,
    /// Google Cloud.
    GoogleCloud,
}

impl Cloud {
    /// Returns OCSF's `cloud.provider`.
    #[must_use]
    pub const fn caption(self) -> &'static str {
        match self {
            Self::Aws => "AWS",
            Self::Azure => "Azure",
            Self::GoogleCloud => "GCP",
        }
    }
}

/// The log that told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Log {
    /// AWS CloudTrail.
    CloudTrail,
    /// Azure's Activity Log.
    AzureActivityLog,
    /// The `AuditEvent` log of a Key Vault.
    KeyVaultAudit,
    /// The `AuditEvent` log of a Managed HSM.
    ManagedHsmAudit,
    /// Google Cloud Audit Logs.
    GoogleCloudAudit,
}

impl Log {
    /// Returns the cloud that writes it.
    #[must_use]
    pub const fn cloud(self) -> Cloud {
        match self {
            Self::CloudTrail => Cloud::Aws,
            Self::AzureActivityLog | Self::KeyVaultAudit | Self::ManagedHsmAudit => Cloud::Azure,
            Self::GoogleCloudAudit => Cloud::GoogleCloud,
        }
    }

    /// Returns the log's name, as its provider writes it.
    #[must_use]
    pub const fn caption(self) -> &'static str {
        match self {
            Self::CloudTrail => "AWS CloudTrail",
            Self::AzureActivityLog => "Azure Activity Log",
            Self::KeyVaultAudit => "Azure Key Vault AuditEvent",
            Self::ManagedHsmAudit => "Azure Managed HSM AuditEvent",
            Self::GoogleCloudAudit => "Google Cloud Audit Logs",
        }
    }
}

/// With what the caller called: never the credential, only what names it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Credential {
    /// The id of the access key, service account key or token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Whether the session was opened with a second factor, where the log says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mfa: Option<bool>,
    /// Who vouched for a federated caller: an identity provider or a workload identity pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_provider: Option<String>,
    /// When the session was opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
}

/// Parameters or results: a path such as `encryptionContext.aws:s3:arn` to a text. Only fields of the allow-list.
pub type Excerpt = BTreeMap<String, String>;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// The log that told of it.
    pub log: Log,
    /// Who called what, when, from where, with which result.
    pub event: Event,
    /// What kind of act that is, the same word in every cloud.
    pub operation: Operation,
    /// The key, secret or log that it was about; absent where none was named (`GenerateRandom`, a list).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<Asset>,
    /// With what the caller called.
    #[serde(default)]
    pub credential: Credential,
    /// What was asked for.
    #[serde(default, skip_serializing_if = "Excerpt::is_empty")]
    pub request: Excerpt,
    /// What was answered.
    #[serde(default, skip_serializing_if = "Excerpt::is_empty")]
    pub response: Excerpt,
}

impl AuditEvent {
    /// Returns the cloud.
    #[must_use]
    pub const fn cloud(&self) -> Cloud {
        self.log.cloud()
    }

    /// Returns the account, subscription or project under which the entry is filed: the resource's, else the event's.
    #[must_use]
    pub fn account(&self) -> Option<String> {
        self.event.filed_account()
    }

    /// Returns the Region or location; `None` where the cloud's ids have none.
    #[must_use]
    pub fn region(&self) -> Option<String> {
        self.event.filed_region()
    }

    /// Returns the one text by which the caller is counted: a role rather than its sessions, a person, an application, a service.
    #[must_use]
    pub fn principal(&self) -> Option<String> {
        let actor = &self.event.actor;
        let role = actor.role.as_ref().map(ToString::to_string);
        let of_entra = || Some(format!("object:{}", actor.object_id.as_ref()?.to_ascii_lowercase()));
        let application = || Some(format!("application:{}", actor.app_id.as_ref()?.to_ascii_lowercase()));
        role.or_else(|| actor.arn.clone())
            .or_else(of_entra)
            .or_else(application)
            .or_else(|| actor.user_name.clone())
            .or_else(|| actor.invoked_by.clone())
    }
}

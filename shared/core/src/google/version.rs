//! What is observed of a version of a key.
//!
//! Source: <https://docs.cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys.cryptoKeyVersions>

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::label::Labels;
use super::name::GoogleName;
use crate::audit::AuditEvent;
use crate::facts::{KeyState, Known};

/// The label that keeps a version disabled while an incident is investigated; its value names the incident.
pub const INCIDENT_HOLD_LABEL: &str = "reprieve-incident-hold";

/// The state of a version (`CryptoKeyVersionState`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum VersionState {
    /// Usable.
    Enabled,
    /// Not usable until enabled.
    Disabled,
    /// Waiting to be destroyed.
    DestroyScheduled,
    /// Destroyed for good.
    Destroyed,
    /// Any other: being generated or imported, or failed at it.
    Other(String),
}

impl VersionState {
    /// Reads the provider's word.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "ENABLED" => Self::Enabled,
            "DISABLED" => Self::Disabled,
            "DESTROY_SCHEDULED" => Self::DestroyScheduled,
            "DESTROYED" => Self::Destroyed,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Returns the provider's word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Enabled => "ENABLED",
            Self::Disabled => "DISABLED",
            Self::DestroyScheduled => "DESTROY_SCHEDULED",
            Self::Destroyed => "DESTROYED",
            Self::Other(other) => other,
        }
    }

    /// Returns the state as records of every cloud write it.
    #[must_use]
    pub fn in_records(&self) -> KeyState {
        match self {
            Self::Enabled => KeyState::Enabled,
            Self::Disabled => KeyState::Disabled,
            Self::DestroyScheduled => KeyState::PendingDeletion,
            Self::Destroyed | Self::Other(_) => KeyState::Other(self.as_str().to_owned()),
        }
    }
}

impl From<String> for VersionState {
    fn from(text: String) -> Self {
        Self::parse(&text)
    }
}

impl From<VersionState> for String {
    fn from(state: VersionState) -> Self {
        state.as_str().to_owned()
    }
}

/// A version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyVersion {
    /// Its name, as Cloud KMS answers it.
    pub name: GoogleName,
    /// Its state.
    pub state: VersionState,
    /// When it will be destroyed (`destroyTime`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destroy_at: Option<Timestamp>,
    /// When it was destroyed (`destroyEventTime`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destroyed_at: Option<Timestamp>,
    /// `SOFTWARE`, `HSM`, `EXTERNAL`, ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protection_level: Option<String>,
}

/// Everything that was observed about one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionFacts {
    /// The version.
    pub version: Known<KeyVersion>,
    /// The labels of its key.
    pub labels: Known<Labels>,
    /// The latest calls that changed the version's state, by Google's own log.
    pub past: Known<Vec<AuditEvent>>,
}

impl VersionFacts {
    /// Returns the incident that keeps the version disabled.
    #[must_use]
    pub fn incident(&self) -> Option<&str> {
        self.labels.value()?.get(INCIDENT_HOLD_LABEL).map(String::as_str)
    }
}

//! What was observed of a key. Each fact is known, absent, or unreadable with the reason; unreadable never counts as good news.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::approval::{Revocation, SealedApproval};
use crate::event::Event;
use crate::id::EventId;
use crate::threat::Threat;

/// One observation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Known<T> {
    /// It was read.
    Is(T),
    /// The provider says that it does not exist.
    Absent,
    /// It could not be read, and why.
    Unreadable(String),
}

impl<T> Known<T> {
    /// Returns the value where it was read.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Absent | Self::Unreadable(_) => None,
        }
    }

    /// Returns why it could not be read.
    pub fn unreadable_reason(&self) -> Option<&str> {
        match self {
            Self::Unreadable(reason) => Some(reason),
            Self::Is(_) | Self::Absent => None,
        }
    }
}

/// The state of a KMS key (`KeyState`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyState {
    /// Usable.
    Enabled,
    /// Not usable until enabled.
    Disabled,
    /// Waiting to be deleted.
    PendingDeletion,
    /// A multi-Region primary that waits for its replicas to be deleted first; its own clock has not started.
    PendingReplicaDeletion,
    /// Without key material.
    PendingImport,
    /// In a custom key store that is not connected.
    Unavailable,
    /// Being created.
    Creating,
    /// Being updated.
    Updating,
    /// A state that this version does not know.
    Other(String),
}

impl KeyState {
    /// Reads the provider's word.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "Enabled" => Self::Enabled,
            "Disabled" => Self::Disabled,
            "PendingDeletion" => Self::PendingDeletion,
            "PendingReplicaDeletion" => Self::PendingReplicaDeletion,
            "PendingImport" => Self::PendingImport,
            "Unavailable" => Self::Unavailable,
            "Creating" => Self::Creating,
            "Updating" => Self::Updating,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Returns the provider's word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
            Self::PendingDeletion => "PendingDeletion",
            Self::PendingReplicaDeletion => "PendingReplicaDeletion",
            Self::PendingImport => "PendingImport",
            Self::Unavailable => "Unavailable",
            Self::Creating => "Creating",
            Self::Updating => "Updating",
            Self::Other(other) => other,
        }
    }
}

/// What `DescribeKey` says that decisions need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyDescription {
    /// The state.
    pub state: KeyState,
    /// `KeyManager = AWS`: such keys can be neither scheduled for deletion nor tagged.
    #[serde(default)]
    pub aws_managed: bool,
    /// When the key will be deleted, at the earliest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_date: Option<Timestamp>,
    /// The waiting period of a primary that waits for its replicas, in days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_window_days: Option<u32>,
    /// The material was imported (`Origin = EXTERNAL`).
    #[serde(default)]
    pub imported_material: bool,
    /// The custom key store that holds the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_store: Option<String>,
}

impl KeyDescription {
    /// Returns a customer-managed key in this state and without anything special.
    #[must_use]
    pub const fn in_state(state: KeyState) -> Self {
        Self { state, aws_managed: false, deletion_date: None, pending_window_days: None, imported_material: false, key_store: None }
    }

    /// Says whether a deletion is pending, in whatever state the key shows.
    #[must_use]
    pub fn deletion_is_pending(&self) -> bool {
        matches!(self.state, KeyState::PendingDeletion | KeyState::PendingReplicaDeletion) || self.deletion_date.is_some()
    }
}

/// Automatic rotation of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// Whether automatic rotation is on.
    pub enabled: bool,
    /// The rotation period, in days, where the provider says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_days: Option<u32>,
}

/// Whether a key was meant to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Serving {
    /// It was meant to be usable.
    Enabled,
    /// It was meant to stay disabled.
    Disabled,
}

/// What the ledger knows of a key from before: the state to give back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// Whether the key was meant to serve, the last time that somebody entitled decided so.
    pub serving: Serving,
    /// When that was so.
    pub as_of: Timestamp,
    /// The rotation that was last seen, where it was looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
}

/// An open case: something happened to a key and is being, or was being, answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// The event that opened it.
    pub event_id: EventId,
    /// What happened.
    pub threat: Threat,
    /// When it happened, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_time: Option<Timestamp>,
    /// Who did it.
    pub actor: Actor,
    /// When the case was opened.
    pub opened_at: Timestamp,
    /// When the key is lost; the earliest known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// When we cancelled the deletion: enabling may remain to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_at: Option<Timestamp>,
    /// An approval covers it, or an incident holds the key: no work is owed, and the sweep decides again without a new record.
    #[serde(default)]
    pub stands: bool,
}

/// Everything that the ledger holds about one key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recollection {
    /// The state to give back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inventory: Option<Inventory>,
    /// The open case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<Case>,
    /// Approvals given outside the key.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<SealedApproval>,
    /// Changes that were revoked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub revocations: Vec<Revocation>,
}

/// Tags of a key, by name.
pub type Tags = BTreeMap<String, String>;

/// The tag that holds a key disabled while an incident is investigated; its value names the incident.
pub const INCIDENT_HOLD_TAG: &str = "reprieve:incident-hold";

/// What Change Calendar says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CalendarState {
    /// Changes may be made: every named calendar is open.
    Open,
    /// They may not.
    Closed,
}

impl CalendarState {
    /// Returns the provider's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Closed => "CLOSED",
        }
    }
}

/// Everything that was observed about one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyFacts {
    /// The key itself.
    pub description: Known<KeyDescription>,
    /// Its tags.
    pub tags: Known<Tags>,
    /// Its rotation; read only where rotation is what was attacked.
    pub rotation: Known<Rotation>,
    /// What the ledger knows of it.
    pub recollection: Known<Recollection>,
    /// The latest call that touched its approval tags, by the provider's log; looked up only where tags approve without a seal.
    pub tagging: Known<Event>,
    /// What Change Calendar said of the time of the event; absent where no calendar is configured.
    pub calendar: Known<CalendarState>,
}

impl Default for KeyFacts {
    /// Nothing was read: the facts of an explanation that was given none.
    fn default() -> Self {
        Self {
            description: Known::Unreadable("not looked up".to_owned()),
            tags: Known::Unreadable("not looked up".to_owned()),
            rotation: Known::Unreadable("not looked up".to_owned()),
            recollection: Known::Unreadable("not looked up".to_owned()),
            tagging: Known::Unreadable("not looked up".to_owned()),
            calendar: Known::Absent,
        }
    }
}

impl KeyFacts {
    /// Returns the incident that holds the key disabled. Where the tags could not be read, `None` says nothing: see
    /// [`Self::unread_hold`].
    #[must_use]
    pub fn incident_hold(&self) -> Option<&str> {
        self.tags.value()?.get(INCIDENT_HOLD_TAG).map(String::as_str)
    }

    /// Returns why nobody can tell whether an incident holds the key, where that decides: it may be disabled, and is not known to be
    /// meant so. Such a key is not enabled.
    #[must_use]
    pub fn unread_hold(&self) -> Option<&str> {
        let reason = self.tags.unreadable_reason()?;
        let may_be_disabled = match &self.description {
            Known::Is(description) => {
                description.deletion_is_pending() || matches!(description.state, KeyState::Disabled | KeyState::Unavailable)
            }
            Known::Unreadable(_) => true,
            Known::Absent => false,
        };
        let is_meant_so = self.inventory().is_some_and(|inventory| inventory.serving == Serving::Disabled);
        (may_be_disabled && !is_meant_so).then_some(reason)
    }

    /// Returns the state to give back, where the ledger knows it.
    #[must_use]
    pub fn inventory(&self) -> Option<&Inventory> {
        self.recollection.value()?.inventory.as_ref()
    }

    /// Returns the open case.
    #[must_use]
    pub fn case(&self) -> Option<&Case> {
        self.recollection.value()?.case.as_ref()
    }

    /// Returns when the key is lost, by the authority: the key's own description.
    #[must_use]
    pub fn deletion_date(&self) -> Option<Timestamp> {
        self.description.value()?.deletion_date
    }
}

//! What the ledger remembers of a subject: approvals given outside of it, what was there before, and what is being done about it.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::world::{ActionGroupInventory, ObjectInventory, VaultInventory, World};
use crate::approval::Written;
use crate::event::Event;
use crate::facts::Known;
use crate::record::Record;

/// An open case: something was done to the subject, and is being undone, or was let stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// The event that opened it: by whom, and when. It answers for what was found then, and for nothing that was done later.
    pub event: Event,
    /// When it was opened; of what nobody is known to have done, when it was found first.
    pub opened_at: Timestamp,
    /// An approval covers it, or an incident holds it: no work is owed, and the sweep decides again without a new record.
    #[serde(default)]
    pub stands: bool,
    /// A deleted vault was recovered, and what belonged to it is still to be written back.
    #[serde(default)]
    pub recovering: bool,
    /// What the event answers for, as the last look showed it. `None` where not all of it could be read, or another version kept the
    /// case and writes it otherwise or not at all.
    #[serde(default, deserialize_with = "as_far_as_readable", skip_serializing_if = "Option::is_none")]
    pub found: Option<Box<World>>,
    /// When the last look ended that showed what was found. `None` where none could read all of it yet, or an earlier version kept the
    /// case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_at: Option<Timestamp>,
    /// Calls until then were seen before, and explain nothing of it. Said where the event's actor is unknown, and something was found
    /// before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explained_until: Option<Timestamp>,
    /// What people were told, or are owed, so that a sweep does not tell it again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<String>,
    /// The outcomes that people are owed, the oldest first: what tells of them could not be sent. None where another version kept the
    /// case and writes them otherwise.
    #[serde(default, deserialize_with = "as_far_as_readable", skip_serializing_if = "Vec::is_empty")]
    pub untold: Vec<Record>,
}

impl Case {
    /// Returns until when all that was done was seen: until the last look.
    #[must_use]
    pub fn seen_until(&self) -> Timestamp {
        self.seen_at.unwrap_or(self.opened_at)
    }

    /// Returns until when calls were seen before what is found now, and explain nothing of it. A known event answers for all until its
    /// case was opened; and `is_beyond`, more than the last look found, was done after that.
    #[must_use]
    pub fn calls_seen_until(&self, is_beyond: bool) -> Option<Timestamp> {
        if is_beyond {
            return Some(self.seen_until());
        }
        if self.event.actor.is_known() { Some(self.opened_at) } else { self.explained_until }
    }
}

/// A case is read whatever another version wrote into it of what was found, and of what people are owed.
fn as_far_as_readable<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(deserializer: D) -> Result<T, D::Error> {
    let written = Option::<Value>::deserialize(deserializer)?;
    Ok(written.and_then(|written| serde_json::from_value::<T>(written).ok()).unwrap_or_default())
}

/// Everything that the ledger holds about one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    /// Approvals and revocations of its approval resource.
    pub written: Known<Written>,
    /// The open case.
    pub case: Option<Case>,
    /// Of a vault: what it was.
    pub vault: Option<VaultInventory>,
    /// Of a key, secret or certificate: what it was.
    pub object: Option<ObjectInventory>,
    /// Of the alerts of a subscription: what the action group was that they call.
    pub group: Option<ActionGroupInventory>,
}

impl Memory {
    /// Returns what a ledger says that holds nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self { written: Known::Is(Written::default()), case: None, vault: None, object: None, group: None }
    }

    /// Returns what is known where the ledger cannot be read, and why.
    #[must_use]
    pub fn unreadable(reason: &str) -> Self {
        Self { written: Known::Unreadable(reason.to_owned()), ..Self::empty() }
    }

    /// Says whether a vault was recovered whose companions are still owed.
    #[must_use]
    pub fn is_recovering(&self) -> bool {
        self.case.as_ref().is_some_and(|case| case.recovering)
    }
}

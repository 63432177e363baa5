//! What the ledger remembers of a subject: approvals given outside of it, what was there before, and what is being done about it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::world::{ObjectInventory, VaultInventory};
use crate::approval::Written;
use crate::event::Event;
use crate::facts::Known;

/// An open case: something was done to the subject, and is being undone, or was let stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// The event that opened it: by whom, and when.
    pub event: Event,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// An approval covers it, or an incident holds it: no work is owed, and the sweep decides again without a new record.
    #[serde(default)]
    pub stands: bool,
    /// A deleted vault was recovered, and what belonged to it is still to be written back.
    #[serde(default)]
    pub recovering: bool,
    /// What people were told, so that a sweep does not tell it again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<String>,
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
}

impl Memory {
    /// Returns what a ledger says that holds nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self { written: Known::Is(Written::default()), case: None, vault: None, object: None }
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

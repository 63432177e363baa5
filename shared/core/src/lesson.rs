//! What an event teaches about the state that a key is meant to have. The ledger remembers it; a later rescue gives it back.
//!
//! An unapproved disablement teaches nothing: otherwise whoever disables a key first and schedules its deletion next would have
//! it given back disabled.

use jiff::Timestamp;

use crate::decision::Decision;
use crate::event::{CallOutcome, Event};
use crate::facts::{KeyDescription, KeyState, Serving};
use crate::id::RoleArn;
use crate::record::{Record, Status};
use crate::threat::Threat;

/// Something learned about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lesson {
    /// Whether the key is meant to serve.
    pub serving: Serving,
    /// Since when; an older lesson never replaces a newer one.
    pub as_of: Timestamp,
}

/// Returns what an event and the decision on it teach.
#[must_use]
pub fn from_event(event: &Event, decision: &Decision, remediator: Option<&RoleArn>) -> Option<Lesson> {
    let as_of = event.time?;
    if event.outcome != CallOutcome::Succeeded {
        return None;
    }
    let by_us = remediator.is_some_and(|role| event.actor.is_role(role));
    if event.source == "kms.amazonaws.com" && matches!(event.name.as_str(), "EnableKey" | "CreateKey") && !by_us {
        return Some(Lesson { serving: Serving::Enabled, as_of });
    }
    let approved = matches!(decision, Decision::Stand { why } if why.permitted);
    (Threat::of(event) == Some(Threat::KeyDisabled) && approved).then_some(Lesson { serving: Serving::Disabled, as_of })
}

/// Returns what a rescue teaches: a key that was given back, and seen enabled, is meant to serve from then on, whatever is approved
/// afterwards of what happened before.
#[must_use]
pub fn from_rescue(record: &Record, now: Timestamp) -> Option<Lesson> {
    let is_back = record.status == Status::Success && record.state_after == Some(KeyState::Enabled);
    is_back.then_some(Lesson { serving: Serving::Enabled, as_of: now })
}

/// Returns what a look at the key teaches, given what was known before.
///
/// A disabled key that was never seen before is taken as meant to be so: a new deployment does not enable what it finds disabled.
#[must_use]
pub fn from_state(description: &KeyDescription, known: Option<Serving>, now: Timestamp) -> Option<Lesson> {
    match (&description.state, known) {
        (KeyState::Enabled, _) => Some(Lesson { serving: Serving::Enabled, as_of: now }),
        (KeyState::Disabled, None) => Some(Lesson { serving: Serving::Disabled, as_of: now }),
        (KeyState::Disabled, Some(_))
        | (
            KeyState::PendingDeletion
            | KeyState::PendingReplicaDeletion
            | KeyState::PendingImport
            | KeyState::Unavailable
            | KeyState::Creating
            | KeyState::Updating
            | KeyState::Other(_),
            _,
        ) => None,
    }
}

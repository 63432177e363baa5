//! What an event teaches about the state that a key is meant to have. The ledger remembers it; a later rescue gives it back.
//!
//! An unapproved disablement teaches nothing: otherwise whoever disables a key first and schedules its deletion next would have
//! it given back disabled.

use jiff::{SignedDuration, Timestamp};

use crate::decision::Decision;
use crate::event::{CallOutcome, Event};
use crate::facts::{Inventory, KeyDescription, KeyFacts, KeyState, Rotation, Serving};
use crate::id::RoleArn;
use crate::record::{Record, Status};
use crate::threat::Threat;

/// How far clocks may disagree. What claims to be from further ahead is forged, or by a clock that is wrong.
pub const CLOCKS_DIFFER_BY: SignedDuration = SignedDuration::from_mins(1);

/// The provider's log tells whole seconds: what it tells of lies within the second that begins then.
pub const WHOLE_SECOND: SignedDuration = SignedDuration::from_secs(1);

/// Something learned about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lesson {
    /// Whether the key is meant to serve.
    pub serving: Serving,
    /// Since when; an older lesson never replaces a newer one. Never further ahead of `learned_at` than clocks differ.
    pub as_of: Timestamp,
    /// When it was learned, by the clock of whoever learned it.
    pub learned_at: Timestamp,
}

impl Lesson {
    /// Makes one. A time that is too far ahead, by forgery or a wrong clock, is brought back: otherwise nothing that is true could be
    /// learned until then.
    #[must_use]
    pub fn new(serving: Serving, as_of: Timestamp, learned_at: Timestamp) -> Self {
        Self { serving, as_of: as_of.min(latest_believed(learned_at)), learned_at }
    }

    /// Returns the latest time that a memory may have and still be believed. One from later gives way to this lesson.
    #[must_use]
    pub fn latest_believed(&self) -> Timestamp {
        latest_believed(self.learned_at)
    }

    /// Says whether this lesson takes the place of what is known as of then.
    #[must_use]
    pub fn replaces(&self, known_as_of: Timestamp) -> bool {
        known_as_of <= self.as_of || known_as_of > self.latest_believed()
    }
}

/// Returns the latest time that is believed now.
#[must_use]
pub fn latest_believed(now: Timestamp) -> Timestamp {
    now.checked_add(CLOCKS_DIFFER_BY).unwrap_or(Timestamp::MAX)
}

/// Returns what is remembered, as far as it can be believed: of a memory that is dated ahead, nobody knows since when it holds.
#[must_use]
pub fn believed(known: Inventory, now: Timestamp) -> Inventory {
    if known.as_of > latest_believed(now) { Inventory { as_of: Timestamp::MIN, ..known } } else { known }
}

/// Returns what an event and the decision on it teach. What a broken glass lets pass for some hours teaches nothing, and a key that is
/// made without key material does not serve yet.
#[must_use]
pub fn from_event(event: &Event, decision: &Decision, remediator: Option<&RoleArn>, now: Timestamp) -> Option<Lesson> {
    let as_of = event.time?;
    if event.outcome != CallOutcome::Succeeded {
        return None;
    }
    let by_us = remediator.is_some_and(|role| event.actor.is_role(role));
    let begins_to_serve = matches!(event.name.as_str(), "EnableKey" | "CreateKey") && !event.details.awaits_material;
    if event.source == "kms.amazonaws.com" && begins_to_serve && !by_us {
        return Some(Lesson::new(Serving::Enabled, as_of, now));
    }
    (Threat::of(event) == Some(Threat::KeyDisabled) && is_meant_to_last(decision)).then(|| Lesson::new(Serving::Disabled, as_of, now))
}

/// Says whether what happened is permitted, and not only for some hours.
pub(crate) const fn is_meant_to_last(decision: &Decision) -> bool {
    matches!(decision, Decision::Stand { why } if why.permitted && why.pass_ends.is_none())
}

/// Returns what it teaches that rotation was switched off and that is permitted: since then the key serves and is not meant to rotate.
/// What a broken glass lets pass for some hours teaches nothing.
///
/// Only what is seen is learned: otherwise whoever writes events could have it learned beforehand. Of a key that is not enabled, KMS does
/// not say how it would rotate.
#[must_use]
pub fn from_rotation_off(event: &Event, decision: &Decision, facts: &KeyFacts, now: Timestamp) -> Option<(Lesson, Rotation)> {
    if Threat::of(event) != Some(Threat::RotationDisabled) || !is_meant_to_last(decision) {
        return None;
    }
    let is_enabled = facts.description.value().is_some_and(|description| description.state == KeyState::Enabled);
    let serves = facts.inventory().is_some_and(|inventory| inventory.serving == Serving::Enabled);
    let rotation = facts.rotation.value().copied().filter(|rotation| !rotation.enabled)?;
    let as_of = event.time.filter(|_| is_enabled && serves)?;
    Some((Lesson::new(Serving::Enabled, as_of, now), rotation))
}

/// Returns what a rescue teaches: a key that was given back, and seen enabled, is meant to serve from then on, whatever is approved
/// afterwards of what happened before. What is answered was before the answer, whatever our clock says.
#[must_use]
pub fn from_rescue(record: &Record, now: Timestamp) -> Option<Lesson> {
    let is_back = record.status == Status::Success && record.state_after == Some(KeyState::Enabled);
    let answered = record.event.time.and_then(|time| time.checked_add(WHOLE_SECOND).ok());
    is_back.then(|| Lesson::new(Serving::Enabled, answered.map_or(now, |answered| answered.max(now)), now))
}

/// Returns what is learned by looking at a key because of an old event: one that is enabled by now was given back or enabled since, maybe
/// by an answer of ours that could not be written down any more. So what is approved afterwards of the event does not count.
#[must_use]
pub fn from_sight(description: &KeyDescription, event: &Event, now: Timestamp) -> Option<Lesson> {
    let endangers_state = Threat::of(event).is_some_and(Threat::endangers_state);
    // KMS is eventually consistent: what is seen so soon after the event may be from before it.
    let is_old = event.time.is_some_and(|time| now.duration_since(time) > CLOCKS_DIFFER_BY);
    let is_well = description.state == KeyState::Enabled && !description.deletion_is_pending();
    // For the same reason it may have changed since.
    let as_of = now.checked_sub(CLOCKS_DIFFER_BY).unwrap_or(now);
    (endangers_state && is_old && is_well).then(|| Lesson::new(Serving::Enabled, as_of, now))
}

/// Returns what a look at the key teaches, given what was known before.
///
/// A disabled key that was never seen before is taken as meant to be so: a new deployment does not enable what it finds disabled.
#[must_use]
pub fn from_state(description: &KeyDescription, known: Option<Serving>, now: Timestamp) -> Option<Lesson> {
    match (&description.state, known) {
        (KeyState::Enabled, _) => Some(Lesson::new(Serving::Enabled, now, now)),
        (KeyState::Disabled, None) => Some(Lesson::new(Serving::Disabled, now, now)),
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

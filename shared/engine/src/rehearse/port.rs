//! The ports of the drill. One call among them can harm a key, and it takes a clearance that is good for one key and one call.

use std::future::Future;

use jiff::Timestamp;
use reprieve_core::drill::{Cleared, DrillAlias, DrillReport, KeyPortrait, Letter};
use reprieve_core::{EventId, KeyArn, Record};

use crate::port::CallError;

/// The drill's own key.
pub trait DrillKey: Sync {
    /// Returns the key that the alias points to. `None` where there is no such alias.
    fn behind(&self, alias: &DrillAlias) -> impl Future<Output = Result<Option<KeyArn>, CallError>> + Send;
    /// Makes a symmetric key that bears the drill's tags.
    fn create(&self) -> impl Future<Output = Result<KeyArn, CallError>> + Send;
    /// Lets the alias point to the key. Fails where the alias exists: it is never moved.
    fn name(&self, key: &KeyArn, alias: &DrillAlias) -> impl Future<Output = Result<(), CallError>> + Send;
    /// Looks at the key as such.
    fn portrait(&self, key: &KeyArn) -> impl Future<Output = Result<KeyPortrait, CallError>> + Send;
    /// Counts the key's grants.
    fn grants(&self, key: &KeyArn) -> impl Future<Output = Result<usize, CallError>> + Send;
    /// Schedules the deletion that was cleared.
    fn schedule_deletion(&self, cleared: Cleared) -> impl Future<Output = Result<(), CallError>> + Send;
}

/// What the inventory remembers of the drills before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remembered {
    /// The key that was made.
    pub key: Option<KeyArn>,
    /// When it was.
    pub created_at: Option<Timestamp>,
    /// When the making of a key was begun of which no end is noted.
    pub creating_since: Option<Timestamp>,
    /// How many keys were begun to be made, ever.
    pub creations: u32,
    /// When a deletion was scheduled, or was about to be, that was not seen undone.
    pub touched_at: Option<Timestamp>,
}

/// What the inventory answers to a drill that wants to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// It may, for the `attempt`-th time (from 1).
    Granted {
        /// The attempt.
        attempt: u32,
        /// What is remembered.
        remembered: Remembered,
    },
    /// Another drill is under way.
    Held {
        /// Its id.
        by: String,
        /// Until when it is waited for.
        until: Option<Timestamp>,
    },
    /// This drill has ended before.
    Ended,
}

/// What the inventory is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A key is about to be made.
    Creating {
        /// When.
        at: Timestamp,
    },
    /// It was made.
    Created {
        /// The key.
        key: KeyArn,
        /// When.
        at: Timestamp,
    },
    /// Its deletion is about to be scheduled.
    Touching {
        /// When.
        at: Timestamp,
    },
    /// It was seen to serve again.
    Untouched,
    /// The drill has ended.
    Ended {
        /// When.
        at: Timestamp,
    },
    /// The drill gives up its turn and is to be tried again.
    Left {
        /// When.
        at: Timestamp,
    },
}

/// The drill's memory: which key it made, and whether a drill is under way.
pub trait DrillInventory: Sync {
    /// Asks for a turn. Another drill's turn is over when it ended, or at its `until`.
    fn begin(&self, drill: &EventId, at: Timestamp, until: Timestamp) -> impl Future<Output = Result<Turn, CallError>> + Send;
    /// Writes something down. Fails where the turn is no more this drill's.
    fn note(&self, drill: &EventId, note: Note) -> impl Future<Output = Result<(), CallError>> + Send;
}

/// Hears what people are told, and looks at the alarm.
pub trait DrillWatch: Sync {
    /// Returns what has arrived; waits about a second for it at most.
    fn receive(&self) -> impl Future<Output = Result<Vec<Letter>, CallError>> + Send;
    /// Forgets a message.
    fn discard(&self, letter: &Letter) -> impl Future<Output = Result<(), CallError>> + Send;
    /// Says whether the alarm is going off now. `None` where there is no such alarm.
    fn is_raised(&self, alarm: &str) -> impl Future<Output = Result<Option<bool>, CallError>> + Send;
    /// Returns when the alarm went off first since then, by its history.
    fn raised_since(&self, alarm: &str, since: Timestamp) -> impl Future<Output = Result<Option<Timestamp>, CallError>> + Send;
}

/// Counts what became of drills.
pub trait DrillMeter: Sync {
    /// Notes a drill; `report` where it was held.
    fn drilled(&self, record: &Record, report: Option<&DrillReport>);
}

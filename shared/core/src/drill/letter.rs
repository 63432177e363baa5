//! What arrives where people are told: the guard's notice, the alarm's message, and what is none of the drill's business.

use jiff::{SignedDuration, Timestamp};

use crate::id::KeyArn;

/// How far before the start a call of the drill can seem to lie: the provider's log has whole seconds, and clocks differ.
const SKEW: SignedDuration = SignedDuration::from_secs(3);

/// The call of which the drill waits to be told.
const CALL: &str = "ScheduleKeyDeletion";

/// One message of the drill's queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// What the queue needs in order to forget it.
    pub receipt: String,
    /// When it reached the queue.
    pub sent_at: Option<Timestamp>,
    /// What it says.
    pub content: Content,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A notice of the guard.
    Notice(GuardNotice),
    /// A message of an alarm.
    Alarm(AlarmMessage),
    /// Anything else.
    Other,
}

/// What a notice of the guard says, of what the drill needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GuardNotice {
    /// The key.
    pub key: Option<KeyArn>,
    /// The call that it answers.
    pub call: String,
    /// When the call was made.
    pub called_at: Option<Timestamp>,
    /// Receipt minus call, in milliseconds.
    pub detect_ms: Option<i64>,
    /// Verified target state minus call, in milliseconds.
    pub remediate_ms: Option<i64>,
    /// How the answer ended.
    pub status: String,
}

/// What an alarm's message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmMessage {
    /// The alarm.
    pub name: String,
    /// The state that it went to, such as `ALARM`.
    pub state: String,
    /// When it did.
    pub changed_at: Option<Timestamp>,
}

impl GuardNotice {
    /// Says whether it tells of the drill's own call.
    #[must_use]
    pub fn is_of(&self, key: &KeyArn, started_at: Timestamp) -> bool {
        self.key.as_ref() == Some(key) && self.call == CALL && self.called_at.is_some_and(|at| !is_before(at, started_at))
    }
}

impl AlarmMessage {
    /// Says whether it tells that this alarm went off since the start.
    #[must_use]
    pub fn is_of(&self, alarm: &str, started_at: Timestamp) -> bool {
        self.name == alarm && self.state == "ALARM" && self.changed_at.is_some_and(|at| !is_before(at, started_at))
    }
}

fn is_before(at: Timestamp, started_at: Timestamp) -> bool {
    at.checked_add(SKEW).unwrap_or(Timestamp::MAX) < started_at
}

//! What a drill watches, by when it has to show, and what is said of it afterwards.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::record::elapsed_ms;

/// One thing that has to follow a scheduled deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Path {
    /// The guard heard of it.
    Detection,
    /// The deletion is pending no more.
    Cancellation,
    /// The key serves again.
    Enablement,
    /// The guard told people.
    Notice,
    /// The alarm told people.
    Alarm,
}

impl Path {
    /// All of them, in the order in which they follow.
    pub const ALL: [Self; 5] = [Self::Detection, Self::Cancellation, Self::Enablement, Self::Notice, Self::Alarm];

    /// Returns what it is, for lists.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Detection => "detection",
            Self::Cancellation => "cancellation",
            Self::Enablement => "key back",
            Self::Notice => "notice",
            Self::Alarm => "alarm",
        }
    }
}

/// What is said of one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    /// It was seen in time.
    Proven {
        /// Milliseconds from the start; negative where clocks disagree.
        ms: i64,
    },
    /// It was not seen in time.
    Missed {
        /// The time that it had, in milliseconds.
        deadline_ms: i64,
        /// Milliseconds from the start after which it was seen nevertheless.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after_ms: Option<i64>,
    },
    /// It could not be judged.
    NotWatched {
        /// Why.
        why: String,
        /// Whether the deployment asks for it. What it does not ask for is no fault.
        asked_for: bool,
    },
}

impl Verdict {
    /// Says whether the drill can pass with it.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        match self {
            Self::Proven { .. } => true,
            Self::Missed { .. } => false,
            Self::NotWatched { asked_for, .. } => !*asked_for,
        }
    }

    /// Returns the time measured, in milliseconds, whether in time or late.
    #[must_use]
    pub const fn measured_ms(&self) -> Option<i64> {
        match self {
            Self::Proven { ms } => Some(*ms),
            Self::Missed { after_ms, .. } => *after_ms,
            Self::NotWatched { .. } => None,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proven { ms } => write!(f, "after {}", Milliseconds(*ms)),
            Self::Missed { deadline_ms, after_ms: None } => write!(f, "not within {}", Milliseconds(*deadline_ms)),
            Self::Missed { deadline_ms, after_ms: Some(ms) } => {
                write!(f, "late: after {}, and not within {}", Milliseconds(*ms), Milliseconds(*deadline_ms))
            }
            Self::NotWatched { why, .. } => write!(f, "not watched: {why}"),
        }
    }
}

/// A time as people read it.
struct Milliseconds(i64);

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0;
        match ms {
            ..10_000 => write!(f, "{}{}.{} s", if ms < 0 { "-" } else { "" }, (ms / 1_000).abs(), (ms % 1_000 / 100).abs()),
            10_000..60_000 => write!(f, "{} s", ms / 1_000),
            60_000.. if ms / 1_000 % 60 == 0 => write!(f, "{} min", ms / 60_000),
            60_000.. => write!(f, "{} min {} s", ms / 60_000, ms / 1_000 % 60),
        }
    }
}

/// What is asked of the paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// By when the guard must have answered and told people, in milliseconds from the start.
    pub guard_deadline_ms: i64,
    /// By when the alarm must have told people, in milliseconds from the start.
    pub alarm_deadline_ms: i64,
    /// Whether a queue hears what people are told.
    pub hears_people: bool,
    /// The alarm that must go off, by its name.
    pub alarm: Option<String>,
}

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sightings {
    /// When the key's deletion was seen to be pending no more, by whoever's doing but the drill's.
    pub cancelled_at: Option<Timestamp>,
    /// When the key was seen to serve again, by whoever's doing but the drill's.
    pub enabled_at: Option<Timestamp>,
    /// Why the key could not be looked at to the end.
    pub key_unseen: Option<String>,
    /// How long after the call the guard heard of it, in milliseconds, as its notice says.
    pub detect_ms: Option<i64>,
    /// When the guard's notice arrived.
    pub notice_at: Option<Timestamp>,
    /// When the alarm's message arrived.
    pub alarm_told_at: Option<Timestamp>,
    /// When the alarm went off, by its own history.
    pub alarm_raised_at: Option<Timestamp>,
    /// Why messages could not be received to the end.
    pub letters_unseen: Option<String>,
    /// Why the alarm could not be watched at all.
    pub alarm_unseen: Option<String>,
}

/// Returns a verdict for each path, in the order of [`Path::ALL`]. `key_until` and `letters_until` are when the watching ended.
#[must_use]
pub fn verdicts(
    started_at: Timestamp,
    seen: &Sightings,
    terms: &Terms,
    key_until: Timestamp,
    letters_until: Timestamp,
) -> Vec<(Path, Verdict)> {
    let judge = |at: Option<Timestamp>, deadline_ms: i64, until: Timestamp, unseen: Option<&String>| {
        let after_ms = at.map(|at| elapsed_ms(started_at, at));
        match (after_ms, unseen) {
            (Some(ms), _) if ms <= deadline_ms => Verdict::Proven { ms },
            (Some(ms), _) => Verdict::Missed { deadline_ms, after_ms: Some(ms) },
            (None, Some(why)) => Verdict::NotWatched { why: why.clone(), asked_for: true },
            (None, None) if elapsed_ms(started_at, until) >= deadline_ms => Verdict::Missed { deadline_ms, after_ms: None },
            (None, None) => {
                let watched = Milliseconds(elapsed_ms(started_at, until));
                let why = format!("the drill had to end after {watched}, before the deadline of {}", Milliseconds(deadline_ms));
                Verdict::NotWatched { why, asked_for: true }
            }
        }
    };
    let of_key = |at| judge(at, terms.guard_deadline_ms, key_until, seen.key_unseen.as_ref());
    let no_queue = || Verdict::NotWatched { why: "no queue hears what people are told".to_owned(), asked_for: false };
    let notice = if terms.hears_people {
        judge(seen.notice_at, terms.guard_deadline_ms, letters_until, seen.letters_unseen.as_ref())
    } else {
        no_queue()
    };
    let alarm_at = if terms.hears_people { seen.alarm_told_at } else { seen.alarm_raised_at };
    let alarm = match (&terms.alarm, &seen.alarm_unseen) {
        (Some(_), Some(why)) => Verdict::NotWatched { why: why.clone(), asked_for: true },
        (Some(_), None) => judge(alarm_at, terms.alarm_deadline_ms, letters_until, seen.letters_unseen.as_ref()),
        (None, _) => Verdict::NotWatched { why: "no alarm is named".to_owned(), asked_for: false },
    };
    let cancellation = of_key(seen.cancelled_at);
    let detection = detection(seen, terms, &cancellation);
    vec![
        (Path::Detection, detection),
        (Path::Cancellation, cancellation),
        (Path::Enablement, of_key(seen.enabled_at)),
        (Path::Notice, notice),
        (Path::Alarm, alarm),
    ]
}

/// The guard says itself when it heard of the call; without its notice, nobody knows. What was answered was heard.
fn detection(seen: &Sightings, terms: &Terms, cancellation: &Verdict) -> Verdict {
    let deadline_ms = terms.guard_deadline_ms;
    match (seen.detect_ms, cancellation) {
        (Some(ms), _) if ms <= deadline_ms => Verdict::Proven { ms },
        (Some(ms), _) => Verdict::Missed { deadline_ms, after_ms: Some(ms) },
        (None, Verdict::Proven { .. } | Verdict::Missed { after_ms: Some(_), .. } | Verdict::NotWatched { .. }) => {
            let why = "the guard's notice, which says when it heard of the call, was not received".to_owned();
            Verdict::NotWatched { why, asked_for: false }
        }
        (None, Verdict::Missed { after_ms: None, .. }) => Verdict::Missed { deadline_ms, after_ms: None },
    }
}

#[cfg(test)]
#[path = "path_tests.rs"]
mod tests;

//! The answer: what would have been decided on each act, what became of it, and what that comes to.
//!
//! It holds nothing of the machine that made it and nothing of the way in which it was made, so that the same logs and rules give the same
//! JSON, to the byte, on one machine and on many.

use std::collections::BTreeMap;

use jiff::Timestamp;
use reprieve_core::{Cloud, Severity, Threat};
use serde::Serialize;

use crate::part::Problem;

/// The answer. Its JSON is what `reprieve replay --json` writes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// What was read.
    #[serde(flatten)]
    pub read: Read,
    /// From the first act to the last, of those in the period.
    pub first: Option<Timestamp>,
    /// See `first`.
    pub last: Option<Timestamp>,
    /// Acts on keys in the period, by the name of the call, each event once.
    pub acts: BTreeMap<String, u64>,
    /// The keys that were acted on in the period, by name.
    pub keys: Vec<KeyHistory>,
    /// What would have been decided, in the order of time, then of the events' ids.
    pub decisions: Vec<Decided>,
    /// What it comes to.
    pub kpis: Kpis,
    /// What could not be read: of too many, those that come first.
    pub problems: Vec<Problem>,
}

impl Answer {
    /// Returns the answer as `reprieve replay --json` writes it, to the byte: JSON over several lines, with a line break at its end.
    ///
    /// # Errors
    /// Never for what was judged: only where a value cannot be JSON.
    pub fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// What was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Read {
    /// Log files.
    pub files: u64,
    /// Records of all services, repeated ones each time.
    pub records: u64,
    /// Different records, by their ids.
    pub unique_events: u64,
    /// Whether `unique_events` is exact, and not estimated (standard error 0.16 %).
    pub unique_events_exact: bool,
    /// Things that could not be read.
    pub errors: u64,
    /// Bytes after inflating.
    pub bytes: u64,
    /// Bytes as they lie on disk.
    pub bytes_read: u64,
}

/// What would have been decided on one act.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decided {
    /// The event's id.
    pub event: String,
    /// When it happened.
    pub time: Option<Timestamp>,
    /// The cloud.
    pub cloud: Cloud,
    /// The account, subscription or project.
    pub account: Option<String>,
    /// The Region or location.
    pub region: Option<String>,
    /// The key, by its canonical name.
    pub key: Option<String>,
    /// The call.
    pub call: String,
    /// Who called.
    pub by: String,
    /// How it endangers the key, on AWS.
    pub threat: Option<Threat>,
    /// What would have been done.
    pub verdict: Verdict,
    /// How urgent it would have been that a human looks.
    pub severity: Severity,
    /// Why, in a sentence or a few.
    pub why: String,
    /// What a human would have been told besides.
    pub escalations: Vec<String>,
    /// What would have been called, in order.
    pub plan: Vec<String>,
    /// What became of the key.
    pub aftermath: Aftermath,
    /// What the logs do not say and was assumed.
    pub assumed: Vec<String>,
}

/// What would have been done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Undone: the key given back.
    WouldRestore,
    /// Left: an approval, or a policy that needs none, covers it.
    Approved,
    /// Nothing: the provider had refused the call.
    Refused,
    /// A human woken: it cannot be undone, or not by us.
    WouldEscalate,
    /// Recorded.
    Recorded,
}

/// What became of the key after the act, by the logs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum Aftermath {
    /// Somebody undid it.
    Undone {
        /// Who.
        by: String,
        /// With which call.
        call: String,
        /// When.
        at: Timestamp,
        /// After how many seconds.
        after_seconds: i64,
        /// When the key could be used again: a cancelled deletion leaves a key disabled. Absent where the logs do not tell, and where the
        /// act had left the key usable.
        usable_at: Option<Timestamp>,
        /// After how many seconds.
        usable_after_seconds: Option<i64>,
        /// Whether it was the deployment's own role that undid it, and no human.
        by_reprieve: bool,
    },
    /// The provider deleted the key.
    Lost {
        /// When.
        at: Timestamp,
        /// After how many seconds.
        after_seconds: i64,
    },
    /// The logs end with the key as the act left it.
    Open,
    /// Nothing was there to be undone: the call was refused, or took nothing away.
    Nothing,
}

/// One key.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeyHistory {
    /// Its canonical name: on AWS its ARN.
    pub key: String,
    /// Acts on it in the period, by the name of the call, those that were refused as well.
    pub acts: BTreeMap<String, u64>,
    /// Decisions on it, by what would have been done.
    pub verdicts: BTreeMap<Verdict, u64>,
    /// Its state after the last act, in the provider's word, where the logs tell.
    pub state: Option<String>,
    /// How long it could not be used, or waited for its deletion, without an approval, in seconds, up to the last act of the logs.
    pub seconds_in_danger: i64,
}

/// What the decisions come to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Kpis {
    /// Decisions, by what would have been done.
    pub verdicts: BTreeMap<Verdict, u64>,
    /// Of those that would have been undone: how many people undid themselves.
    pub undone_by_people: u64,
    /// How long that took them, in seconds.
    pub time_to_undo: Option<Times>,
    /// Of those that would have been undone: keys that were deleted in the end.
    pub lost: u64,
    /// Of those that would have been undone: keys that were still so when the logs end.
    pub open: u64,
    /// The sum of [`KeyHistory::seconds_in_danger`].
    pub seconds_in_danger: i64,
    /// Acts that would have been undone and that people undid: Reprieve would have been right, and sooner.
    pub true_positives: u64,
    /// Acts that would have been undone and that nobody undid until the key was deleted: taken as meant, and approved by
    /// nobody. A deletion that nobody noticed is among them, so this is the most that it can be.
    pub false_positives: u64,
    /// Acts that would have been undone and of which the logs do not tell the end.
    pub not_judged: u64,
    /// False positives, of false and true ones; absent where there are neither.
    pub false_positive_rate: Option<f64>,
    /// Keys that have new material.
    pub rotations: u64,
}

/// Values that occurred, by nearest rank, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Times {
    /// How many.
    pub count: u64,
    /// The median.
    pub p50: i64,
    /// The 95th percentile.
    pub p95: i64,
    /// The longest.
    pub max: i64,
}

//! How scenarios ended, for people and machines.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::scenario::{Observation, Scenario};
use crate::stage::Stage;

/// How one scenario ended.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The scenario's name.
    pub name: &'static str,
    /// A few words.
    #[serde(skip)]
    pub title: &'static str,
    /// Whether many keys were answered; then the times are those of the slowest.
    #[serde(skip)]
    pub is_crowded: bool,
    /// How it had to end.
    pub expected: &'static str,
    /// How it ended.
    pub observed: String,
    /// Whether it ended as promised, and all evidence is in order.
    pub ok: bool,
    /// From the call to the first receipt of its event, in milliseconds, by the clock of the local cloud.
    pub detect_ms: Option<i64>,
    /// From the call to the answer of the guard's last call, in milliseconds, by the clock of the local cloud.
    pub remediate_ms: Option<i64>,
    /// How long the scenario took, preparations and proofs included, in milliseconds.
    pub duration_ms: u64,
    /// The guard's own sentence, from its audit record.
    pub decision: Option<String>,
    /// Everything that was not as promised.
    pub problems: Vec<String>,
    /// What was measured besides, each as a sentence.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<String>,
}

/// A part of the demo that is no scenario.
#[derive(Debug, Clone, Copy)]
pub struct Chapter {
    /// Its name.
    pub name: &'static str,
    /// A few words.
    pub title: &'static str,
    /// How it has to end.
    pub expected: &'static str,
}

impl Report {
    pub(crate) fn of<S>(scenario: &Scenario<S>, observation: Observation, took: Duration) -> Self {
        let mut problems = observation.problems;
        if problems.is_empty() && observation.observed != scenario.expected {
            problems.push(format!("it ended as `{}`, not as `{}`", observation.observed, scenario.expected));
        }
        Self {
            name: scenario.name,
            title: scenario.title,
            is_crowded: scenario.is_crowded,
            expected: scenario.expected,
            observed: observation.observed,
            ok: problems.is_empty(),
            detect_ms: observation.detect_ms,
            remediate_ms: observation.remediate_ms,
            duration_ms: milliseconds(took),
            decision: observation.decision,
            problems,
            figures: observation.figures,
        }
    }

    /// Tells how a part of the demo went that is no scenario, and what it had to end with.
    #[must_use]
    pub fn of_chapter(chapter: &Chapter, problems: Vec<String>, took: Duration) -> Self {
        Self {
            name: chapter.name,
            title: chapter.title,
            is_crowded: false,
            expected: chapter.expected,
            observed: if problems.is_empty() { chapter.expected } else { "see below" }.to_owned(),
            ok: problems.is_empty(),
            detect_ms: None,
            remediate_ms: None,
            duration_ms: milliseconds(took),
            decision: None,
            problems,
            figures: Vec::new(),
        }
    }
}

/// Makes the file that `--json` writes.
#[must_use]
pub fn as_json(reports: &[Report], started_at: Timestamp, took: Duration) -> Value {
    json!({
        "ok": !reports.is_empty() && reports.iter().all(|report| report.ok),
        "started_at": started_at,
        "duration_ms": milliseconds(took),
        "versions": Stage::versions(),
        "scenarios": reports,
    })
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

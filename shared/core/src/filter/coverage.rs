//! Whether one pattern does the work of another: judged on events, never by text.

use serde::Serialize;
use serde_json::Value;

use super::FilterPattern;

/// What a candidate misses of a canonical pattern, and what it fires on besides. Numbers are places in the events, counted from 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Events that the canonical pattern matches, and the candidate does not.
    pub missing: Vec<usize>,
    /// Events that the candidate matches, and the canonical pattern does not.
    pub extra: Vec<usize>,
    /// How many events both match.
    pub shared: usize,
}

impl Coverage {
    /// Returns whether the candidate matches all that the canonical pattern matches, and that is anything at all.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.shared > 0
    }

    /// Returns whether the two match the same events, and those are any at all.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.is_complete() && self.extra.is_empty()
    }
}

/// Compares what two patterns match of these events, such as those of [`probes`](super::probes).
///
/// It proves nothing about events that are not among them.
pub fn covers<'a>(candidate: &FilterPattern, canonical: &FilterPattern, events: impl IntoIterator<Item = &'a Value>) -> Coverage {
    let mut coverage = Coverage::default();
    for (index, event) in events.into_iter().enumerate() {
        match (canonical.matches(event), candidate.matches(event)) {
            (true, true) => coverage.shared += 1,
            (true, false) => coverage.missing.push(index),
            (false, true) => coverage.extra.push(index),
            (false, false) => {}
        }
    }
    coverage
}

//! What log files hold of one key: its acts, and its uses in runs. A value that merges, associatively and commutatively.
//!
//! Every event counts once, by its id. Of many uses a sample of their ids is kept, as [`crate::Part`] does with records, and their number
//! is estimated; when a run began and ended is always known.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher as _;

use fnv::FnvHasher;
use jiff::{SignedDuration, Timestamp};
use reprieve_core::EventId;

use crate::part::Gathered;

/// The most uses whose ids are kept: up to so many are told apart, whatever is repeated.
pub const MOST_USES: usize = 262_144;
/// The most runs that are told; where there are more, runs are of a day, then of 30 days.
const MOST_RUNS: usize = 16_384;
/// How long a run is, in seconds: the shortest that leaves no more than [`MOST_RUNS`].
const SPANS_SECONDS: [i64; 4] = [3_600, 86_400, 30 * 86_400, i64::MAX];

/// What tells one run of uses from another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RunKey {
    /// When its hour, or longer span, began, in seconds; absent where the records have no time.
    pub(super) span: Option<i64>,
    pub(super) key: String,
    pub(super) by: String,
    pub(super) call: String,
    pub(super) refused: Option<String>,
}

/// A run of uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
    /// Digests of the ids of those that are in the sample.
    ids: BTreeSet<u64>,
}

/// What log files hold of one key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoryPart {
    pub(super) asked: String,
    pub(super) gathered: Gathered,
    pub(super) runs: BTreeMap<RunKey, Run>,
    /// Of ids in the sample, so many of the last bits are zero.
    level: u32,
    /// Which of [`SPANS_SECONDS`] runs have.
    span: usize,
    /// How many ids are in the sample.
    kept: usize,
}

impl StoryPart {
    pub(super) fn of(asked: &str) -> Self {
        Self { asked: asked.to_owned(), ..Self::default() }
    }

    /// Takes in what other files hold of the same key.
    pub fn merge(&mut self, other: Self) {
        let Self { asked, gathered, runs, level, span, kept: _ } = other;
        if self.asked.is_empty() {
            self.asked = asked;
        }
        self.gathered.merge(gathered);
        self.lengthen_to(span);
        self.rise_to(level);
        for (key, run) in runs {
            self.add_run(key, run);
        }
    }

    /// Adds a use.
    pub(super) fn add_use(&mut self, mut key: RunKey, time: Option<Timestamp>, id: &EventId) {
        key.span = time.map(Timestamp::as_second);
        self.add_run(key, Run { first: time, last: time, ids: BTreeSet::from([digest(id.as_str())]) });
    }

    fn add_run(&mut self, mut key: RunKey, run: Run) {
        key.span = key.span.map(|second| beginning(second, self.span));
        let known = self.runs.entry(key).or_default();
        known.first = known.first.into_iter().chain(run.first).min();
        known.last = known.last.into_iter().chain(run.last).max();
        let before = known.ids.len();
        known.ids.extend(run.ids.into_iter().filter(|id| id.trailing_zeros() >= self.level));
        self.kept += known.ids.len() - before;
        while self.runs.len() > MOST_RUNS && self.span + 1 < SPANS_SECONDS.len() {
            self.lengthen_to(self.span + 1);
        }
        while self.kept > MOST_USES {
            self.rise_to(self.level + 1);
        }
    }

    fn lengthen_to(&mut self, span: usize) {
        if span <= self.span {
            return;
        }
        self.span = span;
        self.kept = 0;
        for (key, run) in std::mem::take(&mut self.runs) {
            let key = RunKey { span: key.span.map(|second| beginning(second, span)), ..key };
            let known = self.runs.entry(key).or_default();
            known.first = known.first.into_iter().chain(run.first).min();
            known.last = known.last.into_iter().chain(run.last).max();
            known.ids.extend(run.ids);
        }
        self.kept = self.runs.values().map(|run| run.ids.len()).sum();
    }

    fn rise_to(&mut self, level: u32) {
        if level <= self.level {
            return;
        }
        self.level = level;
        for run in self.runs.values_mut() {
            run.ids.retain(|id| id.trailing_zeros() >= level);
        }
        self.kept = self.runs.values().map(|run| run.ids.len()).sum();
    }

    /// Returns how many uses a run has; an estimate where not all are kept.
    pub(super) fn count(&self, run: &Run) -> u64 {
        (run.ids.len() as u64).saturating_mul(1_u64.checked_shl(self.level).unwrap_or(u64::MAX)).max(1)
    }

    /// Says whether every use is counted, and none estimated.
    pub(super) const fn is_exact(&self) -> bool {
        self.level == 0
    }

    /// Returns how long runs are; `None` where they are as long as the logs.
    pub(super) fn span_hours(&self) -> Option<i64> {
        let seconds = SPANS_SECONDS.get(self.span).copied().filter(|seconds| *seconds < i64::MAX)?;
        Some(SignedDuration::from_secs(seconds).as_hours())
    }
}

/// Returns when the span began in which a moment lies.
fn beginning(second: i64, span: usize) -> i64 {
    match SPANS_SECONDS.get(span) {
        Some(&length) if length < i64::MAX => second.div_euclid(length) * length,
        Some(_) | None => 0,
    }
}

/// FNV-1a, with the bits mixed once more, so that the last ones are as good as random.
fn digest(id: &str) -> u64 {
    let mut hasher = FnvHasher::default();
    hasher.write(id.as_bytes());
    let mut digest = hasher.finish();
    digest = (digest ^ (digest >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    digest = (digest ^ (digest >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    digest ^ (digest >> 31)
}

#[cfg(test)]
mod tests {
    use reprieve_core::EventId;

    use super::{MOST_USES, RunKey, StoryPart, Timestamp};

    /// Uses of one key, `apart_seconds` from each other.
    fn part(from: i64, to: i64, apart_seconds: i64) -> StoryPart {
        let run = RunKey { span: None, key: "key".to_owned(), by: "a service".to_owned(), call: "Decrypt".to_owned(), refused: None };
        let mut part = StoryPart::of("key");
        for number in from..to {
            let id = EventId::parse(&format!("event-{number}")).unwrap();
            part.add_use(run.clone(), Timestamp::from_second(number * apart_seconds).ok(), &id);
        }
        part
    }

    fn merged(mut one: StoryPart, other: StoryPart) -> StoryPart {
        one.merge(other);
        one
    }

    fn total(part: &StoryPart) -> u64 {
        part.runs.values().map(|run| part.count(run)).sum()
    }

    #[test]
    fn uses_beyond_the_limit_are_estimated_however_the_logs_are_divided() {
        let all = 300_000;
        assert!(all > i64::try_from(MOST_USES).unwrap());
        let forth = merged(part(0, 200_000, 1), part(150_000, all, 1));
        let back = merged(part(150_000, all, 1), part(0, 200_000, 1));
        assert_eq!(forth, back);
        assert!(!forth.is_exact());
        assert!(total(&forth).abs_diff(300_000) < 3_000, "{}", total(&forth));
    }

    #[test]
    fn runs_grow_longer_where_there_are_too_many_and_lose_no_use() {
        let (hour, all) = (3_600, 20_000);
        let forth = merged(part(0, 12_000, hour), part(10_000, all, hour));
        let back = merged(part(10_000, all, hour), part(0, 12_000, hour));
        assert_eq!(forth, back);
        assert_eq!((forth.span_hours(), forth.runs.len(), total(&forth)), (Some(24), 834, 20_000));
    }
}

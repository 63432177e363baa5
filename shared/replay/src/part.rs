//! A partial answer: what some log files hold. A value that merges with others, and that can be written down.
//!
//! Merging is associative and commutative. It is not idempotent: what is merged must come of different files.

mod bytes;
mod gathered;
mod identities;

use reprieve_scan::Counts;
use serde::{Deserialize, Serialize};

pub use self::bytes::PartError;
pub(crate) use self::gathered::Gathered;
use self::identities::Identities;
use crate::act::Act;

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Problem {
    /// The file, by its name below the folder or prefix that was given.
    pub file: String,
    /// Which record of it, from 1; absent where it is the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<u64>,
    /// What is wrong with it, and what to do.
    pub why: String,
}

/// What some log files hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    pub(crate) gathered: Gathered,
    pub(crate) counts: Counts,
    identities: Identities,
}

impl Part {
    /// Takes in what other files hold.
    pub fn merge(&mut self, other: Self) {
        let Self { gathered, counts, identities } = other;
        self.gathered.merge(gathered);
        self.counts += counts;
        self.identities.merge(identities);
    }

    /// Adds digests of records' ids, and leaves their memory empty.
    pub(crate) fn add_identities(&mut self, digests: &mut Vec<u64>) {
        self.identities.extend(digests);
    }

    /// Returns how many files it is of.
    #[must_use]
    pub const fn files(&self) -> u64 {
        self.gathered.files
    }

    /// Returns what was read.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Returns the acts that are kept, by the ids of their events.
    pub fn acts(&self) -> impl Iterator<Item = &Act> {
        self.gathered.acts.values()
    }

    /// Returns how many different records there are: exactly, or estimated where they are more than can be told apart in bounded memory.
    #[must_use]
    pub fn unique_events(&self) -> (u64, bool) {
        (self.identities.total(), self.identities.is_exact())
    }

    pub(crate) fn forget_identities(&mut self) {
        self.identities = Identities::default();
    }

    /// Returns how many things could not be read.
    #[must_use]
    pub const fn problems(&self) -> u64 {
        self.gathered.problems
    }

    /// Returns what could not be read: of too many, those that come first.
    pub fn named_problems(&self) -> impl Iterator<Item = &Problem> {
        self.gathered.named.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::Part;
    use super::identities::MOST_KEPT;

    /// Digests as they come of ids: as good as random, and the same each time.
    fn digests(from: u64, to: u64) -> Vec<u64> {
        let digest = |number: u64| {
            let mut digest = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            digest = (digest ^ (digest >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            digest = (digest ^ (digest >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            digest ^ (digest >> 31)
        };
        (from..to).map(digest).collect()
    }

    fn part(from: u64, to: u64) -> Part {
        let mut part = Part::default();
        part.add_identities(&mut digests(from, to));
        part
    }

    #[test]
    fn more_records_than_can_be_told_apart_are_estimated_within_a_hundredth_however_they_are_divided() {
        const ALL: u64 = 3_000_000;
        assert!(ALL > 3 * MOST_KEPT as u64);
        let mut forth = part(0, 1_800_000);
        // A third of them twice.
        forth.merge(part(800_000, ALL));
        let mut back = part(800_000, ALL);
        back.merge(part(0, 1_800_000));
        let (estimate, is_exact) = forth.unique_events();
        assert_eq!(back.unique_events(), (estimate, is_exact));
        assert!(!is_exact);
        assert!(estimate.abs_diff(ALL) < ALL / 100, "{estimate}");
    }

    #[test]
    fn as_many_records_as_can_be_told_apart_are_counted() {
        let most = MOST_KEPT as u64;
        let mut part = part(0, most);
        part.add_identities(&mut digests(0, most));
        assert_eq!(part.unique_events(), (most, true));
    }
}

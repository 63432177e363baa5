//! Which records were seen, by the digests of their ids: exactly up to a limit, beyond it as a sample of which the total is estimated.
//!
//! The sample keeps a digest while it ends in at least as many zero bits as its level; where it would outgrow its limit, the level rises
//! by one and half of them go. What is kept depends on the set of digests alone, so that merging is associative and commutative.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher};

/// The most digests that are kept: seven eighths of 2^20, which is what a hash table of that many places holds.
pub(crate) const MOST_KEPT: usize = 917_504;
/// From so many on, room for all is made at once: growing step by step would need half as much again while it lasts.
const MANY: usize = 28_672;

/// Digests are as good as random already; the table looks at their lower bits, which a sample has made zero.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Turned(u64);

impl Hasher for Turned {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0 << 8 | u64::from(*byte);
        }
    }

    fn write_u64(&mut self, digest: u64) {
        self.0 = digest.rotate_right(32);
    }
}

impl BuildHasher for Turned {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        Self::default()
    }
}

/// The digests of records' ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Identities {
    level: u32,
    kept: HashSet<u64, Turned>,
}

impl Identities {
    /// Adds digests.
    pub(crate) fn extend(&mut self, digests: impl IntoIterator<Item = u64>) {
        for digest in digests {
            self.add(digest);
        }
    }

    fn add(&mut self, digest: u64) {
        if digest.trailing_zeros() < self.level {
            return;
        }
        if self.kept.len() == self.kept.capacity() && self.kept.len() >= MANY {
            if self.kept.len() < MOST_KEPT {
                self.kept.reserve(MOST_KEPT - self.kept.len());
            } else if !self.kept.contains(&digest) {
                self.rise_to(self.level + 1);
                return self.add(digest);
            }
        }
        self.kept.insert(digest);
    }

    fn rise_to(&mut self, level: u32) {
        self.level = level;
        self.kept.retain(|digest| digest.trailing_zeros() >= level);
    }

    /// Takes in the digests of other records.
    pub(crate) fn merge(&mut self, other: Self) {
        if other.level > self.level {
            self.rise_to(other.level);
        }
        self.extend(other.kept);
    }

    /// Says whether all are kept.
    pub(crate) const fn is_exact(&self) -> bool {
        self.level == 0
    }

    /// Returns how many different ones there are; an estimate where not all are kept.
    pub(crate) fn total(&self) -> u64 {
        let kept = self.kept.len() as u64;
        kept.saturating_mul(1_u64.checked_shl(self.level).unwrap_or(u64::MAX))
    }

    /// Returns the level, and the digests that are kept, in ascending order.
    pub(crate) fn saved(&self) -> (u32, Vec<u64>) {
        let mut digests: Vec<u64> = self.kept.iter().copied().collect();
        digests.sort_unstable();
        (self.level, digests)
    }

    /// Makes the set of what [`Identities::saved`] returned.
    pub(crate) fn of_saved(level: u32, digests: impl IntoIterator<Item = u64>) -> Self {
        let mut identities = Self { level, kept: HashSet::default() };
        identities.extend(digests);
        identities
    }
}

//! What is counted once by its id, in bounded memory. Exact up to a limit; beyond it a sample, of which totals are estimated.
//!
//! An id is its digest. The sample keeps an id while the digest ends in at least as many zero bits as its level; where it would outgrow
//! its limit, the level rises by one and half of the ids go. What is kept therefore depends on the set of ids alone, and on nothing of
//! the order in which they came: joining is associative, commutative and idempotent, and so is what is told of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What is known of one id, from several sources. It must not matter in which order they are joined, nor how often.
pub(crate) trait Join {
    /// Takes in what another source knows of the same id.
    fn join(&mut self, other: Self);
}

/// Joins what should be the same from every source: where sources disagree, the lesser counts.
pub(crate) fn take_lesser<T: Ord>(one: &mut T, other: T) {
    if other < *one {
        *one = other;
    }
}

/// Returns the digest of a text: the first eight bytes of its SHA-256.
pub(crate) fn digest(text: &str) -> u64 {
    Sha256::digest(text.as_bytes()).iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// At most `LIMIT` values, by the digests of their ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sample<V, const LIMIT: usize> {
    level: u32,
    kept: BTreeMap<u64, V>,
}

impl<V, const LIMIT: usize> Default for Sample<V, LIMIT> {
    fn default() -> Self {
        Self { level: 0, kept: BTreeMap::new() }
    }
}

impl<V: Join, const LIMIT: usize> Sample<V, LIMIT> {
    /// Adds a value; says whether anything was let go.
    pub(crate) fn add(&mut self, id: u64, value: V) -> bool {
        if !self.keeps(id) {
            return false;
        }
        match self.kept.entry(id) {
            std::collections::btree_map::Entry::Occupied(mut known) => known.get_mut().join(value),
            std::collections::btree_map::Entry::Vacant(free) => {
                free.insert(value);
            }
        }
        self.shrink()
    }

    /// Takes in another sample; says whether anything was let go.
    pub(crate) fn merge(&mut self, other: Self) -> bool {
        let has_risen = other.level > self.level;
        if has_risen {
            self.level = other.level;
            self.keep_level();
        }
        other.kept.into_iter().fold(has_risen, |lost, (id, value)| self.add(id, value) || lost)
    }

    fn shrink(&mut self) -> bool {
        let before = self.level;
        while self.kept.len() > LIMIT && self.level < u64::BITS {
            self.level += 1;
            self.keep_level();
        }
        self.level > before
    }

    fn keep_level(&mut self) {
        let level = self.level;
        self.kept.retain(|id, _| id.trailing_zeros() >= level);
    }
}

impl<V, const LIMIT: usize> Sample<V, LIMIT> {
    /// Says whether an id is kept, or would be.
    pub(crate) fn keeps(&self, id: u64) -> bool {
        id.trailing_zeros() >= self.level
    }

    /// Returns the values kept, in the order of their digests.
    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.kept.values()
    }

    /// Returns the values kept, with the digests of their ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &V)> {
        self.kept.iter().map(|(id, value)| (*id, value))
    }

    /// Returns what is known of an id.
    pub(crate) fn find(&self, id: u64) -> Option<&V> {
        self.kept.get(&id)
    }

    /// Returns how many ids each kept one stands for; 1 where every id is kept.
    pub(crate) fn weight(&self) -> u64 {
        1_u64.checked_shl(self.level).unwrap_or(u64::MAX)
    }

    /// Returns the number of different ids; an estimate where the weight is more than 1.
    pub(crate) fn total(&self) -> u64 {
        u64::try_from(self.kept.len()).unwrap_or(u64::MAX).saturating_mul(self.weight())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Join for u8 {
        fn join(&mut self, other: Self) {
            take_lesser(self, other);
        }
    }

    type Small = Sample<u8, 8>;

    fn of(values: &[(u16, u8)]) -> Small {
        let mut sample = Small::default();
        for (id, value) in values {
            sample.add(digest(&id.to_string()), *value);
        }
        sample
    }

    fn merged(mut one: Small, other: Small) -> Small {
        one.merge(other);
        one
    }

    fn values() -> impl Strategy<Value = Vec<(u16, u8)>> {
        proptest::collection::vec((0_u16..60, any::<u8>()), 0..80)
    }

    proptest! {
        #[test]
        fn merging_is_the_same_in_any_order_and_any_number_of_times(one in values(), two in values(), three in values()) {
            let (a, b, c) = (of(&one), of(&two), of(&three));
            prop_assert_eq!(merged(merged(a.clone(), b.clone()), c.clone()), merged(a.clone(), merged(b.clone(), c.clone())));
            prop_assert_eq!(merged(a.clone(), b.clone()), merged(b.clone(), a.clone()));
            prop_assert_eq!(merged(a.clone(), a.clone()), a.clone());
            let all: Vec<_> = one.into_iter().chain(two).chain(three).collect();
            prop_assert_eq!(merged(merged(a, b), c), of(&all));
        }

        #[test]
        fn it_is_bounded_and_exact_below_its_limit(values in values()) {
            let sample = of(&values);
            let ids: std::collections::BTreeSet<u16> = values.iter().map(|(id, _)| *id).collect();
            prop_assert!(sample.kept.len() <= 8);
            if ids.len() <= 8 {
                prop_assert_eq!(sample.total(), ids.len() as u64);
            }
        }
    }

    #[test]
    fn beyond_its_limit_it_estimates_within_a_few_standard_errors() {
        let mut sample = Sample::<u8, 1024>::default();
        for id in 0..50_000 {
            sample.add(digest(&format!("event-{id}")), 0);
        }
        // The relative standard error is at most 1 / sqrt(LIMIT / 2): 4.4 % here.
        assert!(sample.weight() > 1);
        assert!((44_000..56_000).contains(&sample.total()), "{}", sample.total());
    }
}

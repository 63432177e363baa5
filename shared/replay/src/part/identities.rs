//! Which records were seen, by the digests of their ids: exactly up to a limit, beyond it as a sample of which the total is estimated.
//!
//! The sample keeps a digest while it ends in at least as many zero bits as its level; where it would outgrow its limit, the level rises
//! by one and half of them go. What is kept depends on the set of digests alone, so that merging is associative and commutative.
//!
//! They are kept as a list in ascending order: no place of it stays free, and to go through it from one end to the other takes less than
//! to look into it at as many places as digests are added at once.

/// The most digests that are kept: 6.25 MiB.
pub(crate) const MOST_KEPT: usize = 800 << 10;

/// The digests of records' ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Identities {
    level: u32,
    /// In ascending order, each once.
    digests: Vec<u64>,
}

impl Identities {
    /// Makes a set of digests in any order; of a sample, with its level.
    pub(crate) fn of(level: u32, mut digests: Vec<u64>) -> Self {
        let mut identities = Self { level, digests: Vec::new() };
        identities.extend(&mut digests);
        identities
    }

    /// Adds digests in any order, and leaves their memory empty.
    pub(crate) fn extend(&mut self, digests: &mut Vec<u64>) {
        digests.retain(|digest| is_kept(*digest, self.level));
        digests.sort_unstable();
        digests.dedup();
        merge_into(&mut self.digests, digests);
        digests.clear();
        while self.digests.len() > MOST_KEPT {
            self.rise_to(self.level + 1);
        }
    }

    /// Takes in the digests of other records.
    pub(crate) fn merge(&mut self, mut other: Self) {
        self.rise_to(other.level);
        self.extend(&mut other.digests);
    }

    fn rise_to(&mut self, level: u32) {
        if level > self.level {
            self.level = level;
            self.digests.retain(|digest| is_kept(*digest, level));
        }
    }

    /// Returns the level: how many zero bits each digest ends in that is kept, at least.
    pub(crate) const fn level(&self) -> u32 {
        self.level
    }

    /// Returns the digests that are kept, in ascending order.
    pub(crate) fn kept(&self) -> &[u64] {
        &self.digests
    }

    /// Says whether all are kept.
    pub(crate) const fn is_exact(&self) -> bool {
        self.level == 0
    }

    /// Returns how many different ones there are; an estimate where not all are kept.
    pub(crate) fn total(&self) -> u64 {
        (self.digests.len() as u64).saturating_mul(1_u64.checked_shl(self.level).unwrap_or(u64::MAX))
    }
}

const fn is_kept(digest: u64, level: u32) -> bool {
    digest.trailing_zeros() >= level
}

/// Merges a list in ascending order into another, from their ends on, so that it grows where it stands.
fn merge_into(all: &mut Vec<u64>, some: &[u64]) {
    let mut rest = all.len();
    let mut place = rest + some.len();
    all.resize(place, 0);
    for digest in some.iter().rev() {
        let before = all.get(..rest).unwrap_or_default();
        let greater = before.iter().rev().take_while(|kept| *kept > digest).count();
        let is_new = before.get(..rest - greater).and_then(<[u64]>::last) != Some(digest);
        all.copy_within(rest - greater..rest, place - greater);
        rest -= greater;
        place -= greater;
        if is_new {
            place -= 1;
            if let Some(into) = all.get_mut(place) {
                *into = *digest;
            }
        }
    }
    // As many places are left between the two as digests were in both.
    all.drain(rest..place);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Few numbers, so that many are in both lists, and those at both ends.
        #[test]
        fn a_merged_list_holds_what_both_held_once_and_in_order(one: BTreeSet<u8>, other: BTreeSet<u8>) {
            let [mut all, some] = [&one, &other].map(|of| of.iter().map(|number| u64::from(*number)).collect::<Vec<u64>>());
            merge_into(&mut all, &some);
            prop_assert_eq!(all, one.union(&other).map(|number| u64::from(*number)).collect::<Vec<u64>>());
        }

        #[test]
        fn what_is_kept_depends_on_the_digests_alone(
            digests in proptest::collection::vec((any::<u64>(), 0_u32..64).prop_map(|(digest, zeros)| digest << zeros), 0..200),
            cut in 0_usize..200,
            levels in [0_u32..70, 0_u32..70],
        ) {
            let (first, second) = digests.split_at(cut.min(digests.len()));
            let [one, other] = [(levels[0], first), (levels[1], second)].map(|(level, digests)| Identities::of(level, digests.to_vec()));
            let (mut forth, mut back) = (one.clone(), other.clone());
            forth.merge(other);
            back.merge(one);
            prop_assert_eq!(&forth, &back);
            let level = levels[0].max(levels[1]);
            let expected: BTreeSet<u64> = digests.iter().copied().filter(|digest| digest.trailing_zeros() >= level).collect();
            prop_assert_eq!((forth.level(), forth.kept()), (level, &expected.into_iter().collect::<Vec<u64>>()[..]));
        }
    }

    #[test]
    fn few_are_counted_exactly_however_often_they_come() {
        let digests: Vec<u64> = (0..60_000_u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        let twice = Identities::of(0, [&digests[..], &digests].concat());
        assert_eq!((twice.total(), twice.is_exact()), (60_000, true));
        let mut merged = Identities::of(0, digests);
        merged.merge(twice.clone());
        assert_eq!(merged, twice);
    }

    #[test]
    fn one_more_than_can_be_kept_is_a_sample() {
        let most: Vec<u64> = (1..=MOST_KEPT as u64).collect();
        let mut identities = Identities::of(0, most);
        assert!(identities.is_exact());
        identities.extend(&mut vec![1, 2, 0]);
        assert_eq!((identities.level(), identities.kept().len()), (1, MOST_KEPT / 2 + 1));
    }

    #[test]
    fn zero_is_a_digest_as_well() {
        let mut identities = Identities::of(0, vec![7, 0, 7, 0]);
        assert_eq!(identities.kept(), [0, 7]);
        identities.rise_to(20);
        assert_eq!(identities.kept(), [0]);
    }

    #[test]
    fn many_are_estimated_the_same_in_whatever_order_and_parts() {
        let spread = |n: u64| (n ^ (n >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ n.rotate_left(29).wrapping_mul(0x94d0_49bb_1331_11eb);
        let count = u64::try_from(MOST_KEPT).unwrap() * 5 / 2;
        let all: Vec<u64> = (1..=count).map(spread).map(|n| spread(n ^ (n >> 27))).collect();
        let at_once = Identities::of(0, all.clone());
        let mut in_parts = Identities::default();
        for some in all.chunks(all.len() / 7).rev() {
            in_parts.merge(Identities::of(0, some.to_vec()));
        }
        let mut one_after_the_other = Identities::default();
        for some in all.chunks(30_000) {
            let mut some = some.to_vec();
            one_after_the_other.extend(&mut some);
            assert!(some.is_empty());
        }
        assert!(one_after_the_other == at_once, "digests added differ from all at once");
        assert!(in_parts == at_once, "parts merged differ from all at once");
        assert!(!at_once.is_exact() && at_once.kept().len() <= MOST_KEPT);
        let distance = at_once.total().abs_diff(count);
        assert!(distance * 100 < count, "{} for {count}", at_once.total());
        assert!(Identities::of(at_once.level(), at_once.kept().to_vec()) == at_once, "what was saved is read as it was");
    }
}

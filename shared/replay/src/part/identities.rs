//! Which records were seen, by the digests of their ids: exactly up to a limit, beyond it as a sample of which the total is estimated.
//!
//! The sample keeps a digest while it ends in at least as many zero bits as its level; where it would outgrow its limit, the level rises
//! by one and half of them go. What is kept depends on the set of digests alone, so that merging is associative and commutative.
//!
//! Digests are as good as random already, so the table is one list of numbers in which each stands at the place that it names itself, or
//! as soon after that as one was free. Zero stands for a free place, and is kept beside the list.

use std::hint::black_box;

/// The most digests that are kept: seven eighths of [`MOST_PLACES`].
pub(crate) const MOST_KEPT: usize = 917_504;
/// The most places of the table: 8 MiB of them.
const MOST_PLACES: usize = 1 << 20;
/// The fewest.
const FEWEST_PLACES: usize = 1 << 6;
/// From so many places on, the table has room for the most at once, and takes more of it into use where it stands: two tables side by side
/// would need twice the memory. The system gives memory to what is in use, and to nothing else.
const MANY_PLACES: usize = 1 << 14;
/// Odd, so that steps of so many places come to each of them once.
const STRIDE: usize = 0x9e37_79b1;
/// Digests whose places are fetched before any is added: memory answers many questions at once as soon as it answers one.
const AT_ONCE: usize = 64;

/// The digests of records' ids.
#[derive(Debug, Clone, Default)]
pub(crate) struct Identities {
    level: u32,
    /// Those in use, then others that are free.
    places: Vec<u64>,
    /// How many places are in use: a power of two; or none, as long as there are no digests.
    in_use: usize,
    /// How many digests are in the places.
    taken: usize,
    has_zero: bool,
}

impl PartialEq for Identities {
    fn eq(&self, other: &Self) -> bool {
        self.saved() == other.saved()
    }
}

impl Eq for Identities {}

impl Identities {
    /// Adds digests.
    pub(crate) fn extend(&mut self, digests: &[u64]) {
        for some in digests.chunks(AT_ONCE) {
            black_box(some.iter().fold(0, |all, digest| all | self.at(self.place_of(*digest))));
            for digest in some {
                self.add(*digest);
            }
        }
    }

    fn add(&mut self, digest: u64) {
        if digest.trailing_zeros() < self.level {
            return;
        }
        if digest == 0 {
            self.has_zero = true;
            return;
        }
        if self.taken >= self.in_use / 8 * 7 {
            if self.holds(digest) {
                return;
            }
            if self.taken < MOST_KEPT {
                self.grow();
            } else {
                self.rise_to(self.level + 1);
                return self.add(digest);
            }
        }
        self.put(digest);
    }

    fn put(&mut self, digest: u64) {
        let place = self.free_or(digest);
        if let Some(place) = self.places.get_mut(place) {
            self.taken += usize::from(*place == 0);
            *place = digest;
        }
    }

    /// Returns the place that a digest names.
    fn place_of(&self, digest: u64) -> usize {
        // Its lower bits are zero in a sample.
        let wished = usize::try_from(digest >> 32).unwrap_or_default();
        wished & self.in_use.wrapping_sub(1)
    }

    fn at(&self, place: usize) -> u64 {
        self.places.get(place).copied().unwrap_or_default()
    }

    /// Returns the place where a digest is, or the free one where it would be.
    fn free_or(&self, digest: u64) -> usize {
        let mut place = self.place_of(digest);
        while self.at(place) != 0 && self.at(place) != digest {
            place = (place + 1) & self.in_use.wrapping_sub(1);
        }
        place
    }

    fn holds(&self, digest: u64) -> bool {
        self.at(self.free_or(digest)) == digest
    }

    fn grow(&mut self) {
        match self.in_use {
            0 => self.renew(FEWEST_PLACES, FEWEST_PLACES),
            few if few < MANY_PLACES => self.renew(few * 4, few * 4),
            MANY_PLACES => self.renew(MOST_PLACES, MANY_PLACES * 4),
            many => self.put_all_again(many * 2),
        }
    }

    fn rise_to(&mut self, level: u32) {
        self.level = level;
        self.has_zero &= u64::BITS >= level;
        self.put_all_again(self.in_use);
    }

    /// Makes another table, with so many places of which so many are in use, of the same digests.
    fn renew(&mut self, places: usize, in_use: usize) {
        self.taken = 0;
        self.in_use = in_use;
        for digest in std::mem::replace(&mut self.places, vec![0; places]) {
            if digest != 0 {
                self.put(digest);
            }
        }
    }

    /// Takes each digest out of the table and puts it back, if the level keeps it, with so many places in use: not fewer than before.
    ///
    /// A row of digests without a free place between them is gone through in its order, so that each finds its place at the latest where
    /// it was, and none is passed by that is still to move. The row that goes on from the end of the table at its beginning comes last.
    fn put_all_again(&mut self, in_use: usize) {
        let before = std::mem::replace(&mut self.in_use, in_use);
        self.taken = 0;
        let around_the_end = self.places.iter().take(before).position(|digest| *digest == 0).unwrap_or(before);
        let last: Vec<u64> = self.places.get_mut(..around_the_end).into_iter().flatten().map(std::mem::take).collect();
        for place in around_the_end..before {
            let digest = self.places.get_mut(place).map(std::mem::take).unwrap_or_default();
            self.put_if_kept(digest);
        }
        for digest in last {
            self.put_if_kept(digest);
        }
    }

    fn put_if_kept(&mut self, digest: u64) {
        if digest != 0 && digest.trailing_zeros() >= self.level {
            self.put(digest);
        }
    }

    /// Takes in the digests of other records.
    pub(crate) fn merge(&mut self, other: &Self) {
        if other.level > self.level {
            self.rise_to(other.level);
        }
        let mut some = Vec::with_capacity(AT_ONCE);
        for digest in other.kept() {
            some.push(digest);
            if some.len() == AT_ONCE {
                self.extend(&some);
                some.clear();
            }
        }
        self.extend(&some);
    }

    /// Returns the digests, each from far away of the one before: another table would fill up from its beginning, and every search there
    /// run through all of it, if they came in the order of their places.
    fn kept(&self) -> impl Iterator<Item = u64> {
        let mask = self.in_use.wrapping_sub(1);
        let places = (0..self.in_use).map(move |turn| self.at(turn.wrapping_mul(STRIDE) & mask));
        places.filter(|digest| *digest != 0).chain(self.has_zero.then_some(0))
    }

    /// Says whether all are kept.
    pub(crate) const fn is_exact(&self) -> bool {
        self.level == 0
    }

    /// Returns how many different ones there are; an estimate where not all are kept.
    pub(crate) fn total(&self) -> u64 {
        let kept = self.taken as u64 + u64::from(self.has_zero);
        kept.saturating_mul(1_u64.checked_shl(self.level).unwrap_or(u64::MAX))
    }

    /// Returns the level, and the digests that are kept, in ascending order.
    pub(crate) fn saved(&self) -> (u32, Vec<u64>) {
        let mut digests: Vec<u64> = self.kept().collect();
        digests.sort_unstable();
        (self.level, digests)
    }

    /// Makes the set of what [`Identities::saved`] returned.
    pub(crate) fn of_saved(level: u32, digests: &[u64]) -> Self {
        let mut identities = Self { level, ..Self::default() };
        identities.extend(digests);
        identities
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Numbers that look random, some of which have many zeros at their ends, as those of a sample do.
    fn digests(count: u64) -> Vec<u64> {
        let mixed = |n: u64| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (n >> 3)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        (0..count).map(|n| mixed(n) << (n % 8 * 4)).collect()
    }

    #[test]
    fn few_are_counted_exactly_however_often_they_come() {
        for count in [0, 1, 55, 56, 57, 64, 1_000, 60_000, 200_000] {
            let digests = digests(count);
            let expected: BTreeSet<u64> = digests.iter().copied().collect();
            let mut identities = Identities::default();
            identities.extend(&digests);
            identities.extend(&digests);
            assert_eq!(identities.total(), expected.len() as u64, "{count}");
            assert_eq!(identities.saved(), (0, expected.into_iter().collect()), "{count}");
            assert!(identities.is_exact(), "{count}");
        }
    }

    #[test]
    fn a_row_that_goes_on_from_the_end_of_the_table_at_its_beginning_stays_whole_while_the_table_grows() {
        // At the end of each table, and at the end of the lower half of each.
        let at_the_end = |number: u64| [u64::MAX << 32, 0x7fff << 32, 0x1_ffff << 32].map(|place| place | (number << 20));
        let mut all: Vec<u64> = (1..=300).flat_map(at_the_end).collect();
        all.extend(digests(120_000));
        let mut identities = Identities::default();
        for some in all.chunks(1_000) {
            identities.extend(some);
        }
        identities.extend(&all);
        let expected: BTreeSet<u64> = all.iter().copied().collect();
        assert_eq!(identities.saved(), (0, expected.iter().copied().collect()));
        identities.rise_to(12);
        identities.extend(&all);
        let kept = expected.into_iter().filter(|digest| digest.trailing_zeros() >= 12);
        assert_eq!(identities.saved(), (12, kept.collect()));
    }

    #[test]
    fn zero_is_a_digest_as_well() {
        let mut identities = Identities::default();
        identities.extend(&[0, 7, 0]);
        assert_eq!(identities.saved(), (0, vec![0, 7]));
        identities.rise_to(20);
        assert_eq!(identities.saved(), (20, vec![0]));
    }

    #[test]
    fn many_are_estimated_the_same_in_whatever_order_and_parts() {
        let spread = |n: u64| (n ^ (n >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ n.rotate_left(29).wrapping_mul(0x94d0_49bb_1331_11eb);
        let count = u64::try_from(MOST_KEPT).unwrap() * 5 / 2;
        let all: Vec<u64> = (1..=count).map(spread).map(|n| spread(n ^ (n >> 27))).collect();
        let mut at_once = Identities::default();
        at_once.extend(&all);
        let (first, second) = all.split_at(all.len() / 3);
        let (mut one, mut other) = (Identities::default(), Identities::default());
        one.extend(second);
        other.extend(first);
        one.merge(&other);
        assert!(one == at_once, "parts merged differ from all at once");
        assert!(!at_once.is_exact());
        let distance = at_once.total().abs_diff(count);
        assert!(distance * 100 < count, "{} for {count}", at_once.total());
        let (level, saved) = at_once.saved();
        assert!(Identities::of_saved(level, &saved) == at_once, "what was saved is read as it was");
    }
}

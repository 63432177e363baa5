//! Which records were seen, by the digests of their ids: exactly up to a limit, beyond it as a sample of which the total is estimated.
//!
//! The sample keeps a digest while it ends in at least as many zero bits as its level; where it would outgrow its limit, the level rises
//! by one and half of them go. What is kept depends on the set of digests alone, so that merging is associative and commutative.
//!
//! Digests are as good as random already, so the table is a list of short rows in which each stands in the row that it names itself, or in
//! the next one that had a free place. Greater digests name later rows. Zero stands for a free place, and is kept beside the list.

use std::hint::black_box;

/// The most digests that are kept.
pub(crate) const MOST_KEPT: usize = most_in(MOST_ROWS);
/// The most rows of the table: 6.6 MiB of them.
const MOST_ROWS: usize = 105 << 10;
/// The fewest.
const FEWEST_ROWS: usize = 1 << 3;
/// How many times as many rows there are where those that are there have no place left: to find each digest another place takes long.
const GROWTH: usize = 8;
/// From so many rows on, the table has room for the most at once, and grows where it stands: two tables side by side would need twice the
/// memory. The system gives memory to what was written to, and to nothing else.
const MANY_ROWS: usize = 1 << 11;
/// Rows or digests from one that is taken to the next one.
const STRIDE: usize = 1_021;
/// Rows for what the last of all has no place for.
const SPARE_ROWS: usize = 64;
/// Digests whose rows are fetched before any is added: memory answers many questions at once as soon as it answers one.
const AT_ONCE: usize = 256;
/// Places of a row.
const ROW: usize = 8;

/// Places that a processor fetches together.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Row([u64; ROW]);

/// Returns how many digests so many rows hold, one place of sixteen left free: one that stands in the next row costs little, and one place
/// of eight would be half a megabyte more.
const fn most_in(rows: usize) -> usize {
    rows * ROW / 16 * 15
}

/// The digests of records' ids.
#[derive(Debug, Clone, Default)]
pub(crate) struct Identities {
    level: u32,
    /// Those that digests name, then what the last of these had no place for.
    rows: Vec<Row>,
    /// How many rows digests name; none, as long as there are no digests.
    named: usize,
    /// How many digests are in the rows.
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
            let fetched = some.iter().filter_map(|digest| self.rows.get(self.row_of(*digest))).fold(0, |all, Row(places)| all | places[0]);
            black_box(fetched);
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
        if self.taken >= most_in(self.named) {
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
        let (row, place) = self.free_or(digest);
        if row == self.rows.len() {
            self.rows.push(Row::default());
        }
        if let Some(place) = self.rows.get_mut(row).and_then(|Row(places)| places.get_mut(place)) {
            self.taken += usize::from(*place == 0);
            *place = digest;
        }
    }

    /// Returns the row that a digest names.
    fn row_of(&self, digest: u64) -> usize {
        // Its lower bits are zero in a sample.
        usize::try_from(((digest >> 32) * self.named as u64) >> 32).unwrap_or_default()
    }

    /// Returns the row and the place where a digest is, or the free one where it would be, which may be in a row after the last.
    fn free_or(&self, digest: u64) -> (usize, usize) {
        let mut row = self.row_of(digest);
        loop {
            let Some(Row(places)) = self.rows.get(row) else { return (row, 0) };
            // A row is filled from its beginning; most digests are new, and both questions are answered without a branch for each place.
            let taken = places.iter().map(|place| usize::from(*place != 0)).sum();
            let same: usize = places.iter().map(|place| usize::from(*place == digest)).sum();
            if same > 0 {
                return (row, places.iter().position(|place| *place == digest).unwrap_or_default());
            }
            if taken < ROW {
                return (row, taken);
            }
            row = row.wrapping_add(1);
        }
    }

    fn holds(&self, digest: u64) -> bool {
        let (row, place) = self.free_or(digest);
        self.rows.get(row).and_then(|Row(places)| places.get(place)) == Some(&digest)
    }

    fn grow(&mut self) {
        let named = (self.named * GROWTH).clamp(FEWEST_ROWS, MOST_ROWS);
        if named > MANY_ROWS {
            self.rows.reserve_exact((MOST_ROWS + SPARE_ROWS).saturating_sub(self.rows.len()));
        }
        let used = self.rows.len();
        self.rows.resize(named.max(used), Row::default());
        self.named = named;
        self.taken = 0;
        // From the last row to the first, each digest goes on to where none is that is still to move; but for those that stood far behind
        // the row that they named.
        let mut late = Vec::new();
        for row in (0..used).rev() {
            for digest in self.take(row) {
                if self.row_of(digest) >= row { self.put(digest) } else { late.push(digest) }
            }
        }
        for digest in late {
            self.put(digest);
        }
    }

    fn rise_to(&mut self, level: u32) {
        self.level = level;
        self.has_zero &= u64::BITS >= level;
        self.taken = 0;
        // From the first row to the last, each digest finds a place where it was at the latest, and passes none that is still to move.
        for row in 0..self.rows.len() {
            for digest in self.take(row) {
                if digest.trailing_zeros() >= level {
                    self.put(digest);
                }
            }
        }
    }

    /// Takes the digests out of a row.
    fn take(&mut self, row: usize) -> impl Iterator<Item = u64> + use<> {
        let Row(places) = self.rows.get_mut(row).map(std::mem::take).unwrap_or_default();
        places.into_iter().filter(|digest| *digest != 0)
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

    /// Returns the digests that are kept.
    fn kept(&self) -> impl Iterator<Item = u64> {
        far_apart(&self.rows).flat_map(|Row(places)| *places).filter(|digest| *digest != 0).chain(self.has_zero.then_some(0))
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
        identities.extend(&far_apart(digests).copied().collect::<Vec<u64>>());
        identities
    }
}

/// Returns each of many, from far away of the one before: a table would fill up from its beginning, and every search there run through all
/// of it, if digests came in their order.
fn far_apart<T>(all: &[T]) -> impl Iterator<Item = &T> {
    (0..STRIDE).flat_map(|first| all.iter().skip(first).step_by(STRIDE))
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
    fn digests_of_which_many_name_the_same_row_stay_whole_while_the_table_grows() {
        // At the end of each table, at its beginning, and in its middle.
        let at_the_end = |number: u64| [u64::MAX << 32, 0, (1 << 63) - 1].map(|row| row & !(u64::MAX >> 32) | (number << 20));
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

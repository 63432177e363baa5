//! Chance that can be had again: the same number always draws the same.

/// Draws from a seed, by `SplitMix64` (Steele, Lea and Flood, 2014): a few lines, the same on every machine, and no secret to anybody.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// Begins to draw from this seed.
    #[must_use]
    pub const fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// Draws a number.
    pub const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Draws a number below this one; zero where it is zero.
    pub const fn below(&mut self, limit: u64) -> u64 {
        match self.draw().checked_rem(limit) {
            Some(drawn) => drawn,
            None => 0,
        }
    }

    /// Draws an index of a list of so many; zero where it is empty.
    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).expect("it is below an index")
    }

    /// Says yes so many times in a hundred.
    pub const fn percent(&mut self, often: u64) -> bool {
        self.below(100) < often
    }

    /// Draws one of these.
    ///
    /// # Panics
    /// Where there is none.
    pub fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        *items.get(self.index(items.len())).expect("there is something to draw from")
    }

    /// Draws a number between these, small ones as often as large ones: each doubling of the least is as likely as the next.
    pub fn spread(&mut self, least: u64, most: u64) -> u64 {
        let doublings = u64::from((most / least.max(1)).max(1).ilog2());
        let scale = least.max(1) << self.below(doublings + 1);
        (scale + self.below(scale)).clamp(least, most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same() {
        let drawn = |seed| {
            let mut chance = Chance::of(seed);
            [chance.draw(), chance.below(10), chance.spread(50, 7_200_000)]
        };
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
    }

    #[test]
    fn what_is_drawn_lies_within_its_bounds() {
        let mut chance = Chance::of(1);
        for _ in 0..1_000 {
            assert!(chance.below(3) < 3);
            assert!((50..=7_200_000).contains(&chance.spread(50, 7_200_000)));
        }
        assert_eq!(chance.below(0), 0);
    }
}

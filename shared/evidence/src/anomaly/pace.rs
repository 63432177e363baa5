//! How much happens in an hour: the counts of the newest hours in which anything happened.
//!
//! Which hours are kept depends on the hours alone and never on the counts, so two halves of one hour that are learned apart still add up,
//! and merging is exact in any order.

use std::collections::BTreeMap;

use super::days::{Day, Fade};

/// An hour in UTC, counted from 1970-01-01T00:00Z.
pub(super) type Hour = u32;

/// What happened in one hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cell {
    /// All entries.
    pub(super) entries: u32,
    /// Of these, the calls that were refused.
    pub(super) refused: u32,
    /// Of all entries, those in a burst: they do not count as usual.
    pub(super) doubted: u32,
    /// Of the refused calls, those in a burst of them.
    pub(super) doubted_refused: u32,
}

impl Cell {
    pub(super) fn add(&mut self, other: Self) {
        self.entries = self.entries.saturating_add(other.entries);
        self.refused = self.refused.saturating_add(other.refused);
        self.doubted = self.doubted.saturating_add(other.doubted);
        self.doubted_refused = self.doubted_refused.saturating_add(other.doubted_refused);
    }
}

/// The newest hours with anything in them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pace(pub(super) BTreeMap<Hour, Cell>);

/// What is usual in an hour in which anything happens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Usual {
    /// The hours that this is known from.
    pub(super) hours: usize,
    /// The mean, aged.
    pub(super) mean: f64,
    /// The variance, aged; never less than a Poisson process of this mean has.
    pub(super) variance: f64,
    /// The most in any of these hours.
    pub(super) most: u32,
}

impl Usual {
    /// Returns up to how many in an hour nobody is surprised.
    pub(super) fn limit(&self, floor: u32) -> f64 {
        let tail = 5.0_f64.mul_add(self.variance.sqrt(), self.mean);
        f64::from(floor).max(tail).max(1.5 * f64::from(self.most))
    }
}

/// The day in which an hour lies.
pub(super) fn day_of_hour(hour: Hour) -> Day {
    i32::try_from(hour / 24).unwrap_or(i32::MAX)
}

impl Pace {
    pub(super) fn mark(&mut self, hour: Hour, cell: Cell, cap: usize) {
        self.0.entry(hour).or_default().add(cell);
        self.trim(cap);
    }

    /// Adds all hours of another's. Exact, whatever is forgotten.
    pub(super) fn merge(&mut self, other: &Self, cap: usize) {
        for (hour, cell) in &other.0 {
            self.0.entry(*hour).or_default().add(*cell);
        }
        self.trim(cap);
    }

    fn trim(&mut self, cap: usize) {
        while self.0.len() > cap.max(1) {
            self.0.pop_first();
        }
    }

    pub(super) fn at(&self, hour: Hour) -> Cell {
        self.0.get(&hour).copied().unwrap_or_default()
    }

    /// Returns what was usual before a day, of whatever `count` counts.
    pub(super) fn usual(&self, day: Day, fade: &Fade, count: impl Fn(&Cell) -> u32) -> Usual {
        let (mut hours, mut most) = (0, 0);
        let (mut weight, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for (hour, cell) in self.0.iter().filter(|(hour, _)| day_of_hour(**hour) < day) {
            let entries = count(cell);
            let share = fade.at(i64::from(day) - 1 - i64::from(day_of_hour(*hour)));
            let value = f64::from(entries);
            hours += 1;
            most = most.max(entries);
            weight += share;
            sum += share * value;
            squares += share * value * value;
        }
        let mean = if weight > 0.0 { sum / weight } else { 0.0 };
        let spread = if weight > 0.0 { squares / weight - mean * mean } else { 0.0 };
        Usual { hours, mean, variance: spread.max(mean), most }
    }
}

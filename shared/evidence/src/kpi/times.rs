//! How long something took: percentiles over every value, and how the values are spread.
//!
//! A negative value means that two clocks disagree. It is neither clamped nor left out: it counts like any other, and is told beside.

use serde::Serialize;

/// A range of durations, and how many fell into it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bar {
    /// The lower end, in milliseconds, inclusive; absent for what is negative.
    pub from_ms: Option<i64>,
    /// The upper end, in milliseconds, exclusive; absent for the last.
    pub below_ms: Option<i64>,
    /// How many.
    pub count: u64,
}

/// What is said of durations. Percentiles are values that occurred (nearest rank), so they carry no error.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Times {
    /// How many.
    pub count: u64,
    /// How many of these are negative, because two clocks disagree.
    pub negative: u64,
    /// The least, in milliseconds.
    pub min_ms: Option<i64>,
    /// The median, in milliseconds.
    pub p50_ms: Option<i64>,
    /// 95 of 100 took at most so long, in milliseconds.
    pub p95_ms: Option<i64>,
    /// The greatest, in milliseconds.
    pub max_ms: Option<i64>,
    /// How they are spread: what is negative, then ranges from 1 s to 1 h, then the rest.
    pub bars: Vec<Bar>,
}

/// The ends of the ranges, in milliseconds.
const ENDS_MS: [i64; 12] = [0, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000, 900_000, 3_600_000];

impl Times {
    /// Takes stock of durations in milliseconds.
    #[must_use]
    pub fn of(mut values: Vec<i64>) -> Self {
        values.sort_unstable();
        let count = |within: &dyn Fn(i64) -> bool| u64::try_from(values.iter().filter(|value| within(**value)).count()).unwrap_or(u64::MAX);
        let bar = |from_ms: Option<i64>, below_ms: Option<i64>| Bar {
            from_ms,
            below_ms,
            count: count(&|value| from_ms.is_none_or(|from| value >= from) && below_ms.is_none_or(|below| value < below)),
        };
        let starts = std::iter::once(None).chain(ENDS_MS.into_iter().map(Some));
        let ends = ENDS_MS.into_iter().map(Some).chain(std::iter::once(None));
        Self {
            count: u64::try_from(values.len()).unwrap_or(u64::MAX),
            negative: count(&|value| value < 0),
            min_ms: values.first().copied(),
            p50_ms: percentile(&values, 50),
            p95_ms: percentile(&values, 95),
            max_ms: values.last().copied(),
            bars: starts.zip(ends).map(|(from, below)| bar(from, below)).collect(),
        }
    }
}

/// The least value that at least `percent` of 100 values do not exceed.
fn percentile(sorted: &[i64], percent: usize) -> Option<i64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let times = Times::of((1..=20).rev().map(|seconds| seconds * 1_000).collect());
        assert_eq!((times.min_ms, times.p50_ms, times.p95_ms, times.max_ms), (Some(1_000), Some(10_000), Some(19_000), Some(20_000)));
        assert_eq!(times.bars.iter().map(|bar| bar.count).sum::<u64>(), 20);
    }

    #[test]
    fn what_is_negative_counts_and_is_told() {
        let times = Times::of(vec![-1_500, 500, 700]);
        assert_eq!((times.count, times.negative, times.min_ms, times.p50_ms), (3, 1, Some(-1_500), Some(500)));
        assert_eq!(times.bars.first().map(|bar| (bar.below_ms, bar.count)), Some((Some(0), 1)));
    }

    #[test]
    fn of_nothing_nothing_is_said() {
        let times = Times::of(Vec::new());
        assert_eq!((times.count, times.p50_ms, times.max_ms), (0, None, None));
    }
}

//! Pacing: at most so many calls in any second, in the order in which they ask.
//!
//! A sliding window, not a token bucket: KMS counts calls per second, and a bucket of five refilled at five a second lets nine
//! or ten through in its first. The first calls of a quiet process still wait for nothing.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const WINDOW: Duration = Duration::from_secs(1);

/// Lets at most `per_second` calls start in any one second. Knows of this process alone: what others use of the same quota shows
/// as throttling.
#[derive(Debug)]
pub struct Pace {
    per_second: usize,
    starts: Mutex<VecDeque<Instant>>,
}

impl Pace {
    /// Makes a pace of so many calls a second.
    #[must_use]
    pub fn per_second(calls: NonZeroU32) -> Self {
        let per_second = usize::try_from(calls.get()).unwrap_or(usize::MAX);
        Self { per_second, starts: Mutex::new(VecDeque::new()) }
    }

    /// Waits for this call's turn. Turns are given in the order of asking; one that is given up stays used.
    pub async fn turn(&self) {
        let start = self.reserve(Instant::now());
        tokio::time::sleep_until(start).await;
    }

    /// Reserves the next free start at `now` or later.
    fn reserve(&self, now: Instant) -> Instant {
        let mut starts = self.starts.lock().unwrap_or_else(PoisonError::into_inner);
        let start = if starts.len() < self.per_second { now } else { starts.pop_front().map_or(now, |oldest| now.max(oldest + WINDOW)) };
        // A later caller never starts before an earlier one.
        let start = starts.back().map_or(start, |last| start.max(*last));
        starts.push_back(start);
        start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn five() -> Pace {
        Pace::per_second(NonZeroU32::new(5).unwrap())
    }

    #[test]
    fn no_window_of_a_second_holds_more_than_the_quota() {
        let pace = five();
        let now = Instant::now();
        let starts: Vec<_> = (0..200).map(|_| pace.reserve(now)).collect();
        for pair in starts.windows(6) {
            assert!(pair[5] - pair[0] >= WINDOW);
        }
        assert_eq!(starts[199] - now, Duration::from_secs(39), "200 calls take 39 s, none is lost");
    }

    #[test]
    fn a_quiet_process_waits_for_nothing() {
        let pace = five();
        let now = Instant::now();
        assert!((0..5).all(|_| pace.reserve(now) == now));
        let later = now + Duration::from_mins(1);
        assert!((0..5).all(|_| pace.reserve(later) == later));
    }

    #[tokio::test(start_paused = true)]
    async fn turns_are_waited_for() {
        let pace = five();
        let begin = Instant::now();
        for _ in 0..11 {
            pace.turn().await;
        }
        assert_eq!(begin.elapsed(), Duration::from_secs(2));
    }
}

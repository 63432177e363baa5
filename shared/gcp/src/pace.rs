//! Pacing: so many calls at once, and one more at each interval. Whoever asked first goes first.
//!
//! A bucket, not a sliding window: a sweep that used up a whole minute in its first second would let every event wait for the next one.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout_at};

/// Lets calls start at a distance. Knows of this process alone: what others use of the same quota shows as throttling.
#[derive(Debug)]
pub(crate) struct Pace {
    every: Duration,
    /// How far ahead of its distance a call may start.
    ahead: Duration,
    /// When the next call is due if all keep their distance. Whoever is first in the line holds it.
    due: Mutex<Instant>,
}

/// The turns of a search with all that is tried of it: none is taken later than `until`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turns<'a> {
    pub(crate) pace: &'a Pace,
    pub(crate) until: Instant,
}

impl Pace {
    /// Makes a pace of so many calls at once, and of one more at each interval.
    pub(crate) fn new(at_once: u32, every: Duration) -> Self {
        Self { every, ahead: every.saturating_mul(at_once.saturating_sub(1)), due: Mutex::new(Instant::now()) }
    }

    /// Waits for a turn. One that is given up before it comes uses up nothing.
    async fn turn(&self) {
        let mut due = self.due.lock().await;
        sleep(self.wait(*due, Instant::now())).await;
        *due = self.due_after(*due, Instant::now());
    }

    /// How long whoever is first in the line waits yet.
    fn wait(&self, due: Instant, now: Instant) -> Duration {
        due.saturating_duration_since(now + self.ahead)
    }

    fn due_after(&self, due: Instant, started: Instant) -> Instant {
        due.max(started) + self.every
    }
}

impl Turns<'_> {
    /// Waits for a turn, and says whether it came in time.
    pub(crate) async fn take(self) -> bool {
        Instant::now() < self.until && timeout_at(self.until, self.pace.turn()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logging::{READ_EVERY, READS_AT_ONCE};

    /// 60 requests a minute are what Google takes, and 40 what is asked in the long run.
    #[test]
    fn no_minute_holds_more_reads_than_the_quota() {
        let pace = Pace::new(READS_AT_ONCE, READ_EVERY);
        let begin = Instant::now();
        let (mut due, mut now) = (begin, begin);
        let mut starts = Vec::new();
        for _ in 0..200 {
            now += pace.wait(due, now);
            due = pace.due_after(due, now);
            starts.push(now.duration_since(begin));
        }
        assert!(starts[19].is_zero(), "a quiet process waits for nothing: {starts:?}");
        for reads in starts.windows(61) {
            assert!(reads[60].saturating_sub(reads[0]) >= Duration::from_mins(1), "{reads:?}");
        }
        assert_eq!(starts[199].saturating_sub(starts[159]), Duration::from_mins(1));
    }

    #[tokio::test]
    async fn a_turn_that_does_not_come_in_time_is_said_to_be_late_and_uses_up_nothing() {
        let pace = Pace::new(2, Duration::from_hours(1));
        let turns = |wait: Duration| Turns { pace: &pace, until: Instant::now() + wait };
        for _ in 0..2 {
            assert!(turns(Duration::from_mins(1)).take().await);
        }
        let due = *pace.due.lock().await;
        assert!(!turns(Duration::from_millis(20)).take().await);
        assert!(!turns(Duration::ZERO).take().await);
        assert_eq!(*pace.due.lock().await, due);
    }
}

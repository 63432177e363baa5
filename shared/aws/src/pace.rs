//! Pacing: at most so many calls in any second. Of those who wait, whoever has the least time left goes first; equals go in the order in
//! which they asked.
//!
//! A sliding window, not a token bucket: KMS counts calls per second, and a bucket of five refilled at five a second lets nine
//! or ten through in its first. The first calls of a quiet process still wait for nothing, and nobody waits for somebody who has not
//! asked yet: a turn that is free is taken.

use std::collections::{BTreeSet, VecDeque};
use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

const WINDOW: Duration = Duration::from_secs(1);

/// Lets at most `per_second` calls start in any one second. Knows of this process alone: what others use of the same quota shows
/// as throttling.
#[derive(Debug)]
pub struct Pace {
    per_second: usize,
    line: Mutex<Line>,
    moved: Notify,
}

/// Who started lately, and who waits.
#[derive(Debug, Default)]
struct Line {
    /// The latest starts, as many as a window holds at most.
    starts: VecDeque<Instant>,
    /// By what is due when, then by the order of asking.
    waiting: BTreeSet<(Timestamp, u64)>,
    asked: u64,
}

/// A place in the line. Whoever gives up leaves it.
struct Place<'a> {
    pace: &'a Pace,
    place: (Timestamp, u64),
}

impl Pace {
    /// Makes a pace of so many calls a second.
    #[must_use]
    pub fn per_second(calls: NonZeroU32) -> Self {
        let per_second = usize::try_from(calls.get()).unwrap_or(usize::MAX);
        Self { per_second, line: Mutex::default(), moved: Notify::new() }
    }

    /// Waits for the turn of a call for which there is no date. Such turns are given in the order of asking, after all others.
    pub async fn turn(&self) {
        self.turn_before(None).await;
    }

    /// Waits for the turn of a call that prevents something due then. One that is given up before it comes uses up nothing.
    pub async fn turn_before(&self, due: Option<Timestamp>) {
        let place = self.line_up(due.unwrap_or(Timestamp::MAX));
        loop {
            let mut moved = pin!(self.moved.notified());
            // Whoever leaves from here on is heard of.
            moved.as_mut().enable();
            let Err(not_before) = self.start(place.place, Instant::now()) else { return };
            // Over or not: the line is looked at again.
            timeout_at(not_before, moved).await.ok();
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line_up(&self, due: Timestamp) -> Place<'_> {
        let mut line = self.line();
        line.asked += 1;
        let place = (due, line.asked);
        line.waiting.insert(place);
        Place { pace: self, place }
    }

    /// Starts whoever is first where a start is free. Otherwise says when it is worth asking again, unless somebody leaves before.
    fn start(&self, place: (Timestamp, u64), now: Instant) -> Result<(), Instant> {
        let mut line = self.line();
        let free_at = if line.starts.len() < self.per_second { now } else { line.starts.front().map_or(now, |oldest| *oldest + WINDOW) };
        if free_at > now {
            return Err(free_at);
        }
        if line.waiting.first() != Some(&place) {
            // The first is awake as well, and says so when it has gone.
            return Err(now + WINDOW);
        }
        if line.starts.len() == self.per_second {
            line.starts.pop_front();
        }
        line.starts.push_back(now);
        Ok(())
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.pace.line().waiting.remove(&self.place);
        self.pace.moved.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// When one started after all had asked, and its date.
    type Start = (Option<i64>, Duration);

    fn five() -> Arc<Pace> {
        Arc::new(Pace::per_second(NonZeroU32::new(5).unwrap()))
    }

    /// Lets so many ask at once, each with its date, and returns when each started, by the order of starting.
    async fn started(pace: &Arc<Pace>, due: impl Iterator<Item = Option<i64>>) -> Vec<Start> {
        let begin = Instant::now();
        let starts: Arc<Mutex<Vec<Start>>> = Arc::default();
        let tasks: Vec<_> = due
            .map(|due| {
                let (pace, starts) = (Arc::clone(pace), Arc::clone(&starts));
                tokio::spawn(async move {
                    pace.turn_before(due.map(|second| Timestamp::from_second(second).unwrap())).await;
                    starts.lock().unwrap().push((due, begin.elapsed()));
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let started = starts.lock().unwrap();
        started.clone()
    }

    #[tokio::test(start_paused = true)]
    async fn no_window_of_a_second_holds_more_than_the_quota() {
        let starts = started(&five(), (0..200).map(|_| None)).await;
        for pair in starts.windows(6) {
            assert!(pair[5].1.saturating_sub(pair[0].1) >= WINDOW);
        }
        let last = starts[199].1;
        assert!(last >= Duration::from_secs(39) && last < Duration::from_secs(40), "200 calls take 39 s, none is lost: {last:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_process_waits_for_nothing() {
        let pace = five();
        let soon = Duration::from_millis(5);
        assert!(started(&pace, (0..5).map(|_| None)).await.iter().all(|(_, after)| *after < soon));
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert!(started(&pace, (0..5).map(|_| None)).await.iter().all(|(_, after)| *after < soon));
    }

    #[tokio::test(start_paused = true)]
    async fn turns_are_waited_for() {
        let pace = five();
        let begin = Instant::now();
        for _ in 0..11 {
            pace.turn().await;
        }
        assert_eq!(begin.elapsed().as_secs(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_earliest_date_goes_first_and_what_has_none_goes_last() {
        let pace = five();
        // The first five take what is free, whoever they are.
        started(&pace, (0..5).map(|_| None)).await;
        let order: Vec<Option<i64>> =
            started(&pace, [None, Some(30), Some(7), Some(21), None, Some(14)].into_iter()).await.into_iter().map(|(due, _)| due).collect();
        assert_eq!(order, [Some(7), Some(14), Some(21), Some(30), None, None]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_is_given_up_holds_up_nobody() {
        let pace = five();
        started(&pace, (0..5).map(|_| None)).await;
        let first = Arc::clone(&pace);
        let given_up = tokio::spawn(async move { first.turn_before(Some(Timestamp::UNIX_EPOCH)).await });
        tokio::task::yield_now().await;
        given_up.abort();
        let starts = started(&pace, (0..5).map(|_| None)).await;
        assert!(starts.iter().all(|(_, after)| *after <= WINDOW + Duration::from_millis(5)), "{starts:?}");
    }
}

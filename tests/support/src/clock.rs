//! A clock that stands still until it is told otherwise. Waiting moves it.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reprieve_engine::Clock;

use crate::{let_others_go, locked};

/// How often an answer is asked for before a clock that runs out of patience gives up on it. The fakes yield about once a call.
const POLLS: usize = 1_000;

/// A clock that only tests move. Clones show the same time.
#[derive(Debug, Clone)]
pub struct FakeClock {
    now: Arc<Mutex<Timestamp>>,
    runs_out: Arc<AtomicBool>,
}

impl FakeClock {
    /// Makes a clock that shows this time.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self { now: Arc::new(Mutex::new(now)), runs_out: Arc::default() }
    }

    /// Moves the clock, forwards or backwards.
    pub fn advance(&self, by: SignedDuration) {
        let mut now = locked(&self.now);
        *now = now.checked_add(by).expect("a test stays within the years that exist");
    }

    /// Lets time run out for answers that never come; without it, they are what kills a process.
    pub fn run_out(&self) {
        self.runs_out.store(true, Ordering::Relaxed);
    }

    /// Sets the clock.
    pub fn set(&self, to: Timestamp) {
        *locked(&self.now) = to;
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        *locked(&self.now)
    }

    async fn sleep(&self, duration: Duration) {
        self.advance(SignedDuration::try_from(duration).expect("a test does not wait for ever"));
        let_others_go().await;
    }

    async fn within<F: Future + Send>(&self, limit: Duration, answer: F) -> Option<F::Output> {
        if !self.runs_out.load(Ordering::Relaxed) {
            return Some(answer.await);
        }
        let mut answer = pin!(answer);
        let mut polls = 0;
        let answered = std::future::poll_fn(|context| match answer.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending if polls == POLLS => Poll::Ready(None),
            Poll::Pending => {
                polls += 1;
                context.waker().wake_by_ref();
                Poll::Pending
            }
        });
        let answered = answered.await;
        if answered.is_none() {
            self.advance(SignedDuration::try_from(limit).expect("a test does not wait for ever"));
        }
        answered
    }
}

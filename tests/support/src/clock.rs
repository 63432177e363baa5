//! A clock that stands still until it is told otherwise. Waiting moves it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reprieve_engine::Clock;

use crate::{let_others_go, locked};

/// A clock that only tests move. Clones show the same time.
#[derive(Debug, Clone)]
pub struct FakeClock {
    now: Arc<Mutex<Timestamp>>,
}

impl FakeClock {
    /// Makes a clock that shows this time.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self { now: Arc::new(Mutex::new(now)) }
    }

    /// Moves the clock, forwards or backwards.
    pub fn advance(&self, by: SignedDuration) {
        let mut now = locked(&self.now);
        *now = now.checked_add(by).expect("a test stays within the years that exist");
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

    async fn within<F: Future + Send>(&self, _limit: Duration, answer: F) -> Option<F::Output> {
        Some(answer.await)
    }
}

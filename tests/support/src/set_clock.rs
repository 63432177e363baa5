//! A clock that tests set, so that none of them waits.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{Span, Timestamp};
use reprieve_engine::Clock;

use crate::locked;

/// Stands still until it is moved; clones move together. Waiting is tokio's, which tests pause.
#[derive(Debug, Clone)]
pub struct TestClock(Arc<Mutex<Timestamp>>);

impl TestClock {
    /// Makes a clock that shows this time.
    #[must_use]
    pub fn at(time: &str) -> Self {
        Self(Arc::new(Mutex::new(time.parse().expect("the test writes a time"))))
    }

    /// Moves it on.
    pub fn pass(&self, span: Span) {
        let mut time = locked(&self.0);
        *time += span;
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *locked(&self.0)
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    async fn within<F: Future + Send>(&self, limit: Duration, answer: F) -> Option<F::Output> {
        tokio::time::timeout(limit, answer).await.ok()
    }
}

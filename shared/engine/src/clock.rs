//! The system's clock behind the engine's port.

use std::time::Duration;

use crate::port::Clock;
use jiff::Timestamp;

/// Tells the system's time, and waits on tokio's timer.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    async fn within<F: Future + Send>(&self, limit: Duration, answer: F) -> Option<F::Output> {
        tokio::time::timeout(limit, answer).await.ok()
    }
}

//! The clock of one host: the world's time, fast or slow by a little. Waiting does not move the world; the world has to go on by itself.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reprieve_engine::Clock;

use crate::clock::FakeClock;

/// A clock that is wrong by a fixed skew.
#[derive(Debug, Clone)]
pub struct HostClock {
    world: FakeClock,
    skew: SignedDuration,
}

impl HostClock {
    /// Makes a clock that is fast by so much; slow where the skew is negative.
    #[must_use]
    pub const fn new(world: FakeClock, skew: SignedDuration) -> Self {
        Self { world, skew }
    }
}

impl Clock for HostClock {
    fn now(&self) -> Timestamp {
        self.world.now().checked_add(self.skew).expect("a test stays within the years that exist")
    }

    async fn sleep(&self, duration: Duration) {
        self.within(duration, std::future::pending::<()>()).await;
    }

    async fn within<F: Future + Send>(&self, limit: Duration, answer: F) -> Option<F::Output> {
        let until = self.now().checked_add(limit).expect("a test does not wait for ever");
        let mut answer = pin!(answer);
        std::future::poll_fn(|context| match answer.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending if self.now() >= until => Poll::Ready(None),
            Poll::Pending => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
        })
        .await
    }
}

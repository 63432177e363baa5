//! One invocation: a task, done within the time that is left.

use std::time::Duration;

use reprieve_engine::Clock;
use reprieve_runtime::Invoked;
use serde::Serialize;
use serde_json::Value;

use crate::failure::Failure;
use crate::port::{LogFiles, Results};
use crate::task::Task;
use crate::{estimate, map, reduce};

/// What is left to write what came of the work, and to say so.
const TO_WRITE: Duration = Duration::from_secs(20);

/// The function.
#[derive(Debug)]
pub(crate) struct Service<L, R, C> {
    /// The logs.
    pub(crate) logs: L,
    /// What came of them.
    pub(crate) results: R,
    /// The time.
    pub(crate) clock: C,
}

impl<L: LogFiles, R: Results, C: Clock> Service<L, R, C> {
    /// Answers one invocation.
    ///
    /// # Errors
    /// When the payload is of no known form, when what was asked for is refused, and when it could not be done in time or at all.
    pub(crate) async fn answer(&self, payload: Value, invoked: &Invoked) -> Result<Value, Failure> {
        let task = Task::parse(payload)?;
        let left = self.time_left(invoked)?;
        match task {
            Task::Estimate(task) => estimate::estimate(&self.logs, task, left).await.map(|plan| value(&plan)),
            Task::Map(batch) => map::map(&self.logs, &self.results, batch, left).await.map(|mapped| value(&mapped)),
            Task::Reduce(task) => reduce::reduce(&self.results, task, left).await.map(|reduced| value(&reduced)),
        }
    }

    /// Returns how long the work may last.
    fn time_left(&self, invoked: &Invoked) -> Result<Duration, Failure> {
        let left = invoked.stopped_at.duration_since(self.clock.now());
        let left = Duration::try_from(left).unwrap_or_default().checked_sub(TO_WRITE);
        left.filter(|left| !left.is_zero())
            .ok_or_else(|| Failure::OutOfTime("there is no time left in this invocation: raise the function's time limit".to_owned()))
            // Nobody gives more than 15 minutes; without a deadline the sum would be beyond all times.
            .map(|left| left.min(Duration::from_hours(1)))
    }
}

/// What was done is of numbers and text, and always JSON.
fn value(done: &impl Serialize) -> Value {
    serde_json::to_value(done).unwrap_or_default()
}

#[cfg(test)]
#[path = "handler_tests.rs"]
mod tests;

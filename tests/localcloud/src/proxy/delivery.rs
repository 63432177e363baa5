//! Records on their way from a trail to its log group, and what the group's metric filters make of them.
//!
//! One after the other, as late as asked. Must not decide which trail records what.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::metric_filters;
use super::upstream::Upstream;
use crate::error::LocalCloudError;

/// One record for one trail, and when it is due.
#[derive(Debug)]
struct Due {
    at: Instant,
    trail_arn: String,
    record: Value,
}

/// Takes records in and delivers them.
#[derive(Debug)]
pub(crate) struct LogDelivery {
    queue: mpsc::UnboundedSender<Due>,
    delay_ms: AtomicU64,
}

impl LogDelivery {
    /// Makes the way and starts its traffic; needs a Tokio runtime around it.
    pub(crate) fn start(upstream: Arc<Upstream>) -> Arc<Self> {
        let (queue, incoming) = mpsc::unbounded_channel();
        let delivery = Arc::new(Self { queue, delay_ms: AtomicU64::new(0) });
        tokio::spawn(carry(Arc::downgrade(&delivery), incoming, upstream));
        delivery
    }

    /// Says how long records are on their way from now on; AWS takes some minutes, here it is no time by default.
    pub(crate) fn set_delay(&self, delay: Duration) {
        self.delay_ms.store(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Puts a record in line.
    pub(crate) fn send(&self, trail_arn: String, record: Value) {
        let at = Instant::now() + Duration::from_millis(self.delay_ms.load(Ordering::Relaxed));
        // The traffic lives as long as the way; afterwards there is nobody left to deliver to.
        drop(self.queue.send(Due { at, trail_arn, record }));
    }
}

async fn carry(alive: Weak<LogDelivery>, mut incoming: mpsc::UnboundedReceiver<Due>, upstream: Arc<Upstream>) {
    while let Some(due) = incoming.recv().await {
        tokio::time::sleep_until(due.at).await;
        if alive.strong_count() == 0 {
            return;
        }
        // What the emulator cannot take is lost; a trail's status tells of what is wrong with its log group or role.
        deliver(&upstream, due).await.ok();
    }
}

async fn deliver(upstream: &Upstream, Due { trail_arn, record, .. }: Due) -> Result<(), LocalCloudError> {
    let message = record.to_string();
    let answer = upstream.ask("trail-deliveries", &json!({"trail_arn": trail_arn, "message": message})).await?;
    let data = metric_filters::count(&metric_filters::read_filters(&answer)?, &message);
    if data.is_empty() {
        return Ok(());
    }
    let question = json!({"account": answer.get("account"), "region": answer.get("region"), "data": data});
    upstream.ask("metric-data", &question).await.map(drop)
}

//! What happened, in order and with times: every AWS call, every event, every CloudTrail record.
//!
//! Kept in memory and bounded; whoever listens live may miss entries, whoever reads the lists does not.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::broadcast;

/// The lists forget their oldest entries beyond this many.
const KEPT: usize = 100_000;

/// Describes one AWS call that passed the proxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallEntry {
    /// Position among all entries.
    pub order: u64,
    /// When the call came in, in milliseconds since the local cloud started.
    pub at_ms: u64,
    /// When the call came in.
    pub time: Timestamp,
    /// How long its answer took, in milliseconds.
    pub took_ms: u64,
    /// Service as signatures name it.
    pub service: String,
    /// Operation.
    pub operation: String,
    /// Region.
    pub region: String,
    /// ARN of the caller.
    pub caller: String,
    /// Access key id of the caller; each process of a function has its own.
    pub access_key_id: Option<String>,
    /// ARN of the KMS key, or what the call named as such.
    pub key: Option<String>,
    /// HTTP status of the answer that the caller got.
    pub status: u16,
    /// Exception name of a refused call.
    pub error_code: Option<String>,
    /// Whether a fault on request hit the call.
    pub fault: bool,
}

/// Says what became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Put on the bus.
    Delivered,
    /// Put on the bus more than once.
    Duplicated,
    /// Lost on request.
    Lost,
    /// Will be put on the bus later.
    Delayed,
    /// Waits for the next matching event.
    Held,
    /// The emulator did not take it.
    Failed,
}

/// Describes one event on its way to the bus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventEntry {
    /// Position among all entries.
    pub order: u64,
    /// When it happened, in milliseconds since the local cloud started.
    pub at_ms: u64,
    /// When it happened.
    pub time: Timestamp,
    /// `source` of the event.
    pub source: String,
    /// `detail-type` of the event.
    pub detail_type: String,
    /// `eventName` of the record inside, where there is one.
    pub event_name: Option<String>,
    /// ARN of the first key that the event names.
    pub key: Option<String>,
    /// What became of it.
    pub fate: Fate,
}

/// One entry of the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Activity {
    /// An AWS call.
    Call(CallEntry),
    /// An event.
    Event(EventEntry),
}

/// Keeps the entries and the CloudTrail records.
#[derive(Debug)]
pub(crate) struct Timeline {
    started: Instant,
    next_order: AtomicU64,
    entries: Mutex<VecDeque<Activity>>,
    records: Mutex<VecDeque<Value>>,
    live: broadcast::Sender<Activity>,
}

impl Timeline {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            next_order: AtomicU64::new(0),
            entries: Mutex::default(),
            records: Mutex::default(),
            live: broadcast::channel(4_096).0,
        }
    }

    pub(crate) fn next_order(&self) -> u64 {
        self.next_order.fetch_add(1, Ordering::Relaxed)
    }

    /// Milliseconds between the start and an instant.
    pub(crate) fn ms_of(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.started).as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn add(&self, activity: Activity) {
        push(&self.entries, activity.clone());
        // Nobody listening is fine: the list is what counts.
        drop(self.live.send(activity));
    }

    pub(crate) fn add_record(&self, record: Value) {
        push(&self.records, record);
    }

    pub(crate) fn entries(&self) -> Vec<Activity> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(crate) fn records(&self) -> Vec<Value> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Activity> {
        self.live.subscribe()
    }

    pub(crate) fn clear(&self) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.records.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

fn push<T>(list: &Mutex<VecDeque<T>>, item: T) {
    let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
    if list.len() == KEPT {
        list.pop_front();
    }
    list.push_back(item);
}

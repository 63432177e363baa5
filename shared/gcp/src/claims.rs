//! Claims on events, as small objects of a bucket of their own: Cloud Storage takes each name once, whoever is first.
//!
//! `claims/EVENT/1.json` is the first attempt; `1.open.json` says that it ended open, `settled-MODE.json` that the event was worked on
//! to its end in that mode: what was settled in mode `observe` is worked on once more in mode `enforce`. An attempt that says neither,
//! within a lease, is somebody's who works on it. The bucket needs no retention: a lifecycle rule may take objects of some months away.

use jiff::{SignedDuration, Timestamp};
use reprieve_core::{EventId, Mode};
use reprieve_engine::{CallError, Claim, EvidenceStore as _, VersionClaims};
use reprieve_evidence::layout::safe;

use crate::storage::Bucket;

/// Longer than any invocation lasts.
const LEASE: SignedDuration = SignedDuration::from_secs(120);

/// More attempts than deliveries there are in a week.
const ATTEMPTS_LIMIT: u32 = 1000;

/// Keeps claims.
#[derive(Debug, Clone)]
pub struct StorageClaims {
    bucket: Bucket,
    mode: Mode,
}

impl StorageClaims {
    /// Makes the keeper.
    #[must_use]
    pub const fn new(bucket: Bucket, mode: Mode) -> Self {
        Self { bucket, mode }
    }

    fn settled(&self, event: &EventId) -> String {
        format!("{}settled-{}.json", folder(event), self.mode.as_str())
    }
}

impl VersionClaims for StorageClaims {
    async fn claim(&self, event: &EventId, at: Timestamp) -> Result<Claim, CallError> {
        let folder = folder(event);
        let kept = self.bucket.list(&folder).await?;
        let is_there = |name: &str| kept.iter().any(|object| object.name == name);
        if is_there(&self.settled(event)) {
            return Ok(Claim::Settled);
        }
        let last = (1..=ATTEMPTS_LIMIT).take_while(|attempt| is_there(&format!("{folder}{attempt}.json"))).last().unwrap_or(0);
        let ended = is_there(&format!("{folder}{last}.open.json"))
            || [Mode::Observe, Mode::Enforce].iter().any(|mode| is_there(&format!("{folder}settled-{}.json", mode.as_str())));
        let begun = kept.iter().find(|object| object.name == format!("{folder}{last}.json")).map(|object| object.modified);
        if begun.is_some_and(|begun| !ended && at.duration_since(begun) < LEASE) {
            return Ok(Claim::Held);
        }
        let attempt = last + 1;
        let is_first = self.bucket.put_once(&format!("{folder}{attempt}.json"), "application/json", b"{}").await?;
        Ok(if is_first { Claim::Granted { attempt } } else { Claim::Held })
    }

    async fn finish(&self, event: &EventId, attempt: u32, settled: bool) -> Result<(), CallError> {
        let name = if settled { self.settled(event) } else { format!("{}{attempt}.open.json", folder(event)) };
        self.bucket.put_once(&name, "application/json", b"{}").await.map(drop)
    }
}

fn folder(event: &EventId) -> String {
    format!("claims/{}/", safe(event.as_str()))
}

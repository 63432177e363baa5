//! Claims on events, as small objects of a bucket of their own: Cloud Storage takes each name once, whoever is first.
//!
//! `claims/EVENT/1.json` is the first attempt; `1.open.json` says that it ended open, `1.left.json` that it ended and left the event to the
//! sweeps, `settled-MODE.json` that the event was worked on to its end in that mode: what was settled in mode `observe` is worked on once
//! more in mode `enforce`. An attempt of which nothing says so, within a lease, is somebody's who works on it. `owed/EVENT/WHAT.json` is an
//! outcome of which people are to be told, `WHAT.told.json` says that they were. The bucket needs no retention: a lifecycle rule may take
//! objects of some months away, the earliest first.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use reprieve_core::{EventId, Mode, Record};
use reprieve_engine::{CallError, Claim, EvidenceStore as _, StoredObject, VersionClaims};
use reprieve_evidence::layout::safe;
use reprieve_wire::ocsf::{Read, read, record_json};
use serde_json::Value;

use crate::storage::Bucket;

/// Longer than any invocation lasts.
const LEASE: SignedDuration = SignedDuration::from_secs(120);

/// Where it lies of what people are to be told.
const OWED: &str = "owed/";

/// How the name ends of what says that people were told.
const TOLD: &str = ".told.json";

/// How many outcomes are read at once of which people are to be told: the rest is told by the next sweep.
const OWED_LIMIT: usize = 100;

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

    /// Claims an event, for a sweep or for a delivery.
    async fn grant(&self, event: &EventId, at: Timestamp, is_sweep: bool) -> Result<Claim, CallError> {
        let folder = folder(event);
        let kept = self.bucket.list(&folder).await?;
        let is_there = |name: &str| kept.iter().any(|object| object.name == name);
        let is_left = kept.iter().any(|object| object.name.ends_with(".left.json"));
        if is_there(&self.settled(event)) || (is_left && !is_sweep) {
            return Ok(Claim::Settled);
        }
        let attempt_of = |name: &str| name.strip_prefix(folder.as_str())?.strip_suffix(".json")?.parse::<u32>().ok();
        let last = kept.iter().filter_map(|object| Some((attempt_of(&object.name)?, object.modified))).max();
        if let Some((attempt, begun)) = last {
            // What was settled in the other mode was so before an attempt in this one.
            let is_settled = kept.iter().any(|object| object.name.starts_with(&format!("{folder}settled-")) && object.modified >= begun);
            let is_ended = ["open", "left"].iter().any(|how| is_there(&format!("{folder}{attempt}.{how}.json"))) || is_settled;
            if !is_ended && at.duration_since(begun) < LEASE {
                return Ok(Claim::Held);
            }
        }
        let attempt = last.map_or(0, |(attempt, _)| attempt).saturating_add(1);
        let is_first = self.note(&format!("{folder}{attempt}.json")).await?;
        Ok(if is_first { Claim::Granted { attempt } } else { Claim::Held })
    }

    /// Writes an object that says something by its name alone; `false` where it is there.
    async fn note(&self, name: &str) -> Result<bool, CallError> {
        self.bucket.put_once(name, "application/json", b"{}").await
    }
}

impl VersionClaims for StorageClaims {
    async fn claim(&self, event: &EventId, at: Timestamp) -> Result<Claim, CallError> {
        self.grant(event, at, false).await
    }

    async fn claim_left(&self, event: &EventId, at: Timestamp) -> Result<Claim, CallError> {
        self.grant(event, at, true).await
    }

    async fn finish(&self, event: &EventId, attempt: u32, settled: bool) -> Result<(), CallError> {
        let name = if settled { self.settled(event) } else { format!("{}{attempt}.open.json", folder(event)) };
        self.note(&name).await.map(drop)
    }

    async fn leave(&self, event: &EventId, attempt: u32) -> Result<(), CallError> {
        self.note(&format!("{}{attempt}.left.json", folder(event))).await.map(drop)
    }

    async fn owe(&self, record: &Record, what: u64) -> Result<bool, CallError> {
        let (name, body) = (format!("{}{what:016x}.json", debts(record.event_id())), record_json(record).to_string());
        self.bucket.put_once(&name, "application/json", body.as_bytes()).await
    }

    async fn owed(&self, of: Option<&EventId>) -> Result<Vec<(Record, u64)>, CallError> {
        let kept = self.bucket.list(&of.map_or_else(|| OWED.to_owned(), debts)).await?;
        let mut owed = Vec::new();
        for (object, what) in unpaid(&kept).into_iter().take(OWED_LIMIT) {
            let record = self.bucket.read(&object.name).await?.as_deref().and_then(record_in);
            if record.is_none() {
                tracing::error!(name = %object.name, "what people are to be told cannot be read");
            }
            owed.extend(record.map(|record| (record, what)));
        }
        owed.sort_by_key(|(record, _)| record.recorded_at);
        Ok(owed)
    }

    async fn paid(&self, event: &EventId, what: u64) -> Result<(), CallError> {
        self.note(&format!("{}{what:016x}{TOLD}", debts(event))).await.map(drop)
    }
}

fn folder(event: &EventId) -> String {
    format!("claims/{}/", safe(event.as_str()))
}

fn debts(event: &EventId) -> String {
    format!("{OWED}{}/", safe(event.as_str()))
}

/// Returns the objects of which people were not told yet, the earliest first, each with what they are to be told, in short.
fn unpaid(kept: &[StoredObject]) -> Vec<(&StoredObject, u64)> {
    let told: BTreeSet<&str> = kept.iter().filter_map(|object| object.name.strip_suffix(TOLD)).collect();
    let debts = kept.iter().filter(|object| !object.name.ends_with(TOLD)).filter_map(|object| {
        let debt = object.name.strip_suffix(".json").filter(|debt| !told.contains(debt))?;
        Some((object, what_of(debt)?))
    });
    let mut unpaid: Vec<_> = debts.collect();
    unpaid.sort_by_key(|(object, _)| object.modified);
    unpaid
}

/// Returns what an object is named after that people are to be told.
fn what_of(debt: &str) -> Option<u64> {
    u64::from_str_radix(debt.rsplit('/').next()?, 16).ok()
}

fn record_in(bytes: &[u8]) -> Option<Record> {
    let Ok(Read::Decision(record)) = read(&serde_json::from_slice::<Value>(bytes).ok()?) else { return None };
    Some(*record)
}

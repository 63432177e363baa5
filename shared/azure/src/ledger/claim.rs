//! Claims: who works on an event. One at a time, and nobody for longer than a lease without a word.

use std::sync::atomic::Ordering;

use jiff::Timestamp;
use reprieve_core::{EventId, Plan, Status};
use reprieve_engine::{CallError, Claim, Intent};
use serde::{Deserialize, Serialize};

use super::BlobLedger;
use super::document::{Change, bytes, contended, digest};

/// How often a claim is tried anew because somebody else wrote it in between.
const ATTEMPTS: usize = 4;

/// How far a claim's work has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// Somebody works on it.
    Working,
    /// It ended, and may be claimed again.
    Open,
    /// It ended for good.
    Settled,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    event_id: EventId,
    state: State,
    attempt: u32,
    /// Tells our own claim, written by a request whose answer was lost, from somebody else's.
    holder: String,
    lease_until: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    considering: Option<Plan>,
    claimed_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<Timestamp>,
}

fn name_of(event_id: &EventId) -> String {
    format!("claims/{}.json", digest(event_id.as_str()))
}

impl BlobLedger {
    pub(super) async fn claim_event(&self, intent: &Intent) -> Result<Claim, CallError> {
        let name = name_of(&intent.event_id);
        let holder = format!("{:016x}-{}", self.process, self.claims.fetch_add(1, Ordering::Relaxed));
        for _ in 0..ATTEMPTS {
            let found: Option<(Kept, String)> = self.read(&name).await?;
            let (attempt, etag) = match &found {
                None => (1, None),
                Some((kept, _)) if kept.holder == holder => return Ok(Claim::Granted { attempt: kept.attempt }),
                Some((Kept { state: State::Settled, .. }, _)) => return Ok(Claim::Settled),
                Some((Kept { state: State::Working, lease_until, .. }, _)) if *lease_until >= intent.at => return Ok(Claim::Held),
                Some((kept, etag)) => (kept.attempt.saturating_add(1), Some(etag.as_str())),
            };
            let claim = Kept {
                event_id: intent.event_id.clone(),
                state: State::Working,
                attempt,
                holder: holder.clone(),
                lease_until: intent.at.checked_add(self.lease).unwrap_or(Timestamp::MAX),
                considering: Some(intent.considering.clone()),
                claimed_at: intent.at,
                outcome: None,
                finished_at: None,
            };
            if self.put(&name, etag, &bytes(&name, &claim)?).await? {
                return Ok(Claim::Granted { attempt });
            }
        }
        Err(contended(&name))
    }

    /// A claim that was settled stays so, whoever else ends his open.
    pub(super) async fn finish_event(&self, event_id: &EventId, outcome: Status, settled: bool, at: Timestamp) -> Result<(), CallError> {
        let state = if settled { State::Settled } else { State::Open };
        self.change(&name_of(event_id), |found: Option<Kept>| {
            if found.as_ref().is_some_and(|kept| kept.state == State::Settled && !settled) {
                return Change::Nothing;
            }
            let (attempt, claimed_at) = found.as_ref().map_or((1, at), |kept| (kept.attempt, kept.claimed_at));
            Change::Write(Kept {
                event_id: event_id.clone(),
                state,
                attempt,
                holder: String::new(),
                lease_until: at,
                considering: found.and_then(|kept| kept.considering),
                claimed_at,
                outcome: Some(outcome),
                finished_at: Some(at),
            })
        })
        .await
    }
}

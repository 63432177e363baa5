//! Claims under a lease, as every ledger promises them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use reprieve_core::{EventId, Status};
use reprieve_engine::{Claim, Intent};

/// How far a claim's work has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Somebody works on it, until the lease is over.
    Working {
        /// When the lease is over.
        until: Timestamp,
    },
    /// It ended open: whoever asks next gets it.
    Open,
    /// It ended.
    Settled,
}

/// A claim as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptClaim {
    /// How often it was granted.
    pub attempt: u32,
    /// How far the work has come.
    pub progress: Progress,
    /// The intent behind it.
    pub intent: Intent,
    /// How it ended, where it did.
    pub status: Option<Status>,
}

/// The claims of a ledger.
#[derive(Debug, Default)]
pub(crate) struct Claims(BTreeMap<EventId, KeptClaim>);

impl Claims {
    pub(crate) fn kept(&self, event_id: &EventId) -> Option<KeptClaim> {
        self.0.get(event_id).cloned()
    }

    pub(crate) fn claim(&mut self, intent: &Intent, lease: SignedDuration) -> Claim {
        let until = intent.at.checked_add(lease).unwrap_or(Timestamp::MAX);
        let before = self.0.get(&intent.event_id);
        match before.map(|claim| claim.progress) {
            Some(Progress::Settled) => return Claim::Settled,
            Some(Progress::Working { until }) if until >= intent.at => return Claim::Held,
            Some(Progress::Working { .. } | Progress::Open) | None => {}
        }
        let attempt = before.map_or(1, |claim| claim.attempt + 1);
        let claim = KeptClaim { attempt, progress: Progress::Working { until }, intent: intent.clone(), status: None };
        self.0.insert(intent.event_id.clone(), claim);
        Claim::Granted { attempt }
    }

    pub(crate) fn finish(&mut self, event_id: &EventId, status: Status, settled: bool) {
        if let Some(claim) = self.0.get_mut(event_id)
            && claim.progress != Progress::Settled
        {
            claim.progress = if settled { Progress::Settled } else { Progress::Open };
            claim.status = Some(status);
        }
    }
}

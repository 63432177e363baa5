//! A ledger that keeps state in memory, and the promises of the port: claims under a lease, the earliest deadline, the newest lesson.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use reprieve_core::approval::{Revocation, SealedApproval};
use reprieve_core::facts::{Recollection, Rotation};
use reprieve_core::lesson::Lesson;
use reprieve_core::{Case, EventId, Inventory, KeyArn, Status};
use reprieve_engine::{CallError, Claim, Intent, Ledger};

use crate::locked;

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

#[derive(Debug, Default)]
struct Pages {
    known: BTreeMap<KeyArn, Recollection>,
    claims: BTreeMap<EventId, KeptClaim>,
}

/// The ledger, in memory. Clones show the same pages.
#[derive(Debug, Clone)]
pub struct FakeLedger {
    pages: Arc<Mutex<Pages>>,
    lease: SignedDuration,
}

impl FakeLedger {
    /// Makes an empty ledger with this lease.
    #[must_use]
    pub fn new(lease: SignedDuration) -> Self {
        Self { pages: Arc::default(), lease }
    }

    /// Returns everything known of a key.
    #[must_use]
    pub fn known(&self, key: &KeyArn) -> Recollection {
        locked(&self.pages).known.get(key).cloned().unwrap_or_default()
    }

    /// Returns the key's open case.
    #[must_use]
    pub fn case(&self, key: &KeyArn) -> Option<Case> {
        self.known(key).case
    }

    /// Returns the claim on an event.
    #[must_use]
    pub fn kept_claim(&self, event_id: &EventId) -> Option<KeptClaim> {
        locked(&self.pages).claims.get(event_id).cloned()
    }

    /// Writes the state to give back, whatever was known before.
    pub fn remember(&self, key: &KeyArn, inventory: Inventory) {
        self.change(key, |known| known.inventory = Some(inventory));
    }

    fn change(&self, key: &KeyArn, change: impl FnOnce(&mut Recollection)) {
        change(locked(&self.pages).known.entry(key.clone()).or_default());
    }
}

impl Ledger for FakeLedger {
    async fn recall(&self, key: &KeyArn) -> Result<Recollection, CallError> {
        Ok(self.known(key))
    }

    async fn claim(&self, intent: &Intent) -> Result<Claim, CallError> {
        let until = intent.at.checked_add(self.lease).unwrap_or(Timestamp::MAX);
        let mut pages = locked(&self.pages);
        let before = pages.claims.get(&intent.event_id);
        match before.map(|claim| claim.progress) {
            Some(Progress::Settled) => return Ok(Claim::Settled),
            Some(Progress::Working { until }) if until >= intent.at => return Ok(Claim::Held),
            Some(Progress::Working { .. } | Progress::Open) | None => {}
        }
        let attempt = before.map_or(1, |claim| claim.attempt + 1);
        let claim = KeptClaim { attempt, progress: Progress::Working { until }, intent: intent.clone(), status: None };
        pages.claims.insert(intent.event_id.clone(), claim);
        Ok(Claim::Granted { attempt })
    }

    async fn finish(&self, event_id: &EventId, status: Status, settled: bool, _at: Timestamp) -> Result<(), CallError> {
        if let Some(claim) = locked(&self.pages).claims.get_mut(event_id)
            && claim.progress != Progress::Settled
        {
            claim.progress = if settled { Progress::Settled } else { Progress::Open };
            claim.status = Some(status);
        }
        Ok(())
    }

    async fn open_case(&self, key: &KeyArn, case: &Case) -> Result<(), CallError> {
        self.change(key, |known| {
            let mut case = case.clone();
            if let Some(open) = known.case.as_ref().filter(|open| open.event_id == case.event_id) {
                case.opened_at = case.opened_at.min(open.opened_at);
                case.deadline = [case.deadline, open.deadline].into_iter().flatten().min();
                case.cancelled_at = case.cancelled_at.or(open.cancelled_at);
            }
            known.case = Some(case);
        });
        Ok(())
    }

    async fn close_case(&self, key: &KeyArn) -> Result<(), CallError> {
        self.change(key, |known| known.case = None);
        Ok(())
    }

    async fn learn(&self, key: &KeyArn, lesson: Lesson, rotation: Option<Rotation>) -> Result<(), CallError> {
        self.change(key, |known| {
            let before = known.inventory.as_ref();
            if before.is_some_and(|before| before.as_of > lesson.as_of) {
                return;
            }
            let rotation = rotation.or_else(|| before.and_then(|before| before.rotation));
            known.inventory = Some(Inventory { serving: lesson.serving, as_of: lesson.as_of, rotation });
        });
        Ok(())
    }

    async fn open_cases(&self) -> Result<Vec<(KeyArn, Case)>, CallError> {
        let pages = locked(&self.pages);
        let mut cases: Vec<(KeyArn, Case)> =
            pages.known.iter().filter_map(|(key, known)| known.case.clone().map(|case| (key.clone(), case))).collect();
        cases.sort_by_key(|(_, case)| case.deadline.unwrap_or(Timestamp::MAX));
        Ok(cases)
    }

    async fn approve(&self, key: &KeyArn, approval: &SealedApproval) -> Result<(), CallError> {
        self.change(key, |known| {
            let whose = |kept: &SealedApproval| (kept.change.clone(), kept.action.clone(), kept.approver.clone());
            known.approvals.retain(|kept| whose(kept) != whose(approval));
            known.approvals.push(approval.clone());
        });
        Ok(())
    }

    async fn revoke(&self, key: &KeyArn, revocation: &Revocation) -> Result<(), CallError> {
        self.change(key, |known| {
            if known.revocations.iter().all(|kept| kept.change != revocation.change) {
                known.revocations.push(revocation.clone());
            }
        });
        Ok(())
    }
}

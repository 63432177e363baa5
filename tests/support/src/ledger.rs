//! A ledger that keeps state in memory, and the promises of the port: claims under a lease, the earliest deadline, the newest lesson.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use reprieve_core::approval::{Revocation, SealedApproval};
use reprieve_core::facts::{Recollection, Rotation};
use reprieve_core::lesson::Lesson;
use reprieve_core::{Case, EventId, Inventory, KeyArn, Status};
use reprieve_engine::{CallError, Claim, Intent, Ledger};

use crate::claims::{Claims, KeptClaim};
use crate::locked;

#[derive(Debug, Default)]
struct Pages {
    known: BTreeMap<KeyArn, Recollection>,
    claims: Claims,
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
        locked(&self.pages).claims.kept(event_id)
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
        Ok(locked(&self.pages).claims.claim(intent, self.lease))
    }

    async fn finish(&self, event_id: &EventId, status: Status, settled: bool, _at: Timestamp) -> Result<(), CallError> {
        locked(&self.pages).claims.finish(event_id, status, settled);
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
            if before.is_some_and(|before| !lesson.replaces(before.as_of)) {
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

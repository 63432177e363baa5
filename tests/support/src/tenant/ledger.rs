//! A ledger for Azure that keeps state in memory, and the promises of the port: claims under a lease, the first word of a revocation,
//! the newest inventory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use reprieve_core::approval::{Revocation, SealedApproval, Written};
use reprieve_core::azure::lesson::Lesson;
use reprieve_core::azure::memory::Case;
use reprieve_core::azure::world::{ActionGroupInventory, ObjectInventory, VaultInventory};
use reprieve_core::azure::{Discovery, Memory, ResourceId, Subject};
use reprieve_core::facts::Known;
use reprieve_core::{EventId, Status};
use reprieve_engine::{CallError, Claim, Intent, TenantLedger};

use crate::claims::{Claims, KeptClaim};
use crate::locked;

#[derive(Debug, Default)]
struct Pages {
    cases: BTreeMap<Subject, Case>,
    vaults: BTreeMap<ResourceId, VaultInventory>,
    objects: BTreeMap<ResourceId, ObjectInventory>,
    groups: BTreeMap<ResourceId, ActionGroupInventory>,
    written: BTreeMap<ResourceId, Written>,
    claims: Claims,
    discovery: Discovery,
}

/// The ledger, in memory. Clones show the same pages.
#[derive(Debug, Clone)]
pub struct FakeTenantLedger {
    pages: Arc<Mutex<Pages>>,
    lease: SignedDuration,
}

impl FakeTenantLedger {
    /// Makes an empty ledger with this lease.
    #[must_use]
    pub fn new(lease: SignedDuration) -> Self {
        Self { pages: Arc::default(), lease }
    }

    /// Returns the open case of a subject.
    #[must_use]
    pub fn case(&self, subject: &Subject) -> Option<Case> {
        locked(&self.pages).cases.get(subject).cloned()
    }

    /// Returns how many cases are open.
    #[must_use]
    pub fn count_open(&self) -> usize {
        locked(&self.pages).cases.len()
    }

    /// Returns what is remembered of a vault.
    #[must_use]
    pub fn vault(&self, vault: &ResourceId) -> Option<VaultInventory> {
        locked(&self.pages).vaults.get(vault).cloned()
    }

    /// Returns what is remembered of a key, secret or certificate.
    #[must_use]
    pub fn object(&self, object: &ResourceId) -> Option<ObjectInventory> {
        locked(&self.pages).objects.get(object).cloned()
    }

    /// Returns the claim on an event.
    #[must_use]
    pub fn kept_claim(&self, event_id: &EventId) -> Option<KeptClaim> {
        locked(&self.pages).claims.kept(event_id)
    }

    /// Forgets everything of a subject and its resource, as a ledger does that never saw it.
    pub fn forget(&self, subject: &Subject) {
        let mut pages = locked(&self.pages);
        pages.cases.remove(subject);
        pages.vaults.remove(&subject.resource());
        pages.objects.remove(&subject.resource());
        pages.groups.remove(&subject.resource());
    }
}

impl TenantLedger for FakeTenantLedger {
    async fn recall(&self, subject: &Subject) -> Result<Memory, CallError> {
        let pages = locked(&self.pages);
        let resource = subject.resource();
        Ok(Memory {
            written: Known::Is(pages.written.get(&subject.approval_resource()).cloned().unwrap_or_default()),
            case: pages.cases.get(subject).cloned(),
            vault: pages.vaults.get(&resource).cloned(),
            object: pages.objects.get(&resource).cloned(),
            group: pages.groups.get(&resource).cloned(),
        })
    }

    async fn claim(&self, intent: &Intent) -> Result<Claim, CallError> {
        Ok(locked(&self.pages).claims.claim(intent, self.lease))
    }

    async fn finish(&self, event_id: &EventId, status: Status, settled: bool, _at: Timestamp) -> Result<(), CallError> {
        locked(&self.pages).claims.finish(event_id, status, settled);
        Ok(())
    }

    async fn keep_case(&self, subject: &Subject, case: Option<&Case>) -> Result<(), CallError> {
        let mut pages = locked(&self.pages);
        let Some(case) = case else {
            pages.cases.remove(subject);
            return Ok(());
        };
        let mut case = case.clone();
        if let Some(open) = pages.cases.get(subject).filter(|open| open.event == case.event) {
            case.opened_at = case.opened_at.min(open.opened_at);
        }
        pages.cases.insert(subject.clone(), case);
        Ok(())
    }

    async fn open_cases(&self) -> Result<Vec<Subject>, CallError> {
        Ok(locked(&self.pages).cases.keys().cloned().collect())
    }

    async fn learn(&self, subject: &Subject, lesson: &Lesson) -> Result<(), CallError> {
        let mut pages = locked(&self.pages);
        let resource = subject.resource();
        match lesson {
            Lesson::Vault(seen) => {
                let is_newer = pages.vaults.get(&resource).is_none_or(|known| known.as_of <= seen.as_of);
                if is_newer {
                    pages.vaults.insert(resource, seen.as_ref().clone());
                }
            }
            Lesson::ActionGroup(seen) => {
                pages.groups.insert(resource, seen.as_ref().clone());
            }
            Lesson::Object(seen) => {
                let known = pages.objects.entry(resource).or_default();
                match subject {
                    Subject::RotationPolicy(_) => known.rotation.clone_from(&seen.rotation),
                    Subject::VaultObject(_) => known.enabled = seen.enabled,
                    Subject::VaultProtection(_)
                    | Subject::Vault(_)
                    | Subject::StorageProtection(_)
                    | Subject::LogEncryption(_)
                    | Subject::AuditContainer(_)
                    | Subject::DatabaseAuditing(_)
                    | Subject::VaultLogging(_)
                    | Subject::Alerts(_) => known.clone_from(seen),
                }
            }
        }
        Ok(())
    }

    async fn discovery(&self) -> Result<Discovery, CallError> {
        Ok(locked(&self.pages).discovery.clone())
    }

    async fn keep_discovery(&self, discovery: &Discovery) -> Result<(), CallError> {
        locked(&self.pages).discovery = discovery.clone();
        Ok(())
    }

    async fn approve(&self, resource: &ResourceId, approval: &SealedApproval) -> Result<(), CallError> {
        let mut pages = locked(&self.pages);
        let written = pages.written.entry(resource.clone()).or_default();
        let whose = |kept: &SealedApproval| (kept.change.clone(), kept.action.clone(), kept.approver.clone());
        written.approvals.retain(|kept| whose(kept) != whose(approval));
        written.approvals.push(approval.clone());
        Ok(())
    }

    async fn revoke(&self, resource: &ResourceId, revocation: &Revocation) -> Result<(), CallError> {
        let mut pages = locked(&self.pages);
        let written = pages.written.entry(resource.clone()).or_default();
        if written.revocations.iter().all(|kept| kept.change != revocation.change) {
            written.revocations.push(revocation.clone());
        }
        Ok(())
    }
}

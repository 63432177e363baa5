//! The ledger in blobs of one container. Every write is conditional on what was read, so that nobody's word is lost; nothing is deleted.
//!
//! | blob | what |
//! |---|---|
//! | `claims/EVENT.json` | who works on an event, and the intent |
//! | `cases/SUBJECT.json` | the open case of a subject; empty once it is closed, which a list shows by its size |
//! | `inventory/RESOURCE.json` | what a vault, key, secret or certificate was, or the action group |
//! | `approvals/RESOURCE/APPROVAL.json` | an approval given outside of the resource, with its seal |
//! | `revocations/RESOURCE/CHANGE.json` | that a change does not count any more on this resource |
//! | `discovery.json`, `discovery/SLOT/PART.json` | what there is to keep |
//!
//! Names in capitals are SHA-256 digests in hexadecimal: ids of Azure are too long and too varied for names of blobs. Each blob says in
//! plain what it is about. Approvals have folders of their own, so that a role's condition can let approvers write there alone.

mod approvals;
mod claim;
mod discovery;
mod document;
mod inventory;

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, join, stream};
use jiff::{SignedDuration, Timestamp};
use reprieve_core::approval::{Revocation, SealedApproval};
use reprieve_core::azure::lesson::Lesson;
use reprieve_core::azure::memory::Case;
use reprieve_core::azure::{Discovery, Memory, ResourceId, Subject};
use reprieve_core::facts::Known;
use reprieve_core::{EventId, Status};
use reprieve_engine::tenant::TenantLedger;
use reprieve_engine::{CallError, Claim, Intent};
use serde::{Deserialize, Serialize};

use self::document::{Change, digest};
use crate::blobs::BlobStore;

/// How many open cases are read. More than a thousand at once is a tenant on fire, whose sweep looks at every subject anyway.
const CASES_LIMIT: usize = 50_000;

/// How many blobs are read at the same time.
const CONCURRENCY: usize = 16;

/// The ledger in a container. Clones share connections, tokens and who they are.
#[derive(Debug, Clone)]
pub struct BlobLedger {
    store: BlobStore,
    lease: SignedDuration,
    /// Distinguishes this process from all others.
    process: u64,
    /// Distinguishes the claims of this process.
    claims: Arc<AtomicU64>,
}

/// A case in the ledger.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeptCase {
    subject: Subject,
    case: Case,
}

impl BlobLedger {
    /// Makes the ledger. A claim whose holder is silent for longer than `lease` is granted to the next who asks; it must be longer than
    /// the function may run.
    #[must_use]
    pub fn new(store: BlobStore, lease: Duration) -> Self {
        let lease = SignedDuration::try_from(lease).unwrap_or(SignedDuration::MAX);
        Self { store, lease, process: RandomState::new().hash_one(()), claims: Arc::default() }
    }

    async fn case(&self, subject: &Subject) -> Result<Option<Case>, CallError> {
        let kept: Option<KeptCase> = self.read(&case_name(subject)).await?.map(|(kept, _)| kept);
        Ok(kept.map(|kept| kept.case))
    }

    async fn open_case(&self, name: String) -> Option<Subject> {
        match self.read::<KeptCase>(&name).await {
            Ok(kept) => kept.map(|(kept, _)| kept.subject),
            // One bad blob must not hide the others from the sweep, which looks at every subject anyway.
            Err(error) => {
                tracing::warn!(%error, "an open case in the ledger cannot be read and is left out");
                None
            }
        }
    }
}

fn case_name(subject: &Subject) -> String {
    format!("cases/{}.json", digest(&subject.key()))
}

impl TenantLedger for BlobLedger {
    /// All parts side by side. Approvals that cannot be read do not hide the rest.
    async fn recall(&self, subject: &Subject) -> Result<Memory, CallError> {
        let (resource, approval_resource) = (subject.resource(), subject.approval_resource());
        let (case, inventory, written) = join!(self.case(subject), self.inventory(&resource), self.written(&approval_resource));
        let inventory = inventory?;
        let written = written.map_or_else(|error| Known::Unreadable(error.to_string()), Known::Is);
        Ok(Memory { written, case: case?, vault: inventory.vault, object: inventory.object, group: inventory.group })
    }

    async fn claim(&self, intent: &Intent) -> Result<Claim, CallError> {
        self.claim_event(intent).await
    }

    async fn finish(&self, event_id: &EventId, status: Status, settled: bool, at: Timestamp) -> Result<(), CallError> {
        self.finish_event(event_id, status, settled, at).await
    }

    async fn keep_case(&self, subject: &Subject, case: Option<&Case>) -> Result<(), CallError> {
        let name = case_name(subject);
        self.change(&name, |present: Option<KeptCase>| match (case, present) {
            (None, None) => Change::Nothing,
            (None, Some(_)) => Change::Empty,
            (Some(case), present) => {
                // The case of one event keeps when it was opened; another that was found out under its id does not.
                let same = present.filter(|present| present.case.event == case.event);
                let opened_at = same.map_or(case.opened_at, |present| present.case.opened_at.min(case.opened_at));
                Change::Write(KeptCase { subject: subject.clone(), case: Case { opened_at, ..case.clone() } })
            }
        })
        .await
    }

    async fn open_cases(&self) -> Result<Vec<Subject>, CallError> {
        let listed = self.store.list("cases/", CASES_LIMIT).await?;
        let open = listed.into_iter().filter(|blob| blob.size_bytes != Some(0)).map(|blob| self.open_case(blob.name));
        Ok(stream::iter(open).buffered(CONCURRENCY).filter_map(std::future::ready).collect().await)
    }

    async fn learn(&self, subject: &Subject, lesson: &Lesson) -> Result<(), CallError> {
        self.learn_of(subject, lesson).await
    }

    async fn discovery(&self) -> Result<Discovery, CallError> {
        self.read_discovery().await
    }

    async fn keep_discovery(&self, discovery: &Discovery) -> Result<(), CallError> {
        self.write_discovery(discovery).await
    }

    async fn approve(&self, resource: &ResourceId, approval: &SealedApproval) -> Result<(), CallError> {
        self.write_approval(resource, approval).await
    }

    async fn revoke(&self, resource: &ResourceId, revocation: &Revocation) -> Result<(), CallError> {
        self.write_revocation(resource, revocation).await
    }
}

/// Reads many blobs, in their order.
async fn all<T, F: Future<Output = Result<T, CallError>>>(reads: impl Iterator<Item = F>) -> Result<Vec<T>, CallError> {
    stream::iter(reads).buffered(CONCURRENCY).try_collect().await
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;

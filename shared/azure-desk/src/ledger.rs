//! The desk's side of the ledger: late approvals, revocations, and what is known of a resource.

use std::time::Duration;

use reprieve_azure::{BlobLedger, BlobStore, LEDGER_CONTAINER, StorageAccount};
use reprieve_core::approval::{Revocation, SealedApproval, Written};
use reprieve_core::azure::memory::Case;
use reprieve_core::azure::{ResourceId, Subject};
use reprieve_core::facts::Known;
use reprieve_engine::CallError;
use reprieve_engine::tenant::TenantLedger as _;

use crate::desk::{ARM_SCOPE, Desk};
use crate::error::DeskError;

/// The desk claims no event, so no lease of it ever runs.
const NO_LEASE: Duration = Duration::ZERO;

impl Desk {
    /// Returns what the ledger holds of approvals of the subject's resource, and the subject's open case.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn recall(&self, account: &str, subject: &Subject) -> Result<(Written, Option<Case>), DeskError> {
        let memory = self.ledger(account).await?.recall(subject).await.map_err(of_ledger(account))?;
        match memory.written {
            Known::Is(written) => Ok((written, memory.case)),
            Known::Absent => Ok((Written::default(), memory.case)),
            Known::Unreadable(why) => Err(DeskError::LedgerUnreadable { account: account.to_owned(), why }),
        }
    }

    /// Writes a sealed approval into the ledger. Each approver has one for each change and action; a newer one takes its place.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn approve_in_ledger(&self, account: &str, resource: &ResourceId, approval: &SealedApproval) -> Result<(), DeskError> {
        self.ledger(account).await?.approve(resource, approval).await.map_err(of_ledger(account))
    }

    /// Writes into the ledger that a change is revoked on this resource. The first word stays.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn revoke_in_ledger(&self, account: &str, resource: &ResourceId, revocation: &Revocation) -> Result<(), DeskError> {
        self.ledger(account).await?.revoke(resource, revocation).await.map_err(of_ledger(account))
    }

    async fn ledger(&self, account: &str) -> Result<BlobLedger, DeskError> {
        let name = StorageAccount::parse(account)?;
        self.token(ARM_SCOPE).await?;
        let store = BlobStore::new(self.connection(), &name, LEDGER_CONTAINER).map_err(of_ledger(account))?;
        Ok(BlobLedger::new(store, NO_LEASE))
    }
}

fn of_ledger(account: &str) -> impl Fn(CallError) -> DeskError {
    move |source| DeskError::Ledger { account: account.to_owned(), source }
}

//! Approvals and revocations that were given outside of resources. Evidence: written once, or by the same approver anew; never deleted.

use futures_util::try_join;
use reprieve_core::approval::{Revocation, SealedApproval, Written};
use reprieve_core::azure::ResourceId;
use reprieve_engine::CallError;
use serde::{Deserialize, Serialize};

use super::document::{Change, bytes, digest, rejected};
use super::{BlobLedger, all};

/// How many approvals, and how many revocations, one resource may have. More is somebody who floods the ledger.
const LIMIT: usize = 1_000;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeptApproval {
    resource: ResourceId,
    approval: SealedApproval,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeptRevocation {
    resource: ResourceId,
    revocation: Revocation,
}

fn approvals_of(resource: &ResourceId) -> String {
    format!("approvals/{}/", digest(resource.canonical()))
}

fn revocations_of(resource: &ResourceId) -> String {
    format!("revocations/{}/", digest(resource.canonical()))
}

impl BlobLedger {
    pub(super) async fn written(&self, resource: &ResourceId) -> Result<Written, CallError> {
        let (approvals, revocations) = (approvals_of(resource), revocations_of(resource));
        let (approvals, revocations) = try_join!(self.store.list(&approvals, LIMIT), self.store.list(&revocations, LIMIT))?;
        let (approvals, revocations) = try_join!(
            all(approvals.into_iter().map(|blob| self.approval(blob.name, resource))),
            all(revocations.into_iter().map(|blob| self.revocation(blob.name, resource))),
        )?;
        Ok(Written { approvals: approvals.into_iter().flatten().collect(), revocations: revocations.into_iter().flatten().collect() })
    }

    async fn approval(&self, name: String, resource: &ResourceId) -> Result<Option<SealedApproval>, CallError> {
        match self.read::<KeptApproval>(&name).await {
            Ok(kept) => Ok(kept.filter(|(kept, _)| kept.resource == *resource).map(|(kept, _)| kept.approval)),
            // One that cannot be read counts as none; the others may still hold.
            Err(CallError::Rejected { message, .. }) => {
                tracing::warn!(%resource, error = %message, "an approval in the ledger cannot be read and counts as none");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// A revocation that cannot be read could be of any change: nothing is approved until somebody mends it.
    async fn revocation(&self, name: String, resource: &ResourceId) -> Result<Option<Revocation>, CallError> {
        let Some((kept, _)) = self.read::<KeptRevocation>(&name).await? else {
            return Err(rejected(format!("the revocation `{name}` is empty, and could be of any change")));
        };
        if kept.resource != *resource {
            return Err(rejected(format!("the revocation `{name}` is of `{}`, not of `{resource}`", kept.resource)));
        }
        Ok(Some(kept.revocation))
    }

    pub(super) async fn write_approval(&self, resource: &ResourceId, approval: &SealedApproval) -> Result<(), CallError> {
        // A line break is in no value that can be sealed.
        let id = digest(&format!("{}\n{}\n{}", approval.change, approval.action, approval.approver));
        let name = format!("{}{id}.json", approvals_of(resource));
        self.change(&name, |_: Option<serde_json::Value>| {
            let kept = KeptApproval { resource: resource.clone(), approval: approval.clone() };
            serde_json::to_value(kept).map_or(Change::Nothing, Change::Write)
        })
        .await
    }

    /// Create-only: where the change is revoked already, nothing is left to do.
    pub(super) async fn write_revocation(&self, resource: &ResourceId, revocation: &Revocation) -> Result<(), CallError> {
        let name = format!("{}{}.json", revocations_of(resource), digest(&revocation.change));
        let kept = KeptRevocation { resource: resource.clone(), revocation: revocation.clone() };
        self.put(&name, None, &bytes(&name, &kept)?).await.map(drop)
    }
}

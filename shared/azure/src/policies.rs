//! The policies of the user's own in a container: all of its `*.cedar` blobs.

use std::path::Path;

use reprieve_core::policy::{PolicyError, PolicyFile};
use reprieve_engine::{CallError, Clock, KeptPolicies, PolicyStore};

use crate::blobs::BlobStore;
use reprieve_engine::SystemClock;

const LIST: &str = "blob:ListBlobs";
const GET: &str = "blob:GetBlob";

/// How many blobs the container of policies may hold.
const BLOBS_LIMIT: usize = 100;

/// The policies, of files and a container.
pub type BlobPolicySource<C = SystemClock> = KeptPolicies<BlobPolicies, C>;

/// Policies in a container.
#[derive(Debug)]
pub struct BlobPolicies(BlobStore);

/// Makes the policies of files and, where there is one, a container.
pub(crate) fn policies<C: Clock>(
    bundled: Result<Vec<PolicyFile>, PolicyError>,
    container: Option<BlobStore>,
    clock: C,
) -> BlobPolicySource<C> {
    KeptPolicies::new(bundled, container.map(BlobPolicies), clock)
}

impl PolicyStore for BlobPolicies {
    const CALL: &'static str = LIST;

    fn place(&self) -> String {
        format!("the container `{}`", self.0.container())
    }

    async fn read(&self) -> Result<Vec<PolicyFile>, CallError> {
        let listed = self.0.list("", BLOBS_LIMIT).await?;
        let names: Vec<String> = listed.into_iter().map(|listed| listed.name).filter(|name| is_policy(name)).collect();
        if names.is_empty() {
            return Err(CallError::Rejected { call: LIST, message: "there is no blob `*.cedar` in it".to_owned() });
        }
        let mut files = Vec::with_capacity(names.len());
        for name in names {
            files.push(PolicyFile { text: self.text(&name).await?, name });
        }
        Ok(files)
    }

    fn advice(&self, error: &CallError) -> &'static str {
        match error {
            CallError::AccessDenied { .. } => {
                "give the function's identity the role `Storage Blob Data Reader` on the container, or set no container of policies"
            }
            CallError::Throttled { .. } | CallError::Unavailable { .. } => "it is tried again soon",
            CallError::NotFound { .. } | CallError::InvalidState { .. } | CallError::Unsupported { .. } | CallError::Rejected { .. } => {
                "write the policies to the container, or set no container of policies"
            }
        }
    }
}

impl BlobPolicies {
    async fn text(&self, name: &str) -> Result<String, CallError> {
        // One that was there a moment ago is being replaced: it is read again soon.
        let gone = || CallError::Unavailable { call: GET, message: format!("the blob `{name}` has just gone") };
        let blob = self.0.read(name).await?.ok_or_else(gone)?;
        String::from_utf8(blob.bytes).map_err(|_| CallError::Rejected { call: GET, message: format!("the blob `{name}` is no text") })
    }
}

/// Says whether a blob is one of policies. However the ending is written, because a policy left out may be one that forbids.
fn is_policy(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("cedar"))
}

#[cfg(test)]
#[path = "policies_tests.rs"]
mod tests;

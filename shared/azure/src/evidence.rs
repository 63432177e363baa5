//! Evidence on Azure: the archive in an immutable container, the baseline beside the ledger, the seals' key in Key Vault.
//!
//! How long an object is kept is the container's immutability policy, which is not ours to set here.

mod signer;

use reprieve_engine::{BaselineStore, CallError, EvidenceStore, StoredObject, Versioned};

pub use self::signer::{KeyVaultSealSigner, signing_key_der};
use crate::blobs::{BlobStore, Stored};

const LIST: &str = "blob:ListBlobs";

/// How many objects are listed under one prefix; an archive of more is listed by the day.
const LIST_LIMIT: usize = 500_000;

/// Where the baseline is.
const BASELINE: &str = "state/baseline";

/// The archive in a container that keeps versions and forbids to change them.
#[derive(Debug, Clone)]
pub struct BlobEvidenceStore {
    store: BlobStore,
}

impl BlobEvidenceStore {
    /// Makes the archive in a container.
    #[must_use]
    pub const fn new(store: BlobStore) -> Self {
        Self { store }
    }
}

impl EvidenceStore for BlobEvidenceStore {
    async fn put_once(&self, name: &str, content_type: &str, bytes: &[u8]) -> Result<bool, CallError> {
        self.store.create(name, content_type, bytes).await
    }

    async fn read(&self, name: &str) -> Result<Option<Vec<u8>>, CallError> {
        Ok(self.store.read(name).await?.map(|blob| blob.bytes))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<StoredObject>, CallError> {
        let unsaid = |name: &str| CallError::Rejected { call: LIST, message: format!("the list says neither size nor time of `{name}`") };
        let listed = self.store.list(prefix, LIST_LIMIT).await?;
        listed
            .into_iter()
            .map(|blob| match (blob.modified, blob.size_bytes) {
                (Some(modified), Some(size_bytes)) => Ok(StoredObject { name: blob.name, modified, size_bytes }),
                (None, _) | (_, None) => Err(unsaid(&blob.name)),
            })
            .collect()
    }
}

/// The baseline of what is usual, in a container whose blobs may be replaced.
#[derive(Debug, Clone)]
pub struct BlobBaselineStore {
    store: BlobStore,
}

impl BlobBaselineStore {
    /// Makes the store in a container.
    #[must_use]
    pub const fn new(store: BlobStore) -> Self {
        Self { store }
    }
}

impl BaselineStore for BlobBaselineStore {
    async fn load(&self) -> Result<Option<Versioned>, CallError> {
        Ok(self.store.read(BASELINE).await?.map(|blob| Versioned { bytes: blob.bytes, etag: blob.etag }))
    }

    async fn save(&self, bytes: &[u8], replaces: Option<&str>) -> Result<bool, CallError> {
        const CONTENT_TYPE: &str = "application/octet-stream";
        let stored = match replaces {
            Some(etag) => self.store.replace(BASELINE, etag, CONTENT_TYPE, bytes).await?,
            None => self.store.insert(BASELINE, CONTENT_TYPE, bytes).await?,
        };
        Ok(stored != Stored::Refused)
    }
}

//! One blob as a document: read, and changed under the condition that it is still as it was read.

use reprieve_engine::CallError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::BlobLedger;
use crate::blobs::Stored;

const CALL: &str = "blob:Ledger";

/// What documents are.
const CONTENT_TYPE: &str = "application/json";

/// How often a change is made anew because somebody else changed the document in between.
const ATTEMPTS: usize = 5;

/// What becomes of a document.
#[derive(Debug)]
pub(super) enum Change<T> {
    /// It stays.
    Nothing,
    /// It is written.
    Write(T),
    /// It is emptied.
    Empty,
}

impl BlobLedger {
    /// Reads a document and its `ETag`. `None` where there is none, or an empty one.
    pub(super) async fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<(T, String)>, CallError> {
        let Some(blob) = self.store.read(name).await?.filter(|blob| !blob.bytes.is_empty()) else { return Ok(None) };
        Ok(Some((parsed(name, &blob.bytes)?, blob.etag)))
    }

    /// Changes a document by what it holds. `change` is asked again where somebody else was quicker.
    pub(super) async fn change<T: DeserializeOwned + Serialize>(
        &self,
        name: &str,
        change: impl Fn(Option<T>) -> Change<T> + Send,
    ) -> Result<(), CallError> {
        for _ in 0..ATTEMPTS {
            let blob = self.store.read(name).await?;
            let present = blob.as_ref().filter(|blob| !blob.bytes.is_empty()).map(|blob| parsed(name, &blob.bytes)).transpose()?;
            let bytes = match change(present) {
                Change::Nothing => return Ok(()),
                Change::Write(document) => bytes(name, &document)?,
                Change::Empty => Vec::new(),
            };
            if self.put(name, blob.map(|blob| blob.etag).as_deref(), &bytes).await? {
                return Ok(());
            }
        }
        Err(contended(name))
    }

    /// Writes a document where it is still as it was read; creates it where none was. Says whether it was written.
    pub(super) async fn put(&self, name: &str, etag: Option<&str>, bytes: &[u8]) -> Result<bool, CallError> {
        let stored = match etag {
            Some(etag) => self.store.replace(name, etag, CONTENT_TYPE, bytes).await?,
            None => self.store.insert(name, CONTENT_TYPE, bytes).await?,
        };
        Ok(stored != Stored::Refused)
    }
}

/// Writes a document as bytes.
pub(super) fn bytes<T: Serialize>(name: &str, document: &T) -> Result<Vec<u8>, CallError> {
    serde_json::to_vec(document).map_err(|error| rejected(format!("`{name}` cannot be written: {error}")))
}

fn parsed<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, CallError> {
    serde_json::from_slice(bytes).map_err(|error| rejected(format!("`{name}` in the ledger cannot be read: {error}")))
}

pub(super) fn rejected(message: String) -> CallError {
    CallError::Rejected { call: CALL, message }
}

/// Somebody else was quicker, again and again.
pub(super) fn contended(name: &str) -> CallError {
    CallError::Throttled { call: CALL, message: format!("`{name}` is being written by others at the same time") }
}

/// Returns the SHA-256 digest of a text, in hexadecimal.
pub(super) fn digest(text: &str) -> String {
    let digits = Sha256::digest(text.as_bytes());
    let digits = digits.iter().flat_map(|byte| [byte >> 4, byte & 0x0F]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

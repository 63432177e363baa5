//! Blobs of one container: created, written under a condition, read and listed.
//!
//! *Architecture invariant:* no write is unconditional and none deletes, so that nobody's write is lost. An answer may be lost where the
//! write took effect; the repetition then meets its own blob, and says that it was there already.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use azure_core::error::ErrorKind;
use azure_core::http::{Etag, RequestContent, Url};
use azure_storage_blob::models::{BlobContainerClientListBlobsOptions, BlobItem, BlockBlobClientUploadOptions};
use azure_storage_blob::{BlobContainerClient, BlobContainerClientOptions};
use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use reprieve_engine::CallError;
use tokio::time::Instant;

use crate::connection::Connection;
use crate::error;
use crate::patience::{Fault, persist};

const PUT: &str = "blob:PutBlob";
const GET: &str = "blob:GetBlob";
const LIST: &str = "blob:ListBlobs";

/// The largest blob that is written, in bytes: it goes in one request, so that it is there whole or not at all.
const SIZE_LIMIT_BYTES: usize = 4 * 1024 * 1024;

/// Says why a text names no storage account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no storage account: a name is 3 to 24 lower-case letters and digits, without `.blob.core.windows.net`")]
pub struct StorageAccountError(String);

/// The name of a storage account.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StorageAccount(String);

impl StorageAccount {
    /// Reads a name such as `streprieve`.
    ///
    /// # Errors
    /// When it can be none.
    pub fn parse(name: &str) -> Result<Self, StorageAccountError> {
        let is_name = (3..=24).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if is_name { Ok(Self(name.to_owned())) } else { Err(StorageAccountError(name.to_owned())) }
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn blob_host(&self) -> String {
        format!("{}.blob.core.windows.net", self.0)
    }
}

/// What became of a write under a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// It was written, and has this `ETag` now.
    Written(String),
    /// The condition does not hold: the blob is there already, or was changed by somebody else.
    Refused,
}

/// A blob that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// What it holds.
    pub bytes: Vec<u8>,
    /// What it is, as [`BlobStore::replace`] takes it.
    pub etag: String,
}

/// A blob in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name in the container.
    pub name: String,
    /// Its `ETag`, where the list tells it.
    pub etag: Option<String>,
    /// Its size in bytes, where the list tells it.
    pub size_bytes: Option<u64>,
    /// When it was written, where the list tells it.
    pub modified: Option<Timestamp>,
}

/// Reads and writes the blobs of one container. Clones share connections and tokens.
#[derive(Clone)]
pub struct BlobStore {
    client: Arc<BlobContainerClient>,
    container: String,
    budget: Duration,
}

impl fmt::Debug for BlobStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlobStore").field("container", &self.container).field("budget", &self.budget).finish_non_exhaustive()
    }
}

impl BlobStore {
    /// Makes the store of a container, such as `reprieve-ledger`.
    ///
    /// # Errors
    /// When no container can have this name.
    pub fn new(connection: &Connection, account: &StorageAccount, container: &str) -> Result<Self, CallError> {
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(3..=63).contains(&container.len()) || !container.bytes().all(is_name) {
            let message = format!("`{container}` is no container: a name is 3 to 63 lower-case letters, digits and dashes");
            return Err(CallError::Rejected { call: PUT, message });
        }
        let host = account.blob_host();
        let refused = |error: &azure_core::Error| error::call_error(PUT, &format!("`{host}`"), error);
        let url = Url::parse(&format!("https://{host}/{container}")).map_err(|error| refused(&error.into()))?;
        let options =
            BlobContainerClientOptions { client_options: connection.client_options(&host), ..BlobContainerClientOptions::default() };
        let client = BlobContainerClient::new(url, Some(connection.credential()), Some(options)).map_err(|error| refused(&error))?;
        Ok(Self { client: Arc::new(client), container: container.to_owned(), budget: connection.budget() })
    }

    /// Returns the container's name.
    #[must_use]
    pub fn container(&self) -> &str {
        &self.container
    }

    /// Creates a blob; `false` where there is one of this name already, which stays as it is.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn create(&self, name: &str, content_type: &str, bytes: &[u8]) -> Result<bool, CallError> {
        Ok(self.insert(name, content_type, bytes).await? != Stored::Refused)
    }

    /// Creates a blob, and returns its `ETag`; [`Stored::Refused`] where there is one of this name already.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn insert(&self, name: &str, content_type: &str, bytes: &[u8]) -> Result<Stored, CallError> {
        self.put(name, bytes, &options(content_type).if_not_exists()).await
    }

    /// Replaces the blob that was read with this `ETag`; [`Stored::Refused`] where it is another one by now.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn replace(&self, name: &str, etag: &str, content_type: &str, bytes: &[u8]) -> Result<Stored, CallError> {
        self.put(name, bytes, &BlockBlobClientUploadOptions { if_match: Some(Etag::from(etag)), ..options(content_type) }).await
    }

    async fn put(&self, name: &str, bytes: &[u8], options: &BlockBlobClientUploadOptions<'_>) -> Result<Stored, CallError> {
        let about = self.about(name);
        if bytes.len() > SIZE_LIMIT_BYTES {
            let message = format!("{} bytes are more than the {SIZE_LIMIT_BYTES} that go in one request ({about})", bytes.len());
            return Err(CallError::Rejected { call: PUT, message });
        }
        persist(PUT, self.end(), || async {
            let blob = self.client.blob_client(name);
            match blob.upload(RequestContent::from_slice(bytes), Some(options.clone())).await {
                Ok(written) => Ok(Stored::Written(written.etag.map(String::from).unwrap_or_default())),
                Err(error) if is_refusal(&error) => Ok(Stored::Refused),
                Err(error) => Err(Fault::of_sdk(PUT, &about, &error)),
            }
        })
        .await
    }

    /// Reads a blob. `None` where there is none of this name.
    ///
    /// # Errors
    /// When it cannot be read; a container that is missing is an error, too.
    pub async fn read(&self, name: &str) -> Result<Option<Blob>, CallError> {
        let about = self.about(name);
        persist(GET, self.end(), || async {
            match self.client.blob_client(name).download(None).await {
                Ok(found) => {
                    let etag = found.properties.etag.map(String::from).unwrap_or_default();
                    let bytes = found.body.collect().await.map_err(|error| Fault::of_sdk(GET, &about, &error))?;
                    Ok(Some(Blob { bytes: bytes.to_vec(), etag }))
                }
                Err(error) if code_of(&error) == Some("BlobNotFound") => Ok(None),
                Err(error) => Err(Fault::of_sdk(GET, &about, &error)),
            }
        })
        .await
    }

    /// Lists the blobs whose names begin with `prefix`, in the order of their names.
    ///
    /// # Errors
    /// When the list cannot be read whole, or is longer than `limit`.
    pub async fn list(&self, prefix: &str, limit: usize) -> Result<Vec<Listed>, CallError> {
        let about = self.about(prefix);
        persist(LIST, self.end(), || async {
            let sorted = |error: azure_core::Error| Fault::of_sdk(LIST, &about, &error);
            let prefix = (!prefix.is_empty()).then(|| prefix.to_owned());
            let options = BlobContainerClientListBlobsOptions { prefix, ..BlobContainerClientListBlobsOptions::default() };
            let mut items = self.client.list_blobs(Some(options)).map_err(sorted)?;
            let mut listed = Vec::new();
            while let Some(item) = items.try_next().await.map_err(sorted)? {
                if listed.len() == limit {
                    return Err(Fault::from(rejected(LIST, &format!("there are more than {limit} blobs"), &about)));
                }
                listed.push(listed_of(item).ok_or_else(|| rejected(LIST, "a blob has no name", &about))?);
            }
            Ok(listed)
        })
        .await
    }

    fn end(&self) -> Instant {
        Instant::now() + self.budget
    }

    fn about(&self, name: &str) -> String {
        format!("`{}/{name}`", self.container)
    }
}

fn options(content_type: &str) -> BlockBlobClientUploadOptions<'static> {
    BlockBlobClientUploadOptions { blob_content_type: Some(content_type.to_owned()), ..BlockBlobClientUploadOptions::default() }
}

fn listed_of(item: BlobItem) -> Option<Listed> {
    let (etag, size_bytes, modified) =
        item.properties.map_or((None, None, None), |properties| (properties.etag, properties.content_length, properties.last_modified));
    let modified = modified.and_then(|time| Timestamp::from_second(time.unix_timestamp()).ok());
    Some(Listed { name: item.name?, etag: etag.map(String::from), size_bytes, modified })
}

fn rejected(call: &'static str, why: &str, about: &str) -> CallError {
    CallError::Rejected { call, message: format!("{why} ({about})") }
}

fn code_of(error: &azure_core::Error) -> Option<&str> {
    match error.kind() {
        ErrorKind::HttpResponse { error_code, .. } => error_code.as_deref(),
        ErrorKind::Connection | ErrorKind::Io | ErrorKind::DataConversion | ErrorKind::Credential | ErrorKind::Other => None,
    }
}

/// Says whether a write was refused by its condition. A blob that exists under an immutability policy says so first
/// (<https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes>).
fn is_refusal(error: &azure_core::Error) -> bool {
    error.http_status().is_some_and(|status| u16::from(status) == 412)
        || matches!(code_of(error), Some("BlobAlreadyExists" | "BlobImmutableDueToPolicy" | "ConditionNotMet"))
}

#[cfg(test)]
#[path = "blobs_tests.rs"]
mod tests;

//! The ports of evidence: where it is kept, who signs its seals, what is remembered of what is usual.

use std::future::Future;

use jiff::Timestamp;
use reprieve_core::audit::AuditEvent;
use reprieve_core::{Finding, Posture};

use crate::port::CallError;

/// What an archive says of one of its objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// Its name, such as `audit/decisions/.../ID.json`.
    pub name: String,
    /// When the store says that it was written. Nobody but the store can set it.
    pub modified: Timestamp,
    /// Its size in bytes.
    pub size_bytes: u64,
}

/// An archive of evidence: objects that are written once, and never replaced or deleted.
pub trait EvidenceStore: Sync {
    /// Writes an object, locked for as long as the archive keeps its objects; `false` where one of this name is there, which stays as it is.
    fn put_once(&self, name: &str, content_type: &str, bytes: &[u8]) -> impl Future<Output = Result<bool, CallError>> + Send;
    /// Reads an object; `None` where there is none of this name.
    fn read(&self, name: &str) -> impl Future<Output = Result<Option<Vec<u8>>, CallError>> + Send;
    /// Lists all objects whose names begin so, in the order of their names.
    fn list(&self, prefix: &str) -> impl Future<Output = Result<Vec<StoredObject>, CallError>> + Send;
}

/// Signs seals, with a key that never leaves the provider.
pub trait SealSigner: Sync {
    /// Returns the key's id: what a seal names as its signer.
    fn key_id(&self) -> &str;
    /// Signs a text with ECDSA on P-256 over SHA-256; returns the signature in ASN.1 DER.
    fn sign(&self, text: &[u8]) -> impl Future<Output = Result<Vec<u8>, CallError>> + Send;
    /// Returns the public key, as PEM.
    fn public_key_pem(&self) -> impl Future<Output = Result<String, CallError>> + Send;
}

/// What a store remembers, and which version of it that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// What it holds.
    pub bytes: Vec<u8>,
    /// Its `ETag`.
    pub etag: String,
}

/// Keeps the baseline of what is usual. It is no evidence: it may be replaced, but never unseen.
pub trait BaselineStore: Sync {
    /// Reads the baseline; `None` where there is none yet.
    fn load(&self) -> impl Future<Output = Result<Option<Versioned>, CallError>> + Send;
    /// Replaces the version that was read, or writes the first one; `false` where somebody else was faster.
    fn save(&self, bytes: &[u8], replaces: Option<&str>) -> impl Future<Output = Result<bool, CallError>> + Send;
}

/// Entries of one log file.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The log file's name, which names what is written of it: the same file comes to the same names.
    pub log_file: String,
    /// The entries about keys, secrets and logs, in the file's order.
    pub events: Vec<AuditEvent>,
}

/// What writing the entries of a log file came to: all of them are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Appended {
    /// The bytes written.
    pub bytes: u64,
    /// What was refused for what is in it, and where the entries lie instead: a sentence each. Another delivery is refused the same.
    pub refused: Vec<String>,
}

/// What writing a finding came to: it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filed {
    /// It was not there before.
    pub is_new: bool,
    /// Where it was refused for what is in it: why, and where it lies instead.
    pub refused: Option<String>,
}

/// Writes what is found out, in whatever form the archive has.
pub trait EvidenceSink: Sync {
    /// Writes the entries of a log file; what is there already stays. After an error, entries are missing.
    fn append_events(&self, batch: &Batch) -> impl Future<Output = Result<Appended, CallError>> + Send;
    /// Writes a finding; one that is there already stays. After an error, it is missing.
    fn append_finding(&self, finding: &Finding) -> impl Future<Output = Result<Filed, CallError>> + Send;
    /// Writes how things stand; once in an hour.
    fn append_posture(&self, posture: &Posture) -> impl Future<Output = Result<bool, CallError>> + Send;
}

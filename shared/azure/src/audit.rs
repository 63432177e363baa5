//! Audit records as blobs of a versioned, immutable container: written once, never replaced.
//!
//! The blob's name is derived from the event alone, so that the same record, written again after a lost answer, meets itself and adds
//! nothing. It says neither when the record was made nor by whom it was written: that is inside. How long it is kept is the container's
//! immutability policy, which is not ours to set here.

use reprieve_core::Record;
use reprieve_engine::{AuditSink, CallError};
use reprieve_evidence::layout;

use crate::blobs::BlobStore;

/// Keeps audit records in a container.
#[derive(Debug, Clone)]
pub struct BlobAuditSink {
    store: BlobStore,
}

impl BlobAuditSink {
    /// Makes the sink.
    #[must_use]
    pub const fn new(store: BlobStore) -> Self {
        Self { store }
    }
}

impl AuditSink for BlobAuditSink {
    async fn append(&self, record: &Record) -> Result<(), CallError> {
        let body = reprieve_wire::ocsf::record_json(record).to_string();
        self.store.create(&layout::decision(record), "application/json", body.as_bytes()).await.map(drop)
    }
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;

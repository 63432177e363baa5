//! Audit records as objects of a bucket with a retention policy: written once, never replaced.

use reprieve_core::Record;
use reprieve_engine::{AuditSink, CallError, EvidenceStore as _};
use reprieve_evidence::layout;

use crate::storage::Bucket;

/// Keeps audit records in a bucket.
#[derive(Debug, Clone)]
pub struct StorageAuditSink {
    bucket: Bucket,
}

impl StorageAuditSink {
    /// Makes the sink.
    #[must_use]
    pub const fn new(bucket: Bucket) -> Self {
        Self { bucket }
    }
}

impl AuditSink for StorageAuditSink {
    async fn append(&self, record: &Record) -> Result<(), CallError> {
        let body = reprieve_wire::ocsf::record_json(record).to_string();
        self.bucket.put_once(&layout::decision(record), "application/json", body.as_bytes()).await.map(drop)
    }
}

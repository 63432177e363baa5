//! Audit records as blobs of a versioned, immutable container: written once, never replaced.
//!
//! The blob's name is derived from the event alone, so that the same record, written again after a lost answer, meets itself and adds
//! nothing. It says neither when the record was made nor by whom it was written: that is inside. How long it is kept is the container's
//! immutability policy, which is not ours to set here.

use reprieve_core::Record;
use reprieve_core::azure::Subject;
use reprieve_engine::{AuditSink, CallError};

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
        self.store.create(&blob_name(record), "application/json", body.as_bytes()).await.map(drop)
    }
}

/// Names the blob of a record, partitioned by account, Region and the hour of the event, as records on AWS are.
///
/// The hour is the event's, not the record's: a repeated delivery is recorded at another time and must come to the same name. Where
/// the event has no time, the time of receipt stands in, and a repetition may then leave a second record.
fn blob_name(record: &Record) -> String {
    let (account, region) = place(record);
    let hour = record.event.time.unwrap_or(record.received_at).strftime("year=%Y/month=%m/day=%d/hour=%H").to_string();
    format!("records/v1/account={account}/region={region}/{hour}/{}.json", safe(&record.id()))
}

/// Returns the account and Region of a record: on Azure the subscription, in which ids are the same everywhere.
fn place(record: &Record) -> (String, String) {
    let subject = record.subject.as_ref().map(Subject::resource);
    if let Some(resource) = subject.as_ref().or(record.event.target.azure()) {
        return (resource.subscription().to_string(), "global".to_owned());
    }
    let (account, region) = record.place();
    let unknown = || "unknown".to_owned();
    (account.map_or_else(unknown, |account| account.to_string()), region.map_or_else(unknown, |region| region.to_string()))
}

/// Writes every byte that is not plainly safe in a blob's name as `!xx`, so that different ids stay different.
fn safe(id: &str) -> String {
    id.bytes().fold(String::with_capacity(id.len()), |mut name, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            name.push(char::from(byte));
        } else {
            name.push('!');
            name.extend([byte >> 4, byte & 0x0F].iter().filter_map(|digit| char::from_digit(u32::from(*digit), 16)));
        }
        name
    })
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;

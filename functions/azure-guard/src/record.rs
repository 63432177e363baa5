//! Recording and sealing: what the event hub brings becomes audit entries, and every hour of the archive is sealed.

use std::fmt::Write as _;

use reprieve_core::{AuditEvent, Posture};
use reprieve_engine::{Batch, CallError};
use reprieve_wire::audit;
use reprieve_wire::azure::{Parsed, unpack};
use sha2::{Digest as _, Sha256};

/// The evidence as this handler keeps it, whatever stands behind its ports.
pub trait Evidence: Send + Sync + 'static {
    /// Writes entries of a log; says what came of it.
    fn record(&self, batch: &Batch) -> impl Future<Output = Result<String, CallError>> + Send;
    /// Seals every whole hour that is not sealed yet; says what came of it.
    fn seal(&self) -> impl Future<Output = Result<String, String>> + Send;
    /// Writes how things stand.
    fn keep_posture(&self, posture: &Posture) -> impl Future<Output = Result<(), CallError>> + Send;
}

/// What an invocation brought of a log.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    /// The entries about keys, secrets and logs.
    pub(crate) events: Vec<AuditEvent>,
    /// How many told of something else.
    pub(crate) not_ours: usize,
    /// What could not be read, and where it stood.
    pub(crate) unreadable: Vec<String>,
}

impl Entries {
    /// Reads what the host handed over.
    pub(crate) fn read(items: &[Parsed]) -> Self {
        let mut entries = Self::default();
        for unpacked in items.iter().flat_map(|item| unpack(&item.input, &item.at)) {
            match unpacked.item.and_then(|item| audit::parse(&item)) {
                Ok(audit::Parsed::Entry(event)) => entries.events.push(*event),
                Ok(audit::Parsed::NotOurs { .. }) => entries.not_ours += 1,
                Err(error) => entries.unreadable.push(format!("{}: {}", unpacked.at, error.unquoted())),
            }
        }
        entries
    }

    /// Makes them a batch: the same entries come to the same name, however often they are delivered.
    pub(crate) fn into_batch(self) -> Batch {
        let mut hasher = Sha256::new();
        for event in &self.events {
            hasher.update(event.event.id.as_str());
            hasher.update(b"\n");
        }
        let mut log_file = "event-hub-".to_owned();
        for byte in hasher.finalize().iter().take(16) {
            // Writing to a string cannot fail.
            write!(log_file, "{byte:02x}").ok();
        }
        Batch { log_file, events: self.events }
    }
}

//! One log file: its name in the archive, and what is in it.

use jiff::Timestamp;
use reprieve_archive::{Portions, log_file_name};
use reprieve_engine::Batch;
use reprieve_scan::Fault;
use reprieve_wire::audit::Parsed;
use reprieve_wire::log_notice::LogFile;

/// How many records that cannot be read are logged one by one.
const COMPLAINTS: usize = 5;

/// A log file that was read.
#[derive(Debug)]
pub(crate) struct ReadFile {
    /// Its entries, in portions under its name in the archive.
    pub(crate) batches: Vec<Batch>,
    /// Records that are none, or could not be understood.
    pub(crate) unreadable: u64,
    /// The first of them, in words.
    pub(crate) complaints: Vec<String>,
    /// Why it was not read to its end. What was read before that is in the batches.
    pub(crate) fault: Option<Fault>,
}

impl ReadFile {
    /// Reads the file.
    pub(crate) fn of(file: &LogFile, bytes: &[u8]) -> Self {
        let mut portions = Portions::new(log_file_name(&file.key));
        let (mut batches, mut complaints) = (Vec::new(), Vec::new());
        let scan = reprieve_scan::entries(bytes, |entry| match entry.parsed {
            Ok(Parsed::Entry(event)) => batches.extend(portions.push(*event)),
            Err(error) if complaints.len() < COMPLAINTS => {
                complaints.push(format!("record {}: {}", entry.record.ordinal, error.unquoted()));
            }
            Ok(Parsed::NotOurs { .. }) | Err(_) => {}
        });
        batches.extend(portions.finish());
        Self { batches, unreadable: scan.counts.unreadable, complaints, fault: scan.fault }
    }

    /// Returns when the oldest entry happened.
    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        self.batches.iter().flat_map(|batch| &batch.events).filter_map(|event| event.event.time).min()
    }
}

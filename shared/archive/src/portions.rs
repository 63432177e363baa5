//! A log file in portions: so that a file of any size is written in memory that is bounded.

use reprieve_core::AuditEvent;
use reprieve_engine::evidence::Batch;

/// The most entries of one portion: a few megabytes.
pub const PORTION_ENTRIES: usize = 4_000;

/// Takes the entries of a log file one after the other, and hands them out by portions. The same file gives the same portions; the first
/// has the log file's name, the others `NAME.part-2` and so on.
#[derive(Debug)]
pub struct Portions {
    log_file: String,
    entries: Vec<AuditEvent>,
    number: usize,
    most: usize,
}

impl Portions {
    /// Begins a log file, by the name that [`crate::log_file_name`] gives it.
    #[must_use]
    pub const fn new(log_file: String) -> Self {
        Self::of(log_file, PORTION_ENTRIES)
    }

    /// Begins a log file with another size of portions, at least 1.
    #[must_use]
    pub const fn of(log_file: String, most: usize) -> Self {
        Self { log_file, entries: Vec::new(), number: 1, most }
    }

    /// Takes an entry; returns a portion where that filled it.
    #[must_use]
    pub fn push(&mut self, entry: AuditEvent) -> Option<Batch> {
        self.entries.push(entry);
        if self.entries.len() < self.most { None } else { self.hand_out() }
    }

    /// Returns the last portion; `None` where nothing is left.
    #[must_use]
    pub fn finish(mut self) -> Option<Batch> {
        self.hand_out()
    }

    fn hand_out(&mut self) -> Option<Batch> {
        let events = std::mem::take(&mut self.entries);
        if events.is_empty() {
            return None;
        }
        let log_file = if self.number == 1 { self.log_file.clone() } else { format!("{}.part-{}", self.log_file, self.number) };
        self.number += 1;
        Some(Batch { log_file, events })
    }
}

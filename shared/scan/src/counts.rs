//! What was read, in numbers that add up.

use std::ops::AddAssign;

/// What a scan read. The counts of two scans add up to those of both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Bytes as they lie on disk.
    pub bytes_in: u64,
    /// Bytes after inflating.
    pub bytes_inflated: u64,
    /// Records, of whatever service, and what stands in the place of one.
    pub records: u64,
    /// Records that were parsed, since their text says that they can matter.
    pub candidates: u64,
    /// Entries about keys, secrets and logs.
    pub entries: u64,
    /// Records that were parsed and are about something else.
    pub not_ours: u64,
    /// What could not be read as a record.
    pub unreadable: u64,
}

impl AddAssign for Counts {
    /// Counts of a saved part are whatever somebody wrote: too many are as many as there are numbers.
    fn add_assign(&mut self, other: Self) {
        self.bytes_in = self.bytes_in.saturating_add(other.bytes_in);
        self.bytes_inflated = self.bytes_inflated.saturating_add(other.bytes_inflated);
        self.records = self.records.saturating_add(other.records);
        self.candidates = self.candidates.saturating_add(other.candidates);
        self.entries = self.entries.saturating_add(other.entries);
        self.not_ours = self.not_ours.saturating_add(other.not_ours);
        self.unreadable = self.unreadable.saturating_add(other.unreadable);
    }
}

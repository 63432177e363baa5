//! What was read and written, counted: of one file, or of all together.

use std::collections::BTreeMap;
use std::time::Duration;

use reprieve_core::AuditEvent;
use reprieve_scan::{Counts, LeftOut, Why};
use serde_json::{Value, json};

/// What cannot be read is named so often, and counted after that.
const MOST_NAMED: usize = 20;

/// Counts.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) files: u64,
    pub(super) counts: Counts,
    pub(super) by_cloud: BTreeMap<&'static str, u64>,
    pub(super) by_log: BTreeMap<&'static str, u64>,
    pub(super) by_operation: BTreeMap<&'static str, u64>,
    pub(super) by_asset: BTreeMap<&'static str, u64>,
    /// Entries that were there twice in their file.
    pub(super) duplicates: u64,
    pub(super) bytes_out: u64,
    /// Files that were not read to their end, and why.
    pub(super) faults: Vec<(String, String)>,
    /// The first records that could not be read: the file, which record, why.
    pub(super) unreadable: Vec<(String, u64, String)>,
    /// What the archive refused for what is in it, and where it lies instead: the file, and what is to be said.
    pub(super) refused: Vec<(String, String)>,
    /// Files that were left out, by reason; and one by one where they could not be looked at.
    pub(super) left_out: BTreeMap<&'static str, u64>,
    pub(super) took: Duration,
}

impl Tally {
    /// Begins with one file.
    pub(super) fn of_one_file() -> Self {
        Self { files: 1, ..Self::default() }
    }

    pub(super) fn entry(&mut self, entry: &AuditEvent) {
        let asset = entry.asset.as_ref().map_or("nothing named", |asset| asset.kind.as_str());
        *self.by_cloud.entry(entry.cloud().caption()).or_default() += 1;
        *self.by_log.entry(entry.log.caption()).or_default() += 1;
        *self.by_operation.entry(entry.operation.as_str()).or_default() += 1;
        *self.by_asset.entry(asset).or_default() += 1;
    }

    pub(super) fn unreadable(&mut self, file: &str, record: u64, why: String) {
        if self.unreadable.len() < MOST_NAMED {
            self.unreadable.push((file.to_owned(), record, why));
        }
    }

    pub(super) fn fault(&mut self, file: &str, why: String) {
        self.faults.push((file.to_owned(), why));
    }

    pub(super) fn refused(&mut self, file: &str, why: String) {
        self.refused.push((file.to_owned(), why));
    }

    pub(super) fn left_out(&mut self, files: &[LeftOut]) {
        for file in files {
            *self.left_out.entry(file.why.clause()).or_default() += 1;
            if let Why::Unreadable(why) = &file.why {
                self.fault(&file.name, why.clone());
            }
        }
    }

    pub(super) const fn counts(&mut self, counts: Counts) {
        self.counts = counts;
    }

    pub(super) const fn written(&mut self, bytes: u64, duplicates: u64) {
        self.bytes_out = bytes;
        self.duplicates = duplicates;
    }

    pub(super) const fn end(&mut self, took: Duration) {
        self.took = took;
    }

    /// Adds what another file came to.
    pub(super) fn add(&mut self, other: Self) {
        self.files += other.files;
        self.counts += other.counts;
        self.duplicates += other.duplicates;
        self.bytes_out += other.bytes_out;
        for (into, from) in [
            (&mut self.by_cloud, other.by_cloud),
            (&mut self.by_log, other.by_log),
            (&mut self.by_operation, other.by_operation),
            (&mut self.by_asset, other.by_asset),
            (&mut self.left_out, other.left_out),
        ] {
            for (name, count) in from {
                *into.entry(name).or_default() += count;
            }
        }
        self.faults.extend(other.faults);
        self.refused.extend(other.refused);
        let free = MOST_NAMED.saturating_sub(self.unreadable.len());
        self.unreadable.extend(other.unreadable.into_iter().take(free));
    }

    /// Says whether every file was read to its end, and every record.
    pub(super) const fn is_all_read(&self) -> bool {
        self.faults.is_empty() && self.counts.unreadable == 0
    }

    /// Returns megabytes of logs, inflated, in a second.
    pub(super) fn megabytes_per_second(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a rate is shown with one digit")]
        let bytes = self.counts.bytes_inflated as f64;
        bytes / 1e6 / self.took.as_secs_f64().max(1e-6)
    }

    /// Returns everything, for scripts.
    pub(super) fn json(&self) -> Value {
        let of_files = |said: &[(String, String)]| said.iter().map(|(file, why)| json!({"file": file, "why": why})).collect::<Vec<_>>();
        let unreadable: Vec<Value> =
            self.unreadable.iter().map(|(file, record, why)| json!({"file": file, "record": record, "why": why})).collect();
        json!({
            "files": self.files,
            "records": self.counts.records,
            "entries": self.counts.entries,
            "duplicates": self.duplicates,
            "records_parsed": self.counts.candidates,
            "records_unreadable": self.counts.unreadable,
            "by_cloud": self.by_cloud,
            "by_log": self.by_log,
            "by_operation": self.by_operation,
            "by_asset": self.by_asset,
            "bytes_read": self.counts.bytes_in,
            "bytes_inflated": self.counts.bytes_inflated,
            "bytes_written": self.bytes_out,
            "seconds": self.took.as_secs_f64(),
            "faults": of_files(&self.faults),
            "unreadable": unreadable,
            "refused": of_files(&self.refused),
            "left_out": self.left_out,
        })
    }
}

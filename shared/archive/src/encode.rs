//! From entries to the objects that hold them: grouped by hour, account and Region, each group once as JSON lines and once as a table.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;
use reprieve_core::AuditEvent;
use reprieve_engine::CallError;
use reprieve_engine::evidence::Batch;
use reprieve_evidence::layout;

use crate::lines;
use crate::table::table;

/// The content type of gz JSON lines.
const JSON_LINES: &str = "application/x-ndjson+gzip";
/// The content type of Parquet.
const PARQUET: &str = "application/vnd.apache.parquet";

/// The call that fails where entries cannot be added to the archive.
pub(crate) const APPEND: &str = "archive:Append";

/// An object to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Encoded {
    /// Its name in the archive.
    pub(crate) name: String,
    /// Its content type.
    pub(crate) content_type: &'static str,
    /// What it holds.
    pub(crate) bytes: Vec<u8>,
}

/// Entries that lie in one object.
pub(crate) struct Group<'a> {
    pub(crate) at: Timestamp,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) entries: Vec<&'a AuditEvent>,
}

impl Group<'_> {
    pub(crate) fn name(&self, log_file: &str, is_table: bool) -> String {
        layout::events(self.at, &self.account, &self.region, log_file, is_table)
    }

    /// Encodes both forms, the JSON lines first: who finds the table finds them too.
    pub(crate) fn encode(&self, log_file: &str) -> Result<[Encoded; 2], CallError> {
        let (lines, table) = (self.name(log_file, false), self.name(log_file, true));
        Ok([encode_lines(lines, &self.entries)?, encode_table(table, &self.entries)?])
    }
}

pub(crate) fn encode_lines(name: String, entries: &[&AuditEvent]) -> Result<Encoded, CallError> {
    match lines::write(entries.iter().copied()) {
        Ok(bytes) => Ok(Encoded { name, content_type: JSON_LINES, bytes }),
        Err(error) => Err(not_encoded(&name, "gz JSON lines", &error.to_string())),
    }
}

pub(crate) fn encode_table(name: String, entries: &[&AuditEvent]) -> Result<Encoded, CallError> {
    match table(entries) {
        Ok(bytes) => Ok(Encoded { name, content_type: PARQUET, bytes }),
        Err(why) => Err(not_encoded(&name, "a Parquet table", &why)),
    }
}

/// The same entries fail again.
fn not_encoded(name: &str, form: &str, why: &str) -> CallError {
    CallError::Rejected { call: APPEND, message: format!("the entries of `{name}` cannot be made {form}: {why}") }
}

/// Returns the entries without those that were there before, by log and id; the first one stays.
#[must_use]
pub fn distinct(events: &[AuditEvent]) -> Vec<&AuditEvent> {
    let mut seen = HashSet::with_capacity(events.len());
    events.iter().filter(|event| seen.insert(identity(event))).collect()
}

/// What makes an entry the same as another.
pub(crate) fn identity(event: &AuditEvent) -> (&'static str, &str) {
    (event.log.caption(), event.event.id.as_str())
}

/// Groups entries by the object in which they lie, in the order of the objects' names.
///
/// An entry that is there twice, by its log and id, is written once: the first. One without a time lies in the hour of the first entry of
/// the file that has one; where none has, in the first hour of 1970, which says so.
pub(crate) fn groups(batch: &Batch) -> Vec<Group<'_>> {
    let fallback = batch.events.iter().find_map(|event| event.event.time).unwrap_or(Timestamp::UNIX_EPOCH);
    let mut groups: BTreeMap<String, Group<'_>> = BTreeMap::new();
    for event in distinct(&batch.events) {
        let at = event.event.time.unwrap_or(fallback);
        let (account, region) = layout::place_of_entry(event);
        let name = layout::events(at, &account, &region, &batch.log_file, false);
        groups.entry(name).or_insert_with(|| Group { at, account, region, entries: Vec::new() }).entries.push(event);
    }
    groups.into_values().collect()
}

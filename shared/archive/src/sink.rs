//! Writes what is found out into an archive, whatever store that is.
//!
//! Objects are written once. A log file that has grown since it was written (Azure appends to the file of the current hour) adds an object
//! with what is new in it, beside the first, and nothing twice. What the store refuses for what is in it lies in a place of its own, and
//! stops nothing else.

use std::collections::HashSet;

use reprieve_core::{AuditEvent, Finding, Posture};
use reprieve_engine::CallError;
use reprieve_engine::evidence::{Appended, Batch, EvidenceSink, EvidenceStore, Filed};
use reprieve_evidence::layout;
use reprieve_wire::ocsf;
use serde_json::Value;

use crate::encode::{APPEND, Encoded, Group, encode_lines, encode_table, groups, identity};
use crate::lines::read_lines;
use crate::log_file::short_digest;
use crate::table::{RowKey, key_of, read_keys};

/// The account and Region under which entries and findings lie that were refused under their own.
const ELSEWHERE: &str = "refused";
/// How many of them lie in one object: far below what any archive takes, however large each is.
const ENTRIES_ELSEWHERE: usize = 100;
const JSON: &str = "application/json";
/// How the name of an object with JSON lines ends.
const LINES_ENDING: &str = ".json.gz";
/// How the name of a table ends.
const TABLE_ENDING: &str = ".parquet";

/// In which forms entries are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Forms {
    /// As JSON lines, and as a table beside them.
    Both,
    /// As a table alone.
    TableAlone,
}

/// An archive in a store.
#[derive(Debug)]
pub struct ArchiveSink<S> {
    store: S,
}

impl<S: EvidenceStore> ArchiveSink<S> {
    /// Takes a store.
    pub const fn new(store: S) -> Self {
        Self { store }
    }

    /// Writes the entries of a log file as tables alone; what is there already stays. What the table of a log file lacks that has grown
    /// since is written beside it.
    ///
    /// # Errors
    /// When a table could not be written. What was refused for what is in it, and is kept elsewhere, is no error:
    /// [`Appended::refused`] says it.
    pub async fn append_tables(&self, batch: &Batch) -> Result<Appended, CallError> {
        self.append(batch, Forms::TableAlone).await
    }

    /// Writes the entries of a log file, hour by hour and place by place.
    async fn append(&self, batch: &Batch, forms: Forms) -> Result<Appended, CallError> {
        let mut appended = Appended::default();
        for group in groups(batch) {
            match self.append_in(forms, &batch.log_file, &group).await {
                Ok(bytes) => appended.bytes += bytes,
                Err(refusal) if refusal.is_about_the_request() => {
                    let (bytes, told) = self.append_refused(forms, &batch.log_file, &group, &refusal).await?;
                    appended.bytes += bytes;
                    appended.refused.push(told);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(appended)
    }

    async fn append_in(&self, forms: Forms, log_file: &str, group: &Group<'_>) -> Result<u64, CallError> {
        match forms {
            Forms::Both => self.append_group(log_file, group).await,
            Forms::TableAlone => self.append_table(log_file, group).await,
        }
    }

    /// Writes the table of one hour of one place. The tables that are there say themselves what they hold: there may be no JSON lines
    /// beside them, and another release may have written them in other bytes.
    async fn append_table(&self, log_file: &str, group: &Group<'_>) -> Result<u64, CallError> {
        let table = table_of(log_file, group)?;
        if self.put(&table).await? {
            return Ok(table.bytes.len() as u64);
        }
        let there = self.store.read(&table.name).await?.unwrap_or_default();
        if there == table.bytes {
            return Ok(0);
        }
        let mut known: HashSet<RowKey> = read_table_there(&table.name, there)?.into_iter().collect();
        for (name, bytes) in self.read_more(&table.name, TABLE_ENDING).await? {
            known.extend(read_table_there(&name, bytes)?);
        }
        let entries: Vec<&AuditEvent> = group.entries.iter().copied().filter(|entry| !known.contains(&key_of(entry))).collect();
        if entries.is_empty() {
            return Ok(0);
        }
        let (log_file, rest) = rest_of(log_file, group, entries);
        self.put_table(&log_file, &rest).await
    }

    /// Writes one hour of one place. The JSON lines are written first: they alone say what is there.
    async fn append_group(&self, log_file: &str, group: &Group<'_>) -> Result<u64, CallError> {
        let [lines, table] = group.encode(log_file)?;
        if self.put(&lines).await? {
            return Ok(lines.bytes.len() as u64 + self.put_counted(&table).await?);
        }
        let there = self.store.read(&lines.name).await?.unwrap_or_default();
        if there == lines.bytes {
            // Written before, but perhaps only the one of the two.
            return self.put_counted(&table).await;
        }
        self.append_rest(log_file, group, &lines.name, &there).await
    }

    /// Another writing of the same file is there: writes what it lacks.
    async fn append_rest(&self, log_file: &str, group: &Group<'_>, name: &str, there: &[u8]) -> Result<u64, CallError> {
        let first = read_there(name, there)?;
        let first_entries: Vec<&AuditEvent> = first.iter().collect();
        let table = encode_table(group.name(log_file, true), &first_entries)?;
        let mut written = self.put_counted(&table).await?;
        let mut known = first;
        for (name, bytes) in self.read_more(name, LINES_ENDING).await? {
            let more = read_there(&name, &bytes)?;
            // Its table, too, may not have been written.
            let table_name = name.replacen(layout::Shelf::Events.prefix(), layout::Shelf::EventTable.prefix(), 1);
            let table_name = format!("{}{TABLE_ENDING}", table_name.strip_suffix(LINES_ENDING).unwrap_or(&table_name));
            let entries: Vec<&AuditEvent> = more.iter().collect();
            written += self.put_counted(&encode_table(table_name, &entries)?).await?;
            known.extend(more);
        }
        let known: HashSet<_> = known.iter().map(identity).collect();
        let entries: Vec<&AuditEvent> = group.entries.iter().copied().filter(|entry| !known.contains(&identity(entry))).collect();
        if entries.is_empty() {
            return Ok(written);
        }
        let (log_file, rest) = rest_of(log_file, group, entries);
        for object in rest.encode(&log_file)? {
            written += self.put_counted(&object).await?;
        }
        Ok(written)
    }

    /// Reads what lies beside an object because its log file has grown since.
    async fn read_more(&self, name: &str, ending: &str) -> Result<Vec<(String, Vec<u8>)>, CallError> {
        let stem = name.strip_suffix(ending).unwrap_or(name);
        let mut more = Vec::new();
        for object in self.store.list(&format!("{stem}.more-")).await? {
            let bytes = self.store.read(&object.name).await?.unwrap_or_default();
            more.push((object.name, bytes));
        }
        Ok(more)
    }

    /// Keeps the entries of a group of which an object was refused, and returns the bytes written and what is to be told.
    async fn append_refused(
        &self,
        forms: Forms,
        log_file: &str,
        group: &Group<'_>,
        refusal: &CallError,
    ) -> Result<(u64, String), CallError> {
        if forms == Forms::Both && self.has_lines(log_file, group).await {
            return Ok((0, format!("{refusal}; the entries themselves are in their place")));
        }
        let bytes = self.append_elsewhere(forms, group, refusal).await?;
        Ok((bytes, format!("{refusal}; the entries lie in the same hour under `account={ELSEWHERE}`")))
    }

    /// Keeps a finding that was refused where nothing that its entry says is part of the name.
    async fn append_finding_elsewhere(&self, finding: &Finding, json: &Value, refusal: &CallError) -> Result<Filed, CallError> {
        let name = layout::finding_in(finding, ELSEWHERE, ELSEWHERE, &digest_of(&[&finding.audit]));
        match self.put_json(&name, json).await {
            Ok(is_new) => {
                let told = format!("{refusal}; the finding lies in the same hour under `account={ELSEWHERE}`");
                Ok(Filed { is_new, refused: Some(told) })
            }
            Err(error) => Err(nowhere("a finding is taken neither in its own place", refusal, error)),
        }
    }

    /// Says whether the JSON lines are there, so that only the table was refused.
    async fn has_lines(&self, log_file: &str, group: &Group<'_>) -> bool {
        let Ok(lines) = encode_lines(group.name(log_file, false), &group.entries) else { return false };
        self.store.read(&lines.name).await.is_ok_and(|there| there.as_ref() == Some(&lines.bytes))
    }

    /// Writes entries where nothing that they say is part of a name.
    async fn append_elsewhere(&self, forms: Forms, group: &Group<'_>, refusal: &CallError) -> Result<u64, CallError> {
        let mut written = 0;
        for entries in group.entries.chunks(ENTRIES_ELSEWHERE) {
            let part = Group { at: group.at, account: ELSEWHERE.to_owned(), region: ELSEWHERE.to_owned(), entries: entries.to_vec() };
            let log_file = digest_of(entries);
            let appended = match forms {
                Forms::Both => self.append_group(&log_file, &part).await,
                // These very entries give it its name: what is there has them.
                Forms::TableAlone => self.put_table(&log_file, &part).await,
            };
            written += appended.map_err(|error| nowhere("entries are taken neither in their own place", refusal, error))?;
        }
        Ok(written)
    }

    async fn put(&self, object: &Encoded) -> Result<bool, CallError> {
        self.store.put_once(&object.name, object.content_type, &object.bytes).await
    }

    async fn put_counted(&self, object: &Encoded) -> Result<u64, CallError> {
        Ok(if self.put(object).await? { object.bytes.len() as u64 } else { 0 })
    }

    async fn put_table(&self, log_file: &str, group: &Group<'_>) -> Result<u64, CallError> {
        self.put_counted(&table_of(log_file, group)?).await
    }

    async fn put_json(&self, name: &str, value: &Value) -> Result<bool, CallError> {
        self.store.put_once(name, JSON, value.to_string().as_bytes()).await
    }
}

impl<S: EvidenceStore + Send> EvidenceSink for ArchiveSink<S> {
    async fn append_events(&self, batch: &Batch) -> Result<Appended, CallError> {
        self.append(batch, Forms::Both).await
    }

    async fn append_finding(&self, finding: &Finding) -> Result<Filed, CallError> {
        let json = ocsf::finding_json(finding);
        match self.put_json(&layout::finding(finding), &json).await {
            Ok(is_new) => Ok(Filed { is_new, refused: None }),
            Err(refusal) if refusal.is_about_the_request() => self.append_finding_elsewhere(finding, &json, &refusal).await,
            Err(error) => Err(error),
        }
    }

    async fn append_posture(&self, posture: &Posture) -> Result<bool, CallError> {
        self.put_json(&layout::posture(posture), &ocsf::posture_json(posture)).await
    }
}

fn read_there(name: &str, bytes: &[u8]) -> Result<Vec<AuditEvent>, CallError> {
    read_lines(bytes).map_err(|why| unreadable(name, &why))
}

fn read_table_there(name: &str, bytes: Vec<u8>) -> Result<Vec<RowKey>, CallError> {
    read_keys(bytes).map_err(|why| unreadable(name, &why))
}

fn unreadable(name: &str, why: &str) -> CallError {
    let message = format!("`{name}` is in the archive and cannot be read, so nothing is added to it: {why}");
    CallError::Rejected { call: APPEND, message }
}

/// Returns a group of those entries that the archive lacks, and the log file under which they lie beside the first.
fn rest_of<'a>(log_file: &str, group: &Group<'_>, entries: Vec<&'a AuditEvent>) -> (String, Group<'a>) {
    let log_file = format!("{log_file}.more-{}", digest_of(&entries));
    (log_file, Group { at: group.at, account: group.account.clone(), region: group.region.clone(), entries })
}

/// Returns a short text that names these entries and no others.
fn digest_of(entries: &[&AuditEvent]) -> String {
    let ids: Vec<String> = entries.iter().map(|entry| identity(entry)).map(|(log, id)| format!("{log}\n{id}\n")).collect();
    short_digest(ids.concat().as_bytes())
}

/// Returns the error of what could not be written elsewhere either. An archive that refuses it in both places is not well, and what is
/// in it is not what is wrong.
fn nowhere(what: &str, refusal: &CallError, error: CallError) -> CallError {
    if error.is_about_the_request() {
        CallError::Unavailable { call: APPEND, message: format!("{what} ({refusal}) nor in another ({error})") }
    } else {
        error
    }
}

fn table_of(log_file: &str, group: &Group<'_>) -> Result<Encoded, CallError> {
    encode_table(group.name(log_file, true), &group.entries)
}

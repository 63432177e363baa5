//! Reads log files for the story of one key, several at once.

use std::io::Read;
use std::sync::{Mutex, MutexGuard, PoisonError};

use reprieve_core::audit::{Asset, AssetKind, AuditEvent, Operation};
use reprieve_core::{CallOutcome, KeyArn, Target};
use reprieve_scan::{Entry, Needles, Scan, Scanner};
use reprieve_wire::audit::{NEEDLES, Parsed};

use super::part::{RunKey, StoryPart};
use crate::act::{Act, is_beginning, is_routine};
use crate::part::Problem;

/// Fields in which a call of KMS names a second key, or the alias by which it was called.
const NAMING: [&str; 5] = ["sourceKeyId", "destinationKeyId", "targetKeyId", "keyId", "aliasName"];

/// Reads log files; shared between threads, which read one file each.
#[derive(Debug)]
pub struct StoryCollector {
    scanner: Scanner,
    asked: String,
    part: Mutex<StoryPart>,
}

impl StoryCollector {
    /// Makes one for a key: by its full name (an ARN, an id of Azure, a name of Google), the last part of it, or an alias of AWS.
    #[must_use]
    pub fn new(key: &str) -> Self {
        let asked = key.trim().trim_matches('/').to_owned();
        let asked = if key.trim().starts_with('/') { format!("/{asked}") } else { asked };
        let is_of_kms = asked.contains(":kms:") || asked.starts_with("alias/") || asked.starts_with("mrk-");
        let needles = Needles::new(NEEDLES);
        let needles = if is_of_kms { needles.only(|source, _, _| source == b"kms.amazonaws.com") } else { needles };
        Self { scanner: Scanner::new(needles), part: Mutex::new(StoryPart::of(key)), asked }
    }

    /// Reads a log file, gz or not. `name` is what it is called in problems.
    pub fn read(&self, name: &str, reader: impl Read) -> Scan {
        let scan = self.scanner.scan(reader, |Entry { record, parsed }| match parsed {
            Ok(Parsed::Entry(entry)) => self.add(*entry),
            Ok(Parsed::NotOurs { .. }) => {}
            Err(error) => {
                self.part().gathered.add_problem(Problem { file: name.to_owned(), record: Some(record.ordinal), why: error.to_string() });
            }
        });
        let mut part = self.part();
        part.gathered.files += 1;
        if let Some(fault) = &scan.fault {
            part.gathered.add_problem(Problem { file: name.to_owned(), record: None, why: fault.to_string() });
        }
        drop(part);
        scan
    }

    fn add(&self, entry: AuditEvent) {
        let Some(key) = self.key_of(&entry) else { return };
        if is_kept_whole(&entry) {
            return self.part().gathered.add_act(Act::any(entry));
        }
        let event = entry.event;
        let refused = match event.outcome {
            CallOutcome::Refused { code, .. } => Some(code),
            CallOutcome::Succeeded => None,
        };
        let run = RunKey { span: None, key, by: event.actor.display_name(), call: event.name, refused };
        self.part().add_use(run, event.time, &event.id);
    }

    /// Returns the key that the entry is about, by its canonical name, where it is the one that was asked for.
    fn key_of(&self, entry: &AuditEvent) -> Option<String> {
        let canonical = match &entry.event.target {
            Target::Key(key) => Some(key.to_string()),
            Target::KeyStore(_) | Target::Azure(_) | Target::Google(_) | Target::Named(_) | Target::Unnamed => {
                entry.asset.as_ref().map(Asset::canonical)
            }
        };
        if let Some(name) = canonical.as_ref().filter(|name| self.is_asked_for(name)) {
            return Some(name.clone());
        }
        let mut named = NAMING.iter().filter_map(|field| entry.request.get(*field).or_else(|| entry.response.get(*field)));
        let alias = entry.asset.as_ref().filter(|asset| asset.kind == AssetKind::KeyAlias).map(|asset| &asset.id);
        let named = named.find(|name| self.is_asked_for(name)).or_else(|| alias.filter(|alias| self.is_asked_for(alias)))?;
        KeyArn::parse(named).map(|key| key.to_string()).ok().or(canonical).or_else(|| Some(named.clone()))
    }

    /// Says whether a name is the one that was asked for, or ends in it.
    fn is_asked_for(&self, name: &str) -> bool {
        let asked = &self.asked;
        if asked.is_empty() {
            return false;
        }
        let is_of_azure = name.starts_with('/');
        let at = name.len().checked_sub(asked.len());
        let end = at.and_then(|at| name.get(at..)).unwrap_or_default();
        let is_same = if is_of_azure { end.eq_ignore_ascii_case(asked) } else { end == asked };
        let before = at.and_then(|at| name.get(..at)).unwrap_or_default();
        is_same && (before.is_empty() || before.ends_with(['/', ':']))
    }

    /// Says that a file could not be opened.
    pub fn unreadable(&self, name: &str, why: String) {
        self.part().gathered.add_problem(Problem { file: name.to_owned(), record: None, why });
    }

    /// Returns what was read so far.
    #[must_use]
    pub fn so_far(&self) -> StoryPart {
        self.part().clone()
    }

    /// Returns what was read.
    #[must_use]
    pub fn finish(self) -> StoryPart {
        self.part.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn part(&self) -> MutexGuard<'_, StoryPart> {
        // Whatever a thread that panicked had added, it had added whole.
        self.part.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says whether an entry is told by itself. Uses, looks, and the grants that services make and retire by the thousand are told in runs; so
/// is that a deletion has begun, for there is no decision before its end.
fn is_kept_whole(entry: &AuditEvent) -> bool {
    let is_look = matches!(entry.operation, Operation::Read | Operation::List | Operation::Other);
    !entry.operation.is_use() && !is_look && !is_routine(&entry.event) && !is_beginning(entry)
}

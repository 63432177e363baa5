//! What was unusual: every entry about keys and secrets, in the order of time, held against the baseline as the function that records does.
//!
//! What is unusual depends on what came before, and files tell it in any order. So entries are written into a temporary folder by day, and
//! then each day is sorted, freed of what came twice, and considered: memory is that of one day. The folder goes with the process.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use reprieve_core::audit::Asset;
use reprieve_core::{AuditEvent, Finding};
use reprieve_evidence::anomaly::{Baseline, NoPlaces, Settings};
use reprieve_evidence::kpi::Anomaly;
use reprieve_replay::Rules;
use reprieve_scan::{Entry, Scan, Scanner};
use reprieve_wire::audit::Parsed;

use super::places::{Input, SavedPart};
use super::read::{How, Sink, read};

/// Bytes of entries that wait in memory to be written.
const WAITING: usize = 4 * 1024 * 1024;
const DAY_SECONDS: i64 = 86_400;

/// Says whether these can be searched at all.
///
/// # Errors
/// When something cannot be read a second time, or holds no uses.
pub(super) fn check(inputs: &[Input], parts: &[SavedPart]) -> anyhow::Result<()> {
    if let Some(part) = parts.first() {
        bail!("`{}` is a part, which holds no uses of keys: name the log files for --anomalies", part.name);
    }
    if let Some(pipe) = inputs.iter().find(|input| !input.can_be_read_again()) {
        bail!("`{}` can be read only once, and --anomalies reads everything twice: name a file", pipe.name);
    }
    Ok(())
}

/// Finds what was unusual, the highest score first; `None` where Ctrl-C came, since what was not read has no order of time.
///
/// # Errors
/// When the temporary folder cannot be made, written or read.
pub(super) fn find(inputs: &Arc<Vec<Input>>, rules: &Rules, how: &How) -> anyhow::Result<Option<Vec<Anomaly>>> {
    let folder = tempfile::Builder::new().prefix("reprieve-replay-").tempdir().context("no temporary folder can be made")?;
    how.stop.remove_at_end(folder.path().to_owned());
    let days = Arc::new(Days { folder: folder.path().to_owned(), scanner: Scanner::default(), waiting: Mutex::default() });
    if read(inputs, &days, how, "Anomalies").is_some() {
        return Ok(None);
    }
    days.consider(rules).map(Some)
}

/// Entries by day.
struct Days {
    folder: PathBuf,
    scanner: Scanner,
    waiting: Mutex<Waiting>,
}

/// What is not written yet, and why writing failed where it did.
#[derive(Default)]
struct Waiting {
    by_day: BTreeMap<i64, Vec<u8>>,
    bytes: usize,
    failed: Option<std::io::Error>,
}

impl Sink for Days {
    fn take(&self, _name: &str, reader: &mut dyn Read) -> Scan {
        self.scanner.scan(reader, |Entry { parsed, .. }| {
            if let Ok(Parsed::Entry(entry)) = parsed {
                self.add(&entry);
            }
        })
    }

    // The first reading named it.
    fn miss(&self, _name: &str, _why: String) {}
}

impl Days {
    /// Keeps an entry. What has no time has no place in their order.
    fn add(&self, entry: &AuditEvent) {
        let Some(time) = entry.event.time else { return };
        // An entry of the domain can always be written.
        let Ok(line) = serde_json::to_vec(entry) else { return };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.bytes += line.len() + 1;
        let day = waiting.by_day.entry(time.as_second().div_euclid(DAY_SECONDS)).or_default();
        day.extend(line);
        day.push(b'\n');
        if waiting.bytes > WAITING {
            waiting.write(&self.folder);
        }
    }

    fn consider(&self, rules: &Rules) -> anyhow::Result<Vec<Anomaly>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.write(&self.folder);
        if let Some(error) = waiting.failed.take() {
            return Err(error).with_context(|| format!("entries cannot be written to `{}`", self.folder.display()));
        }
        drop(waiting);
        let unreadable = || format!("`{}` cannot be read", self.folder.display());
        let mut names = Vec::new();
        for file in std::fs::read_dir(&self.folder).with_context(unreadable)? {
            let path = file.with_context(unreadable)?.path();
            names.extend(path.file_name().and_then(|name| name.to_str()?.parse::<i64>().ok()));
        }
        names.sort_unstable();
        let mut baseline = Baseline::new(Settings::default());
        let mut found = Vec::new();
        for day in names {
            let entries = entries_of(&file_of(&self.folder, day)).with_context(unreadable)?;
            for entry in &entries {
                let Some(time) = entry.event.time else { continue };
                if let Some(finding) = baseline.consider(entry, time, &NoPlaces).finding
                    && is_asked_for(entry, time, rules)
                {
                    found.push(anomaly(&finding));
                }
            }
        }
        found.sort_by(|a, b| b.score.cmp(&a.score).then_with(|| a.cmp(b)));
        Ok(found)
    }
}

impl Waiting {
    /// Writes everything that waits; after a failure nothing more.
    fn write(&mut self, folder: &Path) {
        self.bytes = 0;
        for (day, lines) in std::mem::take(&mut self.by_day) {
            if self.failed.is_some() {
                return;
            }
            let opened = OpenOptions::new().create(true).append(true).open(file_of(folder, day));
            self.failed = opened.and_then(|mut file| file.write_all(&lines)).err();
        }
    }
}

fn file_of(folder: &Path, day: i64) -> PathBuf {
    folder.join(day.to_string())
}

/// Returns the entries of a day, in the order of their time and then their ids, each once.
fn entries_of(file: &Path) -> anyhow::Result<Vec<AuditEvent>> {
    let mut entries = Vec::new();
    for line in BufReader::new(File::open(file)?).lines() {
        let line = line?;
        let entry: AuditEvent = serde_json::from_str(&line)?;
        entries.push((entry.event.time, entry.event.id.clone(), line.len(), entry));
    }
    // Where two logs tell of one event, the longer text tells more.
    entries.sort_by(|a, b| (a.0, a.1.as_str(), b.2).cmp(&(b.0, b.1.as_str(), a.2)));
    entries.dedup_by(|later, earlier| later.1 == earlier.1);
    Ok(entries.into_iter().map(|(_, _, _, entry)| entry).collect())
}

/// Says whether it is told of: everything teaches, whenever and wherever it was.
fn is_asked_for(entry: &AuditEvent, time: Timestamp, rules: &Rules) -> bool {
    let is_among = |wanted: &std::collections::BTreeSet<String>, has: Option<String>| {
        wanted.is_empty() || has.is_some_and(|has| wanted.contains(&has))
    };
    rules.period.holds(Some(time)) && is_among(&rules.accounts, entry.account()) && is_among(&rules.regions, entry.region())
}

/// Returns what of a finding is told, as the report tells it.
fn anomaly(finding: &Finding) -> Anomaly {
    let audit = &finding.audit;
    Anomaly {
        at: audit.event.time,
        found_at: finding.found_at,
        score: finding.score,
        severity: finding.severity,
        sentence: finding.sentence(),
        principal: audit.principal().unwrap_or_else(|| "(unknown)".to_owned()),
        asset: audit.asset.as_ref().map_or_else(|| "(nothing named)".to_owned(), Asset::canonical),
        call: audit.event.name.clone(),
        source_address: audit.event.actor.source_address.clone(),
        cloud: audit.cloud(),
    }
}

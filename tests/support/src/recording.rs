//! Where log files are recorded: an archive of entries and findings, and what is remembered of what is usual. Both obey the rules of the
//! stores they stand for, and fail where they are told to.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use reprieve_core::{Finding, Posture};
use reprieve_engine::{Appended, BaselineStore, Batch, CallError, EvidenceSink, Filed, Recorded, RecordingMeter, Versioned};

use crate::{let_others_go, locked};

#[derive(Debug, Default)]
struct Archive {
    batches: BTreeMap<String, Batch>,
    findings: BTreeMap<String, Finding>,
    postures: Vec<Posture>,
    faults: VecDeque<(&'static str, CallError)>,
    refusals: VecDeque<(&'static str, String)>,
}

impl Archive {
    fn refusal(&mut self, call: &str) -> Option<String> {
        let place = self.refusals.iter().position(|(name, _)| *name == call)?;
        self.refusals.remove(place).map(|(_, sentence)| sentence)
    }

    fn fault(&mut self, call: &str) -> Result<(), CallError> {
        let place = self.faults.iter().position(|(name, _)| *name == call);
        place.and_then(|place| self.faults.remove(place)).map_or(Ok(()), |(_, error)| Err(error))
    }
}

/// An archive in memory. Create-only. Clones show the same.
#[derive(Debug, Clone, Default)]
pub struct FakeEvidenceSink(Arc<Mutex<Archive>>);

impl FakeEvidenceSink {
    /// Fails the next call of this name (`append_events`, `append_finding`), before it takes effect.
    pub fn fail_next(&self, call: &'static str, error: CallError) {
        locked(&self.0).faults.push_back((call, error));
    }

    /// Refuses something of the next call of this name, and keeps it elsewhere, with this sentence.
    pub fn refuse_next(&self, call: &'static str, sentence: &str) {
        locked(&self.0).refusals.push_back((call, sentence.to_owned()));
    }

    /// Returns the names of the log files whose entries are kept.
    pub fn log_files(&self) -> Vec<String> {
        locked(&self.0).batches.keys().cloned().collect()
    }

    /// Returns the findings, by id.
    pub fn findings(&self) -> Vec<Finding> {
        locked(&self.0).findings.values().cloned().collect()
    }

    /// Returns the postures.
    pub fn postures(&self) -> Vec<Posture> {
        locked(&self.0).postures.clone()
    }
}

impl EvidenceSink for FakeEvidenceSink {
    async fn append_events(&self, batch: &Batch) -> Result<Appended, CallError> {
        let_others_go().await;
        let mut archive = locked(&self.0);
        archive.fault("append_events")?;
        let bytes = batch.events.len() as u64 * 1_000;
        let is_new = archive.batches.insert(batch.log_file.clone(), batch.clone()).is_none();
        let refused = archive.refusal("append_events").into_iter().collect();
        Ok(Appended { bytes: if is_new { bytes } else { 0 }, refused })
    }

    async fn append_finding(&self, finding: &Finding) -> Result<Filed, CallError> {
        let_others_go().await;
        let mut archive = locked(&self.0);
        archive.fault("append_finding")?;
        let is_new = !archive.findings.contains_key(&finding.id());
        archive.findings.entry(finding.id()).or_insert_with(|| finding.clone());
        Ok(Filed { is_new, refused: archive.refusal("append_finding") })
    }

    async fn append_posture(&self, posture: &Posture) -> Result<bool, CallError> {
        let_others_go().await;
        locked(&self.0).postures.push(posture.clone());
        Ok(true)
    }
}

#[derive(Debug, Default)]
struct Kept {
    bytes: Option<Vec<u8>>,
    version: u64,
    saves: usize,
    /// Somebody else saves these, each just before a save of ours.
    others: VecDeque<Vec<u8>>,
    failing_loads: VecDeque<CallError>,
    /// Whether the save took effect all the same.
    failing_saves: VecDeque<(bool, CallError)>,
}

impl Kept {
    fn put(&mut self, bytes: Vec<u8>) {
        self.bytes = Some(bytes);
        self.version += 1;
    }
}

/// A store of one object with an `ETag`, in memory. Clones show the same.
#[derive(Debug, Clone, Default)]
pub struct FakeBaselineStore(Arc<Mutex<Kept>>);

impl FakeBaselineStore {
    /// Returns what is kept.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        locked(&self.0).bytes.clone()
    }

    /// Puts bytes there, whoever's they are.
    pub fn put(&self, bytes: Vec<u8>) {
        locked(&self.0).put(bytes);
    }

    /// Lets somebody else save these bytes just before our next save.
    pub fn overtake(&self, bytes: Vec<u8>) {
        locked(&self.0).others.push_back(bytes);
    }

    /// Fails the next load.
    pub fn fail_load(&self, error: CallError) {
        locked(&self.0).failing_loads.push_back(error);
    }

    /// Fails the next save, before or after it took effect.
    pub fn fail_save(&self, takes_effect: bool, error: CallError) {
        locked(&self.0).failing_saves.push_back((takes_effect, error));
    }

    /// Returns how often somebody of ours saved.
    pub fn saves(&self) -> usize {
        locked(&self.0).saves
    }
}

impl BaselineStore for FakeBaselineStore {
    async fn load(&self) -> Result<Option<Versioned>, CallError> {
        let_others_go().await;
        let mut kept = locked(&self.0);
        if let Some(error) = kept.failing_loads.pop_front() {
            return Err(error);
        }
        let etag = kept.version.to_string();
        Ok(kept.bytes.clone().map(|bytes| Versioned { bytes, etag }))
    }

    async fn save(&self, bytes: &[u8], replaces: Option<&str>) -> Result<bool, CallError> {
        let_others_go().await;
        let mut kept = locked(&self.0);
        if let Some(theirs) = kept.others.pop_front() {
            kept.put(theirs);
        }
        let fault = kept.failing_saves.pop_front();
        if let Some((false, error)) = fault {
            return Err(error);
        }
        let found = kept.bytes.as_ref().map(|_| kept.version.to_string());
        if found.as_deref() != replaces {
            return Ok(false);
        }
        kept.put(bytes.to_vec());
        kept.saves += 1;
        fault.map_or(Ok(true), |(_, error)| Err(error))
    }
}

/// The counts of what was recorded. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct FakeRecordingMeter(Arc<Mutex<Vec<Recorded>>>);

impl FakeRecordingMeter {
    /// Returns what was counted.
    pub fn recorded(&self) -> Vec<Recorded> {
        locked(&self.0).clone()
    }
}

impl RecordingMeter for FakeRecordingMeter {
    fn recorded(&self, recorded: &Recorded, _: Timestamp) {
        locked(&self.0).push(recorded.clone());
    }
}

//! Where records, notices and counts end: an audit store that never overwrites, a list of what people were told, a list of counts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use reprieve_core::notice::Notice;
use reprieve_core::{EventId, Phase, Record};
use reprieve_engine::{AuditSink, CallError, Meter, NoticeSink, SweepReport};

use crate::locked;

/// An audit store in memory. Create-only: a record that is there stays as it is. Clones show the same records.
#[derive(Debug, Clone, Default)]
pub struct FakeAuditSink {
    records: Arc<Mutex<BTreeMap<String, (usize, Record)>>>,
}

impl FakeAuditSink {
    /// Returns all records, in the order in which they were first written.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        let mut records: Vec<(usize, Record)> = locked(&self.records).values().cloned().collect();
        records.sort_by_key(|(order, _)| *order);
        records.into_iter().map(|(_, record)| record).collect()
    }

    /// Returns the outcomes of an event, in the order in which they were written.
    #[must_use]
    pub fn outcomes(&self, event_id: &EventId) -> Vec<Record> {
        self.records().into_iter().filter(|record| record.phase == Phase::Outcome && record.event_id() == event_id).collect()
    }
}

impl AuditSink for FakeAuditSink {
    async fn append(&self, record: &Record) -> Result<(), CallError> {
        let mut records = locked(&self.records);
        let order = records.len();
        records.entry(record.id()).or_insert_with(|| (order, record.clone()));
        Ok(())
    }
}

/// The people, who remember what they were told. Clones share the memory.
#[derive(Debug, Clone, Default)]
pub struct FakeNoticeSink {
    notices: Arc<Mutex<Vec<Notice>>>,
}

impl FakeNoticeSink {
    /// Returns all notices, in order.
    #[must_use]
    pub fn notices(&self) -> Vec<Notice> {
        locked(&self.notices).clone()
    }
}

impl NoticeSink for FakeNoticeSink {
    async fn tell(&self, notice: &Notice, _record: &Record) -> Result<(), CallError> {
        locked(&self.notices).push(notice.clone());
        Ok(())
    }
}

/// The counts. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct FakeMeter {
    outcomes: Arc<Mutex<Vec<Record>>>,
    sweeps: Arc<Mutex<Vec<SweepReport>>>,
    policy_unusable: Arc<Mutex<Vec<Timestamp>>>,
}

impl FakeMeter {
    /// Returns the outcomes that were counted.
    #[must_use]
    pub fn outcomes(&self) -> Vec<Record> {
        locked(&self.outcomes).clone()
    }

    /// Returns the sweeps that were counted.
    #[must_use]
    pub fn sweeps(&self) -> Vec<SweepReport> {
        locked(&self.sweeps).clone()
    }

    /// Returns when the policies could not be used.
    #[must_use]
    pub fn policy_unusable_at(&self) -> Vec<Timestamp> {
        locked(&self.policy_unusable).clone()
    }
}

impl Meter for FakeMeter {
    fn outcome(&self, record: &Record) {
        locked(&self.outcomes).push(record.clone());
    }

    fn sweep(&self, report: &SweepReport) {
        locked(&self.sweeps).push(report.clone());
    }

    fn policy_unusable(&self, at: Timestamp) {
        locked(&self.policy_unusable).push(at);
    }
}

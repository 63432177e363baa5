//! Ways to break the world on purpose, so that it is seen that the invariants notice. Without sabotage these wrappers pass everything on.

use std::sync::{Arc, Mutex};

use reprieve_core::approval::{Revocation, SealedApproval};
use reprieve_core::facts::{Recollection, Rotation, Tags};
use reprieve_core::lesson::Lesson;
use reprieve_core::{Case, EventId, KeyArn, KeyDescription, Record, Status};
use reprieve_engine::{AuditSink, CallError, Claim, Intent, KeyControl, Ledger};
use reprieve_test_support::{FakeAuditSink, FakeLedger, LaggingKeys};

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sabotage {
    Nothing,
    /// Nobody sweeps when all is quiet.
    NoLastSweep,
    /// Approvals are not shown to the guard, and no error says so.
    HiddenApprovals,
    /// KMS says that it enabled a key, and did not.
    EmptyWords,
    /// The archive says that it wrote an outcome, and did not.
    ForgetfulArchive,
    /// Whoever enables a key schedules its deletion.
    CrossedWires,
    /// The queue sets aside what is not answered at once.
    ImpatientQueue,
}

/// The keys, as they are or sabotaged.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) inner: LaggingKeys,
    pub(crate) sabotage: Sabotage,
}

impl KeyControl for Keys {
    async fn describe(&self, key: &KeyArn) -> Result<KeyDescription, CallError> {
        self.inner.describe(key).await
    }

    async fn tags(&self, key: &KeyArn) -> Result<Tags, CallError> {
        let mut tags = self.inner.tags(key).await?;
        if self.sabotage == Sabotage::HiddenApprovals {
            tags.clear();
        }
        Ok(tags)
    }

    async fn rotation(&self, key: &KeyArn) -> Result<Rotation, CallError> {
        self.inner.rotation(key).await
    }

    async fn cancel_deletion(&self, key: &KeyArn) -> Result<(), CallError> {
        self.inner.cancel_deletion(key).await
    }

    async fn enable(&self, key: &KeyArn) -> Result<(), CallError> {
        match self.sabotage {
            Sabotage::EmptyWords => Ok(()),
            Sabotage::CrossedWires => self.inner.call(key, |keys| keys.schedule_deletion(key, 7)),
            Sabotage::Nothing
            | Sabotage::NoLastSweep
            | Sabotage::HiddenApprovals
            | Sabotage::ForgetfulArchive
            | Sabotage::ImpatientQueue => self.inner.enable(key).await,
        }
    }

    async fn enable_rotation(&self, key: &KeyArn, period_days: Option<u32>) -> Result<(), CallError> {
        self.inner.enable_rotation(key, period_days).await
    }

    async fn aliases(&self, key: &KeyArn) -> Result<Vec<String>, CallError> {
        self.inner.aliases(key).await
    }

    async fn list(&self) -> Result<Vec<KeyArn>, CallError> {
        self.inner.list().await
    }
}

/// The ledger, as it is or sabotaged.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    pub(crate) inner: FakeLedger,
    pub(crate) sabotage: Sabotage,
}

impl Ledger for Memory {
    async fn recall(&self, key: &KeyArn) -> Result<Recollection, CallError> {
        let mut known = self.inner.recall(key).await?;
        if self.sabotage == Sabotage::HiddenApprovals {
            known.approvals.clear();
        }
        Ok(known)
    }

    async fn claim(&self, intent: &Intent) -> Result<Claim, CallError> {
        self.inner.claim(intent).await
    }

    async fn finish(&self, event_id: &EventId, status: Status, settled: bool, at: jiff::Timestamp) -> Result<(), CallError> {
        self.inner.finish(event_id, status, settled, at).await
    }

    async fn open_case(&self, key: &KeyArn, case: &Case) -> Result<(), CallError> {
        self.inner.open_case(key, case).await
    }

    async fn close_case(&self, key: &KeyArn) -> Result<(), CallError> {
        self.inner.close_case(key).await
    }

    async fn learn(&self, key: &KeyArn, lesson: Lesson, rotation: Option<Rotation>) -> Result<(), CallError> {
        self.inner.learn(key, lesson, rotation).await
    }

    async fn open_cases(&self) -> Result<Vec<(KeyArn, Case)>, CallError> {
        self.inner.open_cases().await
    }

    async fn approve(&self, key: &KeyArn, approval: &SealedApproval) -> Result<(), CallError> {
        self.inner.approve(key, approval).await
    }

    async fn revoke(&self, key: &KeyArn, revocation: &Revocation) -> Result<(), CallError> {
        self.inner.revoke(key, revocation).await
    }
}

/// A record that an invocation wrote.
#[derive(Debug, Clone)]
pub(crate) struct Witnessed {
    pub(crate) invocation: usize,
    pub(crate) record: Record,
    /// It is what the archive holds under its id.
    pub(crate) is_kept: bool,
}

/// The archive, as it is or sabotaged, and who wrote what.
#[derive(Debug, Clone)]
pub(crate) struct Archive {
    pub(crate) inner: FakeAuditSink,
    pub(crate) sabotage: Sabotage,
    pub(crate) invocation: usize,
    pub(crate) witnessed: Arc<Mutex<Vec<Witnessed>>>,
}

impl AuditSink for Archive {
    async fn append(&self, record: &Record) -> Result<(), CallError> {
        let is_outcome = record.phase == reprieve_core::Phase::Outcome;
        if !(is_outcome && self.sabotage == Sabotage::ForgetfulArchive) {
            self.inner.append(record).await?;
        }
        let is_kept = self.inner.records().contains(record);
        self.witnessed.lock().unwrap().push(Witnessed { invocation: self.invocation, record: record.clone(), is_kept });
        Ok(())
    }
}

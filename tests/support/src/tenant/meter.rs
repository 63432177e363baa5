//! The counts of the loop for Azure.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use reprieve_core::Record;
use reprieve_engine::{TenantMeter, TenantSweep};

use crate::locked;

/// The counts. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct FakeTenantMeter {
    outcomes: Arc<Mutex<Vec<Record>>>,
    sweeps: Arc<Mutex<Vec<TenantSweep>>>,
    policy_unusable: Arc<Mutex<Vec<Timestamp>>>,
}

impl FakeTenantMeter {
    /// Returns the outcomes that were counted.
    #[must_use]
    pub fn outcomes(&self) -> Vec<Record> {
        locked(&self.outcomes).clone()
    }

    /// Returns the sweeps that were counted.
    #[must_use]
    pub fn sweeps(&self) -> Vec<TenantSweep> {
        locked(&self.sweeps).clone()
    }

    /// Returns when the policies could not be used.
    #[must_use]
    pub fn policy_unusable_at(&self) -> Vec<Timestamp> {
        locked(&self.policy_unusable).clone()
    }
}

impl TenantMeter for FakeTenantMeter {
    fn outcome(&self, record: &Record) {
        locked(&self.outcomes).push(record.clone());
    }

    fn sweep(&self, report: &TenantSweep) {
        locked(&self.sweeps).push(report.clone());
    }

    fn policy_unusable(&self, at: Timestamp) {
        locked(&self.policy_unusable).push(at);
    }
}

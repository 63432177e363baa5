//! A whole world for one test of the monitoring: the services, the audit store, people, time, and the loop over them.

use std::time::Duration;

use jiff::SignedDuration;
use reprieve_core::monitoring::world::World as Observed;
use reprieve_core::monitoring::{Desired, MonitoringPlan};
use reprieve_core::{Event, Mode};
use reprieve_engine::{Clock as _, Delivery, Handled, MonitoringPorts, MonitoringSettings, Provisioner};

use crate::clock::FakeClock;
use crate::event::{RECEIVED_AT, time};
use crate::faults::{FailOnCall, Faults};
use crate::finish;
use crate::journal::Journal;
use crate::monitoring::{FakeMonitoring, FakeMonitoringMeter, monitoring_desired, monitoring_role, monitoring_world};
use crate::sinks::{FakeAuditSink, FakeNoticeSink};

/// The loop over fakes that can be made to fail.
pub type TestProvisioner =
    Provisioner<FailOnCall<FakeMonitoring>, FailOnCall<FakeAuditSink>, FailOnCall<FakeNoticeSink>, FakeClock, FakeMonitoringMeter>;

/// Everything that a test of the monitoring works with.
#[derive(Debug)]
pub struct MonitoringWorld {
    /// The time.
    pub clock: FakeClock,
    /// The services.
    pub monitoring: FakeMonitoring,
    /// The audit store.
    pub audit: FakeAuditSink,
    /// The people.
    pub notices: FakeNoticeSink,
    /// The counts.
    pub meter: FakeMonitoringMeter,
    /// Every port call, in one global order. A change is named by its call: `PutMetricFilter`.
    pub journal: Journal,
    /// What fails.
    pub faults: Faults,
    /// The loop.
    pub provisioner: TestProvisioner,
}

/// Makes a loop that enforces, over an account in which everything that is asked for stands.
pub fn healthy_monitoring() -> MonitoringWorld {
    let desired = monitoring_desired();
    let observed = monitoring_world(&desired);
    monitoring_over(desired, observed, Mode::Enforce)
}

/// Makes a loop over an account as it is given.
pub fn monitoring_over(desired: Desired, observed: Observed, mode: Mode) -> MonitoringWorld {
    let clock = FakeClock::at(time(RECEIVED_AT));
    let journal = Journal::default();
    let faults = Faults::new(journal.clone());
    let monitoring = FakeMonitoring::of(observed);
    let (audit, notices, meter) = (FakeAuditSink::default(), FakeNoticeSink::default(), FakeMonitoringMeter::default());
    let ports = MonitoringPorts {
        control: FailOnCall::new(monitoring.clone(), faults.clone()),
        audit: FailOnCall::new(audit.clone(), faults.clone()),
        notices: FailOnCall::new(notices.clone(), faults.clone()),
        clock: clock.clone(),
        meter: meter.clone(),
    };
    let settings = MonitoringSettings { mode, desired, own_role: Some(monitoring_role()), patience: Duration::from_secs(2) };
    let provisioner = Provisioner { ports, settings };
    MonitoringWorld { clock, monitoring, audit, notices, meter, journal, faults, provisioner }
}

impl MonitoringWorld {
    /// Looks, and says what would be changed.
    pub fn look(&self) -> MonitoringPlan {
        finish(self.provisioner.look()).expect("no call of this test is killed")
    }

    /// Delivers a batch of events for the first time.
    pub fn handle_batch(&self, events: &[Event]) -> Vec<Handled> {
        self.deliver(events, 1)
    }

    /// Delivers a batch of events for the `count`-th time.
    pub fn deliver(&self, events: &[Event], count: u32) -> Vec<Handled> {
        let received_at = self.clock.now();
        let stopped_at = received_at.checked_add(SignedDuration::from_mins(15)).expect("a test stays within the years that exist");
        let batch: Vec<_> = events.iter().map(|event| (event.clone(), Delivery { received_at, count, stopped_at })).collect();
        finish(self.provisioner.handle_batch(&batch)).expect("no call of this test is killed")
    }

    /// Returns the calls that were meant to change the monitoring, by name.
    pub fn changes_tried(&self) -> Vec<&'static str> {
        let changes = self.journal.entries().into_iter().filter(|entry| entry.call.changes_monitoring());
        changes.map(|entry| entry.call.name()).collect()
    }
}

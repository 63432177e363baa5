//! Stateful fakes of every port, a wrapper that fails any call, and builders of events and sealed approvals.
//!
//! The fakes keep state and obey the rules of the service they stand for; they never script answers. Nothing here is part of the
//! product, and nothing here waits: [`finish`] drives any future of the loop to its end without a runtime.
#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "a test that cannot be set up must stop, and says where")]
#![expect(clippy::must_use_candidate, reason = "a test plays a part and may not care for every answer")]

pub mod approval;
pub mod chance;
pub mod circumstances;
pub mod claims;
pub mod clock;
pub mod drill;
pub mod event;
pub mod evidence_store;
pub mod faults;
pub mod host_clock;
pub mod journal;
pub mod keys;
pub mod lagging;
pub mod lambda;
pub mod ledger;
pub mod logged;
pub mod marked;
pub mod monitoring;
pub mod ocsf;
pub mod provisioner;
pub mod record;
pub mod recording;
pub mod serving;
pub mod set_clock;
pub mod sinks;
pub mod tenant;
pub mod world;

use std::future::Future;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

pub use approval::{Terms, approval_keys, approval_keys_text, sealed_approval, sealed_by_security};
pub use chance::Chance;
pub use circumstances::{FakeCircumstances, FakePolicies};
pub use clock::FakeClock;
pub use event::{EventBuilder, event, key, time};
pub use evidence_store::{FakeEvidenceStore, FakeSealSigner};
pub use faults::{Effect, FailOnCall, Faults};
pub use host_clock::HostClock;
pub use journal::{Call, Entry, Journal};
pub use keys::{FakeKey, FakeKeyControl};
pub use lagging::{KeyChange, Lag, LaggingKeys};
pub use ledger::FakeLedger;
pub use logged::logged;
pub use monitoring::{FakeMonitoring, FakeMonitoringMeter, bare_world, monitoring_desired, monitoring_world};
pub use provisioner::{MonitoringWorld, TestProvisioner, healthy_monitoring, monitoring_over};
pub use record::record;
pub use recording::{FakeBaselineStore, FakeEvidenceSink, FakeRecordingMeter};
pub use set_clock::TestClock;
pub use sinks::{FakeAuditSink, FakeMeter, FakeNoticeSink};
pub use tenant::{FakeTenant, FakeTenantLedger, FakeTenantMeter, TenantWorld, tenant};
pub use world::{GuardBuilder, TestGuard, World, guard, world_with_key};

/// How often a future is polled before it counts as stuck. The fakes yield about once a call.
const POLLS: usize = 100_000;

/// Drives a future over fakes to its end. `None` where it never ends: a call was killed (see [`Effect`]).
pub fn finish<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..POLLS).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    })
}

/// Locks a fake's state. A poisoned lock is a test that failed elsewhere.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("another thread of this test panicked")
}

/// Lets the other branches of the loop go first, as a call over the network would.
pub(crate) async fn let_others_go() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

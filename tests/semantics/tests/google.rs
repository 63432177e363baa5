//! Promises of the guard on Google Cloud that need a clock of their own: what is looked up leaves time to act.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that goes another way must stop")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reprieve_core::google::{GoogleDomain, GoogleName, KeyVersion, Labels, VersionState};
use reprieve_core::{ApprovalRules, AuditEvent, EventId, Mode, Policy, Record, Status};
use reprieve_engine::{
    CallError, Claim, Clock as _, Delivery, Handled, KeyVersionControl, LatestCalls, LostVersions, VersionClaims, VersionGuard,
    VersionMeter, VersionPorts, VersionSettings, VersionSweep,
};
use reprieve_test_support::event::{EVENT_TIME, RECEIVED_AT};
use reprieve_test_support::world::settled;
use reprieve_test_support::{FakeAuditSink, FakeClock, FakeNoticeSink, FakePolicies, finish, time};
use reprieve_wire::audit::Parsed;
use reprieve_wire::google::parse_entry;
use serde_json::json;

const VERSION: &str = "projects/prod/locations/global/keyRings/payments/cryptoKeys/card-data/cryptoKeyVersions/1";

/// What is left of an invocation when everything must have been looked up: to act, and to write down the outcome.
const KEPT: SignedDuration = SignedDuration::from_secs(8);

/// One version of a key. One kind of call is never answered.
#[derive(Debug, Clone)]
struct Cloud {
    state: VersionState,
    silent: Option<&'static str>,
    changes: Arc<Mutex<Vec<&'static str>>>,
}

impl Cloud {
    async fn look(&self, call: &str) {
        if self.silent == Some(call) {
            std::future::pending::<()>().await;
        }
    }

    fn seen(&self) -> KeyVersion {
        let name = GoogleName::parse(VERSION).unwrap();
        KeyVersion { name, state: self.state.clone(), destroy_at: None, destroyed_at: None, protection_level: None }
    }
}

impl KeyVersionControl for Cloud {
    async fn version(&self, _name: &GoogleName) -> Result<KeyVersion, CallError> {
        self.look("version").await;
        Ok(self.seen())
    }

    async fn labels(&self, _key: &GoogleName) -> Result<Labels, CallError> {
        self.look("labels").await;
        Ok(Labels::new())
    }

    async fn restore(&self, _version: &GoogleName) -> Result<(), CallError> {
        self.changes.lock().unwrap().push("restore");
        Ok(())
    }

    async fn enable(&self, _version: &GoogleName) -> Result<(), CallError> {
        self.changes.lock().unwrap().push("enable");
        Ok(())
    }

    async fn past(&self, _version: &GoogleName) -> Result<LatestCalls, CallError> {
        self.look("past").await;
        Ok(LatestCalls::default())
    }

    async fn lost(&self) -> LostVersions {
        LostVersions { found: vec![self.seen()], unread: Vec::new() }
    }
}

/// Grants every claim.
#[derive(Debug)]
struct Claims;

impl VersionClaims for Claims {
    async fn claim(&self, _event: &EventId, _at: Timestamp) -> Result<Claim, CallError> {
        Ok(Claim::Granted { attempt: 1 })
    }

    async fn finish(&self, _event: &EventId, _attempt: u32, _settled: bool) -> Result<(), CallError> {
        Ok(())
    }
}

/// Counts nothing.
#[derive(Debug)]
struct NoMeter;

impl VersionMeter for NoMeter {
    fn outcome(&self, _record: &Record) {}

    fn sweep(&self, _report: &VersionSweep) {}
}

struct Stage {
    clock: FakeClock,
    cloud: Cloud,
    guard: VersionGuard<Cloud, Claims, FakeAuditSink, FakeNoticeSink, FakeClock, NoMeter, FakePolicies>,
}

impl Stage {
    /// Begins with the version in this state, and with a clock by which time runs out for the call that is never answered.
    fn start(state: VersionState, silent: Option<&'static str>) -> Self {
        let clock = FakeClock::at(time(RECEIVED_AT));
        clock.run_out();
        let cloud = Cloud { state, silent, changes: Arc::default() };
        let ports = VersionPorts {
            control: cloud.clone(),
            claims: Claims,
            audit: FakeAuditSink::default(),
            notices: FakeNoticeSink::default(),
            clock: clock.clone(),
            meter: NoMeter,
            policies: FakePolicies::new(Policy::shipped()),
        };
        let settings = VersionSettings {
            mode: Mode::Enforce,
            domain: GoogleDomain { projects: ["prod".to_owned()].into(), own_account: None },
            rules: ApprovalRules::default(),
            patience: Duration::from_secs(2),
            concurrency: 2,
        };
        Self { clock, cloud, guard: VersionGuard { ports, settings } }
    }

    /// Returns a delivery of now, in an invocation that is stopped after so many seconds.
    fn stopped_after(&self, seconds: i64) -> Delivery {
        let received_at = self.clock.now();
        Delivery { received_at, count: 1, stopped_at: received_at + SignedDuration::from_secs(seconds) }
    }

    fn changes(&self) -> Vec<&'static str> {
        self.cloud.changes.lock().unwrap().clone()
    }
}

/// The entry of a destruction by mallory.
fn destroyed() -> AuditEvent {
    let entry = json!({
        "insertId": "entry000001",
        "logName": "projects/prod/logs/cloudaudit.googleapis.com%2Factivity",
        "timestamp": EVENT_TIME,
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "serviceName": "cloudkms.googleapis.com",
            "methodName": "DestroyCryptoKeyVersion",
            "resourceName": VERSION,
            "authenticationInfo": {"principalEmail": "mallory@example.com", "principalSubject": "user:mallory@example.com"},
            "request": {"name": VERSION},
            "status": {},
        },
    });
    let Ok(Parsed::Entry(entry)) = parse_entry(&entry) else { panic!("it is an entry of a key's version") };
    *entry
}

/// P126: a look that is never answered leaves time to act, and is asked for again by the next delivery.
#[test]
fn what_is_not_answered_in_time_is_left_to_the_next_delivery() {
    for silent in ["version", "labels", "past"] {
        let stage = Stage::start(VersionState::DestroyScheduled, Some(silent));
        let delivery = stage.stopped_after(45);
        let answer = finish(stage.guard.handle(&destroyed(), delivery)).unwrap();
        let Some(Handled::Retry { reason, record: None, told: false }) = answer else { panic!("{silent}: {answer:?}") };
        assert!(reason.contains("not enough time"), "{silent}: {reason}");
        assert!(stage.clock.now() <= delivery.stopped_at - KEPT, "{silent}: {}", stage.clock.now());
        assert_eq!(stage.changes(), [""; 0], "{silent}");
    }
    let stage = Stage::start(VersionState::DestroyScheduled, None);
    let answer = finish(stage.guard.handle(&destroyed(), stage.stopped_after(45))).unwrap();
    assert!(answer.as_ref().and_then(settled).is_some(), "{answer:?}");
    assert_eq!(stage.changes(), ["restore", "enable"]);
}

/// P126: a look that contradicts the entry, and that there is no time to repeat, is not believed.
#[test]
fn a_look_that_there_is_no_time_to_repeat_is_not_believed() {
    let stage = Stage::start(VersionState::Enabled, None);
    let answer = finish(stage.guard.handle(&destroyed(), stage.stopped_after(4))).unwrap();
    let Some(Handled::Retry { reason, record: None, told: false }) = answer else { panic!("{answer:?}") };
    assert!(reason.contains("not enough time"), "{reason}");
    let answer = finish(stage.guard.handle(&destroyed(), stage.stopped_after(45))).unwrap();
    assert_eq!(answer.as_ref().and_then(settled).map(|record| record.status), Some(Status::NothingToDo), "{answer:?}");
}

/// P126: nor does a sweep wait for the log beyond its time: what it could not ask about is open, and said to be.
#[test]
fn a_sweep_does_not_wait_for_the_log_beyond_its_time() {
    let stage = Stage::start(VersionState::DestroyScheduled, Some("past"));
    let delivery = stage.stopped_after(270);
    let report = finish(stage.guard.sweep(delivery)).unwrap();
    assert_eq!((report.lost, report.answered, report.failed.len()), (1, 0, 1), "{report:?}");
    assert!(stage.clock.now() <= delivery.stopped_at - KEPT, "{}", stage.clock.now());
}

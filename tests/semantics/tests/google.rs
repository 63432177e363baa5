//! Promises of the guard on Google Cloud that need a clock or answers of their own: what is looked up leaves time to act, and what comes to
//! nothing is told, and tried again.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that goes another way must stop")]

use std::collections::BTreeSet;
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
use serde_json::{Value, json};

const VERSION: &str = "projects/prod/locations/global/keyRings/payments/cryptoKeys/card-data/cryptoKeyVersions/1";

/// What is left of an invocation when everything must have been looked up: to act, and to write down the outcome.
const KEPT: SignedDuration = SignedDuration::from_secs(8);

/// One version of a key. One kind of call is never answered, and one kind of change fails so, or has no effect.
#[derive(Debug, Clone)]
struct Cloud {
    state: Arc<Mutex<VersionState>>,
    silent: Option<&'static str>,
    fault: Option<(&'static str, Result<(), CallError>)>,
    destroy_at: Timestamp,
    past: Result<LatestCalls, CallError>,
    looks: Arc<Mutex<Vec<&'static str>>>,
    changes: Arc<Mutex<Vec<&'static str>>>,
}

impl Cloud {
    async fn look(&self, call: &'static str) {
        self.looks.lock().unwrap().push(call);
        if self.silent == Some(call) {
            std::future::pending::<()>().await;
        }
    }

    fn change(&self, call: &'static str, state: VersionState) -> Result<(), CallError> {
        self.changes.lock().unwrap().push(call);
        match &self.fault {
            Some((faulty, answer)) if *faulty == call => answer.clone(),
            Some(_) | None => {
                *self.state.lock().unwrap() = state;
                Ok(())
            }
        }
    }

    fn seen(&self) -> KeyVersion {
        let (name, state) = (GoogleName::parse(VERSION).unwrap(), self.state.lock().unwrap().clone());
        KeyVersion { name, state, destroy_at: Some(self.destroy_at), destroyed_at: None, protection_level: None }
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
        self.change("restore", VersionState::Disabled)
    }

    async fn enable(&self, _version: &GoogleName) -> Result<(), CallError> {
        self.change("enable", VersionState::Enabled)
    }

    async fn past(&self, _version: &GoogleName, _before: Option<Timestamp>) -> Result<LatestCalls, CallError> {
        self.look("past").await;
        self.past.clone()
    }

    async fn lost(&self) -> LostVersions {
        LostVersions { found: vec![self.seen()], unread: Vec::new() }
    }
}

/// Grants every claim, for this attempt; without one, none. Remembers how claims ended, and what was owed.
#[derive(Debug, Default)]
struct Claims {
    attempt: Option<u32>,
    ended: Mutex<Vec<&'static str>>,
    owed: Mutex<BTreeSet<u64>>,
}

impl VersionClaims for Claims {
    async fn claim(&self, _event: &EventId, _at: Timestamp) -> Result<Claim, CallError> {
        self.attempt.map(|attempt| Claim::Granted { attempt }).ok_or_else(unavailable)
    }

    async fn claim_left(&self, event: &EventId, at: Timestamp) -> Result<Claim, CallError> {
        self.claim(event, at).await
    }

    async fn finish(&self, _event: &EventId, _attempt: u32, settled: bool) -> Result<(), CallError> {
        self.ended.lock().unwrap().push(if settled { "settled" } else { "open" });
        Ok(())
    }

    async fn leave(&self, _event: &EventId, _attempt: u32) -> Result<(), CallError> {
        self.ended.lock().unwrap().push("left");
        Ok(())
    }

    async fn owe(&self, _record: &Record, what: u64) -> Result<bool, CallError> {
        Ok(self.owed.lock().unwrap().insert(what))
    }

    async fn owed(&self, _of: Option<&EventId>) -> Result<Vec<(Record, u64)>, CallError> {
        Ok(Vec::new())
    }

    async fn paid(&self, _event: &EventId, _what: u64) -> Result<(), CallError> {
        Ok(())
    }
}

fn unavailable() -> CallError {
    CallError::Unavailable { call: "storage:InsertObject", message: "503".to_owned() }
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
        let destroy_at = clock.now() + SignedDuration::from_hours(30 * 24);
        let past = Ok(LatestCalls::default());
        let (looks, changes) = (Arc::default(), Arc::default());
        let cloud = Cloud { state: Arc::new(Mutex::new(state)), silent, fault: None, destroy_at, past, looks, changes };
        let ports = VersionPorts {
            control: cloud.clone(),
            claims: Claims { attempt: Some(1), ..Claims::default() },
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

    /// How often this was looked at.
    fn looks(&self, call: &str) -> usize {
        self.cloud.looks.lock().unwrap().iter().filter(|look| **look == call).count()
    }

    fn changes(&self) -> Vec<&'static str> {
        self.cloud.changes.lock().unwrap().clone()
    }
}

/// The entry of a destruction by mallory.
fn destroyed() -> AuditEvent {
    called("DestroyCryptoKeyVersion", &json!({"name": VERSION}))
}

/// The entry of a disabling by mallory.
fn disabled() -> AuditEvent {
    called("UpdateCryptoKeyVersion", &json!({"cryptoKeyVersion": {"name": VERSION, "state": "DISABLED"}, "updateMask": "state"}))
}

/// The entry of a call by mallory.
fn called(method: &str, request: &Value) -> AuditEvent {
    let entry = json!({
        "insertId": "entry000001",
        "logName": "projects/prod/logs/cloudaudit.googleapis.com%2Factivity",
        "timestamp": EVENT_TIME,
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "serviceName": "cloudkms.googleapis.com",
            "methodName": method,
            "resourceName": VERSION,
            "authenticationInfo": {"principalEmail": "mallory@example.com", "principalSubject": "user:mallory@example.com"},
            "request": request,
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

/// P126: only the version is looked at again, and a log that does not answer holds up nothing that it does not decide on.
#[test]
fn what_is_repeated_is_the_look_at_the_version() {
    for silent in [None, Some("past")] {
        let stage = Stage::start(VersionState::Enabled, silent);
        let answer = finish(stage.guard.handle(&destroyed(), stage.stopped_after(45))).unwrap();
        assert_eq!(answer.as_ref().and_then(settled).map(|record| record.status), Some(Status::NothingToDo), "{answer:?}");
        assert_eq!(["version", "labels", "past"].map(|call| stage.looks(call)), [3, 1, 1], "{silent:?}");
    }
}

/// P124: what was disabled was enabled before, and the log is not asked.
#[test]
fn a_disabled_version_does_not_wait_for_the_log() {
    let stage = Stage::start(VersionState::Disabled, Some("past"));
    let answer = finish(stage.guard.handle(&disabled(), stage.stopped_after(45))).unwrap();
    assert!(answer.as_ref().and_then(settled).is_some(), "{answer:?}");
    assert_eq!((stage.changes(), stage.looks("past")), (vec!["enable"], 0));
}

/// A search that was given up before it came to what the version was.
fn cut_short() -> LatestCalls {
    LatestCalls { calls: vec![destroyed()], has_older: true, is_cut_short: true }
}

/// P124: a log that stays out of reach keeps no version waiting for its destruction: it is restored, and a human is woken. Nor does one
/// that is searched in vain. Where no claim counts the attempts, the hour alone counts.
#[test]
fn a_log_that_stays_out_of_reach_is_not_waited_for() {
    let cases = [(Some(3), 1, true), (Some(3), 0, false), (Some(2), 1, false), (None, 1, true), (None, 0, false)];
    for (silent, (attempt, hours, is_restored)) in [Some("past"), None].into_iter().flat_map(|silent| cases.map(|case| (silent, case))) {
        let mut stage = Stage::start(VersionState::DestroyScheduled, silent);
        stage.guard.ports.claims.attempt = attempt;
        stage.guard.ports.control.past = Ok(cut_short());
        stage.clock.advance(SignedDuration::from_hours(hours));
        let answer = finish(stage.guard.handle(&destroyed(), stage.stopped_after(45))).unwrap();
        let record = answer.as_ref().and_then(settled);
        assert_eq!(record.is_some(), is_restored, "{attempt:?}, {hours}: {answer:?}");
        assert_eq!(stage.changes(), if is_restored { vec!["restore"] } else { Vec::new() }, "{attempt:?}, {hours}");
        let escalations = record.and_then(|record| record.decision).map(|decision| decision.why().escalations.clone()).unwrap_or_default();
        let is_told = escalations.iter().any(|told| told.contains("could not be read, so it is left disabled"));
        assert_eq!(is_told, is_restored, "{escalations:?}");
    }
}

/// P124: what a version was left in is the act of the latest call that took it away, whatever was answered before.
#[test]
fn a_sweep_answers_the_latest_call_that_took_a_version_away() {
    let at = |days: i64, mut entry: AuditEvent| {
        let time = time(EVENT_TIME) - SignedDuration::from_hours(24 * days);
        (entry.event.time, entry.event.id) = (Some(time), EventId::parse(&format!("days-ago-{days}")).unwrap());
        entry
    };
    for calls in [[at(0, destroyed()), at(2, disabled())], [at(0, disabled()), at(2, destroyed())]] {
        let mut stage = Stage::start(VersionState::Disabled, None);
        let latest = calls[0].event.id.clone();
        stage.guard.ports.control.past = Ok(LatestCalls { calls: calls.into(), has_older: false, is_cut_short: false });
        let report = finish(stage.guard.sweep(stage.stopped_after(270))).unwrap();
        assert_eq!((report.answered, report.failed.len()), (1, 0), "{report:?}");
        let answered: Vec<EventId> = stage.guard.ports.audit.records().iter().map(|record| record.event.id.clone()).collect();
        assert!(!answered.is_empty() && answered.iter().all(|id| *id == latest), "{answered:?}");
    }
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

/// P124: in a version's last hours the sweep waits for the log no longer: it is restored and left disabled. Not earlier: who destroyed it
/// may have an approval.
#[test]
fn a_sweep_restores_in_its_last_hours_what_the_log_says_nothing_of() {
    let denied = CallError::AccessDenied { call: "logging:ListLogEntries", message: "403".to_owned() };
    for silent in [Some("past"), None] {
        for (hours_left, is_restored) in [(11, true), (13, false)] {
            let mut stage = Stage::start(VersionState::DestroyScheduled, silent);
            stage.guard.ports.control.destroy_at = stage.clock.now() + SignedDuration::from_hours(hours_left);
            stage.guard.ports.control.past = Err(denied.clone());
            let report = finish(stage.guard.sweep(stage.stopped_after(270))).unwrap();
            // Disabled as it is, it is still open.
            assert_eq!((report.answered, report.failed.len()), (0, 1), "{silent:?}, {hours_left}: {report:?}");
            assert_eq!(stage.changes(), if is_restored { vec!["restore"] } else { Vec::new() }, "{silent:?}, {hours_left}");
            assert_eq!(stage.guard.ports.notices.notices().len(), usize::from(is_restored), "{silent:?}, {hours_left}");
        }
    }
}

/// P24: what a second look does not find as it must be is left to the sweeps; each tries again and says that it is open, and people are
/// told once.
#[test]
fn what_a_second_look_does_not_find_is_tried_again_by_every_sweep() {
    let mut stage = Stage::start(VersionState::DestroyScheduled, None);
    stage.guard.ports.control.fault = Some(("enable", Ok(())));
    stage.guard.ports.control.past = Ok(LatestCalls { calls: vec![destroyed()], has_older: false, is_cut_short: false });
    let answer = finish(stage.guard.handle(&destroyed(), stage.stopped_after(45))).unwrap();
    assert!(answer.as_ref().and_then(settled).is_some(), "no delivery does more: {answer:?}");
    for _ in 0..2 {
        let report = finish(stage.guard.sweep(stage.stopped_after(270))).unwrap();
        assert_eq!((report.lost, report.answered, report.known, report.failed.len()), (1, 0, 0, 1), "{report:?}");
        assert!(report.failed.concat().contains("a second look does not find it as it must be: it is DISABLED"), "{report:?}");
    }
    assert_eq!(stage.changes(), ["restore", "enable", "enable", "enable"]);
    assert_eq!(*stage.guard.ports.claims.ended.lock().unwrap(), ["left", "left", "left"]);
    assert_eq!(stage.guard.ports.notices.notices().len(), 1);
    stage.guard.ports.control.fault = None;
    let report = finish(stage.guard.sweep(stage.stopped_after(270))).unwrap();
    assert_eq!((report.answered, report.failed.len()), (1, 0), "{report:?}");
    assert_eq!(stage.guard.ports.claims.ended.lock().unwrap().last(), Some(&"settled"));
    assert_eq!(stage.guard.ports.notices.notices().len(), 2);
}

/// P32: people hear of an answer that stays open from the third attempt on; where no claim counts the attempts, after some minutes.
#[test]
fn people_are_told_of_what_stays_open() {
    for (attempt, minutes, is_told) in [(Some(2), 10, false), (Some(3), 0, true), (None, 4, false), (None, 6, true)] {
        let mut stage = Stage::start(VersionState::DestroyScheduled, None);
        stage.guard.ports.claims.attempt = attempt;
        stage.guard.ports.control.fault = Some(("restore", Err(unavailable())));
        stage.clock.set(time(EVENT_TIME) + SignedDuration::from_mins(minutes));
        let answer = finish(stage.guard.handle(&destroyed(), stage.stopped_after(45))).unwrap();
        assert!(matches!(&answer, Some(Handled::Retry { told, .. }) if *told == is_told), "{attempt:?}, {minutes}: {answer:?}");
        assert_eq!(stage.guard.ports.notices.notices().len(), usize::from(is_told), "{attempt:?}, {minutes}");
        // The same trouble is told once.
        stage.guard.ports.claims.attempt = attempt.map(|attempt| attempt + u32::from(is_told));
        let again = finish(stage.guard.handle(&destroyed(), stage.stopped_after(45))).unwrap();
        assert!(matches!(&again, Some(Handled::Retry { .. })), "{attempt:?}, {minutes}: {again:?}");
        assert_eq!(stage.guard.ports.notices.notices().len(), usize::from(is_told), "{attempt:?}, {minutes}: told again");
    }
}

//! The loop for log files, over fakes: what is kept, learned and told, whatever fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "anomaly/entries.rs"]
#[allow(dead_code, reason = "shared with the tests of the scoring")]
mod entries;

use jiff::{SignedDuration, Timestamp};
use reprieve_core::{AuditEvent, Finding, Posture, Severity};
use reprieve_engine::{Appended, Batch, CallError, Clock as _, EvidenceSink, Filed, Recorded, Recorder, RecordingPorts, RecordingSettings};
use reprieve_evidence::anomaly::{Baseline, NoPlaces, Settings};
use reprieve_test_support::{
    Effect, FailOnCall, FakeBaselineStore, FakeClock, FakeEvidenceSink, FakeNoticeSink, FakeRecordingMeter, Faults, Journal, finish, logged,
};

use crate::entries::{ELSEWHERE, KEY, OTHER_KEY, at, eight_weeks, entry, learned};

type TestRecorder = Recorder<FakeEvidenceSink, FakeBaselineStore, FailOnCall<FakeNoticeSink>, FakeClock, FakeRecordingMeter>;

struct Scene {
    recorder: TestRecorder,
    people: FakeNoticeSink,
    faults: Faults,
}

/// A recorder on the day after [`eight_weeks`], at noon; what is usual is known.
fn scene() -> Scene {
    let (people, faults) = (FakeNoticeSink::default(), Faults::new(Journal::default()));
    let ports = RecordingPorts {
        evidence: FakeEvidenceSink::default(),
        baseline: FakeBaselineStore::default(),
        notices: FailOnCall::new(people.clone(), faults.clone()),
        clock: FakeClock::at(at(56, 12, 0)),
        meter: FakeRecordingMeter::default(),
    };
    ports.baseline.put(learned().to_bytes());
    Scene { recorder: Recorder { ports, settings: RecordingSettings::default() }, people, faults }
}

impl Scene {
    fn try_record(&self, batch: &Batch) -> Result<Recorded, CallError> {
        let stopped_at = self.recorder.ports.clock.now() + SignedDuration::from_mins(5);
        finish(self.recorder.record(batch, stopped_at)).expect("it ends")
    }

    fn record(&self, batch: &Batch) -> Recorded {
        self.try_record(batch).expect("it is recorded")
    }

    fn baseline(&self) -> Baseline {
        let bytes = self.recorder.ports.baseline.bytes().expect("there is one");
        Baseline::from_bytes(&bytes, Settings::default()).expect("it is read")
    }
}

fn batch(name: &str, events: Vec<AuditEvent>) -> Batch {
    Batch { log_file: name.to_owned(), events }
}

fn usual(minute: i64) -> AuditEvent {
    entry(at(56, 10, minute)).0
}

fn strange(day: i64, minute: i64) -> AuditEvent {
    entry(at(day, 3, minute)).from(ELSEWHERE).on(OTHER_KEY).0
}

fn unavailable() -> CallError {
    CallError::Unavailable { call: "s3:PutObject", message: "time-out".to_owned() }
}

fn denied() -> CallError {
    CallError::AccessDenied { call: "s3:PutObject", message: "no".to_owned() }
}

#[test]
fn what_is_unusual_is_kept_learned_and_told() {
    let scene = scene();
    let recorded = scene.record(&batch("file", vec![usual(0), strange(56, 0), usual(1)]));
    assert_eq!((recorded.entries, recorded.bytes, recorded.findings.len(), recorded.told), (3, 3_000, 1, 1));
    assert_eq!((recorded.baseline_unsaved.clone(), recorded.complaints.len(), recorded.is_repetition), (None, 0, false));
    assert_eq!(scene.recorder.ports.evidence.findings(), recorded.findings);
    assert!(scene.baseline().knows_log_file("file"));
    assert_eq!(scene.recorder.ports.meter.recorded(), [recorded]);
    let told = scene.people.notices();
    assert_eq!(told[0].subject, "[High] unusual: Decrypt on key ffffabcd-12ab-34cd-56ef-1234567890ab by payments");
    let text = told[0].text();
    for part in [
        "payments called Decrypt on 2026-09-28 03:00:00 UTC, from 198.51.100.9. It is unusual: first Decrypt by role payments on key",
        "Nothing was undone because of it",
        "- never before from 198.51.100.0/24 (+",
        "Finding: event-",
    ] {
        assert!(text.contains(part), "`{part}` in:\n{text}");
    }
}

/// P123
#[test]
fn a_log_file_that_comes_again_adds_nothing_teaches_nothing_and_tells_nobody() {
    let scene = scene();
    let file = batch("file", vec![usual(0), strange(56, 0)]);
    scene.record(&file);
    let known = scene.baseline();
    let again = scene.record(&file);
    assert!(again.is_repetition);
    assert_eq!((again.bytes, again.findings.len(), again.told), (0, 0, 0));
    assert_eq!(scene.baseline(), known);
    assert_eq!(scene.people.notices().len(), 1);
}

#[test]
fn an_entry_that_stands_twice_in_a_log_file_teaches_once() {
    let scene = scene();
    scene.record(&batch("file", vec![usual(0), usual(0), usual(0)]));
    let mut once = learned();
    once.learn(&usual(0));
    once.remember_log_file("file", at(56, 12, 0));
    assert_eq!(scene.baseline(), once);
}

#[test]
fn entries_are_scored_in_the_order_of_their_time() {
    let scene = scene();
    let recorded = scene.record(&batch("file", vec![strange(56, 30), strange(56, 10), strange(56, 20)]));
    assert_eq!(recorded.findings.iter().map(|finding| finding.audit.event.time.unwrap()).collect::<Vec<_>>(), [at(56, 3, 10)]);
}

#[test]
fn the_entries_are_kept_before_anything_else() {
    let scene = scene();
    scene.recorder.ports.evidence.fail_next("append_events", unavailable());
    let before = scene.baseline();
    assert_eq!(scene.try_record(&batch("file", vec![strange(56, 0)])), Err(unavailable()));
    assert_eq!((scene.baseline(), scene.people.notices().len()), (before, 0));
    assert!(scene.recorder.ports.evidence.findings().is_empty());
}

/// An archive that never answers.
struct Silent;

impl EvidenceSink for Silent {
    async fn append_events(&self, _: &Batch) -> Result<Appended, CallError> {
        std::future::pending().await
    }

    async fn append_finding(&self, _: &Finding) -> Result<Filed, CallError> {
        std::future::pending().await
    }

    async fn append_posture(&self, _: &Posture) -> Result<bool, CallError> {
        std::future::pending().await
    }
}

#[test]
fn an_archive_that_never_answers_is_given_up_in_time_and_the_log_file_comes_again() {
    let scene = scene();
    let RecordingPorts { baseline, notices, clock, meter, .. } = scene.recorder.ports.clone();
    clock.run_out();
    let stopped_at = clock.now() + SignedDuration::from_mins(4);
    let ports = RecordingPorts { evidence: Silent, baseline, notices, clock, meter };
    let recorder = Recorder { ports, settings: RecordingSettings::default() };
    let error = finish(recorder.record(&batch("file", vec![usual(0)]), stopped_at)).expect("it ends").unwrap_err();
    assert!(matches!(&error, CallError::Unavailable { .. }) && error.to_string().contains("the entries"), "{error}");
}

/// What is kept elsewhere is kept: it is held against what is usual, and the refusal is said.
#[test]
fn entries_that_were_refused_are_watched_all_the_same() {
    let scene = scene();
    scene.recorder.ports.evidence.refuse_next("append_events", "the entries lie elsewhere");
    let recorded = scene.record(&batch("file", vec![strange(56, 0)]));
    assert_eq!((recorded.entries, recorded.bytes, recorded.told), (1, 1_000, 1));
    assert_eq!(recorded.refused, ["the entries lie elsewhere"]);
    assert_eq!((scene.recorder.ports.evidence.findings().len(), scene.people.notices().len()), (1, 1));
    assert!(scene.baseline().knows_log_file("file"));
}

/// A finding that lies elsewhere is one of the findings: people are told of it, and the refusal is said beside that of the entries.
#[test]
fn a_finding_that_was_refused_is_told_all_the_same() {
    let scene = scene();
    scene.recorder.ports.evidence.refuse_next("append_events", "the entries lie elsewhere");
    scene.recorder.ports.evidence.refuse_next("append_finding", "the finding lies elsewhere");
    let file = batch("file", vec![strange(56, 0)]);
    let recorded = scene.record(&file);
    assert_eq!((recorded.findings.len(), recorded.told, scene.people.notices().len()), (1, 1, 1));
    assert_eq!(recorded.refused, ["the entries lie elsewhere", "the finding lies elsewhere"]);
    assert!(scene.record(&file).is_repetition, "nothing of it waits");
}

/// P110: the next delivery finds the finding there, and comes to neither again.
#[test]
fn what_was_refused_and_what_was_not_told_is_said_where_another_finding_fails_the_log_file() {
    let scene = scene();
    let file = batch("file", vec![strange(56, 0), entry(at(56, 3, 1)).by("billing").from(ELSEWHERE).on(KEY).0]);
    scene.recorder.ports.evidence.fail_next("append_finding", unavailable());
    scene.recorder.ports.evidence.refuse_next("append_finding", "the finding lies elsewhere");
    scene.faults.fail_next("tell", 1, Effect::Before, denied());
    let (recorded, log) = logged(|| scene.try_record(&file));
    assert_eq!(recorded, Err(unavailable()));
    assert_eq!(scene.recorder.ports.meter.recorded()[0].findings.len(), 1);
    let lines: Vec<&str> = log.lines().collect();
    assert!(lines.len() == 2 && lines[0].contains("the finding lies elsewhere") && lines[1].contains("was not told"), "{log}");
    let again = scene.record(&file);
    assert_eq!((again.findings.len(), again.told, again.refused.len(), again.complaints.len()), (1, 1, 0, 0));
}

/// P123
#[test]
fn where_the_baseline_cannot_be_read_the_entries_are_kept_and_it_is_said() {
    let scene = scene();
    scene.recorder.ports.baseline.fail_load(denied());
    let recorded = scene.record(&batch("file", vec![strange(56, 0)]));
    assert_eq!(recorded.baseline_unsaved.as_deref(), Some("s3:PutObject: access denied: no"));
    assert_eq!(scene.recorder.ports.evidence.log_files(), ["file"]);
    assert_eq!(scene.recorder.ports.meter.recorded(), [recorded]);
}

/// P122
#[test]
fn a_foreign_baseline_is_not_overwritten() {
    let scene = scene();
    scene.recorder.ports.baseline.put(b"somebody else's".to_vec());
    let recorded = scene.record(&batch("file", vec![strange(56, 0)]));
    assert!(recorded.baseline_unsaved.unwrap().contains("no baseline of Reprieve"));
    assert_eq!(scene.recorder.ports.baseline.bytes().unwrap(), b"somebody else's");
}

#[test]
fn where_the_baseline_cannot_be_saved_findings_are_kept_and_told_once() {
    let scene = scene();
    let file = batch("file", vec![strange(56, 0)]);
    scene.recorder.ports.baseline.fail_save(false, denied());
    let recorded = scene.record(&file);
    assert_eq!((recorded.baseline_unsaved.is_some(), recorded.findings.len(), recorded.told), (true, 1, 1));
    let again = scene.record(&file);
    assert_eq!((again.baseline_unsaved, again.findings.len(), again.told, again.is_repetition), (None, 0, 0, false));
    assert_eq!(scene.people.notices().len(), 1);
}

/// P122
#[test]
fn of_two_that_learn_at_once_neither_forgets_what_the_other_learned() {
    let scene = scene();
    let mut theirs = learned();
    theirs.learn(&entry(at(56, 11, 0)).by("newcomer").0);
    theirs.remember_log_file("their file", at(56, 12, 0));
    scene.recorder.ports.baseline.overtake(theirs.to_bytes());
    let recorded = scene.record(&batch("our file", vec![usual(0), strange(56, 0)]));
    assert_eq!((recorded.baseline_unsaved, recorded.findings.len()), (None, 1));
    let mut both = learned();
    for event in [strange(56, 0), usual(0)] {
        both.consider(&event, at(56, 12, 0), &NoPlaces);
    }
    both.remember_log_file("our file", at(56, 12, 0));
    both.learn(&entry(at(56, 11, 0)).by("newcomer").0);
    both.remember_log_file("their file", at(56, 12, 0));
    assert_eq!(scene.baseline(), both);
}

#[test]
fn the_first_two_baselines_merge_too() {
    let scene = scene();
    let fresh = FakeBaselineStore::default();
    let recorder = Recorder {
        ports: RecordingPorts { baseline: fresh.clone(), ..scene.recorder.ports.clone() },
        settings: RecordingSettings::default(),
    };
    let mut theirs = Baseline::new(Settings::default());
    theirs.learn(&usual(0));
    fresh.overtake(theirs.to_bytes());
    finish(recorder.record(&batch("file", vec![usual(1)]), at(56, 13, 0))).unwrap().unwrap();
    theirs.learn(&usual(1));
    theirs.remember_log_file("file", at(56, 12, 0));
    assert_eq!(Baseline::from_bytes(&fresh.bytes().unwrap(), Settings::default()).unwrap(), theirs);
}

#[test]
fn a_save_whose_answer_was_lost_does_not_teach_twice() {
    let scene = scene();
    scene.recorder.ports.baseline.fail_save(true, unavailable());
    let recorded = scene.record(&batch("file", vec![usual(0)]));
    assert_eq!((recorded.baseline_unsaved, scene.recorder.ports.baseline.saves()), (None, 1));
}

#[test]
fn being_overtaken_again_and_again_ends_and_is_said() {
    let scene = scene();
    for minute in 0..20 {
        let mut theirs = learned();
        theirs.learn(&usual(minute));
        scene.recorder.ports.baseline.overtake(theirs.to_bytes());
    }
    let recorded = scene.record(&batch("file", vec![usual(0)]));
    assert_eq!(recorded.baseline_unsaved.as_deref(), Some("somebody else saved the baseline each time"));
}

#[test]
fn a_finding_that_cannot_be_kept_fails_the_log_file_and_the_others_are_told() {
    let scene = scene();
    let file = batch("file", vec![strange(56, 0), entry(at(56, 3, 1)).by("billing").from(ELSEWHERE).on(KEY).0]);
    scene.recorder.ports.evidence.fail_next("append_finding", unavailable());
    assert_eq!(scene.try_record(&file), Err(unavailable()));
    assert_eq!(scene.people.notices().len(), 1);
    let again = scene.record(&file);
    assert_eq!((again.findings.len(), again.told, again.is_repetition), (1, 1, false));
    assert_eq!(scene.recorder.ports.evidence.findings().len(), 2);
}

#[test]
fn a_notice_that_cannot_be_sent_is_said_and_costs_nothing_else() {
    let scene = scene();
    scene.faults.fail_next("tell", 1, Effect::Before, unavailable());
    let recorded = scene.record(&batch("file", vec![strange(56, 0)]));
    assert_eq!((recorded.told, recorded.findings.len(), recorded.baseline_unsaved), (0, 1, None));
    assert!(recorded.complaints[0].ends_with("was not told: s3:PutObject: no usable answer: time-out"), "{:?}", recorded.complaints);
}

#[test]
fn people_are_told_from_the_severity_that_is_set() {
    for (tell_from, told) in [(Some(Severity::Critical), 0), (Some(Severity::High), 1), (None, 0)] {
        let mut scene = scene();
        scene.recorder.settings.tell_from = tell_from;
        assert_eq!(scene.record(&batch("file", vec![strange(56, 0)])).told, told, "{tell_from:?}");
    }
}

#[test]
fn many_findings_are_told_by_the_weightiest() {
    let scene = scene();
    let mut baseline = learned();
    let roles: Vec<String> = (0..25).map(|number| format!("worker-{number}")).collect();
    for event in eight_weeks() {
        if event.event.time.unwrap().as_second() % 3_600 == 0 {
            for role in &roles {
                baseline.learn(&crate::entries::Entry(event.clone()).by(role).on(KEY).0);
            }
        }
    }
    scene.recorder.ports.baseline.put(baseline.to_bytes());
    let events = roles.iter().zip(0..).map(|(role, minute)| entry(at(56, 3, minute)).by(role).from(ELSEWHERE).on(OTHER_KEY).0).collect();
    let recorded = scene.record(&batch("file", events));
    assert_eq!((recorded.findings.len(), recorded.told), (25, 10));
    let warnings: Vec<String> = scene.people.notices().into_iter().flat_map(|notice| notice.warnings).collect();
    assert_eq!(warnings, ["15 more findings of the same log file are in the archive, and not told one by one."]);
}

#[test]
fn entries_of_the_future_are_kept_and_teach_nothing() {
    let scene = scene();
    let known = |scene: &Scene| scene.baseline().size();
    let before = known(&scene);
    let recorded = scene.record(&batch("file", vec![entry(at(60, 3, 0)).by("prophet").from(ELSEWHERE).0]));
    assert_eq!((recorded.ahead, recorded.entries, recorded.findings.len()), (1, 1, 0));
    assert_eq!(known(&scene), before);
}

#[test]
fn without_time_left_the_entries_are_kept_and_it_is_said() {
    let scene = scene();
    let now: Timestamp = scene.recorder.ports.clock.now();
    let recorded = finish(scene.recorder.record(&batch("file", vec![strange(56, 0)]), now)).unwrap().unwrap();
    assert_eq!(recorded.baseline_unsaved.as_deref(), Some("the baseline was not read in time"));
    assert_eq!(scene.recorder.ports.evidence.log_files(), ["file"]);
}

//! Each KPI against a small example that was worked out by hand.
#![expect(clippy::unwrap_used, reason = "a test that goes another way must stop")]

#[path = "kpis/scene.rs"]
mod scene;

use proptest::prelude::*;
use reprieve_core::approval::ApprovalSource;
use reprieve_core::audit::Operation;
use reprieve_core::drill::decide::{held, not_held, would_be_held};
use reprieve_core::drill::{DRILL, DrillReport, Path, Verdict};
use reprieve_core::monitoring::event::own;
use reprieve_core::posture::KeyAtRisk;
use reprieve_core::record::StepResult;
use reprieve_core::{AuditEvent, Decision, EventForm, EventId, Finding, Posture, Record, Severity, Status, Target, Why};
use reprieve_evidence::kpi::{Cover, DrillVerdict, Kpis, Observed, Period, Resolution, Summary};

use scene::{
    after, approval, entry, failed, finding, intent, key, posture, refused, remedy, revocation, stood, time, undone, why_approved,
};

/// Something of any kind.
#[derive(Debug, Clone)]
enum Thing {
    Decision(Box<Record>),
    Entry(Box<AuditEvent>),
    Finding(Box<Finding>),
    Posture(Posture),
}

impl Thing {
    fn observed(&self) -> Observed<'_> {
        match self {
            Self::Decision(record) => Observed::Decision(record),
            Self::Entry(audit) => Observed::Entry(audit),
            Self::Finding(finding) => Observed::Finding(finding),
            Self::Posture(posture) => Observed::Posture(posture),
        }
    }
}

fn fold(things: &[Thing]) -> Kpis {
    let mut kpis = Kpis::default();
    for thing in things {
        kpis.add(&thing.observed());
    }
    kpis
}

fn of_records(records: &[Record]) -> Summary {
    let things: Vec<Thing> = records.iter().cloned().map(Box::new).map(Thing::Decision).collect();
    summary(&fold(&things))
}

fn of_entries(entries: &[AuditEvent]) -> Summary {
    let things: Vec<Thing> = entries.iter().cloned().map(Box::new).map(Thing::Entry).collect();
    summary(&fold(&things))
}

fn summary(kpis: &Kpis) -> Summary {
    kpis.summary(Period::default(), after(86_400))
}

#[test]
fn an_intent_and_its_outcome_are_one_incident_that_was_undone() {
    let summary = of_records(&[intent("e-1", "a", after(0)), undone("e-1", "a", after(0), 4)]);
    assert_eq!((summary.decisions.total, summary.decisions.incidents), (1, 1));
    assert_eq!(summary.decisions.resolutions.get(&Resolution::Undone), Some(&1));
    assert_eq!(summary.incidents.first().map(|incident| incident.remediate_ms), Some(Some(4_000)));
}

#[test]
fn a_repeated_record_counts_once() {
    let record = undone("e-1", "a", after(0), 4);
    assert_eq!(of_records(&[record.clone(), record.clone(), record.clone()]), of_records(&[record]));
}

/// P119
#[test]
fn a_negative_time_to_detect_counts_and_is_told() {
    let with = |id: &str, ms: i64| Record { detect_ms: Some(ms), ..undone(id, id, after(0), 4) };
    let times = of_records(&[with("e-1", -2_500), with("e-2", 1_000), with("e-3", 3_000)]).detect.times;
    assert_eq!((times.count, times.negative, times.min_ms, times.p50_ms, times.max_ms), (3, 1, Some(-2_500), Some(1_000), Some(3_000)));
}

#[test]
fn an_event_of_which_the_time_is_not_known_is_counted_as_not_measured() {
    let summary = of_records(&[Record { detect_ms: None, remediate_ms: None, ..undone("e-1", "a", after(0), 4) }]);
    assert_eq!((summary.detect.times.count, summary.detect.unmeasured), (0, 1));
    assert_eq!((summary.remediate.times.count, summary.remediate.unmeasured), (0, 1));
}

/// P119
#[test]
fn failures_are_counted_and_are_no_part_of_the_times() {
    let summary = of_records(&[
        undone("e-1", "a", after(0), 2),
        undone("e-2", "b", after(0), 4),
        failed("e-3", "c", after(0)),
        remedy("e-4", "d", after(0), 900, StepResult::Unsupported { error: "no material".to_owned() }),
        intent("e-5", "e", after(0)),
        remedy("e-6", "f", after(0), 1, StepResult::NotCarriedOut),
    ]);
    let told = &summary.remediate;
    assert_eq!((told.times.count, told.times.p50_ms, told.times.max_ms), (2, Some(2_000), Some(4_000)));
    assert_eq!((told.failed, told.unfinished, told.only_observed, told.unmeasured), (2, 1, 1, 0));
}

#[test]
fn a_later_attempt_that_succeeds_ends_the_incident_and_its_key_is_at_risk_no_more() {
    let first = remedy("e-1", "a", after(0), 2, StepResult::FailedForNow { error: "throttled".to_owned() });
    let second = Record { attempt: 2, ..undone("e-1", "a", after(0), 40) };
    for order in [[first.clone(), second.clone()], [second, first]] {
        let summary = of_records(&order);
        assert_eq!((summary.decisions.total, summary.remediate.failed, summary.remediate.times.max_ms), (1, 0, Some(40_000)));
        assert!(summary.at_risk.is_empty());
    }
}

#[test]
fn what_a_delivery_too_late_finds_done_does_not_hide_who_did_it() {
    let late = Record {
        attempt: 3,
        claimed: false,
        recorded_at: after(600),
        ..stood("e-1", "a", after(0), Why::new(Severity::Informational, "It is enabled already."))
    };
    let summary = of_records(&[undone("e-1", "a", after(0), 4), late]);
    assert_eq!(summary.decisions.resolutions.get(&Resolution::Undone), Some(&1));
}

#[test]
fn an_approved_act_is_no_incident_and_names_its_approval() {
    let act = stood("e-1", "k", after(0), why_approved(approval(ApprovalSource::SealedTags)));
    let summary = of_records(&[act]);
    assert_eq!((summary.decisions.total, summary.decisions.incidents, summary.approvals.sealed_tags), (1, 0, 1));
    let cover = summary.approvals.acts.first().map(|act| &act.cover);
    assert!(matches!(cover, Some(Cover::Approval { change, approver, .. }) if change == "CHG-1" && approver == "alice"), "{cover:?}");
}

#[test]
fn approvals_are_counted_by_their_source_and_by_why_they_did_not_hold() {
    let of = |source| why_approved(approval(source));
    let glass = Why { pass_ends: Some(after(3_600)), permitted: true, ..Why::new(Severity::High, "The glass was broken.") };
    let policy = Why { permitted: true, policies: vec!["sandbox".to_owned()], ..Why::new(Severity::Low, "A sandbox.") };
    let not = |change: &dyn Fn(&mut reprieve_core::approval::Approval)| {
        let mut approval = approval(ApprovalSource::Ledger);
        change(&mut approval);
        Why { permitted: false, ..why_approved(approval) }
    };
    let own = not(&|approval| approval.approver_identities = ["person:mallory".to_owned()].into());
    let revoked = not(&|approval| approval.revoked = Some(revocation()));
    let outside = not(&|approval| approval.window_end = time("2026-11-02T00:00:00Z"));
    let whys = [
        of(ApprovalSource::SealedTags),
        of(ApprovalSource::SealedTags),
        of(ApprovalSource::Ledger),
        of(ApprovalSource::PlainTags),
        glass,
        policy,
        own,
        revoked,
        outside,
    ];
    let records: Vec<Record> =
        whys.into_iter().enumerate().map(|(number, why)| stood(&format!("e-{number}"), "k", after(0), why)).collect();
    let used = of_records(&records).approvals;
    assert_eq!((used.sealed_tags, used.ledger, used.plain_tags, used.broken_glass, used.by_policy), (2, 1, 1, 1, 1));
    assert_eq!((used.self_approved, used.revoked, used.invalid, used.insufficient), (1, 1, 0, 1));
    assert_eq!((used.used(), used.rejected(), used.acts.len()), (4, 3, 6));
}

#[test]
fn a_false_positive_is_an_alert_for_an_act_that_was_approved() {
    let told = |mut why: Why| {
        why.escalations.push("look at this".to_owned());
        why
    };
    let glass = Why { pass_ends: Some(after(3_600)), permitted: true, ..Why::new(Severity::High, "The glass was broken.") };
    let things = [
        // A true alert, and one that was nobody's alarm.
        Thing::Decision(Box::new(undone("e-1", "a", after(0), 4))),
        Thing::Decision(Box::new(stood("e-2", "b", after(0), why_approved(approval(ApprovalSource::Ledger))))),
        // Approved, and told all the same.
        Thing::Decision(Box::new(stood("e-3", "c", after(0), told(why_approved(approval(ApprovalSource::Ledger)))))),
        // A broken glass is meant to be seen.
        Thing::Decision(Box::new(stood("e-4", "d", after(0), told(glass)))),
        // Anomalies: on the approved act, on the incident, and on what nobody decided.
        Thing::Finding(Box::new(finding("e-2", 60, after(0)))),
        Thing::Finding(Box::new(finding("e-1", 70, after(0)))),
        Thing::Finding(Box::new(finding("e-9", 80, after(0)))),
    ];
    let alerts = summary(&fold(&things)).alerts;
    assert_eq!((alerts.total, alerts.decisions, alerts.anomalies), (6, 3, 3));
    assert_eq!((alerts.true_positive, alerts.false_positive, alerts.unjudged), (3, 2, 1));
    assert_eq!(alerts.false_positive_rate.percent, Some(40.0));
}

#[test]
fn coverage_adds_up_the_latest_posture_of_each_place() {
    let storages = |mut posture: Posture| {
        (posture.log_storages, posture.log_storages_under_customer_key) = (2, 1);
        posture
    };
    let things = [
        Thing::Posture(posture("111122223333", after(0), (1, 10))),
        Thing::Posture(storages(posture("111122223333", after(3_600), (9, 10)))),
        Thing::Posture(posture("444455556666", after(60), (20, 20))),
    ];
    let summary = summary(&fold(&things));
    let share = summary.coverage.share;
    assert_eq!((share.part, share.whole, share.percent), (29, 30, Some(96.6)));
    assert_eq!((summary.coverage.places, summary.coverage.oldest_at), (2, Some(after(60))));
    assert_eq!(summary.log_storage.share.percent, Some(50.0));
}

#[test]
fn keys_at_risk_come_from_the_latest_look_and_from_answers_that_were_left_open() {
    let at_risk = |id: &str, days: i64| KeyAtRisk {
        id: key(id).to_string(),
        why: "its deletion is pending".to_owned(),
        deadline: Some(after(days * 86_400)),
    };
    let mut looked = posture("111122223333", after(3_600), (9, 10));
    looked.at_risk = vec![at_risk("far", 9), at_risk("near", 2)];
    let mut late = failed("e-2", "left-open", after(7_200));
    if let Some(Decision::Remedy { why, .. }) = &mut late.decision {
        why.deadline = Some(after(5 * 86_400));
    }
    let things = [
        Thing::Posture(looked),
        // Failed before the look, which found nothing: it is well.
        Thing::Decision(Box::new(failed("e-1", "mended", after(0)))),
        Thing::Decision(Box::new(late)),
        // Failed after the look, then undone by another event.
        Thing::Decision(Box::new(failed("e-3", "swept", after(7_200)))),
        Thing::Decision(Box::new(undone("e-4", "swept", after(10_800), 3))),
    ];
    let summary = fold(&things).summary(Period::default(), after(3 * 86_400));
    let told: Vec<(String, bool)> =
        summary.at_risk.iter().map(|key| (key.id.rsplit('/').next().unwrap_or_default().to_owned(), key.has_passed)).collect();
    assert_eq!(told, [("near".to_owned(), true), ("left-open".to_owned(), false), ("far".to_owned(), false)]);
    assert!(summary.at_risk.iter().any(|key| key.why == "could not cancel the deletion: refused: access denied"), "{:?}", summary.at_risk);
}

#[test]
fn rotations_are_told_by_month_and_a_request_for_one_is_none() {
    let named = |mut entry: AuditEvent, name: &str, form: EventForm| {
        entry.event.name = name.to_owned();
        entry.event.form = form;
        entry
    };
    let rotate = |id: &str, at: &str| entry(id, Operation::Rotate, "key-a", time(at));
    let rotations = of_entries(&[
        named(rotate("r-1", "2026-10-31T23:59:59Z"), "RotateKey", EventForm::ServiceEvent),
        named(rotate("r-2", "2026-11-01T00:00:00Z"), "RotateKey", EventForm::ServiceEvent),
        named(rotate("r-3", "2026-11-01T00:00:00Z"), "RotateKeyOnDemand", EventForm::ApiCall),
        named(rotate("r-4", "2026-11-02T00:00:00Z"), "RotationStarted", EventForm::ServiceEvent),
        named(rotate("r-5", "2026-11-02T00:00:09Z"), "RotationSucceeded", EventForm::ServiceEvent),
        refused(rotate("r-6", "2026-11-02T00:00:09Z")),
    ])
    .rotations;
    assert_eq!((rotations.total, rotations.assets), (3, 1));
    assert_eq!(rotations.by_month.into_iter().collect::<Vec<_>>(), [("2026-10".to_owned(), 1), ("2026-11".to_owned(), 2)]);
}

#[test]
fn uses_are_told_by_hour_of_the_week_and_failed_ones_by_caller_key_and_code() {
    // 05:00 on a Saturday, twice, and 23:00 on a Sunday.
    let summary = of_entries(&[
        entry("u-1", Operation::Decrypt, "key-a", after(0)),
        entry("u-2", Operation::Encrypt, "key-a", after(3_599)),
        entry("u-3", Operation::Sign, "key-b", time("2026-11-22T23:00:00Z")),
        entry("u-4", Operation::Update, "key-a", after(0)),
        refused(entry("u-5", Operation::Decrypt, "key-a", after(0))),
        refused(entry("u-5", Operation::Decrypt, "key-a", after(0))),
        refused(entry("u-6", Operation::Decrypt, "key-b", after(0))),
    ]);
    let cell = |day: usize, hour: usize| summary.uses.hours_of_week.get(day).and_then(|hours| hours.get(hour)).copied();
    assert_eq!((summary.uses.total, summary.uses.assets, cell(5, 5), cell(6, 23), cell(0, 0)), (3, 2, Some(2), Some(1), Some(0)));
    let busiest = summary.uses.busiest.first().unwrap();
    assert_eq!((busiest.asset.as_str(), busiest.days.get("2026-11-21")), ("key-a", Some(&2)));
    assert_eq!((summary.refused.total, summary.refused.by_principal.len(), summary.refused.by_asset.len()), (2, 1, 2));
    assert_eq!(summary.refused.by_code.first().map(|code| (code.name.as_str(), code.count)), Some(("AccessDenied", 2)));
    assert_eq!(summary.entries.values().sum::<u64>(), 6);
}

/// P119
#[test]
fn drills_are_told_apart_and_what_the_guard_did_on_their_key_is_in_no_other_number() {
    let drill = |id: &str, (decision, status): (Decision, Status)| {
        let place = key("drill");
        let event = own(EventId::parse(id).unwrap(), DRILL, after(0), (&place.account(), &place.region()), Target::Key(place.clone()));
        Record { event, threat: None, decision: Some(decision), status, ..stood(id, "drill", after(0), Why::new(Severity::Low, "")) }
    };
    let report = |verdict: Verdict| DrillReport { started_at: after(0), paths: vec![(Path::Enablement, verdict)], own_steps: Vec::new() };
    let passed = held(&report(Verdict::Proven { ms: 2_100 }), &key("drill"), true, Vec::new());
    let missed = held(&report(Verdict::Missed { deadline_ms: 60_000, after_ms: None }), &key("drill"), true, Vec::new());
    let summary = of_records(&[
        drill("d-1", passed),
        drill("d-2", missed),
        drill("d-3", not_held(&["the alarm is going off".to_owned()], Severity::Medium, &[], Vec::new())),
        drill("d-4", would_be_held("nothing was scheduled", Vec::new())),
        undone("e-1", "drill", after(1), 2),
    ]);
    let drills = &summary.drills;
    assert_eq!((drills.passed, drills.missed, drills.not_held), (1, 1, 2));
    assert!(drills.all.iter().any(|drill| drill.verdict == DrillVerdict::Passed && drill.measured == ["key back: after 2.1 s"]));
    assert_eq!((summary.decisions.total, summary.alerts.total, summary.remediate.times.count), (0, 0, 0));
}

#[test]
fn incidents_are_told_by_place_and_by_what_became_of_them() {
    let escalated = Record {
        decision: Some(Decision::Escalate { why: Why::new(Severity::Critical, "It is gone.") }),
        status: Status::Escalated,
        ..undone("e-3", "c", after(0), 1)
    };
    let sweep = |mut record: Record| {
        record.event.form = EventForm::Sweep;
        record
    };
    let summary =
        of_records(&[undone("e-1", "a", after(0), 1), failed("e-2", "b", after(0)), escalated, sweep(undone("e-4", "d", after(0), 1))]);
    let place = summary.places.first().unwrap();
    assert_eq!(
        (place.account.as_str(), place.region.as_str(), place.incidents, place.undone, place.failed),
        ("111122223333", "eu-central-1", 4, 2, 1)
    );
    assert_eq!((summary.decisions.escalated, summary.decisions.found_by_sweep), (1, 1));
    assert_eq!(summary.decisions.by_status.get("failure"), Some(&1));
}

#[test]
fn a_period_holds_its_first_moment_and_not_its_end() {
    let period = Period { from: Some(after(0)), to: Some(after(10)) };
    let held: Vec<bool> = [-1, 0, 9, 10].into_iter().map(|seconds| period.holds(after(seconds))).collect();
    assert_eq!(held, [false, true, true, false]);
    let mut timeless = entry("u-1", Operation::Decrypt, "key", after(0));
    timeless.event.time = None;
    assert!(!period.covers(&Observed::Entry(&timeless)));
    assert!(Period::default().covers(&Observed::Entry(&timeless)));
}

#[test]
fn of_nothing_every_number_is_nothing() {
    let kpis = Kpis::default();
    let summary = summary(&kpis);
    assert!(kpis.is_empty());
    assert_eq!(summary.coverage.share.percent, None);
    assert_eq!(summary.alerts.false_positive_rate.percent, None);
    assert_eq!(summary.remediate.times.p50_ms, None);
    assert!(summary.weights.are_exact());
}

#[test]
fn what_is_written_and_read_back_is_the_same() {
    let things = [
        Thing::Decision(Box::new(stood("e-1", "k", after(0), why_approved(approval(ApprovalSource::Ledger))))),
        Thing::Decision(Box::new(failed("e-2", "a", after(0)))),
        Thing::Entry(Box::new(entry("u-1", Operation::Decrypt, "key-a", after(0)))),
        Thing::Entry(Box::new(refused(entry("u-2", Operation::Decrypt, "key-a", after(0))))),
        Thing::Finding(Box::new(finding("u-1", 60, after(0)))),
        Thing::Posture(posture("111122223333", after(0), (9, 10))),
    ];
    let kpis = fold(&things);
    let read: Kpis = serde_json::from_str(&serde_json::to_string(&kpis).unwrap()).unwrap();
    assert_eq!(read, kpis);
}

fn things() -> impl Strategy<Value = Vec<Thing>> {
    let thing = (0_u8..9, 0_u32..6, 0_u32..4, 1_i64..50).prop_map(|(kind, id, key, seconds)| {
        // The same id always tells of the same event; what is recorded of it differs.
        let (event_id, key_id) = (format!("e-{id}"), format!("k-{id}"));
        let at = after(i64::from(id) * 7_000);
        let decision = |record: Record| Thing::Decision(Box::new(record));
        match kind {
            0 => decision(intent(&event_id, &key_id, at)),
            1 => decision(Record { attempt: key + 1, ..undone(&event_id, &key_id, at, seconds) }),
            2 => decision(failed(&event_id, &key_id, at)),
            3 => decision(stood(&event_id, &key_id, at, why_approved(approval(ApprovalSource::Ledger)))),
            4 => Thing::Entry(Box::new(entry(&format!("u-{id}"), Operation::Decrypt, &key_id, at))),
            5 => Thing::Entry(Box::new(refused(entry(&format!("r-{id}"), Operation::Decrypt, &key_id, at)))),
            6 => Thing::Finding(Box::new(finding(&event_id, key, at))),
            7 => Thing::Entry(Box::new(entry(&format!("o-{id}"), Operation::Rotate, &key_id, at))),
            _ => Thing::Posture(posture(&format!("11112222333{key}"), at, (u64::from(id), 10))),
        }
    });
    proptest::collection::vec(thing, 0..25)
}

fn merged(mut one: Kpis, other: Kpis) -> Kpis {
    one.merge(other);
    one
}

proptest! {
    /// P118
    #[test]
    fn merging_is_associative_commutative_and_idempotent(one in things(), two in things(), three in things()) {
        let (a, b, c) = (fold(&one), fold(&two), fold(&three));
        prop_assert_eq!(merged(merged(a.clone(), b.clone()), c.clone()), merged(a.clone(), merged(b.clone(), c.clone())));
        prop_assert_eq!(merged(a.clone(), b.clone()), merged(b.clone(), a.clone()));
        prop_assert_eq!(merged(a.clone(), a.clone()), a.clone());
        prop_assert_eq!(merged(a.clone(), Kpis::default()), a);
    }

    #[test]
    fn parts_that_are_folded_apart_come_to_what_the_whole_comes_to(all in things(), at in 0_usize..25, turned in any::<bool>()) {
        let (one, two) = all.split_at(at.min(all.len()));
        let apart = if turned { merged(fold(two), fold(one)) } else { merged(fold(one), fold(two)) };
        prop_assert_eq!(summary(&apart), summary(&fold(&all)));
        prop_assert_eq!(apart, fold(&all));
    }
}

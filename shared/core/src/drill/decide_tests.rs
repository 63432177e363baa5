//! What a drill came to, as a decision.

use super::*;
use crate::record::StepResult;

fn key() -> KeyArn {
    KeyArn::parse("arn:aws:kms:eu-central-1:111122223333:key/drill").unwrap()
}

fn report(alarm: Verdict, own_steps: Vec<StepOutcome>) -> DrillReport {
    let paths = vec![
        (Path::Detection, Verdict::Proven { ms: 1_200 }),
        (Path::Cancellation, Verdict::Proven { ms: 1_700 }),
        (Path::Enablement, Verdict::Proven { ms: 2_100 }),
        (Path::Notice, Verdict::Proven { ms: 2_600 }),
        (Path::Alarm, alarm),
    ];
    DrillReport { started_at: Timestamp::UNIX_EPOCH, paths, own_steps }
}

fn enabled(result: StepResult) -> Vec<StepOutcome> {
    vec![StepOutcome { step: Step::EnableKey { key: key() }, result, at: None }]
}

#[test]
fn a_drill_that_passed_wakes_nobody() {
    let (decision, status) = held(&report(Verdict::Proven { ms: 250_000 }, Vec::new()), &key(), true, Vec::new());
    assert_eq!(status, Status::Success);
    assert!(!decision.wakes_a_human() && decision.why().severity == Severity::Informational);
    let sentence = &decision.why().sentence;
    assert!(
        sentence.starts_with("drill passed: key back after 2.1 s, notice after 2.6 s, alarm after 4 min 10 s. The deletion"),
        "{sentence}"
    );
    assert_eq!(decision.why().reasoning.len(), 5);
}

#[test]
fn a_path_that_was_not_asked_for_is_left_out_of_the_headline() {
    let not_asked = Verdict::NotWatched { why: "no alarm is named".to_owned(), asked_for: false };
    let (decision, _) = held(&report(not_asked, Vec::new()), &key(), true, Vec::new());
    assert!(decision.why().sentence.starts_with("drill passed: key back after 2.1 s, notice after 2.6 s. "), "{decision:?}");
}

#[test]
fn a_missed_path_escalates() {
    let (decision, status) = held(&report(Verdict::Missed { deadline_ms: 720_000, after_ms: None }, Vec::new()), &key(), true, Vec::new());
    assert!(matches!(decision, Decision::Escalate { .. }) && status == Status::Escalated);
    assert_eq!(decision.why().severity, Severity::High);
    assert!(decision.why().sentence.starts_with("drill MISSED its deadline: alarm not within 12 min. "), "{decision:?}");
    assert_eq!(decision.why().escalations.len(), 1);
}

#[test]
fn what_the_drill_did_itself_is_a_remedy_within_what_the_intent_considered() {
    let (decision, status) = held(&report(Verdict::Proven { ms: 1 }, enabled(StepResult::Done)), &key(), true, Vec::new());
    assert!(decision.plan().unwrap().is_within(&clean_up_plan(&key())) && status == Status::Success);
    assert!(decision.why().escalations.iter().any(|line| line.contains("the guard did not give the key back")));
}

#[test]
fn a_key_that_was_not_given_back_is_named() {
    let steps = enabled(StepResult::Refused { error: "access denied".to_owned() });
    let (decision, status) = held(&report(Verdict::Proven { ms: 1 }, steps), &key(), false, Vec::new());
    assert_eq!(status, Status::Failure);
    assert!(decision.why().escalations.iter().any(|line| line.contains("key/drill` could not be given back")), "{decision:?}");
}

#[test]
fn a_drill_that_was_not_held_says_why_and_escalates() {
    let (decision, status) = not_held(&["one".to_owned(), "two".to_owned()], Severity::Medium, &[], vec!["beside".to_owned()]);
    assert!(matches!(decision, Decision::Escalate { .. }) && status == Status::Escalated);
    assert!(decision.why().sentence.starts_with("drill NOT held: one; two. "), "{decision:?}");
    assert_eq!(decision.why().escalations[0], "beside");
}

//! Notices about the monitoring as people read them: after a call that broke it, after a deployment, after the daily check.
#![expect(clippy::unwrap_used, reason = "what builds records for tests is still a test")]

use reprieve_core::event::CallOutcome;
use reprieve_core::monitoring::event::{Bearing, SOURCE, bearing};
use reprieve_core::monitoring::world::Trail;
use reprieve_core::monitoring::{Change, Finding, MonitoringPlan, Subject, decide, plan};
use reprieve_core::notice::{Notice, SUBJECT_LIMIT};
use reprieve_core::{
    Actor, Decision, Event, EventForm, KeyNames, Known, Mode, Phase, Plan, Record, Severity, Status, StepOutcome, StepResult, Target,
};
use reprieve_test_support::event::{event, mallory, time};
use reprieve_test_support::monitoring::{
    LOG_GROUP, TOPIC, TRAIL, healthy_alarm, healthy_filter, healthy_trail, monitoring_desired, monitoring_world,
};

const FILTER: &str = "Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled";

fn changes() -> Vec<Change> {
    let desired = monitoring_desired();
    let control = desired.baseline.controls.iter().find(|control| control.name == FILTER).unwrap();
    vec![
        Change::PutMetricFilter { log_group: LOG_GROUP.to_owned(), filter: healthy_filter(&desired, control), was: None },
        Change::PutMetricAlarm { alarm: Box::new(healthy_alarm(&desired, control)), was: None },
    ]
}

fn filter_deleted() -> Event {
    let caller = Actor { source_address: Some("203.0.113.7".to_owned()), ..mallory() };
    event("DeleteMetricFilter").source("logs.amazonaws.com").target(Target::Named(FILTER.to_owned())).by(caller).build()
}

fn filter_put() -> Event {
    event("PutMetricFilter").source("logs.amazonaws.com").target(Target::Named(FILTER.to_owned())).build()
}

fn trail_updated(named: &str) -> Event {
    event("UpdateTrail").source("cloudtrail.amazonaws.com").target(Target::Named(named.to_owned())).build()
}

fn alarm_of_others_deleted() -> Event {
    event("DeleteAlarms").source("monitoring.amazonaws.com").target(Target::Named("billing".to_owned())).build()
}

/// Calls on a log group and a topic that are named as the trail is.
fn calls_on_namesakes_of_the_trail() -> [Event; 2] {
    let topic = "arn:aws:sns:eu-west-1:111122223333:reprieve";
    [
        event("PutRetentionPolicy").source("logs.amazonaws.com").target(Target::Named("/org/reprieve".to_owned())).build(),
        event("SetTopicAttributes").source("sns.amazonaws.com").target(Target::Named(topic.to_owned())).build(),
    ]
}

fn occasion(name: &str) -> Event {
    let target = Target::Named("monitoring of account 111122223333 in eu-central-1".to_owned());
    Event { actor: Actor::unknown(), ..event(name).source(SOURCE).target(target).form(EventForm::Sweep).build() }
}

/// The record of an answer in which the changes ended so, in turn.
fn record(event: Event, changes: Vec<Change>, findings: Vec<Finding>, results: &[StepResult]) -> Record {
    let plan = MonitoringPlan { changes, findings, ..MonitoringPlan::default() };
    let decision = decide::decide(&event, &[], bearing(&event), &plan);
    let planned = decision.plan().map(|plan| plan.steps.clone()).unwrap_or_default();
    let results = results.iter().cloned().chain(std::iter::repeat(StepResult::Done));
    let steps: Vec<_> = planned.into_iter().zip(results).map(|(step, result)| StepOutcome { step, result, at: None }).collect();
    let status = match &decision {
        Decision::Remedy { .. } => Status::of_steps(&steps),
        Decision::Stand { .. } => Status::NothingToDo,
        Decision::Escalate { .. } => Status::Escalated,
    };
    Record {
        phase: Phase::Outcome,
        attempt: 1,
        claimed: true,
        recorded_at: time("2026-11-20T10:00:03Z"),
        received_at: time("2026-11-20T10:00:01Z"),
        mode: if results_are_observed(&steps) { Mode::Observe } else { Mode::Enforce },
        threat: None,
        subject: None,
        event,
        considering: Plan::default(),
        decision: Some(decision),
        steps,
        status,
        state_after: None,
        detect_ms: Some(1_000),
        remediate_ms: None,
        names: KeyNames::default(),
    }
}

fn results_are_observed(steps: &[StepOutcome]) -> bool {
    !steps.is_empty() && steps.iter().all(|step| step.result == StepResult::NotCarriedOut)
}

fn nobody_hears() -> Finding {
    Finding {
        subject: Subject::Topic(TOPIC.to_owned()),
        severity: Severity::High,
        sentence: format!("No human hears of an alarm at `{TOPIC}`: nobody is subscribed to the topic."),
        fix: "Let somebody on call subscribe and confirm.".to_owned(),
    }
}

/// What is planned where all is well but that somebody gave the trail a key of another account, and nobody hears.
fn planned_with_a_foreign_key() -> MonitoringPlan {
    let desired = monitoring_desired();
    let mut world = monitoring_world(&desired);
    let key_arn = Some("arn:aws:kms:eu-central-1:999988887777:key/theirs".to_owned());
    world.trails = Known::Is(vec![Trail { key_arn, ..healthy_trail(&desired) }]);
    let mut plan = plan(&desired, &world);
    plan.findings.push(nobody_hears());
    plan
}

/// Which of two events that came for the first time leads.
fn lead(events: [&Event; 2], plan: &MonitoringPlan) -> Option<usize> {
    decide::lead(events.into_iter().enumerate().map(|(index, event)| (index, event, bearing(event))), plan)
}

fn headline(record: &Record) -> String {
    Notice::of(record).unwrap().headline
}

#[test]
fn a_filter_that_was_deleted_is_told_in_full() {
    let notice = Notice::of(&record(filter_deleted(), changes(), Vec::new(), &[])).unwrap();
    assert_eq!(notice.subject, "[High] monitoring is whole again in account 111122223333, eu-central-1 (DeleteMetricFilter)");
    assert!(notice.subject.len() <= SUBJECT_LIMIT);
    assert_eq!(
        notice.text(),
        "\
monitoring is whole again in account 111122223333, eu-central-1 (DeleteMetricFilter)

mallory@example.com as Admin called `DeleteMetricFilter` on `Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled`: the monitoring is no longer as it must be.
! mallory@example.com as Admin called `DeleteMetricFilter` on `Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled`

What was done:
- create the metric filter `Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled`: done
- create the alarm `Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled`: done

Who: mallory@example.com as Admin
Role: arn:aws:iam::111122223333:role/Admin
From: 203.0.113.7
Call: DeleteMetricFilter
When: 2026-11-20T10:00:00Z
Target: Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled
Account: 111122223333
Region: eu-central-1"
    );
    assert!(notice.commands.is_empty(), "there is no key to approve anything of");
}

#[test]
fn a_deployment_names_nobody_and_what_a_human_must_do() {
    let notice = Notice::of(&record(occasion("Deployment"), changes(), vec![nobody_hears()], &[])).unwrap();
    let text = notice.text();
    assert!(text.starts_with("monitoring is in place in account 111122223333, eu-central-1\n"), "{text}");
    assert!(text.contains("! No human hears of an alarm"), "{text}");
    assert!(text.contains("\nOccasion: Deployment\n") && !text.contains("Who:") && !text.contains("Call:"), "{text}");
    assert!(notice.commands.is_empty());
}

#[test]
fn the_headline_says_how_the_monitoring_stands() {
    let failed = || StepResult::FailedForNow { error: "logs:PutMetricFilter: throttled: slow".to_owned() };
    let refused = || StepResult::Refused { error: "logs:PutMetricFilter: access denied: no".to_owned() };
    let at = "in account 111122223333, eu-central-1";
    for (record, expected) in [
        (record(filter_deleted(), changes(), Vec::new(), &[]), format!("monitoring is whole again {at} (DeleteMetricFilter)")),
        (record(occasion("DailyCheck"), changes(), Vec::new(), &[]), format!("monitoring is whole again {at}")),
        (record(occasion("Deployment"), changes(), Vec::new(), &[]), format!("monitoring is in place {at}")),
        (record(occasion("Deployment"), changes(), Vec::new(), &[refused(), refused()]), format!("monitoring could NOT be mended {at}")),
        (
            record(filter_deleted(), changes(), Vec::new(), &[StepResult::Done, failed()]),
            format!("monitoring is partly mended {at} (DeleteMetricFilter)"),
        ),
        (
            record(filter_deleted(), changes(), Vec::new(), &[StepResult::NotCarriedOut, StepResult::NotCarriedOut]),
            format!("monitoring would have been mended (mode observe) {at} (DeleteMetricFilter)"),
        ),
        (
            record(filter_deleted(), changes(), Vec::new(), &[StepResult::DoesNotExist, StepResult::NotReached]),
            format!("monitoring could NOT be mended {at} (DeleteMetricFilter)"),
        ),
        (record(occasion("DailyCheck"), Vec::new(), vec![nobody_hears()], &[]), format!("monitoring needs a human {at}")),
    ] {
        assert_eq!(headline(&record), expected);
    }
}

#[test]
fn what_a_second_look_contradicts_is_not_called_whole() {
    let mut record = record(filter_deleted(), changes(), Vec::new(), &[]);
    if let Some(Decision::Remedy { why, .. }) = &mut record.decision {
        why.escalations.push(format!("{}: create the alarm `x`", decide::STILL_TO_DO));
    }
    assert!(headline(&record).starts_with("monitoring was mended, not yet seen whole in account"), "{}", headline(&record));
}

#[test]
fn what_does_not_exist_is_no_key() {
    let record = record(filter_deleted(), changes(), Vec::new(), &[StepResult::DoesNotExist]);
    let lines = Notice::of(&record).unwrap().sections.remove(0).lines;
    assert_eq!(lines.first().unwrap(), &format!("create the metric filter `{FILTER}`: what it changes does not exist"));
}

#[test]
fn what_a_human_must_look_at_is_told_with_whoever_called_something_on_it_and_nothing_else_is() {
    let MonitoringPlan { changes, findings, .. } = planned_with_a_foreign_key();
    assert_eq!(changes, Vec::new());
    for named in ["reprieve", TRAIL] {
        let notice = Notice::of(&record(trail_updated(named), Vec::new(), findings.clone(), &[])).unwrap();
        assert_eq!(notice.headline, "monitoring needs a human in account 111122223333, eu-central-1 (UpdateTrail)");
        let [culprit, finding] = notice.warnings.try_into().unwrap();
        assert_eq!(culprit, format!("mallory@example.com as Admin called `UpdateTrail` on `{named}`"));
        assert!(finding.contains("with the key `arn:aws:kms:eu-central-1:999988887777:key/theirs` of another account"), "{finding}");
    }
    let [group, topic] = calls_on_namesakes_of_the_trail();
    for event in [filter_put(), trail_updated("billing"), group, topic] {
        assert_eq!(Notice::of(&record(event, Vec::new(), findings.clone(), &[])), None);
    }
}

#[test]
fn of_calls_that_came_together_only_the_one_on_what_a_human_must_look_at_is_named_and_leads() {
    let (plan, put, updated) = (planned_with_a_foreign_key(), filter_put(), trail_updated("reprieve"));
    for (event, other) in [(&put, &updated), (&updated, &put)] {
        let decision = decide::decide(event, &[other], bearing(event), &plan);
        let told = &decision.why().escalations;
        assert_eq!(told.iter().filter(|line| line.contains(" called ")).count(), 1, "{told:?}");
        assert!(told.first().unwrap().contains("called `UpdateTrail` on `reprieve`"), "{told:?}");
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!(decision.why().severity, Severity::Medium, "the finding that is told, not the grave one that is not");
    }
    assert_eq!(lead([&put, &updated], &plan), Some(1));
    assert_eq!(lead([&put, &updated], &MonitoringPlan::default()), Some(0));
}

#[test]
fn a_call_that_blinded_leads_only_where_the_monitoring_relies_on_what_it_took_or_lacks_something() {
    let (plan, updated) = (planned_with_a_foreign_key(), trail_updated("reprieve"));
    let (of_others, ours) = (alarm_of_others_deleted(), filter_deleted());
    assert_eq!(lead([&of_others, &updated], &plan), Some(1));
    assert_eq!(lead([&of_others, &ours], &plan), Some(1));
    assert_eq!(lead([&updated, &ours], &plan), Some(1));
    let lacking = MonitoringPlan { changes: changes(), ..plan };
    assert_eq!(lead([&updated, &of_others], &lacking), Some(1), "it may have been adopted");
}

#[test]
fn a_change_that_comes_again_and_is_mended_counts_as_one_that_blinded() {
    let whole = planned_with_a_foreign_key();
    let lacking = MonitoringPlan { changes: changes(), ..whole.clone() };
    for (plan, delivery, expected) in
        [(&whole, 1, Bearing::Changed), (&whole, 2, Bearing::Blinded), (&lacking, 1, Bearing::Changed), (&lacking, 2, Bearing::Changed)]
    {
        assert_eq!(decide::bearing_of(&filter_put(), delivery, plan), expected, "delivery {delivery}");
    }
    let mut refused = filter_put();
    refused.outcome = CallOutcome::Refused { code: "AccessDenied".to_owned(), message: None };
    assert_eq!(decide::bearing_of(&refused, 2, &whole), Bearing::Attempted);
}

#[test]
fn nobody_is_told_of_what_needs_nobody() {
    let mut refused = filter_deleted();
    refused.outcome = CallOutcome::Refused { code: "AccessDenied".to_owned(), message: None };
    for event in [occasion("DailyCheck"), refused] {
        assert_eq!(Notice::of(&record(event, Vec::new(), Vec::new(), &[])), None);
    }
}

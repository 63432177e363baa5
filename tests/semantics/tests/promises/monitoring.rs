//! The promises about the monitoring: what is planned, what is done, what is told.

use std::collections::BTreeSet;

use reprieve_core::monitoring::change::Feed;
use reprieve_core::monitoring::world::{LogGroup, TopicKey, World as Observed};
use reprieve_core::monitoring::{Change, Desired, MonitoringPlan, plan};
use reprieve_core::{Decision, Event, KeyState, Known, Mode, Phase, Status, Step, StepResult, Target};
use reprieve_engine::Handled;
use reprieve_test_support::drill::{Answers, drill_world};
use reprieve_test_support::event::event;
use reprieve_test_support::faults::Effect;
use reprieve_test_support::monitoring::{bare_world, monitoring_desired, monitoring_role, monitoring_world};
use reprieve_test_support::provisioner::{MonitoringWorld, healthy_monitoring, monitoring_over};

use super::{denied, no_answer};

/// The control whose filter watches keys.
const KEY_CONTROL: &str = "Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled";

/// Plans in a healthy account in which something was changed.
fn planned(broken: impl FnOnce(&Desired, &mut Observed)) -> (Desired, Observed, MonitoringPlan) {
    let desired = monitoring_desired();
    let mut world = monitoring_world(&desired);
    broken(&desired, &mut world);
    let plan = plan(&desired, &world);
    (desired, world, plan)
}

fn group<'a>(desired: &Desired, world: &'a mut Observed) -> &'a mut LogGroup {
    let Some(Known::Is(group)) = world.log_groups.get_mut(&desired.log_group) else { unreachable!("a healthy account has the log group") };
    group
}

fn set_pattern(desired: &Desired, world: &mut Observed, name: &str, pattern: &str) {
    if let Known::Is(filters) = &mut group(desired, world).filters {
        filters.iter_mut().filter(|filter| filter.name == KEY_CONTROL).for_each(|filter| {
            name.clone_into(&mut filter.name);
            pattern.clone_into(&mut filter.pattern);
        });
    }
}

fn drift(id: &str, source: &str, name: &str, target: &str) -> Event {
    event(name).id(id).source(source).target(Target::Named(target.to_owned())).build()
}

fn outcomes(world: &MonitoringWorld) -> Vec<reprieve_core::Record> {
    world.audit.records().into_iter().filter(|record| record.phase == Phase::Outcome).collect()
}

/// P59
#[test]
fn a_filter_serves_by_what_it_matches_and_not_by_its_words() {
    let rows = [
        ("{ ($.eventName = \"ScheduleKeyDeletion\" || $.eventName = DisableKey) && $.eventSource = \"kms.amazonaws.com\" }", true),
        ("{ $.eventSource = kms.amazonaws.com && $.eventName = DisableKey && $.eventName = ScheduleKeyDeletion }", false),
        (
            "{ $.eventSource = kms.amazonaws.com && $.errorCode = * && ($.eventName = DisableKey || $.eventName = ScheduleKeyDeletion) }",
            false,
        ),
        ("{ $.eventName = DisableKey || $.eventName = ScheduleKeyDeletion || $.eventName = * }", false),
    ];
    for (pattern, serves) in rows {
        let (.., plan) = planned(|desired, world| set_pattern(desired, world, "company-kms", pattern));
        let makes_own = plan.changes.iter().any(|change| change.name() == "PutMetricFilter" && change.target() == KEY_CONTROL);
        assert_eq!(makes_own, !serves, "{pattern}");
    }
}

/// Makes the trail somebody else's.
fn give_the_trail_away(world: &mut Observed) {
    if let Known::Is(trails) = &mut world.trails {
        for trail in trails {
            (trail.is_ours, trail.name, trail.arn) = (false, "company".to_owned(), trail.arn.replace("trail/reprieve", "trail/company"));
        }
    }
}

/// P60
#[test]
fn what_others_made_is_adopted_or_left_alone() {
    let desired = monitoring_desired();
    let mut world = monitoring_world(&desired);
    give_the_trail_away(&mut world);
    if let Known::Is(alarms) = &mut world.alarms {
        for alarm in alarms {
            alarm.is_ours = false;
        }
    }
    assert_eq!(plan(&desired, &world).changes, Vec::new(), "everything satisfies, and is adopted");

    if let Known::Is(alarms) = &mut world.alarms {
        for alarm in alarms {
            alarm.actions_enabled = false;
        }
    }
    let touched: Vec<String> = plan(&desired, &world).changes.iter().map(|change| change.target().to_owned()).collect();
    let names: BTreeSet<&str> = desired.baseline.controls.iter().map(|control| control.name).collect();
    assert!(!touched.is_empty() && touched.iter().all(|name| !names.contains(name.as_str())), "ours take other names: {touched:?}");
}

/// P60: how long others keep their events is theirs to say, and people are told of it.
#[test]
fn the_log_group_of_others_is_left_as_it_is() {
    let (.., plan) = planned(|desired, world| {
        give_the_trail_away(world);
        if let Known::Is(trails) = &mut world.trails {
            for trail in trails {
                trail.log_group_arn = Some(desired.place.arn("logs", "log-group:company:*"));
            }
        }
        if let Some(Known::Is(group)) = world.log_groups.remove(&desired.log_group) {
            let theirs = LogGroup { name: "company".to_owned(), retention_days: Some(90), is_ours: false, ..group };
            world.log_groups.insert(theirs.name.clone(), Known::Is(theirs));
        }
    });
    assert_eq!(plan.changes, Vec::new());
    assert!(plan.findings.iter().any(|finding| finding.sentence.contains("`company` keeps events for 90 days")), "{:?}", plan.findings);
}

/// P61
#[test]
fn no_log_group_is_made_that_no_trail_feeds() {
    let mut desired = monitoring_desired();
    let world = bare_world(&desired);
    let feeds = |plan: &MonitoringPlan, group: &str| {
        plan.changes.iter().any(|change| {
            matches!(change, Change::CreateTrail { log_group_arn: fed, .. } | Change::UpdateTrail { feeds: Some(Feed { log_group_arn: fed, .. }), .. }
                if fed.contains(group))
        })
    };
    let made = plan(&desired, &world);
    assert!(feeds(&made, &desired.log_group));
    desired.trail.bucket = None;
    let unfed = plan(&desired, &world);
    assert!(!unfed.changes.iter().any(|change| change.name() == "CreateLogGroup"), "{:?}", unfed.changes);
    assert!(!unfed.findings.is_empty(), "people are told instead");
}

/// P62
#[test]
fn a_second_run_plans_nothing() {
    let desired = monitoring_desired();
    let world = monitoring_over(desired.clone(), bare_world(&desired), Mode::Enforce);
    let before = world.look();
    let handled = world.handle_batch(&[drift("e1", "cloudtrail.amazonaws.com", "DeleteTrail", "reprieve")]);
    assert!(matches!(handled.as_slice(), [Handled::Done { .. }]), "{handled:?}");
    assert!(!before.changes.is_empty());
    assert_eq!(world.look().changes, Vec::new());
}

/// What cannot be read, the changes that must not be planned then, and how it comes about.
type Unreadable = (&'static str, &'static [&'static str], fn(&Desired, &mut Observed));

/// P63
#[test]
fn what_cannot_be_read_is_not_made_anew() {
    let rows: [Unreadable; 4] = [
        ("trails", &["CreateTrail", "CreateLogGroup", "PutMetricFilter"], |_, world| {
            world.trails = Known::Unreadable("access denied".to_owned());
        }),
        ("alarms", &["PutMetricAlarm"], |_, world| world.alarms = Known::Unreadable("access denied".to_owned())),
        ("filters", &["PutMetricFilter"], |desired, world| group(desired, world).filters = Known::Unreadable("access denied".to_owned())),
        ("topic", &["CreateTopic", "Subscribe"], |desired, world| {
            world.topics.insert(desired.topic.arn.clone(), Known::Unreadable("access denied".to_owned()));
        }),
    ];
    for (what, never, broken) in rows {
        let (.., plan) = planned(broken);
        let made: Vec<&str> = plan.changes.iter().map(Change::name).filter(|name| never.contains(name)).collect();
        assert!(made.is_empty(), "{what} cannot be read, and {made:?} is planned");
        assert!(plan.findings.iter().any(|finding| finding.sentence.contains("cannot be read")), "{what}: {:?}", plan.findings);
        assert!(plan.controls.iter().all(|control| !control.holds()), "{what}: no control counts as holding");
    }
}

/// P64
#[test]
fn no_change_takes_anything_away() {
    let taking = ["Delete", "Stop", "Disable", "Remove", "Unsubscribe", "Untag"];
    let desired = monitoring_desired();
    let (.., narrowed) = planned(|desired, world| {
        group(desired, world).retention_days = Some(3_650);
        if let Some(Known::Is(topic)) = world.topics.get_mut(&desired.topic.arn) {
            topic.key = TopicKey::AwsManaged;
        }
    });
    for plan in [plan(&desired, &bare_world(&desired)), narrowed] {
        for change in &plan.changes {
            assert!(!taking.iter().any(|word| change.name().starts_with(word)), "{change}");
            let shortens = matches!(change, Change::PutRetentionPolicy { was_days: Some(was), days, .. } if days < was);
            assert!(!shortens, "{change}");
        }
    }
}

/// P65
#[test]
fn what_is_shown_is_recorded_and_carried_out() {
    let world = healthy_monitoring();
    world.monitoring.stop_trails();
    world.monitoring.delete_alarm(KEY_CONTROL);
    let shown = world.look().remedy();
    world.handle_batch(&[drift("e1", "cloudtrail.amazonaws.com", "StopLogging", "reprieve")]);
    let records = world.audit.records();
    let intent = records.iter().find(|record| record.phase == Phase::Intent).unwrap();
    let outcome = records.iter().find(|record| record.phase == Phase::Outcome).unwrap();
    assert_eq!(intent.considering, shown);
    assert_eq!(outcome.decision.as_ref().and_then(Decision::plan), Some(&shown));
    let done: Vec<Step> = outcome.steps.iter().map(|step| step.step.clone()).collect();
    assert_eq!((done, outcome.status), (shown.steps, Status::Success));
}

/// P66
#[test]
fn without_an_intent_nothing_is_changed() {
    let world = healthy_monitoring();
    world.monitoring.stop_trails();
    world.faults.fail_next("append", 100, Effect::Before, no_answer());
    let handled = world.handle_batch(&[drift("e1", "cloudtrail.amazonaws.com", "StopLogging", "reprieve")]);
    assert!(matches!(handled.as_slice(), [Handled::Retry { .. }]), "{handled:?}");
    assert_eq!(world.changes_tried(), Vec::<&str>::new());
}

/// P67
#[test]
fn only_what_builds_on_a_failure_waits_for_it() {
    let desired = monitoring_desired();
    let world = monitoring_over(desired.clone(), bare_world(&desired), Mode::Enforce);
    world.faults.fail_next("CreateLogGroup", 100, Effect::Before, denied());
    world.handle_batch(&[drift("e1", "logs.amazonaws.com", "DeleteLogGroup", &desired.log_group)]);
    let outcome = outcomes(&world).pop().unwrap();
    let result = |name: &str| outcome.steps.iter().find(|step| step.step.name() == name).map(|step| step.result.clone()).unwrap();
    for waits in ["PutRetentionPolicy", "CreateTrail", "PutMetricFilter"] {
        assert_eq!(result(waits), StepResult::NotReached, "{waits}");
    }
    for goes_on in ["CreateTopic", "Subscribe", "PutMetricAlarm", "PutRule"] {
        assert_eq!(result(goes_on), StepResult::Done, "{goes_on}");
    }
    assert_eq!(outcome.status, Status::Partial);
}

/// P68
#[test]
fn what_blinded_us_wakes_a_human_and_what_we_did_ourselves_does_not() {
    let world = healthy_monitoring();
    world.handle_batch(&[drift("e1", "monitoring.amazonaws.com", "SetAlarmState", KEY_CONTROL)]);
    assert!(matches!(outcomes(&world).pop().unwrap().decision, Some(Decision::Escalate { .. })));
    assert_eq!(world.notices.notices().len(), 1);

    let own = Event {
        actor: reprieve_test_support::event::session(monitoring_role().as_str(), "aws-provision-monitoring"),
        ..drift("e2", "monitoring.amazonaws.com", "PutMetricAlarm", KEY_CONTROL)
    };
    let elses = drift("e3", "monitoring.amazonaws.com", "SetAlarmState", "company-billing");
    world.handle_batch(&[own, elses]);
    assert_eq!(world.notices.notices().len(), 1, "nobody is woken by our own act, nor by what is none of ours");
}

/// P69
#[test]
fn events_that_come_together_are_answered_by_one_look() {
    let world = healthy_monitoring();
    world.monitoring.stop_trails();
    world.monitoring.delete_alarm(KEY_CONTROL);
    let handled = world.handle_batch(&[
        drift("e1", "cloudtrail.amazonaws.com", "StopLogging", "reprieve"),
        drift("e2", "monitoring.amazonaws.com", "DeleteAlarms", KEY_CONTROL),
    ]);
    assert!(handled.iter().all(|handled| matches!(handled, Handled::Done { .. })), "{handled:?}");
    let remedies = outcomes(&world).into_iter().filter(|record| matches!(record.decision, Some(Decision::Remedy { .. }))).count();
    let ids: BTreeSet<String> = outcomes(&world).iter().map(|record| record.event.id.to_string()).collect();
    assert_eq!((remedies, ids), (1, BTreeSet::from(["e1".to_owned(), "e2".to_owned()])));
    assert_eq!(world.notices.notices().len(), 1);
}

/// P70
#[test]
fn a_control_holds_only_up_to_a_human_who_hears() {
    fn holds(broken: impl FnOnce(&Desired, &mut Observed)) -> bool {
        planned(broken).2.controls.iter().all(reprieve_core::monitoring::ControlStatus::holds)
    }
    fn subscriptions(desired: &Desired, world: &mut Observed, change: impl Fn(&mut reprieve_core::monitoring::world::Subscription)) {
        if let Some(Known::Is(topic)) = world.topics.get_mut(&desired.topic.arn)
            && let Known::Is(subscriptions) = &mut topic.subscriptions
        {
            subscriptions.iter_mut().for_each(change);
        }
    }
    assert!(holds(|_, _| ()));
    assert!(!holds(|desired, world| subscriptions(desired, world, |one| one.arn = None)), "nobody has confirmed");
    assert!(!holds(|desired, world| subscriptions(desired, world, |one| "sqs".clone_into(&mut one.protocol))), "a queue is no human");
    let deaf = r#"{"severity":["high"]}"#;
    assert!(
        !holds(|desired, world| subscriptions(desired, world, |one| one.filter_policy = Known::Is(deaf.to_owned()))),
        "it filters alarms out"
    );
    let deaf_all_the_same = r#"{"severity":[{"exists":false},"high"]}"#;
    assert!(
        !holds(|desired, world| subscriptions(desired, world, |one| one.filter_policy = Known::Is(deaf_all_the_same.to_owned()))),
        "a message without any attribute passes no policy on attributes"
    );
}

/// P32: a call on the monitoring whose notice could not be sent comes again, and what was mended is told then, and not mended again.
#[test]
fn what_was_mended_and_could_not_be_told_is_told_when_it_comes_again() {
    for (source, name) in [("logs.amazonaws.com", "PutMetricFilter"), ("logs.amazonaws.com", "DeleteMetricFilter")] {
        let world = healthy_monitoring();
        world.monitoring.alter(|observed| set_pattern(&monitoring_desired(), observed, KEY_CONTROL, "{ $.eventName = Nothing }"));
        world.faults.fail_next("tell", 1, Effect::Before, no_answer());
        let elses = drift("e2", "monitoring.amazonaws.com", "PutMetricAlarm", "company-billing");
        let batch = [elses, drift("e1", source, name, KEY_CONTROL)];
        let handled = world.handle_batch(&batch);
        assert!(handled.iter().all(|handled| matches!(handled, Handled::Retry { told: false, .. })), "{name}: {handled:?}");
        let handled = world.deliver(&batch, 2);
        assert!(handled.iter().all(|handled| matches!(handled, Handled::Done { .. })), "{name}: {handled:?}");
        assert_eq!(world.changes_tried(), ["PutMetricFilter"], "{name}");
        let [notice]: [_; 1] = world.notices.notices().try_into().unwrap();
        assert!(notice.text().contains(&format!("called `{name}` on `{KEY_CONTROL}`")), "{}", notice.text());
    }
}

/// P32, P68: of a call on what is none of ours nobody is told, however often it comes.
#[test]
fn a_call_on_what_is_not_ours_is_not_told_when_it_comes_again() {
    let world = healthy_monitoring();
    let handled = world.deliver(&[drift("e1", "monitoring.amazonaws.com", "PutMetricAlarm", "company-billing")], 2);
    assert!(matches!(handled.as_slice(), [Handled::Done { .. }]), "{handled:?}");
    assert_eq!((world.changes_tried().len(), world.notices.notices().len()), (0, 0));
}

/// P72
#[test]
fn a_drill_ends_with_its_key_enabled_and_tells_what_it_missed() {
    let asleep = Answers { cancels_after: None, enables_after: None, notice_after: None, ..Answers::default() };
    for (answers, is_told) in [(Answers::default(), false), (asleep, true)] {
        let (world, key) = drill_world().with_key();
        world.stage.answer(answers);
        let (record, report) = world.hold_to_the_end("drill-1");
        assert_eq!(world.keys.state(&key), KeyState::Enabled);
        assert_eq!(report.unwrap().has_passed(), !is_told);
        assert_eq!(record.decision.unwrap().wakes_a_human(), is_told);
    }
}

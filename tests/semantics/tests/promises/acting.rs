//! Promises of acting: what is given back, once, and only with an intent.

use std::sync::atomic::{AtomicU32, Ordering};

use jiff::SignedDuration;
use reprieve_core::facts::Rotation;
use reprieve_core::policy::{PolicyFile, SHIPPED_POLICIES, SHIPPED_SCHEMA};
use reprieve_core::{Decision, Inventory, KeyArn, KeyState, Phase, Policy, Serving, Status, StepResult, Threat};
use reprieve_engine::{
    CallError, Claim, Clock as _, Delivery, Guard, Handled, Intent, KeptPolicies, Ledger as _, PolicySource as _, PolicyStore, Ports,
    Settings,
};
use reprieve_semantics::repository_path;
use reprieve_test_support::approval::plain_tags;
use reprieve_test_support::event::{disable, disable_rotation, schedule, tagging, time};
use reprieve_test_support::world::{LEASE, settled};
use reprieve_test_support::{Effect, FakeKey, Terms, World, finish, guard, key, sealed_approval, world_with_key};

use crate::{denied, no_answer};

/// P18: a key that was disabled without approval is enabled again.
#[test]
fn an_unapproved_disablement_is_undone() {
    let (world, key) = world_with_key();
    world.keys.disable(&key).unwrap();
    let record = world.settle(&disable(&key).build());
    assert_eq!(World::steps(&record), [("EnableKey", &StepResult::Done)]);
    assert_eq!((record.status, world.keys.state(&key)), (Status::Success, KeyState::Enabled));
    let serving = world.ledger.known(&key).inventory.map(|inventory| inventory.serving);
    assert_eq!(serving, Some(Serving::Enabled), "it taught nothing, and its undoing that the key is meant to serve");
}

/// P18: an approved disablement stands, and is what is given back later.
#[test]
fn an_approved_disablement_stands_and_is_remembered() {
    let (world, key) = world_with_key();
    world.tag_approval(&key, &sealed_approval(&key, &Terms::of_action("disable")));
    world.keys.disable(&key).unwrap();
    assert_eq!(world.settle(&disable(&key).build()).status, Status::NothingToDo);
    assert_eq!(world.keys.state(&key), KeyState::Disabled);
    assert_eq!(world.ledger.known(&key).inventory.unwrap().serving, Serving::Disabled);

    world.keys.schedule_deletion(&key, 7).unwrap();
    world.settle(&schedule(&key).at("2026-11-20T10:00:02Z").build());
    assert_eq!(world.keys.state(&key), KeyState::Disabled);
}

/// P19: rotation is switched on again, with the period it had.
#[test]
fn rotation_is_switched_on_again_with_its_period() {
    let (world, key) = world_with_key();
    let rotation = Rotation { enabled: true, period_days: Some(180) };
    world.ledger.remember(&key, Inventory { serving: Serving::Enabled, as_of: time("2026-11-01T00:00:00Z"), rotation: Some(rotation) });
    let record = world.settle(&disable_rotation(&key).build());
    assert_eq!(World::steps(&record), [("EnableKeyRotation", &StepResult::Done)]);
    assert_eq!(world.keys.find(&key).unwrap().rotation, rotation);
    // It rotates again: another event finds nothing to do.
    assert_eq!(world.settle(&disable_rotation(&key).id("rotation-2").build()).status, Status::NothingToDo);
}

/// P20: where neither the ledger nor the audit store can be written, nothing is done, and the event comes again.
#[test]
fn nothing_is_done_without_a_durable_intent() {
    let (world, key) = world_with_key();
    world.keys.schedule_deletion(&key, 7).unwrap();
    world.faults.fail_next("claim", 1, Effect::Before, no_answer());
    world.faults.fail_next("append", 1, Effect::Before, no_answer());
    let event = schedule(&key).build();
    let Handled::Retry { reason, record: None, .. } = world.handle(&event) else { unreachable!("nothing is durable") };
    assert!(reason.contains("nothing was done"), "{reason}");
    assert!(world.journal.acts().is_empty());
    world.settle(&event);
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
}

/// P20: what the ledger alone could take follows into the archive, so that whoever reads it misses nothing.
#[test]
fn an_intent_that_the_ledger_alone_took_follows_with_the_outcome() {
    let (world, key) = world_with_key();
    world.keys.schedule_deletion(&key, 7).unwrap();
    world.faults.fail_next("append", 1, Effect::Before, no_answer());
    world.settle(&schedule(&key).build());
    let phases: Vec<Phase> = world.audit.records().iter().map(|record| record.phase).collect();
    assert_eq!(phases, [Phase::Outcome, Phase::Intent]);
}

/// P20: where only one of them can be written, the key is rescued all the same.
#[test]
fn one_durable_intent_is_enough() {
    for name in ["claim", "append"] {
        let (world, key) = world_with_key();
        world.keys.schedule_deletion(&key, 7).unwrap();
        world.faults.fail_next(name, 1, Effect::Before, no_answer());
        world.handle(&schedule(&key).build());
        assert_eq!(world.keys.state(&key), KeyState::Enabled, "{name}");
    }
}

/// P23: whoever holds the claim works; others wait for the lease to end.
#[test]
fn only_one_works_on_an_event_at_a_time() {
    let (world, key) = world_with_key();
    world.keys.schedule_deletion(&key, 7).unwrap();
    let event = schedule(&key).build();
    let plan = reprieve_core::Plan::default();
    let intent = Intent { event_id: event.id.clone(), key: Some(key.clone()), considering: plan, at: time("2026-11-20T10:00:01Z") };
    assert_eq!(finish(world.ledger.claim(&intent)).unwrap(), Ok(Claim::Granted { attempt: 1 }));
    let Handled::Retry { reason, .. } = world.handle(&event) else { unreachable!("somebody else holds it") };
    assert!(reason.contains("another invocation"), "{reason}");
    assert!(world.journal.acts().is_empty());
    world.clock.advance(LEASE + SignedDuration::from_secs(1));
    assert_eq!(world.settle(&event).attempt, 2);
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
}

/// P139: a process that is killed after the key was back and before it could say so leaves that to the next delivery.
#[test]
fn what_a_killed_process_could_not_tell_is_told() {
    let (world, key) = world_with_key();
    let event = schedule(&key).build();
    let plan = reprieve_core::Plan::default();
    let intent = Intent { event_id: event.id.clone(), key: Some(key.clone()), considering: plan, at: time("2026-11-20T10:00:01Z") };
    assert_eq!(finish(world.ledger.claim(&intent)).unwrap(), Ok(Claim::Granted { attempt: 1 }));
    world.clock.advance(LEASE + SignedDuration::from_secs(1));
    let record = world.settle(&event);
    assert_eq!((record.status, record.attempt, record.steps.len()), (Status::NothingToDo, 2, 0), "it claims nothing");
    let told = world.notices.notices();
    assert!(told.iter().any(|notice| notice.warnings.iter().any(|warning| warning.contains("an earlier attempt of ours"))), "{told:?}");
}

/// P24: what was refused is not tried again for the same event; the sweep tries again.
#[test]
fn a_refusal_waits_for_the_next_sweep() {
    let (world, key) = world_with_key();
    world.keys.disable(&key).unwrap();
    world.faults.fail_next("enable", 1, Effect::Before, denied());
    let record = world.settle(&disable(&key).build());
    assert_eq!((record.status, world.journal.made("enable")), (Status::Failure, 1));
    world.clock.advance(SignedDuration::from_hours(1));
    let report = world.sweep("sweep-1");
    assert_eq!((report.given_back, report.lost_events), (1, 0), "{report:?}");
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
}

/// P22: the port through which keys are changed offers three calls, and each gives something back.
#[test]
fn no_destroying_call_exists() {
    let port = std::fs::read_to_string(repository_path("shared/engine/src/port.rs")).unwrap();
    let control = port.split("pub trait KeyControl").nth(1).unwrap().split("\n}").next().unwrap();
    let calls: Vec<&str> = control.lines().filter_map(|line| line.trim().strip_prefix("fn ")?.split('(').next()).collect();
    assert_eq!(calls, ["describe", "tags", "rotation", "cancel_deletion", "enable", "enable_rotation", "aliases", "list"]);
}

/// P17: where a policy of the customer's own permits an act without a seal, it stands, and the policy is named.
#[test]
fn a_policy_of_ones_own_can_permit() {
    let sandbox = format!(
        "{SHIPPED_POLICIES}\n@id(\"sandbox\") permit (principal, action, resource) when {{ resource.hasTag(\"env\") && resource.getTag(\"env\") == \"sandbox\" }};"
    );
    let world = guard().policy(Policy::parse(&sandbox, SHIPPED_SCHEMA).unwrap()).build();
    let key = key("sandbox");
    world.keys.put(&key, FakeKey { tags: [("env".to_owned(), "sandbox".to_owned())].into(), ..FakeKey::default() });
    world.keys.schedule_deletion(&key, 7).unwrap();
    let record = settled(&world.handle(&schedule(&key).build())).unwrap();
    let Some(Decision::Stand { why }) = record.decision else { unreachable!("the sandbox may") };
    assert!(why.sentence.contains("policy sandbox permits it"), "{}", why.sentence);
    assert_eq!(world.keys.state(&key), KeyState::PendingDeletion);
}

/// P42: KMS still shows the key as it was before the event; the look is repeated, and the key rescued.
#[test]
fn a_look_that_contradicts_a_fresh_event_is_repeated() {
    for (scheduled, tagged) in [(true, false), (false, false), (true, true), (false, true)] {
        let (world, key) = world_with_key();
        if tagged {
            // An open case of something else says nothing of what was undone.
            world.settle(&tagging(&key, &[("team".to_owned(), "payments".to_owned())].into()).build());
            assert_eq!(world.ledger.case(&key).unwrap().threat, Threat::TagsChanged);
        }
        let before = world.keys.find(&key).unwrap().description();
        let event = if scheduled {
            world.keys.schedule_deletion(&key, 7).unwrap();
            schedule(&key).build()
        } else {
            world.keys.disable(&key).unwrap();
            disable(&key).build()
        };
        world.keys.change(&key, |key| key.stale = Some((before, 1)));
        assert_eq!(world.settle(&event).status, Status::Success, "scheduled: {scheduled}, tagged: {tagged}");
        assert_eq!(world.keys.state(&key), KeyState::Enabled);
    }
    // An old event does not make us wait.
    let (world, key) = world_with_key();
    world.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(world.settle(&schedule(&key).build()).status, Status::NothingToDo);
    assert_eq!(world.journal.made("describe"), 1);
}

/// Returns a delivery of now, in an invocation that is stopped after so many seconds.
fn stopped_after(world: &World, seconds: i64) -> Delivery {
    let received_at = world.clock.now();
    Delivery { received_at, count: 1, stopped_at: received_at + SignedDuration::from_secs(seconds) }
}

/// P43: an invocation that is about to be stopped begins nothing, says so, and leaves the event to the next delivery.
#[test]
fn nothing_is_begun_when_the_time_is_up() {
    let (world, key) = world_with_key();
    world.keys.schedule_deletion(&key, 7).unwrap();
    let event = schedule(&key).build();
    let answer = finish(world.guard.handle(&event, stopped_after(&world, 2))).unwrap();
    let Handled::Retry { reason, record: None, .. } = answer else { panic!("{answer:?}") };
    assert!(reason.contains("not enough time"), "{reason}");
    for call in ["claim", "append", "describe", "cancel_deletion"] {
        assert_eq!(world.journal.made(call), 0, "{call}");
    }

    assert_eq!(world.settle(&event).status, Status::Success);
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
}

/// P43: however long the provider's log takes, the key is given back before any invocation that can be configured is stopped.
#[test]
fn a_slow_log_leaves_time_to_act() {
    for seconds in [5, 10, 20, 30, 60] {
        let (world, key) = world_with_key();
        world.keys.tag(&key, plain_tags(&Terms::of_action("disable"))).unwrap();
        world.keys.schedule_deletion(&key, 7).unwrap();
        world.clock.run_out();
        world.faults.fail_next("latest_call", 9, Effect::KilledBefore, no_answer());
        let delivery = stopped_after(&world, seconds);
        let answer = finish(world.guard.handle(&schedule(&key).build(), delivery)).unwrap();
        assert_eq!(settled(&answer).map(|record| record.status), Some(Status::Success), "{seconds}: {answer:?}");
        assert_eq!(world.keys.state(&key), KeyState::Enabled, "{seconds}");
        assert_eq!(world.journal.made("latest_call"), 1, "{seconds}");
        assert!(world.clock.now() <= delivery.stopped_at - SignedDuration::from_secs(3), "{seconds}");
    }
}

/// P43, P3: a call before the act that is not answered in time counts as one that failed, and the key is given back without it; or, where
/// it would say whether an incident holds the key, kept in time and given back by the next delivery.
#[test]
fn what_is_not_answered_in_time_does_not_keep_the_key_waiting() {
    for call in ["describe", "tags", "recall", "change_calendar", "claim", "append"] {
        let (world, key) = world_with_key();
        world.keys.schedule_deletion(&key, 7).unwrap();
        world.clock.run_out();
        world.faults.fail_next(call, 1, Effect::KilledBefore, no_answer());
        let (event, delivery) = (schedule(&key).build(), stopped_after(&world, 10));
        let answer = finish(world.guard.handle(&event, delivery)).unwrap();
        assert!(world.clock.now() <= delivery.stopped_at - SignedDuration::from_secs(3), "{call}");
        assert_eq!(settled(&answer).is_none(), call == "tags", "{answer:?}");
        let is_kept = world.keys.state(&key) != KeyState::PendingDeletion;
        let record = settled(&answer).unwrap_or_else(|| world.settle(&event));
        assert_eq!((is_kept, record.status, world.keys.state(&key)), (true, Status::Success, KeyState::Enabled), "{call}: {record:?}");
        if call == "describe" {
            let why = record.decision.unwrap().why().clone();
            assert!(why.escalations.iter().any(|text| text.contains("not enough time")), "{why:?}");
        }
    }
}

/// P43, P42: a look that contradicts a fresh event, and that there is no time to repeat, is not believed.
#[test]
fn a_look_that_there_is_no_time_to_repeat_is_not_believed() {
    let (world, key) = world_with_key();
    let before = world.keys.find(&key).unwrap().description();
    world.keys.schedule_deletion(&key, 7).unwrap();
    world.keys.change(&key, |key| key.stale = Some((before, 20)));
    let answer = finish(world.guard.handle(&schedule(&key).build(), stopped_after(&world, 5))).unwrap();
    assert_eq!(settled(&answer).map(|record| record.status), Some(Status::Success), "{answer:?}");
    world.keys.change(&key, |key| key.stale = None);
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
}

/// P43: the last look, whether the key is back, is not waited for beyond that time either.
#[test]
fn the_last_look_leaves_time_for_the_outcome() {
    let (world, key) = world_with_key();
    world.keys.disable(&key).unwrap();
    let still_disabled = world.keys.find(&key).unwrap().description();
    world.keys.change(&key, |key| key.stale = Some((still_disabled, 20)));
    let now = world.clock.now();
    let hurried = Delivery { received_at: now, count: 1, stopped_at: now + SignedDuration::from_millis(3500) };
    let answer = finish(world.guard.handle(&disable(&key).build(), hurried)).unwrap();
    let record = settled(&answer).unwrap();
    assert_eq!((record.status, record.remediate_ms), (Status::Success, None));
    assert!(world.clock.now() <= now + SignedDuration::from_millis(500), "{}", world.clock.now());
}

/// A store of policies that answers so often, and then never again.
#[derive(Debug)]
struct FallsSilent {
    answers: AtomicU32,
}

impl PolicyStore for FallsSilent {
    const CALL: &'static str = "ssm:GetParameter";

    fn place(&self) -> String {
        "a store that falls silent".to_owned()
    }

    async fn read(&self) -> Result<Vec<PolicyFile>, CallError> {
        let left = self.answers.load(Ordering::Relaxed);
        if left == 0 {
            std::future::pending::<()>().await;
        }
        self.answers.store(left - 1, Ordering::Relaxed);
        Ok(Vec::new())
    }

    fn advice(&self, _error: &CallError) -> &'static str {
        "it is tried again soon"
    }
}

/// Answers an approved deletion in an invocation that is stopped after five seconds, by policies that could be read so often before it, and
/// cannot be read during it.
fn answered_by_policies_that_hang(world: &World, key: &KeyArn, reads: u32) -> Status {
    let (clock, of_world) = (&world.clock, &world.guard);
    let policies = KeptPolicies::new(Ok(Vec::new()), Some(FallsSilent { answers: AtomicU32::new(reads) }), clock.clone());
    clock.advance(-SignedDuration::from_mins(6));
    for _ in 0..reads {
        assert!(finish(policies.current()).unwrap().closed_reason().is_none());
    }
    clock.advance(SignedDuration::from_mins(6));
    let ports = Ports {
        keys: of_world.ports.keys.clone(),
        ledger: of_world.ports.ledger.clone(),
        audit: of_world.ports.audit.clone(),
        notices: of_world.ports.notices.clone(),
        clock: clock.clone(),
        meter: world.meter.clone(),
        circumstances: of_world.ports.circumstances.clone(),
        policies,
    };
    let Settings { mode, domain, rules, owner_tag, patience, concurrency, sweep_budget } = &of_world.settings;
    let settings = Settings {
        mode: *mode,
        domain: domain.clone(),
        rules: rules.clone(),
        owner_tag: owner_tag.clone(),
        patience: *patience,
        concurrency: *concurrency,
        sweep_budget: *sweep_budget,
    };
    world.tag_approval(key, &sealed_approval(key, &Terms::default()));
    world.keys.schedule_deletion(key, 7).unwrap();
    clock.run_out();
    let delivery = stopped_after(world, 5);
    let answer = finish(Guard { ports, settings }.handle(&schedule(key).build(), delivery)).unwrap();
    assert!(clock.now() <= delivery.stopped_at - SignedDuration::from_secs(3), "{reads}: {answer:?}");
    settled(&answer).unwrap().status
}

/// P43, P49: good policies that are at hand are used before the time to act comes, where they cannot be read anew.
#[test]
fn good_policies_bridge_a_store_that_hangs() {
    let (world, key) = world_with_key();
    assert_eq!(answered_by_policies_that_hang(&world, &key, 1), Status::NothingToDo);
    assert_eq!(world.keys.state(&key), KeyState::PendingDeletion);
    assert!(world.meter.policy_unusable_at().is_empty());
}

/// P43, P49: where none are at hand, nothing is approved, and that is counted as policies that cannot be used.
#[test]
fn policies_that_cannot_be_read_in_time_are_counted() {
    let (world, key) = world_with_key();
    assert_eq!(answered_by_policies_that_hang(&world, &key, 0), Status::Success);
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
    assert_eq!(world.meter.policy_unusable_at().len(), 1);
}

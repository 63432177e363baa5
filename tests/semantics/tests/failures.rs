//! What happens when call N fails, for every N: before it took effect, after it, with the process dying over it; alone and in pairs.
//!
//! Whatever fails, further deliveries leave the key enabled, nothing is done without a durable intent, and no record claims what did
//! not happen.
#![expect(clippy::unwrap_used, reason = "a test that goes another way must stop")]

use jiff::SignedDuration;
use reprieve_core::facts::{INCIDENT_HOLD_TAG, Rotation};
use reprieve_core::{Event, EventId, Inventory, KeyArn, KeyState, Phase, Record, Serving, Status, Step, StepResult};
use reprieve_engine::{CallError, Clock as _};
use reprieve_test_support::event::{disable, disable_rotation, schedule, time};
use reprieve_test_support::{Call, Effect, Entry, World, finish, guard, key};

const EFFECTS: [Effect; 4] = [Effect::Before, Effect::After, Effect::KilledBefore, Effect::KilledAfter];

/// More calls than any scenario makes, so that a loop that never ends is noticed.
const TOO_MANY_CALLS: usize = 400;

fn no_answer() -> CallError {
    CallError::Unavailable { call: "any", message: "connection reset".to_owned() }
}

fn throttled() -> CallError {
    CallError::Throttled { call: "any", message: "Rate exceeded".to_owned() }
}

fn denied() -> CallError {
    CallError::AccessDenied { call: "any", message: "explicit deny".to_owned() }
}

/// How something endangers a key, and how we hear of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scenario {
    Deletion,
    Disablement,
    Rotation,
    /// A deletion of which no event tells.
    LostEvent,
    /// A disablement of which no event tells.
    LostDisablement,
}

impl Scenario {
    fn begin(self, world: &World, key: &KeyArn) {
        world.keys.create(key);
        world.keys.answer_stale_after_cancel(2);
        let rotation = Rotation { enabled: true, period_days: Some(180) };
        if self != Self::Deletion {
            world
                .ledger
                .remember(key, Inventory { serving: Serving::Enabled, as_of: time("2026-11-20T09:00:00Z"), rotation: Some(rotation) });
        }
        match self {
            Self::Deletion | Self::LostEvent => world.keys.schedule_deletion(key, 7).unwrap(),
            Self::Disablement | Self::LostDisablement => world.keys.disable(key).unwrap(),
            Self::Rotation => {}
        }
    }

    fn event(self, key: &KeyArn) -> Option<Event> {
        match self {
            Self::Deletion => Some(schedule(key).build()),
            Self::Disablement => Some(disable(key).build()),
            Self::Rotation => Some(disable_rotation(key).build()),
            Self::LostEvent | Self::LostDisablement => None,
        }
    }

    /// Delivers the event until it is answered, or sweeps every hour.
    fn play(self, world: &World, key: &KeyArn, sweeps: u32) {
        if let Some(event) = self.event(key) {
            world.deliver(&event);
        }
        for number in 0..sweeps {
            world.clock.advance(SignedDuration::from_hours(1));
            let id = EventId::parse(&format!("sweep-{number}")).unwrap();
            // A sweep that fails or dies is followed by the next.
            drop(finish(world.guard.sweep(&id)));
        }
    }

    const fn sweeps(self) -> u32 {
        match self {
            Self::Deletion | Self::Disablement | Self::Rotation => 0,
            Self::LostEvent | Self::LostDisablement => 3,
        }
    }

    fn assert_restored(self, world: &World, key: &KeyArn, context: &str) {
        assert_eq!(world.keys.state(key), KeyState::Enabled, "{context}\n{}", story(world));
        if self == Self::Rotation {
            let period_days = Some(180);
            assert_eq!(world.keys.find(key).unwrap().rotation, Rotation { enabled: true, period_days }, "{context}");
        }
    }
}

fn story(world: &World) -> String {
    let lines: Vec<String> =
        world.journal.entries().iter().map(|entry| format!("{} {:?} -> {:?}", entry.number, entry.call, entry.answer)).collect();
    lines.join("\n")
}

/// Returns how many calls a scenario makes when nothing fails.
fn calls_of(scenario: Scenario, sweeps: u32) -> usize {
    let (world, key) = (guard().build(), key("calm"));
    scenario.begin(&world, &key);
    scenario.play(&world, &key, sweeps);
    scenario.assert_restored(&world, &key, "nothing fails");
    assert_truthful(&world, "nothing fails");
    world.journal.entries().len()
}

/// Asserts what holds of the journal and the records, whatever failed.
fn assert_truthful(world: &World, context: &str) {
    let entries = world.journal.entries();
    assert!(entries.len() < TOO_MANY_CALLS, "{context}: {} calls", entries.len());
    for act in world.journal.acts() {
        assert!(
            entries.iter().any(|entry| is_durable_intent(entry) && entry.ended.unwrap() < act.began),
            "{context}: {act:?} without intent"
        );
    }
    let records = world.audit.records();
    for record in &records {
        assert_record_is_truthful(record, &entries, context);
    }
    for (name, done) in [("cancel_deletion", "CancelKeyDeletion"), ("enable", "EnableKey"), ("enable_rotation", "EnableKeyRotation")] {
        let claimed = records
            .iter()
            .flat_map(|record| &record.steps)
            .filter(|step| step.step.name() == done && is_claimed_done(&step.result))
            .count();
        let confirmed = entries.iter().filter(|entry| entry.call.name() == name && entry.was_confirmed()).count();
        assert!(claimed <= confirmed, "{context}: {claimed} records say {done} was done, {confirmed} calls were answered so");
    }
}

fn is_durable_intent(entry: &Entry) -> bool {
    let is_claim = matches!(&entry.call, Call::Claim(_));
    let is_record = matches!(&entry.call, Call::Append(id) if id.contains(".intent."));
    (is_claim || is_record) && entry.was_confirmed()
}

fn is_claimed_done(result: &StepResult) -> bool {
    matches!(result, StepResult::Done | StepResult::TakesEffectLater)
}

fn assert_record_is_truthful(record: &Record, entries: &[Entry], context: &str) {
    let id = record.id();
    if record.phase == Phase::Intent {
        assert!(record.steps.is_empty() && record.decision.is_none() && record.status == Status::Pending, "{context}: {id}");
        return;
    }
    let plan = record.decision.as_ref().and_then(|decision| decision.plan());
    assert!(plan.is_none_or(|plan| plan.is_within(&record.considering)), "{context}: {id} did more than was intended");
    for step in &record.steps {
        assert!(plan.unwrap().steps.contains(&step.step), "{context}: {id} tells of a step that was not planned");
        if is_claimed_done(&step.result) {
            let confirmed = entries.iter().any(|entry| is_call_of(&step.step, &entry.call) && entry.was_confirmed());
            assert!(confirmed, "{context}: {id} says {} was done", step.step.name());
        }
    }
    if record.status == Status::Success {
        assert!(!record.steps.is_empty() && record.steps.iter().all(|step| step.result.is_success()), "{context}: {id}");
        let enabled = entries.iter().any(|entry| matches!(entry.call, Call::Enable(_) | Call::EnableRotation(..)) && entry.took_effect());
        assert!(enabled, "{context}: {id} claims a success that nothing brought about");
    }
    assert!(record.remediate_ms.is_none() || record.status == Status::Success, "{context}: {id}");
}

fn is_call_of(step: &Step, call: &Call) -> bool {
    match (step, call) {
        (Step::CancelKeyDeletion { key }, Call::CancelDeletion(called))
        | (Step::EnableKey { key }, Call::Enable(called))
        | (Step::EnableKeyRotation { key, .. }, Call::EnableRotation(called, _)) => key == called,
        _ => false,
    }
}

/// Fails each call of a scenario in each way, and each time asserts that the key comes back and the records are true.
fn fail_every_call(scenario: Scenario, errors: &[CallError], sweeps: u32) {
    let calls = calls_of(scenario, sweeps);
    assert!(calls > 5, "the scenario makes calls");
    for number in 1..=calls {
        for effect in EFFECTS {
            for error in errors {
                let context = format!("{scenario:?}: call {number} fails, {effect:?}: {error}");
                let (world, key) = (guard().build(), key("endangered"));
                scenario.begin(&world, &key);
                world.faults.fail_call(number, effect, error.clone());
                scenario.play(&world, &key, sweeps);
                scenario.assert_restored(&world, &key, &context);
                assert_truthful(&world, &context);
            }
        }
    }
}

/// P27, P28, P20 and P21: an unapproved deletion.
#[test]
fn a_deletion_survives_the_failure_of_any_call() {
    fail_every_call(Scenario::Deletion, &[no_answer(), throttled()], Scenario::Deletion.sweeps());
}

/// P27, P28, P20 and P21: an unapproved disablement.
#[test]
fn a_disablement_survives_the_failure_of_any_call() {
    fail_every_call(Scenario::Disablement, &[no_answer(), throttled()], Scenario::Disablement.sweeps());
}

/// P27, P28, P20 and P21: rotation switched off.
#[test]
fn a_rotation_survives_the_failure_of_any_call() {
    fail_every_call(Scenario::Rotation, &[no_answer(), throttled()], Scenario::Rotation.sweeps());
}

/// P27, P28, P20 and P21: what no event announced, found by a sweep.
#[test]
fn a_sweep_survives_the_failure_of_any_call() {
    for scenario in [Scenario::LostEvent, Scenario::LostDisablement] {
        fail_every_call(scenario, &[no_answer(), throttled(), denied()], scenario.sweeps());
    }
}

/// P24 and P27: a refusal that passes is made good by the next sweep.
#[test]
fn a_refusal_of_any_call_is_made_good_by_the_next_sweep() {
    for scenario in [Scenario::Deletion, Scenario::Disablement] {
        fail_every_call(scenario, &[denied()], 2);
    }
}

/// P17, P18 and P24: whichever call fails, a key that an incident holds is kept, and never enabled.
#[test]
fn a_held_key_is_never_enabled_whatever_fails() {
    for scenario in [Scenario::Deletion, Scenario::Disablement, Scenario::LostEvent, Scenario::LostDisablement] {
        let play = |fault: Option<(usize, Effect, CallError)>| {
            let (world, key) = (guard().build(), key("held"));
            scenario.begin(&world, &key);
            world.keys.change(&key, |key| drop(key.tags.insert(INCIDENT_HOLD_TAG.to_owned(), "INC-7".to_owned())));
            let context = format!("{scenario:?}: {fault:?}");
            if let Some((number, effect, error)) = fault {
                world.faults.fail_call(number, effect, error);
            }
            scenario.play(&world, &key, 3);
            let is_kept = world.keys.find(&key).is_some_and(|key| key.pending.is_none());
            assert_eq!((world.journal.made("enable"), is_kept), (0, true), "{context}\n{}", story(&world));
            world.journal.entries().len()
        };
        for number in 1..=play(None) {
            for effect in EFFECTS {
                for error in [no_answer(), denied()] {
                    play(Some((number, effect, error)));
                }
            }
        }
    }
}

/// P27: two calls fail, anywhere.
#[test]
fn a_deletion_survives_the_failure_of_any_two_calls() {
    let scenario = Scenario::Deletion;
    let calls = calls_of(scenario, 0);
    for first in 1..=calls {
        for second in first + 1..=calls + 8 {
            for effects in [[Effect::Before, Effect::After], [Effect::After, Effect::KilledAfter], [Effect::KilledBefore, Effect::Before]] {
                let context = format!("calls {first} and {second} fail: {effects:?}");
                let (world, key) = (guard().build(), key("endangered"));
                scenario.begin(&world, &key);
                for (number, effect) in [first, second].into_iter().zip(effects) {
                    world.faults.fail_call(number, effect, no_answer());
                }
                scenario.play(&world, &key, 0);
                scenario.assert_restored(&world, &key, &context);
                assert_truthful(&world, &context);
            }
        }
    }
}

/// P27 and P37: the process dies over any call, and sweeps come between the deliveries.
#[test]
fn a_deletion_survives_a_death_with_sweeps_in_between() {
    let calls = calls_of(Scenario::Deletion, 0);
    for number in 1..=calls {
        for effect in EFFECTS {
            let context = format!("call {number}: {effect:?}");
            let (world, key) = (guard().build(), key("endangered"));
            Scenario::Deletion.begin(&world, &key);
            world.faults.fail_call(number, effect, no_answer());
            let event = schedule(&key).build();
            drop(world.try_handle(&event, 1));
            let sweep = world.sweep("sweep-1");
            world.clock.advance(SignedDuration::from_hours(1));
            world.deliver(&event);
            assert_eq!(world.keys.state(&key), KeyState::Enabled, "{context}: {sweep:?}\n{}", story(&world));
            assert_truthful(&world, &context);
            assert!(world.clock.now() > time("2026-11-20T11:00:00Z"));
        }
    }
}

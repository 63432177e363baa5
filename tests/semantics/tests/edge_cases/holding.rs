//! Edge case 17 where the tags, which may hold the key for an incident, cannot be read: the key is kept, and is not enabled unseen.

use jiff::SignedDuration;
use reprieve_core::facts::INCIDENT_HOLD_TAG;
use reprieve_core::{Event, Inventory, KeyArn, KeyState, Serving, Status, StepResult};
use reprieve_engine::{CallError, Handled, SweepReport};
use reprieve_test_support::event::{disable, schedule, time};
use reprieve_test_support::{Effect, World, world_with_key};

/// How somebody takes the key away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taking {
    Deletion,
    Disablement,
}

const TAKINGS: [Taking; 2] = [Taking::Deletion, Taking::Disablement];

impl Taking {
    /// Takes the key away, and returns the event that tells of it.
    fn happen(self, world: &World, key: &KeyArn) -> Event {
        match self {
            Self::Deletion => {
                world.keys.schedule_deletion(key, 7).unwrap();
                schedule(key).build()
            }
            Self::Disablement => {
                world.keys.disable(key).unwrap();
                disable(key).build()
            }
        }
    }

    /// How an answer ends that leaves the key disabled.
    const fn left_disabled(self) -> Status {
        match self {
            Self::Deletion => Status::Partial,
            Self::Disablement => Status::Failure,
        }
    }
}

fn throttled() -> CallError {
    CallError::Throttled { call: "kms:ListResourceTags", message: "Rate exceeded".to_owned() }
}

fn refused() -> CallError {
    CallError::AccessDenied { call: "kms:ListResourceTags", message: "no policy allows it".to_owned() }
}

fn hold(world: &World, key: &KeyArn) {
    world.keys.tag(key, [(INCIDENT_HOLD_TAG.to_owned(), "INC-7".to_owned())].into()).unwrap();
}

/// Sweeps an hour later.
fn sweep_later(world: &World, sweep: &str) -> SweepReport {
    world.clock.advance(SignedDuration::from_hours(1));
    world.sweep(sweep)
}

#[track_caller]
fn assert_left_disabled(world: &World, key: &KeyArn, taking: Taking) {
    assert_eq!((world.keys.state(key), world.journal.made("enable")), (KeyState::Disabled, 0), "{taking:?}");
    assert_eq!(world.journal.made("cancel_deletion"), usize::from(taking == Taking::Deletion), "{taking:?}");
}

/// Edge case 17, P17 and P18: the deletion is cancelled at once, and the key enabled by the delivery that can read its tags.
#[test]
fn case_17_a_key_is_enabled_once_its_tags_can_be_read() {
    for taking in TAKINGS {
        let (world, key) = world_with_key();
        let event = taking.happen(&world, &key);
        world.faults.fail_next("tags", 1, Effect::Before, throttled());
        let answer = world.handle(&event);
        let Handled::Retry { reason, record: Some(record), told: false } = answer else { panic!("{taking:?}: {answer:?}") };
        assert!(reason.contains("read again by the next delivery"), "{taking:?}: {reason}");
        assert_eq!((record.status, record.remediate_ms), (taking.left_disabled(), None), "{taking:?}");
        assert_left_disabled(&world, &key, taking);
        assert_eq!(world.notices.notices(), [], "{taking:?}");

        let record = world.settle(&event);
        assert_eq!(World::steps(&record), [("EnableKey", &StepResult::Done)], "{taking:?}");
        assert_eq!((record.status, record.attempt, world.keys.state(&key)), (Status::Success, 2, KeyState::Enabled), "{taking:?}");
        assert_eq!((world.notices.notices().len(), world.ledger.case(&key)), (1, None), "{taking:?}");
    }
}

/// Edge case 17, P17, P18 and P36: a hold that can be read only by the next delivery holds the key all the same, until it is lifted.
#[test]
fn case_17_a_hold_that_could_not_be_read_holds() {
    for taking in TAKINGS {
        let (world, key) = world_with_key();
        hold(&world, &key);
        let event = taking.happen(&world, &key);
        world.faults.fail_next("tags", 1, Effect::Before, throttled());
        assert!(matches!(world.handle(&event), Handled::Retry { .. }), "{taking:?}");
        assert_eq!(world.settle(&event).status, Status::NothingToDo, "{taking:?}");
        assert_left_disabled(&world, &key, taking);
        assert_eq!(world.notices.notices().len(), usize::from(taking == Taking::Deletion), "what was cancelled is told: {taking:?}");
        assert_eq!(sweep_later(&world, "sweep-1").standing, 1, "{taking:?}");
        assert_left_disabled(&world, &key, taking);

        world.keys.change(&key, |key| key.tags.clear());
        assert_eq!(sweep_later(&world, "sweep-2").given_back, 1, "{taking:?}");
        assert_eq!(world.keys.state(&key), KeyState::Enabled, "{taking:?}");
    }
}

/// Edge case 17, P17, P18 and P32: tags that stay unread are told once, with the third attempt; the sweep that reads them enables the key.
#[test]
fn case_17_a_key_whose_tags_stay_unread_is_told_once_and_left_to_the_sweep() {
    for taking in TAKINGS {
        let (world, key) = world_with_key();
        let event = taking.happen(&world, &key);
        world.faults.fail_next("tags", 1_000, Effect::Before, throttled());
        let answers = world.deliver(&event);
        assert!(
            matches!(answers.as_slice(), [Some(Handled::Retry { .. }), Some(Handled::Retry { .. }), Some(Handled::Done { .. })]),
            "{taking:?}: {answers:?}"
        );
        let outcomes = world.audit.outcomes(&event.id);
        assert!(outcomes.iter().all(|record| record.status == taking.left_disabled() && record.remediate_ms.is_none()), "{outcomes:?}");
        let decision = outcomes.last().unwrap().decision.clone().unwrap();
        let because = "it is left disabled, because its tags could not be read, which may hold it for an incident";
        assert_eq!((decision.name(), decision.why().sentence.contains(because)), ("escalate", true), "{}", decision.why().sentence);
        let [notice] = world.notices.notices().try_into().unwrap();
        for said in ["left disabled", "kms:ListResourceTags: throttled: Rate exceeded", "(EnableKey)"] {
            assert!(notice.text().contains(said), "{said}: {}", notice.text());
        }
        assert!(!notice.text().contains("will be deleted"), "{}", notice.text());

        for sweep in ["sweep-1", "sweep-2"] {
            let report = sweep_later(&world, sweep);
            assert_eq!((report.endangered, report.open, report.given_back), (1, 1, 0), "{taking:?}: {report:?}");
        }
        assert_eq!(world.notices.notices().len(), 1, "{taking:?}");
        assert_left_disabled(&world, &key, taking);

        world.faults.clear();
        assert_eq!(sweep_later(&world, "sweep-3").given_back, 1, "{taking:?}");
        assert_eq!((world.keys.state(&key), world.ledger.case(&key)), (KeyState::Enabled, None), "{taking:?}");
        assert_eq!(world.notices.notices().len(), 2, "and once when it is over: {taking:?}");
    }
}

/// Edge case 17, P24: tags that are refused to us are told at once, with the permission that is missing, and once.
#[test]
fn case_17_refused_tags_are_told_at_once() {
    for taking in TAKINGS {
        let (world, key) = world_with_key();
        let event = taking.happen(&world, &key);
        world.faults.fail_next("tags", 1_000, Effect::Before, refused());
        assert_eq!(world.settle(&event).status, taking.left_disabled(), "{taking:?}");
        assert_left_disabled(&world, &key, taking);
        let [notice] = world.notices.notices().try_into().unwrap();
        assert!(notice.text().contains("kms:ListResourceTags: access denied"), "{}", notice.text());
        assert_eq!(world.handle(&event), Handled::Duplicate, "{taking:?}");
        assert_eq!((sweep_later(&world, "sweep-1").open, world.notices.notices().len()), (1, 1), "{taking:?}");

        world.faults.clear();
        assert_eq!(sweep_later(&world, "sweep-2").given_back, 1, "{taking:?}");
        assert_eq!(world.keys.state(&key), KeyState::Enabled, "{taking:?}");
    }
}

/// Edge case 17, P37: what is owed is noted before its event is settled, so that no sweep takes the key as meant to be disabled.
#[test]
fn case_17_what_is_owed_is_noted_before_its_event_is_settled() {
    for taking in TAKINGS {
        let (world, key) = world_with_key();
        let event = taking.happen(&world, &key);
        world.faults.fail_next("tags", 1_000, Effect::Before, refused());
        world.faults.fail_next("open_case", 1_000, Effect::Before, throttled());
        let answer = world.handle(&event);
        assert!(matches!(answer, Handled::Retry { told: false, .. }), "{taking:?}: {answer:?}");

        world.faults.clear();
        world.faults.fail_next("tags", 1_000, Effect::Before, refused());
        assert_eq!(world.settle(&event).status, taking.left_disabled(), "{taking:?}");
        assert_left_disabled(&world, &key, taking);
        assert_eq!(world.notices.notices().len(), 1, "{taking:?}");

        world.faults.clear();
        assert_eq!(sweep_later(&world, "sweep-1").given_back, 1, "{taking:?}");
        assert_eq!(world.keys.state(&key), KeyState::Enabled, "{taking:?}");
    }
}

/// Edge case 17, P17, P18 and P32: so it is with what a sweep found, also where it could not be told at first.
#[test]
fn case_17_what_a_sweep_leaves_disabled_is_told_once() {
    for (untold, expected) in [(0, [1, 1, 1]), (1, [0, 1, 1])] {
        for taking in TAKINGS {
            let (world, key) = world_with_key();
            world.sweep("sweep-0");
            drop(taking.happen(&world, &key));
            world.faults.fail_next("tags", 1_000, Effect::Before, throttled());
            world.faults.fail_next("tell", untold, Effect::Before, throttled());
            let told = ["sweep-1", "sweep-2", "sweep-3"].map(|sweep| {
                let report = sweep_later(&world, sweep);
                assert_eq!((report.endangered, report.open, report.given_back), (1, 1, 0), "{taking:?}: {report:?}");
                world.notices.notices().len()
            });
            assert_eq!(told, expected, "{taking:?}");
            assert_left_disabled(&world, &key, taking);

            world.faults.clear();
            assert_eq!(sweep_later(&world, "sweep-4").given_back, 1, "{taking:?}");
            assert_eq!((world.keys.state(&key), world.ledger.case(&key)), (KeyState::Enabled, None), "{taking:?}");
        }
    }
}

/// Edge case 17, P57: a key that an incident holds is not enabled by a sweep that cannot read its tags, and nobody is called for it.
#[test]
fn case_17_a_held_key_outlasts_tags_that_cannot_be_read() {
    let (world, key) = world_with_key();
    hold(&world, &key);
    world.keys.disable(&key).unwrap();
    assert_eq!(world.settle(&disable(&key).build()).status, Status::NothingToDo);
    world.faults.fail_next("tags", 1_000, Effect::Before, throttled());
    let report = sweep_later(&world, "sweep-1");
    assert_eq!((report.not_reached, report.given_back), (1, 0), "{report:?}");
    assert_left_disabled(&world, &key, Taking::Disablement);
    world.faults.clear();
    assert_eq!((sweep_later(&world, "sweep-2").standing, world.notices.notices().len()), (1, 0));
}

/// Edge case 16, P17: a key that was disabled before owes nothing to its tags.
#[test]
fn case_16_a_key_that_was_disabled_before_does_not_wait_for_its_tags() {
    let (world, key) = world_with_key();
    world.keys.disable(&key).unwrap();
    world.ledger.remember(&key, Inventory { serving: Serving::Disabled, as_of: time("2026-11-01T00:00:00Z"), rotation: None });
    let event = Taking::Deletion.happen(&world, &key);
    world.faults.fail_next("tags", 1, Effect::Before, throttled());
    assert_eq!(world.settle(&event).status, Status::Success);
    assert_left_disabled(&world, &key, Taking::Deletion);
}

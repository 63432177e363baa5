//! Promises of the sweep about what it could not tell.

use jiff::SignedDuration;
use reprieve_core::facts::Rotation;
use reprieve_core::policy::SHIPPED_SCHEMA;
use reprieve_core::{EventId, Inventory, KeyArn, KeyState, Mode, Phase, Policy, Record, Serving, Status, Threat};
use reprieve_engine::{CallError, Handled, SweepReport};
use reprieve_test_support::event::{disable, schedule, time};
use reprieve_test_support::{Effect, World, finish, guard, key, world_with_key};

use crate::{denied, no_answer};

/// What no event announced, as a call that the sweep answers it with.
const ANSWERS: [&str; 3] = ["cancel_deletion", "enable", "enable_rotation"];

/// Makes a key, lets a sweep see it, and lets it be lost in the way that this call answers.
fn lost_key(answer: &str) -> (World, KeyArn) {
    let (world, key) = world_with_key();
    world.keys.change(&key, |key| key.rotation = Rotation { enabled: true, period_days: Some(180) });
    world.sweep("sweep-1");
    world.clock.advance(SignedDuration::from_hours(1));
    match answer {
        "cancel_deletion" => world.keys.schedule_deletion(&key, 7).unwrap(),
        "enable" => world.keys.disable(&key).unwrap(),
        _ => world.keys.change(&key, |key| key.rotation = Rotation { enabled: false, period_days: None }),
    }
    (world, key)
}

/// Returns the id of what a sweep found of the key.
fn found_by(sweep: &str, key: &KeyArn) -> EventId {
    EventId::parse(&format!("{sweep}.eu-central-1.{}", key.key_id())).unwrap()
}

/// Sweeps an hour later.
fn sweep_later(world: &World, sweep: &str) -> SweepReport {
    world.clock.advance(SignedDuration::from_hours(1));
    world.sweep(sweep)
}

/// P32: a rescue by a sweep whose notice could not be sent is told by the next sweep, once, and not done again.
#[test]
fn a_rescue_whose_notice_fails_is_told_by_the_next_sweep() {
    for answer in ANSWERS {
        let (world, key) = lost_key(answer);
        world.faults.fail_next("tell", 1, Effect::Before, no_answer());
        let report = world.sweep("sweep-2");
        assert_eq!((report.given_back, world.notices.notices().len()), (1, 0), "{answer}: {report:?}");
        let report = sweep_later(&world, "sweep-3");
        assert_eq!((report.endangered, report.lost_events, report.handled.len()), (0, 0, 1), "{answer}: {report:?}");
        let [notice] = world.notices.notices().try_into().unwrap();
        assert!(notice.text().contains("an earlier attempt of ours"), "{answer}: {}", notice.text());
        assert_eq!(world.ledger.case(&key), None, "{answer}");
        assert!(sweep_later(&world, "sweep-4").handled.is_empty(), "{answer}");
        assert_eq!((world.notices.notices().len(), world.journal.made(answer)), (1, 1), "{answer}");
        let statuses: Vec<Status> = world.audit.outcomes(&found_by("sweep-2", &key)).iter().map(|record| record.status).collect();
        assert_eq!(statuses, [Status::Success, Status::NothingToDo], "{answer}");
    }
}

/// P32: the same as long as nothing can be told, and of a key that is given back disabled.
#[test]
fn a_rescue_is_told_as_soon_as_it_can_be() {
    let (world, key) = world_with_key();
    world.ledger.remember(&key, Inventory { serving: Serving::Disabled, as_of: time("2026-11-01T00:00:00Z"), rotation: None });
    world.keys.disable(&key).unwrap();
    world.keys.schedule_deletion(&key, 7).unwrap();
    world.faults.fail_next("tell", 3, Effect::Before, no_answer());
    for sweep in ["sweep-1", "sweep-2", "sweep-3"] {
        sweep_later(&world, sweep);
        assert_eq!(world.notices.notices(), [], "{sweep}");
    }
    // Nor is it forgotten where the ledger cannot say that it was begun before.
    world.faults.fail_next("claim", 1, Effect::Before, no_answer());
    sweep_later(&world, "sweep-4");
    assert_eq!(world.notices.notices(), []);
    sweep_later(&world, "sweep-5");
    let [notice] = world.notices.notices().try_into().unwrap();
    assert!(notice.text().contains("is not pending deletion any more"), "{}", notice.text());
    assert!(sweep_later(&world, "sweep-6").handled.is_empty());
    assert_eq!((world.keys.state(&key), world.journal.made("cancel_deletion")), (KeyState::Disabled, 1));
    assert_eq!(world.ledger.known(&key).inventory.unwrap().serving, Serving::Disabled);
}

/// P139: a sweep that is killed before it could tell of a rescue leaves that to the next.
#[test]
fn what_a_killed_sweep_could_not_tell_is_told() {
    for answer in ANSWERS {
        let (world, key) = lost_key(answer);
        world.faults.fail_next("tell", 1, Effect::KilledBefore, no_answer());
        assert!(finish(world.guard.sweep(&EventId::parse("sweep-2").unwrap())).is_none(), "{answer}: it was killed");
        sweep_later(&world, "sweep-3");
        let [notice] = world.notices.notices().try_into().unwrap();
        assert!(notice.text().contains("an earlier attempt of ours"), "{answer}: {}", notice.text());
        assert_eq!((world.journal.made(answer), world.ledger.case(&key)), (1, None), "{answer}");
    }
}

/// P32, P23: a rescue that was told is neither told nor written down again where only its case could not be closed.
#[test]
fn a_rescue_that_was_told_is_not_told_again() {
    let (world, key) = lost_key("enable");
    world.faults.fail_next("close_case", 1, Effect::Before, no_answer());
    assert_eq!(world.sweep("sweep-2").given_back, 1);
    assert!(world.ledger.case(&key).is_some());
    assert!(matches!(sweep_later(&world, "sweep-3").handled.as_slice(), [Handled::Duplicate]));
    assert_eq!((world.notices.notices().len(), world.ledger.case(&key)), (1, None));
    let statuses: Vec<Status> = world.audit.outcomes(&found_by("sweep-2", &key)).iter().map(|record| record.status).collect();
    assert_eq!(statuses, [Status::Success]);
}

/// P32: a rescue that could not be told is told by the next sweep that can, also where a policy permits by then what was undone.
#[test]
fn a_rescue_that_is_permitted_by_now_is_told_all_the_same() {
    for answer in ANSWERS {
        let (world, key) = lost_key(answer);
        world.faults.fail_next("tell", 2, Effect::Before, no_answer());
        assert_eq!(world.sweep("sweep-2").given_back, 1, "{answer}");
        world.policies.set(Policy::parse("@id(\"all\") permit (principal, action, resource);", SHIPPED_SCHEMA).unwrap());
        let told = ["sweep-3", "sweep-4", "sweep-5"].map(|sweep| {
            sweep_later(&world, sweep);
            world.notices.notices().len()
        });
        assert_eq!(told, [0, 1, 1], "{answer}");
        let [notice] = world.notices.notices().try_into().unwrap();
        assert!(notice.text().contains("an earlier attempt of ours"), "{answer}: {}", notice.text());
        assert_eq!((world.ledger.case(&key), world.journal.made(answer)), (None, 1), "{answer}");
    }
}

/// Sweeps three times, an hour apart, while nothing can be written down, and returns how much people were told by then.
fn told_without_an_audit_store(world: &World) -> [usize; 3] {
    world.faults.fail_next("append", 99, Effect::Before, no_answer());
    ["sweep-2", "sweep-3", "sweep-4"].map(|sweep| {
        sweep_later(world, sweep);
        world.notices.notices().len()
    })
}

/// P31, P32: a rescue that was told is not told again where its outcome could not be written down, also where it was told late; the next
/// sweep that can writes it down, once.
#[test]
fn a_rescue_that_could_not_be_written_down_is_told_once_and_written_down_late() {
    for answer in ANSWERS {
        for (untold, expected) in [(0, [1, 1, 1]), (1, [0, 1, 1])] {
            let (world, key) = lost_key(answer);
            world.faults.fail_next("tell", untold, Effect::Before, no_answer());
            assert_eq!(told_without_an_audit_store(&world), expected, "{answer}");
            assert!(world.audit.records().is_empty(), "{answer}");
            world.faults.clear();
            assert!(matches!(sweep_later(&world, "sweep-5").handled.as_slice(), [Handled::Duplicate]), "{answer}");
            assert!(sweep_later(&world, "sweep-6").handled.is_empty(), "{answer}");
            let found = found_by("sweep-2", &key);
            let is_intent = |record: &Record| record.phase == Phase::Intent && *record.event_id() == found;
            assert_eq!(world.audit.records().into_iter().filter(is_intent).count(), 1, "{answer}");
            let [outcome] = world.audit.outcomes(&found).try_into().unwrap();
            assert_eq!((outcome.status, outcome.attempt, outcome.steps.len()), (Status::NothingToDo, 1, 0), "{answer}");
            let [said] = outcome.decision.unwrap().why().escalations.clone().try_into().unwrap();
            assert!(said.contains("could not be written down when it was told"), "{answer}: {said}");
            assert_eq!(said.contains("we cancelled its deletion at"), answer == "cancel_deletion", "{said}");
            assert_eq!((world.notices.notices().len(), world.ledger.case(&key), world.journal.made(answer)), (1, None, 1), "{answer}");
        }
    }
}

/// P31: while nothing can be written down, a key that is back is no open case, and is looked after as any other.
#[test]
fn a_key_that_is_back_is_well_though_nothing_can_be_written_down() {
    let (world, key) = lost_key("enable");
    told_without_an_audit_store(&world);
    let report = sweep_later(&world, "sweep-5");
    assert_eq!((report.endangered, report.open, report.handled.len()), (0, 0, 1), "{report:?}");
    assert_eq!(world.ledger.known(&key).inventory.map(|known| known.as_of), Some(report.started_at));
    assert!(world.ledger.case(&key).is_some(), "it is kept for what is still owed");
}

/// P31: nor is a later act on it told with what was done about the earlier one.
#[test]
fn a_later_act_is_not_said_to_have_been_cancelled_with_the_deletion_before_it() {
    let (world, key) = lost_key("cancel_deletion");
    told_without_an_audit_store(&world);
    assert!(world.ledger.case(&key).unwrap().cancelled_at.is_some());
    world.keys.disable(&key).unwrap();
    assert_eq!(sweep_later(&world, "sweep-5").given_back, 1);
    let case = world.ledger.case(&key).unwrap();
    assert_eq!((case.threat, case.cancelled_at), (Threat::KeyDisabled, None));
}

/// P42, P31: nor does its case make a look believed that contradicts the next event.
#[test]
fn a_look_that_contradicts_the_next_event_is_repeated_though_a_case_is_still_open() {
    for scheduled in [true, false] {
        let (world, key) = lost_key("enable");
        told_without_an_audit_store(&world);
        world.faults.clear();
        world.clock.set(time("2026-11-20T15:00:00Z"));
        let before = world.keys.find(&key).unwrap().description();
        let event = if scheduled {
            world.keys.schedule_deletion(&key, 7).unwrap();
            schedule(&key)
        } else {
            world.keys.disable(&key).unwrap();
            disable(&key)
        };
        world.keys.change(&key, |key| key.stale = Some((before, 1)));
        assert!(world.ledger.case(&key).is_some());
        assert_eq!(world.settle(&event.at("2026-11-20T15:00:00Z").build()).status, Status::Success, "scheduled: {scheduled}");
        assert_eq!(world.keys.state(&key), KeyState::Enabled);
    }
}

/// P39, P32: that a key is gone is told once, also where it could not be written down.
#[test]
fn a_key_that_is_gone_is_told_once_where_that_could_not_be_written_down() {
    let (world, key) = lost_key("cancel_deletion");
    let gone = CallError::NotFound { call: "kms:CancelKeyDeletion", message: "it does not exist".to_owned() };
    world.faults.fail_next("cancel_deletion", 1, Effect::Before, gone);
    world.faults.fail_next("append", 99, Effect::Before, no_answer());
    sweep_later(&world, "sweep-2");
    world.keys.lose(&key);
    for sweep in ["sweep-3", "sweep-4"] {
        sweep_later(&world, sweep);
        assert_eq!((world.notices.notices().len(), world.ledger.case(&key)), (1, None), "{sweep}");
    }
}

/// P32, P25: nor is what people alone can help with, and what would have been done in mode `observe`.
#[test]
fn what_could_not_be_written_down_is_told_once() {
    let observed = key("observed");
    let (world, key) = world_with_key();
    world.keys.change(&key, |key| key.imported_material = true);
    world.sweep("sweep-1");
    world.keys.change(&key, |key| key.has_material = false);
    assert_eq!(told_without_an_audit_store(&world), [1, 1, 1]);

    let world = guard().mode(Mode::Observe).build();
    world.keys.create(&observed);
    world.keys.schedule_deletion(&observed, 7).unwrap();
    assert_eq!(told_without_an_audit_store(&world), [1, 1, 1]);
}

/// P32: what people alone can help with is told by the next sweep where it could not be told, and once.
#[test]
fn an_escalation_whose_notice_fails_is_told_by_the_next_sweep() {
    let (world, key) = world_with_key();
    world.keys.change(&key, |key| key.imported_material = true);
    world.sweep("sweep-1");
    world.keys.change(&key, |key| key.has_material = false);
    world.faults.fail_next("tell", 1, Effect::Before, no_answer());
    let told = ["sweep-2", "sweep-3", "sweep-4"].map(|sweep| {
        sweep_later(&world, sweep);
        world.notices.notices().len()
    });
    assert_eq!(told, [0, 1, 1]);
}

/// P25, P32: so is, in mode `observe`, what would have been done.
#[test]
fn what_would_have_been_done_is_told_by_the_next_sweep() {
    let (world, key) = (guard().mode(Mode::Observe).build(), key("observed"));
    world.keys.create(&key);
    world.keys.schedule_deletion(&key, 7).unwrap();
    world.faults.fail_next("tell", 1, Effect::Before, no_answer());
    let told = ["sweep-1", "sweep-2", "sweep-3"].map(|sweep| {
        sweep_later(&world, sweep);
        world.notices.notices().len()
    });
    assert_eq!((told, world.journal.acts()), ([0, 1, 1], Vec::new()));
}

/// P25, P32: nor is it told hour by hour that a key does not rotate, whose disabling before is over.
#[test]
fn a_rotation_that_stays_off_is_told_once_though_the_key_was_disabled_before() {
    for is_announced in [true, false] {
        let (world, key) = (guard().mode(Mode::Observe).build(), key("observed"));
        world.keys.create(&key);
        world.keys.change(&key, |key| key.rotation = Rotation { enabled: true, period_days: Some(180) });
        world.sweep("sweep-1");
        world.clock.advance(SignedDuration::from_hours(1));
        world.keys.disable(&key).unwrap();
        if is_announced {
            assert_eq!(world.settle(&disable(&key).at("2026-11-20T11:00:00Z").build()).status, Status::Observed);
        }
        sweep_later(&world, "sweep-2");
        assert_eq!(world.notices.notices().len(), 1, "announced: {is_announced}");
        // A human enables it, and forgets its rotation, which was switched off too.
        world.keys.change(&key, |key| (key.enabled, key.rotation) = (true, Rotation { enabled: false, period_days: None }));
        let told = ["sweep-3", "sweep-4", "sweep-5"].map(|sweep| {
            sweep_later(&world, sweep);
            world.notices.notices().len()
        });
        assert_eq!(told, [2, 2, 2], "announced: {is_announced}");
        assert_eq!(world.ledger.case(&key).map(|case| case.threat), Some(Threat::RotationDisabled), "announced: {is_announced}");
    }
}

/// P39, P32: so is that a key does not exist any more.
#[test]
fn a_key_that_is_gone_is_told_by_the_next_sweep() {
    let (world, key) = world_with_key();
    world.keys.schedule_deletion(&key, 7).unwrap();
    world.faults.fail_next("cancel_deletion", 1, Effect::Before, denied());
    assert_eq!(world.settle(&schedule(&key).build()).status, Status::Failure);
    world.keys.lose(&key);
    world.faults.fail_next("tell", 1, Effect::Before, no_answer());
    let told = ["sweep-1", "sweep-2", "sweep-3"].map(|sweep| {
        sweep_later(&world, sweep);
        world.notices.notices().iter().filter(|notice| notice.text().contains("does not exist any more")).count()
    });
    assert_eq!((told, world.ledger.case(&key)), ([0, 1, 1], None));
}

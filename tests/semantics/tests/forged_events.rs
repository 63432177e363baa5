//! What somebody achieves who can write events: nothing on a healthy key, no cover for a later act, and no silence before the sweep.

use jiff::SignedDuration;
use reprieve_core::event::CallOutcome;
use reprieve_core::facts::Rotation;
use reprieve_core::{Actor, Inventory, KeyState, Serving, Status};
use reprieve_engine::{CallError, Clock as _, Handled};
use reprieve_test_support::event::{disable, disable_rotation, event, mallory, remediator, schedule, time};
use reprieve_test_support::{Effect, Terms, World, key, sealed_approval, world_with_key};

/// Every call that the guard takes for a loss.
const LOSSES: [&str; 10] = [
    "ScheduleKeyDeletion",
    "DisableKey",
    "DeleteImportedKeyMaterial",
    "DeleteExpiredKeyMaterial",
    "PutKeyPolicy",
    "RevokeGrant",
    "UntagResource",
    "DeleteAlias",
    "UpdateAlias",
    "DeleteKey",
];

/// P1: an event is a hint. Of a key that is well, no forged loss leads to a call that changes it, whoever it claims to be by.
#[test]
fn a_forged_loss_of_a_healthy_key_changes_nothing() {
    for name in LOSSES {
        for actor in [mallory(), remediator(), Actor::unknown()] {
            let (world, key) = world_with_key();
            let forged = event(name).on(&key).by(actor.clone()).build();
            world.settle(&forged);
            assert_eq!(world.journal.acts(), [], "`{name}` by {}", actor.display_name());
            assert_eq!(world.keys.state(&key), KeyState::Enabled, "`{name}` by {}", actor.display_name());
        }
    }
}

/// P4: a refused call that never happened is recorded as an attempt, and costs no look at the key.
#[test]
fn a_forged_refusal_changes_nothing() {
    let (world, key) = world_with_key();
    let forged = schedule(&key).refused("AccessDenied").build();
    assert!(matches!(forged.outcome, CallOutcome::Refused { .. }));
    assert_eq!(world.settle(&forged).status, Status::NothingToDo);
    assert_eq!(world.journal.acts(), []);
}

/// P12: a forged event inside of a window does not cover the deletion that follows outside of it: each is judged by its own time.
#[test]
fn a_forged_event_inside_a_window_covers_no_act_outside_of_it() {
    let (world, key) = world_with_key();
    world.tag_approval(&key, &sealed_approval(&key, &Terms::of_action("delete")));
    world.settle(&schedule(&key).id("forged").build());
    assert_eq!(world.keys.state(&key), KeyState::Enabled);

    world.clock.advance(SignedDuration::from_hours(24 * 20));
    world.keys.schedule_deletion(&key, 7).expect("the key is there");
    let real = schedule(&key).id("real").at("2026-12-10T10:00:00Z").build();
    assert_eq!(world.settle(&real).status, Status::Success);
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
}

/// P35: who settles the event of a deletion before it happens, with the same id, delays the answer until the sweep, and no longer.
#[test]
fn an_event_that_was_settled_beforehand_is_found_by_the_sweep() {
    let (world, key) = world_with_key();
    let event = schedule(&key).id("known-beforehand").build();
    world.settle(&event);
    world.keys.schedule_deletion(&key, 7).expect("the key is there");
    assert!(matches!(world.handle(&event), Handled::Duplicate), "the ledger says that it was answered");
    assert_eq!(world.keys.state(&key), KeyState::PendingDeletion);

    world.sweep("sweep-1");
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
}

/// P19: a forged loss of rotation switches nothing on. Only what was seen before, or the provider's own log, says that a key rotated.
#[test]
fn a_forged_loss_of_rotation_switches_on_none_that_never_was() {
    let forged = |world: &World, id: &str| world.settle(&disable_rotation(&key("k")).id(id).build());
    let unseen = || {
        let (world, _) = world_with_key();
        world.keys.create(&key("k"));
        world
    };
    // Nothing at all is known of the key: a human is asked.
    let world = unseen();
    assert_eq!(forged(&world, "forged").status, Status::Escalated);
    assert_eq!(world.journal.acts(), []);

    // A sweep has seen that it does not rotate: nothing was lost.
    world.sweep("sweep-1");
    assert_eq!(forged(&world, "forged-again").status, Status::NothingToDo);
    assert_eq!((world.journal.acts(), world.notices.notices().len()), (Vec::new(), 1));

    // The log tells of a rotation that was switched on, and of its end before the forged one: a human is asked, and nothing done.
    let world = unseen();
    world.circumstances.logged(event("EnableKeyRotation").id("on").on(&key("k")).at("2026-11-20T08:00:00Z").build());
    world.circumstances.logged(disable_rotation(&key("k")).id("off").at("2026-11-20T09:00:00Z").build());
    assert_eq!(forged(&world, "forged").status, Status::Escalated);
    assert_eq!(world.journal.acts(), []);
}

/// P19: a key that no sweep has seen yet gets its rotation back where the log shows that it had one.
#[test]
fn the_log_tells_that_a_key_rotated_that_no_sweep_has_seen() {
    let (world, key) = world_with_key();
    world.circumstances.logged(event("EnableKeyRotation").id("on").on(&key).at("2026-11-20T08:00:00Z").build());
    assert_eq!(world.settle(&disable_rotation(&key).build()).status, Status::Success);
    assert!(world.keys.find(&key).expect("the key is there").rotation.enabled);
}

/// P19: what is not known because the ledger does not answer is asked again, and neither guessed nor let go.
#[test]
fn a_loss_of_rotation_waits_for_a_ledger_that_does_not_answer() {
    let (world, key) = world_with_key();
    let rotation = Rotation { enabled: true, period_days: Some(180) };
    world.ledger.remember(&key, Inventory { serving: Serving::Enabled, as_of: time("2026-11-01T00:00:00Z"), rotation: Some(rotation) });
    world.faults.fail_next("recall", 1, Effect::Before, CallError::Unavailable { call: "any", message: "connection reset".to_owned() });
    let event = disable_rotation(&key).build();
    assert!(matches!(world.handle(&event), Handled::Retry { .. }));
    assert_eq!(world.journal.acts(), []);
    assert_eq!(world.settle(&event).status, Status::Success);
    assert_eq!(world.keys.find(&key).expect("the key is there").rotation, rotation);
}

/// P19: a look at a rotation that fails once, in a sweep, does not teach that the key is meant not to rotate.
#[test]
fn a_rotation_that_was_switched_off_is_never_learned_as_meant() {
    let (world, key) = world_with_key();
    world.keys.change(&key, |key| key.rotation = Rotation { enabled: true, period_days: Some(90) });
    world.sweep("sweep-1");
    world.keys.change(&key, |key| key.rotation = Rotation { enabled: false, period_days: None });
    world.faults.fail_next("rotation", 1, Effect::Before, CallError::Throttled { call: "any", message: "Rate exceeded".to_owned() });
    world.sweep("sweep-2");
    world.sweep("sweep-3");
    assert_eq!(world.keys.find(&key).expect("the key is there").rotation, Rotation { enabled: true, period_days: Some(90) });
}

/// P33: an event that is dated ahead, by forgery or a wrong clock, is learned as of now: what is true later is learned all the same.
#[test]
fn an_event_from_the_future_keeps_nothing_from_being_learned() {
    let (world, key) = world_with_key();
    world.settle(&event("EnableKey").id("forged").on(&key).at("2099-01-01T00:00:00Z").build());
    let as_of = world.ledger.known(&key).inventory.expect("it was learned").as_of;
    assert!(as_of <= world.clock.now() + SignedDuration::from_mins(1), "{as_of}");

    // What is approved an hour later is learned, and given back.
    world.clock.advance(SignedDuration::from_hours(1));
    world.tag_approval(&key, &sealed_approval(&key, &Terms::of_action("disable")));
    world.keys.disable(&key).expect("the key is there");
    world.settle(&disable(&key).id("approved").at("2026-11-20T11:00:00Z").build());
    assert_eq!(world.ledger.known(&key).inventory.map(|known| known.serving), Some(Serving::Disabled));
    world.keys.schedule_deletion(&key, 7).expect("the key is there");
    world.settle(&schedule(&key).at("2026-11-20T11:00:01Z").build());
    assert_eq!(world.keys.state(&key), KeyState::Disabled);
}

/// P33: what a host wrote whose clock was ahead, or a version that believed forged times, gives way to the next true lesson.
#[test]
fn a_memory_from_the_future_gives_way() {
    let (world, key) = world_with_key();
    world.ledger.remember(&key, Inventory { serving: Serving::Disabled, as_of: time("2099-01-01T00:00:00Z"), rotation: None });
    world.sweep("sweep-1");
    let known = world.ledger.known(&key).inventory.expect("it is known");
    assert_eq!((known.serving, known.as_of <= world.clock.now()), (Serving::Enabled, true));
}

/// P12: a memory that is dated ahead does not make an approved disablement look like one that was over long ago.
#[test]
fn a_memory_from_the_future_undoes_no_approved_change() {
    let (world, key) = world_with_key();
    world.ledger.remember(&key, Inventory { serving: Serving::Enabled, as_of: time("2099-01-01T00:00:00Z"), rotation: None });
    world.tag_approval(&key, &sealed_approval(&key, &Terms::of_action("disable")));
    world.keys.disable(&key).expect("the key is there");
    world.circumstances.logged(disable(&key).build());
    world.clock.advance(SignedDuration::from_hours(1));
    world.sweep("sweep-1");
    assert_eq!((world.keys.state(&key), world.journal.acts()), (KeyState::Disabled, Vec::new()));
}

/// P12: an event that is dated inside of a window which is still to come is covered by none, and prepares nothing.
#[test]
fn a_forged_event_inside_a_window_to_come_prepares_no_act_before_it() {
    let (world, key) = world_with_key();
    let window = "2026-11-20T12:00:00Z/2026-11-20T14:00:00Z".to_owned();
    world.tag_approval(&key, &sealed_approval(&key, &Terms { window, ..Terms::of_action("disable") }));
    world.settle(&disable(&key).id("forged").at("2026-11-20T13:00:00Z").build());

    world.keys.disable(&key).expect("the key is there");
    world.clock.advance(SignedDuration::from_mins(2));
    world.settle(&disable(&key).id("real").at("2026-11-20T10:00:30Z").build());
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
}

/// P12: a forged event inside a window that is over teaches nothing about a key that is seen to serve.
#[test]
fn a_forged_event_inside_a_window_gone_by_prepares_no_act_after_it() {
    let (world, key) = world_with_key();
    let window = "2026-11-20T09:00:00Z/2026-11-20T09:30:00Z".to_owned();
    world.tag_approval(&key, &sealed_approval(&key, &Terms { window, ..Terms::of_action("disable") }));
    world.settle(&disable(&key).id("forged").at("2026-11-20T09:15:00Z").build());

    world.keys.disable(&key).expect("the key is there");
    world.clock.advance(SignedDuration::from_mins(2));
    world.settle(&disable(&key).id("real").at("2026-11-20T10:00:30Z").build());
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
}

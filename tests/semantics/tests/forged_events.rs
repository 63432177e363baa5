//! What somebody achieves who can write events: nothing on a healthy key, no cover for a later act, and no silence before the sweep.

use jiff::SignedDuration;
use reprieve_core::event::CallOutcome;
use reprieve_core::{Actor, KeyState, Status};
use reprieve_engine::Handled;
use reprieve_test_support::event::{event, mallory, remediator, schedule};
use reprieve_test_support::{Terms, sealed_approval, world_with_key};

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

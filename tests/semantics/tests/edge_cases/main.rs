//! The 25 edge cases that the guard must honour, each as one named test, through the whole loop over stateful fakes.
//!
//! A doc comment "edge case N" states the case: what is given, and what is expected.
#![expect(clippy::unwrap_used, reason = "a test that goes another way must stop")]

mod approvals;
mod delivery;
mod holding;
mod parsing;
mod restoring;

use reprieve_core::{KeyArn, KeyState, Record, StepResult};
use reprieve_test_support::World;
use reprieve_test_support::event::schedule;

/// Asserts that the key was given back by the two usual steps.
#[track_caller]
fn assert_given_back(world: &World, key: &KeyArn, record: &Record) {
    assert_eq!(World::steps(record), [("CancelKeyDeletion", &StepResult::Done), ("EnableKey", &StepResult::Done)]);
    assert_eq!(world.keys.state(key), KeyState::Enabled);
}

/// Schedules the deletion and answers the event.
#[track_caller]
fn schedule_and_settle(world: &World, key: &KeyArn) -> Record {
    world.keys.schedule_deletion(key, 7).unwrap();
    world.settle(&schedule(key).build())
}

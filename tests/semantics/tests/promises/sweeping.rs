//! Promises of the sweep.

use std::time::Duration;

use jiff::SignedDuration;
use reprieve_core::facts::{INCIDENT_HOLD_TAG, Rotation};
use reprieve_core::{KeyArn, KeyState, Mode, Serving};
use reprieve_engine::{CallError, Handled, Ledger as _};
use reprieve_test_support::event::{disable, event, schedule};
use reprieve_test_support::{Effect, Terms, finish, guard, key, sealed_approval, world_with_key};

use crate::{denied, no_answer};

/// P35: what no event announced, the sweep finds, answers, and counts as lost.
#[test]
fn the_sweep_finds_what_no_event_announced() {
    let (world, key) = world_with_key();
    world.sweep("sweep-1");
    world.keys.schedule_deletion(&key, 7).unwrap();
    world.clock.advance(SignedDuration::from_hours(1));
    let report = world.sweep("sweep-2");
    assert_eq!((report.keys, report.endangered, report.lost_events, report.given_back), (1, 1, 1, 1), "{report:?}");
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
    assert_eq!(world.meter.sweeps().last().unwrap().lost_events, 1);
    assert_eq!(world.sweep("sweep-3").endangered, 0);
}

/// P35: an event that is still on its way is not counted as lost.
#[test]
fn an_event_on_its_way_is_not_lost() {
    let (world, key) = world_with_key();
    world.sweep("sweep-1");
    world.keys.schedule_deletion(&key, 7).unwrap();
    world.clock.advance(SignedDuration::from_secs(30));
    let report = world.sweep("sweep-2");
    assert_eq!((report.lost_events, report.given_back), (0, 1), "{report:?}");
}

/// P35: a disabled key and switched-off rotation are found as well, where the inventory knows better.
#[test]
fn the_sweep_finds_disabled_keys_and_lost_rotation() {
    let (world, key) = world_with_key();
    world.keys.change(&key, |key| key.rotation = Rotation { enabled: true, period_days: Some(90) });
    world.sweep("sweep-1");
    world.keys.change(&key, |key| key.rotation = Rotation { enabled: false, period_days: None });
    assert_eq!(world.sweep("sweep-2").given_back, 1);
    assert_eq!(world.keys.find(&key).unwrap().rotation, Rotation { enabled: true, period_days: Some(90) });
    world.keys.disable(&key).unwrap();
    assert_eq!(world.sweep("sweep-3").given_back, 1);
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
}

/// P36: what an approval lets stand is decided again, without a new record, until it no longer holds.
#[test]
fn what_stands_is_decided_again_without_new_records() {
    let (world, key) = world_with_key();
    world.keys.schedule_deletion(&key, 7).unwrap();
    finish(world.ledger.approve(&key, &sealed_approval(&key, &Terms::default()))).unwrap().unwrap();
    world.settle(&schedule(&key).build());
    let records = world.audit.records().len();
    for sweep in ["sweep-1", "sweep-2"] {
        world.clock.advance(SignedDuration::from_hours(1));
        assert_eq!(world.sweep(sweep).standing, 1);
    }
    assert_eq!(world.audit.records().len(), records);

    // The approval is replaced by one that does not hold: the change was revoked.
    let mut revoked = sealed_approval(&key, &Terms::default());
    revoked.seal = "revoked".to_owned();
    finish(world.ledger.approve(&key, &revoked)).unwrap().unwrap();
    assert_eq!(world.sweep("sweep-3").given_back, 1);
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
}

/// P36: a disabled key is given back when its incident is over.
#[test]
fn an_incident_that_is_over_gives_the_key_back() {
    for seen_before in [true, false] {
        let (world, key) = world_with_key();
        if seen_before {
            world.sweep("sweep-0");
        }
        world.keys.tag(&key, [(INCIDENT_HOLD_TAG.to_owned(), "INC-7".to_owned())].into()).unwrap();
        world.keys.disable(&key).unwrap();
        world.clock.advance(SignedDuration::from_secs(1));
        world.settle(&disable(&key).build());
        assert_eq!(world.sweep("sweep-1").standing, 1);
        world.keys.change(&key, |key| key.tags.clear());
        assert_eq!(world.sweep("sweep-2").given_back, 1, "seen before: {seen_before}");
        assert_eq!(world.keys.state(&key), KeyState::Enabled);
    }
}

/// P37: what a new deployment finds disabled stays so.
#[test]
fn a_key_first_seen_disabled_is_meant_to_be_so() {
    let (world, key) = world_with_key();
    world.keys.disable(&key).unwrap();
    for sweep in ["sweep-1", "sweep-2"] {
        assert_eq!(world.sweep(sweep).endangered, 0);
    }
    assert_eq!(world.keys.state(&key), KeyState::Disabled);
    assert_eq!(world.ledger.known(&key).inventory.unwrap().serving, Serving::Disabled);
}

/// P37: a sweep between two attempts to enable a key does not take it as meant to be disabled.
#[test]
fn a_rescue_that_is_still_open_is_not_taken_as_meant() {
    for scheduled in [false, true] {
        let (world, key) = world_with_key();
        let event = if scheduled {
            world.keys.schedule_deletion(&key, 7).unwrap();
            schedule(&key).build()
        } else {
            world.keys.disable(&key).unwrap();
            disable(&key).build()
        };
        // The cancel's answer is lost, so that nothing notes that it was ours; the enable is throttled.
        world.faults.fail_next("cancel_deletion", 1, Effect::After, no_answer());
        let throttled = CallError::Throttled { call: "kms:EnableKey", message: "Rate exceeded".to_owned() };
        world.faults.fail_next("enable", 1_000, Effect::Before, throttled);
        assert!(matches!(world.handle(&event), Handled::Retry { .. }));
        assert_eq!(world.keys.state(&key), KeyState::Disabled);
        let report = world.sweep("sweep-1");
        assert_eq!((report.endangered, report.lost_events), (1, 0), "{report:?}");
        world.faults.clear();
        world.clock.advance(SignedDuration::from_mins(1));
        world.settle(&event);
        assert_eq!(world.keys.state(&key), KeyState::Enabled, "scheduled: {scheduled}");
    }
}

/// P38: open cases come first, the earliest deadline first; what there is no time for is counted.
#[test]
fn a_sweep_takes_the_earliest_deadline_first_and_counts_the_rest() {
    let world = guard().sweep_budget(Duration::from_mins(1)).concurrency(1).build();
    let keys: Vec<KeyArn> = ["a", "b", "c", "d"].iter().map(|id| key(id)).collect();
    for (key, days) in keys.iter().zip([9, 30, 7, 8]) {
        world.keys.create(key);
        world.keys.schedule_deletion(key, days).unwrap();
        world.faults.fail_next("cancel_deletion", 1, Effect::Before, denied());
        world.settle(&schedule(key).id(&format!("schedule-{}", key.key_id())).build());
    }
    let before = world.journal.entries().len();
    world.sweep("sweep-1");
    let order: Vec<KeyArn> = world
        .journal
        .entries()
        .into_iter()
        .skip(before)
        .filter(|entry| entry.call.name() == "cancel_deletion")
        .filter_map(|entry| entry.call.acts_on().cloned())
        .collect();
    assert_eq!(order, [key("c"), key("d"), key("a"), key("b")]);

    let world = guard().sweep_budget(Duration::ZERO).concurrency(1).build();
    for key in &keys {
        world.keys.create(key);
        world.keys.schedule_deletion(key, 7).unwrap();
    }
    world.faults.fail_next("enable", 3, Effect::Before, no_answer());
    let report = world.sweep("sweep-1");
    assert_eq!((report.given_back, report.not_reached), (1, 3), "{report:?}");
    assert_eq!(world.sweep("sweep-2").given_back, 3, "the next takes up the rest");
}

/// P39: an approved deletion that was carried out is paged at most once, and its case closed.
#[test]
fn a_key_that_is_gone_is_paged_once() {
    let (world, key) = world_with_key();
    world.tag_approval(&key, &sealed_approval(&key, &Terms::default()));
    world.keys.schedule_deletion(&key, 7).unwrap();
    world.settle(&schedule(&key).build());
    world.clock.advance(SignedDuration::from_hours(24 * 8));
    world.keys.lose(&key);
    for sweep in ["sweep-1", "sweep-2", "sweep-3"] {
        world.sweep(sweep);
        world.clock.advance(SignedDuration::from_hours(1));
    }
    assert!(world.notices.notices().len() <= 1, "{:?}", world.notices.notices());
    assert_eq!(world.ledger.case(&key), None);
}

/// P40: an alias that goes with an approved deletion does not make the sweep forget the approval.
#[test]
fn another_change_does_not_replace_the_case_of_a_deletion() {
    let (world, key) = world_with_key();
    world.tag_approval(&key, &sealed_approval(&key, &Terms::default()));
    world.keys.schedule_deletion(&key, 7).unwrap();
    world.settle(&schedule(&key).build());
    world.settle(&event("DeleteAlias").on(&key).at("2026-11-20T10:00:05Z").build());
    world.clock.advance(SignedDuration::from_hours(1));
    let report = world.sweep("sweep-1");
    assert_eq!((report.standing, report.given_back, report.lost_events), (1, 0, 0), "{report:?}");
    assert_eq!(world.keys.state(&key), KeyState::PendingDeletion);
}

/// P25: a sweep in mode `observe` changes nothing, and tells once.
#[test]
fn observing_changes_nothing_and_tells_once() {
    let world = guard().mode(Mode::Observe).build();
    let key = key("observed");
    world.keys.create(&key);
    world.keys.schedule_deletion(&key, 7).unwrap();
    for sweep in ["sweep-1", "sweep-2", "sweep-3"] {
        world.sweep(sweep);
        world.clock.advance(SignedDuration::from_hours(1));
    }
    assert!(world.journal.acts().is_empty());
    assert_eq!(world.notices.notices().len(), 1);
    assert!(world.notices.notices().first().unwrap().subject.contains("would have been given back"));
}

/// P23: that we cancelled is remembered, whichever event or sweep takes the rescue up.
#[test]
fn a_sweep_that_resumes_remembers_the_cancel() {
    let (world, key) = world_with_key();
    world.keys.schedule_deletion(&key, 7).unwrap();
    let throttled = CallError::Throttled { call: "kms:EnableKey", message: "Rate exceeded".to_owned() };
    world.faults.fail_next("enable", 1_000, Effect::Before, throttled);
    assert!(matches!(world.handle(&schedule(&key).build()), Handled::Retry { .. }));
    let cancelled_at = world.ledger.case(&key).unwrap().cancelled_at;
    assert!(cancelled_at.is_some());
    world.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(world.sweep("sweep-1").open, 1);
    assert_eq!(world.ledger.case(&key).unwrap().cancelled_at, cancelled_at);
    world.faults.clear();
    assert_eq!(world.sweep("sweep-2").given_back, 1);
    assert_eq!(world.journal.made("cancel_deletion"), 1);
}

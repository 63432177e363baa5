//! Promises of the sweep.

use std::time::Duration;

use jiff::SignedDuration;
use reprieve_core::facts::{INCIDENT_HOLD_TAG, Rotation};
use reprieve_core::{Details, KeyArn, KeyState, Mode, Serving, Status, Threat};
use reprieve_engine::{CallError, Handled, Ledger as _};
use reprieve_test_support::event::{disable, disable_rotation, event, schedule, time};
use reprieve_test_support::{Effect, FakeKey, Terms, World, finish, guard, key, sealed_approval, world_with_key};

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

/// Lets an approved deletion of a multi-Region primary stand that waits for its replica, and has its call in the log.
fn primary_whose_deletion_stands() -> (World, KeyArn) {
    let (world, primary) = (guard().build(), key("mrk-1234"));
    world.keys.put(&primary, FakeKey { replicas: [key("mrk-replica")].into(), ..FakeKey::default() });
    world.sweep("sweep-1");
    world.tag_approval(&primary, &sealed_approval(&primary, &Terms::default()));
    world.clock.advance(SignedDuration::from_mins(1));
    world.keys.schedule_deletion(&primary, 7).unwrap();
    assert_eq!(world.keys.state(&primary), KeyState::PendingReplicaDeletion);
    let scheduled = schedule(&primary).at("2026-11-20T10:01:00Z").build();
    world.circumstances.logged(scheduled.clone());
    assert_eq!(world.settle(&scheduled).status, Status::NothingToDo);
    assert_eq!(world.ledger.case(&primary).unwrap().deadline, None, "nobody can know it yet");
    assert_eq!(world.sweep("sweep-2").standing, 1);
    (world, primary)
}

/// Lets the last replica go, and the waiting period of the primary begin.
fn lose_replicas(world: &World, primary: &KeyArn, deletion_date: &str) {
    world.keys.change(primary, |key| {
        key.replicas.clear();
        if let Some(pending) = &mut key.pending {
            pending.date = Some(time(deletion_date));
        }
    });
}

/// P36: the waiting period of a primary begins when its last replica is gone; what was approved still stands then.
#[test]
fn an_approved_deletion_of_a_primary_stands_when_its_replicas_are_gone() {
    let (world, primary) = primary_whose_deletion_stands();
    world.clock.advance(SignedDuration::from_hours(24 * 8));
    lose_replicas(&world, &primary, "2026-12-05T10:01:01Z");
    for sweep in ["sweep-3", "sweep-4"] {
        world.clock.advance(SignedDuration::from_hours(1));
        let report = world.sweep(sweep);
        assert_eq!((report.standing, report.given_back), (1, 0), "{report:?}");
    }
    assert_eq!((world.journal.acts(), world.keys.state(&primary)), (Vec::new(), KeyState::PendingDeletion));
}

/// P36, P55: the same where nothing but the log still tells of it.
#[test]
fn the_log_tells_of_a_primary_whose_replicas_are_gone() {
    let (world, primary) = primary_whose_deletion_stands();
    finish(world.ledger.close_case(&primary)).unwrap().unwrap();
    world.clock.advance(SignedDuration::from_hours(24 * 8));
    lose_replicas(&world, &primary, "2026-12-05T10:01:01Z");
    world.clock.advance(SignedDuration::from_hours(1));
    let report = world.sweep("sweep-3");
    assert_eq!((report.standing, report.given_back), (1, 0), "{report:?}");
    assert_eq!((world.journal.acts(), world.keys.state(&primary)), (Vec::new(), KeyState::PendingDeletion));
}

/// P137: what covered the deletion that waited for replicas covers no later one, whose call is in the log.
#[test]
fn what_covered_a_primary_covers_no_later_deletion() {
    let (world, primary) = primary_whose_deletion_stands();
    world.clock.advance(SignedDuration::from_hours(24 * 8));
    lose_replicas(&world, &primary, "2026-12-05T10:01:01Z");
    let details = Details { waiting_period_days: Some(7), deletion_date: Some(time("2026-12-05T10:01:01Z")), ..Details::default() };
    world.circumstances.logged(schedule(&primary).id("again").at("2026-11-28T10:01:01Z").details(details).build());
    world.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(world.sweep("sweep-3").given_back, 1);
    assert_eq!(world.keys.state(&primary), KeyState::Enabled);
}

/// Makes a key that rotates, lets a sweep see it, and switches its rotation off under an approval.
fn key_whose_rotation_was_switched_off() -> (World, KeyArn) {
    let (world, key) = world_with_key();
    world.keys.change(&key, |key| key.rotation = Rotation { enabled: true, period_days: Some(90) });
    world.sweep("sweep-1");
    world.tag_approval(&key, &sealed_approval(&key, &Terms::of_action("disable-rotation")));
    world.clock.advance(SignedDuration::from_mins(1));
    world.keys.change(&key, |key| key.rotation = Rotation { enabled: false, period_days: None });
    (world, key)
}

/// P36: an approved end of a key's rotation outlasts another event that takes its case's place, and the approval's own end.
#[test]
fn an_approved_end_of_rotation_is_remembered() {
    let (world, key) = key_whose_rotation_was_switched_off();
    assert_eq!(world.settle(&disable_rotation(&key).at("2026-11-20T10:01:00Z").build()).status, Status::NothingToDo);
    let known = world.ledger.known(&key).inventory.unwrap();
    assert_eq!((known.serving, known.rotation.map(|rotation| rotation.enabled)), (Serving::Enabled, Some(false)));
    let tagged = Details { tag_keys: vec!["team".to_owned()], ..Details::default() };
    world.settle(&event("TagResource").on(&key).at("2026-11-20T10:01:01Z").details(tagged).build());
    assert_eq!(world.ledger.case(&key).unwrap().threat, Threat::TagsChanged);
    world.keys.change(&key, |key| key.tags.clear());
    world.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(world.sweep("sweep-2").endangered, 0);
    assert_eq!((world.journal.acts(), world.keys.find(&key).unwrap().rotation.enabled), (Vec::new(), false));
}

/// P55: the same where its event was lost and the log tells whose act it is.
#[test]
fn an_approved_end_of_rotation_of_a_lost_event_stands() {
    let (world, key) = key_whose_rotation_was_switched_off();
    world.circumstances.logged(disable_rotation(&key).at("2026-11-20T10:01:00Z").build());
    world.clock.advance(SignedDuration::from_hours(1));
    let report = world.sweep("sweep-2");
    assert_eq!((report.lost_events, report.standing, report.given_back), (1, 1, 0), "{report:?}");
    assert_eq!((world.journal.acts(), world.keys.find(&key).unwrap().rotation.enabled), (Vec::new(), false));
}

/// P19, P55: a call from before the key was last seen to rotate says nothing of what ended its rotation since.
#[test]
fn an_earlier_end_of_rotation_covers_no_later_one() {
    let (world, key) = key_whose_rotation_was_switched_off();
    world.circumstances.logged(disable_rotation(&key).at("2026-11-20T09:30:00Z").build());
    world.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(world.sweep("sweep-2").given_back, 1);
    assert!(world.keys.find(&key).unwrap().rotation.enabled);
}

//! Promises of recording, telling and remembering.

use reprieve_core::facts::{INCIDENT_HOLD_TAG, Rotation};
use reprieve_core::{Details, Inventory, KeyState, Serving, Status};
use reprieve_engine::{CallError, Handled};
use reprieve_test_support::Effect;
use reprieve_test_support::event::{disable, disable_rotation, event, schedule, session, time};

use reprieve_test_support::world_with_key;

use crate::no_answer;

/// P31: an outcome that could not be written brings the event back, and the key stays rescued.
#[test]
fn an_outcome_that_is_not_kept_brings_the_event_back() {
    let (world, key) = world_with_key();
    world.keys.schedule_deletion(&key, 7).unwrap();
    let event = schedule(&key).build();
    // Where nothing fails, the last append is the outcome's.
    let (calm, same_key) = world_with_key();
    calm.keys.schedule_deletion(&same_key, 7).unwrap();
    calm.settle(&event);
    let outcome = calm.journal.entries().into_iter().rfind(|entry| entry.call.name() == "append").unwrap();
    world.faults.fail_call(outcome.number, Effect::Before, no_answer());
    assert!(matches!(world.handle(&event), Handled::Retry { .. }));
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
    assert!(matches!(world.handle(&event), Handled::Done { .. }));
    assert_eq!(world.audit.outcomes(&event.id).len(), 1);
}

/// P32: a notice that could not be sent brings the event back, and is told then; what was done is not done again.
#[test]
fn a_rescue_whose_notice_fails_is_told_by_the_next_delivery() {
    let rotation = Rotation { enabled: true, period_days: Some(180) };
    for act in ["cancel_deletion", "enable", "enable_rotation"] {
        let (world, key) = world_with_key();
        world.ledger.remember(&key, Inventory { serving: Serving::Enabled, as_of: time("2026-11-20T09:00:00Z"), rotation: Some(rotation) });
        let event = match act {
            "cancel_deletion" => {
                world.keys.schedule_deletion(&key, 7).unwrap();
                schedule(&key).build()
            }
            "enable" => {
                world.keys.disable(&key).unwrap();
                disable(&key).build()
            }
            _ => disable_rotation(&key).build(),
        };
        world.faults.fail_next("tell", 1, Effect::Before, no_answer());
        let answers = world.deliver(&event);
        assert!(matches!(answers.as_slice(), [Some(Handled::Retry { .. }), Some(Handled::Done { .. })]), "{act}: {answers:?}");
        let [notice] = world.notices.notices().try_into().unwrap();
        assert!(notice.text().contains("an earlier attempt of ours"), "{act}: {}", notice.text());
        assert_eq!(world.journal.made(act), 1, "{act}");
        let statuses: Vec<Status> = world.audit.outcomes(&event.id).iter().map(|record| record.status).collect();
        assert_eq!(statuses, [Status::Success, Status::NothingToDo], "{act}");
    }
}

/// P32: people are told once, and of an answer that stays open from the third attempt on.
#[test]
fn people_are_told_of_what_stays_open() {
    let (world, key) = world_with_key();
    world.keys.schedule_deletion(&key, 7).unwrap();
    let event = schedule(&key).build();
    let throttled = CallError::Throttled { call: "kms:EnableKey", message: "Rate exceeded".to_owned() };
    world.faults.fail_next("enable", 1_000, Effect::Before, throttled);
    let mut told = Vec::new();
    for _ in 0..3 {
        assert!(matches!(world.handle(&event), Handled::Retry { .. }));
        told.push(world.notices.notices().len());
    }
    assert_eq!(told, [0, 0, 1]);
    assert!(world.notices.notices().first().unwrap().text().contains("failed, will be tried again"));
    world.faults.clear();
    world.settle(&event);
    assert_eq!(world.handle(&event), Handled::Duplicate);
    assert_eq!(world.notices.notices().len(), 2, "and once when it is over");
}

/// P33: lessons: who enables a key teaches that it serves; we teach nothing; the newer lesson stays.
#[test]
fn lessons_come_from_those_entitled_and_the_newest_wins() {
    let (world, key) = world_with_key();
    world.settle(&event("EnableKey").on(&key).at("2026-11-20T09:00:00Z").build());
    assert_eq!(world.ledger.known(&key).inventory.unwrap().as_of, time("2026-11-20T09:00:00Z"));
    world.settle(&event("EnableKey").id("older").on(&key).at("2026-11-20T08:00:00Z").build());
    let ours = session("arn:aws:iam::111122223333:role/reprieve-guard", "guard");
    world.settle(&event("EnableKey").id("ours").on(&key).at("2026-11-20T09:30:00Z").by(ours).build());
    assert_eq!(world.ledger.known(&key).inventory.unwrap().as_of, time("2026-11-20T09:00:00Z"));
}

/// P41: an incident hold is a tag that anybody who may tag can set, so setting it is told to people.
#[test]
fn an_incident_hold_cannot_be_set_in_silence() {
    let (world, key) = world_with_key();
    let held = Details { tag_keys: vec![INCIDENT_HOLD_TAG.to_owned()], ..Details::default() };
    let record = world.settle(&event("TagResource").on(&key).details(held).build());
    assert_eq!(record.status, Status::Escalated);
    assert_eq!(world.notices.notices().len(), 1);

    // Approval tags alone are daily work.
    let approved = Details { tag_keys: vec!["reprieve:change".to_owned(), "reprieve:seal".to_owned()], ..Details::default() };
    let record = world.settle(&event("TagResource").id("tags-2").on(&key).details(approved).build());
    assert_eq!((record.status, world.notices.notices().len()), (Status::NothingToDo, 1));
}

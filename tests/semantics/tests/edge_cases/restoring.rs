//! Edge cases of giving back: what state a key had, what holds it, and what we cannot do.

use jiff::SignedDuration;
use reprieve_core::facts::INCIDENT_HOLD_TAG;
use reprieve_core::{EventForm, Inventory, KeyArn, KeyState, Serving, Severity, Status, StepResult};
use reprieve_engine::Handled;
use reprieve_test_support::event::{disable, event, schedule, time};
use reprieve_test_support::{FakeKey, World, guard, key, world_with_key};

use crate::{assert_given_back, schedule_and_settle};

/// Edge case 6, P34: the same multi-Region key id in two Regions is two cases, by full ARN.
#[test]
fn case_06_one_key_id_in_two_regions_is_two_cases() {
    let mut domain = reprieve_test_support::world::domain();
    domain.region = None;
    let world = guard().domain(domain).build();
    let here = key("mrk-1234abcd12ab34cd56ef1234567890ab");
    let there = KeyArn::parse(&here.as_str().replace("eu-central-1", "us-east-1")).unwrap();
    for (key, days) in [(&here, 7), (&there, 30)] {
        world.keys.put(key, FakeKey { excludes_us: true, ..FakeKey::default() });
        let mut event = schedule(key).id(&format!("schedule-{}", key.region())).build();
        event.details.waiting_period_days = Some(days);
        world.keys.schedule_deletion(key, days).unwrap();
        world.settle(&event);
    }
    let (here_case, there_case) = (world.ledger.case(&here).unwrap(), world.ledger.case(&there).unwrap());
    assert_eq!((here_case.event_id.as_str(), there_case.event_id.as_str()), ("schedule-eu-central-1", "schedule-us-east-1"));
    assert_eq!(here_case.deadline, Some(time("2026-11-27T10:00:00Z")));
    assert_eq!(there_case.deadline, Some(time("2026-12-20T10:00:00Z")));

    world.keys.change(&there, |key| key.excludes_us = false);
    world.sweep("sweep-1");
    assert_eq!((world.keys.state(&here), world.keys.state(&there)), (KeyState::PendingDeletion, KeyState::Enabled));
    assert!(world.ledger.case(&here).is_some() && world.ledger.case(&there).is_none());
}

/// Edge case 16, P17: a key that was disabled before its deletion was scheduled is given back disabled.
#[test]
fn case_16_a_key_that_was_disabled_before_is_given_back_disabled() {
    let (world, key) = world_with_key();
    world.keys.disable(&key).unwrap();
    world.ledger.remember(&key, Inventory { serving: Serving::Disabled, as_of: time("2026-11-01T00:00:00Z"), rotation: None });
    let record = schedule_and_settle(&world, &key);
    assert_eq!(World::steps(&record), [("CancelKeyDeletion", &StepResult::Done)]);
    assert_eq!((record.status, world.keys.state(&key)), (Status::Success, KeyState::Disabled));
    assert!(record.decision.unwrap().why().sentence.contains("it was disabled before"));
    // The sweep leaves it as it was.
    assert_eq!(world.sweep("sweep-1").endangered, 0);
    assert_eq!(world.keys.state(&key), KeyState::Disabled);
}

/// Edge case 16, P33: whoever disables a key without approval and then schedules its deletion does not get it given back disabled.
#[test]
fn case_16_an_unapproved_disablement_does_not_count_as_before() {
    let (world, key) = world_with_key();
    world.ledger.remember(&key, Inventory { serving: Serving::Enabled, as_of: time("2026-11-01T00:00:00Z"), rotation: None });
    world.keys.disable(&key).unwrap();
    world.keys.schedule_deletion(&key, 7).unwrap();
    let disabled = disable(&key).at("2026-11-20T09:59:00Z").build();
    let scheduled = schedule(&key).build();
    world.handle_batch(&[scheduled, disabled]);
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
}

/// Edge case 17, P17 and P18: a key under incident hold has its deletion cancelled and stays disabled.
#[test]
fn case_17_a_key_under_incident_hold_stays_disabled() {
    let (world, key) = world_with_key();
    world.keys.tag(&key, [(INCIDENT_HOLD_TAG.to_owned(), "INC-7".to_owned())].into()).unwrap();
    world.keys.disable(&key).unwrap();
    let held = world.settle(&disable(&key).build());
    assert_eq!(held.status, Status::NothingToDo);
    assert!(held.decision.unwrap().why().sentence.contains("held disabled for incident `INC-7`"));

    let record = schedule_and_settle(&world, &key);
    assert_eq!(World::steps(&record), [("CancelKeyDeletion", &StepResult::Done)]);
    assert_eq!((record.status, world.keys.state(&key)), (Status::Success, KeyState::Disabled));
    assert!(record.decision.unwrap().why().sentence.contains("it is held disabled for an incident"));
}

/// Edge case 18, P28: an imported key without material cannot be enabled: unsupported, and people are asked to import it again.
#[test]
fn case_18_an_imported_key_without_material_asks_for_reimport() {
    let (world, key) = world_with_key();
    world.keys.change(&key, |key| (key.imported_material, key.has_material) = (true, false));
    let record = schedule_and_settle(&world, &key);
    let [cancel, enable] = record.steps.as_slice() else { unreachable!("two steps: {:?}", record.steps) };
    assert_eq!(cancel.result, StepResult::Done);
    assert!(matches!(&enable.result, StepResult::Unsupported { error } if error.contains("must be imported again")));
    assert_eq!((record.status, world.keys.state(&key)), (Status::Unsupported, KeyState::PendingImport));
    let [notice] = world.notices.notices().try_into().unwrap();
    assert!(notice.text().contains("the same key material must be imported again first"), "{}", notice.text());
    assert!(notice.severity >= Severity::High);
}

/// Edge case 19, P30: a key of a custom key store, pending and disconnected: the cancel works, the enable takes effect later.
#[test]
fn case_19_a_key_in_a_disconnected_store_is_cancelled_and_enabled_later() {
    let (world, key) = world_with_key();
    world.keys.change(&key, |key| key.key_store = Some(("cks-1234567890abcdef0".to_owned(), false)));
    let record = schedule_and_settle(&world, &key);
    assert_eq!(World::steps(&record), [("CancelKeyDeletion", &StepResult::Done), ("EnableKey", &StepResult::TakesEffectLater)]);
    assert_eq!(record.state_after, Some(KeyState::Unavailable));
    assert_eq!(record.remediate_ms, None, "the key does not serve yet, so no time to remediate is claimed");
    let [notice] = world.notices.notices().try_into().unwrap();
    assert!(notice.text().contains("ConnectCustomKeyStore"), "{}", notice.text());
    assert!(!notice.subject.contains("is back"), "{}", notice.subject);
    world.keys.change(&key, |key| key.key_store = Some(("cks-1234567890abcdef0".to_owned(), true)));
    assert_eq!(world.keys.state(&key), KeyState::Enabled);
}

/// Edge case 20, P24: the key policy excludes us: people are told with the deadline, and nothing storms.
#[test]
fn case_20_a_key_that_excludes_us_is_told_with_its_deadline() {
    let (world, key) = world_with_key();
    world.keys.change(&key, |key| key.excludes_us = true);
    let record = schedule_and_settle(&world, &key);
    assert_eq!(record.status, Status::Failure);
    let [cancel] = record.steps.as_slice() else { unreachable!("nothing is enabled unseen: {:?}", record.steps) };
    assert!(matches!(&cancel.result, StepResult::Refused { error } if error.contains("access denied")));
    assert_eq!(world.journal.made("cancel_deletion"), 1, "one call, no storm");
    let [notice] = world.notices.notices().try_into().unwrap();
    assert!(notice.subject.contains("could NOT be given back"), "{}", notice.subject);
    assert!(notice.text().contains("Deadline: 2026-11-27T10:00:00Z"), "{}", notice.text());
    assert_eq!(world.handle(&record.event), Handled::Duplicate);
    assert_eq!(world.journal.made("cancel_deletion"), 1);
    assert!(world.ledger.case(&key).is_some(), "the sweep keeps looking");
}

/// Edge case 21, P39: the key does not exist: people are paged once, and nothing more is done.
#[test]
fn case_21_a_key_that_does_not_exist_is_paged_once() {
    let world = guard().build();
    let gone = key("gone");
    let record = world.settle(&schedule(&gone).build());
    assert_eq!(record.status, Status::Escalated);
    assert_eq!(record.decision.as_ref().unwrap().why().severity, Severity::Critical);
    assert!(record.decision.unwrap().why().sentence.contains("does not exist any more"));
    assert!(world.journal.acts().is_empty());

    let deleted = event("DeleteKey").form(EventForm::ServiceEvent).on(&gone).build();
    let native = event("KMS CMK Deletion").id("native-1").form(EventForm::Native).source("aws.kms").on(&gone).build();
    for event in [deleted, native] {
        let record = world.settle(&event);
        assert_eq!((record.status, record.decision.unwrap().why().severity), (Status::Escalated, Severity::Critical));
    }
    let paged = world.notices.notices().len();
    for sweep in ["sweep-1", "sweep-2"] {
        world.clock.advance(SignedDuration::from_hours(1));
        world.sweep(sweep);
    }
    assert_eq!(world.notices.notices().len(), paged, "page, then stop");
    assert!(world.journal.acts().is_empty());
}

/// Edge case 21, P28: a key that goes while we act on it does not exist, and that is what the record says.
#[test]
fn case_21_a_key_that_goes_while_we_act_does_not_exist() {
    let (world, key) = world_with_key();
    let not_found = reprieve_engine::CallError::NotFound { call: "kms:CancelKeyDeletion", message: "gone".to_owned() };
    world.faults.fail_next("cancel_deletion", 1, reprieve_test_support::Effect::Before, not_found);
    let record = schedule_and_settle(&world, &key);
    assert_eq!(World::steps(&record), [("CancelKeyDeletion", &StepResult::DoesNotExist), ("EnableKey", &StepResult::NotReached)]);
    assert_eq!(record.status, Status::DoesNotExist);
}

/// KMS is eventually consistent: right after the cancel it still answers as if the key were pending, and the enable is tried again.
#[test]
fn a_stale_answer_after_the_cancel_is_waited_out() {
    let (world, key) = world_with_key();
    world.keys.answer_stale_after_cancel(5);
    let record = schedule_and_settle(&world, &key);
    assert_given_back(&world, &key, &record);
    assert!(world.journal.made("enable") > 1);
}

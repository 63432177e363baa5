//! What no event announced.

use std::time::Duration;

use reprieve_core::azure::{Function, KeyReference, Subject};
use reprieve_core::{EventForm, Status};
use reprieve_test_support::approval::{approval_tags, sealed_for};
use reprieve_test_support::tenant::{key_updated, log_storage, tenant, vault_deleted, vault_of};
use reprieve_test_support::{Effect, Terms};

use super::{denied, existence, furnish, key, no_answer, vault, world};

/// P89
#[test]
fn the_sweep_heals_what_events_lost_and_counts_it() {
    let world = world();
    world.tenant.delete_object(&key());
    world.tenant.weaken_storage(&log_storage());
    world.tenant.swap_key(&log_storage(), KeyReference::parse("https://kv-evil.vault.azure.net/keys/mine").unwrap());
    world.tenant.alter_vault(&vault(), |vault| vault.settings.clear());
    let report = world.sweep("sweep-1");
    assert_eq!((report.lost_events, report.mended, report.failed.len(), report.left), (4, 4, 0, 0), "{report:?}");
    assert!(world.tenant.has_object(&key()));
    assert_eq!((world.ledger.count_open(), world.meter.sweeps().len()), (0, 2));
    let again = world.sweep("sweep-2");
    assert_eq!((again.lost_events, again.mended), (0, 0), "{again:?}");
    assert_eq!(world.notices.notices().len(), 4);
}

/// P89
#[test]
fn a_deleted_vault_that_no_event_announced_is_recovered() {
    let world = world();
    world.tenant.delete_vault(&vault());
    let report = world.sweep("sweep-1");
    assert_eq!((report.lost_events, report.mended), (1, 1), "{report:?}");
    assert!(world.tenant.is_whole_vault(&vault()));
}

/// P89: who did it is looked up, so that what was approved stands.
#[test]
fn an_approved_deletion_that_no_event_announced_stands() {
    let world = world();
    world.tenant.tag(&vault(), approval_tags(&sealed_for(&vault(), &Terms::default())));
    world.tenant.delete_vault(&vault());
    world.tenant.logged(vault_deleted(&vault()).build());
    let report = world.sweep("sweep-1");
    assert_eq!((report.mended, world.tenant.has_vault(&vault())), (0, false), "{report:?}");
    let record = world.outcomes_of(&existence()).pop().unwrap();
    assert_eq!((record.event.form, record.event.actor.user_name.as_deref()), (EventForm::Sweep, Some("mallory@example.com")));
}

/// P89: of whom nothing is known, nothing is approved.
#[test]
fn a_deletion_by_nobody_knows_whom_is_covered_by_no_approval() {
    let world = world();
    world.tenant.tag(&key(), approval_tags(&sealed_for(&key(), &Terms::default())));
    world.tenant.delete_object(&key());
    world.sweep("sweep-1");
    assert!(world.tenant.has_object(&key()));
}

/// P91
#[test]
fn a_recovered_vault_without_its_companions_is_completed_by_the_sweep() {
    let world = world();
    world.tenant.delete_vault(&vault());
    world.faults.fail_next("RestoreCompanion", 3, Effect::Before, denied());
    let record = world.settle(Function::RecoverVault, &vault_deleted(&vault()).build());
    assert_eq!(record.status, Status::Partial);
    assert!(world.ledger.case(&existence()).unwrap().recovering);
    let report = world.sweep("sweep-1");
    assert_eq!((report.mended, report.lost_events), (1, 0), "{report:?}");
    assert!(world.tenant.is_whole_vault(&vault()) && world.ledger.case(&existence()).is_none());
}

/// P89
#[test]
fn what_cannot_be_mended_is_tried_by_every_sweep_and_told_once() {
    let world = world();
    world.tenant.delete_object(&key());
    world.faults.fail_next("RecoverObject", 9, Effect::Before, denied());
    for sweep in ["sweep-1", "sweep-2", "sweep-3"] {
        world.sweep(sweep);
    }
    assert_eq!((world.journal.made("RecoverObject"), world.notices.notices().len()), (3, 1));
    world.faults.clear();
    let report = world.sweep("sweep-4");
    assert_eq!((report.mended, report.lost_events), (1, 0), "{report:?}");
    assert_eq!(world.notices.notices().len(), 2, "that it is back is news");
}

/// P97
#[test]
fn a_disabled_key_that_was_never_seen_is_told_and_taken_as_it_is() {
    let world = furnish(tenant().build());
    let old = vault().child("keys", "old");
    world.tenant.create_object(&old);
    world.tenant.set_enabled(&old, false);
    world.sweep("sweep-1");
    world.sweep("sweep-2");
    assert!(!world.tenant.is_enabled(&old));
    assert_eq!((world.ledger.object(&old).unwrap().enabled, world.notices.notices().len()), (Some(false), 1));
}

/// P97: whose disabling was heard of before it was ever seen is not taken as meant to be so.
#[test]
fn a_key_whose_case_is_open_is_not_taken_as_meant_to_be_disabled() {
    let world = world();
    let fresh = vault().child("keys", "fresh");
    world.tenant.create_object(&fresh);
    world.tenant.set_enabled(&fresh, false);
    world.handle(Function::RecoverKey, &key_updated(&fresh).build());
    world.sweep("sweep-1");
    assert_eq!(world.ledger.object(&fresh).and_then(|known| known.enabled), None);
    assert!(world.ledger.case(&Subject::VaultObject(fresh)).is_some());
}

/// P98
#[test]
fn open_cases_come_first_and_what_there_is_no_time_for_is_left_to_the_next() {
    let world = furnish(tenant().sweep_budget(Duration::from_secs(1)).concurrency(1).build());
    for number in 0..6 {
        let vault = vault_of(&format!("kv-{number}"));
        world.tenant.create_vault(&vault);
        world.tenant.delete_vault(&vault);
    }
    world.tenant.delete_vault(&vault());
    world.faults.fail_next("RestoreCompanion", 99, Effect::Before, no_answer());
    world.handle(Function::RecoverVault, &vault_deleted(&vault()).build());
    world.faults.clear();
    // The first that is recovered takes more time than the sweep has.
    world.faults.fail_next("RecoverVault", 3, Effect::Before, no_answer());
    let report = world.sweep("sweep-1");
    assert!(world.tenant.is_whole_vault(&vault()), "the open case comes first");
    assert!(report.left > 0 && report.subjects == report.looked_at + report.left, "{report:?}");
    world.faults.clear();
    for sweep in ["sweep-2", "sweep-3", "sweep-4"] {
        world.sweep(sweep);
    }
    for number in 0..6 {
        assert!(world.tenant.has_vault(&vault_of(&format!("kv-{number}"))), "{number}");
    }
}

/// P98: what is not found any more is remembered, so that whoever unlinks storage does not make it be forgotten.
#[test]
fn what_the_ledger_cannot_say_is_said_by_the_report() {
    let world = world();
    world.faults.fail_next("open_cases", 1, Effect::Before, no_answer());
    let report = world.sweep("sweep-1");
    assert_eq!((report.unreadable.len(), report.left), (1, 0), "{report:?}");
}

/// P100: what was looked at whole is told in numbers; what could not be given back is at risk.
#[test]
fn a_sweep_says_how_many_keys_are_monitored_and_which_are_at_risk() {
    let world = world();
    let standing = world.sweep("sweep-1").postures;
    let [posture] = standing.as_slice() else { unreachable!("one subscription: {standing:?}") };
    assert!(posture.keys > 0 && posture.keys_monitored == posture.keys && posture.at_risk.is_empty(), "{posture:?}");
    assert!(posture.log_storages > 0 && posture.log_storages_under_customer_key == posture.log_storages, "{posture:?}");
    world.tenant.delete_object(&key());
    world.faults.fail_next("RecoverObject", 99, Effect::Before, denied());
    let after = world.sweep("sweep-2").postures.remove(0);
    assert_eq!((after.keys, after.keys_monitored), (posture.keys, posture.keys_monitored - 1), "{after:?}");
    assert_eq!(after.at_risk.iter().map(|risk| risk.id.as_str()).collect::<Vec<_>>(), [key().as_str()]);
}

/// P100
#[test]
fn what_a_sweep_could_not_look_at_counts_as_a_key_at_risk() {
    let world = world();
    let before = world.sweep("sweep-1").postures.remove(0);
    world.faults.fail_next("open_cases", 1, Effect::Before, no_answer());
    let after = world.sweep("sweep-2").postures.remove(0);
    assert_eq!((after.keys, after.keys_monitored), (before.keys + 1, before.keys_monitored), "{after:?}");
    assert!(after.at_risk.iter().any(|risk| risk.why.contains("could not be looked at")), "{after:?}");
}

/// P100
#[test]
fn a_sweep_whose_time_ran_out_tells_no_percentage() {
    let world = furnish(tenant().sweep_budget(Duration::from_secs(0)).build());
    let report = world.sweep("sweep-1");
    assert!(report.left > 0 && report.postures.is_empty(), "{report:?}");
}

//! What is purged, at its time and before it: nobody can give it back, so an approval of its deletion is no approval of that.

use jiff::SignedDuration;
use reprieve_core::azure::event::VAULT_SOURCE;
use reprieve_core::azure::{Function, ResourceId, Subject};
use reprieve_core::{Record, Status};
use reprieve_test_support::approval::{approval_tags, sealed_for};
use reprieve_test_support::event::event;
use reprieve_test_support::tenant::{SUBSCRIPTION, TenantWorld, key_deleted, ourselves, vault_deleted};
use reprieve_test_support::{Effect, Terms, sealed_by_security};

use super::standing::{approve, bob, stands, without_vault};
use super::{denied, existence, key, vault, world};

/// Purges the vault or its key within the window, as bob does, and returns the outcome.
fn purge(world: &TenantWorld, what: &Subject) -> Record {
    world.clock.advance(SignedDuration::from_hours(1));
    let purged = if *what == existence() {
        world.tenant.purge_vault(&vault());
        let place = format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.KeyVault/locations/westeurope/deletedVaults/kv-prod");
        let purged = event("Microsoft.KeyVault/locations/deletedVaults/purge/action").source("Microsoft.Resources/ActivityLog");
        purged.on_azure(&ResourceId::parse(&place).unwrap())
    } else {
        world.tenant.purge_object(&key());
        event("KeyPurge").source(VAULT_SOURCE).on_azure(&key())
    };
    world.handle(what.function(), &purged.id("purged").by(bob()).at("2026-11-20T11:00:00Z").build());
    world.outcomes_of(what).pop().unwrap()
}

/// Approves as two do, each under an approval key of their own: what is purged shows no tags, and is taken for production.
fn approve_by_two(world: &TenantWorld, resource: &ResourceId, action: &str) {
    approve(world, resource, action);
    let second = Terms { approver: "dave@example.com".to_owned(), ..Terms::of_action(action) };
    world.approve(resource, &sealed_by_security(resource, &second));
}

/// Returns how many notices tell of a purge.
fn told_of_a_purge(world: &TenantWorld) -> usize {
    world.notices.notices().iter().filter(|notice| notice.text().contains("gone for good")).count()
}

/// P90 and P99: what was deleted with approval is purged at its time, and no earlier.
#[test]
fn only_a_purge_before_its_time_needs_a_human() {
    for (days, escalated) in [(91, 0), (1, 1)] {
        let world = without_vault();
        world.clock.advance(SignedDuration::from_hours(24 * days));
        world.tenant.purge_vault(&vault());
        assert_eq!(world.sweep("sweep-1").escalated, escalated, "after {days} days");
        assert_eq!(told_of_a_purge(&world), escalated);
    }
}

/// P90: the tags are purged with the vault.
#[test]
fn what_tags_approved_stands_once_it_is_purged_at_its_time_and_no_earlier() {
    for (hours, escalated) in [(24 * 91, 0), (1, 1)] {
        let world = world();
        world.tenant.tag(&vault(), approval_tags(&sealed_for(&vault(), &Terms::default())));
        world.tenant.delete_vault(&vault());
        assert!(stands(&world.settle(Function::RecoverVault, &vault_deleted(&vault()).build())));
        world.clock.advance(SignedDuration::from_hours(hours));
        world.tenant.purge_vault(&vault());
        // Whoever purged it too early did so within the window.
        world.tenant.logged(vault_deleted(&vault()).id("purged").at("2026-11-20T11:00:00Z").build());
        for sweep in ["sweep-1", "sweep-2"] {
            assert_eq!(world.sweep(sweep).escalated, escalated, "{sweep}, after {hours} hours");
        }
    }
}

/// P90: the deletion was approved, in the ledger, and the purge falls into its window.
#[test]
fn who_approved_a_deletion_approved_no_purge_before_its_time() {
    let with_vault = without_vault();
    approve_by_two(&with_vault, &vault(), "delete");
    let with_key = world();
    approve_by_two(&with_key, &key(), "delete");
    with_key.tenant.delete_object(&key());
    assert!(stands(&with_key.settle(Function::RecoverKey, &key_deleted(&key()).build())));
    for (world, what) in [(with_vault, existence()), (with_key, Subject::VaultObject(key()))] {
        let record = purge(&world, &what);
        assert_eq!((record.status, &record.event.actor), (Status::Escalated, &bob()), "{what}");
        let sentence = record.decision.unwrap().why().sentence.clone();
        assert!(sentence.contains("it approves `delete`, not `purge`"), "{sentence}");
        for sweep in ["sweep-1", "sweep-2"] {
            assert_eq!(world.sweep(sweep).escalated, 1, "{what}: {sweep}");
        }
        assert_eq!(told_of_a_purge(&world), 1, "{what}");
        let notices = world.notices.notices();
        let told = notices.iter().filter(|notice| notice.text().contains("gone for good")).flat_map(|notice| &notice.commands);
        let commands: Vec<&str> = told.map(|command| command.line.as_str()).collect();
        assert!(!commands.is_empty(), "{what}");
        assert!(commands.iter().all(|line| line.starts_with("reprieve approvals ")), "no command approves it: {what}: {commands:?}");
    }
}

/// P90: nothing shows that its time had come.
#[test]
fn what_was_purged_before_anybody_looked_is_told_although_its_deletion_was_approved() {
    let world = world();
    approve_by_two(&world, &vault(), "delete");
    world.tenant.delete_vault(&vault());
    world.tenant.purge_vault(&vault());
    let record = world.settle(Function::RecoverVault, &vault_deleted(&vault()).build());
    assert_eq!((record.status, told_of_a_purge(&world)), (Status::Escalated, 1));
}

/// P90 and P93: it was only not listed yet, which takes nothing from the approval of its deletion.
#[test]
fn an_approved_deletion_that_is_listed_late_stands() {
    let world = world();
    approve(&world, &vault(), "delete");
    world.tenant.delete_vault(&vault());
    world.tenant.list_late(3);
    assert_eq!(world.settle(Function::RecoverVault, &vault_deleted(&vault()).build()).status, Status::Escalated);
    for sweep in ["sweep-1", "sweep-2"] {
        let report = world.sweep(sweep);
        assert_eq!((report.mended, report.escalated), (0, 0), "{sweep}");
    }
    assert!(world.changes_tried().is_empty() && world.ledger.case(&existence()).unwrap().stands);
}

/// P87: a purge belongs to no answer of ours, although one is still owed.
#[test]
fn a_purge_under_our_own_identity_is_told_as_theft_while_a_case_is_open() {
    let world = world();
    world.tenant.delete_object(&key());
    world.faults.fail_next("RecoverObject", 1, Effect::Before, denied());
    world.handle(Function::RecoverKey, &key_deleted(&key()).build());
    assert!(world.ledger.case(&Subject::VaultObject(key())).is_some());
    world.tenant.purge_object(&key());
    let purged = event("KeyPurge").id("purged").source(VAULT_SOURCE).on_azure(&key()).by(ourselves()).build();
    let record = world.settle(Function::RecoverKey, &purged);
    assert_eq!(record.status, Status::Escalated);
    assert!(record.decision.unwrap().why().escalations.iter().any(|sentence| sentence.contains("treat its credentials as stolen")));
}

/// P90
#[test]
fn a_purge_that_is_approved_as_one_stands() {
    let world = without_vault();
    approve_by_two(&world, &vault(), "purge");
    let record = purge(&world, &existence());
    assert!(stands(&record), "{record:?}");
    assert_eq!((world.sweep("sweep-1").escalated, told_of_a_purge(&world)), (0, 0));
}

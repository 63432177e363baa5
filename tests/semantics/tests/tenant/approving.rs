//! What an approval covers, and what it does not.

use reprieve_core::azure::{Function, ResourceId};
use reprieve_core::{Actor, Decision, Mode, Record, Status};
use reprieve_test_support::approval::{approval_tags, sealed_for};
use reprieve_test_support::tenant::{TenantWorld, application, key_deleted, key_updated, person, vault_deleted, vault_of};
use reprieve_test_support::{Effect, Terms, sealed_by_security};

use super::{existence, key, no_answer, vault, world};

fn tagged(world: &TenantWorld, resource: &ResourceId, sealed: &ResourceId, terms: &Terms) {
    world.tenant.tag(resource, approval_tags(&sealed_for(sealed, terms)));
}

/// Deletes the vault, delivers the event, and returns the outcome.
fn delete(world: &TenantWorld) -> Record {
    world.tenant.delete_vault(&vault());
    world.settle(Function::RecoverVault, &vault_deleted(&vault()).build())
}

fn stands(record: &Record) -> bool {
    matches!(&record.decision, Some(Decision::Stand { why }) if why.permitted)
}

/// P82
#[test]
fn an_approved_deletion_stands() {
    let by_tags = world();
    tagged(&by_tags, &vault(), &vault(), &Terms::default());
    let by_ledger = world();
    by_ledger.approve(&vault(), &sealed_for(&vault(), &Terms::default()));
    for world in [by_tags, by_ledger] {
        let record = delete(&world);
        assert!(stands(&record), "{record:?}");
        assert!(world.changes_tried().is_empty() && !world.tenant.has_vault(&vault()));
        assert!(world.ledger.case(&existence()).unwrap().stands);
        assert!(world.notices.notices().is_empty());
    }
}

/// P82: Azure compares ids without regard to case, and so does the seal.
#[test]
fn the_case_in_which_an_id_is_written_makes_no_other_resource() {
    let world = world();
    let upper = ResourceId::parse(&vault().as_str().to_uppercase()).unwrap();
    tagged(&world, &vault(), &upper, &Terms::default());
    world.tenant.delete_vault(&vault());
    assert!(stands(&world.settle(Function::RecoverVault, &vault_deleted(&upper).build())));
}

/// P82
#[test]
fn an_approval_of_something_else_approves_nothing() {
    let past = Terms { window: "2026-11-19T09:00:00Z/2026-11-19T17:00:00Z".to_owned(), ..Terms::default() };
    let rows = [
        ("another vault", vault_of("kv-other"), Terms::default()),
        ("another action", vault(), Terms::of_action("disable")),
        ("another day", vault(), past),
        ("a key in it", key(), Terms::default()),
    ];
    for (what, resource, terms) in rows {
        let world = world();
        tagged(&world, &vault(), &resource, &terms);
        let record = delete(&world);
        assert_eq!((record.status, world.tenant.is_whole_vault(&vault())), (Status::Success, true), "{what}");
    }
}

/// P82: to disable a key is another action than to delete it.
#[test]
fn a_key_that_may_be_disabled_may_not_be_deleted() {
    let world = world();
    tagged(&world, &key(), &key(), &Terms::of_action("disable"));
    world.tenant.set_enabled(&key(), false);
    assert!(stands(&world.settle(Function::RecoverKey, &key_updated(&key()).build())));
    assert_eq!(world.ledger.object(&key()).unwrap().enabled, Some(false), "what was approved is what it is meant to be");
    world.tenant.delete_object(&key());
    world.settle(Function::RecoverKey, &key_deleted(&key()).build());
    assert!(world.tenant.has_object(&key()) && !world.tenant.is_enabled(&key()));
}

/// P82: what is written outside of a seal is no approval.
#[test]
fn tags_without_a_seal_approve_nothing() {
    let world = world();
    let mut tags = approval_tags(&sealed_for(&vault(), &Terms::default()));
    tags.remove("reprieve:seal");
    world.tenant.tag(&vault(), tags);
    assert_eq!(delete(&world).status, Status::Success);
}

/// P83
#[test]
fn nobody_approves_their_own_act() {
    let alice = person("alice@example.com", "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa");
    let robot = application("bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb", "cccccccc-cccc-4ccc-8ccc-cccccccccccc");
    let rows: [(&str, Actor); 5] = [
        ("alice@example.com", alice.clone()),
        ("Alice@Example.com", alice.clone()),
        ("object:aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa", alice),
        ("application:bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb", robot.clone()),
        ("object:CCCCCCCC-cccc-4ccc-8ccc-cccccccccccc", robot),
    ];
    for (approver, actor) in rows {
        let world = world();
        tagged(&world, &vault(), &vault(), &Terms::of_approver(approver));
        world.tenant.delete_vault(&vault());
        let record = world.settle(Function::RecoverVault, &vault_deleted(&vault()).by(actor).build());
        assert!(world.tenant.is_whole_vault(&vault()), "{approver}");
        let escalations = &record.decision.as_ref().unwrap().why().escalations;
        assert!(escalations.iter().any(|sentence| sentence.contains("tried to approve their own act")), "{approver}: {escalations:?}");
    }
}

/// P83: where the log names the caller in another way than the seal names the approver, the two may be one.
#[test]
fn whoever_cannot_be_told_from_the_caller_approves_nothing() {
    let alice = person("alice@example.com", "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa");
    let robot = application("bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb", "cccccccc-cccc-4ccc-8ccc-cccccccccccc");
    let nameless = Actor { user_name: None, ..alice.clone() };
    let under_alias = Actor { user_name: Some("ally@example.com".to_owned()), is_alias: true, ..alice.clone() };
    let object_alone = Actor { object_id: alice.object_id.clone(), ..Actor::unknown() };
    let rows = [
        ("alice@example.com", under_alias.clone(), false),
        ("object:dddddddd-dddd-4ddd-8ddd-dddddddddddd", under_alias, true),
        ("alice@example.com", object_alone.clone(), false),
        ("object:dddddddd-dddd-4ddd-8ddd-dddddddddddd", object_alone, true),
        ("alice@example.com", nameless.clone(), false),
        ("object:aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa", Actor { object_id: None, ..alice.clone() }, false),
        ("object:cccccccc-cccc-4ccc-8ccc-cccccccccccc", Actor { object_id: None, ..robot.clone() }, false),
        ("object:dddddddd-dddd-4ddd-8ddd-dddddddddddd", nameless, true),
        ("object:dddddddd-dddd-4ddd-8ddd-dddddddddddd", alice, true),
        ("carol@example.com", robot, true),
    ];
    for (approver, actor, counts) in rows {
        let world = world();
        tagged(&world, &vault(), &vault(), &Terms::of_approver(approver));
        world.tenant.delete_vault(&vault());
        let record = world.settle(Function::RecoverVault, &vault_deleted(&vault()).by(actor).build());
        assert_eq!((stands(&record), world.tenant.is_whole_vault(&vault())), (counts, !counts), "{approver}: {record:?}");
        let is_told = record.decision.as_ref().unwrap().why().reasoning.iter().any(|line| line.contains("it cannot be told whether"));
        assert_eq!(is_told, !counts, "{approver}");
    }
}

/// P83: the application that a person calls through is nobody.
#[test]
fn an_approval_by_another_person_through_the_same_portal_counts() {
    let world = world();
    let through = person("alice@example.com", "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa");
    let terms = Terms::of_approver(&format!("application:{}", through.app_id.clone().unwrap()));
    tagged(&world, &vault(), &vault(), &terms);
    world.tenant.delete_vault(&vault());
    assert!(stands(&world.settle(Function::RecoverVault, &vault_deleted(&vault()).by(through).build())));
}

/// P46: a principal name and an object id may be one person's, and so may a name to show and any other.
#[test]
fn two_approvers_whose_names_do_not_compare_are_one() {
    for (first, second, suffice) in [
        ("carol@example.com", "dave@example.com", true),
        ("object:cccccccc-cccc-4ccc-8ccc-cccccccccccc", "object:dddddddd-dddd-4ddd-8ddd-dddddddddddd", true),
        ("carol@example.com", "object:dddddddd-dddd-4ddd-8ddd-dddddddddddd", false),
        ("object:cccccccc-cccc-4ccc-8ccc-cccccccccccc", "dave@example.com", false),
        ("object:cccccccc-cccc-4ccc-8ccc-cccccccccccc", "application:dddddddd-dddd-4ddd-8ddd-dddddddddddd", false),
        ("carol@example.com", "Dave Example", false),
    ] {
        let world = world();
        world.tenant.tag(&vault(), [("env".to_owned(), "prod".to_owned())].into());
        tagged(&world, &vault(), &vault(), &Terms::of_approver(first));
        world.approve(&vault(), &sealed_by_security(&vault(), &Terms::of_approver(second)));
        let record = delete(&world);
        assert_eq!((stands(&record), world.tenant.is_whole_vault(&vault())), (suffice, !suffice), "{first}, {second}: {record:?}");
        let reasoning = &record.decision.as_ref().unwrap().why().reasoning;
        let is_told = reasoning.iter().any(|line| line.contains("count once: nothing in how they are named tells whether"));
        assert_eq!(is_told, !suffice, "{first}, {second}: {reasoning:?}");
    }
}

/// P84
#[test]
fn a_revoked_approval_covers_nothing() {
    let world = world();
    tagged(&world, &vault(), &vault(), &Terms::default());
    world.revoke(&vault(), "CHG-1001");
    assert_eq!(delete(&world).status, Status::Success);
    assert!(world.tenant.is_whole_vault(&vault()));
}

/// P84: where the ledger cannot be read, a revocation would not be seen.
#[test]
fn no_approval_counts_where_the_ledger_cannot_be_read() {
    let world = world();
    tagged(&world, &vault(), &vault(), &Terms::default());
    world.faults.fail_next("discovery", 1, Effect::Before, no_answer());
    world.faults.fail_next("recall", 1, Effect::Before, no_answer());
    world.tenant.delete_vault(&vault());
    world.handle(Function::RecoverVault, &vault_deleted(&vault()).build());
    assert!(world.tenant.has_vault(&vault()), "it is recovered all the same");
    world.settle(Function::RecoverVault, &vault_deleted(&vault()).build());
    assert!(world.tenant.is_whole_vault(&vault()), "and what belonged to it comes back once the ledger can be read");
}

/// P84 and P97: what the ledger knows is not overwritten by whoever could not read it.
#[test]
fn a_ledger_that_cannot_be_read_learns_nothing_and_forgets_nothing() {
    let world = world();
    world.tenant.delete_vault(&vault());
    world.faults.fail_next("RestoreCompanion", 99, Effect::Before, no_answer());
    let event = vault_deleted(&vault()).build();
    world.handle(Function::RecoverVault, &event);
    world.faults.clear();
    let known = world.ledger.vault(&vault()).unwrap();
    world.faults.fail_next("recall", 9, Effect::Before, no_answer());
    world.handle(Function::RecoverVault, &vault_deleted(&vault()).id("another").build());
    world.faults.clear();
    assert_eq!(world.ledger.vault(&vault()), Some(known));
    assert!(world.ledger.case(&existence()).unwrap().recovering);
    world.settle(Function::RecoverVault, &event);
    assert!(world.tenant.is_whole_vault(&vault()));
}

/// P90
#[test]
fn a_deletion_that_stands_is_decided_again_by_every_sweep() {
    let world = world();
    tagged(&world, &vault(), &vault(), &Terms::default());
    delete(&world);
    let records = world.outcomes_of(&existence()).len();
    for sweep in ["sweep-1", "sweep-2"] {
        let report = world.sweep(sweep);
        assert_eq!((report.mended, report.lost_events), (0, 0), "{report:?}");
        assert!(report.failed.is_empty(), "nothing in a vault that was let go needs to be looked at: {report:?}");
    }
    assert_eq!(world.outcomes_of(&existence()).len(), records, "no new record while it stands");
    world.revoke(&vault(), "CHG-1001");
    let report = world.sweep("sweep-3");
    assert_eq!((report.mended, report.lost_events), (1, 0), "{report:?}");
    assert!(world.tenant.is_whole_vault(&vault()));
}

/// P90: what was undone too early can still be approved, and a deletion approved afterwards stands.
#[test]
fn an_approval_that_comes_after_the_deletion_lets_it_stand() {
    let world = super::furnish(reprieve_test_support::tenant::tenant().mode(Mode::Observe).build());
    delete(&world);
    world.approve(&vault(), &sealed_for(&vault(), &Terms::default()));
    world.sweep("sweep-1");
    assert!(world.ledger.case(&existence()).unwrap().stands);
}

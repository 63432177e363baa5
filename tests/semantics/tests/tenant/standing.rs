//! What an approval lets stand: that change, and no other that is made to the same thing later.

use jiff::SignedDuration;
use reprieve_core::azure::memory::Case;
use reprieve_core::azure::{Function, KeyReference, ResourceId, Subject};
use reprieve_core::{Actor, Decision, Event, EventForm, Mode, Record, Status};
use reprieve_engine::TenantLedger as _;
use reprieve_test_support::approval::sealed_for;
use reprieve_test_support::event::event;
use reprieve_test_support::tenant::{
    SUBSCRIPTION, TenantWorld, log_key, log_storage, ourselves, person, role_removed, storage_written, tenant, vault_deleted,
};
use reprieve_test_support::{Effect, Terms, finish};

use super::{denied, furnish, log_vault, vault, world};

/// After the window of the approvals.
const LATER: &str = "2026-11-20T18:00:00Z";

/// Before the window of the approvals.
const EARLIER: &str = "2026-11-20T08:00:00Z";

pub(super) fn bob() -> Actor {
    person("bob@example.com", "bbbbbbbb-0000-4000-8000-bbbbbbbbbbbb")
}

fn partner() -> KeyReference {
    KeyReference::parse("https://kv-partner.vault.azure.net/keys/theirs").unwrap()
}

fn evil() -> KeyReference {
    KeyReference::parse("https://kv-evil.vault.azure.net/keys/mine").unwrap()
}

fn encryption() -> Subject {
    Subject::LogEncryption(log_storage())
}

fn protection() -> Subject {
    Subject::StorageProtection(log_storage())
}

/// A write of the log storage by somebody else, after the window.
fn written_later(id: &str) -> Event {
    storage_written(&log_storage()).id(id).by(bob()).at(LATER).build()
}

pub(super) fn stands(record: &Record) -> bool {
    matches!(&record.decision, Some(Decision::Stand { why }) if why.permitted)
}

pub(super) fn approve(world: &TenantWorld, resource: &ResourceId, action: &str) {
    world.approve(resource, &sealed_for(resource, &Terms::of_action(action)));
}

/// Lets the window of the approvals end.
fn wait(world: &TenantWorld) {
    world.clock.advance(SignedDuration::from_hours(9));
}

/// A world in which log storage keeps no versions, as was approved.
fn without_versions() -> TenantWorld {
    let world = world();
    approve(&world, &log_storage(), "weaken-storage");
    world.tenant.switch_versions_off(&log_storage());
    assert!(stands(&world.settle(Function::ProtectStorage, &storage_written(&log_storage()).build())));
    wait(&world);
    world
}

/// A world in which log storage is under a partner's key, as was approved. The Activity Log knows of it.
fn under_partners_key() -> TenantWorld {
    with_partners_key(world())
}

fn with_partners_key(world: TenantWorld) -> TenantWorld {
    approve(&world, &log_storage(), "change-log-key");
    world.tenant.swap_key(&log_storage(), partner());
    let swapped = storage_written(&log_storage()).build();
    assert!(stands(&world.settle(Function::EncryptActivityLogs, &swapped)));
    world.tenant.logged(swapped);
    wait(&world);
    world
}

/// A world in which log storage is under a partner's key, as was approved. A sweep found the call in the Activity Log; its event is
/// still to come.
fn under_partners_key_by_the_log() -> TenantWorld {
    let world = world();
    approve(&world, &log_storage(), "change-log-key");
    world.tenant.swap_key(&log_storage(), partner());
    world.tenant.logged(storage_written(&log_storage()).build());
    world.sweep("sweep-0");
    assert!(world.ledger.case(&encryption()).unwrap().stands);
    wait(&world);
    world
}

/// A world in which the vault is deleted, as was approved.
pub(super) fn without_vault() -> TenantWorld {
    let world = world();
    approve(&world, &vault(), "delete");
    world.tenant.delete_vault(&vault());
    assert!(stands(&world.settle(Function::RecoverVault, &vault_deleted(&vault()).build())));
    world
}

fn key_of(world: &TenantWorld) -> KeyReference {
    world.tenant.account(&log_storage()).key.unwrap()
}

/// Takes out of the case what an earlier version did not write.
fn forget_what_was_found(world: &TenantWorld, subject: &Subject) {
    let case = Case { found: None, seen_at: None, ..world.ledger.case(subject).unwrap() };
    finish(world.ledger.keep_case(subject, Some(&case))).unwrap().unwrap();
}

/// P90
#[test]
fn an_approved_change_stands_whoever_writes_to_the_resource_later() {
    let world = without_versions();
    for event in [written_later("harmless"), storage_written(&log_storage()).id("our-own").by(ourselves()).at(LATER).build()] {
        let record = world.settle(Function::ProtectStorage, &event);
        assert!(stands(&record), "{record:?}");
        assert_eq!(record.event.actor, event.actor, "the record tells of the event that came");
    }
    assert_eq!(world.sweep("sweep-1").mended, 0);
    assert!(world.changes_tried().is_empty() && world.notices.notices().is_empty());
    let event = world.ledger.case(&protection()).unwrap().event;
    assert_eq!(event.actor.user_name.as_deref(), Some("mallory@example.com"), "it is still judged by who did it");
}

/// P90
#[test]
fn an_approved_deletion_stands_whatever_later_event_reaches_the_vault() {
    let world = without_vault();
    wait(&world);
    let elsewhere = format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.KeyVault/locations/westeurope/deletedVaults/kv-other");
    let purged = event("Microsoft.KeyVault/locations/deletedVaults/purge/action").id("purged").source("Microsoft.Resources/ActivityLog");
    let purged = purged.on_azure(&ResourceId::parse(&elsewhere).unwrap()).by(bob()).at(LATER).build();
    assert_eq!(world.handle(Function::RecoverVault, &purged).len(), 2, "it is answered for both vaults");
    let record = world.settle(Function::RecoverVault, &vault_deleted(&vault()).id("another").by(bob()).at(LATER).build());
    assert!(stands(&record), "{record:?}");
    assert!(world.changes_tried().is_empty() && !world.tenant.has_vault(&vault()));
}

/// P90
#[test]
fn an_approved_key_stands_when_a_role_is_removed_later() {
    let world = under_partners_key();
    let record = world.settle(Function::EncryptActivityLogs, &role_removed(&log_vault()).by(bob()).at(LATER).build());
    assert!(stands(&record), "{record:?}");
    assert_eq!((key_of(&world), world.changes_tried().len()), (partner(), 0));
}

/// P90: what more is found is judged by the event that came with it.
#[test]
fn a_further_weakening_is_undone() {
    let world = without_versions();
    world.tenant.weaken_storage(&log_storage());
    let record = world.settle(Function::ProtectStorage, &written_later("further"));
    assert_eq!((record.status, world.altered()), (Status::Success, vec!["PutBlobService"]));
    assert_eq!(record.event.actor, bob());
    assert!(world.ledger.case(&protection()).is_none());
}

/// P89 and P90: what more is found without an event is nobody's doing, for all that the log knows.
#[test]
fn a_further_swap_that_no_event_announced_is_undone() {
    let world = under_partners_key();
    world.tenant.swap_key(&log_storage(), evil());
    world.sweep("sweep-1");
    assert_eq!((key_of(&world), world.journal.made("last_calls")), (log_key(), 1), "the log is asked");
    let record = world.outcomes_of(&encryption()).pop().unwrap();
    assert!(!record.event.actor.is_known(), "the approved call does not explain it: {:?}", record.event);
}

/// P89: a write of our own hides nobody who called before it.
#[test]
fn the_log_says_who_made_a_further_swap() {
    let own = || storage_written(&log_storage()).id("our-own").by(ourselves()).at("2026-11-20T18:30:00Z").build();
    for (who, call, key) in [
        ("bob, after the window", written_later("further"), log_key()),
        ("mallory, inside of it", storage_written(&log_storage()).id("second").at("2026-11-20T10:30:00Z").build(), evil()),
    ] {
        for later in [None, Some(own())] {
            let world = under_partners_key();
            world.tenant.swap_key(&log_storage(), evil());
            [Some(call.clone()), later].into_iter().flatten().for_each(|call| world.tenant.logged(call));
            world.sweep("sweep-1");
            assert_eq!(key_of(&world), key, "{who}");
            let record = world.outcomes_of(&encryption()).pop().unwrap();
            assert_eq!((record.event.form, &record.event.actor), (EventForm::Sweep, &call.actor), "{who}");
        }
    }
}

/// P90: the event of what was let stand comes again, and says nothing of what was done since.
#[test]
fn a_repeated_delivery_lets_no_further_swap_stand() {
    let world = under_partners_key();
    world.tenant.swap_key(&log_storage(), evil());
    world.settle(Function::EncryptActivityLogs, &storage_written(&log_storage()).build());
    assert_eq!(key_of(&world), log_key());
}

/// P90: what covers an event covers nothing that was done after it was seen.
#[test]
fn an_approved_event_that_comes_late_covers_no_further_swap() {
    let approved = || storage_written(&log_storage());
    for (what, late) in [("the logged call", approved()), ("another call", approved().id("another").at("2026-11-20T10:30:00Z"))] {
        for is_logged in [false, true] {
            let world = under_partners_key_by_the_log();
            world.tenant.swap_key(&log_storage(), evil());
            if is_logged {
                world.tenant.logged(written_later("further"));
            }
            let record = world.settle(Function::EncryptActivityLogs, &late.clone().build());
            assert_eq!((record.status, key_of(&world)), (Status::Success, log_key()), "{what}: {record:?}");
            assert_eq!(record.event.actor, if is_logged { bob() } else { Actor::unknown() }, "{what}");
        }
    }
}

/// P87 and P90
#[test]
fn a_write_of_our_own_covers_no_further_swap() {
    let world = under_partners_key_by_the_log();
    world.tenant.swap_key(&log_storage(), evil());
    let own = storage_written(&log_storage()).id("our-own").by(ourselves()).at("2026-11-20T16:00:00Z").build();
    world.settle(Function::EncryptActivityLogs, &own);
    assert_eq!(key_of(&world), log_key());
}

/// P87 and P90: the log knows of it, and not of whoever made the swap.
#[test]
fn a_logged_write_of_our_own_covers_no_further_swap() {
    let world = under_partners_key();
    world.tenant.swap_key(&log_storage(), evil());
    world.tenant.logged(storage_written(&log_storage()).id("our-own").by(ourselves()).at("2026-11-20T16:00:00Z").build());
    world.sweep("sweep-1");
    assert_eq!(key_of(&world), log_key());
    let record = world.outcomes_of(&encryption()).pop().unwrap();
    assert!(!record.event.actor.is_known(), "{:?}", record.event);
}

/// P90: each look at what stands sees what was called before it.
#[test]
fn an_approved_call_from_before_the_last_look_covers_no_further_swap() {
    for is_heard in [false, true] {
        let world = under_partners_key();
        let call = storage_written(&log_storage()).id("second").at("2026-11-20T10:30:00Z").build();
        world.tenant.logged(call.clone());
        world.sweep("sweep-1");
        assert_eq!(key_of(&world), partner());
        world.tenant.swap_key(&log_storage(), evil());
        if is_heard {
            world.settle(Function::EncryptActivityLogs, &call);
        } else {
            world.sweep("sweep-2");
        }
        assert_eq!(key_of(&world), log_key(), "the call is heard of: {is_heard}");
    }
}

/// P90: a case that was found out under the id of an older one is as young as it is, and whoever called before it may have done it.
#[test]
fn a_swap_is_judged_by_its_own_event_although_a_repeated_delivery_found_it_first() {
    let world = under_partners_key();
    world.tenant.swap_key(&log_storage(), evil());
    world.tenant.logged(storage_written(&log_storage()).id("second").at("2026-11-20T10:30:00Z").build());
    world.settle(Function::EncryptActivityLogs, &storage_written(&log_storage()).build());
    assert_eq!(key_of(&world), evil(), "the log does not know of the swap yet");
    let record = world.settle(Function::EncryptActivityLogs, &written_later("further"));
    assert_eq!((record.status, key_of(&world)), (Status::Success, log_key()), "{record:?}");
    assert_eq!(record.event.actor, bob());
}

/// P90: the case stays as old as it is, so that who came by after it was opened still only came by.
#[test]
fn an_approved_event_that_comes_late_changes_nothing_of_what_stands() {
    let world = under_partners_key_by_the_log();
    for event in [storage_written(&log_storage()).build(), written_later("harmless")] {
        let record = world.settle(Function::EncryptActivityLogs, &event);
        assert!(stands(&record), "{record:?}");
        assert_eq!(record.event.actor, event.actor, "the record tells of the event that came");
    }
    assert_eq!((key_of(&world), world.changes_tried().len()), (partner(), 0));
}

/// P90: what was found and not approved stays so, whether somebody or nobody is known to have done it.
#[test]
fn an_approved_event_that_comes_late_covers_nothing_that_was_found_and_not_approved() {
    for is_announced in [true, false] {
        let world = under_partners_key_by_the_log();
        world.tenant.swap_key(&log_storage(), evil());
        world.faults.fail_next("SetKeySource", 1, Effect::Before, denied());
        if is_announced {
            world.settle(Function::EncryptActivityLogs, &written_later("further"));
        } else {
            world.sweep("sweep-1");
        }
        assert_eq!(key_of(&world), evil());
        let record = world.settle(Function::EncryptActivityLogs, &storage_written(&log_storage()).build());
        assert_eq!((record.status, key_of(&world)), (Status::Success, log_key()), "{record:?}");
        assert_eq!(record.event.actor, if is_announced { bob() } else { Actor::unknown() });
    }
}

/// P90: a look can miss what was done a moment before it, and nobody else need have done it.
#[test]
fn an_approved_call_that_a_look_just_missed_stands() {
    let world = world();
    approve(&world, &log_storage(), "weaken-storage");
    world.tenant.switch_versions_off(&log_storage());
    assert!(stands(&world.settle(Function::ProtectStorage, &storage_written(&log_storage()).build())));
    world.tenant.weaken_storage(&log_storage());
    assert!(stands(&world.settle(Function::ProtectStorage, &storage_written(&log_storage()).id("second").build())));
    assert!(world.changes_tried().is_empty());
}

/// P90: what is left of an approved change stands, in whatever words it is told.
#[test]
fn what_a_human_restores_of_an_approved_change_takes_nothing_else_back() {
    let world = world();
    approve(&world, &log_storage(), "weaken-storage");
    world.tenant.weaken_storage(&log_storage());
    assert!(stands(&world.settle(Function::ProtectStorage, &storage_written(&log_storage()).build())));
    wait(&world);
    // Soft delete is on again, and versions are not.
    world.tenant.create_log_storage(&log_storage());
    world.tenant.switch_versions_off(&log_storage());
    let record = world.settle(Function::ProtectStorage, &written_later("restored"));
    assert!(stands(&record), "{record:?}");
    assert_eq!(world.sweep("sweep-1").mended, 0);
    assert!(world.changes_tried().is_empty());
}

/// P84 and P90: who only came by is not named as having done it.
#[test]
fn a_revoked_change_is_taken_back_by_whatever_comes_next() {
    let by_event = without_versions();
    by_event.settle(Function::ProtectStorage, &written_later("harmless"));
    by_event.revoke(&log_storage(), "CHG-1001");
    let record = by_event.settle(Function::ProtectStorage, &written_later("next"));
    assert_eq!(record.event.actor.user_name.as_deref(), Some("mallory@example.com"));
    let by_sweep = without_versions();
    by_sweep.settle(Function::ProtectStorage, &written_later("harmless"));
    by_sweep.revoke(&log_storage(), "CHG-1001");
    assert_eq!(by_sweep.sweep("sweep-1").mended, 1);
    for world in [by_event, by_sweep] {
        assert_eq!(world.altered(), ["PutBlobService"]);
        let record = world.outcomes_of(&protection()).pop().unwrap();
        assert!(record.decision.unwrap().why().sentence.contains("change CHG-1001 was revoked"));
    }
}

/// P90: it can have been seen with the approved change, and is not taken for it.
#[test]
fn what_was_done_before_the_approved_change_was_looked_at_is_judged_by_itself() {
    let world = world();
    approve(&world, &log_storage(), "change-log-key");
    world.tenant.swap_key(&log_storage(), partner());
    world.tenant.swap_key(&log_storage(), evil());
    wait(&world);
    assert!(stands(&world.settle(Function::EncryptActivityLogs, &storage_written(&log_storage()).build())));
    let record = world.settle(Function::EncryptActivityLogs, &written_later("seen-with-it"));
    assert_eq!((record.status, record.event.actor), (Status::Success, bob()));
    assert_eq!(key_of(&world), log_key());
}

/// P87 and P90: our own writes only give back.
#[test]
fn an_earlier_write_of_our_own_takes_nothing_back() {
    let world = without_versions();
    let own = storage_written(&log_storage()).id("our-own").by(ourselves()).at(EARLIER).build();
    assert!(stands(&world.settle(Function::ProtectStorage, &own)));
    assert!(world.changes_tried().is_empty());
}

/// P90: what was found before is still the doing of whoever did it.
#[test]
fn an_approved_event_that_adds_nothing_covers_nothing_that_was_found_before() {
    let approved = || storage_written(&log_storage()).id("approved").at("2026-11-20T10:30:00Z").build();
    let unapproved = || storage_written(&log_storage()).id("unapproved").by(bob()).at(EARLIER).build();
    let failing = world();
    failing.faults.fail_next("SetKeySource", 1, Effect::Before, denied());
    let observing = furnish(tenant().mode(Mode::Observe).build());
    for (world, key, status) in [(failing, log_key(), Status::Success), (observing, evil(), Status::Observed)] {
        approve(&world, &log_storage(), "change-log-key");
        world.tenant.swap_key(&log_storage(), evil());
        world.settle(Function::EncryptActivityLogs, &unapproved());
        assert_eq!(key_of(&world), evil());
        world.clock.advance(SignedDuration::from_hours(1));
        let records = world.outcomes_of(&encryption()).len();
        let record = world.settle(Function::EncryptActivityLogs, &approved());
        assert_eq!((record.status, record.event.actor, key_of(&world)), (status, bob(), key));
        assert_eq!(world.outcomes_of(&encryption()).len(), records + 1, "each event has its record");
    }
}

/// P89 and P90: what explained nothing of it at the first sweep explains nothing at the second.
#[test]
fn what_is_nobodys_is_not_covered_by_the_approved_call_at_the_next_sweep() {
    let world = with_partners_key(furnish(tenant().mode(Mode::Observe).build()));
    world.tenant.swap_key(&log_storage(), evil());
    for sweep in ["sweep-1", "sweep-2", "sweep-3"] {
        world.sweep(sweep);
        let case = world.ledger.case(&encryption()).unwrap();
        assert!(!case.stands && !case.event.actor.is_known(), "{sweep}: {case:?}");
    }
}

/// P89 and P90: the log does not know yet who made the swap when it is found first, and the approved call came later.
#[test]
fn what_is_nobodys_is_not_covered_by_an_approved_call_from_after_it_was_found() {
    for is_heard in [false, true] {
        let world = world();
        approve(&world, &log_storage(), "change-log-key");
        world.tenant.swap_key(&log_storage(), evil());
        world.faults.fail_next("SetKeySource", if is_heard { 2 } else { 1 }, Effect::Before, denied());
        world.sweep("sweep-1");
        assert!(!world.ledger.case(&encryption()).unwrap().event.actor.is_known());
        let harmless = storage_written(&log_storage()).id("harmless").at("2026-11-20T11:30:00Z").build();
        if is_heard {
            world.sweep("sweep-2");
            assert_eq!(key_of(&world), evil());
            world.settle(Function::EncryptActivityLogs, &harmless);
        } else {
            world.tenant.logged(harmless);
            world.sweep("sweep-2");
        }
        assert_eq!(key_of(&world), log_key(), "the call is heard of: {is_heard}");
        let record = world.outcomes_of(&encryption()).pop().unwrap();
        assert!(!record.event.actor.is_known(), "{:?}", record.event);
    }
}

/// P89: who made it is still found out, where the log tells of it late.
#[test]
fn what_was_nobodys_is_theirs_whom_the_log_tells_of_later() {
    let world = world();
    approve(&world, &log_storage(), "change-log-key");
    world.tenant.swap_key(&log_storage(), partner());
    world.faults.fail_next("SetKeySource", 1, Effect::Before, denied());
    world.sweep("sweep-1");
    world.tenant.logged(storage_written(&log_storage()).id("swap").at("2026-11-20T10:59:00Z").build());
    world.tenant.logged(storage_written(&log_storage()).id("harmless").by(bob()).at("2026-11-20T11:30:00Z").build());
    world.sweep("sweep-2");
    let case = world.ledger.case(&encryption()).unwrap();
    assert!(case.stands && case.event.actor.is_known(), "{case:?}");
    assert_eq!(key_of(&world), partner());
}

/// P90: a human gave it back, and it is deleted again.
#[test]
fn an_approved_deletion_covers_no_second_one() {
    let world = without_vault();
    world.tenant.recover_vault(&vault());
    wait(&world);
    world.tenant.delete_vault(&vault());
    world.sweep("sweep-1");
    assert!(world.tenant.is_whole_vault(&vault()));
}

/// P90: what an earlier version let stand does not say what was found.
#[test]
fn an_old_case_stands_until_somebody_is_known_to_have_called_later() {
    let world = under_partners_key();
    forget_what_was_found(&world, &encryption());
    assert_eq!(world.sweep("sweep-1").mended, 0);
    assert_eq!(key_of(&world), partner());
    assert!(world.ledger.case(&encryption()).unwrap().found.is_some(), "the sweep writes down what stands");
    world.tenant.swap_key(&log_storage(), evil());
    world.sweep("sweep-2");
    assert_eq!(key_of(&world), log_key());

    let world = under_partners_key();
    forget_what_was_found(&world, &encryption());
    world.tenant.swap_key(&log_storage(), evil());
    world.tenant.logged(written_later("further"));
    world.sweep("sweep-1");
    assert_eq!(key_of(&world), log_key());
}

/// P90: a case is read whatever another version wrote of what was found.
#[test]
fn a_case_of_another_version_can_be_read() {
    let case = under_partners_key().ledger.case(&encryption()).unwrap();
    let mut written = serde_json::to_value(&case).unwrap();
    assert_eq!(serde_json::from_value::<Case>(written.clone()).unwrap(), case);
    let unsaid = Case { found: None, ..case };
    let fields = written.as_object_mut().unwrap();
    fields.insert("found".to_owned(), serde_json::json!({ "aspect": "of another version" }));
    assert_eq!(serde_json::from_value::<Case>(written.clone()).unwrap(), unsaid);
    written.as_object_mut().unwrap().remove("found");
    assert_eq!(serde_json::from_value::<Case>(written).unwrap(), unsaid);
}

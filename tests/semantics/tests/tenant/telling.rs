//! What people could not be told at once: it is told by the next delivery or the next look, once, and nothing is done twice.

use jiff::SignedDuration;
use reprieve_core::Status;
use reprieve_core::azure::memory::Case;
use reprieve_core::azure::{Function, Subject};
use reprieve_engine::Handled;
use reprieve_test_support::Effect;
use reprieve_test_support::tenant::{TenantWorld, key_deleted, vault_deleted};

use super::{denied, existence, key, no_answer, vault, world};

fn key_existence() -> Subject {
    Subject::VaultObject(key())
}

/// Makes this many notices fail.
fn fail_notices(world: &TenantWorld, times: u32) {
    world.faults.fail_next("tell", times, Effect::Before, no_answer());
}

fn told(world: &TenantWorld) -> usize {
    world.notices.notices().len()
}

/// P32: Event Grid delivers again what could not be told, and that delivery tells it as it was.
#[test]
fn a_rescue_whose_notice_fails_is_told_by_the_next_delivery() {
    let world = world();
    world.tenant.delete_vault(&vault());
    fail_notices(&world, 2);
    let event = vault_deleted(&vault()).build();
    for delivery in 1..=2 {
        let handled = world.handle(Function::RecoverVault, &event);
        assert!(matches!(handled.as_slice(), [Handled::Retry { record: Some(_), told: false, .. }]), "{delivery}: {handled:?}");
        assert_eq!((world.tenant.is_whole_vault(&vault()), told(&world)), (true, 0), "{delivery}");
    }
    let tried = world.changes_tried();
    world.settle(Function::RecoverVault, &event);
    let [notice] = world.notices.notices().try_into().unwrap();
    assert!(notice.text().contains("mallory@example.com"), "{}", notice.text());
    world.handle(Function::RecoverVault, &event);
    world.sweep("sweep-1");
    assert_eq!((world.changes_tried(), told(&world), world.ledger.count_open()), (tried, 1, 0));
    let mended = world.outcomes_of(&existence()).into_iter().filter(|record| record.status == Status::Success);
    assert_eq!(mended.count(), 1);
}

/// P32: what comes by the event hub is not delivered again for it: the acts behind it would wait. The next sweep that can tells it.
#[test]
fn a_rescue_from_the_event_hub_whose_notice_fails_is_told_by_the_next_sweep() {
    let world = world();
    world.tenant.delete_object(&key());
    fail_notices(&world, 2);
    let handled = world.handle(Function::RecoverKey, &key_deleted(&key()).build());
    assert!(matches!(handled.as_slice(), [Handled::Done { complaints, .. }] if complaints.len() == 1), "{handled:?}");
    assert!(world.tenant.has_object(&key()));
    let report = world.sweep("sweep-1");
    assert_eq!((report.mended, report.complaints.len(), told(&world)), (0, 1, 0), "{report:?}");
    let case = world.ledger.case(&key_existence()).unwrap();
    assert_eq!(case.event.actor.user_name.as_deref(), Some("mallory@example.com"), "it is not the sweep's");
    for sweep in ["sweep-2", "sweep-3"] {
        let report = world.sweep(sweep);
        assert_eq!((report.mended, report.complaints.len(), told(&world)), (0, 0, 1), "{sweep}: {report:?}");
    }
    assert_eq!((world.altered(), world.ledger.count_open()), (vec!["RecoverObject"], 0));
}

/// P32
#[test]
fn a_rescue_by_a_sweep_whose_notice_fails_is_told_by_the_next() {
    let world = world();
    world.tenant.delete_object(&key());
    fail_notices(&world, 1);
    let told = ["sweep-1", "sweep-2", "sweep-3"].map(|sweep| (world.sweep(sweep).mended, told(&world)));
    assert_eq!(told, [(1, 0), (0, 1), (0, 1)]);
    assert_eq!((world.altered(), world.ledger.count_open()), (vec!["RecoverObject"], 0));
}

/// P32 and P24: what was refused is told by the next delivery, and not tried again by it.
#[test]
fn what_was_refused_and_could_not_be_told_is_told_and_not_tried_again() {
    let world = world();
    world.tenant.delete_vault(&vault());
    world.faults.fail_next("RecoverVault", 1, Effect::Before, denied());
    fail_notices(&world, 2);
    let event = vault_deleted(&vault()).build();
    for delivery in 1..=2 {
        let handled = world.handle(Function::RecoverVault, &event);
        assert!(matches!(handled.as_slice(), [Handled::Retry { told: false, .. }]), "{delivery}: {handled:?}");
    }
    assert_eq!(told(&world), 0);
    for delivery in 3..=4 {
        let handled = world.handle(Function::RecoverVault, &event);
        assert_eq!((handled.as_slice(), told(&world)), ([Handled::Duplicate].as_slice(), 1), "{delivery}");
    }
    assert_eq!(world.journal.made("RecoverVault"), 1);
    assert_eq!((world.sweep("sweep-1").mended, told(&world)), (1, 2), "that it is back is news");
}

/// P31 and P32: neither could be written down nor told what was mended.
#[test]
fn what_could_neither_be_told_nor_written_down_is_told() {
    let play = |faulty: Option<usize>| {
        let world = world();
        world.tenant.delete_vault(&vault());
        if let Some(outcome) = faulty {
            world.faults.fail_call(outcome, Effect::Before, no_answer());
            fail_notices(&world, 1);
        }
        world.deliver(Function::RecoverVault, &vault_deleted(&vault()).build());
        world
    };
    let outcome = play(None).journal.entries().into_iter().rfind(|entry| entry.call.name() == "append").unwrap();
    let world = play(Some(outcome.number));
    assert!(world.tenant.is_whole_vault(&vault()));
    assert_eq!((told(&world), world.journal.made("RecoverVault"), world.ledger.count_open()), (1, 1, 0));
}

/// P32: a channel that nobody mends does not make the others hear the same for ever, nor does a burst make a case grow without end.
#[test]
fn what_could_not_be_told_for_a_day_or_is_too_much_is_given_up() {
    let world = world();
    fail_notices(&world, 99);
    for number in 0..10 {
        world.tenant.delete_object(&key());
        world.handle(Function::RecoverKey, &key_deleted(&key()).id(&format!("deleted-{number}")).build());
    }
    let case = world.ledger.case(&key_existence()).unwrap();
    let ids: Vec<&str> = case.untold.iter().map(|record| record.event.id.as_str()).collect();
    assert_eq!((ids.len(), world.altered().len()), (8, 10), "{ids:?}");
    assert!(ids.first().unwrap().starts_with("deleted-2."), "the newest are kept: {ids:?}");
    world.clock.advance(SignedDuration::from_hours(24));
    let report = world.sweep("sweep-1");
    assert!(report.complaints.iter().any(|complaint| complaint.contains("8 outcomes are not told any more")), "{report:?}");
    world.faults.clear();
    world.sweep("sweep-2");
    assert_eq!((told(&world), world.ledger.count_open()), (0, 0));
}

/// P32: nobody knows what was given up, so what is still wrong is news again.
#[test]
fn what_is_still_wrong_once_its_notice_was_given_up_is_told_again() {
    let world = world();
    world.tenant.delete_object(&key());
    let refuse = || world.faults.fail_next("RecoverObject", 99, Effect::Before, denied());
    refuse();
    fail_notices(&world, 99);
    world.sweep("sweep-1");
    world.clock.advance(SignedDuration::from_hours(25));
    world.sweep("sweep-2");
    assert_eq!((told(&world), world.ledger.case(&key_existence()).unwrap().told), (0, Vec::new()));
    world.faults.clear();
    refuse();
    let told = ["sweep-3", "sweep-4"].map(|sweep| (world.sweep(sweep).mended, told(&world)));
    assert_eq!(told, [(0, 1), (0, 1)]);
}

/// P32: a case that is kept for a notice alone silences nothing that is done later.
#[test]
fn what_is_done_again_while_people_are_owed_that_it_was_mended_is_told() {
    let world = world();
    let disable = || world.tenant.set_enabled(&key(), false);
    let refuse = || world.faults.fail_next("EnableVaultKey", 1, Effect::Before, denied());
    disable();
    refuse();
    world.sweep("sweep-1");
    fail_notices(&world, 1);
    assert_eq!((world.sweep("sweep-2").mended, told(&world)), (1, 1));
    disable();
    refuse();
    world.sweep("sweep-3");
    assert_eq!(told(&world), 3, "that it was mended, and that it is disabled again");
}

/// P31 and P32
#[test]
fn what_was_told_late_is_not_told_again_because_an_outcome_could_not_be_written_down() {
    let world = world();
    world.tenant.delete_vault(&vault());
    fail_notices(&world, 1);
    let event = vault_deleted(&vault()).build();
    world.handle(Function::RecoverVault, &event);
    world.faults.fail_next("append", 2, Effect::Before, no_answer());
    for delivery in 2..=4 {
        let handled = world.handle(Function::RecoverVault, &event);
        assert_eq!((told(&world), matches!(handled.as_slice(), [Handled::Retry { .. }])), (1, delivery < 4), "{delivery}: {handled:?}");
    }
    assert_eq!(world.ledger.count_open(), 0);
}

/// P32: what people are owed is read back as it was written, and whatever another version wrote of it hides no case.
#[test]
fn what_people_are_owed_is_read_back() {
    let world = world();
    world.tenant.delete_vault(&vault());
    fail_notices(&world, 1);
    world.handle(Function::RecoverVault, &vault_deleted(&vault()).build());
    let case = world.ledger.case(&existence()).unwrap();
    assert_eq!(case.untold.len(), 1);
    let mut written = serde_json::to_value(&case).unwrap();
    assert_eq!(serde_json::from_value::<Case>(written.clone()).unwrap(), case);
    written.as_object_mut().unwrap().insert("untold".to_owned(), serde_json::json!(["of another version"]));
    assert_eq!(serde_json::from_value::<Case>(written).unwrap(), Case { untold: Vec::new(), ..case });
}

//! Events in any order, any number of times, lost or not, with attacks in between.

use proptest::prelude::*;
use proptest::sample::select;
use reprieve_core::Event;
use reprieve_core::azure::{Function, KeyReference};
use reprieve_test_support::Terms;
use reprieve_test_support::approval::sealed_for;
use reprieve_test_support::tenant::{
    TenantWorld, key_deleted, key_updated, log_key, log_storage, ourselves, role_removed, rotation_policy, rotation_removed,
    storage_written, vault_deleted, vault_written,
};

use super::{key, log_vault, vault, world};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    DeleteVault,
    DeleteKey,
    DisableKey,
    RemoveRotation,
    WeakenStorage,
    SwapKey,
    Sweep,
    /// Delivers one of the events to one of the functions, whatever happened.
    Deliver(usize, usize),
}

const FUNCTIONS: [Function; 8] = Function::ALL;

fn events() -> Vec<Event> {
    vec![
        vault_deleted(&vault()).build(),
        vault_written(&vault()).build(),
        vault_written(&vault()).id("own").by(ourselves()).build(),
        key_deleted(&key()).build(),
        key_updated(&key()).build(),
        rotation_removed(&key()).build(),
        storage_written(&log_storage()).build(),
        role_removed(&log_vault()).build(),
        key_deleted(&key()).id("refused").refused("Forbidden").build(),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    let attacks = [Step::DeleteVault, Step::DeleteKey, Step::DisableKey, Step::RemoveRotation, Step::WeakenStorage, Step::SwapKey];
    prop_oneof![
        2 => select(attacks.to_vec()),
        1 => Just(Step::Sweep),
        6 => (0..events().len(), 0..FUNCTIONS.len()).prop_map(|(event, function)| Step::Deliver(event, function)),
    ]
}

fn take(world: &TenantWorld, number: usize, step: Step) {
    let has_vault = world.tenant.has_vault(&vault());
    let has_key = has_vault && world.tenant.has_object(&key());
    match step {
        Step::DeleteVault if has_vault => world.tenant.delete_vault(&vault()),
        Step::DeleteKey if has_key => world.tenant.delete_object(&key()),
        Step::DisableKey if has_key => world.tenant.set_enabled(&key(), false),
        Step::RemoveRotation if has_key => world.tenant.remove_rotation(&key()),
        Step::DeleteVault | Step::DeleteKey | Step::DisableKey | Step::RemoveRotation => {}
        Step::WeakenStorage => world.tenant.weaken_storage(&log_storage()),
        Step::SwapKey => {
            world.tenant.swap_key(&log_storage(), KeyReference::parse("https://kv-evil.vault.azure.net/keys/mine").unwrap());
        }
        Step::Sweep => drop(world.sweep(&format!("sweep-{number}"))),
        Step::Deliver(event, function) => {
            drop(world.handle(*FUNCTIONS.get(function).unwrap(), events().get(event).unwrap()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// P92: whatever order, the sweeps that follow leave everything whole.
    #[test]
    fn any_order_of_events_and_attacks_ends_whole(steps in proptest::collection::vec(any_step(), 0..24)) {
        let world = world();
        for (number, step) in steps.into_iter().enumerate() {
            take(&world, number, step);
        }
        // The first brings the vault back, the second what is in it, the third enables what came back disabled; the last finds nothing.
        for sweep in ["last-1", "last-2", "last-3"] {
            world.sweep(sweep);
        }
        let quiet = world.sweep("last-4");
        prop_assert_eq!((quiet.mended, quiet.escalated, quiet.failed.len()), (0, 0, 0));
        prop_assert!(world.tenant.is_whole_vault(&vault()));
        prop_assert!(world.tenant.has_object(&key()) && world.tenant.is_enabled(&key()));
        prop_assert_eq!(world.tenant.rotation(&key()), Some(rotation_policy()));
        prop_assert_eq!(world.tenant.account(&log_storage()).key, Some(log_key()));
        prop_assert_eq!(world.ledger.count_open(), 0);
    }

    /// P82 and P90: whatever else happens around it, a deletion that is approved stands as long as nobody revokes it.
    #[test]
    fn an_approved_deletion_stands_in_any_order(steps in proptest::collection::vec(any_step(), 0..16), is_revoked in any::<bool>()) {
        let world = world();
        let deleted = vault_deleted(&vault()).build();
        world.approve(&vault(), &sealed_for(&vault(), &Terms::default()));
        world.tenant.delete_vault(&vault());
        world.tenant.logged(deleted.clone());
        for (number, step) in steps.into_iter().enumerate() {
            take(&world, number, step);
        }
        world.handle(Function::RecoverVault, &deleted);
        world.sweep("last-1");
        prop_assert!(!world.tenant.has_vault(&vault()), "nobody gives it back: {:?}", world.altered());
        if is_revoked {
            world.revoke(&vault(), "CHG-1001");
            world.sweep("last-2");
            prop_assert!(world.tenant.is_whole_vault(&vault()));
        }
    }
}

//! What happens when call N fails, for every N: before it took effect, after it, with the process dying over it.

use reprieve_core::azure::{Change, Function, KeyReference};
use reprieve_core::{Event, Phase, Status};
use reprieve_engine::CallError;
use reprieve_test_support::Effect;
use reprieve_test_support::tenant::{TenantWorld, key_deleted, log_key, log_storage, storage_written, tenant, vault_deleted};

use super::{denied, key, log_vault, no_answer, vault};

const EFFECTS: [Effect; 4] = [Effect::Before, Effect::After, Effect::KilledBefore, Effect::KilledAfter];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scenario {
    Vault,
    Key,
    LogKey,
    LostVault,
}

impl Scenario {
    /// A tenant that holds what the scenario is about, and no more: thousands of them are made.
    fn furnished(self) -> TenantWorld {
        let world = tenant().build();
        let vault = if self == Self::LogKey { log_vault() } else { vault() };
        world.tenant.create_vault(&vault);
        match self {
            Self::Key => world.tenant.create_object(&key()),
            Self::LogKey => {
                world.tenant.create_object(&log_vault().child("keys", "logs"));
                world.tenant.create_log_storage(&log_storage());
            }
            Self::Vault | Self::LostVault => {}
        }
        world.seen()
    }

    fn begin(self) -> TenantWorld {
        let world = self.furnished();
        match self {
            Self::Vault | Self::LostVault => world.tenant.delete_vault(&vault()),
            Self::Key => world.tenant.delete_object(&key()),
            Self::LogKey => {
                world.tenant.swap_key(&log_storage(), KeyReference::parse("https://kv-evil.vault.azure.net/keys/mine").unwrap());
                world.tenant.revoke_key_use();
            }
        }
        world
    }

    fn event(self) -> Option<(Function, Event)> {
        match self {
            Self::Vault => Some((Function::RecoverVault, vault_deleted(&vault()).build())),
            Self::Key => Some((Function::RecoverKey, key_deleted(&key()).build())),
            Self::LogKey => Some((Function::EncryptActivityLogs, storage_written(&log_storage()).build())),
            Self::LostVault => None,
        }
    }

    /// Delivers the event until it is answered; then two sweeps.
    fn play(self, world: &TenantWorld) {
        if let Some((function, event)) = self.event() {
            world.deliver(function, &event);
        }
        for sweep in ["sweep-1", "sweep-2", "sweep-3"] {
            // A sweep that dies is followed by the next.
            drop(world.try_sweep(sweep));
        }
    }

    fn assert_whole(self, world: &TenantWorld, context: &str) {
        let is_whole = match self {
            Self::Vault | Self::LostVault => world.tenant.is_whole_vault(&vault()),
            Self::Key => world.tenant.has_object(&key()),
            Self::LogKey => world.tenant.account(&log_storage()).key == Some(log_key()),
        };
        assert!(is_whole, "{context}\n{}", story(world));
        assert_eq!(world.ledger.count_open(), 0, "{context}: a case stays open\n{}", story(world));
        let altered = world.tenant.altered();
        let once = altered.iter().enumerate().all(|(index, change)| !altered.iter().take(index).any(|earlier| same(earlier, change)));
        assert!(once, "{context}: something was altered twice: {altered:#?}");
        assert_truthful(world, context);
    }
}

fn same(first: &Change, second: &Change) -> bool {
    first.name() == second.name() && first.resource() == second.resource()
}

fn story(world: &TenantWorld) -> String {
    let entries = world.journal.entries();
    let lines: Vec<String> =
        entries.iter().map(|entry| format!("{} {:?} -> {:?}", entry.number, entry.call.name(), entry.answer)).collect();
    lines.join("\n")
}

/// Asserts that no change was made without an intent, and that no record claims what was not confirmed.
fn assert_truthful(world: &TenantWorld, context: &str) {
    let entries = world.journal.entries();
    for act in entries.iter().filter(|entry| entry.call.tenant().is_some_and(|call| call.change().is_some())) {
        let is_intended = entries.iter().any(|entry| {
            let is_intent = matches!(&entry.call, reprieve_test_support::Call::Append(id) if id.contains(".intent."));
            is_intent && entry.was_confirmed() && entry.ended.unwrap() < act.began
        });
        assert!(is_intended, "{context}: {act:?} without intent");
    }
    for record in world.audit.records().iter().filter(|record| record.phase == Phase::Outcome) {
        for step in record.steps.iter().filter(|step| step.result.is_success()) {
            let confirmed = entries.iter().any(|entry| entry.call.name() == step.step.name() && entry.was_confirmed());
            assert!(confirmed, "{context}: {} says {} was done", record.id(), step.step.name());
        }
        let is_success = record.status != Status::Success || record.steps.iter().all(|step| step.result.is_success());
        assert!(is_success && (record.remediate_ms.is_none() || record.status == Status::Success), "{context}: {}", record.id());
    }
}

fn fail_every_call(scenario: Scenario, errors: &[CallError]) {
    let calm = scenario.begin();
    scenario.play(&calm);
    scenario.assert_whole(&calm, "nothing fails");
    let calls = calm.journal.entries().len();
    assert!(calls > 8, "the scenario makes calls");
    for number in 1..=calls {
        for effect in EFFECTS {
            for error in errors {
                let world = scenario.begin();
                world.faults.fail_call(number, effect, error.clone());
                scenario.play(&world);
                scenario.assert_whole(&world, &format!("{scenario:?}: call {number} fails, {effect:?}: {error}"));
            }
        }
    }
}

/// P92
#[test]
fn a_deleted_vault_survives_the_failure_of_any_call() {
    fail_every_call(Scenario::Vault, &[no_answer(), denied()]);
}

/// P92: two calls fail, anywhere in the answer.
#[test]
fn a_deleted_vault_survives_the_failure_of_any_two_calls() {
    let calm = Scenario::Vault.begin();
    let (function, event) = Scenario::Vault.event().unwrap();
    calm.deliver(function, &event);
    let calls = calm.journal.entries().len();
    for first in 1..=calls {
        for second in first + 1..=calls + 4 {
            for effects in [[Effect::Before, Effect::After], [Effect::After, Effect::KilledAfter], [Effect::KilledBefore, Effect::Before]] {
                let world = Scenario::Vault.begin();
                for (number, effect) in [first, second].into_iter().zip(effects) {
                    world.faults.fail_call(number, effect, no_answer());
                }
                Scenario::Vault.play(&world);
                Scenario::Vault.assert_whole(&world, &format!("calls {first} and {second} fail: {effects:?}"));
            }
        }
    }
}

/// P92
#[test]
fn a_deleted_key_survives_the_failure_of_any_call() {
    fail_every_call(Scenario::Key, &[no_answer(), denied()]);
}

/// P92
#[test]
fn a_swapped_log_key_survives_the_failure_of_any_call() {
    fail_every_call(Scenario::LogKey, &[no_answer(), denied()]);
}

/// P92
#[test]
fn a_lost_event_survives_the_failure_of_any_call() {
    fail_every_call(Scenario::LostVault, &[no_answer(), denied()]);
}

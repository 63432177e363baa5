//! The loop for Azure over a tenant that keeps state: what it gives back, what it lets stand, what it does when calls fail.
#![expect(clippy::unwrap_used, reason = "a test that goes another way must stop")]

mod acting;
mod approving;
mod breaking_glass;
mod failing;
mod orders;
mod purging;
mod standing;
mod sweeping;
mod telling;

use reprieve_core::azure::{ResourceId, Subject};
use reprieve_engine::CallError;
use reprieve_test_support::tenant::{TenantWorld, log_storage, log_vault, tenant, vault_of};

/// The vault that the tests attack.
fn vault() -> ResourceId {
    vault_of("kv-prod")
}

/// A key in it.
fn key() -> ResourceId {
    vault().child("keys", "invoices")
}

fn existence() -> Subject {
    Subject::Vault(vault())
}

/// Returns a tenant with two vaults, a key, a secret, a certificate and log storage, all as it must be, and seen.
fn world() -> TenantWorld {
    furnish(tenant().build())
}

fn furnish(world: TenantWorld) -> TenantWorld {
    for vault in [vault(), log_vault()] {
        world.tenant.create_vault(&vault);
    }
    for object in [key(), vault().child("secrets", "password"), vault().child("certificates", "web"), log_vault().child("keys", "logs")] {
        world.tenant.create_object(&object);
    }
    world.tenant.create_log_storage(&log_storage());
    world.seen()
}

fn no_answer() -> CallError {
    CallError::Unavailable { call: "arm:Any", message: "connection reset".to_owned() }
}

fn denied() -> CallError {
    CallError::AccessDenied { call: "arm:Any", message: "AuthorizationFailed".to_owned() }
}

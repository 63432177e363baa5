//! A tenant of Azure for tests: what it holds and how that can be attacked, the ledger, and the loop over both.
//!
//! The tenant keeps state and obeys Azure's rules: what was deleted can be recovered until it is purged, role assignments and settings
//! are lost with a vault, a storage account takes no key that it could not read.

mod apply;
mod azure;
mod call;
mod events;
mod faulty;
mod ledger;
mod meter;
mod observe;
mod scene;
mod world;

pub use azure::{FakeTenant, FakeVault};
pub use call::TenantCall;
pub use events::{
    OWN_PRINCIPAL, application, certificate_deleted, entra_mallory, key_deleted, key_updated, ourselves, person, role_removed,
    rotation_removed, secret_deleted, storage_written, vault_deleted, vault_written,
};
pub use ledger::FakeTenantLedger;
pub use meter::FakeTenantMeter;
pub use scene::{
    LOG_CONTAINER, OTHER_SUBSCRIPTION, SUBSCRIPTION, companions, id_of, log_identity, log_key, log_storage, log_vault, rotation_policy,
    tenant_desired, vault_of, whole_vault,
};
pub use world::{TenantBuilder, TenantGuardOfTests, TenantWorld, tenant};

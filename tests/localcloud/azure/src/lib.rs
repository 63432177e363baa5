//! The Azure sandbox: a tenant of Azure on one machine, with the state machines that matter to whoever guards keys.
//!
//! It answers on two loopback ports, plain HTTP and TLS, and tells services apart by the `Host` header: ARM
//! (`management.azure.com`), logins (`login.microsoftonline.com`), vaults (`NAME.vault.azure.net`), Managed HSMs
//! (`NAME.managedhsm.azure.net`) and blob storage (`NAME.blob.core.windows.net`). The managed identity endpoint needs no host.
//!
//! Must not know of the product it is used to test, nor listen anywhere but on 127.0.0.1.
//!
//! ```no_run
//! # async fn example() -> Result<(), reprieve_azure_sandbox::SandboxError> {
//! use reprieve_azure_sandbox::{Fault, FaultAnswer, FaultTarget, Options, PrincipalKind, Sandbox};
//!
//! let sandbox = Sandbox::start(Options::default()).await?;
//! let guard = sandbox.principal(PrincipalKind::ManagedIdentity, "guard");
//! let on = FaultTarget::Action("Microsoft.KeyVault/vaults/write".to_owned());
//! sandbox.inject(Fault::times(on, 2, FaultAnswer::Throttle { retry_after_seconds: 1 }));
//! // ... point a client at `sandbox.http_url()` with Azure's own host names, and its identity at `sandbox.identity_endpoint()` ...
//! # drop(guard);
//! sandbox.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! Known to be otherwise than Azure:
//!
//! - Tokens carry no signature, and are believed where the tenant knows their principal. They age by the real clock, not by
//!   [`Sandbox::advance_clock`].
//! - The host of a vault that is deleted has no address in Azure; here its connection is cut, and no exchange is recorded.
//! - The modulus of an RSA key is bytes of its length, no product of primes: what is encrypted with it outside does not come open
//!   here. Wrapping and encrypting use a key of the version's own. Elliptic keys are on P-256, and really sign and verify.
//! - A certificate that is imported is not taken apart, and all certificates sign themselves. There is no backup and restore.
//! - A role that is taken away counts no more at once. Deny assignments and conditions of assignments are not known, nor are
//!   network rules of vaults. There is one tree of management groups: what is assigned at any of them covers all subscriptions.
//! - A Managed HSM is active as soon as it is made. Its local roles name built-in roles alone.
//! - A key rotates when it is told to, never by its policy.

mod activity_log;
mod asked;
mod authorization;
#[cfg(test)]
mod bench;
pub mod contract;
mod crud;
pub mod delivery;
mod event_grid;
mod event_hub;
mod exchange;
mod fault;
mod flexible_server;
pub mod host;
mod identity;
mod insights;
pub mod key_vault;
mod managed_identity;
mod mysql;
mod operations;
mod path;
mod postgresql;
mod principal;
#[cfg(test)]
mod provider_tests;
mod rbac;
mod request;
mod resources;
mod role_definitions;
mod roles;
mod router;
mod sandbox;
mod server;
mod sql;
pub mod storage;
mod tenant;
mod token;

pub use asked::RbacDecision;
pub use exchange::Exchange;
pub use fault::{Fault, FaultAnswer, FaultTarget, Faults};
pub use operations::Operation;
pub use path::ResourcePath;
pub use principal::{PrincipalKind, PrincipalRecord};
pub use request::{Answer, ArmRequest, Caller, OperationTicket};
pub use sandbox::{Principal, Sandbox, SandboxError};
pub use tenant::{ArmWrite, Happening, Options, Resource, Tenant, WriteKind};

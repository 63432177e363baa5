//! Azure behind the engine's ports: Resource Manager, Key Vault's data plane, blobs for audit records and policies, chat notices.
//!
//! [`Connection`] holds the transport, the credential and how long a call may take; every client is made of one:
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use reprieve_azure::{ArmClient, AzureHttp, Connection, VaultClient, VaultHost, managed_identity};
//!
//! let http = Arc::new(AzureHttp::new(None)?);
//! let credential = managed_identity("11111111-2222-3333-4444-555555555555", http.clone())?;
//! let connection = Connection::new(http, credential);
//! let arm = ArmClient::new(&connection);
//! let vault = VaultClient::new(&connection, &VaultHost::parse("https://kv-prod.vault.azure.net/")?)?;
//! # Ok(())
//! # }
//! ```
//!
//! Tests of this crate play a script to any client, without a network: `scripted::ScriptedHttp`.
//!
//! *Architecture invariants:* nothing here decides, and nothing here deletes or purges: no client has such a method, and `fence`
//! refuses such a request whoever makes it, together with every request to another host than the client's own. What cannot be read is
//! an error, never an empty answer. No token is logged. What the libraries of Azure retry, they do not: every call ends within its
//! budget by the rules of `patience`. The environment is read by `azure_identity` alone, which finds its endpoint there.

mod answer;
mod api;
mod apply;
mod arm;
mod audit;
mod blobs;
mod connect;
mod connection;
mod control;
mod credential;
mod discover;
mod error;
mod evidence;
mod fence;
mod ledger;
mod observe;
mod past;
mod patience;
mod policies;
mod tls;
mod transport;
mod vault;
mod webhook;

#[cfg(test)]
mod scripted;

pub use arm::{Action, ArmClient, Condition, Tagged};
pub use audit::BlobAuditSink;
pub use blobs::{Blob, BlobStore, Listed, StorageAccount, StorageAccountError, Stored};
pub use connect::{AUDIT_CONTAINER, Azure, AzureSettings, ConnectError, DEFAULT_LEASE, LEDGER_CONTAINER, connect};
pub use connection::{Connection, DEFAULT_BUDGET};
pub use control::AzureControl;
pub use credential::{CredentialError, managed_identity};
pub use error::{Kind, call_error, kind_of};
pub use evidence::{BlobBaselineStore, BlobEvidenceStore, KeyVaultSealSigner, signing_key_der};
pub use ledger::BlobLedger;
pub use policies::BlobPolicySource;
pub use tls::TlsError;
pub use transport::{AzureHttp, Redirect, RedirectError};
pub use vault::{ObjectKind, VaultClient, VaultHost, VaultHostError};
pub use webhook::WebhookNoticeSink;

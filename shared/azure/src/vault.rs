//! The data plane of one key vault or managed HSM: its keys, secrets and certificates, looked at and recovered.
//!
//! Answers are JSON as the service sends it, so that what is written back loses nothing.
//!
//! *Architecture invariants:* it has no method that deletes, purges, disables, backs up, restores or uses anything, and none that reads
//! a secret's value. Keys go through Microsoft's client, with its check of the challenge left on: a vault that asks for a token of
//! somebody else's gets none. Secrets and certificates take three calls, which go through the same pipeline without another crate.

mod keys;
mod objects;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use azure_core::http::Pipeline;
use azure_security_keyvault_keys::{KeyClient, KeyClientOptions};
use reprieve_engine::CallError;
use serde_json::Value;
use tokio::time::Instant;

pub use self::objects::ObjectKind;
use crate::connection::Connection;
use crate::error;

/// The version of Key Vault's data plane.
const API_VERSION: &str = "7.5";

/// How many pages a list may have; a page holds 25.
const PAGES_LIMIT: usize = 400;

/// Says why a text names no vault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no vault: one is `https://NAME.vault.azure.net`, a managed HSM `https://NAME.managedhsm.azure.net`")]
pub struct VaultHostError(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    Vault,
    ManagedHsm,
}

impl Service {
    const ALL: [Self; 2] = [Self::Vault, Self::ManagedHsm];

    const fn suffix(self) -> &'static str {
        match self {
            Self::Vault => ".vault.azure.net",
            Self::ManagedHsm => ".managedhsm.azure.net",
        }
    }

    const fn scope(self) -> &'static str {
        match self {
            Self::Vault => "https://vault.azure.net/.default",
            Self::ManagedHsm => "https://managedhsm.azure.net/.default",
        }
    }
}

/// The host of a key vault or managed HSM, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VaultHost(String);

impl VaultHost {
    /// Reads a host such as `kv-prod.vault.azure.net`, or a URL of it, with or without a port and a slash at its end.
    ///
    /// # Errors
    /// When it is no host of the public cloud's Key Vault: our token goes nowhere else.
    pub fn parse(text: &str) -> Result<Self, VaultHostError> {
        let host = text.trim().to_ascii_lowercase();
        let host = host.strip_prefix("https://").unwrap_or(&host);
        let host = host.strip_suffix('/').unwrap_or(host);
        let host = host.strip_suffix(":443").unwrap_or(host);
        let name = Service::ALL.iter().find_map(|service| host.strip_suffix(service.suffix()));
        let is_name = |name: &str| (1..=63).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if name.is_some_and(is_name) { Ok(Self(host.to_owned())) } else { Err(VaultHostError(text.to_owned())) }
    }

    /// Returns the host.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Says whether it is a managed HSM, which holds keys alone.
    #[must_use]
    pub fn is_managed_hsm(&self) -> bool {
        self.service() == Service::ManagedHsm
    }

    fn service(&self) -> Service {
        if self.0.ends_with(Service::ManagedHsm.suffix()) { Service::ManagedHsm } else { Service::Vault }
    }
}

impl fmt::Display for VaultHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Looks at what one vault holds, and recovers it. Clones share connections and tokens.
#[derive(Clone)]
pub struct VaultClient {
    host: VaultHost,
    keys: Arc<KeyClient>,
    /// To secrets and certificates.
    objects: Pipeline,
    budget: Duration,
}

impl fmt::Debug for VaultClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultClient").field("host", &self.host).field("budget", &self.budget).finish_non_exhaustive()
    }
}

impl VaultClient {
    /// Makes the client of one vault.
    ///
    /// # Errors
    /// When Microsoft's client refuses the host, which it does not do to a [`VaultHost`].
    pub fn new(connection: &Connection, host: &VaultHost) -> Result<Self, CallError> {
        let client_options = connection.client_options(host.as_str());
        let options = KeyClientOptions { api_version: API_VERSION.to_owned(), client_options, ..KeyClientOptions::default() };
        let keys = KeyClient::new(&format!("https://{host}"), connection.credential(), Some(options));
        let keys = keys.map_err(|error| error::call_error("keyvault:Connect", &format!("`{host}`"), &error))?;
        let objects = connection.pipeline(host.as_str(), host.service().scope());
        Ok(Self { host: host.clone(), keys: Arc::new(keys), objects, budget: connection.budget() })
    }

    /// Returns the vault's host.
    #[must_use]
    pub const fn host(&self) -> &VaultHost {
        &self.host
    }

    fn end(&self) -> Instant {
        Instant::now() + self.budget
    }

    /// Names what a call is about.
    fn about(&self, collection: &str, name: &str) -> String {
        format!("`{}/{collection}/{name}`", self.host)
    }
}

/// Checks a name or version, which becomes a part of a path.
fn checked<'a>(call: &'static str, name: &'a str) -> Result<&'a str, CallError> {
    let is_name = (1..=127).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let refused =
        || CallError::Rejected { call, message: format!("`{name}` is no name in a key vault: one is letters, digits and dashes") };
    if is_name { Ok(name) } else { Err(refused()) }
}

/// Reads an answer.
fn value_of(call: &'static str, about: &str, body: &[u8]) -> Result<Value, CallError> {
    let unreadable = |error| CallError::Rejected { call, message: format!("the answer is no JSON: {error} ({about})") };
    serde_json::from_slice(body).map_err(unreadable)
}

/// Takes a page apart: what it lists, and where the next one is.
fn page_of(call: &'static str, about: &str, body: &[u8]) -> Result<(Vec<Value>, Option<String>), CallError> {
    let mut page = value_of(call, about, body)?;
    let link = page.get("nextLink").and_then(Value::as_str).filter(|link| !link.is_empty()).map(str::to_owned);
    match page.get_mut("value").map(Value::take) {
        Some(Value::Array(values)) => Ok((values, link)),
        // The last page of an empty list has none.
        None | Some(Value::Null) if link.is_none() && page.is_object() => Ok((Vec::new(), None)),
        _ => Err(CallError::Rejected { call, message: format!("the answer has no list in `value` ({about})") }),
    }
}

fn too_long(call: &'static str, about: &str) -> CallError {
    CallError::Rejected { call, message: format!("the list has more than {PAGES_LIMIT} pages ({about})") }
}

/// Takes "not found" for an answer.
fn found(outcome: Result<Value, CallError>) -> Result<Option<Value>, CallError> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(CallError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[path = "vault_tests.rs"]
mod tests;

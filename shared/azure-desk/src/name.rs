//! Resources and sealing keys as people name them: by id, or what a vault holds by its URL.

use std::fmt;
use std::str::FromStr;

use reprieve_azure::VaultHost;
use reprieve_core::azure::{KeyReference, ResourceId};
use reprieve_engine::CallError;

use crate::desk::{ARM_SCOPE, Desk};
use crate::error::DeskError;
use crate::resource::text;

/// What a vault holds, as URLs and ids name it.
const COLLECTIONS: [&str; 3] = ["keys", "secrets", "certificates"];

const SUBSCRIPTIONS_VERSION: &str = "2022-12-01";
const RESOURCES_VERSION: &str = "2021-04-01";

/// A resource: by its id, or a key, secret or certificate by its URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResourceName {
    /// By its id.
    Id(ResourceId),
    /// By its URL; in which subscription its vault is, Azure is asked.
    Url {
        /// The vault or Managed HSM.
        host: VaultHost,
        /// `keys`, `secrets` or `certificates`.
        collection: &'static str,
        /// Its name.
        name: String,
    },
}

impl ResourceName {
    /// Says whether a text can only mean a resource in Azure.
    #[must_use]
    pub fn is_azure(text: &str) -> bool {
        let text = text.trim().to_ascii_lowercase();
        text.starts_with("/subscriptions/") || text.starts_with("https://")
    }

    /// Reads the name. Whether there is such a resource is not known yet. A version in a URL is left out: tags and deletions are of all.
    ///
    /// # Errors
    /// When it is of neither form.
    pub fn parse(text: &str) -> Result<Self, DeskError> {
        let wrong = || DeskError::ResourceName(text.to_owned());
        let text = text.trim();
        if let Ok(id) = ResourceId::parse(text) {
            return Ok(Self::Id(id));
        }
        let rest = text.strip_prefix("https://").ok_or_else(wrong)?;
        let parts: Vec<&str> = rest.trim_end_matches('/').split('/').collect();
        let ([host, kind, name] | [host, kind, name, _]) = parts.as_slice() else { return Err(wrong()) };
        let host = VaultHost::parse(host).map_err(|_| wrong())?;
        let collection = COLLECTIONS.into_iter().find(|collection| collection.eq_ignore_ascii_case(kind)).ok_or_else(wrong)?;
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if is_name { Ok(Self::Url { host, collection, name: (*name).to_owned() }) } else { Err(wrong()) }
    }
}

impl FromStr for ResourceName {
    type Err = DeskError;

    fn from_str(text: &str) -> Result<Self, DeskError> {
        Self::parse(text)
    }
}

impl fmt::Display for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Url { host, collection, name } => write!(f, "https://{host}/{collection}/{name}"),
        }
    }
}

/// A key that seals, by its URL; with a version, that one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealingName {
    pub(crate) host: VaultHost,
    pub(crate) key: KeyReference,
}

impl SealingName {
    /// Reads the URL. Whether there is such a key is not known yet.
    ///
    /// # Errors
    /// When it names no key in the public cloud's Key Vault.
    pub fn parse(text: &str) -> Result<Self, DeskError> {
        let wrong = || DeskError::KeyName(text.to_owned());
        let key = KeyReference::parse(text.trim()).map_err(|_| wrong())?;
        let host = VaultHost::parse(&key.vault_uri).map_err(|_| wrong())?;
        Ok(Self { host, key })
    }
}

impl fmt::Display for SealingName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.fmt(f)
    }
}

impl Desk {
    /// Returns the id of a resource. For a URL, the vault is looked for in every subscription that the caller can see, among the resources
    /// that the caller may read.
    ///
    /// # Errors
    /// When no vault of that name is found, or subscriptions cannot be listed.
    pub async fn locate(&self, name: &ResourceName) -> Result<ResourceId, DeskError> {
        let (host, collection, name) = match name {
            ResourceName::Id(id) => return Ok(id.clone()),
            ResourceName::Url { host, collection, name } => (host, collection, name),
        };
        self.token(ARM_SCOPE).await?;
        let vault_name = host.as_str().split('.').next().unwrap_or_default();
        let kind = if host.is_managed_hsm() { "managedHSMs" } else { "vaults" };
        let filter = format!("resourceType eq 'Microsoft.KeyVault/{kind}'");
        let mut denied = None;
        for subscription in self.arm.list("/subscriptions", SUBSCRIPTIONS_VERSION).await? {
            let Some(id) = text(&subscription, "/subscriptionId") else { continue };
            let path = format!("/subscriptions/{id}/resources");
            let vaults = match self.arm.list_where(&path, RESOURCES_VERSION, &[("$filter", &filter)]).await {
                // The vault may be in another one.
                Err(error @ CallError::AccessDenied { .. }) => {
                    denied = denied.or(Some(error));
                    continue;
                }
                vaults => vaults?,
            };
            let mut ids = vaults.iter().filter_map(|vault| ResourceId::parse(text(vault, "/id")?).ok());
            if let Some(vault) = ids.find(|vault| vault.name().eq_ignore_ascii_case(vault_name)) {
                return Ok(vault.child(collection, name));
            }
        }
        Err(denied.map_or_else(|| DeskError::NoSuchVault(vault_name.to_owned()), DeskError::Call))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VAULT: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv-prod";

    #[test]
    fn resources_are_named_by_id_and_by_url() {
        for (given, shown) in [
            (VAULT, VAULT),
            (" /subscriptions/00000000-0000-0000-0000-000000000000/ ", "/subscriptions/00000000-0000-0000-0000-000000000000"),
            ("https://KV-Prod.vault.azure.net/keys/Invoices", "https://kv-prod.vault.azure.net/keys/Invoices"),
            ("https://kv-prod.vault.azure.net/Secrets/db/0123/", "https://kv-prod.vault.azure.net/secrets/db"),
            ("https://hsm.managedhsm.azure.net/keys/root", "https://hsm.managedhsm.azure.net/keys/root"),
        ] {
            assert!(ResourceName::is_azure(given), "{given}");
            assert_eq!(ResourceName::parse(given).map(|name| name.to_string()).unwrap(), shown);
        }
    }

    #[test]
    fn what_names_no_resource_is_refused() {
        for given in [
            "",
            "kv-prod",
            "/subscriptions/",
            "http://kv-prod.vault.azure.net/keys/a",
            "https://kv-prod.vault.azure.net/",
            "https://kv-prod.vault.azure.net/storage/a",
            "https://evil.example/keys/a",
            "https://kv-prod.vault.azure.net/keys/a b",
        ] {
            let error = ResourceName::parse(given).unwrap_err();
            assert!(error.is_refusal() && error.to_string().contains("is no resource: give its id"), "{error}");
        }
    }

    #[test]
    fn sealing_keys_are_named_by_url_alone() {
        let name = SealingName::parse("https://kv-seal.vault.azure.net/keys/approvers").unwrap();
        assert_eq!(name.to_string(), "https://kv-seal.vault.azure.net/keys/approvers");
        for given in [VAULT, "alias/risk", "https://kv-seal.vault.azure.net/secrets/a", "https://evil.example/keys/a"] {
            assert!(SealingName::parse(given).unwrap_err().is_refusal(), "{given}");
        }
    }
}

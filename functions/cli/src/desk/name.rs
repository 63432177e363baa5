//! Which cloud a name means. What begins like an id of Azure or a URL is Azure's; anything else is a KMS key.

use std::fmt;

use reprieve_aws_desk::KeyName;
use reprieve_azure_desk as azure;

/// What is approved, as people name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ResourceName {
    /// A key of KMS.
    Key(KeyName),
    /// A resource in Azure.
    Azure(azure::ResourceName),
}

impl ResourceName {
    /// Reads the name.
    ///
    /// # Errors
    /// When it is none, in the words of the cloud that it seems to mean.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if azure::ResourceName::is_azure(text) {
            return azure::ResourceName::parse(text).map(Self::Azure).map_err(|error| error.to_string());
        }
        KeyName::parse(text).map(Self::Key).map_err(|error| error.to_string())
    }
}

impl fmt::Display for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(name) => name.fmt(f),
            Self::Azure(name) => name.fmt(f),
        }
    }
}

/// A key that seals, as people name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SealingName {
    /// In KMS.
    Kms(KeyName),
    /// In Key Vault.
    KeyVault(azure::SealingName),
}

impl SealingName {
    /// Reads the name.
    ///
    /// # Errors
    /// When it is none.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if azure::ResourceName::is_azure(text) {
            return azure::SealingName::parse(text).map(Self::KeyVault).map_err(|error| error.to_string());
        }
        KeyName::parse(text).map(Self::Kms).map_err(|error| error.to_string())
    }

    /// Returns the key in KMS.
    ///
    /// # Errors
    /// When it is in Key Vault.
    pub(crate) fn of_kms(&self) -> anyhow::Result<&KeyName> {
        match self {
            Self::Kms(name) => Ok(name),
            Self::KeyVault(name) => {
                anyhow::bail!("`{name}` is in Key Vault, and a KMS key is approved under a key in KMS: give --approval-key alias/NAME")
            }
        }
    }

    /// Returns the key in Key Vault.
    ///
    /// # Errors
    /// When it is in KMS.
    pub(crate) fn of_key_vault(&self) -> anyhow::Result<&azure::SealingName> {
        match self {
            Self::KeyVault(name) => Ok(name),
            Self::Kms(name) => anyhow::bail!(
                "`{name}` is in KMS, and a resource in Azure is approved under a key in Key Vault: give --approval-key https://NAME.vault.azure.net/keys/KEY"
            ),
        }
    }
}

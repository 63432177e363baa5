//! What can go wrong at the desk, in words for the person who sits there; and whether it lies with what was given, or with the cloud.

use reprieve_azure::{CredentialError, RedirectError, StorageAccountError, TlsError};
use reprieve_core::approval::SealError;
use reprieve_core::azure::ResourceId;
use reprieve_core::azure::subject::kind;
use reprieve_engine::CallError;

/// The form of names of resources, said where a text has none.
const FORMS: &str = "give its id (`/subscriptions/ID/resourceGroups/NAME/providers/Microsoft.KeyVault/vaults/NAME`), or of a key, secret \
                     or certificate its URL (`https://NAME.vault.azure.net/keys/KEY`)";

/// Says why the desk could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The local endpoint cannot be used.
    #[error(transparent)]
    Redirect(#[from] RedirectError),
    /// The managed identity cannot be used.
    #[error(transparent)]
    Identity(#[from] CredentialError),
    /// Tokens were given for Azure itself.
    #[error("tokens are taken from REPRIEVE_AZURE_ACCESS_TOKENS only together with REPRIEVE_AZURE_ENDPOINT_URL, for a local sandbox")]
    TokensWithoutSandbox,
    /// There are no credentials, or they cannot be used.
    #[error("no Azure credentials can be used (sign in with `az login`, or name a managed identity with --client-id): {0}")]
    Credentials(String),
    /// A token does not say who it is of.
    #[error("the access token does not say who you are: {0}. Give --approver")]
    NoCaller(&'static str),
    /// The text names no resource.
    #[error("`{0}` is no resource: {FORMS}")]
    ResourceName(String),
    /// The text names no key in Key Vault.
    #[error("`{0}` is no key in Key Vault: give its URL (`https://NAME.vault.azure.net/keys/KEY`, with or without a version)")]
    KeyName(String),
    /// No vault of this name can be seen.
    #[error("no vault `{0}` is in any subscription that you can see: name the resource by its id, or ask for the Reader role")]
    NoSuchVault(String),
    /// The resource does not exist, and is not among what was deleted.
    #[error("there is no {} `{id}`, nor one that was deleted and can be recovered", kind(id))]
    NoSuchResource {
        /// What was given.
        id: ResourceId,
    },
    /// The sealing key does not exist.
    #[error("there is no key `{0}`: give its URL (`https://NAME.vault.azure.net/keys/KEY`)")]
    NoSuchKey(String),
    /// The resource cannot be tagged while it is deleted.
    #[error("the tags of `{id}` cannot be changed: it is deleted. Approve in the ledger instead, with --late")]
    Deleted {
        /// The resource.
        id: ResourceId,
    },
    /// The resource has no room for the tags.
    #[error("`{id}` would have {count} tags, and a {} has at most {limit}: remove some, or approve in the ledger with --late", kind(id))]
    TooManyTags {
        /// The resource.
        id: ResourceId,
        /// How many it would have.
        count: usize,
        /// How many it may have.
        limit: usize,
    },
    /// The action is none that is approved of such a resource.
    #[error("`{action}` is nothing that is approved of a {} (`{id}`): {}", kind(id), actions(actions_of))]
    Action {
        /// What was given.
        action: String,
        /// The resource.
        id: ResourceId,
        /// What is approved of it.
        actions_of: Vec<&'static str>,
    },
    /// The approval key is of the wrong kind, or not usable.
    #[error("`{name}` cannot seal: {why}; approvals are sealed with an enabled EC key on P-256 that may sign")]
    WrongKind {
        /// What was given.
        name: String,
        /// What it is.
        why: String,
    },
    /// Key Vault answered with something that is no signature.
    #[error("Key Vault answered with something that is no ES256 signature")]
    NoSignature,
    /// A value cannot be sealed, or a seal does not hold.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The seal that was just made does not verify; nothing was written.
    #[error("the seal that Key Vault made does not verify with the key's own public key, so nothing was written: {0}")]
    SealDoesNotVerify(SealError),
    /// The storage account has no such name.
    #[error(transparent)]
    StorageAccount(#[from] StorageAccountError),
    /// Azure answered otherwise than hoped, or not at all.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The ledger answered otherwise than hoped, or not at all.
    #[error("the ledger in storage account `{account}`: {source}")]
    Ledger {
        /// The storage account.
        account: String,
        /// What it answered.
        source: CallError,
    },
    /// What the ledger holds about approvals cannot be read.
    #[error("the ledger in storage account `{account}` cannot be read: {why}")]
    LedgerUnreadable {
        /// The storage account.
        account: String,
        /// Why.
        why: String,
    },
}

fn actions(known: &[&str]) -> String {
    if known.is_empty() { "Reprieve guards nothing of it".to_owned() } else { format!("of it, {} is", known.join(" or ")) }
}

impl DeskError {
    /// Says whether what was given is at fault, rather than the cloud.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        match self {
            Self::Redirect(_)
            | Self::TokensWithoutSandbox
            | Self::NoCaller(_)
            | Self::ResourceName(_)
            | Self::KeyName(_)
            | Self::NoSuchVault(_)
            | Self::NoSuchResource { .. }
            | Self::NoSuchKey(_)
            | Self::Deleted { .. }
            | Self::TooManyTags { .. }
            | Self::Action { .. }
            | Self::WrongKind { .. }
            | Self::Seal(_)
            | Self::StorageAccount(_) => true,
            Self::Identity(error) => match error {
                CredentialError::ClientId(_) => true,
                CredentialError::Source(_) => false,
            },
            Self::Tls(_)
            | Self::Credentials(_)
            | Self::NoSignature
            | Self::SealDoesNotVerify(_)
            | Self::Call(_)
            | Self::Ledger { .. }
            | Self::LedgerUnreadable { .. } => false,
        }
    }
}

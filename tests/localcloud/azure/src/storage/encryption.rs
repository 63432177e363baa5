//! Which key encrypts a storage account: Microsoft's, or one of a vault that an identity of the account can use, now and later.
//!
//! A key is taken only if the identity can use it at that moment; data is answered only while it still can.
//! Must not use the key for anything but asking whether it could be used.
//! Source: <https://learn.microsoft.com/azure/storage/common/customer-managed-keys-overview>.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::crud::{bad_request, set, text};
use crate::key_vault::store;
use crate::managed_identity::user_assigned_principal;
use crate::request::Answer;
use crate::tenant::{Resource, Tenant};

/// Why an account cannot use its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyProblem {
    /// The account has no identity for the vault, or it is gone.
    #[error("An access token for the key vault cannot be acquired with the identity of this resource.")]
    NoIdentity,
    /// The vault is not there: deleted, or never made.
    #[error("The key vault vault is not found.")]
    VaultNotFound,
    /// The identity may not use the key.
    #[error(
        "The operation failed because of authentication issue on the keyvault. For more information, see - https://aka.ms/storagekeyvaultaccesspolicy"
    )]
    NotPermitted,
    /// The key is deleted, disabled, expired, or was never made.
    #[error("The key vault key is not found to unwrap the encryption key.")]
    KeyNotFound,
    /// The vault lacks soft delete or purge protection.
    #[error("Keyvault policy recoverable is not set")]
    NotRecoverable,
}

impl KeyProblem {
    /// The code by which ARM refuses a key.
    fn arm_code(self) -> &'static str {
        match self {
            Self::NoIdentity => "KeyVaultAccessTokenCannotBeAcquired",
            Self::VaultNotFound => "KeyVaultVaultNotFound",
            Self::NotPermitted => "KeyVaultAuthenticationFailure",
            Self::KeyNotFound => "KeyVaultKeyNotFound",
            Self::NotRecoverable => "KeyVaultPolicyError",
        }
    }

    /// The code by which the blob service refuses data. `None`: data is still answered.
    #[must_use]
    pub fn blob_code(self) -> Option<&'static str> {
        match self {
            Self::NoIdentity => Some("KeyVaultAccessTokenCannotBeAcquired"),
            Self::VaultNotFound => Some("KeyVaultVaultNotFound"),
            // A role that is gone looks to the data path like a key that is gone.
            Self::NotPermitted | Self::KeyNotFound => Some("KeyVaultEncryptionKeyNotFound"),
            Self::NotRecoverable => None,
        }
    }
}

/// The encryption block of an account under Microsoft's keys.
pub(crate) fn microsoft_managed(now: Timestamp) -> Value {
    let service = json!({ "keyType": "Account", "enabled": true, "lastEnabledTime": now.to_string() });
    json!({ "services": { "blob": service, "file": service }, "keySource": "Microsoft.Storage" })
}

/// Merges a wanted encryption block into an account, or refuses it: a key that cannot be used now is not taken.
///
/// # Errors
/// The answer by which ARM refuses.
pub(crate) fn change(tenant: &Tenant, account: &mut Value, wanted: Option<&Value>, now: Timestamp) -> Result<(), Answer> {
    let Some(wanted) = wanted.filter(|wanted| wanted.is_object()) else { return Ok(()) };
    let current = account.pointer("/properties/encryption").cloned().unwrap_or_else(|| microsoft_managed(now));
    let mut encryption = merged(&current, wanted, now);
    match text(&encryption, "/keySource") {
        source if source.eq_ignore_ascii_case("Microsoft.Storage") => {
            if let Some(fields) = encryption.as_object_mut() {
                fields.remove("keyvaultproperties");
                fields.remove("identity");
            }
        }
        source if source.eq_ignore_ascii_case("Microsoft.Keyvault") => take_key(tenant, account, &current, &mut encryption, now)?,
        other => {
            let message = format!("The key source `{other}` is invalid: it is Microsoft.Storage or Microsoft.Keyvault.");
            return Err(bad_request("InvalidRequestPropertyValue", &message));
        }
    }
    if let Some(properties) = account.get_mut("properties") {
        set(properties, "encryption", encryption);
    }
    Ok(())
}

/// The services stay as they are where they are not named; the key and the identity are replaced as a whole.
fn merged(current: &Value, wanted: &Value, now: Timestamp) -> Value {
    let mut encryption = current.clone();
    for field in ["keySource", "keyvaultproperties", "identity", "requireInfrastructureEncryption"] {
        if let Some(value) = wanted.get(field).filter(|value| !value.is_null()) {
            set(&mut encryption, field, value.clone());
        }
    }
    for (name, service) in wanted.get("services").and_then(Value::as_object).into_iter().flatten() {
        let mut service = service.clone();
        set(&mut service, "lastEnabledTime", json!(now.to_string()));
        if let Some(services) = encryption.get_mut("services") {
            set(services, name, service);
        }
    }
    encryption
}

fn take_key(tenant: &Tenant, account: &Value, current: &Value, encryption: &mut Value, now: Timestamp) -> Result<(), Answer> {
    let key = encryption.get("keyvaultproperties").cloned().unwrap_or(Value::Null);
    if text(&key, "/keyname").is_empty() || text(&key, "/keyvaulturi").is_empty() {
        return Err(bad_request("MissingKeyvaultProperties", "The encryption keyvault properties are missing from the request."));
    }
    check_named_identity(account, encryption)?;
    let used = usable_key(tenant, account, encryption, now)
        .and_then(|used| if used.is_recoverable { Ok(used) } else { Err(KeyProblem::NotRecoverable) })
        .map_err(|problem| bad_request(problem.arm_code(), &problem.to_string()))?;
    let is_same = text(current, "/keyvaultproperties/currentVersionedKeyIdentifier") == used.versioned_id;
    let rotated_at = text(current, "/keyvaultproperties/lastKeyRotationTimestamp");
    let rotated_at = if is_same && !rotated_at.is_empty() { rotated_at.to_owned() } else { now.to_string() };
    let mut key = key;
    set(&mut key, "currentVersionedKeyIdentifier", json!(used.versioned_id));
    set(&mut key, "lastKeyRotationTimestamp", json!(rotated_at));
    set(encryption, "keyvaultproperties", key);
    Ok(())
}

/// A user-assigned identity can be used only if the account has it.
fn check_named_identity(account: &Value, encryption: &Value) -> Result<(), Answer> {
    let named = text(encryption, "/identity/userAssignedIdentity");
    let identity = account.get("identity").cloned().unwrap_or(Value::Null);
    if !named.is_empty() && user_assigned_principal(&identity, named).is_none() {
        return Err(bad_request(
            "InvalidValuesForRequestParameters",
            "Values for request parameters are invalid: properties.encryption.identity.",
        ));
    }
    if named.is_empty() && text(&identity, "/principalId").is_empty() {
        let message = "Missing pre-requisites to enable EncryptionAtRest/Customer Managed Key for this storage account. For more information, see - https://aka.ms/storagecmkconfiguration";
        return Err(bad_request("InvalidRequestPropertyValue", message));
    }
    Ok(())
}

/// A key that an account can use.
struct UsableKey {
    versioned_id: String,
    is_recoverable: bool,
}

/// Says whether an account can read and write its data now: always under Microsoft's keys, else while its identity can use its key.
///
/// # Errors
/// Why it cannot.
pub fn check(tenant: &Tenant, account: &Resource, now: Timestamp) -> Result<(), KeyProblem> {
    let encryption = account.body.pointer("/properties/encryption").cloned().unwrap_or(Value::Null);
    if !text(&encryption, "/keySource").eq_ignore_ascii_case("Microsoft.Keyvault") {
        return Ok(());
    }
    usable_key(tenant, &account.body, &encryption, now).map(|_| ())
}

fn usable_key(tenant: &Tenant, account: &Value, encryption: &Value, now: Timestamp) -> Result<UsableKey, KeyProblem> {
    let principal = key_principal(tenant, account, encryption).ok_or(KeyProblem::NoIdentity)?;
    let uri = text(encryption, "/keyvaultproperties/keyvaulturi");
    let host = host_of(uri);
    let vault = vault_by_host(tenant, &host).ok_or(KeyProblem::VaultNotFound)?;
    let name = text(encryption, "/keyvaultproperties/keyname");
    if !may_use(tenant, vault, &principal, name, now) {
        return Err(KeyProblem::NotPermitted);
    }
    let version = Some(text(encryption, "/keyvaultproperties/keyversion")).filter(|version| !version.is_empty());
    let versioned_id = store::usable_key_version(tenant, &host, name, version, now).ok_or(KeyProblem::KeyNotFound)?;
    Ok(UsableKey { versioned_id, is_recoverable: is_recoverable(vault) })
}

/// The principal that fetches the key: the identity that the encryption names, else the account's own.
fn key_principal(tenant: &Tenant, account: &Value, encryption: &Value) -> Option<String> {
    let named = text(encryption, "/identity/userAssignedIdentity");
    let identity = account.get("identity")?;
    if named.is_empty() {
        return Some(text(identity, "/principalId").to_owned()).filter(|id| !id.is_empty());
    }
    tenant.resource(named)?;
    user_assigned_principal(identity, named)
}

/// The host of `https://kv-prod.vault.azure.net/`, in lower case.
fn host_of(uri: &str) -> String {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    rest.split(['/', ':']).next().unwrap_or_default().to_ascii_lowercase()
}

/// Finds a vault or Managed HSM that is not deleted by its host.
fn vault_by_host<'a>(tenant: &'a Tenant, host: &str) -> Option<&'a Resource> {
    let (name, suffix) = host.split_once('.')?;
    let kind = if suffix.starts_with("managedhsm") { "managedhsms" } else { "vaults" };
    let ending = format!("/providers/microsoft.keyvault/{kind}/{name}");
    tenant.resources.iter().find(|(id, _)| id.ends_with(&ending)).map(|(_, resource)| resource)
}

fn is_recoverable(vault: &Resource) -> bool {
    let is_on = |field: &str| vault.body.pointer(field).and_then(Value::as_bool);
    is_on("/properties/enablePurgeProtection") == Some(true) && is_on("/properties/enableSoftDelete") != Some(false)
}

/// Says whether a principal may read, wrap and unwrap with a key: by role, or by the vault's access policies.
fn may_use(tenant: &Tenant, vault: &Resource, principal: &str, key: &str, now: Timestamp) -> bool {
    let is_hsm = vault.id.to_ascii_lowercase().contains("/managedhsms/");
    let uses_rbac = is_hsm || vault.body.pointer("/properties/enableRbacAuthorization").and_then(Value::as_bool) == Some(true);
    if !uses_rbac {
        return ["get", "wrapKey", "unwrapKey"].iter().all(|permission| has_policy(vault, principal, permission));
    }
    let scope = format!("{}/keys/{key}", vault.id);
    let family = if is_hsm { "managedHSMs" } else { "vaults" };
    ["read", "wrap/action", "unwrap/action"]
        .iter()
        .all(|act| tenant.is_data_allowed(principal, &format!("Microsoft.KeyVault/{family}/keys/{act}"), &scope, now))
}

fn has_policy(vault: &Resource, principal: &str, permission: &str) -> bool {
    let policies = vault.body.pointer("/properties/accessPolicies").and_then(Value::as_array);
    policies.into_iter().flatten().filter(|policy| text(policy, "/objectId").eq_ignore_ascii_case(principal)).any(|policy| {
        let keys = policy.pointer("/permissions/keys").and_then(Value::as_array);
        let granted =
            |word: &Value| word.as_str().is_some_and(|word| word.eq_ignore_ascii_case(permission) || word.eq_ignore_ascii_case("all"));
        keys.into_iter().flatten().any(granted)
    })
}

#[cfg(test)]
#[path = "encryption_tests.rs"]
mod tests;

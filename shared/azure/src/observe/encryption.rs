//! The key of storage that keeps the Activity Log: the present one, the approved one, and who may use them.

use futures_util::join;
use reprieve_core::azure::change::CRYPTO_SERVICE_ENCRYPTION_USER;
use reprieve_core::azure::world::ApprovedKey;
use reprieve_core::azure::{Discovery, KeyReference, ResourceId, World};
use reprieve_core::facts::Known;
use reprieve_engine::CallError;
use serde_json::Value;

use super::GET;
use super::object::{Held, present};
use super::storage::account_of;
use super::vault::{gives, reaches, vault_of};
use crate::answer::{is_same, items, other, own, text};
use crate::api;
use crate::control::{AzureControl, is_managed_hsm};

/// What an identity must be allowed to do with a key, where access is by policies.
const PERMISSIONS: [&str; 3] = ["get", "wrapKey", "unwrapKey"];

impl AzureControl {
    pub(super) async fn log_encryption(&self, id: &ResourceId, known: &Discovery) -> Result<World, CallError> {
        let (answer, uses, approved) = join!(self.arm.get(id.as_str(), api::STORAGE), self.uses(id, known), self.approved_key());
        let present_identity_may_use_key = match &answer {
            Ok(Some(answer)) => other(self.present_use(id, answer).await),
            Ok(None) | Err(_) => Known::Absent,
        };
        let account = own(answer.and_then(|answer| answer.map(|answer| account_of(id, &answer)).transpose()))?;
        Ok(World::LogEncryption { account, uses, approved, present_identity_may_use_key })
    }

    async fn approved_key(&self) -> Known<ApprovedKey> {
        let Some(key) = &self.desired.log_key else { return Known::Absent };
        let Some(vault) = self.desired.log_vault() else {
            return Known::Unreadable(format!("the vault of the log key `{key}` is none of the allowed vaults"));
        };
        let (answer, object, principal) =
            join!(self.arm.get(vault.as_str(), api::KEY_VAULT), self.key(vault, &key.name), self.log_principal());
        let identity_principal = other(principal);
        let identity_may_use_key = match (&answer, &identity_principal) {
            (Ok(Some(answer)), Known::Is(principal)) => other(self.may_use_key((vault, answer), &key.name, principal).await.map(Some)),
            (Err(error), _) => Known::Unreadable(error.to_string()),
            (Ok(_), Known::Unreadable(reason)) => Known::Unreadable(reason.clone()),
            (Ok(None), Known::Is(_)) | (Ok(_), Known::Absent) => Known::Absent,
        };
        Known::Is(ApprovedKey {
            key: key.clone(),
            vault: other(answer.and_then(|answer| answer.map(|answer| vault_of(vault, &answer)).transpose())),
            object: other(object),
            identity_principal,
            identity_may_use_key,
        })
    }

    async fn key(&self, vault: &ResourceId, name: &str) -> Result<Option<reprieve_core::azure::world::VaultObject>, CallError> {
        present(&self.data_of(vault)?, Held::Key, name).await
    }

    async fn log_principal(&self) -> Result<Option<String>, CallError> {
        match &self.desired.log_identity {
            Some(identity) => self.principal(identity).await,
            None => Ok(None),
        }
    }

    /// Reads the principal of a user-assigned identity.
    async fn principal(&self, identity: &ResourceId) -> Result<Option<String>, CallError> {
        let answer = self.arm.get(identity.as_str(), api::MANAGED_IDENTITY).await?;
        Ok(answer.and_then(|answer| text(&answer, "/properties/principalId").map(str::to_owned)))
    }

    /// Says whether an account's identity may use the account's key; nothing where its key is Microsoft's.
    async fn present_use(&self, id: &ResourceId, answer: &Value) -> Result<Option<bool>, CallError> {
        let account = account_of(id, answer)?;
        let Some(key) = account.key else { return Ok(None) };
        let vault = self.vault_of_key(&key)?;
        let principal = match &account.key_identity {
            Some(identity) => self.principal(identity).await?,
            None => text(answer, "/identity/principalId").map(str::to_owned),
        };
        // An identity that is gone reads nothing.
        let Some(principal) = principal else { return Ok(Some(false)) };
        let Some(read) = self.arm.get(vault.as_str(), api::KEY_VAULT).await? else { return Ok(Some(false)) };
        self.may_use_key((vault, &read), &key.name, &principal).await.map(Some)
    }

    /// Returns the vault of a key, out of the allow-list: other vaults are not looked into.
    fn vault_of_key(&self, key: &KeyReference) -> Result<&ResourceId, CallError> {
        let found = self.desired.allowed_vaults.iter().find(|vault| is_same(vault.name(), key.vault_name()));
        let message = || format!("the vault of `{key}` is none of the allowed vaults, and is not looked into");
        found.ok_or_else(|| CallError::Rejected { call: GET, message: message() })
    }

    /// Says whether a principal may use a key of a vault to encrypt: by a role on the key, the vault or above, or by an access policy.
    async fn may_use_key(&self, (vault, answer): (&ResourceId, &Value), key: &str, principal: &str) -> Result<bool, CallError> {
        if is_managed_hsm(vault) {
            let message =
                format!("the roles inside of Managed HSM `{}` are not read: see to it that the log identity holds one", vault.name());
            return Err(CallError::Unsupported { call: GET, message });
        }
        if !vault_of(vault, answer)?.access_by_roles {
            return Ok(is_in_policies(answer, principal));
        }
        let assignments = self.role_assignments(vault, Some(principal)).await?;
        let key = vault.child("keys", key);
        Ok(assignments.iter().any(|assignment| gives_use(assignment, vault, &key, principal)))
    }
}

fn is_in_policies(vault: &Value, principal: &str) -> bool {
    let of_principal = |policy: &&Value| text(policy, "/objectId").is_some_and(|object| is_same(object, principal));
    let gives_all = |policy: &Value| {
        let permissions = items(policy, "/permissions/keys");
        let gives = |word: &str| permissions.iter().any(|one| one.as_str().is_some_and(|one| is_same(one, word)));
        gives("all") || PERMISSIONS.iter().all(|permission| gives(permission))
    };
    items(vault, "/properties/accessPolicies").iter().filter(of_principal).any(gives_all)
}

fn gives_use(assignment: &Value, vault: &ResourceId, key: &ResourceId, principal: &str) -> bool {
    gives(assignment, &[CRYPTO_SERVICE_ENCRYPTION_USER], principal) && reaches(assignment, vault, key)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const VAULT: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv";

    #[test]
    fn a_role_counts_at_the_vault_above_it_and_on_the_key() {
        let vault = ResourceId::parse(VAULT).unwrap();
        let key = vault.child("keys", "logs");
        for (scope, expected) in [
            (VAULT.to_uppercase(), true),
            ("/subscriptions/s".to_owned(), true),
            ("/".to_owned(), true),
            ("/providers/Microsoft.Management/managementGroups/all".to_owned(), true),
            (format!("{VAULT}/keys/logs"), true),
            (format!("{VAULT}/keys/other"), false),
        ] {
            let role = format!("/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/{CRYPTO_SERVICE_ENCRYPTION_USER}");
            let assignment = json!({"properties": {"scope": scope, "principalId": "P", "roleDefinitionId": role}});
            assert_eq!(gives_use(&assignment, &vault, &key, "p"), expected, "{scope}");
            assert!(!gives_use(&assignment, &vault, &key, "q"), "{scope}");
        }
    }

    #[test]
    fn an_access_policy_must_give_all_three() {
        for (given, expected) in
            [(json!(["Get", "WrapKey", "UnwrapKey"]), true), (json!(["all"]), true), (json!(["get", "wrapKey"]), false)]
        {
            let vault = json!({"properties": {"accessPolicies": [{"objectId": "P", "permissions": {"keys": given}}]}});
            assert_eq!(is_in_policies(&vault, "p"), expected, "{vault}");
        }
    }
}

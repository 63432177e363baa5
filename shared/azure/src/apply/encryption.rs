//! The key of storage that keeps the Activity Log: identity, role, key source. Each is safe by itself, and Azure takes the last one
//! only where the first two hold: an account that cannot read its key never comes to be.

use reprieve_core::azure::change::CRYPTO_SERVICE_ENCRYPTION_USER;
use reprieve_core::azure::{KeyReference, ResourceId};
use reprieve_engine::{CallError, Disposition};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::gone;
use super::vault::unless_granted;
use crate::answer::code;
use crate::api;
use crate::arm::Condition;
use crate::control::AzureControl;

impl AzureControl {
    pub(super) async fn assign_identity(
        &self,
        id: &ResourceId,
        identity: &ResourceId,
        identities: &[ResourceId],
        system_identity: bool,
    ) -> Result<(), CallError> {
        let account = self.account(id).await?.ok_or_else(|| gone(id))?;
        if account.identities.contains(identity) {
            return Ok(());
        }
        let kind = if system_identity || account.system_identity { "SystemAssigned,UserAssigned" } else { "UserAssigned" };
        // What it has had since the plan was made stays as well.
        let mut assigned = account.identities;
        assigned.extend(identities.iter().cloned());
        assigned.insert(identity.clone());
        let assigned: Map<String, Value> = assigned.iter().map(|id| (id.as_str().to_owned(), json!({}))).collect();
        let body = json!({ "identity": { "type": kind, "userAssignedIdentities": assigned } });
        self.arm.patch(id.as_str(), api::STORAGE, &body, Condition::Always).await.map(drop)
    }

    /// Gives a principal the role to use the keys of a vault for encryption. The assignment's name follows from what it gives, so that
    /// it is never made twice.
    pub(super) async fn grant_key_use(&self, vault: &ResourceId, principal_id: &str) -> Result<(), CallError> {
        let found = self.vault(vault).await?.ok_or_else(|| gone(vault))?;
        if !found.access_by_roles {
            let message =
                format!("vault `{}` goes by access policies: give `{principal_id}` get, wrapKey and unwrapKey there", vault.name());
            return Err(CallError::Unsupported { call: super::PUT, message });
        }
        let name = assignment_name(vault, principal_id);
        let path = vault.extension("Microsoft.Authorization", "roleAssignments", &name);
        if self.arm.get(path.as_str(), api::AUTHORIZATION).await?.is_some() {
            return Ok(());
        }
        let subscription = vault.subscription().resource();
        let role = subscription.extension("Microsoft.Authorization", "roleDefinitions", CRYPTO_SERVICE_ENCRYPTION_USER);
        let body = json!({ "properties": { "roleDefinitionId": role, "principalId": principal_id, "principalType": "ServicePrincipal" } });
        unless_granted(self.arm.put(path.as_str(), api::AUTHORIZATION, &body, Condition::Always).await)
    }

    pub(super) async fn set_key_source(&self, id: &ResourceId, key: &KeyReference, identity: &ResourceId) -> Result<(), CallError> {
        let account = self.account(id).await?.ok_or_else(|| gone(id))?;
        let is_key = |present: &KeyReference| present.is_same_key(key) && present.version == key.version;
        if account.customer_managed && account.key.as_ref().is_some_and(is_key) && account.key_identity.as_ref() == Some(identity) {
            return Ok(());
        }
        let mut properties = json!({ "keyname": key.name, "keyvaulturi": key.vault_uri });
        // A version that is pinned would stay, were none named.
        if let Some(properties) = properties.as_object_mut()
            && account.key.is_some_and(|present| present.version.is_some())
        {
            properties.insert("keyversion".to_owned(), json!(""));
        }
        let body = json!({ "properties": { "encryption": {
            "keySource": "Microsoft.Keyvault",
            "keyvaultproperties": properties,
            "identity": { "userAssignedIdentity": identity },
        } } });
        let answer = self.arm.patch(id.as_str(), api::STORAGE, &body, Condition::Always).await;
        answer.map(drop).map_err(|error| still_propagating(error, id))
    }
}

/// A role counts minutes after it was given, and until then Azure refuses the key: that passes by itself.
/// <https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---role-assignment-changes-are-not-being-detected>
fn still_propagating(error: CallError, account: &ResourceId) -> CallError {
    let is_about_key = code(&error).to_ascii_lowercase().contains("keyvault");
    if !is_about_key || error.disposition() == Disposition::Retryable {
        return error;
    }
    let message =
        format!("Azure does not let storage account `{}` use the key yet; its role may take minutes to count: {error}", account.name());
    CallError::Unavailable { call: "arm:Patch", message }
}

/// Names a role assignment after scope, principal and role: a GUID of version 8, whose bits are a digest.
/// <https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-8>
fn assignment_name(scope: &ResourceId, principal_id: &str) -> String {
    let text = format!("{}|{}|{CRYPTO_SERVICE_ENCRYPTION_USER}", scope.canonical(), principal_id.to_ascii_lowercase());
    let digest = Sha256::digest(text.as_bytes());
    let bits = digest.iter().take(16).fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    let version = bits & !(0xF_u128 << 76) | 8_u128 << 76;
    let variant = version & !(0b11_u128 << 62) | 0b10_u128 << 62;
    let hex = format!("{variant:032x}");
    let parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)];
    parts.iter().filter_map(|(from, to)| hex.get(*from..*to)).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_has_one_name_however_its_scope_is_written() {
        let vault = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv";
        let name = |scope: &str, principal| assignment_name(&ResourceId::parse(scope).unwrap(), principal);
        let first = name(vault, "P");
        assert_eq!(first, name(&vault.to_uppercase(), "p"));
        assert_ne!(first, name(vault, "q"));
        let lengths: Vec<usize> = first.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert!(first.split('-').nth(2).unwrap().starts_with('8'), "{first}");
        assert!(first.split('-').nth(3).unwrap().starts_with(['8', '9', 'a', 'b']), "{first}");
    }

    #[test]
    fn only_a_refusal_of_the_key_passes_by_itself() {
        let account = ResourceId::parse("/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/st").unwrap();
        let denied = |code: &str| CallError::AccessDenied { call: "arm:Patch", message: format!("`{code}`: words (`/keyvault`)") };
        for (code, disposition) in [
            ("KeyVaultAuthenticationFailure", Disposition::Retryable),
            ("AuthorizationFailed", Disposition::Permanent),
            ("RequestDisallowedByPolicy", Disposition::Permanent),
        ] {
            assert_eq!(still_propagating(denied(code), &account).disposition(), disposition, "{code}");
        }
    }
}

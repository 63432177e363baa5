//! What the tenant of the tests is made of, and what its deployment asks for.

use reprieve_core::azure::desired::{AuditRoute, Desired, PurgeProtection};
use reprieve_core::azure::world::{Companion, RotationPolicy, Vault};
use reprieve_core::azure::{KeyReference, ResourceId, SubscriptionId};
use reprieve_core::facts::Tags;
use serde_json::json;

/// The subscription that is guarded.
pub const SUBSCRIPTION: &str = "00000000-0000-4000-8000-000000000001";

/// A subscription that is not.
pub const OTHER_SUBSCRIPTION: &str = "00000000-0000-4000-8000-000000000002";

/// The container to which vaults log.
pub const LOG_CONTAINER: &str = "insights-logs-auditevent";

/// The role of those who encrypt with keys: `Key Vault Crypto User`.
const CRYPTO_USER: &str = "12338af0-0e69-4776-bea7-57ae8d297424";

/// Returns the id of a resource in the guarded subscription, by its provider, type and name.
#[must_use]
pub fn id_of(rest: &str) -> ResourceId {
    in_subscription(SUBSCRIPTION, rest)
}

pub(super) fn in_subscription(subscription: &str, rest: &str) -> ResourceId {
    ResourceId::parse(&format!("/subscriptions/{subscription}/resourceGroups/rg/providers/{rest}")).expect("the test writes an id")
}

/// Returns a vault of the guarded subscription, by its name.
#[must_use]
pub fn vault_of(name: &str) -> ResourceId {
    id_of(&format!("Microsoft.KeyVault/vaults/{name}"))
}

/// Returns the vault of the log key.
#[must_use]
pub fn log_vault() -> ResourceId {
    vault_of("kv-logs")
}

/// Returns the storage account to which vaults and databases log.
#[must_use]
pub fn log_storage() -> ResourceId {
    id_of("Microsoft.Storage/storageAccounts/stlogs01")
}

/// Returns the identity by which storage reads the log key.
#[must_use]
pub fn log_identity() -> ResourceId {
    id_of("Microsoft.ManagedIdentity/userAssignedIdentities/id-logs")
}

/// Returns the key under which the Activity Log is stored.
#[must_use]
pub fn log_key() -> KeyReference {
    KeyReference::parse("https://kv-logs.vault.azure.net/keys/logs").expect("the constant is a key's URL")
}

/// Returns what the deployment of the tests asks for.
#[must_use]
pub fn tenant_desired() -> Desired {
    let rule = id_of("Microsoft.EventHub/namespaces/ehns").child("authorizationRules", "send");
    Desired {
        subscriptions: [SubscriptionId::parse(SUBSCRIPTION).expect("the constant is a GUID")].into(),
        purge_protection: PurgeProtection::All,
        soft_delete_days: 30,
        immutability_days: 90,
        lock_immutability: false,
        allowed_vaults: [log_vault()].into(),
        log_key: Some(log_key()),
        log_identity: Some(log_identity()),
        log_storage: Some(log_storage()),
        audit_route: Some(AuditRoute { event_hub_rule: rule, event_hub_name: "vault-audit".to_owned() }),
        action_group: None,
        alerts_group: None,
    }
}

/// Returns a vault as it must be.
#[must_use]
pub fn whole_vault(id: &ResourceId) -> Vault {
    Vault {
        id: id.clone(),
        location: "westeurope".to_owned(),
        tenant_id: "11111111-1111-1111-1111-111111111111".to_owned(),
        uri: format!("https://{}.vault.azure.net", id.name()),
        tags: Tags::new(),
        sku: ("A".to_owned(), "standard".to_owned()),
        soft_delete: true,
        purge_protection: true,
        retention_days: Some(90),
        access_by_roles: true,
    }
}

/// Returns what belongs to a vault: a role assignment, an event subscription and a diagnostic setting.
#[must_use]
pub fn companions(vault: &ResourceId) -> Vec<Companion> {
    companions_of_its_own(vault).into_iter().chain([setting_of(vault)]).collect()
}

/// Returns the diagnostic setting of a vault, as it is written back.
pub(super) fn setting_of(vault: &ResourceId) -> Companion {
    let logs = json!({ "logs": [{ "categoryGroup": "audit", "enabled": true }] });
    Companion { id: vault.extension("Microsoft.Insights", "diagnosticSettings", "reprieve"), properties: logs }
}

pub(super) fn companions_of_its_own(vault: &ResourceId) -> Vec<Companion> {
    let definition = format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{CRYPTO_USER}");
    let role = json!({ "roleDefinitionId": definition, "principalId": "app", "principalType": "ServicePrincipal" });
    let heard_by = json!({ "destination": { "endpointType": "EventHub" } });
    vec![
        Companion { id: vault.extension("Microsoft.Authorization", "roleAssignments", "ra-app"), properties: role },
        Companion { id: vault.extension("Microsoft.EventGrid", "eventSubscriptions", "near-expiry"), properties: heard_by },
    ]
}

/// Returns the rotation policy that keys of the tests have.
#[must_use]
pub fn rotation_policy() -> RotationPolicy {
    RotationPolicy {
        rotate_after: Some("P18M".to_owned()),
        rotate_before_expiry: None,
        notify_before_expiry: Some("P30D".to_owned()),
        expires_after: Some("P2Y".to_owned()),
    }
}

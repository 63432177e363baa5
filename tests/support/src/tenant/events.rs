//! Builders of events in Azure: what the Activity Log and the audit logs of vaults tell, and who did it.

use reprieve_core::azure::ResourceId;
use reprieve_core::azure::event::VAULT_SOURCE;
use reprieve_core::{Actor, ActorKind};

use crate::event::{EventBuilder, event};

/// The source of what the Activity Log tells.
const ACTIVITY_SOURCE: &str = "Microsoft.Resources/ActivityLog";

/// The tenant of the tests.
const TENANT: &str = "11111111-1111-1111-1111-111111111111";

/// The object id of our own identity in the tests.
pub const OWN_PRINCIPAL: &str = "99999999-9999-4999-8999-999999999999";

/// Returns a person, by the name of their sign-in and their object id.
#[must_use]
pub fn person(sign_in_name: &str, object_id: &str) -> Actor {
    Actor {
        kind: ActorKind::EntraUser,
        user_name: Some(sign_in_name.to_owned()),
        object_id: Some(object_id.to_owned()),
        app_id: Some("c44b4083-3bb0-49c1-b47d-974e53cbdf3c".to_owned()),
        tenant_id: Some(TENANT.to_owned()),
        ..Actor::unknown()
    }
}

/// Returns somebody who may delete vaults and keys, and approves nothing.
#[must_use]
pub fn entra_mallory() -> Actor {
    person("mallory@example.com", "66666666-6666-4666-8666-666666666666")
}

/// Returns an application, by its application id and its object id.
#[must_use]
pub fn application(app_id: &str, object_id: &str) -> Actor {
    Actor {
        kind: ActorKind::ServicePrincipal,
        object_id: Some(object_id.to_owned()),
        app_id: Some(app_id.to_owned()),
        tenant_id: Some(TENANT.to_owned()),
        ..Actor::unknown()
    }
}

/// Returns our own identity.
#[must_use]
pub fn ourselves() -> Actor {
    application("88888888-8888-4888-8888-888888888888", OWN_PRINCIPAL)
}

fn activity(operation: &str, resource: &ResourceId) -> EventBuilder {
    let id = format!("{}-{}", operation.rsplit('/').take(2).collect::<Vec<_>>().join("-"), resource.name());
    event(operation).id(&id).source(ACTIVITY_SOURCE).on_azure(resource).by(entra_mallory())
}

fn audited(operation: &str, object: &ResourceId) -> EventBuilder {
    event(operation).id(&format!("{operation}-{}", object.name())).source(VAULT_SOURCE).on_azure(object).by(entra_mallory())
}

/// Begins the deletion of a vault, by [`entra_mallory`].
#[must_use]
pub fn vault_deleted(vault: &ResourceId) -> EventBuilder {
    activity("Microsoft.KeyVault/vaults/delete", vault)
}

/// Begins a write of a vault.
#[must_use]
pub fn vault_written(vault: &ResourceId) -> EventBuilder {
    activity("Microsoft.KeyVault/vaults/write", vault)
}

/// Begins a write of a storage account.
#[must_use]
pub fn storage_written(account: &ResourceId) -> EventBuilder {
    activity("Microsoft.Storage/storageAccounts/write", account)
}

/// Begins the deletion of a role assignment, which says nothing of what depends on it.
#[must_use]
pub fn role_removed(vault: &ResourceId) -> EventBuilder {
    let assignment = vault.extension("Microsoft.Authorization", "roleAssignments", "ra-logs");
    activity("Microsoft.Authorization/roleAssignments/delete", &assignment)
}

/// Begins the deletion of a key.
#[must_use]
pub fn key_deleted(key: &ResourceId) -> EventBuilder {
    audited("KeyDelete", key)
}

/// Begins the deletion of a secret.
#[must_use]
pub fn secret_deleted(secret: &ResourceId) -> EventBuilder {
    audited("SecretDelete", secret)
}

/// Begins the deletion of a certificate.
#[must_use]
pub fn certificate_deleted(certificate: &ResourceId) -> EventBuilder {
    audited("CertificateDelete", certificate)
}

/// Begins a change of a key's attributes: it can have been disabled.
#[must_use]
pub fn key_updated(key: &ResourceId) -> EventBuilder {
    audited("KeyUpdate", key)
}

/// Begins a change of a key's rotation policy.
#[must_use]
pub fn rotation_removed(key: &ResourceId) -> EventBuilder {
    audited("KeyRotationPolicyUpdate", key)
}

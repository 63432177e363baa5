//! Vaults and Managed HSMs: there or deleted, and what belongs to them.

use futures_util::{join, try_join};
use reprieve_core::azure::world::{Companion, DeletedVault, Vault};
use reprieve_core::azure::{Discovery, ResourceId, SubscriptionId, World};
use reprieve_core::facts::Known;
use reprieve_engine::CallError;
use serde_json::{Value, json};

use super::GET;
use crate::answer::{id, is_same, is_true, needed, number, other, own, tags, text, time, writable};
use crate::api;
use crate::control::{AzureControl, is_managed_hsm};

/// What only Azure writes of a role assignment; its scope is that of its id.
const OF_ROLE_ASSIGNMENTS: [&str; 5] = ["scope", "createdOn", "updatedOn", "createdBy", "updatedBy"];
/// What only Azure writes of an event subscription.
const OF_EVENT_SUBSCRIPTIONS: [&str; 2] = ["topic", "provisioningState"];

impl AzureControl {
    pub(super) async fn vault_protection(&self, vault: &ResourceId, known: &Discovery) -> Result<World, CallError> {
        Ok(World::VaultProtection { vault: own(self.vault(vault).await)?, protects: Known::Is(known.protected_by(vault)) })
    }

    pub(super) async fn vault_existence(&self, vault: &ResourceId) -> Result<World, CallError> {
        let (present, companions) = join!(self.vault(vault), self.companions(vault));
        let present = own(present)?;
        let (deleted, companions) = match &present {
            // One name is there or deleted, never both.
            Known::Is(_) => (Known::Absent, other(companions.map(Some))),
            Known::Absent => (own(self.deleted_vault(vault).await)?, Known::Absent),
            Known::Unreadable(_) => (other(self.deleted_vault(vault).await), other(companions.map(Some))),
        };
        Ok(World::Vault { vault: present, deleted, companions })
    }

    /// Reads a vault or Managed HSM.
    pub(crate) async fn vault(&self, vault: &ResourceId) -> Result<Option<Vault>, CallError> {
        let answer = self.arm.get(vault.as_str(), api::KEY_VAULT).await?;
        answer.map(|answer| vault_of(vault, &answer)).transpose()
    }

    /// Finds a vault among the deleted ones: by its id, else by its name, which is unique in all of Azure.
    async fn deleted_vault(&self, vault: &ResourceId) -> Result<Option<DeletedVault>, CallError> {
        let deleted = self.deleted_vaults(&vault.subscription(), is_managed_hsm(vault)).await?;
        let same_id = deleted.iter().find(|found| found.id == *vault);
        let same_name = || deleted.iter().find(|found| is_same(found.id.name(), vault.name()));
        Ok(same_id.or_else(same_name).cloned())
    }

    /// Lists the deleted vaults, or Managed HSMs, of a subscription.
    pub(crate) async fn deleted_vaults(&self, of: &SubscriptionId, managed_hsms: bool) -> Result<Vec<DeletedVault>, CallError> {
        let (collection, original) =
            if managed_hsms { ("deletedManagedHSMs", "/properties/mhsmId") } else { ("deletedVaults", "/properties/vaultId") };
        let path = format!("{}/providers/Microsoft.KeyVault/{collection}", of.resource());
        let listed = self.arm.list(&path, api::KEY_VAULT).await?;
        Ok(listed.iter().filter_map(|answer| deleted_of(answer, original)).collect())
    }

    /// Reads what belongs to a vault, and is lost with it.
    async fn companions(&self, vault: &ResourceId) -> Result<Vec<Companion>, CallError> {
        let (roles, subscriptions, settings) = try_join!(
            self.role_assignments(vault, None),
            self.list_of(vault, "Microsoft.EventGrid/eventSubscriptions", api::EVENT_GRID),
            self.list_of(vault, "Microsoft.Insights/diagnosticSettings", api::DIAGNOSTIC_SETTINGS),
        )?;
        let own_roles = roles.iter().filter(|role| is_at_or_below(role, vault));
        let roles = own_roles.filter_map(|role| companion(role, &OF_ROLE_ASSIGNMENTS));
        let subscriptions = subscriptions.iter().filter_map(|one| companion(one, &OF_EVENT_SUBSCRIPTIONS)).map(with_endpoint);
        let settings = settings.iter().filter_map(|setting| companion(setting, &[]));
        Ok(roles.chain(subscriptions).chain(settings).collect())
    }

    /// Lists the role assignments at, above and below a scope, of one principal or of all.
    pub(super) async fn role_assignments(&self, scope: &ResourceId, principal: Option<&str>) -> Result<Vec<Value>, CallError> {
        let path = format!("{scope}/providers/Microsoft.Authorization/roleAssignments");
        let filter = principal.map(|principal| format!("principalId eq '{principal}'"));
        let query: Vec<(&str, &str)> = filter.iter().map(|filter| ("$filter", filter.as_str())).collect();
        self.arm.list_where(&path, api::AUTHORIZATION, &query).await
    }

    /// Lists the extensions of a resource that are of one type.
    pub(crate) async fn list_of(&self, resource: &ResourceId, extension: &str, version: &str) -> Result<Vec<Value>, CallError> {
        self.arm.list(&format!("{resource}/providers/{extension}"), version).await
    }
}

/// Reads a vault or Managed HSM.
pub(crate) fn vault_of(asked: &ResourceId, answer: &Value) -> Result<Vault, CallError> {
    let is_managed_hsm = is_managed_hsm(asked);
    let (uri, sku) = if is_managed_hsm { ("/properties/hsmUri", "/sku") } else { ("/properties/vaultUri", "/properties/sku") };
    let sku = |part: &str| text(answer, &format!("{sku}/{part}")).unwrap_or_default().to_owned();
    let uri = text(answer, uri).unwrap_or_default().trim_end_matches('/').to_ascii_lowercase();
    Ok(Vault {
        id: id(answer, "/id").unwrap_or_else(|| asked.clone()),
        location: needed(answer, "/location", GET, asked)?.to_owned(),
        tenant_id: text(answer, "/properties/tenantId").unwrap_or_default().to_owned(),
        uri,
        tags: tags(answer, "/tags"),
        sku: (sku("family"), sku("name")),
        // A Managed HSM cannot be without it; vaults that are older than it do not say it.
        soft_delete: is_managed_hsm || is_true(answer, "/properties/enableSoftDelete"),
        purge_protection: is_true(answer, "/properties/enablePurgeProtection"),
        retention_days: number(answer, "/properties/softDeleteRetentionInDays"),
        access_by_roles: is_managed_hsm || is_true(answer, "/properties/enableRbacAuthorization"),
    })
}

fn deleted_of(answer: &Value, original: &str) -> Option<DeletedVault> {
    Some(DeletedVault {
        id: id(answer, original)?,
        location: text(answer, "/properties/location")?.to_owned(),
        tags: tags(answer, "/properties/tags"),
        deleted_at: time(answer, "/properties/deletionDate"),
        purge_at: time(answer, "/properties/scheduledPurgeDate"),
        purge_protection: is_true(answer, "/properties/purgeProtectionEnabled"),
    })
}

/// Says whether a role is given on a resource itself or on a part of it, and not above.
pub(crate) fn is_at_or_below(assignment: &Value, resource: &ResourceId) -> bool {
    let Some(scope) = text(assignment, "/properties/scope") else { return false };
    let scope = scope.trim_end_matches('/').to_ascii_lowercase();
    scope.strip_prefix(resource.canonical()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Says whether an assignment gives a principal one of these roles. A condition may keep it from counting.
pub(super) fn gives(assignment: &Value, roles: &[&str], principal: &str) -> bool {
    let is_principals = text(assignment, "/properties/principalId").is_some_and(|found| is_same(found, principal));
    let given = text(assignment, "/properties/roleDefinitionId").and_then(|role| role.rsplit('/').next());
    let is_role = given.is_some_and(|given| roles.iter().any(|role| is_same(given, role)));
    is_principals && is_role && text(assignment, "/properties/condition").is_none()
}

/// Says whether an assignment counts on a part of a resource, or on the resource itself. The list shows what is at the resource, above
/// it and below.
pub(super) fn reaches(assignment: &Value, resource: &ResourceId, part: &ResourceId) -> bool {
    let Some(scope) = text(assignment, "/properties/scope") else { return false };
    let scope = scope.trim_end_matches('/').to_ascii_lowercase();
    let is_below = scope.strip_prefix(resource.canonical()).is_some_and(|rest| rest.starts_with('/'));
    !is_below || scope == part.canonical()
}

fn companion(answer: &Value, read_only: &[&str]) -> Option<Companion> {
    Some(Companion { id: id(answer, "/id")?, properties: writable(answer.get("properties"), read_only) })
}

/// Azure never says the whole URL of a webhook, whose query may be a secret. What it says of it is written back: Azure then takes it
/// where the endpoint agrees, and refuses it otherwise.
fn with_endpoint(mut subscription: Companion) -> Companion {
    for pointer in ["/destination", "/deliveryWithResourceIdentity/destination"] {
        let Some(destination) = subscription.properties.pointer_mut(pointer) else { continue };
        let base = text(destination, "/properties/endpointBaseUrl").map(str::to_owned);
        let Some(properties) = destination.get_mut("properties").and_then(Value::as_object_mut) else { continue };
        properties.remove("endpointBaseUrl");
        properties.retain(|_, value| !value.is_null());
        if let Some(base) = base {
            properties.entry("endpointUrl").or_insert_with(|| json!(base));
        }
    }
    subscription
}

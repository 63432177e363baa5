//! Storage accounts that keep logs, their blob services, their containers.

use std::collections::BTreeSet;

use futures_util::join;
use reprieve_core::azure::world::{BlobService, Container, Immutability, LogUse, StorageAccount};
use reprieve_core::azure::{Discovery, KeyReference, ResourceId, World};
use reprieve_core::facts::Known;
use reprieve_engine::CallError;
use serde_json::Value;

use super::GET;
use crate::answer::{id, is_same, is_true, needed, number, other, own, tags, text, writable};
use crate::api;
use crate::control::AzureControl;

const ACCOUNTS: &str = "Microsoft.Storage/storageAccounts";

impl AzureControl {
    pub(super) async fn storage_protection(&self, id: &ResourceId, known: &Discovery) -> Result<World, CallError> {
        let (account, service, uses) = join!(self.account(id), self.blob_service(id), self.uses(id, known));
        Ok(World::StorageProtection { account: own(account)?, service: own(service)?, uses })
    }

    pub(super) async fn audit_container(&self, id: &ResourceId, known: &Discovery) -> Result<World, CallError> {
        let outside = || CallError::Rejected { call: GET, message: format!("`{id}` is in no storage account") };
        let account_id = id.within(ACCOUNTS).ok_or_else(outside)?;
        let (account, uses, container, policy) =
            join!(self.account(&account_id), self.uses(&account_id, known), self.container(id), self.immutability(id));
        let container = own(container)?;
        let deleted_version = match &container {
            Known::Is(_) => Known::Absent,
            Known::Absent | Known::Unreadable(_) => other(self.deleted_container(id).await),
        };
        Ok(World::AuditContainer { account: other(account), uses, container, deleted_version, immutability: own(policy)? })
    }

    /// Reads a storage account.
    pub(crate) async fn account(&self, account: &ResourceId) -> Result<Option<StorageAccount>, CallError> {
        let answer = self.arm.get(account.as_str(), api::STORAGE).await?;
        answer.map(|answer| account_of(account, &answer)).transpose()
    }

    /// Says what an account keeps. Before the first sweep, the account's own subscription is asked.
    pub(super) async fn uses(&self, account: &ResourceId, known: &Discovery) -> Known<BTreeSet<LogUse>> {
        let mut uses = known.uses(account);
        if self.desired.log_storage.as_ref() == Some(account) {
            uses.insert(LogUse::Configured);
        }
        if known.subjects.is_empty() && known.storage.is_empty() {
            match self.settings(&account.subscription().resource()).await {
                Ok(settings) if settings.iter().any(|setting| setting.storage.as_ref() == Some(account)) => {
                    uses.insert(LogUse::ActivityLog);
                }
                Ok(_) => {}
                Err(error) => return Known::Unreadable(error.to_string()),
            }
        }
        Known::Is(uses)
    }

    async fn blob_service(&self, account: &ResourceId) -> Result<Option<BlobService>, CallError> {
        Ok(self.arm.get(&service_path(account), api::STORAGE).await?.map(|answer| service_of(&answer)))
    }

    pub(crate) async fn container(&self, container: &ResourceId) -> Result<Option<Container>, CallError> {
        let answer = self.arm.get(container.as_str(), api::STORAGE).await?;
        // A list shows deleted containers; a container that is read is there.
        let present = answer.filter(|answer| !is_true(answer, "/properties/deleted"));
        Ok(present.map(|answer| Container {
            id: id(&answer, "/id").unwrap_or_else(|| container.clone()),
            version_level_immutability: is_true(&answer, "/properties/immutableStorageWithVersioning/enabled"),
        }))
    }

    /// Reads the time-based retention of a container, with its `ETag`.
    pub(crate) async fn immutability(&self, container: &ResourceId) -> Result<Option<Immutability>, CallError> {
        let Some(read) = self.arm.read(&policy_path(container), api::STORAGE).await? else { return Ok(None) };
        Ok(immutability_of(&read.value, read.etag))
    }

    /// Finds the latest deleted version of a container that can be restored.
    async fn deleted_container(&self, container: &ResourceId) -> Result<Option<String>, CallError> {
        let parent = container.parent().map(|service| format!("{service}/containers")).unwrap_or_default();
        let listed = self.arm.list_where(&parent, api::STORAGE, &[("$include", "deleted")]).await?;
        let is_meant = |entry: &&Value| {
            text(entry, "/name").is_some_and(|name| is_same(name, container.name())) && is_true(entry, "/properties/deleted")
        };
        let latest = listed.iter().filter(is_meant).max_by_key(|entry| crate::answer::time(entry, "/properties/deletedTime"));
        Ok(latest.and_then(|entry| text(entry, "/properties/version")).map(str::to_owned))
    }
}

/// Returns the path of an account's blob service.
pub(crate) fn service_path(account: &ResourceId) -> String {
    format!("{account}/blobServices/default")
}

/// Returns the path of a container's time-based retention.
pub(crate) fn policy_path(container: &ResourceId) -> String {
    format!("{container}/immutabilityPolicies/default")
}

/// Returns a container of an account as a resource.
pub(crate) fn container_of(account: &ResourceId, name: &str) -> ResourceId {
    account.child("blobServices", "default").child("containers", name)
}

/// Reads a storage account.
pub(crate) fn account_of(asked: &ResourceId, answer: &Value) -> Result<StorageAccount, CallError> {
    let encryption = answer.pointer("/properties/encryption").unwrap_or(&Value::Null);
    let customer_managed = text(encryption, "/keySource").is_some_and(|source| is_same(source, "Microsoft.Keyvault"));
    let identities = answer.pointer("/identity/userAssignedIdentities").and_then(Value::as_object);
    Ok(StorageAccount {
        id: id(answer, "/id").unwrap_or_else(|| asked.clone()),
        location: needed(answer, "/location", GET, asked)?.to_owned(),
        tags: tags(answer, "/tags"),
        customer_managed,
        key: customer_managed.then(|| key_of(encryption)).flatten(),
        key_identity: id(encryption, "/identity/userAssignedIdentity"),
        system_identity: text(answer, "/identity/type").is_some_and(|kind| kind.to_ascii_lowercase().contains("systemassigned")),
        identities: identities.into_iter().flatten().filter_map(|(id, _)| ResourceId::parse(id).ok()).collect(),
    })
}

fn key_of(encryption: &Value) -> Option<KeyReference> {
    let part = |name: &str| text(encryption, &format!("/keyvaultproperties/{name}"));
    let url = format!("{}/keys/{}", part("keyvaulturi")?.trim_end_matches('/'), part("keyname")?);
    let url = part("keyversion").map_or(url.clone(), |version| format!("{url}/{version}"));
    KeyReference::parse(&url).ok()
}

fn service_of(answer: &Value) -> BlobService {
    let days = |policy: &str| {
        let is_on = is_true(answer, &format!("/properties/{policy}/enabled"));
        is_on.then(|| number(answer, &format!("/properties/{policy}/days"))).flatten()
    };
    BlobService {
        delete_retention_days: days("deleteRetentionPolicy"),
        container_delete_retention_days: days("containerDeleteRetentionPolicy"),
        versioning: is_true(answer, "/properties/isVersioningEnabled"),
        properties: service_properties(answer),
    }
}

/// Returns the properties of a blob service as a write takes them.
pub(crate) fn service_properties(answer: &Value) -> Value {
    let mut properties = writable(answer.get("properties"), &[]);
    if let Some(restore) = properties.get_mut("restorePolicy").and_then(Value::as_object_mut) {
        restore.retain(|name, value| !value.is_null() && !["lastEnabledTime", "minRestoreTime"].contains(&name.as_str()));
    }
    properties
}

/// Reads a time-based retention. One of no days is none.
pub(crate) fn immutability_of(answer: &Value, etag: Option<String>) -> Option<Immutability> {
    let days = number(answer, "/properties/immutabilityPeriodSinceCreationInDays").filter(|days| *days > 0)?;
    let appends = ["allowProtectedAppendWrites", "allowProtectedAppendWritesAll"];
    Some(Immutability {
        days,
        locked: text(answer, "/properties/state").is_some_and(|state| is_same(state, "Locked")),
        append_allowed: appends.iter().any(|name| is_true(answer, &format!("/properties/{name}"))),
        etag: etag.unwrap_or_default(),
    })
}

/// Returns what a SQL server names its storage by: the account's name in `https://NAME.blob.core.windows.net`.
pub(crate) fn account_name_of(endpoint: &str) -> Option<&str> {
    let host = endpoint.trim().strip_prefix("https://")?.split('/').next()?;
    host.split_once(".blob.").map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn account() -> ResourceId {
        ResourceId::parse("/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/stlogs").unwrap()
    }

    #[test]
    fn an_account_names_its_key_and_its_identity() {
        let identity = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/logs";
        let answer = json!({
            "id": account(), "location": "westeurope", "tags": {"Reprieve:Change": "1"},
            "identity": {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {identity: {}}},
            "properties": {"encryption": {
                "keySource": "Microsoft.KeyVault",
                "keyvaultproperties": {"keyname": "Logs", "keyvaulturi": "https://KV.vault.azure.net/", "keyversion": ""},
                "identity": {"userAssignedIdentity": identity},
            }},
        });
        let read = account_of(&account(), &answer).unwrap();
        assert!(read.customer_managed && read.system_identity);
        assert_eq!(read.key.unwrap().to_string(), "https://kv.vault.azure.net/keys/logs");
        assert_eq!(read.key_identity, ResourceId::parse(identity).ok());
        assert_eq!(read.identities.len(), 1);
    }

    #[test]
    fn a_key_of_microsofts_is_none_of_the_customers() {
        let read =
            account_of(&account(), &json!({"location": "x", "properties": {"encryption": {"keySource": "Microsoft.Storage"}}})).unwrap();
        assert!(!read.customer_managed && read.key.is_none());
    }

    #[test]
    fn a_retention_of_no_days_is_none() {
        assert_eq!(immutability_of(&json!({"properties": {"immutabilityPeriodSinceCreationInDays": 0, "state": "Unlocked"}}), None), None);
    }

    #[test]
    fn soft_delete_that_is_off_has_no_days() {
        let service = service_of(&json!({"properties": {
            "deleteRetentionPolicy": {"enabled": false, "days": 7},
            "containerDeleteRetentionPolicy": {"enabled": true, "days": 7},
            "restorePolicy": {"enabled": true, "days": 6, "minRestoreTime": "2026-01-01T00:00:00Z"},
        }}));
        assert_eq!((service.delete_retention_days, service.container_delete_retention_days, service.versioning), (None, Some(7), false));
        assert_eq!(service.properties.pointer("/restorePolicy"), Some(&json!({"enabled": true, "days": 6})));
    }

    #[test]
    fn an_endpoint_names_its_account() {
        assert_eq!(account_name_of("https://stlogs.blob.core.windows.net/"), Some("stlogs"));
        assert_eq!(account_name_of("stlogs"), None);
    }
}

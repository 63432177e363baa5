//! The company's tenant before Reprieve comes: what its people made, partly long ago. Made by its owner, through ARM.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::people::Person;
use super::stage::assign;

/// The subscription.
pub(in crate::azure) const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000000";
/// The Azure region of everything.
pub(in crate::azure) const LOCATION: &str = "westeurope";
/// The function app's name.
pub(in crate::azure) const SITE: &str = "func-reprieve";
/// The storage account of the guard.
pub(in crate::azure) const EVIDENCE: &str = "streprieve";
/// The storage account of the logs.
pub(in crate::azure) const LOGS: &str = "stlogs";

/// Returns the id of something in a resource group.
pub(in crate::azure) fn id(group: &str, what: &str) -> String {
    format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/providers/{what}")
}

/// Returns the id of a vault of the company.
pub(in crate::azure) fn vault(name: &str) -> String {
    id("rg-prod", &format!("Microsoft.KeyVault/vaults/{name}"))
}

/// Returns the id of a storage account of the company.
pub(in crate::azure) fn storage(name: &str) -> String {
    id("rg-prod", &format!("Microsoft.Storage/storageAccounts/{name}"))
}

/// Returns the id of something that came with Reprieve.
pub(in crate::azure) fn reprieve(what: &str) -> String {
    id("rg-reprieve", what)
}

/// Returns the body of a vault.
pub(in crate::azure) fn vault_body(tenant: &str, purge_protection: bool) -> Value {
    let mut properties = json!({
        "tenantId": tenant,
        "sku": { "family": "A", "name": "standard" },
        "enableRbacAuthorization": true,
        "enableSoftDelete": true,
        "softDeleteRetentionInDays": 90,
    });
    if purge_protection {
        properties["enablePurgeProtection"] = json!(true);
    }
    json!({ "location": LOCATION, "tags": { "env": "test" }, "properties": properties })
}

/// Makes what was there before.
pub(in crate::azure) async fn found(owner: &Person, tenant: &str) -> Result<()> {
    for group in ["rg-prod", "rg-reprieve"] {
        owner.put(&format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}"), &json!({ "location": LOCATION })).await?;
    }
    for (name, purge_protection) in [("kv-logs", false), ("kv-approval", true), ("kv-prod", false), ("kv-orders", false)] {
        owner.put(&vault(name), &vault_body(tenant, purge_protection)).await?;
    }
    owner.put(&id("rg-prod", "Microsoft.ManagedIdentity/userAssignedIdentities/id-logs"), &json!({ "location": LOCATION })).await?;
    for name in [LOGS, "stdatabase"] {
        owner.put(&storage(name), &account_body()).await?;
    }
    owner.put(&reprieve("Microsoft.KeyVault/vaults/kv-seals"), &vault_body(tenant, true)).await?;
    key(owner, "kv-seals", "seal", "EC").await?;
    owner.put(&reprieve(&format!("Microsoft.Storage/storageAccounts/{EVIDENCE}")), &account_body()).await?;
    hsm(owner, tenant).await?;
    key(owner, "kv-logs", "logs", "RSA").await?;
    key(owner, "kv-orders", "orders", "RSA").await?;
    key(owner, "kv-approval", "approval", "EC").await?;
    databases(owner).await
}

/// Returns the id of the company's Managed HSM.
pub(in crate::azure) fn hsm_id() -> String {
    id("rg-prod", "Microsoft.KeyVault/managedHSMs/hsm-prod")
}

async fn hsm(owner: &Person, tenant: &str) -> Result<()> {
    let body = json!({
        "location": LOCATION,
        "sku": { "family": "B", "name": "Standard_B1" },
        "properties": {
            "tenantId": tenant,
            "initialAdminObjectIds": [owner.principal.object_id()],
            "enableSoftDelete": true,
            "softDeleteRetentionInDays": 90,
        },
    });
    owner.put(&hsm_id(), &body).await?;
    Ok(())
}

/// Makes a key.
pub(in crate::azure) async fn key(person: &Person, vault: &str, name: &str, kty: &str) -> Result<()> {
    let body = match kty {
        "EC" => json!({ "kty": "EC", "crv": "P-256", "key_ops": ["sign", "verify"] }),
        _ => json!({ "kty": kty, "key_size": 2048 }),
    };
    person.vault(vault, "POST", &format!("/keys/{name}/create"), Some(&body)).await?.done(&format!("creating key `{name}`"))?;
    Ok(())
}

fn account_body() -> Value {
    json!({
        "location": LOCATION,
        "kind": "StorageV2",
        "sku": { "name": "Standard_LRS" },
        "properties": { "minimumTlsVersion": "TLS1_2", "allowBlobPublicAccess": false, "supportsHttpsTrafficOnly": true },
    })
}

async fn databases(owner: &Person) -> Result<()> {
    let server = json!({ "location": LOCATION, "identity": { "type": "SystemAssigned" }, "properties": { "administratorLogin": "dba" } });
    let server = owner.put(&id("rg-prod", "Microsoft.Sql/servers/sql-prod"), &server).await?;
    let principal = server.pointer("/identity/principalId").and_then(Value::as_str).context("sql-prod has no identity")?;
    // It writes its audit by this role, Storage Blob Data Contributor.
    assign(owner, &storage(LOGS), "ba92f5b4-2d11-453d-a403-e96b0029c9fe", principal, "ServicePrincipal").await?;
    owner.put(&id("rg-prod", "Microsoft.DBforPostgreSQL/flexibleServers/pg-prod"), &flexible("Standard_D2s_v3", "16")).await?;
    owner.put(&id("rg-prod", "Microsoft.DBforMySQL/flexibleServers/mysql-prod"), &flexible("Standard_D2ds_v4", "8.0.21")).await?;
    Ok(())
}

fn flexible(sku: &str, version: &str) -> Value {
    json!({
        "location": LOCATION,
        "sku": { "name": sku, "tier": "GeneralPurpose" },
        "properties": { "version": version, "administratorLogin": "dba", "storage": { "storageSizeGB": 128 } },
    })
}

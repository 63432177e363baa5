//! Attacks on a tenant, one after another, and what comes back.

use anyhow::{Context as _, Result};
use reprieve_azure_sandbox::delivery::{Disorder, Loss};
use serde_json::json;

use super::proof::{answered, flag, text};
use crate::azure::company::{self, LOCATION, SUBSCRIPTION, hsm_id, id, storage, vault, vault_body};
use crate::azure::stage::AzureStage;
use crate::scenario::Observation;

const LOG_KEY: &str = "https://kv-logs.vault.azure.net";
const CONTAINERS: &str = "Microsoft.Storage/storageAccounts/blobServices/containers";

pub(super) async fn bare_tenant(stage: &AzureStage) -> Result<Observation> {
    stage.prepared().await?;
    let mut observation = answered(stage, &format!("/subscriptions/{SUBSCRIPTION}"), "provisioned").await?;
    let kept = stage.owner.get(&vault("kv-logs")).await?.context("kv-logs is gone")?;
    observation.demand(flag(&kept, "/properties/enablePurgeProtection"), || "the log vault has no purge protection".to_owned());
    let other = stage.owner.get(&vault("kv-orders")).await?.context("kv-orders is gone")?;
    observation.demand(!flag(&other, "/properties/enablePurgeProtection"), || "kv-orders was given purge protection".to_owned());
    for problem in problems(stage).await? {
        observation.demand(false, || problem.clone());
    }
    Ok(observation)
}

/// Reads back what must be there, whoever made it.
async fn problems(stage: &AzureStage) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    let mut demand = |holds: bool, problem: &str| {
        if !holds {
            problems.push(problem.to_owned());
        }
    };
    let account = stage.owner.get(&storage("stlogs")).await?.context("stlogs is gone")?;
    demand(is_under_log_key(&account), &format!("the log storage is not under the log key: {}", account["properties"]["encryption"]));
    let service = stage.owner.get(&format!("{}/blobServices/default", storage("stlogs"))).await?.context("no blob service")?;
    demand(is_protected(&service), &format!("the log storage is not protected: {}", service["properties"]));
    let settings = format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Insights/diagnosticSettings");
    let settings = stage.owner.get(&settings).await?.unwrap_or_default();
    demand(!settings["value"].as_array().is_none_or(Vec::is_empty), "the Activity Log is not exported");
    let alerts = stage.owner.get(&id("rg-reprieve", "Microsoft.Insights/activityLogAlerts")).await?.unwrap_or_default();
    let count = alerts["value"].as_array().map_or(0, Vec::len);
    demand(count >= 5, &format!("there are {count} activity-log alerts"));
    let logging =
        stage.owner.get(&format!("{}/providers/Microsoft.Insights/diagnosticSettings", vault("kv-orders"))).await?.unwrap_or_default();
    demand(!logging["value"].as_array().is_none_or(Vec::is_empty), "kv-orders does not log");
    let sql = stage.owner.get(&sql_auditing()).await?.unwrap_or_default();
    demand(text(&sql, "/properties/state") == "Enabled", "the SQL server does not audit");
    Ok(problems)
}

fn is_under_log_key(account: &serde_json::Value) -> bool {
    let encryption = &account["properties"]["encryption"];
    let key = text(encryption, "/keyvaultproperties/keyvaulturi").trim_end_matches('/');
    text(encryption, "/keySource").eq_ignore_ascii_case("Microsoft.Keyvault") && key == LOG_KEY
}

fn is_protected(service: &serde_json::Value) -> bool {
    let properties = &service["properties"];
    flag(properties, "/deleteRetentionPolicy/enabled")
        && flag(properties, "/containerDeleteRetentionPolicy/enabled")
        && flag(properties, "/isVersioningEnabled")
}

fn sql_auditing() -> String {
    id("rg-prod", "Microsoft.Sql/servers/sql-prod/auditingSettings/default")
}

pub(super) async fn protection_missing(stage: &AzureStage) -> Result<Observation> {
    stage.prepared().await?;
    let old = vault("kv-old");
    stage.sandbox.tenant().plant_old_vault(&old, LOCATION, None);
    stage.pat.patch(&old, &json!({ "tags": { "touched": "yes" } })).await?;
    let mut observation = answered(stage, &old, "protected").await?;
    let now = stage.owner.get(&old).await?.context("the vault is gone")?;
    observation.demand(flag(&now, "/properties/enableSoftDelete"), || format!("soft delete is off: {}", now["properties"]));
    Ok(observation)
}

pub(super) async fn vault_deleted(stage: &AzureStage) -> Result<Observation> {
    stage.prepared().await?;
    let orders = vault("kv-orders");
    let role = format!("{orders}/providers/Microsoft.Authorization/roleAssignments/{}", uuid::Uuid::new_v4());
    let body = json!({ "properties": {
        "roleDefinitionId": format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/12338af0-0e69-4776-bea7-57ae8d297424"),
        "principalId": stage.pat.principal.object_id(), "principalType": "User",
    } });
    stage.owner.put(&role, &body).await?;
    let subscription = format!("{orders}/providers/Microsoft.EventGrid/eventSubscriptions/rotated");
    let body = json!({ "properties": {
        "destination": { "endpointType": "StorageQueue", "properties": { "resourceId": storage("stdatabase"), "queueName": "rotated" } },
        "filter": { "includedEventTypes": ["Microsoft.KeyVault.KeyNewVersionCreated"] },
    } });
    stage.owner.put(&subscription, &body).await?;
    stage.sweep().await?;
    stage.mallory.delete(&orders).await?;
    let mut observation = answered(stage, &orders, "back, with its roles").await?;
    observation.demand(stage.owner.get(&orders).await?.is_some(), || "the vault is not there".to_owned());
    observation.demand(stage.owner.get(&role).await?.is_some(), || "the role assignment is not there".to_owned());
    observation.demand(stage.owner.get(&subscription).await?.is_some(), || "the event subscription is not there".to_owned());
    let settings = stage.owner.get(&format!("{orders}/providers/Microsoft.Insights/diagnosticSettings")).await?.unwrap_or_default();
    observation.demand(!settings["value"].as_array().is_none_or(Vec::is_empty), || "the vault does not log any more".to_owned());
    let key = stage.owner.vault("kv-orders", "GET", "/keys/orders/", None).await?;
    observation.demand(key.status == 200, || format!("the key answers {}", key.status));
    Ok(observation)
}

pub(super) async fn hsm_deleted(stage: &AzureStage) -> Result<Observation> {
    stage.prepared().await?;
    stage.mallory.delete(&hsm_id()).await?;
    let mut observation = answered(stage, &hsm_id(), "back").await?;
    observation.demand(stage.owner.get(&hsm_id()).await?.is_some(), || "the Managed HSM is not there".to_owned());
    Ok(observation)
}

pub(super) async fn key_deleted(stage: &AzureStage) -> Result<Observation> {
    stage.prepared().await?;
    stage.mallory.vault("kv-orders", "DELETE", "/keys/orders", None).await?.done("deleting the key")?;
    let mut observation = answered(stage, &format!("{}/keys/orders", vault("kv-orders")), "back").await?;
    let key = stage.owner.vault("kv-orders", "GET", "/keys/orders/", None).await?;
    observation.demand(key.status == 200, || format!("the key answers {}", key.status));
    Ok(observation)
}

pub(super) async fn secret_deleted(stage: &AzureStage) -> Result<Observation> {
    stage.prepared().await?;
    let secret = json!({ "value": "s3cret" });
    stage.owner.vault("kv-orders", "PUT", "/secrets/password", Some(&secret)).await?.done("setting the secret")?;
    let certificate = json!({ "policy": {
        "key_props": { "exportable": true, "kty": "RSA", "key_size": 2048, "reuse_key": false },
        "secret_props": { "contentType": "application/x-pkcs12" },
        "x509_props": { "subject": "CN=orders.example.com", "validity_months": 12 },
        "issuer": { "name": "Self" },
    } });
    stage.owner.vault("kv-orders", "POST", "/certificates/tls/create", Some(&certificate)).await?.done("creating the certificate")?;
    stage.settled().await?;
    stage.mallory.vault("kv-orders", "DELETE", "/secrets/password", None).await?.done("deleting the secret")?;
    let first = answered(stage, &format!("{}/secrets/password", vault("kv-orders")), "back").await?;
    stage.mallory.vault("kv-orders", "DELETE", "/certificates/tls", None).await?.done("deleting the certificate")?;
    let second = answered(stage, &format!("{}/certificates/tls", vault("kv-orders")), "back").await?;
    let mut observation = first.and(second);
    for path in ["/secrets/password/", "/certificates/tls/"] {
        let answer = stage.owner.vault("kv-orders", "GET", path, None).await?;
        observation.demand(answer.status == 200, || format!("`{path}` answers {}", answer.status));
    }
    Ok(observation)
}

pub(super) async fn key_disabled(stage: &AzureStage) -> Result<Observation> {
    stage.prepared().await?;
    let off = json!({ "attributes": { "enabled": false } });
    stage.mallory.vault("kv-orders", "PATCH", "/keys/orders/", Some(&off)).await?.done("disabling the key")?;
    let mut observation = answered(stage, &format!("{}/keys/orders", vault("kv-orders")), "enabled").await?;
    let key = stage.owner.vault("kv-orders", "GET", "/keys/orders/", None).await?.body;
    observation.demand(flag(&key, "/attributes/enabled"), || "the key is disabled".to_owned());
    Ok(observation)
}

pub(super) async fn rotation_removed(stage: &AzureStage) -> Result<Observation> {
    stage.prepared().await?;
    let policy = json!({
        "lifetimeActions": [{ "action": { "type": "Rotate" }, "trigger": { "timeAfterCreate": "P18M" } }],
        "attributes": { "expiryTime": "P2Y" },
    });
    stage.owner.vault("kv-orders", "PUT", "/keys/orders/rotationpolicy", Some(&policy)).await?.done("setting the rotation policy")?;
    stage.sweep().await?;
    let none = json!({ "lifetimeActions": [], "attributes": {} });
    stage.mallory.vault("kv-orders", "PUT", "/keys/orders/rotationpolicy", Some(&none)).await?.done("emptying the rotation policy")?;
    let mut observation = answered(stage, &format!("{}/keys/orders", vault("kv-orders")), "restored").await?;
    let now = stage.owner.vault("kv-orders", "GET", "/keys/orders/rotationpolicy", None).await?.body;
    observation.demand(now.to_string().contains("P18M"), || format!("the rotation policy is {now}"));
    Ok(observation)
}

pub(super) async fn log_key_swapped(stage: &AzureStage) -> Result<Observation> {
    stage.prepared().await?;
    let tenant = stage.sandbox.tenant().tenant_id.clone();
    stage.owner.put(&vault("kv-evil"), &vault_body(&tenant, true)).await?;
    company::key(&stage.mallory, "kv-evil", "ransom", "RSA").await?;
    let identity = id("rg-prod", "Microsoft.ManagedIdentity/userAssignedIdentities/id-logs");
    let principal = stage.owner.get(&identity).await?.context("id-logs is gone")?;
    let role = json!({ "properties": {
        "roleDefinitionId": format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/e147488a-f6f5-4113-8e2d-b22465e65bf6"),
        "principalId": text(&principal, "/properties/principalId"), "principalType": "ServicePrincipal",
    } });
    let name = uuid::Uuid::new_v4();
    stage.owner.put(&format!("{}/providers/Microsoft.Authorization/roleAssignments/{name}", vault("kv-evil")), &role).await?;
    stage.settled().await?;
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    let swap = json!({ "properties": { "encryption": {
        "keySource": "Microsoft.Keyvault",
        "keyvaultproperties": { "keyname": "ransom", "keyvaulturi": "https://kv-evil.vault.azure.net" },
        "identity": { "userAssignedIdentity": identity },
    } } });
    stage.mallory.patch(&storage("stlogs"), &swap).await?;
    log_key_is_back(stage).await
}

pub(super) async fn log_key_removed(stage: &AzureStage) -> Result<Observation> {
    stage.prepared().await?;
    let roles =
        stage.owner.get(&format!("{}/providers/Microsoft.Authorization/roleAssignments", vault("kv-logs"))).await?.unwrap_or_default();
    let encryption = roles["value"].as_array().into_iter().flatten();
    let encryption = encryption.filter(|role| text(role, "/properties/roleDefinitionId").ends_with("e147488a-f6f5-4113-8e2d-b22465e65bf6"));
    for role in encryption {
        stage.owner.delete(text(role, "/id")).await?;
    }
    stage.mallory.patch(&storage("stlogs"), &json!({ "properties": { "encryption": { "keySource": "Microsoft.Storage" } } })).await?;
    log_key_is_back(stage).await
}

async fn log_key_is_back(stage: &AzureStage) -> Result<Observation> {
    let mut observation = answered(stage, &storage("stlogs"), "approved key again").await?;
    let account = stage.owner.get(&storage("stlogs")).await?.context("stlogs is gone")?;
    observation.demand(is_under_log_key(&account), || format!("it is encrypted with {}", account["properties"]["encryption"]));
    Ok(observation)
}

pub(super) async fn storage_unprotected(stage: &AzureStage) -> Result<Observation> {
    stage.prepared().await?;
    let service = format!("{}/blobServices/default", storage("stlogs"));
    let off = json!({ "properties": {
        "deleteRetentionPolicy": { "enabled": false }, "containerDeleteRetentionPolicy": { "enabled": false }, "isVersioningEnabled": false,
    } });
    stage.mallory.put(&service, &off).await?;
    let mut observation = answered(stage, &storage("stlogs"), "on again").await?;
    let now = stage.owner.get(&service).await?.context("no blob service")?;
    observation.demand(is_protected(&now), || format!("the blob service is {}", now["properties"]));
    Ok(observation)
}

pub(super) async fn immutability_removed(stage: &AzureStage) -> Result<Observation> {
    stage.prepared().await?;
    let container = format!("{}/blobServices/default/containers/sqldbauditlogs", storage("stlogs"));
    let policy = format!("{container}/immutabilityPolicies/default");
    let etag =
        stage.owner.get(&policy).await?.map(|policy| text(&policy, "/etag").to_owned()).context("there is no immutability policy")?;
    stage.mallory.delete_matching(&policy, &etag).await?;
    let mut observation = answered(stage, &container, "immutable again").await?;
    let now = stage.owner.get(&policy).await?.unwrap_or_default();
    let days = now.pointer("/properties/immutabilityPeriodSinceCreationInDays").and_then(serde_json::Value::as_u64).unwrap_or_default();
    observation.demand(days >= 365, || format!("it is immutable for {days} days"));
    Ok(observation)
}

pub(super) async fn container_deleted(stage: &AzureStage) -> Result<Observation> {
    stage.prepared().await?;
    let container = format!("{}/blobServices/default/containers/sqldbauditlogs", storage("stlogs"));
    let policy = format!("{container}/immutabilityPolicies/default");
    let etag =
        stage.owner.get(&policy).await?.map(|policy| text(&policy, "/etag").to_owned()).context("there is no immutability policy")?;
    // Quicker than the guard: what is not immutable for a moment can be deleted.
    stage.delivery.set_disorder(Disorder {
        loses: Loss::Operations(vec![format!("{CONTAINERS}/immutabilityPolicies/delete")]),
        ..Disorder::default()
    });
    stage.mallory.delete_matching(&policy, &etag).await?;
    stage.mallory.delete(&container).await?;
    let mut observation = answered(stage, &container, "back, immutable").await?;
    observation.demand(stage.owner.get(&container).await?.is_some(), || "the container is not there".to_owned());
    let now = stage.owner.get(&policy).await?.unwrap_or_default();
    observation.demand(text(&now, "/properties/state") == "Unlocked", || format!("its immutability is {}", now["properties"]));
    Ok(observation)
}

pub(super) async fn auditing_off(stage: &AzureStage) -> Result<Observation> {
    stage.prepared().await?;
    stage.mallory.put(&sql_auditing(), &json!({ "properties": { "state": "Disabled" } })).await?;
    let sql = answered(stage, &id("rg-prod", "Microsoft.Sql/servers/sql-prod"), "on again").await?;
    let postgresql = id("rg-prod", "Microsoft.DBforPostgreSQL/flexibleServers/pg-prod");
    let parameter = json!({ "properties": { "value": "none", "source": "user-override" } });
    stage.mallory.put(&format!("{postgresql}/configurations/pgaudit.log"), &parameter).await?;
    let second = answered(stage, &postgresql, "on again").await?;
    let mysql = id("rg-prod", "Microsoft.DBforMySQL/flexibleServers/mysql-prod");
    let parameter = json!({ "properties": { "value": "OFF", "source": "user-override" } });
    stage.mallory.put(&format!("{mysql}/configurations/audit_log_enabled"), &parameter).await?;
    let third = answered(stage, &mysql, "on again").await?;
    let mut observation = sql.joined(second).joined(third);
    let now = stage.owner.get(&sql_auditing()).await?.unwrap_or_default();
    observation.demand(text(&now, "/properties/state") == "Enabled", || format!("SQL auditing is {}", now["properties"]));
    let now = stage.owner.get(&format!("{mysql}/configurations/audit_log_enabled")).await?.unwrap_or_default();
    observation.demand(text(&now, "/properties/value").eq_ignore_ascii_case("ON"), || format!("MySQL auditing is {}", now["properties"]));
    let now = stage.owner.get(&format!("{postgresql}/configurations/pgaudit.log")).await?.unwrap_or_default();
    observation.demand(!text(&now, "/properties/value").eq_ignore_ascii_case("none"), || format!("pgaudit is {}", now["properties"]));
    Ok(observation)
}

pub(super) async fn alerts_torn_down(stage: &AzureStage) -> Result<Observation> {
    stage.prepared().await?;
    let subscription = format!("/subscriptions/{SUBSCRIPTION}");
    let alerts = stage.owner.get(&id("rg-reprieve", "Microsoft.Insights/activityLogAlerts")).await?.unwrap_or_default();
    let alert = alerts.pointer("/value/0/id").and_then(serde_json::Value::as_str).context("there is no alert")?.to_owned();
    for scope in [subscription.clone(), vault("kv-orders")] {
        let settings = stage.owner.get(&format!("{scope}/providers/Microsoft.Insights/diagnosticSettings")).await?.unwrap_or_default();
        let name =
            settings.pointer("/value/0/name").and_then(serde_json::Value::as_str).context("there is no diagnostic setting")?.to_owned();
        stage.mallory.delete(&format!("{scope}/providers/Microsoft.Insights/diagnosticSettings/{name}")).await?;
    }
    stage.mallory.delete(&alert).await?;
    let group = id("rg-reprieve", "Microsoft.Insights/actionGroups/ag-oncall");
    stage.mallory.patch(&group, &json!({ "properties": { "enabled": false } })).await?;
    let mut observation = answered(stage, &subscription, "provisioned again").await?;
    for problem in problems(stage).await? {
        observation.demand(false, || problem.clone());
    }
    observation.demand(stage.owner.get(&alert).await?.is_some(), || "the alert is not there".to_owned());
    let now = stage.owner.get(&group).await?.unwrap_or_default();
    observation.demand(flag(&now, "/properties/enabled"), || "the action group is off".to_owned());
    stage.mallory.delete(&group).await?;
    observation.problems.extend(answered(stage, &subscription, "made again").await?.problems);
    let again = stage.owner.get(&group).await?.unwrap_or_default();
    let is_same = again["properties"]["emailReceivers"][0]["emailAddress"] == now["properties"]["emailReceivers"][0]["emailAddress"];
    observation.demand(flag(&again, "/properties/enabled") && is_same, || format!("the action group is {}", again["properties"]));
    Ok(observation)
}

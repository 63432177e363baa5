//! The adapters against the Azure sandbox: every subject is looked at, every change is made once and not twice, and all that is sent keeps
//! to Microsoft's contracts where these are at hand.
#![expect(clippy::panic, clippy::indexing_slicing, reason = "a test fails where it stands")]

mod scene;

use reprieve_azure::{BlobLedger, BlobStore, StorageAccount};
use reprieve_azure_sandbox::{Fault, FaultAnswer, FaultTarget, Options};
use reprieve_core::azure::discovery::Discovery;
use reprieve_core::azure::memory::Case;
use reprieve_core::azure::world::{Companion, RotationPolicy};
use reprieve_core::azure::{Change, KeyReference, Subject, World};
use reprieve_core::facts::Known;
use reprieve_engine::{Disposition, TenantControl as _, TenantLedger as _};
use serde_json::{Value, json};

use scene::{GROUP, KV, SUBSCRIPTION, Scene, account, container, id, identity, in_group, vault};

const KEY_VAULT: &str = "2024-11-01";
const STORAGE: &str = "2024-01-01";

async fn scene() -> Scene {
    Scene::new(Options::default()).await
}

fn is<T: Clone>(fact: &Known<T>) -> T {
    fact.value().cloned().unwrap_or_else(|| panic!("not read: {:?}", fact.unreadable_reason()))
}

#[tokio::test]
async fn a_deleted_vault_is_seen_recovered_and_gets_back_what_it_lost() {
    let scene = scene().await;
    let role = vault().extension("Microsoft.Authorization", "roleAssignments", "11111111-1111-1111-1111-111111111111");
    let definition = format!("{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/e147488a-f6f5-4113-8e2d-b22465e65bf6");
    let principal = scene.arm("GET", identity().as_str(), "2023-01-31", Value::Null).await["properties"]["principalId"].clone();
    let body = json!({ "properties": { "roleDefinitionId": definition, "principalId": principal, "principalType": "ServicePrincipal" } });
    scene.arm("PUT", role.as_str(), "2022-04-01", body).await;
    let setting = vault().extension("Microsoft.Insights", "diagnosticSettings", "audit");
    let body = json!({ "properties": { "storageAccountId": account(), "logs": [{ "categoryGroup": "audit", "enabled": true }] } });
    scene.arm("PUT", setting.as_str(), "2021-05-01-preview", body).await;
    let World::Vault { vault: before, deleted: Known::Absent, companions } = scene.look(&Subject::Vault(vault())).await else { panic!() };
    let (before, companions): (_, Vec<Companion>) = (is(&before), is(&companions));
    assert_eq!(companions.len(), 2, "{companions:?}");

    scene.arm("DELETE", vault().as_str(), KEY_VAULT, Value::Null).await;
    let World::Vault { vault: Known::Absent, deleted, .. } = scene.look(&Subject::Vault(vault())).await else { panic!() };
    let deleted = is(&deleted);
    assert!(deleted.purge_at > deleted.deleted_at && deleted.purge_protection);
    let recover = Change::RecoverVault {
        vault: vault(),
        location: deleted.location,
        tenant_id: Some(before.tenant_id.clone()),
        sku: Some(before.sku.clone()),
    };
    scene.make(&recover).await;
    for companion in &companions {
        scene.make(&Change::RestoreCompanion { companion: companion.clone() }).await;
    }
    let World::Vault { vault: after, companions: found, .. } = scene.look(&Subject::Vault(vault())).await else { panic!() };
    assert_eq!((is(&after), is(&found)), (before, companions));
    scene.keeps_to_contracts();
}

#[tokio::test]
async fn a_vault_of_which_nothing_is_remembered_is_recovered_too() {
    let scene = scene().await;
    scene.arm("DELETE", vault().as_str(), KEY_VAULT, Value::Null).await;
    scene.make(&Change::RecoverVault { vault: vault(), location: "westeurope".to_owned(), tenant_id: None, sku: None }).await;
    scene.keeps_to_contracts();
}

#[tokio::test]
async fn a_role_that_the_principal_holds_by_another_assignment_is_not_given_again() {
    let scene = scene().await;
    let principal = scene.arm("GET", identity().as_str(), "2023-01-31", Value::Null).await["properties"]["principalId"].clone();
    let grant = Change::GrantKeyUse { vault: vault(), principal_id: principal.as_str().unwrap().to_owned() };
    scene.make(&grant).await;
    let other = vault().extension("Microsoft.Authorization", "roleAssignments", "22222222-2222-2222-2222-222222222222");
    let definition = format!("{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/e147488a-f6f5-4113-8e2d-b22465e65bf6");
    let properties = json!({ "roleDefinitionId": definition, "principalId": principal });
    let before = scene.writes().len();
    scene.control.apply(&Change::RestoreCompanion { companion: Companion { id: other, properties } }).await.unwrap();
    assert_eq!(scene.writes().len(), before);
}

#[tokio::test]
async fn an_old_vault_gets_both_protections() {
    let scene = scene().await;
    let old = in_group("Microsoft.KeyVault/vaults/kv-old");
    scene.sandbox.tenant().plant_old_vault(old.as_str(), "westeurope", None);
    let World::VaultProtection { vault, .. } = scene.look(&Subject::VaultProtection(old.clone())).await else { panic!() };
    let before = is(&vault);
    assert!(!before.soft_delete && !before.purge_protection);
    scene.make(&Change::PatchVault { vault: old.clone(), location: before.location, soft_delete: true, purge_protection: true }).await;
    let World::VaultProtection { vault, .. } = scene.look(&Subject::VaultProtection(old)).await else { panic!() };
    assert!(is(&vault).soft_delete && is(&vault).purge_protection);
    scene.keeps_to_contracts();
}

#[tokio::test]
async fn deleted_keys_secrets_and_certificates_come_back() {
    let scene = scene().await;
    scene.data("PUT", KV, "/secrets/token", json!({ "value": "s", "tags": { "Reprieve:Change": "CHG1" } })).await;
    let policy = json!({ "policy": { "issuer": { "name": "Self" }, "key_props": { "kty": "RSA", "key_size": 2048 }, "x509_props": { "subject": "CN=web" } } });
    scene.data("POST", KV, "/certificates/web/create", policy).await;
    for (kind, name) in [("keys", "logs"), ("secrets", "token"), ("certificates", "web")] {
        let object = vault().child(kind, name);
        let World::VaultObject { object: present, deleted: Known::Absent } = scene.look(&Subject::VaultObject(object.clone())).await else {
            panic!("{kind}")
        };
        assert!(is(&present).enabled && is(&present).version.is_some(), "{kind}: {present:?}");
        scene.data("DELETE", KV, &format!("/{kind}/{name}"), Value::Null).await;
        let World::VaultObject { object: Known::Absent, deleted } = scene.look(&Subject::VaultObject(object.clone())).await else {
            panic!("{kind}")
        };
        assert!(is(&deleted).purge_at > is(&deleted).deleted_at, "{kind}: {deleted:?}");
        scene.make(&Change::RecoverObject { object: object.clone() }).await;
        let World::VaultObject { object: after, .. } = scene.look(&Subject::VaultObject(object)).await else { panic!("{kind}") };
        assert_eq!(is(&after), is(&present), "{kind}");
    }
    scene.keeps_to_contracts();
}

#[tokio::test]
async fn what_takes_time_to_come_back_is_waited_for() {
    let delay = std::time::Duration::from_secs(1);
    let scene = Scene::new(Options { object_recovery_delay: delay, ..Options::default() }).await;
    scene.data("DELETE", KV, "/keys/logs", Value::Null).await;
    scene.make(&Change::RecoverObject { object: vault().child("keys", "logs") }).await;
}

#[tokio::test]
async fn a_key_is_enabled_and_rotates_again() {
    let scene = scene().await;
    let key = vault().child("keys", "logs");
    scene.data("PATCH", KV, "/keys/logs", json!({ "attributes": { "enabled": false } })).await;
    let World::VaultObject { object, .. } = scene.look(&Subject::VaultObject(key.clone())).await else { panic!() };
    assert!(!is(&object).enabled);
    scene.make(&Change::EnableKey { key: key.clone(), version: is(&object).version }).await;
    let policy = RotationPolicy {
        rotate_after: Some("P18M".to_owned()),
        rotate_before_expiry: None,
        notify_before_expiry: Some("P30D".to_owned()),
        expires_after: Some("P2Y".to_owned()),
    };
    scene.make(&Change::PutRotationPolicy { key: key.clone(), policy: policy.clone() }).await;
    let World::RotationPolicy { rotation, .. } = scene.look(&Subject::RotationPolicy(key)).await else { panic!() };
    assert_eq!(is(&rotation), policy);
    scene.keeps_to_contracts();
}

#[tokio::test]
async fn log_storage_comes_under_the_key_in_the_order_that_locks_nobody_out() {
    let scene = Scene::new(Options { role_propagation: std::time::Duration::from_mins(5), ..Options::default() }).await;
    let World::LogEncryption { account: before, approved, .. } = scene.look(&Subject::LogEncryption(account())).await else { panic!() };
    assert!(!is(&before).customer_managed);
    let approved = is(&approved);
    assert_eq!((is(&approved.identity_may_use_key), is(&approved.object).enabled), (false, true));
    let key = KeyReference { version: None, ..approved.key };
    let source = Change::SetKeySource { account: account(), key: key.clone(), identity: identity() };
    let assign = Change::AssignIdentity { account: account(), identity: identity(), identities: vec![identity()], system_identity: false };
    scene.make(&assign).await;
    scene.make(&Change::GrantKeyUse { vault: vault(), principal_id: is(&approved.identity_principal) }).await;
    let refused = scene.refused(&source).await;
    assert_eq!(refused.disposition(), Disposition::Retryable, "{refused}");
    scene.sandbox.advance_clock(std::time::Duration::from_mins(6));
    scene.make(&source).await;
    let World::LogEncryption { account: after, present_identity_may_use_key, .. } = scene.look(&Subject::LogEncryption(account())).await
    else {
        panic!()
    };
    assert_eq!((is(&after).key, is(&after).key_identity), (Some(key), Some(identity())));
    assert!(is(&present_identity_may_use_key));
    scene.keeps_to_contracts();
}

#[tokio::test]
async fn soft_delete_of_blobs_is_switched_on_beside_what_is_there() {
    let scene = scene().await;
    let path = format!("{}/blobServices/default", account());
    let off = json!({ "properties": { "deleteRetentionPolicy": { "enabled": false }, "isVersioningEnabled": false, "changeFeed": { "enabled": true } } });
    scene.arm("PUT", &path, STORAGE, off).await;
    let World::StorageProtection { service, .. } = scene.look(&Subject::StorageProtection(account())).await else { panic!() };
    let service = is(&service);
    assert_eq!((service.delete_retention_days, service.versioning), (None, false));
    let mut properties = service.properties;
    properties["deleteRetentionPolicy"] = json!({ "enabled": true, "days": 30 });
    properties["isVersioningEnabled"] = json!(true);
    scene.make(&Change::PutBlobService { account: account(), properties, what: vec!["versions".to_owned()] }).await;
    let after = scene.arm("GET", &path, STORAGE, Value::Null).await;
    assert_eq!(after.pointer("/properties/changeFeed/enabled"), Some(&json!(true)), "{after}");
    scene.keeps_to_contracts();
}

#[tokio::test]
async fn a_deleted_container_is_seen_with_the_version_that_can_be_restored() {
    let scene = scene().await;
    scene.arm("DELETE", container().as_str(), STORAGE, Value::Null).await;
    let World::AuditContainer { container: Known::Absent, deleted_version, .. } = scene.look(&Subject::AuditContainer(container())).await
    else {
        panic!()
    };
    assert!(!is(&deleted_version).is_empty());
    scene.keeps_to_contracts();
}

#[tokio::test]
async fn a_container_is_made_immutable_for_longer_and_locked() {
    let scene = scene().await;
    scene.make(&Change::PutImmutabilityPolicy { container: container(), days: 30, etag: None }).await;
    let World::AuditContainer { immutability, .. } = scene.look(&Subject::AuditContainer(container())).await else { panic!() };
    let policy = is(&immutability);
    assert_eq!((policy.days, policy.locked, policy.append_allowed), (30, false, true));
    scene.make(&Change::PutImmutabilityPolicy { container: container(), days: 60, etag: Some(policy.etag.clone()) }).await;
    let stale = Change::PutImmutabilityPolicy { container: container(), days: 61, etag: Some(policy.etag) };
    assert_eq!(scene.refused(&stale).await.disposition(), Disposition::LookAgain);
    scene.make(&Change::LockImmutabilityPolicy { container: container(), etag: None }).await;
    let World::AuditContainer { immutability, .. } = scene.look(&Subject::AuditContainer(container())).await else { panic!() };
    assert!(is(&immutability).locked);
    scene.make(&Change::ExtendImmutabilityPolicy { container: container(), days: 90, etag: is(&immutability).etag }).await;
    let other = id(&format!("{}/blobServices/default/containers/insights-logs-postgresqllogs", account()));
    scene.make(&Change::CreateContainer { container: other }).await;
    scene.keeps_to_contracts();
}

#[tokio::test]
async fn database_auditing_is_switched_on() {
    let scene = scene().await;
    let sql = in_group("Microsoft.Sql/servers/sql1");
    scene.arm("PUT", sql.as_str(), "2023-08-01", json!({ "location": "westeurope", "properties": {} })).await;
    let World::DatabaseAuditing { sql: auditing, .. } = scene.look(&Subject::DatabaseAuditing(sql.clone())).await else { panic!() };
    assert!(!auditing.value().is_some_and(|auditing| auditing.enabled));
    let properties = json!({
        "state": "Enabled", "storageEndpoint": "https://stlogs01.blob.core.windows.net", "retentionDays": 90, "isManagedIdentityInUse": true,
        "auditActionsAndGroups": ["BATCH_COMPLETED_GROUP"],
    });
    scene.make(&Change::PutSqlAuditing { server: sql.clone(), properties }).await;
    let World::DatabaseAuditing { sql: auditing, .. } = scene.look(&Subject::DatabaseAuditing(sql)).await else { panic!() };
    assert!(is(&auditing).enabled && is(&auditing).by_identity);
    for (kind, version, name, value) in [
        ("Microsoft.DBforPostgreSQL/flexibleServers/pg1", "2022-12-01", "log_connections", "on"),
        ("Microsoft.DBforMySQL/flexibleServers/my1", "2023-06-30", "audit_log_enabled", "ON"),
    ] {
        let server = in_group(kind);
        scene.arm("PUT", server.as_str(), version, json!({ "location": "westeurope", "properties": {} })).await;
        let off = json!({ "properties": { "value": "OFF", "source": "user-override" } });
        scene.arm("PUT", &format!("{server}/configurations/{name}"), version, off).await;
        let World::DatabaseAuditing { parameters, settings, .. } = scene.look(&Subject::DatabaseAuditing(server.clone())).await else {
            panic!()
        };
        assert!(is(&parameters).iter().any(|parameter| parameter.name == name && parameter.value.eq_ignore_ascii_case("off")));
        assert!(is(&settings).is_empty());
        scene.make(&Change::PutServerParameter { server, name: name.to_owned(), value: value.to_owned() }).await;
    }
    scene.keeps_to_contracts();
}

#[tokio::test]
async fn auditing_by_an_access_key_is_left_alone_until_the_identity_may_write() {
    let scene = scene().await;
    let sql = in_group("Microsoft.Sql/servers/sql1");
    let body = json!({ "location": "westeurope", "identity": { "type": "SystemAssigned" }, "properties": {} });
    let principal = scene.arm("PUT", sql.as_str(), "2023-08-01", body).await["identity"]["principalId"].clone();
    let endpoint = "https://stlogs01.blob.core.windows.net";
    let by_key =
        json!({ "properties": { "state": "Enabled", "storageEndpoint": endpoint, "storageAccountAccessKey": "a2V5", "retentionDays": 1 } });
    scene.arm("PUT", &format!("{sql}/auditingSettings/default"), "2023-08-01", by_key).await;
    let look = async || {
        let subject = Subject::DatabaseAuditing(sql.clone());
        let World::DatabaseAuditing { sql: auditing, identity_may_write, .. } = scene.look(&subject).await else { panic!() };
        (is(&auditing).works_by_key(), is(&identity_may_write))
    };
    assert_eq!(look().await, (true, false));
    let properties = json!({ "state": "Enabled", "storageEndpoint": endpoint, "retentionDays": 90, "isManagedIdentityInUse": true });
    let change = Change::PutSqlAuditing { server: sql.clone(), properties };
    assert_eq!(scene.refused(&change).await.disposition(), Disposition::LookAgain);
    assert_eq!(look().await, (true, false));
    let role = account().extension("Microsoft.Authorization", "roleAssignments", "33333333-3333-3333-3333-333333333333");
    let definition = format!("{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/ba92f5b4-2d11-453d-a403-e96b0029c9fe");
    let body = json!({ "properties": { "roleDefinitionId": definition, "principalId": principal, "principalType": "ServicePrincipal" } });
    scene.arm("PUT", role.as_str(), "2022-04-01", body).await;
    assert_eq!(look().await, (true, true));
    scene.make(&change).await;
    assert_eq!(look().await, (false, true));
    scene.keeps_to_contracts();
}

#[tokio::test]
async fn settings_alerts_and_the_action_group_are_put_back() {
    let scene = scene().await;
    let group = in_group("Microsoft.Insights/actionGroups/security");
    let body = json!({ "location": "Global", "properties": { "groupShortName": "sec", "enabled": false,
        "emailReceivers": [{ "name": "a", "emailAddress": "a@example.com" }] } });
    scene.arm("PUT", group.as_str(), "2023-01-01", body).await;
    let subject = Subject::Alerts(id(SUBSCRIPTION).subscription());
    let World::Alerts { subscription, settings, alerts, group: found } = scene.look(&subject).await else { panic!() };
    assert!(is(&subscription).is_empty() && is(&alerts).is_empty() && !is(&found).enabled && is(&found).receivers == 1);
    assert_eq!(is(&settings).len(), 1);
    scene.make(&Change::EnableActionGroup { group: group.clone() }).await;
    let World::Alerts { group: found, .. } = scene.look(&subject).await else { panic!() };
    let kept = is(&found).kept.unwrap();
    scene.arm("DELETE", group.as_str(), "2023-01-01", Value::Null).await;
    scene.make(&Change::RestoreActionGroup { group: group.clone(), body: kept.body.clone() }).await;
    let World::Alerts { group: found, .. } = scene.look(&subject).await else { panic!() };
    assert_eq!((is(&found).enabled, is(&found).receivers, is(&found).kept), (true, 1, Some(kept)));
    let alert = in_group("Microsoft.Insights/activityLogAlerts/Reprieve-VaultDeleted");
    let properties = json!({
        "scopes": [SUBSCRIPTION], "enabled": true, "description": "a vault was deleted",
        "condition": { "allOf": [
            { "field": "category", "equals": "Administrative" }, { "field": "operationName", "equals": "Microsoft.KeyVault/vaults/delete" },
        ] },
        "actions": { "actionGroups": [{ "actionGroupId": group }] },
    });
    let put = Change::PutActivityLogAlert { alert: alert.clone(), properties: properties.clone() };
    scene.make(&put).await;
    let mut narrowed = properties;
    narrowed["condition"]["allOf"].as_array_mut().unwrap().push(json!({ "field": "status", "equals": "Failed" }));
    scene.arm("PUT", alert.as_str(), "2020-10-01", json!({ "location": "Global", "tags": { "a": "b" }, "properties": narrowed })).await;
    let World::Alerts { alerts, .. } = scene.look(&subject).await else { panic!() };
    assert!(is(&alerts)[0].is_narrowed);
    scene.make(&put).await;
    let World::Alerts { alerts, .. } = scene.look(&subject).await else { panic!() };
    assert!(!is(&alerts)[0].is_narrowed && is(&alerts)[0].enabled);
    let setting = vault().extension("Microsoft.Insights", "diagnosticSettings", "reprieve");
    let logs = json!([{ "categoryGroup": "audit", "enabled": true }]);
    let workspace = in_group("Microsoft.OperationalInsights/workspaces/somebodys");
    let led_astray = json!({ "properties": { "workspaceId": workspace, "logs": logs } });
    scene.arm("PUT", setting.as_str(), "2021-05-01-preview", led_astray).await;
    let properties = json!({ "storageAccountId": account(), "logs": logs });
    scene.make(&Change::PutDiagnosticSetting { setting, properties }).await;
    let World::VaultLogging { settings, .. } = scene.look(&Subject::VaultLogging(vault())).await else { panic!() };
    assert!(is(&settings)[0].writes("AuditEvent", &["audit"]));
    assert_eq!((&is(&settings)[0].storage, &is(&settings)[0].workspace), (&Some(account()), &None));
    scene.keeps_to_contracts();
}

#[tokio::test]
async fn everything_there_is_to_keep_is_found() {
    let scene = scene().await;
    let sql = in_group("Microsoft.Sql/servers/sql1");
    scene.arm("PUT", sql.as_str(), "2023-08-01", json!({ "location": "westeurope", "properties": {} })).await;
    let auditing = json!({ "properties": { "state": "Enabled", "storageEndpoint": "https://stlogs01.blob.core.windows.net", "isManagedIdentityInUse": true } });
    scene.arm("PUT", &format!("{sql}/auditingSettings/default"), "2023-08-01", auditing).await;
    scene.data("POST", KV, "/keys/old/create", json!({ "kty": "RSA" })).await;
    scene.data("DELETE", KV, "/keys/old", Value::Null).await;
    let gone = in_group("Microsoft.KeyVault/vaults/kv-gone");
    let tenant_id = scene.sandbox.tenant().tenant_id.clone();
    let body = json!({ "location": "westeurope", "properties": { "tenantId": tenant_id, "sku": { "family": "A", "name": "standard" }, "enableRbacAuthorization": true } });
    scene.arm("PUT", gone.as_str(), KEY_VAULT, body).await;
    scene.arm("DELETE", gone.as_str(), KEY_VAULT, Value::Null).await;
    let found = scene.control.discover().await;
    assert_eq!(found.unreadable, Vec::<String>::new());
    let subjects: Vec<String> = found.subjects.iter().map(|seen| seen.what.key()).collect();
    let key = |name: &str| vault().child("keys", name);
    for subject in [
        Subject::VaultProtection(vault()),
        Subject::Vault(vault()),
        Subject::VaultLogging(vault()),
        Subject::Vault(gone),
        Subject::VaultObject(key("logs")),
        Subject::RotationPolicy(key("logs")),
        Subject::VaultObject(key("old")),
        Subject::StorageProtection(account()),
        Subject::LogEncryption(account()),
        Subject::AuditContainer(container()),
        Subject::DatabaseAuditing(sql),
        Subject::Alerts(id(GROUP).subscription()),
    ] {
        assert!(subjects.contains(&subject.key()), "{} is not among {subjects:#?}", subject.key());
    }
    assert_eq!(found.uses(&account()).len(), 3);
    scene.keeps_to_contracts();
}

#[tokio::test]
async fn the_activity_log_says_who_deleted_a_vault() {
    let scene = scene().await;
    scene.arm("DELETE", vault().as_str(), KEY_VAULT, Value::Null).await;
    let now = scene.sandbox.tenant().now();
    let calls = scene.control.last_calls(&Subject::Vault(vault()), now).await.unwrap();
    let event = calls.first().unwrap();
    assert!(event.name.eq_ignore_ascii_case("Microsoft.KeyVault/vaults/delete"), "{event:?}");
    assert!(event.actor.is_known());
    assert_eq!(scene.control.last_calls(&Subject::VaultObject(vault().child("keys", "logs")), now).await, Ok(Vec::new()));
    scene.keeps_to_contracts();
}

#[tokio::test]
async fn a_case_is_kept_in_blobs_until_it_is_closed() {
    let scene = scene().await;
    let ledger = id(&format!("{}/blobServices/default/containers/reprieve-ledger", account()));
    scene.arm("PUT", ledger.as_str(), STORAGE, json!({ "properties": {} })).await;
    let store = BlobStore::new(&scene.connection, &StorageAccount::parse("stlogs01").unwrap(), "reprieve-ledger").unwrap();
    let ledger = BlobLedger::new(store, std::time::Duration::from_mins(1));
    let subject = Subject::Vault(vault());
    scene.arm("DELETE", vault().as_str(), KEY_VAULT, Value::Null).await;
    let now = scene.sandbox.tenant().now();
    let event = scene.control.last_calls(&subject, now).await.unwrap().remove(0);
    let case = Case {
        event,
        opened_at: now,
        stands: false,
        recovering: true,
        found: None,
        seen_at: None,
        explained_until: None,
        told: Vec::new(),
        untold: Vec::new(),
    };
    for _ in 0..2 {
        ledger.keep_case(&subject, Some(&case)).await.unwrap();
        assert_eq!(ledger.open_cases().await, Ok(vec![subject.clone()]));
        assert_eq!(ledger.recall(&subject).await.unwrap().case, Some(case.clone()));
        ledger.keep_case(&subject, None).await.unwrap();
        assert_eq!(ledger.open_cases().await, Ok(Vec::new()));
        assert_eq!(ledger.recall(&subject).await.unwrap().case, None);
    }
    let found = Discovery::default();
    ledger.keep_discovery(&found).await.unwrap();
    ledger.keep_discovery(&found).await.unwrap();
    assert_eq!(ledger.discovery().await, Ok(found));
}

fn fault(contains: &str, status: u16, code: &str) -> Fault {
    let on = FaultTarget::Path { method: "GET".to_owned(), contains: contains.to_owned() };
    Fault::times(on, u64::MAX, FaultAnswer::Error { status, code: code.to_owned() })
}

#[tokio::test]
async fn what_may_not_be_read_is_said_and_never_taken_for_missing() {
    let scene = scene().await;
    scene.sandbox.inject(fault("/vaults/kv-prod?", 403, "AuthorizationFailed"));
    scene.sandbox.inject(fault("/vaults/kv-prod/providers/microsoft.insights", 403, "AuthorizationFailed"));
    scene.sandbox.inject(fault("/providers/microsoft.keyvault/deletedvaults", 403, "AuthorizationFailed"));
    let World::VaultLogging { settings: Known::Unreadable(reason), .. } = scene.look(&Subject::VaultLogging(vault())).await else {
        panic!()
    };
    assert!(reason.contains("AuthorizationFailed"), "{reason}");
    let found = scene.control.discover().await;
    assert_eq!(found.unreadable.len(), 2, "{:#?}", found.unreadable);
    assert!(found.subjects.iter().any(|seen| seen.what == Subject::VaultProtection(vault())));
}

#[tokio::test]
async fn a_subject_that_cannot_be_looked_at_for_now_is_an_error() {
    let scene = scene().await;
    scene.sandbox.inject(fault("/providers/microsoft.keyvault/vaults/kv-prod", 503, "ServiceUnavailable"));
    let error = scene.control.observe(&Subject::VaultProtection(vault()), &Discovery::default()).await.unwrap_err();
    assert_eq!(error.disposition(), Disposition::Retryable);
    // The vault of the log key is not what is looked at here.
    let World::LogEncryption { approved, .. } = scene.look(&Subject::LogEncryption(account())).await else { panic!() };
    assert!(matches!(is(&approved).vault, Known::Unreadable(_)));
}

#[tokio::test]
async fn a_deleted_managed_hsm_is_recovered() {
    let scene = scene().await;
    let hsm = in_group("Microsoft.KeyVault/managedHSMs/hsm1");
    let owner = scene.sandbox.owner();
    let tenant_id = scene.sandbox.tenant().tenant_id.clone();
    let body = json!({ "location": "westeurope", "sku": { "family": "B", "name": "Standard_B1" }, "properties": {
        "tenantId": tenant_id, "initialAdminObjectIds": [owner.object_id()], "enableSoftDelete": true, "softDeleteRetentionInDays": 7,
    } });
    scene.arm("PUT", hsm.as_str(), KEY_VAULT, body).await;
    let World::Vault { vault: before, .. } = scene.look(&Subject::Vault(hsm.clone())).await else { panic!() };
    assert!(is(&before).soft_delete && !is(&before).purge_protection);
    scene.arm("DELETE", hsm.as_str(), KEY_VAULT, Value::Null).await;
    let World::Vault { vault: Known::Absent, deleted, .. } = scene.look(&Subject::Vault(hsm.clone())).await else { panic!() };
    let location = is(&deleted).location;
    scene.make(&Change::RecoverVault { vault: hsm.clone(), location: location.clone(), tenant_id: None, sku: Some(is(&before).sku) }).await;
    scene.make(&Change::PatchVault { vault: hsm, location, soft_delete: false, purge_protection: true }).await;
    scene.keeps_to_contracts();
}

//! Changes against scripted answers: what is sent, what is not, and what refusals mean.

use std::sync::Arc;

use reprieve_core::azure::world::Companion;
use reprieve_core::azure::{Desired, KeyReference, PurgeProtection};
use reprieve_engine::{Disposition, TenantControl as _};

use super::*;
use crate::scripted::{Scripted, ScriptedHttp, empty, json as answer, refused};

const ACCOUNT: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/stlogs";
const VAULT: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv";

fn id(text: &str) -> ResourceId {
    ResourceId::parse(text).unwrap()
}

fn container() -> ResourceId {
    id(&format!("{ACCOUNT}/blobServices/default/containers/sqldbauditlogs"))
}

fn desired() -> Desired {
    Desired {
        subscriptions: [id(ACCOUNT).subscription()].into(),
        purge_protection: PurgeProtection::Off,
        soft_delete_days: 30,
        immutability_days: 90,
        lock_immutability: false,
        allowed_vaults: [id(VAULT)].into(),
        log_key: None,
        log_identity: None,
        log_storage: None,
        audit_route: None,
        action_group: None,
        alerts_group: None,
    }
}

fn control_of(http: &Arc<ScriptedHttp>) -> AzureControl {
    AzureControl::new(&http.connection(), desired(), "11111111-2222-3333-4444-555555555555")
}

fn control(answers: impl IntoIterator<Item = Scripted>) -> (AzureControl, Arc<ScriptedHttp>) {
    let http = ScriptedHttp::playing(answers);
    (control_of(&http), http)
}

fn missing() -> Scripted {
    refused(404, "ResourceNotFound")
}

#[tokio::test]
async fn a_deleted_container_is_restored_by_the_blob_service() {
    let (control, http) = control([refused(404, "ContainerNotFound"), empty(201)]);
    control.apply(&Change::RestoreContainer { container: container(), version: "01DA".to_owned() }).await.unwrap();
    let asked = http.asked().remove(1);
    assert_eq!(asked.line, "PUT https://stlogs.blob.core.windows.net/sqldbauditlogs?restype=container&comp=undelete");
    assert_eq!(asked.header("x-ms-deleted-container-name"), Some("sqldbauditlogs"));
    assert_eq!(asked.header("x-ms-deleted-container-version"), Some("01DA"));
    assert_eq!(asked.header("authorization"), Some("Bearer https://storage.azure.com/.default"));
}

#[tokio::test]
async fn a_container_that_is_back_already_is_left_alone() {
    let (control, http) = control([answer(200, &json!({"id": container(), "properties": {}}))]);
    control.apply(&Change::RestoreContainer { container: container(), version: "01DA".to_owned() }).await.unwrap();
    assert_eq!(http.lines().len(), 1);
}

#[tokio::test]
async fn a_pinned_version_is_taken_off_so_that_rotation_is_followed() {
    let pinned = json!({"location": "x", "properties": {"encryption": {
        "keySource": "Microsoft.Keyvault",
        "keyvaultproperties": {"keyname": "logs", "keyvaulturi": "https://kv.vault.azure.net", "keyversion": "01"},
    }}});
    let (control, http) = control([answer(200, &pinned), answer(200, &json!({}))]);
    let key = KeyReference::parse("https://kv.vault.azure.net/keys/logs").unwrap();
    let identity = id("/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/logs");
    control.apply(&Change::SetKeySource { account: id(ACCOUNT), key, identity }).await.unwrap();
    let sent = http.asked().remove(1).json();
    assert_eq!(sent.pointer("/properties/encryption/keyvaultproperties/keyversion"), Some(&json!("")), "{sent}");
}

#[tokio::test]
async fn what_is_gone_is_not_made_anew() {
    let gone = [
        Change::PatchVault { vault: id(VAULT), location: "x".to_owned(), soft_delete: true, purge_protection: true },
        Change::PutBlobService { account: id(ACCOUNT), properties: json!({}), what: Vec::new() },
        Change::LockImmutabilityPolicy { container: container(), etag: None },
        Change::EnableActionGroup { group: id("/subscriptions/s/resourceGroups/g/providers/Microsoft.Insights/actionGroups/a") },
        Change::GrantKeyUse { vault: id(VAULT), principal_id: "p".to_owned() },
    ];
    for change in gone {
        let (control, http) = control([missing()]);
        let error = control.apply(&change).await.unwrap_err();
        assert!(matches!(error, CallError::NotFound { .. }), "{change}: {error}");
        assert!(http.lines().iter().all(|line| line.starts_with("GET ")), "{change}");
    }
}

#[tokio::test]
async fn a_policy_that_was_locked_meanwhile_is_looked_at_again() {
    let locked =
        json!({"properties": {"immutabilityPeriodSinceCreationInDays": 30, "state": "Locked", "allowProtectedAppendWrites": true}});
    let (control, http) = control([answer(200, &locked).with("etag", "\"2\"")]);
    let change = Change::PutImmutabilityPolicy { container: container(), days: 90, etag: Some("\"1\"".to_owned()) };
    assert_eq!(control.apply(&change).await.unwrap_err().disposition(), Disposition::LookAgain);
    assert_eq!(http.lines().len(), 1);
}

#[tokio::test]
async fn a_retention_that_somebody_lengthened_is_not_shortened() {
    let longer =
        json!({"properties": {"immutabilityPeriodSinceCreationInDays": 400, "state": "Unlocked", "allowProtectedAppendWrites": false}});
    let (control, http) = control([answer(200, &longer).with("etag", "\"2\""), answer(200, &json!({}))]);
    control.apply(&Change::PutImmutabilityPolicy { container: container(), days: 90, etag: None }).await.unwrap();
    let sent = http.asked().remove(1);
    assert_eq!(sent.json().pointer("/properties/immutabilityPeriodSinceCreationInDays"), Some(&json!(400)));
    assert_eq!(sent.header("if-match"), Some("\"2\""));
}

#[tokio::test]
async fn a_managed_hsm_is_patched_and_recovered_in_its_own_shape() {
    let hsm = id("/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/managedHSMs/hsm");
    let (patching, http) = control([answer(200, &json!({"location": "westeurope", "properties": {}})), answer(200, &json!({}))]);
    let patch = Change::PatchVault { vault: hsm.clone(), location: "westeurope".to_owned(), soft_delete: true, purge_protection: true };
    patching.apply(&patch).await.unwrap();
    assert_eq!(http.asked().remove(1).json(), json!({"location": "westeurope", "properties": {"enablePurgeProtection": true}}));
    let (recovering, http) = control([missing(), answer(200, &json!({}))]);
    let recover = Change::RecoverVault { vault: hsm, location: "westeurope".to_owned(), tenant_id: None, sku: None };
    recovering.apply(&recover).await.unwrap();
    let sent = json!({
        "location": "westeurope", "sku": {"family": "B", "name": "Standard_B1"},
        "properties": {"tenantId": "11111111-2222-3333-4444-555555555555", "createMode": "recover"},
    });
    assert_eq!(http.asked().remove(1).json(), sent);
}

fn sql_server() -> ResourceId {
    id("/subscriptions/s/resourceGroups/g/providers/Microsoft.Sql/servers/sql")
}

/// Auditing that is wanted by the server's identity, and what Azure shows of auditing that works by an access key.
fn auditing() -> (Change, Value) {
    let wanted = json!({"state": "Enabled", "storageEndpoint": "https://stlogs.blob.core.windows.net", "isManagedIdentityInUse": true});
    let by_key = json!({"properties": {
        "state": "Enabled", "storageEndpoint": "https://stlogs.blob.core.windows.net/", "isManagedIdentityInUse": false,
        "storageAccountSubscriptionId": "00000000-0000-0000-0000-000000000000", "retentionDays": 1,
    }});
    (Change::PutSqlAuditing { server: sql_server(), properties: wanted }, by_key)
}

fn role_on(scope: &str) -> Value {
    let role = "/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/ba92f5b4-2d11-453d-a403-e96b0029c9fe";
    json!({"value": [{"properties": {"scope": scope, "principalId": "p", "roleDefinitionId": role}}]})
}

#[tokio::test]
async fn an_access_key_is_taken_away_only_where_the_identity_may_write_in_its_place() {
    let (nobody, somebody) = (json!({"location": "x"}), json!({"location": "x", "identity": {"principalId": "p"}}));
    let other = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/stother";
    for (server, account, roles, expected) in [
        (&nobody, ACCOUNT, role_on(ACCOUNT), Err(Disposition::LookAgain)),
        (&somebody, ACCOUNT, json!({"value": []}), Err(Disposition::LookAgain)),
        (&somebody, ACCOUNT, role_on(&format!("{ACCOUNT}/blobServices/default/containers/other")), Err(Disposition::LookAgain)),
        (&somebody, other, role_on("/subscriptions/s"), Err(Disposition::Permanent)),
        (&somebody, ACCOUNT, role_on(ACCOUNT), Ok(())),
        (&somebody, ACCOUNT, role_on("/subscriptions/s"), Ok(())),
    ] {
        let (change, by_key) = auditing();
        let (server, accounts) = (server.clone(), json!({"value": [{"id": other}, {"id": account}]}));
        let http = ScriptedHttp::answering(move |line| {
            if line.starts_with("PUT ") {
                empty(200)
            } else if line.contains("/auditingSettings/") {
                answer(200, &by_key)
            } else if line.contains("/roleAssignments") {
                answer(200, &roles)
            } else if line.contains("/storageAccounts") {
                answer(200, &accounts)
            } else {
                answer(200, &server)
            }
        });
        let outcome = control_of(&http).apply(&change).await.map_err(|error| error.disposition());
        assert_eq!(outcome, expected, "{:?}", http.lines());
        assert_eq!(http.lines().iter().any(|line| line.starts_with("PUT ")), expected.is_ok(), "{:?}", http.lines());
    }
}

#[tokio::test]
async fn a_subscription_goes_with_its_storage_account_and_zeros_are_no_subscription() {
    let zeros = "00000000-0000-0000-0000-000000000000";
    let named = "00000000-0000-4000-8000-000000000001";
    for (endpoint, said, sent) in [
        ("", zeros, None),
        ("https://stlogs.blob.core.windows.net", zeros, None),
        ("https://stlogs.blob.core.windows.net", named, Some(named)),
        ("https://stother.blob.core.windows.net", named, None),
    ] {
        let present = json!({"properties": {
            "state": "Disabled", "storageEndpoint": endpoint, "storageAccountSubscriptionId": said, "queueDelayMs": 4000,
        }});
        let (control, http) = control([answer(200, &present), answer(200, &json!({}))]);
        control.apply(&auditing().0).await.unwrap();
        let properties = http.asked().remove(1).json()["properties"].clone();
        assert_eq!(properties.get("storageAccountSubscriptionId").and_then(Value::as_str), sent, "{endpoint} {said}");
        assert_eq!(properties["queueDelayMs"], json!(4000), "{endpoint} {said}");
    }
}

fn setting(name: &str) -> ResourceId {
    id(VAULT).extension("Microsoft.Insights", "diagnosticSettings", name)
}

/// A workspace that this deployment does not name.
const WORKSPACE: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/evil";

#[tokio::test]
async fn our_setting_names_no_destination_that_nobody_asked_for() {
    let logs = json!([{"categoryGroup": "audit", "enabled": true}]);
    let metrics = json!([{"category": "AllMetrics", "enabled": true}]);
    let whole = json!({"storageAccountId": ACCOUNT, "logs": logs});
    let led_astray = json!({
        "storageAccountId": null, "workspaceId": WORKSPACE, "eventHubAuthorizationRuleId": "/r", "eventHubName": "h",
        "marketplacePartnerId": "/p", "serviceBusRuleId": "/b", "logs": [], "metrics": metrics,
    });
    let shared = json!({"storageAccountId": ACCOUNT, "workspaceId": WORKSPACE, "logs": logs});
    let mended = json!({"storageAccountId": ACCOUNT, "logs": logs, "metrics": metrics});
    for (present, sent) in [(led_astray, Some(mended)), (shared, Some(whole.clone())), (whole.clone(), None)] {
        let (control, http) = control([answer(200, &json!({ "properties": present })), answer(200, &json!({}))]);
        control.apply(&Change::PutDiagnosticSetting { setting: setting("reprieve"), properties: whole.clone() }).await.unwrap();
        let put = http.asked().into_iter().find(|asked| asked.line.starts_with("PUT ")).map(|asked| asked.json());
        assert_eq!(put, sent.map(|properties| json!({ "properties": properties })), "{present}");
    }
}

#[tokio::test]
async fn a_setting_that_led_to_somebody_elses_is_told_with_what_a_human_can_do() {
    let (control, _http) = control([missing(), refused(403, "LinkedAuthorizationFailed")]);
    let companion = Companion { id: setting("corp"), properties: json!({ "workspaceId": WORKSPACE, "logs": [] }) };
    let error = control.apply(&Change::RestoreCompanion { companion }).await.unwrap_err();
    assert_eq!(error.disposition(), Disposition::Permanent);
    let told = error.to_string();
    assert!(told.contains("make it again by hand, or grant what Azure names") && told.contains("the words of Azure"), "{told}");
}

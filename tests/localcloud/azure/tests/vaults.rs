//! What vaults and Managed HSMs go through in ARM, row by row.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails where it stands")]

mod asking;

use std::time::Duration;

use asking::{ARM, GROUP, Row, SUBSCRIPTION, arm, ask, ask_for_group, data, play, try_ask};
use reprieve_azure_sandbox::{Options, PrincipalKind, Sandbox};
use serde_json::{Value, json};

const DAY: Duration = Duration::from_hours(24);

fn vault() -> String {
    format!("{GROUP}/providers/Microsoft.KeyVault/vaults/kv-prod")
}

fn deleted(kind: &str, name: &str) -> String {
    format!("{SUBSCRIPTION}/providers/Microsoft.KeyVault/locations/westeurope/{kind}/{name}")
}

fn body(sandbox: &Sandbox, properties: &Value) -> Value {
    let mut all =
        json!({ "tenantId": sandbox.tenant().tenant_id, "sku": { "family": "A", "name": "standard" }, "enableRbacAuthorization": true });
    for (name, value) in properties.as_object().into_iter().flatten() {
        all[name] = value.clone();
    }
    json!({ "location": "westeurope", "tags": { "owner": "logs" }, "properties": all })
}

fn patch(properties: &Value) -> Value {
    json!({ "properties": properties })
}

async fn started(options: Options) -> Sandbox {
    let sandbox = Sandbox::start(options).await.unwrap();
    ask_for_group(&sandbox).await;
    sandbox
}

#[tokio::test]
async fn protection_that_is_on_cannot_be_turned_off() {
    let sandbox = started(Options::default()).await;
    let rows = vec![
        arm("PUT", &vault(), body(&sandbox, &json!({ "softDeleteRetentionInDays": 6 })), 400, "BadRequest"),
        arm("PUT", &vault(), body(&sandbox, &json!({ "enableSoftDelete": false })), 400, "BadRequest"),
        arm("PUT", &vault(), body(&sandbox, &json!({ "softDeleteRetentionInDays": 7 })), 201, ""),
        arm("PATCH", &vault(), patch(&json!({ "enableSoftDelete": false })), 400, "BadRequest"),
        arm("PATCH", &vault(), patch(&json!({ "softDeleteRetentionInDays": 90 })), 400, "BadRequest"),
        arm("PATCH", &vault(), patch(&json!({ "enablePurgeProtection": true })), 200, ""),
        arm("PATCH", &vault(), patch(&json!({ "enablePurgeProtection": false })), 400, "BadRequest"),
        arm("PUT", &vault(), body(&sandbox, &json!({})), 200, ""),
        arm("GET", &vault(), Value::Null, 200, ""),
    ];
    let answers = play(&sandbox, &sandbox.owner(), rows).await;
    assert_eq!(answers[8].at("/properties/enablePurgeProtection"), json!(true));
}

#[tokio::test]
async fn a_deleted_vault_comes_back_with_its_properties_and_tags() {
    let sandbox = started(Options::default()).await;
    let recover = body(&sandbox, &json!({ "createMode": "recover" }));
    let rows = vec![
        arm("PUT", &vault(), body(&sandbox, &json!({ "enablePurgeProtection": true, "softDeleteRetentionInDays": 30 })), 201, ""),
        arm("DELETE", &vault(), Value::Null, 200, ""),
        arm("GET", &vault(), Value::Null, 404, "ResourceNotFound"),
        arm("DELETE", &vault(), Value::Null, 204, ""),
        arm("GET", &deleted("deletedVaults", "kv-prod"), Value::Null, 200, ""),
        arm("PUT", &vault(), body(&sandbox, &json!({})), 409, "ConflictError"),
        arm("POST", &format!("{}/purge", deleted("deletedVaults", "kv-prod")), Value::Null, 405, "MethodNotAllowed"),
        arm("PUT", &vault(), recover.clone(), 200, ""),
        arm("PUT", &vault(), recover, 404, "DeletedVaultNotFound"),
    ];
    let answers = play(&sandbox, &sandbox.owner(), rows).await;
    assert_eq!(answers[4].at("/properties/tags/owner"), json!("logs"));
    assert_eq!(answers[7].at("/properties/softDeleteRetentionInDays"), json!(30));
    assert_eq!(answers[7].at("/tags/owner"), json!("logs"));
}

#[tokio::test]
async fn recovery_restores_neither_role_assignments_nor_diagnostic_settings() {
    let sandbox = started(Options::default()).await;
    let guard = sandbox.principal(PrincipalKind::ManagedIdentity, "guard");
    let role = format!("{}/providers/Microsoft.Authorization/roleAssignments/11111111-1111-1111-1111-111111111111", vault());
    let setting = format!("{}/providers/Microsoft.Insights/diagnosticSettings/audit", vault());
    let assignment = patch(&json!({
        "roleDefinitionId": format!("{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/e147488a-f6f5-4113-8e2d-b22465e65bf6"),
        "principalId": guard.object_id(), "principalType": "ServicePrincipal",
    }));
    sandbox.tenant().put_resource(
        &setting,
        json!({ "id": setting, "type": "Microsoft.Insights/diagnosticSettings" }),
        jiff::Timestamp::now(),
    );
    let rows = vec![
        arm("PUT", &vault(), body(&sandbox, &json!({})), 201, ""),
        arm("PUT", &role, assignment, 201, ""),
        arm("DELETE", &vault(), Value::Null, 200, ""),
        arm("PUT", &vault(), body(&sandbox, &json!({ "createMode": "recover" })), 200, ""),
        arm("GET", &role, Value::Null, 404, "RoleAssignmentNotFound"),
    ];
    play(&sandbox, &sandbox.owner(), rows).await;
    assert!(sandbox.tenant().resource(&setting).is_none());
}

#[tokio::test]
async fn an_old_vault_without_soft_delete_is_gone_for_good() {
    let sandbox = started(Options::default()).await;
    sandbox.tenant().plant_old_vault(&vault(), "westeurope", None);
    let rows = vec![
        arm("PATCH", &vault(), patch(&json!({ "enablePurgeProtection": true })), 400, "BadRequest"),
        data("GET", "/deletedkeys", Value::Null, 400, "NotSupported/SoftDeleteDisabled"),
        arm("DELETE", &vault(), Value::Null, 200, ""),
        arm("GET", &deleted("deletedVaults", "kv-prod"), Value::Null, 404, "DeletedVaultNotFound"),
        arm("PUT", &vault(), body(&sandbox, &json!({ "createMode": "recover" })), 404, "DeletedVaultNotFound"),
        arm("PUT", &vault(), body(&sandbox, &json!({})), 201, ""),
    ];
    play(&sandbox, &sandbox.owner(), rows).await;
}

#[tokio::test]
async fn an_old_vault_takes_both_protections_at_once() {
    let sandbox = started(Options::default()).await;
    sandbox.tenant().plant_old_vault(&vault(), "westeurope", Some(false));
    let both = patch(&json!({ "enableSoftDelete": true, "enablePurgeProtection": true }));
    let answers = play(&sandbox, &sandbox.owner(), vec![arm("PATCH", &vault(), both, 200, "")]).await;
    assert_eq!(answers[0].at("/properties/softDeleteRetentionInDays"), json!(90));
}

#[tokio::test]
async fn a_deleted_vault_is_purged_on_request_or_when_its_time_is_up() {
    let sandbox = started(Options::default()).await;
    let make = || body(&sandbox, &json!({ "softDeleteRetentionInDays": 7 }));
    let gone = deleted("deletedVaults", "kv-prod");
    let rows = vec![
        arm("PUT", &vault(), make(), 201, ""),
        arm("DELETE", &vault(), Value::Null, 200, ""),
        arm("POST", &format!("{gone}/purge"), Value::Null, 202, ""),
        arm("GET", &gone, Value::Null, 404, "DeletedVaultNotFound"),
        arm("PUT", &vault(), make(), 201, ""),
        arm("DELETE", &vault(), Value::Null, 200, ""),
    ];
    play(&sandbox, &sandbox.owner(), rows).await;
    for (days, status) in [(6, 200), (1, 404)] {
        sandbox.advance_clock(DAY * days);
        assert_eq!(ask(&sandbox, &sandbox.owner(), "GET", ARM, &gone, Value::Null).await.status, status);
    }
}

#[tokio::test]
async fn a_vault_name_is_taken_in_every_subscription() {
    let other = "11111111-1111-1111-1111-111111111111";
    let options = Options::default();
    let subscriptions = options.subscriptions.iter().cloned().chain([(other.to_owned(), "Test".to_owned())]).collect();
    let sandbox = started(Options { subscriptions, ..options }).await;
    let group = format!("/subscriptions/{other}/resourceGroups/rg");
    let elsewhere = format!("{group}/providers/Microsoft.KeyVault/vaults/kv-prod");
    let rows = vec![
        arm("PUT", &group, json!({ "location": "westeurope" }), 201, ""),
        arm("PUT", &vault(), body(&sandbox, &json!({})), 201, ""),
        arm("PUT", &elsewhere, body(&sandbox, &json!({})), 409, "VaultAlreadyExists"),
        arm("DELETE", &vault(), Value::Null, 200, ""),
        arm("PUT", &elsewhere, body(&sandbox, &json!({})), 409, "ConflictError"),
    ];
    play(&sandbox, &sandbox.owner(), rows).await;
}

#[tokio::test]
async fn deleting_a_resource_group_leaves_its_vaults_recoverable() {
    let sandbox = started(Options::default()).await;
    let rows = vec![
        arm("PUT", &vault(), body(&sandbox, &json!({})), 201, ""),
        arm("DELETE", GROUP, Value::Null, 202, ""),
        arm("GET", GROUP, Value::Null, 404, "ResourceGroupNotFound"),
        arm("GET", &deleted("deletedVaults", "kv-prod"), Value::Null, 200, ""),
        arm("PUT", &vault(), body(&sandbox, &json!({ "createMode": "recover" })), 404, "ResourceGroupNotFound"),
    ];
    play(&sandbox, &sandbox.owner(), rows).await;
}

#[tokio::test]
async fn the_data_of_a_deleted_vault_cannot_be_reached_and_is_there_again() {
    let sandbox = started(Options::default()).await;
    let rows = vec![
        arm("PUT", &vault(), body(&sandbox, &json!({})), 201, ""),
        data("POST", "/keys/logs/create", json!({ "kty": "RSA" }), 200, ""),
        arm("DELETE", &vault(), Value::Null, 200, ""),
    ];
    play(&sandbox, &sandbox.owner(), rows).await;
    let token = sandbox.owner().token("https://vault.azure.net");
    assert!(try_ask(&sandbox, Some(&token), "GET", "kv-prod.vault.azure.net", "/keys/logs", Value::Null).await.is_none());
    let rows = vec![
        arm("PUT", &vault(), body(&sandbox, &json!({ "createMode": "recover" })), 200, ""),
        data("GET", "/keys/logs", Value::Null, 200, ""),
    ];
    play(&sandbox, &sandbox.owner(), rows).await;
}

fn hsm_rows(sandbox: &Sandbox) -> (String, Value, Value) {
    let hsm = format!("{GROUP}/providers/Microsoft.KeyVault/managedHSMs/hsm1");
    let body = |mode: &str| {
        json!({
            "location": "westeurope", "sku": { "family": "B", "name": "Standard_B1" },
            "properties": { "tenantId": sandbox.tenant().tenant_id, "createMode": mode, "initialAdminObjectIds": [sandbox.owner().object_id()] },
        })
    };
    (hsm, body("default"), body("recover"))
}

#[tokio::test]
async fn a_managed_hsm_goes_and_comes_back() {
    let sandbox = started(Options::default()).await;
    let (hsm, make, recover) = hsm_rows(&sandbox);
    let gone = deleted("deletedManagedHSMs", "hsm1");
    let key = |method, path, status, code| Row {
        host: "hsm1.managedhsm.azure.net".to_owned(),
        ..data(method, path, json!({ "kty": "RSA-HSM" }), status, code)
    };
    let rows = vec![
        arm("PUT", &hsm, make.clone(), 200, ""),
        key("POST", "/keys/k/create", 200, ""),
        arm("PATCH", &hsm, patch(&json!({ "enablePurgeProtection": true })), 200, ""),
        arm("PATCH", &hsm, patch(&json!({ "enablePurgeProtection": false })), 400, "BadRequest"),
        arm("DELETE", &hsm, Value::Null, 202, ""),
        arm("GET", &hsm, Value::Null, 404, "ResourceNotFound"),
        arm("PUT", &hsm, make, 409, "Conflict"),
        arm("GET", &gone, Value::Null, 200, ""),
        arm("POST", &format!("{gone}/purge"), Value::Null, 405, "MethodNotAllowed"),
        arm("PUT", &hsm, recover, 200, ""),
        key("GET", "/keys/k/", 200, ""),
    ];
    let answers = play(&sandbox, &sandbox.owner(), rows).await;
    assert_eq!(answers[7].at("/properties/mhsmId"), json!(hsm));
    assert_eq!(answers[9].at("/properties/enablePurgeProtection"), json!(true));
}

#[tokio::test]
async fn a_managed_hsm_is_deleted_when_its_operation_ends() {
    let sandbox = started(Options { operation_delay: Duration::from_mins(1), retry_after_seconds: 5, ..Options::default() }).await;
    let (hsm, make, _) = hsm_rows(&sandbox);
    let owner = sandbox.owner();
    play(&sandbox, &owner, vec![arm("PUT", &hsm, make, 200, "")]).await;
    sandbox.advance_clock(Duration::from_mins(1));
    let mut happenings = sandbox.happenings();
    let accepted = ask(&sandbox, &owner, "DELETE", ARM, &hsm, Value::Null).await;
    assert_eq!((accepted.status, accepted.header("retry-after").as_str()), (202, "5"));
    let status = accepted.header("azure-asyncoperation").replace("https://management.azure.com", "");
    for (wait, expected) in [(0, "InProgress"), (60, "Succeeded")] {
        sandbox.advance_clock(Duration::from_secs(wait));
        assert_eq!(happenings.try_recv().is_ok(), expected == "Succeeded", "Azure tells of a deletion when it is done");
        let polled = ask(&sandbox, &owner, "GET", ARM, &status, Value::Null).await;
        assert_eq!(polled.at("/status"), json!(expected));
    }
    assert_eq!(ask(&sandbox, &owner, "GET", ARM, &hsm, Value::Null).await.status, 404);
}

#[tokio::test]
async fn lists_come_in_pages_and_by_type() {
    let sandbox = started(Options { page_size: 2, ..Options::default() }).await;
    let owner = sandbox.owner();
    for number in 0..3 {
        let path = format!("{GROUP}/providers/Microsoft.KeyVault/vaults/kv-{number}a");
        assert_eq!(ask(&sandbox, &owner, "PUT", ARM, &path, body(&sandbox, &json!({}))).await.status, 201);
    }
    for list in [
        format!("{SUBSCRIPTION}/providers/Microsoft.KeyVault/vaults"),
        format!("{GROUP}/providers/Microsoft.KeyVault/vaults"),
        format!("{SUBSCRIPTION}/resources?$filter=resourceType%20eq%20'Microsoft.KeyVault/vaults'"),
    ] {
        let first = ask(&sandbox, &owner, "GET", ARM, &list, Value::Null).await;
        let next = first.at("/nextLink").as_str().unwrap().replace("https://management.azure.com", "");
        let second = ask(&sandbox, &owner, "GET", ARM, &next, Value::Null).await;
        let counts = [&first, &second].map(|page| page.at("/value").as_array().unwrap().len());
        assert_eq!((counts, second.at("/nextLink")), ([2, 1], Value::Null), "{list}");
    }
}

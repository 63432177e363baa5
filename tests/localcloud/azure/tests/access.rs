//! Who gets in: tokens, challenges, roles with their delay, access policies; and how faults and throttling look.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails where it stands")]

mod asking;

use std::time::Duration;

use asking::{ARM, GROUP, SUBSCRIPTION, arm, ask, ask_for_group, data, play, try_ask};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use reprieve_azure_sandbox::{Fault, FaultAnswer, FaultTarget, Options, PrincipalKind, Sandbox};
use serde_json::{Value, json};

const CRYPTO_OFFICER: &str = "14b46e9e-c2b7-41b4-b07b-48a6ebf60603";
const HOST: &str = "kv-prod.vault.azure.net";

async fn started(options: Options, properties: Value) -> Sandbox {
    let sandbox = Sandbox::start(options).await.unwrap();
    ask_for_group(&sandbox).await;
    let mut all = json!({ "tenantId": sandbox.tenant().tenant_id, "sku": { "family": "A", "name": "standard" } });
    for (name, value) in properties.as_object().into_iter().flatten() {
        all[name] = value.clone();
    }
    let body = json!({ "location": "westeurope", "properties": all });
    play(&sandbox, &sandbox.owner(), vec![arm("PUT", &vault(), body, 201, "")]).await;
    sandbox
}

fn vault() -> String {
    format!("{GROUP}/providers/Microsoft.KeyVault/vaults/kv-prod")
}

fn rbac() -> Value {
    json!({ "enableRbacAuthorization": true })
}

#[tokio::test]
async fn a_vault_challenges_who_has_no_token_for_vaults() {
    let sandbox = started(Options::default(), rbac()).await;
    let owner = sandbox.owner();
    for (token, expected) in [
        (None, 401),
        (Some("nonsense".to_owned()), 401),
        (Some(owner.token("https://management.azure.com")), 401),
        (Some(owner.token("https://vault.azure.net")), 200),
        (Some(owner.token("https://vault.azure.net/.default")), 200),
    ] {
        let answered = try_ask(&sandbox, token.as_deref(), "GET", HOST, "/keys", Value::Null).await.unwrap();
        assert_eq!(answered.status, expected, "{token:?}");
        if expected == 401 {
            let tenant = sandbox.tenant().tenant_id.clone();
            let challenge =
                format!("Bearer authorization=\"https://login.microsoftonline.com/{tenant}\", resource=\"https://vault.azure.net\"");
            assert_eq!(answered.header("www-authenticate"), challenge);
        }
    }
}

#[tokio::test]
async fn arm_challenges_who_has_no_token_for_arm() {
    let sandbox = started(Options::default(), rbac()).await;
    for token in [None, Some(sandbox.owner().token("https://vault.azure.net"))] {
        let answered = try_ask(&sandbox, token.as_deref(), "GET", ARM, &vault(), Value::Null).await.unwrap();
        assert_eq!(answered.status, 401);
        assert!(answered.header("www-authenticate").starts_with("Bearer authorization_uri="));
    }
}

#[tokio::test]
async fn a_role_counts_once_it_has_spread() {
    let sandbox = started(Options { role_propagation: Duration::from_mins(5), ..Options::default() }, rbac()).await;
    let guard = sandbox.principal(PrincipalKind::ManagedIdentity, "guard");
    let assignment = format!("{}/providers/Microsoft.Authorization/roleAssignments/11111111-1111-1111-1111-111111111111", vault());
    let body = json!({ "properties": {
        "roleDefinitionId": format!("{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{CRYPTO_OFFICER}"),
        "principalId": guard.object_id(), "principalType": "ServicePrincipal",
    } });
    play(&sandbox, &sandbox.owner(), vec![arm("PUT", &assignment, body, 201, "")]).await;
    for (wait, status) in [(0, 403), (299, 403), (1, 200)] {
        sandbox.advance_clock(Duration::from_secs(wait));
        assert_eq!(ask(&sandbox, &guard, "GET", HOST, "/keys", Value::Null).await.status, status);
    }
    let rows = vec![
        data("GET", "/secrets", Value::Null, 403, "Forbidden/ForbiddenByRbac"),
        arm("DELETE", &vault(), Value::Null, 403, "AuthorizationFailed"),
    ];
    play(&sandbox, &guard, rows).await;
}

#[tokio::test]
async fn access_policies_decide_where_rbac_is_off() {
    let sandbox = started(Options::default(), json!({ "accessPolicies": [] })).await;
    let clerk = sandbox.principal(PrincipalKind::User, "clerk");
    let tenant_id = sandbox.tenant().tenant_id.clone();
    let policies = |keys: Value| json!({ "properties": { "accessPolicies": [{ "tenantId": tenant_id, "objectId": clerk.object_id(), "permissions": { "keys": keys } }] } });
    let policy = |verb: &str| format!("{}/accessPolicies/{verb}", vault());
    for (verb, keys, list, purge) in
        [("add", json!(["get"]), 403, 403), ("replace", json!(["all"]), 200, 403), ("remove", json!([]), 403, 403)]
    {
        play(&sandbox, &sandbox.owner(), vec![arm("PUT", &policy(verb), policies(keys), 200, "")]).await;
        assert_eq!(ask(&sandbox, &clerk, "GET", HOST, "/keys", Value::Null).await.status, list, "{verb}");
        assert_eq!(ask(&sandbox, &clerk, "DELETE", HOST, "/deletedkeys/k", Value::Null).await.status, purge, "{verb}");
    }
}

/// Asks the plain address itself, as the identity's client and the login do.
async fn fetch(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
    let mut request = http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
    let response = Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

#[tokio::test]
async fn the_identity_endpoint_knows_its_clients() {
    let sandbox = started(Options::default(), rbac()).await;
    let guard = sandbox.principal(PrincipalKind::ManagedIdentity, "guard");
    let header = sandbox.identity_header().to_owned();
    for (query, header, expected) in [
        (format!("client_id={}", guard.client_id()), header.as_str(), 200),
        (String::new(), header.as_str(), 200),
        ("client_id=unknown".to_owned(), header.as_str(), 400),
        (format!("client_id={}", guard.client_id()), "wrong", 401),
    ] {
        let url = format!("{}?api-version=2019-08-01&resource=https://vault.azure.net&{query}", sandbox.identity_endpoint());
        let (status, body) = fetch("GET", &url, &[("x-identity-header", header)], "").await;
        assert_eq!(status, expected, "{query} {header}");
        if expected == 200 {
            assert_eq!(body["access_token"].as_str().unwrap().split('.').count(), 3);
        }
    }
}

#[tokio::test]
async fn an_application_logs_in_with_its_secret() {
    let sandbox = started(Options::default(), rbac()).await;
    let app = sandbox.principal(PrincipalKind::ServicePrincipal, "pipeline");
    let tenant = sandbox.tenant().tenant_id.clone();
    let url = format!("{}/{tenant}/oauth2/v2.0/token", sandbox.http_url());
    for (secret, expected) in [(app.record.client_secret.as_str(), 200), ("wrong", 401)] {
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={secret}&scope=https://management.azure.com/.default",
            app.client_id()
        );
        let (status, body) = fetch("POST", &url, &[("host", "login.microsoftonline.com")], &form).await;
        assert_eq!(status, expected);
        if expected == 200 {
            let token = body["access_token"].as_str().unwrap();
            assert_eq!(try_ask(&sandbox, Some(token), "GET", ARM, "/subscriptions", Value::Null).await.unwrap().status, 200);
        }
    }
}

#[tokio::test]
async fn a_fault_meets_the_calls_it_names() {
    let sandbox = started(Options::default(), rbac()).await;
    let owner = sandbox.owner();
    let on = |method: &str| FaultTarget::Path { method: method.to_owned(), contains: "/vaults/kv-prod".to_owned() };
    sandbox.inject(Fault::times(on("GET"), 2, FaultAnswer::Throttle { retry_after_seconds: 7 }));
    let mut seen = Vec::new();
    for _ in 0..3 {
        let answered = ask(&sandbox, &owner, "GET", ARM, &vault(), Value::Null).await;
        seen.push((answered.status, answered.header("retry-after")));
    }
    assert_eq!(seen, [(429, "7".to_owned()), (429, "7".to_owned()), (200, String::new())]);

    sandbox.inject(Fault::once(FaultTarget::Action("Microsoft.KeyVault/vaults/delete".to_owned()), FaultAnswer::ResetAfterEffect));
    let token = owner.token("https://management.azure.com");
    assert!(try_ask(&sandbox, Some(&token), "DELETE", ARM, &vault(), Value::Null).await.is_none());
    assert!(sandbox.tenant().deleted_vaults.contains_key("kv-prod"), "the call had its effect");
    assert_eq!(sandbox.exchanges().last().unwrap().fault.as_deref(), Some("reset after effect"));
}

#[tokio::test]
async fn the_activity_log_tells_of_writes_refused_ones_too() {
    let sandbox = started(Options::default(), rbac()).await;
    let stranger = sandbox.principal(PrincipalKind::User, "mallory");
    play(&sandbox, &stranger, vec![arm("DELETE", &vault(), Value::Null, 403, "AuthorizationFailed")]).await;
    play(&sandbox, &sandbox.owner(), vec![arm("DELETE", &vault(), Value::Null, 200, "")]).await;
    let filter = format!("eventTimestamp%20ge%20'2020-01-01T00:00:00Z'%20and%20resourceUri%20eq%20'{}'", vault());
    let path = format!("{SUBSCRIPTION}/providers/Microsoft.Insights/eventtypes/management/values?$filter={filter}");
    let log = ask(&sandbox, &sandbox.owner(), "GET", ARM, &path, Value::Null).await;
    let told: Vec<(Value, Value, Value)> = (0..3)
        .map(|n| ["operationName/value", "status/value", "caller"].map(|field| log.at(&format!("/value/{n}/{field}"))))
        .map(|[a, b, c]| (a, b, c))
        .collect();
    let (delete, write) = (json!("Microsoft.KeyVault/vaults/delete"), json!("Microsoft.KeyVault/vaults/write"));
    let (owner, mallory) = (json!("owner@contoso.example"), json!("mallory@contoso.example"));
    assert_eq!(
        told,
        [(delete.clone(), json!("Succeeded"), owner.clone()), (delete, json!("Failed"), mallory), (write, json!("Succeeded"), owner),]
    );
}

#[tokio::test]
async fn a_write_under_an_old_entity_tag_is_refused() {
    let sandbox = started(Options::default(), rbac()).await;
    let owner = sandbox.owner();
    let etag = ask(&sandbox, &owner, "GET", ARM, &vault(), Value::Null).await.header("etag");
    let send = |etag: String| {
        let (url, token) =
            (format!("{}{}?api-version=2024-11-01", sandbox.http_url(), vault()), owner.token("https://management.azure.com"));
        async move {
            let bearer = format!("Bearer {token}");
            let headers =
                [("host", ARM), ("authorization", bearer.as_str()), ("if-match", etag.as_str()), ("content-type", "application/json")];
            fetch("PATCH", &url, &headers, "{\"tags\":{\"a\":\"b\"}}").await.0
        }
    };
    assert_eq!([send(etag.clone()).await, send(etag).await], [200, 412]);
}

#[tokio::test]
async fn tags_are_merged_replaced_and_taken_away() {
    let sandbox = started(Options::default(), rbac()).await;
    let tags = format!("{}/providers/Microsoft.Resources/tags/default", vault());
    let change = |operation: &str, tags: Value| json!({ "operation": operation, "properties": { "tags": tags } });
    let rows = vec![
        arm("PATCH", &tags, change("Merge", json!({ "a": "1", "b": "2" })), 200, ""),
        arm("PATCH", &tags, change("Delete", json!({ "b": "2" })), 200, ""),
        arm("PATCH", &tags, change("Replace", json!({ "c": "3" })), 200, ""),
        arm("GET", &vault(), Value::Null, 200, ""),
    ];
    let answers = play(&sandbox, &sandbox.owner(), rows).await;
    let seen: Vec<Value> = answers[..3].iter().map(|answered| answered.at("/properties/tags")).collect();
    assert_eq!(seen, [json!({ "a": "1", "b": "2" }), json!({ "a": "1" }), json!({ "c": "3" })]);
    assert_eq!(answers[3].at("/tags"), json!({ "c": "3" }));
}

//! A tour through the operations that the Python clients do not drive: each is answered, and keeps to a contract or to our own schema.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a test that cannot go on says why and stops; counts are printed")]

mod client;
mod published;

use client::send;
use reprieve_azure_sandbox::contract::{Contracts, Tally};
use reprieve_azure_sandbox::{Options, Sandbox};
use serde_json::{Value, json};

const SUBSCRIPTION: &str = "/subscriptions/00000000-0000-0000-0000-000000000000";

fn group(provider_path: &str) -> String {
    format!("{SUBSCRIPTION}/resourceGroups/rg-tour{provider_path}")
}

/// One stop: method, host and path, API version, body, the statuses that are right.
type Stop = (&'static str, String, &'static str, Option<Value>, &'static [u16]);

fn management(method: &'static str, path: &str, version: &'static str, body: Option<Value>) -> Stop {
    (method, format!("https://management.azure.com{path}"), version, body, &[200, 201, 202, 204])
}

fn resources() -> Vec<Stop> {
    let tags = format!("{}/providers/Microsoft.Resources/tags/default", group(""));
    vec![
        management("PUT", &group(""), "2021-04-01", Some(json!({ "location": "westeurope", "tags": { "env": "test" } }))),
        management("GET", "/subscriptions", "2022-12-01", None),
        management("GET", SUBSCRIPTION, "2022-12-01", None),
        management("GET", &group(""), "2021-04-01", None),
        management("GET", &format!("{SUBSCRIPTION}/resourcegroups"), "2021-04-01", None),
        management("PATCH", &tags, "2021-04-01", Some(json!({ "operation": "Merge", "properties": { "tags": { "a": "b" } } }))),
        management("GET", &tags, "2021-04-01", None),
    ]
}

fn identities_and_hubs() -> Vec<Stop> {
    let identity = group("/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-tour");
    let namespace = group("/providers/Microsoft.EventHub/namespaces/ns-tour");
    let topic = group("/providers/Microsoft.EventGrid/systemTopics/topic");
    let function = group("/providers/Microsoft.Web/sites/func-tour/functions/RestoreSoftDelete");
    let listens = json!({ "properties": {
        "destination": { "endpointType": "AzureFunction", "properties": { "resourceId": function, "maxEventsPerBatch": 1 } },
        "filter": { "includedEventTypes": ["Microsoft.Resources.ResourceWriteSuccess"] },
        "eventDeliverySchema": "CloudEventSchemaV1_0",
        "retryPolicy": { "maxDeliveryAttempts": 30, "eventTimeToLiveInMinutes": 1440 },
    } });
    vec![
        management("PUT", &identity, "2023-01-31", Some(json!({ "location": "westeurope" }))),
        management("GET", &identity, "2023-01-31", None),
        management(
            "PUT",
            &namespace,
            "2024-01-01",
            Some(json!({ "location": "westeurope", "sku": { "name": "Standard" }, "properties": {} })),
        ),
        management("GET", &namespace, "2024-01-01", None),
        management("PUT", &format!("{namespace}/eventhubs/audit"), "2024-01-01", Some(json!({ "properties": { "partitionCount": 1 } }))),
        management(
            "PUT",
            &format!("{namespace}/authorizationRules/send"),
            "2024-01-01",
            Some(json!({ "properties": { "rights": ["Send"] } })),
        ),
        management(
            "PUT",
            &topic,
            "2025-02-15",
            Some(
                json!({ "location": "global", "properties": { "source": SUBSCRIPTION, "topicType": "Microsoft.Resources.Subscriptions" } }),
            ),
        ),
        management("GET", &topic, "2025-02-15", None),
        management("PUT", &format!("{topic}/eventSubscriptions/restore"), "2025-02-15", Some(listens)),
        management("GET", &format!("{topic}/eventSubscriptions/restore"), "2025-02-15", None),
        management("GET", &format!("{topic}/eventSubscriptions"), "2025-02-15", None),
    ]
}

fn databases() -> Vec<Stop> {
    let mut stops = Vec::new();
    for (provider, version, setting) in
        [("Microsoft.DBforPostgreSQL", "2022-12-01", "pgaudit.log"), ("Microsoft.DBforMySQL", "2023-06-30", "audit_log_enabled")]
    {
        let server = group(&format!("/providers/{provider}/flexibleServers/db-tour"));
        let made = json!({ "location": "westeurope", "properties": { "administratorLogin": "admin1", "administratorLoginPassword": "Th1s-is-a-sandbox" }, "sku": { "name": "Standard_D2ds_v4", "tier": "GeneralPurpose" } });
        let value = if setting == "pgaudit.log" { "all" } else { "ON" };
        stops.push(management("PUT", &server, version, Some(made)));
        stops.push(management("GET", &server, version, None));
        stops.push(management("GET", &format!("{SUBSCRIPTION}/providers/{provider}/flexibleServers"), version, None));
        stops.push(management("GET", &format!("{server}/configurations"), version, None));
        let put = json!({ "properties": { "value": value, "source": "user-override" } });
        stops.push(management("PUT", &format!("{server}/configurations/{setting}"), version, Some(put)));
        stops.push(management("GET", &format!("{server}/configurations/{setting}"), version, None));
    }
    stops
}

fn vault() -> Vec<Stop> {
    let vault = group("/providers/Microsoft.KeyVault/vaults/kv-tour");
    let tenant = "8f1c0d52-5a1b-4c1e-9c55-6f2a3c0e7b11";
    let made = json!({ "location": "westeurope", "properties": { "tenantId": tenant, "sku": { "family": "A", "name": "standard" }, "accessPolicies": [], "enableRbacAuthorization": true } });
    let data = |method: &'static str, path: &str, body: Option<Value>| -> Stop {
        (method, format!("https://kv-tour.vault.azure.net{path}"), "7.5", body, &[200, 202, 204])
    };
    vec![
        management("PUT", &vault, "2024-11-01", Some(made)),
        data("PUT", "/secrets/s", Some(json!({ "value": "v" }))),
        data("GET", "/secrets/s/", None),
        data("GET", "/secrets", None),
        data("DELETE", "/secrets/s", None),
        data("GET", "/deletedsecrets", None),
        data("GET", "/deletedsecrets/s", None),
        data("POST", "/deletedsecrets/s/recover", None),
        data("POST", "/keys/k/create", Some(json!({ "kty": "EC", "crv": "P-256" }))),
        data("DELETE", "/keys/k", None),
        data("POST", "/deletedkeys/k/recover", None),
        management("GET", &format!("{SUBSCRIPTION}/resources"), "2021-04-01", None),
        management("GET", &format!("{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions"), "2022-04-01", None),
    ]
}

fn policies() -> Vec<Stop> {
    let assignment = format!("{SUBSCRIPTION}/providers/Microsoft.Authorization/policyAssignments/audit-vaults");
    let definition = "/providers/Microsoft.Authorization/policyDefinitions/0b60c0b2-2dc2-4e1c-b5c9-abbed971de53";
    vec![
        management("PUT", &assignment, "2022-06-01", Some(json!({ "properties": { "policyDefinitionId": definition } }))),
        management("GET", &assignment, "2022-06-01", None),
        management("DELETE", &assignment, "2022-06-01", None),
    ]
}

fn storage() -> Vec<Stop> {
    let account = group("/providers/Microsoft.Storage/storageAccounts/sttour");
    let container = format!("{account}/blobServices/default/containers/ledger");
    vec![
        management(
            "PUT",
            &account,
            "2024-01-01",
            Some(json!({ "location": "westeurope", "kind": "StorageV2", "sku": { "name": "Standard_LRS" } })),
        ),
        management("PUT", &container, "2024-01-01", Some(json!({}))),
        management("GET", &account, "2024-01-01", None),
        ("PUT", "https://sttour.blob.core.windows.net/ledger/a/b.json".to_owned(), "", Some(json!({ "a": 1 })), &[201]),
        ("GET", "https://sttour.blob.core.windows.net/ledger/a/b.json".to_owned(), "", None, &[200]),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_stop_is_answered_as_a_contract_or_our_schema_says() {
    let sandbox = Sandbox::start(Options::default()).await.expect("the sandbox starts");
    let stops = [resources(), identities_and_hubs(), databases(), vault(), policies(), storage()].concat();
    let mut wrong = Vec::new();
    for (method, url, version, body, right) in &stops {
        let query = if version.is_empty() { String::new() } else { format!("?api-version={version}") };
        let headers: &[(&str, &str)] =
            if url.contains(".blob.") { &[("x-ms-version", "2025-05-05"), ("x-ms-blob-type", "BlockBlob")] } else { &[] };
        let (status, answer) = send(&sandbox, method, &format!("{url}{query}"), body.as_ref(), headers).await;
        if !right.contains(&status) {
            wrong.push(format!("{method} {url}: {status} {answer}"));
        }
    }
    if let Some(folder) = published::folder() {
        let tally = Tally::of(&Contracts::load(&folder).expect("contracts load"), &sandbox.exchanges());
        println!("{} stops; {tally}", stops.len());
        wrong.extend(tally.violations);
    }
    sandbox.stop().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

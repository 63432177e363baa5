//! Delivery of events and audit records to hosted functions: filters, batches, retries, dead letters, disorder.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on says why and stops; counts are printed")]

mod client;
mod function_app;

use std::time::Duration;

use client::send;
use function_app::{App, SITE, app};
use jiff::Timestamp;
use reprieve_azure_sandbox::delivery::{DataForm, Delivery, DeliveryOptions, DeliveryReport, Disorder, Loss};
use reprieve_azure_sandbox::host::Host;
use reprieve_azure_sandbox::storage::blobs::Container;
use reprieve_azure_sandbox::{ArmWrite, Caller, Happening, Options, Sandbox, WriteKind};
use serde_json::{Value, json};

const SUBSCRIPTION: &str = "/subscriptions/00000000-0000-0000-0000-000000000000";

/// A sandbox with a system topic of its subscription, and a function app that listens to it.
struct Stage {
    sandbox: Sandbox,
    app: App,
    host: Host,
    delivery: Delivery,
}

/// Sets a stage up, with what the event subscription says beside its endpoint.
async fn stage(plan: Value, subscription: Value, options: DeliveryOptions) -> Stage {
    stage_of(app(), plan, subscription, options).await
}

/// Sets a stage up with this app.
async fn stage_of(app: App, plan: Value, subscription: Value, options: DeliveryOptions) -> Stage {
    let host = app.host(&plan).await;
    let sandbox = Sandbox::start(Options::default()).await.expect("the sandbox starts");
    put(
        &sandbox,
        &group("Microsoft.EventGrid/systemTopics/topic"),
        &json!({ "source": SUBSCRIPTION, "topicType": "Microsoft.Resources.Subscriptions" }),
    );
    let mut properties = json!({ "destination": { "endpointType": "AzureFunction", "properties": { "resourceId": group(&format!("Microsoft.Web/sites/{SITE}/functions/OnEvent")) } } });
    merge(&mut properties, subscription);
    put(&sandbox, &group("Microsoft.EventGrid/systemTopics/topic/eventSubscriptions/restore"), &properties);
    // Wide enough that what a test pushes at once is gathered at once on a busy machine.
    let window = Duration::from_millis(150);
    let delivery = Delivery::start(&sandbox, vec![host.clone()], DeliveryOptions { time_scale: 0.001, window, ..options });
    Stage { sandbox, app, host, delivery }
}

impl Stage {
    /// Lets writes happen and waits until nothing is on the way.
    async fn happen(&self, happenings: Vec<Happening>) -> DeliveryReport {
        for happening in happenings {
            self.sandbox.tenant().push_happening(happening);
        }
        assert!(self.delivery.settled(Duration::from_secs(20)).await, "{:?}", self.delivery.report());
        self.delivery.report()
    }

    /// Returns the events that the function was given.
    fn given(&self) -> Vec<Value> {
        self.app.calls("OnEvent").into_iter().map(|call| call["Data"]["event"].clone()).collect()
    }

    /// Returns the last segments of the subjects that the function was given, in order.
    fn subjects(&self) -> Vec<String> {
        let subjects = self.given().into_iter().map(|event| event["subject"].as_str().unwrap_or_default().to_owned());
        subjects.map(|subject| subject.rsplit('/').next().unwrap_or_default().to_owned()).collect()
    }

    async fn end(self) {
        self.delivery.stop();
        self.host.stop().await;
        self.sandbox.stop().await;
    }
}

fn group(provider_path: &str) -> String {
    format!("{SUBSCRIPTION}/resourceGroups/rg/providers/{provider_path}")
}

fn put(sandbox: &Sandbox, id: &str, properties: &Value) {
    sandbox.tenant().put_resource(id, json!({ "id": id, "properties": properties }), Timestamp::now());
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

fn write(vault: &str, kind: WriteKind) -> Happening {
    let verb = match kind {
        WriteKind::Write => "write",
        WriteKind::Delete => "delete",
        WriteKind::Action => "purge/action",
    };
    let id = group(&format!("Microsoft.KeyVault/vaults/{vault}"));
    Happening::ArmWrite(Box::new(ArmWrite {
        subscription: "00000000-0000-0000-0000-000000000000".to_owned(),
        url: format!("https://management.azure.com{id}?api-version=2024-11-01"),
        resource_id: id,
        operation: format!("Microsoft.KeyVault/vaults/{verb}"),
        kind,
        status_code: 200,
        caller: Caller {
            object_id: "o".to_owned(),
            app_id: None,
            upn: Some("eve@contoso.example".to_owned()),
            tenant_id: "t".to_owned(),
            ip: "127.0.0.1".to_owned(),
        },
        correlation_id: "c".to_owned(),
        at: Timestamp::now(),
        method: "DELETE".to_owned(),
    }))
}

fn audit(operation: &str) -> Happening {
    let vault_id = group("Microsoft.KeyVault/vaults/kv");
    Happening::KeyVaultAudit {
        record: json!({ "operationName": operation, "category": "AuditEvent", "resourceId": vault_id.to_uppercase() }),
        vault_id,
    }
}

/// Streams the audit records of the vault to the hub that the functions are bound to.
fn stream(sandbox: &Sandbox) {
    let setting = format!("{}/providers/Microsoft.Insights/diagnosticSettings/audit", group("Microsoft.KeyVault/vaults/kv"));
    let rule = group("Microsoft.EventHub/namespaces/ns-audit/authorizationRules/send");
    let properties =
        json!({ "eventHubAuthorizationRuleId": rule, "eventHubName": "audit", "logs": [{ "category": "AuditEvent", "enabled": true }] });
    let body = json!({ "id": setting, "type": "Microsoft.Insights/diagnosticSettings", "properties": properties });
    sandbox.tenant().put_resource(&setting, body, Timestamp::now());
}

#[tokio::test]
async fn a_deletion_arrives_as_an_event_of_the_subscription() {
    let stage = stage(json!({}), json!({}), DeliveryOptions::default()).await;
    let report = stage.happen(vec![write("kv", WriteKind::Delete)]).await;
    assert_eq!((report.published, report.delivered, report.attempts), (1, 1, 1));
    let given = stage.given();
    let event = &given[0];
    assert_eq!(event["eventType"], "Microsoft.Resources.ResourceDeleteSuccess");
    assert_eq!(event["topic"], SUBSCRIPTION);
    assert_eq!(event["data"]["operationName"], "Microsoft.KeyVault/vaults/delete");
    assert_eq!(event["data"]["claims"]["http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"], "eve@contoso.example");
    stage.end().await;
}

#[tokio::test]
async fn a_subscription_of_cloud_events_gets_them() {
    let options = DeliveryOptions { data_form: DataForm::JsonText, ..DeliveryOptions::default() };
    let stage = stage(json!({}), json!({ "eventDeliverySchema": "CloudEventSchemaV1_0" }), options).await;
    stage.happen(vec![write("kv", WriteKind::Write)]).await;
    let given = stage.given();
    assert_eq!((&given[0]["specversion"], &given[0]["type"]), (&json!("1.0"), &json!("Microsoft.Resources.ResourceWriteSuccess")));
    assert!(given[0]["data"]["claims"].is_string());
    stage.end().await;
}

#[tokio::test]
async fn what_the_filter_does_not_ask_for_is_not_delivered() {
    let filter = json!({ "filter": { "includedEventTypes": ["Microsoft.Resources.ResourceDeleteSuccess"], "advancedFilters": [{ "operatorType": "StringContains", "key": "data.operationName", "values": ["Microsoft.KeyVault/"] }] } });
    let stage = stage(json!({}), filter, DeliveryOptions::default()).await;
    let report = stage.happen(vec![write("a", WriteKind::Write), write("b", WriteKind::Delete)]).await;
    assert_eq!((report.published, report.heard), (2, 1));
    assert_eq!(stage.subjects(), ["b"]);
    stage.end().await;
}

#[tokio::test]
async fn a_batch_that_fails_comes_again_whole() {
    let subscription = json!({ "destination": { "properties": { "maxEventsPerBatch": 10 } } });
    let stage = stage(json!({ "OnEvent": [200, 500] }), subscription, DeliveryOptions::default()).await;
    let report = stage.happen(vec![write("a", WriteKind::Delete), write("b", WriteKind::Delete)]).await;
    assert_eq!((report.delivered, report.attempts, report.failed_attempts), (2, 2, 1));
    assert_eq!(stage.subjects().len(), 4);
    stage.end().await;
}

#[tokio::test]
async fn what_cannot_be_delivered_is_a_dead_letter() {
    let account = group("Microsoft.Storage/storageAccounts/stguard");
    let subscription = json!({
        "retryPolicy": { "maxDeliveryAttempts": 2 },
        "deadLetterDestination": { "endpointType": "StorageBlob", "properties": { "resourceId": account, "blobContainerName": "dead" } },
    });
    let stage = stage(json!({ "OnEvent": [500, 500] }), subscription, DeliveryOptions::default()).await;
    {
        let mut tenant = stage.sandbox.tenant();
        let etag = tenant.blobs.new_etag();
        let container = Container::new("dead", etag, Timestamp::now());
        tenant.blobs.account_mut("stguard").containers.insert("dead".to_owned(), container);
    }
    let report = stage.happen(vec![write("kv", WriteKind::Delete)]).await;
    assert_eq!((report.attempts, report.dead_lettered, report.dropped), (2, 1, 0));
    let blobs = stage.sandbox.tenant().blobs.contents("stguard", "dead");
    let (name, content) = &blobs[0];
    assert!(name.starts_with("RESTORE/") && name.split('/').count() == 6, "{name}");
    let letters: Value = serde_json::from_slice(content).expect("a dead letter is JSON");
    assert_eq!(letters[0]["deadLetterReason"], "MaxDeliveryAttemptsExceeded");
    assert_eq!(letters[0]["eventType"], "Microsoft.Resources.ResourceDeleteSuccess");
    stage.end().await;
}

#[tokio::test]
async fn without_a_place_for_dead_letters_events_are_dropped() {
    let stage =
        stage(json!({ "OnEvent": [500] }), json!({ "retryPolicy": { "maxDeliveryAttempts": 1 } }), DeliveryOptions::default()).await;
    assert_eq!(stage.happen(vec![write("kv", WriteKind::Delete)]).await.dropped, 1);
    stage.end().await;
}

#[tokio::test]
async fn disorder_is_made_on_request() {
    let disorder = Disorder { copies: 1, reverses: true, loses: Loss::Every(3) };
    let subscription = json!({ "destination": { "properties": { "maxEventsPerBatch": 1 } } });
    let stage = stage(json!({}), subscription, DeliveryOptions { disorder, ..DeliveryOptions::default() }).await;
    let report = stage.happen(["a", "b", "c"].map(|vault| write(vault, WriteKind::Delete)).into()).await;
    assert_eq!((report.lost, report.delivered), (1, 4));
    let mut subjects = stage.subjects();
    subjects.sort();
    assert_eq!(subjects, ["a", "a", "b", "b"]);
    stage
        .delivery
        .set_disorder(Disorder { loses: Loss::Operations(vec!["microsoft.keyvault/vaults/delete".to_owned()]), ..Disorder::default() });
    let report = stage.happen(vec![write("d", WriteKind::Delete), write("e", WriteKind::Write)]).await;
    assert_eq!((report.lost, report.delivered), (2, 5));
    stage.end().await;
}

#[tokio::test]
async fn audit_records_reach_the_functions_bound_to_their_hub() {
    let stage = stage(json!({}), json!({}), DeliveryOptions::default()).await;
    let report = stage.happen(vec![audit("KeyDelete")]).await;
    assert_eq!(report.hub_records, 0, "no setting streams them yet");
    stream(&stage.sandbox);
    let report = stage.happen(vec![audit("KeyDelete"), audit("KeyGet")]).await;
    assert_eq!((report.hub_records, report.hub_lost), (2, 0));
    let calls = stage.app.calls("OnMessages");
    let operations: Vec<&Value> = calls
        .iter()
        .filter_map(|call| call["Data"]["messages"].as_array())
        .flatten()
        .filter_map(|message| message["records"].as_array())
        .flatten()
        .map(|record| &record["operationName"])
        .collect();
    assert_eq!(operations, ["KeyDelete", "KeyGet"]);
    stage.end().await;
}

#[tokio::test]
async fn a_failed_batch_of_messages_comes_again_only_where_the_function_says_so() {
    let plan = json!({ "OnMessages": [500, 500], "OnMessagesOnce": [500] });
    let stage = stage(plan, json!({}), DeliveryOptions::default()).await;
    stream(&stage.sandbox);
    let report = stage.happen(vec![audit("KeyDelete")]).await;
    assert_eq!((report.hub_delivered, report.hub_lost, report.hub_failed_calls), (1, 1, 3));
    assert_eq!((stage.app.calls("OnMessages").len(), stage.app.calls("OnMessagesOnce").len()), (3, 1));
    stage.end().await;
}

/// Adds a function that is given a batch until it succeeds, with five minutes between.
fn persistent(app: &App) {
    let hub = json!({ "type": "eventHubTrigger", "name": "messages", "direction": "in", "eventHubName": "%HUB%", "connection": "AUDIT" });
    let retry = json!({ "strategy": "fixedDelay", "maxRetryCount": -1, "delayInterval": "00:05:00" });
    app.function("OnMessagesAlways", &hub, Some(&retry));
}

/// Returns the operations of all records that a function was given, in order.
fn operations(stage: &Stage, function: &str) -> Vec<String> {
    let calls = stage.app.calls(function);
    let messages = calls.iter().filter_map(|call| call["Data"]["messages"].as_array()).flatten();
    let records = messages.filter_map(|message| message["records"].as_array()).flatten();
    records.map(|record| record["operationName"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_function_that_tries_without_end_is_given_its_batch_until_it_succeeds() {
    let app = app();
    persistent(&app);
    let stage = stage_of(app, json!({ "OnMessagesAlways": vec![500; 8] }), json!({}), DeliveryOptions::default()).await;
    stream(&stage.sandbox);
    let report = stage.happen(vec![audit("KeyDelete")]).await;
    assert_eq!((report.hub_delivered, report.hub_lost, report.hub_failed_calls), (3, 0, 8));
    assert_eq!(operations(&stage, "OnMessagesAlways"), ["KeyDelete"; 9]);
    stage.end().await;
}

#[tokio::test]
async fn a_function_that_stands_still_holds_up_no_other_and_loses_nothing() {
    let app = app();
    persistent(&app);
    let stage = stage_of(app, json!({ "OnMessagesAlways": vec![500; 30] }), json!({}), DeliveryOptions::default()).await;
    stream(&stage.sandbox);
    for (operation, heard) in [("KeyDelete", 1), ("KeyGet", 2)] {
        stage.sandbox.tenant().push_happening(audit(operation));
        let end = std::time::Instant::now() + Duration::from_secs(20);
        while operations(&stage, "OnMessagesOnce").len() < heard && std::time::Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    assert_eq!(operations(&stage, "OnMessagesOnce"), ["KeyDelete", "KeyGet"]);
    assert!(operations(&stage, "OnMessagesAlways").iter().all(|operation| operation == "KeyDelete"), "what is behind a batch waits");
    assert!(stage.delivery.settled(Duration::from_mins(1)).await, "{:?}", stage.delivery.report());
    assert_eq!(operations(&stage, "OnMessagesAlways").last().map(String::as_str), Some("KeyGet"));
    assert_eq!(stage.delivery.report().hub_lost, 0);
    stage.end().await;
}

#[tokio::test]
async fn what_a_client_deletes_over_http_arrives_at_the_function() {
    let stage = stage(
        json!({}),
        json!({ "filter": { "includedEventTypes": ["Microsoft.Resources.ResourceDeleteSuccess"] } }),
        DeliveryOptions::default(),
    )
    .await;
    let rg = json!({ "location": "westeurope" });
    let vault = json!({ "location": "westeurope", "properties": { "tenantId": Options::default().tenant_id, "sku": { "family": "A", "name": "standard" }, "accessPolicies": [] } });
    let address = format!("https://management.azure.com{}?api-version=2024-11-01", group("Microsoft.KeyVault/vaults/kv-http"));
    let group = format!("https://management.azure.com{SUBSCRIPTION}/resourceGroups/rg?api-version=2021-04-01");
    for (method, url, body) in [("PUT", &group, Some(&rg)), ("PUT", &address, Some(&vault)), ("DELETE", &address, None)] {
        let (status, answer) = send(&stage.sandbox, method, url, body, &[]).await;
        assert!((200..300).contains(&status), "{method} {url}: {status} {answer}");
    }
    assert!(stage.delivery.settled(Duration::from_secs(20)).await);
    assert_eq!(stage.subjects(), ["kv-http"]);
    assert_eq!(stage.given()[0]["data"]["httpRequest"]["method"], "DELETE");
    stage.end().await;
}

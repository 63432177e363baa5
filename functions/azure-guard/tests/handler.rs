//! The handler as the Functions host calls it: every form of a payload, what is answered for a batch, what is answered whatever comes.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that goes another way must stop")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use azure_guard::{BODY_LIMIT_BYTES, Evidence, router};
use http_body_util::BodyExt as _;
use reprieve_core::Posture;
use reprieve_core::azure::{Function, ResourceId};
use reprieve_engine::{Batch, CallError};
use reprieve_test_support::tenant::{FakeTenant, TenantWorld, tenant, vault_of};
use reprieve_test_support::{Effect, FakeAuditSink, FakeTenantLedger, Faults};
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// Evidence that remembers what it was given, and fails where it is told to.
#[derive(Debug, Clone, Default)]
struct FakeEvidence {
    batches: Arc<Mutex<Vec<Batch>>>,
    postures: Arc<Mutex<Vec<Posture>>>,
    fails: Arc<AtomicBool>,
}

impl Evidence for FakeEvidence {
    async fn record(&self, batch: &Batch, _: Duration) -> Result<String, CallError> {
        if self.fails.load(Ordering::Relaxed) {
            return Err(CallError::Unavailable { call: "blob:PutBlob", message: "no answer".to_owned() });
        }
        self.batches.lock().unwrap().push(batch.clone());
        Ok(format!("{} entries recorded", batch.events.len()))
    }

    async fn seal(&self) -> Result<String, String> {
        if self.fails.load(Ordering::Relaxed) { Err("the last seal cannot be followed".to_owned()) } else { Ok("1 seal".to_owned()) }
    }

    async fn keep_posture(&self, posture: &Posture) -> Result<(), CallError> {
        self.postures.lock().unwrap().push(posture.clone());
        Ok(())
    }
}

/// The routes over a tenant, and what stands behind them.
struct Stage {
    router: Router,
    evidence: FakeEvidence,
    tenant: FakeTenant,
    ledger: FakeTenantLedger,
    audit: FakeAuditSink,
    faults: Faults,
}

fn vault() -> ResourceId {
    vault_of("kv-prod")
}

fn key(name: &str) -> ResourceId {
    vault().child("keys", name)
}

fn stage() -> Stage {
    let world = tenant().build();
    world.tenant.create_vault(&vault());
    for name in KEYS {
        world.tenant.create_object(&key(name));
    }
    let TenantWorld { tenant, ledger, audit, faults, guard, .. } = world.seen();
    let evidence = FakeEvidence::default();
    Stage { router: router(guard, evidence.clone()), evidence, tenant, ledger, audit, faults }
}

/// What the host gets.
struct Answered {
    status: StatusCode,
    body: Value,
}

const KEYS: [&str; 2] = ["invoices", "orders"];

impl Stage {
    fn delete_keys(&self) {
        for name in KEYS {
            self.tenant.delete_object(&key(name));
        }
    }

    fn has_keys(&self) -> bool {
        KEYS.iter().all(|name| self.tenant.has_object(&key(name)))
    }

    async fn call(&self, method: Method, path: &str, body: impl Into<Body>) -> Answered {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json").body(body.into()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let kind = response.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&bytes).unwrap_or_else(|error| unreachable!("`{path}`: {error}: {bytes:?}"));
        assert_eq!(kind.as_deref(), Some("application/json"), "{path}");
        let parts = (body["Outputs"].is_object(), body["Logs"].is_array(), body.get("ReturnValue").is_some());
        assert_eq!(parts, (true, true, true), "{path}: {body}");
        Answered { status, body }
    }

    async fn post(&self, function: &str, data: Value) -> Answered {
        let metadata = json!({ "sys": { "MethodName": function, "UtcNow": "2026-11-20T10:00:05Z", "RandGuid": "a001" } });
        let body = json!({ "Data": data, "Metadata": metadata }).to_string();
        self.call(Method::POST, &format!("/{function}"), body).await
    }
}

impl Answered {
    fn logs(&self) -> String {
        self.body["Logs"].to_string()
    }
}

/// The deletion of the vault, as Event Grid tells it.
fn grid_event() -> Value {
    json!({
        "id": "grid-1",
        "eventType": "Microsoft.Resources.ResourceDeleteSuccess",
        "eventTime": "2026-11-20T10:00:00Z",
        "subject": vault(),
        "topic": "/subscriptions/00000000-0000-4000-8000-000000000001",
        "dataVersion": "2",
        "metadataVersion": "1",
        "data": resource_data(),
    })
}

/// The same as a `CloudEvent`.
fn cloud_event() -> Value {
    json!({
        "specversion": "1.0",
        "id": "cloud-1",
        "type": "Microsoft.Resources.ResourceDeleteSuccess",
        "time": "2026-11-20T10:00:00Z",
        "source": "/subscriptions/00000000-0000-4000-8000-000000000001",
        "subject": vault(),
        "data": resource_data(),
    })
}

fn resource_data() -> Value {
    json!({
        "authorization": { "scope": vault(), "action": "Microsoft.KeyVault/vaults/delete" },
        "claims": claims(),
        "operationName": "Microsoft.KeyVault/vaults/delete",
        "resourceUri": vault(),
        "status": "Succeeded",
    })
}

fn claims() -> Value {
    json!({
        "upn": "mallory@example.com",
        "http://schemas.microsoft.com/identity/claims/objectidentifier": "66666666-6666-4666-8666-666666666666",
    })
}

/// The deletion of a key, as its vault logs it.
fn audit_record(name: &str) -> Value {
    json!({
        "time": "2026-11-20T10:00:00.1234567Z",
        "resourceId": vault().as_str().to_uppercase(),
        "operationName": "KeyDelete",
        "category": "AuditEvent",
        "resultType": "Success",
        "identity": { "claim": claims() },
        "properties": { "id": format!("https://kv-prod.vault.azure.net/keys/{name}/0123"), "httpStatusCode": 200, "requestId": name },
    })
}

#[tokio::test]
async fn the_host_is_told_that_the_handler_is_up() {
    let answer = stage().call(Method::GET, "/", Body::empty()).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn an_event_is_understood_in_every_form() {
    let forms = [
        ("an object", grid_event()),
        ("a JSON text", json!(grid_event().to_string())),
        ("a text of a text", json!(json!(grid_event().to_string()).to_string())),
        ("a list", json!([grid_event()])),
        ("a list of texts", json!([grid_event().to_string()])),
        ("a CloudEvent", cloud_event()),
        ("a CloudEvent as a text", json!(cloud_event().to_string())),
    ];
    for (form, payload) in forms {
        let stage = stage();
        stage.tenant.delete_vault(&vault());
        let answer = stage.post("RecoverVault", json!({ "event": payload })).await;
        assert_eq!((answer.status, stage.tenant.is_whole_vault(&vault())), (StatusCode::OK, true), "{form}: {}", answer.logs());
    }
}

#[tokio::test]
async fn messages_of_the_event_hub_are_understood_in_every_form() {
    let records = json!({ "records": [audit_record("invoices"), audit_record("orders")] });
    let forms = [
        ("an object", records.clone()),
        ("a JSON text", json!(records.to_string())),
        ("a list", json!([records])),
        ("a list of texts", json!([records.to_string()])),
        ("a text of a list of texts", json!(json!([records.to_string()]).to_string())),
        ("two messages", json!([{ "records": [audit_record("invoices")] }, { "records": [audit_record("orders")] }])),
    ];
    for (form, payload) in forms {
        let stage = stage();
        stage.delete_keys();
        let answer = stage.post("RecoverKey", json!({ "events": payload })).await;
        assert_eq!(answer.status, StatusCode::OK, "{form}: {}", answer.logs());
        assert!(stage.has_keys(), "{form}");
    }
}

/// P95
#[tokio::test]
async fn an_item_that_cannot_be_read_fails_the_invocation_and_loses_no_other() {
    let deep = (0..300).fold(json!(7), |inner, _| json!([inner]));
    for bad in [json!("no JSON at all"), json!(7), json!({ "records": "neither" }), json!(null), deep] {
        let stage = stage();
        stage.delete_keys();
        let payload = json!([{ "records": [audit_record("invoices"), bad, audit_record("orders")] }]);
        let answer = stage.post("RecoverKey", json!({ "events": payload })).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{bad}");
        assert!(stage.has_keys(), "{bad}");
        assert!(answer.logs().contains("events[0].records[1]"), "it says which: {}", answer.logs());
    }
}

/// P95: what is delivered again is answered once.
#[tokio::test]
async fn a_batch_that_comes_again_is_done_once() {
    let stage = stage();
    stage.delete_keys();
    let fault = CallError::Unavailable { call: "vault:Recover", message: "connection reset".to_owned() };
    stage.faults.fail_next("RecoverObject", 99, Effect::Before, fault);
    let payload = json!({ "events": [{ "records": [audit_record("invoices"), audit_record("orders")] }] });
    assert_eq!(stage.post("RecoverKey", payload.clone()).await.status, StatusCode::INTERNAL_SERVER_ERROR);
    stage.faults.clear();
    for _ in 0..2 {
        assert_eq!(stage.post("RecoverKey", payload.clone()).await.status, StatusCode::OK);
    }
    assert_eq!(stage.tenant.altered().len(), 2);
}

/// P32: what people could not be told comes again by Event Grid; in the event hub, the acts behind it would wait.
#[tokio::test]
async fn what_people_could_not_be_told_comes_again_and_holds_up_no_batch() {
    let stage = stage();
    let fault = || CallError::Unavailable { call: "webhook:Post", message: "HTTP 503".to_owned() };
    stage.tenant.delete_vault(&vault());
    stage.faults.fail_next("tell", 1, Effect::Before, fault());
    let event = || json!({ "event": grid_event() });
    let answer = stage.post("RecoverVault", event()).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(stage.tenant.is_whole_vault(&vault()) && answer.logs().contains("HTTP 503"), "{}", answer.logs());
    let altered = stage.tenant.altered().len();
    assert_eq!(stage.post("RecoverVault", event()).await.status, StatusCode::OK);
    assert_eq!((stage.tenant.altered().len(), stage.ledger.count_open()), (altered, 0));

    stage.delete_keys();
    stage.faults.fail_next("tell", 2, Effect::Before, fault());
    let records = json!({ "events": [{ "records": [audit_record("invoices"), audit_record("orders")] }] });
    let answer = stage.post("RecoverKey", records).await;
    assert_eq!((answer.status, stage.has_keys()), (StatusCode::OK, true), "{}", answer.logs());
    assert_eq!(stage.ledger.count_open(), 2, "the next sweep tells");
}

#[tokio::test]
async fn what_is_none_of_a_functions_business_is_left_alone() {
    let stage = stage();
    stage.tenant.delete_vault(&vault());
    let records = stage.audit.records().len();
    for function in Function::ALL.into_iter().filter(|function| *function != Function::RecoverVault) {
        assert_eq!(stage.post(function.name(), json!({ "event": grid_event() })).await.status, StatusCode::OK, "{}", function.name());
    }
    assert!(stage.tenant.altered().is_empty());
    assert_eq!(stage.audit.records().len(), records);
}

/// P96
#[tokio::test]
async fn whatever_comes_the_answer_is_a_json_object() {
    let stage = stage();
    let large = vec![b' '; BODY_LIMIT_BYTES + 1];
    let rows: [(Method, &str, Vec<u8>, StatusCode); 10] = [
        (Method::POST, "/NoSuchFunction", b"{}".to_vec(), StatusCode::NOT_FOUND),
        (Method::POST, "/recovervault", b"{}".to_vec(), StatusCode::NOT_FOUND),
        (Method::GET, "/a/b/c", Vec::new(), StatusCode::NOT_FOUND),
        (Method::GET, "/RecoverVault", Vec::new(), StatusCode::METHOD_NOT_ALLOWED),
        (Method::POST, "/", Vec::new(), StatusCode::METHOD_NOT_ALLOWED),
        (Method::POST, "/RecoverVault", Vec::new(), StatusCode::INTERNAL_SERVER_ERROR),
        (Method::POST, "/RecoverVault", b"null".to_vec(), StatusCode::INTERNAL_SERVER_ERROR),
        (Method::POST, "/RecoverVault", b"{\"Data\":".to_vec(), StatusCode::INTERNAL_SERVER_ERROR),
        (Method::POST, "/RecoverVault", vec![0xff, 0xfe], StatusCode::INTERNAL_SERVER_ERROR),
        (Method::POST, "/RecoverVault", large, StatusCode::PAYLOAD_TOO_LARGE),
    ];
    for (method, path, body, status) in rows {
        let answer = stage.call(method.clone(), path, body).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert!(!answer.body["Logs"].as_array().unwrap().is_empty(), "{method} {path}: it says why");
    }
}

/// P96: also where the route is no text.
#[tokio::test]
async fn a_route_that_is_no_text_is_answered_in_json() {
    assert!(stage().call(Method::POST, "/%FF", "{}").await.status.is_client_error());
}

#[tokio::test]
async fn an_empty_batch_and_a_handshake_are_answered() {
    let stage = stage();
    let handshake = json!({
        "id": "h", "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "eventTime": "2026-11-20T10:00:00Z",
        "subject": "", "dataVersion": "2", "topic": "/subscriptions/a", "data": { "validationCode": "x" },
    });
    for payload in [json!([]), handshake] {
        assert_eq!(stage.post("RecoverVault", json!({ "event": payload })).await.status, StatusCode::OK);
    }
}

fn timer() -> Value {
    json!({ "timer": { "Schedule": { "AdjustForDST": true }, "ScheduleStatus": null, "IsPastDue": false } })
}

#[tokio::test]
async fn the_timer_sweeps_and_says_what_it_found() {
    let stage = stage();
    stage.tenant.delete_object(&key("orders"));
    let answer = stage.post("Sweep", timer()).await;
    assert_eq!((answer.status, stage.tenant.has_object(&key("orders"))), (StatusCode::OK, true));
    assert!(answer.logs().contains("1 not announced by any event, 1 mended"), "{}", answer.logs());
    assert_eq!(stage.ledger.count_open(), 0);
}

#[tokio::test]
async fn a_timer_calls_no_function_of_events_and_events_no_sweep() {
    let stage = stage();
    let rows = [("RecoverVault", timer()), ("Sweep", json!({ "event": grid_event() }))];
    for (function, data) in rows {
        let answer = stage.post(function, data).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{function}: {}", answer.logs());
    }
}

#[tokio::test]
async fn entries_of_a_log_are_recorded_under_one_name_however_often_they_are_delivered() {
    let stage = stage();
    let records = || json!({ "events": [{ "records": [audit_record("invoices"), audit_record("orders")] }] });
    for _ in 0..2 {
        let answered = stage.post("RecordKeyEvents", records()).await;
        assert_eq!(answered.status, StatusCode::OK, "{}", answered.logs());
    }
    assert_eq!(stage.post("RecordActivityLog", json!({ "event": grid_event() })).await.status, StatusCode::OK);
    let batches = stage.evidence.batches.lock().unwrap();
    let [first, again, activity] = batches.as_slice() else { unreachable!("{batches:?}") };
    assert_eq!((first.events.len(), &first.log_file), (2, &again.log_file));
    assert_ne!(activity.log_file, first.log_file);
    assert_eq!(activity.events[0].event.name, "Microsoft.KeyVault/vaults/delete");
}

/// P95: what comes by the event hub would hold up all behind it, and what comes by Event Grid ends as a dead letter.
#[tokio::test]
async fn an_entry_that_cannot_be_read_is_named_and_loses_no_other() {
    let stage = stage();
    let rows = [("RecordKeyEvents", StatusCode::OK), ("RecordActivityLog", StatusCode::INTERNAL_SERVER_ERROR)];
    for (function, status) in rows {
        let answered = stage.post(function, json!({ "events": ["no record", { "records": [audit_record("orders")] }] })).await;
        assert_eq!(answered.status, status, "{function}: {}", answered.logs());
        assert!(answered.logs().contains("is not recorded: Data.events[0]"), "{function}: {}", answered.logs());
    }
    assert_eq!(stage.evidence.batches.lock().unwrap().iter().map(|batch| batch.events.len()).collect::<Vec<_>>(), [1, 1]);
}

/// P95: written as JSON or as a text, in the message of the others or in another.
#[tokio::test]
async fn an_entry_that_is_nested_too_deep_is_named_and_the_others_are_recorded() {
    let deep = format!(r#"{{"operationName":"KeyDelete","properties":{}{}}}"#, "[".repeat(500), "]".repeat(500));
    let beside = format!(r#"{{"records":[{deep},{}]}}"#, audit_record("invoices"));
    let other = json!({ "records": [audit_record("orders")] }).to_string();
    for events in [format!("[{beside},{other}]"), json!([beside, other]).to_string()] {
        let stage = stage();
        let body = format!(r#"{{"Data":{{"events":{events}}},"Metadata":{{}}}}"#);
        let answered = stage.call(Method::POST, "/RecordKeyEvents", body).await;
        assert_eq!(answered.status, StatusCode::OK, "{}", answered.logs());
        assert!(answered.logs().contains("is not recorded: Data.events[0].records[0]: "), "{}", answered.logs());
        assert_eq!(stage.evidence.batches.lock().unwrap().iter().map(|batch| batch.events.len()).collect::<Vec<_>>(), [2]);
    }
}

/// P95: nothing of a message may make the host try all of a batch without end.
#[tokio::test]
async fn an_invocation_nested_deeper_than_is_read_is_named_and_passed_by() {
    let stage = stage();
    let nested = format!(r#"{{"Data":{{"events":[{}{}]}},"Metadata":{{}}}}"#, "[".repeat(500), "]".repeat(500));
    let rows = [("/RecordKeyEvents", StatusCode::OK), ("/RecordActivityLog", StatusCode::INTERNAL_SERVER_ERROR)];
    for (path, status) in rows {
        let answered = stage.call(Method::POST, path, nested.clone()).await;
        assert_eq!(answered.status, status, "{path}: {}", answered.logs());
        assert!(answered.logs().contains("could not be read"), "{path}: {}", answered.logs());
    }
    // This is the host's own, and no message's.
    assert_eq!(stage.call(Method::POST, "/RecordKeyEvents", "{}").await.status, StatusCode::INTERNAL_SERVER_ERROR);
}

/// P95: what the host wraps may be no text, and then what it writes is no JSON.
#[tokio::test]
async fn an_invocation_that_is_no_json_is_named_and_passed_by() {
    let stage = stage();
    let body = b"{\"Data\":{\"events\":[\"\xff\"]},\"Metadata\":{}}".as_slice();
    let rows = [("/RecordKeyEvents", StatusCode::OK), ("/RecordActivityLog", StatusCode::INTERNAL_SERVER_ERROR)];
    for (path, status) in rows {
        let answered = stage.call(Method::POST, path, body).await;
        assert_eq!(answered.status, status, "{path}: {}", answered.logs());
        assert!(answered.logs().contains("is not recorded: all of the invocation: "), "{path}: {}", answered.logs());
    }
}

/// P95: an outage is waited for, whoever brings the entries.
#[tokio::test]
async fn entries_wait_for_the_archive() {
    let stage = stage();
    stage.evidence.fails.store(true, Ordering::Relaxed);
    for function in ["RecordKeyEvents", "RecordActivityLog"] {
        let answered = stage.post(function, json!({ "events": [audit_record("orders")] })).await;
        assert_eq!(answered.status, StatusCode::INTERNAL_SERVER_ERROR, "{function}: {}", answered.logs());
    }
}

#[tokio::test]
async fn the_timer_seals_and_a_chain_that_cannot_be_followed_fails_loudly() {
    let stage = stage();
    let timer = || json!({ "timer": { "Schedule": {}, "ScheduleStatus": null, "IsPastDue": false } });
    assert_eq!(stage.post("SealEvidence", timer()).await.status, StatusCode::OK);
    assert_eq!(stage.post("SealEvidence", json!({ "event": grid_event() })).await.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(stage.post("RecordKeyEvents", timer()).await.status, StatusCode::INTERNAL_SERVER_ERROR);
    stage.evidence.fails.store(true, Ordering::Relaxed);
    let answered = stage.post("SealEvidence", timer()).await;
    assert_eq!(answered.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answered.logs().contains("cannot be followed"), "{}", answered.logs());
}

#[tokio::test]
async fn a_sweep_writes_how_things_stand() {
    let stage = stage();
    stage.post("Sweep", json!({ "timer": { "Schedule": {}, "ScheduleStatus": null, "IsPastDue": false } })).await;
    let postures = stage.evidence.postures.lock().unwrap();
    assert_eq!(postures.iter().map(|posture| posture.keys).collect::<Vec<_>>(), [2]);
}

//! What comes by the event hub while the archive is out, or refuses it: the handler under a host that tries as `function.json` says.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that goes another way must stop")]

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use azure_guard::{Keeper, Seals, router};
use http_body_util::BodyExt as _;
use reprieve_archive::{ArchiveSink, read_lines};
use reprieve_azure::{AzureSettings, connect};
use reprieve_engine::{CallError, CallErrorKind, EvidenceStore, Recorder, RecordingPorts, RecordingSettings, StoredObject};
use reprieve_evidence::seal::SealKeys;
use reprieve_test_support::tenant::{SUBSCRIPTION, tenant, tenant_desired, vault_of};
use reprieve_test_support::{FakeBaselineStore, FakeClock, FakeEvidenceStore, FakeNoticeSink, FakeRecordingMeter, time};
use serde_json::{Value, json};
use tower::ServiceExt as _;

const WHERE_REFUSED: &str = "account=refused";

/// What an archive does not take.
#[derive(Debug, Clone, Default)]
struct Unwilling {
    /// So many writes, whatever they write, and why.
    out: Option<(usize, CallErrorKind)>,
    /// Objects whose names hold this text; entries that lie elsewhere are taken.
    refused: Option<&'static str>,
}

/// An archive that does not take everything.
#[derive(Debug, Clone)]
struct Archive {
    store: FakeEvidenceStore,
    unwilling: Arc<Mutex<Unwilling>>,
}

impl Archive {
    /// Says why the next write fails.
    fn fault(&self, name: &str) -> Option<CallError> {
        let mut unwilling = self.unwilling.lock().unwrap();
        if let Some((left @ 1.., kind)) = &mut unwilling.out {
            *left -= 1;
            return Some(kind.error("blob:PutBlob", "the archive is out".to_owned()));
        }
        let refused = unwilling.refused.is_some_and(|text| name.contains(text)) && !name.contains(WHERE_REFUSED);
        refused.then(|| CallErrorKind::Rejected.error("blob:PutBlob", "the name cannot be one".to_owned()))
    }

    /// Returns the ids of the entries in all JSON lines, sorted; each as often as it is there.
    fn ids(&self) -> Vec<String> {
        let lines = self.store.objects().into_iter().filter(|(name, _)| name.ends_with(".json.gz"));
        let mut ids: Vec<_> = lines.flat_map(|(_, bytes)| read_lines(&bytes).unwrap()).map(|entry| entry.event.id.to_string()).collect();
        ids.sort();
        ids
    }
}

impl EvidenceStore for Archive {
    async fn put_once(&self, name: &str, content_type: &str, bytes: &[u8]) -> Result<bool, CallError> {
        if let Some(fault) = self.fault(name) {
            return Err(fault);
        }
        self.store.put_once(name, content_type, bytes).await
    }

    async fn read(&self, name: &str) -> Result<Option<Vec<u8>>, CallError> {
        self.store.read(name).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<StoredObject>, CallError> {
        self.store.list(prefix).await
    }
}

/// The routes over such an archive.
struct Stage {
    router: Router,
    archive: Archive,
}

fn stage(unwilling: Unwilling) -> Stage {
    let clock = FakeClock::at(time("2026-11-20T12:00:00Z"));
    let archive = Archive { store: FakeEvidenceStore::new(clock.clone()), unwilling: Arc::new(Mutex::new(unwilling)) };
    let azure = connect(&AzureSettings::new(SUBSCRIPTION, SUBSCRIPTION, "streprieve", tenant_desired())).unwrap();
    let ports = RecordingPorts {
        evidence: ArchiveSink::new(archive.clone()),
        baseline: FakeBaselineStore::default(),
        notices: FakeNoticeSink::default(),
        clock,
        meter: FakeRecordingMeter::default(),
    };
    let keeper = Keeper {
        recorder: Recorder { ports, settings: RecordingSettings::default() },
        archive: azure.archive,
        seals: Seals { archive: "https://streprieve.blob.core.windows.net/audit".to_owned(), key: None, former_keys: SealKeys::default() },
        connection: azure.connection,
    };
    Stage { router: router(tenant().build().guard, keeper), archive }
}

impl Stage {
    /// Calls the function that records what the event hub brings, and returns the status with what the host logs.
    async fn call(&self, messages: &Value) -> (StatusCode, String) {
        self.call_function("RecordKeyEvents", messages).await
    }

    async fn call_function(&self, function: &str, messages: &Value) -> (StatusCode, String) {
        let body = json!({ "Data": { "events": messages }, "Metadata": {} }).to_string();
        let request = Request::post(format!("/{function}")).header("content-type", "application/json").body(Body::from(body)).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    /// Gives a batch as often as the host does, and says how often that was; `None` where the host goes on behind it.
    async fn give(&self, messages: &Value) -> Option<usize> {
        let retries = retries();
        let mut given = 0;
        loop {
            given += 1;
            if self.call(messages).await.0 == StatusCode::OK {
                return Some(given);
            }
            if retries.is_some_and(|retries| given > retries) {
                return None;
            }
            assert!(given < 100, "it never ends");
        }
    }
}

/// Returns how often the host tries a batch again; `None` without end.
fn retries() -> Option<usize> {
    let file = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/RecordKeyEvents/function.json")).unwrap();
    let file: Value = serde_json::from_str(&file).unwrap();
    usize::try_from(file["retry"]["maxRetryCount"].as_i64().unwrap()).ok()
}

/// The deletion of a key at this hour, as its vault logs it; its id is the key's name.
fn audit_record(name: &str, hour: u8) -> Value {
    json!({
        "time": format!("2026-11-20T{hour:02}:00:00.1234567Z"),
        "resourceId": vault_of("kv-prod").as_str().to_uppercase(),
        "operationName": "KeyDelete",
        "category": "AuditEvent",
        "resultType": "Success",
        "identity": { "claim": { "upn": "mallory@example.com" } },
        "properties": { "id": format!("https://kv-prod.vault.azure.net/keys/{name}/0123"), "httpStatusCode": 200, "requestId": name },
    })
}

fn message(records: &[Value]) -> Value {
    json!({ "records": records })
}

/// P140: the hub keeps what is told until it is recorded, however long that takes.
#[tokio::test]
async fn after_an_outage_of_the_archive_all_entries_are_recorded_once() {
    for kind in [
        CallErrorKind::Unavailable,
        CallErrorKind::Throttled,
        CallErrorKind::AccessDenied,
        CallErrorKind::NotFound,
        CallErrorKind::InvalidState,
    ] {
        let stage = stage(Unwilling { out: Some((12, kind)), refused: None });
        let messages = json!([message(&[audit_record("a", 9), audit_record("b", 10)]), message(&[audit_record("c", 10)])]);
        assert_eq!(stage.give(&messages).await, Some(13), "{kind:?}");
        let recorded = stage.archive.ids();
        assert_eq!(recorded.len(), 3, "{kind:?}: {recorded:?}");
        assert_eq!(stage.give(&messages).await, Some(1), "{kind:?}");
        assert_eq!(stage.archive.ids(), recorded, "{kind:?}: what comes again adds nothing");
    }
}

/// P95
#[tokio::test]
async fn what_cannot_be_read_holds_up_neither_its_batch_nor_the_next() {
    let stage = stage(Unwilling::default());
    let messages = json!([message(&[audit_record("a", 9)]), "no record", message(&[json!(7), audit_record("b", 9)])]);
    let (status, logs) = stage.call(&messages).await;
    assert_eq!(status, StatusCode::OK, "{logs}");
    for place in ["Data.events[1]", "Data.events[2].records[0]"] {
        assert!(logs.contains(place), "{place}: {logs}");
    }
    assert_eq!(stage.archive.ids().len(), 2);
    assert_eq!(stage.give(&json!([message(&[audit_record("c", 10)])])).await, Some(1));
    assert_eq!(stage.archive.ids().len(), 3);
}

/// P110: what an archive never takes in its place is kept in another.
#[tokio::test]
async fn an_object_that_is_refused_for_good_holds_up_no_other() {
    let stage = stage(Unwilling { out: None, refused: Some("audit/events/year=2026/month=11/day=20/hour=09/") });
    let messages = json!([message(&[audit_record("a", 9), audit_record("b", 10)])]);
    let (status, logs) = stage.call(&messages).await;
    assert_eq!(status, StatusCode::OK, "{logs}");
    assert!(logs.contains("the name cannot be one") && logs.contains(WHERE_REFUSED), "{logs}");
    let recorded = stage.archive.ids();
    assert_eq!(recorded.len(), 2, "{recorded:?}");
    stage.call(&messages).await;
    assert_eq!(stage.archive.ids(), recorded, "what comes again adds nothing");
    assert_eq!(stage.give(&json!([message(&[audit_record("c", 11)])])).await, Some(1));
    assert_eq!(stage.archive.ids().len(), 3);
}

/// P110: what is kept needs no other delivery, and each refusal is named, whoever brought the entries.
#[tokio::test]
async fn a_refusal_whose_entries_are_kept_fails_neither_function() {
    for function in ["RecordKeyEvents", "RecordActivityLog"] {
        let stage = stage(Unwilling { out: None, refused: Some("audit/events/") });
        let messages = json!([message(&[audit_record("a", 9), audit_record("b", 10)])]);
        let (status, logs) = stage.call_function(function, &messages).await;
        assert_eq!(status, StatusCode::OK, "{function}: {logs}");
        assert_eq!(logs.matches("the name cannot be one").count(), 2, "{function}: {logs}");
        assert_eq!(stage.archive.ids().len(), 2, "{function}");
    }
}

/// A refusal of everything is the archive's, and not the entries': they wait.
#[tokio::test]
async fn an_archive_that_refuses_everything_is_waited_for() {
    let stage = stage(Unwilling { out: Some((24, CallErrorKind::Rejected)), refused: None });
    let messages = json!([message(&[audit_record("a", 9)])]);
    let (status, logs) = stage.call(&messages).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{logs}");
    assert!(stage.give(&messages).await.is_some());
    assert_eq!(stage.archive.ids().len(), 1);
}

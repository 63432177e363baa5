//! The ledger against blobs in memory: what claims grant, what is kept of cases, what a lost race leaves.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, Body, HttpClient, Method, Request};
use reprieve_core::azure::world::{ActionGroupInventory, ObjectInventory, RotationPolicy};
use reprieve_core::{Event, Plan};

use super::*;
use crate::blobs::StorageAccount;
use crate::connection::Connection;
use crate::scripted::FixedCredential;

/// The blob service of one account, as far as the ledger uses it.
#[derive(Debug, Default)]
struct Blobs {
    held: Mutex<BTreeMap<String, (u64, Vec<u8>)>>,
}

impl Blobs {
    fn plant(&self, name: &str, bytes: &[u8]) {
        self.held.lock().unwrap().insert(format!("/reprieve-ledger/{name}"), (0, bytes.to_vec()));
    }

    fn names(&self) -> Vec<String> {
        self.held.lock().unwrap().keys().map(|path| path.trim_start_matches("/reprieve-ledger/").to_owned()).collect()
    }
}

fn answer(status: u16, headers: &[(&'static str, String)], body: Vec<u8>) -> AsyncRawResponse {
    let mut known = Headers::new();
    for (name, value) in headers {
        known.insert(*name, value.clone());
    }
    AsyncRawResponse::from_bytes(status.into(), known, body)
}

fn refused(status: u16, code: &str) -> AsyncRawResponse {
    answer(status, &[("x-ms-error-code", code.to_owned())], format!("<Error><Code>{code}</Code></Error>").into_bytes())
}

#[async_trait]
impl HttpClient for Blobs {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let header = |name: &'static str| request.headers().get_optional_string(&name.into());
        let path = request.url().path().replace("%2F", "/");
        let mut held = self.held.lock().unwrap();
        let etag = |version: u64| format!("\"{version}\"");
        if request.url().query().is_some_and(|query| query.contains("comp=list")) {
            let prefix =
                request.url().query_pairs().find(|(name, _)| name == "prefix").map(|(_, prefix)| prefix.into_owned()).unwrap_or_default();
            let prefix = format!("/reprieve-ledger/{prefix}");
            let lines = held.iter().filter(|(path, _)| path.starts_with(&prefix)).map(|(path, (version, bytes))| {
                let name = path.trim_start_matches("/reprieve-ledger/");
                let size = bytes.len();
                format!(
                    "<Blob><Name>{name}</Name><Properties><Etag>{version}</Etag><Content-Length>{size}</Content-Length></Properties></Blob>"
                )
            });
            let body = format!(
                "<?xml version=\"1.0\"?><EnumerationResults><Blobs>{}</Blobs><NextMarker/></EnumerationResults>",
                lines.collect::<String>()
            );
            return Ok(answer(200, &[("content-type", "application/xml".to_owned())], body.into_bytes()));
        }
        let found = held.get(&path).cloned();
        if request.method() == Method::Get {
            let Some((version, bytes)) = found else { return Ok(refused(404, "BlobNotFound")) };
            let length = bytes.len();
            // An empty blob has no range.
            if length == 0 && (header("x-ms-range").is_some() || header("range").is_some()) {
                return Ok(refused(416, "InvalidRange"));
            }
            let range = format!("bytes 0-{}/{length}", length.saturating_sub(1));
            let headers = [
                ("etag", etag(version)),
                ("content-length", length.to_string()),
                ("content-range", range),
                ("last-modified", "Fri, 20 Nov 2026 10:00:00 GMT".to_owned()),
            ];
            return Ok(answer(if length == 0 { 200 } else { 206 }, &headers, bytes));
        }
        let Body::Bytes(bytes) = request.body().clone() else { panic!("a stream was sent") };
        if header("if-none-match").is_some() && found.is_some() {
            return Ok(refused(409, "BlobAlreadyExists"));
        }
        if header("if-match").is_some_and(|wanted| found.as_ref().is_none_or(|(version, _)| etag(*version) != wanted)) {
            return Ok(refused(412, "ConditionNotMet"));
        }
        let version = found.map_or(1, |(version, _)| version + 1);
        held.insert(path, (version, bytes.to_vec()));
        Ok(answer(201, &[("etag", etag(version)), ("last-modified", "Fri, 20 Nov 2026 10:00:00 GMT".to_owned())], Vec::new()))
    }
}

fn ledger(blobs: &Arc<Blobs>) -> BlobLedger {
    let http: Arc<dyn HttpClient> = blobs.clone();
    let connection = Connection::new(http, Arc::new(FixedCredential));
    let store = BlobStore::new(&connection, &StorageAccount::parse("streprieve").unwrap(), "reprieve-ledger").unwrap();
    BlobLedger::new(store, Duration::from_mins(1))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn intent(id: &str, second: i64) -> Intent {
    Intent { event_id: EventId::parse(id).unwrap(), key: None, considering: Plan::default(), at: at(second) }
}

fn key() -> ResourceId {
    ResourceId::parse("/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv/keys/logs").unwrap()
}

fn case(id: &str, opened: i64) -> Case {
    let record =
        serde_json::json!({"operationName": "Microsoft.KeyVault/vaults/delete", "eventDataId": id, "resourceId": key().parent().unwrap()});
    let event: Event = reprieve_wire::azure::activity_log::parse(&record).unwrap();
    Case {
        event,
        opened_at: at(opened),
        stands: false,
        recovering: false,
        found: None,
        seen_at: None,
        explained_until: None,
        told: Vec::new(),
        untold: Vec::new(),
    }
}

#[tokio::test]
async fn one_of_two_gets_a_claim_until_it_is_settled_or_silent() {
    let blobs = Arc::<Blobs>::default();
    let (one, other) = (ledger(&blobs), ledger(&blobs));
    assert_eq!(one.claim(&intent("e", 0)).await, Ok(Claim::Granted { attempt: 1 }));
    assert_eq!(other.claim(&intent("e", 59)).await, Ok(Claim::Held));
    assert_eq!(other.claim(&intent("e", 61)).await, Ok(Claim::Granted { attempt: 2 }));
    let event_id = EventId::parse("e").unwrap();
    other.finish(&event_id, Status::Pending, false, at(62)).await.unwrap();
    assert_eq!(one.claim(&intent("e", 63)).await, Ok(Claim::Granted { attempt: 3 }));
    one.finish(&event_id, Status::Success, true, at(64)).await.unwrap();
    other.finish(&event_id, Status::Pending, false, at(65)).await.unwrap();
    assert_eq!(other.claim(&intent("e", 200)).await, Ok(Claim::Settled));
}

#[tokio::test]
async fn a_closed_case_is_no_open_one_and_can_be_opened_again() {
    let blobs = Arc::<Blobs>::default();
    let ledger = ledger(&blobs);
    let subject = Subject::Vault(key().parent().unwrap());
    ledger.keep_case(&subject, None).await.unwrap();
    assert_eq!(blobs.names(), Vec::<String>::new());
    ledger.keep_case(&subject, Some(&case("a", 5))).await.unwrap();
    ledger.keep_case(&subject, Some(&case("a", 9))).await.unwrap();
    assert_eq!(ledger.recall(&subject).await.unwrap().case.unwrap().opened_at, at(5));
    let mut found_out = case("a", 12);
    found_out.event.name = "Microsoft.KeyVault/vaults/write".to_owned();
    ledger.keep_case(&subject, Some(&found_out)).await.unwrap();
    assert_eq!(ledger.recall(&subject).await.unwrap().case.unwrap().opened_at, at(12), "another call under the id of the first");
    assert_eq!(ledger.open_cases().await, Ok(vec![subject.clone()]));
    ledger.keep_case(&subject, None).await.unwrap();
    assert_eq!(ledger.open_cases().await, Ok(Vec::new()));
    assert_eq!(ledger.recall(&subject).await.unwrap().case, None);
    ledger.keep_case(&subject, Some(&case("b", 20))).await.unwrap();
    assert_eq!(ledger.open_cases().await, Ok(vec![subject]));
}

#[tokio::test]
async fn the_two_looks_at_a_key_share_what_they_learn() {
    let blobs = Arc::<Blobs>::default();
    let ledger = ledger(&blobs);
    let rotation = Some(RotationPolicy { rotate_after: Some("P18M".to_owned()), ..RotationPolicy::default() });
    let (object, policy) = (Subject::VaultObject(key()), Subject::RotationPolicy(key()));
    ledger.learn(&policy, &Lesson::Object(ObjectInventory { enabled: None, rotation: rotation.clone() })).await.unwrap();
    // This look began before the other one ended.
    ledger.learn(&object, &Lesson::Object(ObjectInventory { enabled: Some(true), rotation: None })).await.unwrap();
    let known = ledger.recall(&object).await.unwrap().object;
    assert_eq!(known, Some(ObjectInventory { enabled: Some(true), rotation }));
    assert_eq!(ledger.recall(&policy).await.unwrap().object, known);
}

#[tokio::test]
async fn an_action_group_is_remembered_for_the_alerts_that_call_it() {
    let blobs = Arc::<Blobs>::default();
    let ledger = ledger(&blobs);
    let subject = Subject::Alerts(key().subscription());
    assert_eq!(ledger.recall(&subject).await.unwrap().group, None);
    let group = |left_out| ActionGroupInventory { id: key(), body: serde_json::json!({"location": "Global"}), left_out };
    for left_out in [0, 1] {
        ledger.learn(&subject, &Lesson::ActionGroup(Box::new(group(left_out)))).await.unwrap();
        assert_eq!(ledger.recall(&subject).await.unwrap().group, Some(group(left_out)));
    }
    assert_eq!(ledger.recall(&Subject::VaultObject(key())).await.unwrap().group, None);
}

#[tokio::test]
async fn a_newer_approval_takes_the_place_of_the_same_approvers() {
    let blobs = Arc::<Blobs>::default();
    let ledger = ledger(&blobs);
    let approval = |approver: &str, seal: &str| SealedApproval {
        change: "CHG1".to_owned(),
        action: "delete".to_owned(),
        window: "2026-11-20T00:00:00Z/2026-11-21T00:00:00Z".to_owned(),
        approver: approver.to_owned(),
        seal: seal.to_owned(),
    };
    for (approver, seal) in [("a", "v1.k.1"), ("b", "v1.k.2"), ("a", "v1.k.3")] {
        ledger.approve(&key(), &approval(approver, seal)).await.unwrap();
    }
    blobs.plant(&format!("approvals/{}/broken.json", digest(key().canonical())), b"{");
    let Known::Is(written) = ledger.recall(&Subject::VaultObject(key())).await.unwrap().written else { panic!("unreadable") };
    let mut seals: Vec<&str> = written.approvals.iter().map(|approval| approval.seal.as_str()).collect();
    seals.sort_unstable();
    assert_eq!(seals, ["v1.k.2", "v1.k.3"]);
}

#[tokio::test]
async fn the_first_revocation_stays_and_a_broken_one_blocks_every_approval() {
    let blobs = Arc::<Blobs>::default();
    let ledger = ledger(&blobs);
    let revocation = |by: &str| Revocation { change: "CHG1".to_owned(), by: by.to_owned(), at: at(0), reason: None };
    ledger.revoke(&key(), &revocation("a")).await.unwrap();
    ledger.revoke(&key(), &revocation("b")).await.unwrap();
    let subject = Subject::VaultObject(key());
    let Known::Is(written) = ledger.recall(&subject).await.unwrap().written else { panic!("unreadable") };
    assert_eq!(written.revocations.iter().map(|one| one.by.as_str()).collect::<Vec<_>>(), ["a"]);
    blobs.plant(&format!("revocations/{}/broken.json", digest(key().canonical())), b"{");
    assert!(matches!(ledger.recall(&subject).await.unwrap().written, Known::Unreadable(_)));
}

#[tokio::test]
async fn a_large_tenant_is_remembered_in_parts_and_shrinks_again() {
    let blobs = Arc::<Blobs>::default();
    let ledger = ledger(&blobs);
    assert_eq!(ledger.discovery().await, Ok(Discovery::default()));
    for subjects in [12_000, 3, 0] {
        let mut discovery = Discovery::default();
        let what = |index: usize| Subject::VaultObject(key().parent().unwrap().child("keys", &format!("key-{index}")));
        discovery.subjects =
            (0..subjects).map(|index| reprieve_core::azure::discovery::Seen { what: what(index), last_seen: at(0) }).collect();
        discovery.cursor = Some(subjects.to_string());
        ledger.keep_discovery(&discovery).await.unwrap();
        assert_eq!(ledger.discovery().await.unwrap(), discovery);
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_an_error() {
    let blobs = Arc::<Blobs>::default();
    let ledger = ledger(&blobs);
    let subject = Subject::VaultObject(key());
    blobs.plant(&case_name(&subject), b"no json");
    ledger.recall(&subject).await.unwrap_err();
    assert_eq!(ledger.open_cases().await, Ok(Vec::new()));
    blobs.plant("discovery.json", b"no json");
    ledger.discovery().await.unwrap_err();
}

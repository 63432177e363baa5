//! The audit sink against scripted answers: where a record goes, and what "already there" looks like.

use reprieve_core::Target;
use reprieve_core::azure::ResourceId;
use reprieve_core::azure::Subject;
use serde_json::Value;

use super::*;
use crate::blobs::StorageAccount;
use crate::scripted::{Scripted, ScriptedHttp, empty};
use reprieve_test_support::record;

const BLOB: &str = "audit/decisions/year=2026/month=01/day=02/hour=03/account=111122223333/region=eu-central-1/event-1.outcome.1.json";

fn sink(http: &std::sync::Arc<ScriptedHttp>) -> BlobAuditSink {
    let account = StorageAccount::parse("streprieve").unwrap();
    BlobAuditSink::new(BlobStore::new(&http.connection(), &account, "reprieve-audit").unwrap())
}

#[tokio::test]
async fn a_record_is_created_only() {
    let http = ScriptedHttp::playing([empty(201)]);
    sink(&http).append(&record()).await.unwrap();
    let asked = http.asked().remove(0);
    let name = BLOB.replace('/', "%2F");
    assert_eq!(asked.line, format!("PUT https://streprieve.blob.core.windows.net/reprieve-audit/{name}"));
    assert_eq!((asked.header("if-none-match"), asked.header("x-ms-blob-content-type")), (Some("*"), Some("application/json")));
    assert_eq!(serde_json::from_str::<Value>(&asked.body).unwrap(), reprieve_wire::ocsf::record_json(&record()));
}

#[tokio::test]
async fn a_record_that_is_there_already_is_a_success() {
    let there = Scripted::Answer(409, vec![("x-ms-error-code", "BlobAlreadyExists".to_owned())], String::new());
    sink(&ScriptedHttp::playing([there])).append(&record()).await.unwrap();
}

#[tokio::test]
async fn a_record_that_is_not_kept_is_an_error() {
    let denied = Scripted::Answer(403, vec![("x-ms-error-code", "AuthorizationPermissionMismatch".to_owned())], String::new());
    let error = sink(&ScriptedHttp::playing([denied])).append(&record()).await.unwrap_err();
    assert!(matches!(error, CallError::AccessDenied { .. }), "{error}");
}

#[test]
fn a_repeated_delivery_comes_to_the_same_name() {
    let mut again = record();
    again.recorded_at = "2026-03-04T05:06:07Z".parse().unwrap();
    again.received_at = again.recorded_at;
    assert_eq!(layout::decision(&again), BLOB);
    again.event.time = None;
    assert!(layout::decision(&again).contains("/year=2026/month=03/day=04/hour=05/"));
}

#[test]
fn records_of_azure_are_filed_by_subscription() {
    let subscription = "11111111-2222-3333-4444-555555555555";
    let vault =
        ResourceId::parse(&format!("/subscriptions/{subscription}/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv")).unwrap();
    let prefix = format!("audit/decisions/year=2026/month=01/day=02/hour=03/account={subscription}/region=global/");
    let mut told = record();
    told.event.target = Target::Azure(vault.clone());
    let mut looked_at = record();
    looked_at.subject = Some(Subject::VaultProtection(vault));
    for record in [told, looked_at] {
        assert!(layout::decision(&record).starts_with(&prefix), "{}", layout::decision(&record));
    }
}

#[test]
fn names_are_safe_and_stay_different() {
    assert_eq!(layout::safe("a-B_9.outcome.1"), "a-B_9.outcome.1");
    assert_eq!(layout::safe("../x y"), "..!2fx!20y");
    assert_ne!(layout::safe("a!2f"), layout::safe("a/"));
}

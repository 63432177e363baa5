//! What the rules of immutability, versions and soft delete let pass, asked of the blob service and of ARM.

use jiff::SignedDuration;
use serde_json::json;

use crate::bench::{Bench, at, code, content, header};

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn service(bench: &mut Bench, account: &str, properties: &serde_json::Value) {
    let answer = bench.arm("PUT", &format!("{account}/blobServices/default"), Some(json!({ "properties": properties })));
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn put(bench: &mut Bench, name: &str, text: &str) -> crate::Answer {
    bench.blob("stlogs01", "PUT", &format!("/audit/{name}"), text, &[("x-ms-blob-type", "BlockBlob")])
}

fn worm(bench: &mut Bench, account: &str, days: u32) {
    bench.container(account, "audit");
    let policy = json!({ "properties": { "immutabilityPeriodSinceCreationInDays": days, "allowProtectedAppendWrites": true } });
    let answer = bench.arm("PUT", &format!("{account}/blobServices/default/containers/audit/immutabilityPolicies/default"), Some(policy));
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[test]
fn a_protected_blob_is_neither_overwritten_nor_deleted() {
    let mut bench = Bench::new();
    let account = bench.account("stlogs01");
    worm(&mut bench, &account, 2);
    assert_eq!(put(&mut bench, "a", "1").status, 201);
    for (method, path) in [("PUT", "/audit/a"), ("DELETE", "/audit/a"), ("PUT", "/audit/a?comp=metadata")] {
        let answer = bench.blob("stlogs01", method, path, "2", &[("x-ms-blob-type", "BlockBlob")]);
        assert_eq!((answer.status, code(&answer)), (409, "BlobImmutableDueToPolicy"), "{method} {path}");
    }
}

#[test]
fn after_its_period_a_blob_is_deleted_but_never_overwritten() {
    let mut bench = Bench::new();
    let account = bench.account("stlogs01");
    worm(&mut bench, &account, 2);
    put(&mut bench, "a", "1");
    bench.pass(DAY * 2);
    assert_eq!(put(&mut bench, "a", "2").status, 409);
    assert_eq!(bench.blob("stlogs01", "DELETE", "/audit/a", "", &[]).status, 202);
}

#[test]
fn protected_append_blobs_grow_where_the_policy_lets_them() {
    let mut bench = Bench::new();
    let account = bench.account("stlogs01");
    worm(&mut bench, &account, 2);
    bench.blob("stlogs01", "PUT", "/audit/log", "", &[("x-ms-blob-type", "AppendBlob")]);
    let answer = bench.blob("stlogs01", "PUT", "/audit/log?comp=appendblock", "line", &[]);
    assert_eq!((answer.status, header(&answer, "x-ms-blob-append-offset")), (201, "0"));
}

#[test]
fn a_hold_protects_until_it_is_cleared() {
    let mut bench = Bench::new();
    let account = bench.account("stlogs01");
    let container = bench.container(&account, "audit");
    put(&mut bench, "a", "1");
    let tags = json!({ "tags": ["case1"] });
    assert_eq!(at(&bench.arm("POST", &format!("{container}/setLegalHold"), Some(tags.clone())), "/hasLegalHold"), &json!(true));
    let refused = bench.blob("stlogs01", "DELETE", "/audit/a", "", &[]);
    assert_eq!(code(&refused), "BlobImmutableDueToLegalHold");
    bench.arm("POST", &format!("{container}/clearLegalHold"), Some(tags));
    assert_eq!(bench.blob("stlogs01", "DELETE", "/audit/a", "", &[]).status, 202);
}

#[test]
fn a_container_with_protected_blobs_is_not_deleted() {
    let mut bench = Bench::new();
    let account = bench.account("stlogs01");
    worm(&mut bench, &account, 2);
    put(&mut bench, "a", "1");
    let answer = bench.arm("DELETE", &format!("{account}/blobServices/default/containers/audit"), None);
    assert_eq!((answer.status, code(&answer)), (409, "ContainerProtectedFromDeletion"));
    let answer = bench.blob("stlogs01", "DELETE", "/audit?restype=container", "", &[]);
    assert_eq!((answer.status, code(&answer)), (409, "ContainerImmutabilityPolicyLocked"));
}

#[test]
fn an_account_with_a_locked_container_is_not_deleted() {
    let mut bench = Bench::new();
    let account = bench.account("stlogs01");
    worm(&mut bench, &account, 2);
    put(&mut bench, "a", "1");
    let policy = format!("{account}/blobServices/default/containers/audit/immutabilityPolicies/default");
    let etag = at(&bench.arm("GET", &policy, None), "/etag").as_str().expect("an etag").to_owned();
    assert_eq!(bench.arm_with("POST", &format!("{policy}/lock"), None, &[("if-match", &etag)]).status, 200);
    let answer = bench.arm("DELETE", &account, None);
    assert_eq!((answer.status, code(&answer)), (409, "AccountProtectedFromDeletion"));
}

#[test]
fn a_deleted_container_is_listed_while_it_is_kept() {
    let mut bench = Bench::new();
    let account = bench.account("stlogs01");
    service(&mut bench, &account, &json!({ "containerDeleteRetentionPolicy": { "enabled": true, "days": 7 } }));
    let container = bench.container(&account, "audit");
    assert_eq!(bench.arm("DELETE", &container, None).status, 200);
    let list = format!("{account}/blobServices/default/containers");
    assert_eq!(at(&bench.arm("GET", &list, None), "/value"), &json!([]));
    let kept = bench.arm("GET", &format!("{list}?$include=deleted"), None);
    assert_eq!(at(&kept, "/value/0/properties/remainingRetentionDays"), &json!(7));
    bench.pass(DAY * 7);
    assert_eq!(at(&bench.arm("GET", &format!("{list}?$include=deleted"), None), "/value"), &json!([]));
}

#[test]
fn overwriting_keeps_the_version_where_versions_are_kept() {
    let mut bench = Bench::new();
    let account = bench.account("stlogs01");
    service(&mut bench, &account, &json!({ "isVersioningEnabled": true }));
    bench.container(&account, "audit");
    let first = put(&mut bench, "a", "1");
    let version = header(&first, "x-ms-version-id").to_owned();
    put(&mut bench, "a", "2");
    assert_eq!(content(&bench.blob("stlogs01", "GET", "/audit/a", "", &[])), "2");
    assert_eq!(content(&bench.blob("stlogs01", "GET", &format!("/audit/a?versionid={version}"), "", &[])), "1");
}

#[test]
fn a_deleted_blob_comes_back_while_it_is_kept() {
    let mut bench = Bench::new();
    let account = bench.account("stlogs01");
    service(&mut bench, &account, &json!({ "deleteRetentionPolicy": { "enabled": true, "days": 7 } }));
    bench.container(&account, "audit");
    put(&mut bench, "a", "1");
    bench.blob("stlogs01", "DELETE", "/audit/a", "", &[]);
    assert_eq!(code(&bench.blob("stlogs01", "GET", "/audit/a", "", &[])), "BlobNotFound");
    assert_eq!(bench.blob("stlogs01", "PUT", "/audit/a?comp=undelete", "", &[]).status, 200);
    assert_eq!(content(&bench.blob("stlogs01", "GET", "/audit/a", "", &[])), "1");
}

#[test]
fn versions_immutable_one_by_one_are_kept_while_the_blob_changes() {
    let mut bench = Bench::new();
    let account = bench.account("stlogs01");
    service(&mut bench, &account, &json!({ "isVersioningEnabled": true }));
    let container = format!("{account}/blobServices/default/containers/audit");
    let enabled = json!({ "properties": { "immutableStorageWithVersioning": { "enabled": true } } });
    assert_eq!(bench.arm("PUT", &container, Some(enabled)).status, 201);
    let policy = json!({ "properties": { "immutabilityPeriodSinceCreationInDays": 2 } });
    bench.arm("PUT", &format!("{container}/immutabilityPolicies/default"), Some(policy));
    let first = put(&mut bench, "a", "1");
    let version = header(&first, "x-ms-version-id").to_owned();
    assert_eq!(put(&mut bench, "a", "2").status, 201);
    let refused = bench.blob("stlogs01", "DELETE", &format!("/audit/a?versionid={version}"), "", &[]);
    assert_eq!(code(&refused), "BlobImmutableDueToPolicy");
}

#[test]
fn writes_keep_their_conditions() {
    let mut bench = Bench::new();
    let account = bench.account("stlogs01");
    bench.container(&account, "audit");
    let first = put(&mut bench, "a", "1");
    let etag = header(&first, "etag").to_owned();
    for (name, value, status, expected) in [
        ("if-none-match", "*", 409, "BlobAlreadyExists"),
        ("if-match", "\"0x0\"", 412, "ConditionNotMet"),
        ("if-match", etag.as_str(), 201, ""),
    ] {
        let answer = bench.blob("stlogs01", "PUT", "/audit/a", "2", &[("x-ms-blob-type", "BlockBlob"), (name, value)]);
        assert_eq!((answer.status, code(&answer)), (status, expected), "{name}: {value}");
    }
}

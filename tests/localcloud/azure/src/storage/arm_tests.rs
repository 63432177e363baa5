//! Storage accounts, the blob service, containers and policies, asked of ARM.

use serde_json::{Value, json};

use crate::bench::{Bench, GROUP, SUBSCRIPTION, at, code, content, header};

#[test]
fn a_patch_keeps_what_it_does_not_name() {
    let mut bench = Bench::new();
    let account = bench.account("stlogs01");
    bench.arm("PATCH", &account, Some(json!({ "tags": { "a": "1" }, "properties": { "allowBlobPublicAccess": true } })));
    let patched = bench.arm("PATCH", &account, Some(json!({ "properties": { "minimumTlsVersion": "TLS1_2" } })));
    assert_eq!(at(&patched, "/tags/a"), &json!("1"));
    assert_eq!(at(&patched, "/properties/allowBlobPublicAccess"), &json!(true));
    assert_eq!(at(&patched, "/properties/encryption/keySource"), &json!("Microsoft.Storage"));
}

#[test]
fn accounts_are_listed_by_subscription_and_by_group() {
    let mut bench = Bench::new();
    bench.account("stlogs01");
    for scope in [SUBSCRIPTION, GROUP] {
        let list = bench.arm("GET", &format!("{scope}/providers/Microsoft.Storage/storageAccounts"), None);
        assert_eq!(at(&list, "/value/0/name"), &json!("stlogs01"), "{scope}");
    }
}

#[test]
fn an_account_that_is_not_there_is_not_found() {
    let mut bench = Bench::new();
    let id = format!("{GROUP}/providers/Microsoft.Storage/storageAccounts/none1");
    for path in [id.clone(), format!("{id}/blobServices/default"), format!("{id}/blobServices/default/containers/c")] {
        let answer = bench.arm("GET", &path, None);
        assert_eq!((answer.status, code(&answer)), (404, "ResourceNotFound"), "{path}");
    }
}

#[test]
fn a_container_without_policy_shows_a_deleted_one() {
    let mut bench = Bench::new();
    let account = bench.account("stlogs01");
    let container = bench.container(&account, "audit");
    let policy = bench.arm("GET", &format!("{container}/immutabilityPolicies/default"), None);
    assert_eq!((policy.status, at(&policy, "/properties/state"), at(&policy, "/etag")), (200, &json!("Deleted"), &json!("")));
}

#[test]
fn a_policy_is_locked_and_then_only_extended() {
    let mut bench = Bench::new();
    let account = bench.account("stlogs01");
    let policy = format!("{}/immutabilityPolicies/default", bench.container(&account, "audit"));
    let days = |days: u32| Some(json!({ "properties": { "immutabilityPeriodSinceCreationInDays": days } }));
    let etag = |answer: &crate::Answer| header(answer, "etag").to_owned();
    let written = etag(&bench.arm("PUT", &policy, days(90)));
    let locked = bench.arm_with("POST", &format!("{policy}/lock"), None, &[("if-match", &written)]);
    assert_eq!((locked.status, at(&locked, "/properties/state")), (200, &json!("Locked")));
    assert_eq!(at(&locked, "/id"), &json!(policy));
    let current = etag(&locked);
    for (method, path, body) in
        [("PUT", policy.clone(), days(91)), ("DELETE", policy.clone(), None), ("POST", format!("{policy}/extend"), days(30))]
    {
        let answer = bench.arm_with(method, &path, body, &[("if-match", &current)]);
        assert_eq!(answer.status, 409, "{method} {path}");
    }
    let extended = bench.arm_with("POST", &format!("{policy}/extend"), days(120), &[("if-match", &current)]);
    assert_eq!(at(&extended, "/properties/immutabilityPeriodSinceCreationInDays"), &json!(120));
    let stale = bench.arm_with("POST", &format!("{policy}/extend"), days(130), &[("if-match", &current)]);
    assert_eq!((stale.status, code(&stale)), (412, "ConditionNotMet"));
}

#[test]
fn the_blob_service_keeps_what_a_put_does_not_name() {
    let mut bench = Bench::new();
    let account = bench.account("stlogs01");
    let service = format!("{account}/blobServices/default");
    bench.arm("PUT", &service, Some(json!({ "properties": { "isVersioningEnabled": true } })));
    bench.arm("PUT", &service, Some(json!({ "properties": { "deleteRetentionPolicy": { "enabled": true, "days": 30 } } })));
    let read = bench.arm("GET", &service, None);
    assert_eq!(at(&read, "/properties/isVersioningEnabled"), &json!(true));
    assert_eq!(at(&read, "/properties/deleteRetentionPolicy/days"), &json!(30));
}

#[test]
fn lists_have_pages() {
    let mut bench = Bench::new();
    let account = bench.account("stlogs01");
    for name in ["one", "two", "three"] {
        bench.container(&account, name);
    }
    let first = bench.arm("GET", &format!("{account}/blobServices/default/containers?$maxpagesize=2"), None);
    let next = at(&first, "/nextLink").as_str().expect("a next page").strip_prefix("https://management.azure.com").expect("ARM").to_owned();
    let second = bench.arm("GET", &next, None);
    let count = |answer: &crate::Answer| at(answer, "/value").as_array().map_or(0, Vec::len);
    assert_eq!((count(&first), count(&second), at(&second, "/nextLink")), (2, 1, &Value::Null));
}

#[test]
fn blobs_are_listed_by_prefix_delimiter_and_marker() {
    let mut bench = Bench::new();
    let account = bench.account("stlogs01");
    bench.container(&account, "audit");
    for name in ["a%2F1", "a%2F2", "b%2F1", "c"] {
        bench.blob("stlogs01", "PUT", &format!("/audit/{name}"), "x", &[("x-ms-blob-type", "BlockBlob")]);
    }
    let names =
        |xml: &str| xml.split("<Name>").skip(1).map(|rest| rest.split('<').next().unwrap_or_default().to_owned()).collect::<Vec<_>>();
    let mut list = |query: &str| content(&bench.blob("stlogs01", "GET", &format!("/audit?restype=container&comp=list{query}"), "", &[]));
    assert_eq!(names(&list("&prefix=a/")), ["a/1", "a/2"]);
    assert_eq!(names(&list("&delimiter=/")), ["a/", "b/", "c"]);
    let first = list("&maxresults=3");
    assert_eq!(names(&first), ["a/1", "a/2", "b/1"]);
    let marker = first.split("<NextMarker>").nth(1).and_then(|rest| rest.split('<').next()).expect("a marker").to_owned();
    let marker: String = form_urlencoded::byte_serialize(marker.as_bytes()).collect();
    assert_eq!(names(&list(&format!("&marker={marker}"))), ["c"]);
}

#[test]
fn blocks_are_put_together_in_the_order_of_the_list() {
    let mut bench = Bench::new();
    let account = bench.account("stlogs01");
    bench.container(&account, "audit");
    for (id, text) in [("MQ%3D%3D", "one"), ("Mg%3D%3D", "two")] {
        assert_eq!(bench.blob("stlogs01", "PUT", &format!("/audit/a?comp=block&blockid={id}"), text, &[]).status, 201);
    }
    let list = "<?xml version=\"1.0\"?><BlockList><Latest>Mg==</Latest><Latest>MQ==</Latest></BlockList>";
    assert_eq!(bench.blob("stlogs01", "PUT", "/audit/a?comp=blocklist", list, &[]).status, 201);
    let part = bench.blob("stlogs01", "GET", "/audit/a", "", &[("range", "bytes=1-3")]);
    assert_eq!((part.status, content(&part), header(&part, "content-range")), (206, "woo".to_owned(), "bytes 1-3/6"));
}

#[test]
fn whoever_has_no_role_reads_no_blob() {
    let mut bench = Bench::new();
    let account = bench.account("stlogs01");
    bench.container(&account, "audit");
    bench.caller.object_id = "nobody".to_owned();
    let answer = bench.blob("stlogs01", "GET", "/audit/a", "", &[]);
    assert_eq!((answer.status, code(&answer)), (403, "AuthorizationPermissionMismatch"));
}

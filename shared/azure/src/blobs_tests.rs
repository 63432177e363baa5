//! Blobs against scripted answers: under which conditions they are written, and what a list that goes on comes to.

use super::*;
use crate::scripted::{Scripted, ScriptedHttp, empty};

const CONTAINER_URL: &str = "https://streprieve.blob.core.windows.net/reprieve-ledger";

fn store(answers: impl IntoIterator<Item = Scripted>) -> (BlobStore, Arc<ScriptedHttp>) {
    let http = ScriptedHttp::playing(answers);
    let account = StorageAccount::parse("streprieve").unwrap();
    (BlobStore::new(&http.connection(), &account, "reprieve-ledger").unwrap(), http)
}

fn refused(status: u16, code: &str) -> Scripted {
    let body = format!("<Error><Code>{code}</Code><Message>the words of Azure\nRequestId:1</Message></Error>");
    Scripted::Answer(status, vec![("x-ms-error-code", code.to_owned()), ("content-type", "application/xml".to_owned())], body)
}

fn created() -> Scripted {
    empty(201).with("etag", "\"0x1\"")
}

fn found(body: &str) -> Scripted {
    let length = body.len();
    let range = format!("bytes 0-{}/{length}", length.saturating_sub(1));
    Scripted::Answer(
        206,
        vec![("etag", "\"0x1\"".into()), ("content-length", length.to_string()), ("content-range", range)],
        body.to_owned(),
    )
}

fn page(names: &[&str], marker: &str) -> Scripted {
    let blob = |name: &&str| format!("<Blob><Name>{name}</Name><Properties><Etag>0x1</Etag></Properties></Blob>");
    let blobs: String = names.iter().map(blob).collect();
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ServiceEndpoint=\"https://streprieve.blob.core.windows.net/\" \
         ContainerName=\"reprieve-ledger\"><Blobs>{blobs}</Blobs><NextMarker>{marker}</NextMarker></EnumerationResults>"
    );
    Scripted::Answer(200, vec![("content-type", "application/xml".into())], body)
}

#[test]
fn names_of_accounts_and_containers_are_checked() {
    for bad in ["", "st", "ST", "st-reprieve", "streprieve.blob.core.windows.net", "evil.example/a", &"a".repeat(25)] {
        assert!(StorageAccount::parse(bad).is_err(), "{bad}");
    }
    let http = ScriptedHttp::playing([empty(200)]);
    for bad in ["", "$root", "Reprieve", "a/b", "a?b"] {
        assert!(BlobStore::new(&http.connection(), &StorageAccount::parse("streprieve").unwrap(), bad).is_err(), "{bad}");
    }
}

#[tokio::test]
async fn a_blob_is_created_only() {
    let (store, http) = store([created()]);
    assert_eq!(store.create("vaults/a b.json", "application/json", b"{}").await, Ok(true));
    let asked = http.asked().remove(0);
    assert_eq!(asked.line, format!("PUT {CONTAINER_URL}/vaults%2Fa%20b.json"));
    for (header, value) in [
        ("authorization", "Bearer https://storage.azure.com/.default"),
        ("if-none-match", "*"),
        ("x-ms-blob-content-type", "application/json"),
        ("x-ms-blob-type", "BlockBlob"),
    ] {
        assert_eq!(asked.header(header), Some(value), "{header}");
    }
    assert_eq!(asked.body, "{}");
}

#[tokio::test]
async fn a_blob_that_is_there_stays() {
    for (status, code) in [(409, "BlobAlreadyExists"), (412, "ConditionNotMet"), (409, "BlobImmutableDueToPolicy")] {
        let (store, http) = store([refused(status, code)]);
        assert_eq!(store.create("a", "text/plain", b"a").await, Ok(false), "{code}");
        assert_eq!(http.lines().len(), 1);
    }
}

#[tokio::test]
async fn a_blob_is_replaced_only_where_it_is_the_one_that_was_read() {
    let (first, http) = store([created()]);
    assert_eq!(first.replace("a", "\"0x0\"", "text/plain", b"b").await, Ok(Stored::Written("\"0x1\"".to_owned())));
    assert_eq!(http.asked().remove(0).header("if-match"), Some("\"0x0\""));
    let (second, _) = store([refused(412, "ConditionNotMet")]);
    assert_eq!(second.replace("a", "\"0x0\"", "text/plain", b"b").await, Ok(Stored::Refused));
}

#[tokio::test]
async fn what_stands_in_the_way_of_a_write_is_an_error() {
    for (status, code, expected) in [
        (409, "ContainerBeingDeleted", "state does not allow it: `ContainerBeingDeleted`: the words of Azure (`reprieve-ledger/a`)"),
        (404, "ContainerNotFound", "does not exist: `ContainerNotFound`"),
        (403, "AuthorizationPermissionMismatch", "access denied: `AuthorizationPermissionMismatch`"),
        (403, "KeyVaultEncryptionKeyNotFound", "access denied: `KeyVaultEncryptionKeyNotFound`"),
    ] {
        let (store, _) = store([refused(status, code)]);
        let error = store.create("a", "text/plain", b"a").await.unwrap_err().to_string();
        assert!(error.starts_with("blob:PutBlob: ") && error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_blob_too_large_for_one_request_is_not_sent() {
    let (store, http) = store([created()]);
    store.create("a", "text/plain", &vec![0; SIZE_LIMIT_BYTES + 1]).await.unwrap_err();
    assert_eq!(http.lines(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_busy_account_is_asked_again() {
    let (store, http) = store([refused(503, "ServerBusy"), created()]);
    assert_eq!(store.create("a", "text/plain", b"a").await, Ok(true));
    assert_eq!(http.lines().len(), 2);
}

#[tokio::test]
async fn a_blob_is_read_with_its_etag() {
    let (store, http) = store([found("text")]);
    assert_eq!(store.read("a").await, Ok(Some(Blob { bytes: b"text".to_vec(), etag: "\"0x1\"".to_owned() })));
    assert_eq!(http.lines(), [format!("GET {CONTAINER_URL}/a")]);
}

#[tokio::test]
async fn only_a_missing_blob_is_none() {
    let (first, _) = store([refused(404, "BlobNotFound")]);
    assert_eq!(first.read("a").await, Ok(None));
    for (status, code) in [(404, "ContainerNotFound"), (403, "AuthorizationFailure"), (400, "InvalidUri")] {
        let (store, _) = store([refused(status, code)]);
        assert!(store.read("a").await.is_err(), "{code}");
    }
}

#[tokio::test]
async fn a_list_is_read_to_its_last_page() {
    let (store, http) = store([page(&["a/1", "a/2"], "m"), page(&["a/3"], "")]);
    let listed = store.list("a/", 10).await.unwrap();
    assert_eq!(listed.iter().map(|listed| listed.name.as_str()).collect::<Vec<_>>(), ["a/1", "a/2", "a/3"]);
    assert_eq!(listed[0].etag.as_deref(), Some("0x1"));
    let first = format!("GET {CONTAINER_URL}?comp=list&prefix=a%2F&restype=container");
    assert_eq!(http.lines(), [first.clone(), first.replace("&prefix", "&marker=m&prefix")]);
}

#[tokio::test]
async fn a_list_that_is_too_long_is_an_error() {
    let (store, http) = store([page(&["1", "2"], "m")]);
    let error = store.list("", 5).await.unwrap_err();
    assert!(error.to_string().contains("more than 5 blobs"), "{error}");
    assert_eq!(http.lines().len(), 3);
}

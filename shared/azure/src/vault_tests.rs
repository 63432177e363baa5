//! The data plane of a vault against scripted answers: the challenge, what is asked, and what a vault may not lead us to.

use serde_json::json;

use super::*;
use crate::scripted::{Scripted, ScriptedHttp, empty, json as answer, refused};

const VAULT: &str = "https://kv.vault.azure.net";
const CHALLENGE: &str = r#"Bearer authorization="https://login.microsoftonline.com/t", resource="https://vault.azure.net""#;

fn challenge(words: &'static str) -> Scripted {
    empty(401).with("www-authenticate", words)
}

/// A client of a vault that asks for a token first.
fn client(answers: impl IntoIterator<Item = Scripted>) -> (VaultClient, Arc<ScriptedHttp>) {
    let http = ScriptedHttp::playing([challenge(CHALLENGE)].into_iter().chain(answers));
    (VaultClient::new(&http.connection(), &VaultHost::parse(VAULT).unwrap()).unwrap(), http)
}

/// The same for secrets and certificates, whose calls bring their token.
fn plain(answers: impl IntoIterator<Item = Scripted>) -> (VaultClient, Arc<ScriptedHttp>) {
    let http = ScriptedHttp::playing(answers);
    (VaultClient::new(&http.connection(), &VaultHost::parse(VAULT).unwrap()).unwrap(), http)
}

#[test]
fn hosts_of_the_public_cloud_are_taken() {
    for (text, host, is_hsm) in [
        ("kv-prod.vault.azure.net", "kv-prod.vault.azure.net", false),
        ("https://KV-Prod.vault.azure.net/", "kv-prod.vault.azure.net", false),
        ("https://kv.vault.azure.net:443/", "kv.vault.azure.net", false),
        ("https://hsm.managedhsm.azure.net/", "hsm.managedhsm.azure.net", true),
    ] {
        let parsed = VaultHost::parse(text).unwrap();
        assert_eq!((parsed.as_str(), parsed.is_managed_hsm()), (host, is_hsm));
    }
}

#[test]
fn no_token_is_sent_to_other_hosts() {
    for text in [
        "",
        "kv",
        ".vault.azure.net",
        "http://kv.vault.azure.net",
        "https://kv.vault.azure.net.evil.example/",
        "https://evil.example/kv.vault.azure.net",
        "https://evil.example#.vault.azure.net",
        "https://me@kv.vault.azure.net",
        "https://kv.vault.azure.net:8443",
        "https://a.b.vault.azure.net",
        "https://kv.vault.azure.net/keys",
    ] {
        assert!(VaultHost::parse(text).is_err(), "{text}");
    }
}

#[tokio::test]
async fn the_first_call_learns_what_token_to_bring() {
    let (client, http) = client([answer(200, &json!({"key": {"kid": "k"}, "attributes": {"enabled": true}}))]);
    let key = client.key("k1").await.unwrap().unwrap();
    assert_eq!(key["attributes"]["enabled"], true);
    let asked = http.asked();
    assert_eq!(
        asked.iter().map(|asked| asked.header("authorization")).collect::<Vec<_>>(),
        [None, Some("Bearer https://vault.azure.net/.default")]
    );
    assert!(
        asked[1].line.starts_with(&format!("GET {VAULT}/keys/k1/")) && asked[1].line.ends_with("?api-version=7.5"),
        "{}",
        asked[1].line
    );
}

#[tokio::test]
async fn a_managed_hsm_asks_for_another_token() {
    let hsm = r#"Bearer authorization="https://login.microsoftonline.com/t", resource="https://managedhsm.azure.net""#;
    let http = ScriptedHttp::playing([challenge(hsm), answer(200, &json!({}))]);
    let client = VaultClient::new(&http.connection(), &VaultHost::parse("https://h.managedhsm.azure.net").unwrap()).unwrap();
    client.key("k1").await.unwrap();
    assert_eq!(http.asked()[1].header("authorization"), Some("Bearer https://managedhsm.azure.net/.default"));
}

#[tokio::test]
async fn a_vault_that_asks_for_somebody_else_s_token_gets_none() {
    let foreign = r#"Bearer authorization="https://login.microsoftonline.com/t", resource="https://management.azure.com""#;
    let http = ScriptedHttp::playing([challenge(foreign)]);
    let client = VaultClient::new(&http.connection(), &VaultHost::parse(VAULT).unwrap()).unwrap();
    client.key("k1").await.unwrap_err();
    assert_eq!(http.asked().len(), 1);
}

#[tokio::test]
async fn what_is_not_there_is_none() {
    let (client, _) = client([refused(404, "KeyNotFound")]);
    assert_eq!(client.key("k1").await, Ok(None));
    assert_eq!(client.deleted_key("k1").await, Ok(None));
    assert_eq!(client.rotation_policy("k1").await, Ok(None));
    assert_eq!(client.deleted_object(ObjectKind::Secret, "s1").await, Ok(None));
    assert!(matches!(client.recover_key("k1").await, Err(CallError::NotFound { .. })));
}

#[tokio::test]
async fn every_call_asks_for_what_its_name_says() {
    let (client, http) = client([answer(200, &json!({"value": []}))]);
    let policy = json!({"lifetimeActions": [{"trigger": {"timeAfterCreate": "P90D"}, "action": {"type": "Rotate"}}]});
    client.key("k").await.unwrap();
    client.keys().await.unwrap();
    client.deleted_key("k").await.unwrap();
    client.deleted_keys().await.unwrap();
    client.recover_key("k").await.unwrap();
    client.enable_key("k", Some("0a1b")).await.unwrap();
    client.rotation_policy("k").await.unwrap();
    client.set_rotation_policy("k", &policy).await.unwrap();
    client.objects(ObjectKind::Certificate).await.unwrap();
    client.deleted_object(ObjectKind::Secret, "s").await.unwrap();
    client.deleted_objects(ObjectKind::Certificate).await.unwrap();
    client.recover_object(ObjectKind::Secret, "s").await.unwrap();
    let asked = http.asked();
    let lines: Vec<_> = asked.iter().skip(1).map(|asked| asked.line.replace(VAULT, "").replace("?api-version=7.5", "")).collect();
    assert_eq!(
        lines,
        [
            "GET /keys/k/",
            "GET /keys",
            "GET /deletedkeys/k",
            "GET /deletedkeys",
            "POST /deletedkeys/k/recover",
            "PATCH /keys/k/0a1b",
            "GET /keys/k/rotationpolicy",
            "PUT /keys/k/rotationpolicy",
            "GET /certificates",
            "GET /deletedsecrets/s",
            "GET /deletedcertificates",
            "POST /deletedsecrets/s/recover",
        ]
    );
    assert_eq!(asked[6].json(), json!({"attributes": {"enabled": true}}));
    assert_eq!(asked[8].json(), policy);
}

#[tokio::test]
async fn lists_are_read_to_their_last_page() {
    let next = format!("{VAULT}/keys?api-version=7.5&$skiptoken=x");
    let pages = || {
        [answer(200, &json!({"value": [{"kid": "1"}], "nextLink": next})), answer(200, &json!({"value": [{"kid": "2"}], "nextLink": null}))]
    };
    let (keys, _) = client(pages());
    assert_eq!(keys.keys().await.unwrap(), [json!({"kid": "1"}), json!({"kid": "2"})]);
    let (objects, http) = plain(pages());
    assert_eq!(objects.objects(ObjectKind::Secret).await.unwrap().len(), 2);
    assert_eq!(http.lines()[1], format!("GET {next}"));
}

#[tokio::test]
async fn no_page_is_asked_of_another_host() {
    let page = || answer(200, &json!({"value": [], "nextLink": "https://evil.example/keys"}));
    let (keys, asked_keys) = client([page()]);
    let (objects, asked_objects) = plain([page()]);
    for (error, http, requests) in
        [(keys.keys().await.unwrap_err(), asked_keys, 2), (objects.objects(ObjectKind::Secret).await.unwrap_err(), asked_objects, 1)]
    {
        assert!(error.to_string().contains("`evil.example` is not `https://kv.vault.azure.net`"), "{error}");
        assert_eq!(http.lines().len(), requests);
    }
}

#[tokio::test]
async fn a_name_cannot_lead_to_another_call() {
    let (client, http) = client([empty(200)]);
    for name in ["", "a/b", "../deletedkeys/a", "a?b", "a%2Fb", "a/purge", &"a".repeat(128)] {
        assert!(matches!(client.key(name).await, Err(CallError::Rejected { .. })), "{name}");
        assert!(matches!(client.recover_key(name).await, Err(CallError::Rejected { .. })), "{name}");
        assert!(matches!(client.recover_object(ObjectKind::Secret, name).await, Err(CallError::Rejected { .. })), "{name}");
        assert!(matches!(client.enable_key("a", Some(name)).await, Err(CallError::Rejected { .. })), "{name}");
    }
    assert_eq!(http.lines(), [""; 0]);
}

#[tokio::test]
async fn what_microsoft_s_client_could_delete_or_purge_is_refused() {
    let (client, http) = client([empty(200)]);
    assert!(client.keys.delete_key("k", None).await.unwrap_err().to_string().contains("nothing is ever deleted"));
    client.keys.purge_deleted_key("k", None).await.unwrap_err();
    assert_eq!(http.lines(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_vault_is_asked_again() {
    let (client, http) = client([refused(429, "Throttled").with("retry-after", "2"), answer(200, &json!({}))]);
    let start = Instant::now();
    client.recover_key("k").await.unwrap();
    assert_eq!((http.lines().len(), start.elapsed().as_secs()), (3, 2));
}

#[tokio::test]
async fn what_is_being_recovered_is_to_be_looked_at_again() {
    let (client, _) = client([refused(409, "ObjectIsBeingRecovered")]);
    assert!(matches!(client.recover_key("k").await, Err(CallError::InvalidState { .. })));
}

/// The requests that Microsoft's Python SDK was recorded to send for an operation: method and path, without the version.
fn recorded(operations: &str, name: &str) -> String {
    let lines = operations.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let operation = lines.into_iter().find(|operation| operation["name"] == name).unwrap();
    let path = operation["path"].as_str().unwrap().split('?').next().unwrap().to_owned();
    format!("{} {path}", operation["method"].as_str().unwrap())
}

#[tokio::test]
#[expect(clippy::print_stderr, reason = "a test that skips says so")]
async fn keys_are_asked_for_as_microsoft_s_python_client_does() {
    let Ok(specs) = std::env::var("REPRIEVE_AZURE_SPECS") else {
        eprintln!("skipped: REPRIEVE_AZURE_SPECS does not name the recorded requests");
        return;
    };
    let operations = std::fs::read_to_string(format!("{specs}/golden-requests.jsonl")).unwrap();
    let (client, http) = client([answer(200, &json!({}))]);
    client.key("k").await.unwrap();
    client.recover_key("k").await.unwrap();
    client.deleted_key("k").await.unwrap();
    client.set_rotation_policy("k", &json!({})).await.unwrap();
    client.enable_key("k", None).await.unwrap();
    let asked: Vec<_> = http.lines().into_iter().skip(1).map(|line| line.replace(VAULT, "").replace("?api-version=7.5", "")).collect();
    let names = ["key_get", "key_recover", "key_get_deleted", "rotation_put", "key_update"];
    assert_eq!(asked, names.map(|name| recorded(&operations, name)));
}

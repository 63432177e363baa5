//! What the binary writes and answers, beside the sandbox: no secret of what it was handed, and nothing of what is too large.
#![expect(clippy::unwrap_used, reason = "a test that goes another way must stop")]

use reprieve_google_sandbox::Sandbox;
use reprieve_test_support::marked::{google_entry, shown, unreadable};
use reprieve_test_support::serving::{Posted, Served, posted_to};

const VERSION: &str = "projects/prod/locations/europe-west3/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1";
const VARIABLES: [(&str, &str); 6] = [
    ("REPRIEVE_MODE", "enforce"),
    ("REPRIEVE_LOG", "trace"),
    ("REPRIEVE_GOOGLE_PROJECTS", "prod"),
    ("REPRIEVE_GOOGLE_AUDIT_BUCKET", "reprieve-audit"),
    ("REPRIEVE_GOOGLE_CLAIMS_BUCKET", "reprieve-claims"),
    ("REPRIEVE_WEBHOOKS", "slack http://127.0.0.1:9/MARKED-SECRET-webhook"),
];
const AUDIT_LOG: [(&str, &str); 4] =
    [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-type", "google.cloud.audit.log.v1.written"), ("authorization", "MARKED-SECRET")];

/// Posts these bodies to the binary, one after another.
async fn served(headers: &'static [(&'static str, &'static str)], bodies: Vec<String>) -> Served {
    let cloud = Sandbox::start().await.unwrap();
    let url = cloud.url().to_owned();
    let serve = move || {
        let variables: Vec<(&str, &str)> = VARIABLES.into_iter().chain([("REPRIEVE_GOOGLE_ENDPOINT_URL", url.as_str())]).collect();
        let requests: Vec<Posted<'_>> = bodies.into_iter().map(|body| ("/", headers, body)).collect();
        posted_to(env!("CARGO_BIN_EXE_gcp-guard"), "PORT", &variables, &requests)
    };
    tokio::task::spawn_blocking(serve).await.unwrap()
}

/// Threat O2
#[tokio::test]
async fn no_secret_is_logged_or_answered_whatever_comes() {
    let entries = ["DestroyCryptoKeyVersion", "UpdateCryptoKeyVersion", "Decrypt", "google.cloud.kms.v1.KeyManagementService.MacSign"];
    let bodies = entries.iter().map(|method| google_entry(method, VERSION).to_string()).chain(unreadable());
    let served = served(&AUDIT_LOG, bodies.collect()).await;

    // What cannot be read is refused, and ends as a dead letter; nothing else is.
    assert!(served.answers[..entries.len()].iter().all(|answer| !answer.starts_with("HTTP/1.1 400 ")), "{:?}", served.answers);
    assert!(served.answers[entries.len()..].iter().all(|answer| answer.starts_with("HTTP/1.1 400 ")), "{:?}", served.answers);
    assert!(served.written.matches("could not be read").count() >= unreadable().len(), "{}", served.written);
    let said = format!("{}\n{}", served.written, served.answers.join("\n"));
    assert_eq!(shown(&said), Vec::<&str>::new());
}

/// Threat G8: a delivery beyond the limit is refused with the reason, and the service goes on.
#[tokio::test]
async fn a_delivery_that_is_too_large_is_refused_and_the_next_one_is_read() {
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(1024 * 1024));
    let nested = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let next = google_entry("Decrypt", VERSION).to_string();
    let served = served(&[], vec![large, nested, next]).await;
    let statuses: Vec<&str> = served.answers.iter().filter_map(|answer| answer.split(' ').nth(1)).collect();
    assert_eq!(statuses, ["413", "400", "200"], "{:?}", served.answers);
}

//! What the binary writes and answers while every call fails: no secret of what it was handed, and nothing of what is too large.

use azure_guard::BODY_LIMIT_BYTES;
use reprieve_test_support::marked::{azure_items, shown, unreadable};
use reprieve_test_support::serving::{Posted, posted_to};
use serde_json::{Value, json};

const SUBSCRIPTION: &str = "00000000-0000-4000-8000-000000000001";
const VAULT: &str = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv-prod";
const VARIABLES: [(&str, &str); 11] = [
    ("REPRIEVE_MODE", "enforce"),
    ("REPRIEVE_LOG", "trace"),
    ("REPRIEVE_AZURE_SUBSCRIPTIONS", SUBSCRIPTION),
    ("REPRIEVE_AZURE_TENANT_ID", SUBSCRIPTION),
    ("REPRIEVE_AZURE_CLIENT_ID", SUBSCRIPTION),
    ("REPRIEVE_AZURE_PRINCIPAL_ID", SUBSCRIPTION),
    ("REPRIEVE_AZURE_STORAGE_ACCOUNT", "streprieve"),
    ("REPRIEVE_AZURE_ENDPOINT_URL", "http://127.0.0.1:9"),
    ("REPRIEVE_WEBHOOKS", "slack http://127.0.0.1:9/MARKED-SECRET-webhook"),
    ("IDENTITY_ENDPOINT", "http://127.0.0.1:9/msi/token"),
    ("IDENTITY_HEADER", "MARKED-SECRET-identity"),
];
const FUNCTIONS: [&str; 4] = ["/RecoverVault", "/RecoverKey", "/RecordKeyEvents", "/RecordActivityLog"];

fn invocation(data: &Value) -> String {
    json!({"Data": data, "Metadata": {"sys": {"MethodName": "x", "UtcNow": "2026-11-20T10:00:05Z"}, "token": "MARKED-SECRET-metadata"}})
        .to_string()
}

fn status_of(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

/// Threat O2
#[test]
fn no_secret_is_logged_or_answered_whatever_comes() {
    let mut bodies: Vec<String> = azure_items(VAULT).iter().map(|item| invocation(&json!({"event": item}))).collect();
    bodies.push(invocation(&json!({"events": azure_items(VAULT)})));
    let readable = bodies.len();
    bodies.extend(unreadable().into_iter().map(|text| invocation(&json!({"event": text}))));
    bodies.extend(unreadable());
    let headers = [("Authorization", "MARKED-SECRET-header")];
    let posted = |body: String| FUNCTIONS.iter().map(move |function| (*function, body.clone()));
    let requests: Vec<(&str, String)> = bodies.into_iter().flat_map(posted).collect();
    let requests: Vec<Posted<'_>> = requests.into_iter().map(|(path, body)| (path, headers.as_slice(), body)).collect();
    let served = posted_to(env!("CARGO_BIN_EXE_azure-guard"), "FUNCTIONS_CUSTOMHANDLER_PORT", &VARIABLES, &requests);

    // What cannot be read, and what could not be done, fails the invocation: the host hands it over again. Of what comes by the event hub
    // to be recorded, what cannot be read is passed by, or all behind it would wait.
    let answers = FUNCTIONS.into_iter().cycle().zip(served.answers.iter().map(|answer| status_of(answer)));
    let (of_the_log, others): (Vec<_>, Vec<_>) =
        answers.skip(readable * FUNCTIONS.len()).partition(|(function, _)| *function == "/RecordKeyEvents");
    assert!(others.iter().all(|(_, status)| *status == "500"), "{:?}", served.answers);
    assert!(of_the_log.iter().take(unreadable().len()).all(|(_, status)| *status == "200"), "{:?}", served.answers);
    assert!(served.written.contains("LogRecordsUnreadable"), "{}", served.written);
    assert!(served.written.matches("could not be read").count() >= unreadable().len(), "{}", served.written);
    let said = format!("{}\n{}", served.written, served.answers.join("\n"));
    assert_eq!(shown(&said), Vec::<&str>::new());
}

/// Threat Z5: an invocation beyond the limit is refused with the reason, and the handler goes on.
#[test]
fn an_invocation_that_is_too_large_is_refused_and_the_next_one_is_read() {
    // No serializer looks at each byte of so much.
    let large = format!(r#"{{"Data":{{"event":"{}"}}}}"#, "x".repeat(BODY_LIMIT_BYTES));
    let nested = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let next = invocation(&json!({"event": {"id": "1", "eventType": "Microsoft.Storage.BlobCreated", "subject": "/x", "topic": "/x",
        "eventTime": "2026-11-20T10:00:00Z", "dataVersion": "1", "metadataVersion": "1", "data": {}}}));
    let requests: Vec<Posted<'_>> = [large, nested, next].into_iter().map(|body| ("/RecoverVault", [].as_slice(), body)).collect();
    let served = posted_to(env!("CARGO_BIN_EXE_azure-guard"), "FUNCTIONS_CUSTOMHANDLER_PORT", &VARIABLES, &requests);
    let statuses: Vec<&str> = served.answers.iter().map(|answer| status_of(answer)).collect();
    assert_eq!(statuses, ["413", "500", "200"], "{:?}", served.answers);
}

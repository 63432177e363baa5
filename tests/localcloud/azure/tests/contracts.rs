//! The contract check itself: it takes what Microsoft's clients were recorded to send, and refuses what no contract describes.

#![expect(clippy::print_stdout, reason = "counts are printed")]

mod published;

use bytes::Bytes;
use reprieve_azure_sandbox::Exchange;
use reprieve_azure_sandbox::contract::golden::{Comparison, Golden};
use reprieve_azure_sandbox::contract::{Contracts, Verdict};
use serde_json::{Value, json};

const VAULT: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv-prod";
const ACCOUNT: &str =
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/stlogs01";

/// Makes an exchange with ARM.
fn exchange(method: &str, path_and_query: &str, request: Option<Value>, status: u16, answer: Option<Value>) -> Exchange {
    let bytes = |body: Option<Value>| body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
    let host = if path_and_query.starts_with("/subscriptions") { "management.azure.com" } else { "kv-prod.vault.azure.net" };
    Exchange {
        at: jiff::Timestamp::UNIX_EPOCH,
        method: method.to_owned(),
        host: host.to_owned(),
        path_and_query: path_and_query.to_owned(),
        request_headers: vec![("if-match".to_owned(), "\"1\"".to_owned())],
        request_body: bytes(request),
        status,
        response_headers: Vec::new(),
        response_body: bytes(answer),
        caller: None,
        fault: None,
    }
}

fn vault() -> Value {
    json!({
        "id": VAULT, "name": "kv-prod", "type": "Microsoft.KeyVault/vaults", "location": "westeurope", "tags": {},
        "properties": {
            "tenantId": "00000000-0000-0000-0000-000000000000", "sku": { "family": "A", "name": "standard" }, "accessPolicies": [],
            "enableSoftDelete": true, "softDeleteRetentionInDays": 90, "enablePurgeProtection": true,
            "vaultUri": "https://kv-prod.vault.azure.net/", "provisioningState": "Succeeded"
        }
    })
}

#[test]
fn every_schema_that_an_operation_names_compiles() {
    let Some(folder) = published::folder() else { return };
    let contracts = Contracts::load(&folder).expect("contracts load");
    let schemas = contracts.compile_all().expect("schemas compile");
    println!("{schemas} schemas compiled; operations known: {:?}", contracts.known_operations());
    assert!(schemas > 200, "{schemas}");
}

#[test]
fn recorded_requests_of_microsofts_clients_keep_to_the_contracts() {
    let Some(folder) = published::folder() else { return };
    let contracts = Contracts::load(&folder).expect("contracts load").accepting_client_versions();
    let golden = Golden::load(&folder).expect("the recording loads");
    let text = std::fs::read_to_string(folder.join("golden-requests.jsonl")).expect("the recording reads");
    let mut counted = 0;
    for line in text.lines() {
        let recorded: Value = serde_json::from_str(line).expect("a line is JSON");
        let field = |name: &str| recorded[name].as_str().unwrap_or_default().to_owned();
        // Some requests were recorded before their bodies were: those lines say nothing of the body.
        if recorded["body"].is_null() && matches!(field("name").as_str(), "rotation_put" | "key_update") {
            continue;
        }
        let body = Some(recorded["body"].clone()).filter(|body| !body.is_null());
        let mut sent =
            exchange(&field("method"), &field("path"), body, 403, Some(json!({"error": {"code": "Forbidden", "message": "no"}})));
        assert_eq!(violation(&contracts.check(&sent)), None, "{line}");
        assert!(matches!(golden.compare(&sent), Comparison::Same { .. }), "{line}: {:?}", golden.compare(&sent));
        // An accepted request is held against the request's schema too; its empty answer is then the one fault.
        sent.status = 200;
        sent.response_body = Bytes::new();
        let fault = violation(&contracts.check(&sent)).unwrap_or_default();
        assert!(
            fault.is_empty()
                || fault.ends_with("the answer needs a body")
                || fault.ends_with("status 200 is not described for this operation"),
            "{fault}"
        );
        counted += 1;
    }
    println!("{counted} recorded requests, {} operations", golden.operations());
}

fn violation(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Violation(text) => Some(text.clone()),
        Verdict::Covered { .. } | Verdict::Ours { .. } | Verdict::NotInContracts { .. } => None,
    }
}

#[test]
fn exchanges_outside_of_the_contracts_are_violations() {
    let Some(folder) = published::folder() else { return };
    let contracts = Contracts::load(&folder).expect("contracts load");
    let at = |version: &str| format!("{VAULT}?api-version={version}");
    let mut odd_answer = vault();
    odd_answer["properties"]["softDelete"] = json!(true);
    let mut number = vault();
    number["properties"]["enableSoftDelete"] = json!("true");
    let lock = format!("{ACCOUNT}/blobServices/default/containers/c/immutabilityPolicies/default/lock?api-version=2024-01-01");
    let mut without_etag = exchange("POST", &lock, None, 200, Some(json!({ "properties": { "state": "Locked" } })));
    without_etag.request_headers.clear();
    let cases = [
        (
            "an unknown operation",
            exchange("POST", &format!("{VAULT}/explode?api-version=2024-11-01"), None, 200, None),
            "no contract describes this operation",
        ),
        (
            "an unknown provider",
            exchange("GET", "/subscriptions/1/providers/Microsoft.Compute/virtualMachines?api-version=2024-01-01", None, 200, None),
            "no contract",
        ),
        ("another API version", exchange("GET", &at("2016-10-01"), None, 200, Some(vault())), "API version `2016-10-01`"),
        ("a version of newer clients", exchange("GET", &at("2026-05-15"), None, 200, Some(vault())), "API version `2026-05-15`"),
        ("no API version", exchange("GET", VAULT, None, 200, Some(vault())), "`api-version` is missing"),
        ("an unknown query key", exchange("GET", &format!("{VAULT}?api-version=2024-11-01&force=1"), None, 200, Some(vault())), "`force`"),
        (
            "an unknown field in a request",
            exchange("PATCH", &at("2024-11-01"), Some(json!({ "properties": { "enableSoftErase": true } })), 200, Some(vault())),
            "request, `/properties`",
        ),
        (
            "a request field of another kind",
            exchange("PATCH", &at("2024-11-01"), Some(json!({ "properties": { "enableSoftDelete": "yes" } })), 200, Some(vault())),
            "`/properties/enableSoftDelete`",
        ),
        ("an unknown field in an answer", exchange("GET", &at("2024-11-01"), None, 200, Some(odd_answer)), "answer, `/properties`"),
        (
            "an answer field of another kind",
            exchange("GET", &at("2024-11-01"), None, 200, Some(number)),
            "answer, `/properties/enableSoftDelete`",
        ),
        ("an undescribed status", exchange("GET", &at("2024-11-01"), None, 206, Some(vault())), "status 206"),
        ("an answer without body", exchange("GET", &at("2024-11-01"), None, 200, None), "the answer needs a body"),
        ("an error without code", exchange("GET", &at("2024-11-01"), None, 404, Some(json!({ "message": "gone" }))), "answer, "),
        ("a lock without entity tag", without_etag, "`if-match` is missing"),
        (
            "a body where none belongs",
            exchange("POST", &lock, Some(json!({})), 200, Some(json!({ "properties": {} }))),
            "a body where none is described",
        ),
    ];
    for (name, exchange, expected) in cases {
        let found = violation(&contracts.check(&exchange)).unwrap_or_default();
        assert!(found.contains(expected), "{name}: `{found}`");
    }
}

#[test]
fn exchanges_within_the_contracts_are_told_apart_by_origin() {
    let Some(folder) = published::folder() else { return };
    let contracts = Contracts::load(&folder).expect("contracts load");
    let accounts = "/subscriptions/00000000-0000-0000-0000-000000000000/providers/Microsoft.Storage/storageAccounts?api-version=2024-01-01";
    let subscription = json!({ "id": "/subscriptions/1", "subscriptionId": "00000000-0000-0000-0000-000000000000", "displayName": "Production", "state": "Enabled" });
    let mut login = exchange("POST", "/organizations/oauth2/v2.0/token", None, 200, None);
    login.host = "login.microsoftonline.com".to_owned();
    let cases = [
        ("a client's contract", exchange("GET", &format!("{VAULT}?api-version=2024-11-01"), None, 200, Some(vault())), "Client"),
        ("a specification", exchange("GET", accounts, None, 200, Some(json!({ "value": [] }))), "Specification"),
        (
            "our own schema",
            exchange("GET", "/subscriptions/00000000-0000-0000-0000-000000000000?api-version=2022-12-01", None, 200, Some(subscription)),
            "Ours",
        ),
        ("a login", login, "NotInContracts"),
    ];
    for (name, exchange, expected) in cases {
        let verdict = contracts.check(&exchange);
        assert!(format!("{verdict:?}").contains(expected), "{name}: {verdict:?}");
    }
}

#[test]
fn requests_that_differ_from_the_recording_are_told() {
    let Some(folder) = published::folder() else { return };
    let golden = Golden::load(&folder).expect("the recording loads");
    let cases = [
        (
            "another case",
            "PATCH",
            format!("{ACCOUNT}?api-version=1"),
            Some(json!({ "properties": { "encryption": { "keyVaultProperties": { "keyname": "logs" } } } })),
            "is written `keyvaultproperties`",
        ),
        (
            "another place",
            "PATCH",
            format!("{ACCOUNT}?api-version=1"),
            Some(json!({ "properties": { "keyvaultproperties": { "keyname": "logs" } } })),
            "stands at /properties/encryption/keyvaultproperties",
        ),
        (
            "another kind",
            "PATCH",
            format!("{VAULT}?api-version=1"),
            Some(json!({ "properties": { "enableSoftDelete": "true" } })),
            "is a text",
        ),
        ("a body", "POST", "/deletedkeys/k/recover?api-version=7.5".to_owned(), Some(json!({})), "there is a body"),
        ("no body", "PATCH", format!("{VAULT}?api-version=1"), None, "there is no body"),
        ("a query key", "GET", format!("{VAULT}?api-version=1&$top=1"), None, "`$top`"),
    ];
    for (name, method, path, body, expected) in cases {
        let Comparison::Different { differences, .. } = golden.compare(&exchange(method, &path, body, 200, None)) else {
            panic!("{name} passes");
        };
        assert!(differences.join("; ").contains(expected), "{name}: {differences:?}");
    }
}

#[test]
fn a_smaller_patch_and_further_fields_equal_the_recording() {
    let Some(folder) = published::folder() else { return };
    let golden = Golden::load(&folder).expect("the recording loads");
    let smaller = exchange(
        "PATCH",
        &format!("{VAULT}?api-version=2024-11-01"),
        Some(json!({ "properties": { "enablePurgeProtection": true } })),
        200,
        None,
    );
    let expected = Comparison::Same { name: "vault_patch".to_owned(), left_out: vec!["/properties/enableSoftDelete".to_owned()] };
    assert_eq!(golden.compare(&smaller), expected);
    let version = exchange("GET", "/keys/logs/0123456789abcdef0123456789abcdef?api-version=7.5", None, 200, None);
    assert!(matches!(golden.compare(&version), Comparison::Same { .. }));
}

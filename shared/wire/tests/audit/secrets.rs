//! No secret material leaves: whatever stands in a field that no list names, however it is wrapped, is in no entry.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use reprieve_wire::audit::{Parsed, parse};
use serde_json::{Value, json};

use super::{all_records, entry};

/// Every fixture's record that is ours.
static OURS: LazyLock<Vec<Value>> =
    LazyLock::new(|| all_records().into_iter().filter(|record| matches!(parse(record), Ok(Parsed::Entry(_)))).collect());

/// Fields in which services have, or could have, secrets.
const SECRET_FIELDS: &[&str] = &[
    "plaintext",
    "Plaintext",
    "ciphertextBlob",
    "CiphertextBlob",
    "ciphertextForRecipient",
    "privateKeyPlaintext",
    "privateKeyCiphertextBlob",
    "publicKey",
    "signature",
    "mac",
    "message",
    "sharedSecret",
    "secretString",
    "SecretString",
    "secretBinary",
    "secretValues",
    "randomPassword",
    "value",
    "Value",
    "tagValue",
    "password",
    "keyStorePassword",
    "preCoPassword",
    "passphrase",
    "privateKey",
    "certificate",
    "certificateChain",
    "csr",
    "signedCert",
    "trustAnchor",
    "importToken",
    "encryptedKeyMaterial",
    "keyMaterial",
    "grantTokens",
    "grantToken",
    "token",
    "nextToken",
    "sessionToken",
    "accessToken",
    "clientSecret",
    "secretAccessKey",
    "xksProxyAuthenticationCredential",
    "storageAccountAccessKey",
    "connectionString",
    "administratorLoginPassword",
    "primaryKey",
    "keys1",
    "jwk",
    "k",
    "n",
    "e",
    "d",
    "p",
    "q",
    "dp",
    "dq",
    "qi",
    "x",
    "y",
    "sig",
    "sas",
    "X-Amz-Signature",
    "X-Amz-Security-Token",
    "x-amz-server-side-encryption-customer-key",
    "Authorization2",
    "endpoint",
    "attributeValue",
    "input",
    "aio",
    "groups",
    "attestationDocument",
];

/// Fields that hold something else than a text, a time or a number of a known form: what stands there instead is only noted.
const MISPLACED: &[&str] = &[
    "eventVersion",
    "eventTime",
    "awsRegion",
    "recipientAccountId",
    "eventType",
    "readOnly",
    "requestParameters",
    "responseElements",
    "additionalEventData",
    "serviceEventDetails",
    "userIdentity",
    "time",
    "identity",
    "properties",
    "claims",
    "authorization",
    "durationMsX",
    "authenticationInfo",
    "request",
    "requestMetadata",
    "response",
];

/// Objects whose names are the caller's to choose, and which are kept.
const CONTEXTS: [&str; 5] =
    ["encryptionContext", "sourceEncryptionContext", "destinationEncryptionContext", "encryptionContextSubset", "encryptionContextEquals"];

fn secret() -> impl Strategy<Value = String> {
    "Zq[A-Za-z0-9+/]{14,40}={0,2}"
}

fn field() -> impl Strategy<Value = String> {
    prop_oneof![3 => select(SECRET_FIELDS).prop_map(ToOwned::to_owned), 1 => "zz[a-zA-Z]{4,10}"]
}

/// How a secret is wrapped.
fn shaped(secret: &str, shape: usize) -> Value {
    match shape % 6 {
        0 => json!(secret),
        1 => json!([secret, { "inner": secret }]),
        2 => json!({ "inner": { "value": secret } }),
        3 => json!(json!({ "plaintext": secret, "list": [secret] }).to_string()),
        4 => json!(format!("https://stlogs.blob.core.windows.net/c/b?sv=1&sig={secret}")),
        _ => json!(json!(json!({ "secret": secret }).to_string()).to_string()),
    }
}

/// The pointers of every object in which a field can be planted, also of those written as JSON texts: these end in `!`.
fn objects(value: &Value, path: &str, found: &mut Vec<String>) {
    let escape = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(object) => {
            found.push(path.to_owned());
            for (key, value) in object.iter().filter(|(key, _)| !CONTEXTS.contains(&key.as_str())) {
                objects(value, &format!("{path}/{}", escape(key)), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                objects(item, &format!("{path}/{index}"), found);
            }
        }
        Value::String(text) if text.starts_with('{') => found.push(format!("{path}!")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Plants a field in an object that has none of its name; one in a JSON text is written anew.
fn plant(record: &mut Value, at: Index, name: &str, planted: &Value) {
    let mut paths = Vec::new();
    objects(record, "", &mut paths);
    let path = at.get(&paths).clone();
    let Some(place) = record.pointer_mut(path.trim_end_matches('!')) else { return };
    if path.ends_with('!') {
        let Some(mut inner) = place.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok()) else { return };
        insert(&mut inner, name, planted);
        if let Some(properties) = inner.get_mut("properties") {
            insert(properties, name, planted);
        }
        *place = json!(inner.to_string());
        return;
    }
    insert(place, name, planted);
}

fn insert(place: &mut Value, name: &str, planted: &Value) {
    let Some(object) = place.as_object_mut() else { return };
    let is_taken = object.keys().any(|key| key.eq_ignore_ascii_case(name));
    if !is_taken {
        object.insert(name.to_owned(), planted.clone());
    }
}

/// Adds a query to every URL.
fn sign_urls(value: &mut Value, secret: &str) {
    match value {
        Value::String(text) if text.contains("://") && !text.starts_with('{') => {
            let separator = if text.contains('?') { '&' } else { '?' };
            *text = format!("{text}{separator}sig={secret}&se=2026");
        }
        Value::Object(object) => {
            for (_, value) in object.iter_mut().filter(|(key, _)| !CONTEXTS.contains(&key.as_str())) {
                sign_urls(value, secret);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| sign_urls(item, secret)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn leaks(record: &Value, secret: &str) -> Option<String> {
    match parse(record) {
        Ok(Parsed::Entry(entry)) => {
            let text = serde_json::to_string(&entry).unwrap_or_else(|error| unreachable!("{error}"));
            text.contains(secret).then_some(text)
        }
        Ok(Parsed::NotOurs { .. }) | Err(_) => None,
    }
}

/// The innermost record: an envelope has it under `detail`, Event Grid under `data`, an entry of Google's under `protoPayload`.
fn inner(record: &mut Value) -> &mut Value {
    let name = if record.get("detail").is_some_and(Value::is_object) { "/detail" } else { "" };
    let name = if record.pointer("/data/operationName").is_some() { "/data" } else { name };
    let name = if record.get("protoPayload").is_some_and(Value::is_object) { "/protoPayload" } else { name };
    record.pointer_mut(name).unwrap_or_else(|| unreachable!("the record, or what is in it"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// P101
    #[test]
    fn what_stands_in_a_field_that_no_list_names_never_leaves(
        at in any::<Index>(),
        secret in secret(),
        plants in proptest::collection::vec((any::<Index>(), field(), 0usize..6), 1..6),
    ) {
        let mut record = at.get(&OURS).clone();
        for (place, name, shape) in plants {
            plant(&mut record, place, &name, &shaped(&secret, shape));
        }
        prop_assert!(record.to_string().contains(&secret) || record == *at.get(&OURS), "nothing was planted");
        prop_assert!(matches!(parse(&record), Ok(Parsed::Entry(_))), "no entry any more: {record}");
        let leak = leaks(&record, &secret);
        prop_assert_eq!(leak, None);
    }

    /// P101
    #[test]
    fn what_an_error_echoes_never_leaves(at in any::<Index>(), secret in secret(), form in 0usize..4, shape in 0usize..6) {
        let mut record = at.get(&OURS).clone();
        let message = match form {
            0 => format!("1 validation error detected: Value '{secret}' at 'plaintext' failed to satisfy constraint"),
            1 => format!("User: arn:aws:iam::111122223333:user/bob is not authorized ({secret})"),
            2 => secret.clone(),
            _ => json!({ "error": { "message": secret } }).to_string(),
        };
        if let Some(object) = inner(&mut record).as_object_mut() {
            let code = if form == 3 { shaped(&secret, shape) } else { json!("ValidationException") };
            object.insert("errorCode".to_owned(), code.clone());
            object.insert("errorMessage".to_owned(), json!(message));
            if object.contains_key("methodName") {
                object.insert("status".to_owned(), json!({ "code": code, "message": message }));
            }
            object.insert("resultDescription".to_owned(), json!(message));
            if let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) {
                properties.insert("statusMessage".to_owned(), json!(message));
            }
        }
        // A code is one word, so a word is kept: what is tested is everything else that can stand there.
        prop_assume!(form != 3 || shape != 0);
        let leak = leaks(&record, &secret);
        prop_assert_eq!(leak, None);
    }

    /// P101
    #[test]
    fn the_query_of_a_url_never_leaves(at in any::<Index>(), secret in secret()) {
        let mut record = at.get(&OURS).clone();
        sign_urls(&mut record, &secret);
        let leak = leaks(&record, &secret);
        prop_assert_eq!(leak, None);
    }

    #[test]
    fn what_is_odd_is_said_and_not_quoted(at in any::<Index>(), secret in secret(), field in select(MISPLACED), shape in 0usize..6) {
        let mut record = at.get(&OURS).clone();
        if let Some(place) = inner(&mut record).get_mut(field) {
            *place = shaped(&secret, shape);
        }
        let leak = leaks(&record, &secret);
        prop_assert_eq!(leak, None);
    }
}

#[test]
fn nothing_of_the_fixtures_that_must_not_be_kept_is_kept() {
    const MARK: &str = "not-to-be-kept";
    let marked: Vec<&Value> = OURS.iter().filter(|record| record.to_string().contains(MARK)).collect();
    assert!(marked.len() >= 10, "only {} records have something that must not be kept", marked.len());
    for record in marked {
        let text = serde_json::to_string(&entry(record)).unwrap();
        assert!(!text.contains(MARK), "{text}");
    }
}

#[test]
fn an_encryption_context_is_kept_as_it_is_no_secret() {
    let record = OURS.iter().find(|record| record.pointer("/requestParameters/encryptionContext/tenant").is_some()).unwrap();
    assert_eq!(entry(record).request.get("encryptionContext.tenant").map(String::as_str), Some("blue"));
}

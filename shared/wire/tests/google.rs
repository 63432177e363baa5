//! Entries of Google Cloud Audit Logs, in every form in which they reach us.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::LazyLock;

use crate::support::google_fixture;
use proptest::prelude::*;
use reprieve_core::audit::{AuditEvent, Operation};
use reprieve_core::{ActorKind, CallOutcome, EventForm};
use reprieve_wire::audit::Parsed;
use reprieve_wire::google::{Delivered, Headers, NEEDLES, is_entry, parse_delivery, parse_entry};
use serde_json::{Value, json};

/// The cases of a fixture: what each is, and the entry.
static CASES: LazyLock<Vec<(String, Value)>> = LazyLock::new(|| {
    let text = google_fixture("calls.jsonl");
    let case = |line: &str| {
        let case: Value = serde_json::from_str(line).unwrap_or_else(|error| unreachable!("{error}: {line}"));
        let name = case.get("case").and_then(Value::as_str).unwrap_or_default().to_owned();
        (name, case.get("entry").cloned().unwrap_or(Value::Null))
    };
    text.lines().map(case).collect()
});

fn cases() -> Vec<(String, Value)> {
    CASES.clone()
}

fn case(name: &str) -> Value {
    CASES.iter().find(|(case, _)| case == name).unwrap_or_else(|| unreachable!("no case `{name}`")).1.clone()
}

fn entry(value: &Value) -> AuditEvent {
    match parse_entry(value) {
        Ok(Parsed::Entry(event)) => *event,
        other => unreachable!("{other:?}"),
    }
}

fn json_fixture(name: &str) -> Value {
    serde_json::from_str(&google_fixture(&format!("{name}.json"))).unwrap_or_else(|error| unreachable!("`{name}`: {error}"))
}

/// One line for one case.
fn describe(parsed: &Parsed) -> String {
    let event = match parsed {
        Parsed::NotOurs { source, name } => return format!("not ours: {source} {name}"),
        Parsed::Entry(event) => event,
    };
    let asset = event.asset.as_ref().map_or_else(
        || "-".to_owned(),
        |asset| {
            let version = asset.version.as_ref().map_or_else(String::new, |version| format!(" @{version}"));
            format!("{} {}{version}", asset.kind.as_str(), asset.id)
        },
    );
    let outcome = match &event.event.outcome {
        CallOutcome::Succeeded => "ok".to_owned(),
        CallOutcome::Refused { code, .. } => format!("refused {code}"),
    };
    let odd: Vec<&str> = event.event.oddities.iter().map(|oddity| oddity.field.as_str()).collect();
    let odd = if odd.is_empty() { String::new() } else { format!(" | odd: {}", odd.join(", ")) };
    format!("{} {} | {asset} | {} | {outcome}{odd}", event.event.name, event.operation.as_str(), event.event.actor.display_name())
}

#[test]
fn every_call_is_understood() {
    let mut text = String::new();
    for (name, value) in cases() {
        writeln!(text, "{name}: {}", describe(&parse_entry(&value).unwrap())).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn method_names_match_short_or_fully_qualified() {
    let [short, long] = ["destroy, short name", "destroy, fully qualified, no status"].map(|name| entry(&case(name)));
    assert_eq!((short.event.name, short.operation), (long.event.name, long.operation));
}

#[test]
fn no_status_an_empty_one_and_code_zero_mean_success() {
    for name in ["destroy, short name", "destroy, fully qualified, no status", "destroy, code zero"] {
        assert_eq!(entry(&case(name)).event.outcome, CallOutcome::Succeeded, "{name}");
    }
    let CallOutcome::Refused { code, message } = entry(&case("destroy, refused")).event.outcome else { unreachable!() };
    assert_eq!(code, "PERMISSION_DENIED");
    assert!(message.unwrap().contains("cloudkms.cryptoKeyVersions.destroy"));
}

#[test]
fn enabling_and_disabling_are_told_apart_by_the_state() {
    for (name, operation) in [
        ("disable", Operation::Disable),
        ("enable", Operation::Enable),
        ("enable, mask as paths", Operation::Enable),
        ("state that the mask leaves out", Operation::Update),
    ] {
        assert_eq!(entry(&case(name)).operation, operation, "{name}");
    }
}

#[test]
fn the_time_of_destruction_is_the_deadline() {
    let event = entry(&case("destroy, short name")).event;
    assert_eq!(event.deadline(), Some("2026-12-21T05:00:00Z".parse().unwrap()));
}

#[test]
fn a_pool_vouches_for_its_identities() {
    for (name, kind, pool) in [
        ("workforce identity", ActorKind::GoogleUser, "locations/global/workforcePools/staff"),
        ("workload identity", ActorKind::GoogleServiceAccount, "projects/123456789012/locations/global/workloadIdentityPools/github"),
    ] {
        let event = entry(&case(name));
        assert_eq!((event.event.actor.kind, event.credential.identity_provider.as_deref()), (kind, Some(pool)), "{name}");
    }
}

#[test]
fn who_acted_through_a_service_account_is_an_identity_of_the_caller() {
    let event = entry(&case("impersonated"));
    let identities = event.event.actor.identities();
    for person in ["person:deployer@prod-payments.iam.gserviceaccount.com", "person:alice@example.com"] {
        assert!(identities.contains(person), "{identities:?}");
    }
}

#[test]
fn the_key_of_a_service_account_is_the_credential() {
    assert_eq!(entry(&case("service account key")).credential.id.as_deref(), Some("0123456789abcdef"));
}

#[test]
fn addresses_are_kept_as_they_are_written() {
    for (name, address) in
        [("address is private", Some("private")), ("address inside Compute Engine", Some("gce-internal-ip")), ("no address", None)]
    {
        assert_eq!(entry(&case(name)).event.actor.source_address.as_deref(), address, "{name}");
    }
}

/// P127
#[test]
fn a_key_that_was_called_by_its_projects_number_is_the_same_key() {
    let [by_id, by_number] = ["destroy, short name", "project by its number"].map(|name| entry(&case(name)));
    assert_eq!(by_number.event.target, by_id.event.target);
}

#[test]
fn what_google_does_by_itself_is_an_event_of_the_service() {
    assert_eq!(entry(&case("Google itself")).event.form, EventForm::ServiceEvent);
    assert_eq!(entry(&case("encrypt")).event.form, EventForm::ApiCall);
}

#[test]
fn one_entry_is_the_same_event_in_every_form() {
    let plain = entry(&case("destroy, short name"));
    for name in ["eventarc-structured", "eventarc-binary-body", "pubsub-push", "eventarc-pubsub"] {
        let value = json_fixture(name);
        assert!(is_entry(value.as_object().unwrap()), "{name}");
        assert_eq!(entry(&value), plain, "{name}");
    }
    // A router that renames fields and drops the `T` of a time leaves the event what it is, with notes.
    let renamed = entry(&json_fixture("renamed-by-a-router"));
    assert_eq!((renamed.event.id, renamed.event.time, renamed.request), (plain.event.id, plain.event.time, plain.request));
}

#[test]
fn an_insert_id_alone_does_not_identify_an_entry() {
    let first = case("destroy, short name");
    let mut other_time = first.clone();
    other_time["timestamp"] = json!("2026-11-21T06:00:00Z");
    let mut other_log = first.clone();
    other_log["logName"] = json!("projects/prod-payments/logs/cloudaudit.googleapis.com%2Fdata_access");
    let ids = [&first, &other_time, &other_log].map(|value| entry(value).event.id);
    assert!(ids[0] != ids[1] && ids[0] != ids[2] && ids[1] != ids[2], "{ids:?}");
    assert!(ids[0].as_str().starts_with("ins0001-"));
}

#[test]
fn deliveries_are_told_apart_by_their_type() {
    let binary = json_fixture("eventarc-binary-body").to_string();
    let headers = Headers { content_type: Some("application/json"), event_type: Some("google.cloud.audit.log.v1.written"), event_id: None };
    assert!(matches!(parse_delivery(headers, binary.as_bytes()), Ok(Delivered::Entry(Parsed::Entry(_)))));
    let structured = json_fixture("eventarc-structured").to_string();
    assert!(matches!(parse_delivery(Headers::default(), structured.as_bytes()), Ok(Delivered::Entry(Parsed::Entry(_)))));
    let other = Headers { event_type: Some("google.cloud.storage.object.v1.finalized"), ..Headers::default() };
    assert!(matches!(parse_delivery(other, b"{}"), Ok(Delivered::OtherEvent { .. })));
}

#[test]
fn what_is_no_entry_is_refused_in_words() {
    for (value, words) in [
        (json!([1]), "expected an entry of Google Cloud Audit Logs (a JSON object), found an array"),
        (json!({"message": {"data": "bm8="}}), "a CloudEvent of Eventarc or a push of Pub/Sub that carries one"),
        (json!({"protoPayload": "text"}), "a CloudEvent of Eventarc"),
    ] {
        let error = parse_entry(&value).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn every_entry_of_ours_holds_a_needle() {
    for (name, value) in cases() {
        let text = value.to_string();
        if matches!(parse_entry(&value), Ok(Parsed::Entry(_))) {
            assert!(NEEDLES.iter().any(|needle| text.contains(needle)), "{name}");
        }
    }
}

#[test]
fn no_secret_material_is_kept() {
    // Every plaintext, ciphertext, digest, MAC, wrapped key and secret of the fixture is this text.
    for (name, value) in cases() {
        if let Parsed::Entry(event) = parse_entry(&value).unwrap() {
            assert!(!serde_json::to_string(&event).unwrap().contains("U0VDUkVU"), "{name}");
        }
    }
}

#[test]
fn what_is_refused_or_odd_is_said_and_not_quoted() {
    let mut value = case("destroy, refused");
    let payload = &mut value["protoPayload"];
    payload["status"]["message"] = json!("Permission 'cloudkms.cryptoKeyVersions.destroy' denied, found U0VDUkVU");
    payload["requestMetadata"]["callerSuppliedUserAgent"] = json!("tool https://host.example/path?sig=U0VDUkVU");
    payload["response"] = json!("U0VDUkVU");
    let event = entry(&value).event;
    let CallOutcome::Refused { message, .. } = &event.outcome else { unreachable!() };
    assert_eq!(message.as_deref(), Some("Permission cloudkms.cryptoKeyVersions.destroy denied, found …"));
    assert_eq!(event.actor.user_agent.as_deref(), Some("tool https://host.example/path"));
    assert!(event.oddities.iter().any(|oddity| oddity.field == "protoPayload.response"), "{event:?}");
    assert!(!serde_json::to_string(&event).unwrap().contains("U0VDUkVU"), "{event:?}");
}

proptest! {
    #[test]
    fn no_blob_is_kept_wherever_it_stands(index in 0..60_usize, field in proptest::sample::select(vec![
        "plaintext", "ciphertext", "data", "payload", "mac", "signature", "digest", "wrappedKey", "rsaAesWrappedKey", "sharedSecret",
        "initializationVector", "additionalAuthenticatedData", "pem", "unknownField",
    ]), nested in any::<bool>(), blob in "[A-Za-z0-9+/]{24,80}") {
        let (_, mut value) = CASES[index % CASES.len()].clone();
        for place in ["request", "response", "metadata", "serviceData"] {
            let inner = if nested { json!({ field: { "data": blob.clone() } }) } else { json!({ field: blob.clone() }) };
            let old = value["protoPayload"][place].as_object().cloned().unwrap_or_default();
            let merged = old.into_iter().chain(inner.as_object().unwrap().clone()).collect();
            value["protoPayload"][place] = Value::Object(merged);
        }
        if let Parsed::Entry(event) = parse_entry(&value).unwrap() {
            prop_assert!(!serde_json::to_string(&event).unwrap().contains(&blob));
        }
    }

    #[test]
    fn no_input_panics(text in ".{0,200}", number in any::<f64>()) {
        for place in ["protoPayload", "request", "status", "timestamp", "insertId", "authenticationInfo", "resourceName", "updateMask", "methodName"] {
            for replacement in [json!(text), json!(number), json!([text]), json!({ "a": text }), Value::Null] {
                let mut value = case("disable");
                let object = value.as_object_mut().unwrap();
                object.insert(place.to_owned(), replacement.clone());
                if let Some(payload) = object.get_mut("protoPayload").and_then(Value::as_object_mut) {
                    payload.insert(place.to_owned(), replacement.clone());
                    if let Some(request) = payload.get_mut("request").and_then(Value::as_object_mut) {
                        request.insert(place.to_owned(), replacement);
                    }
                }
                if let Ok(Parsed::Entry(event)) = parse_entry(&value) {
                    let back: AuditEvent = serde_json::from_str(&serde_json::to_string(&event).unwrap()).unwrap();
                    prop_assert_eq!(back, *event);
                }
            }
        }
        let _result = parse_delivery(Headers::default(), text.as_bytes());
    }
}

/// Returns the published entries, or says why the test is skipped.
fn corpus() -> Option<Vec<Value>> {
    let Some(folder) = std::env::var_os("REPRIEVE_CORPUS").map(PathBuf::from) else {
        let mut err = std::io::stderr();
        let _written = std::io::Write::write_all(&mut err, b"skipped: REPRIEVE_CORPUS is not set to the folder of published events\n");
        return None;
    };
    let path = folder.join("gcp/panther-analysis-gcp.jsonl");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| unreachable!("`{}`: {error}", path.display()));
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| unreachable!("{error}: {line}"))).collect())
}

#[test]
fn every_published_entry_is_one_of_ours_or_named() {
    let Some(lines) = corpus() else { return };
    assert_eq!(lines.len(), 186);
    let mut counts = BTreeMap::<String, usize>::new();
    for (number, line) in lines.iter().enumerate() {
        assert!(is_entry(line.as_object().unwrap()), "line {}", number + 1);
        let parsed = parse_entry(line).unwrap_or_else(|error| unreachable!("line {}: {error}", number + 1));
        let what = match parsed {
            Parsed::Entry(event) => {
                let outcome = if event.event.outcome == CallOutcome::Succeeded { "" } else { ", refused" };
                format!("{} {} -> {}{outcome}", event.event.source, event.event.name, event.operation.as_str())
            }
            Parsed::NotOurs { source, .. } => format!("not ours: {source}"),
        };
        *counts.entry(what).or_default() += 1;
    }
    let text: Vec<String> = counts.iter().map(|(what, count)| format!("{count:>3} {what}")).collect();
    insta::assert_snapshot!(text.join("\n"));
}

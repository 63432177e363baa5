//! Histories of versions of keys in Google Cloud.

use reprieve_replay::{Collector, Rules, judge};
use serde_json::{Value, json};

use crate::scene::told;

const KEY: &str = "projects/prod-payments/locations/europe-west3/keyRings/payments/cryptoKeys/card-data";

fn entry(method: &str, version: &str, time: &str, request: &Value) -> Value {
    let name = format!("{KEY}/cryptoKeyVersions/{version}");
    let mut asked = json!({ "name": name });
    if let (Some(asked), Some(more)) = (asked.as_object_mut(), request.as_object()) {
        asked.extend(more.clone());
    }
    json!({
        "insertId": format!("{method}-{version}-{}", time.replace(':', "")),
        "logName": "projects/prod-payments/logs/cloudaudit.googleapis.com%2Factivity",
        "timestamp": format!("2026-11-20T{time}Z"),
        "protoPayload": {
            "serviceName": "cloudkms.googleapis.com",
            "methodName": method,
            "authenticationInfo": { "principalEmail": "mallory@example.com", "principalSubject": "user:mallory@example.com" },
            "resourceName": name,
            "status": {},
            "request": asked,
        },
    })
}

fn to_state(version: &str, state: &str, time: &str) -> Value {
    let request =
        json!({ "updateMask": "state", "cryptoKeyVersion": { "name": format!("{KEY}/cryptoKeyVersions/{version}"), "state": state } });
    entry("UpdateCryptoKeyVersion", version, time, &request)
}

fn destroy(version: &str, time: &str) -> Value {
    entry("DestroyCryptoKeyVersion", version, time, &json!({}))
}

fn restore(version: &str, time: &str) -> Value {
    entry("RestoreCryptoKeyVersion", version, time, &json!({}))
}

#[track_caller]
fn check(entries: &[Value], expected: &[&str], state: &str) {
    let collector = Collector::default();
    let lines: Vec<String> = entries.iter().map(Value::to_string).collect();
    collector.read("log.jsonl", lines.join("\n").as_bytes());
    let answer = judge(&collector.finish(), &Rules::shipped());
    assert_eq!(answer.problems, []);
    let short = format!(" on {KEY}/cryptoKeyVersions/");
    let lines: Vec<String> = told(&answer).into_iter().map(|line| line.replace(&short, " ")).collect();
    assert_eq!(lines, expected);
    let keys: Vec<(&str, Option<&str>)> = answer.keys.iter().map(|key| (key.key.as_str(), key.state.as_deref())).collect();
    assert_eq!(keys, [(KEY, Some(state))]);
}

#[test]
fn a_destroyed_version_that_people_restored_would_have_been_restored_and_enabled() {
    check(
        &[destroy("3", "10:00:00"), restore("3", "11:00:00"), to_state("3", "ENABLED", "12:00:00")],
        &[
            "DestroyCryptoKeyVersion: would_restore [RestoreCryptoKeyVersion 3, EnableCryptoKeyVersion 3], undone with RestoreCryptoKeyVersion after 3600, usable after 7200",
        ],
        "ENABLED",
    );
}

#[test]
fn versions_of_one_key_are_told_apart() {
    check(
        &[destroy("3", "10:00:00"), destroy("4", "10:01:00"), restore("4", "10:02:00")],
        &[
            "DestroyCryptoKeyVersion: would_restore [RestoreCryptoKeyVersion 3, EnableCryptoKeyVersion 3], open",
            "DestroyCryptoKeyVersion: would_restore [RestoreCryptoKeyVersion 4, EnableCryptoKeyVersion 4], undone with RestoreCryptoKeyVersion after 60, not usable",
        ],
        "DISABLED",
    );
}

#[test]
fn a_version_that_was_disabled_long_before_is_restored_and_left_so() {
    check(
        &[to_state("3", "DISABLED", "06:00:00"), destroy("3", "10:00:00")],
        &[
            "UpdateCryptoKeyVersion: would_restore [EnableCryptoKeyVersion 3], open",
            "DestroyCryptoKeyVersion: would_restore [RestoreCryptoKeyVersion 3], open",
        ],
        "DESTROY_SCHEDULED",
    );
}

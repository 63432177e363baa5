//! Threats O2 and B9: events full of secrets are answered, recorded and told of, and no secret is in a record, a notice, an entry or the log.
#![expect(clippy::panic, reason = "a test that cannot be set up must stop, and says where")]

use reprieve_core::google::GoogleName;
use reprieve_core::notice::Notice;
use reprieve_core::{Event, Record};
use reprieve_test_support::marked::{MARK, azure_items, cloudtrail_record, google_entry};
use reprieve_test_support::{key, logged, world_with_key};
use reprieve_wire::audit::{Parsed, parse};
use reprieve_wire::azure::parse_all;
use reprieve_wire::chat::{slack, teams};
use reprieve_wire::row::{AuditRow, line};
use reprieve_wire::{ecs, ocsf, parse_record};
use serde_json::{Value, json};

const VAULT: &str = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv-prod";
const VERSION: &str = "projects/prod/locations/europe-west3/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1";

/// Every call of KMS by which a key is lost, and some that only use it.
const CALLS: [&str; 16] = [
    "ScheduleKeyDeletion",
    "DisableKey",
    "DisableKeyRotation",
    "DeleteImportedKeyMaterial",
    "ImportKeyMaterial",
    "DisconnectCustomKeyStore",
    "DeleteCustomKeyStore",
    "PutKeyPolicy",
    "RevokeGrant",
    "TagResource",
    "UpdateAlias",
    "EnableKey",
    "Decrypt",
    "GenerateDataKeyPairWithoutPlaintext",
    "Sign",
    "DeriveSharedSecret",
];

fn shows_no_secret(what: &str, text: &str) {
    if let Some(at) = text.find(MARK) {
        let shown: String = text.get(at.saturating_sub(200)..).unwrap_or(text).chars().take(300).collect();
        panic!("{what} shows a secret: ...{shown}");
    }
}

/// What people are told, in every channel.
fn told(record: &Record) -> String {
    Notice::of(record).map_or_else(String::new, |notice| {
        format!("{} {} {} {}", notice.subject, notice.text(), slack(&notice, record), teams(&notice, record))
    })
}

#[test]
fn no_secret_of_an_event_is_recorded_told_or_logged() {
    let mut records = 0;
    for call in CALLS {
        for refusal in [None, Some("AccessDenied")] {
            let ((), log) = logged(|| {
                let (world, key) = world_with_key();
                let mut record = cloudtrail_record(call, key.as_str());
                if let (Some(code), Some(fields)) = (refusal, record.as_object_mut()) {
                    fields.insert("errorCode".to_owned(), json!(code));
                }
                let event: Event = parse_record(&record).expect("the record names an event");
                if call == "ScheduleKeyDeletion" {
                    world.keys.schedule_deletion(&key, 7).expect("the key is there");
                }
                world.deliver(&event);
                world.sweep("sweep-1");
                for record in world.audit.records() {
                    records += 1;
                    shows_no_secret(call, &ocsf::record_json(&record).to_string());
                    shows_no_secret(call, &told(&record));
                }
                for notice in world.notices.notices() {
                    shows_no_secret(call, &format!("{notice:?}"));
                }
            });
            shows_no_secret(call, &log);
        }
    }
    assert!(records >= 2 * CALLS.len(), "only {records} records were looked at");
}

#[test]
fn no_secret_of_a_log_is_in_an_entry_in_any_form() {
    let version = GoogleName::parse(VERSION).expect("the constant is a name");
    let mut inputs: Vec<Value> = CALLS.iter().map(|call| cloudtrail_record(call, key("k").as_str())).collect();
    for service in ["secretsmanager", "ssm", "acm", "acm-pca", "cloudhsm", "s3", "cloudtrail", "logs", "sns", "events"] {
        for call in
            ["PutSecretValue", "GetSecretValue", "PutParameter", "GetParameters", "ImportCertificate", "PutBucketPolicy", "PutTargets"]
        {
            let mut record = cloudtrail_record(call, key("k").as_str());
            if let Some(fields) = record.as_object_mut() {
                fields.insert("eventSource".to_owned(), json!(format!("{service}.amazonaws.com")));
            }
            inputs.push(record);
        }
    }
    inputs.extend(azure_items(VAULT));
    for method in ["DestroyCryptoKeyVersion", "Decrypt", "Encrypt", "MacSign", "RawDecrypt", "ImportCryptoKeyVersion"] {
        inputs.push(google_entry(method, version.as_str()));
    }
    let mut entries = 0;
    for input in &inputs {
        let Ok(Parsed::Entry(entry)) = parse(input) else { continue };
        entries += 1;
        let what = format!("{} of {}", entry.event.name, entry.event.source);
        shows_no_secret(&what, &ocsf::audit_json(&entry).to_string());
        shows_no_secret(&what, &ecs::audit_json(&entry).to_string());
        shows_no_secret(&what, &line(&AuditRow::of(&entry)));
    }
    assert!(entries >= 50, "only {entries} entries were looked at");
}

#[test]
fn no_secret_of_azure_is_in_an_event() {
    let mut events = 0;
    for item in azure_items(VAULT) {
        for event in parse_all(&item).into_iter().filter_map(|parsed| parsed.event.ok()) {
            events += 1;
            shows_no_secret(&event.name, &serde_json::to_string(&event).expect("an event can be written"));
        }
    }
    assert_eq!(events, 3);
}

/// Every error about an input says what is wrong in words of our own: what functions log.
/// P141
#[test]
fn no_error_that_is_logged_holds_a_word_of_the_input() {
    for text in reprieve_test_support::marked::unreadable() {
        let value: Value = serde_json::from_str(&text).unwrap_or_else(|_| json!(text));
        let errors = [
            reprieve_wire::parse_invocation(&value).err(),
            reprieve_wire::parse_monitoring_invocation(&value).err(),
            reprieve_wire::log_notice::parse_recording_invocation(&value).err(),
            reprieve_wire::azure::parse_invocation(text.as_bytes()).err(),
            reprieve_wire::google::parse_delivery(reprieve_wire::google::Headers::default(), text.as_bytes()).err(),
            ocsf::read(&value).err(),
            parse(&value).err(),
        ];
        assert!(errors.iter().flatten().count() >= 5, "{text}");
        for error in errors.iter().flatten() {
            shows_no_secret("an error", &error.unquoted());
            assert!(!error.unquoted().is_empty());
        }
    }
}

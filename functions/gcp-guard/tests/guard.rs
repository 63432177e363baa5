//! The binary itself, against the sandbox: deliveries of Eventarc and Pub/Sub, what they come to, what stays in the bucket and its seals.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that goes another way must stop")]

#[path = "guard/left.rs"]
mod left;
#[path = "guard/past.rs"]
mod past;
#[path = "guard/seals.rs"]
mod seals;
#[path = "guard/stage.rs"]
mod stage;
#[path = "guard/told.rs"]
mod told;

use reprieve_core::google::GoogleName;
use reprieve_test_support::Terms;
use serde_json::json;

use stage::{KEY, Stage, approval_labels, base64_of, window_around_now};

/// The versions that the sweep and every test begins with.
const BOTH: [&str; 2] = ["RestoreCryptoKeyVersion", "UpdateCryptoKeyVersion"];

/// P124
#[tokio::test]
async fn an_unapproved_destruction_is_undone() {
    let stage = Stage::start("enforce").await;
    let version = stage.cloud.make_key(KEY);
    let entry = stage.cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &version);
    assert_eq!(stage.cloud.version_state(&version).as_deref(), Some("DESTROY_SCHEDULED"));
    let reply = stage.deliver(&entry).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(stage.cloud.version_state(&version).as_deref(), Some("ENABLED"));
    assert_eq!(stage.changes(), BOTH);
    // An intent before, an outcome after.
    let records = stage.records();
    assert_eq!(records.iter().map(|(name, _)| name.contains(".intent.1")).collect::<Vec<_>>(), [true, false], "{records:?}");
    let (name, outcome) = &records[1];
    assert!(name.starts_with("audit/decisions/year=") && name.contains("/account=prod/region=europe-west3/"), "{name}");
    assert!(outcome.contains("mallory@example.com") && outcome.contains("Success"), "{outcome}");
}

#[tokio::test]
async fn an_unapproved_disabling_is_undone() {
    let stage = Stage::start("enforce").await;
    let version = stage.cloud.make_key(KEY);
    let entry = stage.cloud.call_as("mallory@example.com", "Disable", &version);
    assert_eq!(stage.deliver(&entry).await.status, 200);
    assert_eq!(stage.cloud.version_state(&version).as_deref(), Some("ENABLED"));
    assert_eq!(stage.changes(), ["UpdateCryptoKeyVersion"]);
}

#[tokio::test]
async fn an_approved_destruction_stands() {
    let stage = Stage::start("enforce").await;
    let version = stage.cloud.make_key(KEY);
    let terms = Terms { window: window_around_now(), ..Terms::default() };
    stage.cloud.label(KEY, &approval_labels(&GoogleName::parse(&version).unwrap(), &terms));
    let entry = stage.cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &version);
    let reply = stage.deliver(&entry).await;
    assert_eq!(reply.status, 200);
    assert!(reply.body.contains("CHG-1001, approved by carol@example.com"), "{}", reply.body);
    assert_eq!(stage.cloud.version_state(&version).as_deref(), Some("DESTROY_SCHEDULED"));
    assert_eq!((stage.changes().len(), stage.records().len()), (0, 1));
}

#[tokio::test]
async fn one_approves_nothing_for_oneself() {
    let stage = Stage::start("enforce").await;
    let version = stage.cloud.make_key(KEY);
    let terms = Terms { window: window_around_now(), ..Terms::of_approver("mallory@example.com") };
    stage.cloud.label(KEY, &approval_labels(&GoogleName::parse(&version).unwrap(), &terms));
    let entry = stage.cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &version);
    assert_eq!(stage.deliver(&entry).await.status, 200);
    assert_eq!(stage.cloud.version_state(&version).as_deref(), Some("ENABLED"));
}

/// P124
#[tokio::test]
async fn a_repeated_delivery_adds_nothing() {
    let stage = Stage::start("enforce").await;
    let version = stage.cloud.make_key(KEY);
    let entry = stage.cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &version);
    assert_eq!(stage.deliver(&entry).await.status, 200);
    let (records, changes) = (stage.records(), stage.changes());
    for _ in 0..3 {
        let reply = stage.deliver(&entry).await;
        assert!(reply.status == 200 && reply.body.contains("answered before"), "{reply:?}");
    }
    assert_eq!((stage.records(), stage.changes()), (records, changes));
}

#[tokio::test]
async fn what_was_disabled_before_stays_disabled() {
    let stage = Stage::start("enforce").await;
    let version = stage.cloud.make_key(KEY);
    let terms = Terms { window: window_around_now(), ..Terms::of_action("disable") };
    stage.cloud.label(KEY, &approval_labels(&GoogleName::parse(&version).unwrap(), &terms));
    let disabled = stage.cloud.call_as("ops@example.com", "Disable", &version);
    assert_eq!(stage.deliver(&disabled).await.status, 200);
    let destroyed = stage.cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &version);
    assert_eq!(stage.deliver(&destroyed).await.status, 200);
    assert_eq!(stage.cloud.version_state(&version).as_deref(), Some("DISABLED"));
    assert_eq!(stage.changes(), ["RestoreCryptoKeyVersion"]);
}

/// P124
#[tokio::test]
async fn what_was_disabled_before_stays_so_where_the_log_begins_with_an_empty_page() {
    let stage = Stage::start("enforce").await;
    let version = stage.cloud.make_key(KEY);
    let terms = Terms { window: window_around_now(), ..Terms::of_action("disable") };
    stage.cloud.label(KEY, &approval_labels(&GoogleName::parse(&version).unwrap(), &terms));
    stage.cloud.call_as("ops@example.com", "Disable", &version);
    let destroyed = stage.cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &version);
    stage.cloud.slow_log_down();
    let reply = stage.deliver(&destroyed).await;
    assert!(reply.status == 200 && reply.body.contains("was disabled before"), "{reply:?}");
    assert_eq!(stage.cloud.version_state(&version).as_deref(), Some("DISABLED"));
}

/// P124
#[tokio::test]
async fn what_may_have_been_disabled_before_is_restored_and_left_to_a_human() {
    let stage = Stage::start("enforce").await;
    let version = stage.cloud.make_key(KEY);
    let entry = stage.cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &version);
    stage.cloud.fail("ListLogEntries", 403, 100);
    let reply = stage.deliver(&entry).await;
    assert!(reply.status == 200 && reply.body.contains("it stays disabled, because the log could not be read"), "{reply:?}");
    assert_eq!(stage.cloud.version_state(&version).as_deref(), Some("DISABLED"));
    assert_eq!(stage.changes(), ["RestoreCryptoKeyVersion"]);
    let records = stage.records();
    let told = |text: &String| text.contains("could not be read, so it is left disabled");
    assert!(records.last().is_some_and(|(_, outcome)| told(outcome)), "{records:?}");
}

#[tokio::test]
async fn a_log_that_cannot_be_read_for_now_is_asked_again() {
    let stage = Stage::start("enforce").await;
    let version = stage.cloud.make_key(KEY);
    let entry = stage.cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &version);
    stage.cloud.fail("ListLogEntries", 503, 4);
    assert_eq!(stage.deliver(&entry).await.status, 503);
    assert_eq!(stage.changes(), [""; 0]);
    assert_eq!(stage.deliver(&entry).await.status, 200);
    assert_eq!(stage.cloud.version_state(&version).as_deref(), Some("ENABLED"));
}

#[tokio::test]
async fn an_incident_keeps_it_disabled() {
    let stage = Stage::start("enforce").await;
    let version = stage.cloud.make_key(KEY);
    stage.cloud.label(KEY, &[("reprieve-incident-hold".to_owned(), "inc-42".to_owned())].into());
    let entry = stage.cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &version);
    assert_eq!(stage.deliver(&entry).await.status, 200);
    assert_eq!(stage.cloud.version_state(&version).as_deref(), Some("DISABLED"));
}

#[tokio::test]
async fn faults_that_pass_are_waited_out() {
    let stage = Stage::start("enforce").await;
    let version = stage.cloud.make_key(KEY);
    let entry = stage.cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &version);
    for (call, status) in [
        ("Token", 503),
        ("ListObjects", 503),
        ("InsertObject", 429),
        ("GetCryptoKeyVersion", 503),
        ("GetCryptoKey", 429),
        ("ListLogEntries", 503),
        ("RestoreCryptoKeyVersion", 503),
        ("UpdateCryptoKeyVersion", 429),
    ] {
        stage.cloud.fail(call, status, 2);
    }
    let reply = stage.deliver(&entry).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(stage.cloud.version_state(&version).as_deref(), Some("ENABLED"));
}

#[tokio::test]
async fn what_cannot_be_looked_at_for_now_is_asked_for_again() {
    let stage = Stage::start("enforce").await;
    let version = stage.cloud.make_key(KEY);
    let entry = stage.cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &version);
    stage.cloud.fail("GetCryptoKeyVersion", 503, 4);
    assert_eq!(stage.deliver(&entry).await.status, 503);
    assert_eq!(stage.changes(), [""; 0]);
    let reply = stage.deliver(&entry).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(stage.cloud.version_state(&version).as_deref(), Some("ENABLED"));
}

/// P126
#[tokio::test]
async fn nothing_is_changed_before_the_intent_is_written_down() {
    let stage = Stage::start("enforce").await;
    let version = stage.cloud.make_key(KEY);
    let entry = stage.cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &version);
    // The claim cannot be written, nor the intent: both are tried to the end.
    stage.cloud.fail("InsertObject", 503, 8);
    assert_eq!(stage.deliver(&entry).await.status, 503);
    assert_eq!(stage.changes(), [""; 0]);
    assert_eq!(stage.deliver(&entry).await.status, 200);
    assert_eq!(stage.cloud.version_state(&version).as_deref(), Some("ENABLED"));
}

#[tokio::test]
async fn a_refusal_is_told_and_not_tried_for_ever() {
    let stage = Stage::start("enforce").await;
    let version = stage.cloud.make_key(KEY);
    let entry = stage.cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &version);
    stage.cloud.fail("RestoreCryptoKeyVersion", 403, 100);
    let reply = stage.deliver(&entry).await;
    assert!(reply.status == 200 && reply.body.contains("Failure"), "{reply:?}");
    assert_eq!(stage.changes(), ["RestoreCryptoKeyVersion"]);
}

#[tokio::test]
async fn somebody_who_was_quicker_is_taken_for_done() {
    let stage = Stage::start("enforce").await;
    let version = stage.cloud.make_key(KEY);
    let entry = stage.cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &version);
    stage.cloud.call_as("ops@example.com", "RestoreCryptoKeyVersion", &version);
    assert_eq!(stage.deliver(&entry).await.status, 200);
    assert_eq!(stage.cloud.version_state(&version).as_deref(), Some("ENABLED"));
    assert_eq!(stage.changes(), ["UpdateCryptoKeyVersion"]);
}

#[tokio::test]
async fn a_destroyed_version_is_told_and_left() {
    let stage = Stage::start("enforce").await;
    let version = stage.cloud.make_key(KEY);
    let entry = stage.cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &version);
    stage.cloud.set_version_state(&version, "DESTROYED");
    let reply = stage.deliver(&entry).await;
    assert!(reply.status == 200 && reply.body.contains("gone for good"), "{reply:?}");
    assert_eq!((stage.changes().len(), stage.records().len()), (0, 1));
}

/// P126
#[tokio::test]
async fn observing_changes_nothing_and_enforcing_then_does() {
    let mut stage = Stage::start("observe").await;
    let version = stage.cloud.make_key(KEY);
    let entry = stage.cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &version);
    let reply = stage.deliver(&entry).await;
    assert!(reply.status == 200 && reply.body.contains("Observed"), "{reply:?}");
    assert_eq!((stage.changes().len(), stage.records().len()), (0, 1));
    stage.restart("enforce").await;
    let reply = stage.sweep().await;
    assert_eq!((reply.status, &reply.json()["answered"]), (200, &json!(1)), "{reply:?}");
    assert_eq!(stage.cloud.version_state(&version).as_deref(), Some("ENABLED"));
}

#[tokio::test]
async fn our_own_calls_lead_to_nothing() {
    let stage = Stage::start("enforce").await;
    let version = stage.cloud.make_key(KEY);
    stage.cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &version);
    let own = reprieve_google_sandbox::OWN_ACCOUNT;
    for call in ["RestoreCryptoKeyVersion", "Enable"] {
        let entry = stage.cloud.call_as(own, call, &version);
        let reply = stage.deliver(&entry).await;
        assert!(reply.status == 200 && reply.body.contains("Reprieve's own"), "{reply:?}");
    }
    assert_eq!((stage.changes().len(), stage.records().len()), (0, 2));
}

#[tokio::test]
async fn a_lost_entry_is_found_by_the_sweep() {
    let stage = Stage::start("enforce").await;
    let lost = stage.cloud.make_key(KEY);
    let unlogged = stage.cloud.make_key("projects/prod/locations/global/keyRings/other/cryptoKeys/unlogged");
    let old = stage.cloud.make_key("projects/prod/locations/us/keyRings/old/cryptoKeys/retired");
    stage.cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &unlogged);
    stage.cloud.set_version_state(&old, "DISABLED");
    stage.cloud.forget_log();
    stage.cloud.call_as("mallory@example.com", "Disable", &lost);
    let reply = stage.sweep().await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!((&reply.json()["lost"], &reply.json()["answered"]), (&json!(3), &json!(2)), "{}", reply.body);
    assert_eq!(stage.cloud.version_state(&lost).as_deref(), Some("ENABLED"));
    assert_eq!(stage.cloud.version_state(&unlogged).as_deref(), Some("ENABLED"));
    // What has been disabled since before anybody looked is left as it is.
    assert_eq!(stage.cloud.version_state(&old).as_deref(), Some("DISABLED"));
    let reply = stage.sweep().await;
    assert_eq!(reply.json()["answered"], json!(0), "{}", reply.body);
}

#[tokio::test]
async fn a_project_that_cannot_be_read_does_not_end_the_sweep_of_the_others() {
    let stage = Stage::start("enforce").await;
    let unread = stage.cloud.make_key(KEY);
    let read = stage.cloud.make_key(&KEY.replace("projects/prod/", "projects/staging/"));
    for version in [&unread, &read] {
        stage.cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", version);
    }
    // The projects are searched in the order of their names.
    stage.cloud.fail("ListLocations", 403, 1);
    let reply = stage.sweep().await;
    assert_eq!((reply.status, &reply.json()["answered"]), (503, &json!(1)), "{}", reply.body);
    assert!(reply.json()["failed"][0].as_str().unwrap().contains("project `prod`"), "{}", reply.body);
    assert_eq!(stage.cloud.version_state(&read).as_deref(), Some("ENABLED"));
    assert_eq!(stage.cloud.version_state(&unread).as_deref(), Some("DESTROY_SCHEDULED"));
    assert_eq!(stage.sweep().await.status, 200);
    assert_eq!(stage.cloud.version_state(&unread).as_deref(), Some("ENABLED"));
}

#[tokio::test]
async fn every_form_of_delivery_is_taken() {
    let stage = Stage::start("enforce").await;
    for (index, form) in ["binary", "structured", "push", "wrapped push"].into_iter().enumerate() {
        let version = stage.cloud.make_key(&format!("{KEY}-{index}"));
        let entry = stage.cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &version);
        let push =
            json!({"message": {"data": base64_of(&entry.to_string()), "messageId": "1"}, "subscription": "projects/prod/subscriptions/s"});
        let reply = match form {
            "binary" => stage.deliver(&entry).await,
            "structured" => {
                let event =
                    json!({"specversion": "1.0", "id": "1", "type": "google.cloud.audit.log.v1.written", "source": "//", "data": entry});
                stage.post("/", &[("content-type", "application/cloudevents+json")], &event.to_string()).await
            }
            "push" => stage.post("/", &[], &push.to_string()).await,
            _ => stage.post("/", &[("ce-type", "google.cloud.pubsub.topic.v1.messagePublished"), ("ce-id", "1")], &push.to_string()).await,
        };
        assert_eq!((reply.status, stage.cloud.version_state(&version).as_deref()), (200, Some("ENABLED")), "{form}: {}", reply.body);
    }
}

#[tokio::test]
async fn what_is_not_ours_is_taken_and_what_is_unreadable_is_refused() {
    let stage = Stage::start("enforce").await;
    let not_ours = json!({"protoPayload": {"serviceName": "k8s.io", "methodName": "io.k8s.core.v1.secrets.get"}});
    let other = [("ce-type", "google.cloud.storage.object.v1.finalized")];
    for (headers, body, status) in [
        (&[][..], not_ours.to_string(), 200),
        (&other[..], "{}".to_owned(), 200),
        (&[][..], "{}".to_owned(), 400),
        (&[][..], "no".to_owned(), 400),
    ] {
        let reply = stage.post("/", headers, &body).await;
        assert_eq!(reply.status, status, "{body}: {}", reply.body);
    }
    assert_eq!(stage.records().len(), 0);
}

#[tokio::test]
async fn people_are_told() {
    let chat = stage::Chat::start().await;
    let stage = Stage::start_telling("enforce", chat.url()).await;
    let version = stage.cloud.make_key(KEY);
    let entry = stage.cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &version);
    assert_eq!(stage.deliver(&entry).await.status, 200);
    let said = chat.said();
    assert_eq!(said.len(), 1);
    assert!(said[0].contains("is back") && said[0].contains("mallory@example.com"), "{}", said[0]);
}

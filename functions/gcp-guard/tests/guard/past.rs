//! What a version was before it was destroyed, where many calls lie between the one that says so and the destruction.

use reprieve_core::google::GoogleName;
use reprieve_google_sandbox::OWN_ACCOUNT;
use reprieve_test_support::Terms;
use serde_json::{Value, json};

use crate::stage::{KEY, Stage, approval_labels, window_around_now};

/// Makes a version that is disabled with approval, destroyed and restored by us so many times, and destroyed once more. Returns its name,
/// and the entry of that.
fn destroyed_long_after_it_was_disabled(stage: &Stage, times: usize) -> (String, Value) {
    let version = stage.cloud.make_key(KEY);
    let terms = Terms { window: window_around_now(), ..Terms::of_action("disable") };
    stage.cloud.label(KEY, &approval_labels(&GoogleName::parse(&version).unwrap(), &terms));
    stage.cloud.call_as("ops@example.com", "Disable", &version);
    for _ in 0..times {
        stage.cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &version);
        stage.cloud.call_as(OWN_ACCOUNT, "RestoreCryptoKeyVersion", &version);
    }
    let destroyed = stage.cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &version);
    (version, destroyed)
}

/// P124
#[tokio::test]
async fn many_calls_hide_no_older_disabling() {
    let stage = Stage::start("enforce").await;
    let (version, destroyed) = destroyed_long_after_it_was_disabled(&stage, 60);
    let reply = stage.deliver(&destroyed).await;
    assert!(reply.status == 200 && reply.body.contains("it was disabled before, and stays so"), "{reply:?}");
    assert_eq!(stage.cloud.version_state(&version).as_deref(), Some("DISABLED"));
    assert_eq!(stage.changes(), ["RestoreCryptoKeyVersion"]);
}

/// P124
#[tokio::test]
async fn what_lies_behind_more_calls_than_are_read_is_not_known() {
    let stage = Stage::start("enforce").await;
    let (version, destroyed) = destroyed_long_after_it_was_disabled(&stage, 500);
    let reply = stage.deliver(&destroyed).await;
    assert!(reply.status == 200 && reply.body.contains("it stays disabled, because the log could not be read"), "{reply:?}");
    assert_eq!(stage.cloud.version_state(&version).as_deref(), Some("DISABLED"));
    let records = stage.records();
    let told = |text: &String| text.contains("the latest 1000 calls on it do not go back so far");
    assert!(records.last().is_some_and(|(_, outcome)| told(outcome)), "{records:?}");
}

/// P124
#[tokio::test]
async fn of_a_long_past_the_latest_calls_say_what_a_version_was() {
    let stage = Stage::start("enforce").await;
    let version = stage.cloud.make_key(KEY);
    for _ in 0..500 {
        stage.cloud.call_as("ops@example.com", "Disable", &version);
        stage.cloud.call_as("ops@example.com", "Enable", &version);
    }
    stage.cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &version);
    let reply = stage.sweep().await;
    assert_eq!((reply.status, &reply.json()["answered"]), (200, &json!(1)), "{}", reply.body);
    assert_eq!(stage.cloud.version_state(&version).as_deref(), Some("ENABLED"));
}

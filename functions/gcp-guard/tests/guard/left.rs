//! What an answer leaves to the sweeps, because a call was refused or something could not be read: each tries again, and says what is
//! still lost.

use reprieve_core::google::GoogleName;
use reprieve_test_support::Terms;
use serde_json::{Value, json};

use crate::stage::{Answer, CLAIMS_BUCKET, Chat, KEY, Stage, approval_labels, window_around_now};

/// Makes a version that mallory destroys. Returns its name, and the entry of that.
fn destroyed(stage: &Stage) -> (String, Value) {
    let version = stage.cloud.make_key(KEY);
    let entry = stage.cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &version);
    (version, entry)
}

/// What a sweep answered: the status, and how many it answered now and before.
fn swept(reply: &Answer) -> (u16, Value, Value) {
    let body = reply.json();
    let count = |field: &str| body.get(field).cloned().unwrap_or_default();
    (reply.status, count("answered"), count("known"))
}

/// P24: what was refused is not tried again by a repeated delivery, and is by every sweep, until the role is mended. People are told once
/// that it failed, and a sweep that leaves it lost does not say that all is well.
#[tokio::test]
async fn what_was_refused_is_tried_again_by_every_sweep() {
    let chat = Chat::start().await;
    let stage = Stage::start_telling("enforce", chat.url()).await;
    let (version, entry) = destroyed(&stage);
    stage.cloud.fail("RestoreCryptoKeyVersion", 403, 3);
    for _ in 0..2 {
        assert_eq!(stage.deliver(&entry).await.status, 200);
    }
    assert_eq!((stage.changes().len(), chat.said().len()), (1, 1));
    for _ in 0..2 {
        let reply = stage.sweep().await;
        assert_eq!(swept(&reply), (503, json!(0), json!(0)), "{}", reply.body);
        assert!(reply.json()["failed"].to_string().contains("is not given back yet: RestoreCryptoKeyVersion"), "{}", reply.body);
    }
    assert_eq!((stage.changes().len(), chat.said().len()), (3, 1));
    let reply = stage.sweep().await;
    assert_eq!(swept(&reply), (200, json!(1), json!(0)), "{}", reply.body);
    assert_eq!(stage.cloud.version_state(&version).as_deref(), Some("ENABLED"));
    let said = chat.said();
    assert!(said.len() == 2 && said[0].contains("could NOT be given back") && said[1].contains("is back"), "{said:?}");
    // One intent, and an outcome of each attempt.
    assert_eq!(stage.records().len(), 5, "{:?}", stage.records());
}

/// P24, P32: what stands in the way is told once, and so is what stands in it next.
#[tokio::test]
async fn people_hear_once_of_each_thing_that_stands_in_the_way() {
    let chat = Chat::start().await;
    let stage = Stage::start_telling("enforce", chat.url()).await;
    let (version, entry) = destroyed(&stage);
    stage.cloud.fail("RestoreCryptoKeyVersion", 403, 1);
    stage.cloud.fail("UpdateCryptoKeyVersion", 403, 2);
    assert_eq!(stage.deliver(&entry).await.status, 200);
    for (status, state, told) in [(503, "DISABLED", 2), (503, "DISABLED", 2), (200, "ENABLED", 3)] {
        let reply = stage.sweep().await;
        assert_eq!((reply.status, stage.cloud.version_state(&version).as_deref()), (status, Some(state)), "{}", reply.body);
        assert_eq!(chat.said().len(), told, "{:?}", chat.said());
    }
}

/// P3, P24: what could not be read is looked at again by the next sweep.
#[tokio::test]
async fn what_could_not_be_read_is_looked_at_again_by_a_sweep() {
    for (act, unread, times) in [
        // Before it is restored, and after.
        ("DestroyCryptoKeyVersion", "GetCryptoKeyVersion", 2),
        ("Disable", "GetCryptoKeyVersion", 1),
        ("DestroyCryptoKeyVersion", "GetCryptoKey", 1),
        ("Disable", "GetCryptoKey", 1),
        ("DestroyCryptoKeyVersion", "ListLogEntries", 1),
    ] {
        let stage = Stage::start("enforce").await;
        let version = stage.cloud.make_key(KEY);
        let entry = stage.cloud.call_as("mallory@example.com", act, &version);
        stage.cloud.fail(unread, 403, times);
        let reply = stage.deliver(&entry).await;
        let seen = stage.cloud.version_state(&version);
        assert_eq!((reply.status, seen.as_deref()), (200, Some("DISABLED")), "{act}, {unread}: {}", reply.body);
        let reply = stage.sweep().await;
        assert_eq!(swept(&reply), (200, json!(1), json!(0)), "{act}, {unread}: {}", reply.body);
        assert_eq!(stage.cloud.version_state(&version).as_deref(), Some("ENABLED"), "{act}, {unread}");
    }
}

/// P124: what an approval lets stand, or an incident holds, is left as it is.
#[tokio::test]
async fn what_was_let_stand_is_left_as_it_is_by_the_sweeps() {
    for (is_approved, state) in [(true, "DESTROY_SCHEDULED"), (false, "DISABLED")] {
        let stage = Stage::start("enforce").await;
        let version = stage.cloud.make_key(KEY);
        let hold = [("reprieve-incident-hold".to_owned(), "inc-42".to_owned())].into();
        let terms = Terms { window: window_around_now(), ..Terms::default() };
        let labels = if is_approved { approval_labels(&GoogleName::parse(&version).unwrap(), &terms) } else { hold };
        stage.cloud.label(KEY, &labels);
        let entry = stage.cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &version);
        assert_eq!(stage.deliver(&entry).await.status, 200);
        let records = stage.records();
        let reply = stage.sweep().await;
        assert_eq!(swept(&reply), (200, json!(0), json!(1)), "{}", reply.body);
        assert_eq!((stage.cloud.version_state(&version).as_deref(), stage.records()), (Some(state), records));
    }
}

/// P24: of sweeps that overlap, one answers what was left.
#[tokio::test]
async fn of_sweeps_that_overlap_one_answers_what_was_left() {
    let chat = Chat::start().await;
    let stage = Stage::start_telling("enforce", chat.url()).await;
    let (version, entry) = destroyed(&stage);
    stage.cloud.fail("RestoreCryptoKeyVersion", 403, 1);
    assert_eq!(stage.deliver(&entry).await.status, 200);
    let (one, other) = tokio::join!(stage.sweep(), stage.sweep());
    assert!([one.status, other.status].contains(&200), "{one:?}, {other:?}");
    assert_eq!(stage.cloud.version_state(&version).as_deref(), Some("ENABLED"));
    assert_eq!(stage.changes(), ["RestoreCryptoKeyVersion", "RestoreCryptoKeyVersion", "UpdateCryptoKeyVersion"]);
    assert_eq!(chat.said().len(), 2, "{:?}", chat.said());
}

/// P29: attempts are counted on where a lifecycle rule took the earliest claims away, so that each has its record.
#[tokio::test]
async fn an_attempt_is_counted_on_where_the_earliest_claims_are_gone() {
    let stage = Stage::start("enforce").await;
    let (_, entry) = destroyed(&stage);
    stage.cloud.fail("RestoreCryptoKeyVersion", 403, 3);
    assert_eq!(stage.deliver(&entry).await.status, 200);
    assert_eq!(stage.sweep().await.status, 503);
    for name in stage.cloud.objects(CLAIMS_BUCKET).into_keys().filter(|name| name.contains("/1.")) {
        stage.cloud.remove(CLAIMS_BUCKET, &name);
    }
    assert_eq!(stage.sweep().await.status, 503);
    let records = stage.records();
    assert!(records.iter().any(|(name, _)| name.ends_with(".outcome.3.json")), "{records:?}");
}

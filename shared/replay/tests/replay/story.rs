//! The story of one key.

use reprieve_replay::story::{Story, StoryCollector, StoryPart, What, tell};
use reprieve_replay::{Period, Rules};
use serde_json::{Value, json};

use crate::scene::{KEY, PRIMARY, REPLICA, Record, call, schedule};

fn read(key: &str, files: &[&[Record]]) -> StoryPart {
    let collector = StoryCollector::new(key);
    for records in files {
        let records: Vec<Value> = records.iter().map(Record::value).collect();
        collector.read("log.json", json!({ "Records": records }).to_string().as_bytes());
    }
    collector.finish()
}

fn story(key: &str, records: &[Record]) -> Story {
    tell(&read(key, &[records]), &Rules::shipped())
}

/// One line for each chapter.
fn lines(story: &Story) -> Vec<String> {
    let line = |chapter: &reprieve_replay::story::Chapter| match &chapter.what {
        What::Act { decision, state, .. } => {
            let verdict = decision.as_ref().map_or_else(|| "-".to_owned(), |told| format!("{:?}", told.verdict));
            format!("{} {verdict} {}", chapter.call, state.as_deref().unwrap_or("?"))
        }
        What::Uses { count, .. } => {
            let refused = chapter.refused.as_ref().map_or_else(String::new, |code| format!(" {code}"));
            format!("{} x{count}{refused}", chapter.call)
        }
    };
    story.chapters.iter().map(line).collect()
}

fn decrypt(time: &str, id: &str) -> Record {
    call("Decrypt", "service", time).id(id)
}

#[test]
fn a_story_tells_acts_decisions_states_and_uses_in_order() {
    let story = story(
        KEY,
        &[
            call("EnableKey", "bob", "13:00:00"),
            schedule("alice", "11:00:00"),
            call("CancelKeyDeletion", "bob", "12:30:00"),
            decrypt("10:10:00", "a"),
            decrypt("10:50:00", "b"),
            decrypt("11:30:00", "c").refused("KMSInvalidStateException"),
            call("CreateGrant", "alice", "10:55:00"),
            call("DisableKey", "alice", "10:00:00").on(REPLICA),
        ],
    );
    assert_eq!(
        lines(&story),
        [
            "Decrypt x2",
            "CreateGrant - ?",
            "ScheduleKeyDeletion WouldRestore PendingDeletion",
            "Decrypt x1 KMSInvalidStateException",
            "CancelKeyDeletion - Disabled",
            "EnableKey - Enabled",
        ]
    );
    assert_eq!((story.keys, story.events), (vec![KEY.to_owned()], 7));
}

#[test]
fn a_repeated_event_is_told_once() {
    let records = [decrypt("10:10:00", "a"), decrypt("10:11:00", "b"), schedule("alice", "11:00:00")];
    let once = tell(&read(KEY, &[&records]), &Rules::shipped());
    let twice = tell(&read(KEY, &[&records, &records]), &Rules::shipped());
    assert_eq!(once.chapters, twice.chapters);
}

#[test]
fn parts_of_a_story_merge_in_any_order() {
    let (one, two) = ([decrypt("10:10:00", "a"), schedule("alice", "11:00:00")], [decrypt("10:20:00", "b"), decrypt("10:10:00", "a")]);
    let [mut forth, mut back] = [read(KEY, &[&one]), read(KEY, &[&two])];
    let (first, second) = (forth.clone(), back.clone());
    forth.merge(second);
    back.merge(first);
    assert_eq!(forth, back);
    assert_eq!(forth, read(KEY, &[&one, &two]));
}

#[test]
fn a_key_is_asked_for_by_its_arn_its_id_or_its_alias() {
    let id = KEY.rsplit('/').next().unwrap();
    let records = [
        call("DisableKey", "alice", "10:00:00"),
        call("UpdateAlias", "alice", "11:00:00").asking("aliasName", json!("alias/prod")),
        call("DisableKey", "alice", "10:00:00").on(REPLICA).id("other"),
    ];
    assert_eq!(lines(&story(KEY, &records)), ["DisableKey WouldRestore Disabled", "UpdateAlias WouldEscalate Disabled"]);
    assert_eq!(story(id, &records).chapters, story(KEY, &records).chapters);
    let of_alias = story("alias/prod", &records);
    assert_eq!(lines(&of_alias), ["UpdateAlias WouldEscalate ?"]);
    assert_eq!(of_alias.keys, [KEY]);
    assert!(of_alias.notes.iter().any(|note| note.contains(KEY)), "{:?}", of_alias.notes);
}

#[test]
fn replicas_that_share_an_id_are_told_apart() {
    let records = [call("DisableKey", "alice", "10:00:00").on(PRIMARY), call("DisableKey", "alice", "10:05:00").on(REPLICA)];
    let story = story("mrk-1234abcd12ab34cd56ef1234567890ab", &records);
    assert_eq!(story.keys, [PRIMARY, REPLICA]);
    assert!(story.notes.iter().any(|note| note.starts_with("2 keys are named so")), "{:?}", story.notes);
}

#[test]
fn a_key_that_the_logs_do_not_know_has_no_story() {
    for asked in ["", "555555555555", "11111111-2222-3333-4444-999999999999"] {
        let story = story(asked, &[schedule("alice", "10:00:00")]);
        assert_eq!((story.keys.len(), story.chapters.len(), story.files), (0, 0, 1), "{asked}");
    }
}

#[test]
fn a_period_tells_a_part_of_it_with_all_before_as_history() {
    let records = [call("DisableKey", "alice", "09:00:00"), call("PutKeyPolicy", "alice", "11:00:00"), decrypt("09:00:00", "a")];
    let period = Period { from: Some("2026-11-20T10:00:00Z".parse().unwrap()), to: None };
    let story = tell(&read(KEY, &[&records]), &Rules { period, ..Rules::shipped() });
    assert_eq!(lines(&story), ["PutKeyPolicy WouldEscalate Disabled"]);
}

#[test]
fn grants_that_services_make_and_retire_are_told_in_runs() {
    let grant = |minute: u32| {
        let invoked = json!({ "type": "AWSService", "invokedBy": "ec2.amazonaws.com" });
        call("RetireGrant", "ec2", &format!("10:{minute:02}:00")).with("userIdentity", invoked)
    };
    let records: Vec<Record> = (0..30).map(grant).collect();
    assert_eq!(lines(&story(KEY, &records)), ["RetireGrant x30"]);
}

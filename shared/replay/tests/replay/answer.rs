//! What the decisions come to, and what of the logs is asked for.

use std::collections::BTreeSet;

use jiff::Timestamp;
use reprieve_core::KeyArn;
use reprieve_core::approval::Written;
use reprieve_replay::{Period, Rules};
use reprieve_test_support::{Terms, sealed_approval};
use serde_json::json;

use crate::scene::{KEY, PRIMARY, REPLICA, Record, call, deleted, judged, judged_by, rules, schedule, told};

/// Two keys: one that people gave back, one that was lost; and one act of which the end is not told.
fn quarter() -> Vec<Record> {
    vec![
        schedule("alice", "10:00:00"),
        call("CancelKeyDeletion", "bob", "11:00:00"),
        call("EnableKey", "bob", "12:00:00"),
        schedule("mallory", "13:00:00").on(PRIMARY).answered("keyState", json!("PendingDeletion")),
        deleted("2026-12-20T13:00:00Z", PRIMARY),
        call("DisableKey", "alice", "14:00:00").on(REPLICA),
        call("RotateKey", "kms", "15:00:00").with("eventType", json!("AwsServiceEvent")),
    ]
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn acts_that_people_undid_are_right_and_those_that_ended_in_a_deletion_are_not() {
    let kpis = judged(&quarter()).kpis;
    assert_eq!((kpis.true_positives, kpis.false_positives, kpis.not_judged), (1, 1, 1));
    assert_eq!(kpis.false_positive_rate, Some(0.5));
    assert_eq!((kpis.undone_by_people, kpis.lost, kpis.open, kpis.rotations), (1, 1, 1, 1));
}

#[test]
fn times_are_values_that_occurred() {
    let pair = |index: u32| {
        let at = |minute: u32| format!("{index:02}:{minute:02}:00");
        [call("DisableKey", "alice", &at(0)), call("EnableKey", "bob", &at(index))]
    };
    let records: Vec<Record> = (1..=20).flat_map(pair).collect();
    let times = judged(&records).kpis.time_to_undo.unwrap();
    assert_eq!((times.count, times.p50, times.p95, times.max), (20, 600, 1140, 1200));
}

#[test]
fn a_rate_of_nothing_is_none() {
    assert_eq!(judged(&[call("DisableKey", "alice", "10:00:00")]).kpis.false_positive_rate, None);
}

#[test]
fn a_key_is_in_danger_from_the_act_until_it_can_be_used_again() {
    let history = [schedule("alice", "10:00:00"), call("CancelKeyDeletion", "bob", "11:00:00"), call("EnableKey", "bob", "12:00:00")];
    let answer = judged(&history);
    assert_eq!(answer.keys.first().map(|key| key.seconds_in_danger), Some(7200));
    assert_eq!(answer.kpis.seconds_in_danger, 7200);
}

#[test]
fn danger_that_does_not_end_lasts_as_long_as_the_logs() {
    let history = [call("DisableKey", "alice", "10:00:00"), call("DisableKey", "alice", "10:30:00").on(REPLICA)];
    let seconds: Vec<i64> = judged(&history).keys.iter().map(|key| key.seconds_in_danger).collect();
    assert_eq!(seconds, [1800, 0]);
}

#[test]
fn a_key_that_an_approval_covers_is_in_no_danger() {
    let approvals = vec![sealed_approval(&KeyArn::parse(KEY).unwrap(), &Terms::default())];
    let mut rules = rules();
    rules.written.insert(KEY.to_owned(), Written { approvals, revocations: Vec::new() });
    let history = [schedule("alice", "10:00:00"), call("CancelKeyDeletion", "alice", "12:00:00"), call("TagResource", "alice", "13:00:00")];
    assert_eq!(judged_by(&history, &rules).kpis.seconds_in_danger, 0);
}

#[test]
fn what_lies_before_the_period_is_history_and_not_decided_on() {
    let history = [
        call("DisableKey", "alice", "09:00:00"),
        schedule("alice", "10:00:00"),
        call("CancelKeyDeletion", "bob", "11:00:00"),
        call("EnableKey", "bob", "12:00:00"),
    ];
    let period = Period { from: Some(at("2026-11-20T10:00:00Z")), to: Some(at("2026-11-20T11:30:00Z")) };
    let answer = judged_by(&history, &Rules { period, ..Rules::shipped() });
    assert_eq!(
        told(&answer),
        ["ScheduleKeyDeletion: would_restore [CancelKeyDeletion, EnableKey], undone with CancelKeyDeletion after 3600, usable after 7200"]
    );
    assert_eq!((answer.first, answer.last), (Some(at("2026-11-20T10:00:00Z")), Some(at("2026-11-20T11:00:00Z"))));
    let key = answer.keys.first().unwrap();
    assert_eq!((key.state.as_deref(), key.seconds_in_danger), (Some("Disabled"), 5400));
    assert_eq!(answer.acts.values().sum::<u64>(), 2);
}

#[test]
fn accounts_and_regions_are_asked_for() {
    let history = [call("DisableKey", "alice", "10:00:00"), call("DisableKey", "alice", "10:00:00").on(REPLICA).id("other")];
    let of_regions = |region: &str| Rules { regions: BTreeSet::from([region.to_owned()]), ..Rules::shipped() };
    let keys = |rules: &Rules| -> Vec<String> { judged_by(&history, rules).keys.into_iter().map(|key| key.key).collect() };
    assert_eq!(keys(&of_regions("us-east-1")), [REPLICA]);
    assert_eq!(keys(&of_regions("eu-central-1")), [KEY]);
    let elsewhere = Rules { accounts: BTreeSet::from(["444455556666".to_owned()]), ..Rules::shipped() };
    assert_eq!(keys(&elsewhere), [""; 0]);
}

#[test]
fn acts_are_counted_by_their_calls_those_that_were_refused_as_well() {
    let answer = judged(&[call("DisableKey", "alice", "10:00:00"), call("DisableKey", "alice", "10:00:01").refused("AccessDenied")]);
    assert_eq!(answer.acts.get("DisableKey"), Some(&2));
    assert_eq!(answer.keys.first().and_then(|key| key.acts.get("DisableKey")), Some(&2));
}

#[test]
fn the_answer_of_a_quarter() {
    insta::assert_json_snapshot!("answer_of_a_quarter", judged(&quarter()));
}

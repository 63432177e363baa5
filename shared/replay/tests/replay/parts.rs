//! Any division of the logs into parts, in any order, with anything repeated, gives the same answer.

use std::collections::BTreeMap;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use reprieve_replay::{Answer, Part, PartError, Read, Rules, judge};

use crate::scene::{KEY, PRIMARY, REPLICA, Record, call, part, schedule, tagging};

const CALLS: [&str; 11] = [
    "CreateKey",
    "EnableKey",
    "DisableKey",
    "ScheduleKeyDeletion",
    "CancelKeyDeletion",
    "DeleteKey",
    "EnableKeyRotation",
    "DisableKeyRotation",
    "TagResource",
    "ImportKeyMaterial",
    "Decrypt",
];

fn records() -> impl Strategy<Value = Vec<Record>> {
    let one = (0_usize..11, 0_usize..3, 0_u32..6, any::<bool>());
    proptest::collection::vec(one, 1..16).prop_map(|all| {
        let record = |(index, (name, key, minute, is_refused)): (usize, (usize, usize, u32, bool))| {
            let name = CALLS.get(name).copied().unwrap_or("EnableKey");
            let key = [KEY, PRIMARY, REPLICA].get(key).copied().unwrap_or(KEY);
            let record = call(name, "alice", &format!("10:{minute:02}:00")).on(key).id(&format!("event-{index}"));
            if is_refused && index % 3 == 0 { record.refused("AccessDenied") } else { record }
        };
        all.into_iter().enumerate().map(record).collect()
    })
}

/// The answer without what counts repeated records each time.
fn comparable(part: &Part) -> String {
    let Answer { read: Read { unique_events, unique_events_exact, errors, .. }, first, last, acts, keys, decisions, kpis, problems } =
        judge(part, &Rules::shipped());
    let read = Read { unique_events, unique_events_exact, errors, ..Read::default() };
    serde_json::to_string(&Answer { read, first, last, acts, keys, decisions, kpis, problems }).unwrap()
}

fn merged(parts: impl IntoIterator<Item = Part>) -> Part {
    parts.into_iter().fold(Part::default(), |mut all, part| {
        all.merge(part);
        all
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// P128
    #[test]
    fn however_the_logs_are_divided_ordered_and_repeated_the_answer_is_the_same(
        records in records(),
        places in proptest::collection::vec((0_usize..4, any::<u32>(), any::<bool>()), 16),
    ) {
        let whole = part(&records);
        let mut files: BTreeMap<usize, Vec<(u32, Record)>> = BTreeMap::new();
        for (record, (file, order, is_repeated)) in records.iter().zip(&places) {
            files.entry(*file).or_default().push((*order, record.clone()));
            if *is_repeated {
                files.entry(3 - file).or_default().push((order.rotate_left(7), record.clone()));
            }
        }
        let parts = files.into_values().map(|mut file| {
            file.sort_by_key(|(order, _)| *order);
            part(&file.into_iter().map(|(_, record)| record).collect::<Vec<_>>())
        });
        let parts: Vec<Part> = parts.collect();
        prop_assert_eq!(comparable(&merged(parts.iter().cloned())), comparable(&whole));
        prop_assert_eq!(comparable(&merged(parts.into_iter().rev())), comparable(&whole));
    }

    #[test]
    fn merging_is_associative_and_commutative_and_bytes_keep_everything(one in records(), two in records(), three in records()) {
        let [one, two, three] = [one, two, three].map(|records| part(&records));
        let left = merged([merged([one.clone(), two.clone()]), three.clone()]);
        let right = merged([one.clone(), merged([two.clone(), three.clone()])]);
        prop_assert_eq!(&left, &right);
        prop_assert_eq!(&left, &merged([three, one, two]));
        let bytes = left.to_bytes().unwrap();
        prop_assert_eq!(&Part::from_bytes(&bytes).unwrap(), &left);
        prop_assert_eq!(right.to_bytes().unwrap(), bytes);
    }

    /// P132
    #[test]
    fn damaged_bytes_are_refused_or_hold_the_same_and_nothing_panics(place in any::<prop::sample::Index>(), bit in 0_u8..8, cut in any::<prop::sample::Index>()) {
        let whole = part(&[schedule("alice", "10:00:00"), tagging("carol", "09:00:00", &[("env", "prod")])]);
        let bytes = whole.to_bytes().unwrap();
        let mut damaged = bytes.clone();
        if let Some(byte) = damaged.get_mut(place.index(bytes.len())) {
            *byte ^= 1 << bit;
        }
        // The header of gz has bits that mean nothing to what it holds.
        if let Ok(read) = Part::from_bytes(&damaged) {
            prop_assert_eq!(read, whole);
        }
        prop_assert!(Part::from_bytes(bytes.get(..cut.index(bytes.len())).unwrap()).is_err());
    }
}

fn packed(head: &impl serde::Serialize) -> Vec<u8> {
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    ciborium::into_writer(head, &mut gz).unwrap();
    gz.flush().unwrap();
    gz.finish().unwrap()
}

/// P132
#[test]
fn a_part_of_a_newer_version_is_refused_by_its_version() {
    let newer = packed(&BTreeMap::from([("format", ciborium::Value::from("reprieve-replay")), ("version", ciborium::Value::from(99))]));
    assert!(matches!(Part::from_bytes(&newer), Err(PartError::Version { found: 99 })));
}

#[test]
fn what_is_no_part_is_refused_with_what_to_do() {
    for bytes in [b"".to_vec(), b"{\"Records\":[]}".to_vec(), packed(&BTreeMap::from([("format", "something else"), ("version", "1")]))] {
        let error = Part::from_bytes(&bytes).unwrap_err();
        assert!(matches!(error, PartError::Foreign { .. }), "{error}");
        assert!(error.to_string().contains("no part of a replay"), "{error}");
    }
}

#[test]
fn where_two_logs_tell_of_one_event_differently_the_order_does_not_count() {
    let one = call("DisableKey", "alice", "10:00:00").id("same");
    let other = call("DisableKey", "bob", "10:00:00").id("same");
    let forth = merged([part(std::slice::from_ref(&one)), part(std::slice::from_ref(&other))]);
    let back = merged([part(&[other]), part(&[one])]);
    assert_eq!(comparable(&forth), comparable(&back));
}

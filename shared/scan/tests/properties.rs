//! Whatever the input: the records that a JSON parser finds are found, and nothing panics.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must stop")]

use proptest::prelude::*;
use reprieve_scan::{Needles, Scanner};
use serde_json::{Map, Value, json};

/// Returns the records that are found, where every record matters.
fn found(text: &[u8]) -> Vec<Value> {
    let mut records = Vec::new();
    let scan = Scanner::new(Needles::new(&[])).scan(text, |entry| {
        records.push(serde_json::from_slice(entry.record.text).unwrap_or(json!("no JSON")));
        let offset = usize::try_from(entry.record.offset).unwrap();
        assert_eq!(text.get(offset..offset + entry.record.text.len()), Some(entry.record.text));
    });
    assert_eq!((scan.counts.records, scan.fault), (records.len() as u64, None));
    assert_eq!(scan.counts.bytes_inflated, text.len() as u64);
    records
}

/// Texts with everything that could be taken for structure, and some that are long.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\\".to_owned()),
        Just("\"".to_owned()),
        Just("{\"Records\":[{".to_owned()),
        Just("}]},{".to_owned()),
        Just("\n{".to_owned()),
        Just("ä\u{0}\u{1f600}".to_owned()),
        "[a-z:, ]{0,9}",
        (0_usize..30_000).prop_map(|length| "x".repeat(length)),
    ];
    proptest::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        texts().prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((texts(), inner), 0..4).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Records, whose own fields are not those of a container.
fn records() -> impl Strategy<Value = Vec<Value>> {
    let record = proptest::collection::vec((texts(), values()), 0..5).prop_map(|fields| {
        let fields: Map<String, Value> = fields.into_iter().map(|(name, value)| (format!("f{name}"), value)).collect();
        Value::Object(fields)
    });
    proptest::collection::vec(record, 0..30)
}

fn written(value: &Value, is_pretty: bool) -> String {
    if is_pretty { serde_json::to_string_pretty(value).unwrap() } else { value.to_string() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_record_is_found_in_every_form(records in records(), is_pretty in any::<bool>(), name in prop_oneof![Just("Records"), Just("records"), Just("value")]) {
        let lines = records.iter().map(|record| written(record, is_pretty)).collect::<Vec<_>>().join("\n");
        prop_assert_eq!(&found(lines.as_bytes()), &records);
        let list = written(&json!(records), is_pretty);
        prop_assert_eq!(&found(list.as_bytes()), &records);
        let container = written(&json!({"a": {"b": []}, name: records, "z": [{"c": 1}]}), is_pretty);
        prop_assert_eq!(&found(container.as_bytes()), &records);
        let twice = format!("{container}{list}");
        prop_assert_eq!(found(twice.as_bytes()), [records.clone(), records].concat());
    }

    #[test]
    fn a_cut_anywhere_costs_one_record_at_most(records in records(), cut in any::<prop::sample::Index>()) {
        let mut text = String::new();
        let mut ends = Vec::new();
        for record in &records {
            text.push_str(&record.to_string());
            ends.push(text.len());
            text.push('\n');
        }
        let cut = cut.index(text.len() + 1);
        let whole = ends.iter().filter(|end| **end <= cut).count();
        let kept = found(text.as_bytes().get(..cut).unwrap());
        prop_assert_eq!(kept.get(..whole), records.get(..whole));
        prop_assert!(kept.len() <= whole + 1, "{} and {whole}", kept.len());
    }

    #[test]
    fn no_bytes_make_it_panic_or_stay(bytes in proptest::collection::vec(prop_oneof![any::<u8>(), proptest::sample::select(b"{}[]\",:\\\n ".to_vec())], 0..3_000)) {
        let is_packed = matches!(bytes.as_slice(), [0x1f, 0x8b, ..] | [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0x28, 0xb5, ..] | [b'B', b'Z', ..]);
        if !is_packed {
            found(&bytes);
        }
    }
}

//! No input panics: records of every shape are mutated, and whatever comes out, it is the same the second time.

use std::sync::LazyLock;

use crate::support::fixture;
use proptest::prelude::*;
use proptest::sample::Index;
use reprieve_core::Threat;
use reprieve_wire::{Sighting, parse_envelope, parse_invocation, parse_record, parse_text};
use serde_json::{Value, json};

/// One change to a JSON value.
#[derive(Debug, Clone)]
enum Mutation {
    Replace(Index, Value),
    Remove(Index),
    Rename(Index, String),
    Wrap(Index),
}

static SAMPLES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let lines = ["kms-calls.jsonl", "service-events.jsonl", "odd-records.jsonl", "envelopes.jsonl"].map(fixture).concat();
    let mut samples: Vec<Value> = lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    samples.extend(serde_json::from_str::<Value>(&fixture("sqs-batch.json")));
    samples
});

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        ".{0,40}".prop_map(Value::from),
        proptest::sample::select(vec![
            "",
            "...",
            "arn:aws:kms:::key/",
            "arn:aws:kms:us-east-1:1:key/x",
            "alias/x",
            "2026-13-01T00:00:00Z",
            "Jan 1, 2019 12:00:00 AM",
            "Ünï 1, 2019 12:00:00 AM",
            "-1",
            "1e999",
            "9223372036854775807",
            "[{}]",
            "{\"eventName\":\"DisableKey\"}",
            "\u{202f}",
            "AwsServiceEvent",
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-zA-Z]{0,12}", inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        4 => (any::<Index>(), any_json()).prop_map(|(at, value)| Mutation::Replace(at, value)),
        2 => any::<Index>().prop_map(Mutation::Remove),
        1 => (any::<Index>(), "[a-zA-Z]{0,12}").prop_map(|(at, name)| Mutation::Rename(at, name)),
        1 => any::<Index>().prop_map(Mutation::Wrap),
    ]
}

/// Returns the JSON pointers of every value inside.
fn pointers(value: &Value, path: &str, found: &mut Vec<String>) {
    let escape = |key: &str| key.replace('~', "~0").replace('/', "~1");
    let children: Vec<(String, &Value)> = match value {
        Value::Object(object) => object.iter().map(|(key, value)| (escape(key), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    for (name, child) in children {
        let path = format!("{path}/{name}");
        pointers(child, &path, found);
        found.push(path);
    }
}

fn mutate(value: &mut Value, mutation: Mutation) {
    let mut paths = Vec::new();
    pointers(value, "", &mut paths);
    if paths.is_empty() {
        return;
    }
    let pick = |at: Index| at.get(&paths).clone();
    let parent_and_name =
        |path: &str| path.rsplit_once('/').map(|(parent, name)| (parent.to_owned(), name.replace("~1", "/").replace("~0", "~")));
    match mutation {
        Mutation::Replace(at, new) => {
            if let Some(place) = value.pointer_mut(&pick(at)) {
                *place = new;
            }
        }
        Mutation::Wrap(at) => {
            if let Some(place) = value.pointer_mut(&pick(at)) {
                *place = json!([place.take()]);
            }
        }
        Mutation::Remove(at) | Mutation::Rename(at, _) if parent_and_name(&pick(at)).is_none() => {}
        Mutation::Remove(at) => rename(value, parent_and_name(&pick(at)), None),
        Mutation::Rename(at, new) => rename(value, parent_and_name(&pick(at)), Some(new)),
    }
}

fn rename(value: &mut Value, place: Option<(String, String)>, new: Option<String>) {
    let Some((parent, name)) = place else { return };
    let Some(Value::Object(object)) = value.pointer_mut(&parent) else { return };
    let taken = object.remove(&name);
    if let (Some(taken), Some(new)) = (taken, new) {
        object.insert(new, taken);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_records_never_panic(at in any::<Index>(), mutations in proptest::collection::vec(any_mutation(), 1..8)) {
        let mut value = at.get(&SAMPLES).clone();
        for mutation in mutations {
            mutate(&mut value, mutation);
        }
        let record = parse_record(&value);
        prop_assert_eq!(&record, &parse_record(&value));
        for event in [record.ok(), parse_envelope(&value).ok().and_then(|sighting| match sighting {
            Sighting::Event(event) => Some(*event),
            Sighting::Sweep(_) => None,
        })].into_iter().flatten() {
            let _threat = Threat::of(&event);
            let text = serde_json::to_string(&event).map_err(|error| TestCaseError::fail(error.to_string()))?;
            let back: reprieve_core::Event = serde_json::from_str(&text).map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(back, event);
        }
        let _invocation = parse_invocation(&value);
        prop_assert_eq!(parse_text(&value.to_string()), parse_text(&value.to_string()));
    }

    #[test]
    fn any_json_never_panics(value in any_json()) {
        let _results = (parse_record(&value), parse_envelope(&value), parse_invocation(&value), parse_text(&value.to_string()));
    }

    #[test]
    fn any_text_never_panics(text in "(?s).{0,200}", cut in any::<Index>()) {
        let _lines = parse_text(&text);
        let mixture = fixture("mixture.txt");
        let at = (0..=cut.index(mixture.len() + 1)).rev().find(|at| mixture.is_char_boundary(*at)).unwrap_or(0);
        let (head, tail) = mixture.split_at(at);
        let _lines = (parse_text(head), parse_text(tail), parse_text(&format!("{head}{text}{tail}")));
    }
}

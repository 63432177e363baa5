//! No input panics: records of every shape are mutated, and whatever comes out, it is the same the second time.

use std::sync::LazyLock;

use crate::support::fixture;
use crate::support::mangle::{any_json, is_kept, pick, replace};
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

/// Texts that a reader takes apart.
const TEXTS: &[&str] = &[
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
];

fn any_value() -> impl Strategy<Value = Value> {
    any_json(TEXTS, "[a-zA-Z]{0,12}")
}

fn any_mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        4 => (any::<Index>(), any_value()).prop_map(|(at, value)| Mutation::Replace(at, value)),
        2 => any::<Index>().prop_map(Mutation::Remove),
        1 => (any::<Index>(), "[a-zA-Z]{0,12}").prop_map(|(at, name)| Mutation::Rename(at, name)),
        1 => any::<Index>().prop_map(Mutation::Wrap),
    ]
}

fn mutate(value: &mut Value, mutation: Mutation) {
    let parent_and_name =
        |path: Option<String>| path?.rsplit_once('/').map(|(parent, name)| (parent.to_owned(), name.replace("~1", "/").replace("~0", "~")));
    match mutation {
        Mutation::Replace(at, new) => replace(value, at, new),
        Mutation::Wrap(at) => {
            if let Some(place) = pick(value, at).and_then(|path| value.pointer_mut(&path)) {
                *place = json!([place.take()]);
            }
        }
        Mutation::Remove(at) => rename(value, parent_and_name(pick(value, at)), None),
        Mutation::Rename(at, new) => rename(value, parent_and_name(pick(value, at)), Some(new)),
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
            is_kept(&event)?;
        }
        let _invocation = parse_invocation(&value);
        prop_assert_eq!(parse_text(&value.to_string()), parse_text(&value.to_string()));
    }

    #[test]
    fn any_json_never_panics(value in any_value()) {
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

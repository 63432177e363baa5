//! No input of Azure panics: bytes, JSON of any shape, and fixtures in which something was replaced.

use std::sync::LazyLock;

use crate::support::azure_fixture;
use proptest::prelude::*;
use proptest::sample::Index;
use reprieve_core::Event;
use reprieve_core::azure::event::reach;
use reprieve_core::azure::subject::Function;
use reprieve_wire::azure::{Kind, parse_all, parse_invocation};
use serde_json::{Value, json};

static SAMPLES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let names = [
        "activity-log-exported",
        "activity-log-page",
        "audit-claims",
        "audit-managed-hsm",
        "audit-urls",
        "cloud-events",
        "custom-handler-bad-member",
        "custom-handler-event-hub",
        "custom-handler-timer",
        "event-grid-events",
        "event-grid-claims-as-text",
        "mixed-times",
    ];
    names.map(azure_fixture).into()
});

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        ".{0,40}".prop_map(Value::from),
        proptest::sample::select(vec![
            "",
            "/subscriptions/s/resourceGroups/Ünï/providers/Microsoft.KeyVault/vaults/ü",
            "https://",
            "https://kv.vault.azure.net/keys/é",
            "://vault//",
            "0001-01-01T00:00:00",
            "{\"records\":[{}]}",
            "\"\\\"{}\\\"\"",
            "Failed.Ünauthorized",
            "[2001:db8::1]:99999",
            "Microsoft.Resources.ResourceWrite\u{202f}",
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let name = prop_oneof![
            "[a-zA-Z]{0,8}",
            proptest::sample::select(vec![
                "records",
                "value",
                "Data",
                "data",
                "eventType",
                "operationName",
                "properties",
                "identity",
                "category"
            ])
            .prop_map(ToOwned::to_owned),
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(name, inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Every value inside, by its JSON pointer.
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

fn is_kept(event: &Event) -> Result<(), TestCaseError> {
    let text = serde_json::to_string(event).map_err(|error| TestCaseError::fail(error.to_string()))?;
    let back: Event = serde_json::from_str(&text).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(&back, event);
    for function in Function::ALL {
        let _reach = reach(event, function);
    }
    Ok(())
}

proptest! {
    #[test]
    fn mutated_records_never_panic(sample in any::<Index>(), changes in proptest::collection::vec((any::<Index>(), any_json()), 1..5)) {
        let mut value = sample.get(&SAMPLES).clone();
        for (at, replacement) in changes {
            let mut paths = Vec::new();
            pointers(&value, "", &mut paths);
            if let Some(place) = (!paths.is_empty()).then(|| at.get(&paths).clone()).and_then(|path| value.pointer_mut(&path)) {
                *place = replacement;
            }
        }
        for event in parse_all(&value).into_iter().filter_map(|parsed| parsed.event.ok()) {
            is_kept(&event)?;
        }
        if let Ok(Kind::Events(items)) = parse_invocation(value.to_string().as_bytes()).map(|invocation| invocation.kind) {
            for event in items.into_iter().filter_map(|parsed| parsed.event.ok()) {
                is_kept(&event)?;
            }
        }
    }

    #[test]
    fn any_json_never_panics(value in any_json()) {
        let _results = (parse_all(&value), parse_invocation(json!({"Data": {"events": value}}).to_string().as_bytes()));
    }

    #[test]
    fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _result = parse_invocation(&bytes);
        let text = String::from_utf8_lossy(&bytes);
        let _result = parse_invocation(json!({"Data": {"events": text}}).to_string().as_bytes());
    }
}

//! No input panics: records in which anything was replaced, removed or renamed, and JSON of any shape.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;
use reprieve_core::audit::AuditEvent;
use reprieve_wire::audit::{Parsed, parse};
use serde_json::{Value, json};

use super::all_records;

static SAMPLES: LazyLock<Vec<Value>> = LazyLock::new(all_records);

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        ".{0,40}".prop_map(Value::from),
        proptest::sample::select(vec![
            "",
            ":",
            "://",
            "?",
            "arn:::::",
            "arn:aws:kms:us-east-1:1:alias/é",
            "/subscriptions/é/providers/Microsoft.Authorization/locks/x",
            "https://é/keys/é/é",
            "{\"a\":",
            "{\"CloudTrailEvent\":\"{}\"}",
            "[]",
            "name:",
            ":3",
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let name = prop_oneof![
            "[a-zA-Z]{0,8}",
            proptest::sample::select(vec![
                "eventName",
                "eventSource",
                "detail",
                "detail-type",
                "CloudTrailEvent",
                "operationName",
                "authorization",
                "category",
                "properties",
                "requestParameters",
                "protoPayload"
            ])
            .prop_map(ToOwned::to_owned),
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(name, inner, 0..5).prop_map(|map| Value::Object(map.into_iter().collect())),
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

fn check(value: &Value) -> Result<(), TestCaseError> {
    let parsed = parse(value);
    prop_assert_eq!(&parsed, &parse(value), "not the same the second time");
    if let Ok(Parsed::Entry(entry)) = parsed {
        let text = serde_json::to_string(&entry).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let back: AuditEvent = serde_json::from_str(&text).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&back, entry.as_ref());
        let _names = (entry.principal(), entry.account(), entry.region(), entry.asset.map(|asset| asset.canonical()));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_records_never_panic(at in any::<Index>(), changes in proptest::collection::vec((any::<Index>(), any_json()), 1..6)) {
        let mut value = at.get(&SAMPLES).clone();
        for (place, new) in changes {
            let mut paths = Vec::new();
            pointers(&value, "", &mut paths);
            if paths.is_empty() {
                continue;
            }
            let path = place.get(&paths).clone();
            if let Some(old) = value.pointer_mut(&path) {
                *old = new;
            }
        }
        check(&value)?;
    }

    #[test]
    fn any_json_never_panics(value in any_json()) {
        check(&value)?;
    }
}

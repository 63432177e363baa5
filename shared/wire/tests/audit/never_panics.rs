//! No input panics: records in which anything was replaced, removed or renamed, and JSON of any shape.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;
use reprieve_wire::audit::{Parsed, parse};
use serde_json::Value;

use super::all_records;
use crate::support::mangle::{any_json, any_name, is_kept, replace};

static SAMPLES: LazyLock<Vec<Value>> = LazyLock::new(all_records);

/// Texts and names that a reader takes apart.
const TEXTS: &[&str] = &[
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
];
const NAMES: &[&str] = &[
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
    "protoPayload",
];

fn any_value() -> impl Strategy<Value = Value> {
    any_json(TEXTS, any_name(NAMES))
}

fn check(value: &Value) -> Result<(), TestCaseError> {
    let parsed = parse(value);
    prop_assert_eq!(&parsed, &parse(value), "not the same the second time");
    if let Ok(Parsed::Entry(entry)) = parsed {
        is_kept(entry.as_ref())?;
        let _names = (entry.principal(), entry.account(), entry.region(), entry.asset.map(|asset| asset.canonical()));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_records_never_panic(at in any::<Index>(), changes in proptest::collection::vec((any::<Index>(), any_value()), 1..6)) {
        let mut value = at.get(&SAMPLES).clone();
        for (place, new) in changes {
            replace(&mut value, place, new);
        }
        check(&value)?;
    }

    #[test]
    fn any_json_never_panics(value in any_value()) {
        check(&value)?;
    }
}

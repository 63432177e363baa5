//! No input of Azure panics: bytes, JSON of any shape, and fixtures in which something was replaced.

use std::sync::LazyLock;

use crate::support::azure_fixture;
use crate::support::mangle::{any_json, any_name, is_kept, replace};
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

/// Texts and names that a reader takes apart.
const TEXTS: &[&str] = &[
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
];
const NAMES: &[&str] = &["records", "value", "Data", "data", "eventType", "operationName", "properties", "identity", "category"];

fn any_value() -> impl Strategy<Value = Value> {
    any_json(TEXTS, any_name(NAMES))
}

fn is_known(event: &Event) -> Result<(), TestCaseError> {
    is_kept(event)?;
    for function in Function::ALL {
        let _reach = reach(event, function);
    }
    Ok(())
}

proptest! {
    #[test]
    fn mutated_records_never_panic(sample in any::<Index>(), changes in proptest::collection::vec((any::<Index>(), any_value()), 1..5)) {
        let mut value = sample.get(&SAMPLES).clone();
        for (at, replacement) in changes {
            replace(&mut value, at, replacement);
        }
        for event in parse_all(&value).into_iter().filter_map(|parsed| parsed.event.ok()) {
            is_known(&event)?;
        }
        if let Ok(Kind::Events(items)) = parse_invocation(value.to_string().as_bytes()).map(|invocation| invocation.kind) {
            for event in items.into_iter().filter_map(|parsed| parsed.event.ok()) {
                is_known(&event)?;
            }
        }
    }

    #[test]
    fn any_json_never_panics(value in any_value()) {
        let _results = (parse_all(&value), parse_invocation(json!({"Data": {"events": value}}).to_string().as_bytes()));
    }

    #[test]
    fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _result = parse_invocation(&bytes);
        let text = String::from_utf8_lossy(&bytes);
        let _result = parse_invocation(json!({"Data": {"events": text}}).to_string().as_bytes());
    }
}

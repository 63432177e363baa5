//! Audit entries: what each record says, that no secret leaves, and that every published record is an entry or named as not ours.

mod corpus;
mod description;
mod entries;
mod needles;
mod never_panics;
mod secrets;

use std::path::Path;

use reprieve_core::audit::AuditEvent;
use reprieve_wire::audit::{Parsed, parse};
use serde_json::Value;

/// The fixtures of AWS, without the ending of their names.
const AWS: [&str; 10] =
    ["buckets", "certificates", "cloudhsm", "cloudtrail", "envelopes", "kms", "monitoring", "odd", "parameters", "secrets-manager"];

/// The fixtures of Azure.
const AZURE: [&str; 6] = ["activity-log", "databases", "event-grid", "key-vault", "managed-hsm", "odd"];

/// Reads a fixture: one record a line.
fn records(cloud: &str, name: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/audit").join(cloud).join(format!("{name}.jsonl"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| unreachable!("`{}`: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| unreachable!("{error}: {line}"))).collect()
}

/// Every fixture's records.
fn all_records() -> Vec<Value> {
    let aws = AWS.iter().flat_map(|name| records("aws", name));
    let azure = AZURE.iter().flat_map(|name| records("azure", name));
    // Google's fixture names each of its cases.
    let google = records("google", "calls").into_iter().map(|case| case.get("entry").cloned().unwrap_or_default());
    aws.chain(azure).chain(google).collect()
}

/// The entry of a record that is ours.
fn entry(record: &Value) -> AuditEvent {
    match parse(record) {
        Ok(Parsed::Entry(entry)) => *entry,
        other => unreachable!("{other:?} of {record}"),
    }
}

/// The entry of the only record of a fixture that fits.
fn entry_where(cloud: &str, name: &str, fits: impl Fn(&Value) -> bool) -> AuditEvent {
    let found: Vec<Value> = records(cloud, name).into_iter().filter(fits).collect();
    assert_eq!(found.len(), 1, "records of `{name}` that fit");
    found.first().map_or_else(|| unreachable!("no record"), entry)
}

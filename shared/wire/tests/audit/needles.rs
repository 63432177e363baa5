//! A filter over bytes loses nothing: every record that is ours holds one of the needles.

use reprieve_wire::audit::{NEEDLES, Parsed, parse};
use reprieve_wire::google;
use serde_json::Value;

use super::{AZURE, all_records, records};

/// Says whether a record passes the filter, as it stands in a file.
pub(super) fn passes(record: &Value) -> bool {
    let text = record.to_string();
    NEEDLES.iter().any(|needle| text.contains(needle))
}

#[test]
fn every_record_of_the_fixtures_that_is_ours_passes() {
    for record in all_records() {
        let is_ours = matches!(parse(&record), Ok(Parsed::Entry(_)));
        assert!(!is_ours || passes(&record), "{record}");
    }
}

#[test]
fn records_of_azure_pass_in_any_letter_case_of_what_they_hold() {
    for record in AZURE.iter().flat_map(|name| records("azure", name)) {
        for changed in [upper(&record), lower(&record)] {
            let is_ours = matches!(parse(&changed), Ok(Parsed::Entry(_)));
            assert!(!is_ours || passes(&changed), "{changed}");
        }
    }
}

/// The same record with every text in capitals; the names of its fields stay.
fn upper(value: &Value) -> Value {
    changed(value, &|text| text.to_uppercase())
}

fn lower(value: &Value) -> Value {
    changed(value, &|text| text.to_lowercase())
}

fn changed(value: &Value, change: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::from(change(text)),
        Value::Array(items) => items.iter().map(|item| changed(item, change)).collect(),
        Value::Object(object) => Value::Object(object.iter().map(|(key, value)| (key.clone(), changed(value, change))).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

#[test]
fn records_of_objects_and_machines_do_not_pass() {
    for (source, name) in [("s3", "GetObject"), ("s3", "PutObject"), ("ec2", "RunInstances"), ("sts", "AssumeRole"), ("lambda", "Invoke")] {
        let record =
            serde_json::json!({ "eventSource": format!("{source}.amazonaws.com"), "eventName": name, "sourceIPAddress": "192.0.2.1" });
        assert!(!passes(&record), "{record}");
    }
}

#[test]
fn what_google_needs_is_among_them() {
    for needle in google::NEEDLES {
        assert!(NEEDLES.contains(&needle), "{needle}");
    }
}

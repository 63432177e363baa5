//! Filters against published events, where they are at hand: set `REPRIEVE_CORPUS` to their folder. What each filter must match is
//! computed by plain comparisons.

use std::path::PathBuf;

use reprieve_core::Place;
use reprieve_core::filter::{FilterPattern, probes_at};
use serde_json::Value;

/// Returns all records, or says why the test is skipped. What an EventBridge envelope holds is a record, too.
fn records() -> Option<Vec<Value>> {
    let Some(corpus) = std::env::var_os("REPRIEVE_CORPUS").map(PathBuf::from) else {
        let mut err = std::io::stderr();
        let _written = std::io::Write::write_all(&mut err, b"skipped: REPRIEVE_CORPUS is not set to the folder of published events\n");
        return None;
    };
    let files = std::fs::read_dir(corpus.join("aws")).into_iter().flatten().flatten().map(|entry| entry.path());
    let texts = files.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl")).flat_map(std::fs::read_to_string);
    let lines: Vec<Value> = texts.flat_map(|text| text.lines().flat_map(serde_json::from_str).collect::<Vec<Value>>()).collect();
    let inner = lines.iter().filter_map(|line| line.get("detail").cloned()).collect::<Vec<_>>();
    Some(lines.into_iter().chain(inner).collect())
}

fn text<'a>(record: &'a Value, pointer: &str) -> Option<&'a str> {
    record.pointer(pointer).and_then(Value::as_str)
}

fn is_key_event(record: &Value) -> bool {
    text(record, "/eventSource") == Some("kms.amazonaws.com")
        && matches!(text(record, "/eventName"), Some("DisableKey" | "ScheduleKeyDeletion"))
}

/// A filter, and what it must match.
type Case = (&'static str, fn(&Value) -> bool);

const CASES: [Case; 9] = [
    ("{($.eventSource = kms.amazonaws.com) && (($.eventName=DisableKey)||($.eventName=ScheduleKeyDeletion)) }", is_key_event),
    ("{ ($.errorCode = \"*UnauthorizedOperation\") || ($.errorCode = \"AccessDenied*\") }", |record| {
        text(record, "/errorCode").is_some_and(|code| code.ends_with("UnauthorizedOperation") || code.starts_with("AccessDenied"))
    }),
    ("{ $.userIdentity.type = \"Root\" && $.userIdentity.invokedBy NOT EXISTS && $.eventType != \"AwsServiceEvent\" }", |record| {
        text(record, "/userIdentity/type") == Some("Root")
            && record.pointer("/userIdentity/invokedBy").is_none()
            && text(record, "/eventType").is_some_and(|form| form != "AwsServiceEvent")
    }),
    ("{ $.eventName = Disable* }", |record| text(record, "/eventName").is_some_and(|name| name.starts_with("Disable"))),
    ("{ $.eventName = %^Disable|Deletion$% }", |record| {
        text(record, "/eventName").is_some_and(|name| name.starts_with("Disable") || name.ends_with("Deletion"))
    }),
    ("{ $.requestParameters IS NULL }", |record| record.get("requestParameters").is_some_and(Value::is_null)),
    ("{ $.readOnly IS TRUE }", |record| record.get("readOnly") == Some(&Value::Bool(true))),
    ("{ $.resources[0].ARN = \"*:key/*\" }", |record| text(record, "/resources/0/ARN").is_some_and(|arn| arn.contains(":key/"))),
    ("{ $.requestParameters.pendingWindowInDays < 30 }", |record| {
        record.pointer("/requestParameters/pendingWindowInDays").and_then(Value::as_f64).is_some_and(|days| days < 30.0)
    }),
];

#[test]
fn filters_match_the_published_events_that_they_must() {
    let Some(records) = records() else { return };
    assert!(records.len() > 500, "{}", records.len());
    let mut matched = 0;
    for (pattern, expected) in CASES {
        let pattern = FilterPattern::parse(pattern).unwrap_or_else(|error| unreachable!("`{pattern}`: {error}"));
        for record in &records {
            assert_eq!(pattern.matches(record), expected(record), "`{pattern}` on {record}");
            matched += usize::from(expected(record));
        }
    }
    assert!(matched > 100, "{matched}");
}

/// The probes are in the shapes of real records: each top-level field that a real call of KMS has, or more.
#[test]
fn probes_have_the_fields_of_published_records() {
    let Some(records) = records() else { return };
    let probes = probes_at(&Place::documentation());
    for name in ["ScheduleKeyDeletion", "DisableKey", "DeleteKey", "DeleteExpiredKeyMaterial"] {
        let published = records.iter().filter(|record| text(record, "/eventName") == Some(name) && text(record, "/eventType").is_some());
        let Some(published) = published.max_by_key(|record| record.to_string().len()).and_then(Value::as_object) else { continue };
        let probe = probes.iter().find(|probe| probe.name == name && probe.source == "kms.amazonaws.com");
        let probe = probe.and_then(|probe| probe.event.as_object()).unwrap_or_else(|| unreachable!("{name} is a probe"));
        for field in
            ["eventVersion", "userIdentity", "eventSource", "sourceIPAddress", "requestParameters", "responseElements", "eventType"]
        {
            let (theirs, ours) = (published.get(field), probe.get(field));
            assert!(theirs.is_none() || ours.is_some(), "{name}: {field}");
        }
    }
}

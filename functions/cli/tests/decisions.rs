//! The decisions on every fixture and, where it is at hand (`REPRIEVE_CORPUS`), on the published events. The snapshots hold derived
//! data only: a change in one is a change in what is decided.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Explains a file and tells, for each event: line, event, threat, decision, steps and policies. Events that endanger no key are counted.
fn decisions(file: &Path) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_reprieve")).arg("explain").arg(file).args(["--json", "--now", "2026-03-02T12:00:00Z"]).output();
    let output = output.unwrap_or_else(|error| unreachable!("{error}"));
    let text = String::from_utf8_lossy(&output.stdout);
    let (mut told, mut harmless) = (String::new(), 0);
    for line in text.lines() {
        let explained: Value = serde_json::from_str(line).unwrap_or_else(|error| unreachable!("`{line}`: {error}"));
        let field = |name: &str| explained.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
        let list = |name: &str, key: Option<&str>| {
            let items = explained.get(name).and_then(Value::as_array).into_iter().flatten();
            items.filter_map(|item| key.map_or(item.as_str(), |key| item.get(key)?.as_str())).collect::<Vec<_>>().join(", ")
        };
        let number = explained.get("line").and_then(Value::as_u64).unwrap_or_default();
        if explained.get("error").is_some() {
            let _told = writeln!(told, "{number:>3} not understood");
        } else if explained.get("threat").is_some_and(Value::is_null) {
            harmless += 1;
        } else {
            let (event, threat, decision, severity) = (field("event"), field("threat"), field("decision"), field("severity"));
            let (plan, policies) = (list("plan", Some("step")), list("policies", None));
            let _told = writeln!(told, "{number:>3} {event} -> {threat} -> {decision} ({severity}) [{plan}] [{policies}]");
        }
    }
    let _told = writeln!(told, "and {harmless} that endanger no key; exit code {:?}", output.status.code());
    told
}

#[test]
fn on_the_fixtures() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/aws");
    for name in ["kms-calls.jsonl", "service-events.jsonl", "envelopes.jsonl", "odd-records.jsonl"] {
        insta::assert_snapshot!(name.replace(".jsonl", ""), decisions(&folder.join(name)));
    }
}

#[test]
fn on_the_published_events() {
    let Some(corpus) = std::env::var_os("REPRIEVE_CORPUS") else {
        let _written =
            std::io::Write::write_all(&mut std::io::stderr(), b"skipped: REPRIEVE_CORPUS is not set to the folder of published events\n");
        return;
    };
    let folder = Path::new(&corpus).join("aws");
    for name in [
        "aws-cloudtrail-processing-library",
        "aws-lambda-fixtures-eventbridge",
        "aws-spotlight-selection",
        "awsdocs-cloudtrail-guide",
        "awsdocs-kms-guide",
        "awsdocs-kms-guide-eventbridge",
        "cloud-custodian-eventbridge",
        "invictus-aws-dataset-selection",
        "otrf-security-datasets",
        "streamalert-rules",
    ] {
        insta::assert_snapshot!(format!("corpus_{name}"), decisions(&folder.join(format!("{name}.jsonl"))));
    }
}

//! What each fixture's records are understood as, in a few lines each.

use reprieve_core::CallOutcome;
use reprieve_core::audit::{AuditEvent, Excerpt};
use reprieve_wire::audit::{Parsed, parse};
use serde_json::Value;

use super::{AWS, AZURE, records};

fn describe(record: &Value) -> String {
    match parse(record) {
        Ok(Parsed::Entry(entry)) => describe_entry(&entry),
        Ok(Parsed::NotOurs { source, name }) => format!("not ours: {source} {name}"),
        Err(error) => format!("ERROR {error}"),
    }
}

fn describe_entry(entry: &AuditEvent) -> String {
    let outcome = match &entry.event.outcome {
        CallOutcome::Succeeded => String::new(),
        CallOutcome::Refused { code, message } => format!(" | refused {code} {}", message.as_deref().unwrap_or_default()),
    };
    let asset = entry.asset.as_ref().map_or_else(
        || "-".to_owned(),
        |asset| {
            let version = asset.version.as_ref().map_or_else(String::new, |version| format!(" @ {version}"));
            format!("{} {}{version}", asset.kind.as_str(), asset.id)
        },
    );
    let mut lines = vec![format!("{} -> {} | {asset}{outcome}", entry.event.name, entry.operation.as_str())];
    for (what, excerpt) in [("asked", &entry.request), ("answered", &entry.response)] {
        if let Some(line) = describe_excerpt(what, excerpt) {
            lines.push(line);
        }
    }
    lines.join("\n")
}

fn describe_excerpt(what: &str, excerpt: &Excerpt) -> Option<String> {
    // The same in every record.
    const USUAL: [&str; 4] = ["requestID", "correlationId", "properties.requestId", "properties.serviceRequestId"];
    let told: Vec<String> =
        excerpt.iter().filter(|(path, _)| !USUAL.contains(&path.as_str())).map(|(path, text)| format!("{path}={text}")).collect();
    (!told.is_empty()).then(|| format!("    {what}: {}", told.join("; ")))
}

fn describe_all(cloud: &str, name: &str) -> String {
    records(cloud, name).iter().map(describe).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_told_of_records_of_aws() {
    for name in AWS {
        insta::assert_snapshot!(format!("aws_{name}"), describe_all("aws", name));
    }
}

#[test]
fn what_is_told_of_records_of_azure() {
    for name in AZURE {
        insta::assert_snapshot!(format!("azure_{name}"), describe_all("azure", name));
    }
}

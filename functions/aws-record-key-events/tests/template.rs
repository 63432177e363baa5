//! The template of the evidence agrees with the code: tables have the columns that are written, lie where the archive keeps them, and the
//! functions are given the variables that they read.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that goes another way must stop")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use reprieve_core::finding::{Reason, ReasonKind};
use reprieve_core::{Finding, Severity};
use reprieve_evidence::layout::{self, Shelf};
use reprieve_runtime::environment::{self, Function};
use reprieve_runtime::metrics;
use reprieve_test_support::record;
use reprieve_wire::audit::{self, Parsed};
use reprieve_wire::ocsf;
use reprieve_wire::row::{COLUMNS, ColumnKind};
use serde_json::{Value, json};

/// Reads the template. CloudFormation's tags, such as `!Ref`, are passed over.
fn template() -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../infra/aws/evidence.yaml");
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn table(logical_id: &str) -> Value {
    template()["Resources"][logical_id]["Properties"]["TableInput"].clone()
}

fn columns(table: &Value) -> Vec<(String, String)> {
    let columns = table["StorageDescriptor"]["Columns"].as_array().unwrap();
    let text = |column: &Value, name: &str| column[name].as_str().unwrap().to_owned();
    columns.iter().map(|column| (text(column, "Name"), text(column, "Type"))).collect()
}

#[test]
fn the_table_of_entries_has_the_columns_that_are_written() {
    let written = COLUMNS.map(|column| {
        let kind = match column.kind {
            ColumnKind::Text => "string",
            ColumnKind::Integer => "bigint",
            ColumnKind::Flag => "boolean",
        };
        (column.name.to_owned(), kind.to_owned())
    });
    assert_eq!(columns(&table("EventsTable")), written);
}

#[test]
fn tables_lie_where_the_archive_keeps_what_they_show() {
    let shelves = [
        ("EventsTable", Shelf::EventTable),
        ("EventLinesTable", Shelf::Events),
        ("DecisionsTable", Shelf::Decisions),
        ("FindingsTable", Shelf::Findings),
    ];
    for (logical_id, shelf) in shelves {
        let table = table(logical_id);
        let prefix = format!("s3://${{AuditBucket}}/{}", shelf.prefix());
        assert_eq!(table["StorageDescriptor"]["Location"], prefix, "{logical_id}");
        let template = table["Parameters"]["storage.location.template"].as_str().unwrap().to_owned();
        let hour = [("year", "2026"), ("month", "01"), ("day", "02"), ("hour", "03")];
        let folder = hour.iter().fold(template, |text, (name, value)| text.replace(&format!("${{!{name}}}"), value));
        let day = shelf.day("2026-01-02T03:04:05Z".parse().unwrap());
        assert_eq!(folder, format!("s3://${{AuditBucket}}/{day}hour=03/"), "{logical_id}");
        let keys: Vec<&str> = table["PartitionKeys"].as_array().unwrap().iter().map(|key| key["Name"].as_str().unwrap()).collect();
        assert_eq!(keys, ["year", "month", "day", "hour"], "{logical_id}");
        let names: BTreeSet<String> = columns(&table).into_iter().map(|(name, _)| name).collect();
        assert!(keys.iter().all(|key| !names.contains(*key)), "{logical_id} has a column that is a partition");
    }
    // The hour is in the name of every object, and what comes below it is read along.
    assert!(layout::decision(&record()).starts_with("audit/decisions/year=2026/month=01/day=02/hour=03/"));
}

fn entry() -> Value {
    json!({
        "eventVersion": "1.11", "eventID": "e-1", "eventTime": "2026-11-21T09:58:00Z", "eventSource": "kms.amazonaws.com",
        "eventName": "Decrypt", "eventType": "AwsApiCall", "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
        "errorCode": "AccessDenied", "errorMessage": "no",
        "userIdentity": { "type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/pat", "userName": "pat", "accountId": "111122223333" },
        "sourceIPAddress": "198.51.100.7", "userAgent": "aws-cli", "requestParameters": { "encryptionAlgorithm": "SYMMETRIC_DEFAULT" },
        "resources": [{ "accountId": "111122223333", "type": "AWS::KMS::Key",
            "ARN": "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab" }],
    })
}

#[test]
fn tables_of_json_declare_what_is_written_and_of_its_type() {
    let Parsed::Entry(audit) = audit::parse(&entry()).unwrap() else { unreachable!("a call of KMS is ours") };
    let finding = Finding {
        found_at: "2026-11-21T10:00:00Z".parse().unwrap(),
        score: 70,
        severity: Severity::High,
        reasons: vec![Reason { kind: ReasonKind::NewPrincipal, weight: 70, sentence: "first Decrypt by pat".to_owned() }],
        audit: (*audit).clone(),
    };
    let mut outcome = record();
    (outcome.detect_ms, outcome.remediate_ms) = (Some(1), Some(2));
    let written = [
        ("EventLinesTable", ocsf::audit_json(&audit)),
        ("FindingsTable", ocsf::finding_json(&finding)),
        ("DecisionsTable", ocsf::record_json(&outcome)),
    ];
    for (logical_id, event) in written {
        let table = table(logical_id);
        let renamed = &table["StorageDescriptor"]["SerdeInfo"]["Parameters"];
        for (name, kind) in columns(&table) {
            let key = renamed[format!("mapping.{name}")].as_str().unwrap_or(&name).to_owned();
            assert_eq!(misfit(&event[&key], &kind), None, "{logical_id}, column `{name}`: {event}");
        }
    }
}

/// Says where a value is not of a type of Hive.
fn misfit(value: &Value, kind: &str) -> Option<String> {
    let inside = |of: &str| kind.strip_prefix(of).and_then(|rest| rest.strip_suffix('>'));
    if let Some(fields) = inside("struct<") {
        return split(fields).into_iter().find_map(|field| {
            let (name, kind) = field.split_once(':').unwrap();
            misfit(&value[name], kind).map(|what| format!("{name}.{what}"))
        });
    }
    if let Some(kind) = inside("array<") {
        return misfit(&value[0], kind).map(|what| format!("[0].{what}"));
    }
    let fits = match kind {
        "string" => value.is_string(),
        "int" | "bigint" => value.is_i64(),
        "boolean" => value.is_boolean(),
        other => unreachable!("the type `{other}` is not known to this test"),
    };
    (!fits).then(|| format!("{kind} is {value}"))
}

/// Splits at the commas that stand outside of any bracket.
fn split(fields: &str) -> Vec<&str> {
    let (mut depth, mut from, mut parts) = (0, 0, Vec::new());
    for (at, character) in fields.char_indices() {
        match character {
            '<' => depth += 1,
            '>' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(fields.get(from..at).unwrap());
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(fields.get(from..).unwrap());
    parts
}

#[test]
fn the_functions_are_given_the_variables_that_they_read() {
    let template = template();
    let given = template["Globals"]["Function"]["Environment"]["Variables"].as_object().unwrap().clone();
    let read: Vec<_> = environment::ALL.iter().filter(|variable| variable.read_by.contains(&Function::RecordKeyEvents)).collect();
    for name in given.keys() {
        assert!(read.iter().any(|variable| variable.name == name), "`{name}` is given, and not read");
    }
    for variable in read.iter().filter(|variable| variable.name.starts_with("REPRIEVE_")) {
        assert!(given.contains_key(variable.name), "`{}` is read, and not given", variable.name);
    }
}

#[test]
fn alarms_watch_metrics_that_there_are() {
    let template = template();
    let resources = template["Resources"].as_object().unwrap();
    let ours = resources.values().filter(|resource| resource["Type"] == "AWS::CloudWatch::Alarm");
    let watched: BTreeSet<&str> = ours
        .filter(|alarm| alarm["Properties"]["Namespace"] == "MetricsNamespace")
        .map(|alarm| alarm["Properties"]["MetricName"].as_str().unwrap())
        .collect();
    assert_eq!(watched, BTreeSet::from(["BaselineUnsaved", "LogFilesRecorded", "LogRecordsUnreadable", "SealsMade"]));
    for name in watched {
        assert!(metrics::ALL.iter().any(|metric| metric.name == name), "nothing counts `{name}`");
    }
}

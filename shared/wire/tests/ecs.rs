//! Entries after the Elastic Common Schema: every field is one of the published ones, of its type, with the values that it may have.

use std::net::IpAddr;

use reprieve_core::audit::AuditEvent;
use reprieve_wire::ecs::audit_json;
use serde_json::{Value, json};

use crate::ocsf_entry::{azure_entry, decrypt, google_entry, refused};

/// What a field must hold. Fields and values were read in the schema's release 9.4.0.
enum Kind {
    Keyword,
    Keywords,
    Text,
    Date,
    Address,
    Addresses,
    Long,
    OneOf(&'static [&'static str]),
    SomeOf(&'static [&'static str]),
}

const CATEGORIES: &[&str] = &[
    "api",
    "authentication",
    "configuration",
    "database",
    "driver",
    "email",
    "file",
    "host",
    "iam",
    "intrusion_detection",
    "library",
    "malware",
    "network",
    "package",
    "process",
    "registry",
    "session",
    "threat",
    "vulnerability",
    "web",
];
const TYPES: &[&str] = &[
    "access",
    "admin",
    "allowed",
    "change",
    "connection",
    "creation",
    "deletion",
    "denied",
    "device",
    "end",
    "error",
    "group",
    "indicator",
    "info",
    "installation",
    "protocol",
    "start",
    "user",
];

/// The types that the schema expects in the categories that are written.
const EXPECTED_TYPES: [(&str, &[&str]); 3] = [
    ("api", &["access", "admin", "allowed", "change", "creation", "deletion", "denied", "end", "info", "start", "user"]),
    ("configuration", &["access", "change", "creation", "deletion", "info"]),
    ("iam", &["admin", "change", "creation", "deletion", "group", "info", "user"]),
];

fn kind_of(field: &str) -> Option<Kind> {
    Some(match field {
        "@timestamp" => Kind::Date,
        "message" | "error.message" => Kind::Text,
        "event.kind" => Kind::OneOf(&["alert", "asset", "enrichment", "event", "metric", "state", "pipeline_error", "signal"]),
        "event.category" => Kind::SomeOf(CATEGORIES),
        "event.type" => Kind::SomeOf(TYPES),
        "event.outcome" => Kind::OneOf(&["failure", "success", "unknown"]),
        "cloud.provider" => Kind::OneOf(&["aws", "azure", "gcp"]),
        "source.ip" => Kind::Address,
        "related.ip" => Kind::Addresses,
        "source.port" => Kind::Long,
        "user.roles" | "related.user" => Kind::Keywords,
        "ecs.version"
        | "event.action"
        | "event.provider"
        | "event.module"
        | "event.dataset"
        | "event.id"
        | "event.reason"
        | "cloud.region"
        | "cloud.account.id"
        | "cloud.service.name"
        | "cloud.project.id"
        | "user.id"
        | "user.name"
        | "user.email"
        | "user.domain"
        | "source.address"
        | "user_agent.original"
        | "error.code"
        | "organization.id" => Kind::Keyword,
        _ => return None,
    })
}

fn is_right(kind: &Kind, value: &Value) -> bool {
    let all = |is: &dyn Fn(&str) -> bool| {
        value.as_array().is_some_and(|items| !items.is_empty() && items.iter().all(|item| item.as_str().is_some_and(is)))
    };
    let is_address = |text: &str| text.parse::<IpAddr>().is_ok();
    match kind {
        Kind::Keyword | Kind::Text => value.is_string(),
        Kind::Keywords => all(&|_| true),
        Kind::Date => value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()),
        Kind::Address => value.as_str().is_some_and(is_address),
        Kind::Addresses => all(&is_address),
        Kind::Long => value.is_u64(),
        Kind::OneOf(values) => value.as_str().is_some_and(|text| values.contains(&text)),
        Kind::SomeOf(values) => all(&|text| values.contains(&text)),
    }
}

/// Returns what violates the schema.
pub(crate) fn violations(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk("", document, &mut found);
    for required in ["@timestamp", "ecs.version", "event.kind", "event.category", "event.type", "event.outcome"] {
        let pointer = format!("/{}", required.replace('.', "/"));
        if document.pointer(&pointer).is_none() {
            found.push(format!("{required}: missing"));
        }
    }
    let texts = |pointer: &str| -> Vec<String> {
        let items = document.pointer(pointer).and_then(Value::as_array);
        items.into_iter().flatten().filter_map(Value::as_str).map(ToOwned::to_owned).collect()
    };
    let categories = texts("/event/category");
    for kind in texts("/event/type") {
        let is_expected = EXPECTED_TYPES
            .iter()
            .any(|(category, types)| categories.iter().any(|written| written == category) && types.contains(&kind.as_str()));
        if !is_expected {
            found.push(format!("event.type: `{kind}` is expected in none of {categories:?}"));
        }
    }
    found
}

fn walk(path: &str, value: &Value, found: &mut Vec<String>) {
    // A namespace of our own: the schema says nothing of it.
    if path == "reprieve" {
        return;
    }
    if let Some(kind) = kind_of(path) {
        if !is_right(&kind, value) {
            found.push(format!("{path}: {value}"));
        }
        return;
    }
    match value.as_object() {
        Some(object) => {
            for (name, value) in object {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                walk(&path, value, found);
            }
        }
        None => found.push(format!("{path}: is no field of the schema")),
    }
}

#[test]
fn entries_of_every_cloud_keep_the_schema() {
    for entry in [decrypt(), refused(), azure_entry(), google_entry()] {
        assert_eq!(violations(&audit_json(&entry)), Vec::<String>::new());
    }
}

#[test]
fn the_judge_refuses_what_the_schema_does_not_have() {
    let with = |pointer: &str, value: Value| {
        let mut document = audit_json(&decrypt());
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        document.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(name.to_owned(), value);
        violations(&document)
    };
    for (pointer, value, found) in [
        ("/event/severity_name", json!("x"), "event.severity_name: is no field of the schema"),
        ("/event/outcome", json!("refused"), "event.outcome: \"refused\""),
        ("/event/category", json!("api"), "event.category: \"api\""),
        ("/event/type", json!(["group"]), "event.type: `group` is expected in none of [\"api\"]"),
        ("/source/ip", json!("AWS Internal"), "source.ip: \"AWS Internal\""),
        ("/user/roles", json!("Admin"), "user.roles: \"Admin\""),
        ("/@timestamp", json!("yesterday"), "@timestamp: \"yesterday\""),
    ] {
        assert!(with(pointer, value).contains(&found.to_owned()), "{found}");
    }
}

#[test]
fn an_entry_as_elastic_reads_it() {
    let documents: Vec<Value> = [decrypt(), refused(), azure_entry(), google_entry()].iter().map(audit_json).collect();
    insta::assert_json_snapshot!("elastic", documents);
}

/// P107
#[test]
fn no_parameter_becomes_a_field_of_the_index() {
    let document = audit_json(&AuditEvent { request: [("encryptionContext.a.b".to_owned(), "c".to_owned())].into(), ..decrypt() });
    assert_eq!(document["reprieve"]["request"], json!([{ "path": "encryptionContext.a.b", "value": "c" }]));
}

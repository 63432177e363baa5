//! The statements of the shipped templates by role: what has to be deployed somewhere, or nothing could show that it is needed.
//!
//! Must not resolve anything: CloudFormation's tags are passed over.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde_json::Value;

/// The templates that make roles.
const TEMPLATES: [(&str, &str); 5] = [
    ("guard.yaml", include_str!("../../../../infra/aws/guard.yaml")),
    ("monitoring.yaml", include_str!("../../../../infra/aws/monitoring.yaml")),
    ("drill.yaml", include_str!("../../../../infra/aws/drill.yaml")),
    ("evidence.yaml", include_str!("../../../../infra/aws/evidence.yaml")),
    ("replay.yaml", include_str!("../../../../infra/aws/replay.yaml")),
];

/// A statement that allows something: template, role, `Sid`.
pub type Statement = (&'static str, String, String);

/// Returns every statement of every role that allows something, conditional ones too.
///
/// # Errors
///
/// Fails when a template is no YAML, or a statement has no `Sid`.
pub fn shipped() -> Result<BTreeSet<Statement>> {
    let mut found = BTreeSet::new();
    for (name, text) in TEMPLATES {
        let template: Value = serde_saphyr::from_str(text).with_context(|| format!("`{name}` is no YAML"))?;
        let resources = template.get("Resources").and_then(Value::as_object).with_context(|| format!("`{name}` has no resources"))?;
        for (id, resource) in resources {
            if resource.get("Type").and_then(Value::as_str) != Some("AWS::IAM::Role") {
                continue;
            }
            let mut statements = Vec::new();
            allowing(resource.pointer("/Properties/Policies").unwrap_or(&Value::Null), &mut statements);
            for statement in statements {
                let sid = statement.get("Sid").and_then(Value::as_str);
                let sid = sid.with_context(|| format!("`{name}` `{id}`: a statement has no `Sid`: {statement}"))?;
                found.insert((name, id.clone(), sid.to_owned()));
            }
        }
    }
    Ok(found)
}

fn allowing<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| allowing(item, found)),
        Value::Object(members) if members.get("Effect").and_then(Value::as_str) == Some("Allow") => found.push(value),
        Value::Object(members) => members.values().for_each(|member| allowing(member, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

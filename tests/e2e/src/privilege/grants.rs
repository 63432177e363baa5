//! What a deployed role may do: every action of every statement, with its resources, as IAM holds them.
//!
//! Must not read templates: what is deployed is what counts.

use std::borrow::Cow;
use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use aws_types::SdkConfig;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use wildmatch::WildMatch;

/// One action that one statement allows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// The statement's `Sid`.
    pub statement: String,
    /// The action, such as `kms:EnableKey`.
    pub action: String,
    /// The resources, as patterns.
    pub resources: Vec<String>,
    /// Whether the statement has a condition.
    pub is_conditional: bool,
}

/// A role of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployedRole {
    /// The template's file, such as `guard.yaml`.
    pub template: &'static str,
    /// Its logical id in the template.
    pub id: String,
    /// Its name in IAM.
    pub name: String,
    /// What it may do.
    pub grants: Vec<Grant>,
}

impl DeployedRole {
    /// Returns how the role is named in tables: `guard.yaml RemediatorRole`.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{} {}", self.template, self.id)
    }
}

/// The template behind each stack of the stage.
pub const STACKS: [(&str, &str); 5] = [
    ("reprieve", "guard.yaml"),
    ("reprieve-monitoring", "monitoring.yaml"),
    ("reprieve-drill", "drill.yaml"),
    ("reprieve-evidence", "evidence.yaml"),
    ("reprieve-replay", "replay.yaml"),
];

/// Reads the roles of every stack of [`STACKS`] that is deployed.
///
/// # Errors
///
/// Fails when a role cannot be read, or allows in a way that nobody can count: by wildcards, or by exclusion.
pub async fn roles_of(config: &SdkConfig) -> Result<Vec<DeployedRole>> {
    let (stacks, iam) = (aws_sdk_cloudformation::Client::new(config), aws_sdk_iam::Client::new(config));
    let mut roles = Vec::new();
    for (stack, template) in STACKS {
        // A stack that is not deployed has no roles.
        let Ok(described) = stacks.describe_stack_resources().stack_name(stack).send().await else { continue };
        for resource in described.stack_resources().iter().filter(|resource| resource.resource_type() == Some("AWS::IAM::Role")) {
            let id = resource.logical_resource_id().unwrap_or_default().to_owned();
            let name = resource.physical_resource_id().with_context(|| format!("`{template}` `{id}` has no name"))?.to_owned();
            let grants = grants_of(&iam, &name).await.with_context(|| format!("`{template}` `{id}`"))?;
            roles.push(DeployedRole { template, id, name, grants });
        }
    }
    roles.sort_by_key(DeployedRole::title);
    Ok(roles)
}

/// Reads the inline policies of a role, by name.
///
/// # Errors
///
/// Fails when IAM does, or when a policy is no JSON.
pub async fn policies_of(iam: &aws_sdk_iam::Client, role: &str) -> Result<BTreeMap<String, Value>> {
    let attached = iam.list_attached_role_policies().role_name(role).send().await.context("attached policies cannot be listed")?;
    ensure!(attached.attached_policies().is_empty(), "policies are attached to the role, and hide what it may do");
    let mut policies = BTreeMap::new();
    for name in iam.list_role_policies().role_name(role).send().await.context("its policies cannot be listed")?.policy_names() {
        let policy = iam.get_role_policy().role_name(role).policy_name(name).send().await.context("a policy cannot be read")?;
        let document: Value = serde_json::from_str(&unescaped(policy.policy_document())).context("a policy is no JSON")?;
        policies.insert(name.clone(), document);
    }
    Ok(policies)
}

async fn grants_of(iam: &aws_sdk_iam::Client, role: &str) -> Result<Vec<Grant>> {
    let mut grants = Vec::new();
    for document in policies_of(iam, role).await?.values() {
        for statement in list(document.get("Statement")) {
            if statement.get("Effect").and_then(Value::as_str) != Some("Allow") {
                continue;
            }
            let sid = statement.get("Sid").and_then(Value::as_str).unwrap_or_default();
            ensure!(!sid.is_empty(), "a statement has no `Sid`, by which its use could be told: {statement}");
            ensure!(
                statement.get("NotAction").is_none() && statement.get("NotResource").is_none(),
                "`{sid}` allows by exclusion, which nobody can count"
            );
            let resources: Vec<String> = list(statement.get("Resource")).iter().filter_map(Value::as_str).map(str::to_owned).collect();
            for action in list(statement.get("Action")).iter().filter_map(Value::as_str) {
                ensure!(!action.contains(['*', '?']), "`{sid}` allows `{action}`, a wildcard, which nobody can count");
                grants.push(Grant {
                    statement: sid.to_owned(),
                    action: action.to_owned(),
                    resources: resources.clone(),
                    is_conditional: statement.get("Condition").is_some(),
                });
            }
        }
    }
    grants.sort();
    Ok(grants)
}

fn list(value: Option<&Value>) -> Vec<Value> {
    match value {
        None => Vec::new(),
        Some(Value::Array(items)) => items.clone(),
        Some(one) => vec![one.clone()],
    }
}

/// Undoes the percent-encoding in which IAM answers documents.
fn unescaped(document: &str) -> Cow<'_, str> {
    if document.trim_start().starts_with('{') { Cow::Borrowed(document) } else { percent_decode_str(document).decode_utf8_lossy() }
}

/// Tells whether a resource is one of those that a pattern names: `*` stands for any text, `?` for one character.
#[must_use]
pub fn covers(pattern: &str, resource: &str) -> bool {
    WildMatch::new(pattern).matches(resource)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text_and_a_question_mark_for_one_character() {
        for (pattern, resource, expected) in [
            ("*", "arn:aws:kms:r:1:key/x", true),
            ("arn:aws:kms:r:1:key/*", "arn:aws:kms:r:1:key/x", true),
            ("arn:aws:kms:r:1:key/*", "arn:aws:kms:r:1:alias/x", false),
            ("arn:aws:s3:::b/replay/*/parts/*", "arn:aws:s3:::b/replay/q3/parts/a.part", true),
            ("arn:aws:s3:::b/replay/*/parts/*", "arn:aws:s3:::b/replay/q3/answer.json", false),
            ("key-?", "key-1", true),
            ("key-?", "key-12", false),
            ("exact", "exact", true),
            ("exact", "exactly", false),
            ("a*b*c", "a-b-b-c", true),
        ] {
            assert_eq!(covers(pattern, resource), expected, "{pattern} {resource}");
        }
    }

    #[test]
    fn an_escaped_document_is_read_as_it_was_written() {
        assert_eq!(unescaped("%7B%22a%22%3A1%7D"), r#"{"a":1}"#);
        assert_eq!(unescaped(r#"{"a":"100%"}"#), r#"{"a":"100%"}"#);
    }
}

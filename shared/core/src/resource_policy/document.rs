//! The policy document, read: a text or a list stands wherever IAM takes either. It must not judge.

use std::fmt;

use serde_json::{Map, Value};

use super::principal::Principals;

/// The version of the policy language that has variables such as `${aws:PrincipalAccount}`.
const VERSION_WITH_VARIABLES: &str = "2012-10-17";

/// A policy document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Document {
    pub(super) has_variables: bool,
    pub(super) statements: Vec<Statement>,
}

/// What a statement does where it applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    Deny,
}

/// A list of names with wildcards, or all but those.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Names {
    These(Vec<String>),
    AllBut(Vec<String>),
    /// The statement lacks the element, so it has no effect.
    Missing,
}

/// One condition: operator, key and the values of which one must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) operator: String,
    pub(super) key: String,
    pub(super) values: Vec<String>,
}

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    /// Its place, from 1.
    place: usize,
    sid: Option<String>,
    pub(super) effect: Effect,
    pub(super) principals: Principals,
    pub(super) actions: Names,
    pub(super) resources: Names,
    pub(super) conditions: Vec<Condition>,
}

impl Names {
    /// Says whether a name is covered, by what says whether a pattern matches a text.
    pub(super) fn covers(&self, name: &str, matches: impl Fn(&str, &str) -> bool) -> bool {
        match self {
            Self::These(patterns) => patterns.iter().any(|pattern| matches(pattern, name)),
            Self::AllBut(patterns) => !patterns.iter().any(|pattern| matches(pattern, name)),
            Self::Missing => false,
        }
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.sid {
            Some(sid) => write!(f, "statement `{sid}`"),
            None => write!(f, "statement {}", self.place),
        }
    }
}

/// Reads a document.
///
/// # Errors
/// Says what about it is no policy.
pub(super) fn read(json: &str) -> Result<Document, String> {
    let value: Value = serde_json::from_str(json).map_err(|error| format!("the policy is not JSON: {error}"))?;
    let statements: Vec<&Value> = match value.get("Statement") {
        Some(Value::Array(list)) => list.iter().collect(),
        Some(statement @ Value::Object(_)) => vec![statement],
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => {
            return Err("the policy has no statement".to_owned());
        }
    };
    Ok(Document {
        has_variables: value.get("Version").and_then(Value::as_str) == Some(VERSION_WITH_VARIABLES),
        statements: statements.iter().enumerate().map(|(index, value)| statement(index + 1, value)).collect::<Result<_, _>>()?,
    })
}

fn statement(place: usize, value: &Value) -> Result<Statement, String> {
    let wrong = |what: String| format!("statement {place} of the policy: {what}");
    let Some(fields) = value.as_object() else {
        return Err(wrong("it is no object".to_owned()));
    };
    let effect = match fields.get("Effect").and_then(Value::as_str) {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        Some(_) | None => return Err(wrong("its `Effect` is neither `Allow` nor `Deny`".to_owned())),
    };
    Ok(Statement {
        place,
        sid: fields.get("Sid").and_then(Value::as_str).filter(|sid| !sid.is_empty()).map(str::to_owned),
        effect,
        principals: Principals::read(fields).map_err(wrong)?,
        actions: names(fields, "Action", "NotAction").map_err(wrong)?,
        resources: names(fields, "Resource", "NotResource").map_err(wrong)?,
        conditions: conditions(fields.get("Condition")).map_err(wrong)?,
    })
}

fn names(fields: &Map<String, Value>, these: &str, all_but: &str) -> Result<Names, String> {
    match (fields.get(these), fields.get(all_but)) {
        (Some(value), None) => Ok(Names::These(texts(value)?)),
        (None, Some(value)) => Ok(Names::AllBut(texts(value)?)),
        (None, None) => Ok(Names::Missing),
        (Some(_), Some(_)) => Err(format!("`{these}` and `{all_but}` exclude each other")),
    }
}

fn conditions(value: Option<&Value>) -> Result<Vec<Condition>, String> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let operators = value.as_object().ok_or("its `Condition` is no object")?;
    let mut conditions = Vec::new();
    for (operator, keys) in operators {
        let keys = keys.as_object().ok_or_else(|| format!("the condition `{operator}` is no object"))?;
        for (key, values) in keys {
            conditions.push(Condition { operator: operator.clone(), key: key.clone(), values: texts(values)? });
        }
    }
    Ok(conditions)
}

/// Reads a text, or a list of texts. IAM takes booleans and numbers for their texts.
pub(super) fn texts(value: &Value) -> Result<Vec<String>, String> {
    match value {
        Value::String(text) => Ok(vec![text.clone()]),
        Value::Bool(_) | Value::Number(_) => Ok(vec![value.to_string()]),
        Value::Array(list) => list.iter().map(texts).collect::<Result<Vec<_>, _>>().map(|lists| lists.concat()),
        Value::Null | Value::Object(_) => Err(format!("`{value}` is neither a text nor a list of texts")),
    }
}

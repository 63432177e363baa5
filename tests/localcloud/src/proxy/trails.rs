//! Which trail records which event: Region, logging, and what its event selectors let through.
//!
//! Pure but for the calls that change trails, after which the emulator is asked anew. Must not store trails, and must not
//! decide what becomes of a record.

use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::Call;
use super::upstream::Incoming;
use super::{Proxy, locked};
use crate::error::LocalCloudError;

/// Operations after which a trail may record something else than before.
const CHANGES: &[&str] = &["CreateTrail", "DeleteTrail", "PutEventSelectors", "StartLogging", "StopLogging", "UpdateTrail"];

/// Describes a trail as far as it decides what is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Trail {
    pub(crate) arn: String,
    account: String,
    home_region: String,
    is_logging: bool,
    is_multi_region: bool,
    pub(crate) feeds_a_log_group: bool,
    #[serde(default, rename = "EventSelectors")]
    event_selectors: Vec<EventSelector>,
    #[serde(default, rename = "AdvancedEventSelectors")]
    advanced_event_selectors: Vec<AdvancedEventSelector>,
}

/// A basic event selector, as far as it is about management events.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EventSelector {
    #[serde(default)]
    read_write_type: ReadWriteType,
    #[serde(default = "yes")]
    include_management_events: bool,
    #[serde(default)]
    exclude_management_event_sources: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
enum ReadWriteType {
    #[default]
    All,
    ReadOnly,
    WriteOnly,
}

fn yes() -> bool {
    true
}

/// An advanced event selector: all its fields must match.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AdvancedEventSelector {
    field_selectors: Vec<FieldSelector>,
}

/// What one field of an event may be; operators that are left out let everything through.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FieldSelector {
    field: String,
    #[serde(default)]
    equals: Vec<String>,
    #[serde(default)]
    starts_with: Vec<String>,
    #[serde(default)]
    ends_with: Vec<String>,
    #[serde(default)]
    not_equals: Vec<String>,
    #[serde(default)]
    not_starts_with: Vec<String>,
    #[serde(default)]
    not_ends_with: Vec<String>,
}

/// Compares the value of a field with what a selector gives.
type Comparison = fn(&str, &str) -> bool;

impl EventSelector {
    fn lets_through(&self, record: &Value) -> bool {
        let is_read = record.get("readOnly") == Some(&Value::Bool(true));
        let source = record.get("eventSource").and_then(Value::as_str).unwrap_or_default();
        let kind = match self.read_write_type {
            ReadWriteType::All => true,
            ReadWriteType::ReadOnly => is_read,
            ReadWriteType::WriteOnly => !is_read,
        };
        self.include_management_events && kind && !self.exclude_management_event_sources.iter().any(|excluded| excluded == source)
    }
}

impl FieldSelector {
    fn lets_through(&self, record: &Value) -> bool {
        // The field is named with dots where the record nests: `userIdentity.arn`.
        let value = record.pointer(&format!("/{}", self.field.replace('.', "/")));
        let value = match value {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Bool(flag)) => flag.to_string(),
            None | Some(Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_)) => String::new(),
        };
        let (same, begins, ends): (Comparison, Comparison, Comparison) = (|a, b| a == b, |a, b| a.starts_with(b), |a, b| a.ends_with(b));
        let one_of = |given: &[String], is: Comparison| given.iter().any(|each| is(&value, each));
        let free = self.equals.is_empty() && self.starts_with.is_empty() && self.ends_with.is_empty();
        let wanted = one_of(&self.equals, same) || one_of(&self.starts_with, begins) || one_of(&self.ends_with, ends);
        let unwanted = one_of(&self.not_equals, same) || one_of(&self.not_starts_with, begins) || one_of(&self.not_ends_with, ends);
        (free || wanted) && !unwanted
    }
}

impl Trail {
    /// Tells whether the trail records an event of its account.
    #[must_use]
    pub(crate) fn records(&self, record: &Value) -> bool {
        let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
        let in_reach = self.is_multi_region || self.home_region == text("awsRegion");
        let selected = self.event_selectors.iter().any(|selector| selector.lets_through(record))
            || self.advanced_event_selectors.iter().any(|selector| {
                !selector.field_selectors.is_empty() && selector.field_selectors.iter().all(|field| field.lets_through(record))
            });
        self.is_logging && self.account == text("recipientAccountId") && in_reach && selected
    }
}

/// Picks the trails that record an event. What a call on a trail was before counts as well: the call that stops a trail is
/// the last that it records.
#[must_use]
pub(crate) fn recording(now: &[Trail], before: &[Trail], record: &Value) -> Vec<Trail> {
    let mut found: Vec<Trail> = Vec::new();
    for trail in now.iter().chain(before).filter(|trail| trail.records(record)) {
        if !found.iter().any(|known| known.arn == trail.arn) {
            found.push(trail.clone());
        }
    }
    found
}

impl Proxy {
    /// Answers a call of CloudTrail other than `LookupEvents`, and looks at the trails anew where it changed one.
    pub(crate) async fn answer_trail_call(&self, call: &Call, incoming: &Incoming) -> Result<Answer, LocalCloudError> {
        let answer = self.upstream.forward(incoming).await?;
        if answer.status.is_success() && CHANGES.contains(&call.operation.as_str()) {
            let known = self.upstream.ask("trails", &json!({})).await?;
            let trails = known.get("trails").cloned().unwrap_or_default();
            let trails = serde_json::from_value(trails)
                .map_err(|error| LocalCloudError::Emulator { request: "list trails".to_owned(), problem: error.to_string() })?;
            *locked(&self.trails) = trails;
        }
        Ok(answer)
    }
}

#[cfg(test)]
#[path = "trails_tests.rs"]
mod tests;

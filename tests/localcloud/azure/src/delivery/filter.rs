//! The filter of an event subscription: event types, subject, advanced filters.
//!
//! Must not read the clock nor the tenant. Source: Understand event filtering for Event Grid subscriptions.

use serde_json::Value;

use super::event::GridEvent;

/// A subscription's filter, as its resource has it.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    event_types: Vec<String>,
    begins_with: String,
    ends_with: String,
    is_subject_case_sensitive: bool,
    looks_into_lists: bool,
    advanced: Vec<Value>,
}

impl Filter {
    /// Reads `properties.filter`.
    pub(super) fn read(filter: Option<&Value>) -> Self {
        let Some(filter) = filter else {
            return Self::default();
        };
        let text = |key: &str| filter.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let flag = |key: &str| filter.get(key).and_then(Value::as_bool).unwrap_or_default();
        let list = |key: &str| filter.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        Self {
            event_types: list("includedEventTypes").iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            begins_with: text("subjectBeginsWith"),
            ends_with: text("subjectEndsWith"),
            is_subject_case_sensitive: flag("isSubjectCaseSensitive"),
            looks_into_lists: flag("enableAdvancedFilteringOnArrays"),
            advanced: list("advancedFilters"),
        }
    }

    /// Says whether an event to `topic` passes: every part of the filter must let it.
    pub(super) fn passes(&self, event: &GridEvent, topic: &str) -> bool {
        let is_wanted = self.event_types.is_empty() || self.event_types.iter().any(|wanted| wanted.eq_ignore_ascii_case(&event.event_type));
        is_wanted && self.subject_passes(&event.subject) && self.advanced.iter().all(|filter| self.advanced_passes(filter, event, topic))
    }

    fn subject_passes(&self, subject: &str) -> bool {
        if self.is_subject_case_sensitive {
            return subject.starts_with(&self.begins_with) && subject.ends_with(&self.ends_with);
        }
        let subject = subject.to_lowercase();
        subject.starts_with(&self.begins_with.to_lowercase()) && subject.ends_with(&self.ends_with.to_lowercase())
    }

    fn advanced_passes(&self, filter: &Value, event: &GridEvent, topic: &str) -> bool {
        let field = |key: &str| filter.get(key).and_then(Value::as_str).unwrap_or_default();
        let value = looked_up(event, topic, field("key"));
        let operator = field("operatorType");
        match operator {
            "IsNullOrUndefined" => return value.as_ref().is_none_or(Value::is_null),
            "IsNotNull" => return value.as_ref().is_some_and(|value| !value.is_null()),
            _ => {}
        }
        // The negated operators are true of what is not there.
        if let Some(positive) = negated(operator) {
            return !value.is_some_and(|value| self.any(&value, &positive, filter));
        }
        value.is_some_and(|value| self.any(&value, operator, filter))
    }

    fn any(&self, value: &Value, operator: &str, filter: &Value) -> bool {
        match value.as_array() {
            Some(items) if self.looks_into_lists => items.iter().any(|item| holds(item, operator, filter)),
            Some(_) | None => holds(value, operator, filter),
        }
    }
}

/// Returns the operator that a negated one negates.
fn negated(operator: &str) -> Option<String> {
    let (kind, rest) = operator.split_once("Not")?;
    matches!(kind, "String" | "Number").then(|| format!("{kind}{rest}"))
}

/// Looks a key up: a field of the envelope in either schema's words, or a path below `data`.
fn looked_up(event: &GridEvent, topic: &str, key: &str) -> Option<Value> {
    let lower = key.to_lowercase();
    match lower.as_str() {
        "id" => return Some(event.id.clone().into()),
        "topic" | "source" => return Some(topic.into()),
        "subject" => return Some(event.subject.clone().into()),
        "eventtype" | "type" => return Some(event.event_type.clone().into()),
        "dataversion" => return Some("2".into()),
        _ => {}
    }
    let mut segments = key.split('.');
    if !segments.next().is_some_and(|first| first.eq_ignore_ascii_case("data")) {
        return None;
    }
    let mut value = &event.data;
    for segment in segments {
        value = value.as_object()?.iter().find(|(name, _)| name.eq_ignore_ascii_case(segment)).map(|(_, member)| member)?;
    }
    Some(value.clone())
}

/// Says whether one of the filter's values stands to `value` as the operator says. Texts are compared in any case.
fn holds(value: &Value, operator: &str, filter: &Value) -> bool {
    let single = filter.get("value").map(std::slice::from_ref).unwrap_or_default();
    let values = filter.get("values").and_then(Value::as_array).map_or(single, Vec::as_slice);
    values.iter().any(|wanted| {
        let texts = || Some((value.as_str()?.to_lowercase(), wanted.as_str()?.to_lowercase()));
        let text = |check: fn(&str, &str) -> bool| texts().is_some_and(|(have, want)| check(&have, &want));
        let numbers = || Some((value.as_f64()?, wanted.as_f64()?));
        let number = |check: fn(f64, f64) -> bool| numbers().is_some_and(|(have, want)| check(have, want));
        match operator {
            "StringIn" => text(|have, want| have == want),
            "StringBeginsWith" => text(|have, want| have.starts_with(want)),
            "StringEndsWith" => text(|have, want| have.ends_with(want)),
            "StringContains" => text(|have, want| have.contains(want)),
            "NumberIn" => number(|have, want| have.total_cmp(&want).is_eq()),
            "NumberLessThan" => number(|have, want| have < want),
            "NumberLessThanOrEquals" => number(|have, want| have <= want),
            "NumberGreaterThan" => number(|have, want| have > want),
            "NumberGreaterThanOrEquals" => number(|have, want| have >= want),
            "NumberInRange" => in_range(value, wanted),
            "BoolEquals" => value.is_boolean() && value == wanted,
            _ => false,
        }
    })
}

fn in_range(value: &Value, range: &Value) -> bool {
    let bounds: Vec<f64> = range.as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    matches!((value.as_f64(), bounds.as_slice()), (Some(value), [low, high]) if *low <= value && value <= *high)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SUBJECT: &str = "/subscriptions/S/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv-prod";

    fn passes(filter: &Value) -> bool {
        let event = GridEvent {
            id: "1".to_owned(),
            subject: SUBJECT.to_owned(),
            event_type: "Microsoft.Resources.ResourceDeleteSuccess".to_owned(),
            time: String::new(),
            data: json!({ "operationName": "Microsoft.KeyVault/vaults/delete", "status": "Succeeded", "count": 3, "flag": true }),
        };
        Filter::read(Some(filter)).passes(&event, "/subscriptions/S")
    }

    #[test]
    fn events_pass_what_their_subscription_asks_for() {
        let advanced = |operator: &str, key: &str, values: Value| json!({ "advancedFilters": [{ "operatorType": operator, "key": key, "values": values }] });
        let cases = [
            ("nothing asked", json!({}), true),
            ("the type", json!({ "includedEventTypes": ["Microsoft.Resources.ResourceDeleteSuccess"] }), true),
            ("another type", json!({ "includedEventTypes": ["Microsoft.Resources.ResourceWriteSuccess"] }), false),
            ("the subject's beginning in another case", json!({ "subjectBeginsWith": "/SUBSCRIPTIONS/s/" }), true),
            ("the subject's case", json!({ "subjectBeginsWith": "/SUBSCRIPTIONS/s/", "isSubjectCaseSensitive": true }), false),
            ("the subject's end", json!({ "subjectEndsWith": "/vaults/kv-prod" }), true),
            ("another end", json!({ "subjectEndsWith": "/vaults/kv-test" }), false),
            ("one of two texts", advanced("StringIn", "data.operationName", json!(["x", "microsoft.keyvault/vaults/DELETE"])), true),
            ("a part of the text", advanced("StringContains", "data.operationName", json!(["keyvault"])), true),
            ("a part that is not there", advanced("StringContains", "data.operationName", json!(["storage"])), false),
            ("not one of the texts", advanced("StringNotIn", "data.operationName", json!(["x"])), true),
            ("not this text", advanced("StringNotContains", "data.operationName", json!(["delete"])), false),
            ("not, of what is not there", advanced("StringNotIn", "data.nothing", json!(["x"])), true),
            ("in, of what is not there", advanced("StringIn", "data.nothing", json!(["x"])), false),
            ("the envelope", advanced("StringBeginsWith", "Subject", json!(["/subscriptions/s"])), true),
            ("a number", advanced("NumberIn", "data.count", json!([1, 3])), true),
            ("a range", advanced("NumberInRange", "data.count", json!([[4, 5]])), false),
            ("a flag", json!({ "advancedFilters": [{ "operatorType": "BoolEquals", "key": "data.flag", "value": true }] }), true),
            ("a null", json!({ "advancedFilters": [{ "operatorType": "IsNullOrUndefined", "key": "data.nothing" }] }), true),
            ("an unknown operator", advanced("StringLike", "data.status", json!(["Succeeded"])), false),
        ];
        for (name, filter, expected) in cases {
            assert_eq!(passes(&filter), expected, "{name}");
        }
    }
}

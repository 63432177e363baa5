//! Tables of what metric filters count and what CloudWatch Logs refuses.

use serde_json::{Value, json};

use super::super::call::Protocol;
use super::*;

const DISABLED: &str = r#"{"eventName":"DisableKey","eventSource":"kms.amazonaws.com","additional":{"cost":7}}"#;
const PATTERN: &str =
    r#"{ ($.eventSource = "kms.amazonaws.com") && (($.eventName = "DisableKey") || ($.eventName = "ScheduleKeyDeletion")) }"#;

fn filter(pattern: &str, transformation: &Value) -> MetricFilter {
    let mut given = json!({"metricName": "m", "metricNamespace": "n", "metricValue": "1"});
    for (name, value) in transformation.as_object().into_iter().flatten() {
        if let Some(members) = given.as_object_mut() {
            members.insert(name.clone(), value.clone());
        }
    }
    let filter = json!({"filterName": "f", "filterPattern": pattern, "metricTransformations": [given]});
    serde_json::from_value(filter).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_filter_counts_its_matches_and_its_default() {
    let table = [
        ("a match", PATTERN, json!({}), DISABLED, Some(json!(1.0))),
        ("another event", PATTERN, json!({}), r#"{"eventName":"EnableKey"}"#, None),
        ("another event with a default", PATTERN, json!({"defaultValue": 0}), r#"{"eventName":"EnableKey"}"#, Some(json!(0.0))),
        ("a value of the event", PATTERN, json!({"metricValue": "$.additional.cost"}), DISABLED, Some(json!(7.0))),
        ("a value that is missing", PATTERN, json!({"metricValue": "$.none"}), DISABLED, None),
        ("no JSON", PATTERN, json!({}), "DisableKey", None),
        ("the empty pattern", "", json!({}), "anything", Some(json!(1.0))),
    ];
    for (what, pattern, transformation, message, expected) in table {
        let data = count(&[filter(pattern, &transformation)], message);
        assert_eq!(data.first().and_then(|datum| datum.get("Value")).cloned(), expected, "{what}");
    }
}

#[test]
fn dimensions_are_taken_from_the_event() {
    let filter = filter(PATTERN, &json!({"dimensions": {"Name": "$.eventName"}}));
    let data = count(&[filter], DISABLED);
    assert_eq!(data.first().and_then(|datum| datum.get("Dimensions")), Some(&json!([{"Name": "Name", "Value": "DisableKey"}])));
}

#[test]
fn bad_filters_are_refused() {
    let one = json!([{"metricName": "m", "metricNamespace": "n", "metricValue": "1"}]);
    let both = json!([{"metricName": "m", "metricNamespace": "n", "metricValue": "1", "defaultValue": 0.0, "dimensions": {"a": "$.b"}}]);
    let table = [
        ("PutMetricFilter", json!({"filterPattern": PATTERN, "metricTransformations": one}), false),
        ("PutMetricFilter", json!({"filterPattern": "", "metricTransformations": one}), false),
        ("PutMetricFilter", json!({"filterPattern": "{ $.a = ", "metricTransformations": one}), true),
        ("PutMetricFilter", json!({"metricTransformations": one}), true),
        ("PutMetricFilter", json!({"filterPattern": PATTERN}), true),
        ("PutMetricFilter", json!({"filterPattern": PATTERN, "metricTransformations": both}), true),
        ("TestMetricFilter", json!({"filterPattern": PATTERN, "logEventMessages": ["x"]}), false),
        ("TestMetricFilter", json!({"filterPattern": PATTERN, "logEventMessages": []}), true),
    ];
    for (operation, input, expected) in table {
        assert_eq!(refusal(&call(operation, input.clone())).is_some(), expected, "{operation} {input}");
    }
}

#[test]
fn messages_that_match_are_numbered_from_one() {
    let answer = tested(&call("TestMetricFilter", json!({"filterPattern": PATTERN, "logEventMessages": ["{}", DISABLED]})));
    assert_eq!(answer, json!({"matches": [{"eventNumber": 2, "eventMessage": DISABLED, "extractedValues": {}}]}));
}

fn call(operation: &str, input: Value) -> Call {
    Call {
        service: "logs".into(),
        operation: operation.into(),
        region: "us-east-1".into(),
        access_key_id: None,
        protocol: Protocol::Json11,
        input,
        user_agent: String::new(),
    }
}

//! Tables of what a trail records.

use serde_json::{Value, json};

use super::*;

fn trail(changes: &Value) -> Trail {
    let mut given = json!({
        "arn": "arn:aws:cloudtrail:us-east-1:111122223333:trail/t", "account": "111122223333", "home_region": "us-east-1",
        "is_logging": true, "is_multi_region": true, "feeds_a_log_group": true,
        "EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": true, "DataResources": [], "ExcludeManagementEventSources": []}],
    });
    for (name, value) in changes.as_object().into_iter().flatten() {
        if let Some(members) = given.as_object_mut() {
            members.insert(name.clone(), value.clone());
        }
    }
    serde_json::from_value(given).unwrap_or_else(|error| panic!("{error}"))
}

fn record() -> Value {
    json!({
        "eventSource": "kms.amazonaws.com", "eventName": "DisableKey", "awsRegion": "eu-west-1", "readOnly": false,
        "eventCategory": "Management", "recipientAccountId": "111122223333", "userIdentity": {"arn": "arn:aws:iam::111122223333:user/a"},
    })
}

fn advanced(fields: &Value) -> Value {
    json!({"EventSelectors": [], "AdvancedEventSelectors": [{"Name": "n", "FieldSelectors": fields}]})
}

#[test]
fn a_trail_records_what_its_settings_say() {
    let management = json!({"Field": "eventCategory", "Equals": ["Management"]});
    let selector = |selector: Value| json!({"EventSelectors": [selector]});
    let table = [
        ("a live multi-Region trail", json!({}), true),
        ("a stopped trail", json!({"is_logging": false}), false),
        ("a trail of another Region", json!({"is_multi_region": false}), false),
        ("a trail of the event's Region", json!({"is_multi_region": false, "home_region": "eu-west-1"}), true),
        ("a trail of another account", json!({"account": "444455556666"}), false),
        ("writes only", selector(json!({"ReadWriteType": "WriteOnly"})), true),
        ("reads only", selector(json!({"ReadWriteType": "ReadOnly"})), false),
        ("no management events", selector(json!({"IncludeManagementEvents": false})), false),
        ("KMS left out", selector(json!({"ExcludeManagementEventSources": ["kms.amazonaws.com"]})), false),
        ("RDS Data left out", selector(json!({"ExcludeManagementEventSources": ["rdsdata.amazonaws.com"]})), true),
        ("advanced: all management events", advanced(&json!([management])), true),
        ("advanced: data events", advanced(&json!([{"Field": "eventCategory", "Equals": ["Data"]}])), false),
        ("advanced: writes", advanced(&json!([management, {"Field": "readOnly", "Equals": ["false"]}])), true),
        ("advanced: reads", advanced(&json!([management, {"Field": "readOnly", "Equals": ["true"]}])), false),
        ("advanced: KMS left out", advanced(&json!([management, {"Field": "eventSource", "NotEquals": ["kms.amazonaws.com"]}])), false),
        ("advanced: one name", advanced(&json!([management, {"Field": "eventName", "Equals": ["DisableKey"]}])), true),
        ("advanced: names that begin otherwise", advanced(&json!([management, {"Field": "eventName", "StartsWith": ["Enable"]}])), false),
        ("advanced: one user left out", advanced(&json!([management, {"Field": "userIdentity.arn", "NotEndsWith": ["user/a"]}])), false),
        ("no selector at all", json!({"EventSelectors": []}), false),
    ];
    for (what, changes, expected) in table {
        assert_eq!(trail(&changes).records(&record()), expected, "{what}");
    }
}

#[test]
fn the_call_that_stops_a_trail_is_its_last_record() {
    let (live, stopped) = (trail(&json!({})), trail(&json!({"is_logging": false})));
    let names = |now: &[Trail], before: &[Trail]| recording(now, before, &record()).len();
    assert_eq!(names(std::slice::from_ref(&stopped), std::slice::from_ref(&live)), 1);
    assert_eq!(names(&[], std::slice::from_ref(&live)), 1);
    assert_eq!(names(std::slice::from_ref(&live), std::slice::from_ref(&live)), 1);
    assert_eq!(names(std::slice::from_ref(&stopped), std::slice::from_ref(&stopped)), 0);
}

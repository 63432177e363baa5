//! The events that a guard must be told of, as EventBridge delivers them: those that its rules are made for ([`GuardRule`]).

use serde_json::{Value, json};

use crate::monitoring::rules::GuardRule;
use crate::monitoring::world::Place;

/// An event that rules are tried with.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteProbe {
    /// The event's name: `ScheduleKeyDeletion`, `KMS CMK Deletion`.
    pub name: String,
    /// The event's source: `aws.kms`.
    pub source: String,
    /// The event as it is on the bus.
    pub event: Value,
}

/// Returns every event about keys that the guard's rules are made for, as the bus of a place would carry it.
///
/// A Region that is switched off is not among them: that event is heard in one Region of the partition alone.
#[must_use]
pub fn route_probes(place: &Place) -> Vec<RouteProbe> {
    let rules = [GuardRule::KeyApiCalls, GuardRule::KeyServiceEvents, GuardRule::KeyNativeEvents];
    rules.into_iter().flat_map(|rule| probes_of(rule, place)).collect()
}

fn probes_of(rule: GuardRule, place: &Place) -> Vec<RouteProbe> {
    let pattern: Value = serde_json::from_str(rule.pattern()).unwrap_or_default();
    let texts = |pointer: &str| -> Vec<String> {
        let list = pattern.pointer(pointer).and_then(Value::as_array);
        list.map(|list| list.iter().filter_map(Value::as_str).map(str::to_owned).collect()).unwrap_or_default()
    };
    let (sources, kinds, calls) = (texts("/source"), texts("/detail-type"), texts("/detail/eventName"));
    let mut probes = Vec::new();
    for source in &sources {
        for kind in &kinds {
            if calls.is_empty() {
                probes.push(RouteProbe { name: kind.clone(), source: source.clone(), event: native(source, kind, place) });
            }
            for call in &calls {
                probes.push(RouteProbe { name: call.clone(), source: source.clone(), event: recorded(source, kind, call, place) });
            }
        }
    }
    probes
}

fn envelope(source: &str, kind: &str, place: &Place, detail: &Value) -> Value {
    let key = place.arn("kms", "key/1234abcd-12ab-34cd-56ef-1234567890ab");
    json!({
        "version": "0", "id": "01234567-0123-0123-0123-012345678901", "detail-type": kind, "source": source,
        "account": place.account, "time": "2026-01-01T00:00:00Z", "region": place.region, "resources": [key], "detail": detail,
    })
}

fn native(source: &str, kind: &str, place: &Place) -> Value {
    envelope(source, kind, place, &json!({ "key-id": "1234abcd-12ab-34cd-56ef-1234567890ab" }))
}

fn recorded(source: &str, kind: &str, call: &str, place: &Place) -> Value {
    let is_of_service = kind == "AWS Service Event via CloudTrail";
    let caller = if is_of_service {
        json!({ "accountId": place.account, "invokedBy": "AWS Internal" })
    } else {
        json!({ "type": "IAMUser", "arn": format!("arn:{}:iam::{}:user/alice", place.partition, place.account), "accountId": place.account, "userName": "alice" })
    };
    let detail = json!({
        "eventVersion": "1.11", "eventTime": "2026-01-01T00:00:00Z", "eventSource": "kms.amazonaws.com", "eventName": call,
        "awsRegion": place.region, "userIdentity": caller, "readOnly": false, "managementEvent": true, "eventCategory": "Management",
        "eventType": if is_of_service { "AwsServiceEvent" } else { "AwsApiCall" }, "recipientAccountId": place.account,
        "requestParameters": { "keyId": place.arn("kms", "key/1234abcd-12ab-34cd-56ef-1234567890ab") },
    });
    envelope(source, kind, place, &detail)
}

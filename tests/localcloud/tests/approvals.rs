//! What approvals are made of, in a local cloud that does not check permissions: tags and signatures in the records,
//! look-ups by rate, page and age, and Change Calendars.

#![expect(clippy::expect_used, reason = "a test that cannot go on says why and stops")]

mod http;

use axum::http::Method;
use http::{call_as, eventually, send};
use jiff::{SignedDuration, Timestamp};
use reprieve_localcloud::{Calendar, CallFault, LocalCloud, LookupWindow, Options};
use serde_json::{Value, json};

async fn call(cloud: &LocalCloud, target: &str, input: Value) -> (u16, Value) {
    call_as(cloud, "test", "us-east-1", target, input).await
}

async fn kms(cloud: &LocalCloud, operation: &str, input: Value) -> (u16, Value) {
    call(cloud, &format!("TrentService.{operation}"), input).await
}

async fn look_up(cloud: &LocalCloud, input: Value) -> (u16, Value) {
    call(cloud, "CloudTrail_20131101.LookupEvents", input).await
}

async fn control(cloud: &LocalCloud, method: Method, path: &str, body: Value) -> u16 {
    let headers = [("content-type", "application/json")];
    send(cloud, ("test", "us-east-1", "none"), method, &format!("/_localcloud/{path}"), &headers, body.to_string()).await.0
}

fn error(answer: &(u16, Value)) -> &str {
    answer.1.get("__type").and_then(Value::as_str).unwrap_or_default()
}

fn events(found: &Value) -> Vec<&Value> {
    found.get("Events").and_then(Value::as_array).into_iter().flatten().collect()
}

fn by_name(name: &str) -> Value {
    json!({"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": name}]})
}

/// One cloud serves all checks: starting one takes seconds.
#[tokio::test]
async fn approvals_leave_their_traces() {
    let cloud = LocalCloud::start(Options::default()).await.expect("the local cloud starts");
    look_ups_are_throttled(&cloud).await;
    cloud.switch_quotas(false);
    tags_are_recorded_and_refused_on_a_pending_key(&cloud).await;
    signatures_are_recorded_but_reach_no_rule(&cloud).await;
    aliases_come_in_pages(&cloud).await;
    look_ups_come_in_pages(&cloud).await;
    records_are_found_late_and_not_for_ever(&cloud).await;
    calendars_open_and_close(&cloud).await;
    cloud.stop();
}

async fn look_ups_are_throttled(cloud: &LocalCloud) {
    let mut throttled = 0;
    for _ in 0..5 {
        throttled += u32::from(error(&look_up(cloud, json!({})).await) == "ThrottlingException");
    }
    assert!((1..=3).contains(&throttled), "2 a second are let through, {throttled} of 5 were throttled");
    let elsewhere = call_as(cloud, "test", "eu-west-1", "CloudTrail_20131101.LookupEvents", json!({})).await;
    assert_eq!(elsewhere.0, 200, "each Region has its own rate");
}

async fn tags_are_recorded_and_refused_on_a_pending_key(cloud: &LocalCloud) {
    let created = kms(cloud, "CreateKey", json!({"Tags": [{"TagKey": "owner", "TagValue": "payments"}]})).await.1;
    let key = created.pointer("/KeyMetadata/Arn").and_then(Value::as_str).expect("a key").to_owned();
    let tags = json!([{"TagKey": "owner", "TagValue": "billing"}]);
    assert_eq!(kms(cloud, "TagResource", json!({"KeyId": key, "Tags": tags})).await.0, 200);
    assert_eq!(kms(cloud, "UntagResource", json!({"KeyId": key, "TagKeys": ["owner"]})).await.0, 200);
    assert_eq!(kms(cloud, "ScheduleKeyDeletion", json!({"KeyId": key, "PendingWindowInDays": 7})).await.0, 200);
    let refused = [
        kms(cloud, "TagResource", json!({"KeyId": key, "Tags": tags})).await,
        kms(cloud, "UntagResource", json!({"KeyId": key, "TagKeys": ["owner"]})).await,
    ];
    for answer in &refused {
        assert_eq!(error(answer), "KMSInvalidStateException");
    }
    let expected = [
        ("CreateKey", "/requestParameters/tags", json!([{"tagKey": "owner", "tagValue": "payments"}])),
        ("TagResource", "/requestParameters", json!({"keyId": key, "tags": [{"tagKey": "owner", "tagValue": "billing"}]})),
        ("UntagResource", "/requestParameters", json!({"keyId": key, "tagKeys": ["owner"]})),
        ("ScheduleKeyDeletion", "/requestParameters", json!({"keyId": key, "pendingWindowInDays": 7})),
    ];
    for (name, pointer, value) in expected {
        let record = cloud.records().into_iter().find(|record| record.get("eventName") == Some(&json!(name)));
        assert_eq!(record.as_ref().and_then(|record| record.pointer(pointer)), Some(&value), "{name}");
    }
    let last = cloud.records().pop().expect("a record");
    assert_eq!(last.get("errorCode"), Some(&json!("KMSInvalidStateException")));
}

async fn signatures_are_recorded_but_reach_no_rule(cloud: &LocalCloud) {
    let created = kms(cloud, "CreateKey", json!({"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"})).await.1;
    let key = created.pointer("/KeyMetadata/Arn").and_then(Value::as_str).expect("a key").to_owned();
    eventually("the event of the key", async || {
        cloud.events().last().filter(|event| event.event_name.as_deref() == Some("CreateKey")).map(drop)
    })
    .await;
    let input = json!({"KeyId": key, "Message": "aGk=", "SigningAlgorithm": "ECDSA_SHA_256"});
    assert_eq!(kms(cloud, "Sign", input).await.0, 200);
    let record = cloud.records().pop().expect("a record");
    let expected = json!({"keyId": key, "messageType": "RAW", "signingAlgorithm": "ECDSA_SHA_256"});
    assert_eq!((record.get("requestParameters"), record.get("readOnly")), (Some(&expected), Some(&json!(true))));
    assert!(cloud.events().iter().all(|event| event.event_name.as_deref() != Some("Sign")));
}

async fn aliases_come_in_pages(cloud: &LocalCloud) {
    let created = kms(cloud, "CreateKey", json!({})).await.1;
    let key = created.pointer("/KeyMetadata/Arn").and_then(Value::as_str).expect("a key");
    for name in ["alias/one", "alias/two", "alias/three"] {
        assert_eq!(kms(cloud, "CreateAlias", json!({"AliasName": name, "TargetKeyId": key})).await.0, 200);
    }
    let first = kms(cloud, "ListAliases", json!({"KeyId": key, "Limit": 2})).await.1;
    let rest = kms(cloud, "ListAliases", json!({"KeyId": key, "Marker": first.get("NextMarker")})).await.1;
    let count = |page: &Value| page.get("Aliases").and_then(Value::as_array).map_or(0, Vec::len);
    assert_eq!((count(&first), count(&rest)), (2, 1));
}

async fn look_ups_come_in_pages(cloud: &LocalCloud) {
    let page = async |name: &str, token: Option<&Value>| {
        let attributes = json!([{"AttributeKey": "EventName", "AttributeValue": name}]);
        look_up(cloud, json!({"LookupAttributes": attributes, "MaxResults": 2, "NextToken": token})).await
    };
    let first = page("CreateAlias", None).await.1;
    let token = first.get("NextToken").expect("a token");
    // A record between two pages shifts none of them.
    kms(cloud, "CreateAlias", json!({"AliasName": "alias/four", "TargetKeyId": "none"})).await;
    let rest = page("CreateAlias", Some(token)).await.1;
    assert_eq!((events(&first).len(), events(&rest).len()), (2, 1), "{rest}");
    assert_eq!(error(&page("CreateKey", Some(token)).await), "InvalidNextTokenException");
}

async fn records_are_found_late_and_not_for_ever(cloud: &LocalCloud) {
    cloud.set_lookup_window(LookupWindow::delayed(300));
    assert_eq!(events(&look_up(cloud, by_name("CreateKey")).await.1).len(), 0, "too young");
    assert_eq!(control(cloud, Method::POST, "lookup", json!({"delay_seconds": 0})).await, 204);
    assert_eq!(events(&look_up(cloud, by_name("CreateKey")).await.1).len(), 3);
    cloud.set_lookup_window(LookupWindow::nothing());
    assert_eq!(events(&look_up(cloud, by_name("CreateKey")).await.1).len(), 0, "too old");
    cloud.set_lookup_window(LookupWindow::default());
}

async fn calendars_open_and_close(cloud: &LocalCloud) {
    let ask = async |names: &[&str]| call(cloud, "AmazonSSM.GetCalendarState", json!({"CalendarNames": names})).await;
    let (now, hour) = (Timestamp::now(), SignedDuration::from_hours(1));
    cloud.set_calendar("changes", Calendar::open().except(now + hour, now + hour * 2));
    let freeze = json!({"name": "freeze", "state": "OPEN", "entries": [{"from": now - hour, "until": now + hour}]});
    assert_eq!(control(cloud, Method::POST, "calendars", freeze).await, 204);
    let open = ask(&["changes"]).await.1;
    let next = (now + hour).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    assert_eq!((open.get("State"), open.get("NextTransitionTime")), (Some(&json!("OPEN")), Some(&json!(next))));
    assert_eq!(ask(&["freeze"]).await.1.get("State"), Some(&json!("CLOSED")));
    assert_eq!(ask(&["changes", "freeze"]).await.1.get("State"), Some(&json!("CLOSED")), "all must be open");
    assert_eq!(error(&ask(&["changes", "nothing"]).await), "InvalidDocument");

    cloud.inject(CallFault::throttle("ssm", "GetCalendarState"));
    assert_eq!(error(&ask(&["changes"]).await), "ThrottlingException");
    assert_eq!(control(cloud, Method::DELETE, "calendars", Value::Null).await, 204);
    assert_eq!(error(&ask(&["changes"]).await), "InvalidDocument", "it is gone");
}

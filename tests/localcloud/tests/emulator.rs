//! The local cloud, started for real and spoken to over HTTP: KMS refuses as AWS does, records reach EventBridge,
//! faults hit what they should.
//!
//! Needs Python 3; the first run installs the emulator.

#![expect(clippy::expect_used, reason = "a test that cannot go on says why and stops")]

mod http;

use std::time::{Duration, Instant};

use axum::http::Method;
use http::{call_as, eventually, send};
use reprieve_localcloud::{CallFault, EventAction, EventFault, Fate, KeyState, LocalCloud, Options, Principal};
use serde_json::{Value, json};

const ALICE: &str = "AKIAALICEEXAMPLE0001";

async fn kms(cloud: &LocalCloud, operation: &str, input: Value) -> (u16, Value) {
    call_as(cloud, "test", "us-east-1", &format!("TrentService.{operation}"), input).await
}

async fn create_key(cloud: &LocalCloud, input: Value) -> String {
    let (_, created) = kms(cloud, "CreateKey", input).await;
    created.pointer("/KeyMetadata/Arn").and_then(Value::as_str).expect("a key ARN").to_owned()
}

async fn key_state(cloud: &LocalCloud, key: &str) -> String {
    let region = key.split(':').nth(3).unwrap_or_default();
    let (_, described) = call_as(cloud, "test", region, "TrentService.DescribeKey", json!({"KeyId": key})).await;
    described.pointer("/KeyMetadata/KeyState").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn error(answer: &(u16, Value)) -> &str {
    answer.1.get("__type").and_then(Value::as_str).unwrap_or_default()
}

/// One cloud serves all checks: starting one takes seconds.
#[tokio::test]
async fn the_local_cloud_behaves_as_aws_does() {
    let cloud = LocalCloud::start(Options::default()).await.expect("the local cloud starts");
    cloud.switch_quotas(false);
    key_states_are_kept(&cloud).await;
    keys_of_others_and_aliases_are_refused(&cloud).await;
    multi_region_keys_wait_for_their_replicas(&cloud).await;
    unavailable_keys_can_be_cancelled(&cloud).await;
    keys_are_listed_in_pages(&cloud).await;
    records_reach_a_queue_through_eventbridge(&cloud).await;
    events_are_repeated_and_reordered(&cloud).await;
    calls_fail_on_request(&cloud).await;
    expired_keys_are_gone(&cloud).await;
    the_endpoints_do_what_the_handle_does(&cloud).await;

    cloud.reset().await.expect("a reset");
    assert!(cloud.records().is_empty());
    quotas_throttle(&cloud).await;

    let process = format!("/proc/{}", cloud.emulator_process_id());
    cloud.stop();
    assert!(!std::path::Path::new(&process).exists(), "the emulator has ended");
}

async fn key_states_are_kept(cloud: &LocalCloud) {
    let key = create_key(cloud, json!({})).await;
    let cancelled = kms(cloud, "CancelKeyDeletion", json!({"KeyId": key})).await;
    assert_eq!((cancelled.0, error(&cancelled)), (400, "KMSInvalidStateException"));
    assert_eq!(key_state(cloud, &key).await, "Enabled", "a refused cancel changes nothing");

    let scheduled = kms(cloud, "ScheduleKeyDeletion", json!({"KeyId": key, "PendingWindowInDays": 7})).await;
    assert_eq!(scheduled.0, 200, "{}", scheduled.1);
    assert_eq!(scheduled.1.get("PendingWindowInDays"), Some(&json!(7)));
    for operation in ["EnableKey", "DisableKey", "ScheduleKeyDeletion", "EnableKeyRotation"] {
        assert_eq!(error(&kms(cloud, operation, json!({"KeyId": key})).await), "KMSInvalidStateException", "{operation}");
    }
    let tagged = kms(cloud, "TagResource", json!({"KeyId": key, "Tags": [{"TagKey": "a", "TagValue": "b"}]})).await;
    assert_eq!(error(&tagged), "KMSInvalidStateException");
    assert_eq!(kms(cloud, "PutKeyPolicy", json!({"KeyId": key, "Policy": "{}"})).await.0, 200);

    assert_eq!(kms(cloud, "CancelKeyDeletion", json!({"KeyId": key})).await.0, 200);
    assert_eq!(key_state(cloud, &key).await, "Disabled");
    assert_eq!(kms(cloud, "EnableKey", json!({"KeyId": key})).await.0, 200);
    assert_eq!(key_state(cloud, &key).await, "Enabled");

    let external = create_key(cloud, json!({"Origin": "EXTERNAL"})).await;
    assert_eq!(error(&kms(cloud, "EnableKey", json!({"KeyId": external})).await), "KMSInvalidStateException");
}

async fn keys_of_others_and_aliases_are_refused(cloud: &LocalCloud) {
    let key = create_key(cloud, json!({})).await;
    assert_eq!(kms(cloud, "CreateAlias", json!({"AliasName": "alias/a", "TargetKeyId": key})).await.0, 200);
    let (_, described) = kms(cloud, "DescribeKey", json!({"KeyId": "alias/a"})).await;
    assert_eq!(described.pointer("/KeyMetadata/Arn"), Some(&json!(key)));
    let foreign = key.replace("111122223333", "444455556666");
    let elsewhere = key.replace("us-east-1", "eu-west-1");
    let table = [
        ("alias/a".to_owned(), "NotFoundException"),
        ("arn:aws:kms:us-east-1:111122223333:alias/a".to_owned(), "InvalidArnException"),
        (foreign, "AccessDeniedException"),
        (elsewhere, "NotFoundException"),
        ("00000000-0000-0000-0000-000000000000".to_owned(), "NotFoundException"),
    ];
    for (given, expected) in table {
        let answer = kms(cloud, "ScheduleKeyDeletion", json!({"KeyId": given})).await;
        assert_eq!(error(&answer), expected, "{given}");
    }
    assert_eq!(key_state(cloud, &key).await, "Enabled");
}

async fn multi_region_keys_wait_for_their_replicas(cloud: &LocalCloud) {
    let primary = create_key(cloud, json!({"MultiRegion": true})).await;
    let replica = primary.replace("us-east-1", "eu-west-1");
    assert_eq!(kms(cloud, "ReplicateKey", json!({"KeyId": primary, "ReplicaRegion": "eu-west-1"})).await.0, 200);

    let scheduled = kms(cloud, "ScheduleKeyDeletion", json!({"KeyId": primary, "PendingWindowInDays": 9})).await;
    assert_eq!(scheduled.1.get("KeyState"), Some(&json!("PendingReplicaDeletion")));
    assert_eq!(scheduled.1.get("DeletionDate"), None);
    let (_, described) = kms(cloud, "DescribeKey", json!({"KeyId": primary})).await;
    assert_eq!(described.pointer("/KeyMetadata/DeletionDate"), None);
    assert_eq!(described.pointer("/KeyMetadata/PendingDeletionWindowInDays"), Some(&json!(9)));
    let encrypted = kms(cloud, "Encrypt", json!({"KeyId": primary, "Plaintext": "aGk="})).await;
    assert_eq!(error(&encrypted), "KMSInvalidStateException");

    let input = json!({"KeyId": replica});
    assert_eq!(call_as(cloud, "test", "eu-west-1", "TrentService.ScheduleKeyDeletion", input.clone()).await.0, 200);
    assert_eq!(key_state(cloud, &primary).await, "PendingReplicaDeletion", "the replica is still there");
    assert_eq!(call_as(cloud, "test", "eu-west-1", "TrentService.CancelKeyDeletion", input.clone()).await.0, 200);
    assert_eq!(key_state(cloud, &replica).await, "Disabled");
    assert_eq!(kms(cloud, "CancelKeyDeletion", json!({"KeyId": primary})).await.0, 200);
    assert_eq!(key_state(cloud, &primary).await, "Disabled");

    assert_eq!(kms(cloud, "ScheduleKeyDeletion", json!({"KeyId": primary})).await.0, 200);
    assert!(cloud.expire_key(&primary).await.is_err(), "replicas go first");
    cloud.expire_key(&replica).await.expect("the replica is deleted");
    assert_eq!(key_state(cloud, &primary).await, "PendingDeletion");
}

async fn unavailable_keys_can_be_cancelled(cloud: &LocalCloud) {
    let key = create_key(cloud, json!({})).await;
    assert_eq!(kms(cloud, "ScheduleKeyDeletion", json!({"KeyId": key})).await.0, 200);
    cloud.set_key_state(&key, KeyState::Unavailable).await.expect("the key store is disconnected");
    assert_eq!(kms(cloud, "CancelKeyDeletion", json!({"KeyId": key})).await.0, 200);
    assert_eq!(error(&kms(cloud, "CancelKeyDeletion", json!({"KeyId": key})).await), "KMSInvalidStateException");
    assert_eq!(kms(cloud, "EnableKey", json!({"KeyId": key})).await.0, 200);
    assert_eq!(key_state(cloud, &key).await, "Unavailable");
}

async fn keys_are_listed_in_pages(cloud: &LocalCloud) {
    let (_, all) = kms(cloud, "ListKeys", json!({})).await;
    let count = all.get("Keys").and_then(Value::as_array).map_or(0, Vec::len);
    let (_, first) = kms(cloud, "ListKeys", json!({"Limit": 2})).await;
    let marker = first.get("NextMarker").and_then(Value::as_str).expect("a marker");
    let (_, rest) = kms(cloud, "ListKeys", json!({"Marker": marker})).await;
    assert_eq!(rest.get("Keys").and_then(Value::as_array).map_or(0, Vec::len), count - 2);
    assert_eq!(rest.get("Truncated"), Some(&json!(false)));
}

/// Makes a queue that gets the records of KMS.
async fn queue_of_records(cloud: &LocalCloud) -> String {
    let call = async |target: &str, input: Value| call_as(cloud, "test", "us-east-1", target, input).await;
    let (_, created) = call("AmazonSQS.CreateQueue", json!({"QueueName": "records"})).await;
    let url = created.get("QueueUrl").and_then(Value::as_str).expect("a queue").to_owned();
    let pattern = json!({"source": ["aws.kms"], "detail-type": ["AWS API Call via CloudTrail", "AWS Service Event via CloudTrail"]});
    let rule = json!({"Name": "records", "EventPattern": pattern.to_string()});
    assert_eq!(call("AWSEvents.PutRule", rule).await.0, 200);
    let target = json!([{"Id": "queue", "Arn": "arn:aws:sqs:us-east-1:111122223333:records"}]);
    assert_eq!(call("AWSEvents.PutTargets", json!({"Rule": "records", "Targets": target})).await.0, 200);
    url
}

/// Takes so many envelopes off the queue, in the order of their arrival.
async fn receive(cloud: &LocalCloud, queue_url: &str, count: usize) -> Vec<Value> {
    let mut envelopes = Vec::new();
    eventually("the delivery", async || {
        let input = json!({"QueueUrl": queue_url, "MaxNumberOfMessages": 1});
        let (_, received) = call_as(cloud, "test", "us-east-1", "AmazonSQS.ReceiveMessage", input).await;
        for message in received.get("Messages").and_then(Value::as_array).into_iter().flatten() {
            let body = message.get("Body").and_then(Value::as_str).expect("a body");
            envelopes.push(serde_json::from_str(body).expect("an envelope"));
            let input = json!({"QueueUrl": queue_url, "ReceiptHandle": message.get("ReceiptHandle")});
            call_as(cloud, "test", "us-east-1", "AmazonSQS.DeleteMessage", input).await;
        }
        (envelopes.len() >= count).then_some(())
    })
    .await;
    envelopes
}

async fn records_reach_a_queue_through_eventbridge(cloud: &LocalCloud) {
    let queue_url = queue_of_records(cloud).await;
    let alice = Principal::new(ALICE, "arn:aws:iam::111122223333:user/Alice");
    cloud.register(alice).await.expect("Alice is known");
    let key = create_key(cloud, json!({})).await;
    receive(cloud, &queue_url, 1).await;

    let input = json!({"KeyId": key, "PendingWindowInDays": 7});
    let (status, _) = call_as(cloud, ALICE, "us-east-1", "TrentService.ScheduleKeyDeletion", input).await;
    assert_eq!(status, 200);
    let envelopes = receive(cloud, &queue_url, 1).await;
    let envelope = envelopes.first().expect("an envelope");
    let expected = [
        ("/source", json!("aws.kms")),
        ("/detail-type", json!("AWS API Call via CloudTrail")),
        ("/account", json!("111122223333")),
        ("/region", json!("us-east-1")),
        ("/detail/eventName", json!("ScheduleKeyDeletion")),
        ("/detail/userIdentity/type", json!("IAMUser")),
        ("/detail/userIdentity/userName", json!("Alice")),
        ("/detail/requestParameters", json!({"keyId": key, "pendingWindowInDays": 7})),
        ("/detail/responseElements/keyId", json!(key)),
        ("/detail/responseElements/keyState", json!("PendingDeletion")),
        ("/detail/resources/0/ARN", json!(key)),
    ];
    for (pointer, value) in expected {
        assert_eq!(envelope.pointer(pointer), Some(&value), "{pointer}");
    }
    assert_eq!(cloud.records().last(), envelope.get("detail"));
    let input = json!({"LookupAttributes": [{"AttributeKey": "ResourceName", "AttributeValue": key}], "MaxResults": 1});
    let (_, found) = call_as(cloud, "test", "us-east-1", "CloudTrail_20131101.LookupEvents", input).await;
    assert_eq!(found.pointer("/Events/0/EventName"), Some(&json!("ScheduleKeyDeletion")), "{found}");

    let (status, _) = call_as(cloud, ALICE, "us-east-1", "TrentService.EnableKey", json!({"KeyId": key})).await;
    assert_eq!(status, 400);
    let refused = receive(cloud, &queue_url, 1).await;
    assert_eq!(refused.first().and_then(|envelope| envelope.pointer("/detail/errorCode")), Some(&json!("KMSInvalidStateException")));
}

async fn events_are_repeated_and_reordered(cloud: &LocalCloud) {
    let queue_url = "http://127.0.0.1/111122223333/records";
    let key = create_key(cloud, json!({})).await;
    receive(cloud, queue_url, 1).await;

    cloud.inject_event_fault(EventFault::on(&["DisableKey"], EventAction::Duplicate(2)).on_key(&key));
    kms(cloud, "DisableKey", json!({"KeyId": key})).await;
    let twice = receive(cloud, queue_url, 2).await;
    let ids: Vec<_> = twice.iter().map(|envelope| envelope.get("id")).collect();
    assert_eq!(ids.first(), ids.last(), "the same event, delivered twice");

    cloud.inject_event_fault(EventFault::on(&["EnableKey", "DisableKey"], EventAction::Hold).on_key(&key));
    kms(cloud, "EnableKey", json!({"KeyId": key})).await;
    kms(cloud, "DisableKey", json!({"KeyId": key})).await;
    let reordered = receive(cloud, queue_url, 2).await;
    let names: Vec<_> = reordered.iter().filter_map(|envelope| envelope.pointer("/detail/eventName")).collect();
    assert_eq!(names, [&json!("DisableKey"), &json!("EnableKey")]);

    cloud.inject_event_fault(EventFault::on(&["EnableKey"], EventAction::Lose));
    kms(cloud, "EnableKey", json!({"KeyId": key})).await;
    eventually("the loss", async || cloud.events().last().filter(|event| event.fate == Fate::Lost).map(drop)).await;
}

async fn calls_fail_on_request(cloud: &LocalCloud) {
    let key = create_key(cloud, json!({})).await;
    cloud.inject(CallFault::throttle("kms", "DisableKey").on_key(&key).from_call(2, 1));
    assert_eq!(kms(cloud, "DisableKey", json!({"KeyId": key})).await.0, 200);
    assert_eq!(error(&kms(cloud, "DisableKey", json!({"KeyId": key})).await), "ThrottlingException");
    assert_eq!(kms(cloud, "DisableKey", json!({"KeyId": key})).await.0, 200);

    cloud.inject(CallFault::refuse("kms", "EnableKey", 503, "DependencyTimeoutException").on_key(&key).after_effect());
    assert_eq!(kms(cloud, "EnableKey", json!({"KeyId": key})).await.0, 503);
    assert_eq!(key_state(cloud, &key).await, "Enabled", "the call took effect, its answer was lost");

    let began = Instant::now();
    cloud.inject(CallFault::hang("kms", "DescribeKey", 300).on_key(&key));
    key_state(cloud, &key).await;
    assert!(began.elapsed() >= Duration::from_millis(300));

    let hit: Vec<_> = cloud.calls().into_iter().filter(|call| call.fault).map(|call| (call.operation, call.status)).collect();
    let expected = [("DisableKey", 400), ("EnableKey", 503), ("DescribeKey", 200)];
    assert_eq!(hit, expected.map(|(operation, status)| (operation.to_owned(), status)));
}

async fn expired_keys_are_gone(cloud: &LocalCloud) {
    let key = create_key(cloud, json!({})).await;
    cloud.expire_key(&key).await.expect("the key is deleted");
    assert_eq!(error(&kms(cloud, "DescribeKey", json!({"KeyId": key})).await), "NotFoundException");
    let deleted = cloud.records().into_iter().find(|record| record.get("eventName") == Some(&json!("DeleteKey")));
    assert!(deleted.is_some());
}

async fn the_endpoints_do_what_the_handle_does(cloud: &LocalCloud) {
    let control = async |method: Method, path: &str, body: Value| {
        let headers = [("content-type", "application/json")];
        send(cloud, ("test", "us-east-1", "none"), method, &format!("/_localcloud/{path}"), &headers, body.to_string()).await
    };
    let fault = json!({"service": "kms", "operation": "ListAliases", "answer": {"status": 400, "code": "AccessDeniedException"}});
    assert_eq!(control(Method::POST, "faults", fault).await.0, 204);
    assert_eq!(error(&kms(cloud, "ListAliases", json!({})).await), "AccessDeniedException");
    assert_eq!(control(Method::DELETE, "faults", Value::Null).await.0, 204);
    let (_, calls) = control(Method::GET, "calls", Value::Null).await;
    let last = calls.as_array().and_then(|calls| calls.last()).cloned().unwrap_or_default();
    let expected = json!({"kind": "call", "service": "kms", "operation": "ListAliases", "status": 400, "fault": true});
    for (name, value) in expected.as_object().into_iter().flatten() {
        assert_eq!(last.get(name), Some(value), "{name} of {last}");
    }
    let (_, records) = control(Method::GET, "records", Value::Null).await;
    assert_eq!(records, json!(cloud.records()));
    let refused = control(Method::POST, "keys/expire", json!({"key_arn": "alias/a"})).await;
    assert_eq!(refused.0, 400, "{}", refused.1);
}

async fn quotas_throttle(cloud: &LocalCloud) {
    let key = create_key(cloud, json!({})).await;
    let mut throttled = 0;
    for _ in 0..8 {
        if error(&kms(cloud, "DisableKey", json!({"KeyId": key})).await) == "ThrottlingException" {
            throttled += 1;
        }
    }
    assert!((1..=3).contains(&throttled), "5 a second are let through, {throttled} of 8 were throttled");
    cloud.switch_quotas(false);
    for _ in 0..8 {
        assert_eq!(kms(cloud, "DisableKey", json!({"KeyId": key})).await.0, 200);
    }
}

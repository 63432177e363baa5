//! A Lambda function inside the local cloud: it is fed from EventBridge through a queue, calls back through the proxy,
//! and is known there by its execution role.
//!
//! The function is a Python script on the Lambda Runtime API, so that this test needs no build of the product.

#![expect(clippy::expect_used, reason = "a test that cannot go on says why and stops")]

#[path = "http/cbor.rs"]
mod cbor;
mod http;

use std::process::Command;
use std::time::Duration;

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{call_as, eventually, send, send_bytes};
use reprieve_localcloud::{CallEntry, CallFault, LocalCloud, Options};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Tags the key of every record that it gets, signed (in name) with the credentials of its execution role.
const BOOTSTRAP: &str = r#"#!/usr/bin/env python3
import json, os, urllib.request
API = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"
while True:
    with urllib.request.urlopen(f"{API}/next") as answer:
        request_id, event = answer.headers["Lambda-Runtime-Aws-Request-Id"], json.load(answer)
    if "Records" not in event:
        print("fired", json.dumps(event), flush=True)
        print(json.dumps({"_aws": {"Timestamp": 1, "CloudWatchMetrics": [{
            "Namespace": "Tagger", "Dimensions": [["Kind"]], "Metrics": [{"Name": "Fired", "Unit": "Count"}]}]},
            "Kind": "schedule", "Fired": 1}), flush=True)
    for record in event.get("Records", []):
        detail = json.loads(record["body"])["detail"]
        print("saw", detail["eventName"], flush=True)
        urllib.request.urlopen(urllib.request.Request(
            os.environ["AWS_ENDPOINT_URL"],
            data=json.dumps({"KeyId": detail["resources"][0]["ARN"],
                             "Tags": [{"TagKey": "seen", "TagValue": "yes"}]}).encode(),
            headers={"X-Amz-Target": "TrentService.TagResource", "Content-Type": "application/x-amz-json-1.1",
                     "Authorization": "AWS4-HMAC-SHA256 Credential=%s/20261120/%s/kms/aws4_request, Signature=none"
                                      % (os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_REGION"])}))
    urllib.request.urlopen(urllib.request.Request(f"{API}/{request_id}/response", data=b"{\"batchItemFailures\":[]}"))
"#;

/// Packs a script as the `bootstrap` of a deployment package.
fn package(script: &str) -> Vec<u8> {
    let pack = "import io, sys, zipfile\n\
                buffer, info = io.BytesIO(), zipfile.ZipInfo('bootstrap')\n\
                info.external_attr = 0o755 << 16\n\
                with zipfile.ZipFile(buffer, 'w') as package: package.writestr(info, sys.argv[1])\n\
                sys.stdout.buffer.write(buffer.getvalue())";
    Command::new("python3").args(["-c", pack, script]).output().expect("python3 packs").stdout
}

async fn form(cloud: &LocalCloud, service: &str, body: &str) -> u16 {
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    send(cloud, ("test", "us-east-1", service), Method::POST, "/", &headers, body.to_owned()).await.0
}

async fn rest(cloud: &LocalCloud, path: &str, body: Value) -> (u16, Value) {
    let headers = [("content-type", "application/json")];
    let service = if path.starts_with("/schedules") { "scheduler" } else { "lambda" };
    send(cloud, ("test", "us-east-1", service), Method::POST, path, &headers, body.to_string()).await
}

async fn aws(cloud: &LocalCloud, target: &str, input: Value) -> Value {
    let (status, answer) = call_as(cloud, "test", "us-east-1", target, input).await;
    assert_eq!(status, 200, "{target}: {answer}");
    answer
}

async fn deploy(cloud: &LocalCloud) {
    let trust = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%5D%7D";
    let role = format!("Action=CreateRole&Version=2010-05-08&RoleName=guard&Path=/reprieve/&AssumeRolePolicyDocument={trust}");
    assert_eq!(form(cloud, "iam", &role).await, 200);
    let function = json!({
        "FunctionName": "tagger", "Runtime": "provided.al2023", "Handler": "bootstrap", "Timeout": 20,
        "Role": "arn:aws:iam::111122223333:role/reprieve/guard",
        "Code": {"ZipFile": STANDARD.encode(package(BOOTSTRAP))},
    });
    let (status, answer) = rest(cloud, "/2015-03-31/functions", function).await;
    assert_eq!(status, 201, "{answer}");
    aws(cloud, "AmazonSQS.CreateQueue", json!({"QueueName": "records"})).await;
    let queue_arn = "arn:aws:sqs:us-east-1:111122223333:records";
    let mapping = json!({"FunctionName": "tagger", "EventSourceArn": queue_arn, "BatchSize": 10,
                         "FunctionResponseTypes": ["ReportBatchItemFailures"]});
    assert_eq!(rest(cloud, "/2015-03-31/event-source-mappings", mapping).await.0, 202);
    let pattern = json!({"source": ["aws.kms"], "detail": {"eventName": ["DisableKey"]}});
    aws(cloud, "AWSEvents.PutRule", json!({"Name": "records", "EventPattern": pattern.to_string()})).await;
    let targets = json!([{"Id": "queue", "Arn": queue_arn}]);
    aws(cloud, "AWSEvents.PutTargets", json!({"Rule": "records", "Targets": targets})).await;
}

#[tokio::test]
async fn a_function_is_known_by_its_execution_role() {
    let cloud = LocalCloud::start(Options::default()).await.expect("the local cloud starts");
    deploy(&cloud).await;
    let mut waited_ms = Vec::new();
    for round in 1..=2 {
        let key = aws(&cloud, "TrentService.CreateKey", json!({})).await;
        let key = key.pointer("/KeyMetadata/Arn").and_then(Value::as_str).expect("a key").to_owned();
        aws(&cloud, "TrentService.DisableKey", json!({"KeyId": key})).await;
        let disabled = cloud.calls().into_iter().rfind(|call| call.operation == "DisableKey").expect("the call");
        let tagged = eventually("the function's call", async || {
            cloud.calls().into_iter().find(|call| call.operation == "TagResource" && call.key.as_ref() == Some(&key))
        })
        .await;
        assert_eq!(tagged.caller, "arn:aws:sts::111122223333:assumed-role/guard/tagger", "round {round}");
        waited_ms.push(tagged.at_ms.saturating_sub(disabled.at_ms));
    }
    // The second round meets a warm function: what is left is the delivery.
    assert!(waited_ms.last().is_some_and(|&ms| ms < 1_000), "{waited_ms:?}");

    let record = cloud.records().into_iter().rfind(|record| record.get("eventName") == Some(&json!("TagResource")));
    let identity = record.as_ref().and_then(|record| record.get("userIdentity")).expect("a record of the function's call");
    assert_eq!(identity.get("type"), Some(&json!("AssumedRole")));
    assert_eq!(identity.pointer("/sessionContext/sessionIssuer/arn"), Some(&json!("arn:aws:iam::111122223333:role/reprieve/guard")));
    let printed = std::fs::read_to_string(cloud.function_log("tagger")).expect("the function's output");
    assert!(printed.contains("saw DisableKey"), "{printed}");

    a_schedule_fires_at_once(&cloud).await;
    what_a_function_logs_becomes_a_metric(&cloud).await;
    cloud.stop();
}

async fn disabled_key(cloud: &LocalCloud) -> String {
    let key = aws(cloud, "TrentService.CreateKey", json!({})).await;
    let key = key.pointer("/KeyMetadata/Arn").and_then(Value::as_str).expect("a key").to_owned();
    aws(cloud, "TrentService.DisableKey", json!({"KeyId": key})).await;
    key
}

async fn tagging(cloud: &LocalCloud, key: &str, count: usize) -> Vec<CallEntry> {
    eventually("the function's calls", async || {
        let calls = cloud.calls().into_iter().filter(|call| call.operation == "TagResource");
        let calls: Vec<CallEntry> = calls.filter(|call| call.key.as_deref().is_some_and(|named| key.ends_with(named))).collect();
        (calls.len() >= count).then_some(calls)
    })
    .await
}

/// Before its call the call has no effect, after it it has; either way the message comes again, to another process.
#[tokio::test]
async fn a_function_that_is_killed_at_a_call_gets_its_message_again() {
    let cloud = LocalCloud::start(Options::default()).await.expect("the local cloud starts");
    deploy(&cloud).await;
    let url = aws(&cloud, "AmazonSQS.GetQueueUrl", json!({"QueueName": "records"})).await;
    let visibility = json!({"QueueUrl": url.get("QueueUrl"), "Attributes": {"VisibilityTimeout": "2"}});
    aws(&cloud, "AmazonSQS.SetQueueAttributes", visibility).await;
    for (fault, had_effect) in
        [(CallFault::kill("kms", "TagResource"), false), (CallFault::kill("kms", "TagResource").after_effect(), true)]
    {
        cloud.inject(fault);
        let key = disabled_key(&cloud).await;
        let calls = tagging(&cloud, &key, 2).await;
        let seen: Vec<(bool, bool)> = calls.iter().map(|call| (call.fault, call.status == 200)).collect();
        assert_eq!(seen, [(true, had_effect), (false, true)]);
        let processes: Vec<&str> = calls.iter().filter_map(|call| call.access_key_id.as_deref()).collect();
        assert!(processes.first() != processes.last(), "{processes:?}");

        let event_id = cloud.records().into_iter().rfind(|record| record.get("eventName") == Some(&json!("DisableKey")));
        let event_id = event_id.and_then(|record| record.get("eventID").and_then(Value::as_str).map(str::to_owned));
        let attempts = eventually("the second invocation's end", async || {
            let mut invocations = cloud.invocations("tagger").await.expect("a list");
            invocations.retain(|invocation| invocation.messages.iter().any(|message| message.event_id == event_id));
            (invocations.len() == 2).then_some(invocations)
        })
        .await;
        let told: Vec<(bool, Option<&str>)> =
            attempts.iter().map(|invocation| (invocation.failure.is_some(), invocation.access_key_id.as_deref())).collect();
        assert_eq!(told, [(true, processes.first().copied()), (false, processes.last().copied())]);
        let counts: Vec<u32> = attempts.iter().flat_map(|invocation| &invocation.messages).map(|message| message.receive_count).collect();
        assert_eq!(counts, [1, 2]);
    }
    cloud.clear_faults();
    cloud.stop();
}

/// Calls, and hears nothing: the connection is cut without an answer.
async fn is_away(cloud: &LocalCloud) -> bool {
    let address = cloud.endpoint_url().trim_start_matches("http://").to_owned();
    let Ok(mut stream) = TcpStream::connect(address).await else { return true };
    if stream.write_all(b"GET /_localcloud/faults HTTP/1.1\r\nhost: here\r\n\r\n").await.is_err() {
        return true;
    }
    let mut heard = [0; 12];
    !stream.read(&mut heard).await.is_ok_and(|bytes| bytes > 0)
}

#[tokio::test]
async fn what_the_cloud_held_is_there_after_a_restart() {
    let cloud = LocalCloud::start(Options::default()).await.expect("the local cloud starts");
    deploy(&cloud).await;
    let key = disabled_key(&cloud).await;
    tagging(&cloud, &key, 1).await;
    aws(&cloud, "TrentService.EnableKey", json!({"KeyId": key})).await;
    let sealed = aws(&cloud, "TrentService.Encrypt", json!({"KeyId": key, "Plaintext": STANDARD.encode("kept")})).await;
    let queue = aws(&cloud, "AmazonSQS.CreateQueue", json!({"QueueName": "letters"})).await;
    let queue = queue.get("QueueUrl").expect("an address").clone();
    aws(&cloud, "AmazonSQS.SendMessage", json!({"QueueUrl": queue, "MessageBody": "a letter"})).await;
    let root = ("test", "us-east-1", "s3");
    assert_eq!(send(&cloud, root, Method::PUT, "/shelf", &[], String::new()).await.0, 200);
    assert_eq!(send(&cloud, root, Method::PUT, "/shelf/book", &[], "a book".to_owned()).await.0, 200);
    let process = cloud.emulator_process_id();

    cloud.go_away();
    assert!(is_away(&cloud).await);
    cloud.come_back();
    assert!(!is_away(&cloud).await);
    let looking = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        is_away(&cloud).await
    };
    let (restarted, was_away) = tokio::join!(cloud.restart(Duration::from_secs(1)), looking);
    restarted.expect("the cloud comes back");
    assert!(was_away);
    assert_ne!(cloud.emulator_process_id(), process);

    let opened = aws(&cloud, "TrentService.Decrypt", json!({"CiphertextBlob": sealed.get("CiphertextBlob")})).await;
    assert_eq!(opened.get("Plaintext"), Some(&json!(STANDARD.encode("kept"))));
    let received = aws(&cloud, "AmazonSQS.ReceiveMessage", json!({"QueueUrl": queue})).await;
    assert_eq!(received.pointer("/Messages/0/Body"), Some(&json!("a letter")));
    assert_eq!(send_bytes(&cloud, root, Method::GET, "/shelf/book", &[], Vec::new()).await, (200, b"a book".to_vec()));
    assert_eq!(cloud.invocations("tagger").await.expect("a list").len(), 1, "what functions did before is still known");

    // The rule, the queue, the mapping and the function work on.
    let other = disabled_key(&cloud).await;
    let tagged = tagging(&cloud, &other, 1).await;
    assert_eq!(
        tagged.first().map(|call| (call.status, call.caller.as_str())),
        Some((200, "arn:aws:sts::111122223333:assumed-role/guard/tagger"))
    );
    cloud.stop();
}

async fn a_schedule_fires_at_once(cloud: &LocalCloud) {
    let input = json!({"id": "<aws.scheduler.execution-id>", "time": "<aws.scheduler.scheduled-time>",
                       "resources": ["<aws.scheduler.schedule-arn>"]});
    let schedule = json!({
        "ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": "arn:aws:lambda:us-east-1:111122223333:function:tagger", "Input": input.to_string(),
                   "RoleArn": "arn:aws:iam::111122223333:role/reprieve/guard"},
    });
    let (status, answer) = rest(cloud, "/schedules/sweep", schedule).await;
    assert_eq!(status, 200, "{answer}");
    assert!(cloud.fire_schedule("nothing").await.is_err());
    cloud.fire_schedule("sweep").await.expect("the schedule fires");
    let printed = eventually("the scheduled run", async || {
        let printed = std::fs::read_to_string(cloud.function_log("tagger")).unwrap_or_default();
        printed.lines().find_map(|line| line.strip_prefix("fired ").map(str::to_owned))
    })
    .await;
    assert!(printed.contains(r#""resources": ["arn:aws:scheduler:us-east-1:111122223333:schedule/default/sweep"]"#), "{printed}");
    assert!(!printed.contains("<aws.scheduler"), "{printed}");
}

async fn what_a_function_logs_becomes_a_metric(cloud: &LocalCloud) {
    let ask = async |operation: &str, input: Value| {
        let (signer, path, body) = (("test", "us-east-1", "monitoring"), cbor::path(operation), cbor::encode(&input));
        let (status, answer) = send_bytes(cloud, signer, Method::POST, &path, &cbor::HEADERS, body).await;
        let answer = cbor::decode(&answer);
        assert_eq!(status, 200, "{operation}: {answer}");
        answer
    };
    let metrics = json!({"Namespace": "Tagger"});
    let listed = ask("ListMetrics", metrics.clone()).await;
    assert_eq!(listed.get("Metrics"), Some(&json!([])), "the function ran before, but nobody asked for its metrics");
    cloud.read_embedded_metrics(true).await.expect("the switch");
    cloud.fire_schedule("sweep").await.expect("the schedule fires");
    let found = eventually("the metric", async || ask("ListMetrics", metrics.clone()).await.pointer("/Metrics/0").cloned()).await;
    assert_eq!(found.get("MetricName"), Some(&json!("Fired")));
    assert_eq!(found.get("Dimensions"), Some(&json!([{"Name": "Kind", "Value": "schedule"}])));
}

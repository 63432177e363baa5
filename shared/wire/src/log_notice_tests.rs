//! Notices of log files in every form, and what is none.

use serde_json::json;

use super::*;

const KEY: &str = "AWSLogs/111122223333/CloudTrail/eu-central-1/2026/11/21/111122223333_CloudTrail_eu-central-1_20261121T0500Z_abc.json.gz";

fn file(key: &str, written_at: Option<&str>) -> LogFile {
    LogFile { bucket: "trail".to_owned(), key: key.to_owned(), written_at: written_at.map(|time| time.parse().unwrap()) }
}

fn eventbridge(key: &str) -> Value {
    json!({ "version": "0", "id": "17793124", "detail-type": "Object Created", "source": "aws.s3", "account": "111122223333",
        "time": "2026-11-21T05:06:07Z", "region": "eu-central-1", "resources": ["arn:aws:s3:::trail"],
        "detail": { "version": "0", "bucket": { "name": "trail" }, "object": { "key": key, "size": 5, "etag": "e", "sequencer": "1" },
            "request-id": "N4N7", "requester": "111122223333", "reason": "PutObject" } })
}

fn s3(event: &str, key: &str) -> Value {
    json!({ "Records": [{ "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-central-1", "eventTime": "2026-11-21T05:06:07.000Z",
        "eventName": event, "s3": { "bucket": { "name": "trail", "arn": "arn:aws:s3:::trail" }, "object": { "key": key, "size": 5 } } }] })
}

fn cloudtrail(keys: &Value) -> Value {
    json!({ "s3Bucket": "trail", "s3ObjectKey": keys })
}

fn sns(message: &str) -> Value {
    json!({ "Type": "Notification", "MessageId": "m", "TopicArn": "arn:aws:sns:eu-central-1:111122223333:trail", "Message": message })
}

fn batch(bodies: &[Value]) -> Value {
    let messages = bodies.iter().enumerate().map(|(number, body)| {
        let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
        json!({ "messageId": number.to_string(), "body": body, "eventSource": "aws:sqs", "attributes": { "ApproximateReceiveCount": "1" } })
    });
    json!({ "Records": messages.collect::<Vec<_>>() })
}

fn files(payload: &Value) -> Vec<LogFile> {
    match parse_recording_invocation(payload).unwrap() {
        RecordingInvocation::Files(files) => files,
        other @ (RecordingInvocation::Batch(_) | RecordingInvocation::Seal(_)) => panic!("{other:?}"),
    }
}

#[test]
fn every_form_tells_of_the_same_file() {
    let at = Some("2026-11-21T05:06:07Z");
    assert_eq!(files(&eventbridge(KEY)), [file(KEY, at)]);
    assert_eq!(files(&s3("ObjectCreated:Put", KEY)), [file(KEY, at)]);
    assert_eq!(files(&cloudtrail(&json!([KEY]))), [file(KEY, None)]);
    assert_eq!(files(&sns(&cloudtrail(&json!([KEY])).to_string())), [file(KEY, None)]);
    assert_eq!(files(&sns(&s3("ObjectCreated:CompleteMultipartUpload", KEY).to_string())), [file(KEY, at)]);
    assert_eq!(files(&sns(&eventbridge(KEY).to_string())), [file(KEY, at)]);
}

#[test]
fn keys_are_decoded_where_they_are_encoded_and_nowhere_else() {
    let odd = "AWSLogs/CloudTrail/a b+ü%2F.json.gz";
    assert_eq!(files(&s3("ObjectCreated:Put", "AWSLogs/CloudTrail/a+b%2B%C3%BC%252F.json.gz")), [file(odd, Some("2026-11-21T05:06:07Z"))]);
    assert_eq!(files(&eventbridge(odd))[0].key, odd);
    assert_eq!(files(&cloudtrail(&json!([odd])))[0].key, odd);
    for broken in ["AWSLogs/%", "AWSLogs/%G0", "AWSLogs/%FF"] {
        let error = parse_recording_invocation(&s3("ObjectCreated:Put", broken)).unwrap_err();
        assert!(error.to_string().contains(broken), "{error}");
    }
}

#[test]
fn cloudtrail_tells_of_several_files_at_once() {
    assert_eq!(files(&cloudtrail(&json!(["CloudTrail/a.json.gz", "CloudTrail/b.json.gz"]))).len(), 2);
    assert_eq!(files(&cloudtrail(&json!("CloudTrail/a.json.gz"))), [file("CloudTrail/a.json.gz", None)]);
}

#[test]
fn tests_and_deletions_tell_of_no_file() {
    let test = json!({ "Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-21T05:06:07Z", "Bucket": "trail" });
    assert_eq!(files(&test), []);
    assert_eq!(files(&sns(&test.to_string())), []);
    assert_eq!(files(&sns("CloudTrail validation message.")), []);
    assert_eq!(files(&s3("ObjectRemoved:Delete", KEY)), []);
    let mut deleted = eventbridge(KEY);
    deleted["detail-type"] = json!("Object Deleted");
    assert_eq!(files(&deleted), []);
}

#[test]
fn a_message_that_cannot_be_understood_spoils_only_itself() {
    let payload = batch(&[eventbridge(KEY), json!("no JSON"), json!({ "hello": "world" }), json!("CloudTrail validation message.")]);
    let RecordingInvocation::Batch(messages) = parse_recording_invocation(&payload).unwrap() else { panic!("no batch") };
    let read: Vec<(&str, Option<usize>)> =
        messages.iter().map(|message| (message.id.as_str(), message.files.as_ref().ok().map(Vec::len))).collect();
    assert_eq!(read, [("0", Some(1)), ("1", None), ("2", None), ("3", Some(0))]);
}

#[test]
fn sealing_is_asked_for_by_the_schedule_or_by_hand() {
    let parse = |payload: &Value| parse_recording_invocation(payload);
    let scheduled = json!({ "detail-type": "Scheduled Event", "source": "aws.scheduler", "detail": { "task": "seal" } });
    assert_eq!(parse(&scheduled), Ok(RecordingInvocation::Seal(SealUntil::LastHour)));
    assert_eq!(parse(&json!({ "task": "seal" })), Ok(RecordingInvocation::Seal(SealUntil::LastHour)));
    assert_eq!(parse(&json!({ "task": "seal", "until": "now" })), Ok(RecordingInvocation::Seal(SealUntil::Now)));
    for wrong in [json!({ "task": "sweep" }), json!({ "task": "seal", "until": "tomorrow" }), json!({ "task": "seal", "until": null })] {
        let error = parse(&wrong).unwrap_err();
        assert!(error.to_string().contains("expected"), "{error}");
    }
}

#[test]
fn what_is_no_notice_is_said_with_what_was_expected() {
    for wrong in [
        json!({}),
        json!([]),
        json!("x"),
        json!({ "Records": [] }),
        json!({ "Records": 1 }),
        cloudtrail(&json!(1)),
        json!({ "s3ObjectKey": [] }),
    ] {
        let error = parse_recording_invocation(&wrong).unwrap_err();
        assert!(error.to_string().starts_with("expected "), "{wrong}: {error}");
    }
    let error = parse_recording_invocation(&s3("ObjectCreated:Put", &format!("{}%zz", "a".repeat(2_000)))).unwrap_err().to_string();
    assert!(error.starts_with("expected a URL-encoded `s3.object.key`, found `aaa") && error.len() < 500, "{error}");
    let mut nameless = eventbridge(KEY);
    nameless["detail"]["bucket"] = json!(null);
    assert!(parse_recording_invocation(&nameless).is_err());
}

#[test]
fn only_files_of_events_are_recorded() {
    let table = [
        (KEY, true),
        ("of-the-company/AWSLogs/o-abc/111122223333/CloudTrail/us-east-1/2026/11/21/f.json.gz", true),
        ("AWSLogs/111122223333/CloudTrail/unpacked.json", true),
        ("AWSLogs/111122223333/CloudTrail-Digest/eu-central-1/2026/11/21/f.json.gz", false),
        ("AWSLogs/111122223333/CloudTrail-Insight/eu-central-1/2026/11/21/f.json.gz", false),
        ("AWSLogs/111122223333/vpcflowlogs/eu-central-1/2026/11/21/f.log.gz", false),
        ("AWSLogs/111122223333/Config/eu-central-1/2026/11/21/f.json.gz", false),
        ("AWSLogs/111122223333/CloudTrail/", false),
        ("", false),
    ];
    for (key, expected) in table {
        assert_eq!(file(key, None).holds_events(), expected, "{key}");
    }
    assert_eq!(file(KEY, None).name(), "111122223333_CloudTrail_eu-central-1_20261121T0500Z_abc.json.gz");
}

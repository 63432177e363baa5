//! A month of CloudTrail of two accounts, in the layout of `AWSLogs`: acts that people undid, one that nobody did, refused ones, one that
//! was approved, uses day by day, and calls of other services. Some names try to break what they are shown in.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

/// What is tried to break a page or a terminal with, as a caller's name.
pub(crate) const ATTACK: &str = "</title></svg><script>alert('mallory')</script>\u{1b}[31m";

pub(crate) const FIRST: &str = "111122223333";
pub(crate) const SECOND: &str = "444455556666";

/// The key with this number.
pub(crate) fn key(number: u32) -> String {
    let (account, region) = place(number);
    format!("arn:aws:kms:{region}:{account}:key/{number:08x}-12ab-34cd-56ef-1234567890ab")
}

const fn place(number: u32) -> (&'static str, &'static str) {
    match number % 3 {
        0 => (SECOND, "us-east-1"),
        1 => (FIRST, "eu-central-1"),
        _ => (FIRST, "eu-west-1"),
    }
}

/// A call on a key: at a moment of November 2026 such as `03T10:00:00`, by a user.
pub(crate) fn call(id: u32, at: &str, name: &str, number: u32, user: &str) -> Value {
    let (account, region) = place(number);
    json!({
        "eventVersion": "1.11",
        "userIdentity": {"type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": format!("arn:aws:iam::{account}:user/{user}"),
            "accountId": account, "accessKeyId": "AKIAIOSFODNN7EXAMPLE", "userName": user},
        "eventTime": format!("2026-11-{at}Z"), "eventSource": "kms.amazonaws.com", "eventName": name, "awsRegion": region,
        "sourceIPAddress": "192.0.2.10", "userAgent": "aws-cli/2.22.0", "requestParameters": {"keyId": key(number)},
        "responseElements": {"keyId": key(number)}, "requestID": format!("00000000-0000-4000-8000-{id:012}"),
        "eventID": format!("10000000-0000-4000-8000-{id:012}"), "readOnly": false,
        "resources": [{"accountId": account, "type": "AWS::KMS::Key", "ARN": key(number)}],
        "eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": account, "eventCategory": "Management"
    })
}

fn schedule(id: u32, at: &str, number: u32, user: &str, deleted: &str) -> Value {
    let mut record = call(id, at, "ScheduleKeyDeletion", number, user);
    record["requestParameters"]["pendingWindowInDays"] = json!(7);
    record["responseElements"] =
        json!({"keyId": key(number), "keyState": "PendingDeletion", "deletionDate": deleted, "pendingWindowInDays": 7});
    record
}

/// What the provider tells of itself.
fn deleted(id: u32, at: &str, number: u32) -> Value {
    let mut record = call(id, at, "DeleteKey", number, "");
    record["userIdentity"] = json!({"accountId": place(number).0, "invokedBy": "AWS Internal"});
    record["eventType"] = json!("AwsServiceEvent");
    record["sourceIPAddress"] = json!("AWS Internal");
    record["requestParameters"] = Value::Null;
    record["responseElements"] = Value::Null;
    record["serviceEventDetails"] = json!({"keyId": key(number)});
    record
}

/// All records, in the order of time.
pub(crate) fn records() -> Vec<Value> {
    let mut records = vec![
        // Given back by somebody after three hours.
        schedule(1, "02T10:00:00", 1, "alice", "Nov 9, 2026, 10:00:00 AM"),
        call(2, "02T13:00:00", "CancelKeyDeletion", 1, "bob"),
        call(3, "02T13:01:00", "EnableKey", 1, "bob"),
        // Deleted in the end.
        schedule(4, "03T09:30:00", 2, "terraform", "Nov 10, 2026, 9:30:00 AM"),
        deleted(5, "10T09:41:00", 2),
        // Disabled, and back after twelve minutes.
        call(6, "05T22:00:00", "DisableKey", 3, "carol"),
        call(7, "05T22:12:00", "EnableKey", 3, "carol"),
        // Disabled for good, by whoever wants to be seen.
        call(8, "12T03:14:15", "DisableKey", 4, ATTACK),
        // Planned: an approval covers it, where one is given.
        schedule(10, "16T12:00:00", 6, "dana", "Nov 23, 2026, 12:00:00 PM"),
        deleted(11, "23T12:10:00", 6),
    ];
    let mut refused = schedule(9, "14T08:00:00", 5, "eve", "");
    refused["errorCode"] = json!("AccessDenied");
    refused["errorMessage"] = json!("not authorized");
    refused["responseElements"] = Value::Null;
    records.push(refused);
    for day in 1..=25_u32 {
        for hour in 8..12_u32 {
            let id = 1_000 + day * 100 + hour;
            records.push(call(id, &format!("{day:02}T{hour:02}:05:00"), "Decrypt", 7, "payments"));
            let mut other = call(id + 50, &format!("{day:02}T{hour:02}:06:00"), "PutObject", 7, "payments");
            other["eventSource"] = json!("s3.amazonaws.com");
            other["resources"] = json!([]);
            records.push(other);
        }
    }
    // Somebody who never did, from where nobody ever was.
    for minute in 0..40_u32 {
        let mut stolen = call(9_000 + minute, &format!("24T03:{minute:02}:00"), "Decrypt", 7, "mallory");
        stolen["sourceIPAddress"] = json!("203.0.113.66");
        records.push(stolen);
    }
    records.sort_by_key(|record| record["eventTime"].as_str().unwrap_or_default().to_owned());
    records
}

pub(crate) fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut gz = GzEncoder::new(Vec::new(), Compression::default());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

pub(crate) fn file_of(records: &[Value]) -> Vec<u8> {
    serde_json::to_vec(&json!({ "Records": records })).unwrap()
}

/// Writes records as CloudTrail lays them out: a file for each account, Region and day; and beside them what is no log.
pub(crate) fn write(folder: &Path, records: &[Value]) {
    let mut files = BTreeMap::<String, Vec<Value>>::new();
    for record in records {
        let [account, region, time] = ["recipientAccountId", "awsRegion", "eventTime"].map(|name| record[name].as_str().unwrap());
        let day = time.split('T').next().unwrap();
        let name = format!(
            "AWSLogs/{account}/CloudTrail/{region}/{}/{account}_CloudTrail_{region}_{}T0000Z_abc.json.gz",
            day.replace('-', "/"),
            day.replace('-', "")
        );
        files.entry(name).or_default().push(record.clone());
    }
    for (name, records) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, gz(&file_of(&records))).unwrap();
    }
    let digests = folder.join("AWSLogs/111122223333/CloudTrail-Digest/eu-central-1");
    fs::create_dir_all(&digests).unwrap();
    fs::write(digests.join("111122223333_CloudTrail-Digest_eu-central-1_x.json.gz"), gz(b"{}")).unwrap();
}

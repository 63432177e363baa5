//! A small archive of CloudTrail as trails write it, with everything that could mislead a reader: the words of others, repeated records, odd spelling.
//!
//! In September every call of KMS is made once and refused once, beside what looks like one; in October a few keys live through a story. The expected
//! answers stand in the tests, not here.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

pub(crate) const ACCOUNT: &str = "111122223333";
const OTHER_ACCOUNT: &str = "444455556666";
const REGION: &str = "eu-central-1";
const OTHER_REGION: &str = "us-east-1";
const KMS: &str = "kms.amazonaws.com";

/// Every call of the API. <https://docs.aws.amazon.com/kms/latest/APIReference/API_Operations.html>
const CALLS: [&str; 55] = [
    "CancelKeyDeletion",
    "ConnectCustomKeyStore",
    "CreateAlias",
    "CreateCustomKeyStore",
    "CreateGrant",
    "CreateKey",
    "Decrypt",
    "DeleteAlias",
    "DeleteCustomKeyStore",
    "DeleteImportedKeyMaterial",
    "DeriveSharedSecret",
    "DescribeCustomKeyStores",
    "DescribeKey",
    "DisableKey",
    "DisableKeyRotation",
    "DisconnectCustomKeyStore",
    "EnableKey",
    "EnableKeyRotation",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateMac",
    "GenerateRandom",
    "GetKeyLastUsage",
    "GetKeyPolicy",
    "GetKeyRotationStatus",
    "GetParametersForImport",
    "GetPublicKey",
    "ImportKeyMaterial",
    "ListAliases",
    "ListGrants",
    "ListKeyPolicies",
    "ListKeyRotations",
    "ListKeys",
    "ListResourceTags",
    "ListRetirableGrants",
    "PutKeyPolicy",
    "ReEncrypt",
    "ReplicateKey",
    "RetireGrant",
    "RevokeGrant",
    "RotateKeyOnDemand",
    "ScheduleKeyDeletion",
    "Sign",
    "TagResource",
    "UntagResource",
    "UpdateAlias",
    "UpdateCustomKeyStore",
    "UpdateKeyDescription",
    "UpdatePrimaryRegion",
    "UpdateKeyRotationPeriod",
    "Verify",
    "VerifyMac",
];

/// What KMS does by itself.
const SERVICE_EVENTS: [&str; 4] = ["DeleteKey", "RotateKey", "DeleteExpiredKeyMaterial", "SynchronizeMultiRegionKey"];

/// The order in which CloudTrail writes the members of a record.
const ORDER: [&str; 19] = [
    "eventVersion",
    "userIdentity",
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "sourceIPAddress",
    "userAgent",
    "errorCode",
    "errorMessage",
    "requestParameters",
    "responseElements",
    "additionalEventData",
    "requestID",
    "eventID",
    "resources",
    "eventType",
    "recipientAccountId",
    "eventCategory",
];

/// How a file is written.
#[derive(Debug, Clone, Copy)]
enum Spelling {
    /// As CloudTrail does.
    AsDelivered,
    /// Members the other way round.
    Backwards,
    /// As a person would, after `jq`.
    Pretty,
    /// Letters of the service's and the call's name as escapes.
    Escaped,
}

/// Returns the ARN of one of the archive's keys.
pub(crate) fn key(number: u32) -> String {
    format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/{}", key_id(number))
}

fn key_id(number: u32) -> String {
    format!("1234abcd-12ab-34cd-56ef-{number:012x}")
}

/// Returns the id of one of the archive's events.
pub(crate) fn event_id(number: u32) -> String {
    format!("0e000000-0000-4000-8000-{number:012x}")
}

/// Returns the ARN of a role's session.
pub(crate) fn who(name: &str) -> String {
    format!("arn:aws:sts::{ACCOUNT}:assumed-role/{name}/session")
}

/// A successful call on a key.
fn call(number: u32, time: &str, service: &str, name: &str, by: &str, on: u32) -> Value {
    json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole", "principalId": "AROAEXAMPLE:session", "arn": who(by), "accountId": ACCOUNT,
            "sessionContext": {
                "sessionIssuer": {"type": "Role", "arn": format!("arn:aws:iam::{ACCOUNT}:role/{by}"), "userName": by},
                "attributes": {"mfaAuthenticated": "false", "creationDate": time}
            }
        },
        "eventTime": time,
        "eventSource": service,
        "eventName": name,
        "awsRegion": REGION,
        "sourceIPAddress": "192.0.2.7",
        "userAgent": "aws-cli/2.31",
        "requestParameters": {"keyId": key_id(on)},
        "responseElements": null,
        "requestID": format!("0a000000-0000-4000-8000-{number:012x}"),
        "eventID": event_id(number),
        "resources": [{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": key(on)}],
        "eventType": "AwsApiCall",
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
    })
}

/// A call that was refused, which names its key in the error alone.
fn refused(mut record: Value, on: u32) -> Value {
    let message = format!("User is not authorized to perform this action on resource: {} because no policy allows it", key(on));
    with(&mut record, json!({"errorCode": "AccessDenied", "errorMessage": message, "requestParameters": null}));
    without(&mut record, "resources");
    record
}

/// What KMS did by itself.
fn by_kms(number: u32, time: &str, name: &str, on: u32) -> Value {
    let mut record = call(number, time, KMS, name, "", on);
    with(
        &mut record,
        json!({
            "userIdentity": {"accountId": ACCOUNT, "invokedBy": "AWS Internal"}, "eventType": "AwsServiceEvent",
            "sourceIPAddress": "AWS Internal", "userAgent": "AWS Internal", "requestParameters": null
        }),
    );
    record
}

fn with(record: &mut Value, members: Value) {
    if let (Value::Object(record), Value::Object(members)) = (record, members) {
        record.extend(members);
    }
}

fn without(record: &mut Value, member: &str) {
    if let Value::Object(record) = record {
        record.remove(member);
    }
}

/// Every call of KMS, made and refused; the same names of other services; what looks like a call and is none.
fn september() -> Vec<Value> {
    let time = |number: u32| format!("2026-09-01T10:{:02}:{:02}Z", number / 60 % 60, number % 60);
    let mut records = Vec::new();
    for (number, name) in (1..).zip(CALLS) {
        records.push(call(number, &time(number), KMS, name, "Operator", number));
        records.push(refused(call(100 + number, &time(number), KMS, name, "Intern", number), 100 + number));
        records.push(call(200 + number, &time(number), "dynamodb.amazonaws.com", name, "Operator", 200 + number));
    }
    for (number, name) in (300..).zip(SERVICE_EVENTS) {
        records.push(by_kms(number, &time(number), name, number));
    }
    records.extend(named_otherwise(&time(320)));
    records.extend(misleading(&time(340)));
    records.extend(regions());
    records.push(retired_by_a_service(390, &time(390)));
    records
}

/// A grant that a service gave up: daily work, and nobody's change.
fn retired_by_a_service(number: u32, time: &str) -> Value {
    let mut record = call(number, time, KMS, "RetireGrant", "Operator", 0);
    with(&mut record, json!({"userIdentity": {"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}}));
    record
}

/// Regions that are opted out of and into, and a look at one.
fn regions() -> Vec<Value> {
    let one = |(number, name)| {
        let mut record = call(number, "2026-09-03T10:00:00Z", "account.amazonaws.com", name, "Operator", 0);
        with(&mut record, json!({"requestParameters": {"RegionName": "af-south-1"}}));
        without(&mut record, "resources");
        record
    };
    (310..).zip(["DisableRegion", "EnableRegion", "GetRegionOptStatus"]).map(one).collect()
}

/// Keys that are named in other places than `resources`, and not by their ARN.
fn named_otherwise(time: &str) -> Vec<Value> {
    let bare = |number: u32, members: Value| {
        let mut record = call(number, time, KMS, "DisableKey", "Operator", number);
        without(&mut record, "resources");
        with(&mut record, members);
        record
    };
    vec![
        bare(320, json!({})),
        bare(321, json!({"requestParameters": {"keyId": key(321)}})),
        bare(322, json!({"requestParameters": {"keyId": "alias/orders"}})),
        bare(323, json!({"requestParameters": {"keyId": "alias/orders"}, "responseElements": {"keyId": key(323)}})),
        bare(
            324,
            json!({"requestParameters": {"keyId": key_id(324)}, "resources": [{"accountId": OTHER_ACCOUNT, "type": "AWS::KMS::Key"}]}),
        ),
        bare(
            325,
            json!({
                "awsRegion": "us-gov-west-1",
                "userIdentity": {"type": "AssumedRole", "arn": who("Operator").replace("arn:aws:", "arn:aws-us-gov:"), "accountId": ACCOUNT}
            }),
        ),
    ]
}

/// Records that hold another's words.
fn misleading(time: &str) -> Vec<Value> {
    let words = json!({"eventSource": KMS, "eventName": "DisableKey", "keyId": key_id(900)});
    let of = |number: u32, service: &str, name: &str, request: Value| {
        let mut record = call(number, time, service, name, "Builder", 0);
        without(&mut record, "resources");
        with(&mut record, json!({"requestParameters": request}));
        record
    };
    let mut disguised = call(345, time, KMS, "DisableKey", "Builder", 345);
    with(&mut disguised, json!({"requestParameters": {"keyId": key_id(345), "eventName": "Decrypt", "eventSource": "s3.amazonaws.com"}}));
    vec![
        of(340, "lambda.amazonaws.com", "Invoke", words.clone()),
        of(341, "s3.amazonaws.com", "PutObject", json!({"body": words.to_string()})),
        of(342, KMS, "Decrypt", json!({"encryptionContext": {"eventName": "ScheduleKeyDeletion", "eventSource": KMS}})),
        of(343, "events.amazonaws.com", "PutEvents", json!({"entries": [words]})),
        of(344, "sqs.amazonaws.com", "SendMessage", json!({"note": "\"eventSource\":\"kms.amazonaws.com\",\"eventName\":\"DisableKey\""})),
        disguised,
        // Its request stands before its own id, and holds those of others.
        of(346, "cloudtrail.amazonaws.com", "LookupEvents", json!({"eventID": event_id(340), "lookupAttributes": []})),
        of(347, "cloudtrail.amazonaws.com", "LookupEvents", json!({"eventID": event_id(340), "lookupAttributes": []})),
    ]
}

/// What a few keys live through.
fn october() -> Vec<(&'static str, Value)> {
    let refused_call = refused(call(507, "2026-10-02T08:00:00Z", KMS, "DisableKey", "Mallory", 504), 504);
    vec![
        // Given back soon.
        ("2026/10/01", call(500, "2026-10-01T10:00:00Z", KMS, "ScheduleKeyDeletion", "Mallory", 500)),
        ("2026/10/01", call(501, "2026-10-01T10:30:00Z", KMS, "CancelKeyDeletion", "Alice", 500)),
        // Given back after a day, and once more by somebody who came too late.
        ("2026/10/01", call(502, "2026-10-01T11:00:00Z", KMS, "DisableKey", "Mallory", 501)),
        ("2026/10/02", call(503, "2026-10-02T13:00:00Z", KMS, "EnableKey", "Bob", 501)),
        ("2026/10/02", call(504, "2026-10-02T14:00:00Z", KMS, "EnableKey", "Alice", 501)),
        // Lost: scheduled, then enabled, which gives nothing back.
        ("2026/10/01", call(505, "2026-10-01T12:00:00Z", KMS, "ScheduleKeyDeletion", "Mallory", 502)),
        ("2026/10/01", call(506, "2026-10-01T12:10:00Z", KMS, "EnableKey", "Alice", 502)),
        ("2026/10/08", by_kms(508, "2026-10-08T12:00:05Z", "DeleteKey", 502)),
        // Still so when the logs end.
        ("2026/10/02", call(509, "2026-10-02T09:00:00Z", KMS, "DisableKey", "Carol", 503)),
        // Never happened.
        ("2026/10/02", refused_call),
        // Deleted, and nobody knows who wanted that.
        ("2026/10/03", by_kms(510, "2026-10-03T09:00:00Z", "DeleteKey", 505)),
    ]
}

/// Writes the archive, in the layout of a trail, into a folder that goes with the value.
pub(crate) fn written() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let spellings = [Spelling::AsDelivered, Spelling::Backwards, Spelling::Pretty, Spelling::Escaped];
    let september = september();
    for (index, records) in september.chunks(16).enumerate() {
        let spelling = spellings[index % spellings.len()];
        write(root, ACCOUNT, REGION, "2026/09/01", &format!("{index:02}"), records, spelling);
    }
    // The same records again: of another trail, another day, and otherwise written.
    write(root, ACCOUNT, REGION, "2026/09/02", "again", &september[..40], Spelling::AsDelivered);
    write(root, OTHER_ACCOUNT, OTHER_REGION, "2026/09/02", "again", &september[20..60], Spelling::Pretty);
    for (number, (day, record)) in october().into_iter().enumerate() {
        // Twice in one file.
        let records = [record.clone(), record];
        write(root, ACCOUNT, REGION, day, &format!("{number:02}"), &records, spellings[number % spellings.len()]);
    }
    write(root, OTHER_ACCOUNT, OTHER_REGION, "2026/10/02", "empty", &[], Spelling::AsDelivered);
    folder
}

fn write(root: &Path, account: &str, region: &str, day: &str, name: &str, records: &[Value], spelling: Spelling) {
    let folder = root.join(format!("AWSLogs/{account}/CloudTrail/{region}/{day}"));
    fs::create_dir_all(&folder).unwrap();
    let file =
        fs::File::create(folder.join(format!("{account}_CloudTrail_{region}_{}T0000Z_{name}.json.gz", day.replace('/', "")))).unwrap();
    let mut encoder = GzEncoder::new(file, Compression::fast());
    encoder.write_all(spelled(records, spelling).as_bytes()).unwrap();
    encoder.finish().unwrap();
}

fn spelled(records: &[Value], spelling: Spelling) -> String {
    let in_order = |order: &[&str]| {
        let texts: Vec<String> = records.iter().map(|record| object(record.as_object().unwrap(), order)).collect();
        format!("{{\"Records\":[{}]}}", texts.join(","))
    };
    match spelling {
        Spelling::AsDelivered => in_order(&ORDER),
        Spelling::Backwards => in_order(&ORDER.iter().rev().copied().collect::<Vec<_>>()),
        Spelling::Pretty => serde_json::to_string_pretty(&json!({"Records": records})).unwrap(),
        Spelling::Escaped => {
            let text = in_order(&ORDER).replace("\"eventName\":\"D", "\"eventName\":\"\\u0044");
            text.replace("\"eventSource\":\"kms.amazonaws", "\"eventSource\":\"kms\\u002eamazonaws")
        }
    }
}

fn object(record: &Map<String, Value>, order: &[&str]) -> String {
    assert!(record.keys().all(|name| order.contains(&name.as_str())), "every member has its place: {record:?}");
    let members = order.iter().filter_map(|name| Some(format!("\"{name}\":{}", record.get(*name)?)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

//! An organisation's archive, made up: ten thousand small files of two accounts and two Regions, with events that are delivered twice, two
//! files that are damaged, and digests beside them. The same every time.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Log files.
pub(super) const FILES: u64 = 10_000;
/// Digests.
pub(super) const DIGESTS: u64 = 100;
/// The accounts, whose files take turns in blocks.
pub(super) const ACCOUNTS: [&str; 4] = ["111122223333", "222233334444", "333344445555", "444455556666"];
/// The Regions. All acts on keys are of the first account, in the first one.
pub(super) const REGIONS: [&str; 2] = ["eu-central-1", "us-east-1"];
/// When the first file was written.
const FIRST: Timestamp = Timestamp::constant(1_782_864_000, 0);
/// One that ends in the middle of a record, and one that breaks off in the middle of its gz stream; by name.
pub(super) const DAMAGED: [u64; 2] = [BROKEN, CUT];
const BROKEN: u64 = 7_777;
const CUT: u64 = 1_234;

/// Returns each file: its name below the prefix, and its bytes.
pub(super) fn files() -> impl Iterator<Item = (String, Vec<u8>)> {
    let logs = (0..FILES).map(|number| (name(number), bytes(number)));
    let digests = (0..DIGESTS).map(|number| {
        let account = ACCOUNTS[0];
        (
            format!("o-example/{account}/CloudTrail-Digest/us-east-1/2026/07/01/digest-{number:03}.json.gz"),
            packed(&json!({ "digest": number })),
        )
    });
    logs.chain(digests)
}

/// Returns the name of a log file.
pub(super) fn name(number: u64) -> String {
    let (account, region) = (account(number), region(number));
    let day = time(number).strftime("%Y/%m/%d");
    format!("o-example/{account}/CloudTrail/{region}/{day}/{account}_CloudTrail_{region}_{number:05}.json.gz")
}

/// Every sixth file is of the first account: with its digests, four batches.
fn account(number: u64) -> &'static str {
    if number.is_multiple_of(6) { ACCOUNTS[0] } else { ACCOUNTS[1 + usize::try_from(number % 7 % 3).unwrap()] }
}

fn region(number: u64) -> &'static str {
    REGIONS[usize::try_from(number / 3 % 2).unwrap()]
}

fn time(number: u64) -> Timestamp {
    FIRST + SignedDuration::from_mins(i64::try_from(number).unwrap())
}

fn bytes(number: u64) -> Vec<u8> {
    let mut records = vec![use_of(number), everyday(number)];
    records.extend(act(number));
    // Delivered again, in a later file.
    if number % 25 == 1 {
        records.push(use_of(number - 1));
        records.extend(act(number - 1));
    }
    let file = packed(&json!({ "Records": records }));
    match number {
        CUT => file.get(..file.len() / 2).unwrap().to_vec(),
        BROKEN => br#"{"Records":[{"eventID":"b","eventSource":"kms.amazonaws.com","eventName":"DisableKey","#.to_vec(),
        _ => file,
    }
}

fn packed(content: &Value) -> Vec<u8> {
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(content.to_string().as_bytes()).unwrap();
    gz.finish().unwrap()
}

fn record(number: u64, kind: &str, source: &str, name: &str) -> Value {
    let account = account(number);
    json!({
        "eventVersion": "1.11", "eventID": format!("{kind}-{number:05}"), "eventTime": time(number).to_string(), "eventSource": source,
        "eventName": name, "eventType": "AwsApiCall", "eventCategory": "Management", "awsRegion": region(number),
        "recipientAccountId": account, "sourceIPAddress": "198.51.100.7", "userAgent": "aws-cli/2",
        "userIdentity": {
            "type": "IAMUser", "arn": format!("arn:aws:iam::{account}:user/pat"), "userName": "pat", "accountId": account,
            "principalId": "AIDAEXAMPLE",
        },
    })
}

fn everyday(number: u64) -> Value {
    record(number, "ec2", "ec2.amazonaws.com", "DescribeInstances")
}

fn use_of(number: u64) -> Value {
    of_key(record(number, "use", "kms.amazonaws.com", "Decrypt"), number)
}

/// What is done to keys: each is scheduled for deletion or disabled now and then, and some of that is undone a while later.
fn act(number: u64) -> Option<Value> {
    let (name, parameters, answer) = match number % 48 {
        0 => ("ScheduleKeyDeletion", json!({ "pendingWindowInDays": 7 }), json!({ "keyState": "PendingDeletion" })),
        6 => ("CancelKeyDeletion", json!({}), json!({})),
        12 => ("EnableKey", json!({}), Value::Null),
        24 => ("DisableKey", json!({}), Value::Null),
        _ => return None,
    };
    let mut act = record(number, "act", "kms.amazonaws.com", name);
    act["requestParameters"] = parameters;
    act["requestParameters"]["keyId"] = json!(key_id(number));
    act["responseElements"] = answer;
    Some(of_key(act, number))
}

/// The same key for everything that happens within 48 files.
fn key_id(number: u64) -> String {
    format!("{:08x}-12ab-34cd-56ef-1234567890ab", number / 48 % 40)
}

fn of_key(mut record: Value, number: u64) -> Value {
    let (account, region) = (account(number), region(number));
    let arn = format!("arn:aws:kms:{region}:{account}:key/{}", key_id(number));
    record["resources"] = json!([{ "accountId": account, "type": "AWS::KMS::Key", "ARN": arn }]);
    record
}

//! Last quarter's logs of a company that had no guard, made up: what happened to its keys, among its everyday calls, in the files that
//! CloudTrail delivers. The same every time.
//!
//! Must not know how the product decides: what it must find is written beside each story.

mod story;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use self::story::{Deed, STORIES};
use crate::command::{Said, reprieve, shown};

/// The company's account.
pub const ACCOUNT: &str = "111122223333";
/// Where people try things out; nothing needs an approval there.
pub const SANDBOX: &str = "222233334444";
/// The first day.
const FIRST: Timestamp = Timestamp::constant(1_782_864_000, 0);
/// Days of logs.
const DAYS: i64 = 92;
/// Everyday calls of a day.
const EVERYDAY: i64 = 400;

/// What a replay of the history must find.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Truth {
    /// Records of all files.
    pub records: u64,
    /// Records with the same ids taken once.
    pub unique_events: u64,
    /// Acts that must be undone.
    pub would_restore: u64,
    /// Acts that a policy lets pass.
    pub approved: u64,
    /// Acts that were refused when they were tried.
    pub refused: u64,
    /// Acts that must be undone and that people undid.
    pub undone_by_people: u64,
    /// Acts that must be undone and that nobody undid until the key was deleted.
    pub lost: u64,
}

/// Writes the history into a folder, as a trail does, and says what it holds.
///
/// # Errors
/// When the folder cannot be written.
pub fn write(folder: &Path) -> Result<Truth> {
    let mut truth = Truth::default();
    let mut files: BTreeMap<(i64, &str), Vec<Value>> = BTreeMap::new();
    for (number, story) in STORIES.iter().enumerate() {
        for key in 0..story.keys {
            truth.would_restore += story.would_restore;
            truth.approved += story.approved;
            truth.refused += story.refused;
            truth.undone_by_people += story.undone_by_people;
            truth.lost += story.lost;
            for (step, deed) in story.deeds.iter().enumerate() {
                // Those who act on many keys do so one after another.
                let at = moment(deed.day, deed.minute * 60 + key * 7);
                let id = format!("{number:08x}-{key:04x}-4000-a000-{step:012x}");
                files.entry((deed.day, story.account)).or_default().push(record(
                    &id,
                    at,
                    story.account,
                    &key_arn(number, key, story.account),
                    deed,
                ));
            }
        }
    }
    for day in 0..DAYS {
        let file = files.entry((day, ACCOUNT)).or_default();
        file.extend((0..EVERYDAY).map(|call| everyday(day, call)));
    }
    for ((day, account), records) in files {
        truth.records += records.len() as u64;
        truth.unique_events += records.len() as u64;
        let text = serde_json::to_vec(&json!({ "Records": records }))?;
        put(folder, "", account, day, &text)?;
        // The organisation's trail came in the last month, and writes the same events once more.
        if day >= DAYS - 30 {
            truth.records += records.len() as u64;
            put(folder, "o-exampleorg1/", account, day, &text)?;
        }
    }
    Ok(truth)
}

/// A history that was replayed.
#[derive(Debug)]
pub struct Replayed {
    /// The folder of its logs.
    pub logs: PathBuf,
    /// What the command said.
    pub said: Said,
    /// The page.
    pub page: PathBuf,
    /// What it did not find, or found and is not there.
    pub problems: Vec<String>,
}

/// Writes the history into a folder, and replays it with the shipped command.
///
/// # Errors
/// When the folder cannot be written, or the command cannot be run.
pub async fn replay(folder: &Path) -> Result<Replayed> {
    let (logs, json, page) = (folder.join("logs"), folder.join("replay.json"), folder.join("replay.html"));
    let truth = write(&logs)?;
    let arguments = ["replay", &shown(&logs), "--sandbox-account", SANDBOX, "--json", &shown(&json), "--html", &shown(&page)];
    let said = reprieve(&arguments).await?;
    let mut problems = Vec::new();
    if !said.ok || !page.is_file() {
        problems.push(format!("the replay failed: {}", said.text));
    }
    match found(&fs::read(&json).unwrap_or_default()) {
        Some(found) if found == truth => {}
        found => problems.push(format!("the logs hold {truth:?}, and the replay found {found:?}")),
    }
    Ok(Replayed { logs, said, page, problems })
}

/// Reads what was found; `None` where it is no answer.
fn found(json: &[u8]) -> Option<Truth> {
    let answer: Value = serde_json::from_slice(json).ok()?;
    let kpis = answer.get("kpis")?;
    let verdict = |name: &str| kpis.get("verdicts")?.get(name).map_or(Some(0), Value::as_u64);
    Some(Truth {
        records: answer.get("records")?.as_u64()?,
        unique_events: answer.get("unique_events")?.as_u64()?,
        would_restore: verdict("would_restore")?,
        approved: verdict("approved")?,
        refused: verdict("refused")?,
        undone_by_people: kpis.get("undone_by_people")?.as_u64()?,
        lost: kpis.get("lost")?.as_u64()?,
    })
}

fn put(folder: &Path, organisation: &str, account: &str, day: i64, text: &[u8]) -> Result<()> {
    let date = moment(day, 0).strftime("%Y/%m/%d").to_string();
    let place = folder.join(format!("AWSLogs/{organisation}{account}/CloudTrail/eu-central-1/{date}"));
    fs::create_dir_all(&place).with_context(|| format!("cannot make `{}`", place.display()))?;
    let name = format!("{account}_CloudTrail_eu-central-1_{}T2359Z_{day:016}.json.gz", date.replace('/', ""));
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(text)?;
    fs::write(place.join(&name), gz.finish()?).with_context(|| format!("cannot write `{name}`"))
}

fn moment(day: i64, second: i64) -> Timestamp {
    FIRST + SignedDuration::from_secs(day * 86_400 + second)
}

fn key_arn(story: usize, key: i64, account: &str) -> String {
    format!("arn:aws:kms:eu-central-1:{account}:key/{story:08x}-{key:04x}-4abc-8def-0123456789ab")
}

fn record(id: &str, at: Timestamp, account: &str, key: &str, deed: &Deed) -> Value {
    let identity = match deed.by {
        // KMS itself, once the waiting period is over.
        None => json!({ "accountId": account, "invokedBy": "AWS Internal" }),
        Some(user) => json!({
            "type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": format!("arn:aws:iam::{account}:user/{user}"),
            "accountId": account, "accessKeyId": "AKIAEXAMPLE", "userName": user,
        }),
    };
    let mut record = json!({
        "eventVersion": "1.11", "userIdentity": identity, "eventTime": at.to_string(), "eventSource": "kms.amazonaws.com",
        "eventName": deed.call, "awsRegion": "eu-central-1", "sourceIPAddress": "198.51.100.7", "userAgent": "aws-cli/2.17.13",
        "requestParameters": request(key, deed), "responseElements": response(key, at, deed), "requestID": format!("r-{id}"), "eventID": id,
        "readOnly": false, "resources": [{ "accountId": account, "type": "AWS::KMS::Key", "ARN": key }],
        "eventType": if deed.by.is_some() { "AwsApiCall" } else { "AwsServiceEvent" }, "managementEvent": true, "recipientAccountId": account,
        "eventCategory": "Management",
    });
    if let (true, Some(fields)) = (deed.is_refused, record.as_object_mut()) {
        fields.insert("errorCode".to_owned(), json!("AccessDenied"));
        fields.insert("errorMessage".to_owned(), json!(format!("User is not authorized to perform: kms:{}", deed.call)));
    }
    record
}

fn request(key: &str, deed: &Deed) -> Value {
    match (deed.by, deed.call) {
        (None, _) => Value::Null,
        (Some(_), "ScheduleKeyDeletion") => json!({ "keyId": key, "pendingWindowInDays": 7 }),
        (Some(_), _) => json!({ "keyId": key }),
    }
}

fn response(key: &str, at: Timestamp, deed: &Deed) -> Value {
    if deed.call != "ScheduleKeyDeletion" || deed.is_refused {
        return Value::Null;
    }
    let date = (at + SignedDuration::from_hours(7 * 24)).strftime("%b %-d, %Y, %-I:%M:%S %p").to_string();
    json!({ "keyId": key, "deletionDate": date, "keyState": "PendingDeletion", "pendingWindowInDays": 7 })
}

/// What happens every day: some of it uses keys, some only speaks of them.
fn everyday(day: i64, call: i64) -> Value {
    let (source, name, request) = match call % 5 {
        0 => ("kms", "Decrypt", json!({ "encryptionContext": { "aws:s3:arn": "arn:aws:s3:::orders" } })),
        1 => ("ec2", "DescribeInstances", json!({ "filterSet": {} })),
        2 => ("sts", "AssumeRole", json!({ "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/app"), "roleSessionName": "app" })),
        3 => (
            "config",
            "PutEvaluations",
            json!({ "evaluations": [{ "eventSource": "kms.amazonaws.com", "eventName": "ScheduleKeyDeletion" }] }),
        ),
        _ => (
            "secretsmanager",
            "GetSecretValue",
            json!({ "secretId": format!("arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:db-AbCdEf") }),
        ),
    };
    let host = call % 20;
    json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole", "principalId": format!("AROAEXAMPLE:i-0{host:016x}"),
            "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/app/i-0{host:016x}"), "accountId": ACCOUNT, "accessKeyId": "ASIAEXAMPLE",
            "sessionContext": { "sessionIssuer": {
                "type": "Role", "principalId": "AROAEXAMPLE", "arn": format!("arn:aws:iam::{ACCOUNT}:role/app"), "accountId": ACCOUNT, "userName": "app",
            } },
        },
        "eventTime": moment(day, call * 86_400 / EVERYDAY).to_string(), "eventSource": format!("{source}.amazonaws.com"), "eventName": name,
        "awsRegion": "eu-central-1", "sourceIPAddress": format!("10.0.0.{host}"), "userAgent": "aws-sdk-go-v2/1.30.3",
        "requestParameters": request, "responseElements": null, "requestID": format!("r-{day}-{call}"),
        "eventID": format!("ffff{day:04x}-{call:04x}-4000-a000-000000000000"), "readOnly": true, "eventType": "AwsApiCall", "managementEvent": true,
        "recipientAccountId": ACCOUNT, "eventCategory": "Management",
    })
}

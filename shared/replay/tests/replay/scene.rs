//! Records of CloudTrail, written by hand, and what is told of the decisions on them in one line each.

use reprieve_core::{ApprovalRules, KeyArn};
use reprieve_replay::{Aftermath, Answer, Collector, Decided, Part, Rules, judge};
use reprieve_test_support::approval_keys;
use serde_json::{Map, Value, json};

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const REGION: &str = "eu-central-1";
/// A key.
pub(crate) const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-3333-4444-555555555555";
/// A multi-Region key, and its replica.
pub(crate) const PRIMARY: &str = "arn:aws:kms:eu-central-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
pub(crate) const REPLICA: &str = "arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";

/// A record, to be changed before it is used.
#[derive(Debug, Clone)]
pub(crate) struct Record(Value);

/// Writes a record of a call of KMS on [`KEY`]. `time` is a time of 20 November 2026, or a whole timestamp. Its id follows from all else.
pub(crate) fn call(name: &str, by: &str, time: &str) -> Record {
    let time = if time.len() <= 8 { format!("2026-11-20T{time}Z") } else { time.to_owned() };
    let record = json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole",
            "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/Role-{by}/{by}"),
            "accountId": ACCOUNT,
            "sessionContext": { "sessionIssuer": {
                "type": "Role", "arn": format!("arn:aws:iam::{ACCOUNT}:role/Role-{by}"), "accountId": ACCOUNT, "userName": format!("Role-{by}"),
            } },
        },
        "eventTime": time,
        "eventSource": "kms.amazonaws.com",
        "eventName": name,
        "awsRegion": REGION,
        "requestParameters": {},
        "responseElements": {},
        "eventID": format!("{name}-{by}-{time}"),
        "readOnly": false,
        "eventType": "AwsApiCall",
        "recipientAccountId": ACCOUNT,
    });
    Record(record).on(KEY)
}

impl Record {
    /// On another key.
    pub(crate) fn on(mut self, key: &str) -> Self {
        let arn = KeyArn::parse(key).unwrap();
        let resources = json!([{ "accountId": arn.account().as_str(), "type": "AWS::KMS::Key", "ARN": key }]);
        self.set("resources", resources);
        self.set("recipientAccountId", json!(arn.account().as_str()));
        self.set("awsRegion", json!(arn.region().as_str()));
        self.asking("keyId", json!(key))
    }

    /// With its key named as it is written here, and nowhere else.
    pub(crate) fn naming(mut self, key: &str) -> Self {
        self.0.as_object_mut().unwrap().remove("resources");
        self.asking("keyId", json!(key))
    }

    pub(crate) fn with(mut self, field: &str, value: Value) -> Self {
        self.set(field, value);
        self
    }

    pub(crate) fn without(mut self, field: &str) -> Self {
        self.0.as_object_mut().unwrap().remove(field);
        self
    }

    pub(crate) fn asking(self, field: &str, value: Value) -> Self {
        self.inside("requestParameters", field, value)
    }

    pub(crate) fn answered(self, field: &str, value: Value) -> Self {
        self.inside("responseElements", field, value)
    }

    pub(crate) fn id(self, id: &str) -> Self {
        self.with("eventID", json!(id))
    }

    /// Refused by KMS.
    pub(crate) fn refused(self, code: &str) -> Self {
        self.with("errorCode", json!(code)).with("responseElements", Value::Null)
    }

    pub(crate) fn value(&self) -> Value {
        self.0.clone()
    }

    fn set(&mut self, field: &str, value: Value) {
        self.0.as_object_mut().unwrap().insert(field.to_owned(), value);
    }

    fn inside(mut self, part: &str, field: &str, value: Value) -> Self {
        let object: &mut Map<String, Value> = self.0.get_mut(part).and_then(Value::as_object_mut).unwrap();
        object.insert(field.to_owned(), value);
        self
    }
}

/// The scheduling of a deletion, in 30 days.
pub(crate) fn schedule(by: &str, time: &str) -> Record {
    call("ScheduleKeyDeletion", by, time)
        .asking("pendingWindowInDays", json!(30))
        .answered("keyState", json!("PendingDeletion"))
        .answered("deletionDate", json!("2026-12-20T12:00:00Z"))
}

/// KMS's own deletion of a key.
pub(crate) fn deleted(time: &str, key: &str) -> Record {
    call("DeleteKey", "kms", time)
        .on(key)
        .with("eventType", json!("AwsServiceEvent"))
        .with("userIdentity", json!({ "accountId": ACCOUNT, "invokedBy": "AWS Internal" }))
        .with("requestParameters", Value::Null)
        .with("serviceEventDetails", json!({ "keyId": key }))
}

/// Tags that a call sets.
pub(crate) fn tagging(by: &str, time: &str, tags: &[(&str, &str)]) -> Record {
    let tags: Vec<Value> = tags.iter().map(|(name, value)| json!({ "tagKey": name, "tagValue": value })).collect();
    call("TagResource", by, time).asking("tags", json!(tags))
}

/// Reads records as one log file.
pub(crate) fn part(records: &[Record]) -> Part {
    let collector = Collector::default();
    let records: Vec<Value> = records.iter().map(Record::value).collect();
    let scan = collector.read("log.json", json!({ "Records": records }).to_string().as_bytes());
    assert_eq!(scan.fault, None);
    collector.finish()
}

/// Judges records by rules.
pub(crate) fn judged_by(records: &[Record], rules: &Rules) -> Answer {
    let answer = judge(&part(records), rules);
    assert_eq!(answer.problems, []);
    answer
}

/// Judges records by the rules of a deployment as it is shipped.
pub(crate) fn judged(records: &[Record]) -> Answer {
    judged_by(records, &Rules::shipped())
}

/// The rules of a deployment that knows the approval keys of the tests.
pub(crate) fn rules() -> Rules {
    Rules { approval: ApprovalRules { keys: approval_keys(), ..ApprovalRules::default() }, ..Rules::shipped() }
}

/// Says of each decision what was done and what became of it.
pub(crate) fn told(answer: &Answer) -> Vec<String> {
    answer.decisions.iter().map(line).collect()
}

fn line(decided: &Decided) -> String {
    let verdict = serde_json::to_value(decided.verdict).unwrap();
    let plan = if decided.plan.is_empty() { String::new() } else { format!(" [{}]", decided.plan.join(", ")) };
    let aftermath = match &decided.aftermath {
        Aftermath::Undone { call, after_seconds, usable_after_seconds, by_reprieve, .. } => {
            let usable = usable_after_seconds.map_or_else(|| "not usable".to_owned(), |seconds| format!("usable after {seconds}"));
            let who = if *by_reprieve { " by Reprieve" } else { "" };
            format!("undone{who} with {call} after {after_seconds}, {usable}")
        }
        Aftermath::Lost { after_seconds, .. } => format!("lost after {after_seconds}"),
        Aftermath::Open => "open".to_owned(),
        Aftermath::Nothing => "nothing".to_owned(),
    };
    format!("{}: {}{plan}, {aftermath}", decided.call, verdict.as_str().unwrap())
}

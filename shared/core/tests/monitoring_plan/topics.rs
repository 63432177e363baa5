//! The topic and who hears it, each broken in one way.

use reprieve_core::Known;
use reprieve_core::monitoring::world::{Subscription, TopicKey};
use serde_json::json;

use super::Case;
use super::stage::{Stage, TOPIC, subscription, unreadable};

const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const ABOUT_THE_TOPIC: &str = "topic `arn:aws:sns:eu-central-1:111122223333:reprieve`";
const SUBSCRIBE: &str = "Subscribe reprieve email=on-call@example.com";

fn policy(stage: &mut Stage, statements: &serde_json::Value) {
    stage.topic().policy = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
}

fn owner() -> serde_json::Value {
    json!({"Sid": "Owner", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:role/ops"}, "Action": "sns:Publish", "Resource": TOPIC})
}

fn key(stage: &mut Stage, service: &str, serves: Known<bool>) {
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "Root", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"},
        {"Sid": "Service", "Effect": "Allow", "Principal": {"Service": service}, "Action": ["kms:GenerateDataKey*", "kms:Decrypt"], "Resource": "*"}
    ]});
    stage.topic().key = TopicKey::CustomerManaged { key_id: KEY.to_owned(), policy: Known::Is(policy.to_string()), serves };
}

fn filtered(stage: &mut Stage, policy: &serde_json::Value) {
    let filter_policy = Known::Is(policy.to_string());
    *stage.subscriptions() = vec![Subscription { filter_policy, ..subscription("email", "on-call@example.com", true) }];
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = publishing();
    cases.extend(hearing());
    cases
}

fn publishing() -> Vec<Case> {
    vec![
        Case::of(
            "the topic was deleted",
            |stage| {
                stage.world.topics.insert(TOPIC.to_owned(), Known::Absent);
            },
            &["CreateTopic reprieve", "SetTopicAttributes reprieve policy AlarmsOfThisAccountMayPublish+TlsOnly", SUBSCRIBE],
            &[(ABOUT_THE_TOPIC, "nobody is subscribed")],
        ),
        Case::of(
            "the topic cannot be read",
            |stage| {
                stage.world.topics.insert(TOPIC.to_owned(), unreadable());
            },
            &[],
            &[(ABOUT_THE_TOPIC, "cannot be read (AccessDenied)")],
        ),
        Case::of(
            "the topic's policy denies alarms, and what else it says is kept",
            |stage| {
                let deny = json!({"Sid": "Silence", "Effect": "Deny", "Principal": {"Service": "cloudwatch.amazonaws.com"}, "Action": "sns:Publish", "Resource": TOPIC});
                let allow = json!({"Sid": "Alarms", "Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"}, "Action": "sns:Publish", "Resource": TOPIC});
                policy(stage, &json!([owner(), allow, deny]));
            },
            &["SetTopicAttributes reprieve policy AlarmsOfThisAccountMayPublish+TlsOnly+Owner+Alarms"],
            &[],
        ),
        Case::of(
            "the topic's policy denies everybody everything",
            |stage| {
                policy(stage, &json!([{"Sid": "Nobody", "Effect": "Deny", "Principal": "*", "Action": "sns:*", "Resource": "*"}, owner()]));
            },
            &["SetTopicAttributes reprieve policy AlarmsOfThisAccountMayPublish+TlsOnly+Owner"],
            &[],
        ),
        Case::of(
            "the topic's policy lets others in, and no alarm",
            |stage| policy(stage, &json!([owner()])),
            &["SetTopicAttributes reprieve policy AlarmsOfThisAccountMayPublish+TlsOnly+Owner"],
            &[],
        ),
        Case::of(
            "the topic's policy lets alarms of another account in only",
            |stage| {
                let condition = json!({"StringEquals": {"aws:SourceAccount": "999988887777"}});
                policy(
                    stage,
                    &json!([{"Sid": "Away", "Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"}, "Action": "sns:Publish", "Resource": TOPIC, "Condition": condition}]),
                );
            },
            &["SetTopicAttributes reprieve policy AlarmsOfThisAccountMayPublish+TlsOnly+Away"],
            &[],
        ),
        Case::of(
            "the topic is encrypted with alias/aws/sns, which lets no alarm in",
            |stage| stage.topic().key = TopicKey::AwsManaged,
            &["SetTopicAttributes reprieve without alias/aws/sns"],
            &[],
        ),
        Case::of(
            "the topic is encrypted with a key that lets alarms in",
            |stage| key(stage, "cloudwatch.amazonaws.com", Known::Is(true)),
            &[],
            &[],
        ),
        Case::of(
            "the topic is encrypted with a key that lets no alarm in",
            |stage| key(stage, "events.amazonaws.com", Known::Is(true)),
            &[],
            &[(ABOUT_THE_TOPIC, "does not let cloudwatch.amazonaws.com call kms:GenerateDataKey")],
        ),
        Case::of(
            "the topic is encrypted with a key that is disabled",
            |stage| key(stage, "cloudwatch.amazonaws.com", Known::Is(false)),
            &[],
            &[(ABOUT_THE_TOPIC, "is not enabled")],
        ),
        Case::of(
            "the topic is encrypted with a key that is gone",
            |stage| key(stage, "cloudwatch.amazonaws.com", Known::Absent),
            &[],
            &[(ABOUT_THE_TOPIC, "does not exist")],
        ),
        Case::of(
            "the topic is encrypted with a key that cannot be read",
            |stage| key(stage, "cloudwatch.amazonaws.com", unreadable()),
            &[],
            &[(ABOUT_THE_TOPIC, "cannot be read (AccessDenied)")],
        ),
    ]
}

fn hearing() -> Vec<Case> {
    vec![
        Case::of(
            "nobody is subscribed, and nobody is to be",
            |stage| {
                stage.subscriptions().clear();
                stage.desired.topic.subscribers.clear();
            },
            &[],
            &[(ABOUT_THE_TOPIC, "nobody is subscribed")],
        ),
        Case::of(
            "who is to be subscribed is not",
            |stage| stage.subscriptions().clear(),
            &[SUBSCRIBE],
            &[(ABOUT_THE_TOPIC, "nobody is subscribed")],
        ),
        Case::of(
            "who is to be subscribed is not, and somebody else hears",
            |stage| *stage.subscriptions() = vec![subscription("https", "https://pager.example.com/", true)],
            &[SUBSCRIBE],
            &[],
        ),
        Case::of(
            "the only subscription waits to be confirmed",
            |stage| *stage.subscriptions() = vec![subscription("email", "on-call@example.com", false)],
            &[],
            &[(ABOUT_THE_TOPIC, "no subscription is confirmed")],
        ),
        Case::of(
            "one subscription is confirmed and another waits",
            |stage| stage.subscriptions().push(subscription("email", "second@example.com", false)),
            &[],
            &[("subscription `second@example.com`", "has not confirmed")],
        ),
        Case::of(
            "the subscriber's address is written in capitals",
            |stage| *stage.subscriptions() = vec![subscription("email", "On-Call@Example.com", true)],
            &[],
            &[],
        ),
        Case::of(
            "only a queue is subscribed",
            |stage| {
                *stage.subscriptions() = vec![subscription("sqs", "arn:aws:sqs:eu-central-1:111122223333:archive", true)];
                stage.desired.topic.subscribers.clear();
            },
            &[],
            &[(ABOUT_THE_TOPIC, "nobody is subscribed to the topic but queues")],
        ),
        Case::of(
            "the filter policy keeps alarms out, which carry no attribute",
            |stage| filtered(stage, &json!({"severity": ["high", "critical"]})),
            &[],
            &[(ABOUT_THE_TOPIC, "keeps alarms out")],
        ),
        Case::of(
            "the filter policy asks for absence, which a message without any attribute does not satisfy",
            |stage| filtered(stage, &json!({"severity": [{"exists": false}, "high", "critical"]})),
            &[],
            &[(ABOUT_THE_TOPIC, "keeps alarms out")],
        ),
        Case::of(
            "the filter policy looks at the body for what no alarm says",
            |stage| filtered(stage, &json!({"severity": ["high"]})),
            &[],
            &[(ABOUT_THE_TOPIC, "keeps alarms out")],
        ),
        Case::of("the filter policy is empty", |stage| filtered(stage, &json!({})), &[], &[]),
        Case::of(
            "the filter policy keeps alarms out, and another subscriber has none",
            |stage| {
                filtered(stage, &json!({"severity": ["high"]}));
                stage.subscriptions().push(subscription("email", "second@example.com", true));
            },
            &[],
            &[],
        ),
        Case::of(
            "who is subscribed cannot be read",
            |stage| stage.topic().subscriptions = unreadable(),
            &[],
            &[(ABOUT_THE_TOPIC, "cannot be read (AccessDenied)")],
        ),
    ]
}

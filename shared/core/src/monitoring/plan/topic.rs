//! The topic: whether alarms can publish to it, and whether a human hears them.
//!
//! A queue is no human. A subscription counts once it is confirmed, and only where its filter policy lets an alarm pass.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::Draft;
use crate::decision::Severity;
use crate::facts::Known;
use crate::monitoring::change::Change;
use crate::monitoring::finding::Subject;
use crate::monitoring::world::{Place, Subscription, Topic, TopicKey};
use crate::resource_policy::{Principal, Request, Verdict, verdict};

/// Whose publishing it is.
const ALARMS: &str = "cloudwatch.amazonaws.com";

/// Protocols behind which no human reads by itself.
const MACHINES: [&str; 2] = ["sqs", "firehose"];

/// Why nobody hears what is published to a topic, by the topic's ARN; empty where somebody does.
pub(super) type Hearing = BTreeMap<String, Vec<String>>;

/// Plans the topic, its policy, encryption and subscribers.
pub(super) fn plan(draft: &mut Draft<'_>) -> Hearing {
    let arn = draft.desired.topic.arn.clone();
    draft.rely_on(&[&arn]);
    match draft.world.topics.get(&arn) {
        Some(Known::Is(topic)) => mend(topic, draft),
        Some(Known::Absent) | None => make(&arn, draft),
        Some(Known::Unreadable(reason)) => {
            let sentence = format!("The topic `{arn}` cannot be read ({reason}), so nobody knows whether a human hears of an alarm.");
            draft.find(Subject::Topic(arn), Severity::High, sentence, "Let the function's role call sns:GetTopicAttributes.");
        }
    }
    draft.world.topics.iter().map(|(arn, topic)| (arn.clone(), muteness(topic, draft.place()))).collect()
}

fn make(arn: &str, draft: &mut Draft<'_>) {
    draft.change(Change::CreateTopic { topic: arn.to_owned() });
    draft.change(Change::SetTopicPolicy { topic: arn.to_owned(), policy: policy(arn, draft.place(), Vec::new()) });
    subscribe(arn, &[], draft);
}

fn mend(topic: &Topic, draft: &mut Draft<'_>) {
    let arn = &topic.arn;
    match alarms_may_publish(topic, draft.place()) {
        Verdict::Allowed | Verdict::ThroughAccount => {}
        Verdict::Denied(_) | Verdict::NotAllowed => {
            let kept = statements_that_let_alarms_pass(topic, draft.place());
            draft.change(Change::SetTopicPolicy { topic: arn.clone(), policy: policy(arn, draft.place(), kept) });
        }
        Verdict::Unclear(reason) => {
            let sentence = format!("Nobody can say whether alarms may publish to `{arn}`: {reason}.");
            let fix = "Allow sns:Publish to cloudwatch.amazonaws.com in the topic policy, with aws:SourceAccount as its only condition.";
            draft.find(Subject::Topic(arn.clone()), Severity::Medium, sentence, fix);
        }
    }
    match &topic.key {
        TopicKey::None => {}
        TopicKey::AwsManaged => draft.change(Change::RemoveTopicKey { topic: arn.clone(), was: "alias/aws/sns".to_owned() }),
        TopicKey::CustomerManaged { key_id, .. } => {
            if let Some(why) = key_silences(topic, draft.place()) {
                let fix = format!(
                    "Let {ALARMS} call kms:GenerateDataKey* and kms:Decrypt in the key policy of `{key_id}`, or take the key off the topic."
                );
                draft.find(Subject::Topic(arn.clone()), Severity::High, format!("No alarm can publish to `{arn}`: {why}."), &fix);
            }
        }
    }
    match &topic.subscriptions {
        Known::Is(subscriptions) => subscribe(arn, subscriptions, draft),
        Known::Absent => subscribe(arn, &[], draft),
        Known::Unreadable(reason) => {
            let sentence = format!("Who is subscribed to `{arn}` cannot be read ({reason}).");
            draft.find(Subject::Topic(arn.clone()), Severity::High, sentence, "Let the function's role call sns:ListSubscriptionsByTopic.");
        }
    }
}

/// Subscribes whom the configuration names, and says who must do something to hear.
fn subscribe(topic: &str, subscriptions: &[Subscription], draft: &mut Draft<'_>) {
    for subscriber in &draft.desired.topic.subscribers {
        let is_this =
            |known: &Subscription| known.protocol == subscriber.protocol && known.endpoint.eq_ignore_ascii_case(&subscriber.endpoint);
        if !subscriptions.iter().any(is_this) {
            draft.change(Change::Subscribe { topic: topic.to_owned(), subscriber: subscriber.clone() });
        }
    }
    if let Err(why) = heard_by_a_human(subscriptions) {
        let sentence = format!("No human hears of an alarm at `{topic}`: {why}.");
        let fix = "Let somebody on call subscribe and confirm; SNS drops a subscription that nobody confirms within three days.";
        draft.find(Subject::Topic(topic.to_owned()), Severity::High, sentence, fix);
        return;
    }
    for pending in subscriptions.iter().filter(|subscription| subscription.arn.is_none()) {
        let sentence = format!("`{}` ({}) has not confirmed its subscription.", pending.endpoint, pending.protocol);
        draft.find(Subject::Subscription(pending.endpoint.clone()), Severity::Low, sentence, "Follow the link in the message from AWS.");
    }
}

/// Says why nobody hears what is published to a topic.
fn muteness(topic: &Known<Topic>, place: &Place) -> Vec<String> {
    let topic = match topic {
        Known::Is(topic) => topic,
        Known::Absent => return vec!["the topic does not exist".to_owned()],
        Known::Unreadable(reason) => return vec![format!("the topic cannot be read ({reason})")],
    };
    let mut why = Vec::new();
    match alarms_may_publish(topic, place) {
        Verdict::Allowed | Verdict::ThroughAccount => {}
        Verdict::Denied(_) | Verdict::NotAllowed => why.push("the topic's policy lets no alarm publish".to_owned()),
        Verdict::Unclear(reason) => why.push(format!("nobody can say whether the topic's policy lets alarms publish: {reason}")),
    }
    why.extend(key_silences(topic, place));
    match &topic.subscriptions {
        Known::Is(subscriptions) => why.extend(heard_by_a_human(subscriptions).err()),
        Known::Absent => why.push("nobody is subscribed to the topic".to_owned()),
        Known::Unreadable(reason) => why.push(format!("who is subscribed cannot be read ({reason})")),
    }
    why
}

fn heard_by_a_human(subscriptions: &[Subscription]) -> Result<(), String> {
    match audience(subscriptions) {
        Audience::Hears => Ok(()),
        Audience::Nobody if subscriptions.is_empty() => Err("nobody is subscribed to the topic".to_owned()),
        Audience::Nobody => Err("nobody is subscribed to the topic but queues, which nobody reads by themselves".to_owned()),
        Audience::Waiting(people) => Err(format!("no subscription is confirmed ({} wait)", people.len())),
        Audience::Deaf => Err("the filter policy of every confirmed subscription keeps alarms out".to_owned()),
    }
}

/// Which humans a topic reaches.
pub(crate) enum Audience<'a> {
    /// Nobody is subscribed but machines, if any.
    Nobody,
    /// People are subscribed, and none has confirmed.
    Waiting(Vec<&'a Subscription>),
    /// The filter policies of all who have confirmed keep alarms out.
    Deaf,
    /// Somebody hears an alarm.
    Hears,
}

/// Says which humans a topic reaches.
pub(crate) fn audience(subscriptions: &[Subscription]) -> Audience<'_> {
    let people: Vec<&Subscription> = subscriptions.iter().filter(|one| !MACHINES.contains(&one.protocol.as_str())).collect();
    let mut confirmed = people.iter().filter(|one| one.arn.is_some()).peekable();
    if people.is_empty() {
        Audience::Nobody
    } else if confirmed.peek().is_none() {
        Audience::Waiting(people)
    } else if confirmed.any(|one| lets_alarms_pass(one)) {
        Audience::Hears
    } else {
        Audience::Deaf
    }
}

/// An alarm's message carries no attributes, and a filter policy on attributes lets no such message pass: "Using `false` with `exists`
/// only matches if at least one attribute is present" (Amazon SNS Developer Guide, "Key matching"). A policy on the body, which could, is
/// not judged.
fn lets_alarms_pass(subscription: &Subscription) -> bool {
    match &subscription.filter_policy {
        Known::Absent => true,
        Known::Unreadable(_) => false,
        Known::Is(policy) => serde_json::from_str::<Value>(policy).is_ok_and(|policy| policy.as_object().is_some_and(Map::is_empty)),
    }
}

/// Says whether the topic's policy lets this account's alarms publish.
pub(crate) fn alarms_may_publish(topic: &Topic, place: &Place) -> Verdict {
    publishing(&topic.policy, &topic.arn, place)
}

fn publishing(policy: &str, topic: &str, place: &Place) -> Verdict {
    let source_arn = place.arn("cloudwatch", "alarm:any");
    let context = BTreeMap::from([
        ("aws:SourceAccount", place.account.as_str()),
        ("aws:SourceOwner", place.account.as_str()),
        ("aws:SourceArn", source_arn.as_str()),
        ("aws:SecureTransport", "true"),
        ("aws:PrincipalIsAWSService", "true"),
    ]);
    verdict(policy, &Request { principal: Principal::Service(ALARMS), action: "sns:Publish", resource: topic, context })
}

/// Says why no alarm can publish through the key that encrypts a topic.
pub(crate) fn key_silences(topic: &Topic, place: &Place) -> Option<String> {
    let (key_id, policy, serves) = match &topic.key {
        TopicKey::None => return None,
        TopicKey::AwsManaged => return Some("the topic is encrypted with `alias/aws/sns`, which lets no alarm publish".to_owned()),
        TopicKey::CustomerManaged { key_id, policy, serves } => (key_id, policy, serves),
    };
    match serves {
        Known::Is(true) => {}
        Known::Is(false) => return Some(format!("the topic's key `{key_id}` is not enabled")),
        Known::Absent => return Some(format!("the topic's key `{key_id}` does not exist")),
        Known::Unreadable(reason) => return Some(format!("the topic's key `{key_id}` cannot be read ({reason})")),
    }
    let Known::Is(policy) = policy else {
        return Some(format!("the policy of the topic's key `{key_id}` cannot be read"));
    };
    let may = |action: &'static str| {
        let context =
            BTreeMap::from([("aws:SourceAccount", place.account.as_str()), ("kms:EncryptionContext:aws:sns:topicArn", topic.arn.as_str())]);
        verdict(policy, &Request { principal: Principal::Service(ALARMS), action, resource: key_id, context })
    };
    let refused = ["kms:GenerateDataKey", "kms:Decrypt"].into_iter().find(|action| may(action) != Verdict::Allowed)?;
    Some(format!("the policy of the topic's key `{key_id}` does not let {ALARMS} call {refused}"))
}

/// Returns the statements of a topic's policy that do not keep alarms out.
fn statements_that_let_alarms_pass(topic: &Topic, place: &Place) -> Vec<Value> {
    let Ok(Value::Object(mut document)) = serde_json::from_str::<Value>(&topic.policy) else {
        return Vec::new();
    };
    let statements = match document.remove("Statement") {
        Some(Value::Array(statements)) => statements,
        Some(one @ Value::Object(_)) => vec![one],
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => Vec::new(),
    };
    let silences = |statement: &Value| {
        let alone = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
        matches!(publishing(&alone, &topic.arn, place), Verdict::Denied(_))
    };
    statements.into_iter().filter(|statement| !silences(statement)).collect()
}

/// Writes a topic policy that lets this account's alarms publish, beside the statements that are kept.
fn policy(topic: &str, place: &Place, kept: Vec<Value>) -> String {
    let ours = [
        json!({
            "Sid": "AlarmsOfThisAccountMayPublish", "Effect": "Allow", "Principal": { "Service": ALARMS }, "Action": "sns:Publish",
            "Resource": topic, "Condition": { "StringEquals": { "aws:SourceAccount": place.account.as_str() } },
        }),
        json!({
            "Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "sns:Publish", "Resource": topic,
            "Condition": { "Bool": { "aws:SecureTransport": "false" } },
        }),
    ];
    let sids: BTreeSet<&str> = ours.iter().filter_map(|statement| statement.get("Sid")?.as_str()).collect();
    let is_replaced = |statement: &Value| statement.get("Sid").and_then(Value::as_str).is_some_and(|sid| sids.contains(sid));
    let kept: Vec<Value> = kept.into_iter().filter(|statement| !is_replaced(statement)).collect();
    let statements: Vec<Value> = ours.iter().cloned().chain(kept).collect();
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

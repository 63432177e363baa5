//! What a call acted on. Keys are named in up to four places; the order of trust is: a key's ARN in `resources`, the answer,
//! the request, and, for a call that was refused, the error's message.
//!
//! A key that is named by its id alone is completed with the Region, the owner's account and the partition of the record. An alias is
//! never resolved, and never taken for a key.

use std::collections::BTreeSet;

use reprieve_core::monitoring::event;
use reprieve_core::{AccountId, Actor, CallOutcome, KeyArn, Partition, Region, Target, id};
use serde_json::Value;

use crate::error::{kind, shorten, shorten_value};
use crate::fields::{Fields, Oddities};

/// What `resources` lists.
#[derive(Debug, Default)]
pub(super) struct Resources {
    arns: Vec<String>,
    /// The account of the first resource that names one.
    owner: Option<AccountId>,
    path: String,
}

impl Resources {
    pub(super) fn read(record: &Fields<'_>, odd: &mut Oddities) -> Self {
        let path = record.path("resources");
        let mut resources = Self { path: path.clone(), ..Self::default() };
        let Some(value) = record.value("resources", odd).cloned() else {
            return resources;
        };
        match &value {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    resources.read_item(item, &format!("{path}[{index}]"), odd);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                odd.note(path.clone(), format!("is {} where a list is expected: `{}`", kind(&value), shorten_value(&value)));
                match value {
                    Value::String(text) => resources.arns.push(text),
                    Value::Object(_) => resources.read_item(&value, &path, odd),
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {}
                }
            }
        }
        resources
    }

    fn read_item(&mut self, item: &Value, path: &str, odd: &mut Oddities) {
        match item {
            Value::Object(object) => {
                let fields = Fields::new(object, path);
                let arn = ["ARN", "arn", "ARNPrefix"].iter().find_map(|name| object.get(*name)?.as_str());
                match arn {
                    Some(arn) => self.arns.push(arn.to_owned()),
                    None if object.contains_key("type") => {}
                    None => odd.note(path, format!("names no ARN: `{}`", shorten_value(item))),
                }
                let owner = super::read_account(&fields, "accountId", odd);
                self.owner = self.owner.take().or(owner);
            }
            Value::String(text) => {
                odd.note(path, format!("is a string where an object is expected: `{}`", shorten(text)));
                self.arns.push(text.clone());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
                odd.note(path, format!("is {} where an object is expected: `{}`", kind(item), shorten_value(item)));
            }
        }
    }

    fn keys(&self) -> Vec<KeyArn> {
        self.arns.iter().filter_map(|arn| KeyArn::parse(arn).ok()).collect()
    }

    pub(super) fn names_a_key(&self) -> bool {
        !self.keys().is_empty()
    }
}

/// The parts of a record from which a target is told.
pub(super) struct Call<'a> {
    pub(super) record: &'a Fields<'a>,
    pub(super) source: &'a str,
    pub(super) name: &'a str,
    pub(super) request: &'a Fields<'a>,
    pub(super) response: &'a Fields<'a>,
    pub(super) resources: &'a Resources,
    pub(super) region: Option<&'a Region>,
    pub(super) account: Option<&'a AccountId>,
    pub(super) actor: &'a Actor,
    pub(super) outcome: &'a CallOutcome,
}

/// A key as one place of the record names it.
struct Mention {
    path: String,
    text: String,
}

/// Tells the target of a KMS call.
pub(super) fn of_kms_call(call: &Call<'_>, odd: &mut Oddities) -> Target {
    if call.name.ends_with("CustomKeyStore") || call.name.ends_with("CustomKeyStores") {
        return key_store(call, odd);
    }
    let mentions = mentions(call, odd);
    if let Some(target) = pick_listed(&mentions, call, odd) {
        return target;
    }
    for mention in &mentions {
        if let Some(key) = complete(&mention.text, call) {
            return Target::Key(key);
        }
    }
    if let Some(key) = key_in_error_message(call, odd) {
        return Target::Key(key);
    }
    if let Some(mention) = mentions.into_iter().next() {
        if id::is_key_id(&mention.text) {
            odd.note(mention.path, format!("names `{}`, and nothing says whose key that is, or where it lives", shorten(&mention.text)));
        }
        return Target::Named(mention.text);
    }
    let named = call.request.text("aliasName", odd).or_else(|| call.resources.arns.first().cloned());
    named.map_or(Target::Unnamed, Target::Named)
}

/// Where the calls that can change the monitoring name what they act on, by service, the most telling first.
const MONITORING_PARAMETERS: [(&str, &[&str]); 5] = [
    ("cloudtrail.amazonaws.com", &["name", "trailName", "resourceId"]),
    ("logs.amazonaws.com", &["filterName", "logGroupName", "resourceArn"]),
    ("monitoring.amazonaws.com", &["alarmName", "alarmNames", "resourceARN"]),
    ("sns.amazonaws.com", &["topicArn", "subscriptionArn", "resourceArn"]),
    ("events.amazonaws.com", &["name", "rule", "resourceARN"]),
];

/// Tells the target of a call to another service: the first thing named, never a key to act on.
pub(super) fn of_other_call(call: &Call<'_>, odd: &mut Oddities) -> Target {
    if event::calls().any(|known| known == (call.source, call.name))
        && let Some(named) = named_by_monitoring_call(call, odd)
    {
        return Target::Named(named);
    }
    let region_name = || if call.name.ends_with("Region") { call.request.text("RegionName", odd) } else { None };
    call.resources.arns.first().cloned().or_else(region_name).map_or(Target::Unnamed, Target::Named)
}

/// Returns the name or ARN that the request of such a call gives; several alarms are separated by `, `. A subscription is named by its
/// topic, which is what has lost it.
fn named_by_monitoring_call(call: &Call<'_>, odd: &mut Oddities) -> Option<String> {
    let (_, parameters) = MONITORING_PARAMETERS.iter().find(|(source, _)| *source == call.source)?;
    parameters.iter().find_map(|parameter| match *parameter {
        "alarmNames" => call.request.texts(parameter, odd).map(|names| names.join(", ")),
        "subscriptionArn" => call.request.text(parameter, odd).map(|arn| topic_of_subscription(&arn).to_owned()),
        _ => call.request.text(parameter, odd),
    })
}

/// A subscription's ARN is its topic's with an id behind it: `arn:aws:sns:REGION:ACCOUNT:TOPIC:ID`.
fn topic_of_subscription(arn: &str) -> &str {
    match arn.rsplit_once(':') {
        Some((topic, _)) if arn.split(':').count() == 7 => topic,
        Some(_) | None => arn,
    }
}

fn key_store(call: &Call<'_>, odd: &mut Oddities) -> Target {
    let id = call.request.text("customKeyStoreId", odd).or_else(|| call.response.text("customKeyStoreId", odd));
    if let Some(id) = id {
        return Target::KeyStore(id);
    }
    call.request.text("customKeyStoreName", odd).map_or(Target::Unnamed, Target::Named)
}

/// Collects where the record names a key, besides `resources`, in the order of trust.
fn mentions(call: &Call<'_>, odd: &mut Oddities) -> Vec<Mention> {
    let service_details = call.record.object("serviceEventDetails", odd);
    let metadata = call.response.object("keyMetadata", odd);
    let places: [(&Fields<'_>, &[&str]); 4] = [
        (call.response, &["keyId"]),
        (&metadata, &["arn"]),
        (call.request, &["keyId", "targetKeyId", "sourceKeyId", "destinationKeyId"]),
        (&service_details, &["keyId"]),
    ];
    let mut mentions = Vec::new();
    for (fields, names) in places {
        for name in names {
            if let Some(text) = fields.text(name, odd) {
                mentions.push(Mention { path: fields.path(name), text });
            }
        }
    }
    mentions
}

/// Picks the key out of `resources`: the only one, or the one that another place of the record names too. Between several that
/// nothing tells apart, none is picked. `None` where `resources` lists no key.
fn pick_listed(mentions: &[Mention], call: &Call<'_>, odd: &mut Oddities) -> Option<Target> {
    let listed: BTreeSet<KeyArn> = call.resources.keys().into_iter().collect();
    let only = || if listed.len() == 1 { listed.first() } else { None };
    let matching = mentions.iter().find_map(|mention| listed.iter().find(|key| names(&mention.text, key)));
    let Some(key) = matching.or_else(only) else {
        let all = listed.iter().map(KeyArn::as_str).collect::<Vec<_>>().join(", ");
        if listed.is_empty() {
            return None;
        }
        odd.note(call.resources.path.clone(), format!("names {} keys, and nothing says which is meant", listed.len()));
        return Some(Target::Named(all));
    };
    for mention in mentions {
        let is_a_key = id::is_key_id(&mention.text) || KeyArn::parse(&mention.text).is_ok();
        if is_a_key && !listed.iter().any(|key| names(&mention.text, key)) {
            let what = format!("names another key than `{}`, which is trusted more: `{}`", call.resources.path, shorten(&mention.text));
            odd.note(mention.path.clone(), what);
        }
    }
    note_other_region(key, call, odd);
    Some(Target::Key(key.clone()))
}

fn note_other_region(key: &KeyArn, call: &Call<'_>, odd: &mut Oddities) {
    let lives_in = key.region();
    if let Some(region) = call.region.filter(|region| **region != lives_in) {
        odd.note(call.record.path("awsRegion"), format!("is {region}, but the key lives in {lives_in}"));
    }
}

/// Says whether a text, an ARN or a bare id, names this key.
fn names(text: &str, key: &KeyArn) -> bool {
    text == key.as_str() || text == key.key_id()
}

/// Completes a key's name to its ARN; `None` for an alias, and where the record does not say whose key it is or where it lives.
fn complete(text: &str, call: &Call<'_>) -> Option<KeyArn> {
    if let Ok(key) = KeyArn::parse(text) {
        return Some(key);
    }
    if !id::is_key_id(text) {
        return None;
    }
    let region = call.region?;
    let account = call.resources.owner.as_ref().or(call.account)?;
    let partition = partition(call.actor).unwrap_or_else(|| region.partition());
    KeyArn::new(&partition, region, account, text).ok()
}

/// Credentials never cross partitions, so the caller's ARN tells the partition of what was called.
fn partition(actor: &Actor) -> Option<Partition> {
    Partition::parse(actor.arn.as_deref()?.strip_prefix("arn:")?.split(':').next()?).ok()
}

/// A refused call often leaves nothing but its message: `... is not authorized to perform: kms:DisableKey on resource: arn:...`.
fn key_in_error_message(call: &Call<'_>, odd: &mut Oddities) -> Option<KeyArn> {
    let CallOutcome::Refused { message: Some(message), .. } = call.outcome else {
        return None;
    };
    let word = |text: &str| KeyArn::parse(text.trim_matches(|c: char| !c.is_ascii_alphanumeric())).ok();
    let key = message.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '(' | ')')).find_map(word)?;
    odd.note(call.record.path("errorMessage"), "is the only place that names the key");
    Some(key)
}

/// Tells the target of one of KMS's own EventBridge events: a key's ARN in `resources`, else `detail.key-id`.
pub(crate) fn of_native_event(envelope: &Fields<'_>, account: Option<&AccountId>, region: Option<&Region>, odd: &mut Oddities) -> Target {
    let resources = listed_arns(envelope, odd);
    if let Some(key) = resources.iter().find_map(|arn| KeyArn::parse(arn).ok()) {
        return Target::Key(key);
    }
    let detail = envelope.object("detail", odd);
    let Some(key_id) = detail.text("key-id", odd).or_else(|| detail.text("keyId", odd)) else {
        return resources.into_iter().next().map_or(Target::Unnamed, Target::Named);
    };
    odd.note(envelope.path("resources"), "names no key; `detail.key-id` is used");
    let completed = KeyArn::parse(&key_id).ok().or_else(|| KeyArn::new(&region?.partition(), region?, account?, &key_id).ok());
    completed.map_or(Target::Named(key_id), Target::Key)
}

/// Tells the target of another service's EventBridge event: the first resource, never a key to act on.
pub(crate) fn of_foreign_event(envelope: &Fields<'_>, odd: &mut Oddities) -> Target {
    listed_arns(envelope, odd).into_iter().next().map_or(Target::Unnamed, Target::Named)
}

/// An envelope's `resources` is a list of ARNs.
fn listed_arns(envelope: &Fields<'_>, odd: &mut Oddities) -> Vec<String> {
    match envelope.value("resources", odd).cloned() {
        None => Vec::new(),
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect(),
        Some(value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_))) => {
            odd.note(envelope.path("resources"), format!("is {} where a list is expected: `{}`", kind(&value), shorten_value(&value)));
            value.as_str().map(ToOwned::to_owned).into_iter().collect()
        }
    }
}

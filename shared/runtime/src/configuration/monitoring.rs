//! What the function that keeps the monitoring is configured with: the basics, and what is asked for.

use std::ops::RangeInclusive;

use reprieve_core::monitoring::desired::{MINIMUM_RETENTION_DAYS, bucket_and_prefix};
use reprieve_core::monitoring::world::Place;
use reprieve_core::monitoring::{
    Baseline, CisVersion, Desired, DriftRule, GuardRule, PatternMode, RuleWish, Subscriber, TopicWish, TrailWish,
};
use reprieve_core::{KeyArn, RoleArn};

use super::reader::{Reader, arn_of, entries, flag, name_of, optional, role, text_of};
use super::{Basics, ConfigurationError, Surroundings};
use crate::environment::{
    ADDITIONAL_FILTERS, CIS_VERSION, DRIFT_DEAD_LETTER_ARN, DRIFT_QUEUE_ARN, DRIFT_RULES, FILTER_NAMESPACE, FUNCTION_ROLE_ARN,
    GUARD_DEAD_LETTER_ARN, GUARD_QUEUE_ARN, GUARD_RULES, NOTICE_TOPIC_ARN, PATTERN_MODE, SUBSCRIBERS, TRAIL_BUCKET, TRAIL_KEY_ARN,
    TRAIL_LOG_GROUP, TRAIL_LOG_ROLE_ARN, TRAIL_NAME, TRAIL_RETENTION_DAYS, Variable,
};

/// The retentions that CloudWatch Logs offers, in days, from [`MINIMUM_RETENTION_DAYS`] on.
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>.
const RETENTIONS_DAYS: [u32; 11] = [MINIMUM_RETENTION_DAYS, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// The lengths of a bucket's name, and of a prefix in it.
/// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_CreateTrail.html>.
const BUCKET_LENGTHS: RangeInclusive<usize> = 3..=63;
const PREFIX_LENGTHS: RangeInclusive<usize> = 1..=200;

/// What SNS sends through to people and machines.
const PROTOCOLS: [&str; 7] = ["email", "email-json", "https", "sqs", "lambda", "sms", "firehose"];

/// What the function that keeps the monitoring is configured with.
#[derive(Debug, Clone)]
pub struct MonitoringConfiguration {
    /// What every function is configured with.
    pub basics: Basics,
    /// The function's own role.
    pub function_role: RoleArn,
    /// What is asked for.
    pub desired: Desired,
}

impl MonitoringConfiguration {
    /// Parses the configuration. `lookup` returns the value of a variable, `None` where it is not set.
    ///
    /// # Errors
    /// Names every wrong variable at once.
    pub fn parse(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigurationError> {
        let mut reader = Reader::new(lookup);
        let basics = Basics::read(&mut reader);
        if let Some(basics) = &basics {
            check_region_of_topic(&mut reader, &basics.surroundings);
        }
        let function_role = reader.read(FUNCTION_ROLE_ARN, role);
        let baseline = read_baseline(&mut reader);
        let trail = read_trail(&mut reader);
        let log_group = reader.read(TRAIL_LOG_GROUP, name_of(1..=512, b"_.-/#"));
        let retention_days = reader.read(TRAIL_RETENTION_DAYS, |text| {
            text.parse().ok().filter(|days| RETENTIONS_DAYS.contains(days)).ok_or_else(|| "is none of them".to_owned())
        });
        let namespace = reader.read(FILTER_NAMESPACE, |text| {
            let is_ours = !text.starts_with("AWS/");
            text_of(1..=255)(text).and_then(|text| if is_ours { Ok(text) } else { Err("belongs to AWS".to_owned()) })
        });
        let subscribers = reader.read(SUBSCRIBERS, subscribers);
        let rules = read_rules(&mut reader);
        let assembled = || {
            let (basics, function_role) = (basics?, function_role?);
            let Surroundings { notice_topic_arn, region, .. } = &basics.surroundings;
            let place = Place { partition: region.partition(), account: function_role.account(), region: region.clone() };
            let desired = Desired {
                place,
                baseline: baseline?,
                trail: trail?,
                log_group: log_group?,
                retention_days: retention_days?,
                topic: TopicWish { arn: notice_topic_arn.clone(), subscribers: subscribers? },
                namespace: namespace?,
                rules: rules?,
            };
            Some(Self { basics, function_role, desired })
        };
        reader.finish(assembled())
    }
}

/// An alarm publishes within its Region alone.
fn check_region_of_topic(
    reader: &mut Reader<impl Fn(&str) -> Option<String>>,
    Surroundings { notice_topic_arn, region, .. }: &Surroundings,
) {
    if notice_topic_arn.split(':').nth(3).unwrap_or_default() != region.as_str() {
        let what = format!("`{notice_topic_arn}` is not in {region}, where the alarms are");
        reader.complain(NOTICE_TOPIC_ARN, &what);
    }
}

fn read_baseline(reader: &mut Reader<impl Fn(&str) -> Option<String>>) -> Option<Baseline> {
    let version = reader.read(CIS_VERSION, |text| CisVersion::parse(text).map_err(|_| "is none".to_owned()));
    let mode = reader.read(PATTERN_MODE, |text| PatternMode::parse(text).map_err(|_| "is neither".to_owned()));
    let additional = reader.read(ADDITIONAL_FILTERS, flag);
    Some(Baseline::of(version?, mode?, additional?))
}

fn read_trail(reader: &mut Reader<impl Fn(&str) -> Option<String>>) -> Option<TrailWish> {
    let name = reader.read(TRAIL_NAME, name_of(3..=128, b"._-"));
    let files = reader.read(TRAIL_BUCKET, files_of_trail);
    let key_arn = reader.read(TRAIL_KEY_ARN, optional(|text| KeyArn::parse(text).map_err(|error| error.to_string())));
    let log_role_arn = reader.read(TRAIL_LOG_ROLE_ARN, optional(|text| role(text).map(|role| role.to_string())));
    let (bucket, prefix) = files?;
    Some(TrailWish { name: name?, bucket, prefix, key_arn: key_arn?.map(|key| key.to_string()), log_role_arn: log_role_arn? })
}

/// Reads where the trail writes to: nothing, a bucket, or a bucket and a prefix.
fn files_of_trail(text: &str) -> Result<(Option<String>, Option<String>), String> {
    let (bucket, prefix) = bucket_and_prefix(Some(text));
    for (part, lengths) in [(&bucket, BUCKET_LENGTHS), (&prefix, PREFIX_LENGTHS)] {
        part.as_deref().map(text_of(lengths)).transpose()?;
    }
    if bucket.is_none() && !text.is_empty() { Err("names no bucket".to_owned()) } else { Ok((bucket, prefix)) }
}

fn subscribers(text: &str) -> Result<Vec<Subscriber>, String> {
    let subscriber = |(protocol, endpoint): (&str, &str)| {
        if PROTOCOLS.contains(&protocol) {
            Ok(Subscriber { protocol: protocol.to_owned(), endpoint: endpoint.to_owned() })
        } else {
            Err(format!("has the protocol `{protocol}`"))
        }
    };
    entries(text)?.into_iter().map(subscriber).collect()
}

fn read_rules(reader: &mut Reader<impl Fn(&str) -> Option<String>>) -> Option<Vec<RuleWish>> {
    let of_the_guard = read_rules_of(reader, [GUARD_RULES, GUARD_QUEUE_ARN, GUARD_DEAD_LETTER_ARN], |kind| {
        GuardRule::parse(kind).map(|rule| rule.pattern().to_owned()).map_err(|error| error.to_string())
    });
    let of_drift = read_rules_of(reader, [DRIFT_RULES, DRIFT_QUEUE_ARN, DRIFT_DEAD_LETTER_ARN], |kind| {
        DriftRule::parse(kind).map(DriftRule::pattern).map_err(|error| error.to_string())
    });
    Some([of_the_guard?, of_drift?].concat())
}

/// Reads the rules that feed one queue, which is needed where there is one. `pattern` returns that of a kind of rule.
fn read_rules_of(
    reader: &mut Reader<impl Fn(&str) -> Option<String>>,
    [rules, queue, dead_letter]: [Variable; 3],
    pattern: impl Fn(&str) -> Result<String, String>,
) -> Option<Vec<RuleWish>> {
    let named = reader.read(rules, |text| {
        let rule = |(kind, name): (&str, &str)| Ok((name.to_owned(), pattern(kind)?));
        entries(text)?.into_iter().map(rule).collect::<Result<Vec<(String, String)>, String>>()
    });
    let target_arn = reader.read(queue, optional(arn_of("sqs")));
    let dead_letter_arn = reader.read(dead_letter, optional(arn_of("sqs")));
    let (named, target_arn, dead_letter_arn) = (named?, target_arn?, dead_letter_arn?);
    if named.is_empty() {
        return Some(Vec::new());
    }
    for (variable, value) in [(queue, &target_arn), (dead_letter, &dead_letter_arn)] {
        if value.is_none() {
            reader.complain(variable, &format!("is empty, but `{}` names rules", rules.name));
        }
    }
    let (target_arn, dead_letter_arn) = (target_arn?, dead_letter_arn?);
    let wish = |(name, pattern): (String, String)| RuleWish {
        name,
        pattern,
        target_arn: target_arn.clone(),
        dead_letter_arn: dead_letter_arn.clone(),
    };
    Some(named.into_iter().map(wish).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use reprieve_core::Mode;

    use super::*;

    fn good() -> HashMap<&'static str, &'static str> {
        HashMap::from([
            ("REPRIEVE_AUDIT_BUCKET", "reprieve-audit"),
            ("REPRIEVE_NOTICE_TOPIC_ARN", "arn:aws:sns:eu-central-1:111122223333:reprieve"),
            ("REPRIEVE_FUNCTION_ROLE_ARN", "arn:aws:iam::111122223333:role/reprieve-monitoring"),
            ("AWS_REGION", "eu-central-1"),
        ])
    }

    fn parse(changes: &[(&'static str, &'static str)]) -> Result<MonitoringConfiguration, ConfigurationError> {
        let mut variables = good();
        variables.extend(changes.iter().copied());
        MonitoringConfiguration::parse(|name| variables.get(name).map(ToString::to_string))
    }

    fn wrong(changes: &[(&'static str, &'static str)]) -> Vec<&'static str> {
        parse(changes).unwrap_err().wrong.into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn defaults_ask_for_everything_and_change_nothing() {
        let configuration = parse(&[]).unwrap();
        let desired = &configuration.desired;
        assert_eq!(configuration.basics.mode, Mode::Observe);
        assert_eq!((desired.place.account.as_str(), desired.place.partition.as_str()), ("111122223333", "aws"));
        assert_eq!(desired.baseline, Baseline::of(CisVersion::V5_0, PatternMode::ByMatching, true));
        let trail = TrailWish { name: "reprieve".to_owned(), bucket: None, prefix: None, key_arn: None, log_role_arn: None };
        assert_eq!(desired.trail, trail);
        assert_eq!((desired.log_group.as_str(), desired.retention_days), ("/reprieve/cloudtrail", MINIMUM_RETENTION_DAYS));
        assert_eq!((desired.rules.len(), desired.topic.subscribers.len()), (0, 0));
    }

    #[test]
    fn lists_are_read_entry_by_entry() {
        let configuration = parse(&[
            ("REPRIEVE_SUBSCRIBERS", "email=security@example.com, https=https://example.com/hook?a=b,"),
            ("REPRIEVE_GUARD_RULES", "key-api-calls=reprieve-calls,region-opt-out=reprieve-regions"),
            ("REPRIEVE_GUARD_QUEUE_ARN", "arn:aws:sqs:eu-central-1:111122223333:reprieve"),
            ("REPRIEVE_GUARD_DEAD_LETTER_ARN", "arn:aws:sqs:eu-central-1:111122223333:reprieve-dlq"),
        ]);
        let desired = configuration.unwrap().desired;
        let subscriber = |protocol: &str, endpoint: &str| Subscriber { protocol: protocol.to_owned(), endpoint: endpoint.to_owned() };
        assert_eq!(
            desired.topic.subscribers,
            [subscriber("email", "security@example.com"), subscriber("https", "https://example.com/hook?a=b")]
        );
        let rules: Vec<_> = desired.rules.iter().map(|rule| (rule.name.as_str(), rule.pattern.as_str())).collect();
        assert_eq!(rules, [("reprieve-calls", GuardRule::KeyApiCalls.pattern()), ("reprieve-regions", GuardRule::RegionOptOut.pattern())]);
    }

    #[test]
    fn the_rules_of_the_guard_and_those_of_drift_feed_a_queue_each() {
        let configuration = parse(&[
            ("REPRIEVE_GUARD_RULES", "region-opt-out=reprieve-regions"),
            ("REPRIEVE_GUARD_QUEUE_ARN", "arn:aws:sqs:eu-central-1:111122223333:reprieve"),
            ("REPRIEVE_GUARD_DEAD_LETTER_ARN", "arn:aws:sqs:eu-central-1:111122223333:reprieve-dlq"),
            ("REPRIEVE_DRIFT_RULES", "trail=reprieve-trail-drift,rule=reprieve-rule-drift"),
            ("REPRIEVE_DRIFT_QUEUE_ARN", "arn:aws:sqs:eu-central-1:111122223333:drift"),
            ("REPRIEVE_DRIFT_DEAD_LETTER_ARN", "arn:aws:sqs:eu-central-1:111122223333:drift-dlq"),
        ]);
        let wish = |name: &str, pattern: &str, queue: &str| RuleWish {
            name: name.to_owned(),
            pattern: pattern.to_owned(),
            target_arn: format!("arn:aws:sqs:eu-central-1:111122223333:{queue}"),
            dead_letter_arn: format!("arn:aws:sqs:eu-central-1:111122223333:{queue}-dlq"),
        };
        assert_eq!(
            configuration.unwrap().desired.rules,
            [
                wish("reprieve-regions", GuardRule::RegionOptOut.pattern(), "reprieve"),
                wish("reprieve-trail-drift", &DriftRule::Trail.pattern(), "drift"),
                wish("reprieve-rule-drift", &DriftRule::Rule.pattern(), "drift"),
            ]
        );
    }

    #[test]
    fn a_trail_writes_to_a_bucket_perhaps_under_a_prefix_and_encrypts_with_a_key() {
        let key = "arn:aws:kms:eu-central-1:111122223333:key/trail";
        let trail = parse(&[("REPRIEVE_TRAIL_BUCKET", "trails/corp"), ("REPRIEVE_TRAIL_KEY_ARN", key)]).unwrap().desired.trail;
        assert_eq!((trail.bucket.as_deref(), trail.prefix.as_deref(), trail.key_arn.as_deref()), (Some("trails"), Some("corp"), Some(key)));
        let trail = parse(&[("REPRIEVE_TRAIL_BUCKET", "trails")]).unwrap().desired.trail;
        assert_eq!((trail.bucket.as_deref(), trail.prefix, trail.key_arn), (Some("trails"), None, None));
        for bucket in ["a", "a/corp", "/corp", "trails/a b"] {
            assert_eq!(wrong(&[("REPRIEVE_TRAIL_BUCKET", bucket)]), ["REPRIEVE_TRAIL_BUCKET"], "{bucket}");
        }
        assert_eq!(wrong(&[("REPRIEVE_TRAIL_KEY_ARN", "alias/trail")]), ["REPRIEVE_TRAIL_KEY_ARN"]);
    }

    #[test]
    fn every_wrong_variable_is_named_at_once_in_the_order_of_the_table() {
        let names = wrong(&[
            ("REPRIEVE_MODE", "enforced"),
            ("REPRIEVE_FUNCTION_ROLE_ARN", "reprieve-monitoring"),
            ("REPRIEVE_CIS_VERSION", "2.0"),
            ("REPRIEVE_PATTERN_MODE", "by-text"),
            ("REPRIEVE_ADDITIONAL_FILTERS", "yes"),
            ("REPRIEVE_TRAIL_NAME", "a"),
            ("REPRIEVE_TRAIL_LOG_ROLE_ARN", "role"),
            ("REPRIEVE_TRAIL_LOG_GROUP", "a b"),
            ("REPRIEVE_TRAIL_RETENTION_DAYS", "366"),
            ("REPRIEVE_FILTER_NAMESPACE", "AWS/Logs"),
            ("REPRIEVE_SUBSCRIBERS", "fax=1"),
            ("REPRIEVE_GUARD_RULES", "key-calls=x"),
            ("REPRIEVE_GUARD_QUEUE_ARN", "queue"),
            ("REPRIEVE_DRIFT_RULES", "trails=x"),
        ]);
        assert_eq!(
            names,
            [
                "REPRIEVE_MODE",
                "REPRIEVE_FUNCTION_ROLE_ARN",
                "REPRIEVE_CIS_VERSION",
                "REPRIEVE_PATTERN_MODE",
                "REPRIEVE_ADDITIONAL_FILTERS",
                "REPRIEVE_TRAIL_NAME",
                "REPRIEVE_TRAIL_LOG_ROLE_ARN",
                "REPRIEVE_TRAIL_LOG_GROUP",
                "REPRIEVE_TRAIL_RETENTION_DAYS",
                "REPRIEVE_FILTER_NAMESPACE",
                "REPRIEVE_SUBSCRIBERS",
                "REPRIEVE_GUARD_RULES",
                "REPRIEVE_GUARD_QUEUE_ARN",
                "REPRIEVE_DRIFT_RULES",
            ]
        );
    }

    #[test]
    fn what_only_makes_sense_together_is_asked_for_together() {
        assert_eq!(wrong(&[("REPRIEVE_GUARD_RULES", "key-api-calls=x")]), ["REPRIEVE_GUARD_QUEUE_ARN", "REPRIEVE_GUARD_DEAD_LETTER_ARN"]);
        assert_eq!(wrong(&[("REPRIEVE_DRIFT_RULES", "trail=x")]), ["REPRIEVE_DRIFT_QUEUE_ARN", "REPRIEVE_DRIFT_DEAD_LETTER_ARN"]);
        assert_eq!(wrong(&[("AWS_REGION", "us-east-1")]), ["REPRIEVE_NOTICE_TOPIC_ARN"]);
    }
}

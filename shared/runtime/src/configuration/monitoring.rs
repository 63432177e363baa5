//! What the function that keeps the monitoring is configured with: the basics, and what is asked for.

use reprieve_core::RoleArn;
use reprieve_core::monitoring::desired::MINIMUM_RETENTION_DAYS;
use reprieve_core::monitoring::world::Place;
use reprieve_core::monitoring::{Baseline, CisVersion, Desired, GuardRule, PatternMode, RuleWish, Subscriber, TopicWish, TrailWish};

use super::reader::{Reader, arn_of, entries, name_of, optional, role, text_of};
use super::{Basics, ConfigurationError};
use crate::environment::{
    ADDITIONAL_FILTERS, CIS_VERSION, FILTER_NAMESPACE, FUNCTION_ROLE_ARN, GUARD_DEAD_LETTER_ARN, GUARD_QUEUE_ARN, GUARD_RULES,
    NOTICE_TOPIC_ARN, PATTERN_MODE, SUBSCRIBERS, TRAIL_BUCKET, TRAIL_LOG_GROUP, TRAIL_LOG_ROLE_ARN, TRAIL_NAME, TRAIL_RETENTION_DAYS,
};

/// The retentions that CloudWatch Logs offers, in days, from [`MINIMUM_RETENTION_DAYS`] on.
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>.
const RETENTIONS_DAYS: [u32; 11] = [MINIMUM_RETENTION_DAYS, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

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
            check_region_of_topic(&mut reader, basics);
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
            let place = Place { partition: basics.region.partition(), account: function_role.account(), region: basics.region.clone() };
            let desired = Desired {
                place,
                baseline: baseline?,
                trail: trail?,
                log_group: log_group?,
                retention_days: retention_days?,
                topic: TopicWish { arn: basics.notice_topic_arn.clone(), subscribers: subscribers? },
                namespace: namespace?,
                rules: rules?,
            };
            Some(Self { basics, function_role, desired })
        };
        reader.finish(assembled())
    }
}

/// An alarm publishes within its Region alone.
fn check_region_of_topic(reader: &mut Reader<impl Fn(&str) -> Option<String>>, basics: &Basics) {
    let region = basics.notice_topic_arn.split(':').nth(3).unwrap_or_default();
    if region != basics.region.as_str() {
        let what = format!("`{}` is not in {}, where the alarms are", basics.notice_topic_arn, basics.region);
        reader.complain(NOTICE_TOPIC_ARN, &what);
    }
}

fn read_baseline(reader: &mut Reader<impl Fn(&str) -> Option<String>>) -> Option<Baseline> {
    let version = reader.read(CIS_VERSION, |text| CisVersion::parse(text).map_err(|_| "is none".to_owned()));
    let mode = reader.read(PATTERN_MODE, |text| PatternMode::parse(text).map_err(|_| "is neither".to_owned()));
    let additional = reader.read(ADDITIONAL_FILTERS, |text| match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("is neither".to_owned()),
    });
    Some(Baseline::of(version?, mode?, additional?))
}

fn read_trail(reader: &mut Reader<impl Fn(&str) -> Option<String>>) -> Option<TrailWish> {
    let name = reader.read(TRAIL_NAME, name_of(3..=128, b"._-"));
    let bucket = reader.read(TRAIL_BUCKET, optional(text_of(3..=63)));
    let log_role_arn = reader.read(TRAIL_LOG_ROLE_ARN, optional(|text| role(text).map(|role| role.to_string())));
    Some(TrailWish { name: name?, bucket: bucket?, log_role_arn: log_role_arn? })
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
    let rules = reader.read(GUARD_RULES, |text| {
        let rule = |(kind, name): (&str, &str)| Ok((GuardRule::parse(kind).map_err(|error| error.to_string())?, name.to_owned()));
        entries(text)?.into_iter().map(rule).collect::<Result<Vec<(GuardRule, String)>, String>>()
    });
    let queue = reader.read(GUARD_QUEUE_ARN, optional(arn_of("sqs")));
    let dead_letter = reader.read(GUARD_DEAD_LETTER_ARN, optional(arn_of("sqs")));
    let (rules, queue, dead_letter) = (rules?, queue?, dead_letter?);
    if rules.is_empty() {
        return Some(Vec::new());
    }
    for (variable, value) in [(GUARD_QUEUE_ARN, &queue), (GUARD_DEAD_LETTER_ARN, &dead_letter)] {
        if value.is_none() {
            reader.complain(variable, &format!("is empty, but `{}` names rules", GUARD_RULES.name));
        }
    }
    let (target_arn, dead_letter_arn) = (queue?, dead_letter?);
    let wish = |(rule, name): (GuardRule, String)| RuleWish {
        name,
        pattern: rule.pattern().to_owned(),
        target_arn: target_arn.clone(),
        dead_letter_arn: dead_letter_arn.clone(),
    };
    Some(rules.into_iter().map(wish).collect())
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
        assert_eq!(desired.trail, TrailWish { name: "reprieve".to_owned(), bucket: None, log_role_arn: None });
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
            ]
        );
    }

    #[test]
    fn what_only_makes_sense_together_is_asked_for_together() {
        assert_eq!(wrong(&[("REPRIEVE_GUARD_RULES", "key-api-calls=x")]), ["REPRIEVE_GUARD_QUEUE_ARN", "REPRIEVE_GUARD_DEAD_LETTER_ARN"]);
        assert_eq!(wrong(&[("AWS_REGION", "us-east-1")]), ["REPRIEVE_NOTICE_TOPIC_ARN"]);
    }
}

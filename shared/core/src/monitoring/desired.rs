//! What is asked for: by the deployment's configuration and the baseline.

use serde::{Deserialize, Serialize};

use super::baseline::Baseline;
use super::world::Place;

/// Retention that auditors ask for, in days (CIS, PCI DSS 10.5.1).
pub const MINIMUM_RETENTION_DAYS: u32 = 365;

/// Everything that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desired {
    /// Where.
    pub place: Place,
    /// What must be watched.
    pub baseline: Baseline,
    /// The trail.
    pub trail: TrailWish,
    /// The log group that our own trail feeds.
    pub log_group: String,
    /// How long log events are kept at least, in days.
    pub retention_days: u32,
    /// Who is told.
    pub topic: TopicWish,
    /// The namespace of our metrics.
    pub namespace: String,
    /// The event rules that feed the guard, and those that tell of drift.
    pub rules: Vec<RuleWish>,
}

/// The trail that is made where none satisfies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailWish {
    /// Its name. A trail of this name is in our care, whoever made it, because the configuration says so.
    pub name: String,
    /// The bucket that it writes to. Without one, no trail can be made, and where one that stands writes to is not judged.
    pub bucket: Option<String>,
    /// The prefix of its files in that bucket, where there is to be one.
    pub prefix: Option<String>,
    /// The KMS key that encrypts its files, by ARN. Without one, what stands is kept, and one of another account is told.
    pub key_arn: Option<String>,
    /// The role by which it feeds the log group. Without one, none can be fed.
    pub log_role_arn: Option<String>,
}

/// Splits `BUCKET` or `BUCKET/PREFIX`, as a configuration names where a trail writes to, into the two.
#[must_use]
pub fn bucket_and_prefix(named: Option<&str>) -> (Option<String>, Option<String>) {
    let (bucket, prefix) = named.map(|named| named.split_once('/').unwrap_or((named, ""))).unwrap_or_default();
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    (some(bucket), some(prefix.trim_matches('/')))
}

/// The topic that alarms publish to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicWish {
    /// Its ARN, which says its name too: a deleted topic is made again under it.
    pub arn: String,
    /// Who is subscribed.
    pub subscribers: Vec<Subscriber>,
}

/// Who is to be subscribed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscriber {
    /// `email`, `https`, `sqs`, `lambda`, ...
    pub protocol: String,
    /// Where to send to.
    pub endpoint: String,
}

/// An event rule that must stand, be enabled and have its target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleWish {
    /// Its name.
    pub name: String,
    /// Its event pattern, as JSON.
    pub pattern: String,
    /// The queue it feeds.
    pub target_arn: String,
    /// Where events go that cannot be handed over.
    pub dead_letter_arn: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_trail_writes_to_is_a_bucket_and_perhaps_a_prefix() {
        for (named, bucket, prefix) in [
            (None, None, None),
            (Some(""), None, None),
            (Some("trails"), Some("trails"), None),
            (Some("trails/"), Some("trails"), None),
            (Some("trails/corp"), Some("trails"), Some("corp")),
            (Some("trails/corp/logs/"), Some("trails"), Some("corp/logs")),
        ] {
            let owned = |text: Option<&str>| text.map(str::to_owned);
            assert_eq!(bucket_and_prefix(named), (owned(bucket), owned(prefix)), "{named:?}");
        }
    }
}

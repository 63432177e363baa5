//! What was observed of an account's monitoring, in the Region where it stands. Nothing here judges.
//!
//! Each part is known, absent, or unreadable with the reason. Names and values are the services' own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::facts::Known;
use crate::id::Region;
pub use crate::place::Place;

/// Everything that was observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct World {
    /// Where.
    pub place: Place,
    /// The trails that record here, shadows of multi-Region and organization trails included.
    pub trails: Known<Vec<Trail>>,
    /// The log groups that these trails feed, and the one that is asked for, by name.
    pub log_groups: BTreeMap<String, Known<LogGroup>>,
    /// The metric alarms of the Region.
    pub alarms: Known<Vec<Alarm>>,
    /// The topic that is asked for, and those that alarms publish to, by ARN.
    pub topics: BTreeMap<String, Known<Topic>>,
    /// The event rules that are asked for, by name.
    pub rules: BTreeMap<String, Known<Rule>>,
}

/// A number as CloudWatch takes it; never NaN.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Number(f64);

impl Number {
    /// Takes a number; NaN, which no service sends, becomes zero.
    #[must_use]
    pub const fn of(value: f64) -> Self {
        Self(if value.is_nan() { 0.0 } else { value })
    }

    /// Returns the number.
    #[must_use]
    pub const fn value(self) -> f64 {
        self.0
    }
}

/// Without NaN, equality is reflexive.
impl Eq for Number {}

/// A CloudTrail trail.
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own, as CloudTrail has it")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trail {
    /// The ARN; its Region is the trail's home.
    pub arn: String,
    /// The name.
    pub name: String,
    /// The Region in which it can be changed.
    pub home_region: Region,
    /// It records every Region.
    pub is_multi_region: bool,
    /// It belongs to the organization.
    pub is_organization: bool,
    /// It records IAM, STS and other global services.
    pub includes_global_services: bool,
    /// It writes digests by which its files can be validated.
    pub validates_log_files: bool,
    /// The bucket it writes to.
    pub bucket: String,
    /// The prefix of its files in that bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The KMS key that encrypts its files, by ARN; S3 alone encrypts them where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_arn: Option<String>,
    /// The log group that it feeds, by ARN as CloudTrail says it (with or without a trailing `:*`).
    pub log_group_arn: Option<String>,
    /// The role by which it feeds the log group.
    pub log_role_arn: Option<String>,
    /// Whether it records now.
    pub is_logging: Known<bool>,
    /// What CloudWatch Logs last answered to it, where it refused.
    pub delivery_error: Option<String>,
    /// What S3 last answered to it, where it refused its files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_delivery_error: Option<String>,
    /// What it records.
    pub selectors: Known<Selectors>,
    /// It bears our tag.
    pub is_ours: bool,
}

/// What a trail records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selectors {
    /// `EventSelectors`.
    Basic(Vec<BasicSelector>),
    /// `AdvancedEventSelectors`.
    Advanced(Vec<AdvancedSelector>),
}

/// One of `EventSelectors`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BasicSelector {
    /// `IncludeManagementEvents`.
    pub includes_management_events: bool,
    /// `ReadWriteType`: `All`, `ReadOnly` or `WriteOnly`.
    pub read_write_type: String,
    /// `ExcludeManagementEventSources`.
    pub excluded_sources: Vec<String>,
    /// `DataResources`: type and values. Kept as they are.
    pub data_resources: Vec<(String, Vec<String>)>,
}

/// One of `AdvancedEventSelectors`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdvancedSelector {
    /// `Name`.
    pub name: Option<String>,
    /// `FieldSelectors`, all of which must hold.
    pub fields: Vec<FieldSelector>,
}

/// One of `FieldSelectors`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FieldSelector {
    /// `Field`, such as `eventCategory`, `readOnly`, `eventSource`.
    pub field: String,
    /// `Equals`.
    pub equals: Vec<String>,
    /// `StartsWith`.
    pub starts_with: Vec<String>,
    /// `EndsWith`.
    pub ends_with: Vec<String>,
    /// `NotEquals`.
    pub not_equals: Vec<String>,
    /// `NotStartsWith`.
    pub not_starts_with: Vec<String>,
    /// `NotEndsWith`.
    pub not_ends_with: Vec<String>,
}

/// The class of a log group; only some take metric filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogGroupClass {
    /// `STANDARD`: takes metric filters.
    Standard,
    /// `INFREQUENT_ACCESS` and others: takes none.
    WithoutMetricFilters,
}

/// A log group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogGroup {
    /// The name.
    pub name: String,
    /// How long it keeps events, in days; for ever where absent.
    pub retention_days: Option<u32>,
    /// The class.
    pub class: LogGroupClass,
    /// It bears our tag.
    pub is_ours: bool,
    /// Its metric filters.
    pub filters: Known<Vec<MetricFilter>>,
}

/// A metric filter with its one transformation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricFilter {
    /// The name; unique in its log group.
    pub name: String,
    /// The pattern.
    pub pattern: String,
    /// The metric's namespace.
    pub namespace: String,
    /// The metric.
    pub metric: String,
    /// What each match counts: a number, or a selector such as `$.size`.
    pub value: String,
    /// What is counted where nothing matches.
    pub default_value: Option<Number>,
    /// Dimensions by name, taken from the event. An alarm without dimensions sees none of such a metric.
    pub dimensions: BTreeMap<String, String>,
}

/// A metric alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// The name; unique in account and Region.
    pub name: String,
    /// What people are told of it.
    pub description: String,
    /// The metric's namespace; empty where the alarm is over an expression.
    pub namespace: String,
    /// The metric.
    pub metric: String,
    /// The metric's dimensions.
    pub dimensions: BTreeMap<String, String>,
    /// `Sum`, `Average`, ...; empty for percentiles and expressions.
    pub statistic: String,
    /// The period, in seconds.
    pub period_seconds: u32,
    /// `Unit`, the only one whose values are looked at; all values where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// How many periods are looked at.
    pub evaluation_periods: u32,
    /// How many of them must be over the threshold; all where absent.
    pub datapoints_to_alarm: Option<u32>,
    /// The threshold.
    pub threshold: Number,
    /// `GreaterThanOrEqualToThreshold`, ...
    pub comparison: String,
    /// `TreatMissingData`: `missing`, `notBreaching`, `breaching`, `ignore`.
    pub missing_data: String,
    /// Whether actions are taken.
    pub actions_enabled: bool,
    /// Who is told when it goes off, by ARN.
    pub alarm_actions: Vec<String>,
    /// It bears our tag.
    pub is_ours: bool,
}

/// An SNS topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topic {
    /// The ARN.
    pub arn: String,
    /// The topic policy, as JSON.
    pub policy: String,
    /// What encrypts it.
    pub key: TopicKey,
    /// Who is subscribed.
    pub subscriptions: Known<Vec<Subscription>>,
    /// It bears our tag.
    pub is_ours: bool,
}

/// What encrypts a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TopicKey {
    /// SNS's own encryption at rest.
    None,
    /// `alias/aws/sns`, or another key that AWS manages: its policy lets no alarm publish, and cannot be changed.
    AwsManaged,
    /// A customer-managed key.
    CustomerManaged {
        /// `KmsMasterKeyId`.
        key_id: String,
        /// The key policy, as JSON.
        policy: Known<String>,
        /// Whether the key serves.
        serves: Known<bool>,
    },
}

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// `email`, `https`, `sqs`, `lambda`, ...
    pub protocol: String,
    /// Where it sends to.
    pub endpoint: String,
    /// Its ARN; absent while it waits to be confirmed.
    pub arn: Option<String>,
    /// The filter policy, as JSON: what it does not match is not sent.
    pub filter_policy: Known<String>,
}

/// An EventBridge rule on the default bus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// The name.
    pub name: String,
    /// Whether it is enabled.
    pub is_enabled: bool,
    /// The event pattern, as JSON; absent for a schedule.
    pub pattern: Option<String>,
    /// The ARNs of the targets that are handed its events as they are.
    pub targets: Known<Vec<String>>,
}

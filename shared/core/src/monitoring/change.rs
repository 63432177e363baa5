//! One idempotent change of the monitoring. None of them deletes, stops or narrows anything.
//!
//! A change carries what it replaces, so that a plan can be printed as a diff without asking again.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::desired::Subscriber;
use super::world::{Alarm, MetricFilter, Selectors};

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change")]
pub enum Change {
    /// Makes the log group of our own trail. Only ever planned where the same plan makes a trail feed it.
    CreateLogGroup {
        /// The log group.
        log_group: String,
    },
    /// Lengthens retention.
    PutRetentionPolicy {
        /// The log group.
        log_group: String,
        /// The retention, in days.
        days: u32,
        /// What it was, in days; absent for a group that is made by the same plan.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        was_days: Option<u32>,
    },
    /// Makes a multi-Region trail with log file validation that feeds a log group, and tags it as ours.
    CreateTrail {
        /// Its name.
        name: String,
        /// The bucket it writes to.
        bucket: String,
        /// The prefix of its files in that bucket.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prefix: Option<String>,
        /// The KMS key that encrypts its files, by ARN.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key_arn: Option<String>,
        /// The ARN of the log group, ending in `:*`.
        log_group_arn: String,
        /// The role by which it feeds it.
        log_role_arn: String,
    },
    /// Gives a trail in our care back what it lacks. What is absent stays as it is.
    UpdateTrail {
        /// The trail's ARN.
        trail: String,
        /// Recording every Region.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        multi_region: bool,
        /// Recording global services.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        global_services: bool,
        /// Log file validation.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        log_file_validation: bool,
        /// The log group's ARN and the role by which it is fed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        feeds: Option<Feed>,
        /// The bucket that it writes to again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bucket: Option<String>,
        /// The prefix that its files have again; an empty one takes theirs off.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prefix: Option<String>,
        /// The KMS key that encrypts its files again, by ARN.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key_arn: Option<String>,
    },
    /// Makes a trail record management events, all of them; its data events stay as they are.
    PutEventSelectors {
        /// The trail's ARN.
        trail: String,
        /// All of its selectors.
        selectors: Selectors,
        /// What they were, where they could be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        was: Option<Selectors>,
    },
    /// Starts recording.
    StartLogging {
        /// The trail's ARN.
        trail: String,
    },
    /// Makes the topic, with our tag.
    CreateTopic {
        /// Its ARN.
        topic: String,
    },
    /// Lets this account's alarms publish.
    SetTopicPolicy {
        /// The topic's ARN.
        topic: String,
        /// The whole policy, as JSON; what it said before stands in it.
        policy: String,
    },
    /// Takes off an encryption that no alarm can publish through; SNS's own at rest remains.
    RemoveTopicKey {
        /// The topic's ARN.
        topic: String,
        /// The key it was encrypted with.
        was: String,
    },
    /// Subscribes; a person must confirm.
    Subscribe {
        /// The topic's ARN.
        topic: String,
        /// Who.
        #[serde(flatten)]
        subscriber: Subscriber,
    },
    /// Makes or replaces a metric filter of ours.
    PutMetricFilter {
        /// The log group.
        log_group: String,
        /// The filter.
        filter: MetricFilter,
        /// What it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        was: Option<Box<MetricFilter>>,
    },
    /// Makes or replaces an alarm of ours.
    PutMetricAlarm {
        /// The alarm.
        alarm: Box<Alarm>,
        /// What it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        was: Option<Box<Alarm>>,
    },
    /// Makes or replaces an event rule that feeds the guard, or tells of drift.
    PutRule {
        /// Its name.
        rule: String,
        /// Its event pattern, as JSON.
        pattern: String,
        /// The pattern it had.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        was: Option<String>,
    },
    /// Enables an event rule.
    EnableRule {
        /// Its name.
        rule: String,
    },
    /// Gives an event rule its target.
    PutTargets {
        /// Its name.
        rule: String,
        /// The queue.
        target_arn: String,
        /// Where events go that cannot be handed over.
        dead_letter_arn: String,
    },
}

/// A log group, and the role by which a trail feeds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feed {
    /// The ARN of the log group, ending in `:*`.
    pub log_group_arn: String,
    /// The role.
    pub log_role_arn: String,
}

impl Change {
    /// Returns the name of the call that makes the change.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CreateLogGroup { .. } => "CreateLogGroup",
            Self::PutRetentionPolicy { .. } => "PutRetentionPolicy",
            Self::CreateTrail { .. } => "CreateTrail",
            Self::UpdateTrail { .. } => "UpdateTrail",
            Self::PutEventSelectors { .. } => "PutEventSelectors",
            Self::StartLogging { .. } => "StartLogging",
            Self::CreateTopic { .. } => "CreateTopic",
            Self::SetTopicPolicy { .. } | Self::RemoveTopicKey { .. } => "SetTopicAttributes",
            Self::Subscribe { .. } => "Subscribe",
            Self::PutMetricFilter { .. } => "PutMetricFilter",
            Self::PutMetricAlarm { .. } => "PutMetricAlarm",
            Self::PutRule { .. } => "PutRule",
            Self::EnableRule { .. } => "EnableRule",
            Self::PutTargets { .. } => "PutTargets",
        }
    }

    /// Returns what is changed: a name, or an ARN.
    #[must_use]
    pub fn target(&self) -> &str {
        match self {
            Self::CreateLogGroup { log_group } | Self::PutRetentionPolicy { log_group, .. } => log_group,
            Self::CreateTrail { name, .. } => name,
            Self::UpdateTrail { trail, .. } | Self::PutEventSelectors { trail, .. } | Self::StartLogging { trail } => trail,
            Self::CreateTopic { topic }
            | Self::SetTopicPolicy { topic, .. }
            | Self::RemoveTopicKey { topic, .. }
            | Self::Subscribe { topic, .. } => topic,
            Self::PutMetricFilter { filter, .. } => &filter.name,
            Self::PutMetricAlarm { alarm, .. } => &alarm.name,
            Self::PutRule { rule, .. } | Self::EnableRule { rule } | Self::PutTargets { rule, .. } => rule,
        }
    }

    /// Says whether this change makes no sense where `earlier` failed.
    #[must_use]
    pub fn builds_on(&self, earlier: &Self) -> bool {
        match (earlier, self) {
            (
                Self::CreateLogGroup { log_group: made },
                Self::PutRetentionPolicy { log_group, .. } | Self::PutMetricFilter { log_group, .. },
            ) => made == log_group,
            (Self::CreateLogGroup { log_group }, Self::CreateTrail { log_group_arn, .. }) => is_arn_of_group(log_group_arn, log_group),
            (Self::CreateLogGroup { log_group }, Self::UpdateTrail { feeds: Some(feed), .. }) => {
                is_arn_of_group(&feed.log_group_arn, log_group)
            }
            (Self::CreateTrail { name, .. }, Self::PutEventSelectors { trail, .. } | Self::StartLogging { trail }) => {
                trail == name || trail.ends_with(&format!(":trail/{name}"))
            }
            (
                Self::CreateTopic { topic: made },
                Self::SetTopicPolicy { topic, .. } | Self::RemoveTopicKey { topic, .. } | Self::Subscribe { topic, .. },
            ) => made == topic,
            (Self::CreateTopic { topic }, Self::PutMetricAlarm { alarm, .. }) => alarm.alarm_actions.contains(topic),
            (Self::PutRule { rule: made, .. }, Self::PutTargets { rule, .. } | Self::EnableRule { rule }) => made == rule,
            (
                Self::CreateLogGroup { .. }
                | Self::PutRetentionPolicy { .. }
                | Self::CreateTrail { .. }
                | Self::UpdateTrail { .. }
                | Self::PutEventSelectors { .. }
                | Self::StartLogging { .. }
                | Self::CreateTopic { .. }
                | Self::SetTopicPolicy { .. }
                | Self::RemoveTopicKey { .. }
                | Self::Subscribe { .. }
                | Self::PutMetricFilter { .. }
                | Self::PutMetricAlarm { .. }
                | Self::PutRule { .. }
                | Self::EnableRule { .. }
                | Self::PutTargets { .. },
                _,
            ) => false,
        }
    }
}

fn is_arn_of_group(arn: &str, log_group: &str) -> bool {
    log_group_of(arn) == Some(log_group)
}

/// Returns the name of the log group that an ARN names, with or without a trailing `:*`.
#[must_use]
pub fn log_group_of(arn: &str) -> Option<&str> {
    let name = arn.split_once(":log-group:")?.1;
    Some(name.strip_suffix(":*").unwrap_or(name))
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateLogGroup { log_group } => write!(f, "create the log group `{log_group}`"),
            Self::PutRetentionPolicy { log_group, days, .. } => write!(f, "keep events in `{log_group}` for {days} days"),
            Self::CreateTrail { name, .. } => write!(f, "create the trail `{name}`"),
            Self::UpdateTrail { trail, .. } => write!(f, "give the trail `{trail}` back its settings"),
            Self::PutEventSelectors { trail, .. } => write!(f, "make the trail `{trail}` record all management events"),
            Self::StartLogging { trail } => write!(f, "start the trail `{trail}`"),
            Self::CreateTopic { topic } => write!(f, "create the topic `{topic}`"),
            Self::SetTopicPolicy { topic, .. } => write!(f, "let alarms publish to `{topic}`"),
            Self::RemoveTopicKey { topic, was } => write!(f, "take the key `{was}` off `{topic}`, through which no alarm can publish"),
            Self::Subscribe { topic, subscriber } => {
                write!(f, "subscribe `{}` ({}) to `{topic}`", subscriber.endpoint, subscriber.protocol)
            }
            Self::PutMetricFilter { filter, was: None, .. } => write!(f, "create the metric filter `{}`", filter.name),
            Self::PutMetricFilter { filter, was: Some(_), .. } => write!(f, "put the metric filter `{}` right", filter.name),
            Self::PutMetricAlarm { alarm, was: None } => write!(f, "create the alarm `{}`", alarm.name),
            Self::PutMetricAlarm { alarm, was: Some(_) } => write!(f, "put the alarm `{}` right", alarm.name),
            Self::PutRule { rule, .. } => write!(f, "put the event rule `{rule}`"),
            Self::EnableRule { rule } => write!(f, "enable the event rule `{rule}`"),
            Self::PutTargets { rule, target_arn, .. } => write!(f, "let the event rule `{rule}` feed `{target_arn}`"),
        }
    }
}

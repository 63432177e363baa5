//! What a human must know of the monitoring beyond what a plan changes, and how each control stands.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::plan::is_named;
use crate::decision::Severity;

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "name")]
pub enum Subject {
    /// A trail, or trails as such.
    Trail(String),
    /// A log group.
    LogGroup(String),
    /// A metric filter.
    MetricFilter(String),
    /// An alarm.
    Alarm(String),
    /// A topic.
    Topic(String),
    /// A subscriber, by endpoint.
    Subscription(String),
    /// An event rule.
    Rule(String),
}

impl Subject {
    /// Returns its name, ARN or endpoint.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Trail(name)
            | Self::LogGroup(name)
            | Self::MetricFilter(name)
            | Self::Alarm(name)
            | Self::Topic(name)
            | Self::Subscription(name)
            | Self::Rule(name) => name,
        }
    }

    /// Returns the source of the events that tell of calls on it.
    #[must_use]
    pub const fn event_source(&self) -> &'static str {
        match self {
            Self::Trail(_) => "cloudtrail.amazonaws.com",
            Self::LogGroup(_) | Self::MetricFilter(_) => "logs.amazonaws.com",
            Self::Alarm(_) => "monitoring.amazonaws.com",
            Self::Topic(_) | Self::Subscription(_) => "sns.amazonaws.com",
            Self::Rule(_) => "events.amazonaws.com",
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trail(name) => write!(f, "trail `{name}`"),
            Self::LogGroup(name) => write!(f, "log group `{name}`"),
            Self::MetricFilter(name) => write!(f, "metric filter `{name}`"),
            Self::Alarm(name) => write!(f, "alarm `{name}`"),
            Self::Topic(name) => write!(f, "topic `{name}`"),
            Self::Subscription(name) => write!(f, "subscription `{name}`"),
            Self::Rule(name) => write!(f, "event rule `{name}`"),
        }
    }
}

/// What a human must know or do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is about.
    pub subject: Subject,
    /// How urgent it is.
    pub severity: Severity,
    /// What is wrong, in one sentence.
    pub sentence: String,
    /// What to do, in one sentence.
    pub fix: String,
}

impl Finding {
    /// Says whether it is grave enough to be told, and not only recorded.
    #[must_use]
    pub fn is_grave(&self) -> bool {
        self.severity >= Severity::Medium
    }

    /// Says whether it is about what a call to a service names: a name, an ARN, or several separated by `, `. Things of other services
    /// may bear the same name.
    #[must_use]
    pub fn is_about(&self, event_source: &str, named: &str) -> bool {
        self.subject.event_source() == event_source && is_named(self.subject.name(), named)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.sentence, self.fix)
    }
}

/// How a control stands, before the plan is carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlStatus {
    /// The control's id in its benchmark, such as `4.7`, or `reprieve.1`.
    pub id: String,
    /// The control's title.
    pub title: String,
    /// The filter that serves it, where one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// The alarm that serves it, where one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm: Option<String>,
    /// What serves it was made by others and adopted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_adopted: bool,
    /// Why it does not hold; empty where the whole chain holds, to a confirmed subscriber.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<String>,
}

impl ControlStatus {
    /// Says whether the whole chain holds.
    #[must_use]
    pub const fn holds(&self) -> bool {
        self.gaps.is_empty()
    }
}

//! The event rules that feed the guard, and those that tell the monitoring of drift: which there are, and the event pattern that each
//! must have.
//!
//! The patterns are those of `infra/aws/guard.yaml` and `infra/aws/monitoring.yaml`, held equal by a test: the templates make the rules,
//! the monitoring function puts them right where somebody narrowed one. It must not know their names, which the deployment chooses.

use std::fmt;

use serde_json::json;

use super::event;

/// An event rule that feeds the guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GuardRule {
    /// Calls that can make a key unusable, or give it back, as CloudTrail saw them.
    KeyApiCalls,
    /// What KMS itself did to a key, as CloudTrail saw it.
    KeyServiceEvents,
    /// What KMS publishes without CloudTrail.
    KeyNativeEvents,
    /// A Region switched off.
    RegionOptOut,
}

/// Says that a text names no event rule of the guard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{input}` is no event rule of the guard: write key-api-calls, key-service-events, key-native-events or region-opt-out")]
pub struct GuardRuleError {
    input: String,
}

impl GuardRule {
    /// Every rule.
    pub const ALL: [Self; 4] = [Self::KeyApiCalls, Self::KeyServiceEvents, Self::KeyNativeEvents, Self::RegionOptOut];

    /// Parses a rule as it is written in the configuration.
    ///
    /// # Errors
    /// When it is none of the four.
    pub fn parse(text: &str) -> Result<Self, GuardRuleError> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == text).ok_or_else(|| GuardRuleError { input: text.to_owned() })
    }

    /// Returns the rule as it is written in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KeyApiCalls => "key-api-calls",
            Self::KeyServiceEvents => "key-service-events",
            Self::KeyNativeEvents => "key-native-events",
            Self::RegionOptOut => "region-opt-out",
        }
    }

    /// Returns the event pattern, as JSON of at most 4,096 characters.
    #[must_use]
    pub const fn pattern(self) -> &'static str {
        match self {
            Self::KeyApiCalls => {
                r#"{"source":["aws.kms"],"detail-type":["AWS API Call via CloudTrail"],"detail":{"eventName":["ScheduleKeyDeletion","CancelKeyDeletion","DisableKey","EnableKey","DisableKeyRotation","EnableKeyRotation","DeleteImportedKeyMaterial","ImportKeyMaterial","DisconnectCustomKeyStore","DeleteCustomKeyStore","UpdateCustomKeyStore","PutKeyPolicy","RevokeGrant","RetireGrant","UpdateAlias","DeleteAlias","TagResource","UntagResource","CreateKey","ReplicateKey","UpdatePrimaryRegion"]}}"#
            }
            Self::KeyServiceEvents => {
                r#"{"source":["aws.kms"],"detail-type":["AWS Service Event via CloudTrail"],"detail":{"eventName":["DeleteKey","DeleteExpiredKeyMaterial","RotateKey","SynchronizeMultiRegionKey"]}}"#
            }
            Self::KeyNativeEvents => {
                r#"{"source":["aws.kms"],"detail-type":["KMS CMK Deletion","CMK Deletion","KMS Imported Key Material Expiration","KMS CMK Rotation"]}"#
            }
            Self::RegionOptOut => {
                r#"{"source":["aws.account"],"detail-type":["AWS API Call via CloudTrail"],"detail":{"eventName":["DisableRegion"]}}"#
            }
        }
    }
}

impl fmt::Display for GuardRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An event rule that tells the monitoring of drift: one for each service that it is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DriftRule {
    /// What is done to trails.
    Trail,
    /// What is done to log groups and metric filters.
    Log,
    /// What is done to alarms.
    Alarm,
    /// What is done to topics and subscriptions.
    Topic,
    /// What is done to event rules, these among them.
    Rule,
}

/// Says that a text names no drift rule of the monitoring.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{input}` is no drift rule of the monitoring: write trail, log, alarm, topic or rule")]
pub struct DriftRuleError {
    input: String,
}

impl DriftRule {
    /// Every rule.
    pub const ALL: [Self; 5] = [Self::Trail, Self::Log, Self::Alarm, Self::Topic, Self::Rule];

    /// Parses a rule as it is written in the configuration.
    ///
    /// # Errors
    /// When it is none of the five.
    pub fn parse(text: &str) -> Result<Self, DriftRuleError> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == text).ok_or_else(|| DriftRuleError { input: text.to_owned() })
    }

    /// Returns the rule as it is written in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trail => "trail",
            Self::Log => "log",
            Self::Alarm => "alarm",
            Self::Topic => "topic",
            Self::Rule => "rule",
        }
    }

    /// Returns the event pattern, as JSON: every call of its service that the monitoring answers, and no other.
    #[must_use]
    pub fn pattern(self) -> String {
        let service = self.service();
        let source = format!("{service}.amazonaws.com");
        let names: Vec<&str> = event::calls().filter(|(of, _)| *of == source).map(|(_, name)| name).collect();
        json!({
            "source": [format!("aws.{service}")],
            "detail-type": ["AWS API Call via CloudTrail"],
            "detail": { "eventSource": [source], "eventName": names },
        })
        .to_string()
    }

    const fn service(self) -> &'static str {
        match self {
            Self::Trail => "cloudtrail",
            Self::Log => "logs",
            Self::Alarm => "monitoring",
            Self::Topic => "sns",
            Self::Rule => "events",
        }
    }
}

impl fmt::Display for DriftRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

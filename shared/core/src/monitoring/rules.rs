//! The event rules that feed the guard: which there are, and the event pattern that each must have.
//!
//! The patterns are those of `infra/aws/guard.yaml`, held equal by a test: the template makes the rules, the monitoring function puts
//! them right where somebody narrowed one. It must not know their names, which the deployment chooses.

use std::fmt;

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

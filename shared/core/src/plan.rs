//! What is to be done: an ordered list of idempotent steps, with nothing left to choose.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::azure;
use crate::google;
use crate::id::KeyArn;
use crate::monitoring::Change;

/// One idempotent act. None of them destroys anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step")]
pub enum Step {
    /// Takes the key out of its waiting period; it is then disabled.
    CancelKeyDeletion {
        /// The key.
        key: KeyArn,
    },
    /// Makes the key usable.
    EnableKey {
        /// The key.
        key: KeyArn,
    },
    /// Switches automatic rotation on.
    EnableKeyRotation {
        /// The key.
        key: KeyArn,
        /// The period, in days; the provider's default where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        period_days: Option<u32>,
    },
    /// Changes the monitoring.
    Monitoring(Change),
    /// Changes something in Azure.
    Azure(azure::Change),
    /// Changes something in Google Cloud.
    Google(google::Change),
}

impl Step {
    /// Returns the name of the call.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CancelKeyDeletion { .. } => "CancelKeyDeletion",
            Self::EnableKey { .. } => "EnableKey",
            Self::EnableKeyRotation { .. } => "EnableKeyRotation",
            Self::Monitoring(change) => change.name(),
            Self::Azure(change) => change.name(),
            Self::Google(change) => change.name(),
        }
    }

    /// Returns what the step acts on: a key's ARN, an Azure id, a name in Google Cloud, or the part of the monitoring that is changed.
    #[must_use]
    pub fn target(&self) -> &str {
        match self {
            Self::CancelKeyDeletion { key } | Self::EnableKey { key } | Self::EnableKeyRotation { key, .. } => key.as_str(),
            Self::Monitoring(change) => change.target(),
            Self::Azure(change) => change.target(),
            Self::Google(change) => change.target(),
        }
    }

    /// Says whether both are the same call on the same target, whatever their parameters.
    #[must_use]
    pub fn is_same_call(&self, other: &Self) -> bool {
        self.name() == other.name() && self.target() == other.target()
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CancelKeyDeletion { .. } => f.write_str("cancel the deletion"),
            Self::EnableKey { .. } => f.write_str("enable the key"),
            Self::EnableKeyRotation { period_days: Some(days), .. } => write!(f, "enable rotation every {days} days"),
            Self::EnableKeyRotation { period_days: None, .. } => f.write_str("enable rotation"),
            Self::Monitoring(change) => change.fmt(f),
            Self::Azure(change) => change.fmt(f),
            Self::Google(change) => change.fmt(f),
        }
    }
}

/// An ordered list of steps. Each is done only after those that it builds on succeeded: on a key, all before it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Plan {
    /// The steps, in order.
    pub steps: Vec<Step>,
}

impl Plan {
    /// Makes a plan of these steps.
    #[must_use]
    pub const fn new(steps: Vec<Step>) -> Self {
        Self { steps }
    }

    /// Says whether every call of this plan is also in `wider`.
    #[must_use]
    pub fn is_within(&self, wider: &Self) -> bool {
        self.steps.iter().all(|step| wider.steps.iter().any(|other| other.is_same_call(step)))
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            if index > 0 {
                f.write_str(", then ")?;
            }
            write!(f, "{step}")?;
        }
        Ok(())
    }
}

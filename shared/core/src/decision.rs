//! What was decided, and why. A decision leaves no choices to whoever carries it out, and reads as a sentence.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::approval::ApprovalFinding;
use crate::plan::Plan;

/// How urgent it is that a human looks, after OCSF `severity_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// For the record.
    Informational,
    /// Worth a look in working hours.
    Low,
    /// Somebody should look today.
    Medium,
    /// Somebody should look now.
    High,
    /// Data is being lost, or is lost.
    Critical,
}

impl Severity {
    /// Returns OCSF's `severity_id`.
    #[must_use]
    pub const fn ocsf_id(self) -> u8 {
        match self {
            Self::Informational => 1,
            Self::Low => 2,
            Self::Medium => 3,
            Self::High => 4,
            Self::Critical => 5,
        }
    }

    /// Returns OCSF's caption.
    #[must_use]
    pub const fn caption(self) -> &'static str {
        match self {
            Self::Informational => "Informational",
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
            Self::Critical => "Critical",
        }
    }
}

/// Why it was decided so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// One sentence, or a few, for a human.
    pub sentence: String,
    /// How urgent it is that somebody looks.
    pub severity: Severity,
    /// What needs a human besides what the plan does: self-approvals, unreadable facts, lost events.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escalations: Vec<String>,
    /// The ids of the Cedar policies that determined the answer; empty where none matched, which means deny.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// What these policies say for themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<String>,
    /// Whether they permit it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub permitted: bool,
    /// What was found of an approval.
    pub approval: ApprovalFinding,
    /// How it was decided whether anything approves it, step by step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasoning: Vec<String>,
    /// When the key is lost if nothing is done, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// When what a broken glass lets pass is taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pass_ends: Option<Timestamp>,
}

impl Why {
    /// Makes a reason out of one sentence, with nothing to escalate.
    #[must_use]
    pub fn new(severity: Severity, sentence: impl Into<String>) -> Self {
        Self {
            sentence: sentence.into(),
            severity,
            escalations: Vec::new(),
            policies: Vec::new(),
            because: Vec::new(),
            permitted: false,
            approval: ApprovalFinding::NotLookedFor,
            reasoning: Vec::new(),
            deadline: None,
            pass_ends: None,
        }
    }
}

/// What was decided.
#[must_use = "a decision that nobody carries out loses keys"]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "decision")]
pub enum Decision {
    /// Nothing is to be done.
    Stand {
        /// The reason.
        why: Why,
    },
    /// The plan is to be carried out, and the escalations in `why`, if any, told to a human.
    Remedy {
        /// What to do.
        plan: Plan,
        /// The reason.
        why: Why,
    },
    /// Nothing can be done, or not by us: a human is needed.
    Escalate {
        /// The reason.
        why: Why,
    },
}

impl Decision {
    /// Returns the reason.
    #[must_use]
    pub const fn why(&self) -> &Why {
        match self {
            Self::Stand { why } | Self::Remedy { why, .. } | Self::Escalate { why } => why,
        }
    }

    /// Returns the word used in JSON and records.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Stand { .. } => "stand",
            Self::Remedy { .. } => "remedy",
            Self::Escalate { .. } => "escalate",
        }
    }

    /// Returns the plan, where there is one.
    #[must_use]
    pub const fn plan(&self) -> Option<&Plan> {
        match self {
            Self::Remedy { plan, .. } => Some(plan),
            Self::Stand { .. } | Self::Escalate { .. } => None,
        }
    }

    /// Says whether a human must be told beyond the record.
    #[must_use]
    pub fn wakes_a_human(&self) -> bool {
        match self {
            Self::Escalate { .. } => true,
            Self::Remedy { why, .. } | Self::Stand { why } => !why.escalations.is_empty(),
        }
    }
}

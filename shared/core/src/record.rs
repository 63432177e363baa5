//! The record of one event: an intent before the first step, an outcome after the last.
//!
//! A record never claims what did not happen: a step is a success only where its own call answered so.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::azure::Subject;
use crate::decision::Decision;
use crate::event::Event;
use crate::facts::KeyState;
use crate::id::{AccountId, EventId, KeyArn, Region};
use crate::plan::{Plan, Step};
use crate::threat::Threat;

/// Whether plans are carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Plans are carried out.
    Enforce,
    /// Plans are decided and recorded only.
    Observe,
}

impl Mode {
    /// Reads the configuration's word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "enforce" => Some(Self::Enforce),
            "observe" => Some(Self::Observe),
            _ => None,
        }
    }

    /// Returns the configuration's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Observe => "observe",
        }
    }
}

/// Which of the two records this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Before anything is done: the most that will be done.
    Intent,
    /// After the last step, or the first that failed: what was decided and what happened.
    Outcome,
}

impl Phase {
    /// Returns the word used in ids.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Outcome => "outcome",
        }
    }
}

/// How one step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum StepResult {
    /// The call succeeded.
    Done,
    /// The key was already as the step would make it.
    AlreadySo,
    /// The call succeeded and takes effect later, when the key store is connected again.
    TakesEffectLater,
    /// The mode is `observe`: nothing was called.
    NotCarriedOut,
    /// A step before it failed: nothing was called.
    NotReached,
    /// The call failed and is worth trying again.
    FailedForNow {
        /// The provider's answer.
        error: String,
    },
    /// The call was refused, and trying again will not help.
    Refused {
        /// The provider's answer.
        error: String,
    },
    /// The provider cannot do it in the key's present state; a human must act first.
    Unsupported {
        /// What a human must do.
        error: String,
    },
    /// The key does not exist.
    DoesNotExist,
}

impl StepResult {
    /// Says whether the key is now as the step wanted it.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        match self {
            Self::Done | Self::AlreadySo | Self::TakesEffectLater => true,
            Self::NotCarriedOut
            | Self::NotReached
            | Self::FailedForNow { .. }
            | Self::Refused { .. }
            | Self::Unsupported { .. }
            | Self::DoesNotExist => false,
        }
    }
}

/// One step and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepOutcome {
    /// The step.
    #[serde(flatten)]
    pub step: Step,
    /// How it ended.
    #[serde(flatten)]
    pub result: StepResult,
    /// When its call was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

/// How the whole answer ended, after OCSF Remediation Activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not known yet: the intent.
    Pending,
    /// Nothing was to be done.
    NothingToDo,
    /// The mode is `observe`: what would have been done is recorded.
    Observed,
    /// All steps succeeded.
    Success,
    /// The first step failed.
    Failure,
    /// The key does not exist.
    DoesNotExist,
    /// Some steps succeeded, then one failed.
    Partial,
    /// The provider cannot do it in the key's present state.
    Unsupported,
    /// A human was called, because nothing could be done by us.
    Escalated,
}

impl Status {
    /// Folds the steps of a carried-out plan into one status.
    #[must_use]
    pub fn of_steps(steps: &[StepOutcome]) -> Self {
        let Some(failed) = steps.iter().find(|step| !step.result.is_success()) else {
            return Self::Success;
        };
        let any_done = steps.iter().any(|step| step.result.is_success());
        match failed.result {
            StepResult::NotCarriedOut => Self::Observed,
            StepResult::DoesNotExist => Self::DoesNotExist,
            StepResult::Unsupported { .. } => Self::Unsupported,
            StepResult::FailedForNow { .. } | StepResult::Refused { .. } | StepResult::NotReached if any_done => Self::Partial,
            StepResult::FailedForNow { .. } | StepResult::Refused { .. } | StepResult::NotReached => Self::Failure,
            StepResult::Done | StepResult::AlreadySo | StepResult::TakesEffectLater => Self::Success,
        }
    }

    /// Says whether trying again later can still help.
    #[must_use]
    pub fn is_open(steps: &[StepOutcome]) -> bool {
        steps.iter().any(|step| matches!(step.result, StepResult::FailedForNow { .. }))
    }
}

/// One audit record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Intent or outcome.
    pub phase: Phase,
    /// How often this event has been worked on, from 1. An intent is written once for all attempts.
    pub attempt: u32,
    /// Whether the ledger granted the attempt. Where it could not be reached, `attempt` counts deliveries.
    pub claimed: bool,
    /// When the record was made.
    pub recorded_at: Timestamp,
    /// When the event reached us.
    pub received_at: Timestamp,
    /// Whether plans are carried out.
    pub mode: Mode,
    /// The event.
    pub event: Event,
    /// The threat that it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threat: Option<Threat>,
    /// In Azure, what was looked at because of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// The most that will be done, decided before anything was looked up. An outcome's plan is always within it.
    #[serde(default)]
    pub considering: Plan,
    /// What was decided; absent in an intent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// What was done, step by step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepOutcome>,
    /// How it ended.
    pub status: Status,
    /// The key's state after the last step, where it was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_after: Option<KeyState>,
    /// Receipt minus event time, in milliseconds. Negative where the clocks disagree; never clamped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detect_ms: Option<i64>,
    /// Verified target state minus event time, in milliseconds; only where all steps succeeded and the state was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remediate_ms: Option<i64>,
    /// What people call the key; looked up only for what people are told.
    #[serde(default, skip_serializing_if = "KeyNames::is_empty")]
    pub names: KeyNames,
}

/// What people call a key, and whom they ask about it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyNames {
    /// The aliases that point to it, as `alias/NAME`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Its owner, by its tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

impl KeyNames {
    /// Says whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.aliases.is_empty() && self.owner.is_none()
    }
}

impl Record {
    /// Returns the record's id: the same event, phase and attempt always give the same one, so that writing twice adds nothing.
    #[must_use]
    pub fn id(&self) -> String {
        let unclaimed = if self.claimed { "" } else { "u" };
        format!("{}.{}.{unclaimed}{}", self.event.id, self.phase.as_str(), self.attempt)
    }

    /// Returns the id of the event.
    #[must_use]
    pub const fn event_id(&self) -> &EventId {
        &self.event.id
    }

    /// Returns the key, where the event has one.
    #[must_use]
    pub const fn key(&self) -> Option<&KeyArn> {
        self.event.target.key()
    }

    /// Returns the account and Region under which the record is filed: the key's, else the event's.
    #[must_use]
    pub fn place(&self) -> (Option<AccountId>, Option<Region>) {
        match self.key() {
            Some(key) => (Some(key.account()), Some(key.region())),
            None => (self.event.account.clone(), self.event.region.clone()),
        }
    }
}

/// Returns `later - earlier` in whole milliseconds; negative where the clocks disagree.
#[must_use]
pub fn elapsed_ms(earlier: Timestamp, later: Timestamp) -> i64 {
    later.as_millisecond().saturating_sub(earlier.as_millisecond())
}

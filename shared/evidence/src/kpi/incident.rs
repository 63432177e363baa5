//! Incidents, approved acts and drills, one by one, as a report lists them.

use jiff::Timestamp;
use reprieve_core::audit::Cloud;
use reprieve_core::{Severity, Status};
use serde::Serialize;

use super::case::{Case, Cover, Done, Ending, Kind, Rejected};

/// What became of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// It was undone: every step succeeded.
    Undone,
    /// A step failed or was not possible.
    Failed,
    /// What it was about does not exist any more.
    Gone,
    /// A human was called, because nothing could be done by us.
    HumanCalled,
    /// It was told, and let stand.
    Stood,
    /// The mode is `observe`: nothing was done.
    OnlyObserved,
    /// An intent was recorded, and no outcome.
    Unfinished,
}

impl Resolution {
    /// Every resolution, the good news first.
    pub const ALL: [Self; 7] =
        [Self::Undone, Self::Stood, Self::OnlyObserved, Self::HumanCalled, Self::Failed, Self::Gone, Self::Unfinished];

    pub(crate) fn of(ending: Option<&Ending>) -> Self {
        let Some(ending) = ending else { return Self::Unfinished };
        match ending.status {
            Status::Success => Self::Undone,
            Status::Failure | Status::Partial | Status::Unsupported => Self::Failed,
            Status::DoesNotExist => Self::Gone,
            Status::Observed => Self::OnlyObserved,
            Status::NothingToDo => Self::Stood,
            Status::Escalated if ending.kind == Kind::Stand => Self::Stood,
            Status::Escalated => Self::HumanCalled,
            Status::Pending => Self::Unfinished,
        }
    }

    /// Returns it in a few words.
    #[must_use]
    pub const fn caption(self) -> &'static str {
        match self {
            Self::Undone => "undone",
            Self::Failed => "failed",
            Self::Gone => "gone for good",
            Self::HumanCalled => "human called",
            Self::Stood => "let stand",
            Self::OnlyObserved => "only observed",
            Self::Unfinished => "no outcome",
        }
    }
}

/// An event that the guard undid, should have undone, or called a human for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Incident {
    /// The event's id.
    pub event_id: String,
    /// What was called.
    pub call: String,
    /// The cloud.
    pub cloud: Cloud,
    /// The account, subscription or project.
    pub account: String,
    /// The Region.
    pub region: String,
    /// What it was done to, by its full id.
    pub target: String,
    /// What people call that.
    pub name: String,
    /// Whom to ask about it.
    pub owner: Option<String>,
    /// Who did it.
    pub actor: String,
    /// When it happened, or reached us where the event does not say.
    pub at: Timestamp,
    /// When it reached us.
    pub received_at: Timestamp,
    /// When its outcome was recorded.
    pub ended_at: Option<Timestamp>,
    /// What became of it.
    pub resolution: Resolution,
    /// How urgent it was that a human looks.
    pub severity: Option<Severity>,
    /// Why it was decided so.
    pub sentence: String,
    /// What was done, step by step.
    pub done: Vec<Done>,
    /// What needed a human besides.
    pub escalations: Vec<String>,
    /// Why an approval that was there let it not pass.
    pub rejected: Option<Rejected>,
    /// Receipt minus event time, in milliseconds.
    pub detect_ms: Option<i64>,
    /// Verified target state minus event time, in milliseconds.
    pub remediate_ms: Option<i64>,
    /// When the key is lost if nothing is done.
    pub deadline: Option<Timestamp>,
    /// Whether people were told.
    pub was_told: bool,
}

impl Incident {
    pub(crate) fn of(case: &Case) -> Self {
        let ending = case.ending();
        let happened = &case.happened;
        Self {
            event_id: happened.event_id.clone(),
            call: happened.call.clone(),
            cloud: happened.cloud,
            account: happened.account.clone(),
            region: happened.region.clone(),
            target: happened.target.clone(),
            name: case.name().to_owned(),
            owner: ending.and_then(|ending| ending.owner.clone()),
            actor: happened.actor.clone(),
            at: case.at(),
            received_at: happened.received_at,
            ended_at: ending.map(|ending| ending.recorded_at),
            resolution: Resolution::of(ending),
            severity: ending.map(|ending| ending.severity),
            sentence: ending.map_or_else(
                || format!("`{}` was about to be answered, and no outcome was recorded.", happened.call),
                |ending| ending.sentence.clone(),
            ),
            done: ending.map(|ending| ending.steps.clone()).unwrap_or_default(),
            escalations: ending.map(|ending| ending.escalations.clone()).unwrap_or_default(),
            rejected: ending.and_then(|ending| ending.rejected.clone()),
            detect_ms: case.detect_ms,
            remediate_ms: ending.and_then(|ending| ending.remediate_ms),
            deadline: ending.and_then(|ending| ending.deadline),
            was_told: case.is_alert,
        }
    }
}

/// An act that an approval, a broken glass or a policy let pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApprovedAct {
    /// The event's id.
    pub event_id: String,
    /// When it happened.
    pub at: Timestamp,
    /// What was called.
    pub call: String,
    /// What people call the target.
    pub name: String,
    /// The target's full id.
    pub target: String,
    /// Who did it.
    pub actor: String,
    /// What let it pass.
    pub cover: Cover,
    /// Whether people were told all the same.
    pub was_told: bool,
}

impl ApprovedAct {
    pub(crate) fn of(case: &Case) -> Option<Self> {
        let cover = case.ending()?.cover.clone()?;
        Some(Self {
            event_id: case.happened.event_id.clone(),
            at: case.at(),
            call: case.happened.call.clone(),
            name: case.name().to_owned(),
            target: case.happened.target.clone(),
            actor: case.happened.actor.clone(),
            cover,
            was_told: case.is_alert,
        })
    }
}

/// What a drill came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DrillVerdict {
    /// Everything that had to follow was seen in time.
    Passed,
    /// Something was late, or not seen.
    Missed,
    /// It was not held, so nothing was proven.
    NotHeld,
}

impl DrillVerdict {
    /// Returns it in words.
    #[must_use]
    pub const fn caption(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Missed => "missed",
            Self::NotHeld => "not held",
        }
    }
}

/// A drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drill {
    /// The drill's id.
    pub id: String,
    /// When it began.
    pub at: Timestamp,
    /// The account.
    pub account: String,
    /// The Region.
    pub region: String,
    /// What it came to.
    pub verdict: DrillVerdict,
    /// The same in a sentence.
    pub sentence: String,
    /// What was measured, or why it was not held.
    pub measured: Vec<String>,
    /// After how many milliseconds the guard heard of it.
    pub detect_ms: Option<i64>,
    /// After how many milliseconds the key served again.
    pub remediate_ms: Option<i64>,
}

impl Drill {
    pub(crate) fn of(case: &Case) -> Self {
        let ending = case.ending();
        Self {
            id: case.happened.event_id.clone(),
            at: case.at(),
            account: case.happened.account.clone(),
            region: case.happened.region.clone(),
            verdict: ending.map_or(DrillVerdict::NotHeld, verdict),
            sentence: ending.map_or_else(|| "The drill began, and no outcome was recorded.".to_owned(), |ending| ending.sentence.clone()),
            measured: ending.map(|ending| ending.reasoning.clone()).unwrap_or_default(),
            detect_ms: case.detect_ms,
            remediate_ms: ending.and_then(|ending| ending.remediate_ms),
        }
    }
}

/// A drill passes only where nothing is left to a human. Of those that did not, its own sentence says whether it was held.
fn verdict(ending: &Ending) -> DrillVerdict {
    let is_held = !ending.sentence.starts_with("drill NOT held") && !ending.sentence.starts_with("drill not held");
    match (ending.kind, ending.status) {
        (_, _) if !is_held => DrillVerdict::NotHeld,
        (Kind::Stand, Status::Success) => DrillVerdict::Passed,
        (Kind::Stand | Kind::Remedy | Kind::Escalate, _) => DrillVerdict::Missed,
    }
}

//! What a human is told: one plain sentence first, then what is needed to act.
//!
//! A notice is made from an outcome record alone, so that it cannot say more than the record.

use serde::{Deserialize, Serialize};

use crate::decision::{Decision, Severity};
use crate::record::{Phase, Record, Status, StepResult};

/// The longest subject that SNS takes, in characters.
pub const SUBJECT_LIMIT: usize = 100;

/// A message to people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// One line of ASCII, at most [`SUBJECT_LIMIT`] characters.
    pub subject: String,
    /// What happened, what was done, what remains; plain sentences.
    pub text: String,
    /// How urgent it is.
    pub severity: Severity,
}

impl Notice {
    /// Makes the notice for an outcome. `None` where nobody needs to be told.
    #[must_use]
    pub fn of(record: &Record) -> Option<Self> {
        let decision = record.decision.as_ref()?;
        if record.phase != Phase::Outcome || !is_worth_telling(record, decision) {
            return None;
        }
        let why = decision.why();
        let severity = if has_failed(record.status) { why.severity.max(Severity::High) } else { why.severity };
        let mut lines = vec![headline(record), String::new(), why.sentence.clone()];
        for step in &record.steps {
            lines.push(format!("- {}: {}", step.step, result_phrase(&step.result)));
        }
        lines.extend(why.escalations.iter().map(|escalation| format!("! {escalation}")));
        let is_open = has_failed(record.status) || record.status == Status::Escalated || record.status == Status::Observed;
        if let Some(deadline) = why.deadline.filter(|_| is_open) {
            lines.push(format!("Deadline: {deadline}"));
        }
        let subject = format!("[{}] {}", severity.caption(), headline(record));
        let subject = subject.chars().map(|c| if c.is_ascii() && !c.is_ascii_control() { c } else { '?' }).take(SUBJECT_LIMIT).collect();
        Some(Self { subject, text: lines.join("\n"), severity })
    }
}

fn is_worth_telling(record: &Record, decision: &Decision) -> bool {
    decision.wakes_a_human() || decision.plan().is_some() || has_failed(record.status)
}

const fn has_failed(status: Status) -> bool {
    match status {
        Status::Failure | Status::Partial | Status::Unsupported | Status::DoesNotExist => true,
        Status::Pending | Status::NothingToDo | Status::Observed | Status::Success | Status::Escalated => false,
    }
}

fn headline(record: &Record) -> String {
    let key = record.key().map_or_else(|| record.event.target.display_name().to_owned(), |key| format!("key {}", key.key_id()));
    let what = match record.status {
        Status::Success if record.steps.iter().any(|step| step.result == StepResult::TakesEffectLater) => {
            "is out of danger, not yet usable"
        }
        Status::Success => "is back",
        Status::Observed => "would have been given back (mode observe)",
        Status::Partial => "is out of danger, not yet usable",
        Status::Failure => "could NOT be given back",
        Status::Unsupported => "cannot be enabled by us",
        Status::DoesNotExist => "does not exist any more",
        Status::Escalated | Status::Pending | Status::NothingToDo => "needs a human",
    };
    match record.threat {
        Some(threat) => format!("{key} {what}: {threat}"),
        None => format!("{key} {what}"),
    }
}

fn result_phrase(result: &StepResult) -> String {
    match result {
        StepResult::Done => "done".to_owned(),
        StepResult::AlreadySo => "was so already".to_owned(),
        StepResult::TakesEffectLater => "accepted, takes effect when the key store is connected".to_owned(),
        StepResult::NotCarriedOut => "not carried out, mode is observe".to_owned(),
        StepResult::NotReached => "not reached".to_owned(),
        StepResult::FailedForNow { error } => format!("failed, will be tried again: {error}"),
        StepResult::Refused { error } => format!("refused: {error}"),
        StepResult::Unsupported { error } => format!("not possible: {error}"),
        StepResult::DoesNotExist => "the key does not exist".to_owned(),
    }
}

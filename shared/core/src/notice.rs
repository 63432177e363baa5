//! What a human is told: plain sentences first, then the facts, then the commands that answer.
//!
//! A notice is made from an outcome record alone, so that it cannot say more than the record. It holds parts, not layout: every
//! channel renders the same ones. Names and texts come from events, so from attackers too: none of them spans lines, steers a
//! display, becomes a link, or gets into a command.

mod azure;
mod command;
mod drill;
mod finding;
mod monitoring;
mod part;
mod plain;

use serde::{Deserialize, Serialize};

use crate::decision::{Decision, Severity};
use crate::record::{Phase, Record, Status, StepResult};

/// The longest subject that SNS takes, in characters.
pub const SUBJECT_LIMIT: usize = 100;

/// How much of an alias stands in the headline, in characters: what happened to the key has to fit behind it.
const HEADLINE_ALIAS_LIMIT: usize = 48;

/// A message to people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The headline and its urgency: one line of ASCII, at most [`SUBJECT_LIMIT`] characters.
    pub subject: String,
    /// How urgent it is.
    pub severity: Severity,
    /// Which key, and how it is with it now.
    pub headline: String,
    /// What happened and what that means, each a sentence or two.
    pub sentences: Vec<String>,
    /// What a human must look at.
    pub warnings: Vec<String>,
    /// Lists of what was done and why.
    pub sections: Vec<Section>,
    /// Who, what, when, which key.
    pub facts: Vec<Fact>,
    /// What can be run in answer; empty where approving makes no sense.
    pub commands: Vec<Command>,
}

/// A list under a title.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// What the list is about.
    pub title: String,
    /// Its lines, in order.
    pub lines: Vec<String>,
}

/// One fact, for a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// What it is.
    pub label: String,
    /// Its value.
    pub value: String,
}

/// A command to copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// What it is for, and who runs it.
    pub purpose: String,
    /// The command: one line of ASCII, quoted for a shell. Only its change id may be left to fill in.
    pub line: String,
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
        let headline = plain::line(&headline(record), plain::SENTENCE_LIMIT);
        let subject = format!("[{}] {headline}", severity.caption());
        Some(Self {
            subject: subject.chars().map(|c| if c.is_ascii() { c } else { '?' }).take(SUBJECT_LIMIT).collect(),
            severity,
            headline,
            sentences: part::sentences(record, decision),
            warnings: why.escalations.iter().map(|warning| plain::line(warning, plain::SENTENCE_LIMIT)).collect(),
            sections: part::sections(record, why),
            facts: part::facts(record, decision),
            commands: command::commands(record, decision),
        })
    }

    /// Returns the notice as plain text: what an e-mail shows.
    #[must_use]
    pub fn text(&self) -> String {
        let warnings = self.warnings.iter().map(|warning| format!("! {warning}"));
        let mut paragraphs = vec![vec![self.headline.clone()], self.sentences.iter().cloned().chain(warnings).collect()];
        for Section { title, lines } in &self.sections {
            let lines = lines.iter().map(|line| format!("- {line}"));
            paragraphs.push(std::iter::once(format!("{title}:")).chain(lines).collect());
        }
        paragraphs.push(self.facts.iter().map(|Fact { label, value }| format!("{label}: {value}")).collect());
        paragraphs.extend(self.commands.iter().map(|Command { purpose, line }| vec![format!("{purpose}:"), line.clone()]));
        paragraphs.retain(|lines| !lines.is_empty());
        paragraphs.iter().map(|lines| lines.join("\n")).collect::<Vec<_>>().join("\n\n")
    }
}

fn is_worth_telling(record: &Record, decision: &Decision) -> bool {
    decision.wakes_a_human() || decision.plan().is_some() || has_failed(record.status) || drill::explains_itself(record, decision)
}

const fn has_failed(status: Status) -> bool {
    match status {
        Status::Failure | Status::Partial | Status::Unsupported | Status::DoesNotExist => true,
        Status::Pending | Status::NothingToDo | Status::Observed | Status::Success | Status::Escalated => false,
    }
}

fn headline(record: &Record) -> String {
    if let Some(headline) =
        azure::azure_headline(record).or_else(|| drill::drill_headline(record)).or_else(|| monitoring::monitoring_headline(record))
    {
        return headline;
    }
    let key = match (record.key(), record.names.aliases.first()) {
        (Some(_), Some(alias)) => format!("key {}", plain::line(alias, HEADLINE_ALIAS_LIMIT)),
        (Some(key), None) => format!("key {}", key.key_id()),
        (None, _) => record.event.target.display_name().to_owned(),
    };
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
        Status::NothingToDo if part::pass_ends(record).is_some() => "passes for now (break-glass)",
        Status::Escalated | Status::Pending | Status::NothingToDo => "needs a human",
    };
    match record.threat {
        Some(threat) => format!("{key} {what}: it {}", threat.phrase_for(&record.event.target).trim_end_matches(',')),
        None => format!("{key} {what}"),
    }
}

//! What comes of an event of Azure, as one JSON object a line.

use std::io::Write;

use jiff::Timestamp;
use reprieve_core::azure::Subject;
use reprieve_core::{ApprovalFinding, CallOutcome, Decision, Oddity, Severity, Step};
use serde::Serialize;

use super::{AzureExplanation, Look};

#[derive(Debug, Serialize)]
struct Explained<'a> {
    resource: Option<&'a str>,
    actor: Option<String>,
    outcome: &'a CallOutcome,
    /// What would be looked at.
    looks: Vec<Looked>,
    /// What is decided where the facts are known.
    decisions: Vec<Decided<'a>>,
    oddities: &'a [Oddity],
    line: usize,
    #[serde(skip_serializing_if = "str::is_empty")]
    at: &'a str,
    event_id: &'a str,
    event: &'a str,
    source: &'a str,
    time: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
struct Looked {
    function: &'static str,
    /// `null` for everything that the function answers for.
    subject: Option<String>,
}

#[derive(Debug, Serialize)]
struct Decided<'a> {
    subject: String,
    decision: &'static str,
    plan: &'a [Step],
    why: &'a str,
    policies: &'a [String],
    severity: Severity,
    escalations: &'a [String],
    approval: &'a ApprovalFinding,
    reasoning: &'a [String],
    deadline: Option<Timestamp>,
}

/// Prints one line.
pub(crate) fn print(explanation: &AzureExplanation, out: &mut impl Write) -> anyhow::Result<()> {
    let AzureExplanation { line, at, event, looks, judged } = explanation;
    let explained = Explained {
        resource: event.target.azure().map(reprieve_core::azure::ResourceId::as_str),
        actor: super::super::actor(&event.actor),
        outcome: &event.outcome,
        looks: looks.iter().map(looked).collect(),
        decisions: judged.iter().map(|(subject, judged)| decided(subject, &judged.decision)).collect(),
        oddities: &event.oddities,
        line: *line,
        at,
        event_id: event.id.as_str(),
        event: &event.name,
        source: &event.source,
        time: event.time,
    };
    Ok(writeln!(out, "{}", serde_json::to_string(&explained)?)?)
}

fn looked(look: &Look) -> Looked {
    let subject = match look {
        Look::One(subject) => Some(subject.key()),
        Look::All(_) => None,
    };
    Looked { function: look.function().name(), subject }
}

fn decided<'a>(subject: &Subject, decision: &'a Decision) -> Decided<'a> {
    let why = decision.why();
    Decided {
        subject: subject.key(),
        decision: decision.name(),
        plan: decision.plan().map_or(&[], |plan| &plan.steps),
        why: &why.sentence,
        policies: &why.policies,
        severity: why.severity,
        escalations: &why.escalations,
        approval: &why.approval,
        reasoning: &why.reasoning,
        deadline: why.deadline,
    }
}

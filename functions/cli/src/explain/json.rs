//! One JSON object a line for each event, in the order of the input.

use std::io::Write;

use jiff::Timestamp;
use reprieve_core::{ApprovalFinding, Oddity, Severity, Step, Target, Threat};
use serde::Serialize;

use super::{Explanation, Item};

/// The first eight fields are the interface; the others are a welcome addition.
#[derive(Debug, Serialize)]
struct Explained<'a> {
    threat: Option<Threat>,
    resource: Option<&'a str>,
    actor: Option<String>,
    decision: &'static str,
    plan: &'a [Step],
    why: &'a str,
    policies: &'a [String],
    oddities: &'a [Oddity],
    line: usize,
    event_id: &'a str,
    event: &'a str,
    source: &'a str,
    time: Option<Timestamp>,
    severity: Severity,
    escalations: &'a [String],
    approval: &'a ApprovalFinding,
    reasoning: &'a [String],
    deadline: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assumed: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct NotUnderstood {
    error: String,
    line: usize,
}

/// Prints each item as one line.
pub(super) fn print(items: &[Item], out: &mut impl Write) -> anyhow::Result<()> {
    for item in items {
        let text = match item {
            Item::Azure(explanation) => {
                super::azure::print_json(explanation, out)?;
                continue;
            }
            Item::Event(explanation) => serde_json::to_string(&explained(explanation))?,
            Item::Sweep { line, call } => serde_json::to_string(&Explained {
                threat: None,
                resource: None,
                actor: None,
                decision: "stand",
                plan: &[],
                why: super::SWEEP,
                policies: &[],
                oddities: &[],
                line: *line,
                event_id: call.id.as_str(),
                event: "Scheduled Event",
                source: "aws.scheduler",
                time: call.time,
                severity: Severity::Informational,
                escalations: &[],
                approval: &ApprovalFinding::NotLookedFor,
                reasoning: &[],
                deadline: None,
                assumed: None,
            })?,
            Item::Error { line, error } => serde_json::to_string(&NotUnderstood { error: error.to_string(), line: *line })?,
        };
        writeln!(out, "{text}")?;
    }
    Ok(())
}

fn explained(explanation: &Explanation) -> Explained<'_> {
    let Explanation { line, event, threat, decision, assumed } = explanation;
    let why = decision.why();
    Explained {
        threat: *threat,
        resource: resource(&event.target),
        actor: super::actor(&event.actor),
        decision: decision.name(),
        plan: decision.plan().map_or(&[], |plan| &plan.steps),
        why: &why.sentence,
        policies: &why.policies,
        oddities: &event.oddities,
        line: *line,
        event_id: event.id.as_str(),
        event: &event.name,
        source: &event.source,
        time: event.time,
        severity: why.severity,
        escalations: &why.escalations,
        approval: &why.approval,
        reasoning: &why.reasoning,
        deadline: why.deadline,
        assumed: assumed.as_deref(),
    }
}

fn resource(target: &Target) -> Option<&str> {
    match target {
        Target::Key(_) | Target::KeyStore(_) | Target::Azure(_) | Target::Google(_) | Target::Named(_) => Some(target.display_name()),
        Target::Unnamed => None,
    }
}

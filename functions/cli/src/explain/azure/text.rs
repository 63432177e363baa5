//! What comes of an event of Azure, as a person reads it.

use std::io::Write;

use jiff::Timestamp;
use owo_colors::{OwoColorize as _, Style};
use reprieve_core::CallOutcome;
use reprieve_core::azure::Subject;

use super::super::style::highlight;
use super::super::text::{block, brief, field, headline, paragraph};
use super::{AzureExplanation, Look};

/// Prints a decision for each subject of which enough is known, or what would be looked at.
pub(crate) fn print(explanation: &AzureExplanation, now: Timestamp, out: &mut impl Write) -> anyhow::Result<()> {
    let AzureExplanation { line, at: _, event, looks, judged } = explanation;
    for (index, (subject, judged)) in judged.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        block(judged, now, out)?;
        field("function", &shown(&Look::One(subject.clone())), Style::new(), out)?;
    }
    let is_judged = |subject: &Subject| judged.iter().any(|(known, _)| known == subject);
    let open: Vec<&Look> = looks.iter().filter(|look| !matches!(look, Look::One(subject) if is_judged(subject))).collect();
    if open.is_empty() {
        return Ok(());
    }
    if judged.is_empty() {
        let number = format!("{line:>5}").bright_black().to_string();
        writeln!(out, "{number} {}  {}", "LOOK".blue().bold(), headline(event).bright_black())?;
        paragraph(&happened(explanation), out)?;
    }
    for (index, look) in open.iter().enumerate() {
        field(if index == 0 { "look" } else { "" }, &shown(look), Style::new().blue(), out)?;
    }
    if judged.is_empty() {
        field("facts", "what is found decides: give --facts to decide on what is known", Style::new().bright_black(), out)?;
    }
    Ok(())
}

/// Prints an event at which no function looks.
pub(crate) fn print_one_line(explanation: &AzureExplanation, out: &mut impl Write) -> anyhow::Result<()> {
    brief(explanation.line, "stand", &format!("{} No function looks at anything for it.", happened(explanation)), out)
}

fn happened(explanation: &AzureExplanation) -> String {
    let event = &explanation.event;
    let outcome = match &event.outcome {
        CallOutcome::Succeeded => "succeeded".to_owned(),
        CallOutcome::Refused { code, .. } => format!("was refused ({code})"),
    };
    let target = event.target.azure().map(|id| format!(" on `{id}`")).unwrap_or_default();
    format!("`{}`{target} {outcome}.", event.name)
}

fn shown(look: &Look) -> String {
    let function = look.function().name();
    match look {
        Look::One(subject) => highlight(&format!("{function}: {subject}")),
        Look::All(_) => format!("{function}: everything that it answers for, because the event does not say what it touched"),
    }
}

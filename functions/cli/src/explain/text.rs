//! The decision as a person reads it: a headline, the sentence, and below it what is needed to act. What endangers no key is one line.

use std::io::Write;

use jiff::{Timestamp, Unit};
use owo_colors::{OwoColorize as _, Style};
use reprieve_core::{Decision, Event, Severity, Step};

use super::azure::AzureExplanation;
use super::style::{WIDTH, highlight, of_decision, of_severity, wrap};
use super::{Explanation, Item};

/// The width of the column of names, in characters.
const NAMES: usize = 12;

/// Prints every item, and a summary where there are several.
pub(super) fn print(items: &[Item], now: Timestamp, out: &mut impl Write) -> anyhow::Result<()> {
    let mut after_block = false;
    for (index, item) in items.iter().enumerate() {
        let is_block = match item {
            Item::Event(explanation) => explanation.threat.is_some(),
            Item::Azure(explanation) => !explanation.looks.is_empty(),
            Item::Sweep { .. } | Item::Error { .. } => false,
        };
        if index > 0 && (is_block || after_block) {
            writeln!(out)?;
        }
        after_block = is_block;
        match item {
            Item::Event(explanation) if is_block => block(explanation, now, out)?,
            Item::Event(explanation) => one_line(explanation, out)?,
            Item::Azure(explanation) if is_block => super::azure::print(explanation, now, out)?,
            Item::Azure(explanation) => super::azure::print_one_line(explanation, out)?,
            Item::Sweep { line, .. } => brief(*line, "stand", super::SWEEP, out)?,
            Item::Error { line, .. } => brief(*line, "error", "not understood; the reason is on standard error", out)?,
        }
    }
    if items.len() > 1 {
        summary(items, out)?;
    }
    Ok(())
}

fn one_line(explanation: &Explanation, out: &mut impl Write) -> anyhow::Result<()> {
    let oddities = match explanation.event.oddities.len() {
        0 => String::new(),
        1 => " (1 oddity, see --json)".to_owned(),
        count => format!(" ({count} oddities, see --json)"),
    };
    let text = format!("{}{oddities}", explanation.decision.why().sentence);
    brief(explanation.line, explanation.decision.name(), &text, out)
}

pub(super) fn brief(line: usize, decision: &str, text: &str, out: &mut impl Write) -> anyhow::Result<()> {
    let style = if decision == "error" { Style::new().red().bold() } else { Style::new().bright_black() };
    writeln!(out, "{} {}  {}", format!("{line:>5}").bright_black(), decision.style(style), highlight(text))?;
    Ok(())
}

pub(super) fn block(explanation: &Explanation, now: Timestamp, out: &mut impl Write) -> anyhow::Result<()> {
    let Explanation { line, event, threat: _, decision, assumed } = explanation;
    let why = decision.why();
    let severity = why.severity.caption().to_uppercase();
    writeln!(
        out,
        "{} {}  {}  {}",
        format!("{line:>5}").bright_black(),
        decision.name().to_uppercase().style(of_decision(decision)),
        severity.style(of_severity(why.severity)),
        headline(event).bright_black(),
    )?;
    paragraph(&why.sentence, out)?;
    for (index, step) in decision.plan().into_iter().flat_map(|plan| &plan.steps).enumerate() {
        field(if index == 0 { "plan" } else { "" }, &format!("{}. {}", index + 1, step_text(step)), Style::new().green(), out)?;
    }
    for escalation in &why.escalations {
        field("tell", escalation, Style::new().magenta(), out)?;
    }
    for (index, line) in why.reasoning.iter().enumerate() {
        field(if index == 0 { "approval" } else { "" }, line, Style::new(), out)?;
    }
    if let Some(deadline) = why.deadline {
        field("deadline", &deadline_text(deadline, now), of_severity(deadline_severity(decision)), out)?;
    }
    for oddity in &event.oddities {
        field("odd", &format!("`{}` {}", oddity.field, oddity.what), Style::new().bright_black(), out)?;
    }
    if let Some(assumed) = assumed {
        field("assumed", &format!("{assumed}; give --facts to decide on what is known"), Style::new().bright_black(), out)?;
    }
    Ok(())
}

pub(super) fn headline(event: &Event) -> String {
    let when = event.time.map_or_else(|| "at an unknown time".to_owned(), shown_time);
    let who = super::actor(&event.actor).map(|who| format!(" by {who}")).unwrap_or_default();
    format!("{}{who}, {when}", event.name)
}

pub(super) fn paragraph(text: &str, out: &mut impl Write) -> anyhow::Result<()> {
    for line in wrap(text, WIDTH - 6) {
        writeln!(out, "      {}", highlight(&line))?;
    }
    Ok(())
}

pub(super) fn field(name: &str, text: &str, style: Style, out: &mut impl Write) -> anyhow::Result<()> {
    for (index, line) in wrap(text, WIDTH - 6 - NAMES).into_iter().enumerate() {
        let name = if index == 0 { name } else { "" };
        writeln!(out, "      {} {}", format!("{name:<width$}", width = NAMES - 1).bright_black(), line.replace('`', "").style(style))?;
    }
    Ok(())
}

fn step_text(step: &Step) -> String {
    match step {
        Step::CancelKeyDeletion { .. } => "CancelKeyDeletion: it is then Disabled".to_owned(),
        Step::EnableKey { .. } => "EnableKey: it serves again".to_owned(),
        Step::EnableKeyRotation { period_days: Some(days), .. } => format!("EnableKeyRotation: every {days} days"),
        Step::EnableKeyRotation { period_days: None, .. } => "EnableKeyRotation: with the default period".to_owned(),
        Step::Monitoring(_) | Step::Azure(_) | Step::Google(_) => format!("{}: {step}", step.name()),
    }
}

/// A deadline presses only where something is to be done.
const fn deadline_severity(decision: &Decision) -> Severity {
    match decision {
        Decision::Stand { .. } => Severity::Informational,
        Decision::Remedy { .. } | Decision::Escalate { .. } => Severity::Medium,
    }
}

fn deadline_text(deadline: Timestamp, now: Timestamp) -> String {
    let hours = deadline.since((Unit::Hour, now)).map_or(0, |span| span.get_hours());
    let distance = match hours {
        ..0 => "passed".to_owned(),
        0 => "within the hour".to_owned(),
        1..48 => format!("in {hours} h"),
        _ => format!("in {} days", hours / 24),
    };
    format!("{} ({distance})", shown_time(deadline))
}

fn shown_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn summary(items: &[Item], out: &mut impl Write) -> anyhow::Result<()> {
    let (mut stand, mut remedy, mut escalate, mut errors, mut looks) = (0_usize, 0_usize, 0_usize, 0_usize, 0_usize);
    let mut count = |decision: &Decision| match decision {
        Decision::Stand { .. } => stand += 1,
        Decision::Remedy { .. } => remedy += 1,
        Decision::Escalate { .. } => escalate += 1,
    };
    let mut without_look = 0_usize;
    for item in items {
        match item {
            Item::Event(explanation) => count(&explanation.decision),
            Item::Azure(explanation) => match gravest(explanation) {
                Some(decision) => count(decision),
                None if explanation.looks.is_empty() => without_look += 1,
                None => looks += 1,
            },
            Item::Sweep { .. } => without_look += 1,
            Item::Error { .. } => errors += 1,
        }
    }
    stand += without_look;
    let to_look_at = if looks == 0 { String::new() } else { format!(", {looks} to be looked at") };
    let not_understood = if errors == 0 { String::new() } else { format!(", {errors} not understood") };
    let counts = format!("{} events: {remedy} remedy, {escalate} escalate, {stand} stand{to_look_at}{not_understood}", items.len());
    writeln!(out, "\n{}", counts.bold())?;
    Ok(())
}

/// One event may be about several subjects: what is to be done about it counts first.
fn gravest(explanation: &AzureExplanation) -> Option<&Decision> {
    let decisions = explanation.judged.iter().map(|(_, judged)| &judged.decision);
    decisions.max_by_key(|decision| match decision {
        Decision::Stand { .. } => 0,
        Decision::Remedy { .. } => 1,
        Decision::Escalate { .. } => 2,
    })
}

//! `reprieve filter test`: whether a pattern matches events, and which comparison fails.

use std::io::Write;
use std::process::ExitCode;

use owo_colors::{OwoColorize as _, Style};
use reprieve_core::filter::{Explanation, FilterPattern, Joined};
use serde::Serialize;
use serde_json::Value;

use super::{NOT_CAUGHT, TestArguments, events, read};

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report {
    /// The pattern in canonical text.
    pattern: String,
    matched: usize,
    events: Vec<Judged>,
}

/// An event, by its place counted from 1, and how it was judged.
#[derive(Debug, Serialize)]
struct Judged {
    event: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    matches: bool,
    explanation: Explanation,
}

/// Tests the pattern on the events.
pub(super) fn run(arguments: &TestArguments) -> anyhow::Result<ExitCode> {
    let pattern = match read(&arguments.pattern, arguments.json)? {
        Ok(pattern) => pattern,
        Err(code) => return Ok(code),
    };
    let events = events::read(&arguments.event)?;
    let judged: Vec<Judged> = events.iter().enumerate().map(|(index, event)| judge(index + 1, event, &pattern)).collect();
    let matched = judged.iter().filter(|judged| judged.matches).count();
    let report = Report { pattern: pattern.to_string(), matched, events: judged };
    let mut out = std::io::BufWriter::new(anstream::stdout().lock());
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string(&report)?)?;
    } else {
        print(&report, &mut out)?;
    }
    out.flush()?;
    Ok(if matched == 0 { ExitCode::from(NOT_CAUGHT) } else { ExitCode::SUCCESS })
}

fn judge(place: usize, event: &Value, pattern: &FilterPattern) -> Judged {
    let text = |field: &str| event.get(field).and_then(Value::as_str).map(str::to_owned);
    let explanation = pattern.explain(event);
    Judged { event: place, name: text("eventName"), source: text("eventSource"), matches: explanation.matches, explanation }
}

fn print(report: &Report, out: &mut impl Write) -> anyhow::Result<()> {
    for judged in &report.events {
        let name = judged.name.as_deref().unwrap_or("an event without a name");
        let source = judged.source.as_ref().map(|source| format!(" ({source})")).unwrap_or_default();
        let verdict = if judged.matches { "matches" } else { "does not match" };
        writeln!(out, "{} {}{source}: {}", judged.event, name.bold(), verdict.style(colour(judged.matches)))?;
        print_part(&judged.explanation, 1, out)?;
    }
    writeln!(out, "\n{} of {} events match.", report.matched, report.events.len())?;
    Ok(())
}

/// Prints a part and those below it, each indented below the part that joins it.
fn print_part(part: &Explanation, depth: usize, out: &mut impl Write) -> anyhow::Result<()> {
    let what = match part.joined {
        Some(Joined::All) => "all of".to_owned(),
        Some(Joined::Any) => "any of".to_owned(),
        None => part.pattern.clone(),
    };
    let holds = if part.matches { "yes" } else { "no" };
    write!(out, "  {:3} {:indent$}{what}", holds.style(colour(part.matches)), "", indent = (depth - 1) * 2)?;
    match &part.found {
        Some(found) => writeln!(out, "  {}", format_args!("<- {found}").bright_black())?,
        None => writeln!(out)?,
    }
    part.parts.iter().try_for_each(|part| print_part(part, depth + 1, out))
}

fn colour(good: bool) -> Style {
    if good { Style::new().green() } else { Style::new().red() }
}

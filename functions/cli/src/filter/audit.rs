//! `reprieve filter audit`: what a pattern catches of everything that makes a key unusable or blinds the monitoring.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::ExitCode;

use owo_colors::{OwoColorize as _, Style};
use reprieve_core::Place;
use reprieve_core::filter::{Audit, Effect, KEY_EVENTS, Miss, NOT_NAMED, audit, probes};

use super::{AuditArguments, NOT_CAUGHT, read};
use crate::style::{WIDTH, wrap};

/// How far what is said of events stands from the edge.
const INDENT: &str = "       ";

/// How many harmless events are named.
const SHOWN_HARMLESS: usize = 10;

/// Audits the pattern.
pub(super) fn run(arguments: &AuditArguments) -> anyhow::Result<ExitCode> {
    let pattern = match read(&arguments.pattern, arguments.json)? {
        Ok(pattern) => pattern,
        Err(code) => return Ok(code),
    };
    let AuditArguments { account, region, partition, .. } = arguments;
    let place = Place { account: account.clone(), region: region.clone(), partition: partition.clone() };
    let audit = audit(&pattern, &place);
    let mut out = std::io::BufWriter::new(anstream::stdout().lock());
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string(&audit)?)?;
    } else {
        print(&audit, &place, &mut out)?;
    }
    out.flush()?;
    Ok(if audit.catches_key_events() { ExitCode::SUCCESS } else { ExitCode::from(NOT_CAUGHT) })
}

fn print(audit: &Audit, place: &Place, out: &mut impl Write) -> anyhow::Result<()> {
    paragraph("", &audit.why, Style::new(), out)?;
    for (heading, effect) in [("MAKES A KEY UNUSABLE", Effect::MakesKeyUnusable), ("BLINDS THE MONITORING", Effect::BlindsMonitoring)] {
        print_events(heading, effect, audit, out)?;
    }
    if !audit.also_catches.is_empty() {
        writeln!(out, "\n{}: {} fired on", "HARMLESS".bold(), audit.also_catches.len())?;
        let shown: Vec<&str> = audit.also_catches.iter().map(String::as_str).take(SHOWN_HARMLESS).collect();
        let more = match audit.also_catches.len() - shown.len() {
            0 => String::new(),
            more => format!(", and {more} more, which --json lists"),
        };
        paragraph(INDENT, &format!("{}{more}", shown.join(", ")), Style::new(), out)?;
    }
    let elsewhere = match (audit.other_accounts, audit.catches.values().any(|caught| *caught)) {
        (true, _) => " What is caught is caught in records of other accounts, too.",
        (false, true) => " Not all of it is caught in records of other accounts.",
        (false, false) => "",
    };
    writeln!(out)?;
    let tried = format!("Tried as account {} in {}; --account and --region change it.{elsewhere}", place.account, place.region);
    paragraph("", &tried, Style::new(), out)
}

/// Prints what is caught, and what is missed by why. What is caught in part, or should be, stands above what the filter is not about.
fn print_events(heading: &str, effect: Effect, audit: &Audit, out: &mut impl Write) -> anyhow::Result<()> {
    let names: BTreeSet<&str> = probes().iter().filter(|probe| probe.effect == effect).map(|probe| probe.name.as_str()).collect();
    let caught: Vec<&str> = names.iter().copied().filter(|name| audit.catches(name)).collect();
    writeln!(out, "\n{}: {} of {} caught", heading.bold(), caught.len(), names.len())?;
    if !caught.is_empty() {
        events("yes", &caught, Style::new().green(), out)?;
    }
    let mut missed: BTreeMap<(bool, &str), Vec<&str>> = BTreeMap::new();
    for Miss { event, why } in audit.misses.iter().filter(|miss| names.contains(miss.event.as_str())) {
        missed.entry((why == NOT_NAMED, why)).or_default().push(event);
    }
    // A reason that is that of everything was told at the start.
    let reasons: BTreeSet<&str> = audit.misses.iter().map(|miss| miss.why.as_str()).collect();
    let is_told = reasons.len() == 1 && audit.misses.len() == audit.catches.len();
    for ((_, why), names) in missed {
        events("no", &names, Style::new().red(), out)?;
        if !is_told {
            paragraph(INDENT, why, Style::new().bright_black(), out)?;
        }
    }
    Ok(())
}

/// Prints events behind what becomes of them, those that the benchmark asks for first.
fn events(told: &str, names: &[&str], style: Style, out: &mut impl Write) -> anyhow::Result<()> {
    let indent = INDENT.len() - 2;
    let mut start = told;
    let (asked_for, others): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| KEY_EVENTS.contains(name));
    for line in wrap(&[asked_for, others].concat().join(", "), WIDTH - INDENT.len()) {
        writeln!(out, "  {}{}{line}", start.style(style), " ".repeat(indent - start.len()))?;
        start = "";
    }
    Ok(())
}

fn paragraph(indent: &str, text: &str, style: Style, out: &mut impl Write) -> anyhow::Result<()> {
    wrap(text, WIDTH - indent.len()).iter().try_for_each(|line| Ok(writeln!(out, "{indent}{}", line.style(style))?))
}

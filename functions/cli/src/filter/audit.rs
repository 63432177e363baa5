//! `reprieve filter audit`: what a pattern catches of everything that makes a key unusable or blinds the monitoring.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::ExitCode;

use owo_colors::Style;
use reprieve_core::Place;
use reprieve_core::filter::{Audit, Effect, Miss, NOT_NAMED, audit, probes};

use super::{AuditArguments, NOT_CAUGHT, read};
use crate::style::{WIDTH, highlight, wrap};
use crate::table::{self, Cell, Row};

/// A reason of more characters than this does not stand in the table's cell.
const LONGEST_CELL: usize = 60;

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
    for line in wrap(&audit.why, WIDTH) {
        writeln!(out, "{}", highlight(&line))?;
    }
    for (heading, effect) in [("MAKES A KEY UNUSABLE", Effect::MakesKeyUnusable), ("BLINDS THE MONITORING", Effect::BlindsMonitoring)] {
        writeln!(out)?;
        table::print([heading, "CAUGHT"], &rows(audit, effect), out)?;
    }
    if !audit.also_catches.is_empty() {
        writeln!(out, "\nHarmless, and fired on:")?;
        for line in wrap(&audit.also_catches.join(", "), WIDTH - 4) {
            writeln!(out, "    {line}")?;
        }
    }
    let elsewhere = match (audit.other_accounts, audit.catches.values().any(|caught| *caught)) {
        (true, _) => " What is caught is caught in records of other accounts, too.",
        (false, true) => " Not all of it is caught in records of other accounts.",
        (false, false) => "",
    };
    writeln!(out, "\nTried as account {} in {}; --account and --region change it.{elsewhere}", place.account, place.region)?;
    Ok(())
}

fn rows(audit: &Audit, effect: Effect) -> Vec<Row<2>> {
    let names: BTreeSet<&str> = probes().iter().filter(|probe| probe.effect == effect).map(|probe| probe.name.as_str()).collect();
    let caught: Vec<&str> = names.iter().copied().filter(|name| audit.catches(name)).collect();
    let missed = audit.misses.iter().filter(|miss| names.contains(miss.event.as_str()));
    let caught =
        caught.into_iter().map(|name| Row { cells: [Cell::plain(name), Cell::styled("yes", Style::new().green())], below: Vec::new() });
    // What is caught in part, or should be, stands above what the filter is not about.
    let (unnamed, failing): (Vec<&Miss>, Vec<&Miss>) = missed.partition(|miss| miss.why == NOT_NAMED);
    caught.chain(failing.into_iter().chain(unnamed).map(missed_row)).collect()
}

/// A long reason stands below the row.
fn missed_row(miss: &Miss) -> Row<2> {
    let red = Style::new().red();
    let (told, below) = if miss.why.chars().count() <= LONGEST_CELL {
        (format!("no: {}", miss.why), Vec::new())
    } else {
        ("no".to_owned(), vec![Cell::styled(&miss.why, Style::new().bright_black())])
    };
    Row { cells: [Cell::plain(&miss.event), Cell::styled(told, red)], below }
}

//! The report on a terminal: a row for each Region, then each gap once, with the keys it is about.

use std::io::Write;

use owo_colors::{OwoColorize as _, Style};
use reprieve_core::coverage::{Count, GapGroup, Lockout, Report};

use super::{keys, name_of};
use crate::style::{WIDTH, highlight, wrap};
use crate::table::{self, Cell, Row};

/// How many keys of a gap are named.
const NAMED: usize = 5;

/// Prints the report.
pub(super) fn print(report: &Report, out: &mut impl Write) -> std::io::Result<()> {
    let mut rows: Vec<Row<6>> = report
        .regions
        .iter()
        .map(|region| row(region.place.account.as_str(), region.place.region.as_str(), region.count, region.percentage))
        .collect();
    if report.regions.len() > 1 {
        rows.push(row("all", "", report.count, report.percentage));
    }
    table::print(["ACCOUNT", "REGION", "KEYS", "MONITORED", "COVERAGE", "PENDING DELETION"], &rows, out)?;
    for group in report.grouped() {
        gap(&group, out)?;
    }
    lockouts(report, out)?;
    summary(report, out)
}

fn row(account: &str, region: &str, count: Count, percentage: usize) -> Row<6> {
    let has_nothing = count.customer_managed == 0 && percentage == 100;
    let share = if has_nothing { Cell::plain("no keys") } else { Cell::styled(format!("{percentage}%"), of_percentage(percentage)) };
    let number = |number: usize| Cell::plain(number.to_string());
    let pending = if count.pending_deletion == 0 { Cell::plain("") } else { number(count.pending_deletion) };
    Row {
        cells: [Cell::plain(account), Cell::plain(region), number(count.customer_managed), number(count.monitored), share, pending],
        below: Vec::new(),
    }
}

const fn of_percentage(percentage: usize) -> Style {
    match percentage {
        100.. => Style::new().green().bold(),
        50..100 => Style::new().yellow().bold(),
        0..50 => Style::new().red().bold(),
    }
}

fn gap(group: &GapGroup<'_>, out: &mut impl Write) -> std::io::Result<()> {
    let about = if group.keys.is_empty() { "any number of keys".to_owned() } else { keys(group.keys.len()) };
    let place = &group.region.place;
    writeln!(out, "\n{}  {about} of {} in {}", group.gap.kind.title().red().bold(), place.account, place.region)?;
    paragraph(&group.gap.reason, "  ", out)?;
    paragraph(&format!("Fix: {}", group.gap.fix), "  ", out)?;
    let named: Vec<&str> = group.keys.iter().take(NAMED).map(|key| name_of(key)).collect();
    if named.is_empty() {
        return Ok(());
    }
    let more = match group.keys.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    for line in wrap(&format!("{}{more}", named.join(", ")), WIDTH - 2) {
        writeln!(out, "  {}", line.bright_black())?;
    }
    Ok(())
}

fn lockouts(report: &Report, out: &mut impl Write) -> std::io::Result<()> {
    if report.lockouts.is_empty() {
        return Ok(());
    }
    let certain = report.lockouts.iter().filter(|lockout| lockout.is_certain).count();
    let heading = format!("Lockouts  {} refuse the guard, {} may", keys(certain), report.lockouts.len() - certain);
    writeln!(out, "\n{}", heading.bold())?;
    for Lockout { key, aliases, reason, .. } in report.lockouts.iter().take(NAMED) {
        let name = aliases.first().map_or_else(|| key.key_id(), String::as_str);
        paragraph(&format!("{name} ({}): {reason}", key.region()), "  ", out)?;
    }
    match report.lockouts.len().saturating_sub(NAMED) {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more: --json lists all"),
    }
}

fn summary(report: &Report, out: &mut impl Write) -> std::io::Result<()> {
    let Count { customer_managed, monitored, aws_managed, .. } = report.count;
    let besides = if aws_managed == 0 { String::new() } else { format!("; not counted: {} that AWS manages", keys(aws_managed)) };
    let share = format!("{}%", report.percentage);
    writeln!(
        out,
        "\n{}: {monitored} of {} monitored, from the event to a confirmed human{besides}.",
        share.style(of_percentage(report.percentage)),
        keys(customer_managed),
    )
}

fn paragraph(text: &str, indent: &str, out: &mut impl Write) -> std::io::Result<()> {
    for line in wrap(text, WIDTH - indent.len()) {
        writeln!(out, "{indent}{}", highlight(&line))?;
    }
    Ok(())
}

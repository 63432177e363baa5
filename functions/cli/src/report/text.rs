//! The report on a terminal: what needs somebody first, then each number, then the incidents.

use std::io::Write;

use owo_colors::{OwoColorize as _, Style};
use reprieve_evidence::kpi::{Incident, Resolution, Summary, Times};

use super::Report;
use super::read::Tally;
use crate::plain::{counted, duration, grouped, moment, short_name, visible};
use crate::style::{WIDTH, highlight, wrap};
use crate::table::{self, Cell, Row};

/// How many incidents, keys and anomalies are listed.
const LISTED: usize = 10;

/// Prints the report.
pub(super) fn print(report: &Report, out: &mut impl Write) -> std::io::Result<()> {
    let summary = &report.summary;
    writeln!(out, "{}  {}", report.archive.bold(), super::page::period_text(summary).bright_black())?;
    paragraph(&super::page::lead(summary), "", out)?;
    numbers(summary, out)?;
    at_risk(summary, out)?;
    incidents(summary, out)?;
    anomalies(summary, out)?;
    places(summary, out)?;
    read(&report.read, out)
}

fn numbers(summary: &Summary, out: &mut impl Write) -> std::io::Result<()> {
    let row = |what: &str, value: String, says: String| Row {
        cells: [what.to_owned(), value, visible(&says)].map(Cell::plain),
        below: Vec::new(),
    };
    let tiles = super::page::tiles(summary);
    let rows: Vec<Row<3>> = tiles.into_iter().map(|tile| row(tile.label, tile.value, tile.says)).collect();
    writeln!(out)?;
    table::print(["KPI", "VALUE", "OF WHAT"], &rows, out)?;
    spread("Time to detect", &summary.detect.times, out)?;
    spread("Time to remediate", &summary.remediate.times, out)
}

fn spread(what: &str, times: &Times, out: &mut impl Write) -> std::io::Result<()> {
    let (Some(min), Some(p50), Some(p95), Some(max)) = (times.min_ms, times.p50_ms, times.p95_ms, times.max_ms) else { return Ok(()) };
    let negative = match times.negative {
        0 => String::new(),
        count => format!("; {} negative, because clocks disagree", grouped(count)),
    };
    writeln!(
        out,
        "{what}: least {}, half within {}, 95 % within {}, longest {}, of {}{negative}",
        duration(min),
        duration(p50),
        duration(p95),
        duration(max),
        grouped(times.count)
    )
}

fn heading(text: &str, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "\n{}", text.bold())
}

fn at_risk(summary: &Summary, out: &mut impl Write) -> std::io::Result<()> {
    if summary.at_risk.is_empty() {
        return Ok(());
    }
    heading("Keys at risk", out)?;
    let rows: Vec<Row<4>> = summary
        .at_risk
        .iter()
        .take(LISTED)
        .map(|key| {
            let deadline = key.deadline.map_or_else(|| "no deadline".to_owned(), moment);
            let style = if key.has_passed { Style::new().red().bold() } else { Style::new() };
            Row {
                cells: [
                    Cell::plain(visible(&short_name(&key.name))),
                    Cell::plain(visible(&key.account)),
                    Cell::plain(visible(&key.region)),
                    Cell::styled(if key.has_passed { format!("{deadline} (passed)") } else { deadline }, style),
                ],
                below: vec![Cell::plain(visible(&key.why))],
            }
        })
        .collect();
    table::print(["KEY", "ACCOUNT", "REGION", "LOST AT"], &rows, out)?;
    more(summary.at_risk.len(), out)
}

const fn style_of(resolution: Resolution) -> Style {
    match resolution {
        Resolution::Undone => Style::new().green(),
        Resolution::Failed | Resolution::Gone | Resolution::Unfinished => Style::new().red().bold(),
        Resolution::HumanCalled => Style::new().yellow(),
        Resolution::Stood | Resolution::OnlyObserved => Style::new(),
    }
}

fn incidents(summary: &Summary, out: &mut impl Write) -> std::io::Result<()> {
    if summary.incidents.is_empty() {
        return Ok(());
    }
    heading("Incidents, the latest first", out)?;
    let rows: Vec<Row<4>> = summary.incidents.iter().take(LISTED).map(incident).collect();
    table::print(["WHEN (UTC)", "CALL", "OUTCOME", "AFTER"], &rows, out)?;
    more(summary.incidents.len(), out)
}

fn incident(incident: &Incident) -> Row<4> {
    Row {
        cells: [
            Cell::plain(moment(incident.at)),
            Cell::plain(visible(&incident.call)),
            Cell::styled(incident.resolution.caption(), style_of(incident.resolution)),
            Cell::plain(incident.remediate_ms.map_or_else(String::new, duration)),
        ],
        below: vec![Cell::plain(visible(&incident.sentence.replace('`', "")))],
    }
}

fn anomalies(summary: &Summary, out: &mut impl Write) -> std::io::Result<()> {
    if summary.anomalies.is_empty() {
        return Ok(());
    }
    heading("Anomalies, the highest score first", out)?;
    for anomaly in summary.anomalies.iter().take(LISTED) {
        let when = anomaly.at.map_or_else(String::new, moment);
        writeln!(out, "{:>3}  {when}  {} on {}", anomaly.score.bold(), visible(&anomaly.call), visible(&short_name(&anomaly.asset)))?;
        paragraph(&anomaly.sentence, "     ", out)?;
    }
    more(summary.anomalies.len(), out)
}

fn places(summary: &Summary, out: &mut impl Write) -> std::io::Result<()> {
    if summary.places.is_empty() {
        return Ok(());
    }
    heading("Places", out)?;
    let rows: Vec<Row<6>> = summary
        .places
        .iter()
        .take(LISTED)
        .map(|place| {
            let monitored = match (place.keys_monitored, place.keys) {
                (Some(monitored), Some(keys)) => format!("{} of {}", grouped(monitored), grouped(keys)),
                (_, _) => "not known".to_owned(),
            };
            let texts = [
                place.cloud.caption().to_owned(),
                place.account.clone(),
                place.region.clone(),
                grouped(place.incidents),
                grouped(place.undone),
                monitored,
            ];
            Row { cells: texts.map(|text| Cell::plain(visible(&text))), below: Vec::new() }
        })
        .collect();
    table::print(["CLOUD", "ACCOUNT", "REGION", "INCIDENTS", "UNDONE", "KEYS MONITORED"], &rows, out)?;
    more(summary.places.len(), out)
}

fn more(count: usize, out: &mut impl Write) -> std::io::Result<()> {
    match count.saturating_sub(LISTED) {
        0 => Ok(()),
        more => writeln!(out, "{}", format!("and {more} more: --json and --html list them").bright_black()),
    }
}

fn read(read: &Tally, out: &mut impl Write) -> std::io::Result<()> {
    let objects = counted(read.objects, "object");
    writeln!(out, "\n{}", format!("Read: {} in {objects}.", counted(read.entries, "entry")).bright_black())?;
    if read.problems == 0 {
        return Ok(());
    }
    writeln!(out, "{}", format!("{} could not be read, and are in no number:", counted(read.problems, "part")).red().bold())?;
    for problem in read.told.iter().take(LISTED) {
        paragraph(&format!("`{}`: {}", problem.object, problem.why), "  ", out)?;
    }
    Ok(())
}

fn paragraph(text: &str, indent: &str, out: &mut impl Write) -> std::io::Result<()> {
    for line in wrap(&visible(text), WIDTH - indent.len()) {
        writeln!(out, "{indent}{}", highlight(&line))?;
    }
    Ok(())
}

//! A replay on a terminal, 80 columns wide: what it comes to, what would have been undone, which keys were in danger, and what was read.

use std::io::Write;

use owo_colors::{OwoColorize as _, Style};
use reprieve_replay::{Decided, KeyHistory, Verdict};

use super::words::{self, ShortNames, cut};
use super::{Replay, cost};
use crate::plain::{counted, grouped, moment, rough, short_name, size, visible};
use crate::style::{highlight, wrap};
use crate::table::{self, Cell, Row};

/// The width of a line, in characters.
const WIDTH: usize = 80;
/// How many decisions are listed.
const DECISIONS: usize = 40;
/// How many of anything else.
const LISTED: usize = 10;

/// Prints the summary.
pub(super) fn print(replay: &Replay, out: &mut impl Write) -> std::io::Result<()> {
    let answer = &replay.answer;
    if let Some(sentence) = replay.stopped() {
        paragraph(&sentence, "", Style::new().yellow().bold(), out)?;
        writeln!(out)?;
    }
    writeln!(out, "{}  {}", "Replay".bold(), words::period_of(answer, replay.period).bright_black())?;
    paragraph(&words::lead(replay), "", Style::new(), out)?;
    read(replay, out)?;
    verdicts(replay, out)?;
    let names = ShortNames::of(answer);
    restored(replay, &names, out)?;
    in_danger(replay, &names, out)?;
    kpis(replay, out)?;
    anomalies(replay, out)?;
    cost(replay, out)?;
    assumed(replay, out)
}

fn heading(text: &str, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "\n{}", text.bold())
}

fn read(replay: &Replay, out: &mut impl Write) -> std::io::Result<()> {
    let read = &replay.answer.read;
    heading("What was read", out)?;
    fact("Files", &grouped(read.files), out)?;
    for (why, count) in words::left_out(replay) {
        fact("", &format!("left out {}: {why}", counted(count, "file")), out)?;
    }
    let about = if read.unique_events_exact { "" } else { "about " };
    fact("Records", &format!("{}, {about}{} of them different", grouped(read.records), grouped(read.unique_events)), out)?;
    fact("Bytes", &format!("{}; {} as they lie there", size(read.bytes), size(read.bytes_read)), out)?;
    let seconds = replay.took.as_secs_f64().max(1e-3);
    #[expect(clippy::cast_precision_loss, reason = "a rate is shown with one digit")]
    let (megabytes, records) = (read.bytes as f64 / 1e6 / seconds, read.records as f64 / seconds);
    fact("Took", &format!("{seconds:.1} s: {megabytes:.1} MB and {records:.0} records a second"), out)?;
    let errors = if read.errors == 0 { "nothing that is a log".to_owned() } else { counted(read.errors, "error") };
    fact("Not read", &errors, out)
}

/// Returns the colour of a verdict.
pub(super) const fn style_of(verdict: Verdict) -> Style {
    match verdict {
        Verdict::WouldRestore => Style::new().green().bold(),
        Verdict::WouldEscalate => Style::new().magenta().bold(),
        Verdict::Approved | Verdict::Refused | Verdict::Recorded => Style::new().bright_black(),
    }
}

fn verdicts(replay: &Replay, out: &mut impl Write) -> std::io::Result<()> {
    if replay.answer.decisions.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let rows: Vec<Row<3>> = words::VERDICTS
        .into_iter()
        .map(|verdict| {
            let count = words::count(&replay.answer, verdict);
            Row {
                cells: [
                    Cell::styled(words::name(verdict), style_of(verdict)),
                    Cell::plain(format!("{:>9}", grouped(count))),
                    Cell::plain(words::meaning(verdict)),
                ],
                below: Vec::new(),
            }
        })
        .collect();
    table::print(["VERDICT", "DECISIONS", "MEANS"], &rows, out)
}

fn restored(replay: &Replay, names: &ShortNames, out: &mut impl Write) -> std::io::Result<()> {
    let all: Vec<&Decided> = words::restored(&replay.answer).collect();
    if all.is_empty() {
        return Ok(());
    }
    heading("Would have been undone, in the order of time (UTC)", out)?;
    let year = |decided: &&Decided| decided.time.map(|time| time.strftime("%Y").to_string());
    let is_one_year = all.first().map(year) == all.last().map(year);
    let mut lines: Vec<[String; 5]> = all
        .iter()
        .take(DECISIONS)
        .map(|decided| {
            let format = if is_one_year { "%m-%d %H:%M" } else { "%Y-%m-%d %H:%M" };
            let when = decided.time.map_or_else(|| "not known".to_owned(), |time| time.strftime(format).to_string());
            let key = decided.key.as_deref().map_or_else(|| "none named".to_owned(), |key| names.of_key(key));
            let became = words::aftermath_in_short(&decided.aftermath);
            [when, cut(&visible(&key), 15), cut(&visible(&decided.call), 20), visible(&person(&decided.by)), became]
        })
        .collect();
    // Who it was has the room that is left.
    let widest = |column: usize| lines.iter().filter_map(|cells| cells.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let room = WIDTH.saturating_sub([0, 1, 2, 4].map(widest).iter().sum::<usize>() + 8).max(8);
    for [_, _, _, who, _] in &mut lines {
        *who = cut(who, room);
    }
    let rows: Vec<Row<5>> = lines.into_iter().map(|cells| Row { cells: cells.map(Cell::plain), below: Vec::new() }).collect();
    table::print(["WHEN", "KEY", "WHAT", "WHO", "WHAT BECAME"], &rows, out)?;
    more(all.len(), DECISIONS, out)
}

/// Whoever called, by the part of the name by which people know them: of a session the person.
fn person(by: &str) -> String {
    let name = crate::desk::short_approver(by);
    name.split_once(" as ").map_or_else(|| name.clone(), |(person, _)| person.to_owned())
}

fn in_danger(replay: &Replay, names: &ShortNames, out: &mut impl Write) -> std::io::Result<()> {
    let keys = words::in_danger(&replay.answer);
    if keys.is_empty() {
        return Ok(());
    }
    heading("Keys in danger, the longest first", out)?;
    paragraph("They could not be used, or waited for their deletion, without an approval.", "", Style::new().bright_black(), out)?;
    let row = |key: &&KeyHistory| {
        let (account, region) = words::place_of(&key.key);
        let name = match short_name(&key.key) {
            // An id is told whole where there is room: it is what one looks for.
            whole if whole.chars().count() <= 36 => whole,
            _ => cut(&names.of_key(&key.key), 36),
        };
        let texts = [visible(&name), visible(account), visible(region), rough(key.seconds_in_danger)];
        Row { cells: texts.map(Cell::plain), below: Vec::new() }
    };
    let rows: Vec<Row<4>> = keys.iter().take(LISTED).map(row).collect();
    table::print(["KEY", "ACCOUNT", "REGION", "IN DANGER"], &rows, out)?;
    more(keys.len(), LISTED, out)
}

fn kpis(replay: &Replay, out: &mut impl Write) -> std::io::Result<()> {
    let answer = &replay.answer;
    if answer.decisions.is_empty() {
        return Ok(());
    }
    heading("What it comes to", out)?;
    fact("False positives", &format!("{}: {}", words::rate(answer), words::false_positives(answer)), out)?;
    if let Some(times) = answer.kpis.time_to_undo {
        let text = format!(
            "by people: half within {}, 95 % within {}, the longest {}, of {}",
            rough(times.p50),
            rough(times.p95),
            rough(times.max),
            grouped(times.count)
        );
        fact("Time to undo", &text, out)?;
    }
    fact("Danger", &format!("{}, of all keys together", rough(answer.kpis.seconds_in_danger)), out)?;
    if answer.kpis.rotations > 0 {
        fact("Rotations", &grouped(answer.kpis.rotations), out)?;
    }
    Ok(())
}

/// Prints a name, and beside it a paragraph.
fn fact(name: &str, text: &str, out: &mut impl Write) -> std::io::Result<()> {
    for (index, line) in wrap(&visible(text), WIDTH - 18).iter().enumerate() {
        let name = if index == 0 { name } else { "" };
        writeln!(out, "{name:<16}  {}", highlight(line))?;
    }
    Ok(())
}

fn anomalies(replay: &Replay, out: &mut impl Write) -> std::io::Result<()> {
    let Some(anomalies) = &replay.anomalies else { return Ok(()) };
    heading("Anomalies, the highest score first", out)?;
    if anomalies.is_empty() {
        return paragraph("Nothing unusual was found.", "", Style::new(), out);
    }
    for anomaly in anomalies.iter().take(LISTED) {
        let when = anomaly.at.map_or_else(String::new, moment);
        let line = format!("{} on {}", visible(&anomaly.call), visible(&short_name(&anomaly.asset)));
        writeln!(out, "{:>3}  {when}  {}", anomaly.score.bold(), cut(&line, WIDTH - 23))?;
        paragraph(&anomaly.sentence, "     ", Style::new(), out)?;
    }
    more(anomalies.len(), LISTED, out)
}

fn cost(replay: &Replay, out: &mut impl Write) -> std::io::Result<()> {
    let Some(cost) = cost::of(&replay.answer, replay.period) else { return Ok(()) };
    heading("What Reprieve would cost here", out)?;
    paragraph(&format!("About {} a month. {} Itemise it with", cost.estimate.total.in_cents(), cost.says), "", Style::new(), out)?;
    // As a shell takes it on two lines, where one is too short.
    let is_long = cost.command.chars().count() + 2 > WIDTH;
    let command = if is_long { cost.command.replace(" --keys", " \\\n      --keys") } else { cost.command.clone() };
    writeln!(out, "  {}", command.cyan())
}

fn assumed(replay: &Replay, out: &mut impl Write) -> std::io::Result<()> {
    let assumed = words::assumed(&replay.answer);
    if assumed.is_empty() {
        return Ok(());
    }
    heading("Assumed, where the logs do not say", out)?;
    for (sentence, count) in assumed.iter().take(LISTED) {
        paragraph(&format!("{sentence} ({})", counted(*count, "decision")), "  ", Style::new().bright_black(), out)?;
    }
    more(assumed.len(), LISTED, out)
}

fn more(count: usize, listed: usize, out: &mut impl Write) -> std::io::Result<()> {
    match count.saturating_sub(listed) {
        0 => Ok(()),
        more => writeln!(out, "{}", format!("and {more} more: --json and --html list them").bright_black()),
    }
}

fn paragraph(text: &str, indent: &str, style: Style, out: &mut impl Write) -> std::io::Result<()> {
    for line in wrap(&visible(text), WIDTH - indent.len()) {
        writeln!(out, "{indent}{}", highlight(&line).style(style))?;
    }
    Ok(())
}

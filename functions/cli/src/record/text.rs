//! What was recorded, for people.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use owo_colors::OwoColorize as _;

use super::tally::Tally;
use crate::plain::{counted, grouped, size};
use crate::style::{WIDTH, highlight, wrap};

/// Prints the tally.
pub(super) fn print(tally: &Tally, to: Option<&Path>, out: &mut impl Write) -> std::io::Result<()> {
    let counts = &tally.counts;
    let entries = format!("{} of {}", counted(counts.entries, "entry"), counted(counts.records, "record"));
    writeln!(out, "{}", format!("{entries} in {}", counted(tally.files, "file")).bold())?;
    breakdown("cloud", &tally.by_cloud, out)?;
    breakdown("log", &tally.by_log, out)?;
    breakdown("operation", &tally.by_operation, out)?;
    breakdown("asset", &tally.by_asset, out)?;
    if tally.duplicates > 0 {
        writeln!(out, "{} were there twice, and written once", counted(tally.duplicates, "entry"))?;
    }
    let read = format!("read {}, inflated {}", size(counts.bytes_in), size(counts.bytes_inflated));
    let rate = format!("{:.1} MB/s", tally.megabytes_per_second());
    match to {
        Some(folder) => writeln!(out, "{read}; wrote {} to `{}` ({rate})", size(tally.bytes_out), folder.display())?,
        None => writeln!(out, "{read} ({rate})")?,
    }
    for (why, count) in &tally.left_out {
        writeln!(out, "left out {}: {why}", counted(*count, "file"))?;
    }
    problems(tally, out)?;
    refusals(tally, out)
}

/// Prints what the archive refused for what is in it, and where it lies instead.
fn refusals(tally: &Tally, out: &mut impl Write) -> std::io::Result<()> {
    if tally.refused.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", "REFUSED IN ITS PLACE, AND KEPT".bold())?;
    for (file, why) in &tally.refused {
        paragraph(&format!("`{file}`: {why}"), out)?;
    }
    Ok(())
}

/// Prints what could not be read, each by its place.
fn problems(tally: &Tally, out: &mut impl Write) -> std::io::Result<()> {
    if tally.is_all_read() {
        return Ok(());
    }
    writeln!(out, "\n{}", "NOT READ".bold())?;
    for (file, why) in &tally.faults {
        paragraph(&format!("`{file}`: {why}"), out)?;
    }
    for (file, record, why) in &tally.unreadable {
        paragraph(&format!("`{file}`, record {record}: {why}"), out)?;
    }
    let more = tally.counts.unreadable.saturating_sub(tally.unreadable.len() as u64);
    if more > 0 {
        writeln!(out, "  and {} more", counted(more, "record"))?;
    }
    Ok(())
}

fn paragraph(text: &str, out: &mut impl Write) -> std::io::Result<()> {
    wrap(text, WIDTH - 2).iter().try_for_each(|line| writeln!(out, "  {}", highlight(line)))
}

/// Prints one kind of counts, the largest first, as a paragraph.
fn breakdown(name: &str, counts: &BTreeMap<&'static str, u64>, out: &mut impl Write) -> std::io::Result<()> {
    let mut sorted: Vec<_> = counts.iter().collect();
    sorted.sort_by_key(|(word, count)| (std::cmp::Reverse(**count), **word));
    let list: Vec<String> = sorted.iter().map(|(word, count)| format!("{word} {}", grouped(**count))).collect();
    if list.is_empty() {
        return Ok(());
    }
    for (index, line) in wrap(&list.join(", "), WIDTH - 13).iter().enumerate() {
        let title = if index == 0 { name } else { "" };
        writeln!(out, "  {title:<10} {line}")?;
    }
    Ok(())
}

//! `reprieve report`: what an archive of evidence came to, as text, JSON or a page. It reads, and changes nothing.

mod chart;
mod page;
mod plain;
mod read;
mod text;

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use reprieve_evidence::kpi::{Period, Summary};
use serde::Serialize;

use crate::archive::Archive;
use crate::args::report::ReportArguments;

/// Something in the archive could not be read.
const NOT_ALL_READ: u8 = 3;

/// The report.
#[derive(Debug, Serialize)]
struct Report {
    /// Where the archive lies, as it was named.
    archive: String,
    /// What was read of it.
    read: read::Tally,
    /// What that came to.
    summary: Summary,
}

/// Reports.
///
/// # Errors
/// When the archive cannot be listed, the period is none, or the output cannot be written.
pub(crate) async fn run(arguments: &ReportArguments, now: Timestamp) -> anyhow::Result<ExitCode> {
    let period = Period { from: arguments.from, to: arguments.to };
    if let (Some(from), Some(to)) = (period.from, period.to)
        && from >= to
    {
        bail!("the period ends at {to}, before it begins at {from}: give --from before --to");
    }
    let archive = Archive::open_anywhere(&arguments.archive, &arguments.cloud).await?;
    let (kpis, read) = read::read(&archive, period, now).await?;
    let as_of = period.to.map_or(now, |to| to.min(now));
    let report = Report { archive: arguments.archive.clone(), read, summary: kpis.summary(period, as_of) };
    if let Some(file) = &arguments.html {
        let page = page::render(&report, now)?;
        std::fs::write(file, page).with_context(|| format!("`{}` cannot be written", file.display()))?;
    }
    let mut out = std::io::BufWriter::new(anstream::stdout().lock());
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        text::print(&report, &mut out)?;
    }
    out.flush()?;
    Ok(if report.read.problems == 0 { ExitCode::SUCCESS } else { ExitCode::from(NOT_ALL_READ) })
}

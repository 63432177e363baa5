//! `reprieve report`: what an archive of evidence came to, as text, JSON or a page. It reads, and changes nothing.

mod page;
mod read;
mod text;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use reprieve_core::coverage;
use reprieve_evidence::kpi::{Kpis, Observed, Period, Summary};
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
    let (mut kpis, read) = read::read(&archive, period, now).await?;
    for file in &arguments.coverage {
        add_coverage(&mut kpis, file)?;
    }
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

/// Adds what `reprieve coverage --json` said, as of when it was written: no function of AWS may look at all that this takes.
fn add_coverage(kpis: &mut Kpis, file: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| format!("`{}` cannot be read", file.display()))?;
    let report: coverage::Report = serde_json::from_str(&text)
        .with_context(|| format!("`{}` holds no coverage: write it with `reprieve coverage --json`", file.display()))?;
    let written = std::fs::metadata(file).and_then(|file| file.modified()).context("when the coverage was written is not known")?;
    let at = Timestamp::try_from(written).with_context(|| format!("`{}` was written at no time", file.display()))?;
    for posture in report.postures(at) {
        kpis.add(&Observed::Posture(&posture));
    }
    Ok(())
}

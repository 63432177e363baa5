//! `reprieve coverage`: which keys are monitored, as text, JSON or a page. It reads, and changes nothing.

mod page;
mod text;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use jiff::Timestamp;
use reprieve_aws_desk::{Desk, DeskError};
use reprieve_aws_monitoring::coverage::{Expectation, Site, observe};
use reprieve_core::coverage::{KeyReport, Observation, assess};
use reprieve_core::monitoring::world::Place;
use reprieve_core::{AccountId, Region};

use crate::args::coverage::CoverageArguments;

/// Some keys are not monitored, or may not be.
const NOT_COVERED: u8 = 3;

/// Reports the coverage.
///
/// # Errors
/// When the account cannot be told, a file cannot be read or written, or the output cannot be written.
pub(crate) async fn run(arguments: &CoverageArguments, now: Timestamp) -> anyhow::Result<ExitCode> {
    let observations = match &arguments.observed {
        Some(file) => load(file)?,
        None => look(arguments).await?,
    };
    if let Some(file) = &arguments.save {
        write(file, &serde_json::to_string_pretty(&observations)?)?;
    }
    let report = assess(&observations);
    if let Some(file) = &arguments.html {
        write(file, &page::render(&report, now)?)?;
    }
    let mut out = std::io::BufWriter::new(anstream::stdout().lock());
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        text::print(&report, &mut out)?;
    }
    out.flush()?;
    Ok(if report.is_complete() { ExitCode::SUCCESS } else { ExitCode::from(NOT_COVERED) })
}

async fn look(arguments: &CoverageArguments) -> anyhow::Result<Vec<Observation>> {
    let desk = crate::desk::open(&arguments.cloud).await?;
    let current = desk.region().map(|region| Region::parse(&region)).transpose()?;
    let regions = if arguments.regions.is_empty() { current.clone().into_iter().collect() } else { arguments.regions.clone() };
    let home = arguments.monitoring_region.clone().or(current).or_else(|| regions.first().cloned());
    let home = home.ok_or(DeskError::NoRegion)?;
    let account = desk.or_in(&home).caller().await?.account;
    let sites = regions.iter().map(|region| site(&desk, region, &account)).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(observe(&sites, &site(&desk, &home, &account)?, &Expectation::default()).await)
}

fn site(desk: &Desk, region: &Region, account: &AccountId) -> anyhow::Result<Site> {
    let place = Place { partition: region.partition(), account: account.clone(), region: region.clone() };
    Ok(Site { place, config: desk.config_in(Some(region))? })
}

fn load(file: &Path) -> anyhow::Result<Vec<Observation>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("`{}` cannot be read", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("`{}` holds no observations: write them with --save", file.display()))
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(file, text).with_context(|| format!("`{}` cannot be written", file.display()))
}

/// Returns what people call a key: its first alias, else its id.
fn name_of(key: &KeyReport) -> &str {
    key.aliases.first().map_or_else(|| key.arn.key_id(), String::as_str)
}

/// Returns a count of keys in words.
fn keys(count: usize) -> String {
    if count == 1 { "1 key".to_owned() } else { format!("{count} keys") }
}

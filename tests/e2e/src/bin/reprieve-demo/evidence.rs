//! The end of the demo: everything is sealed and verified, one record is forged in a copy, and the report's page is written.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result};
use owo_colors::OwoColorize as _;
use reprieve_e2e::archive::Archive;
use reprieve_e2e::command::Said;
use reprieve_e2e::privilege::play::proof_of;
use reprieve_e2e::privilege::table::summary;
use reprieve_e2e::report::{Chapter, Report};
use reprieve_e2e::stage::Stage;
use reprieve_localcloud::default_folder;

use crate::screen::{Screen, say};

/// The archive sealed and verified, a forgery in it named.
const CHAPTER: Chapter =
    Chapter { name: "evidence-verified", title: "archive sealed, verified, forged", expected: "verified, forgery named" };

/// Seals what happened on the stage, shows that it verifies and that a forgery does not, and writes the report. The archive goes into
/// `wanted`, or where the demo keeps what it makes.
pub(crate) async fn show(screen: &Screen, stage: &Stage, wanted: Option<&Path>) -> Result<Report> {
    let began = Instant::now();
    say("")?;
    say(&format!("{}", "The evidence of all this".bold()))?;
    let own = default_folder().with_file_name("evidence").join("archive");
    if wanted.is_none() && own.exists() {
        fs::remove_dir_all(&own).with_context(|| format!("cannot make room in `{}`", own.display()))?;
    }
    let folder = wanted.map_or(own, Path::to_owned);
    let bar = screen.spinner();
    bar.set_message("recording the trail's log, sealing");
    let archive = Archive::of(stage, &folder).await;
    bar.finish_and_clear();
    let archive = archive?;
    let mut problems = Vec::new();
    let verified = archive.verify().await?;
    tell("reprieve verify", archive.folder(), &verified)?;
    if !verified.ok {
        problems.push(format!("the sealed archive does not verify: {}", verified.text));
    }

    let forgery = tempfile::tempdir()?;
    let (copy, forged) = archive.altered(forgery.path())?;
    let refused = copy.verify().await?;
    say(&format!("  {} in a copy, one record is forged:", "·".dimmed()))?;
    tell("reprieve verify", copy.folder(), &refused)?;
    if refused.ok || !refused.text.contains(&forged) {
        problems.push(format!("the forged object `{forged}` is not named: {}", refused.text));
    }

    let page = page_beside(&folder);
    let reported = archive.report(&page).await?;
    tell("reprieve report", archive.folder(), &reported)?;
    if !reported.ok || !page.is_file() {
        problems.push(format!("no report was written: {}", reported.text));
    }
    say(&format!("  {} {}", "page".dimmed(), page.display()))?;
    open(&page);
    let proof = proof_of(stage).await?;
    problems.extend(proof.refusals());
    let mut report = Report::of_chapter(&CHAPTER, problems, began.elapsed());
    report.figures.push(summary(&proof));
    Ok(report)
}

/// The page stands beside the archive, not in it: it is no evidence.
fn page_beside(folder: &Path) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push("-report.html");
    folder.with_file_name(name)
}

pub(crate) fn tell(command: &str, folder: &Path, said: &Said) -> Result<()> {
    say(&format!("  {} {}", "$".dimmed(), format!("{command} {}", folder.display()).bold()))?;
    for line in said.text.lines() {
        say(&format!("    {line}"))?;
    }
    Ok(())
}

/// Opens the page for whoever sits at a screen; where nobody does, its path stands there.
pub(crate) fn open(page: &Path) {
    let is_at_a_screen = ["DISPLAY", "WAYLAND_DISPLAY"].into_iter().any(|name| std::env::var_os(name).is_some());
    if is_at_a_screen {
        Command::new("xdg-open").arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok();
    }
}

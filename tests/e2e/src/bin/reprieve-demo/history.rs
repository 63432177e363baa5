//! Before anybody switches it on: last quarter's logs are replayed, with what the guard would have done.

use std::fs;
use std::time::Instant;

use anyhow::{Context as _, Result};
use owo_colors::OwoColorize as _;
use reprieve_e2e::history;
use reprieve_e2e::report::{Chapter, Report};
use reprieve_localcloud::default_folder;

use crate::evidence::{open, tell};
use crate::screen::say;

/// A quarter of logs replayed.
const CHAPTER: Chapter = Chapter { name: "history-replayed", title: "last quarter's logs, replayed", expected: "found what happened" };

/// Makes up a quarter of logs, replays them with the shipped command, and compares what it found with what is in them.
pub(crate) async fn show() -> Result<Report> {
    let began = Instant::now();
    say("")?;
    say(&format!("{}", "What it would have done last quarter".bold()))?;
    let folder = default_folder().with_file_name("history");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot make room in `{}`", folder.display()))?;
    }
    let replayed = history::replay(&folder).await?;
    tell("reprieve replay", &replayed.logs, &replayed.said)?;
    say(&format!("  {} {}", "page".dimmed(), replayed.page.display()))?;
    open(&replayed.page);
    Ok(Report::of_chapter(&CHAPTER, replayed.problems, began.elapsed()))
}

//! Before anybody switches it on: last quarter's logs are replayed, with what the guard would have done.

use std::fs;
use std::time::Instant;

use anyhow::{Context as _, Result};
use owo_colors::OwoColorize as _;
use reprieve_e2e::command::{reprieve, shown};
use reprieve_e2e::history::{self, Truth};
use reprieve_e2e::report::{Chapter, Report};
use reprieve_localcloud::default_folder;
use serde_json::Value;

use crate::evidence::{open, tell};
use crate::screen::say;

/// A quarter of logs replayed.
const CHAPTER: Chapter = Chapter { name: "history-replayed", title: "last quarter's logs replayed", expected: "found what happened" };

/// Makes up a quarter of logs, replays them with the shipped command, and compares what it found with what is in them.
pub(crate) async fn show() -> Result<Report> {
    let began = Instant::now();
    say("")?;
    say(&format!("{}", "What it would have done last quarter".bold()))?;
    let folder = default_folder().with_file_name("history");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot make room in `{}`", folder.display()))?;
    }
    let (logs, json, page) = (folder.join("logs"), folder.join("replay.json"), folder.join("replay.html"));
    let truth = history::write(&logs)?;
    let arguments =
        ["replay", &shown(&logs), "--sandbox-account", history::SANDBOX, "--json", &shown(&json), "--html", &shown(&page), "--quiet"];
    let said = reprieve(&arguments).await?;
    tell("reprieve replay", &logs, &said)?;
    let mut problems = Vec::new();
    if !said.ok || !page.is_file() {
        problems.push(format!("the replay failed: {}", said.text));
    }
    match found(&fs::read(&json).unwrap_or_default()) {
        Some(found) if found == truth => {}
        found => problems.push(format!("the logs hold {truth:?}, and the replay found {found:?}")),
    }
    say(&format!("  {} {}", "page".dimmed(), page.display()))?;
    open(&page);
    Ok(Report::of_chapter(&CHAPTER, problems, began.elapsed()))
}

/// Reads what was found; `None` where it is no answer.
fn found(json: &[u8]) -> Option<Truth> {
    let answer: Value = serde_json::from_slice(json).ok()?;
    let kpis = answer.get("kpis")?;
    let verdict = |name: &str| kpis.get("verdicts")?.get(name).map_or(Some(0), Value::as_u64);
    Some(Truth {
        records: answer.get("records")?.as_u64()?,
        unique_events: answer.get("unique_events")?.as_u64()?,
        would_restore: verdict("would_restore")?,
        approved: verdict("approved")?,
        refused: verdict("refused")?,
        undone_by_people: kpis.get("undone_by_people")?.as_u64()?,
        lost: kpis.get("lost")?.as_u64()?,
    })
}

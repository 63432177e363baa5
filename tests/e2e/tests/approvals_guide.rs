//! Runs the local cloud's part of `shared/docs/approvals.md` as a reader would, in one shell, and holds what is printed against what
//! the page says is printed.
//!
//! After a block of commands (`sh`) the page may show what they print (`text`): each of its lines must be printed, in that order; `…`
//! stands for anything, and spaces for any.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use reprieve_e2e::by_hand::Handout;
use reprieve_e2e::page::{self, Block, Printed, blocks, find_in_order};
use reprieve_e2e::stage::{Setting, Stage, package};

const GUIDE: &str = include_str!("../../../shared/docs/approvals.md");

/// The part that is run: from this heading to the next of its kind.
const PART: &str = "\n## On the local cloud\n";

#[test]
fn the_guide_does_what_it_says() -> Result<()> {
    let blocks = part();
    ensure!(blocks.len() > 8, "only {} blocks were found in the guide", blocks.len());
    let home = fresh_folder()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let stage = runtime.block_on(Stage::set(Setting::of_mode("enforce")?))?;
    let programs = package::find_command()?;
    runtime.block_on(Handout::write(&stage, &home.join("target/demo"), programs.parent().context("a program without a folder")?))?;
    let printed = run(&blocks, &home);
    stage.strike();
    std::fs::remove_dir_all(&home).ok();
    check(&blocks, &printed?)
}

/// Reads the blocks of the part.
fn part() -> Vec<Block> {
    let part = GUIDE.split_once(PART).map_or("", |(_, rest)| rest);
    blocks(part.split_once("\n## ").map_or(part, |(part, _)| part))
}

/// Runs all blocks in one shell, as on a machine of somebody who never used AWS.
fn run(blocks: &[Block], home: &Path) -> Result<Vec<Printed>> {
    let scripts: Vec<String> = blocks.iter().map(|block| block.commands.join("\n")).collect();
    let mut shell = Command::new("bash");
    shell.current_dir(home).env_clear().env("HOME", home).env("PATH", "/usr/local/bin:/usr/bin:/bin");
    page::run(&scripts, &mut shell)
}

fn check(blocks: &[Block], printed: &[Printed]) -> Result<()> {
    for (Block { commands, promised, .. }, Printed { text, code }) in blocks.iter().zip(printed) {
        let shown = || format!("these commands end with {code}:\n{}\nprinted:\n{text}", commands.join("\n"));
        ensure!(code == "0", shown());
        find_in_order(promised.iter().map(String::as_str), text).with_context(shown)?;
    }
    Ok(())
}

/// Makes a folder of this process, in which no other run has left anything.
fn fresh_folder() -> Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("reprieve-guide-{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    Ok(folder)
}

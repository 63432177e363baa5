//! Runs the local cloud's part of `shared/docs/approvals.md` as a reader would, in one shell, and holds what is printed against what
//! the page says is printed.
//!
//! After a block of commands (`sh`) the page may show what they print (`text`): each of its lines must be printed, in that order; `…`
//! stands for anything, and spaces for any.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use reprieve_e2e::by_hand::Handout;
use reprieve_e2e::stage::{Setting, Stage, package};

const GUIDE: &str = include_str!("../../../shared/docs/approvals.md");

/// The part that is run: from this heading to the next of its kind.
const PART: &str = "\n## On the local cloud\n";

/// Printed between the blocks, with the exit code of the block before.
const MARK: &str = "::block-ends::";

/// Commands, and what they print.
#[derive(Debug, Default)]
struct Block {
    commands: Vec<String>,
    promised: Vec<String>,
}

#[test]
fn the_guide_does_what_it_says() -> Result<()> {
    let blocks = blocks();
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
fn blocks() -> Vec<Block> {
    let part = GUIDE.split_once(PART).map_or("", |(_, rest)| rest);
    let part = part.split_once("\n## ").map_or(part, |(part, _)| part);
    let mut blocks: Vec<Block> = Vec::new();
    let mut fence = None;
    for line in part.lines() {
        match (fence, line.strip_prefix("```")) {
            (None, Some(kind)) => {
                fence = Some(kind);
                if kind == "sh" {
                    blocks.push(Block::default());
                }
            }
            (Some(_), Some(_)) => fence = None,
            (Some(kind), None) => {
                if let Some(block) = blocks.last_mut() {
                    match kind {
                        "sh" => block.commands.push(line.to_owned()),
                        "text" => block.promised.push(line.to_owned()),
                        _ => {}
                    }
                }
            }
            (None, None) => {}
        }
    }
    blocks
}

/// What a block printed, and the exit code of its last command.
struct Printed {
    text: String,
    code: String,
}

/// Runs all blocks in one shell.
fn run(blocks: &[Block], home: &Path) -> Result<Vec<Printed>> {
    let mark = format!("echo \"{MARK} $?\"");
    let lines: Vec<&str> = blocks.iter().flat_map(|block| block.commands.iter().chain([&mark])).map(String::as_str).collect();
    let script = lines.join("\n");
    let mut shell = Command::new("bash");
    shell.args(["-c", &format!("exec 2>&1\n{script}")]).current_dir(home).stdin(Stdio::null());
    // As on a machine of somebody who never used AWS.
    shell.env_clear().env("HOME", home).env("PATH", "/usr/local/bin:/usr/bin:/bin");
    let output = shell.output().context("bash cannot be run")?;
    let all = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut pieces = all.split(MARK);
    let mut text = pieces.next().unwrap_or_default().to_owned();
    let mut printed = Vec::with_capacity(blocks.len());
    for piece in pieces {
        let (code, rest) = piece.split_once('\n').unwrap_or((piece, ""));
        printed.push(Printed { text: std::mem::replace(&mut text, rest.to_owned()), code: code.trim().to_owned() });
    }
    Ok(printed)
}

fn check(blocks: &[Block], printed: &[Printed]) -> Result<()> {
    ensure!(printed.len() == blocks.len(), "of {} blocks, {} were run", blocks.len(), printed.len());
    for (Block { commands, promised }, Printed { text, code }) in blocks.iter().zip(printed) {
        let shown = format!("\n{}\nprinted:\n{text}", commands.join("\n"));
        ensure!(code == "0", "these commands end with {code}:{shown}");
        let mut rest = squeezed(text);
        for line in promised {
            for part in line.split('…').map(squeezed).filter(|part| !part.is_empty()) {
                let after = rest.split_once(&part).map(|(_, after)| after.to_owned());
                rest = after.with_context(|| format!("`{part}` of the line `{line}` is not printed, or not there, by{shown}"))?;
            }
        }
    }
    Ok(())
}

/// Writes a text with one space where there are several, or a line's end.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Makes a folder of this process, in which no other run has left anything.
fn fresh_folder() -> Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("reprieve-guide-{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    Ok(folder)
}

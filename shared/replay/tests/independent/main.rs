//! The product against others that were asked the same: Athena's SQL over the same files, run by `DuckDB`, and a Python script that parses
//! everything. Neither shares code or tables with the product.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that goes another way must stop")]

mod archive;
mod athena;
mod counts;

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use reprieve_replay::{Collector, Part};

/// Reads a folder of logs as the product does.
fn collect(folder: &Path) -> Part {
    let collector = Collector::default();
    for file in reprieve_scan::find(folder).unwrap().files {
        collector.read(&file.name, File::open(&file.path).unwrap());
    }
    collector.finish()
}

/// Runs a program to its end, and returns what it wrote as JSON.
fn asked(command: &mut Command, input: &str) -> serde_json::Value {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

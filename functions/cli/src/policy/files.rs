//! Finds the files of cases that belong to policies. Their order is that of the names, so that every machine tests alike.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::policies::{POLICIES, files_in};

/// How files of cases end.
const CASES: &str = ".cases.json";

/// Leaves out the folders that hold cases alone.
pub(super) fn with_policies(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut kept = Vec::new();
    for path in paths {
        if !path.is_dir() || !files_in(path, POLICIES)?.is_empty() {
            kept.push(path.clone());
        }
    }
    Ok(kept)
}

/// Finds the cases in the folders, and those beside the files of policies.
pub(super) fn cases(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        let found = if path.is_dir() { files_in(path, CASES)? } else { beside(path) };
        let (shown, wanted) = (path.display(), if path.is_dir() { path.join("*") } else { path.clone() });
        let wanted = wanted.with_extension("cases.json");
        anyhow::ensure!(!found.is_empty(), "`{shown}` has no cases: write `{}`, or name a file with `--cases`", wanted.display());
        files.extend(found);
    }
    Ok(files)
}

/// Reads a file of text.
pub(super) fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("`{}` cannot be read", path.display()))
}

fn beside(path: &Path) -> Vec<PathBuf> {
    let cases = path.with_extension("cases.json");
    if cases.is_file() { vec![cases] } else { Vec::new() }
}

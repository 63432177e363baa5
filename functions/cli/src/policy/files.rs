//! Finds the files of cases that belong to policies. Their order is that of the names, so that every machine tests alike.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// How files of policies end.
const POLICIES: &str = ".cedar";
/// How files of cases end.
const CASES: &str = ".cases.json";

/// Leaves out the folders that hold cases alone.
pub(super) fn with_policies(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut kept = Vec::new();
    for path in paths {
        if !path.is_dir() || !with_ending(path, POLICIES)?.is_empty() {
            kept.push(path.clone());
        }
    }
    Ok(kept)
}

/// Finds the cases in the folders, and those beside the files of policies.
pub(super) fn cases(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        let found = if path.is_dir() { with_ending(path, CASES)? } else { beside(path) };
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

fn with_ending(folder: &Path, ending: &str) -> anyhow::Result<Vec<PathBuf>> {
    let unreadable = || format!("the folder `{}` cannot be read", folder.display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        if path.is_file() && path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(ending)) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

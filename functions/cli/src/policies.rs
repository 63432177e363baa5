//! Reads the policy files of a folder, or single files, for every verb that decides. It judges none of them.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use reprieve_core::Policy;
use reprieve_core::policy::PolicyFile;

/// How files of policies end.
pub(crate) const POLICIES: &str = ".cedar";

/// Returns the shipped policies, with those of the folder or file beside them where one is given.
///
/// # Errors
/// When it cannot be read, or its policies are not valid.
pub(crate) fn load(path: Option<&Path>) -> anyhow::Result<Policy> {
    let files = path.map(|path| read(&[path.to_owned()])).transpose()?.unwrap_or_default();
    Ok(Policy::with_user_policies(&files)?)
}

/// Reads the `*.cedar` files of each folder, in the order of their names, and each file.
///
/// # Errors
/// Names what cannot be read, and a folder that holds no policy.
pub(crate) fn read(paths: &[PathBuf]) -> anyhow::Result<Vec<PolicyFile>> {
    let mut files = Vec::new();
    for path in paths {
        for file in cedar_files(path)? {
            let text = std::fs::read_to_string(&file).with_context(|| format!("`{}` cannot be read", file.display()))?;
            files.push(PolicyFile { name: file.display().to_string(), text });
        }
    }
    Ok(files)
}

fn cedar_files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let files = files_in(path, POLICIES)?;
    anyhow::ensure!(!files.is_empty(), "`{}` holds no `*.cedar` file: name the folder that holds yours, or the files", path.display());
    Ok(files)
}

/// Lists what a folder holds under names with this ending, in the order of the names, so that every machine reads alike.
///
/// # Errors
/// When the folder cannot be read.
pub(crate) fn files_in(folder: &Path, ending: &str) -> anyhow::Result<Vec<PathBuf>> {
    let unreadable = || format!("the folder `{}` cannot be read", folder.display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.strip_suffix(ending).is_some_and(|stem| !stem.is_empty()) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

//! Reads the policies that were packaged with the function. It judges none of them.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use reprieve_core::policy::{PolicyError, PolicyFile};

/// Reads every `*.cedar` file of the folder, in the order of their names. A folder that does not exist holds none.
///
/// # Errors
/// Names the folder or the file that cannot be read; then nothing is approved, because nobody knows what it forbids.
pub(crate) fn bundled(folder: &Path) -> Result<Vec<PolicyFile>, PolicyError> {
    let unreadable = |path: &Path, error: std::io::Error| {
        PolicyError::Closed(format!("the packaged policies in `{}` cannot be read: {error}", path.display()))
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(folder, error)),
    };
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(folder, error))?.path();
        if path.extension().is_some_and(|extension| extension == "cedar") {
            paths.push(path);
        }
    }
    paths.sort();
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, error))?;
        Ok(PolicyFile { name: path.display().to_string(), text })
    };
    paths.iter().map(read).collect()
}

//! Where the tests of this crate find the repository's own files. The tests themselves are in `tests/`.

use std::path::{Path, PathBuf};

/// Returns the path of a file or folder of the repository.
#[must_use]
pub fn repository_path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(relative)
}

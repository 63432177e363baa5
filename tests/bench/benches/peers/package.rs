//! How large the zip of a function is, without writing one.

use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::DeflateEncoder;

/// What a zip holds for each file beside its content and, twice, its name; and at its end.
const ENTRY_BYTES: u64 = 30 + 46;
const END_BYTES: u64 = 22;

/// Returns the size of a zip of the file, or of all that is in the folder but for what begins with one of these names, and for what
/// Python compiles by itself.
pub(crate) fn zip_bytes(path: &Path, without: &[&str]) -> u64 {
    let mut bytes = END_BYTES;
    add(path, path, without, &mut bytes);
    bytes
}

fn add(root: &Path, path: &Path, without: &[&str], bytes: &mut u64) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_left_out = path != root && path.parent() == Some(root) && without.iter().any(|start| begins(&name, start));
    if is_left_out || name == "__pycache__" {
        return;
    }
    if path.is_dir() {
        for entry in std::fs::read_dir(path).expect("the package can be read").flatten() {
            add(root, &entry.path(), without, bytes);
        }
        return;
    }
    let content = std::fs::read(path).expect("the package can be read");
    let mut deflated = DeflateEncoder::new(Vec::new(), Compression::best());
    deflated.write_all(&content).expect("room in memory");
    let inside = if path == root { name.len() } else { path.strip_prefix(root).expect("below the root").as_os_str().len() };
    *bytes += ENTRY_BYTES + 2 * inside as u64 + deflated.finish().expect("room in memory").len() as u64;
}

/// Says whether a file or folder is the package's: `pip` and `pip-23.2.1.dist-info`, and not `pipeline`.
fn begins(name: &str, package: &str) -> bool {
    name.strip_prefix(package).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']))
}

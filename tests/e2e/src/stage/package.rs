//! The product's programs: the function binary as a deployment package, and the command `reprieve`.
//!
//! Builds nothing: the programs are what `cargo build` left, found and packed.

use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

/// Names the environment variable that points to the function binary.
pub const BINARY_VARIABLE: &str = "REPRIEVE_FUNCTION_BINARY";

/// Names the environment variable that points to the command `reprieve`.
pub const COMMAND_VARIABLE: &str = "REPRIEVE_COMMAND_BINARY";

/// Finds the function binary: where [`BINARY_VARIABLE`] says, else beside this program in the target folder.
///
/// # Errors
///
/// Fails when there is none, and says how to build it.
pub fn find_function() -> Result<PathBuf> {
    find("aws-cancel-key-deletion", "aws-cancel-key-deletion", BINARY_VARIABLE)
}

/// Finds the command `reprieve`: where [`COMMAND_VARIABLE`] says, else beside this program in the target folder.
///
/// # Errors
///
/// Fails when there is none, and says how to build it.
pub fn find_command() -> Result<PathBuf> {
    find("reprieve", "reprieve-cli", COMMAND_VARIABLE)
}

/// Finds a program beside this one in the target folder.
///
/// # Errors
///
/// Fails when there is none, and says how to build it.
pub fn find_beside(binary: &str, package: &str) -> Result<PathBuf> {
    let this = std::env::current_exe().context("cannot tell where this program is, to find the others beside it")?;
    let beside = this.ancestors().skip(1).take(2).map(|folder| folder.join(binary)).find(|path| path.is_file());
    beside.with_context(|| {
        let folder = this.parent().unwrap_or(&this).display();
        format!("there is no `{binary}` in `{folder}`: run `cargo build -p {package}`")
    })
}

fn find(binary: &str, package: &str, variable: &str) -> Result<PathBuf> {
    if let Some(given) = std::env::var_os(variable).filter(|given| !given.is_empty()) {
        let given = PathBuf::from(given);
        if given.is_file() {
            return Ok(given);
        }
        bail!("`{variable}` points to `{}`, which is no file: unset it or build `{binary}` there", given.display());
    }
    find_beside(binary, package).with_context(|| format!("`{variable}` may point to it instead"))
}

/// Packs the binary as `bootstrap`, as Lambda's `provided.al2023` wants it.
///
/// # Errors
///
/// Fails when the binary cannot be read.
pub fn package(binary: &Path) -> Result<Vec<u8>> {
    let program = without_symbols(binary)?;
    // Nothing is compressed: the zip travels within one machine.
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).unix_permissions(0o755);
    let mut zip = ZipWriter::new(Cursor::new(Vec::with_capacity(program.len() + 1024)));
    zip.start_file("bootstrap", options)?;
    zip.write_all(&program)?;
    Ok(zip.finish()?.into_inner())
}

/// Reads the binary, without its symbols where `strip` is at hand: a development build carries ten times its own weight in them.
fn without_symbols(binary: &Path) -> Result<Vec<u8>> {
    let read = |path: &Path| std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()));
    let stripped = std::env::temp_dir().join(format!("reprieve-bootstrap-{}", std::process::id()));
    let done = Command::new("strip").arg("-o").arg(&stripped).arg(binary).status();
    let program = if done.is_ok_and(|status| status.success()) { read(&stripped) } else { read(binary) };
    // It may never have been made.
    std::fs::remove_file(&stripped).ok();
    program
}

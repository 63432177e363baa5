//! The Python environment with Microsoft's clients: made once, with pinned packages, and used again while the pins stay.
//!
//! Must not touch any other Python environment of the machine.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Names the environment variable that points to the folder of the environment.
const VENV_VARIABLE: &str = "REPRIEVE_AZURE_VENV";

const REQUIREMENTS: &str = include_str!("../python/requirements.txt");

/// Returns the environment's interpreter; makes the environment unless it is there with the pinned packages.
///
/// # Errors
///
/// Fails when Python 3 or its `venv` module is missing, and when pip cannot install the packages.
pub(crate) fn interpreter() -> io::Result<PathBuf> {
    let folder = folder()?;
    let interpreter = folder.join("bin/python");
    let marker = folder.join("reprieve-requirements.txt");
    let is_made = || std::fs::read_to_string(&marker).is_ok_and(|installed| installed == REQUIREMENTS) && interpreter.exists();
    if is_made() {
        return Ok(interpreter);
    }
    if let Some(parent) = folder.parent() {
        std::fs::create_dir_all(parent)?;
    }
    // Tests run as many processes: one makes the environment, the others wait for it and find it made.
    let lock = File::create(folder.with_extension("lock"))?;
    lock.lock()?;
    if is_made() {
        return Ok(interpreter);
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder), "on Debian: `apt install python3-venv`")?;
    let requirements = folder.join("requirements.txt");
    std::fs::write(&requirements, REQUIREMENTS)?;
    let mut install = Command::new(&interpreter);
    install.args(["-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off", "-r"]).arg(&requirements);
    run(&mut install, "is a Python package index reachable?")?;
    std::fs::write(&marker, REQUIREMENTS)?;
    Ok(interpreter)
}

fn folder() -> io::Result<PathBuf> {
    if let Some(given) = std::env::var_os(VENV_VARIABLE).filter(|given| !given.is_empty()) {
        return Ok(PathBuf::from(given));
    }
    let home = std::env::var_os("HOME").ok_or_else(|| io::Error::other(format!("set `{VENV_VARIABLE}`: there is no home folder")))?;
    Ok(Path::new(&home).join(".cache/reprieve/azure-venv"))
}

fn run(command: &mut Command, hint: &str) -> io::Result<()> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last: Vec<&str> = said.lines().rev().take(8).collect();
    let last: Vec<&str> = last.into_iter().rev().collect();
    Err(io::Error::other(format!("{command:?} failed: {} ({hint})", last.join(" / "))))
}

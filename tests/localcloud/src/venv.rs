//! Python environments, of the emulator and of tests that ask another program: made once, with pinned packages, and used again while the
//! pins stay.
//!
//! Must not touch any other Python environment of the machine.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::LocalCloudError;

/// The pinned packages.
pub(crate) const REQUIREMENTS: &str = include_str!("../emulator/requirements.txt");

/// Names the environment variable that points to an environment that is used as it is.
pub const VENV_VARIABLE: &str = "REPRIEVE_LOCALCLOUD_VENV";

/// How many things pip says, about, while it installs the pinned packages; for a progress bar.
const STEPS: u32 = 40;

/// Tells how far the start of the local cloud is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What is being done, for a person.
    pub message: String,
    /// Steps done.
    pub done: u32,
    /// Steps in all, roughly.
    pub of: u32,
}

/// Makes the emulator's environment in `folder` unless it is there, and returns its interpreter; see [`prepare_venv_of`].
///
/// # Errors
///
/// Fails as [`prepare_venv_of`].
pub fn prepare_venv(folder: &Path, progress: &mut dyn FnMut(Progress)) -> Result<PathBuf, LocalCloudError> {
    prepare_venv_of(REQUIREMENTS, folder, progress)
}

/// Makes the environment in `folder` unless it is there with these pinned packages, a line each, and returns its interpreter.
///
/// # Errors
///
/// Fails when Python 3 or its `venv` module is missing, or when pip cannot install the packages.
pub fn prepare_venv_of(wanted: &str, folder: &Path, progress: &mut dyn FnMut(Progress)) -> Result<PathBuf, LocalCloudError> {
    let interpreter = folder.join("bin/python");
    let marker = folder.join("reprieve-requirements.txt");
    let is_made = || std::fs::read_to_string(&marker).is_ok_and(|installed| installed == wanted) && interpreter.exists();
    if is_made() {
        return Ok(interpreter);
    }
    let file = |path: &Path| {
        let path = path.to_owned();
        move |source| LocalCloudError::File { path, source }
    };
    if let Some(parent) = folder.parent() {
        std::fs::create_dir_all(parent).map_err(file(parent))?;
    }
    // Tests run as many processes: one makes the environment, the others wait for it and find it made.
    let lock_path = folder.with_extension("lock");
    let lock = File::create(&lock_path).map_err(file(&lock_path))?;
    lock.lock().map_err(file(&lock_path))?;
    if is_made() {
        return Ok(interpreter);
    }
    let say = |message: String, done: u32| Progress { message, done: done.min(STEPS), of: STEPS };
    progress(say("making a Python environment".to_owned(), 0));
    let mut made = Command::new("python3");
    made.args(["-m", "venv"]).arg(folder);
    run(made, "on Debian: `apt install python3-venv`", &mut |_| {})?;

    let requirements = folder.join("requirements.txt");
    std::fs::write(&requirements, wanted).map_err(file(&requirements))?;
    let mut install = Command::new(&interpreter);
    install.args(["-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off", "-r"]).arg(&requirements);
    let mut done = 1;
    run(install, "is a Python package index reachable?", &mut |line| {
        if ["Collecting", "Installing", "Successfully"].iter().any(|word| line.trim_start().starts_with(word)) {
            done += 1;
            progress(say(line.trim().chars().take(72).collect(), done));
        }
    })?;
    std::fs::write(&marker, wanted).map_err(file(&marker))?;
    progress(say("the packages are installed".to_owned(), STEPS));
    Ok(interpreter)
}

/// Returns the interpreter that [`VENV_VARIABLE`] points to, or makes the environment in `folder`.
///
/// # Errors
///
/// Fails as [`prepare_venv`], and when the variable points to a folder without a Python environment.
pub(crate) fn interpreter(folder: &Path, progress: &mut dyn FnMut(Progress)) -> Result<PathBuf, LocalCloudError> {
    let Some(given) = std::env::var_os(VENV_VARIABLE).filter(|given| !given.is_empty()) else {
        return prepare_venv(folder, progress);
    };
    let interpreter = Path::new(&given).join("bin/python");
    if interpreter.exists() {
        return Ok(interpreter);
    }
    Err(LocalCloudError::Control(format!(
        "`{VENV_VARIABLE}` points to `{}`, which is no Python environment: unset it or make one there",
        Path::new(&given).display()
    )))
}

/// Runs a command to its end, line by line; on failure the end of its output and a hint make the error.
fn run(mut command: Command, hint: &str, on_line: &mut dyn FnMut(&str)) -> Result<(), LocalCloudError> {
    let shown = format!("{command:?}").replace('"', "");
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |source| LocalCloudError::Run { program: program.clone(), source };
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(failed)?;
    let stderr = child.stderr.take();
    let errors = std::thread::spawn(move || {
        let mut text = String::new();
        // What cannot be read is missing from an error message, no more.
        stderr.map(|mut stderr| stderr.read_to_string(&mut text)).transpose().ok();
        text
    });
    let mut output = String::new();
    let stdout = child.stdout.take().into_iter();
    for line in stdout.flat_map(|stdout| BufReader::new(stdout).lines()).map_while(Result::ok) {
        on_line(&line);
        output.push_str(&line);
        output.push('\n');
    }
    let status = child.wait().map_err(failed)?;
    output.push_str(&errors.join().unwrap_or_default());
    if status.success() {
        return Ok(());
    }
    let tail: Vec<&str> = output.lines().rev().take(8).collect();
    let tail: Vec<&str> = tail.into_iter().rev().collect();
    Err(LocalCloudError::Install { command: shown, output: format!("{} ({hint})", tail.join(" / ")) })
}

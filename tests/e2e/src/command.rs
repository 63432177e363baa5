//! The shipped command `reprieve`, run as people run it.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::process::Command;

use crate::stage::package::find_command;

/// How long the command may take.
const COMMAND_TAKES: Duration = Duration::from_mins(2);

/// What the command said.
#[derive(Debug)]
pub struct Said {
    /// Whether it ended with exit code 0.
    pub ok: bool,
    /// What it wrote, standard output and then standard error.
    pub text: String,
}

/// Runs the command, and says what it said.
///
/// # Errors
/// When it is not built, or takes too long.
pub async fn reprieve(arguments: &[&str]) -> Result<Said> {
    let mut command = Command::new(find_command()?);
    command.args(arguments).env("NO_COLOR", "1").kill_on_drop(true);
    let ran = tokio::time::timeout(COMMAND_TAKES, command.output()).await;
    let Output { status, stdout, stderr } = ran.context("the command took too long")?.context("the command cannot be run")?;
    let text = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    Ok(Said { ok: status.success(), text })
}

/// Returns a path as an argument.
#[must_use]
pub fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

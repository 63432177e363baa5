//! Binaries built with the release profile, each package by itself: built together, the features of one would be those of the other.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Builds a package's targets and returns where the one of this name is.
pub(crate) fn executable(package: &str, targets: &[&str], name: &str) -> PathBuf {
    let cargo = std::env::var_os("CARGO").expect("cargo runs benches");
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--package", package, "--message-format=json-render-diagnostics"]).args(targets);
    let output = command.stderr(Stdio::inherit()).output().expect("cargo runs");
    assert!(output.status.success(), "`{package}` does not build");
    let text = String::from_utf8(output.stdout).expect("cargo prints UTF-8");
    let messages = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let of_name = messages.filter(|message| message["target"]["name"] == name);
    let path = of_name.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).next_back();
    path.unwrap_or_else(|| panic!("cargo names no executable `{name}` of `{package}`"))
}

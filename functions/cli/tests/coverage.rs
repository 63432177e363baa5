//! `reprieve coverage` as its users run it, over observations that were saved: text, JSON and page. No cloud is called.
//!
//! The observations hold a Region with every kind of key, one that is covered, one without a guard, one without keys, and one whose keys
//! cannot be listed. An alias is an attempt to break the page.
#![expect(clippy::unwrap_used, reason = "a test that goes another way must stop")]

use std::process::{Command, Output};

const OBSERVED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/coverage/observations.json");

fn coverage(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reprieve"));
    command.env_remove("CLICOLOR_FORCE").env("AWS_ENDPOINT_URL", "http://127.0.0.1:9").env("AWS_EC2_METADATA_DISABLED", "true");
    command.args(["coverage", "--observed"]).args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Takes the time out of a page.
fn timeless(page: &str) -> String {
    let is_made_at = |line: &&str| line.contains("class=\"masthead\"");
    page.lines().filter(|line| !is_made_at(line)).collect::<Vec<_>>().join("\n")
}

#[test]
fn gaps_are_told_once_with_their_fixes() {
    let output = coverage(&[OBSERVED]);
    assert_eq!(output.status.code(), Some(3));
    insta::assert_snapshot!("coverage_text", stdout(&output));
}

#[test]
fn the_report_is_json() {
    let output = coverage(&[OBSERVED, "--json"]);
    assert_eq!(output.status.code(), Some(3));
    insta::assert_snapshot!("coverage_json", stdout(&output));
}

#[test]
fn the_page_needs_nothing_else_and_escapes_everything() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("coverage.html");
    let output = coverage(&[OBSERVED, "--html", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3));
    let page = std::fs::read_to_string(file).unwrap();
    for part in ["http://", "https://", "src=", "@import", "url(", "alias/<script>"] {
        assert!(!page.contains(part), "the page holds `{part}`");
    }
    insta::assert_snapshot!("coverage_page", timeless(&page));
}

#[test]
fn all_keys_monitored_is_a_success() {
    let observations: Vec<serde_json::Value> = serde_json::from_str(&std::fs::read_to_string(OBSERVED).unwrap()).unwrap();
    let covered: Vec<_> =
        observations.into_iter().filter(|one| one.pointer("/place/region").is_some_and(|region| region == "eu-west-1")).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("observed.json");
    std::fs::write(&file, serde_json::to_string(&covered).unwrap()).unwrap();
    let output = coverage(&[file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).contains("100%: 3 of 3 keys monitored"), "{}", stdout(&output));
}

#[test]
fn what_holds_no_observations_is_refused() {
    for (file, reason) in [("/nonexistent", "`/nonexistent` cannot be read"), (file!(), "cannot be read")] {
        let output = coverage(&[file]);
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{words}");
        assert!(words.contains(reason), "{words}");
    }
}

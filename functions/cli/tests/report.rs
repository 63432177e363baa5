//! `reprieve report` as its users run it, over an archive that is written here: text, JSON, the page, and the page in a browser.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that goes another way must stop")]

#[path = "report/browser.rs"]
mod browser;
#[path = "report/scene.rs"]
mod scene;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const MONTH: [&str; 4] = ["--from", "2024-11-01", "--to", "2024-11-30"];

fn report(archive: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reprieve"));
    command.env_remove("CLICOLOR_FORCE").env("AWS_ENDPOINT_URL", "http://127.0.0.1:9").env("AWS_EC2_METADATA_DISABLED", "true");
    // The archive is named from beside it, so that no path of this machine is in what is compared.
    command.current_dir(archive.parent().unwrap()).arg("report").arg(archive.file_name().unwrap()).args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(archive: &Path, arguments: &[&str]) -> Value {
    let output = report(archive, &[arguments, &["--json"]].concat());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Writes the archive of the scene.
fn archive() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    scene::write(&folder.path().join("evidence"));
    folder
}

/// Reports the scene's month as a page.
fn page(folder: &Path) -> String {
    let file = folder.join("report.html");
    let output = report(&folder.join("evidence"), &[&MONTH[..], &["--html", file.to_str().unwrap()]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    std::fs::read_to_string(file).unwrap()
}

/// Takes the time out of a page.
fn timeless(page: &str) -> String {
    let is_made_at = |line: &&str| line.contains("class=\"masthead\"");
    page.lines().filter(|line| !is_made_at(line)).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_needs_somebody_and_each_number_are_told_on_a_terminal() {
    let folder = archive();
    let output = report(&folder.path().join("evidence"), &MONTH);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    insta::assert_snapshot!("report_text", stdout(&output));
}

#[test]
fn the_report_is_json() {
    let folder = archive();
    let mut report = json(&folder.path().join("evidence"), &MONTH);
    // What is many is compared by its number: the page's snapshot holds each.
    for list in ["incidents", "anomalies"] {
        let all = report["summary"][list].as_array().unwrap().clone();
        report["summary"][list] = serde_json::json!({ "count": all.len(), "first": all.first() });
    }
    report["summary"]["uses"]["busiest"] = Value::from(report["summary"]["uses"]["busiest"].as_array().unwrap().len());
    insta::assert_snapshot!("report_json", serde_json::to_string_pretty(&report).unwrap());
}

/// P120
#[test]
fn the_page_needs_nothing_else_and_escapes_everything() {
    let folder = archive();
    let page = page(folder.path());
    for part in ["http://", "https://", "src=\"", "@import", "url(", "<script", "<img", "onerror=\"", "</title></svg><", "xmlns"] {
        assert!(!page.contains(part), "the page holds `{part}`");
    }
    assert!(page.contains("&lt;script&gt;") || page.contains("&#60;script&#62;"), "the attack is told, as text");
    insta::assert_snapshot!("report_page", timeless(&page));
}

#[test]
fn the_coverage_of_aws_is_told_as_of_when_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("audit")).unwrap();
    let place = serde_json::json!({ "partition": "aws", "account": "111122223333", "region": "eu-central-1" });
    let count = serde_json::json!({ "customer_managed": 2, "monitored": 1, "pending_deletion": 0, "aws_managed": 3 });
    let key = |last: u8, monitored: bool| {
        let arn = format!("arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-12345678900{last}");
        serde_json::json!({ "arn": arn, "state": "Enabled", "monitored": monitored })
    };
    let region = serde_json::json!({ "place": place, "percentage": 50, "count": count, "keys": [key(1, true), key(2, false)] });
    let coverage = serde_json::json!({ "percentage": 50, "count": count, "regions": [region], "lockouts": [] });
    let file = folder.path().join("coverage.json");
    std::fs::write(&file, coverage.to_string()).unwrap();
    let told = json(folder.path(), &["--coverage", file.to_str().unwrap()]);
    assert_eq!(told["summary"]["coverage"]["places"], 1, "{}", told["summary"]["coverage"]);
    assert_eq!(told["summary"]["at_risk"].as_array().unwrap().len(), 1, "{}", told["summary"]["at_risk"]);
    std::fs::write(&file, "{}").unwrap();
    let output = report(folder.path(), &["--coverage", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("reprieve coverage --json"), "{}", stderr(&output));
}

#[test]
fn an_empty_archive_is_told_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let evidence = folder.path().join("evidence");
    std::fs::create_dir(&evidence).unwrap();
    let file = folder.path().join("report.html");
    let output = report(&evidence, &[&MONTH[..], &["--html", file.to_str().unwrap()]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    insta::assert_snapshot!("report_empty_text", stdout(&output));
    let page = std::fs::read_to_string(file).unwrap();
    for sentence in
        ["No key was scheduled for deletion", "No drill was held", "The archive holds no use of a key", "Nothing unusual was found"]
    {
        assert!(page.contains(sentence), "{sentence}");
    }
}

/// P118
#[test]
fn an_event_that_two_trails_wrote_counts_once() {
    let folder = archive();
    let evidence = folder.path().join("evidence");
    let report = json(&evidence, &MONTH);
    let entries = report["summary"]["entries"]["aws"].as_u64().unwrap();
    assert_eq!(entries, 2_400);
    assert!(report["read"]["entries"].as_u64().unwrap() > entries + 100, "{}", report["read"]);
}

#[test]
fn days_come_to_what_their_month_comes_to_and_nothing_beyond_the_period_is_read() {
    let folder = archive();
    let evidence = folder.path().join("evidence");
    let count = |arguments: &[&str]| {
        let report = json(&evidence, arguments);
        let of = |path: &str| report.pointer(path).and_then(Value::as_u64).unwrap();
        (of("/summary/decisions/total"), of("/summary/uses/total"), of("/read/objects"))
    };
    let first = count(&["--from", "2024-11-01", "--to", "2024-11-15"]);
    let second = count(&["--from", "2024-11-16", "--to", "2024-11-30"]);
    let whole = count(&MONTH);
    assert_eq!((first.0 + second.0, first.1 + second.1, first.2 + second.2), whole);
    assert_eq!(count(&[]), whole);
    assert_eq!(count(&["--from", "2024-12-01", "--to", "2024-12-31"]), (0, 0, 0));
}

/// P120
#[test]
fn what_cannot_be_read_is_told_and_the_rest_is_reported() {
    let folder = archive();
    let evidence = folder.path().join("evidence");
    let hour = evidence.join("audit/events/year=2024/month=11/day=03/hour=09/account=1/region=r");
    std::fs::create_dir_all(&hour).unwrap();
    std::fs::write(hour.join("torn.json.gz"), b"\x1f\x8b\x08\x00 torn").unwrap();
    std::fs::write(evidence.join("audit/decisions/stray.json"), b"{\"a\": 1}").unwrap();
    let file = folder.path().join("report.html");
    let output = report(&evidence, &["--html", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("2 parts could not be read, and are in no number:"), "{text}");
    assert!(text.contains("torn.json.gz, line 1") && text.contains("stray.json"), "{text}");
    assert!(std::fs::read_to_string(file).unwrap().contains("2 parts of the archive could not be read"));
}

#[test]
fn what_is_no_archive_or_no_period_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    for (archive, arguments, said) in [
        ("nowhere", &[][..], "there is no archive at `nowhere`"),
        (".", &["--from", "2024-11-02", "--to", "2024-11-01"][..], "give --from before --to"),
        (".", &["--from", "last week"][..], "write a day such as 2026-11-21"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_reprieve"))
            .current_dir(folder.path())
            .args(["report", archive])
            .args(arguments)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
    }
}

/// P120
#[test]
fn the_page_draws_in_a_browser_light_dark_narrow_and_calls_nobody() {
    let folder = archive();
    browser::assert_drawn_everywhere(&page(folder.path()), folder.path(), 5);
}

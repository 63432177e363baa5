//! `reprieve filter` as its users run it: the built command, real files, its output and exit code.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must stop, and says where")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// Control 7 of the CIS AWS Foundations Benchmark.
const CANONICAL: &str = "{($.eventSource = kms.amazonaws.com) && (($.eventName=DisableKey)||($.eventName=ScheduleKeyDeletion)) }";

fn filter(arguments: &[&str]) -> Output {
    let run = Command::new(env!("CARGO_BIN_EXE_reprieve")).arg("filter").args(arguments).env_remove("CLICOLOR_FORCE").output();
    run.unwrap_or_else(|error| unreachable!("{error}"))
}

fn filter_on(pattern: &str, input: &str) -> Output {
    let mut run = Command::new(env!("CARGO_BIN_EXE_reprieve"))
        .args(["filter", "test", pattern, "--event", "-"])
        .env_remove("CLICOLOR_FORCE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    run.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    run.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json_of(output: &Output) -> Value {
    let text = text(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| unreachable!("`{text}`: {error}"))
}

fn record(name: &str) -> Value {
    json!({"eventSource": "kms.amazonaws.com", "eventName": name, "requestParameters": null})
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn path_text(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

// --- audit -----------------------------------------------------------------------------------------------------------

#[test]
fn audit_tells_what_the_benchmarks_own_filter_catches_and_misses() {
    let output = filter(&["audit", CANONICAL]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{shown}{}", text(&output.stderr));
    assert!(shown.starts_with("The filter catches DisableKey and ScheduleKeyDeletion, succeeded or refused, whoever calls"), "{shown}");
    for lines in [
        "MAKES A KEY UNUSABLE: 2 of 16 caught\n  yes  DisableKey, ScheduleKeyDeletion\n  no   DeleteAlias, ",
        "\n       not named by the filter\n",
        "BLINDS THE MONITORING: 0 of 20 caught\n  no   DeleteAlarms, ",
    ] {
        assert!(shown.contains(lines), "{lines}: {shown}");
    }
    assert!(shown.lines().all(|line| line.chars().count() <= 100), "{shown}");
    assert!(shown.contains("Tried as account 111122223333"), "{shown}");
}

#[test]
fn audit_prints_json_for_scripts() {
    let output = filter(&["audit", CANONICAL, "--json"]);
    let report = json_of(&output);
    assert_eq!((&report["catches"]["DisableKey"], &report["catches"]["StopLogging"]), (&json!(true), &json!(false)));
    let missed: Vec<&str> = report["misses"].as_array().unwrap().iter().filter_map(|miss| miss["event"].as_str()).collect();
    assert!(missed.contains(&"PutKeyPolicy") && !missed.contains(&"DisableKey"), "{missed:?}");
    let judged = report["catches"].as_object().unwrap();
    assert_eq!(judged.len(), 36, "one entry for each event that makes a key unusable or blinds the monitoring");
    let not_caught: Vec<&str> = judged.iter().filter(|(_, caught)| **caught == json!(false)).map(|(event, _)| event.as_str()).collect();
    assert!(judged.values().all(Value::is_boolean) && missed == not_caught, "what is missed is what is not caught: {report}");
    assert!(report["why"].as_str().unwrap().contains("ScheduleKeyDeletion"));
    let keys: Vec<&String> = report.as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 5, "{keys:?}");
}

#[test]
fn audit_tells_a_reason_that_is_that_of_everything_once() {
    let output = filter(&["audit", "{ $.eventName = DisableKey && $.eventName = ScheduleKeyDeletion }"]);
    let shown = text(&output.stdout);
    assert_eq!(shown.matches("at once").count(), 1, "{shown}");
    assert!(shown.contains("MAKES A KEY UNUSABLE: 0 of 16 caught\n  no   DisableKey, ScheduleKeyDeletion, DeleteAlias, "), "{shown}");
}

/// A filter, the exit code, and words of what is said of it.
#[test]
fn audit_says_where_a_filter_fails() {
    for (pattern, code, words) in [
        ("{ $.eventName = DisableKey && $.eventName = ScheduleKeyDeletion }", 3, "can never match"),
        ("{ $.errorCode = \"AccessDenied*\" }", 3, "only when it was refused"),
        (
            "{ $.recipientAccountId = 999988887777 && ($.eventName = DisableKey || $.eventName = ScheduleKeyDeletion) }",
            3,
            "only from account 999988887777",
        ),
        ("{ $.eventName = Disable* }", 3, "misses ScheduleKeyDeletion"),
        ("{ $.eventName = \"Disable*\" || $.eventName = \"ScheduleKeyDeletion\" }", 0, "catches DisableKey and ScheduleKeyDeletion"),
        ("?DisableKey ?ScheduleKeyDeletion", 0, "catches DisableKey and ScheduleKeyDeletion"),
    ] {
        let output = filter(&["audit", pattern]);
        let shown = text(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(output.status.code(), Some(code), "{pattern}: {shown}");
        assert!(shown.contains(words), "{pattern}: {shown}");
    }
}

#[test]
fn audit_of_one_account_is_tried_at_that_account() {
    let pattern = "{ $.recipientAccountId = 999988887777 && ($.eventName = DisableKey || $.eventName = ScheduleKeyDeletion) }";
    let output = filter(&["audit", pattern, "--account", "999988887777", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert_eq!(json_of(&output)["other_accounts"], json!(false));
}

// --- test ------------------------------------------------------------------------------------------------------------

#[test]
fn test_shows_which_comparison_fails_and_what_was_found() {
    let output = filter_on(CANONICAL, &record("Decrypt").to_string());
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{shown}{}", text(&output.stderr));
    for words in [
        "1 Decrypt (kms.amazonaws.com): does not match",
        "yes   $.eventSource = kms.amazonaws.com  <- \"kms.amazonaws.com\"",
        "no      $.eventName = DisableKey  <- \"Decrypt\"",
        "0 of 1 events match.",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
}

#[test]
fn test_reads_every_form_in_which_records_are_kept() {
    let (one, two) = (record("DisableKey"), record("Decrypt"));
    let looked_up = json!({"Events": [{"EventId": "1", "CloudTrailEvent": one.to_string()}, {"CloudTrailEvent": two.to_string()}]});
    for input in [
        format!("{one}\n{two}\n"),
        json!([one, two]).to_string(),
        json!({"Records": [one, two]}).to_string(),
        looked_up.to_string(),
        format!("{one:#}{two:#}"),
    ] {
        let file = file(&input);
        let output = filter(&["test", CANONICAL, "--event", path_text(file.path()), "--json"]);
        assert_eq!(output.status.code(), Some(0), "{input}: {}", text(&output.stderr));
        let report = json_of(&output);
        let judged: Vec<&Value> = report["events"].as_array().unwrap().iter().map(|event| &event["matches"]).collect();
        assert_eq!((&report["matched"], judged), (&json!(1), vec![&json!(true), &json!(false)]), "{input}");
    }
}

/// An input that holds no event, and words of what is said of it.
#[test]
fn test_names_what_is_no_event() {
    for (input, words) in [
        ("", "holds no event"),
        ("{\"Records\": []}", "holds no event"),
        ("{\"eventName\": }", "is not JSON"),
        ("[1]", "`1` is no JSON object"),
        ("{\"Events\": [{}]}", "has no `CloudTrailEvent`"),
        ("\u{1f}\u{8b}", "is not JSON"),
    ] {
        let output = filter_on(CANONICAL, input);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{input}: {told}");
        assert!(told.contains(words), "{input}: {told}");
    }
}

// --- Both ------------------------------------------------------------------------------------------------------------

#[test]
fn a_wrong_pattern_is_shown_with_a_mark_where_it_is_wrong() {
    for arguments in [vec!["audit", "{ $.eventName == DisableKey }"], vec!["test", "{ $.eventName == DisableKey }", "--event", "-"]] {
        let output = filter(&arguments);
        let told = text(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{told}");
        assert!(told.contains("column 15: `==` is no comparison; write one `=`"), "{told}");
        assert!(told.contains("\n  { $.eventName == DisableKey }\n                ^\n"), "{told}");
    }
    let report = json_of(&filter(&["audit", "{ $.eventName == DisableKey }", "--json"]));
    assert_eq!(report["column"], json!(15));
}

#[test]
fn a_pattern_for_space_delimited_events_is_refused_with_the_reason() {
    let output = filter(&["audit", "[ip, user, ...]"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("space-delimited log events"), "{}", text(&output.stderr));
}

//! `reprieve policy` as its users run it: the built command, real files, its output and exit code. Here the shipped policies and the
//! examples are tested against their tables of cases, too.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot be set up must stop, and says where")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

fn policies() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/core/policies")
}

fn policy(arguments: &[&str]) -> Output {
    let run = Command::new(env!("CARGO_BIN_EXE_reprieve")).arg("policy").args(arguments).env_remove("CLICOLOR_FORCE").output();
    run.unwrap_or_else(|error| unreachable!("{error}"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json_of(output: &Output) -> Value {
    let text = text(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| unreachable!("`{text}`: {error}"))
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn path_text(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

const FREEZE: &str = "@id(\"freeze\")\n@because(\"nothing changes in December\")\nforbid (principal, action, resource)\n\
                      when { context.now >= datetime(\"2026-12-01\") };\n";

/// One case, with these fields beside or instead of the usual ones.
fn cases(fields: &Value) -> String {
    let mut case = json!({
        "name": "the case", "expect": "permit", "key": "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "actor": {"role": "arn:aws:iam::111122223333:role/Admin", "session_name": "mallory"}, "action": "delete",
        "event_time": "2026-11-20T10:00:00Z", "approvals": [{"approver": "carol", "window": "2h from 2026-11-20T09:00Z"}],
    });
    for (name, value) in fields.as_object().into_iter().flatten() {
        if name == "absent" {
            case.as_object_mut().unwrap().remove(value.as_str().unwrap());
        } else {
            case[name] = value.clone();
        }
    }
    json!({"cases": [case]}).to_string()
}

// --- The shipped policies and the examples ---------------------------------------------------------------------------

#[test]
fn the_shipped_policies_answer_their_cases_and_each_determines_at_least_one() {
    let output = policy(&["test", path_text(&policies()), "--json"]);
    let report = json_of(&output);
    let failed: Vec<&Value> = report["cases"].as_array().into_iter().flatten().filter(|case| case["as_expected"] == false).collect();
    assert!(failed.is_empty() && output.status.code() == Some(0), "{failed:#?}");
    let determined: BTreeSet<&str> = report["cases"].as_array().into_iter().flatten().flat_map(|case| strings(&case["policies"])).collect();
    let checked = json_of(&policy(&["check", path_text(&policies()), "--json"]));
    let shipped: BTreeSet<&str> = checked["policies"].as_array().into_iter().flatten().filter_map(|policy| policy["id"].as_str()).collect();
    assert!(shipped.len() >= 12, "{shipped:?}");
    assert_eq!(determined, shipped);
}

#[test]
fn every_example_answers_its_cases_beside_the_shipped_policies() {
    let mut examples = 0;
    for entry in std::fs::read_dir(policies().join("examples")).unwrap() {
        let example = entry.unwrap().path();
        let output = policy(&["test", path_text(&example), "--json"]);
        assert_eq!(output.status.code(), Some(0), "{}: {}{}", example.display(), text(&output.stdout), text(&output.stderr));
        assert_eq!(json_of(&output)["undetermined"], json!([]), "{}", example.display());
        examples += 1;
    }
    assert!(examples >= 5);
}

// --- check -----------------------------------------------------------------------------------------------------------

#[test]
fn check_shows_the_policies_in_force_and_where_they_are_from() {
    let folder = folder(&[("freeze.cedar", FREEZE)]);
    let output = policy(&["check", path_text(folder.path())]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let row = |id: &str| shown.lines().find(|line| line.starts_with(id)).map(|line| line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(row("change-window"), Some(vec!["change-window", "permits", "shipped"]));
    assert_eq!(row("freeze"), Some(vec!["freeze", "forbids", path_text(&folder.path().join("freeze.cedar"))]));
    assert!(shown.contains("because nothing changes in December"), "{shown}");
    assert!(shown.contains("escalates: the glass was broken"), "{shown}");
    assert!(!shown.contains("warning"), "{shown}");
}

#[test]
fn check_warns_of_what_people_regret() {
    for (text, words) in [
        ("@id(\"a\") @because(\"b\") permit (principal, action, resource);", "permits everything to everybody"),
        ("@id(\"a\") @because(\"b\") forbid (principal, action, resource);", "forbids everything"),
        (
            "@id(\"actor-is-known\") @because(\"b\") forbid (principal, action, resource) when { context.now < datetime(\"2020-01-01\") };",
            "takes the place of a shipped `forbid`",
        ),
        (
            "@id(\"change-window\") @because(\"b\") forbid (principal, action, resource) when { context.now < datetime(\"2020-01-01\") };",
            "forbids in the place of a shipped `permit`",
        ),
        ("@id(\"a\") @reason(\"b\") forbid (principal, action == Reprieve::Action::\"delete\", resource);", "`@reason` of policy `a`"),
        ("@id(\"a\") forbid (principal, action == Reprieve::Action::\"delete\", resource);", "has no `@because`"),
        (
            "@id(\"a\") @because(\"b\") @escalate(\"c\") forbid (principal, action == Reprieve::Action::\"delete\", resource);",
            "`@escalate` of policy `a` means nothing",
        ),
        ("@id(\"a\") @because(\"b\") permit (principal, action, resource) when { false };", "policy is impossible"),
    ] {
        let folder = folder(&[("mine.cedar", text)]);
        let output = policy(&["check", path_text(folder.path()), "--json"]);
        assert_eq!(output.status.code(), Some(0), "{text}");
        let report = json_of(&output);
        let whys: Vec<&str> = report["warnings"].as_array().into_iter().flatten().filter_map(|warning| warning["why"].as_str()).collect();
        assert!(whys.iter().any(|why| why.contains(words)), "{text}: {whys:?}");
    }
}

#[test]
fn check_refuses_with_file_line_and_column_and_shows_the_place() {
    let broken = "// mine\n@id(\"a\")\npermit (principal, action, resource)\nwhen { context.approval.approver == \"carol\" };\n";
    let folder = folder(&[("broken.cedar", broken)]);
    let path = folder.path().join("broken.cedar");
    let output = policy(&["check", path_text(folder.path())]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let told = text(&output.stderr);
    assert!(told.contains(&format!("`{}`, line 4, column 8", path.display())), "{told}");
    assert!(told.contains("4 | when { context.approval") && told.contains("try testing for the attribute's presence"), "{told}");
    let report = json_of(&policy(&["check", path_text(folder.path()), "--json"]));
    assert_eq!(report["valid"], false);
    let error = &report["errors"][0];
    assert_eq!((&error["file"], &error["line"], &error["column"]), (&json!(path), &json!(4), &json!(8)));
}

#[test]
fn check_refuses_two_policies_with_one_id_and_names_both_places() {
    let folder = folder(&[("a.cedar", FREEZE), ("b.cedar", FREEZE)]);
    let output = policy(&["check", path_text(folder.path())]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        told.contains("b.cedar`, line 1, column 1: the id `freeze` is taken by another policy") && told.contains("a.cedar`, line 1"),
        "{told}"
    );
}

#[test]
fn check_of_nothing_is_bad_input() {
    let folder = folder(&[]);
    for path in [path_text(folder.path()), "no-such-folder"] {
        let output = policy(&["check", path]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(&format!("`{path}`")), "{}", text(&output.stderr));
    }
}

// --- test ------------------------------------------------------------------------------------------------------------

#[test]
fn test_says_what_was_answered_and_by_which_policies() {
    let folder = folder(&[("freeze.cedar", FREEZE), ("freeze.cases.json", &cases(&json!({})))]);
    let output = policy(&["test", path_text(folder.path())]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{shown}{}", text(&output.stderr));
    let row = shown.lines().find(|line| line.contains("the case")).unwrap();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["ok", "the", "case", "permit", "permit", "change-window"]);
    assert!(shown.contains("No case is determined by: freeze."), "{shown}");
}

#[test]
fn test_explains_an_answer_that_is_not_as_expected() {
    let december = cases(&json!({"now": "2026-12-01T00:00:00Z"}));
    let folder = folder(&[("freeze.cedar", FREEZE), ("december.cases.json", &december)]);
    let output = policy(&["test", path_text(folder.path())]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{shown}");
    for words in
        ["FAILED  the case", "forbidden: nothing changes in December", "CHG-1 by carol for 2026-11-20T09:00:00Z", "Not as expected: 1."]
    {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let report = json_of(&policy(&["test", path_text(folder.path()), "--json"]));
    assert_eq!((&report["as_expected"], &report["not_as_expected"]), (&json!(0), &json!(1)));
    assert_eq!(report["cases"][0]["policies"], json!(["freeze"]));
}

#[test]
fn test_compares_the_policies_exactly_where_they_are_named() {
    for (named, code) in [(json!(["change-window"]), 0), (json!(["freeze"]), 1), (json!([]), 1), (json!(["change-window", "freeze"]), 1)] {
        let folder = folder(&[("freeze.cedar", FREEZE), ("x.cases.json", &cases(&json!({"policies": named})))]);
        assert_eq!(policy(&["test", path_text(folder.path())]).status.code(), Some(code), "{named}");
    }
}

#[test]
fn test_takes_what_is_usual_unless_a_case_says_otherwise() {
    let usual = json!({"usual": {
            "key": "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab", "action": "delete",
            "actor": {"user_name": "mallory"}, "event_time": "2026-11-20T10:00:00Z", "now": "2026-11-20T10:00:00Z",
            "change_calendar": "CLOSED", "tags": {"env": "prod"}, "configuration": {"minimum_waiting_days": 30},
            "approvals": [{"approver": "carol", "window": "2h from 2026-11-20T09:00Z"}]},
        "cases": [
            {"name": "as usual", "expect": "deny", "policies": ["change-calendar-is-open", "minimum-waiting-period", "two-approvers-for-prod"]},
            {"name": "no calendar", "expect": "deny", "change_calendar": null, "policies": ["minimum-waiting-period", "two-approvers-for-prod"]},
            {"name": "other tags", "expect": "deny", "tags": {}, "policies": ["change-calendar-is-open", "minimum-waiting-period"]},
            {"name": "an unknown caller", "expect": "deny", "actor": null, "change_calendar": null, "tags": null, "waiting_period_days": 30,
             "policies": ["actor-is-known", "two-approvers-for-prod"]},
            {"name": "a sandbox", "expect": "permit", "change_calendar": null, "configuration": {"sandbox_accounts": ["111122223333"]},
             "policies": ["change-window", "sandbox-accounts"]}]});
    let folder = folder(&[("shipped.cases.json", &usual.to_string())]);
    let output = policy(&["test", path_text(folder.path())]);
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn test_reads_the_cases_beside_a_file_or_those_that_are_named() {
    let deny = cases(&json!({"approvals": []}));
    let folder = folder(&[("a.cedar", FREEZE), ("a.cases.json", &cases(&json!({}))), ("b.cases.json", &deny)]);
    let (file, other) = (folder.path().join("a.cedar"), folder.path().join("b.cases.json"));
    assert_eq!(policy(&["test", path_text(&file)]).status.code(), Some(0));
    assert_eq!(policy(&["test", path_text(&file), "--cases", path_text(&other)]).status.code(), Some(1));
    assert_eq!(policy(&["test", path_text(folder.path())]).status.code(), Some(1), "a folder's cases are all of them");
}

/// Each case that cannot be asked, and words of what is said of it.
#[test]
fn test_refuses_what_cannot_be_asked() {
    for (fields, words) in [
        (json!({"absent": "name"}), "case 1 of"),
        (json!({"absent": "expect"}), "`permit` or `deny`"),
        (json!({"absent": "actor"}), "`null` for an unknown caller"),
        (json!({"absent": "key"}), "names no `key`"),
        (json!({"absent": "event_time"}), "`null` where nobody knows"),
        (json!({"event_time": null}), "it needs `now`"),
        (json!({"absent": "action"}), "names no `action`"),
        (json!({"action": "purge"}), "`Reprieve::Action::\"purge\"` is not declared"),
        (json!({"acton": "delete"}), "unknown field `acton`"),
        (json!({"key": "alias/a"}), "`alias/a`"),
        (json!({"expect": "allow"}), "unknown variant `allow`"),
        (json!({"change_calendar": "HALF"}), "unknown variant `HALF`"),
        (json!({"actor": {"type": "Robot"}}), "`Robot`"),
        (json!({"actor": {}}), "neither `role`, `user_name` nor `type`"),
        (json!({"approvals": [{"approver": "carol", "window": "soon"}]}), "`soon` is not an ISO 8601 interval"),
        (
            json!({"approvals": [{"approver": "c", "window": "2h from 2026-11-20T09:00Z", "source": "plain-tags", "seal_key": "k"}]}),
            "carry no seal",
        ),
    ] {
        let folder = folder(&[("x.cases.json", &cases(&fields))]);
        let output = policy(&["test", path_text(folder.path())]);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{fields}: {told}");
        assert!(told.contains(words) && told.contains("x.cases.json"), "{fields}: {told}");
    }
}

#[test]
fn test_refuses_invalid_policies_and_folders_without_cases() {
    let folder = folder(&[("a.cedar", "permit (")]);
    let output = policy(&["test", path_text(folder.path())]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("has no cases"), "{}", text(&output.stderr));
    std::fs::write(folder.path().join("a.cases.json"), cases(&json!({}))).unwrap();
    let output = policy(&["test", path_text(folder.path()), "--json"]);
    assert_eq!((output.status.code(), &json_of(&output)["valid"]), (Some(2), &json!(false)));
    assert!(text(&output.stderr).contains("line 1, column 9"), "{}", text(&output.stderr));
}

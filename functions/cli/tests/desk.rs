//! The change manager's verbs as their users run them, where no cloud is needed: what is refused before any call, the completions and
//! the manual page.
#![expect(clippy::unwrap_used, reason = "a test that goes another way must stop")]

use std::process::{Command, Output};

/// Nothing of the machine's own AWS configuration, so that no call can leave it.
const NOWHERE: [(&str, &str); 4] = [
    ("AWS_CONFIG_FILE", "/nonexistent"),
    ("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
    ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
];

fn reprieve(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reprieve"));
    for name in ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    for name in ["REPRIEVE_APPROVAL_KEY", "REPRIEVE_APPROVAL_KEYS", "REPRIEVE_LEDGER_TABLE"] {
        command.env_remove(name);
    }
    command.envs(NOWHERE).args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn what_cannot_be_approved_is_refused_before_any_call() {
    let usual = ["approve", "alias/payments", "--action", "delete", "--change", "CHG-1", "--approval-key", "alias/risk", "--window"];
    let with = |more: &[&'static str]| [usual.as_slice(), more].concat();
    for (arguments, reason) in [
        (with(&["2h from 2026-01-01T22:00+01:00"]), "the window is over: it closed at 2026-01-01 23:00 UTC"),
        (with(&["2126-01-02T00:00Z/2126-01-01T00:00Z"]), "ends before it starts"),
        (with(&["2h from 2126-01-01T22:00"]), "is not an ISO 8601 interval"),
        (with(&["soon from 2126-01-01T22:00Z"]), "is no duration"),
        (with(&["2h from 2126-01-01T22:00Z", "--late"]), "a late approval goes into the ledger: give --ledger-table"),
        (with(&["2h from 2126-01-01T22:00Z", "--late", "--replace"]), "cannot be used with"),
        (with(&["2h from 2126-01-01T22:00Z", "--policies", "/nonexistent"]), "`/nonexistent`"),
        (with(&["2h from 2126-01-01T22:00Z", "--approver", "Carol\u{a0}X"]), "such an approval cannot be sealed"),
        (with(&["2h from 2126-01-01T22:00Z", "--approver", "carol"]), "no Region is known"),
        (vec!["approve", "a key", "--action", "delete", "--change", "C", "--window", "2h from 2126-01-01T22:00Z"], "`a key` is no key"),
        (
            vec!["approve", "alias/x", "--action", "destroy", "--change", "C", "--window", "2h from 2126-01-01T22:00Z"],
            "it takes delete, disable, disable-rotation",
        ),
        (
            vec!["approve", "alias/x", "--action", "delete", "--change", "C", "--window", "2h from 2126-01-01T22:00Z"],
            "no approval key is named",
        ),
        (
            vec!["approve", "alias/x", "--action", "delete", "--change", "CHG-...", "--window", "2h from 2126-01-01T22:00Z"],
            "`CHG-...` stands for a change: put its id in that place",
        ),
        (vec!["revoke", "alias/x", "--change", "C"], "a revocation is written into the ledger: give --ledger-table"),
        (vec!["revoke", "alias/x", "--change", "C\n", "--reason", "a\u{1b}b", "--ledger-table", "t"], "--reason holds a control character"),
        (
            vec!["approval-key", "alias/x", "--from", "2027-01-01T00:00:00Z", "--until", "2026-01-01T00:00:00Z"],
            "--from is not before --until",
        ),
        (vec!["approvals", "--approval-keys", "k=AAAA"], "the approval key `k=AAAA` is not"),
    ] {
        let output = reprieve(&arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains(reason), "{arguments:?}: {error}");
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""), "{arguments:?}");
    }
}

#[test]
fn missing_credentials_are_the_clouds_fault_and_said_in_a_sentence() {
    let output = reprieve(&["approval-key", "alias/risk", "--region", "eu-central-1"]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.starts_with("reprieve: no AWS credentials can be used"), "{error}");
}

#[test]
fn every_shell_gets_completions_of_every_verb() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = reprieve(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0), "{shell}");
        for word in ["approve", "revoke", "approvals", "approval-key", "policy", "explain", "man", "--ledger-table", "--dry-run"] {
            let word = if shell == "fish" { word.trim_start_matches("--") } else { word };
            assert!(stdout(&output).contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn the_manual_page_holds_every_verb_with_its_examples_and_exit_codes() {
    let page = stdout(&reprieve(&["man"]));
    for verb in ["APPROVE", "REVOKE", "APPROVALS", "APPROVAL\\-KEY", "POLICY CHECK", "POLICY TEST", "EXPLAIN"] {
        let (_, section) = page.split_once(&format!("\n.SH REPRIEVE {verb}\n")).unwrap_or_else(|| panic!("no section {verb}"));
        let section = section.split("\n.SH ").next().unwrap_or_default();
        for part in [".SS SYNOPSIS", ".SS OPTIONS", ".SS EXIT CODES", ".SS EXAMPLES"] {
            assert!(section.contains(part), "{verb}: {part}");
        }
        assert_eq!(section.matches("\n.EX\n").count(), section.matches("\n.EE").count(), "{verb}");
    }
}

#[test]
fn each_verb_gets_a_page_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let output = reprieve(&["man", "--dir", folder.path().to_str().unwrap_or_default()]);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), ""));
    for page in ["reprieve.1", "reprieve-approve.1", "reprieve-policy-test.1", "reprieve-approval-key.1"] {
        let text = std::fs::read_to_string(folder.path().join(page)).unwrap();
        assert!(text.contains(".SH SYNOPSIS") && text.contains(&format!(".TH {} 1", page.trim_end_matches(".1"))), "{page}: {text}");
    }
}

//! `reprieve explain` as its users run it: the built command, real files, its output and exit code.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;
use reprieve_core::approval::SealedApproval;
use serde_json::{Value, json};

const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const GUARD: &str = "arn:aws:iam::111122223333:role/reprieve/reprieve-cancel-key-deletion";

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures").join(path)
}

fn explain(arguments: &[&str], input: &str) -> Output {
    let run = || {
        let mut child = Command::new(env!("CARGO_BIN_EXE_reprieve"))
            .arg("explain")
            .args(arguments)
            .env_remove("CLICOLOR_FORCE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A command that refuses its arguments never reads.
            let _written = stdin.write_all(input.as_bytes());
        }
        child.wait_with_output()
    };
    run().unwrap_or_else(|error: std::io::Error| unreachable!("{error}"))
}

fn json_lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| unreachable!("`{line}`: {error}"))).collect()
}

fn first_line(path: &str) -> String {
    let text = std::fs::read_to_string(fixture(path)).unwrap_or_else(|error| unreachable!("{error}"));
    text.lines().next().unwrap_or_default().to_owned()
}

fn steps(explained: &Value) -> Vec<&str> {
    explained["plan"].as_array().into_iter().flatten().filter_map(|step| step["step"].as_str()).collect()
}

fn path_text(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

#[test]
fn one_event_gives_one_json_object_with_the_promised_fields() {
    let output = explain(&["-", "--json"], &first_line("aws/kms-calls.jsonl"));
    assert_eq!(output.status.code(), Some(0));
    let lines = json_lines(&output);
    let [explained] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(explained["threat"], "deletion_scheduled");
    assert_eq!(explained["resource"], KEY);
    assert_eq!(explained["actor"], "alice");
    assert_eq!(explained["decision"], "remedy");
    assert_eq!(steps(explained), ["CancelKeyDeletion", "EnableKey"]);
    assert!(explained["why"].as_str().unwrap().contains("no approval covers it"), "{explained}");
    assert_eq!(explained["policies"], json!([]));
    assert_eq!(explained["oddities"], json!([]));
    assert!(explained["assumed"].as_str().unwrap().contains("PendingDeletion"), "{explained}");
    let order: Vec<&str> = ["threat", "resource", "actor", "decision", "plan", "why", "policies", "oddities"].to_vec();
    let text = String::from_utf8_lossy(&output.stdout);
    let places: Vec<_> = order.iter().map(|name| text.find(&format!("\"{name}\":")).unwrap()).collect();
    assert!(places.is_sorted(), "{text}");
}

#[test]
fn facts_decide() {
    for (facts, expected) in [
        ("pending-enabled-before", vec!["CancelKeyDeletion", "EnableKey"]),
        ("pending-disabled-before", vec!["CancelKeyDeletion"]),
        ("incident-hold", vec!["CancelKeyDeletion"]),
        ("as-recorded", vec!["CancelKeyDeletion"]),
    ] {
        let file = fixture(&format!("facts/{facts}.json"));
        let output = explain(&["-", "--json", "--facts", path_text(&file)], &first_line("aws/kms-calls.jsonl"));
        let lines = json_lines(&output);
        assert_eq!(steps(&lines[0]), expected, "{facts}");
        assert_eq!(lines[0].get("assumed"), None, "{facts}");
    }
}

#[test]
fn facts_are_told_apart_by_key() {
    let file = fixture("facts/by-key.json");
    let disabled = |id: &str| {
        json!({"eventName": "DisableKey", "eventSource": "kms.amazonaws.com", "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
            "requestParameters": {"keyId": id}, "userIdentity": {"type": "IAMUser", "userName": "alice"}})
    };
    let events = ["1234abcd-12ab-34cd-56ef-1234567890ab", "0987dcba-09fe-87dc-65ba-ab0987654321", "ffffffff-12ab-34cd-56ef-1234567890ab"]
        .map(disabled);
    let output = explain(&["-", "--json", "--facts", path_text(&file)], &json!(events).to_string());
    let lines = json_lines(&output);
    assert_eq!(lines.iter().map(|line| line["decision"].as_str().unwrap()).collect::<Vec<_>>(), ["remedy", "escalate", "escalate"]);
    assert!(lines[1]["why"].as_str().unwrap().contains("does not exist"), "{}", lines[1]);
    assert!(lines[2]["escalations"][0].as_str().unwrap().contains("say nothing of this key"), "{}", lines[2]);
}

#[test]
fn a_sealed_approval_stands_and_an_altered_one_does_not() {
    let signer = SigningKey::from_slice(&[7; 32]).unwrap();
    let public = STANDARD.encode(signer.verifying_key().to_public_key_der().unwrap().as_bytes());
    let mut approval = SealedApproval {
        change: "CHG-1".to_owned(),
        action: "delete".to_owned(),
        window: "2026-03-01T00:00:00Z/2026-03-08T00:00:00Z".to_owned(),
        approver: "carol@example.com".to_owned(),
        seal: String::new(),
    };
    let signature: Signature = signer.sign(approval.canonical_text(KEY).as_bytes());
    approval.seal = SealedApproval::seal_text("approver-1", &signature.to_bytes().into());
    let keys = format!("approver-1={public}");
    for (change, decision, policies) in [("CHG-1", "stand", json!(["change-window"])), ("CHG-2", "remedy", json!([]))] {
        let tags = json!({"reprieve:change": change, "reprieve:action": approval.action, "reprieve:window": approval.window,
            "reprieve:approver": approval.approver, "reprieve:seal": approval.seal});
        let facts = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(facts.path(), json!({"state": "PendingDeletion", "tags": tags}).to_string()).unwrap();
        let arguments = ["-", "--json", "--facts", path_text(facts.path()), "--approval-keys", &keys, "--now", "2026-03-02T11:00:00Z"];
        let lines = json_lines(&explain(&arguments, &first_line("aws/kms-calls.jsonl")));
        assert_eq!((&lines[0]["decision"], &lines[0]["policies"]), (&json!(decision), &policies), "{change}: {}", lines[0]);
    }
}

#[test]
fn other_services_and_sweeps_stand_without_a_threat() {
    let event = json!({"eventName": "PutObject", "eventSource": "s3.amazonaws.com"});
    let sweep = json!({"detail-type": "Scheduled Event", "source": "aws.scheduler", "id": "run", "detail": {"task": "sweep"}});
    let lines = json_lines(&explain(&["-", "--json"], &format!("{event}\n{sweep}\n")));
    assert_eq!(lines.len(), 2);
    for line in lines {
        assert_eq!((&line["threat"], &line["decision"], &line["plan"]), (&Value::Null, &json!("stand"), &json!([])));
    }
}

#[test]
fn what_is_no_event_is_named_with_its_line_and_the_rest_goes_on() {
    let file = fixture("aws/mixture.txt");
    let output = explain(&[path_text(&file), "--json"], "");
    assert_eq!(output.status.code(), Some(2));
    let lines = json_lines(&output);
    let errors: Vec<u64> = lines.iter().filter(|line| line.get("error").is_some()).map(|line| line["line"].as_u64().unwrap()).collect();
    assert_eq!((lines.len(), errors), (10, vec![2, 3, 39, 40, 45]));
    let named = String::from_utf8_lossy(&output.stderr);
    assert_eq!(named.lines().count(), 5, "{named}");
    assert!(named.contains("mixture.txt`, line 2: `{\"eventName\": broken}` is not JSON"), "{named}");
}

#[test]
fn bad_input_is_named_and_ends_with_2() {
    let not_facts = fixture("aws/kms-calls.jsonl");
    let events = fixture("aws/kms-calls.jsonl");
    for (arguments, input, named) in [
        (vec!["/no/such/file"], "", "`/no/such/file` cannot be read"),
        (vec!["-"], " \n", "standard input holds no event"),
        (vec!["-"], "\u{1f}", "is not JSON"),
        (vec![path_text(&events), "--facts", "/no/such/facts"], "", "the facts `/no/such/facts` cannot be read"),
        (vec![path_text(&events), "--facts", path_text(&not_facts)], "", "cannot be used"),
        (vec!["-", "--account", "abc"], "", "`abc` is not an AWS account id"),
        (vec!["-", "--approval-keys", "x"], "", "the approval key `x` is not"),
        (vec!["-", "--now", "yesterday"], "", "yesterday"),
        (vec!["-", "--remediator-role", "arn:aws:iam::1:user/x"], "", "is not the ARN of an IAM role"),
        (vec![], "", "FILE"),
    ] {
        let output = explain(&arguments, input);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(named), "{arguments:?}: {error}");
    }
}

#[test]
fn a_misspelt_fact_is_refused_by_name() {
    let facts = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(facts.path(), r#"{"stat":"Disabled"}"#).unwrap();
    let output = explain(&["-", "--facts", path_text(facts.path())], &first_line("aws/kms-calls.jsonl"));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && error.contains("unknown field `stat`"), "{error}");
}

#[test]
fn a_key_that_is_not_guarded_is_escalated() {
    for arguments in [["--account", "999988887777"], ["--region", "us-east-1"]] {
        let lines = json_lines(&explain(&["-", "--json", arguments[0], arguments[1]], &first_line("aws/kms-calls.jsonl")));
        assert_eq!(lines[0]["decision"], "escalate", "{arguments:?}");
    }
}

#[test]
fn our_own_restoring_calls_are_ours() {
    let file = fixture("aws/kms-calls.jsonl");
    let lines = json_lines(&explain(&[path_text(&file), "--json", "--remediator-role", GUARD], ""));
    let own: Vec<&str> = lines
        .iter()
        .filter(|line| line["why"].as_str().unwrap().contains("our own act"))
        .map(|line| line["event"].as_str().unwrap())
        .collect();
    assert_eq!(own, ["CancelKeyDeletion", "EnableKey"]);
}

#[test]
fn people_read_sentences_without_colours_where_there_is_no_terminal() {
    let file = fixture("aws/kms-calls.jsonl");
    let output = explain(&[path_text(&file), "--now", "2026-03-02T12:00:00Z"], "");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success());
    assert!(!text.contains('\u{1b}'), "{text}");
    for expected in [
        "REMEDY  HIGH  ScheduleKeyDeletion by alice, 2026-03-02 10:01:00 UTC",
        "1. CancelKeyDeletion: it is then Disabled",
        "2. EnableKey: it serves again",
        "2026-03-09 10:00:00 UTC (in 6 days)",
        "mixes a 24-hour clock",
        "35 events: ",
    ] {
        assert!(text.contains(expected), "{expected:?} in\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 110), "{text}");
}

#[test]
fn a_reader_that_stops_early_is_no_error() {
    let file = fixture("aws/kms-calls.jsonl");
    let mut child = Command::new(env!("CARGO_BIN_EXE_reprieve"))
        .args(["explain", "-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let events = std::fs::read_to_string(file).unwrap().repeat(20);
    child.stdin.take().unwrap().write_all(events.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}

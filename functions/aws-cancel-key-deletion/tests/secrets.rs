//! What the binary writes and answers while every call fails: no secret of what it was handed, and none of its own.

use reprieve_test_support::lambda::answers_of;
use reprieve_test_support::marked::{MARK, messages, unreadable};
use serde_json::{Value, json};

/// Threat O2
#[test]
fn no_secret_is_logged_or_answered_whatever_comes() {
    let messages = messages("arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab");
    let batch = json!({ "Records": messages });
    let mut payloads = vec![batch.to_string()];
    // Lambda hands over JSON alone.
    payloads.extend(unreadable().into_iter().filter(|text| serde_json::from_str::<Value>(text).is_ok()));
    let answered = answers_of(env!("CARGO_BIN_EXE_aws-cancel-key-deletion"), &VARIABLES, &payloads);

    let (succeeded, failures) = answered.answers.first().expect("the batch was answered");
    let failures: Value = serde_json::from_str(failures).expect("an answer is JSON");
    let failed = failures.pointer("/batchItemFailures").and_then(Value::as_array).map_or(0, Vec::len);
    // Nothing could be called: whatever was to be done, and whatever cannot be read, comes again.
    assert!(*succeeded && failed > 10, "{failures}");
    assert!(answered.answers.iter().skip(1).all(|(succeeded, _)| !succeeded), "{:?}", answered.answers);
    assert!(answered.written.matches("could not be understood").count() >= 10, "{}", answered.written);
    let said = format!("{} {:?}", answered.written, answered.answers);
    let shown: Vec<&str> = said.lines().filter(|line| line.contains(MARK)).collect();
    assert_eq!(shown, Vec::<&str>::new());
}

const VARIABLES: [(&str, &str); 7] = [
    ("REPRIEVE_MODE", "enforce"),
    ("REPRIEVE_LOG", "trace"),
    ("REPRIEVE_LEDGER_TABLE", "reprieve-ledger"),
    ("REPRIEVE_AUDIT_BUCKET", "reprieve-audit"),
    ("REPRIEVE_NOTICE_TOPIC_ARN", "arn:aws:sns:us-east-1:111122223333:reprieve"),
    ("REPRIEVE_REMEDIATOR_ROLE_ARN", "arn:aws:iam::111122223333:role/reprieve-guard"),
    ("AWS_REGION", "us-east-1"),
];

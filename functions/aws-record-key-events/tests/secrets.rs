//! What the binary writes and answers while every call fails: no secret of what it was handed, and none of its own.

use reprieve_test_support::lambda::shows_no_secret;

/// Threat O2
#[test]
fn no_secret_is_logged_or_answered_whatever_comes() {
    shows_no_secret(env!("CARGO_BIN_EXE_aws-record-key-events"), &VARIABLES, 10);
}

const VARIABLES: [(&str, &str); 6] = [
    ("REPRIEVE_LOG", "trace"),
    ("REPRIEVE_AUDIT_BUCKET", "reprieve-audit"),
    ("REPRIEVE_NOTICE_TOPIC_ARN", "arn:aws:sns:us-east-1:111122223333:reprieve"),
    ("REPRIEVE_SEAL_KEY_ARN", "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
    ("REPRIEVE_TELL_FROM", "medium"),
    ("AWS_REGION", "us-east-1"),
];

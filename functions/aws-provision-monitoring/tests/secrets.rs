//! What the binary writes and answers while every call fails: no secret of what it was handed, and none of its own.

use reprieve_test_support::lambda::shows_no_secret;

/// Threat O2
#[test]
fn no_secret_is_logged_or_answered_whatever_comes() {
    shows_no_secret(env!("CARGO_BIN_EXE_aws-provision-monitoring"), &VARIABLES, 9);
}

const VARIABLES: [(&str, &str); 6] = [
    ("REPRIEVE_MODE", "enforce"),
    ("REPRIEVE_LOG", "trace"),
    ("REPRIEVE_AUDIT_BUCKET", "reprieve-audit"),
    ("REPRIEVE_NOTICE_TOPIC_ARN", "arn:aws:sns:us-east-1:111122223333:reprieve"),
    ("REPRIEVE_FUNCTION_ROLE_ARN", "arn:aws:iam::111122223333:role/reprieve-monitoring"),
    ("AWS_REGION", "us-east-1"),
];

//! The table of environment variables: each declared once; its documentation is generated from here.

/// One environment variable.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// The name.
    pub name: &'static str,
    /// The value used where it is not set; `None` where it must be.
    pub default: Option<&'static str>,
    /// What is accepted, with the unit.
    pub accepts: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

/// Whether plans are carried out.
pub const MODE: Variable = Variable {
    name: "REPRIEVE_MODE",
    default: Some("observe"),
    accepts: "`enforce` or `observe`",
    meaning: "Whether decisions are carried out, or only recorded and told.",
};

/// The ledger table.
pub const LEDGER_TABLE: Variable = Variable {
    name: "REPRIEVE_LEDGER_TABLE",
    default: None,
    accepts: "a DynamoDB table name",
    meaning: "The ledger: states to give back, open cases, claims on events, approvals given outside the keys.",
};

/// The audit bucket.
pub const AUDIT_BUCKET: Variable = Variable {
    name: "REPRIEVE_AUDIT_BUCKET",
    default: None,
    accepts: "an S3 bucket name",
    meaning: "The audit store; the bucket has Object Lock on.",
};

/// How long records are kept.
pub const AUDIT_RETENTION_DAYS: Variable = Variable {
    name: "REPRIEVE_AUDIT_RETENTION_DAYS",
    default: Some("365"),
    accepts: "days, 1 to 36500",
    meaning: "How long each record is locked (Object Lock, COMPLIANCE).",
};

/// The notice topic.
pub const NOTICE_TOPIC_ARN: Variable =
    Variable { name: "REPRIEVE_NOTICE_TOPIC_ARN", default: None, accepts: "the ARN of an SNS topic", meaning: "Where people are told." };

/// The function's own role.
pub const REMEDIATOR_ROLE_ARN: Variable = Variable {
    name: "REPRIEVE_REMEDIATOR_ROLE_ARN",
    default: None,
    accepts: "the ARN of an IAM role",
    meaning: "The function's own role: its restorative calls are known as our own, and its account is the one that is guarded.",
};

/// The public keys that seal approvals.
pub const APPROVAL_KEYS: Variable = Variable {
    name: "REPRIEVE_APPROVAL_KEYS",
    default: Some(""),
    accepts: "`KEY-ID=BASE64` entries separated by commas; BASE64 as `aws kms get-public-key` prints it (EC P-256)",
    meaning: "The public keys that seal approvals. Without one, nothing can be approved.",
};

/// The pace of one process.
pub const KMS_CALLS_PER_SECOND: Variable = Variable {
    name: "REPRIEVE_KMS_CALLS_PER_SECOND",
    default: Some("2"),
    accepts: "calls a second, 1 to 5",
    meaning: "How often one process calls CancelKeyDeletion, and how often EnableKey. KMS takes 5 of each a second, in the whole account and Region.",
};

/// The namespace of the metrics.
pub const METRICS_NAMESPACE: Variable = Variable {
    name: "REPRIEVE_METRICS_NAMESPACE",
    default: Some("Reprieve"),
    accepts: "a CloudWatch namespace, 1 to 255 characters",
    meaning: "Where the metrics appear in CloudWatch.",
};

/// What is logged.
pub const LOG: Variable = Variable {
    name: "REPRIEVE_LOG",
    default: Some("info"),
    accepts: "a level, or levels by module, such as `info` or `warn,reprieve_engine=debug`",
    meaning: "What is logged.",
};

/// The Region; set by Lambda.
pub const AWS_REGION: Variable =
    Variable { name: "AWS_REGION", default: None, accepts: "an AWS Region", meaning: "The Region that is guarded. Set by Lambda." };

/// A local cloud's address; for tests.
pub const AWS_ENDPOINT_URL: Variable = Variable {
    name: "AWS_ENDPOINT_URL",
    default: Some(""),
    accepts: "a URL",
    meaning: "The address of a local cloud, in place of AWS. For tests and the demonstration only.",
};

/// All variables, in the order in which they are documented.
pub const ALL: [Variable; 12] = [
    MODE,
    LEDGER_TABLE,
    AUDIT_BUCKET,
    AUDIT_RETENTION_DAYS,
    NOTICE_TOPIC_ARN,
    REMEDIATOR_ROLE_ARN,
    APPROVAL_KEYS,
    KMS_CALLS_PER_SECOND,
    METRICS_NAMESPACE,
    LOG,
    AWS_REGION,
    AWS_ENDPOINT_URL,
];

/// Writes the table as Markdown.
#[must_use]
pub fn markdown() -> String {
    let rows = ALL.iter().map(|variable| {
        let default = match variable.default {
            None => "required".to_owned(),
            Some("") => "empty".to_owned(),
            Some(value) => format!("`{value}`"),
        };
        format!("| `{}` | {} | {default} | {} |\n", variable.name, variable.accepts, variable.meaning)
    });
    format!("| variable | accepts | default | meaning |\n| --- | --- | --- | --- |\n{}", rows.collect::<String>())
}

//! The table of environment variables: each declared once; its documentation is generated from here.

mod azure;
mod drill;
mod google;
mod monitoring;
mod recording;
mod replaying;

pub use azure::*;
pub use drill::*;
pub use google::*;
pub use monitoring::*;
pub use recording::*;
pub use replaying::*;

/// A function that is configured by environment variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// Gives keys back.
    CancelKeyDeletion,
    /// Keeps the monitoring.
    ProvisionMonitoring,
    /// Rehearses the incident.
    RehearseIncident,
    /// Records log files and seals the evidence.
    RecordKeyEvents,
    /// Replays an archive of logs.
    ReplayArchive,
    /// Guards an Azure tenant.
    AzureGuard,
    /// Guards keys in Google Cloud.
    GcpGuard,
}

impl Function {
    /// Returns the function's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CancelKeyDeletion => "aws-cancel-key-deletion",
            Self::ProvisionMonitoring => "aws-provision-monitoring",
            Self::RehearseIncident => "aws-rehearse-incident",
            Self::RecordKeyEvents => "aws-record-key-events",
            Self::ReplayArchive => "aws-replay-archive",
            Self::AzureGuard => "azure-guard",
            Self::GcpGuard => "gcp-guard",
        }
    }
}

const EVERY: &[Function] = &[
    Function::CancelKeyDeletion,
    Function::ProvisionMonitoring,
    Function::RehearseIncident,
    Function::RecordKeyEvents,
    Function::ReplayArchive,
    Function::AzureGuard,
    Function::GcpGuard,
];
/// Those that change something, where they are told to.
const ACTING: &[Function] =
    &[Function::CancelKeyDeletion, Function::ProvisionMonitoring, Function::RehearseIncident, Function::AzureGuard, Function::GcpGuard];
const AWS: &[Function] = &[
    Function::CancelKeyDeletion,
    Function::ProvisionMonitoring,
    Function::RehearseIncident,
    Function::RecordKeyEvents,
    Function::ReplayArchive,
];
/// Those that write evidence, tell people and count.
const TELLING: &[Function] =
    &[Function::CancelKeyDeletion, Function::ProvisionMonitoring, Function::RehearseIncident, Function::RecordKeyEvents];
const RECORDING: &[Function] = &[Function::RecordKeyEvents];
const SEALING: &[Function] = &[Function::RecordKeyEvents, Function::AzureGuard, Function::GcpGuard];
const REPLAYING: &[Function] = &[Function::ReplayArchive];
const GUARDS: &[Function] = &[Function::CancelKeyDeletion, Function::AzureGuard];
const AZURE: &[Function] = &[Function::AzureGuard];
const GOOGLE: &[Function] = &[Function::GcpGuard];
const AZURE_AND_GOOGLE: &[Function] = &[Function::AzureGuard, Function::GcpGuard];
const EVERY_GUARD: &[Function] = &[Function::CancelKeyDeletion, Function::AzureGuard, Function::GcpGuard];
const AWS_AND_GOOGLE_GUARD: &[Function] = &[Function::CancelKeyDeletion, Function::GcpGuard];
const GUARD: &[Function] = &[Function::CancelKeyDeletion];
const GUARD_AND_DRILL: &[Function] = &[Function::CancelKeyDeletion, Function::RehearseIncident];
const MONITORING: &[Function] = &[Function::ProvisionMonitoring];
const MONITORING_AND_DRILL: &[Function] = &[Function::ProvisionMonitoring, Function::RehearseIncident];
const DRILL: &[Function] = &[Function::RehearseIncident];

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
    /// Which functions read it.
    pub read_by: &'static [Function],
}

/// Whether plans are carried out.
pub const MODE: Variable = Variable {
    name: "REPRIEVE_MODE",
    default: Some("observe"),
    accepts: "`enforce` or `observe`",
    meaning: "Whether decisions are carried out, or only recorded and told.",
    read_by: ACTING,
};

/// The ledger table.
pub const LEDGER_TABLE: Variable = Variable {
    name: "REPRIEVE_LEDGER_TABLE",
    default: None,
    accepts: "a DynamoDB table name",
    meaning: "The ledger: states to give back, open cases, claims on events, approvals given outside the keys.",
    read_by: GUARD_AND_DRILL,
};

/// The audit bucket.
pub const AUDIT_BUCKET: Variable = Variable {
    name: "REPRIEVE_AUDIT_BUCKET",
    default: None,
    accepts: "an S3 bucket name",
    meaning: "The audit store; the bucket has Object Lock on.",
    read_by: TELLING,
};

/// How long records are kept.
pub const AUDIT_RETENTION_DAYS: Variable = Variable {
    name: "REPRIEVE_AUDIT_RETENTION_DAYS",
    default: Some("365"),
    accepts: "days, 1 to 36500",
    meaning: "How long each record is locked (Object Lock, COMPLIANCE).",
    read_by: TELLING,
};

/// The notice topic.
pub const NOTICE_TOPIC_ARN: Variable = Variable {
    name: "REPRIEVE_NOTICE_TOPIC_ARN",
    default: None,
    accepts: "the ARN of an SNS topic",
    meaning: "Where people are told.",
    read_by: TELLING,
};

/// The function's own role.
pub const REMEDIATOR_ROLE_ARN: Variable = Variable {
    name: "REPRIEVE_REMEDIATOR_ROLE_ARN",
    default: None,
    accepts: "the ARN of an IAM role",
    meaning: "The function's own role: its restorative calls are known as our own, and its account is the one that is guarded.",
    read_by: GUARD,
};

/// The public keys that seal approvals.
pub const APPROVAL_KEYS: Variable = Variable {
    name: "REPRIEVE_APPROVAL_KEYS",
    default: Some(""),
    accepts: "`KEY-ID=BASE64[;from=TIME][;until=TIME]` entries separated by commas, as `reprieve approval-key` prints them (EC P-256)",
    meaning: "The public keys that seal approvals, and when each does. Without one, nothing can be sealed.",
    read_by: EVERY_GUARD,
};

/// The roles whose plain tags approve.
pub const APPROVER_ROLES: Variable = Variable {
    name: "REPRIEVE_APPROVER_ROLES",
    default: Some(""),
    accepts: "ARNs of IAM roles separated by commas",
    meaning: "The roles whose tags approve without a seal; who set the tags is then looked up in CloudTrail. Without one, plain tags approve nothing.",
    read_by: GUARD,
};

/// The roles that may break the glass.
pub const BREAK_GLASS_ROLES: Variable = Variable {
    name: "REPRIEVE_BREAK_GLASS_ROLES",
    default: Some(""),
    accepts: "ARNs of IAM roles separated by commas",
    meaning: "The roles whose acts pass for a limited time without an approval, and always wake a human.",
    read_by: GUARD,
};

/// How long a broken glass lets pass.
pub const BREAK_GLASS_HOURS: Variable = Variable {
    name: "REPRIEVE_BREAK_GLASS_HOURS",
    default: Some("24"),
    accepts: "hours, 1 to 168",
    meaning: "How long an act under a broken glass passes; unless it is approved meanwhile, the next sweep takes it back.",
    read_by: GUARDS,
};

/// The accounts in which everything passes.
pub const SANDBOX_ACCOUNTS: Variable = Variable {
    name: "REPRIEVE_SANDBOX_ACCOUNTS",
    default: Some(""),
    accepts: "account ids separated by commas",
    meaning: "The accounts in which everything passes.",
    read_by: GUARD,
};

/// The shortest waiting period.
pub const MINIMUM_WAITING_DAYS: Variable = Variable {
    name: "REPRIEVE_MINIMUM_WAITING_DAYS",
    default: Some("7"),
    accepts: "days, 7 to 30",
    meaning: "The shortest waiting period of a deletion that is let stand, approved or not. KMS itself asks for 7.",
    read_by: AWS_AND_GOOGLE_GUARD,
};

/// The change calendars.
pub const CHANGE_CALENDARS: Variable = Variable {
    name: "REPRIEVE_CHANGE_CALENDARS",
    default: Some(""),
    accepts: "names or ARNs of Systems Manager change calendars separated by commas",
    meaning: "The calendars that must be open for an approved change to pass. Without one, none is asked.",
    read_by: GUARD,
};

/// Where the user's policies are.
pub const POLICY_PARAMETER: Variable = Variable {
    name: "REPRIEVE_POLICY_PARAMETER",
    default: Some(""),
    accepts: "the name of a Systems Manager parameter, or a path that ends in `/`",
    meaning: "Cedar policies of your own, beside the shipped ones. They are read at the first event and every five minutes; where they cannot be used, nothing is approved.",
    read_by: GUARD,
};

/// Where bundled policies are.
pub const POLICY_FOLDER: Variable = Variable {
    name: "REPRIEVE_POLICY_FOLDER",
    default: Some("policies"),
    accepts: "a folder, relative to the function's",
    meaning: "Cedar policies of your own that were packaged with the function (`scripts/package --policies`). A folder that does not exist holds none.",
    read_by: GUARD,
};

/// The tag that names the owner.
pub const OWNER_TAG: Variable = Variable {
    name: "REPRIEVE_OWNER_TAG",
    default: Some("owner"),
    accepts: "a tag key, 1 to 128 characters",
    meaning: "The tag that names a key's owner in notices, in whatever case.",
    read_by: GUARD,
};

/// Where webhooks are.
pub const WEBHOOK_PARAMETER: Variable = Variable {
    name: "REPRIEVE_WEBHOOK_PARAMETER",
    default: Some(""),
    accepts: "the name of a Systems Manager parameter (SecureString)",
    meaning: "Chat channels that hear notices too: one `slack URL` or `teams URL` a line.",
    read_by: TELLING,
};

/// The pace of one process.
pub const KMS_CALLS_PER_SECOND: Variable = Variable {
    name: "REPRIEVE_KMS_CALLS_PER_SECOND",
    default: Some("2"),
    accepts: "calls a second, 1 to 5",
    meaning: "How often one process calls CancelKeyDeletion, and how often EnableKey. KMS takes 5 of each a second, in the whole account and Region.",
    read_by: GUARD,
};

/// The namespace of the metrics.
pub const METRICS_NAMESPACE: Variable = Variable {
    name: "REPRIEVE_METRICS_NAMESPACE",
    default: Some("Reprieve"),
    accepts: "a CloudWatch namespace, 1 to 255 characters",
    meaning: "Where the metrics appear in CloudWatch.",
    read_by: TELLING,
};

/// What is logged.
pub const LOG: Variable = Variable {
    name: "REPRIEVE_LOG",
    default: Some("info"),
    accepts: "a level, or levels by module, such as `info` or `warn,reprieve_engine=debug`",
    meaning: "What is logged. `trace` is taken for `debug`: libraries would write events and tokens there.",
    read_by: EVERY,
};

/// The Region; set by Lambda.
pub const AWS_REGION: Variable = Variable {
    name: "AWS_REGION",
    default: None,
    accepts: "an AWS Region",
    meaning: "The Region that is guarded. Set by Lambda.",
    read_by: AWS,
};

/// A local cloud's address; for tests.
pub const AWS_ENDPOINT_URL: Variable = Variable {
    name: "AWS_ENDPOINT_URL",
    default: Some(""),
    accepts: "a URL",
    meaning: "The address of a local cloud, in place of AWS. For tests and the demonstration only.",
    read_by: AWS,
};

/// All variables, in the order in which they are documented.
pub const ALL: [Variable; 80] = [
    MODE,
    LEDGER_TABLE,
    AUDIT_BUCKET,
    AUDIT_RETENTION_DAYS,
    NOTICE_TOPIC_ARN,
    REMEDIATOR_ROLE_ARN,
    APPROVAL_KEYS,
    APPROVER_ROLES,
    BREAK_GLASS_ROLES,
    BREAK_GLASS_HOURS,
    SANDBOX_ACCOUNTS,
    MINIMUM_WAITING_DAYS,
    CHANGE_CALENDARS,
    POLICY_PARAMETER,
    POLICY_FOLDER,
    OWNER_TAG,
    WEBHOOK_PARAMETER,
    KMS_CALLS_PER_SECOND,
    FUNCTION_ROLE_ARN,
    CIS_VERSION,
    PATTERN_MODE,
    ADDITIONAL_FILTERS,
    TRAIL_NAME,
    TRAIL_BUCKET,
    TRAIL_KEY_ARN,
    TRAIL_LOG_ROLE_ARN,
    TRAIL_LOG_GROUP,
    TRAIL_RETENTION_DAYS,
    FILTER_NAMESPACE,
    SUBSCRIBERS,
    GUARD_RULES,
    GUARD_QUEUE_ARN,
    GUARD_DEAD_LETTER_ARN,
    DRIFT_RULES,
    DRIFT_QUEUE_ARN,
    DRIFT_DEAD_LETTER_ARN,
    DRILL_ALIAS,
    DRILL_QUEUE_URL,
    DRILL_ALARM,
    DRILL_GUARD_DEADLINE_SECONDS,
    DRILL_ALARM_DEADLINE_SECONDS,
    SEAL_KEY_ARN,
    FORMER_SEAL_KEYS,
    TELL_FROM,
    REPLAY_BUCKET,
    METRICS_NAMESPACE,
    LOG,
    AWS_REGION,
    AWS_ENDPOINT_URL,
    SUBSCRIPTIONS,
    TENANT_ID,
    CLIENT_ID,
    PRINCIPAL_ID,
    STORAGE_ACCOUNT,
    POLICY_CONTAINER,
    SEAL_KEY,
    ALLOWED_VAULTS,
    LOG_KEY,
    LOG_IDENTITY,
    PURGE_PROTECTION,
    LOCK_IMMUTABILITY,
    IMMUTABILITY_DAYS,
    SOFT_DELETE_DAYS,
    EVENT_HUB_RULE,
    EVENT_HUB_NAME,
    LOG_STORAGE,
    ACTION_GROUP,
    ALERTS_GROUP,
    BREAK_GLASS_PRINCIPALS,
    SANDBOX_SUBSCRIPTIONS,
    WEBHOOKS,
    SWEEP_BUDGET_SECONDS,
    CUSTOM_HANDLER_PORT,
    AZURE_ENDPOINT_URL,
    GOOGLE_PROJECTS,
    GOOGLE_AUDIT_BUCKET,
    GOOGLE_CLAIMS_BUCKET,
    GOOGLE_SEAL_KEY,
    GOOGLE_PORT,
    GOOGLE_ENDPOINT_URL,
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
        format!("| `{}` | {} | {default} | {} | {} |\n", variable.name, variable.accepts, variable.meaning, readers(variable))
    });
    format!("| variable | accepts | default | meaning | read by |\n| --- | --- | --- | --- | --- |\n{}", rows.collect::<String>())
}

fn readers(variable: &Variable) -> String {
    if variable.read_by == EVERY {
        return "all".to_owned();
    }
    if variable.read_by == AWS {
        return "all on AWS".to_owned();
    }
    if variable.read_by == TELLING {
        return format!("all on AWS but `{}`", Function::ReplayArchive.name());
    }
    variable.read_by.iter().map(|function| format!("`{}`", function.name())).collect::<Vec<_>>().join(", ")
}

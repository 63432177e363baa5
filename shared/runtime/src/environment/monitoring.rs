//! The variables of the function that keeps the monitoring.

use super::{MONITORING, MONITORING_AND_DRILL, Variable};

/// The role of a function that is not the guard.
pub const FUNCTION_ROLE_ARN: Variable = Variable {
    name: "REPRIEVE_FUNCTION_ROLE_ARN",
    default: None,
    accepts: "the ARN of an IAM role",
    meaning: "The function's own role: its acts are known as our own, and its account is the one that is looked after.",
    read_by: MONITORING_AND_DRILL,
};

/// The version of the benchmark.
pub const CIS_VERSION: Variable = Variable {
    name: "REPRIEVE_CIS_VERSION",
    default: Some("5.0"),
    accepts: "`1.4`, `3.0`, `5.0` or `6.0`",
    meaning: "The version of the CIS AWS Foundations Benchmark whose monitoring controls are asked for; `6.0` stands for v7.0.0 too.",
    read_by: MONITORING,
};

/// When a filter serves a control.
pub const PATTERN_MODE: Variable = Variable {
    name: "REPRIEVE_PATTERN_MODE",
    default: Some("by-matching"),
    accepts: "`by-matching` or `exact`",
    meaning: "Whether a metric filter serves a control when it matches what the benchmark's pattern matches, or only when it is that very text, as Security Hub asks.",
    read_by: MONITORING,
};

/// Whether our own filters are asked for.
pub const ADDITIONAL_FILTERS: Variable = Variable {
    name: "REPRIEVE_ADDITIONAL_FILTERS",
    default: Some("true"),
    accepts: "`true` or `false`",
    meaning: "Whether Reprieve's own filters are asked for beside the benchmark's: for whatever else makes a key unusable or blinds the monitoring.",
    read_by: MONITORING,
};

/// The trail.
pub const TRAIL_NAME: Variable = Variable {
    name: "REPRIEVE_TRAIL_NAME",
    default: Some("reprieve"),
    accepts: "the name of a trail, 3 to 128 characters",
    meaning: "The trail that is made where none satisfies. A trail of this name is kept as it must be, whoever made it.",
    read_by: MONITORING,
};

/// Where the trail writes.
pub const TRAIL_BUCKET: Variable = Variable {
    name: "REPRIEVE_TRAIL_BUCKET",
    default: Some(""),
    accepts: "an S3 bucket name, or `BUCKET/PREFIX`",
    meaning: "The bucket that the trail writes to, and the prefix of its files there. Without one, no trail can be made, and where one writes to is not judged.",
    read_by: MONITORING,
};

/// What encrypts the trail's files.
pub const TRAIL_KEY_ARN: Variable = Variable {
    name: "REPRIEVE_TRAIL_KEY_ARN",
    default: Some(""),
    accepts: "the ARN of a KMS key",
    meaning: "The KMS key that encrypts the trail's files. Without one, the trail keeps the key that it has, and people are told of one of another account.",
    read_by: MONITORING,
};

/// How the trail feeds its log group.
pub const TRAIL_LOG_ROLE_ARN: Variable = Variable {
    name: "REPRIEVE_TRAIL_LOG_ROLE_ARN",
    default: Some(""),
    accepts: "the ARN of an IAM role",
    meaning: "The role by which the trail feeds its log group. Without one, none can be fed.",
    read_by: MONITORING,
};

/// What the trail feeds.
pub const TRAIL_LOG_GROUP: Variable = Variable {
    name: "REPRIEVE_TRAIL_LOG_GROUP",
    default: Some("/reprieve/cloudtrail"),
    accepts: "the name of a log group, 1 to 512 characters",
    meaning: "The log group that our own trail feeds.",
    read_by: MONITORING,
};

/// How long log events are kept.
pub const TRAIL_RETENTION_DAYS: Variable = Variable {
    name: "REPRIEVE_TRAIL_RETENTION_DAYS",
    default: Some("365"),
    accepts: "days that CloudWatch Logs offers: 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653",
    meaning: "How long log events are kept at least. A longer retention is never shortened.",
    read_by: MONITORING,
};

/// The namespace of what the filters count.
pub const FILTER_NAMESPACE: Variable = Variable {
    name: "REPRIEVE_FILTER_NAMESPACE",
    default: Some("ReprieveMonitoring"),
    accepts: "a CloudWatch namespace, 1 to 255 characters, not beginning with `AWS/`",
    meaning: "Where the metric filters count.",
    read_by: MONITORING,
};

/// Who hears of alarms.
pub const SUBSCRIBERS: Variable = Variable {
    name: "REPRIEVE_SUBSCRIBERS",
    default: Some(""),
    accepts: "`PROTOCOL=ENDPOINT` entries separated by commas; PROTOCOL is `email`, `email-json`, `https`, `sqs`, `lambda`, `sms` or `firehose`",
    meaning: "Who is subscribed to the notice topic, beside those who are. People must confirm.",
    read_by: MONITORING,
};

/// The guard's event rules.
pub const GUARD_RULES: Variable = Variable {
    name: "REPRIEVE_GUARD_RULES",
    default: Some(""),
    accepts: "`KIND=NAME` entries separated by commas; KIND is `key-api-calls`, `key-service-events`, `key-native-events` or `region-opt-out`",
    meaning: "The event rules that feed the guard, which are kept as they must be. Without one, none is looked at.",
    read_by: MONITORING,
};

/// The guard's queue.
pub const GUARD_QUEUE_ARN: Variable = Variable {
    name: "REPRIEVE_GUARD_QUEUE_ARN",
    default: Some(""),
    accepts: "the ARN of an SQS queue",
    meaning: "What these rules feed. Needed where there is one.",
    read_by: MONITORING,
};

/// Where undeliverable events go.
pub const GUARD_DEAD_LETTER_ARN: Variable = Variable {
    name: "REPRIEVE_GUARD_DEAD_LETTER_ARN",
    default: Some(""),
    accepts: "the ARN of an SQS queue",
    meaning: "Where events go that these rules cannot hand over. Needed where there is one.",
    read_by: MONITORING,
};

/// The drift rules.
pub const DRIFT_RULES: Variable = Variable {
    name: "REPRIEVE_DRIFT_RULES",
    default: Some(""),
    accepts: "`KIND=NAME` entries separated by commas; KIND is `trail`, `log`, `alarm`, `topic` or `rule`",
    meaning: "The event rules that tell this function what is done to the monitoring, which are kept as they must be. Without one, none is looked at.",
    read_by: MONITORING,
};

/// The function's own queue.
pub const DRIFT_QUEUE_ARN: Variable = Variable {
    name: "REPRIEVE_DRIFT_QUEUE_ARN",
    default: Some(""),
    accepts: "the ARN of an SQS queue",
    meaning: "What the drift rules feed. Needed where there is one.",
    read_by: MONITORING,
};

/// Where undeliverable drift goes.
pub const DRIFT_DEAD_LETTER_ARN: Variable = Variable {
    name: "REPRIEVE_DRIFT_DEAD_LETTER_ARN",
    default: Some(""),
    accepts: "the ARN of an SQS queue",
    meaning: "Where events go that the drift rules cannot hand over. Needed where there is one.",
    read_by: MONITORING,
};

//! Grants that the local cloud cannot exercise, each with why, and with what shows that it is needed all the same.
//!
//! Must not grow out of convenience: whatever a scenario can use is to be used by one.

use super::grants::{DeployedRole, Grant};

/// What shows that a grant is needed that the local cloud never asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// The product's own code makes the call: a file of the repository, and the text in it.
    Source(&'static str, &'static str),
    /// A service of AWS makes the call, and says so: the page.
    Documented(&'static str),
    /// A person makes the call, with a script: a file of the repository, and the text in it.
    Script(&'static str, &'static str),
}

/// One statement of a role, and those of its actions that nothing uses on the local cloud.
#[derive(Debug, Clone, Copy)]
pub struct Exception {
    /// The template's file.
    pub template: &'static str,
    /// The role's logical id.
    pub role: &'static str,
    /// The statement's `Sid`.
    pub statement: &'static str,
    /// The actions.
    pub actions: &'static [&'static str],
    /// Why it cannot be used here.
    pub why: &'static str,
    /// What shows that it is needed.
    pub shown: Shown,
}

impl Exception {
    /// Tells whether it is about this grant.
    #[must_use]
    pub fn is_about(&self, role: &DeployedRole, grant: &Grant) -> bool {
        self.template == role.template
            && self.role == role.id
            && self.statement == grant.statement
            && self.actions.contains(&grant.action.as_str())
    }
}

/// Scheduler writes to a dead-letter queue in the name of its role.
const SCHEDULER: Shown = Shown::Documented("https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html");

/// Distributed Map, in the name of the state machine's role.
const DISTRIBUTED_MAP: Shown = Shown::Documented("https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html");

/// All exceptions.
pub const EXCEPTIONS: &[Exception] = &[
    Exception {
        template: "guard.yaml",
        role: "SchedulerRole",
        statement: "KeepFailedStarts",
        actions: &["sqs:SendMessage"],
        why: "a schedule that cannot start its function is dropped by the local cloud",
        shown: SCHEDULER,
    },
    Exception {
        template: "monitoring.yaml",
        role: "SchedulerRole",
        statement: "KeepFailedStarts",
        actions: &["sqs:SendMessage"],
        why: "a schedule that cannot start its function is dropped by the local cloud",
        shown: SCHEDULER,
    },
    Exception {
        template: "drill.yaml",
        role: "SchedulerRole",
        statement: "KeepFailedStarts",
        actions: &["sqs:SendMessage"],
        why: "a schedule that cannot start its function is dropped by the local cloud",
        shown: SCHEDULER,
    },
    Exception {
        template: "evidence.yaml",
        role: "SchedulerRole",
        statement: "KeepFailedStarts",
        actions: &["sqs:SendMessage"],
        why: "a schedule that cannot start its function is dropped by the local cloud",
        shown: SCHEDULER,
    },
    Exception {
        template: "drill.yaml",
        role: "RehearseRole",
        statement: "SeeTheAlarmGoOff",
        actions: &["cloudwatch:DescribeAlarmHistory"],
        why: "the notice of the alarm arrives here at once; the history is looked at where it does not",
        shown: Shown::Source("shared/aws-drill/src/watch.rs", ".describe_alarm_history()"),
    },
    Exception {
        template: "evidence.yaml",
        role: "RecordRole",
        statement: "Notify",
        actions: &["sns:Publish"],
        why: "a stage is too young for anything to be unusual",
        shown: Shown::Source("shared/engine/src/recording.rs", "self.settings.tell_from"),
    },
    Exception {
        template: "replay.yaml",
        role: "StateMachineRole",
        statement: "WatchChildren",
        actions: &["states:DescribeExecution", "states:StopExecution"],
        why: "the local cloud runs the children itself, and stops none",
        shown: DISTRIBUTED_MAP,
    },
    Exception {
        template: "replay.yaml",
        role: "StateMachineRole",
        statement: "RedriveChildren",
        actions: &["states:RedriveExecution"],
        why: "the local cloud redrives nothing",
        shown: DISTRIBUTED_MAP,
    },
    Exception {
        template: "replay.yaml",
        role: "StateMachineRole",
        statement: "WriteWhatBatchesAnswered",
        actions: &["s3:GetObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"],
        why: "the local cloud writes results in one piece",
        shown: DISTRIBUTED_MAP,
    },
];

/// A resource of a statement that nothing calls upon here.
#[derive(Debug, Clone, Copy)]
pub struct Untouched {
    /// The template's file.
    pub template: &'static str,
    /// The role's logical id.
    pub role: &'static str,
    /// The statement's `Sid`.
    pub statement: &'static str,
    /// A part of the resource's name that none of the others has.
    pub part: &'static str,
    /// Why.
    pub why: &'static str,
    /// What shows that it is needed.
    pub shown: Shown,
}

/// All such resources.
pub const UNTOUCHED: &[Untouched] = &[
    Untouched {
        template: "evidence.yaml",
        role: "RecordRole",
        statement: "WriteEvidence",
        part: "/audit/findings/",
        why: "a stage is too young for anything to be unusual",
        shown: Shown::Source("shared/evidence/src/layout.rs", "audit/findings/"),
    },
    Untouched {
        template: "evidence.yaml",
        role: "RecordRole",
        statement: "TellAbsentFromForbidden",
        part: "trailbucket",
        why: "no log file is told of and gone",
        shown: Shown::Documented("https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html"),
    },
    Untouched {
        template: "replay.yaml",
        role: "MergeRole",
        statement: "WriteAnswers",
        part: "/merged/",
        why: "so small an archive is merged in one leg",
        shown: Shown::Source("functions/aws-replay-archive/src/part_name.rs", "/merged/"),
    },
];

/// Statements that need a parameter which no stage of the proof sets, each with why.
pub const UNDEPLOYED: &[Exception] = &[
    webhooks("guard.yaml", "RemediatorRole"),
    webhooks("monitoring.yaml", "ProvisionRole"),
    webhooks("drill.yaml", "RehearseRole"),
    webhooks("evidence.yaml", "RecordRole"),
    Exception {
        template: "evidence.yaml",
        role: "RecordRole",
        statement: "DecryptLogFiles",
        actions: &["kms:Decrypt"],
        why: "S3 of the local cloud decrypts without asking KMS",
        shown: Shown::Documented("https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html"),
    },
    Exception {
        template: "replay.yaml",
        role: "ReadRole",
        statement: "DecryptLogsThroughS3",
        actions: &["kms:Decrypt"],
        why: "S3 of the local cloud decrypts without asking KMS",
        shown: Shown::Documented("https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html"),
    },
];

/// Webhooks are read from Parameter Store with the call that policies are read with.
const fn webhooks(template: &'static str, role: &'static str) -> Exception {
    Exception {
        template,
        role,
        statement: "ReadWebhooks",
        actions: &["ssm:GetParameter"],
        why: "nobody listens to webhooks on the stage; `ReadPolicies` is the same call on another parameter",
        shown: Shown::Source("shared/aws/src/parameters.rs", ".get_parameter()"),
    }
}

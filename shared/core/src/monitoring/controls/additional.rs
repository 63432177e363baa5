//! Our own filters: what else makes a key unusable, and what blinds the monitoring. They stand beside the benchmark's, never in them.
//!
//! Attempts count like successes. Calls that AWS services make by the hundred in the course of their work (grants they retire, alarms
//! that scaling policies make and drop) are left out, because an alarm that always rings is heard by nobody; they are told by
//! `userIdentity.invokedBy`, which callers cannot set. Our own functions are *not* left out: whoever may name a role could borrow the
//! exception. They write at a deployment and when they mend a drift, never in a run that finds everything in place, so that their
//! writes ring once, when a person should look anyway.
//!
//! A filter knows names only by its text. Where a call is too common to be watched everywhere, it is watched on names that hold
//! `eprieve`, as stacks named after the product have it; the drift rules, which know the real names, hear the others.

use super::super::baseline::{Control, PatternMode};
use crate::decision::Severity;

/// One of our own controls.
struct Row {
    name: &'static str,
    title: &'static str,
    severity: Severity,
    why: &'static str,
    pattern: &'static str,
    source: &'static str,
}

const KMS: &str = "AWS KMS Developer Guide, \"Logging AWS KMS API calls with AWS CloudTrail\"";

const ROWS: [Row; 13] = [
    Row {
        name: "Reprieve-KmsKeyGone",
        title: "A KMS key or its imported material is gone",
        severity: Severity::Critical,
        why: "Nothing but the same material can bring the data back: it was deleted or has expired, or the waiting period is over.",
        pattern: "{ ($.eventSource = kms.amazonaws.com) && (($.eventName = DeleteKey) || ($.eventName = DeleteImportedKeyMaterial) || ($.eventName = DeleteExpiredKeyMaterial)) }",
        source: KMS,
    },
    Row {
        name: "Reprieve-KmsKeyStoreDisconnected",
        title: "A custom key store is disconnected, changed or deleted",
        severity: Severity::High,
        why: "None of the keys in the store can be used until it is connected again.",
        pattern: "{ ($.eventSource = kms.amazonaws.com) && (($.eventName = DisconnectCustomKeyStore) || ($.eventName = DeleteCustomKeyStore) || ($.eventName = UpdateCustomKeyStore)) }",
        source: KMS,
    },
    Row {
        name: "Reprieve-KmsKeyPolicyReplaced",
        title: "A key policy is replaced",
        severity: Severity::Medium,
        why: "A policy can lock everybody out, the role that gives keys back included.",
        pattern: "{ ($.eventSource = kms.amazonaws.com) && ($.eventName = PutKeyPolicy) }",
        source: KMS,
    },
    Row {
        name: "Reprieve-KmsGrantRemoved",
        title: "Somebody revokes or retires a grant",
        severity: Severity::Low,
        why: "What relied on the grant can no longer use the key. Services that retire their own grants are left out.",
        pattern: "{ ($.eventSource = kms.amazonaws.com) && (($.eventName = RevokeGrant) || ($.eventName = RetireGrant)) && ($.userIdentity.invokedBy NOT EXISTS) }",
        source: KMS,
    },
    Row {
        name: "Reprieve-KmsKeyReferenceOrRotationChanged",
        title: "An alias is moved or deleted, a tag is removed, or rotation is switched off",
        severity: Severity::Low,
        why: "What names the key by its alias, or may use it because of a tag, can no longer use it; and rotation belongs to what a key must do.",
        pattern: "{ ($.eventSource = kms.amazonaws.com) && (($.eventName = UpdateAlias) || ($.eventName = DeleteAlias) || ($.eventName = UntagResource) || ($.eventName = DisableKeyRotation)) }",
        source: KMS,
    },
    Row {
        name: "Reprieve-RegionDisabled",
        title: "A Region is switched off",
        severity: Severity::High,
        why: "A Region switched off takes its keys along, and the guard that stands in it.",
        pattern: "{ ($.eventSource = account.amazonaws.com) && ($.eventName = DisableRegion) }",
        source: "AWS Account Management Reference Guide, \"Logging AWS Account Management API calls using AWS CloudTrail\"",
    },
    Row {
        name: "Reprieve-TrailSelectorsChanged",
        title: "What a trail records is changed",
        severity: Severity::High,
        why: "A trail that leaves KMS out is blind to all of the above, and still looks as if it recorded.",
        pattern: "{ ($.eventSource = cloudtrail.amazonaws.com) && ($.eventName = PutEventSelectors) }",
        source: "AWS CloudTrail API Reference, PutEventSelectors",
    },
    Row {
        name: "Reprieve-MetricFilterChanged",
        title: "A metric filter is deleted or replaced",
        severity: Severity::High,
        why: "What no filter counts sets off no alarm.",
        pattern: "{ ($.eventSource = logs.amazonaws.com) && (($.eventName = DeleteMetricFilter) || ($.eventName = PutMetricFilter)) }",
        source: "Amazon CloudWatch Logs API Reference, DeleteMetricFilter and PutMetricFilter",
    },
    Row {
        name: "Reprieve-LogsRemoved",
        title: "Log events are removed, or kept for a shorter time",
        severity: Severity::Medium,
        why: "What is deleted can be neither counted nor read again. Retention is common in deployments, and watched on log groups named after a trail.",
        pattern: r#"{ ($.eventSource = logs.amazonaws.com) && (($.eventName = DeleteLogGroup) || ($.eventName = DeleteLogStream) || (($.eventName = PutRetentionPolicy) && (($.requestParameters.logGroupName = "*trail*") || ($.requestParameters.logGroupName = "*Trail*")))) }"#,
        source: "Amazon CloudWatch Logs API Reference, DeleteLogGroup, DeleteLogStream and PutRetentionPolicy",
    },
    Row {
        name: "Reprieve-AlarmSilenced",
        title: "An alarm is deleted, silenced or set by hand, or one of Reprieve's is replaced",
        severity: Severity::High,
        why: "An alarm that cannot ring, or that was set to OK by hand, tells nobody. Alarms of scaling policies are left out.",
        pattern: r#"{ ($.eventSource = monitoring.amazonaws.com) && (($.eventName = DeleteAlarms) || ($.eventName = DisableAlarmActions) || ($.eventName = SetAlarmState) || (($.eventName = PutMetricAlarm) && ($.requestParameters.alarmName = "Reprieve-*"))) && (($.userIdentity.invokedBy NOT EXISTS) || ($.userIdentity.invokedBy != "*autoscaling.amazonaws.com")) }"#,
        source: "Amazon CloudWatch API Reference, DeleteAlarms, DisableAlarmActions, SetAlarmState and PutMetricAlarm",
    },
    Row {
        name: "Reprieve-TopicSilenced",
        title: "A topic or a subscription is removed or changed",
        severity: Severity::High,
        why: "An alarm that rings where nobody listens is none.",
        pattern: "{ ($.eventSource = sns.amazonaws.com) && (($.eventName = Unsubscribe) || ($.eventName = DeleteTopic) || ($.eventName = SetTopicAttributes) || ($.eventName = SetSubscriptionAttributes) || ($.eventName = RemovePermission)) }",
        source: "Amazon SNS API Reference, Unsubscribe, DeleteTopic, SetTopicAttributes, SetSubscriptionAttributes and RemovePermission",
    },
    Row {
        name: "Reprieve-EventRuleSwitchedOff",
        title: "An event rule is switched off, or one of Reprieve's is replaced",
        severity: Severity::Medium,
        why: "The guard answers what its rules route to it, and nothing else.",
        pattern: r#"{ ($.eventSource = events.amazonaws.com) && (($.eventName = DisableRule) || ($.eventName = DeleteRule) || ($.eventName = RemoveTargets) || (($.eventName = PutRule) && ($.requestParameters.name = "*eprieve*")) || (($.eventName = PutTargets) && ($.requestParameters.rule = "*eprieve*"))) }"#,
        source: "Amazon EventBridge API Reference, DisableRule, DeleteRule, RemoveTargets, PutRule and PutTargets",
    },
    Row {
        name: "Reprieve-ReprieveTampered",
        title: "A function, queue or schedule of Reprieve is changed or removed",
        severity: Severity::High,
        why: "Whoever means to delete a key for good begins with what would give it back. A deployment of ours rings too.",
        pattern: r#"{ (($.eventSource = lambda.amazonaws.com) && (($.eventName = "UpdateFunction*") || ($.eventName = "DeleteFunction*") || ($.eventName = "PutFunctionConcurrency*")) && ($.requestParameters.functionName = "*eprieve*")) || (($.eventSource = sqs.amazonaws.com) && (($.eventName = DeleteQueue) || ($.eventName = PurgeQueue) || ($.eventName = SetQueueAttributes)) && ($.requestParameters.queueUrl = "*eprieve*")) || (($.eventSource = scheduler.amazonaws.com) && (($.eventName = DeleteSchedule) || ($.eventName = UpdateSchedule)) && ($.requestParameters.name = "*eprieve*")) }"#,
        source: "AWS Lambda Developer Guide, \"Logging AWS Lambda API calls using AWS CloudTrail\" (call names carry a date)",
    },
];

/// What exact mode leaves out of control .10, because Security Hub's text has no place for it.
const SECURITY_GROUP_RULES: Row = Row {
    name: "Reprieve-SecurityGroupRulesModified",
    title: "Rules of a security group are modified",
    severity: Severity::Low,
    why: "The benchmark's control .10 watches it since v5.0.0; the text that Security Hub asks for does not.",
    pattern: "{ ($.eventSource = ec2.amazonaws.com) && ($.eventName = ModifySecurityGroupRules) }",
    source: "CIS AWS Foundations Benchmark v5.0.0, section Monitoring, recommendation .10",
};

/// Returns our own controls, numbered `reprieve.1`, `reprieve.2`, ...; a number stays with its control.
pub(in super::super) fn additional(mode: PatternMode) -> Vec<Control> {
    let beside_exact = match mode {
        PatternMode::ByMatching => None,
        PatternMode::Exact => Some(&SECURITY_GROUP_RULES),
    };
    ROWS.iter().chain(beside_exact).enumerate().map(|(index, row)| control(row, index + 1)).collect()
}

fn control(row: &Row, number: usize) -> Control {
    Control {
        id: format!("reprieve.{number}"),
        title: row.title,
        pattern: row.pattern,
        name: row.name,
        severity: row.severity,
        why: row.why,
        source: row.source,
    }
}

//! The event rules that feed the guard, and one that tells of drift, each broken in one way.

use reprieve_core::Known;
use reprieve_core::monitoring::{DriftRule, GuardRule};

use super::Case;
use super::stage::{DRIFT_RULE, QUEUE, rule_name, unreadable};

const RULE: &str = "event rule `reprieve-key-api-calls`";

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = of_the_guard();
    cases.extend(of_drift());
    cases
}

fn of_the_guard() -> Vec<Case> {
    vec![
        Case::of("a rule is disabled", |stage| stage.rule().is_enabled = false, &["EnableRule reprieve-key-api-calls"], &[]),
        Case::of(
            "a rule was deleted",
            |stage| {
                stage.world.rules.insert(rule_name(GuardRule::KeyApiCalls), Known::Absent);
            },
            &["PutRule reprieve-key-api-calls", "PutTargets reprieve-key-api-calls to reprieve-Queue"],
            &[],
        ),
        Case::of(
            "a rule lost its target",
            |stage| stage.rule().targets = Known::Is(Vec::new()),
            &["PutTargets reprieve-key-api-calls to reprieve-Queue"],
            &[],
        ),
        Case::of(
            "a rule feeds something else only",
            |stage| stage.rule().targets = Known::Is(vec!["arn:aws:sqs:eu-central-1:111122223333:elsewhere".to_owned()]),
            &["PutTargets reprieve-key-api-calls to reprieve-Queue"],
            &[],
        ),
        Case::of(
            "a rule feeds something else besides",
            |stage| {
                let targets = stage.desired.rules.iter().map(|wish| wish.target_arn.clone()).take(1);
                let targets = targets.chain(["arn:aws:sqs:eu-central-1:111122223333:elsewhere".to_owned()]).collect();
                stage.rule().targets = Known::Is(targets);
            },
            &[],
            &[],
        ),
        Case::of(
            "a rule was narrowed to one event",
            |stage| {
                let narrow = r#"{"source":["aws.kms"],"detail-type":["AWS API Call via CloudTrail"],"detail":{"eventName":["EnableKey"]}}"#;
                stage.rule().pattern = Some(narrow.to_owned());
            },
            &["PutRule reprieve-key-api-calls"],
            &[],
        ),
        Case::of(
            "a rule was narrowed to another account",
            |stage| {
                let wanted = GuardRule::KeyApiCalls.pattern();
                stage.rule().pattern = Some(wanted.replacen('{', r#"{"account":["999988887777"],"#, 1));
            },
            &["PutRule reprieve-key-api-calls"],
            &[],
        ),
        Case::of(
            "a rule hears more than it must",
            |stage| stage.rule().pattern = Some(r#"{"source":["aws.kms"],"detail-type":["AWS API Call via CloudTrail"]}"#.to_owned()),
            &[],
            &[],
        ),
        Case::of("a rule became a schedule", |stage| stage.rule().pattern = None, &["PutRule reprieve-key-api-calls"], &[]),
        Case::of(
            "a rule is disabled, narrowed and without target",
            |stage| {
                let rule = stage.rule();
                (rule.is_enabled, rule.pattern, rule.targets) = (false, Some("{}".to_owned()), Known::Is(Vec::new()));
                rule.pattern = Some(r#"{"source":["aws.s3"]}"#.to_owned());
            },
            &["PutRule reprieve-key-api-calls", "PutTargets reprieve-key-api-calls to reprieve-Queue"],
            &[],
        ),
        Case::of(
            "a rule cannot be read",
            |stage| {
                stage.world.rules.insert(rule_name(GuardRule::KeyApiCalls), unreadable());
            },
            &[],
            &[(RULE, "cannot be read (AccessDenied)")],
        ),
        Case::of(
            "the targets of a rule cannot be read",
            |stage| stage.rule().targets = unreadable(),
            &[],
            &[(RULE, "its targets cannot be read")],
        ),
    ]
}

fn of_drift() -> Vec<Case> {
    vec![
        Case::of(
            "the rule that tells of rules is disabled",
            |stage| stage.drift_rule().is_enabled = false,
            &["EnableRule reprieve-rule-drift"],
            &[],
        ),
        Case::of(
            "the rule that tells of rules was deleted",
            |stage| {
                stage.world.rules.insert(DRIFT_RULE.to_owned(), Known::Absent);
            },
            &["PutRule reprieve-rule-drift", "PutTargets reprieve-rule-drift to reprieve-DriftQueue"],
            &[],
        ),
        Case::of(
            "the rule that tells of rules feeds the guard's queue",
            |stage| stage.drift_rule().targets = Known::Is(vec![QUEUE.to_owned()]),
            &["PutTargets reprieve-rule-drift to reprieve-DriftQueue"],
            &[],
        ),
        Case::of(
            "the rule that tells of rules does not hear that one is disabled",
            |stage| {
                let narrow = DriftRule::Rule.pattern().replace(r#""DisableRule","#, "");
                stage.drift_rule().pattern = Some(narrow);
            },
            &["PutRule reprieve-rule-drift"],
            &[],
        ),
        Case::of(
            "the rule that tells of rules cannot be read",
            |stage| {
                stage.world.rules.insert(DRIFT_RULE.to_owned(), unreadable());
            },
            &[],
            &[("event rule `reprieve-rule-drift`", "may hand nothing over: it cannot be read (AccessDenied)")],
        ),
    ]
}

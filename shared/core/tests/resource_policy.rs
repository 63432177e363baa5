//! Resource-based policies, judged as AWS documents them: the KMS Developer Guide ("Key policies", "Default key policy", "Condition keys
//! for AWS KMS"), the SNS Developer Guide (the default topic policy) and the IAM User Guide ("Principal", "`NotPrincipal` with Deny",
//! "Condition operators", "Multivalued context keys").

use std::collections::BTreeMap;

use reprieve_core::resource_policy::{Principal, Request, Verdict, verdict};

const ACCOUNT: &str = "111122223333";
const ROLE: Principal<'_> = Principal::Aws { arn: "arn:aws:iam::111122223333:role/reprieve/Remediator", account: ACCOUNT };
const SESSION: Principal<'_> = Principal::Aws { arn: "arn:aws:sts::111122223333:assumed-role/Remediator/guard", account: ACCOUNT };
const USER: Principal<'_> = Principal::Aws { arn: "arn:aws:iam::111122223333:user/alice", account: ACCOUNT };
const STRANGER: Principal<'_> = Principal::Aws { arn: "arn:aws:iam::444455556666:role/Stranger", account: "444455556666" };
const ALARMS: Principal<'_> = Principal::Service("cloudwatch.amazonaws.com");
const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const TOPIC: &str = "arn:aws:sns:eu-central-1:111122223333:alarms";

/// What a row expects; of reasons, a part.
#[derive(Debug, Clone, Copy)]
enum Expected {
    Allowed,
    Through,
    Denied(&'static str),
    NotAllowed,
    Unclear(&'static str),
}

use Expected::{Allowed, Denied, NotAllowed, Through, Unclear};

fn judge(statements: &str, principal: Principal<'_>, action: &str, context: &[(&'static str, &'static str)]) -> Verdict {
    let policy = format!(r#"{{"Version": "2012-10-17", "Statement": {statements}}}"#);
    let resource = if action.starts_with("sns:") { TOPIC } else { KEY };
    verdict(&policy, &Request { principal, action, resource, context: context.iter().copied().collect::<BTreeMap<_, _>>() })
}

fn check(name: &str, found: &Verdict, expected: Expected) {
    let is_as_expected = match (found, expected) {
        (Verdict::Allowed, Allowed) | (Verdict::ThroughAccount, Through) | (Verdict::NotAllowed, NotAllowed) => true,
        (Verdict::Denied(reason), Denied(part)) | (Verdict::Unclear(reason), Unclear(part)) => reason.contains(part),
        _ => false,
    };
    assert!(is_as_expected, "{name}: expected {expected:?}, found {found:?}");
}

const ROOT: &str = r#"{"Sid": "Enable IAM User Permissions", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"}"#;

#[test]
fn principals_are_matched_as_documented() {
    let allow = |principal: &str| format!(r#"{{"Effect": "Allow", "Principal": {principal}, "Action": "kms:EnableKey", "Resource": "*"}}"#);
    for (name, statement, principal, expected) in [
        ("the default key policy lets IAM decide", ROOT.to_owned(), ROLE, Through),
        ("the default key policy lets IAM decide for sessions", ROOT.to_owned(), SESSION, Through),
        ("the default key policy lets no other account in", ROOT.to_owned(), STRANGER, NotAllowed),
        ("the account's root is no service", ROOT.to_owned(), ALARMS, NotAllowed),
        ("an account id is its root", allow(r#"{"AWS": "111122223333"}"#), ROLE, Through),
        ("another partition's root is an account's too", allow(r#"{"AWS": "arn:aws-us-gov:iam::111122223333:root"}"#), ROLE, Through),
        ("everybody", allow(r#""*""#), STRANGER, Allowed),
        ("every AWS principal", allow(r#"{"AWS": "*"}"#), ROLE, Allowed),
        ("every AWS principal, in a list", allow(r#"{"AWS": ["444455556666", "*"]}"#), ROLE, Allowed),
        ("the role", allow(r#"{"AWS": "arn:aws:iam::111122223333:role/reprieve/Remediator"}"#), ROLE, Allowed),
        ("a session of the role", allow(r#"{"AWS": ["arn:aws:iam::111122223333:role/reprieve/Remediator"]}"#), SESSION, Allowed),
        ("the session", allow(r#"{"AWS": "arn:aws:sts::111122223333:assumed-role/Remediator/guard"}"#), SESSION, Allowed),
        ("another session", allow(r#"{"AWS": "arn:aws:sts::111122223333:assumed-role/Remediator/other"}"#), SESSION, NotAllowed),
        (
            "one session of the role, whose sessions are not known",
            allow(r#"{"AWS": "arn:aws:sts::111122223333:assumed-role/Remediator/other"}"#),
            ROLE,
            Unclear("names the session `other` alone"),
        ),
        ("another role", allow(r#"{"AWS": "arn:aws:iam::111122223333:role/Other"}"#), ROLE, NotAllowed),
        ("a role of that name elsewhere", allow(r#"{"AWS": "arn:aws:iam::444455556666:role/reprieve/Remediator"}"#), ROLE, NotAllowed),
        ("a role that was deleted shows as an id", allow(r#"{"AWS": "AROAEXAMPLEID"}"#), ROLE, NotAllowed),
        ("a user", allow(r#"{"AWS": "arn:aws:iam::111122223333:user/alice"}"#), USER, Allowed),
        ("a service", allow(r#"{"Service": ["sns.amazonaws.com", "cloudwatch.amazonaws.com"]}"#), ALARMS, Allowed),
        ("a service is no role", allow(r#"{"Service": "cloudwatch.amazonaws.com"}"#), ROLE, NotAllowed),
        ("a federated user is no role", allow(r#"{"Federated": "arn:aws:iam::111122223333:saml-provider/x"}"#), ROLE, NotAllowed),
        (
            "of a role and its account, the role counts",
            allow(r#"{"AWS": ["111122223333", "arn:aws:iam::111122223333:role/Remediator"]}"#),
            ROLE,
            Allowed,
        ),
    ] {
        check(name, &judge(&statement, principal, "kms:EnableKey", &[]), expected);
    }
}

#[test]
fn actions_and_resources_are_matched_as_documented() {
    let allow = |what: &str| format!(r#"{{"Effect": "Allow", "Principal": {{"AWS": "111122223333"}}, {what}}}"#);
    for (name, what, action, expected) in [
        ("all of a service", r#""Action": "kms:*", "Resource": "*""#, "kms:CancelKeyDeletion", Through),
        ("everything", r#""Action": "*", "Resource": "*""#, "kms:CancelKeyDeletion", Through),
        ("another service", r#""Action": "sns:*", "Resource": "*""#, "kms:CancelKeyDeletion", NotAllowed),
        ("wildcards inside", r#""Action": ["kms:Get*", "kms:C?ncel*"], "Resource": "*""#, "kms:CancelKeyDeletion", Through),
        ("whatever the case", r#""Action": "KMS:enablekey", "Resource": "*""#, "kms:EnableKey", Through),
        ("a longer name", r#""Action": "kms:EnableKey", "Resource": "*""#, "kms:EnableKeyRotation", NotAllowed),
        ("all but others", r#""NotAction": "kms:Schedule*", "Resource": "*""#, "kms:EnableKey", Through),
        ("all but this", r#""NotAction": ["kms:Enable*"], "Resource": "*""#, "kms:EnableKey", NotAllowed),
        ("the key by ARN", r#""Action": "kms:*", "Resource": ["arn:aws:kms:*:111122223333:key/1234abcd-*"]"#, "kms:EnableKey", Through),
        ("another key", r#""Action": "kms:*", "Resource": "arn:aws:kms:*:111122223333:key/ffff*""#, "kms:EnableKey", NotAllowed),
        ("all but this key", r#""Action": "kms:*", "NotResource": "*""#, "kms:EnableKey", NotAllowed),
        ("a statement without a resource has no effect", r#""Action": "kms:*""#, "kms:EnableKey", NotAllowed),
        ("a statement without an action has no effect", r#""Resource": "*""#, "kms:EnableKey", NotAllowed),
        (
            "a variable in the resource",
            r#""Action": "kms:*", "Resource": "arn:aws:kms:*:${aws:PrincipalAccount}:key/*""#,
            "kms:EnableKey",
            Through,
        ),
        (
            "a variable that nobody knows",
            r#""Action": "kms:*", "Resource": "${aws:PrincipalTag/key}""#,
            "kms:EnableKey",
            Unclear("PrincipalTag/key"),
        ),
    ] {
        check(name, &judge(&allow(what), ROLE, action, &[]), expected);
    }
}

#[test]
fn denials_win_and_name_their_statement() {
    let with_root = |denial: &str| format!("[{ROOT}, {denial}]");
    for (name, denial, principal, expected) in [
        (
            "everybody is denied",
            r#"{"Sid": "Frozen", "Effect": "Deny", "Principal": "*", "Action": "kms:Enable*", "Resource": "*"}"#,
            ROLE,
            Denied("statement `Frozen`"),
        ),
        (
            "the account is denied",
            r#"{"Effect": "Deny", "Principal": {"AWS": "111122223333"}, "Action": "kms:*", "Resource": "*"}"#,
            ROLE,
            Denied("statement 2"),
        ),
        (
            "the role is denied, and so are its sessions",
            r#"{"Effect": "Deny", "Principal": {"AWS": "arn:aws:iam::111122223333:role/Remediator"}, "Action": "kms:*", "Resource": "*"}"#,
            SESSION,
            Denied("statement 2"),
        ),
        (
            "another role is denied",
            r#"{"Effect": "Deny", "Principal": {"AWS": "arn:aws:iam::111122223333:role/Other"}, "Action": "kms:*", "Resource": "*"}"#,
            ROLE,
            Through,
        ),
        (
            "something else is denied",
            r#"{"Effect": "Deny", "Principal": "*", "Action": "kms:ScheduleKeyDeletion", "Resource": "*"}"#,
            ROLE,
            Through,
        ),
        (
            "all but others are denied",
            r#"{"Effect": "Deny", "NotPrincipal": {"AWS": ["arn:aws:iam::111122223333:user/alice", "111122223333"]}, "Action": "kms:*", "Resource": "*"}"#,
            ROLE,
            Denied("statement 2"),
        ),
        (
            "all but the user and the account are denied",
            r#"{"Effect": "Deny", "NotPrincipal": {"AWS": ["arn:aws:iam::111122223333:user/alice", "arn:aws:iam::111122223333:root"]}, "Action": "kms:*", "Resource": "*"}"#,
            USER,
            Through,
        ),
        (
            "a role is spared without its sessions",
            r#"{"Effect": "Deny", "NotPrincipal": {"AWS": ["arn:aws:iam::111122223333:role/Remediator", "111122223333"]}, "Action": "kms:*", "Resource": "*"}"#,
            ROLE,
            Unclear("`NotPrincipal`"),
        ),
        (
            "session, role and account are spared",
            r#"{"Effect": "Deny", "NotPrincipal": {"AWS": ["arn:aws:sts::111122223333:assumed-role/Remediator/guard", "arn:aws:iam::111122223333:role/Remediator", "111122223333"]}, "Action": "kms:*", "Resource": "*"}"#,
            SESSION,
            Through,
        ),
        (
            "all but a service are denied",
            r#"{"Effect": "Deny", "NotPrincipal": {"Service": "cloudwatch.amazonaws.com"}, "Action": "kms:*", "Resource": "*"}"#,
            ROLE,
            Denied("statement 2"),
        ),
        (
            "all but the role are denied, by condition",
            r#"{"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*", "Condition": {"ArnNotEquals": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/Admin"}}}"#,
            ROLE,
            Denied("statement 2"),
        ),
        (
            "outside the network is denied, and nobody knows where we are",
            r#"{"Sid": "Vpc", "Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*", "Condition": {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}}"#,
            ROLE,
            Unclear("statement `Vpc`: what `aws:SourceVpce` will be is not known"),
        ),
        (
            "whoever lacks MFA is denied",
            r#"{"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*", "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": false}}}"#,
            ROLE,
            Denied("statement 2"),
        ),
    ] {
        check(name, &judge(&with_root(denial), principal, "kms:EnableKey", &[]), expected);
    }
}

#[test]
fn a_denial_that_is_unclear_does_not_matter_where_nothing_allows() {
    let denial = r#"{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}}"#;
    check("nothing allows", &judge(denial, ROLE, "kms:EnableKey", &[]), NotAllowed);
}

#[test]
fn conditions_are_evaluated_as_documented() {
    for (name, condition, expected) in [
        ("equal", r#"{"StringEquals": {"kms:CallerAccount": "111122223333"}}"#, Allowed),
        ("keys in any case", r#"{"StringEquals": {"KMS:calleraccount": ["1", "111122223333"]}}"#, Allowed),
        ("not equal", r#"{"StringEquals": {"kms:CallerAccount": "444455556666"}}"#, NotAllowed),
        ("values keep their case", r#"{"StringEquals": {"aws:RequestedRegion": "EU-central-1"}}"#, NotAllowed),
        ("values in any case", r#"{"StringEqualsIgnoreCase": {"aws:RequestedRegion": "EU-central-1"}}"#, Allowed),
        ("other than all", r#"{"StringNotEquals": {"aws:PrincipalAccount": ["1", "2"]}}"#, Allowed),
        ("other than one of them", r#"{"StringNotEquals": {"aws:PrincipalAccount": ["1", "111122223333"]}}"#, NotAllowed),
        ("like", r#"{"StringLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*/Remed?ator"}}"#, Allowed),
        ("unlike", r#"{"StringNotLike": {"aws:PrincipalArn": "*/Remediator"}}"#, NotAllowed),
        ("an ARN", r#"{"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/reprieve/*"}}"#, Allowed),
        ("an ARN without its path", r#"{"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/Remediator"}}"#, NotAllowed),
        ("a boolean", r#"{"Bool": {"aws:SecureTransport": true}}"#, Allowed),
        ("a boolean as text", r#"{"Bool": {"aws:ViaAWSService": "True"}}"#, NotAllowed),
        ("a forwarded call alone", r#"{"StringEquals": {"kms:ViaService": "ec2.eu-central-1.amazonaws.com"}}"#, NotAllowed),
        ("a forwarded call, if it is one", r#"{"StringEqualsIfExists": {"kms:ViaService": "ec2.eu-central-1.amazonaws.com"}}"#, Allowed),
        ("what is missing is not equal", r#"{"StringNotEquals": {"kms:ViaService": "ec2.eu-central-1.amazonaws.com"}}"#, Allowed),
        ("missing", r#"{"Null": {"kms:ViaService": "true"}}"#, Allowed),
        ("not missing", r#"{"Null": {"kms:ViaService": false}}"#, NotAllowed),
        ("grants for services alone", r#"{"Bool": {"kms:GrantIsForAWSResource": "true"}}"#, NotAllowed),
        ("all of none", r#"{"ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}}"#, Allowed),
        ("any of none", r#"{"ForAnyValue:StringLike": {"aws:TagKeys": ["*"]}}"#, NotAllowed),
        ("any of one", r#"{"ForAnyValue:StringLike": {"aws:PrincipalAccount": ["1111*"]}}"#, Allowed),
        ("all of one", r#"{"ForAllValues:StringNotLike": {"aws:PrincipalAccount": ["1111*"]}}"#, NotAllowed),
        ("numbers", r#"{"NumericLessThanEquals": {"test:days": "30"}, "NumericGreaterThan": {"test:days": 6}}"#, Allowed),
        ("numbers that do not fit", r#"{"NumericLessThan": {"test:days": 7}}"#, NotAllowed),
        ("both operators", r#"{"StringEquals": {"test:days": "7"}, "Bool": {"aws:SecureTransport": false}}"#, NotAllowed),
        ("both keys", r#"{"StringEquals": {"test:days": "7", "aws:PrincipalAccount": "1"}}"#, NotAllowed),
        ("the resource's account", r#"{"StringEquals": {"aws:ResourceAccount": "${aws:PrincipalAccount}"}}"#, Allowed),
        ("a variable with a default", r#"{"StringEquals": {"test:days": "${kms:ViaService, '7'}"}}"#, Allowed),
        ("a key that nobody knows", r#"{"StringEquals": {"aws:PrincipalOrgID": "o-1"}}"#, Unclear("aws:PrincipalOrgID")),
        ("whether a key is there", r#"{"Null": {"aws:PrincipalTag/team": "false"}}"#, Unclear("aws:PrincipalTag/team")),
        ("an operator that nobody knows", r#"{"StringSounds": {"test:days": "7"}}"#, Unclear("`StringSounds`")),
        ("a date", r#"{"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}}"#, Unclear("aws:CurrentTime")),
        (
            "what does not hold decides",
            r#"{"StringEquals": {"aws:PrincipalAccount": "1"}, "IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}"#,
            NotAllowed,
        ),
    ] {
        let statement = format!(r#"{{"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*", "Condition": {condition}}}"#);
        check(name, &judge(&statement, ROLE, "kms:EnableKey", &[("test:days", "7")]), expected);
    }
}

#[test]
fn what_is_certain_is_taken_before_what_is_unclear() {
    let unclear = r#"{"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}"#;
    check("the account is allowed anyway", &judge(&format!("[{unclear}, {ROOT}]"), ROLE, "kms:EnableKey", &[]), Through);
}

#[test]
fn topic_policies_let_alarms_publish_as_documented() {
    let default = r#"{"Sid": "__default_statement_ID", "Effect": "Allow", "Principal": {"AWS": "*"},
        "Action": ["SNS:GetTopicAttributes", "SNS:SetTopicAttributes", "SNS:AddPermission", "SNS:RemovePermission", "SNS:DeleteTopic",
                   "SNS:Subscribe", "SNS:ListSubscriptionsByTopic", "SNS:Publish"],
        "Resource": "arn:aws:sns:eu-central-1:111122223333:alarms", "Condition": {"StringEquals": {"AWS:SourceOwner": "111122223333"}}}"#;
    let ours = r#"[{"Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"}, "Action": "sns:Publish",
          "Resource": "arn:aws:sns:eu-central-1:111122223333:alarms", "Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"},
          "ArnLike": {"aws:SourceArn": "arn:aws:cloudwatch:eu-central-1:111122223333:alarm:*"}}},
        {"Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "sns:Publish", "Resource": "*",
          "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]"#;
    let people = r#"{"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "sns:Publish", "Resource": "*"}"#;
    let alarm: &[(&str, &str)] = &[
        ("aws:SourceAccount", "111122223333"),
        ("aws:SourceArn", "arn:aws:cloudwatch:eu-central-1:111122223333:alarm:Reprieve-CIS-7"),
        ("aws:SourceOwner", "111122223333"),
    ];
    let other: &[(&str, &str)] = &[("aws:SourceAccount", "444455556666"), ("aws:SourceOwner", "444455556666")];
    for (name, policy, principal, context, expected) in [
        ("the default policy", default, ALARMS, alarm, Allowed),
        ("the default policy and another account", default, ALARMS, other, NotAllowed),
        ("the default policy, and nobody says whose alarm", default, ALARMS, &[], Unclear("AWS:SourceOwner")),
        ("a policy for alarms of this account", ours, ALARMS, alarm, Allowed),
        ("a policy for alarms of this account, and another's", ours, ALARMS, other, NotAllowed),
        ("a policy for alarms is not for roles", ours, ROLE, alarm, NotAllowed),
        ("a policy for the account's people is not for alarms", people, ALARMS, alarm, NotAllowed),
    ] {
        check(name, &judge(policy, principal, "sns:Publish", context), expected);
    }
}

#[test]
fn what_is_no_policy_is_unclear() {
    let request = Request { principal: ROLE, action: "kms:EnableKey", resource: KEY, context: BTreeMap::new() };
    for (policy, reason) in [
        ("{", "is not JSON"),
        ("{}", "has no statement"),
        (r#"{"Statement": "all"}"#, "has no statement"),
        (r#"{"Statement": ["all"]}"#, "statement 1 of the policy: it is no object"),
        (r#"{"Statement": {"Effect": "allow"}}"#, "neither `Allow` nor `Deny`"),
        (r#"{"Statement": {"Effect": "Allow", "Principal": "me", "Action": "*", "Resource": "*"}}"#, "is no principal"),
        (r#"{"Statement": {"Effect": "Allow", "Principal": "*", "NotPrincipal": "*"}}"#, "exclude each other"),
        (r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": {}, "Resource": "*"}}"#, "neither a text nor a list"),
        (
            r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", "Condition": []}}"#,
            "`Condition` is no object",
        ),
    ] {
        check(policy, &verdict(policy, &request), Unclear(reason));
    }
}

#[test]
fn variables_are_texts_in_the_old_version_of_the_language() {
    let policy = r#"{"Version": "2008-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*",
        "Condition": {"StringEquals": {"aws:ResourceAccount": "${aws:PrincipalAccount}"}}}}"#;
    let request = Request { principal: ROLE, action: "kms:EnableKey", resource: KEY, context: BTreeMap::new() };
    check("2008-10-17", &verdict(policy, &request), NotAllowed);
}

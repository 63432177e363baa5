//! The monitoring controls of the CIS AWS Foundations Benchmark as data: titles, numbers and patterns by version.
//!
//! Two texts stand for one control. The benchmark's own is deployed and adopted by what it matches. The other is the very text that
//! AWS Security Hub compares with ("This control fails if the exact metric filters prescribed by CIS are not used", AWS Security Hub
//! User Guide, "Amazon CloudWatch controls", `CloudWatch.1` to `CloudWatch.14`); it is deployed in exact mode. Security Hub derives
//! its texts from v1.2.0 and v1.4.0 whatever the version, so in exact mode they may watch less than a later benchmark asks.
//!
//! Where the sources differ:
//! * .1, v1.4.0: the remediation's command line writes `|| ($.sourceIPAddress!=...) || ($.eventName!=...)`, which matches almost every
//!   event; the console procedure of the same control, and Security Hub, write the first two terms only, and so do we.
//! * .2, since v3.0.0: the benchmark gives a short text and a narrower one for accounts with single sign-on, where the short one goes
//!   off at every federated sign-in. The narrower one is ours; Security Hub asks for it too. Root without MFA is .3.
//! * .10, since v5.0.0: the benchmark adds `ModifySecurityGroupRules`; Security Hub's text has no place for it, so that in exact mode
//!   an additional filter of ours watches it.
//! * .16, since v3.0.0, asks that Security Hub is enabled and gives no pattern. The pattern is ours; it says when Security Hub is switched
//!   off, and cannot say whether it ever was on.
//!
//! Security Hub's texts were read in AWS's own page. The benchmark's were read in public transcriptions of v1.4.0 to v6.0.0, not in
//! CIS's documents, which are behind a registration; v7.0.0 was not read at all and is taken to ask what v6.0.0 asks. White space is that of
//! v5.0.0 where versions differ in nothing else.

mod additional;

pub(super) use additional::additional;

use super::baseline::{CisVersion, Control, PatternMode};
use crate::decision::Severity;

/// A text by version.
#[derive(Debug, Clone, Copy)]
struct Versions {
    v1_4: &'static str,
    v3_0: &'static str,
    v5_0: &'static str,
}

impl Versions {
    const fn same(text: &'static str) -> Self {
        Self { v1_4: text, v3_0: text, v5_0: text }
    }

    /// v6.0.0 differs from v5.0.0 in numbers only.
    const fn of(self, version: CisVersion) -> &'static str {
        match version {
            CisVersion::V1_4 => self.v1_4,
            CisVersion::V3_0 => self.v3_0,
            CisVersion::V5_0 | CisVersion::V6_0 => self.v5_0,
        }
    }
}

/// One control in all versions.
struct Row {
    number: u8,
    name: &'static str,
    severity: Severity,
    why: &'static str,
    titles: Versions,
    benchmark: Versions,
    source: &'static str,
    security_hub: Option<SecurityHub>,
}

/// What Security Hub compares with.
struct SecurityHub {
    pattern: &'static str,
    source: &'static str,
}

/// Spells where the benchmark's text is from.
macro_rules! benchmark {
    ($number:literal) => {
        concat!("CIS AWS Foundations Benchmark, section Monitoring, recommendation .", $number)
    };
}

/// Builds what Security Hub compares with.
macro_rules! security_hub {
    ($number:literal, $pattern:literal) => {
        Some(SecurityHub {
            pattern: $pattern,
            source: concat!("AWS Security Hub User Guide, \"Amazon CloudWatch controls\", CloudWatch.", $number),
        })
    };
}

const ROWS: [Row; 16] = [
    Row {
        number: 1,
        name: "Reprieve-CIS-1-UnauthorizedApiCalls",
        severity: Severity::Low,
        why: "Refused calls are the first trace of somebody who tries what stolen credentials may do; they also show what is misconfigured.",
        titles: Versions {
            v1_4: "Ensure a log metric filter and alarm exist for unauthorized API calls",
            ..Versions::same("Ensure unauthorized API calls are monitored")
        },
        benchmark: Versions {
            v1_4: r#"{ ($.errorCode = "*UnauthorizedOperation") || ($.errorCode = "AccessDenied*") }"#,
            ..Versions::same(
                r#"{ ($.errorCode ="*UnauthorizedOperation") || ($.errorCode ="AccessDenied*") && ($.sourceIPAddress!="delivery.logs.amazonaws.com") && ($.eventName!="HeadBucket") }"#,
            )
        },
        source: benchmark!(1),
        security_hub: security_hub!(2, r#"{($.errorCode="*UnauthorizedOperation") || ($.errorCode="AccessDenied*")}"#),
    },
    Row {
        number: 2,
        name: "Reprieve-CIS-2-ConsoleSignInWithoutMfa",
        severity: Severity::Medium,
        why: "A password alone opened the console.",
        titles: Versions {
            v1_4: "Ensure a log metric filter and alarm exist for Management Console sign-in without MFA",
            ..Versions::same("Ensure management console sign-in without MFA is monitored")
        },
        benchmark: Versions {
            v1_4: r#"{ ($.eventName = "ConsoleLogin") && ($.additionalEventData.MFAUsed != "Yes") }"#,
            ..Versions::same(
                r#"{ ($.eventName = "ConsoleLogin") && ($.additionalEventData.MFAUsed != "Yes") && ($.userIdentity.type = "IAMUser") && ($.responseElements.ConsoleLogin = "Success") }"#,
            )
        },
        source: benchmark!(2),
        security_hub: security_hub!(
            3,
            r#"{ ($.eventName = "ConsoleLogin") && ($.additionalEventData.MFAUsed != "Yes") && ($.userIdentity.type = "IAMUser") && ($.responseElements.ConsoleLogin = "Success") }"#
        ),
    },
    Row {
        number: 3,
        name: "Reprieve-CIS-3-RootAccountUsed",
        severity: Severity::High,
        why: "No key policy, boundary or approval binds the root user of the account.",
        titles: Versions {
            v1_4: "Ensure a log metric filter and alarm exist for usage of 'root' account",
            v3_0: "Ensure usage of 'root' account is monitored",
            v5_0: "Ensure usage of the 'root' account is monitored",
        },
        benchmark: Versions::same(
            r#"{ $.userIdentity.type = "Root" && $.userIdentity.invokedBy NOT EXISTS && $.eventType != "AwsServiceEvent" }"#,
        ),
        source: benchmark!(3),
        security_hub: security_hub!(
            1,
            r#"{$.userIdentity.type="Root" && $.userIdentity.invokedBy NOT EXISTS && $.eventType !="AwsServiceEvent"}"#
        ),
    },
    Row {
        number: 4,
        name: "Reprieve-CIS-4-IamPolicyChanged",
        severity: Severity::Medium,
        why: "Who may do what has changed; the role that gives keys back may have lost its permissions.",
        titles: Versions {
            v1_4: "Ensure a log metric filter and alarm exist for IAM policy changes",
            ..Versions::same("Ensure IAM policy changes are monitored")
        },
        benchmark: Versions::same(
            "{($.eventName=DeleteGroupPolicy)||($.eventName=DeleteRolePolicy)||($.eventName=DeleteUserPolicy)||($.eventName=PutGroupPolicy)||($.eventName=PutRolePolicy)||($.eventName=PutUserPolicy)||($.eventName=CreatePolicy)||($.eventName=DeletePolicy)||($.eventName=CreatePolicyVersion)||($.eventName=DeletePolicyVersion)||($.eventName=AttachRolePolicy)||($.eventName=DetachRolePolicy)||($.eventName=AttachUserPolicy)||($.eventName=DetachUserPolicy)||($.eventName=AttachGroupPolicy)||($.eventName=DetachGroupPolicy)}",
        ),
        source: benchmark!(4),
        security_hub: security_hub!(
            4,
            "{($.eventName=DeleteGroupPolicy) || ($.eventName=DeleteRolePolicy) || ($.eventName=DeleteUserPolicy) || ($.eventName=PutGroupPolicy) || ($.eventName=PutRolePolicy) || ($.eventName=PutUserPolicy) || ($.eventName=CreatePolicy) || ($.eventName=DeletePolicy) || ($.eventName=CreatePolicyVersion) || ($.eventName=DeletePolicyVersion) || ($.eventName=AttachRolePolicy) || ($.eventName=DetachRolePolicy) || ($.eventName=AttachUserPolicy) || ($.eventName=DetachUserPolicy) || ($.eventName=AttachGroupPolicy) || ($.eventName=DetachGroupPolicy)}"
        ),
    },
    Row {
        number: 5,
        name: "Reprieve-CIS-5-CloudTrailChanged",
        severity: Severity::High,
        why: "Without a trail nothing here sees anything, and neither does the guard.",
        titles: Versions {
            v1_4: "Ensure a log metric filter and alarm exist for CloudTrail configuration changes",
            ..Versions::same("Ensure CloudTrail configuration changes are monitored")
        },
        benchmark: Versions::same(
            "{ ($.eventName = CreateTrail) || ($.eventName = UpdateTrail) || ($.eventName = DeleteTrail) || ($.eventName = StartLogging) || ($.eventName = StopLogging) }",
        ),
        source: benchmark!(5),
        security_hub: security_hub!(
            5,
            "{($.eventName=CreateTrail) || ($.eventName=UpdateTrail) || ($.eventName=DeleteTrail) || ($.eventName=StartLogging) || ($.eventName=StopLogging)}"
        ),
    },
    Row {
        number: 6,
        name: "Reprieve-CIS-6-ConsoleAuthenticationFailed",
        severity: Severity::Low,
        why: "Somebody guesses at a password, or has forgotten one.",
        titles: Versions {
            v1_4: "Ensure a log metric filter and alarm exist for AWS Management Console authentication failures",
            ..Versions::same("Ensure AWS Management Console authentication failures are monitored")
        },
        benchmark: Versions::same(r#"{ ($.eventName = ConsoleLogin) && ($.errorMessage = "Failed authentication") }"#),
        source: benchmark!(6),
        security_hub: security_hub!(6, r#"{($.eventName=ConsoleLogin) && ($.errorMessage="Failed authentication")}"#),
    },
    Row {
        number: 7,
        name: "Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled",
        severity: Severity::High,
        why: "Data under a disabled key cannot be read; under a deleted one it is lost. The guard hears of it within seconds, this is the second line.",
        titles: Versions {
            v1_4: "Ensure a log metric filter and alarm exist for disabling or scheduled deletion of customer created CMKs",
            ..Versions::same("Ensure disabling or scheduled deletion of customer created CMKs is monitored")
        },
        benchmark: Versions::same(
            "{($.eventSource = kms.amazonaws.com) && (($.eventName=DisableKey)||($.eventName=ScheduleKeyDeletion)) }",
        ),
        source: benchmark!(7),
        security_hub: security_hub!(
            7,
            "{($.eventSource=kms.amazonaws.com) && (($.eventName=DisableKey) || ($.eventName=ScheduleKeyDeletion))}"
        ),
    },
    Row {
        number: 8,
        name: "Reprieve-CIS-8-S3BucketPolicyChanged",
        severity: Severity::Low,
        why: "A bucket may have become readable for others, or its objects may expire or no longer be replicated.",
        titles: Versions {
            v1_4: "Ensure a log metric filter and alarm exist for S3 bucket policy changes",
            ..Versions::same("Ensure S3 bucket policy changes are monitored")
        },
        benchmark: Versions::same(
            "{ ($.eventSource = s3.amazonaws.com) && (($.eventName = PutBucketAcl) || ($.eventName = PutBucketPolicy) || ($.eventName = PutBucketCors) || ($.eventName = PutBucketLifecycle) || ($.eventName = PutBucketReplication) || ($.eventName = DeleteBucketPolicy) || ($.eventName = DeleteBucketCors) || ($.eventName = DeleteBucketLifecycle) || ($.eventName = DeleteBucketReplication)) }",
        ),
        source: benchmark!(8),
        security_hub: security_hub!(
            8,
            "{($.eventSource=s3.amazonaws.com) && (($.eventName=PutBucketAcl) || ($.eventName=PutBucketPolicy) || ($.eventName=PutBucketCors) || ($.eventName=PutBucketLifecycle) || ($.eventName=PutBucketReplication) || ($.eventName=DeleteBucketPolicy) || ($.eventName=DeleteBucketCors) || ($.eventName=DeleteBucketLifecycle) || ($.eventName=DeleteBucketReplication))}"
        ),
    },
    Row {
        number: 9,
        name: "Reprieve-CIS-9-ConfigChanged",
        severity: Severity::Medium,
        why: "AWS Config may no longer record what is configured, or deliver it.",
        titles: Versions {
            v1_4: "Ensure a log metric filter and alarm exist for AWS Config configuration changes",
            ..Versions::same("Ensure AWS Config configuration changes are monitored")
        },
        benchmark: Versions::same(
            "{ ($.eventSource = config.amazonaws.com) && (($.eventName=StopConfigurationRecorder)||($.eventName=DeleteDeliveryChannel)||($.eventName=PutDeliveryChannel)||($.eventName=PutConfigurationRecorder)) }",
        ),
        source: benchmark!(9),
        security_hub: security_hub!(
            9,
            "{($.eventSource=config.amazonaws.com) && (($.eventName=StopConfigurationRecorder) || ($.eventName=DeleteDeliveryChannel) || ($.eventName=PutDeliveryChannel) || ($.eventName=PutConfigurationRecorder))}"
        ),
    },
    Row {
        number: 10,
        name: "Reprieve-CIS-10-SecurityGroupChanged",
        severity: Severity::Low,
        why: "What may be reached from where has changed.",
        titles: Versions {
            v1_4: "Ensure a log metric filter and alarm exist for security group changes",
            ..Versions::same("Ensure security group changes are monitored")
        },
        benchmark: Versions {
            v5_0: "{ ($.eventName = AuthorizeSecurityGroupIngress) || ($.eventName = AuthorizeSecurityGroupEgress) || ($.eventName = RevokeSecurityGroupIngress) || ($.eventName = RevokeSecurityGroupEgress) || ($.eventName = CreateSecurityGroup) || ($.eventName = DeleteSecurityGroup) || ($.eventName = ModifySecurityGroupRules) }",
            ..Versions::same(
                "{ ($.eventName = AuthorizeSecurityGroupIngress) || ($.eventName = AuthorizeSecurityGroupEgress) || ($.eventName = RevokeSecurityGroupIngress) || ($.eventName = RevokeSecurityGroupEgress) || ($.eventName = CreateSecurityGroup) || ($.eventName = DeleteSecurityGroup) }",
            )
        },
        source: benchmark!(10),
        security_hub: security_hub!(
            10,
            "{($.eventName=AuthorizeSecurityGroupIngress) || ($.eventName=AuthorizeSecurityGroupEgress) || ($.eventName=RevokeSecurityGroupIngress) || ($.eventName=RevokeSecurityGroupEgress) || ($.eventName=CreateSecurityGroup) || ($.eventName=DeleteSecurityGroup)}"
        ),
    },
    Row {
        number: 11,
        name: "Reprieve-CIS-11-NetworkAclChanged",
        severity: Severity::Low,
        why: "What may pass between subnets has changed.",
        titles: Versions {
            v1_4: "Ensure a log metric filter and alarm exist for changes to Network Access Control Lists (NACL)",
            v3_0: "Ensure Network Access Control Lists (NACL) changes are monitored",
            v5_0: "Ensure Network Access Control List (NACL) changes are monitored",
        },
        benchmark: Versions::same(
            "{ ($.eventName = CreateNetworkAcl) || ($.eventName = CreateNetworkAclEntry) || ($.eventName = DeleteNetworkAcl) || ($.eventName = DeleteNetworkAclEntry) || ($.eventName = ReplaceNetworkAclEntry) || ($.eventName = ReplaceNetworkAclAssociation) }",
        ),
        source: benchmark!(11),
        security_hub: security_hub!(
            11,
            "{($.eventName=CreateNetworkAcl) || ($.eventName=CreateNetworkAclEntry) || ($.eventName=DeleteNetworkAcl) || ($.eventName=DeleteNetworkAclEntry) || ($.eventName=ReplaceNetworkAclEntry) || ($.eventName=ReplaceNetworkAclAssociation)}"
        ),
    },
    Row {
        number: 12,
        name: "Reprieve-CIS-12-NetworkGatewayChanged",
        severity: Severity::Low,
        why: "A way into or out of a network was opened or closed.",
        titles: Versions {
            v1_4: "Ensure a log metric filter and alarm exist for changes to network gateways",
            ..Versions::same("Ensure changes to network gateways are monitored")
        },
        benchmark: Versions::same(
            "{ ($.eventName = CreateCustomerGateway) || ($.eventName = DeleteCustomerGateway) || ($.eventName = AttachInternetGateway) || ($.eventName = CreateInternetGateway) || ($.eventName = DeleteInternetGateway) || ($.eventName = DetachInternetGateway) }",
        ),
        source: benchmark!(12),
        security_hub: security_hub!(
            12,
            "{($.eventName=CreateCustomerGateway) || ($.eventName=DeleteCustomerGateway) || ($.eventName=AttachInternetGateway) || ($.eventName=CreateInternetGateway) || ($.eventName=DeleteInternetGateway) || ($.eventName=DetachInternetGateway)}"
        ),
    },
    Row {
        number: 13,
        name: "Reprieve-CIS-13-RouteTableChanged",
        severity: Severity::Low,
        why: "Traffic may take another way.",
        titles: Versions {
            v1_4: "Ensure a log metric filter and alarm exist for route table changes",
            ..Versions::same("Ensure route table changes are monitored")
        },
        benchmark: Versions::same(
            "{ ($.eventName = CreateRoute) || ($.eventName = CreateRouteTable) || ($.eventName = ReplaceRoute) || ($.eventName = ReplaceRouteTableAssociation) || ($.eventName = DeleteRouteTable) || ($.eventName = DeleteRoute) || ($.eventName = DisassociateRouteTable) }",
        ),
        source: benchmark!(13),
        security_hub: security_hub!(
            13,
            "{($.eventName=CreateRoute) || ($.eventName=CreateRouteTable) || ($.eventName=ReplaceRoute) || ($.eventName=ReplaceRouteTableAssociation) || ($.eventName=DeleteRouteTable) || ($.eventName=DeleteRoute) || ($.eventName=DisassociateRouteTable)}"
        ),
    },
    Row {
        number: 14,
        name: "Reprieve-CIS-14-VpcChanged",
        severity: Severity::Low,
        why: "A network was made, removed, changed or joined to another.",
        titles: Versions {
            v1_4: "Ensure a log metric filter and alarm exist for VPC changes",
            ..Versions::same("Ensure VPC changes are monitored")
        },
        benchmark: Versions::same(
            "{ ($.eventName = CreateVpc) || ($.eventName = DeleteVpc) || ($.eventName = ModifyVpcAttribute) || ($.eventName = AcceptVpcPeeringConnection) || ($.eventName = CreateVpcPeeringConnection) || ($.eventName = DeleteVpcPeeringConnection) || ($.eventName = RejectVpcPeeringConnection) || ($.eventName = AttachClassicLinkVpc) || ($.eventName = DetachClassicLinkVpc) || ($.eventName = DisableVpcClassicLink) || ($.eventName = EnableVpcClassicLink) }",
        ),
        source: benchmark!(14),
        security_hub: security_hub!(
            14,
            "{($.eventName=CreateVpc) || ($.eventName=DeleteVpc) || ($.eventName=ModifyVpcAttribute) || ($.eventName=AcceptVpcPeeringConnection) || ($.eventName=CreateVpcPeeringConnection) || ($.eventName=DeleteVpcPeeringConnection) || ($.eventName=RejectVpcPeeringConnection) || ($.eventName=AttachClassicLinkVpc) || ($.eventName=DetachClassicLinkVpc) || ($.eventName=DisableVpcClassicLink) || ($.eventName=EnableVpcClassicLink)}"
        ),
    },
    Row {
        number: 15,
        name: "Reprieve-CIS-15-OrganizationChanged",
        severity: Severity::Medium,
        why: "A policy of the organization may no longer hold, or an account may have left it. Its events reach the management account's trail only.",
        titles: Versions {
            v1_4: "Ensure a log metric filter and alarm exists for AWS Organizations changes",
            ..Versions::same("Ensure AWS Organizations changes are monitored")
        },
        benchmark: Versions::same(
            r#"{ ($.eventSource = organizations.amazonaws.com) && (($.eventName = "AcceptHandshake") || ($.eventName = "AttachPolicy") || ($.eventName = "CreateAccount") || ($.eventName = "CreateOrganizationalUnit") || ($.eventName = "CreatePolicy") || ($.eventName = "DeclineHandshake") || ($.eventName = "DeleteOrganization") || ($.eventName = "DeleteOrganizationalUnit") || ($.eventName = "DeletePolicy") || ($.eventName = "DetachPolicy") || ($.eventName = "DisablePolicyType") || ($.eventName = "EnablePolicyType") || ($.eventName = "InviteAccountToOrganization") || ($.eventName = "LeaveOrganization") || ($.eventName = "MoveAccount") || ($.eventName = "RemoveAccountFromOrganization") || ($.eventName = "UpdatePolicy") || ($.eventName = "UpdateOrganizationalUnit")) }"#,
        ),
        source: benchmark!(15),
        security_hub: None,
    },
    Row {
        number: 16,
        name: "Reprieve-CIS-16-SecurityHubSwitchedOff",
        severity: Severity::Medium,
        why: "The benchmark asks that Security Hub is enabled. This says when it, or one of its standards, is switched off; `aws securityhub describe-hub` says whether it is on.",
        titles: Versions::same("Ensure AWS Security Hub is enabled"),
        benchmark: Versions::same(
            "{ ($.eventSource = securityhub.amazonaws.com) && (($.eventName = DisableSecurityHub) || ($.eventName = BatchDisableStandards) || ($.eventName = DisassociateFromAdministratorAccount) || ($.eventName = DisableOrganizationAdminAccount)) }",
        ),
        source: "CIS AWS Foundations Benchmark, section Monitoring, recommendation .16 gives no pattern; calls of the AWS Security Hub API Reference",
        security_hub: None,
    },
];

/// Returns the benchmark's monitoring controls in the order of their numbers: 15 in v1.4.0, 16 since v3.0.0.
pub(super) fn cis(version: CisVersion, mode: PatternMode) -> Vec<Control> {
    let last = match version {
        CisVersion::V1_4 => 15,
        CisVersion::V3_0 | CisVersion::V5_0 | CisVersion::V6_0 => 16,
    };
    ROWS.iter().filter(|row| row.number <= last).map(|row| control(row, version, mode)).collect()
}

fn control(row: &Row, version: CisVersion, mode: PatternMode) -> Control {
    let (pattern, source) = match (mode, &row.security_hub) {
        (PatternMode::Exact, Some(text)) => (text.pattern, text.source),
        (PatternMode::Exact, None) | (PatternMode::ByMatching, _) => (row.benchmark.of(version), row.source),
    };
    Control {
        id: version.number(row.number),
        title: row.titles.of(version),
        pattern,
        name: row.name,
        severity: row.severity,
        why: row.why,
        source,
    }
}

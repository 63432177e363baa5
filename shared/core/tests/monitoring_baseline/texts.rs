//! Texts pinned from the documents themselves, and events that the filters are and are not meant for.

use reprieve_core::monitoring::CisVersion;
use serde_json::{Value, json};

use super::{call, record};

/// AWS Security Hub User Guide, "Amazon CloudWatch controls", CloudWatch.1 to CloudWatch.14, as extracted from the guide's source.
pub(super) const SECURITY_HUB: [(&str, &str); 14] = [
    (
        "Reprieve-CIS-3-RootAccountUsed",
        r#"{$.userIdentity.type="Root" && $.userIdentity.invokedBy NOT EXISTS && $.eventType !="AwsServiceEvent"}"#,
    ),
    ("Reprieve-CIS-1-UnauthorizedApiCalls", r#"{($.errorCode="*UnauthorizedOperation") || ($.errorCode="AccessDenied*")}"#),
    (
        "Reprieve-CIS-2-ConsoleSignInWithoutMfa",
        r#"{ ($.eventName = "ConsoleLogin") && ($.additionalEventData.MFAUsed != "Yes") && ($.userIdentity.type = "IAMUser") && ($.responseElements.ConsoleLogin = "Success") }"#,
    ),
    (
        "Reprieve-CIS-4-IamPolicyChanged",
        "{($.eventName=DeleteGroupPolicy) || ($.eventName=DeleteRolePolicy) || ($.eventName=DeleteUserPolicy) || ($.eventName=PutGroupPolicy) || ($.eventName=PutRolePolicy) || ($.eventName=PutUserPolicy) || ($.eventName=CreatePolicy) || ($.eventName=DeletePolicy) || ($.eventName=CreatePolicyVersion) || ($.eventName=DeletePolicyVersion) || ($.eventName=AttachRolePolicy) || ($.eventName=DetachRolePolicy) || ($.eventName=AttachUserPolicy) || ($.eventName=DetachUserPolicy) || ($.eventName=AttachGroupPolicy) || ($.eventName=DetachGroupPolicy)}",
    ),
    (
        "Reprieve-CIS-5-CloudTrailChanged",
        "{($.eventName=CreateTrail) || ($.eventName=UpdateTrail) || ($.eventName=DeleteTrail) || ($.eventName=StartLogging) || ($.eventName=StopLogging)}",
    ),
    ("Reprieve-CIS-6-ConsoleAuthenticationFailed", r#"{($.eventName=ConsoleLogin) && ($.errorMessage="Failed authentication")}"#),
    (
        "Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled",
        "{($.eventSource=kms.amazonaws.com) && (($.eventName=DisableKey) || ($.eventName=ScheduleKeyDeletion))}",
    ),
    (
        "Reprieve-CIS-8-S3BucketPolicyChanged",
        "{($.eventSource=s3.amazonaws.com) && (($.eventName=PutBucketAcl) || ($.eventName=PutBucketPolicy) || ($.eventName=PutBucketCors) || ($.eventName=PutBucketLifecycle) || ($.eventName=PutBucketReplication) || ($.eventName=DeleteBucketPolicy) || ($.eventName=DeleteBucketCors) || ($.eventName=DeleteBucketLifecycle) || ($.eventName=DeleteBucketReplication))}",
    ),
    (
        "Reprieve-CIS-9-ConfigChanged",
        "{($.eventSource=config.amazonaws.com) && (($.eventName=StopConfigurationRecorder) || ($.eventName=DeleteDeliveryChannel) || ($.eventName=PutDeliveryChannel) || ($.eventName=PutConfigurationRecorder))}",
    ),
    (
        "Reprieve-CIS-10-SecurityGroupChanged",
        "{($.eventName=AuthorizeSecurityGroupIngress) || ($.eventName=AuthorizeSecurityGroupEgress) || ($.eventName=RevokeSecurityGroupIngress) || ($.eventName=RevokeSecurityGroupEgress) || ($.eventName=CreateSecurityGroup) || ($.eventName=DeleteSecurityGroup)}",
    ),
    (
        "Reprieve-CIS-11-NetworkAclChanged",
        "{($.eventName=CreateNetworkAcl) || ($.eventName=CreateNetworkAclEntry) || ($.eventName=DeleteNetworkAcl) || ($.eventName=DeleteNetworkAclEntry) || ($.eventName=ReplaceNetworkAclEntry) || ($.eventName=ReplaceNetworkAclAssociation)}",
    ),
    (
        "Reprieve-CIS-12-NetworkGatewayChanged",
        "{($.eventName=CreateCustomerGateway) || ($.eventName=DeleteCustomerGateway) || ($.eventName=AttachInternetGateway) || ($.eventName=CreateInternetGateway) || ($.eventName=DeleteInternetGateway) || ($.eventName=DetachInternetGateway)}",
    ),
    (
        "Reprieve-CIS-13-RouteTableChanged",
        "{($.eventName=CreateRoute) || ($.eventName=CreateRouteTable) || ($.eventName=ReplaceRoute) || ($.eventName=ReplaceRouteTableAssociation) || ($.eventName=DeleteRouteTable) || ($.eventName=DeleteRoute) || ($.eventName=DisassociateRouteTable)}",
    ),
    (
        "Reprieve-CIS-14-VpcChanged",
        "{($.eventName=CreateVpc) || ($.eventName=DeleteVpc) || ($.eventName=ModifyVpcAttribute) || ($.eventName=AcceptVpcPeeringConnection) || ($.eventName=CreateVpcPeeringConnection) || ($.eventName=DeleteVpcPeeringConnection) || ($.eventName=RejectVpcPeeringConnection) || ($.eventName=AttachClassicLinkVpc) || ($.eventName=DetachClassicLinkVpc) || ($.eventName=DisableVpcClassicLink) || ($.eventName=EnableVpcClassicLink)}",
    ),
];

/// Where versions of the benchmark differ, and control 7; white space is that of v5.0.0.
pub(super) const BENCHMARK: [(CisVersion, &str, &str); 12] = [
    (
        CisVersion::V1_4,
        "Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled",
        "{($.eventSource = kms.amazonaws.com) && (($.eventName=DisableKey)||($.eventName=ScheduleKeyDeletion)) }",
    ),
    (
        CisVersion::V3_0,
        "Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled",
        "{($.eventSource = kms.amazonaws.com) && (($.eventName=DisableKey)||($.eventName=ScheduleKeyDeletion)) }",
    ),
    (
        CisVersion::V5_0,
        "Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled",
        "{($.eventSource = kms.amazonaws.com) && (($.eventName=DisableKey)||($.eventName=ScheduleKeyDeletion)) }",
    ),
    (
        CisVersion::V6_0,
        "Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled",
        "{($.eventSource = kms.amazonaws.com) && (($.eventName=DisableKey)||($.eventName=ScheduleKeyDeletion)) }",
    ),
    (
        CisVersion::V3_0,
        "Reprieve-CIS-1-UnauthorizedApiCalls",
        r#"{ ($.errorCode ="*UnauthorizedOperation") || ($.errorCode ="AccessDenied*") && ($.sourceIPAddress!="delivery.logs.amazonaws.com") && ($.eventName!="HeadBucket") }"#,
    ),
    (
        CisVersion::V5_0,
        "Reprieve-CIS-1-UnauthorizedApiCalls",
        r#"{ ($.errorCode ="*UnauthorizedOperation") || ($.errorCode ="AccessDenied*") && ($.sourceIPAddress!="delivery.logs.amazonaws.com") && ($.eventName!="HeadBucket") }"#,
    ),
    (
        CisVersion::V3_0,
        "Reprieve-CIS-10-SecurityGroupChanged",
        "{ ($.eventName = AuthorizeSecurityGroupIngress) || ($.eventName = AuthorizeSecurityGroupEgress) || ($.eventName = RevokeSecurityGroupIngress) || ($.eventName = RevokeSecurityGroupEgress) || ($.eventName = CreateSecurityGroup) || ($.eventName = DeleteSecurityGroup) }",
    ),
    (
        CisVersion::V5_0,
        "Reprieve-CIS-10-SecurityGroupChanged",
        "{ ($.eventName = AuthorizeSecurityGroupIngress) || ($.eventName = AuthorizeSecurityGroupEgress) || ($.eventName = RevokeSecurityGroupIngress) || ($.eventName = RevokeSecurityGroupEgress) || ($.eventName = CreateSecurityGroup) || ($.eventName = DeleteSecurityGroup) || ($.eventName = ModifySecurityGroupRules) }",
    ),
    (
        CisVersion::V6_0,
        "Reprieve-CIS-10-SecurityGroupChanged",
        "{ ($.eventName = AuthorizeSecurityGroupIngress) || ($.eventName = AuthorizeSecurityGroupEgress) || ($.eventName = RevokeSecurityGroupIngress) || ($.eventName = RevokeSecurityGroupEgress) || ($.eventName = CreateSecurityGroup) || ($.eventName = DeleteSecurityGroup) || ($.eventName = ModifySecurityGroupRules) }",
    ),
    (
        CisVersion::V3_0,
        "Reprieve-CIS-2-ConsoleSignInWithoutMfa",
        r#"{ ($.eventName = "ConsoleLogin") && ($.additionalEventData.MFAUsed != "Yes") && ($.userIdentity.type = "IAMUser") && ($.responseElements.ConsoleLogin = "Success") }"#,
    ),
    (
        CisVersion::V5_0,
        "Reprieve-CIS-2-ConsoleSignInWithoutMfa",
        r#"{ ($.eventName = "ConsoleLogin") && ($.additionalEventData.MFAUsed != "Yes") && ($.userIdentity.type = "IAMUser") && ($.responseElements.ConsoleLogin = "Success") }"#,
    ),
    (
        CisVersion::V5_0,
        "Reprieve-CIS-4-IamPolicyChanged",
        "{($.eventName=DeleteGroupPolicy)||($.eventName=DeleteRolePolicy)||($.eventName=DeleteUserPolicy)||($.eventName=PutGroupPolicy)||($.eventName=PutRolePolicy)||($.eventName=PutUserPolicy)||($.eventName=CreatePolicy)||($.eventName=DeletePolicy)||($.eventName=CreatePolicyVersion)||($.eventName=DeletePolicyVersion)||($.eventName=AttachRolePolicy)||($.eventName=DetachRolePolicy)||($.eventName=AttachUserPolicy)||($.eventName=DetachUserPolicy)||($.eventName=AttachGroupPolicy)||($.eventName=DetachGroupPolicy)}",
    ),
];

const KMS: &str = "kms.amazonaws.com";

/// Events that the benchmark's filters are meant for, by the name of the filter.
pub(super) fn meant_for() -> Vec<(&'static str, Value)> {
    let sign_in = json!({"userIdentity": {"type": "IAMUser"}, "eventType": "AwsConsoleSignIn"});
    let signed_in = |mfa: &str| {
        let mut event = record("signin.amazonaws.com", "ConsoleLogin", sign_in.clone());
        event["additionalEventData"] = json!({"MFAUsed": mfa});
        event["responseElements"] = json!({"ConsoleLogin": "Success"});
        event
    };
    let failed = json!({"userIdentity": {"type": "IAMUser"}, "errorMessage": "Failed authentication"});
    let mut root = call("s3.amazonaws.com", "ListBuckets");
    root["userIdentity"] = json!({"type": "Root", "arn": "arn:aws:iam::111122223333:root"});
    let denied = record("ec2.amazonaws.com", "DescribeImages", json!({"errorCode": "Client.UnauthorizedOperation"}));
    let refused = record("s3.amazonaws.com", "ListBuckets", json!({"errorCode": "AccessDeniedException"}));
    let mut events = vec![
        ("Reprieve-CIS-1-UnauthorizedApiCalls", denied),
        ("Reprieve-CIS-1-UnauthorizedApiCalls", refused),
        ("Reprieve-CIS-2-ConsoleSignInWithoutMfa", signed_in("No")),
        ("Reprieve-CIS-3-RootAccountUsed", root),
        ("Reprieve-CIS-6-ConsoleAuthenticationFailed", record("signin.amazonaws.com", "ConsoleLogin", failed)),
        ("Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled", record(KMS, "ScheduleKeyDeletion", json!({"errorCode": "AccessDenied"}))),
    ];
    let calls: [(&str, &str, &[&str]); 12] = [
        (
            "Reprieve-CIS-4-IamPolicyChanged",
            "iam.amazonaws.com",
            &["DeleteRolePolicy", "PutUserPolicy", "DetachGroupPolicy", "CreatePolicyVersion"],
        ),
        ("Reprieve-CIS-5-CloudTrailChanged", "cloudtrail.amazonaws.com", &["StopLogging", "DeleteTrail", "UpdateTrail"]),
        ("Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled", KMS, &["DisableKey", "ScheduleKeyDeletion"]),
        ("Reprieve-CIS-8-S3BucketPolicyChanged", "s3.amazonaws.com", &["PutBucketPolicy", "DeleteBucketReplication"]),
        ("Reprieve-CIS-9-ConfigChanged", "config.amazonaws.com", &["StopConfigurationRecorder", "DeleteDeliveryChannel"]),
        ("Reprieve-CIS-10-SecurityGroupChanged", "ec2.amazonaws.com", &["AuthorizeSecurityGroupIngress", "DeleteSecurityGroup"]),
        ("Reprieve-CIS-11-NetworkAclChanged", "ec2.amazonaws.com", &["ReplaceNetworkAclEntry"]),
        ("Reprieve-CIS-12-NetworkGatewayChanged", "ec2.amazonaws.com", &["AttachInternetGateway"]),
        ("Reprieve-CIS-13-RouteTableChanged", "ec2.amazonaws.com", &["ReplaceRoute", "DisassociateRouteTable"]),
        ("Reprieve-CIS-14-VpcChanged", "ec2.amazonaws.com", &["CreateVpcPeeringConnection", "DeleteVpc"]),
        ("Reprieve-CIS-15-OrganizationChanged", "organizations.amazonaws.com", &["LeaveOrganization", "AcceptHandshake", "DetachPolicy"]),
        ("Reprieve-CIS-16-SecurityHubSwitchedOff", "securityhub.amazonaws.com", &["DisableSecurityHub", "BatchDisableStandards"]),
    ];
    for (filter, source, names) in calls {
        events.extend(names.iter().map(|name| (filter, call(source, name))));
    }
    events
}

/// A service event of KMS: no caller, no parameters.
fn of_kms_itself(name: &str) -> Value {
    let mut event = call(KMS, name);
    event["userIdentity"] = json!({"accountId": "111122223333", "invokedBy": "AWS Internal"});
    event["eventType"] = json!("AwsServiceEvent");
    event
}

/// A call with parameters.
fn asked(source: &str, name: &str, parameters: &Value) -> Value {
    record(source, name, json!({"requestParameters": parameters}))
}

/// Events that our own filters are meant for, by the name of the filter.
pub(super) fn meant_for_ours() -> Vec<(&'static str, Value)> {
    let silenced = |name: &str| call("monitoring.amazonaws.com", name);
    let mut silenced_by_cloudformation = silenced("DeleteAlarms");
    silenced_by_cloudformation["userIdentity"]["invokedBy"] = json!("cloudformation.amazonaws.com");
    let function = json!({"functionName": "arn:aws:lambda:eu-central-1:111122223333:function:reprieve-EventFunction-1AB2"});
    let queue = json!({"queueUrl": "https://sqs.eu-central-1.amazonaws.com/111122223333/reprieve-Queue-1AB2"});
    vec![
        ("Reprieve-KmsKeyGone", of_kms_itself("DeleteKey")),
        ("Reprieve-KmsKeyGone", of_kms_itself("DeleteExpiredKeyMaterial")),
        ("Reprieve-KmsKeyGone", call(KMS, "DeleteImportedKeyMaterial")),
        ("Reprieve-KmsKeyStoreDisconnected", call(KMS, "DisconnectCustomKeyStore")),
        ("Reprieve-KmsKeyStoreDisconnected", call(KMS, "DeleteCustomKeyStore")),
        ("Reprieve-KmsKeyPolicyReplaced", call(KMS, "PutKeyPolicy")),
        ("Reprieve-KmsGrantRemoved", call(KMS, "RevokeGrant")),
        ("Reprieve-KmsKeyReferenceOrRotationChanged", call(KMS, "DisableKeyRotation")),
        ("Reprieve-KmsKeyReferenceOrRotationChanged", call(KMS, "UpdateAlias")),
        ("Reprieve-KmsKeyReferenceOrRotationChanged", call(KMS, "DeleteAlias")),
        ("Reprieve-RegionDisabled", call("account.amazonaws.com", "DisableRegion")),
        ("Reprieve-TrailSelectorsChanged", call("cloudtrail.amazonaws.com", "PutEventSelectors")),
        ("Reprieve-MetricFilterChanged", call("logs.amazonaws.com", "DeleteMetricFilter")),
        ("Reprieve-MetricFilterChanged", call("logs.amazonaws.com", "PutMetricFilter")),
        ("Reprieve-LogsRemoved", call("logs.amazonaws.com", "DeleteLogGroup")),
        ("Reprieve-LogsRemoved", call("logs.amazonaws.com", "DeleteLogStream")),
        ("Reprieve-LogsRemoved", asked("logs.amazonaws.com", "PutRetentionPolicy", &json!({"logGroupName": "/reprieve/cloudtrail"}))),
        ("Reprieve-AlarmSilenced", silenced("DeleteAlarms")),
        ("Reprieve-AlarmSilenced", silenced("DisableAlarmActions")),
        ("Reprieve-AlarmSilenced", silenced("SetAlarmState")),
        ("Reprieve-AlarmSilenced", silenced_by_cloudformation),
        ("Reprieve-AlarmSilenced", asked("monitoring.amazonaws.com", "PutMetricAlarm", &json!({"alarmName": "Reprieve-CIS-7-X"}))),
        ("Reprieve-TopicSilenced", call("sns.amazonaws.com", "Unsubscribe")),
        ("Reprieve-TopicSilenced", call("sns.amazonaws.com", "DeleteTopic")),
        ("Reprieve-TopicSilenced", call("sns.amazonaws.com", "SetTopicAttributes")),
        ("Reprieve-EventRuleSwitchedOff", call("events.amazonaws.com", "DisableRule")),
        ("Reprieve-EventRuleSwitchedOff", call("events.amazonaws.com", "RemoveTargets")),
        ("Reprieve-EventRuleSwitchedOff", asked("events.amazonaws.com", "PutRule", &json!({"name": "reprieve-KeyApiCallRule-1AB2"}))),
        ("Reprieve-ReprieveTampered", asked("lambda.amazonaws.com", "UpdateFunctionCode20150331v2", &function)),
        ("Reprieve-ReprieveTampered", asked("lambda.amazonaws.com", "DeleteFunction20150331", &function)),
        ("Reprieve-ReprieveTampered", asked("sqs.amazonaws.com", "PurgeQueue", &queue)),
        ("Reprieve-ReprieveTampered", asked("scheduler.amazonaws.com", "DeleteSchedule", &json!({"name": "reprieve-SweepSchedule"}))),
    ]
}

/// What happens every day.
pub(super) fn benign() -> Vec<(&'static str, Value)> {
    let by_service = |source: &str, name: &str, service: &str| {
        record(source, name, json!({"userIdentity": {"invokedBy": service}, "sourceIPAddress": service}))
    };
    let mut sign_in = record("signin.amazonaws.com", "ConsoleLogin", json!({"userIdentity": {"type": "IAMUser"}}));
    sign_in["additionalEventData"] = json!({"MFAUsed": "Yes"});
    sign_in["responseElements"] = json!({"ConsoleLogin": "Success"});
    let mut federated = sign_in.clone();
    federated["userIdentity"]["type"] = json!("AssumedRole");
    federated["additionalEventData"]["MFAUsed"] = json!("No");
    let lambda = json!({"functionName": "orders"});
    vec![
        ("data is decrypted", call(KMS, "Decrypt")),
        ("a key is described", call(KMS, "DescribeKey")),
        ("a key is given back", call(KMS, "CancelKeyDeletion")),
        ("a key is enabled", call(KMS, "EnableKey")),
        ("a key is tagged", call(KMS, "TagResource")),
        ("a service retires its grant", by_service(KMS, "RetireGrant", "rds.amazonaws.com")),
        (
            "a scaling policy drops its alarm",
            by_service("monitoring.amazonaws.com", "DeleteAlarms", "application-autoscaling.amazonaws.com"),
        ),
        ("a scaling policy makes its alarm", by_service("monitoring.amazonaws.com", "PutMetricAlarm", "autoscaling.amazonaws.com")),
        ("somebody's alarm is made", asked("monitoring.amazonaws.com", "PutMetricAlarm", &json!({"alarmName": "orders-latency"}))),
        ("somebody's rule is made", asked("events.amazonaws.com", "PutRule", &json!({"name": "orders-nightly"}))),
        ("a function is deployed", asked("lambda.amazonaws.com", "UpdateFunctionCode20150331v2", &lambda)),
        ("a log group gets a retention", asked("logs.amazonaws.com", "PutRetentionPolicy", &json!({"logGroupName": "/aws/lambda/orders"}))),
        ("somebody signs in with MFA", sign_in),
        ("somebody signs in through single sign-on", federated),
        ("a bucket is asked for by log delivery", {
            let mut event = record("s3.amazonaws.com", "PutObject", json!({"errorCode": "NoSuchBucket"}));
            event["sourceIPAddress"] = json!("delivery.logs.amazonaws.com");
            event
        }),
        ("a policy of scaling is listed", call("iam.amazonaws.com", "ListPolicies")),
        ("Security Hub is asked", call("securityhub.amazonaws.com", "GetFindings")),
    ]
}

//! What kind of act a call is. `None`: it is not ours.

use reprieve_core::Event;
use reprieve_core::audit::Operation;

use super::{Parts, Service, flag, text};
use crate::audit::by_verb;

type Table = &'static [(&'static str, Operation)];

const KMS: Table = &[
    ("Encrypt", Operation::Encrypt),
    ("Decrypt", Operation::Decrypt),
    ("ReEncrypt", Operation::ReEncrypt),
    ("GenerateDataKey", Operation::Generate),
    ("GenerateDataKeyWithoutPlaintext", Operation::Generate),
    ("GenerateDataKeyPair", Operation::Generate),
    ("GenerateDataKeyPairWithoutPlaintext", Operation::Generate),
    ("GenerateRandom", Operation::Generate),
    ("GenerateMac", Operation::Sign),
    ("VerifyMac", Operation::Verify),
    ("Sign", Operation::Sign),
    ("Verify", Operation::Verify),
    ("DeriveSharedSecret", Operation::Derive),
    ("CreateGrant", Operation::ChangeAccess),
    ("RetireGrant", Operation::ChangeAccess),
    ("RevokeGrant", Operation::ChangeAccess),
    ("PutKeyPolicy", Operation::ChangeAccess),
    ("CreateAlias", Operation::Tag),
    ("UpdateAlias", Operation::Tag),
    ("DeleteAlias", Operation::Tag),
    ("ScheduleKeyDeletion", Operation::Destroy),
    ("CancelKeyDeletion", Operation::Restore),
    ("DeleteKey", Operation::Purge),
    ("DeleteImportedKeyMaterial", Operation::Destroy),
    ("DeleteExpiredKeyMaterial", Operation::Destroy),
    ("EnableKeyRotation", Operation::Update),
    ("DisableKeyRotation", Operation::Update),
    ("RotateKeyOnDemand", Operation::Rotate),
    ("RotateKey", Operation::Rotate),
    ("SynchronizeMultiRegionKey", Operation::Update),
];

const SECRETS: Table = &[
    ("GetSecretValue", Operation::Access),
    ("BatchGetSecretValue", Operation::Access),
    ("GetRandomPassword", Operation::Generate),
    ("PutSecretValue", Operation::Rotate),
    ("RotateSecret", Operation::Rotate),
    ("RotationSucceeded", Operation::Rotate),
    ("RotationFailed", Operation::Rotate),
    ("RotationAbandoned", Operation::Rotate),
    ("RotationStarted", Operation::Other),
    ("CancelRotateSecret", Operation::Update),
    ("DeleteSecret", Operation::Destroy),
    ("RestoreSecret", Operation::Restore),
    ("StartSecretVersionDelete", Operation::Destroy),
    ("CancelSecretVersionDelete", Operation::Restore),
    ("EndSecretVersionDelete", Operation::Purge),
    ("ReplicateSecretToRegions", Operation::Replicate),
    ("RemoveRegionsFromReplication", Operation::Destroy),
    ("StopReplicationToReplica", Operation::Update),
    ("PutResourcePolicy", Operation::ChangeAccess),
    ("DeleteResourcePolicy", Operation::ChangeAccess),
];

const PARAMETERS: Table = &[
    ("GetParameter", Operation::Access),
    ("GetParameters", Operation::Access),
    ("GetParametersByPath", Operation::Access),
    ("GetParameterHistory", Operation::Access),
    ("DescribeParameters", Operation::List),
    ("PutParameter", Operation::Update),
    ("DeleteParameter", Operation::Purge),
    ("DeleteParameters", Operation::Purge),
    ("LabelParameterVersion", Operation::Tag),
    ("UnlabelParameterVersion", Operation::Tag),
];

/// Calls of Systems Manager that are about parameters only where they say so.
const OF_ANY_RESOURCE: Table = &[
    ("AddTagsToResource", Operation::Tag),
    ("RemoveTagsFromResource", Operation::Tag),
    ("ListTagsForResource", Operation::List),
    ("PutResourcePolicy", Operation::ChangeAccess),
    ("DeleteResourcePolicy", Operation::ChangeAccess),
    ("GetResourcePolicies", Operation::Read),
];

const HSM: Table = &[
    ("InitializeCluster", Operation::Enable),
    ("DeleteBackup", Operation::Destroy),
    ("RestoreBackup", Operation::Restore),
    ("CopyBackupToRegion", Operation::Replicate),
    ("PutResourcePolicy", Operation::ChangeAccess),
    ("DeleteResourcePolicy", Operation::ChangeAccess),
];

const CERTIFICATES: Table = &[
    ("RequestCertificate", Operation::Create),
    ("ExportCertificate", Operation::Access),
    ("DeleteCertificate", Operation::Purge),
    ("ResendValidationEmail", Operation::Other),
];

const AUTHORITIES: Table = &[
    ("IssueCertificate", Operation::Sign),
    ("CreatePermission", Operation::ChangeAccess),
    ("DeletePermission", Operation::ChangeAccess),
    ("PutPolicy", Operation::ChangeAccess),
    ("DeletePolicy", Operation::ChangeAccess),
    ("CreateCertificateAuthorityAuditReport", Operation::Read),
];

const BUCKETS: Table = &[
    ("CreateBucket", Operation::Create),
    ("DeleteBucket", Operation::Purge),
    ("GetBucketEncryption", Operation::Read),
    ("PutBucketEncryption", Operation::Update),
    ("DeleteBucketEncryption", Operation::Update),
    ("PutBucketPolicy", Operation::ChangeAccess),
    ("DeleteBucketPolicy", Operation::ChangeAccess),
    ("PutBucketAcl", Operation::ChangeAccess),
    ("PutBucketOwnershipControls", Operation::ChangeAccess),
    ("DeleteBucketOwnershipControls", Operation::ChangeAccess),
    ("PutBucketPublicAccessBlock", Operation::ChangeAccess),
    ("DeleteBucketPublicAccessBlock", Operation::ChangeAccess),
    ("PutAccountPublicAccessBlock", Operation::ChangeAccess),
    ("DeleteAccountPublicAccessBlock", Operation::ChangeAccess),
    ("PutBucketVersioning", Operation::Update),
    ("PutBucketObjectLockConfiguration", Operation::Update),
    ("PutObjectLockConfiguration", Operation::Update),
    ("PutObjectRetention", Operation::Update),
    ("PutObjectLegalHold", Operation::Update),
    ("PutBucketLifecycle", Operation::Update),
    ("PutBucketLifecycleConfiguration", Operation::Update),
    ("DeleteBucketLifecycle", Operation::Update),
    ("PutBucketLogging", Operation::Update),
    ("PutBucketReplication", Operation::Update),
    ("DeleteBucketReplication", Operation::Update),
];

const TRAILS: Table = &[
    ("StartLogging", Operation::Enable),
    ("StopLogging", Operation::Disable),
    ("StartEventDataStoreIngestion", Operation::Enable),
    ("StopEventDataStoreIngestion", Operation::Disable),
    ("StartQuery", Operation::Read),
    ("CancelQuery", Operation::Other),
    ("StartImport", Operation::Import),
    ("StopImport", Operation::Other),
    ("PutResourcePolicy", Operation::ChangeAccess),
    ("DeleteResourcePolicy", Operation::ChangeAccess),
    ("EnableFederation", Operation::ChangeAccess),
    ("DisableFederation", Operation::ChangeAccess),
    ("RegisterOrganizationDelegatedAdmin", Operation::ChangeAccess),
    ("DeregisterOrganizationDelegatedAdmin", Operation::ChangeAccess),
];

const LOGS: Table = &[
    ("CreateLogGroup", Operation::Create),
    ("DeleteLogGroup", Operation::Purge),
    ("DeleteLogStream", Operation::Purge),
    ("PutRetentionPolicy", Operation::Update),
    ("DeleteRetentionPolicy", Operation::Update),
    ("PutLogGroupDeletionProtection", Operation::Update),
    ("AssociateKmsKey", Operation::Update),
    ("DisassociateKmsKey", Operation::Update),
    ("PutMetricFilter", Operation::Update),
    ("DeleteMetricFilter", Operation::Destroy),
    ("PutSubscriptionFilter", Operation::Update),
    ("DeleteSubscriptionFilter", Operation::Destroy),
    ("PutResourcePolicy", Operation::ChangeAccess),
    ("DeleteResourcePolicy", Operation::ChangeAccess),
    ("UntagResource", Operation::Tag),
];

const ALARMS: Table = &[
    ("PutMetricAlarm", Operation::Update),
    ("PutCompositeAlarm", Operation::Update),
    ("DeleteAlarms", Operation::Destroy),
    ("SetAlarmState", Operation::Update),
    ("EnableAlarmActions", Operation::Enable),
    ("DisableAlarmActions", Operation::Disable),
    ("UntagResource", Operation::Tag),
];

const TOPICS: Table = &[
    ("CreateTopic", Operation::Create),
    ("DeleteTopic", Operation::Destroy),
    ("SetTopicAttributes", Operation::Update),
    ("Subscribe", Operation::Update),
    ("ConfirmSubscription", Operation::Update),
    ("Unsubscribe", Operation::Disable),
    ("SetSubscriptionAttributes", Operation::Update),
    ("AddPermission", Operation::ChangeAccess),
    ("RemovePermission", Operation::ChangeAccess),
    ("UntagResource", Operation::Tag),
];

const RULES: Table = &[
    ("PutRule", Operation::Update),
    ("DeleteRule", Operation::Destroy),
    ("EnableRule", Operation::Enable),
    ("DisableRule", Operation::Disable),
    ("PutTargets", Operation::Update),
    ("RemoveTargets", Operation::Disable),
];

const REGIONS: Table = &[("DisableRegion", Operation::Disable), ("EnableRegion", Operation::Enable)];

/// Returns the kind of act.
pub(super) fn of(service: Service, event: &Event, parts: &Parts<'_>) -> Option<Operation> {
    let name = event.name.as_str();
    let listed = |table: Table| table.iter().find(|(call, _)| *call == name).map(|(_, operation)| *operation);
    let any = |table: Table| Some(listed(table).unwrap_or_else(|| by_verb(name)));
    match service {
        Service::Kms => any(KMS),
        Service::Secrets => secret(name, parts).or_else(|| any(SECRETS)),
        Service::Parameters => parameter(name, parts).or_else(|| listed(PARAMETERS)).or_else(|| {
            let is_parameter = is_about_parameters(parts);
            if is_parameter { listed(OF_ANY_RESOURCE) } else { None }
        }),
        Service::Hsm => any(HSM),
        Service::Certificates => any(CERTIFICATES),
        Service::Authorities => authority(name, parts).or_else(|| any(AUTHORITIES)),
        Service::Buckets => listed(BUCKETS),
        Service::Trails => any(TRAILS),
        Service::Logs => listed(LOGS),
        Service::Alarms => listed(ALARMS),
        Service::Topics => listed(TOPICS),
        Service::Rules => listed(RULES),
        Service::Regions => listed(REGIONS),
    }
}

/// A deletion without recovery cannot be undone. An update is a rotation where it made a version.
fn secret(name: &str, parts: &Parts<'_>) -> Option<Operation> {
    match name {
        "DeleteSecret" if flag(&parts.request, "forceDeleteWithoutRecovery") == Some(true) => Some(Operation::Purge),
        "UpdateSecret" if text(&parts.response, "versionId").is_some() => Some(Operation::Rotate),
        _ => None,
    }
}

/// The first version creates a parameter; any later one is a new value. A refused call shows it only by what it asked for.
fn parameter(name: &str, parts: &Parts<'_>) -> Option<Operation> {
    if name != "PutParameter" {
        return None;
    }
    let version = text(&parts.response, "version");
    let overwrites = flag(&parts.request, "overwrite");
    Some(match (version.as_deref(), overwrites) {
        (Some("1"), _) | (None, Some(false)) => Operation::Create,
        (Some(_), _) | (None, Some(true)) => Operation::Rotate,
        (None, None) => Operation::Update,
    })
}

fn is_about_parameters(parts: &Parts<'_>) -> bool {
    text(&parts.request, "resourceType").is_some_and(|kind| kind == "Parameter")
        || text(&parts.request, "resourceArn").is_some_and(|arn| arn.contains(":parameter/"))
}

/// An authority is disabled and enabled by an update of its status.
fn authority(name: &str, parts: &Parts<'_>) -> Option<Operation> {
    if name != "UpdateCertificateAuthority" {
        return None;
    }
    match text(&parts.request, "status").as_deref() {
        Some("DISABLED") => Some(Operation::Disable),
        Some("ACTIVE") => Some(Operation::Enable),
        Some(_) | None => None,
    }
}

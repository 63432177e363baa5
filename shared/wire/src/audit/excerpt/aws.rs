//! The fields that are kept of CloudTrail's records, by service.
//!
//! Never among them: `plaintext`, `ciphertextBlob`, `signature`, `mac`, `message`, `secretString`, `secretBinary`, a parameter's
//! `value`, keys and their material, passwords, passphrases, certificates' bodies, tokens, and any `tagValue`. An encryption context
//! is kept, name and value: it is no secret, and KMS itself writes it to the log so that it can be audited.
//! Source: <https://docs.aws.amazon.com/kms/latest/developerguide/encrypt_context.html>

use super::Allowed;

/// What is kept of every record, beside its parameters.
pub(in crate::audit) const RECORD: Allowed = Allowed {
    leaves: &["requestID", "sharedEventID", "vpcEndpointId", "vpcEndpointAccountId"],
    inside: &[("tlsDetails", Allowed::leaves(&["tlsVersion", "cipherSuite"]))],
    ..Allowed::NONE
};

/// The names of tags; their values are nobody's business here.
const TAGS: (&str, Allowed) = ("tags", Allowed::leaves(&["tagKey", "key"]));

const RECIPIENT: (&str, Allowed) = (
    "recipient",
    Allowed::leaves(&[
        "keyEncryptionAlgorithm",
        "attestationDocumentModuleId",
        "attestationDocumentEnclaveImageDigest",
        "attestationDocumentEnclavePCR1",
        "attestationDocumentEnclavePCR2",
        "attestationDocumentEnclavePCR3",
        "attestationDocumentEnclavePCR4",
        "attestationDocumentEnclavePCR8",
    ]),
);

const KEY_METADATA: Allowed = Allowed::leaves(&[
    "arn",
    "keyId",
    "keyState",
    "keyManager",
    "keyUsage",
    "keySpec",
    "customerMasterKeySpec",
    "origin",
    "multiRegion",
    "enabled",
    "creationDate",
    "deletionDate",
    "customKeyStoreId",
    "description",
    "encryptionAlgorithms",
    "signingAlgorithms",
    "macAlgorithms",
    "currentKeyMaterialId",
]);

/// Parameters of KMS.
pub(in crate::audit) const KMS_REQUEST: Allowed = Allowed {
    leaves: &[
        "keyId",
        "sourceKeyId",
        "destinationKeyId",
        "targetKeyId",
        "aliasName",
        "encryptionAlgorithm",
        "sourceEncryptionAlgorithm",
        "destinationEncryptionAlgorithm",
        "signingAlgorithm",
        "macAlgorithm",
        "keyAgreementAlgorithm",
        "messageType",
        "keySpec",
        "keyPairSpec",
        "numberOfBytes",
        "keyUsage",
        "customerMasterKeySpec",
        "origin",
        "multiRegion",
        "description",
        "dryRun",
        "pendingWindowInDays",
        "rotationPeriodInDays",
        "policyName",
        "bypassPolicyLockoutSafetyCheck",
        "grantId",
        "granteePrincipal",
        "retiringPrincipal",
        "operations",
        "name",
        "tagKeys",
        "primaryRegion",
        "replicaRegion",
        "wrappingAlgorithm",
        "wrappingKeySpec",
        "importType",
        "expirationModel",
        "validTo",
        "keyMaterialId",
        "keyMaterialDescription",
        "includeKeyMaterial",
        "customKeyStoreId",
        "customKeyStoreName",
        "newCustomKeyStoreName",
        "customKeyStoreType",
        "cloudHsmClusterId",
        "xksKeyId",
        "xksProxyConnectivity",
        "xksProxyUriEndpoint",
        "xksProxyUriPath",
        "xksProxyVpcEndpointServiceName",
        "limit",
    ],
    maps: &["encryptionContext", "sourceEncryptionContext", "destinationEncryptionContext"],
    digests: &["policy"],
    inside: &[
        TAGS,
        RECIPIENT,
        ("constraints", Allowed { leaves: &["sourceArn"], maps: &["encryptionContextSubset", "encryptionContextEquals"], ..Allowed::NONE }),
    ],
};

/// Results of KMS.
pub(in crate::audit) const KMS_RESPONSE: Allowed = Allowed {
    leaves: &[
        "keyId",
        "sourceKeyId",
        "keyMaterialId",
        "keyState",
        "deletionDate",
        "pendingWindowInDays",
        "grantId",
        "customKeyStoreId",
        "keyOrigin",
        "aliasName",
        "aliasArn",
        "targetKeyId",
    ],
    inside: &[("keyMetadata", KEY_METADATA), ("replicaKeyMetadata", KEY_METADATA)],
    ..Allowed::NONE
};

/// What KMS adds: which material was used, what an enclave attested, what became of a custom store's backing keys.
pub(in crate::audit) const KMS_ADDITIONAL: Allowed = Allowed {
    leaves: &[
        "keyMaterialId",
        "sourceKeyMaterialId",
        "destinationKeyMaterialId",
        "currentKeyMaterialId",
        "previousKeyMaterialId",
        "rotationType",
        "keyOrigin",
        "keyId",
        "grantId",
        "customKeyStoreId",
        "backingKeyId",
        "operation",
    ],
    inside: &[RECIPIENT, ("backingKeysDeletionStatus", Allowed::leaves(&["backingKeyId", "keyHandle", "deletionStatus"]))],
    ..Allowed::NONE
};

/// Parameters of Secrets Manager.
pub(in crate::audit) const SECRETS_REQUEST: Allowed = Allowed {
    leaves: &[
        "secretId",
        "secretIdList",
        "name",
        "versionId",
        "versionStage",
        "versionStages",
        "moveToVersionId",
        "removeFromVersionId",
        "kmsKeyId",
        "description",
        "recoveryWindowInDays",
        "forceDeleteWithoutRecovery",
        "forceOverwriteReplicaSecret",
        "rotateImmediately",
        "rotationLambdaARN",
        "removeReplicaRegions",
        "blockPublicPolicy",
        "passwordLength",
        "tagKeys",
    ],
    digests: &["resourcePolicy"],
    inside: &[
        TAGS,
        ("rotationRules", Allowed::leaves(&["automaticallyAfterDays", "scheduleExpression", "duration"])),
        ("addReplicaRegions", Allowed::leaves(&["region", "kmsKeyId"])),
    ],
    ..Allowed::NONE
};

/// Results of Secrets Manager, and what it adds.
pub(in crate::audit) const SECRETS_RESPONSE: Allowed = Allowed {
    leaves: &["arn", "secretArn", "secretId", "name", "versionId", "secretVersionId", "versionStages", "deletionDate", "rotationEnabled"],
    ..Allowed::NONE
};

/// Parameters of Systems Manager's parameter store.
pub(in crate::audit) const PARAMETERS_REQUEST: Allowed = Allowed {
    leaves: &[
        "name",
        "names",
        "path",
        "recursive",
        "withDecryption",
        "type",
        "keyId",
        "tier",
        "overwrite",
        "description",
        "dataType",
        "parameterVersion",
        "labels",
        "resourceType",
        "resourceId",
        "resourceArn",
        "tagKeys",
    ],
    digests: &["policy"],
    inside: &[TAGS],
    ..Allowed::NONE
};

/// Results of the parameter store.
pub(in crate::audit) const PARAMETERS_RESPONSE: Allowed =
    Allowed::leaves(&["version", "tier", "deletedParameters", "invalidParameters", "parameterVersion", "invalidLabels", "policyId"]);

/// Parameters of `CloudHSM`.
pub(in crate::audit) const HSM_REQUEST: Allowed = Allowed {
    leaves: &[
        "clusterId",
        "hsmId",
        "eniId",
        "eniIp",
        "availabilityZone",
        "ipAddress",
        "hsmType",
        "mode",
        "networkType",
        "subnetIds",
        "sourceBackupId",
        "backupId",
        "neverExpires",
        "destinationRegion",
        "resourceId",
        "resourceArn",
        "tagKeyList",
    ],
    digests: &["policy"],
    inside: &[("backupRetentionPolicy", Allowed::leaves(&["type", "value"])), ("tagList", Allowed::leaves(&["key"]))],
    ..Allowed::NONE
};

/// Results of `CloudHSM`.
pub(in crate::audit) const HSM_RESPONSE: Allowed = Allowed {
    leaves: &["state", "stateMessage", "hsmId", "resourceArn"],
    inside: &[
        ("cluster", Allowed::leaves(&["clusterId", "state", "hsmType", "mode", "sourceBackupId", "vpcId", "securityGroup"])),
        ("hsm", Allowed::leaves(&["clusterId", "hsmId", "state", "availabilityZone", "eniId"])),
        (
            "backup",
            Allowed::leaves(&["backupId", "backupArn", "backupState", "clusterId", "sourceRegion", "neverExpires", "deleteTimestamp"]),
        ),
        ("destinationBackup", Allowed::leaves(&["sourceBackup", "sourceCluster", "sourceRegion"])),
    ],
    ..Allowed::NONE
};

/// Parameters of Certificate Manager and of private certificate authorities.
pub(in crate::audit) const CERTIFICATES_REQUEST: Allowed = Allowed {
    leaves: &[
        "certificateArn",
        "certificateAuthorityArn",
        "domainName",
        "subjectAlternativeNames",
        "validationMethod",
        "keyAlgorithm",
        "certificateAuthorityType",
        "keyStorageSecurityStandard",
        "usageMode",
        "status",
        "permanentDeletionTimeInDays",
        "signingAlgorithm",
        "templateArn",
        "certificateSerial",
        "revocationReason",
        "principal",
        "sourceAccount",
        "actions",
        "resourceArn",
    ],
    digests: &["policy"],
    inside: &[
        TAGS,
        ("options", Allowed::leaves(&["certificateTransparencyLoggingPreference", "export"])),
        ("validity", Allowed::leaves(&["type", "value"])),
        ("certificateAuthorityConfiguration", Allowed::leaves(&["keyAlgorithm", "signingAlgorithm"])),
    ],
    ..Allowed::NONE
};

/// Results of both.
pub(in crate::audit) const CERTIFICATES_RESPONSE: Allowed = Allowed::leaves(&["certificateArn", "certificateAuthorityArn"]);

const ENCRYPTION_RULE: (&str, Allowed) = (
    "Rule",
    Allowed {
        leaves: &["BucketKeyEnabled"],
        inside: &[("ApplyServerSideEncryptionByDefault", Allowed::leaves(&["SSEAlgorithm", "KMSMasterKeyID"]))],
        ..Allowed::NONE
    },
);

/// Parameters of S3: how a bucket is encrypted, and for how long what is in it stays. Not `key` under presigned parameters: only what
/// is named here.
pub(in crate::audit) const BUCKETS_REQUEST: Allowed = Allowed {
    leaves: &[
        "bucketName",
        "key",
        "versionId",
        "x-amz-acl",
        "x-amz-bucket-object-lock-enabled",
        "x-amz-bypass-governance-retention",
        "x-amz-object-ownership",
    ],
    digests: &["bucketPolicy"],
    inside: &[
        ("ServerSideEncryptionConfiguration", Allowed { inside: &[ENCRYPTION_RULE], ..Allowed::NONE }),
        ("VersioningConfiguration", Allowed::leaves(&["Status", "MfaDelete"])),
        (
            "ObjectLockConfiguration",
            Allowed {
                leaves: &["ObjectLockEnabled"],
                inside: &[(
                    "Rule",
                    Allowed { inside: &[("DefaultRetention", Allowed::leaves(&["Mode", "Days", "Years"]))], ..Allowed::NONE },
                )],
                ..Allowed::NONE
            },
        ),
        ("Retention", Allowed::leaves(&["Mode", "RetainUntilDate"])),
        ("LegalHold", Allowed::leaves(&["Status"])),
        (
            "PublicAccessBlockConfiguration",
            Allowed::leaves(&["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"]),
        ),
        (
            "LifecycleConfiguration",
            Allowed {
                inside: &[(
                    "Rule",
                    Allowed {
                        leaves: &["ID", "Status", "Prefix"],
                        inside: &[
                            ("Expiration", Allowed::leaves(&["Days", "Date", "ExpiredObjectDeleteMarker"])),
                            ("NoncurrentVersionExpiration", Allowed::leaves(&["NoncurrentDays", "NewerNoncurrentVersions"])),
                        ],
                        ..Allowed::NONE
                    },
                )],
                ..Allowed::NONE
            },
        ),
        (
            "BucketLoggingStatus",
            Allowed { inside: &[("LoggingEnabled", Allowed::leaves(&["TargetBucket", "TargetPrefix"]))], ..Allowed::NONE },
        ),
    ],
    ..Allowed::NONE
};

const SELECTORS: Allowed = Allowed {
    leaves: &["name", "readWriteType", "includeManagementEvents", "excludeManagementEventSources"],
    inside: &[
        ("dataResources", Allowed::leaves(&["type", "values"])),
        ("fieldSelectors", Allowed::leaves(&["field", "equals", "notEquals", "startsWith", "notStartsWith", "endsWith", "notEndsWith"])),
    ],
    ..Allowed::NONE
};

/// Parameters and results of `CloudTrail`.
pub(in crate::audit) const TRAILS: Allowed = Allowed {
    leaves: &[
        "name",
        "trailName",
        "trailARN",
        "trailNameList",
        "s3BucketName",
        "s3KeyPrefix",
        "snsTopicName",
        "snsTopicARN",
        "includeGlobalServiceEvents",
        "isMultiRegionTrail",
        "isOrganizationTrail",
        "enableLogFileValidation",
        "logFileValidationEnabled",
        "cloudWatchLogsLogGroupArn",
        "cloudWatchLogsRoleArn",
        "kmsKeyId",
        "eventDataStore",
        "eventDataStoreArn",
        "multiRegionEnabled",
        "organizationEnabled",
        "retentionPeriod",
        "terminationProtectionEnabled",
        "billingMode",
        "status",
        "resourceId",
        "resourceIdList",
        "resourceArn",
        "channel",
        "channelArn",
        "source",
        "importId",
        "queryId",
        "memberAccountId",
        "delegatedAdminAccountId",
        "federationRoleArn",
        "federationStatus",
    ],
    digests: &["resourcePolicy"],
    inside: &[
        ("eventSelectors", SELECTORS),
        ("advancedEventSelectors", SELECTORS),
        ("insightSelectors", Allowed::leaves(&["insightType"])),
        ("tagsList", Allowed::leaves(&["key"])),
        ("destinations", Allowed::leaves(&["type", "location"])),
    ],
    ..Allowed::NONE
};

/// Parameters of log groups and their metric filters.
pub(in crate::audit) const LOGS_REQUEST: Allowed = Allowed {
    leaves: &[
        "logGroupName",
        "logGroupIdentifier",
        "resourceIdentifier",
        "logStreamName",
        "filterName",
        "filterPattern",
        "retentionInDays",
        "kmsKeyId",
        "destinationArn",
        "roleArn",
        "policyName",
        "resourceArn",
        "deletionProtectionEnabled",
    ],
    digests: &["policyDocument"],
    inside: &[("metricTransformations", Allowed::leaves(&["metricName", "metricNamespace", "metricValue", "defaultValue"]))],
    ..Allowed::NONE
};

/// Parameters of alarms.
pub(in crate::audit) const ALARMS_REQUEST: Allowed = Allowed::leaves(&[
    "alarmName",
    "alarmNames",
    "metricName",
    "namespace",
    "statistic",
    "period",
    "evaluationPeriods",
    "datapointsToAlarm",
    "threshold",
    "comparisonOperator",
    "treatMissingData",
    "actionsEnabled",
    "alarmActions",
    "oKActions",
    "stateValue",
    "resourceARN",
]);

/// Parameters of topics. An endpoint is an address of a person or a URL: only its protocol is kept.
pub(in crate::audit) const TOPICS_REQUEST: Allowed = Allowed::leaves(&[
    "topicArn",
    "name",
    "subscriptionArn",
    "protocol",
    "attributeName",
    "label",
    "aWSAccountId",
    "actionName",
    "resourceArn",
]);

/// Parameters of rules.
pub(in crate::audit) const RULES_REQUEST: Allowed = Allowed {
    leaves: &["name", "rule", "eventBusName", "state", "eventPattern", "scheduleExpression", "roleArn", "ids", "force", "resourceARN"],
    inside: &[("targets", Allowed::leaves(&["id", "arn", "roleArn"]))],
    ..Allowed::NONE
};

/// Parameters of calls on Regions.
pub(in crate::audit) const REGIONS_REQUEST: Allowed = Allowed::leaves(&["regionName"]);

/// Results of those that watch.
pub(in crate::audit) const MONITORING_RESPONSE: Allowed = Allowed::leaves(&["topicArn", "ruleArn", "subscriptionArn", "failedEntryCount"]);

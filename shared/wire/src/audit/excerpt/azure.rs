//! The fields that are kept of Azure's records.
//!
//! Never among them: the values of secrets, keys and their parts, connection strings, account keys, passwords, SAS tokens, the claims
//! of a token beside those that say who called, and bodies of requests as a whole. Of a body only named settings are kept: how a vault
//! can be recovered, with which key a storage account encrypts, what is logged and for how long, who is given which role.

use super::Allowed;

/// What is kept of every record of the Activity Log as what was asked for.
pub(in crate::audit) const ACTIVITY_REQUEST: Allowed = Allowed {
    leaves: &["correlationId", "category", "level", "operationId"],
    inside: &[
        ("authorization", AUTHORIZATION),
        // Exported records have it here.
        ("identity", Allowed { inside: &[("authorization", AUTHORIZATION)], ..Allowed::NONE }),
        ("httpRequest", HTTP_REQUEST),
        ("properties", REQUEST_PROPERTIES),
    ],
    ..Allowed::NONE
};

/// What it says of the answer.
pub(in crate::audit) const ACTIVITY_RESPONSE: Allowed = Allowed {
    leaves: &["status", "subStatus", "resultType", "resultSignature", "durationMs"],
    inside: &[
        ("status", Allowed::leaves(&["value"])),
        ("subStatus", Allowed::leaves(&["value"])),
        ("properties", Allowed { leaves: &["statusCode", "serviceRequestId"], inside: &[("responseBody", BODY)], ..Allowed::NONE }),
    ],
    ..Allowed::NONE
};

const AUTHORIZATION: Allowed = Allowed {
    leaves: &["action", "scope"],
    inside: &[(
        "evidence",
        Allowed::leaves(&["role", "roleAssignmentScope", "roleAssignmentId", "roleDefinitionId", "principalId", "principalType"]),
    )],
    ..Allowed::NONE
};

const HTTP_REQUEST: Allowed = Allowed::leaves(&["method", "url", "clientRequestId"]);

const REQUEST_PROPERTIES: Allowed = Allowed { leaves: &["hierarchy", "entity"], inside: &[("requestBody", BODY)], ..Allowed::NONE };

const LOG_SETTINGS: Allowed = Allowed {
    leaves: &["category", "categoryGroup", "enabled"],
    inside: &[("retentionPolicy", Allowed::leaves(&["enabled", "days"]))],
    ..Allowed::NONE
};

/// What is kept of the body of a call to the resource manager.
const BODY: Allowed =
    Allowed { leaves: &["location"], inside: &[("properties", SETTINGS), ("sku", Allowed::leaves(&["name", "family"]))], ..Allowed::NONE };

const SETTINGS: Allowed = Allowed {
    leaves: &[
        // Vaults and Managed HSMs.
        "createMode",
        "enableSoftDelete",
        "softDeleteRetentionInDays",
        "enablePurgeProtection",
        "enableRbacAuthorization",
        "publicNetworkAccess",
        "enabledForDeployment",
        "enabledForDiskEncryption",
        "enabledForTemplateDeployment",
        "provisioningState",
        // Keys.
        "kty",
        "keySize",
        "curveName",
        "keyOps",
        "keyUri",
        "keyUriWithVersion",
        // Roles and locks.
        "roleDefinitionId",
        "principalId",
        "principalType",
        "scope",
        "level",
        // Diagnostic settings and workspaces.
        "storageAccountId",
        "workspaceId",
        "eventHubName",
        "logAnalyticsDestinationType",
        "retentionInDays",
        "totalRetentionInDays",
        // Storage.
        "supportsHttpsTrafficOnly",
        "minimumTlsVersion",
        "allowBlobPublicAccess",
        "allowSharedKeyAccess",
        "immutabilityPeriodSinceCreationInDays",
        "allowProtectedAppendWrites",
        "allowProtectedAppendWritesAll",
        "isVersioningEnabled",
        "source",
        // Audit settings of databases. Not the key of the account that they name.
        "state",
        "storageEndpoint",
        "storageAccountSubscriptionId",
        "retentionDays",
        "isAzureMonitorTargetEnabled",
        "isManagedIdentityInUse",
        "isDevopsAuditEnabled",
        "auditActionsAndGroups",
        "predicateExpression",
        // Alerts.
        "enabled",
        "severity",
        "scopes",
    ],
    inside: &[
        ("sku", Allowed::leaves(&["name", "family"])),
        ("networkAcls", Allowed::leaves(&["defaultAction", "bypass"])),
        ("accessPolicies", ACCESS_POLICY),
        ("logs", LOG_SETTINGS),
        ("metrics", LOG_SETTINGS),
        (
            "encryption",
            Allowed {
                leaves: &["keySource", "requireInfrastructureEncryption"],
                inside: &[
                    ("keyvaultproperties", Allowed::leaves(&["keyname", "keyvaulturi", "keyversion", "currentVersionedKeyIdentifier"])),
                    ("identity", Allowed::leaves(&["userAssignedIdentity"])),
                ],
                ..Allowed::NONE
            },
        ),
        ("keyVaultProperties", Allowed::leaves(&["keyUri"])),
        ("immutableStorageWithVersioning", Allowed::leaves(&["enabled"])),
        ("deleteRetentionPolicy", Allowed::leaves(&["enabled", "days"])),
        ("containerDeleteRetentionPolicy", Allowed::leaves(&["enabled", "days"])),
    ],
    ..Allowed::NONE
};

const ACCESS_POLICY: Allowed = Allowed {
    leaves: &["objectId", "tenantId", "applicationId"],
    inside: &[("permissions", Allowed::leaves(&["keys", "secrets", "certificates", "storage"]))],
    ..Allowed::NONE
};

/// What is kept besides of a server parameter that sets auditing, such as `pgaudit.log`: its value, as these hold no secret.
pub(in crate::audit) const SERVER_PARAMETER: Allowed =
    Allowed { inside: &[("properties", Allowed { inside: &[("requestBody", PARAMETER_BODY)], ..Allowed::NONE })], ..Allowed::NONE };

const PARAMETER_BODY: Allowed = Allowed { inside: &[("properties", Allowed::leaves(&["value", "source"]))], ..Allowed::NONE };

/// What is kept of a vault's or Managed HSM's record as what was asked for; Managed HSMs write it beside `properties`.
pub(in crate::audit) const VAULT_REQUEST: Allowed = Allowed {
    leaves: &["correlationId", "operationVersion", "requestUri", "tlsVersion", "subnetId", "requestId", "PoolName"],
    inside: &[(
        "properties",
        Allowed {
            leaves: &[
                "requestUri",
                "requestId",
                "algorithm",
                "operation",
                "tlsVersion",
                "subnetId",
                "addrAuthType",
                "trustedService",
                "isAddressAuthorized",
                "isAccessPolicyMatch",
                "isRbacAuthorized",
                "appliedAssignmentId",
                "nsp",
                "sku_Family",
                "sku_Name",
            ],
            inside: &[
                ("keyProperties", KEY_PROPERTIES),
                ("secretProperties", Allowed { leaves: &["type"], inside: &[("attributes", ATTRIBUTES)], ..Allowed::NONE }),
                (
                    "certificateProperties",
                    Allowed {
                        leaves: &["subject", "sha1", "sha256", "nbf", "exp"],
                        inside: &[("attributes", ATTRIBUTES)],
                        ..Allowed::NONE
                    },
                ),
                (
                    "certificatePolicyProperties",
                    Allowed {
                        inside: &[("keyProperties", KEY_PROPERTIES), ("issuerProperties", Allowed::leaves(&["name", "type"]))],
                        ..Allowed::NONE
                    },
                ),
                (
                    "vaultProperties",
                    Allowed::leaves(&[
                        "enableSoftDelete",
                        "enablePurgeProtection",
                        "softDeleteRetentionInDays",
                        "enableRbacAuthorization",
                        "networkRuleBypass",
                        "networkRuleDefaultAction",
                    ]),
                ),
            ],
            ..Allowed::NONE
        },
    )],
    ..Allowed::NONE
};

const ATTRIBUTES: Allowed = Allowed::leaves(&["enabled", "exp", "nbf", "created", "updated", "recoveryLevel", "exportable"]);

const KEY_PROPERTIES: Allowed =
    Allowed { leaves: &["type", "kty", "size", "curve", "ops", "exportable"], inside: &[("attributes", ATTRIBUTES)], ..Allowed::NONE };

/// What it says of the answer.
pub(in crate::audit) const VAULT_RESPONSE: Allowed = Allowed {
    leaves: &["resultType", "resultSignature", "httpStatusCode", "durationMs", "id"],
    inside: &[("properties", Allowed::leaves(&["id", "httpStatusCode", "recoveryId"]))],
    ..Allowed::NONE
};

//! Azure's built-in roles, as far as a guard of keys, logs and storage meets them.
//!
//! Must not invent a role: names, ids and actions are those of <https://learn.microsoft.com/azure/role-based-access-control/built-in-roles>.
//! Left out is what they permit at providers that are not here.

/// A built-in role. The actions are separated by spaces.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Role {
    /// The GUID.
    pub(crate) id: &'static str,
    /// The name.
    pub(crate) name: &'static str,
    /// What it permits on ARM.
    pub(crate) actions: &'static str,
    /// What it takes out of `actions`.
    pub(crate) not_actions: &'static str,
    /// What it permits on data.
    pub(crate) data_actions: &'static str,
}

const VAULT_READS: &str = "Microsoft.Authorization/*/read Microsoft.Insights/alertRules/* Microsoft.KeyVault/checkNameAvailability/read \
     Microsoft.KeyVault/deletedVaults/read Microsoft.KeyVault/locations/*/read Microsoft.KeyVault/vaults/*/read \
     Microsoft.KeyVault/operations/read Microsoft.Resources/subscriptions/resourceGroups/read";

const fn role(id: &'static str, name: &'static str, actions: &'static str, data_actions: &'static str) -> Role {
    Role { id, name, actions, not_actions: "", data_actions }
}

/// The built-in roles that the sandbox knows.
pub(crate) const BUILT_IN: &[Role] = &[
    role("8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "Owner", "*", ""),
    Role {
        not_actions: "Microsoft.Authorization/*/Delete Microsoft.Authorization/*/Write Microsoft.Authorization/elevateAccess/Action",
        ..role("b24988ac-6180-42a0-ab88-20f7382dd24c", "Contributor", "*", "")
    },
    role("acdd72a7-3385-48ef-bd42-f606fba81ae7", "Reader", "*/read", ""),
    role("18d7d88d-d35e-4fb5-a5c3-7773c20a72d9", "User Access Administrator", "*/read Microsoft.Authorization/*", ""),
    role(
        "f58310d9-a9f6-439a-9e8d-f62e7b41a168",
        "Role Based Access Control Administrator",
        "Microsoft.Authorization/roleAssignments/write Microsoft.Authorization/roleAssignments/delete */read",
        "",
    ),
    role(
        "36243c78-bf99-498c-9df9-86d9f8d28608",
        "Resource Policy Contributor",
        "*/read Microsoft.Authorization/policyassignments/* Microsoft.Authorization/policydefinitions/* \
         Microsoft.Authorization/policyexemptions/* Microsoft.Authorization/policysetdefinitions/* Microsoft.PolicyInsights/*",
        "",
    ),
    role("00482a5a-887f-4fb3-b363-3b7fe8e74483", "Key Vault Administrator", VAULT_READS, "Microsoft.KeyVault/vaults/*"),
    Role {
        not_actions: "Microsoft.KeyVault/locations/deletedVaults/purge/action Microsoft.KeyVault/hsmPools/* Microsoft.KeyVault/managedHsms/*",
        ..role(
            "f25e0fa2-a7c8-4377-a976-54943a77a395",
            "Key Vault Contributor",
            "Microsoft.Authorization/*/read Microsoft.Insights/alertRules/* Microsoft.KeyVault/* \
             Microsoft.Resources/subscriptions/resourceGroups/read",
            "",
        )
    },
    role(
        "14b46e9e-c2b7-41b4-b07b-48a6ebf60603",
        "Key Vault Crypto Officer",
        VAULT_READS,
        "Microsoft.KeyVault/vaults/keys/* Microsoft.KeyVault/vaults/keyrotationpolicies/*",
    ),
    role(
        "12338af0-0e69-4776-bea7-57ae8d297424",
        "Key Vault Crypto User",
        "",
        "Microsoft.KeyVault/vaults/keys/read Microsoft.KeyVault/vaults/keys/update/action Microsoft.KeyVault/vaults/keys/backup/action \
         Microsoft.KeyVault/vaults/keys/encrypt/action Microsoft.KeyVault/vaults/keys/decrypt/action \
         Microsoft.KeyVault/vaults/keys/wrap/action Microsoft.KeyVault/vaults/keys/unwrap/action \
         Microsoft.KeyVault/vaults/keys/sign/action Microsoft.KeyVault/vaults/keys/verify/action",
    ),
    role(
        "e147488a-f6f5-4113-8e2d-b22465e65bf6",
        "Key Vault Crypto Service Encryption User",
        "Microsoft.EventGrid/eventSubscriptions/write Microsoft.EventGrid/eventSubscriptions/read Microsoft.EventGrid/eventSubscriptions/delete",
        "Microsoft.KeyVault/vaults/keys/read Microsoft.KeyVault/vaults/keys/wrap/action Microsoft.KeyVault/vaults/keys/unwrap/action",
    ),
    role(
        "21090545-7ca7-4776-b22c-e363652d74d2",
        "Key Vault Reader",
        VAULT_READS,
        "Microsoft.KeyVault/vaults/*/read Microsoft.KeyVault/vaults/secrets/readMetadata/action",
    ),
    role("b86a8fe4-44ce-4948-aee5-eccb2c155cd7", "Key Vault Secrets Officer", VAULT_READS, "Microsoft.KeyVault/vaults/secrets/*"),
    role(
        "4633458b-17de-408a-b874-0445c86b69e6",
        "Key Vault Secrets User",
        "",
        "Microsoft.KeyVault/vaults/secrets/getSecret/action Microsoft.KeyVault/vaults/secrets/readMetadata/action",
    ),
    role(
        "a4417e6f-fecd-4de8-b567-7b0420556985",
        "Key Vault Certificates Officer",
        VAULT_READS,
        "Microsoft.KeyVault/vaults/certificatecas/* Microsoft.KeyVault/vaults/certificates/* \
         Microsoft.KeyVault/vaults/certificatecontacts/write",
    ),
    role(
        "a68e7c17-0ab2-4c09-9a58-125dae29748c",
        "Key Vault Purge Operator",
        "Microsoft.KeyVault/locations/deletedVaults/read Microsoft.KeyVault/locations/deletedVaults/purge/action \
         Microsoft.KeyVault/deletedVaults/read",
        "",
    ),
    role(
        "18500a29-7fe2-46b2-a342-b16a415e101d",
        "Managed HSM contributor",
        "Microsoft.KeyVault/managedHSMs/* Microsoft.KeyVault/deletedManagedHsms/read Microsoft.KeyVault/locations/deletedManagedHsms/read \
         Microsoft.KeyVault/locations/deletedManagedHsms/purge/action Microsoft.KeyVault/locations/managedHsmOperationResults/read",
        "",
    ),
    role(
        "17d1049b-9a84-46fb-8f53-869881c3d3ab",
        "Storage Account Contributor",
        "Microsoft.Authorization/*/read Microsoft.Insights/alertRules/* Microsoft.Insights/diagnosticSettings/* \
         Microsoft.Resources/subscriptions/resourceGroups/read Microsoft.Storage/storageAccounts/*",
        "",
    ),
    role(
        "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
        "Storage Blob Data Owner",
        "Microsoft.Storage/storageAccounts/blobServices/containers/* \
         Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action",
        "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/*",
    ),
    role(
        "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
        "Storage Blob Data Contributor",
        "Microsoft.Storage/storageAccounts/blobServices/containers/delete Microsoft.Storage/storageAccounts/blobServices/containers/read \
         Microsoft.Storage/storageAccounts/blobServices/containers/write \
         Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action",
        "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/delete \
         Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read \
         Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write \
         Microsoft.Storage/storageAccounts/blobServices/containers/blobs/move/action \
         Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action",
    ),
    role(
        "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
        "Storage Blob Data Reader",
        "Microsoft.Storage/storageAccounts/blobServices/containers/read \
         Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action",
        "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read",
    ),
    role(
        "749f88d5-cbae-40b8-bcfc-e573ddc772fa",
        "Monitoring Contributor",
        "*/read Microsoft.Insights/actiongroups/* Microsoft.Insights/activityLogAlerts/* Microsoft.Insights/diagnosticSettings/* \
         Microsoft.Insights/eventtypes/* Microsoft.Insights/logProfiles/*",
        "",
    ),
    role("43d0d8ad-25c7-4714-9337-8ba259a9fe05", "Monitoring Reader", "*/read", ""),
    role(
        "4a9ae827-6dc8-4573-8ac7-8239d42aa03f",
        "Tag Contributor",
        "Microsoft.Authorization/*/read Microsoft.Resources/subscriptions/resourceGroups/read Microsoft.Resources/subscriptions/resources/read \
         Microsoft.Resources/tags/*",
        "",
    ),
    role(
        "a638d3c7-ab3a-418d-83e6-5f17a39d4fde",
        "Azure Event Hubs Data Receiver",
        "Microsoft.EventHub/*/eventhubs/consumergroups/read",
        "Microsoft.EventHub/*/receive/action",
    ),
    role(
        "2b629674-e913-4c01-ae53-ef4638d8f975",
        "Azure Event Hubs Data Sender",
        "Microsoft.EventHub/*/eventhubs/read",
        "Microsoft.EventHub/*/send/action",
    ),
    role("f526a384-b230-433a-b45c-95f59c4a2dec", "Azure Event Hubs Data Owner", "Microsoft.EventHub/*", "Microsoft.EventHub/*"),
    role("1e241071-0855-49ea-94dc-649edcd759de", "EventGrid Contributor", "Microsoft.Authorization/*/read Microsoft.EventGrid/*", ""),
    role(
        "428e0ff0-5e57-4d9c-a221-2c70d0e0a443",
        "EventGrid EventSubscription Contributor",
        "Microsoft.Authorization/*/read Microsoft.EventGrid/eventSubscriptions/* Microsoft.EventGrid/systemTopics/eventSubscriptions/*",
        "",
    ),
    role(
        "056cd41c-7e88-42e1-933e-88ba6a50c9c3",
        "SQL Security Manager",
        "Microsoft.Authorization/*/read Microsoft.Resources/subscriptions/resourceGroups/read Microsoft.Sql/servers/read \
         Microsoft.Sql/servers/auditingSettings/* Microsoft.Sql/servers/extendedAuditingSettings/* \
         Microsoft.Sql/servers/databases/auditingSettings/* Microsoft.Sql/servers/databases/extendedAuditingSettings/* \
         Microsoft.Sql/servers/databases/read",
        "",
    ),
    role(
        "f1a07417-d97a-45cb-824c-7a7467783830",
        "Managed Identity Operator",
        "Microsoft.ManagedIdentity/userAssignedIdentities/*/read Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action \
         Microsoft.Authorization/*/read",
        "",
    ),
];

impl Role {
    /// Finds a role by its GUID, in any case.
    pub(crate) fn by_id(id: &str) -> Option<&'static Self> {
        BUILT_IN.iter().find(|role| role.id.eq_ignore_ascii_case(id))
    }
}

/// Takes a list of actions apart.
pub(crate) fn words(actions: &str) -> Vec<&str> {
    actions.split_whitespace().collect()
}

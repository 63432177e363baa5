//! The variables of the Azure guard.

use super::{AZURE, AZURE_AND_GOOGLE, Variable};

/// The guarded subscriptions.
pub const SUBSCRIPTIONS: Variable = Variable {
    name: "REPRIEVE_AZURE_SUBSCRIPTIONS",
    default: None,
    accepts: "ids of Azure subscriptions separated by commas",
    meaning: "The subscriptions that are guarded.",
    read_by: AZURE,
};

/// The tenant.
pub const TENANT_ID: Variable = Variable {
    name: "REPRIEVE_AZURE_TENANT_ID",
    default: None,
    accepts: "the id of a tenant of Microsoft Entra ID",
    meaning: "The tenant of the vaults that are recovered.",
    read_by: AZURE,
};

/// Our identity, as it signs in.
pub const CLIENT_ID: Variable = Variable {
    name: "REPRIEVE_AZURE_CLIENT_ID",
    default: None,
    accepts: "the client id of a user-assigned managed identity",
    meaning: "Whom the function calls as.",
    read_by: AZURE,
};

/// Our identity, as logs name it.
pub const PRINCIPAL_ID: Variable = Variable {
    name: "REPRIEVE_AZURE_PRINCIPAL_ID",
    default: None,
    accepts: "the object id of that identity",
    meaning: "By which its own acts are known.",
    read_by: AZURE,
};

/// The function's storage.
pub const STORAGE_ACCOUNT: Variable = Variable {
    name: "REPRIEVE_AZURE_STORAGE_ACCOUNT",
    default: None,
    accepts: "the name of a storage account",
    meaning: "Holds the ledger, the audit records and policies of the user's own.",
    read_by: AZURE,
};

/// The user's own policies.
pub const POLICY_CONTAINER: Variable = Variable {
    name: "REPRIEVE_AZURE_POLICY_CONTAINER",
    default: Some(""),
    accepts: "the name of a container in that storage account",
    meaning: "Policies of the user's own, as `*.cedar` blobs. Empty: the shipped ones alone. A container that is named and cannot be read approves nothing.",
    read_by: AZURE,
};

/// The key that signs seals.
pub const SEAL_KEY: Variable = Variable {
    name: "REPRIEVE_AZURE_SEAL_KEY",
    default: Some(""),
    accepts: "the URL of an EC key on P-256 in Key Vault, such as `https://NAME.vault.azure.net/keys/seal`",
    meaning: "Signs the seals of the evidence, with its latest version. Empty: nothing is sealed, and `SealEvidence` says so.",
    read_by: AZURE,
};

/// The allow-list.
pub const ALLOWED_VAULTS: Variable = Variable {
    name: "REPRIEVE_AZURE_ALLOWED_VAULTS",
    default: Some(""),
    accepts: "ids of vaults and Managed HSMs separated by commas",
    meaning: "The vaults whose keys may protect logs. A key anywhere else counts as none.",
    read_by: AZURE,
};

/// The log key.
pub const LOG_KEY: Variable = Variable {
    name: "REPRIEVE_AZURE_LOG_KEY",
    default: Some(""),
    accepts: "the URL of a key without its version, in a vault of the allow-list",
    meaning: "The key with which storage of the Activity Log is encrypted. Empty: people are told, nothing is changed.",
    read_by: AZURE,
};

/// The identity of log storage.
pub const LOG_IDENTITY: Variable = Variable {
    name: "REPRIEVE_AZURE_LOG_IDENTITY",
    default: Some(""),
    accepts: "the id of a user-assigned identity",
    meaning: "By which storage accounts read that key.",
    read_by: AZURE,
};

/// The one-way switch of vaults.
pub const PURGE_PROTECTION: Variable = Variable {
    name: "REPRIEVE_AZURE_PURGE_PROTECTION",
    default: Some("log-vaults"),
    accepts: "`off`, `log-vaults` or `all`",
    meaning: "Which vaults are given purge protection, which nobody can take off again: none, those whose keys protect logs or databases, or all.",
    read_by: AZURE,
};

/// The one-way switch of audit logs.
pub const LOCK_IMMUTABILITY: Variable = Variable {
    name: "REPRIEVE_AZURE_LOCK_IMMUTABILITY",
    default: Some("false"),
    accepts: "`true` or `false`",
    meaning: "Whether the immutability of audit logs is locked, which nobody can undo: their storage then costs money until the last day.",
    read_by: AZURE,
};

/// How long audit logs are immutable.
pub const IMMUTABILITY_DAYS: Variable = Variable {
    name: "REPRIEVE_AZURE_IMMUTABILITY_DAYS",
    default: Some("365"),
    accepts: "days, 1 to 146000",
    meaning: "How long audit logs of databases are immutable.",
    read_by: AZURE,
};

/// How long deleted logs are kept.
pub const SOFT_DELETE_DAYS: Variable = Variable {
    name: "REPRIEVE_AZURE_SOFT_DELETE_DAYS",
    default: Some("30"),
    accepts: "days, 1 to 365",
    meaning: "How long deleted blobs and containers of log storage are kept, at least.",
    read_by: AZURE,
};

/// Where vaults log to.
pub const EVENT_HUB_RULE: Variable = Variable {
    name: "REPRIEVE_AZURE_EVENT_HUB_RULE",
    default: Some(""),
    accepts: "the id of an authorization rule of an Event Hubs namespace",
    meaning: "To which vaults log what is done in them, so that deleted keys are heard of.",
    read_by: AZURE,
};

/// The event hub.
pub const EVENT_HUB_NAME: Variable = Variable {
    name: "REPRIEVE_AZURE_EVENT_HUB_NAME",
    default: Some(""),
    accepts: "the name of an event hub",
    meaning: "The event hub in that namespace.",
    read_by: AZURE,
};

/// The log storage.
pub const LOG_STORAGE: Variable = Variable {
    name: "REPRIEVE_AZURE_LOG_STORAGE",
    default: Some(""),
    accepts: "the id of a storage account",
    meaning: "To which the Activity Log, vaults and databases log where nothing else is set.",
    read_by: AZURE,
};

/// Whom alerts call.
pub const ACTION_GROUP: Variable = Variable {
    name: "REPRIEVE_AZURE_ACTION_GROUP",
    default: Some(""),
    accepts: "the id of an action group",
    meaning: "Whom activity-log alerts call.",
    read_by: AZURE,
};

/// Where alerts are made.
pub const ALERTS_GROUP: Variable = Variable {
    name: "REPRIEVE_AZURE_ALERTS_GROUP",
    default: Some(""),
    accepts: "the id of a resource group",
    meaning: "Where activity-log alerts are made that are missing.",
    read_by: AZURE,
};

/// Who may break the glass.
pub const BREAK_GLASS_PRINCIPALS: Variable = Variable {
    name: "REPRIEVE_BREAK_GLASS_PRINCIPALS",
    default: Some(""),
    accepts: "object ids of Microsoft Entra ID separated by commas",
    meaning: "The principals whose acts pass for a limited time without an approval, and always wake a human.",
    read_by: AZURE,
};

/// The sandboxes.
pub const SANDBOX_SUBSCRIPTIONS: Variable = Variable {
    name: "REPRIEVE_SANDBOX_SUBSCRIPTIONS",
    default: Some(""),
    accepts: "ids of Azure subscriptions separated by commas",
    meaning: "The subscriptions in which everything passes, and is recorded.",
    read_by: AZURE,
};

/// The chats.
pub const WEBHOOKS: Variable = Variable {
    name: "REPRIEVE_WEBHOOKS",
    default: Some(""),
    accepts: "lines `slack https://...` and `teams https://...`",
    meaning: "The chats that hear notices. A secret: let the platform take it from a vault or secret.",
    read_by: AZURE_AND_GOOGLE,
};

/// How long a sweep takes.
pub const SWEEP_BUDGET_SECONDS: Variable = Variable {
    name: "REPRIEVE_AZURE_SWEEP_BUDGET_SECONDS",
    default: Some("240"),
    accepts: "seconds, 10 to 270",
    meaning: "How long a sweep may take before it leaves the rest to the next. The host ends an invocation after 300.",
    read_by: AZURE,
};

/// Where the host calls.
pub const CUSTOM_HANDLER_PORT: Variable = Variable {
    name: "FUNCTIONS_CUSTOMHANDLER_PORT",
    default: None,
    accepts: "a port",
    meaning: "Where the Functions host calls us; it sets this itself.",
    read_by: AZURE,
};

/// A local sandbox.
pub const AZURE_ENDPOINT_URL: Variable = Variable {
    name: "REPRIEVE_AZURE_ENDPOINT_URL",
    default: Some(""),
    accepts: "an `http://` URL on this machine",
    meaning: "A local sandbox, in place of Azure.",
    read_by: AZURE,
};

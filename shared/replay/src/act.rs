//! What is kept of a log: acts that change whether a key, a secret or a log can be used, and by whom. Uses are not kept.

use reprieve_core::audit::{Asset, Log, Operation};
use reprieve_core::{AuditEvent, Event};
use serde::{Deserialize, Serialize};

/// One act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// The log that told of it.
    pub log: Log,
    /// Who called what, when, with which result.
    pub event: Event,
    /// What kind of act that is.
    pub operation: Operation,
    /// The key, secret or log that it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<Asset>,
}

impl Act {
    /// Makes an act of an entry; `None` where the entry changes no key.
    #[must_use]
    pub fn of(entry: AuditEvent) -> Option<Self> {
        let changes = match entry.log {
            Log::CloudTrail => may_change_a_key(&entry.event.source, &entry.event.name),
            _ => changes(entry.operation),
        };
        let AuditEvent { log, event, operation, asset, .. } = entry;
        changes.then_some(Self { log, event, operation, asset })
    }

    /// Returns the text under which the act's key is counted; `None` where it names none.
    #[must_use]
    pub fn key(&self) -> Option<String> {
        self.asset.as_ref().map(Asset::canonical)
    }
}

/// Says whether a call of AWS changes a key, by the names of service and call alone. What this denies is never parsed.
#[must_use]
pub fn may_change_a_key(source: &str, name: &str) -> bool {
    const OF_KMS: [&str; 31] = [
        "CancelKeyDeletion",
        "CMK Deletion",
        "ConnectCustomKeyStore",
        "CreateAlias",
        "CreateKey",
        "DeleteAlias",
        "DeleteCustomKeyStore",
        "DeleteExpiredKeyMaterial",
        "DeleteImportedKeyMaterial",
        "DeleteKey",
        "DisableKey",
        "DisableKeyRotation",
        "DisconnectCustomKeyStore",
        "EnableKey",
        "EnableKeyRotation",
        "ImportKeyMaterial",
        "KMS CMK Deletion",
        "KMS CMK Rotation",
        "KMS Imported Key Material Expiration",
        "PutKeyPolicy",
        "ReplicateKey",
        "RetireGrant",
        "RevokeGrant",
        "RotateKey",
        "RotateKeyOnDemand",
        "ScheduleKeyDeletion",
        "SynchronizeMultiRegionKey",
        "TagResource",
        "UntagResource",
        "UpdateAlias",
        "UpdatePrimaryRegion",
    ];
    match source {
        "kms.amazonaws.com" | "aws.kms" => OF_KMS.contains(&name),
        "account.amazonaws.com" => matches!(name, "DisableRegion" | "EnableRegion"),
        _ => false,
    }
}

/// Says whether an operation of Azure or Google Cloud changes whether a key can be used.
const fn changes(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::Create
            | Operation::Import
            | Operation::Update
            | Operation::Rotate
            | Operation::Enable
            | Operation::Disable
            | Operation::Destroy
            | Operation::Purge
            | Operation::Restore
            | Operation::ChangeAccess
            | Operation::Tag
            | Operation::Replicate
    )
}

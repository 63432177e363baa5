//! The states of a KMS key and what each call may do in them, as AWS documents it.
//!
//! Pure: must not call anything. The table is the one of "Key states of AWS KMS keys" in the KMS developer guide; the
//! words of the refusals follow its notes.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::Refusal;

/// The state of a key, as `DescribeKey` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyState {
    /// Usable.
    Enabled,
    /// Switched off, by `DisableKey` or by a cancelled deletion.
    Disabled,
    /// Waiting for its deletion.
    PendingDeletion,
    /// A multi-Region primary key waiting for the deletion of its replicas.
    PendingReplicaDeletion,
    /// Without key material.
    PendingImport,
    /// In a custom key store that is not connected.
    Unavailable,
    /// Being created.
    Creating,
    /// Changing its primary Region.
    Updating,
}

impl KeyState {
    /// Tells whether a deletion is pending.
    #[must_use]
    pub fn is_pending_deletion(self) -> bool {
        match self {
            Self::PendingDeletion | Self::PendingReplicaDeletion => true,
            Self::Enabled | Self::Disabled | Self::PendingImport | Self::Unavailable | Self::Creating | Self::Updating => false,
        }
    }
}

/// What the table needs to know of a key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Key {
    pub(crate) arn: String,
    #[serde(rename = "KeyState")]
    pub(crate) state: KeyState,
    pub(crate) origin: String,
    #[serde(rename = "KeySpec")]
    pub(crate) spec: String,
    #[serde(default)]
    pub(crate) has_material: bool,
    #[serde(default)]
    pub(crate) deletion_date: Option<Value>,
    #[serde(default)]
    pub(crate) multi_region_type: Option<String>,
    #[serde(default)]
    pub(crate) primary_region: Option<String>,
    #[serde(default)]
    pub(crate) member_regions: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) pending_window_in_days: Option<i64>,
}

impl Key {
    /// Tells whether a `CancelKeyDeletion` has something to cancel.
    fn deletion_is_pending(&self) -> bool {
        self.state.is_pending_deletion() || (self.state == KeyState::Unavailable && self.deletion_date.is_some())
    }

    fn is_external_without_material(&self) -> bool {
        self.origin == "EXTERNAL" && !self.has_material
    }

    /// Tells whether the key is a primary key that has replicas.
    pub(crate) fn is_primary_with_replicas(&self) -> bool {
        self.multi_region_type.as_deref() == Some("PRIMARY") && self.member_regions.as_ref().is_some_and(|regions| regions.len() > 1)
    }
}

/// Operations that take a key id or a key ARN, never an alias.
const NO_ALIAS: &[&str] = &[
    "CancelKeyDeletion",
    "CreateAlias",
    "CreateGrant",
    "DeleteImportedKeyMaterial",
    "DisableKey",
    "DisableKeyRotation",
    "EnableKey",
    "EnableKeyRotation",
    "GetKeyPolicy",
    "GetKeyRotationStatus",
    "GetParametersForImport",
    "ImportKeyMaterial",
    "ListAliases",
    "ListGrants",
    "ListKeyPolicies",
    "ListResourceTags",
    "PutKeyPolicy",
    "ReplicateKey",
    "RevokeGrant",
    "ScheduleKeyDeletion",
    "TagResource",
    "UntagResource",
    "UpdateAlias",
    "UpdateKeyDescription",
    "UpdatePrimaryRegion",
];

/// Operations that use key material.
const CRYPTOGRAPHIC: &[&str] = &[
    "Decrypt",
    "DeriveSharedSecret",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateMac",
    "ReEncrypt",
    "Sign",
    "Verify",
    "VerifyMac",
];

/// Largest message that `Sign` and `Verify` take in full, in bytes; a longer one goes as a digest.
const MESSAGE_BYTES: usize = 4_096;

/// Refuses a message that is too long to be signed, which the emulator signs all the same.
pub(crate) fn message_refusal(operation: &str, input: &Value) -> Option<Refusal> {
    if !matches!(operation, "Sign" | "Verify") {
        return None;
    }
    let message = input.get("Message").and_then(Value::as_str)?;
    // Base64 writes three bytes in four characters, the last ones filled up.
    let filled = message.bytes().rev().take_while(|&byte| byte == b'=').count();
    let bytes = (message.len() / 4).saturating_mul(3).saturating_sub(filled);
    (bytes > MESSAGE_BYTES).then(|| {
        Refusal::bad_request(
            "ValidationException",
            "1 validation error detected: Value at 'message' failed to satisfy constraint: Member must have length less than or \
             equal to 4096",
        )
    })
}

/// How a call names its key, after the checks that need no look at the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reference {
    /// A key of the caller's account and Region, by its id.
    KeyId(String),
    /// An alias, by name or ARN, in an operation that may take one.
    Alias(String),
}

/// Reads the key that a call names.
///
/// # Errors
///
/// Refuses what KMS refuses unseen: an alias where only a key may stand, another Region, another account, no ARN.
pub(crate) fn reference(operation: &str, given: &str, account: &str, region: &str) -> Result<Reference, Refusal> {
    let takes_alias = !NO_ALIAS.contains(&operation);
    if !given.starts_with("arn:") {
        return match (given.starts_with("alias/"), takes_alias) {
            (true, true) => Ok(Reference::Alias(given.to_owned())),
            (true, false) => Err(Refusal::bad_request("NotFoundException", format!("Invalid keyId '{given}'"))),
            (false, _) => Ok(Reference::KeyId(given.to_owned())),
        };
    }
    let invalid = || Refusal::bad_request("InvalidArnException", format!("Invalid arn {given}"));
    let parts: Vec<&str> = given.splitn(6, ':').collect();
    let &[_, _, "kms", arn_region, arn_account, resource] = parts.as_slice() else { return Err(invalid()) };
    let is_alias = resource.starts_with("alias/");
    let key_id = resource.strip_prefix("key/").filter(|id| !id.is_empty());
    if is_alias && !takes_alias || !is_alias && key_id.is_none() {
        return Err(invalid());
    }
    if arn_region != region {
        return Err(Refusal::bad_request("NotFoundException", format!("Invalid arn {arn_region}")));
    }
    if arn_account != account {
        return Err(not_authorized(operation, given));
    }
    Ok(key_id.map_or_else(|| Reference::Alias(given.to_owned()), |id| Reference::KeyId(id.to_owned())))
}

fn not_authorized(operation: &str, resource: &str) -> Refusal {
    Refusal::bad_request(
        "AccessDeniedException",
        format!(
            "The caller is not authorized to perform: kms:{operation} on resource: {resource} because the resource does \
             not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly \
             denies access"
        ),
    )
}

/// Says that a key does not exist.
pub(crate) fn not_found(given: &str, account: &str, region: &str) -> Refusal {
    let arn = if given.starts_with("arn:") {
        given.to_owned()
    } else if given.starts_with("alias/") {
        format!("arn:aws:kms:{region}:{account}:{given}")
    } else {
        format!("arn:aws:kms:{region}:{account}:key/{given}")
    };
    let kind = if arn.contains(":alias/") { format!("Alias {arn} is not found.") } else { format!("Key '{arn}' does not exist") };
    Refusal::bad_request("NotFoundException", kind)
}

/// Tells why a call may not be made on a key in its state, or `None` when it may.
#[must_use]
pub(crate) fn state_refusal(operation: &str, key: &Key) -> Option<Refusal> {
    let invalid = |words: &str| Some(Refusal::bad_request("KMSInvalidStateException", format!("{} {words}", key.arn)));
    let refuse_as_it_is = || invalid(words_for(key.state));
    match operation {
        "CancelKeyDeletion" if key.deletion_is_pending() => None,
        "CancelKeyDeletion" => invalid("is not pending deletion."),
        "EnableKey" | "DisableKey" => match key.state {
            KeyState::Enabled | KeyState::Disabled if key.is_external_without_material() && operation == "EnableKey" => {
                invalid("is pending import.")
            }
            KeyState::Enabled | KeyState::Disabled | KeyState::Unavailable => None,
            KeyState::PendingDeletion
            | KeyState::PendingReplicaDeletion
            | KeyState::PendingImport
            | KeyState::Creating
            | KeyState::Updating => refuse_as_it_is(),
        },
        "ScheduleKeyDeletion" => match key.state {
            KeyState::Unavailable if key.deletion_date.is_some() => invalid("is pending deletion."),
            KeyState::Enabled | KeyState::Disabled | KeyState::PendingImport | KeyState::Unavailable | KeyState::Creating => None,
            KeyState::PendingDeletion | KeyState::PendingReplicaDeletion | KeyState::Updating => refuse_as_it_is(),
        },
        "TagResource"
        | "UntagResource"
        | "UpdateKeyDescription"
        | "CreateAlias"
        | "UpdateAlias"
        | "ReplicateKey"
        | "UpdatePrimaryRegion"
        | "ImportKeyMaterial"
        | "GetParametersForImport" => {
            if key.state.is_pending_deletion() {
                refuse_as_it_is()
            } else {
                None
            }
        }
        "CreateGrant" => match key.state {
            KeyState::Disabled => Some(disabled(key)),
            KeyState::PendingDeletion | KeyState::PendingReplicaDeletion | KeyState::PendingImport => refuse_as_it_is(),
            KeyState::Enabled | KeyState::Unavailable | KeyState::Creating | KeyState::Updating => None,
        },
        "EnableKeyRotation" | "DisableKeyRotation" => rotation_refusal(key),
        operation if CRYPTOGRAPHIC.contains(&operation) => match key.state {
            // The emulator refuses these itself, in the right words.
            KeyState::Enabled | KeyState::Disabled | KeyState::PendingDeletion | KeyState::PendingImport => None,
            KeyState::PendingReplicaDeletion | KeyState::Unavailable | KeyState::Creating | KeyState::Updating => refuse_as_it_is(),
        },
        _ => None,
    }
}

/// Rotation exists for symmetric encryption keys with material of KMS itself.
fn rotation_refusal(key: &Key) -> Option<Refusal> {
    if key.spec != "SYMMETRIC_DEFAULT" || key.origin != "AWS_KMS" {
        let what = if key.spec == "SYMMETRIC_DEFAULT" { "origin" } else { "key spec" };
        let value = if what == "origin" { &key.origin } else { &key.spec };
        return Some(Refusal::bad_request(
            "UnsupportedOperationException",
            format!("{} {what} is {value} which is not valid for this operation.", key.arn),
        ));
    }
    match key.state {
        KeyState::Enabled => None,
        KeyState::Disabled => Some(disabled(key)),
        KeyState::PendingDeletion
        | KeyState::PendingReplicaDeletion
        | KeyState::PendingImport
        | KeyState::Unavailable
        | KeyState::Creating
        | KeyState::Updating => Some(Refusal::bad_request("KMSInvalidStateException", format!("{} {}", key.arn, words_for(key.state)))),
    }
}

fn disabled(key: &Key) -> Refusal {
    Refusal::bad_request("DisabledException", format!("{} is disabled.", key.arn))
}

fn words_for(state: KeyState) -> &'static str {
    match state {
        KeyState::Enabled => "is enabled.",
        KeyState::Disabled => "is disabled.",
        KeyState::PendingDeletion => "is pending deletion.",
        KeyState::PendingReplicaDeletion => "is pending replica deletion.",
        KeyState::PendingImport => "is pending import.",
        KeyState::Unavailable => "is unavailable.",
        KeyState::Creating => "is creating.",
        KeyState::Updating => "is updating.",
    }
}

/// Tells whether a call changes a key, so that its check and its effect must not be torn apart.
#[must_use]
pub(crate) fn changes_a_key(operation: &str) -> bool {
    !(operation.starts_with("Get")
        || operation.starts_with("List")
        || operation.starts_with("Describe")
        || operation == "GenerateRandom"
        || CRYPTOGRAPHIC.contains(&operation))
}

#[cfg(test)]
#[path = "kms_tests.rs"]
mod tests;

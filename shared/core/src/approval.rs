//! Sealed approvals: what was approved, by whom, for which key and window, under a signature that only approvers can make.
//!
//! The seal is an ES256 signature over [`SealedApproval::canonical_text`], verified offline against configured public keys.
//! Any changed tag, other resource, other action or other Region breaks it. An approval that cannot be read counts as none.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::pkcs8::DecodePublicKey as _;
use serde::{Deserialize, Serialize};

use crate::actor::identities_of_name;
use crate::facts::Tags;
use crate::id::KeyArn;

/// The tag that holds the change id.
pub const CHANGE_TAG: &str = "reprieve:change";
/// The tag that holds the approved action.
pub const ACTION_TAG: &str = "reprieve:action";
/// The tag that holds the change window, an ISO 8601 interval.
pub const WINDOW_TAG: &str = "reprieve:window";
/// The tag that names the approver.
pub const APPROVER_TAG: &str = "reprieve:approver";
/// The tag that holds the seal: `v1.KEY-ID.SIGNATURE`.
pub const SEAL_TAG: &str = "reprieve:seal";

/// An approval as it is written on a resource or in the ledger; nothing in it is believed before its seal is verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedApproval {
    /// The change id.
    pub change: String,
    /// The approved action, one of `Threat::action`.
    pub action: String,
    /// The window, an ISO 8601 interval, exactly as it was signed.
    pub window: String,
    /// Who approved.
    pub approver: String,
    /// `v1.KEY-ID.SIGNATURE`, the signature in base64url without padding.
    pub seal: String,
}

/// Where an approval was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalSource {
    /// Sealed tags on the resource.
    SealedTags,
    /// The ledger table.
    Ledger,
}

impl ApprovalSource {
    /// Returns the word that policies see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SealedTags => "sealed-tags",
            Self::Ledger => "ledger",
        }
    }
}

/// An approval whose seal was verified for this resource and action. Whether it covers the act is policy's to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The change id.
    pub change: String,
    /// Who approved.
    pub approver: String,
    /// When the window opens, inclusive.
    pub window_start: Timestamp,
    /// When the window closes, exclusive.
    pub window_end: Timestamp,
    /// Where it was found.
    pub source: ApprovalSource,
    /// The id of the public key that verified it.
    pub key_id: String,
}

impl Approval {
    /// Returns every way in which the approver can be named.
    #[must_use]
    pub fn approver_identities(&self) -> BTreeSet<String> {
        identities_of_name(&self.approver)
    }
}

/// What was found of an approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "status")]
pub enum ApprovalFinding {
    /// Nobody looked: the event needs none.
    NotLookedFor,
    /// There is none.
    None,
    /// The place where it would be could not be read.
    Unreadable {
        /// Why.
        reason: String,
    },
    /// There is one, and it is not valid.
    Invalid {
        /// Why.
        reason: String,
    },
    /// Its seal holds.
    Established(Approval),
}

impl ApprovalFinding {
    /// Returns the approval whose seal holds.
    #[must_use]
    pub const fn established(&self) -> Option<&Approval> {
        match self {
            Self::Established(approval) => Some(approval),
            Self::NotLookedFor | Self::None | Self::Unreadable { .. } | Self::Invalid { .. } => None,
        }
    }
}

/// Says why a seal does not hold, or why a public key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The tag is missing.
    #[error("the tag `{0}` is missing")]
    TagMissing(&'static str),
    /// The seal is not of the form `v1.KEY-ID.SIGNATURE`.
    #[error("the seal `{0}` is not of the form `v1.KEY-ID.SIGNATURE` with an ES256 signature in base64url")]
    SealForm(String),
    /// The seal names a key that is not configured.
    #[error("the seal was made with the key `{0}`, which is not among the configured approval keys")]
    UnknownKey(String),
    /// The signature does not belong to these values.
    #[error("the seal does not belong to these values: a tag was changed, or the approval is for another resource")]
    Broken,
    /// The approval is for another action.
    #[error("it approves `{approved}`, not `{attempted}`")]
    OtherAction {
        /// What was approved.
        approved: String,
        /// What happened.
        attempted: String,
    },
    /// The window is not an ISO 8601 interval, or its end is not after its start.
    #[error("the window `{0}` is not an ISO 8601 interval `START/END` with an end after its start and a UTC offset in both")]
    Window(String),
    /// A value holds a control character, which could forge a line of the canonical text.
    #[error("the value of `{0}` holds a control character")]
    ControlCharacter(&'static str),
    /// A configured public key cannot be read.
    #[error("the approval key `{id}` is not `KEY-ID=BASE64` of an EC P-256 public key (SubjectPublicKeyInfo, DER): {why}")]
    PublicKey {
        /// The entry's id, or the whole entry.
        id: String,
        /// What was wrong.
        why: String,
    },
}

/// The public keys that seal approvals, by id.
#[derive(Debug, Clone, Default)]
pub struct ApprovalKeys {
    keys: BTreeMap<String, VerifyingKey>,
}

impl ApprovalKeys {
    /// Reads `KEY-ID=BASE64` entries separated by commas; BASE64 is the public key as `kms:GetPublicKey` returns it
    /// (`SubjectPublicKeyInfo`, DER). An empty text gives no keys, and then no seal verifies.
    ///
    /// # Errors
    /// Names the first entry that cannot be read.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        let mut keys = BTreeMap::new();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let error = |why: String| SealError::PublicKey { id: entry.chars().take(40).collect(), why };
            let (id, key) = entry.split_once('=').ok_or_else(|| error("there is no `=`".to_owned()))?;
            if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
                return Err(error("the id may hold letters, digits, `-` and `_`".to_owned()));
            }
            let der = STANDARD.decode(key).map_err(|source| error(source.to_string()))?;
            let key = VerifyingKey::from_public_key_der(&der).map_err(|source| error(source.to_string()))?;
            keys.insert(id.to_owned(), key);
        }
        Ok(Self { keys })
    }

    /// Says whether no key is configured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl SealedApproval {
    /// Reads the approval out of a key's tags. `None` where no approval tag is present at all.
    ///
    /// # Errors
    /// Names the tag that is missing where some are present.
    #[must_use]
    pub fn from_tags(tags: &Tags) -> Option<Result<Self, SealError>> {
        let names = [CHANGE_TAG, ACTION_TAG, WINDOW_TAG, APPROVER_TAG, SEAL_TAG];
        if !names.iter().any(|name| tags.contains_key(*name)) {
            return None;
        }
        let tag = |name: &'static str| tags.get(name).cloned().ok_or(SealError::TagMissing(name));
        let read = || {
            Ok(Self {
                change: tag(CHANGE_TAG)?,
                action: tag(ACTION_TAG)?,
                window: tag(WINDOW_TAG)?,
                approver: tag(APPROVER_TAG)?,
                seal: tag(SEAL_TAG)?,
            })
        };
        Some(read())
    }

    /// Returns the text that is signed: seven lines, each ended by a line feed, values exactly as they are written on the resource.
    #[must_use]
    pub fn canonical_text(&self, resource: &str) -> String {
        let Self { change, action, window, approver, seal: _ } = self;
        format!(
            "reprieve-approval\nversion:v1\nresource:{resource}\naction:{action}\nwindow:{window}\nchange:{change}\napprover:{approver}\n"
        )
    }

    /// Writes a seal from the id of the signing key and the 64 bytes of an ES256 signature (`r || s`).
    #[must_use]
    pub fn seal_text(key_id: &str, signature: &[u8; 64]) -> String {
        format!("v1.{key_id}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Verifies the approval for this resource and action.
    ///
    /// # Errors
    /// Says why it does not hold; then it counts as none.
    pub fn verify(&self, resource: &KeyArn, action: &str, keys: &ApprovalKeys, source: ApprovalSource) -> Result<Approval, SealError> {
        let values = [(CHANGE_TAG, &self.change), (ACTION_TAG, &self.action), (WINDOW_TAG, &self.window), (APPROVER_TAG, &self.approver)];
        if let Some((name, _)) = values.iter().find(|(_, value)| value.chars().any(char::is_control)) {
            return Err(SealError::ControlCharacter(name));
        }
        let (key_id, signature) = self.parse_seal()?;
        let key = keys.keys.get(key_id).ok_or_else(|| SealError::UnknownKey(key_id.to_owned()))?;
        key.verify(self.canonical_text(resource.as_str()).as_bytes(), &signature).map_err(|_| SealError::Broken)?;
        if self.action != action {
            return Err(SealError::OtherAction { approved: self.action.clone(), attempted: action.to_owned() });
        }
        let (window_start, window_end) = parse_window(&self.window)?;
        Ok(Approval {
            change: self.change.clone(),
            approver: self.approver.clone(),
            window_start,
            window_end,
            source,
            key_id: key_id.to_owned(),
        })
    }

    fn parse_seal(&self) -> Result<(&str, Signature), SealError> {
        let error = || SealError::SealForm(self.seal.clone());
        let (key_id, signature) = self.seal.strip_prefix("v1.").and_then(|rest| rest.rsplit_once('.')).ok_or_else(error)?;
        let bytes = URL_SAFE_NO_PAD.decode(signature).map_err(|_| error())?;
        let signature = Signature::from_slice(&bytes).map_err(|_| error())?;
        Ok((key_id, signature))
    }
}

/// Reads an ISO 8601 interval `START/END`; both ends carry a UTC offset or `Z`.
///
/// # Errors
/// When it is not one, or the end is not after the start.
pub fn parse_window(text: &str) -> Result<(Timestamp, Timestamp), SealError> {
    let error = || SealError::Window(text.to_owned());
    let (start, end) = text.split_once('/').ok_or_else(error)?;
    let start: Timestamp = start.trim().parse().map_err(|_| error())?;
    let end: Timestamp = end.trim().parse().map_err(|_| error())?;
    if start < end { Ok((start, end)) } else { Err(error()) }
}

/// Looks for an approval of this action on this key: in its tags first, then among those in the ledger.
///
/// Tags of one key never count for another: a replica needs its own approval.
#[must_use]
pub fn find(
    resource: &KeyArn,
    action: &str,
    tags: &crate::facts::Known<Tags>,
    ledger: &[SealedApproval],
    keys: &ApprovalKeys,
) -> ApprovalFinding {
    let on_key = match tags {
        crate::facts::Known::Is(tags) => match SealedApproval::from_tags(tags) {
            None => ApprovalFinding::None,
            Some(approval) => judge(approval.and_then(|approval| approval.verify(resource, action, keys, ApprovalSource::SealedTags))),
        },
        crate::facts::Known::Absent => ApprovalFinding::None,
        crate::facts::Known::Unreadable(reason) => ApprovalFinding::Unreadable { reason: reason.clone() },
    };
    if on_key.established().is_some() {
        return on_key;
    }
    let in_ledger = ledger.iter().map(|approval| approval.verify(resource, action, keys, ApprovalSource::Ledger)).collect::<Vec<_>>();
    if let Some(approval) = in_ledger.iter().find_map(|result| result.as_ref().ok()) {
        return ApprovalFinding::Established(approval.clone());
    }
    match (on_key, in_ledger.into_iter().next_back()) {
        (ApprovalFinding::None, Some(last)) => judge(last),
        (found, _) => found,
    }
}

fn judge(result: Result<Approval, SealError>) -> ApprovalFinding {
    match result {
        Ok(approval) => ApprovalFinding::Established(approval),
        Err(error) => ApprovalFinding::Invalid { reason: error.to_string() },
    }
}

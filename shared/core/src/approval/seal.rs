//! Seals: an ES256 signature over the canonical text of an approval, verified offline against configured public keys.
//!
//! Any changed value, other resource, other action or other Region breaks it. `shared/docs/approval-format.md` describes the
//! canonical text byte by byte, with test vectors, so that another language can verify.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::pkcs8::DecodePublicKey as _;
use serde::{Deserialize, Serialize};

use super::window::{Window, WindowError};
use super::{ACTION_TAG, APPROVER_TAG, Approval, ApprovalSource, CHANGE_TAG, CO_APPROVER_TAG, CO_SEAL_TAG, SEAL_TAG, WINDOW_TAG};
use crate::actor::identities_of_name;
use crate::azure::ResourceId;
use crate::facts::Tags;
use crate::id::KeyArn;

/// The seal version that this release writes and reads.
const VERSION: &str = "v1";

/// The bytes of an ES256 signature, `r` and `s` of 32 bytes each.
const SIGNATURE_BYTES: usize = 64;

/// The longest value of a tag, in characters.
const VALUE_LIMIT: usize = 256;

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

/// Says why a seal does not hold, or why a public key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The tag is missing.
    #[error("the tag `{0}` is missing")]
    TagMissing(&'static str),
    /// A value is empty.
    #[error("the value of `{0}` is empty")]
    Empty(&'static str),
    /// A value is longer than a tag can be.
    #[error("the value of `{0}` is longer than {VALUE_LIMIT} characters")]
    TooLong(&'static str),
    /// A value holds a control character, which could forge a line of the canonical text.
    #[error("the value of `{0}` holds a control character")]
    ControlCharacter(&'static str),
    /// A value holds a character that looks like another one, or that no tag can hold.
    #[error("the value of `{name}` holds `{character}` (U+{code:04X}): an approval is written in ASCII letters, digits, spaces and `.:+=@_/-`", code = *.character as u32)]
    Character {
        /// The tag.
        name: &'static str,
        /// The character.
        character: char,
    },
    /// A value begins or ends with a space, or holds two in a row.
    #[error("the value of `{0}` begins or ends with a space, or holds two in a row")]
    Space(&'static str),
    /// The seal is not three parts between dots.
    #[error("the seal `{0}` is not of the form `v1.KEY-ID.SIGNATURE`")]
    Form(String),
    /// The seal is of a version that this release does not know.
    #[error("the seal is of version `{0}`, and this release knows `{VERSION}` alone")]
    Version(String),
    /// The signature is not base64url without padding.
    #[error("the seal's signature is not base64url without padding")]
    Encoding,
    /// The signature is of another length.
    #[error("the seal's signature has {0} bytes, and an ES256 signature has {SIGNATURE_BYTES}")]
    Length(usize),
    /// The signature's numbers are out of range.
    #[error("the seal's signature is no ES256 signature: a number of it is out of range")]
    OutOfRange,
    /// The signature is the mirror image of another one.
    #[error("the seal's signature has its `s` in the upper half, and one signature has one form: the lower")]
    UpperHalf,
    /// The seal names a key that is not configured.
    #[error("the seal was made with the key `{0}`, which is not among the configured approval keys")]
    UnknownKey(String),
    /// The key did not seal yet.
    #[error("the key `{id}` seals only what happens from {from} on")]
    KeyTooYoung {
        /// The key's id.
        id: String,
        /// When it begins to seal.
        from: Timestamp,
    },
    /// The key does not seal any more.
    #[error("the key `{id}` was retired: it seals only what happened before {until}")]
    KeyRetired {
        /// The key's id.
        id: String,
        /// When it was retired.
        until: Timestamp,
    },
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
    /// The window cannot be read.
    #[error(transparent)]
    Window(#[from] WindowError),
    /// A configured public key cannot be read.
    #[error(
        "the approval key `{id}` is not `KEY-ID=BASE64[;from=TIME][;until=TIME]` with an EC P-256 public key (SubjectPublicKeyInfo, DER): {why}"
    )]
    PublicKey {
        /// The entry's id, or the beginning of the entry.
        id: String,
        /// What was wrong.
        why: String,
    },
}

/// Something that an approval can be sealed for.
pub trait Sealable {
    /// Returns its full name as it stands in the canonical text: one text for one resource.
    fn sealed_name(&self) -> &str;
}

impl Sealable for KeyArn {
    fn sealed_name(&self) -> &str {
        self.as_str()
    }
}

impl Sealable for ResourceId {
    /// Azure compares ids without regard to case, so the lower case is sealed.
    fn sealed_name(&self) -> &str {
        self.canonical()
    }
}

/// A public key and when it seals.
#[derive(Debug, Clone)]
struct ApprovalKey {
    key: VerifyingKey,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

/// The public keys that seal approvals, by id. Several may hold at a time: to rotate, add the new one, then give the old one its end.
#[derive(Debug, Clone, Default)]
pub struct ApprovalKeys {
    keys: BTreeMap<String, ApprovalKey>,
}

impl ApprovalKeys {
    /// Reads `KEY-ID=BASE64[;from=TIME][;until=TIME]` entries separated by commas; BASE64 is the public key as `kms:GetPublicKey`
    /// returns it (`SubjectPublicKeyInfo`, DER). An empty text gives no keys, and then no seal verifies.
    ///
    /// # Errors
    /// Names the first entry that cannot be read.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        let mut keys = BTreeMap::new();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let error = |why: String| SealError::PublicKey { id: entry.chars().take(40).collect(), why };
            let (id, key) = entry.split_once('=').ok_or_else(|| error("there is no `=`".to_owned()))?;
            if !is_seal_key_id(id) {
                return Err(error("the id may hold 1 to 64 letters, digits, `-` and `_`".to_owned()));
            }
            let key = ApprovalKey::parse(key).map_err(error)?;
            if keys.insert(id.to_owned(), key).is_some() {
                return Err(error("the id is given twice".to_owned()));
            }
        }
        Ok(Self { keys })
    }

    /// Says whether no key is configured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Returns the ids, in order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }

    /// Returns the key of a seal, if it seals what happens at this time; a time that is not known is judged by the window alone.
    fn sealing(&self, id: &str, time: Option<Timestamp>) -> Result<&VerifyingKey, SealError> {
        let key = self.keys.get(id).ok_or_else(|| SealError::UnknownKey(id.to_owned()))?;
        match (key.from, key.until, time) {
            (Some(from), _, Some(time)) if time < from => Err(SealError::KeyTooYoung { id: id.to_owned(), from }),
            (_, Some(until), Some(time)) if time >= until => Err(SealError::KeyRetired { id: id.to_owned(), until }),
            (Some(_) | None, Some(_) | None, Some(_) | None) => Ok(&key.key),
        }
    }
}

impl ApprovalKey {
    fn parse(text: &str) -> Result<Self, String> {
        let mut parts = text.split(';').map(str::trim);
        let der = STANDARD.decode(parts.next().unwrap_or_default()).map_err(|source| source.to_string())?;
        let key = VerifyingKey::from_public_key_der(&der).map_err(|source| source.to_string())?;
        let (mut from, mut until) = (None, None);
        for part in parts {
            let (end, time) = match part.split_once('=') {
                Some(("from", time)) => (&mut from, time),
                Some(("until", time)) => (&mut until, time),
                Some(_) | None => return Err(format!("`{part}` is neither `from=TIME` nor `until=TIME`")),
            };
            let time: Timestamp = time.parse().map_err(|_| format!("`{time}` is no time such as `2027-01-01T00:00:00Z`"))?;
            if end.replace(time).is_some() {
                return Err(format!("`{part}` comes twice"));
            }
        }
        if from.zip(until).is_some_and(|(from, until)| from >= until) {
            return Err("`from` is not before `until`".to_owned());
        }
        Ok(Self { key, from, until })
    }
}

impl SealedApproval {
    /// Reads the approval out of a resource's tags. `None` where no approval tag is present at all.
    ///
    /// # Errors
    /// Names the tag that is missing where some are present.
    #[must_use]
    pub fn from_tags(tags: &Tags) -> Option<Result<Self, SealError>> {
        let names = [CHANGE_TAG, ACTION_TAG, WINDOW_TAG, APPROVER_TAG, SEAL_TAG];
        names.iter().any(|name| tags.contains_key(*name)).then(|| Self::read_tags(tags, APPROVER_TAG, SEAL_TAG))
    }

    /// Reads the second approver's word on the same change. `None` where there is no tag of it.
    ///
    /// # Errors
    /// Names the tag that is missing where some are present.
    #[must_use]
    pub fn co_approval_from_tags(tags: &Tags) -> Option<Result<Self, SealError>> {
        let is_there = tags.contains_key(CO_APPROVER_TAG) || tags.contains_key(CO_SEAL_TAG);
        is_there.then(|| Self::read_tags(tags, CO_APPROVER_TAG, CO_SEAL_TAG))
    }

    fn read_tags(tags: &Tags, approver: &'static str, seal: &'static str) -> Result<Self, SealError> {
        let tag = |name: &'static str| tags.get(name).cloned().ok_or(SealError::TagMissing(name));
        Ok(Self {
            change: tag(CHANGE_TAG)?,
            action: tag(ACTION_TAG)?,
            window: tag(WINDOW_TAG)?,
            approver: tag(approver)?,
            seal: tag(seal)?,
        })
    }

    /// Returns the text that is signed: seven lines, each ended by a line feed, values exactly as they are written on the resource.
    #[must_use]
    pub fn canonical_text(&self, resource: &str) -> String {
        let Self { change, action, window, approver, seal: _ } = self;
        format!(
            "reprieve-approval\nversion:{VERSION}\nresource:{resource}\naction:{action}\nwindow:{window}\nchange:{change}\napprover:{approver}\n"
        )
    }

    /// Writes a seal from the id of the signing key and the 64 bytes of an ES256 signature (`r || s`), in its one form: `s` in the
    /// lower half. A seal of bytes that are no signature verifies nowhere.
    #[must_use]
    pub fn seal_text(key_id: &str, signature: &[u8; SIGNATURE_BYTES]) -> String {
        let bytes: [u8; SIGNATURE_BYTES] =
            Signature::from_slice(signature).map_or(*signature, |signature| signature.normalize_s().to_bytes().into());
        format!("{VERSION}.{key_id}.{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Checks that the values can be sealed and read back as they are: a writer calls it before signing.
    ///
    /// # Errors
    /// Names the first value that cannot be sealed, and why.
    pub fn check_values(&self) -> Result<Window, SealError> {
        let values = [(CHANGE_TAG, &self.change), (ACTION_TAG, &self.action), (WINDOW_TAG, &self.window), (APPROVER_TAG, &self.approver)];
        for (name, value) in values {
            check_value(name, value)?;
        }
        Ok(Window::parse(&self.window)?)
    }

    /// Verifies the approval for this resource, whatever its action. A key seals what happens while it is valid: `time` is when that
    /// was, where it is known.
    ///
    /// # Errors
    /// Says why it does not hold; then it counts as none.
    pub fn verify(
        &self,
        resource: &impl Sealable,
        time: Option<Timestamp>,
        keys: &ApprovalKeys,
        source: ApprovalSource,
    ) -> Result<Approval, SealError> {
        let resource = resource.sealed_name();
        let window = self.check_values()?;
        let (key_id, signature) = parse_seal(&self.seal)?;
        let key = keys.sealing(key_id, time)?;
        key.verify(self.canonical_text(resource).as_bytes(), &signature).map_err(|_| SealError::Broken)?;
        Ok(Approval {
            change: self.change.clone(),
            approver: self.approver.clone(),
            approver_identities: identities_of_name(&self.approver),
            resource: resource.to_owned(),
            window_start: window.start,
            window_end: window.end,
            source,
            seal_key: Some(key_id.to_owned()),
            set_at: None,
            revoked: None,
        })
    }

    /// Verifies the approval for this resource and this action.
    ///
    /// # Errors
    /// As [`SealedApproval::verify`], and where it approves another action.
    pub fn verify_for(
        &self,
        action: &str,
        resource: &impl Sealable,
        time: Option<Timestamp>,
        keys: &ApprovalKeys,
        source: ApprovalSource,
    ) -> Result<Approval, SealError> {
        if self.action != action {
            check_value(ACTION_TAG, &self.action)?;
            return Err(SealError::OtherAction { approved: self.action.clone(), attempted: action.to_owned() });
        }
        self.verify(resource, time, keys, source)
    }
}

/// Two texts that look alike are alike: no homoglyphs, no hidden spaces.
pub(super) fn check_value(name: &'static str, value: &str) -> Result<(), SealError> {
    if value.is_empty() {
        return Err(SealError::Empty(name));
    }
    if value.chars().count() > VALUE_LIMIT {
        return Err(SealError::TooLong(name));
    }
    if value.chars().any(char::is_control) {
        return Err(SealError::ControlCharacter(name));
    }
    if let Some(character) = value.chars().find(|c| !c.is_ascii_alphanumeric() && !" .:+=@_/-".contains(*c)) {
        return Err(SealError::Character { name, character });
    }
    if value.starts_with(' ') || value.ends_with(' ') || value.contains("  ") {
        return Err(SealError::Space(name));
    }
    Ok(())
}

fn is_seal_key_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn parse_seal(seal: &str) -> Result<(&str, Signature), SealError> {
    // The ledger takes any text, and what is wrong with a seal is told to people.
    check_value(SEAL_TAG, seal)?;
    let form = || SealError::Form(seal.to_owned());
    let mut parts = seal.split('.');
    let (version, key_id, text) = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(version), Some(key_id), Some(text), None) if ![version, key_id, text].contains(&"") => (version, key_id, text),
        (Some(version), Some(_), _, _) if version != VERSION && version.starts_with('v') => {
            return Err(SealError::Version(version.chars().take(16).collect()));
        }
        _ => return Err(form()),
    };
    if version != VERSION {
        return Err(SealError::Version(version.chars().take(16).collect()));
    }
    if !is_seal_key_id(key_id) {
        return Err(form());
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| SealError::Encoding)?;
    if bytes.len() != SIGNATURE_BYTES {
        return Err(SealError::Length(bytes.len()));
    }
    let signature = Signature::from_slice(&bytes).map_err(|_| SealError::OutOfRange)?;
    // The same signature has two forms, `s` and `n - s`; one is enough, so that no seal can be changed and still hold.
    if signature.normalize_s() != signature {
        return Err(SealError::UpperHalf);
    }
    Ok((key_id, signature))
}

//! A draft becomes a seal by its signature; a seal is believed by it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use p256::ecdsa::Signature;
use p256::ecdsa::signature::Verifier as _;
use serde::{Deserialize, Serialize};

use super::error::SealError;
use super::hash::Hash;
use super::head::{ALGORITHM, Head, VERSION};
use super::keys::SealKeys;
use super::object::SealedObject;
use super::tree::Tree;
use crate::layout;

/// Where a seal stands in the chain of its archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Which archive this is.
    pub archive: String,
    /// The number of the seal.
    pub sequence: u64,
    /// The hash of the seal before it.
    pub previous: Option<Hash>,
    /// From when on it seals.
    pub from: Timestamp,
    /// Until when, exclusive.
    pub until: Timestamp,
}

impl Place {
    /// Returns the place of an archive's first seal.
    #[must_use]
    pub const fn first(archive: String, from: Timestamp, until: Timestamp) -> Self {
        Self { archive, sequence: 1, previous: None, from, until }
    }

    /// Returns the place after a seal.
    #[must_use]
    pub fn after(previous: &Seal, until: Timestamp) -> Self {
        Self {
            archive: previous.head.archive.clone(),
            sequence: previous.head.sequence.saturating_add(1),
            previous: Some(previous.hash()),
            from: previous.head.until,
            until,
        }
    }
}

/// A seal that is not signed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a draft seals nothing before it is signed"]
pub struct Draft {
    head: Head,
    objects: Vec<SealedObject>,
}

impl Draft {
    /// Drafts a seal over objects, in whatever order they come. Of objects with the same name, one stays.
    ///
    /// # Errors
    /// Where a time is no whole second, or the seal would end before it begins.
    pub fn new(
        place: Place,
        mut objects: Vec<SealedObject>,
        key_id: &str,
        key_sha256: Hash,
        sealed_at: Timestamp,
    ) -> Result<Self, SealError> {
        objects.sort_by(|one, other| one.name.cmp(&other.name));
        objects.dedup_by(|one, other| one.name == other.name);
        let Place { archive, sequence, previous, from, until } = place;
        let head = Head {
            version: VERSION.to_owned(),
            archive,
            sequence,
            from,
            until,
            sealed_at,
            object_count: objects.len() as u64,
            merkle_root: root(&objects),
            previous,
            key_id: key_id.to_owned(),
            key_sha256,
            algorithm: ALGORITHM.to_owned(),
        };
        head.check()?;
        Ok(Self { head, objects })
    }

    /// Returns what is to be signed.
    #[must_use]
    pub fn text(&self) -> String {
        self.head.text()
    }

    /// Makes the seal, from a signature in ASN.1 DER.
    ///
    /// # Errors
    /// Where the bytes are no signature on P-256. Whether it is one of this text, [`Seal::verify`] says.
    pub fn signed(self, der: &[u8]) -> Result<Seal, SealError> {
        let signature = Signature::from_der(der).map_err(|_| SealError::Signature("it is no DER sequence of two numbers of P-256"))?;
        let signature = URL_SAFE_NO_PAD.encode(signature.normalize_s().to_bytes());
        Ok(Seal { head: self.head, objects: self.objects, signature })
    }
}

/// A seal as it lies in the archive; nothing in it is believed before [`Seal::verify`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// What is signed.
    pub head: Head,
    /// The objects, in the order of their names' bytes.
    pub objects: Vec<SealedObject>,
    /// The signature of the head's text: 64 bytes, `r` and `s`, in base64url without padding, `s` in the lower half.
    pub signature: String,
}

impl Seal {
    /// Reads a seal.
    ///
    /// # Errors
    /// Where it is none, or not written byte for byte as [`Seal::to_bytes`] writes.
    pub fn parse(bytes: &[u8]) -> Result<Self, SealError> {
        let seal: Self =
            serde_json::from_slice(bytes).map_err(|source| unknown_version(bytes).unwrap_or(SealError::Form(source.to_string())))?;
        seal.head.check()?;
        if seal.to_bytes() != bytes {
            return Err(SealError::Bytes);
        }
        Ok(seal)
    }

    /// Writes it: JSON without spaces, and a line feed.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // It holds texts, numbers and lists alone, which are always written.
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Returns its name in the archive.
    #[must_use]
    pub fn name(&self) -> String {
        layout::seal(self.head.from)
    }

    /// Returns its hash, which the next seal names: over the text of its head and its signature.
    #[must_use]
    pub fn hash(&self) -> Hash {
        hash(&self.head, &self.signature)
    }

    /// Verifies the signature of its head.
    ///
    /// # Errors
    /// Where it is not by one of the keys.
    pub fn verify(&self, keys: &SealKeys) -> Result<(), SealError> {
        verify(&self.head, &self.signature, keys)
    }

    /// Compares its list of objects with its head.
    ///
    /// # Errors
    /// Where it is not the list that was sealed.
    pub fn check_list(&self) -> Result<(), SealError> {
        let (listed, sealed) = (self.objects.len() as u64, self.head.object_count);
        if listed != sealed {
            return Err(SealError::Count { listed, sealed });
        }
        if root(&self.objects) == self.head.merkle_root {
            // What was sealed in disorder was not sealed by us, but it was sealed.
            return Ok(());
        }
        let mut sorted = self.objects.clone();
        sorted.sort_by(|one, other| one.name.cmp(&other.name));
        Err(if root(&sorted) == self.head.merkle_root { SealError::Order } else { SealError::Root })
    }

    /// Finds an object in its list.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.objects.iter().position(|object| object.name == name)
    }
}

/// Hashes a head with its signature.
pub(super) fn hash(head: &Head, signature: &str) -> Hash {
    Hash::of(format!("{}signature:{signature}\n", head.text()).as_bytes())
}

/// Verifies the signature of a head.
pub(super) fn verify(head: &Head, signature: &str, keys: &SealKeys) -> Result<(), SealError> {
    let key =
        keys.key(&head.key_sha256).ok_or_else(|| SealError::UnknownKey { key_id: head.key_id.clone(), key_sha256: head.key_sha256 })?;
    let bytes = URL_SAFE_NO_PAD.decode(signature).map_err(|_| SealError::Signature("it is not base64url without padding"))?;
    let signature = Signature::from_slice(&bytes).map_err(|_| SealError::Signature("it is not two numbers of P-256, 32 bytes each"))?;
    // The same signature has two forms, `s` and `n - s`; one is enough, so that no seal can be changed and still hold.
    if signature.normalize_s() != signature {
        return Err(SealError::Signature("its `s` is in the upper half, and one signature has one form: the lower"));
    }
    key.verify(head.text().as_bytes(), &signature).map_err(|_| SealError::Broken)
}

fn root(objects: &[SealedObject]) -> Hash {
    Tree::of(objects.iter().map(SealedObject::text)).root()
}

/// Of a seal with fields that this release does not know, tells the version rather than the field.
fn unknown_version(bytes: &[u8]) -> Option<SealError> {
    #[derive(Deserialize)]
    struct Outline {
        head: Version,
    }
    #[derive(Deserialize)]
    struct Version {
        version: String,
    }
    let outline: Outline = serde_json::from_slice(bytes).ok()?;
    let version = outline.head.version;
    (version != VERSION).then(|| SealError::Version(version.chars().take(16).collect()))
}

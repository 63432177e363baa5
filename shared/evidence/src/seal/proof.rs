//! A proof: one record, or one object, was sealed. It needs the public key and nothing else, and shows no other record.

use serde::{Deserialize, Serialize};

use super::error::SealError;
use super::hash::Hash;
use super::head::{Head, VERSION};
use super::keys::SealKeys;
use super::object::{SealedObject, records};
use super::signed::{Seal, hash, verify};
use super::tree::{Tree, is_included};

/// What a proof says of itself.
const FORMAT: &str = "reprieve-proof";

/// A record, and its way up to the root of its object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvenRecord {
    /// The record, byte for byte: without the line feed that ends it in its object.
    pub text: String,
    /// Its place in the object, from 0.
    pub index: u64,
    /// The hashes beside its way to the root, from below.
    pub path: Vec<Hash>,
}

/// Everything it takes to show that a record was sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// `reprieve-proof`.
    pub format: String,
    /// The version of the format.
    pub version: String,
    /// The record; none where it is the object as a whole that is proved.
    pub record: Option<ProvenRecord>,
    /// What the seal says of the object.
    pub object: SealedObject,
    /// The object's place in the seal's list, from 0.
    pub object_index: u64,
    /// The hashes beside the object's way to the root of the seal, from below.
    pub object_path: Vec<Hash>,
    /// The head of the seal.
    pub head: Head,
    /// The seal's signature.
    pub signature: String,
}

/// What a proof proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven<'p> {
    /// The record, where it is of one.
    pub record: Option<&'p ProvenRecord>,
    /// The object.
    pub object: &'p SealedObject,
    /// The head of the seal, which says when it was written.
    pub head: &'p Head,
    /// The hash of the seal.
    pub seal_hash: Hash,
}

/// Says why there is no proof, or why it proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The bytes are no proof.
    #[error("it is no proof: {0}")]
    Form(String),
    /// It is of another version.
    #[error("it is a proof of version `{0}`, and this release knows `{VERSION}` alone")]
    Version(String),
    /// The seal does not hold.
    #[error("the seal in it does not hold: {0}")]
    Seal(#[from] SealError),
    /// The seal does not list the object.
    #[error("the seal does not list `{0}`")]
    NotListed(String),
    /// The object is not what was sealed.
    #[error("`{0}` is not what was sealed")]
    Changed(String),
    /// The object has no such record.
    #[error("`{name}` holds {count} records, and none with the number {number}")]
    NoRecord {
        /// The object.
        name: String,
        /// How many it holds.
        count: usize,
        /// The number that was asked for, from 1.
        number: u64,
    },
    /// The record is no text.
    #[error("record {number} of `{name}` is no UTF-8")]
    NoText {
        /// The object.
        name: String,
        /// Its number, from 1.
        number: u64,
    },
    /// The object is not in the seal.
    #[error("the object is not the one that was sealed: its path does not lead to the root in the signed head")]
    ObjectPath,
    /// The record is not in the object.
    #[error("the record is not the one that was sealed: its path does not lead to the root of its object")]
    RecordPath,
    /// The object has no records.
    #[error("the object was sealed without records, and the proof shows one")]
    WithoutRecords,
}

impl Proof {
    /// Proves a record of an object, by its index from 0; or the object as a whole. The seal's signature is for the caller to verify.
    ///
    /// # Errors
    /// Where the seal does not list the object, its list or the object is not what was sealed, or there is no such record.
    pub fn of(seal: &Seal, name: &str, bytes: &[u8], record: Option<u64>) -> Result<Self, ProofError> {
        seal.check_list()?;
        let position = seal.position(name).ok_or_else(|| ProofError::NotListed(name.to_owned()))?;
        let object = SealedObject::measure(name, bytes);
        if seal.objects.get(position) != Some(&object) {
            return Err(ProofError::Changed(name.to_owned()));
        }
        let object_index = position as u64;
        let object_path = Tree::of(seal.objects.iter().map(SealedObject::text)).path(object_index);
        Ok(Self {
            format: FORMAT.to_owned(),
            version: VERSION.to_owned(),
            record: record.map(|index| prove_record(name, bytes, index)).transpose()?,
            object,
            object_index,
            object_path: object_path.unwrap_or_default(),
            head: seal.head.clone(),
            signature: seal.signature.clone(),
        })
    }

    /// Reads a proof.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofError> {
        #[derive(Deserialize)]
        struct Outline {
            format: String,
            version: String,
        }
        let form = |source: serde_json::Error| ProofError::Form(source.to_string());
        let outline: Outline = serde_json::from_slice(bytes).map_err(form)?;
        if outline.format != FORMAT {
            let format: String = outline.format.chars().take(40).collect();
            return Err(ProofError::Form(format!("its format is `{format}`, not `{FORMAT}`")));
        }
        if outline.version != VERSION {
            return Err(ProofError::Version(outline.version.chars().take(16).collect()));
        }
        serde_json::from_slice(bytes).map_err(form)
    }

    /// Writes it, for people to read.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // It holds texts, numbers and lists alone, which are always written.
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Verifies it from the signature down to the record.
    ///
    /// # Errors
    /// Names the first step that does not hold.
    pub fn verify(&self, keys: &SealKeys) -> Result<Proven<'_>, ProofError> {
        let Self { head, object, signature, .. } = self;
        head.check()?;
        verify(head, signature, keys)?;
        let leaf = object.text();
        if !is_included(head.merkle_root, head.object_count, leaf.as_bytes(), self.object_index, &self.object_path) {
            return Err(ProofError::ObjectPath);
        }
        if let Some(ProvenRecord { text, index, path }) = &self.record {
            let root = object.records_root.ok_or(ProofError::WithoutRecords)?;
            if !is_included(root, object.records, text.as_bytes(), *index, path) {
                return Err(ProofError::RecordPath);
            }
        }
        Ok(Proven { record: self.record.as_ref(), object, head, seal_hash: hash(head, signature) })
    }
}

fn prove_record(name: &str, bytes: &[u8], index: u64) -> Result<ProvenRecord, ProofError> {
    let records = records(name, bytes);
    let number = index.saturating_add(1);
    let record = usize::try_from(index).ok().and_then(|position| records.get(position));
    let record = record.ok_or_else(|| ProofError::NoRecord { name: name.to_owned(), count: records.len(), number })?;
    let text = String::from_utf8(record.clone()).map_err(|_| ProofError::NoText { name: name.to_owned(), number })?;
    let path = Tree::of(&records).path(index).unwrap_or_default();
    Ok(ProvenRecord { text, index, path })
}

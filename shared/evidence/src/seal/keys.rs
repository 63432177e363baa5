//! The public keys that verify seals, by their fingerprints.

use std::collections::BTreeMap;

use p256::ecdsa::VerifyingKey;
use p256::pkcs8::{DecodePublicKey as _, EncodePublicKey as _};

use super::error::SealError;
use super::hash::Hash;

/// Public keys that are believed. Who rotated the key gives all that ever sealed.
#[derive(Debug, Clone, Default)]
pub struct SealKeys(BTreeMap<Hash, VerifyingKey>);

impl SealKeys {
    /// Reads the keys that sealed before, as PEM; none where there is no text.
    ///
    /// # Errors
    /// Where a key cannot be read.
    pub fn parse_former(pem: &str) -> Result<Self, SealError> {
        if pem.is_empty() { Ok(Self::default()) } else { Self::parse(pem) }
    }

    /// Reads one key or several, as PEM.
    ///
    /// # Errors
    /// Where a key cannot be read, or there is none.
    pub fn parse(pem: &str) -> Result<Self, SealError> {
        const END: &str = "-----END PUBLIC KEY-----";
        let mut keys = Self::default();
        let mut blocks = pem.split_inclusive(END).filter(|block| !block.trim().is_empty()).peekable();
        if blocks.peek().is_none() {
            return Err(SealError::PublicKey("it is empty".to_owned()));
        }
        for block in blocks {
            let key = VerifyingKey::from_public_key_pem(block.trim()).map_err(|source| SealError::PublicKey(source.to_string()))?;
            keys.0.insert(fingerprint(&key)?, key);
        }
        Ok(keys)
    }

    /// Adds keys.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Says whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the fingerprints: the SHA-256 of each key in DER.
    pub fn fingerprints(&self) -> impl Iterator<Item = Hash> {
        self.0.keys().copied()
    }

    /// Returns the key with this fingerprint.
    pub(super) fn key(&self, fingerprint: &Hash) -> Option<&VerifyingKey> {
        self.0.get(fingerprint)
    }
}

fn fingerprint(key: &VerifyingKey) -> Result<Hash, SealError> {
    let der = key.to_public_key_der().map_err(|source| SealError::PublicKey(source.to_string()))?;
    Ok(Hash::of(der.as_bytes()))
}

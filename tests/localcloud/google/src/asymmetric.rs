//! Keys that sign (`EC_SIGN_P256_SHA256`). They really do, and every answer has the checksums that Google's clients compare.
//!
//! Source: <https://docs.cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys.cryptoKeyVersions/asymmetricSign>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::{EncodePublicKey as _, LineEnding};
use serde_json::{Value, json};

use crate::state::{Refusal, State};

/// A digest of SHA-256, in bytes.
const DIGEST_BYTES: usize = 32;

/// Signs a digest.
pub(crate) fn sign(state: &State, version: &str, request: &Value) -> Result<Value, Refusal> {
    let invalid = |what: &str| Refusal(400, "INVALID_ARGUMENT", what.to_owned());
    let key = usable(state, version)?;
    let digest = request.pointer("/digest/sha256").and_then(Value::as_str).and_then(|text| STANDARD.decode(text).ok());
    let digest = digest.filter(|digest| digest.len() == DIGEST_BYTES).ok_or_else(|| invalid("The digest is not one of SHA-256."))?;
    let told = request.get("digestCrc32c").and_then(Value::as_str);
    if told.is_some_and(|told| told.parse() != Ok(crc32c(&digest))) {
        return Err(invalid("The checksum in field digest_crc32c did not match the data in field digest."));
    }
    let signature: Signature = key.sign_prehash(&digest).map_err(|_| invalid("The digest cannot be signed."))?;
    let der = signature.to_der();
    Ok(json!({
        "name": version,
        "signature": STANDARD.encode(der.as_bytes()),
        "signatureCrc32c": crc32c(der.as_bytes()).to_string(),
        "verifiedDigestCrc32c": told.is_some(),
        "protectionLevel": "SOFTWARE",
    }))
}

/// Returns the public half of a key.
pub(crate) fn public_key(state: &State, version: &str) -> Result<Value, Refusal> {
    let pem = pem(usable(state, version)?).ok_or_else(|| Refusal::not_found(version))?;
    Ok(json!({
        "name": version,
        "algorithm": "EC_SIGN_P256_SHA256",
        "pem": pem,
        "pemCrc32c": crc32c(pem.as_bytes()).to_string(),
        "protectionLevel": "SOFTWARE",
    }))
}

/// Writes the public half of a key as PEM.
pub(crate) fn pem(key: &SigningKey) -> Option<String> {
    key.verifying_key().to_public_key_pem(LineEnding::LF).ok()
}

/// Returns a key that may be used: one that signs, and is enabled.
fn usable<'s>(state: &'s State, version: &str) -> Result<&'s SigningKey, Refusal> {
    let word = state.versions.get(version).map(|version| version.state.as_str()).ok_or_else(|| Refusal::not_found(version))?;
    if word != "ENABLED" {
        return Err(Refusal(400, "FAILED_PRECONDITION", format!("{version} is not enabled, current state is: {word}.")));
    }
    let other_purpose = || Refusal(400, "INVALID_ARGUMENT", format!("The purpose of {version} is not ASYMMETRIC_SIGN."));
    state.signers.get(version).ok_or_else(other_purpose)
}

/// CRC-32C as RFC 3720 defines it: by its polynomial, over the bits of each byte from the lowest on.
fn crc32c(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x1EDC_6F41;
    let mut register = u32::MAX;
    for bit in bytes.iter().flat_map(|byte| (0..8).map(move |place| u32::from((byte >> place) & 1))) {
        let leaves = register >> 31;
        register <<= 1;
        if leaves != bit {
            register ^= POLYNOMIAL;
        }
    }
    !register.reverse_bits()
}

#[cfg(test)]
mod tests {
    /// The digests of RFC 3720, appendix B.4.
    #[test]
    fn the_checksum_is_the_one_of_the_document() {
        assert_eq!(super::crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(super::crc32c(&[0xff; 32]), 0x62A8_AB43);
    }
}

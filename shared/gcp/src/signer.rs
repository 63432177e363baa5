//! The key in Cloud KMS that signs seals. It signs; it never reads more of the key than its public half.
//!
//! What goes and what comes has a checksum beside it: what a fault on the way may have changed is not used. Sources:
//! <https://docs.cloud.google.com/kms/docs/data-integrity-guidelines>,
//! <https://docs.cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys.cryptoKeyVersions/asymmetricSign>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crc_fast::{CrcAlgorithm, checksum};
use http::Method;
use reprieve_core::google::GoogleName;
use reprieve_engine::{CallError, SealSigner};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::api::Api;
use crate::kms::url;

const SIGN: &str = "cloudkms:AsymmetricSign";
const READ_PUBLIC_KEY: &str = "cloudkms:GetPublicKey";

/// ECDSA on P-256 over SHA-256: what a seal is signed with.
const ALGORITHM: &str = "EC_SIGN_P256_SHA256";

/// Signs seals with one version of a key: of a key that signs, no version is the primary one.
#[derive(Debug, Clone)]
pub struct CloudKmsSealSigner {
    api: Api,
    version: GoogleName,
}

impl CloudKmsSealSigner {
    /// Makes the signer over this version.
    #[must_use]
    pub const fn new(api: Api, version: GoogleName) -> Self {
        Self { api, version }
    }
}

impl SealSigner for CloudKmsSealSigner {
    fn key_id(&self) -> &str {
        self.version.as_str()
    }

    async fn sign(&self, text: &[u8]) -> Result<Vec<u8>, CallError> {
        let digest = Sha256::digest(text).to_vec();
        let body = json!({"digest": {"sha256": STANDARD.encode(&digest)}, "digestCrc32c": crc32c(&digest).to_string()});
        let answer = self.api.send_json(SIGN, Method::POST, &format!("{}:asymmetricSign", url(&self.version)), &body).await?;
        signature_in(&answer, &self.version)
    }

    async fn public_key_pem(&self) -> Result<String, CallError> {
        let answer = self.api.read_json(READ_PUBLIC_KEY, &format!("{}/publicKey", url(&self.version))).await?;
        public_key_in(&answer, &self.version)
    }
}

/// Returns the signature, in DER.
fn signature_in(answer: &Value, version: &GoogleName) -> Result<Vec<u8>, CallError> {
    let unusable = |why: &str| unusable(SIGN, version, why);
    if text(answer, "name") != Some(version.as_str()) {
        return Err(unusable("another version is said to have signed"));
    }
    if answer.get("verifiedDigestCrc32c").and_then(Value::as_bool) != Some(true) {
        return Err(unusable("whether the digest arrived as it was sent is not said"));
    }
    let signature = text(answer, "signature").and_then(|text| STANDARD.decode(text).ok());
    let signature = signature.ok_or_else(|| unusable("there is no signature"))?;
    if has_checksum(answer, "signatureCrc32c", &signature) { Ok(signature) } else { Err(unusable("the signature is not what was sent")) }
}

/// Returns the public half, as PEM.
fn public_key_in(answer: &Value, version: &GoogleName) -> Result<String, CallError> {
    let unusable = |why: &str| unusable(READ_PUBLIC_KEY, version, why);
    let algorithm = text(answer, "algorithm").unwrap_or("unknown");
    if algorithm != ALGORITHM {
        let message = format!("`{version}` cannot sign seals: its algorithm is `{algorithm}`, and they take `{ALGORITHM}`");
        return Err(CallError::Rejected { call: READ_PUBLIC_KEY, message });
    }
    if text(answer, "name") != Some(version.as_str()) {
        return Err(unusable("it is the public key of another version"));
    }
    let pem = text(answer, "pem").ok_or_else(|| unusable("there is no public key"))?;
    if has_checksum(answer, "pemCrc32c", pem.as_bytes()) {
        Ok(pem.to_owned())
    } else {
        Err(unusable("the public key is not what was sent"))
    }
}

/// What a fault on the way may have changed is asked for again by the next run.
fn unusable(call: &'static str, version: &GoogleName, why: &str) -> CallError {
    CallError::Unavailable { call, message: format!("the answer about `{version}` cannot be used: {why}") }
}

fn text<'a>(answer: &'a Value, field: &str) -> Option<&'a str> {
    answer.get(field).and_then(Value::as_str)
}

/// Says whether these bytes have the checksum that the answer says; without one, they have none.
fn has_checksum(answer: &Value, field: &str, bytes: &[u8]) -> bool {
    text(answer, field).and_then(|digits| digits.parse().ok()) == Some(crc32c(bytes))
}

/// CRC-32C (Castagnoli), which its catalogue calls CRC-32/ISCSI.
fn crc32c(bytes: &[u8]) -> u64 {
    checksum(CrcAlgorithm::Crc32Iscsi, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version() -> GoogleName {
        GoogleName::parse("projects/security/locations/europe-west3/keyRings/reprieve/cryptoKeys/seal/cryptoKeyVersions/1").unwrap()
    }

    /// Returns an answer in which one field is another.
    fn altered(answer: &Value, field: &str, value: Value) -> Value {
        let mut altered = answer.clone();
        altered[field] = value;
        altered
    }

    /// The check value of the catalogue: <https://reveng.sourceforge.io/crc-catalogue/17plus.htm#crc.cat.crc-32-iscsi>
    #[test]
    fn the_checksum_is_crc_32c() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(crc32c(b""), 0);
    }

    #[test]
    fn a_signature_that_may_have_been_changed_on_the_way_is_not_used() {
        let answer = json!({
            "name": version().as_str(), "signature": STANDARD.encode(b"der"), "signatureCrc32c": crc32c(b"der").to_string(),
            "verifiedDigestCrc32c": true, "protectionLevel": "HSM",
        });
        assert_eq!(signature_in(&answer, &version()), Ok(b"der".to_vec()));
        for (field, value) in [
            ("name", json!(version().as_str().replace("/1", "/2"))),
            ("name", Value::Null),
            ("signature", json!(STANDARD.encode(b"dir"))),
            ("signature", json!("no base64")),
            ("signature", Value::Null),
            ("signatureCrc32c", json!("0")),
            ("signatureCrc32c", Value::Null),
            ("verifiedDigestCrc32c", json!(false)),
            ("verifiedDigestCrc32c", Value::Null),
        ] {
            let altered = altered(&answer, field, value);
            assert!(matches!(signature_in(&altered, &version()), Err(CallError::Unavailable { .. })), "{altered}");
        }
    }

    #[test]
    fn a_public_key_that_may_have_been_changed_or_signs_otherwise_is_not_used() {
        let answer = json!({
            "name": version().as_str(), "pem": "a key", "pemCrc32c": crc32c(b"a key").to_string(), "algorithm": "EC_SIGN_P256_SHA256",
        });
        assert_eq!(public_key_in(&answer, &version()).as_deref(), Ok("a key"));
        for (field, value) in [
            ("name", json!(version().as_str().replace("/1", "/2"))),
            ("pem", json!("another")),
            ("pem", Value::Null),
            ("pemCrc32c", Value::Null),
        ] {
            let altered = altered(&answer, field, value);
            assert!(matches!(public_key_in(&altered, &version()), Err(CallError::Unavailable { .. })), "{altered}");
        }
        let otherwise = public_key_in(&altered(&answer, "algorithm", json!("EC_SIGN_P384_SHA384")), &version()).unwrap_err().to_string();
        assert!(otherwise.contains("its algorithm is `EC_SIGN_P384_SHA384`"), "{otherwise}");
    }
}

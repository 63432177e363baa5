//! The key that seals approvals: its public half for the configuration, and the sealing itself.
//!
//! A seal is verified with the key's own public half before anybody gets to see it.

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{KeySpec, KeyUsageType, MessageType, SigningAlgorithmSpec};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use p256::ecdsa::Signature;
use reprieve_core::approval::{Approval, ApprovalKeys, ApprovalSource, SealedApproval};
use reprieve_core::{KeyArn, Region};

use crate::desk::Desk;
use crate::error::{DeskError, code_of, sorted};
use crate::key::KeyName;

/// A KMS key that can seal, and its public half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealingKey {
    /// The id that seals name: by default the KMS key's own.
    pub id: String,
    /// The key's ARN.
    pub arn: KeyArn,
    /// The public key in base64 (`SubjectPublicKeyInfo`, DER).
    pub public_key: String,
}

impl SealingKey {
    /// Returns the entry of `REPRIEVE_APPROVAL_KEYS`: `KEY-ID=BASE64[;from=TIME][;until=TIME]`.
    #[must_use]
    pub fn entry(&self, from: Option<Timestamp>, until: Option<Timestamp>) -> String {
        let from = from.map(|time| format!(";from={time}")).unwrap_or_default();
        let until = until.map(|time| format!(";until={time}")).unwrap_or_default();
        format!("{}={}{from}{until}", self.id, self.public_key)
    }

    /// Returns the key as it verifies, for the whole of time.
    ///
    /// # Errors
    /// When it is no EC P-256 key, or its id cannot stand in a seal.
    pub fn keys(&self) -> Result<ApprovalKeys, DeskError> {
        Ok(ApprovalKeys::parse(&self.entry(None, None))?)
    }
}

impl Desk {
    /// Reads the public half of an approval key. `id` is what seals are to call it; by default the KMS key's id.
    ///
    /// # Errors
    /// When there is no such key, it is of the wrong kind, or it cannot be read.
    pub async fn sealing_key(&self, name: &KeyName, id: Option<&str>) -> Result<SealingKey, DeskError> {
        let region = name.region();
        let answer = self.kms(region.as_ref())?.get_public_key().key_id(name.as_str()).send().await;
        let answer = answer.map_err(|error| match code_of(&error) {
            Some("NotFoundException" | "InvalidArnException") => {
                let place = region.map(|region: Region| region.to_string()).or_else(|| self.region()).unwrap_or_default();
                let message = error.as_service_error().map(ToString::to_string).unwrap_or_default();
                DeskError::NoSuchKey { name: name.to_string(), place, message }
            }
            Some("UnsupportedOperationException") => {
                DeskError::WrongKind { name: name.to_string(), spec: "symmetric".to_owned(), usage: "encryption".to_owned() }
            }
            Some(_) | None => sorted("kms:GetPublicKey")(error),
        })?;
        if answer.key_spec() != Some(&KeySpec::EccNistP256) || answer.key_usage() != Some(&KeyUsageType::SignVerify) {
            let spec = answer.key_spec().map_or("unknown", KeySpec::as_str).to_owned();
            let usage = answer.key_usage().map_or("unknown uses", KeyUsageType::as_str).to_owned();
            return Err(DeskError::WrongKind { name: name.to_string(), spec, usage });
        }
        let arn = KeyArn::parse(answer.key_id().unwrap_or_default())?;
        let public_key = STANDARD.encode(answer.public_key().map(Blob::as_ref).unwrap_or_default());
        let key = SealingKey { id: id.unwrap_or(arn.key_id()).to_owned(), arn, public_key };
        key.keys()?;
        Ok(key)
    }

    /// Seals the approval for the resource, and verifies the seal with the public key. The approval gets its seal; what it then is
    /// worth comes back.
    ///
    /// # Errors
    /// When a value cannot be sealed, KMS does not sign, or the seal does not verify. Then the approval has no seal.
    pub async fn seal(
        &self,
        key: &SealingKey,
        approval: &mut SealedApproval,
        resource: &KeyArn,
        source: ApprovalSource,
    ) -> Result<Approval, DeskError> {
        approval.check_values()?;
        approval.seal.clear();
        let sign = self.kms(Some(&key.arn.region()))?.sign().key_id(key.arn.as_str()).message_type(MessageType::Raw);
        let sign = sign.signing_algorithm(SigningAlgorithmSpec::EcdsaSha256);
        let answer = sign.message(Blob::new(approval.canonical_text(resource.as_str()))).send().await.map_err(sorted("kms:Sign"))?;
        let der = answer.signature().map(Blob::as_ref).unwrap_or_default();
        let signature = Signature::from_der(der).map_err(|_| DeskError::NoSignature)?;
        let sealed = SealedApproval { seal: SealedApproval::seal_text(&key.id, &signature.to_bytes().into()), ..approval.clone() };
        let verified = sealed.verify(resource, None, &key.keys()?, source).map_err(DeskError::SealDoesNotVerify)?;
        *approval = sealed;
        Ok(verified)
    }
}

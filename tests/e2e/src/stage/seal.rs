//! How approvers seal: an `ECC_NIST_P256` key in KMS that they alone sign with, and the tags that carry the approval.

use anyhow::{Context as _, Result, anyhow};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{KeySpec, KeyUsageType, MessageType, SigningAlgorithmSpec};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use p256::ecdsa::Signature;
use reprieve_core::approval::{ACTION_TAG, APPROVER_TAG, CHANGE_TAG, SEAL_TAG, SealedApproval, WINDOW_TAG};

use super::people::Person;

/// The name under which the guard knows the approval key.
const KEY_NAME: &str = "approvers";

/// The key that seals approvals.
#[derive(Debug, Clone)]
pub struct ApprovalKey {
    /// ARN of the key.
    pub arn: String,
    /// The template's parameter `ApprovalKeys`.
    pub parameter: String,
}

impl ApprovalKey {
    /// Makes the key and reads its public half.
    ///
    /// # Errors
    ///
    /// Fails when KMS does.
    pub async fn create(kms: &aws_sdk_kms::Client) -> Result<Self> {
        let made = kms.create_key().key_spec(KeySpec::EccNistP256).key_usage(KeyUsageType::SignVerify).description("seals approvals");
        let made = made.send().await.context("the approval key could not be made")?;
        let arn = made.key_metadata().and_then(|key| key.arn()).context("KMS made an approval key without an ARN")?.to_owned();
        let public = kms.get_public_key().key_id(&arn).send().await.context("the approval key has no public half")?;
        let der = public.public_key().context("KMS returned an empty public key")?;
        Ok(Self { parameter: format!("{KEY_NAME}={}", STANDARD.encode(der)), arn })
    }
}

/// Returns the window that opened so many hours from now and stays open for so many, as it is written in a tag.
#[must_use]
pub fn window(from_hours: i64, for_hours: i64) -> String {
    let start = Timestamp::now().saturating_add(SignedDuration::from_hours(from_hours)).unwrap_or(Timestamp::MIN);
    let end = start.saturating_add(SignedDuration::from_hours(for_hours)).unwrap_or(Timestamp::MAX);
    format!("{}/{}", start.strftime("%Y-%m-%dT%H:%M:%SZ"), end.strftime("%Y-%m-%dT%H:%M:%SZ"))
}

impl Person {
    /// Approves an action on a key inside a window, under this person's name, and returns the five tags that say so.
    ///
    /// # Errors
    ///
    /// Fails when KMS does not sign.
    pub async fn seal(
        &self,
        approval_key: &ApprovalKey,
        key: &str,
        change: &str,
        action: &str,
        window: &str,
    ) -> Result<Vec<(String, String)>> {
        let mut approval = SealedApproval {
            change: change.to_owned(),
            action: action.to_owned(),
            window: window.to_owned(),
            approver: self.name.to_owned(),
            seal: String::new(),
        };
        let signed = self
            .kms
            .sign()
            .key_id(&approval_key.arn)
            .message_type(MessageType::Raw)
            .signing_algorithm(SigningAlgorithmSpec::EcdsaSha256)
            .message(Blob::new(approval.canonical_text(key)))
            .send()
            .await
            .with_context(|| format!("{} cannot sign with the approval key", self.name))?;
        let der = signed.signature().context("KMS returned no signature")?;
        let signature = Signature::from_der(der.as_ref()).map_err(|error| anyhow!("KMS returned no ES256 signature: {error}"))?;
        approval.seal = SealedApproval::seal_text(KEY_NAME, &signature.to_bytes().into());
        let tags = [
            (CHANGE_TAG, approval.change),
            (ACTION_TAG, approval.action),
            (WINDOW_TAG, approval.window),
            (APPROVER_TAG, approval.approver),
            (SEAL_TAG, approval.seal),
        ];
        Ok(tags.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// Puts tags as [`Person::seal`] returns them on a key.
    ///
    /// # Errors
    ///
    /// Fails when KMS does.
    pub async fn attach(&self, key: &str, tags: &[(String, String)]) -> Result<()> {
        let tags: Vec<(&str, &str)> = tags.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.tag(key, &tags).await
    }
}

//! Signs seals with a KMS key that never leaves KMS: ECDSA on P-256 over SHA-256.

use aws_sdk_kms::Client;
use aws_sdk_kms::error::SdkError;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{KeyUsageType, MessageType, SigningAlgorithmSpec};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::SdkConfig;
use p256::PublicKey;
use p256::pkcs8::{DecodePublicKey as _, EncodePublicKey as _, LineEnding};
use reprieve_aws::{call_error, kind_of_kms_code};
use reprieve_engine::{CallError, SealSigner};
use sha2::{Digest as _, Sha256};

use crate::store::senseless;

const SIGN: &str = "kms:Sign";
const GET_PUBLIC_KEY: &str = "kms:GetPublicKey";

/// Signs with one KMS key.
#[derive(Debug, Clone)]
pub struct KmsSealSigner {
    client: Client,
    key_arn: String,
}

impl KmsSealSigner {
    /// Makes the signer over this key.
    #[must_use]
    pub fn new(config: &SdkConfig, key_arn: impl Into<String>) -> Self {
        Self::over(Client::new(config), key_arn)
    }

    fn over(client: Client, key_arn: impl Into<String>) -> Self {
        Self { client, key_arn: key_arn.into() }
    }
}

impl SealSigner for KmsSealSigner {
    fn key_id(&self) -> &str {
        &self.key_arn
    }

    /// The digest is sent, not the text: KMS takes 4,096 bytes of text and no more.
    async fn sign(&self, text: &[u8]) -> Result<Vec<u8>, CallError> {
        let request = self
            .client
            .sign()
            .key_id(&self.key_arn)
            .message(Blob::new(Sha256::digest(text).to_vec()))
            .message_type(MessageType::Digest)
            .signing_algorithm(SigningAlgorithmSpec::EcdsaSha256);
        let answer = request.send().await.map_err(|error| sorted(SIGN, &error))?;
        let signature = answer.signature.ok_or_else(|| senseless(SIGN, "the answer has no `Signature`"))?;
        Ok(signature.into_inner())
    }

    async fn public_key_pem(&self) -> Result<String, CallError> {
        let answer = self.client.get_public_key().key_id(&self.key_arn).send().await;
        let answer = answer.map_err(|error| sorted(GET_PUBLIC_KEY, &error))?;
        if answer.key_usage() != Some(&KeyUsageType::SignVerify) {
            return Err(senseless(GET_PUBLIC_KEY, &format!("`{}` is no key that signs", self.key_arn)));
        }
        let der = answer.public_key().ok_or_else(|| senseless(GET_PUBLIC_KEY, "the answer has no `PublicKey`"))?;
        let key = PublicKey::from_public_key_der(der.as_ref());
        let key = key.map_err(|error| senseless(GET_PUBLIC_KEY, &format!("`{}` is no key of P-256: {error}", self.key_arn)))?;
        key.to_public_key_pem(LineEnding::LF).map_err(|error| senseless(GET_PUBLIC_KEY, &error.to_string()))
    }
}

fn sorted<E>(call: &'static str, error: &SdkError<E, HttpResponse>) -> CallError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    call_error(call, error, kind_of_kms_code)
}

#[cfg(test)]
#[path = "signer_tests.rs"]
mod tests;

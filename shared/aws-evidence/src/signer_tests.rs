//! The signer against scripted answers: what is signed, and that the key is what a verifier can use.

use aws_sdk_kms::operation::get_public_key::GetPublicKeyOutput;
use aws_sdk_kms::operation::sign::{SignError, SignOutput};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_types::error::ErrorMetadata;
use p256::ecdsa::SigningKey;
use p256::elliptic_curve::Generate as _;

use super::*;

const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/0f1e2d3c-12ab-34cd-56ef-1234567890ab";

fn signer(rule: &Rule) -> KmsSealSigner {
    KmsSealSigner::over(mock_client!(aws_sdk_kms, RuleMode::Sequential, [rule]), KEY)
}

#[tokio::test]
async fn the_digest_is_signed_with_the_one_algorithm() {
    let text = vec![b'x'; 5_000]; // more than KMS takes as text
    let digest = Sha256::digest(&text).to_vec();
    let rule = mock!(Client::sign)
        .match_requests(move |request| {
            request.key_id() == Some(KEY)
                && request.message().is_some_and(|message| message.as_ref() == digest)
                && request.message_type() == Some(&MessageType::Digest)
                && request.signing_algorithm() == Some(&SigningAlgorithmSpec::EcdsaSha256)
        })
        .then_output(|| SignOutput::builder().signature(Blob::new(b"der".to_vec())).build());
    let signer = signer(&rule);
    assert_eq!(signer.sign(&text).await, Ok(b"der".to_vec()));
    assert_eq!(signer.key_id(), KEY);
}

#[tokio::test]
async fn a_refusal_to_sign_is_sorted() {
    for (code, expected) in [
        ("KMSInvalidStateException", "state does not allow it"),
        ("AccessDeniedException", "access denied"),
        ("ThrottlingException", "throttled"),
    ] {
        let rule = mock!(Client::sign).then_error(move || SignError::generic(ErrorMetadata::builder().code(code).message("words").build()));
        let error = signer(&rule).sign(b"text").await.unwrap_err();
        assert!(error.to_string().contains(expected), "{code}: {error}");
    }
}

fn public_key(der: Vec<u8>, usage: KeyUsageType) -> Rule {
    mock!(Client::get_public_key)
        .match_requests(|request| request.key_id() == Some(KEY))
        .then_output(move || GetPublicKeyOutput::builder().public_key(Blob::new(der.clone())).key_usage(usage.clone()).build())
}

#[tokio::test]
async fn the_public_key_is_given_as_pem() {
    let key = PublicKey::from(SigningKey::generate().verifying_key());
    let der = key.to_public_key_der().unwrap().to_vec();
    let pem = signer(&public_key(der, KeyUsageType::SignVerify)).public_key_pem().await.unwrap();
    assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\n"), "{pem}");
    assert_eq!(PublicKey::from_public_key_pem(&pem).unwrap(), key);
}

#[tokio::test]
async fn a_key_that_cannot_seal_is_refused_with_its_name() {
    let key = PublicKey::from(SigningKey::generate().verifying_key());
    let der = key.to_public_key_der().unwrap().to_vec();
    let other_use = signer(&public_key(der, KeyUsageType::KeyAgreement)).public_key_pem().await.unwrap_err();
    assert!(other_use.to_string().contains(&format!("`{KEY}` is no key that signs")), "{other_use}");
    let other_curve = signer(&public_key(b"no key".to_vec(), KeyUsageType::SignVerify)).public_key_pem().await.unwrap_err();
    assert!(other_curve.to_string().contains(&format!("`{KEY}` is no key of P-256")), "{other_curve}");
}

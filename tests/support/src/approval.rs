//! Sealed approvals with a real ES256 signature, by a key that exists for tests alone.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;
use reprieve_core::approval::{
    ACTION_TAG, APPROVER_TAG, CHANGE_TAG, CO_APPROVER_TAG, CO_SEAL_TAG, SEAL_TAG, Sealable, SealedApproval, WINDOW_TAG,
};
use reprieve_core::facts::Tags;
use reprieve_core::{ApprovalKeys, KeyArn};

/// The id of the approval key of the tests.
pub const KEY_ID: &str = "test-2026";

/// The id of the second approval key of the tests, of another group of approvers.
pub const SECURITY_KEY_ID: &str = "security-2026";

/// The secrets of the approval keys of the tests; never those of a deployment.
const SECRET: [u8; 32] = [7; 32];
const SECURITY_SECRET: [u8; 32] = [9; 32];

fn signing_key(secret: [u8; 32]) -> SigningKey {
    SigningKey::from_slice(&secret).expect("the secret lies within the curve's order")
}

/// Returns the public keys as the configuration writes them.
#[must_use]
pub fn approval_keys_text() -> String {
    [(KEY_ID, SECRET), (SECURITY_KEY_ID, SECURITY_SECRET)].map(|(id, secret)| format!("{id}={}", public_key_text(secret))).join(",")
}

fn public_key_text(secret: [u8; 32]) -> String {
    let key = *signing_key(secret).verifying_key();
    let der = key.to_public_key_der().expect("a public key has a DER form");
    STANDARD.encode(der.as_bytes())
}

/// Returns the first approval key of the tests alone, as the configuration writes it, with a validity such as `;until=TIME`.
#[must_use]
pub fn approval_key_text_with(validity: &str) -> String {
    format!("{KEY_ID}={}{validity}", public_key_text(SECRET))
}

/// Returns the public keys that verify what [`sealed_approval`] seals.
#[must_use]
pub fn approval_keys() -> ApprovalKeys {
    static KEYS: OnceLock<ApprovalKeys> = OnceLock::new();
    KEYS.get_or_init(|| ApprovalKeys::parse(&approval_keys_text()).expect("the text was made by this module")).clone()
}

/// What is approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The change id.
    pub change: String,
    /// The action, as `Threat::action` names it.
    pub action: String,
    /// The window, an ISO 8601 interval.
    pub window: String,
    /// Who approves.
    pub approver: String,
}

impl Default for Terms {
    /// The deletion of a key, on the day of the tests, approved by somebody who does nothing else in them.
    fn default() -> Self {
        Self {
            change: "CHG-1001".to_owned(),
            action: "delete".to_owned(),
            window: "2026-11-20T09:00:00Z/2026-11-20T17:00:00Z".to_owned(),
            approver: "carol@example.com".to_owned(),
        }
    }
}

impl Terms {
    /// Returns the terms for another action.
    #[must_use]
    pub fn of_action(action: &str) -> Self {
        Self { action: action.to_owned(), ..Self::default() }
    }

    /// Returns the terms as another approver's.
    #[must_use]
    pub fn of_approver(approver: &str) -> Self {
        Self { approver: approver.to_owned(), ..Self::default() }
    }
}

/// Seals an approval for this key.
#[must_use]
pub fn sealed_approval(key: &KeyArn, terms: &Terms) -> SealedApproval {
    sealed_with(KEY_ID, SECRET, key, terms)
}

/// Seals an approval for this resource: in Azure by its id, in Google Cloud by its name.
#[must_use]
pub fn sealed_for(resource: &impl Sealable, terms: &Terms) -> SealedApproval {
    sealed_with(KEY_ID, SECRET, resource, terms)
}

/// Seals an approval for this resource, with the approval key of the second group of approvers.
#[must_use]
pub fn sealed_by_security(resource: &impl Sealable, terms: &Terms) -> SealedApproval {
    sealed_with(SECURITY_KEY_ID, SECURITY_SECRET, resource, terms)
}

/// Seals an approval with a key of the attacker's own, under the id of an approval key.
#[must_use]
pub fn sealed_by_attacker(key: &KeyArn, terms: &Terms) -> SealedApproval {
    sealed_with(KEY_ID, [13; 32], key, terms)
}

fn sealed_with(key_id: &str, secret: [u8; 32], resource: &impl Sealable, terms: &Terms) -> SealedApproval {
    let Terms { change, action, window, approver } = terms.clone();
    let mut approval = SealedApproval { change, action, window, approver, seal: String::new() };
    let signature: Signature = signing_key(secret).sign(approval.canonical_text(resource.sealed_name()).as_bytes());
    approval.seal = SealedApproval::seal_text(key_id, &signature.to_bytes().into());
    approval
}

/// Returns the tags that carry a second approver's word on the same change.
#[must_use]
pub fn co_approval_tags(approval: &SealedApproval) -> Tags {
    let values = [(CO_APPROVER_TAG, &approval.approver), (CO_SEAL_TAG, &approval.seal)];
    values.into_iter().map(|(name, value)| (name.to_owned(), value.clone())).collect()
}

/// Returns the tags that carry an approval without a seal.
#[must_use]
pub fn plain_tags(terms: &Terms) -> Tags {
    let values = [(CHANGE_TAG, &terms.change), (ACTION_TAG, &terms.action), (WINDOW_TAG, &terms.window)];
    values.into_iter().map(|(name, value)| (name.to_owned(), value.clone())).collect()
}

/// Returns the tags that carry an approval.
#[must_use]
pub fn approval_tags(approval: &SealedApproval) -> Tags {
    let SealedApproval { change, action, window, approver, seal } = approval;
    let values = [(CHANGE_TAG, change), (ACTION_TAG, action), (WINDOW_TAG, window), (APPROVER_TAG, approver), (SEAL_TAG, seal)];
    values.into_iter().map(|(name, value)| (name.to_owned(), value.clone())).collect()
}

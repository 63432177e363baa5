//! Sealed approvals with a real ES256 signature, by a key that exists for tests alone.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;
use reprieve_core::approval::{ACTION_TAG, APPROVER_TAG, CHANGE_TAG, SEAL_TAG, SealedApproval, WINDOW_TAG};
use reprieve_core::facts::Tags;
use reprieve_core::{ApprovalKeys, KeyArn};

/// The id of the approval key of the tests.
pub const KEY_ID: &str = "test-2026";

/// The secret of the approval key of the tests; never one of a deployment.
const SECRET: [u8; 32] = [7; 32];

fn signing_key() -> SigningKey {
    SigningKey::from_slice(&SECRET).expect("the secret lies within the curve's order")
}

/// Returns the public key as the configuration writes it.
#[must_use]
pub fn approval_keys_text() -> String {
    let key = *signing_key().verifying_key();
    let der = key.to_public_key_der().expect("a public key has a DER form");
    format!("{KEY_ID}={}", STANDARD.encode(der.as_bytes()))
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
    let Terms { change, action, window, approver } = terms.clone();
    let mut approval = SealedApproval { change, action, window, approver, seal: String::new() };
    let signature: Signature = signing_key().sign(approval.canonical_text(key.as_str()).as_bytes());
    approval.seal = SealedApproval::seal_text(KEY_ID, &signature.to_bytes().into());
    approval
}

/// Returns the tags that carry an approval.
#[must_use]
pub fn approval_tags(approval: &SealedApproval) -> Tags {
    let SealedApproval { change, action, window, approver, seal } = approval;
    let values = [(CHANGE_TAG, change), (ACTION_TAG, action), (WINDOW_TAG, window), (APPROVER_TAG, approver), (SEAL_TAG, seal)];
    values.into_iter().map(|(name, value)| (name.to_owned(), value.clone())).collect()
}

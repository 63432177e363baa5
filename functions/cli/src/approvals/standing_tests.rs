//! How approvals stand, with real signatures.

use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;
use reprieve_aws_desk::KeyFile;
use reprieve_core::approval::{CO_APPROVER_TAG, SEAL_TAG};
use reprieve_core::{KeyArn, KeyState};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

fn signer() -> SigningKey {
    SigningKey::from_slice(&[7; 32]).unwrap()
}

fn arn() -> KeyArn {
    KeyArn::parse("arn:aws:kms:eu-central-1:111122223333:key/1234abcd").unwrap()
}

fn sealed(window: &str) -> SealedApproval {
    let mut approval = SealedApproval {
        change: "CHG-1".to_owned(),
        action: "delete".to_owned(),
        window: window.to_owned(),
        approver: "carol@example.com".to_owned(),
        seal: String::new(),
    };
    let signature: Signature = signer().sign(approval.canonical_text(arn().as_str()).as_bytes());
    approval.seal = SealedApproval::seal_text("risk", &signature.to_bytes().into());
    approval
}

fn public_keys(id: &str, are_all: bool) -> PublicKeys {
    let der = signer().verifying_key().to_public_key_der().unwrap();
    PublicKeys { keys: ApprovalKeys::parse(&format!("{id}={}", STANDARD.encode(der.as_bytes()))).unwrap(), are_all }
}

fn tags(approval: &SealedApproval) -> Vec<(&'static str, &str)> {
    let SealedApproval { change, action, window, approver, seal } = approval;
    vec![(CHANGE_TAG, change), (ACTION_TAG, action), (WINDOW_TAG, window), (APPROVER_TAG, approver), (SEAL_TAG, seal)]
}

fn key(tags: &[(&'static str, &str)]) -> KeyFile {
    KeyFile {
        arn: arn(),
        state: KeyState::Enabled,
        deletion_date: None,
        aws_managed: false,
        tags: tags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        aliases: vec!["alias/payments".to_owned()],
    }
}

fn standings(tags: &[(&'static str, &str)], known: Option<&Written>, keys: &PublicKeys) -> Vec<(State, String)> {
    let now = "2026-12-01T22:00:00Z".parse().unwrap();
    let standings = of(Approvable::Key(&key(tags)), known, keys, now);
    standings.into_iter().map(|standing| (standing.state, standing.why.or(standing.when).unwrap_or_default())).collect()
}

const OPEN: &str = "2026-12-01T21:00:00Z/2026-12-01T23:00:00Z";

#[test]
fn a_sealed_approval_stands_as_its_window_does() {
    for (window, state, when) in [
        (OPEN, State::ValidNow, "closes in 60 minutes"),
        ("2026-12-02T21:00:00Z/2026-12-02T23:00:00Z", State::Opens, "opens in 23 hours"),
        ("2026-11-20T21:00:00Z/2026-12-01T22:00:00Z", State::Expired, "closed less than a minute ago"),
    ] {
        let approval = sealed(window);
        assert_eq!(standings(&tags(&approval), None, &public_keys("risk", true)), [(state, when.to_owned())]);
    }
}

#[test]
fn what_is_no_approval_says_why() {
    let approval = sealed(OPEN);
    let changed = SealedApproval { change: "CHG-2".to_owned(), ..approval.clone() };
    let keys = public_keys("risk", true);
    for (what, tags, state, why) in [
        ("a changed value", tags(&changed), State::Invalid, "does not belong to these values"),
        ("a missing tag", tags(&approval).split_off(1), State::Invalid, "the tag `reprieve:change` is missing"),
        ("no seal", tags(&approval).into_iter().take(4).collect(), State::Unsealed, "no seal: it counts only where CloudTrail"),
        ("half a second approval", vec![(CO_APPROVER_TAG, "dave")], State::Invalid, "is missing"),
    ] {
        let found = standings(&tags, None, &keys);
        let [(found, said)] = found.as_slice() else { panic!("{what}: {found:?}") };
        assert!(*found == state && said.contains(why), "{what}: {found:?} {said}");
    }
}

#[test]
fn a_seal_of_an_unknown_key_is_invalid_only_where_all_keys_are_known() {
    let approval = sealed(OPEN);
    for (keys, state) in [(public_keys("security", true), State::Invalid), (public_keys("security", false), State::Unverified)] {
        assert_eq!(standings(&tags(&approval), None, &keys).first().map(|(state, _)| *state), Some(state));
    }
}

#[test]
fn a_revocation_in_the_ledger_reaches_the_tags_and_the_ledger() {
    let approval = sealed(OPEN);
    let revocation = Revocation {
        change: "CHG-1".to_owned(),
        by: "dave".to_owned(),
        at: "2026-11-30T12:00:00Z".parse().unwrap(),
        reason: Some("in use".to_owned()),
    };
    let known = Written { approvals: vec![approval.clone()], revocations: vec![revocation] };
    let revoked = (State::Revoked, "revoked by dave at 2026-11-30 12:00 UTC: in use".to_owned());
    assert_eq!(standings(&tags(&approval), Some(&known), &public_keys("risk", true)), [revoked.clone(), revoked]);
}

#[test]
fn a_key_without_approvals_has_none() {
    assert_eq!(standings(&[("owner", "payments")], Some(&Written::default()), &public_keys("risk", true)), []);
}

//! What the shipped policies and the user's say of an approval that is not given yet.

use reprieve_aws_desk::KeyFile;
use reprieve_core::policy::PolicyFile;
use reprieve_core::{KeyArn, KeyState};

use super::*;

/// A signature of the right form.
const SEAL: &str = "v1.risk.uEbne1f6I281gWnfr5yVvmXYkUqFTZPMBy18b6tINKJRlDLTCzzo_fmJ8u_6e81v-IIH_kMuqooecuB2WWaaHA";

fn key(tags: &[(&str, &str)]) -> KeyFile {
    KeyFile {
        arn: KeyArn::parse("arn:aws:kms:eu-central-1:111122223333:key/1234abcd").unwrap(),
        state: KeyState::Enabled,
        deletion_date: None,
        aws_managed: false,
        tags: tags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        aliases: Vec::new(),
    }
}

fn approval(window: &str) -> SealedApproval {
    SealedApproval {
        change: "CHG-1".to_owned(),
        action: "delete".to_owned(),
        window: window.to_owned(),
        approver: "carol@example.com".to_owned(),
        seal: String::new(),
    }
}

const TWO_HOURS: &str = "2026-12-01T21:00:00Z/2026-12-01T23:00:00Z";

fn foreseen(policy: &Policy, key: &KeyFile, window: &str, approvers: u32) -> Result<Foresight, String> {
    let expected = to_be(&approval(window), Approvable::Key(key), "security", ApprovalSource::SealedTags).unwrap();
    foresee(policy, Approvable::Key(key), "delete", &expected, approvers, expected.window_start).map_err(|error| error.to_string())
}

#[test]
fn an_approval_of_an_ordinary_key_passes() {
    assert_eq!(foreseen(&Policy::shipped(), &key(&[]), TWO_HOURS, 1), Ok(Foresight::Passes));
}

#[test]
fn a_window_longer_than_policy_allows_is_refused_in_the_words_of_the_policy() {
    let error = foreseen(&Policy::shipped(), &key(&[]), "2026-12-01T00:00:00Z/2026-12-15T00:00:01Z", 1).unwrap_err();
    assert!(error.contains("window-is-not-too-long") && error.contains("longer than 14 days"), "{error}");
}

#[test]
fn a_production_key_needs_others_until_they_approved() {
    let prod = key(&[("env", "prod")]);
    let Ok(Foresight::NeedsOthers(why)) = foreseen(&Policy::shipped(), &prod, TWO_HOURS, 1) else { panic!("one suffices") };
    assert!(why.contains("two-approvers-for-prod"), "{why}");
    assert_eq!(foreseen(&Policy::shipped(), &prod, TWO_HOURS, 2), Ok(Foresight::Passes));
}

#[test]
fn a_policy_of_the_users_refuses_too() {
    let text = r#"@id("no-payments") @because("payments keys are never deleted")
        forbid (principal, action == Reprieve::Action::"delete", resource)
        when { resource.hasTag("owner") && resource.getTag("owner") == "payments" };"#;
    let policy = Policy::with_user_policies(&[PolicyFile { name: "own.cedar".to_owned(), text: text.to_owned() }]).unwrap();
    let error = foreseen(&policy, &key(&[("owner", "payments")]), TWO_HOURS, 1).unwrap_err();
    assert!(error.contains("no-payments") && error.contains("never deleted"), "{error}");
}

#[test]
fn others_count_where_they_differ_in_person_and_approval_key() {
    let bare = key(&[]);
    let own = to_be(&approval(TWO_HOURS), Approvable::Key(&bare), "security", ApprovalSource::SealedTags).unwrap();
    let at = own.window_start;
    let other = |approver: &str, seal: &str| SealedApproval { approver: approver.to_owned(), seal: seal.to_owned(), ..approval(TWO_HOURS) };
    let same_key = SEAL.replace("v1.risk", "v1.security");
    let keys = ApprovalKeys::default();
    for (what, other, counts) in [
        ("somebody else, another key", other("dave", SEAL), true),
        ("the same person", other("CAROL@example.com", SEAL), false),
        ("the same key", other("dave", &same_key), false),
        ("no seal", other("dave", ""), false),
        ("another action", SealedApproval { action: "disable".to_owned(), ..other("dave", SEAL) }, false),
        ("another day", SealedApproval { window: TWO_HOURS.replace("-01T", "-02T"), ..other("dave", SEAL) }, false),
    ] {
        let known = Written { approvals: vec![other], revocations: Vec::new() };
        assert_eq!(others_approved(Approvable::Key(&bare), Some(&known), "delete", &own, &keys, at), counts, "{what}");
    }
}

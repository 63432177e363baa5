//! What the shipped policies and the user's say of an approval that is not given yet.

use reprieve_aws_desk::KeyFile;
use reprieve_core::approval::{ACTION_TAG, APPROVER_TAG, CHANGE_TAG, CO_APPROVER_TAG, CO_SEAL_TAG, SEAL_TAG, WINDOW_TAG};
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
    let third_key = SEAL.replace("v1.risk", "v1.board");
    for (what, others, approvers) in [
        ("nobody else", Vec::new(), 1),
        ("somebody else, another key", vec![other("dave", SEAL)], 2),
        ("two of them", vec![other("dave", SEAL), other("erin", &third_key)], 3),
        ("two of them under one key", vec![other("dave", SEAL), other("erin", SEAL)], 2),
        ("the same person", vec![other("CAROL@example.com", SEAL)], 1),
        ("the same key", vec![other("dave", &same_key)], 1),
        ("no seal", vec![other("dave", "")], 1),
        ("another action", vec![SealedApproval { action: "disable".to_owned(), ..other("dave", SEAL) }], 1),
        ("another day", vec![SealedApproval { window: TWO_HOURS.replace("-01T", "-02T"), ..other("dave", SEAL) }], 1),
    ] {
        let known = Written { approvals: others, revocations: Vec::new() };
        let together = together(Approvable::Key(&bare), Vec::new(), Some(&known), "delete", &own, &keys, at);
        assert_eq!(together, Together { approvers, untold: None }, "{what}");
    }
}

#[test]
fn who_may_be_the_approver_under_a_name_of_another_kind_does_not_count() {
    const ROLE: &str = "arn:aws:iam::111122223333:role/Risk";
    let bare = key(&[]);
    let own = to_be(&approval(TWO_HOURS), Approvable::Key(&bare), "security", ApprovalSource::SealedTags).unwrap();
    let by = |approver: &str| SealedApproval { approver: approver.to_owned(), seal: SEAL.to_owned(), ..approval(TWO_HOURS) };
    for (others, approvers) in
        [(vec![ROLE], 1), (vec![ROLE, "carol@example.com"], 1), (vec![ROLE, "dave@example.com"], 2), (vec!["dave@example.com", ROLE], 2)]
    {
        let known = Written { approvals: others.iter().map(|approver| by(approver)).collect(), revocations: Vec::new() };
        let keys = ApprovalKeys::default();
        let together = together(Approvable::Key(&bare), Vec::new(), Some(&known), "delete", &own, &keys, own.window_start);
        assert_eq!(together, Together { approvers, untold: Some(ROLE.to_owned()) }, "{others:?}");
    }
}

/// It overlaps with the two hours, and is another window.
const FIRST_HOUR: &str = "2026-12-01T21:00:00Z/2026-12-01T22:00:00Z";

/// A key in production, approved by Carol.
const BY_CAROL: [(&str, &str); 6] = [
    ("env", "prod"),
    (CHANGE_TAG, "CHG-1"),
    (ACTION_TAG, "delete"),
    (WINDOW_TAG, TWO_HOURS),
    (APPROVER_TAG, "carol@example.com"),
    (SEAL_TAG, SEAL),
];

fn planned(key: &KeyFile, approval: &SealedApproval, seal_key: &str) -> TagPlan {
    TagPlan::of(&key.tags, approval, seal_key, &Approvable::Key(key), &ApprovalKeys::default())
}

#[test]
fn an_approval_that_the_new_one_replaces_does_not_count() {
    let key = key(&BY_CAROL);
    let resource = Approvable::Key(&key);
    let foreseen = |window: &str| {
        let erins = SealedApproval { approver: "erin@example.com".to_owned(), ..approval(window) };
        let left = left_on_resource(resource.tags(), Some(&planned(&key, &erins, "security")));
        let own = to_be(&erins, resource, "security", ApprovalSource::SealedTags).unwrap();
        let Together { approvers, .. } = together(resource, left, None, "delete", &own, &ApprovalKeys::default(), own.window_start);
        foresee(&Policy::shipped(), resource, "delete", &own, approvers, own.window_start).unwrap()
    };
    assert_eq!(foreseen(TWO_HOURS), Foresight::Passes, "beside Carol's");
    let Foresight::NeedsOthers(why) = foreseen(FIRST_HOUR) else { panic!("Carol's approval is gone then") };
    assert!(why.contains("two-approvers-for-prod"), "{why}");
}

#[test]
fn what_is_left_on_the_resource_is_what_the_plan_does_not_touch() {
    let by_dave_too = [(CO_APPROVER_TAG, "dave@example.com"), (CO_SEAL_TAG, SEAL)];
    let key = key(&[BY_CAROL.as_slice(), &by_dave_too].concat());
    let by = |approver: &str, window: &str| SealedApproval { approver: approver.to_owned(), ..approval(window) };
    let another_change = SealedApproval { change: "CHG-2".to_owned(), ..by("erin@example.com", TWO_HOURS) };
    for (what, plan, left) in [
        ("late, into the ledger", None, vec!["carol@example.com", "dave@example.com"]),
        ("beside the first", Some(planned(&key, &by("erin@example.com", TWO_HOURS), "security")), vec!["carol@example.com"]),
        ("the first again", Some(planned(&key, &by("carol@example.com", TWO_HOURS), "risk")), vec!["dave@example.com"]),
        ("another window", Some(planned(&key, &by("erin@example.com", FIRST_HOUR), "security")), vec![]),
        ("another change", Some(planned(&key, &another_change, "security")), vec![]),
    ] {
        let approvals = left_on_resource(&key.tags, plan.as_ref());
        let approvers: Vec<&str> = approvals.iter().map(|approval| approval.approver.as_str()).collect();
        assert_eq!(approvers, left, "{what}");
    }
}

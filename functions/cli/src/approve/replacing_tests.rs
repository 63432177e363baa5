//! What a new approval takes the place of, with real signatures.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;
use reprieve_aws_desk::KeyFile;
use reprieve_core::approval::{ACTION_TAG, APPROVER_TAG, CHANGE_TAG, CO_APPROVER_TAG, CO_SEAL_TAG, Revocation, SEAL_TAG, WINDOW_TAG};
use reprieve_core::{KeyArn, KeyState};

use super::*;

const NOW: &str = "2026-12-01T22:00:00Z";
const OPEN: &str = "2026-12-01T21:00:00Z/2026-12-01T23:00:00Z";
const LONGER: &str = "2026-12-01T21:00:00Z/2026-12-02T03:00:00Z";
const OVER: &str = "2026-12-01T20:00:00Z/2026-12-01T21:00:00Z";

const CAROL: &str = "carol@example.com";
const DAVE: &str = "dave@example.com";
const ERIN: &str = "erin@example.com";

fn arn() -> KeyArn {
    KeyArn::parse("arn:aws:kms:eu-central-1:111122223333:key/1234abcd").unwrap()
}

fn signer(key_id: &str) -> SigningKey {
    SigningKey::from_slice(&[if key_id == "risk" { 7 } else { 8 }; 32]).unwrap()
}

/// Returns the public keys of these ids.
fn keys(ids: &[&str]) -> ApprovalKeys {
    let entry = |id: &&str| format!("{id}={}", STANDARD.encode(signer(id).verifying_key().to_public_key_der().unwrap().as_bytes()));
    ApprovalKeys::parse(&ids.iter().map(entry).collect::<Vec<_>>().join(",")).unwrap()
}

fn sealed(change: &str, window: &str, approver: &str, key_id: &str) -> SealedApproval {
    let [change, action, window, approver] = [change, "delete", window, approver].map(str::to_owned);
    let mut approval = SealedApproval { change, action, window, approver, seal: String::new() };
    let signature: Signature = signer(key_id).sign(approval.canonical_text(arn().as_str()).as_bytes());
    approval.seal = SealedApproval::seal_text(key_id, &signature.to_bytes().into());
    approval
}

/// A key with an approval, and a second one beside it.
fn key(first: Option<&SealedApproval>, second: Option<&SealedApproval>) -> KeyFile {
    let of_first = first.into_iter().flat_map(|SealedApproval { change, action, window, approver, seal }| {
        [(CHANGE_TAG, change), (ACTION_TAG, action), (WINDOW_TAG, window), (APPROVER_TAG, approver), (SEAL_TAG, seal)]
    });
    let of_second = second.into_iter().flat_map(|second| [(CO_APPROVER_TAG, &second.approver), (CO_SEAL_TAG, &second.seal)]);
    KeyFile {
        arn: arn(),
        state: KeyState::Enabled,
        deletion_date: None,
        aws_managed: false,
        tags: of_first.chain(of_second).map(|(name, value)| (name.to_owned(), value.clone())).collect(),
        aliases: vec!["alias/payments".to_owned()],
    }
}

/// A key with an approval of Carol's in tags that carry no seal.
fn plain_key(change: &str, window: &str) -> KeyFile {
    let mut file = key(Some(&sealed(change, window, CAROL, "risk")), None);
    file.tags.remove(SEAL_TAG);
    file
}

/// A revocation of the change `CHG-1`.
fn revoked() -> Written {
    let revocation =
        Revocation { change: "CHG-1".to_owned(), by: DAVE.to_owned(), at: "2026-12-01T12:00:00Z".parse().unwrap(), reason: None };
    Written { approvals: Vec::new(), revocations: vec![revocation] }
}

/// Says why the new approval is refused, if it is, and what is said where it is not.
fn refusal_and_warning(
    file: &KeyFile,
    approval: &SealedApproval,
    known: Option<&Written>,
    keys: &ApprovalKeys,
) -> (Option<String>, Option<String>) {
    let (resource, seal_key) = (Approvable::Key(file), seal_key_of(approval).unwrap());
    let plan = TagPlan::of(resource.tags(), approval, seal_key, &resource, keys);
    let replacing = Replacing { plan: &plan, approval, seal_key, resource, keys };
    let refusal = replacing.check(known, NOW.parse().unwrap()).err();
    (refusal.map(|error| error.to_string()), replacing.warning())
}

/// Says why the new approval is refused, if it is.
fn refusal(file: &KeyFile, approval: &SealedApproval, known: Option<&Written>, keys: &ApprovalKeys) -> Option<String> {
    refusal_and_warning(file, approval, known, keys).0
}

#[test]
fn another_approval_that_still_holds_is_not_replaced_and_named() {
    let both = keys(&["risk", "security"]);
    let carols = key(Some(&sealed("CHG-1", OPEN, CAROL, "risk")), None);
    for (what, approval, keys, hint) in [
        ("another change", sealed("CHG-2", OPEN, ERIN, "security"), &both, "its place; to replace it"),
        ("another change of one's own", sealed("CHG-2", OPEN, CAROL, "risk"), &both, "its place; to replace it"),
        ("another window", sealed("CHG-1", LONGER, ERIN, "security"), &both, "give its window, 2026-12-01T21:00:00Z/"),
        ("the same approval key", sealed("CHG-1", OPEN, ERIN, "risk"), &both, "two people count as one"),
        (
            "a name of another kind",
            sealed("CHG-1", OPEN, "arn:aws:iam::111122223333:role/Security", "security"),
            &both,
            "so approve with the same kind of name (--approver): the ARNs of two users",
        ),
        ("a public key that is not at hand", sealed("CHG-2", OPEN, ERIN, "security"), &keys(&["security"]), "its place; to replace it"),
    ] {
        let said = refusal(&carols, &approval, None, keys).unwrap_or_else(|| panic!("{what} replaces it"));
        let stands = "`alias/payments` carries change `CHG-1` (delete, 2026-12-01 21:00 to 23:00 UTC), approved by carol@example.com,";
        assert!(said.starts_with(stands) && said.contains(hint) && said.ends_with("give --replace"), "{what}: {said}");
    }
}

#[test]
fn the_same_change_and_approver_in_another_window_or_for_another_action_replaces_nothing_of_others() {
    let both = keys(&["risk", "security"]);
    let carols = key(Some(&sealed("CHG-1", OPEN, CAROL, "risk")), None);
    let to_disable = SealedApproval { action: "disable".to_owned(), ..sealed("CHG-1", OPEN, CAROL, "risk") };
    for (what, approval) in [
        ("again", sealed("CHG-1", OPEN, CAROL, "risk")),
        ("longer", sealed("CHG-1", LONGER, CAROL, "risk")),
        ("another action", to_disable),
        ("another key, other letters", sealed("CHG-1", LONGER, "Carol@Example.com", "security")),
    ] {
        assert_eq!(refusal(&carols, &approval, None, &both), None, "{what}");
    }
}

#[test]
fn what_may_be_ones_own_under_another_name_is_no_reason_for_another_approval_key() {
    const ROLE: &str = "arn:aws:iam::111122223333:role/Risk";
    let both = keys(&["risk", "security"]);
    let first = sealed("CHG-1", OPEN, CAROL, "risk");
    let again = sealed("CHG-1", OPEN, ROLE, "risk");
    let (refused, warned) = refusal_and_warning(&key(Some(&first), None), &again, None, &both);
    let refused = refused.unwrap();
    assert!(refused.ends_with("would take its place; if it is your own under another name, give --replace"), "{refused}");
    assert_eq!(warned.unwrap(), "it takes the place of the approval by carol@example.com");

    // What would go with it, in another window, is somebody else's.
    let of_two = key(Some(&first), Some(&sealed("CHG-1", OPEN, DAVE, "security")));
    let refused = refusal(&of_two, &sealed("CHG-1", LONGER, ROLE, "risk"), None, &both).unwrap();
    assert!(refused.ends_with("would take its place; to replace it, give --replace"), "{refused}");
}

#[test]
fn a_second_approval_that_goes_with_the_first_is_not_lost_unasked_either() {
    let both = keys(&["risk", "security"]);
    let of_two = key(Some(&sealed("CHG-1", OPEN, CAROL, "risk")), Some(&sealed("CHG-1", OPEN, DAVE, "security")));
    assert_eq!(refusal(&of_two, &sealed("CHG-1", OPEN, CAROL, "risk"), None, &both), None, "his stays");
    for (approval, approvers) in [
        (sealed("CHG-1", LONGER, CAROL, "risk"), "approved by dave@example.com,"),
        (sealed("CHG-1", OPEN, ERIN, "security"), "approved by dave@example.com,"),
        (sealed("CHG-2", OPEN, ERIN, "security"), "approved by carol@example.com and dave@example.com,"),
    ] {
        let said = refusal(&of_two, &approval, None, &both).unwrap_or_default();
        assert!(said.contains(approvers), "{said}");
    }
}

#[test]
fn what_does_not_hold_any_more_and_what_stays_need_no_word() {
    let both = keys(&["risk", "security"]);
    let carols = sealed("CHG-1", OPEN, CAROL, "risk");
    let altered = SealedApproval { window: LONGER.to_owned(), ..carols.clone() };
    let over = sealed("CHG-1", OVER, CAROL, "risk");
    let retired = ApprovalKeys::parse(&format!(
        "risk={};until=2026-12-01T21:30:00Z",
        STANDARD.encode(signer("risk").verifying_key().to_public_key_der().unwrap().as_bytes())
    ))
    .unwrap();
    let revoked = revoked();
    let other = sealed("CHG-2", OPEN, ERIN, "security");
    for (what, first, approval, known, keys) in [
        ("nothing there", None, &other, None, &both),
        ("its window is over", Some(&over), &other, None, &both),
        ("its window is over, and its public key not at hand", Some(&over), &other, None, &keys(&["security"])),
        ("it was revoked", Some(&carols), &other, Some(&revoked), &both),
        ("it was altered", Some(&altered), &other, None, &both),
        ("its key was retired", Some(&carols), &other, None, &retired),
        ("beside it", Some(&carols), &sealed("CHG-1", OPEN, ERIN, "security"), None, &both),
    ] {
        assert_eq!(refusal(&key(first, None), approval, known, keys), None, "{what}");
    }
}

#[test]
fn another_change_in_tags_without_a_seal_is_not_replaced_and_named() {
    let both = keys(&["risk", "security"]);
    let other = sealed("CHG-2", OPEN, ERIN, "security");
    let (refused, warned) = refusal_and_warning(&plain_key("CHG-1", OPEN), &other, None, &both);
    assert_eq!(
        refused.unwrap(),
        "`alias/payments` carries change `CHG-1` (delete, 2026-12-01 21:00 to 23:00 UTC) in tags without a seal, which may still hold, \
         and this approval would take its place; to replace it, give --replace"
    );
    assert_eq!(warned.unwrap(), "it takes the place of change CHG-1, in tags without a seal: a key carries one change at a time");
    let mut half = plain_key("CHG-1", OPEN);
    half.tags.remove(ACTION_TAG);
    for (what, file, approval, known) in [
        ("its window is over", plain_key("CHG-1", OVER), &other, None),
        ("its window cannot be read", plain_key("CHG-1", "tonight"), &other, None),
        ("it was revoked", plain_key("CHG-1", OPEN), &other, Some(revoked())),
        ("something of it is missing", half, &other, None),
        ("the same change", plain_key("CHG-1", OPEN), &sealed("CHG-1", OPEN, ERIN, "security"), None),
    ] {
        assert_eq!(refusal(&file, approval, known.as_ref(), &both), None, "{what}");
    }
}

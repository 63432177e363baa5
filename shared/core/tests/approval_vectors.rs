//! Sealed approvals against fixed vectors that another implementation made (Python's `cryptography`), and every way to break one.
#![expect(clippy::unwrap_used, reason = "a test that goes another way must stop")]

use reprieve_core::approval::{ApprovalSource, SealError, SealedApproval, find, parse_window};
use reprieve_core::facts::Tags;
use reprieve_core::{ApprovalFinding, ApprovalKeys, KeyArn, Known};
use reprieve_test_support::approval::{KEY_ID, approval_tags};
use reprieve_test_support::{Terms, approval_keys, approval_keys_text, key, sealed_approval};

/// The public key of the vector, as `aws kms get-public-key` prints one.
const PUBLIC_KEY: &str =
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEDJAdQjyDHKheJ8c8JjuhMnIbudeoTE8DgLKmdW/WATMciHAjTeyHhQTBdBRPpLFLZqZRaRYG2Bc+Vb0344FWng==";
const RESOURCE: &str = "arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
const CANONICAL_TEXT: &str = "reprieve-approval\n\
    version:v1\n\
    resource:arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab\n\
    action:delete\n\
    window:2026-11-20T09:00:00Z/2026-11-20T17:00:00+01:00\n\
    change:CHG-2048\n\
    approver:arn:aws:iam::111122223333:user/carol\n";
const SEAL: &str = "v1.vector-1.uEbne1f6I281gWnfr5yVvmXYkUqFTZPMBy18b6tINKJRlDLTCzzo_fmJ8u_6e81v-IIH_kMuqooecuB2WWaaHA";

fn vector() -> SealedApproval {
    SealedApproval {
        change: "CHG-2048".to_owned(),
        action: "delete".to_owned(),
        window: "2026-11-20T09:00:00Z/2026-11-20T17:00:00+01:00".to_owned(),
        approver: "arn:aws:iam::111122223333:user/carol".to_owned(),
        seal: SEAL.to_owned(),
    }
}

fn verify(approval: &SealedApproval, resource: &str) -> Result<reprieve_core::approval::Approval, SealError> {
    let keys = ApprovalKeys::parse(&format!("vector-1={PUBLIC_KEY}")).unwrap();
    approval.verify(&KeyArn::parse(resource).unwrap(), "delete", &keys, ApprovalSource::SealedTags)
}

#[test]
fn the_canonical_text_is_seven_lines() {
    assert_eq!(vector().canonical_text(RESOURCE), CANONICAL_TEXT);
}

#[test]
fn the_fixed_vector_verifies() {
    let approval = verify(&vector(), RESOURCE).unwrap();
    assert_eq!((approval.change.as_str(), approval.key_id.as_str()), ("CHG-2048", "vector-1"));
    assert_eq!(approval.window_start, "2026-11-20T09:00:00Z".parse().unwrap());
    assert_eq!(approval.window_end, "2026-11-20T16:00:00Z".parse().unwrap(), "an offset is understood");
    let identities: Vec<String> = approval.approver_identities().into_iter().collect();
    assert_eq!(identities, ["arn:aws:iam::111122223333:user/carol", "person:carol"]);
}

#[test]
fn the_fixed_vector_belongs_to_one_resource() {
    for other in
        [RESOURCE.replace("us-gov-west-1", "us-gov-east-1"), RESOURCE.replace("aws-us-gov", "aws"), RESOURCE.replace("90ab", "90ac")]
    {
        assert_eq!(verify(&vector(), &other), Err(SealError::Broken), "{other}");
    }
}

#[test]
fn each_broken_seal_says_why() {
    let with = |change: fn(&mut SealedApproval)| {
        let mut approval = vector();
        change(&mut approval);
        verify(&approval, RESOURCE).unwrap_err().to_string()
    };
    for (error, expected) in [
        (with(|approval| "CHG-2049".clone_into(&mut approval.change)), "the seal does not belong to these values"),
        (with(|approval| approval.seal = approval.seal.replace("v1.", "v2.")), "is not of the form `v1.KEY-ID.SIGNATURE`"),
        (with(|approval| "v1.AAAA".clone_into(&mut approval.seal)), "is not of the form"),
        (with(|approval| "v1.vector-1.***".clone_into(&mut approval.seal)), "is not of the form"),
        (with(|approval| approval.seal.push('A')), "is not of the form"),
        (
            with(|approval| approval.seal = approval.seal.replace("vector-1", "vector-2")),
            "made with the key `vector-2`, which is not among",
        ),
        (with(|approval| approval.change.push('\n')), "the value of `reprieve:change` holds a control character"),
        (with(|approval| approval.approver.push('\u{7f}')), "the value of `reprieve:approver` holds a control character"),
    ] {
        assert!(error.contains(expected), "`{error}` does not say `{expected}`");
    }
}

/// A line feed in a value could move text from one field into the next and keep the canonical text as it was.
#[test]
fn a_line_feed_cannot_forge_another_field() {
    let mut forged = vector();
    forged.change = "CHG-2048\napprover:arn:aws:iam::111122223333:user/carol".to_owned();
    forged.approver = String::new();
    assert_eq!(verify(&forged, RESOURCE), Err(SealError::ControlCharacter("reprieve:change")));
}

#[test]
fn a_sound_seal_for_another_action_says_which() {
    let resource = key("1234abcd");
    let approval = sealed_approval(&resource, &Terms::of_action("disable"));
    let error = approval.verify(&resource, "delete", &approval_keys(), ApprovalSource::SealedTags).unwrap_err();
    assert_eq!(error.to_string(), "it approves `disable`, not `delete`");
}

#[test]
fn windows_are_intervals_with_offsets() {
    for good in [
        "2026-11-20T09:00:00Z/2026-11-20T17:00:00Z",
        "2026-11-20T09:00:00+05:30/2026-11-20T17:00:00-08:00",
        "2026-11-20T09:00Z / 2026-11-21T09:00Z",
    ] {
        assert!(parse_window(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "2026-11-20T09:00:00Z",
        "2026-11-20T09:00:00/2026-11-20T17:00:00",
        "2026-11-20T17:00:00Z/2026-11-20T09:00:00Z",
        "2026-11-20T09:00:00Z/2026-11-20T09:00:00Z",
        "2026-11-20T09:00:00Z/P1D",
        "tomorrow/later",
    ] {
        assert!(matches!(parse_window(bad), Err(SealError::Window(window)) if window == bad), "{bad}");
    }
}

#[test]
fn a_seal_over_a_window_that_is_none_does_not_hold() {
    let resource = key("1234abcd");
    let terms = Terms { window: "always".to_owned(), ..Terms::default() };
    let approval = sealed_approval(&resource, &terms);
    assert!(matches!(approval.verify(&resource, "delete", &approval_keys(), ApprovalSource::Ledger), Err(SealError::Window(_))));
}

#[test]
fn approval_keys_are_read_or_refused_by_name() {
    assert!(ApprovalKeys::parse("").unwrap().is_empty());
    assert!(!ApprovalKeys::parse(&format!(" a={PUBLIC_KEY} , b={PUBLIC_KEY},")).unwrap().is_empty());
    for (text, why) in [
        ("no-equals", "there is no `=`"),
        (&format!("={PUBLIC_KEY}"), "the id may hold letters"),
        (&format!("a.b={PUBLIC_KEY}"), "the id may hold letters"),
        ("a=???", "a=???"),
        ("a=AAAA", "a=AAAA"),
    ] {
        let error = ApprovalKeys::parse(text).unwrap_err().to_string();
        assert!(error.contains(why) && error.starts_with("the approval key `"), "{error}");
    }
}

#[test]
fn tags_without_any_approval_hold_none() {
    assert_eq!(SealedApproval::from_tags(&Tags::from([("env".to_owned(), "prod".to_owned())])), None);
    let written = sealed_approval(&key("1234abcd"), &Terms::default());
    assert_eq!(SealedApproval::from_tags(&approval_tags(&written)), Some(Ok(written)));
    assert!(approval_keys_text().starts_with(KEY_ID));
}

/// Tags first, then the ledger; the best that is found counts, and an invalid one is told rather than none.
#[test]
fn the_strongest_source_that_holds_is_found() {
    let resource = key("1234abcd");
    let good = sealed_approval(&resource, &Terms::default());
    let bad = SealedApproval { change: "forged".to_owned(), ..good.clone() };
    let tags = |approval: &SealedApproval| Known::Is(approval_tags(approval));
    let unreadable = Known::Unreadable("throttled".to_owned());
    let nothing = Known::Is(Tags::new());
    let source = |tags: &Known<Tags>, ledger: &[SealedApproval]| match find(&resource, "delete", tags, ledger, &approval_keys()) {
        ApprovalFinding::Established(approval) => approval.source.as_str(),
        ApprovalFinding::Invalid { .. } => "invalid",
        ApprovalFinding::Unreadable { .. } => "unreadable",
        ApprovalFinding::None => "none",
        ApprovalFinding::NotLookedFor => "not looked for",
    };
    for (tags, ledger, expected) in [
        (&nothing, vec![], "none"),
        (&Known::Absent, vec![], "none"),
        (&unreadable, vec![], "unreadable"),
        (&unreadable, vec![bad.clone()], "unreadable"),
        (&unreadable, vec![good.clone()], "ledger"),
        (&nothing, vec![bad.clone()], "invalid"),
        (&nothing, vec![bad.clone(), good.clone()], "ledger"),
        (&tags(&bad), vec![], "invalid"),
        (&tags(&bad), vec![good.clone()], "ledger"),
        (&tags(&good), vec![bad], "sealed-tags"),
        (&tags(&good), vec![good.clone()], "sealed-tags"),
    ] {
        assert_eq!(source(tags, &ledger), expected, "{tags:?} {ledger:?}");
    }
}

//! The approval format against vectors that another implementation made (Python's `cryptography`). They are read out of
//! `shared/docs/approval-format.md`, and what that page tells people to type is typed, so that the page cannot drift.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test that goes another way must stop, and one that is skipped says so")]

use std::path::Path;
use std::process::{Command, Stdio};

use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use reprieve_core::approval::window::{Window, WindowError};
use reprieve_core::approval::{Approval, ApprovalSource, Evidence, SealError, SealedApproval, weigh};
use reprieve_core::azure::ResourceId;
use reprieve_core::facts::Tags;
use reprieve_core::{ApprovalFinding, ApprovalKeys, KeyArn, KeyFacts, Known, Recollection};
use reprieve_test_support::approval::approval_tags;
use reprieve_test_support::event::schedule;
use reprieve_test_support::world::approval_rules;
use reprieve_test_support::{Terms, key, sealed_approval, time};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

const PAGE: &str = include_str!("../../docs/approval-format.md");

/// The vectors of the page.
#[derive(Deserialize)]
struct Vectors {
    keys: Vec<PublishedKey>,
    valid: Vec<Valid>,
    invalid: Vec<Invalid>,
}

#[derive(Deserialize)]
struct PublishedKey {
    id: String,
    secret: String,
    configuration: String,
}

/// An approval, what is attempted, and when.
#[derive(Deserialize)]
struct Case {
    name: String,
    resource: String,
    action: String,
    time: String,
    tags: Tags,
}

#[derive(Deserialize)]
struct Valid {
    #[serde(flatten)]
    case: Case,
    canonical_text: String,
    sha256: String,
    co_canonical_text: Option<String>,
    co_sha256: Option<String>,
}

#[derive(Deserialize)]
struct Invalid {
    #[serde(flatten)]
    case: Case,
    reason: String,
}

/// Returns the one fenced block of this language.
fn block(language: &str) -> &'static str {
    let fence = format!("\n```{language}\n");
    let mut blocks = PAGE.split(&fence).skip(1);
    let block = blocks.next().unwrap().split("\n```").next().unwrap();
    assert!(blocks.next().is_none(), "the page has more than one block of `{language}`");
    block
}

fn vectors() -> Vectors {
    serde_json::from_str(block("json")).unwrap()
}

impl Vectors {
    fn approval_keys(&self) -> ApprovalKeys {
        let entries: Vec<&str> = self.keys.iter().map(|key| key.configuration.as_str()).collect();
        ApprovalKeys::parse(&entries.join(",")).unwrap()
    }

    /// Signs with one of the published keys, with a deterministic nonce.
    fn seal(&self, text: &str, like: &str) -> String {
        let key = self.keys.iter().find(|key| like.split('.').nth(1) == Some(&key.id)).unwrap();
        let secret: Vec<u8> = (0..32).map(|at| u8::from_str_radix(key.secret.get(2 * at..2 * at + 2).unwrap(), 16).unwrap()).collect();
        let signature: Signature = SigningKey::from_slice(&secret).unwrap().sign(text.as_bytes());
        SealedApproval::seal_text(&key.id, &signature.to_bytes().into())
    }
}

impl Case {
    fn verify(&self, approval: Result<SealedApproval, SealError>, keys: &ApprovalKeys) -> Result<Approval, SealError> {
        let (approval, at, source) = (approval?, Some(time(&self.time)), ApprovalSource::SealedTags);
        // Azure takes ids that differ in case for one.
        match ResourceId::parse(&self.resource.to_ascii_uppercase()) {
            Ok(resource) => approval.verify_for(&self.action, &resource, at, keys, source),
            Err(_) => approval.verify_for(&self.action, &KeyArn::parse(&self.resource).unwrap(), at, keys, source),
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[test]
fn every_valid_vector_verifies() {
    let vectors = vectors();
    let keys = vectors.approval_keys();
    for vector in &vectors.valid {
        let Case { name, tags, resource, .. } = &vector.case;
        let first = SealedApproval::from_tags(tags).unwrap();
        let second = SealedApproval::co_approval_from_tags(tags);
        let texts = [Some((&vector.canonical_text, &vector.sha256)), vector.co_canonical_text.as_ref().zip(vector.co_sha256.as_ref())];
        assert_eq!(second.is_some(), vector.co_canonical_text.is_some(), "{name}");
        for (approval, (text, hash)) in [Some(first), second].into_iter().flatten().zip(texts.into_iter().flatten()) {
            let written = approval.clone().unwrap();
            assert_eq!(&written.canonical_text(resource), text, "{name}");
            assert_eq!(&hexadecimal(&Sha256::digest(text)), hash, "{name}");
            assert_eq!(vectors.seal(text, &written.seal), written.seal, "{name}: signed anew");
            let verified = vector.case.verify(approval, &keys).unwrap();
            assert_eq!((&verified.resource, &verified.approver), (resource, &written.approver), "{name}");
        }
    }
}

#[test]
fn every_invalid_vector_says_its_reason() {
    let vectors = vectors();
    let keys = vectors.approval_keys();
    for Invalid { case, reason } in &vectors.invalid {
        let error = case.verify(SealedApproval::from_tags(&case.tags).unwrap(), &keys).unwrap_err();
        assert_eq!(&error.to_string(), reason, "{}", case.name);
    }
}

/// What the page shows byte by byte is the text of the first vector.
#[test]
fn the_hexdump_is_the_text_of_the_first_vector() {
    let vectors = vectors();
    let text = vectors.valid.first().unwrap().canonical_text.as_bytes();
    for (at, row) in text.chunks(20).enumerate() {
        let bytes: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
        let line = format!("\n{:08x}  {}", at * 20, bytes.join(" "));
        assert!(PAGE.contains(&line), "the page does not show{line}");
    }
    assert!(PAGE.contains(&format!("The text of the first vector, {} bytes", text.len())));
    assert!(PAGE.contains(&format!("Its SHA-256 is `{}`", hexadecimal(&Sha256::digest(text)))));
}

/// Runs a program over a block of the page in an empty folder. `None` where the program `needs` is not there, and says so.
fn run(needs: &[&str], interpreter: &str, folder: &str, script: &str) -> Option<String> {
    let (program, arguments) = needs.split_first().unwrap();
    let there = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !there.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: `{}` does not run here, so what the page says of it was not tried", needs.join(" "));
        return None;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    std::fs::create_dir_all(&folder).unwrap();
    let output = Command::new(interpreter).args(["-c", script]).current_dir(folder).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    Some(printed)
}

#[test]
fn the_openssl_commands_of_the_page_verify_the_first_vector() {
    let Some(printed) = run(&["openssl", "version"], "sh", "openssl-commands", block("sh")) else { return };
    assert!(printed.ends_with("Verified OK\n"), "{printed}");
    assert!(printed.contains(&vectors().valid.first().unwrap().sha256), "{printed}");
}

#[test]
fn the_python_program_of_the_page_verifies_the_first_vector() {
    let needs = ["python3", "-c", "import cryptography"];
    let Some(printed) = run(&needs, "python3", "python-program", block("python")) else { return };
    assert_eq!(printed, "carol@example.com\n");
}

#[test]
fn a_window_in_a_seal_has_two_ends_with_offsets() {
    for good in ["2026-11-20T09:00:00Z/2026-11-20T17:00:00Z", "2026-11-20T09:00:00+05:30/2026-11-20T17:00:00-08:00"] {
        assert!(Window::parse(good).is_ok(), "{good}");
    }
    for bad in ["", "2026-11-20T09:00:00Z", "2026-11-20T09:00:00/2026-11-20T17:00:00", "2026-11-20T09:00:00Z/P1D", "tomorrow/later"] {
        assert_eq!(Window::parse(bad), Err(WindowError::Form(bad.to_owned())));
    }
    for bad in ["2026-11-20T17:00:00Z/2026-11-20T09:00:00Z", "2026-11-20T09:00:00Z/2026-11-20T09:00:00Z"] {
        assert_eq!(Window::parse(bad), Err(WindowError::Order(bad.to_owned())));
    }
}

#[test]
fn approval_keys_are_read_or_refused_by_name() {
    let vectors = vectors();
    let base64 = vectors.keys.first().unwrap().configuration.strip_prefix("vector-1=").unwrap();
    assert!(ApprovalKeys::parse("").unwrap().is_empty());
    let two =
        ApprovalKeys::parse(&format!(" a={base64} , b_2={base64};from=2026-01-01T00:00:00Z; until=2027-01-01T00:00:00+01:00,")).unwrap();
    assert_eq!(two.ids().collect::<Vec<_>>(), ["a", "b_2"]);
    for (text, why) in [
        ("no-equals", "there is no `=`"),
        (&format!("={base64}"), "the id may hold 1 to 64 letters"),
        (&format!("a.b={base64}"), "the id may hold 1 to 64 letters"),
        (&format!("{}={base64}", "a".repeat(65)), "the id may hold 1 to 64 letters"),
        (&format!("a={base64},a={base64}"), "the id is given twice"),
        (&format!("a={base64};since=2026-01-01T00:00:00Z"), "is neither `from=TIME` nor `until=TIME`"),
        (&format!("a={base64};from=2026-01-01"), "`2026-01-01` is no time"),
        (&format!("a={base64};from=2026-01-01T00:00:00Z;from=2026-01-01T00:00:00Z"), "comes twice"),
        (&format!("a={base64};from=2026-01-01T00:00:00Z;until=2026-01-01T00:00:00Z"), "`from` is not before `until`"),
        ("a=???", "Invalid symbol"),
        ("a=AAAA", "ASN.1"),
    ] {
        let error = ApprovalKeys::parse(text).unwrap_err().to_string();
        assert!(error.contains(why) && error.starts_with("the approval key `"), "{text}: {error}");
    }
}

#[test]
fn tags_without_any_approval_hold_none() {
    let tags = Tags::from([("env".to_owned(), "prod".to_owned())]);
    assert_eq!((SealedApproval::from_tags(&tags), SealedApproval::co_approval_from_tags(&tags)), (None, None));
    let written = sealed_approval(&key("1234abcd"), &Terms::default());
    assert_eq!(SealedApproval::from_tags(&approval_tags(&written)), Some(Ok(written)));
}

/// Tags first, then the ledger; the best that is found counts, and an invalid one is told rather than none.
#[test]
fn the_strongest_source_that_holds_is_found() {
    let resource = key("1234abcd");
    let good = sealed_approval(&resource, &Terms::default());
    let bad = SealedApproval { change: "forged".to_owned(), ..good.clone() };
    let of = |approval: &SealedApproval| Known::Is(approval_tags(approval));
    let unreadable = Known::Unreadable("throttled".to_owned());
    let nothing = Known::Is(Tags::new());
    for (tags, ledger, expected) in [
        (nothing.clone(), vec![], "none"),
        (Known::Absent, vec![], "none"),
        (unreadable.clone(), vec![], "unreadable"),
        (unreadable.clone(), vec![bad.clone()], "unreadable"),
        (unreadable, vec![good.clone()], "ledger"),
        (nothing.clone(), vec![bad.clone()], "invalid"),
        (nothing, vec![bad.clone(), good.clone()], "ledger"),
        (of(&bad), vec![], "invalid"),
        (of(&bad), vec![good.clone()], "ledger"),
        (of(&good), vec![bad], "sealed-tags"),
        (of(&good), vec![good.clone()], "sealed-tags"),
    ] {
        let told = format!("{tags:?} {ledger:?}");
        let recollection = Known::Is(Recollection { approvals: ledger, ..Recollection::default() });
        let facts = KeyFacts { tags, recollection, ..KeyFacts::default() };
        assert_eq!(found(&resource, &facts), expected, "{told}");
    }
}

fn found(resource: &KeyArn, facts: &KeyFacts) -> &'static str {
    let (event, rules) = (schedule(resource).build(), approval_rules());
    match weigh(&Evidence { event: &event, key: resource, action: "delete", facts, rules: &rules }).finding {
        ApprovalFinding::Established(approval) => approval.source.as_str(),
        ApprovalFinding::Invalid { .. } => "invalid",
        ApprovalFinding::Unreadable { .. } => "unreadable",
        ApprovalFinding::None => "none",
        ApprovalFinding::NotLookedFor => "not looked for",
    }
}

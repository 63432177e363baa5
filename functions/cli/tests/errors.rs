//! Every error that the command can print without a cloud, as people see it: what was wrong, with which input, and what to do. What is
//! held here is read as a whole, in `snapshots/errors__every_error.snap`.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must stop")]

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Stdio};

use jiff::Timestamp;

/// Nothing of the machine's own configuration, so that no call can leave it.
const NOWHERE: [(&str, &str); 5] = [
    ("AWS_CONFIG_FILE", "/nonexistent"),
    ("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
    ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
    ("HOME", "/nonexistent"),
];

/// What is typed, a line each; words are parted by spaces, and a tilde stands for a space within one.
const TYPED: &str = "\
bogus
explains text.txt
explain
explain missing.json
explain -x
explain empty
explain binary
explain text.txt
explain gone.gz
explain nothing.json
explain event.json --facts missing.json
explain event.json --facts text.txt
explain event.json --facts list.json
explain event.json --policies empty
explain event.json --policies text.txt
explain event.json --now yesterday
explain event.json --region Mars
explain event.json --approval-keys x
explain event.json --approver-role x
explain event.json --minimum-waiting-days 3
explain event.json --minimum-waiting-days x
approve
approve alias/x --action destroy --change C --window 2h~from~2126-01-01T22:00Z
approve alias/x --action --change C
approve a~key --action delete --change C --window 2h~from~2126-01-01T22:00Z
approve alias/x --action delete --change C --window 5
approve alias/x --action delete --change C --window soon~from~2126-01-01T22:00Z
approve alias/x --action delete --change C --window 2126-01-02T00:00Z/2126-01-01T00:00Z
approve alias/x --action delete --change C --window 2h~from~2026-01-01T22:00Z --approval-key alias/k
approve alias/x --action delete --change C --window 2h~from~2126-01-01T22:00Z
approve alias/x --action delete --change ... --window 2h~from~2126-01-01T22:00Z
approve alias/x --action weaken-vault --change C --window 2h~from~2126-01-01T22:00Z --approval-key alias/k
approve alias/x --action delete --change C --window 2h~from~2126-01-01T22:00Z --approval-key alias/k --late
approve alias/x --action delete --change C --window 2h~from~2126-01-01T22:00Z --approval-key alias/k --approver c
approve alias/x --action delete --change C --window 2h~from~2126-01-01T22:00Z --approval-key alias/k --approver object:OTHER-ID
approve alias/x --action delete --change C --window 2h~from~2126-01-01T22:00Z --approval-key https://v.vault.azure.net/keys/k
approve https://v.vault.azure.net/keys/k --action delete --change C --window 2h~from~2126-01-01T22:00Z --approval-key alias/k
approve https://v.vault.azure.net/keys/k --action delete --change C --window 2h~from~2126-01-01T22:00Z
revoke alias/x --change C
revoke alias/x --change C --ledger-table t --reason ~
approvals https://example.com/key
approvals --approval-keys x
approval-key alias/x
approval-key alias/x --region eu-central-1
approval-key alias/x --from 2027-01-01T00:00:00Z --until 2026-01-01T00:00:00Z
approval-key alias/x --from soon
policy
policy check missing
policy check empty
policy check text.txt
policy test empty
policy test text.txt
policy test good.cedar
policy test good.cedar --cases text.txt
policy test good.cedar --cases list.json
filter audit {}
filter audit x(
filter test {~$.a~=~b~} --event missing.json
filter test {~$.a~=~b~} --event text.txt
filter test {~$.a~=~b~} --event gone.gz
filter test {~$.a~=~b~} --event number.json
filter verify
filter verify --rows text.txt --region eu-central-1
monitoring plan
monitoring plan --topic x
monitoring plan --topic arn:aws:sns:eu-central-1:111122223333:t
monitoring plan --topic arn:aws:sns:eu-central-1:111122223333:t --region us-east-1
monitoring plan --topic arn:aws:sns:eu-central-1:111122223333:t --cis-version 9
monitoring plan --topic arn:aws:sns:eu-central-1:111122223333:t --pattern-mode loose
monitoring plan --topic arn:aws:sns:eu-central-1:111122223333:t --subscribers nobody
monitoring plan --topic arn:aws:sns:eu-central-1:111122223333:t --guard-rules x=y
coverage
coverage --region eu-central-1
coverage --observed missing.json
coverage --observed text.txt
coverage --observed text.txt --region eu-central-1
coverage --region Mars
record
record text.txt
record missing --to archive
record empty --to archive
record s3://bucket/logs --to archive
record gs://bucket --to archive
record event.json --format xml
record event.json --to text.txt
record event.json --to archive --threads 0
replay
replay missing
replay empty
replay binary
replay s3://
replay s3://bucket
replay gs://bucket/logs
replay event.json --from 2026-13-01
replay event.json --from 2026-02-01 --to 2026-01-01
replay event.json --policy missing
replay event.json --approvals text.txt
replay event.json --html missing/page.html
replay event.json --save missing/part
replay saved.part
report missing
report text.txt
report s3://
report s3://bucket
report gs://bucket
report archive --from 2026-02-01 --to 2026-01-01
report archive --coverage text.txt
report archive --coverage missing.json
verify missing
verify empty
verify text.txt
verify text.txt --public-key text.txt
verify text.txt --public-key missing.pem
verify text.txt --public-key seal.pem
verify text.txt --from 2026-01-01T00:00:00Z --public-key seal.pem
verify archive --from yesterday
verify archive --last-seal 5f0c
verify archive
prove missing x
prove archive x
prove archive x --public-key seal.pem
prove archive x --line 0
cost
cost --accounts 0 --regions 1 --keys 1
cost --accounts 1 --regions 1 --keys x
cost --accounts 1 --regions 1 --keys 1 --events-per-key -1
cost --accounts 1 --regions 1 --keys 1 --own-trail --second-trail
cost --accounts 1 --regions 1 --keys 1 --price-table missing.json
cost --accounts 1 --regions 1 --keys 1 --price-table text.txt
cost --accounts 1 --regions 1 --keys 1 --price-table free.json
completions tcsh
man --dir text.txt
";

/// The public half of a key that nobody has the other half of.
const PEM: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt
6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==
-----END PUBLIC KEY-----
";

/// A folder of things that cannot be used.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::create_dir(path.join("empty")).unwrap();
    fs::create_dir_all(path.join("archive/audit")).unwrap();
    let event = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/aws/schedule-key-deletion.json")).unwrap();
    for (name, bytes) in [
        ("text.txt", b"hello\n".as_slice()),
        ("binary", b"\x7fELF\x02\x01\x00\x00".as_slice()),
        ("gone.gz", b"\x1f\x8b\x08".as_slice()),
        ("nothing.json", b" \n".as_slice()),
        ("list.json", b"[]".as_slice()),
        ("number.json", b"5".as_slice()),
        ("saved.part", b"hello\n".as_slice()),
        ("good.cedar", b"@id(\"mine\") @because(\"it is mine\") permit(principal, action, resource) when { false };".as_slice()),
        ("free.json", br#"{"date": "2027-01-31", "region": "x", "prices": {"alarm": {"dollars": "free", "per": 1}}}"#.as_slice()),
        ("seal.pem", PEM.as_bytes()),
        ("event.json", &event),
    ] {
        fs::write(path.join(name), bytes).unwrap();
    }
    folder
}

/// Runs the command, and returns its exit code and what it complains of.
fn complaint(folder: &std::path::Path, typed: &str) -> (Option<i32>, String) {
    let words = typed.split(' ').map(|word| word.replace('~', " "));
    let mut command = Command::new(env!("CARGO_BIN_EXE_reprieve"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env_clear().env("PATH", path).envs(NOWHERE).args(words).current_dir(folder).stdin(Stdio::null());
    let output = command.output().unwrap();
    // Some say it in their answer: that something is not as it should be is what they were asked for.
    let said = if output.stderr.is_empty() { output.stdout } else { output.stderr };
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

/// The window of the past that is typed closed more days ago each day.
fn on_any_day(said: &str) -> String {
    let closed: Timestamp = "2026-01-02T00:00:00Z".parse().unwrap();
    let days = Timestamp::now().duration_since(closed).as_hours() / 24;
    said.replace(&format!(", {days} days ago,"), ", N days ago,")
}

/// P150
#[test]
fn every_error_says_what_was_wrong_with_which_input_and_what_to_do() {
    let folder = folder();
    let mut all = String::new();
    for typed in TYPED.lines() {
        let (code, said) = complaint(folder.path(), typed);
        assert!(!said.trim().is_empty(), "`{typed}` says nothing");
        assert!(code.is_some_and(|code| code != 0), "`{typed}` succeeds: {said}");
        // The words of the operating system, of Rust and of a panic are nobody's.
        for foreign in ["os error", "panicked", "Error {", "Some(", "RUST_BACKTRACE", "\u{1b}"] {
            assert!(!said.contains(foreign), "`{typed}`: `{foreign}` in {said}");
        }
        let is_help = typed == "policy" || said.starts_with("There is nothing to verify");
        assert!(is_help || said.starts_with("reprieve: "), "`{typed}`: {said}");
        let told = on_any_day(if is_help { said.lines().next().unwrap_or_default() } else { said.trim_end() });
        write!(all, "$ reprieve {}\n{told}\n-> {}\n\n", typed.replace('~', "·"), code.unwrap_or(-1)).unwrap();
    }
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => true }, { insta::assert_snapshot!("every_error", all) });
}

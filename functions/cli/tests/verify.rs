//! `reprieve verify` and `reprieve prove` as their users run them, over the archive in tests/fixtures/seals, which another program sealed.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that goes another way must stop")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/seals");
const DECISION: &str = "audit/decisions/year=2026/month=11/day=21/hour=05/account=111122223333/region=eu-central-1/one.intent.json";
const EVENTS: &str = "audit/events/year=2026/month=11/day=21/hour=05/account=111122223333/region=eu-central-1/trail.json.gz.json.gz";
const LAST_SEAL: &str = "seals/year=2026/month=11/day=21/20261121T070000Z.json";

/// A copy of the archive that a test may change.
struct Archive(tempfile::TempDir);

impl Archive {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&Path::new(FIXTURE).join("archive"), folder.path());
        Self(folder)
    }

    fn path(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Flips a bit in the middle.
    fn alter(&self, name: &str) {
        let mut bytes = std::fs::read(self.file(name)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(self.file(name), bytes).unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir(&to).unwrap();
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// A key that is got from elsewhere.
fn key() -> String {
    format!("{FIXTURE}/archive/public-key.pem")
}

fn reprieve(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reprieve"));
    command.env_remove("CLICOLOR_FORCE").env("AWS_ENDPOINT_URL", "http://127.0.0.1:9").env("AWS_EC2_METADATA_DISABLED", "true");
    command.args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Takes off the end, which says how long ago the last seal ends, and is broken into lines accordingly.
fn ageless(text: &str) -> &str {
    text.split_once("\nThe last seal ends at 2026-11-21T08:00:00Z, ").unwrap().0
}

/// Returns the exit code, and the first problem's kind and name.
fn first_problem(archive: &Archive, more: &[&str]) -> (Option<i32>, String, String) {
    let key = key();
    let arguments = [&["verify", archive.path(), "--public-key", &key, "--json"], more].concat();
    let output = reprieve(&arguments);
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let text = |field: &str| report["problems"][0][field].as_str().unwrap_or_default().to_owned();
    (output.status.code(), text("kind"), text("name"))
}

fn problem(kind: &str, name: &str) -> (Option<i32>, String, String) {
    (Some(1), kind.to_owned(), name.to_owned())
}

#[test]
fn an_archive_as_it_was_sealed_is_told_in_a_few_lines() {
    let archive = Archive::new();
    let output = reprieve(&["verify", archive.path(), "--public-key", &key()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    insta::assert_snapshot!("verify_ok", ageless(&stdout(&output)));
}

#[test]
fn a_key_out_of_the_archive_is_warned_of() {
    let archive = Archive::new();
    let output = reprieve(&["verify", archive.path()]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).contains("proves only that the archive agrees with itself"));
    let report: Value = serde_json::from_str(&stdout(&reprieve(&["verify", archive.path(), "--json"]))).unwrap();
    assert_eq!((&report["verdict"], &report["key_is_from_archive"]), (&Value::from("ok"), &Value::from(true)));
}

#[test]
fn problems_are_named_the_first_one_first() {
    let archive = Archive::new();
    archive.alter(DECISION);
    std::fs::write(archive.file("audit/decisions/planted.json"), "{}").unwrap();
    let output = reprieve(&["verify", archive.path(), "--public-key", &key()]);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!("verify_problems", ageless(&stdout(&output)));
}

#[test]
fn every_kind_of_change_ends_with_one_and_its_name() {
    let archive = Archive::new();
    archive.alter(EVENTS);
    assert_eq!(first_problem(&archive, &[]), problem("changed", EVENTS));

    let archive = Archive::new();
    std::fs::remove_file(archive.file(DECISION)).unwrap();
    assert_eq!(first_problem(&archive, &[]), problem("missing", DECISION));

    let archive = Archive::new();
    std::fs::remove_file(archive.file("seals/year=2026/month=11/day=21/20261121T060000Z.json")).unwrap();
    assert_eq!(first_problem(&archive, &[]), problem("gap", ""));

    let archive = Archive::new();
    std::fs::rename(archive.file(LAST_SEAL), archive.file("seals/year=2026/month=11/day=21/20261121T090000Z.json")).unwrap();
    assert_eq!(first_problem(&archive, &[]), problem("reordered", "seals/year=2026/month=11/day=21/20261121T090000Z.json"));

    let archive = Archive::new();
    std::fs::remove_dir_all(archive.file("seals")).unwrap();
    assert_eq!(first_problem(&archive, &["--allow-unsealed"]), problem("unsealed", ""));
}

#[test]
fn an_object_that_waits_for_its_seal_is_counted_where_that_is_allowed() {
    let archive = Archive::new();
    std::fs::write(archive.file("audit/new.json"), "{}").unwrap();
    assert_eq!(first_problem(&archive, &[]), problem("added", "audit/new.json"));
    let output = reprieve(&["verify", archive.path(), "--public-key", &key(), "--allow-unsealed"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).contains("1 more in no seal yet"), "{}", stdout(&output));
}

/// P113
#[test]
fn seals_cut_off_at_the_end_show_against_an_anchor() {
    let archive = Archive::new();
    let whole: Value = serde_json::from_str(&stdout(&reprieve(&["verify", archive.path(), "--json"]))).unwrap();
    let hash = whole["last_seal"]["hash"].as_str().unwrap();
    assert_eq!(first_problem(&archive, &["--last-seal", hash, "--sealed-until", "2026-11-21T08:00:00Z"]).0, Some(0));
    std::fs::remove_file(archive.file(LAST_SEAL)).unwrap();
    std::fs::remove_dir_all(archive.file("audit/decisions/year=2026/month=11/day=21/hour=07")).unwrap();
    assert_eq!(first_problem(&archive, &[]).0, Some(0));
    assert_eq!(first_problem(&archive, &["--last-seal", hash]), problem("truncated", ""));
    assert_eq!(first_problem(&archive, &["--sealed-until", "2026-11-21T08:00:00Z"]), problem("truncated", ""));
}

#[test]
fn what_cannot_be_verified_ends_with_two() {
    let archive = Archive::new();
    let said = |arguments: &[&str]| {
        let output = reprieve(arguments);
        assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
        stdout(&output) + &stderr(&output)
    };
    std::fs::remove_file(archive.file("public-key.pem")).unwrap();
    assert!(said(&["verify", archive.path()]).contains("give the public key of its seals with --public-key"));
    let no_key = archive.file("no-key.pem");
    std::fs::write(&no_key, "no key").unwrap();
    assert!(said(&["verify", archive.path(), "--public-key", no_key.to_str().unwrap()]).contains("no-key.pem"));
    assert!(said(&["verify", "/nowhere/at/all"]).contains("`/nowhere/at/all`"));
    let empty = tempfile::tempdir().unwrap();
    assert!(said(&["verify", empty.path().to_str().unwrap()]).contains("There is nothing to verify"));
    assert!(said(&["verify", archive.path(), "--last-seal", "xyz"]).contains("64 hexadecimal digits"));
    assert!(said(&["verify", &key(), "--public-key", &key()]).contains("it is no proof"));
    assert!(said(&["verify", &format!("{FIXTURE}/proof.json")]).contains("a proof brings no key"));
    // A bucket that cannot be reached is no problem of the archive.
    said(&["verify", "s3://nowhere", "--public-key", &key(), "--region", "eu-central-1"]);
}

#[test]
fn a_record_is_proved_by_its_id_and_the_proof_is_verified_by_the_key_alone() {
    let archive = Archive::new();
    let proof = archive.file("proof.json");
    let output = reprieve(&["prove", archive.path(), "event-2", "--out", proof.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("proves record 3 of"), "{}", stderr(&output));
    std::fs::remove_dir_all(archive.file("audit")).unwrap();
    let output = reprieve(&["verify", proof.to_str().unwrap(), "--public-key", &key()]);
    assert_eq!(output.status.code(), Some(0));
    insta::assert_snapshot!("verify_proof", stdout(&output));

    let altered = std::fs::read_to_string(&proof).unwrap().replace("Decrypt", "Encrypt");
    std::fs::write(&proof, altered).unwrap();
    let output = reprieve(&["verify", proof.to_str().unwrap(), "--public-key", &key()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("its path does not lead to the root of its object"), "{}", stdout(&output));
}

#[test]
fn objects_and_their_lines_are_proved_by_name() {
    let archive = Archive::new();
    let proved = |arguments: &[&str]| -> Value {
        let output = reprieve(&[&["prove", archive.path()], arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        serde_json::from_str(&stdout(&output)).unwrap()
    };
    assert_eq!(proved(&[EVENTS])["record"], Value::Null);
    assert_eq!(proved(&[EVENTS, "--line", "5"])["record"]["index"], 4);
    assert_eq!(proved(&[DECISION])["record"]["index"], 0);
    assert_eq!(proved(&["one.intent"])["object"]["name"], DECISION);
}

#[test]
fn there_is_no_proof_of_what_is_not_there_or_was_changed() {
    let archive = Archive::new();
    let refused = |arguments: &[&str]| {
        let output = reprieve(&[&["prove", archive.path()], arguments].concat());
        assert_eq!((output.status.code(), stdout(&output)), (Some(2), String::new()));
        stderr(&output)
    };
    assert!(refused(&["event-9"]).contains("no sealed record is of `event-9`"));
    assert!(refused(&["audit/none.json"]).contains("no seal seals `audit/none.json`"));
    assert!(refused(&[EVENTS, "--line", "6"]).contains("holds 5 records"));
    archive.alter(EVENTS);
    assert!(refused(&[EVENTS, "--line", "1"]).contains("is not what was sealed"));
}

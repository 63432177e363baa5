//! A program that knows nothing of ours, and was written after the format's description, comes to the same verdicts.
//!
//! It needs Python 3, and `openssl` or the package `cryptography`; where they are not there, the test says so and is skipped.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use reprieve_evidence::seal::Proof;
use reprieve_test_support::FakeSealSigner;

use crate::archive::{Files, names, seal_of, three_hours};
use crate::format::fixtures;

/// Says whether it can run at all; else says aloud that it is skipped.
fn is_there() -> bool {
    let works = |program: &str, arguments: &[&str]| {
        let ran = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
        ran.is_ok_and(|status| status.success())
    };
    let is_there = works("python3", &["--version"]) && (works("openssl", &["version"]) || works("python3", &["-c", "import cryptography"]));
    if !is_there {
        std::io::stderr().write_all(b"skipped: there is no python3, or neither openssl nor the package cryptography\n").unwrap();
    }
    is_there
}

fn run(verb: &str, what: &Path, key: &Path) -> Output {
    let script = fixtures().join("independent.py");
    Command::new("python3").arg("-B").arg(script).arg(verb).arg(what).arg(key).output().unwrap()
}

fn write(folder: &Path, files: &Files) {
    for (name, bytes) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// P116
#[test]
fn it_accepts_an_archive_and_refuses_a_changed_one() {
    if !is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("public-key.pem");
    std::fs::write(&key, FakeSealSigner::new(1).pem()).unwrap();
    let files = three_hours();
    let archive = folder.path().join("archive");
    write(&archive, &files);
    let ran = run("archive", &archive, &key);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    for name in [names(&files, "audit/").remove(0), names(&files, "seals/").remove(1)] {
        let mut altered = files[&name].clone();
        let middle = altered.len() / 2;
        altered[middle] ^= 1;
        std::fs::write(archive.join(&name), &altered).unwrap();
        assert_eq!(run("archive", &archive, &key).status.code(), Some(1), "{name}");
        std::fs::write(archive.join(&name), &files[&name]).unwrap();
    }
}

#[test]
fn it_accepts_proofs_and_refuses_altered_ones() {
    if !is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("public-key.pem");
    std::fs::write(&key, FakeSealSigner::new(1).pem()).unwrap();
    let (files, file) = (three_hours(), folder.path().join("proof.json"));
    let verdict = |proof: &Proof| {
        std::fs::write(&file, proof.to_bytes()).unwrap();
        run("proof", &file, &key).status.code()
    };
    for (hour, ending, record) in [(0, "b.json.gz", Some(2)), (0, "a.json", Some(0)), (2, "e.json", Some(0)), (2, "c.parquet", None)] {
        let name = names(&files, "audit/").into_iter().find(|name| name.ends_with(ending)).unwrap();
        let proof = Proof::of(&seal_of(&files, hour), &name, &files[&name], record).unwrap();
        assert_eq!(verdict(&proof), Some(0), "{ending}");
        let mut altered = proof.clone();
        match &mut altered.record {
            Some(record) => record.text.push(' '),
            None => altered.object.size_bytes += 1,
        }
        assert_eq!(verdict(&altered), Some(1), "{ending}");
        let mut altered = proof;
        altered.head.until += jiff::SignedDuration::from_secs(1);
        assert_eq!(verdict(&altered), Some(1), "{ending}");
    }
}

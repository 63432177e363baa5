//! The format, against an archive that another program sealed: tests/fixtures/seals, made by the script beside it and `openssl`.

use std::path::{Path, PathBuf};

use reprieve_evidence::seal::{Options, Proof, Seal, SealError, SealKeys, Verdict};

use crate::archive::{Files, names, three_hours, verify_with};

pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/seals")
}

/// Reads a folder with all that is below it.
pub(crate) fn read_folder(folder: &Path) -> Files {
    let (mut files, mut open) = (Files::new(), vec![folder.to_owned()]);
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                files.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    files
}

fn fixture() -> (Files, SealKeys) {
    let files = read_folder(&fixtures().join("archive"));
    let keys = SealKeys::parse(std::str::from_utf8(&files["public-key.pem"]).unwrap()).unwrap();
    (files, keys)
}

#[test]
fn an_archive_that_another_program_sealed_is_verified() {
    let (files, keys) = fixture();
    let report = verify_with(&files, None, keys, Options::default());
    assert_eq!(report.verdict, Verdict::Ok, "{report:#?}");
    assert_eq!((report.seals, report.objects, report.records), (3, 4, 7));
}

#[test]
fn a_record_that_another_program_sealed_is_proved() {
    let (files, keys) = fixture();
    let seal = Seal::parse(&files["seals/year=2026/month=11/day=21/20261121T050000Z.json"]).unwrap();
    let name = names(&files, "audit/events/").remove(0);
    let proof = Proof::of(&seal, &name, &files[&name], Some(3)).unwrap();
    assert_eq!(proof.verify(&keys).unwrap().record.unwrap().text, r#"{"metadata":{"uid":"event-3"},"activity":"Decrypt"}"#);
}

#[test]
fn the_signed_text_is_thirteen_lines_and_an_entry_six() {
    let (files, _) = fixture();
    let seal = Seal::parse(&files["seals/year=2026/month=11/day=21/20261121T070000Z.json"]).unwrap();
    let Seal { head, objects, .. } = seal;
    let expected = format!(
        "reprieve-seal\nversion:v1\narchive:fixture:%20three%20hours\nsequence:3\nfrom:2026-11-21T07:00:00Z\nuntil:2026-11-21T08:00:00Z\n\
         sealed-at:2026-11-21T08:10:00Z\nobjects:1\nroot:{}\nprevious:{}\nkey:fixture\nkey-sha256:{}\nalgorithm:ES256\n",
        head.merkle_root,
        head.previous.unwrap(),
        head.key_sha256
    );
    assert_eq!(head.text(), expected);
    let object = &objects[0];
    let expected = format!(
        "reprieve-object\nname:audit/decisions/year=2026/month=11/day=21/hour=07/account=111122223333/region=eu-central-1/zwei%2520zwei.json\n\
         sha256:{}\nsize:{}\nrecords:1\nrecords-root:{}\n",
        object.sha256,
        object.size_bytes,
        object.records_root.unwrap()
    );
    assert_eq!(object.text(), expected);
}

#[test]
fn a_seal_is_read_in_its_own_bytes_alone() {
    let seal = crate::archive::seal_of(&three_hours(), 0);
    let text = String::from_utf8(seal.to_bytes()).unwrap();
    assert_eq!(Seal::parse(text.as_bytes()), Ok(seal));
    let parse = |text: &str| Seal::parse(text.as_bytes()).unwrap_err();
    assert_eq!(parse(text.trim_end()), SealError::Bytes);
    assert_eq!(parse(&text.replace(":00Z", ":00+00:00")), SealError::Bytes);
    assert!(matches!(parse(&text.replace(":00Z", ":00.5Z")), SealError::Time(_)));
    assert!(matches!(parse(&text.replace("{\"head\"", "{\"note\":1,\"head\"")), SealError::Form(_)));
    assert_eq!(parse(&text.replace("\"v1\"", "\"v2\"")), SealError::Version("v2".to_owned()));
    assert_eq!(parse(&text.replace("\"version\":\"v1\"", "\"version\":\"v2\",\"new\":1")), SealError::Version("v2".to_owned()));
    assert_eq!(parse(&text.replace("ES256", "none")), SealError::Algorithm("none".to_owned()));
    assert!(matches!(parse(&text.replace("T06:00:00Z", "T05:00:00Z")), SealError::Interval { .. }));
}

#[test]
fn a_proof_that_another_program_made_is_verified() {
    let (_, keys) = fixture();
    let proof = Proof::parse(&std::fs::read(fixtures().join("proof.json")).unwrap()).unwrap();
    assert_eq!(proof.verify(&keys).unwrap().record.unwrap().text, r#"{"metadata":{"uid":"event-4"},"activity":"Decrypt"}"#);
}

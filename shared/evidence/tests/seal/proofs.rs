//! A proof shows one record and no other, and no altered one holds.

use proptest::prelude::*;
use reprieve_evidence::layout;
use reprieve_evidence::seal::{Hash, Place, Proof, ProofError, SealError, SealKeys, records};
use reprieve_test_support::FakeSealSigner;

use crate::archive::{Files, gz, hour, keys, names, seal_of, sealed, sign, three_hours};

/// Proofs of every record and of every object.
fn proofs(files: &Files) -> Vec<Proof> {
    let mut proofs = Vec::new();
    for index in 0..3 {
        let seal = seal_of(files, index);
        for object in &seal.objects {
            let bytes = &files[&object.name];
            assert_eq!(records(&object.name, bytes).len() as u64, object.records);
            let which = (0..object.records).map(Some).chain([None]);
            proofs.extend(which.map(|record| Proof::of(&seal, &object.name, bytes, record).unwrap()));
        }
    }
    proofs
}

#[test]
fn every_record_and_object_is_proved_by_the_public_key_alone() {
    let files = three_hours();
    let proofs = proofs(&files);
    assert_eq!(proofs.len(), 6 + 5);
    for proof in proofs {
        let read = Proof::parse(&proof.to_bytes()).unwrap();
        assert_eq!(read, proof);
        let proven = read.verify(&keys()).unwrap();
        assert_eq!(proven.record.map(|record| &record.text), proof.record.as_ref().map(|record| &record.text));
        assert!((0..3).any(|index| seal_of(&files, index).hash() == proven.seal_hash));
    }
}

/// P115
#[test]
fn a_proof_shows_no_other_record() {
    let files = three_hours();
    let name = names(&files, layout::AUDIT).into_iter().find(|name| name.ends_with("b.json.gz")).unwrap();
    let proof = Proof::of(&seal_of(&files, 0), &name, &files[&name], Some(1)).unwrap();
    let text = String::from_utf8(proof.to_bytes()).unwrap();
    assert!(text.contains(r#"{\"id\":2}"#) && !text.contains(r#"{\"id\":1}"#) && !text.contains(r#"{\"id\":3}"#), "{text}");
}

#[test]
fn a_record_changed_by_any_byte_is_refused() {
    for proof in proofs(&three_hours()) {
        let Some(record) = &proof.record else { continue };
        for index in 0..record.text.len() {
            let mut altered = proof.clone();
            let mut bytes = record.text.clone().into_bytes();
            bytes[index] ^= 1;
            altered.record.as_mut().unwrap().text = String::from_utf8(bytes).unwrap();
            assert_eq!(altered.verify(&keys()), Err(ProofError::RecordPath));
        }
    }
}

type Change = fn(&mut Proof, Hash);
type Expectation = fn(&ProofError) -> bool;

#[test]
fn a_proof_is_refused_at_the_step_that_does_not_hold() {
    let proof = proofs(&three_hours()).remove(2);
    let other = Hash::of(b"another");
    let changes: [(Change, Expectation); 9] = [
        (|proof, _| proof.head.archive.push('x'), |error| *error == ProofError::Seal(SealError::Broken)),
        (|proof, _| proof.head.version = "v2".to_owned(), |error| matches!(error, ProofError::Seal(SealError::Version(_)))),
        (|proof, other| proof.head.key_sha256 = other, |error| matches!(error, ProofError::Seal(SealError::UnknownKey { .. }))),
        (|proof, _| proof.signature.push('A'), |error| matches!(error, ProofError::Seal(SealError::Signature(_)))),
        (|proof, _| proof.object.name.push('x'), |error| *error == ProofError::ObjectPath),
        (|proof, _| proof.object_index += 1, |error| *error == ProofError::ObjectPath),
        (|proof, other| proof.object_path.push(other), |error| *error == ProofError::ObjectPath),
        (|proof, _| proof.record.as_mut().unwrap().index = u64::MAX, |error| *error == ProofError::RecordPath),
        (|proof, other| proof.record.as_mut().unwrap().path.push(other), |error| *error == ProofError::RecordPath),
    ];
    for (index, (change, is_expected)) in changes.into_iter().enumerate() {
        let mut altered = proof.clone();
        change(&mut altered, other);
        let error = altered.verify(&keys()).unwrap_err();
        assert!(is_expected(&error), "change {index}: {error}");
    }
    let others = SealKeys::parse(&FakeSealSigner::new(2).pem()).unwrap();
    assert!(matches!(proof.verify(&others), Err(ProofError::Seal(SealError::UnknownKey { .. }))));
}

#[test]
fn a_record_is_not_proved_for_an_object_that_was_sealed_without_records() {
    let files = three_hours();
    let all = proofs(&files);
    let record = all[0].record.clone();
    let mut table = all.into_iter().find(|proof| proof.object.name.ends_with(".parquet")).unwrap();
    table.record = record;
    assert_eq!(table.verify(&keys()), Err(ProofError::WithoutRecords));
}

#[test]
fn there_is_no_proof_of_what_was_not_sealed() {
    let files = three_hours();
    let seal = seal_of(&files, 0);
    let name = &seal.objects[0].name;
    assert_eq!(Proof::of(&seal, "audit/other", b"", None), Err(ProofError::NotListed("audit/other".to_owned())));
    assert_eq!(Proof::of(&seal, name, b"{}", None), Err(ProofError::Changed(name.clone())));
    assert!(matches!(Proof::of(&seal, name, &files[name], Some(1)), Err(ProofError::NoRecord { number: 2, count: 1, .. })));
    let mut altered = seal.clone();
    altered.objects.swap(0, 1);
    assert_eq!(Proof::of(&altered, name, &files[name], None), Err(ProofError::Seal(SealError::Order)));
}

#[test]
fn a_record_that_is_no_text_is_named() {
    let bytes = gz(b"\xff\xfe\n");
    let files = sealed(&[[("audit/x.json.gz".to_owned(), bytes.clone())].into()]);
    assert!(matches!(Proof::of(&seal_of(&files, 0), "audit/x.json.gz", &bytes, Some(0)), Err(ProofError::NoText { number: 1, .. })));
}

#[test]
fn what_is_no_proof_is_refused_in_words() {
    let words = |text: &str| Proof::parse(text.as_bytes()).unwrap_err().to_string();
    assert!(words("no").starts_with("it is no proof: "));
    assert_eq!(words(r#"{"format":"x","version":"v1"}"#), "it is no proof: its format is `x`, not `reprieve-proof`");
    assert_eq!(words(r#"{"format":"reprieve-proof","version":"v2"}"#), "it is a proof of version `v2`, and this release knows `v1` alone");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// A flipped bit makes the proof unreadable, refused, or leaves every value as it was.
    /// P115.
    #[test]
    fn no_altered_proof_holds(which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let proofs = proofs(&three_hours());
        let proof = which.get(&proofs);
        let mut bytes = proof.to_bytes();
        let index = at.index(bytes.len());
        bytes[index] ^= 1 << bit;
        if let Ok(altered) = Proof::parse(&bytes) {
            prop_assert!(altered == *proof || altered.verify(&keys()).is_err());
        }
    }

    /// Records of one object are no objects of a seal, and the other way round: the trees cannot be taken for each other.
    #[test]
    fn a_record_that_looks_like_an_object_is_none(text in "[a-z]{1,20}") {
        let inner = reprieve_evidence::seal::SealedObject::measure("audit/inner.json", text.as_bytes());
        let outer = gz(inner.text().replace('\n', " ").as_bytes());
        let files = sealed(&[[("audit/outer.json.gz".to_owned(), outer.clone())].into()]);
        let mut proof = Proof::of(&seal_of(&files, 0), "audit/outer.json.gz", &outer, Some(0)).unwrap();
        proof.object = inner;
        proof.record = None;
        prop_assert_eq!(proof.verify(&keys()), Err(ProofError::ObjectPath));
    }
}

#[test]
fn a_proof_of_a_seal_without_objects_cannot_be_made_up() {
    let empty = sign(1, Place::first("a".to_owned(), hour(0), hour(1)), Vec::new());
    let mut proof = proofs(&three_hours()).remove(0);
    (proof.head, proof.signature, proof.object_path) = (empty.head, empty.signature, Vec::new());
    assert_eq!(proof.verify(&keys()), Err(ProofError::ObjectPath));
}

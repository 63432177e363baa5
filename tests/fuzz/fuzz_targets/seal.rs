//! Reads whatever lies among the seals, is handed over as a proof, or is packed into an object. Only what the fixture's key signed holds.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use reprieve_evidence::seal::{Hash, Listed, Options, Proof, Seal, SealKeys, SealedObject, Tree, Verdict, Verifier, records};

/// The archive in `tests/fixtures/seals`, which another program sealed.
const KEY: &str = include_str!("../../fixtures/seals/archive/public-key.pem");
const SEAL: &[u8] = include_bytes!("../../fixtures/seals/archive/seals/year=2026/month=11/day=21/20261121T050000Z.json");
const SEAL_NAME: &str = "seals/year=2026/month=11/day=21/20261121T050000Z.json";

static KEYS: LazyLock<SealKeys> = LazyLock::new(|| SealKeys::parse(KEY).expect("the fixture holds a public key"));
static SEALED: LazyLock<Seal> = LazyLock::new(|| Seal::parse(SEAL).expect("the fixture holds a seal"));

fuzz_target!(|input: &[u8]| {
    drop(SealKeys::parse(&String::from_utf8_lossy(input)));
    a_seal_is_written_as_it_was_read(input);
    only_the_fixture_is_verified(input);
    only_records_of_the_fixture_are_proved(input);
    records_have_the_root_that_is_sealed(input);
});

fn a_seal_is_written_as_it_was_read(input: &[u8]) {
    let Ok(seal) = Seal::parse(input) else { return };
    assert_eq!(seal.to_bytes(), input);
    assert_eq!(seal.head.text().matches('\n').count(), 13, "{seal:?}");
    assert!(seal.objects.iter().all(|object| object.text().matches('\n').count() == 6), "{seal:?}");
    let is_ours = seal.head == SEALED.head && seal.signature == SEALED.signature;
    assert!(seal.verify(&KEYS).is_err() || is_ours, "FORGED: {seal:?}");
}

fn only_the_fixture_is_verified(input: &[u8]) {
    let mut verifier = Verifier::new(KEYS.clone(), Options::default());
    for object in &SEALED.objects {
        verifier.list(Listed { name: object.name.clone(), size_bytes: object.size_bytes, modified: None });
    }
    for expected in verifier.seal(SEAL_NAME, Ok(input)) {
        let examined = expected.examine(Err("it is not read here"));
        verifier.object(examined);
    }
    let report = verifier.finish(SEALED.head.until);
    assert_eq!(report.verdict, Verdict::Problems, "objects were not read");
    assert_eq!(report.seals == 1 && report.problem_count == SEALED.objects.len() as u64, input == SEAL, "{report:?}");
}

fn only_records_of_the_fixture_are_proved(input: &[u8]) {
    let Ok(proof) = Proof::parse(input) else { return };
    assert_eq!(Proof::parse(&proof.to_bytes()).as_ref(), Ok(&proof));
    if let Ok(proven) = proof.verify(&KEYS) {
        assert_eq!(*proven.head, SEALED.head, "FORGED: {proof:?}");
        assert!(SEALED.objects.contains(proven.object), "FORGED: {proof:?}");
        let is_ours = |text: &str| text.contains("\"uid\":\"event-") || text.contains("\"uid\":\"one.intent\"");
        assert!(proven.record.is_none_or(|record| is_ours(&record.text)), "FORGED: {proof:?}");
    }
}

fn records_have_the_root_that_is_sealed(input: &[u8]) {
    for name in ["audit/x.json.gz", "audit/x.json", "audit/x"] {
        let (object, records) = (SealedObject::measure(name, input), records(name, input));
        assert_eq!(object.sha256, Hash::of(input));
        assert_eq!(object.records, records.len() as u64);
        assert_eq!(object.records_root, (!records.is_empty()).then(|| Tree::of(&records).root()));
    }
}

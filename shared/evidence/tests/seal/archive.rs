//! An archive in memory, sealed hour by hour, and a way through it as the command takes it.

use std::collections::BTreeMap;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::{SignedDuration, Timestamp};
use reprieve_engine::SealSigner as _;
use reprieve_evidence::layout;
use reprieve_evidence::seal::{Draft, Listed, Options, Place, Report, Seal, SealKeys, SealedObject, Verifier};
use reprieve_test_support::FakeSealSigner;

pub(crate) type Files = BTreeMap<String, Vec<u8>>;

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The beginning of an hour, counted from the first that is sealed.
pub(crate) fn hour(index: usize) -> Timestamp {
    time("2026-11-21T05:00:00Z") + SignedDuration::from_hours(i64::try_from(index).unwrap())
}

pub(crate) fn keys() -> SealKeys {
    SealKeys::parse(&FakeSealSigner::new(1).pem()).unwrap()
}

pub(crate) fn gz(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// Signs with the key made of this byte.
pub(crate) fn sign(secret: u8, place: Place, objects: Vec<SealedObject>) -> Seal {
    let signer = FakeSealSigner::new(secret);
    let keys = SealKeys::parse(&signer.pem()).unwrap();
    let sealed_at = place.until + SignedDuration::from_mins(10);
    let draft = Draft::new(place, objects, signer.key_id(), keys.fingerprints().next().unwrap(), sealed_at).unwrap();
    let signature = signer.signature(draft.text().as_bytes());
    draft.signed(&signature).unwrap()
}

/// Seals each hour's objects, from [`hour`] 0 on.
pub(crate) fn sealed(hours: &[Files]) -> Files {
    let mut files = Files::new();
    let mut last: Option<Seal> = None;
    for (index, objects) in hours.iter().enumerate() {
        let place = match &last {
            None => Place::first("arn:aws:s3:::evidence".to_owned(), hour(0), hour(1)),
            Some(last) => Place::after(last, hour(index + 1)),
        };
        let seal = sign(1, place, objects.iter().map(|(name, bytes)| SealedObject::measure(name, bytes)).collect());
        files.extend(objects.clone());
        files.insert(seal.name(), seal.to_bytes());
        last = Some(seal);
    }
    files
}

/// Three hours: two objects, none, three objects.
pub(crate) fn three_hours() -> Files {
    let name = |hour: usize, file: &str| format!("audit/decisions/year=2026/month=11/day=21/hour=0{hour}/account=1/region=r/{file}");
    let first = [(name(5, "a.json"), br#"{"id":"a"}"#.to_vec()), (name(5, "b.json.gz"), gz(b"{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n"))];
    let third = [
        (name(7, "c.parquet"), b"PAR1\x00\xff".to_vec()),
        (name(7, "d.json"), br#"{"id":"d"}"#.to_vec()),
        (name(7, "e.json"), br#"{"id":"e"}"#.to_vec()),
    ];
    sealed(&[first.into(), Files::new(), third.into()])
}

pub(crate) fn names(files: &Files, prefix: &str) -> Vec<String> {
    files.keys().filter(|name| name.starts_with(prefix)).cloned().collect()
}

pub(crate) fn seal_of(files: &Files, index: usize) -> Seal {
    Seal::parse(&files[&layout::seal(hour(index))]).unwrap()
}

/// Goes through an archive as the command does, at a time that suits most tests.
pub(crate) fn verify_with(files: &Files, modified: Option<Timestamp>, keys: SealKeys, options: Options) -> Report {
    verify_at(time("2026-11-21T10:00:00Z"), files, |_| modified, keys, options)
}

/// Goes through an archive as the command does, at this time, by when each object was written.
pub(crate) fn verify_at(
    now: Timestamp,
    files: &Files,
    modified: impl Fn(&str) -> Option<Timestamp>,
    keys: SealKeys,
    options: Options,
) -> Report {
    let mut verifier = Verifier::new(keys, options);
    for name in names(files, layout::AUDIT) {
        let (size_bytes, modified) = (files[&name].len() as u64, modified(&name));
        verifier.list(Listed { name, size_bytes, modified });
    }
    for name in names(files, layout::SEALS) {
        for expected in verifier.seal(&name, Ok(&files[&name])) {
            let examined = expected.examine(Ok(files.get(expected.name()).map(Vec::as_slice)));
            verifier.object(examined);
        }
    }
    verifier.finish(now)
}

pub(crate) fn verify(files: &Files) -> Report {
    verify_with(files, None, keys(), Options::default())
}

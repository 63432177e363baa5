//! A saved part is whatever somebody wrote: its numbers add up without overflow, and it names no more than a part does.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must stop")]

use flate2::Compression;
use flate2::write::GzEncoder;
use reprieve_replay::{Part, Problem};
use serde::Serialize;

#[derive(Serialize)]
struct Head {
    format: &'static str,
    version: u32,
}

/// A part as its bytes hold it.
#[derive(Serialize)]
struct Saved {
    files: u64,
    counts: [u64; 7],
    level: u32,
    identities: Bytes,
    acts: [(); 0],
    problems: u64,
    named: Vec<Problem>,
}

/// Bytes as one item.
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

fn saved(number: u64, level: u32, named: usize) -> Vec<u8> {
    let named = (0..named).map(|record| Problem { file: "a".to_owned(), record: Some(record as u64), why: "it is no JSON".to_owned() });
    let digests = [1_u64 << 63, 0].iter().flat_map(|digest| digest.to_be_bytes()).collect();
    let part =
        Saved { files: number, counts: [number; 7], level, identities: Bytes(digests), acts: [], problems: number, named: named.collect() };
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    ciborium::into_writer(&Head { format: "reprieve-replay", version: 1 }, &mut gz).unwrap();
    ciborium::into_writer(&part, &mut gz).unwrap();
    gz.finish().unwrap()
}

/// Threat P8: two parts with as many records as there are numbers are merged, and nothing overflows.
#[test]
fn numbers_without_end_add_up_to_the_largest() {
    let part = Part::from_bytes(&saved(u64::MAX, 0, 0)).unwrap();
    let mut both = part.clone();
    both.merge(part);
    assert_eq!((both.files(), both.problems(), both.counts().records), (u64::MAX, u64::MAX, u64::MAX));
}

/// Threat P8: a sample of a level that no sample has holds what it can, and is counted without overflow.
#[test]
fn a_level_without_end_is_a_number_all_the_same() {
    for level in [0, 1, 63, 64, u32::MAX] {
        let part = Part::from_bytes(&saved(1, level, 0)).unwrap();
        let mut both = part.clone();
        both.merge(Part::from_bytes(&saved(1, 0, 0)).unwrap());
        assert_eq!(both.unique_events(), part.unique_events(), "{level}");
    }
}

/// Threat P8: more problems than a part names are counted, and not kept.
#[test]
fn no_more_problems_are_named_than_a_part_names() {
    let part = Part::from_bytes(&saved(1, 0, 5_000)).unwrap();
    assert_eq!(part.named_problems().count(), 1_000);
    assert_eq!(Part::from_bytes(&part.to_bytes().unwrap()).unwrap(), part);
}

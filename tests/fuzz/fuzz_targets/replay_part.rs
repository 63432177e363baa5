//! Reads whatever is handed over as a saved part of a replay, and log files into parts: nothing ends the process, a part that is written
//! comes back the same, it does not matter in which order parts are merged, and files that are read apart come to what they come to together.
#![no_main]

use std::io::Write as _;
use std::sync::LazyLock;

use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;
use reprieve_replay::{Collector, Part, Rules, judge, judge_last};

/// A log file with two acts on one key, and something that is none.
const LOG: &[u8] = include_bytes!("../corpus/replay_part/log");
static OTHER: LazyLock<Part> = LazyLock::new(|| collected(&[LOG]));
static RULES: LazyLock<Rules> = LazyLock::new(Rules::shipped);

fuzz_target!(|input: &[u8]| {
    // As it comes, and as what is inside: few changes leave gz whole.
    for bytes in [input, &gz(input)] {
        match Part::from_bytes(bytes) {
            Ok(part) => is_a_part(&part),
            Err(error) => assert!(error.to_string().chars().count() < 1_000, "{error}"),
        }
    }
    is_a_part(&collected(&[input]));
    let (first, second) = input.split_at(input.len() / 2);
    let mut apart = collected(&[first]);
    apart.merge(collected(&[second]));
    assert_eq!(apart, collected(&[first, second]), "read apart");
});

fn collected(files: &[&[u8]]) -> Part {
    let collector = Collector::default();
    for file in files {
        collector.read("log", *file);
    }
    collector.finish()
}

fn is_a_part(part: &Part) {
    let bytes = part.to_bytes().expect("a part can be written");
    let again = Part::from_bytes(&bytes).expect("what was written can be read");
    assert_eq!(&again, part);
    assert_eq!(again.to_bytes().expect("a part can be written"), bytes);
    let (mut forth, mut back) = (part.clone(), OTHER.clone());
    forth.merge(OTHER.clone());
    back.merge(part.clone());
    assert_eq!(forth, back, "merged in either order");
    assert!(forth.named_problems().count() <= 1_000);
    let answer = judge(part, &RULES);
    let json = answer.to_json().expect("an answer can be written");
    assert_eq!(judge_last(part.clone(), &RULES).to_json().expect("an answer can be written"), json);
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(bytes).expect("memory can be written to");
    encoder.finish().expect("memory can be written to")
}

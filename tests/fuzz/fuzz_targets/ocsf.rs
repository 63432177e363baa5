//! Reads whatever lies in the archive as a record: nothing ends the process, what is read is written as it was read, and a seal over it
//! holds the same text.
#![no_main]

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;
use reprieve_evidence::seal::records;
use reprieve_wire::ocsf::{self, Read};
use serde_json::Value;

/// The longest sentence about an input that cannot be read.
const LONGEST_ERROR_CHARACTERS: usize = 1_000;

fuzz_target!(|input: &[u8]| {
    // As `verify` and `report` come by them: objects of lines, packed, or of one record.
    let lines = records("audit/events/x.json.gz", &gz(input));
    let split: Vec<&[u8]> = input.strip_suffix(b"\n").unwrap_or(input).split(|byte| *byte == b'\n').collect();
    assert!(lines == split || input.is_empty(), "{lines:?}");
    for line in lines {
        if let Ok(value) = serde_json::from_slice::<Value>(&line) {
            comes_back_the_same(&value);
        }
    }
    if let [one] = &*records("audit/decisions/x.json", input) {
        assert_eq!(one, input);
        if let Ok(value) = serde_json::from_slice::<Value>(one) {
            comes_back_the_same(&value);
        }
    }
});

fn comes_back_the_same(value: &Value) {
    let read = match ocsf::read(value) {
        Ok(read) => read,
        Err(error) => {
            let said = error.to_string();
            assert!(said.chars().count() <= LONGEST_ERROR_CHARACTERS, "{} characters: {said}", said.chars().count());
            return;
        }
    };
    let written = match &read {
        Read::Decision(record) => ocsf::record_json(record),
        Read::Entry(entry) => ocsf::audit_json(entry),
        Read::Finding(finding) => ocsf::finding_json(finding),
        Read::Posture(posture) => ocsf::posture_json(posture),
    };
    let again = ocsf::read(&written);
    assert_eq!(again.as_ref(), Ok(&read), "{written}");
    assert_eq!(written["class_uid"].as_u64().map(|class| class / 1_000), written["category_uid"].as_u64(), "{written}");
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(bytes).expect("memory can be written to");
    encoder.finish().expect("memory can be written to")
}

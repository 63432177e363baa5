//! Reads whatever lies in the folder of a trail as a log file: nothing ends the process, what is found stands where it is said to stand,
//! it does not matter in which pieces or how tightly packed a file comes, and the fast way selects what reading everything selects.
#![no_main]

use std::io::{Read, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;
use reprieve_core::AuditEvent;
use reprieve_scan::{Counts, Needles, Scan, Scanner};
use reprieve_wire::audit::{self, Parsed};
use serde_json::{Value, json};

/// What was found: each entry, or what is wrong.
type Found = Vec<Result<AuditEvent, String>>;

fuzz_target!(|input: &[u8]| {
    let (scan, found) = scanned(input);
    stands_where_it_is_said_to_stand(input);
    let piece = 1 + input.len() % 7;
    let in_pieces = scanned(Pieces { rest: input, piece });
    assert_eq!((&wherever_it_ended(&in_pieces.0), &in_pieces.1), (&wherever_it_ended(&scan), &found), "in pieces of {piece}");
    if scan.fault.is_none() && !input.starts_with(&[0x1f, 0x8b]) {
        let packed = scanned(&*gz(input));
        assert_eq!((packed.0.fault, &packed.1), (scan.fault, &found), "packed");
    }
    if let Ok(value) = serde_json::from_slice::<Value>(input) {
        the_fast_way_selects_what_reading_everything_selects(&value);
    }
});

fn scanned(reader: impl Read) -> (Scan, Found) {
    let mut found = Vec::new();
    let mut digests = 0;
    let scan = Scanner::default().scan_with_identities(
        reader,
        |_| digests += 1,
        |entry| match entry.parsed {
            Ok(Parsed::Entry(event)) => found.push(Ok(*event)),
            Ok(Parsed::NotOurs { .. }) => {}
            Err(error) => found.push(Err(error.to_string())),
        },
    );
    assert_eq!(scan.counts.entries, found.iter().filter(|entry| entry.is_ok()).count() as u64);
    assert_eq!(scan.counts.unreadable, found.iter().filter(|entry| entry.is_err()).count() as u64);
    // What stands in the place of a record is counted, and has no digest.
    assert!(digests <= scan.counts.records && scan.counts.records - digests <= scan.counts.unreadable, "{digests} digests: {scan:?}");
    (scan, found)
}

/// A file at fault is read no further, which is noticed with the piece that shows the fault: how much of it was read follows the pieces.
fn wherever_it_ended(scan: &Scan) -> Scan {
    let mut scan = scan.clone();
    if scan.fault.is_some() {
        scan.counts = Counts { bytes_in: 0, bytes_inflated: 0, ..scan.counts };
    }
    scan
}

fn stands_where_it_is_said_to_stand(input: &[u8]) {
    if input.starts_with(&[0x1f, 0x8b]) {
        return;
    }
    Scanner::new(Needles::new(&[])).scan(input, |entry| {
        let from = usize::try_from(entry.record.offset).expect("a small number");
        assert_eq!(input.get(from..from + entry.record.text.len()), Some(entry.record.text));
    });
}

fn the_fast_way_selects_what_reading_everything_selects(value: &Value) {
    let Some(records) = value.get("Records").and_then(Value::as_array).or_else(|| value.as_array()) else { return };
    // A record with a list of records is told from a container by its other fields; here only what is plainly a record.
    let is_container = |record: &Value| {
        record.as_object().is_none_or(|fields| {
            fields.is_empty()
                || fields.keys().any(|name| ["records", "events", "value", "entries"].contains(&name.to_ascii_lowercase().as_str()))
        })
    };
    if records.iter().any(is_container) {
        return;
    }
    let texts: Vec<String> = records.iter().map(Value::to_string).collect();
    if serde_json::from_str::<Value>(&json!(records).to_string()).ok().as_ref() != Some(&json!(records)) {
        return;
    }
    let expected: Vec<AuditEvent> = records.iter().filter(|record| !is_insight(record)).filter_map(entry_of).collect();
    for (form, text) in [
        ("a list", json!(records).to_string()),
        ("a container", json!({"Records": records}).to_string()),
        ("pretty", serde_json::to_string_pretty(&json!({"Records": records})).expect("JSON can be written")),
        ("lines", texts.join("\n")),
    ] {
        let (scan, found) = scanned(text.as_bytes());
        let entries: Vec<AuditEvent> = found.into_iter().filter_map(Result::ok).collect();
        assert_eq!(entries, expected, "OVERLOOKED in {form}: {text}");
        assert_eq!((scan.counts.records, scan.fault), (records.len() as u64, None), "{form}: {text}");
    }
}

fn entry_of(record: &Value) -> Option<AuditEvent> {
    match audit::parse(record) {
        Ok(Parsed::Entry(entry)) => Some(*entry),
        Ok(Parsed::NotOurs { .. }) | Err(_) => None,
    }
}

fn is_insight(record: &Value) -> bool {
    let is = |name: &str, text: &str| record.get(name).and_then(Value::as_str) == Some(text);
    is("eventCategory", "Insight") || is("eventType", "AwsCloudTrailInsight")
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory can be written to");
    encoder.finish().expect("memory can be written to")
}

/// Hands bytes over a few at a time, as a network does.
struct Pieces<'a> {
    rest: &'a [u8],
    piece: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let length = self.piece.min(self.rest.len()).min(into.len());
        let (now, rest) = self.rest.split_at(length);
        into[..length].copy_from_slice(now);
        self.rest = rest;
        Ok(length)
    }
}

//! Reads whatever stands in an audit log of any cloud: nothing ends the process, what is ours has one of the texts that the scanner looks
//! for, an entry that is written as OCSF comes back the same, and no cell of a spreadsheet is a formula.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reprieve_core::AuditEvent;
use reprieve_wire::audit::{NEEDLES, Parsed, parse};
use reprieve_wire::ocsf::{self, Read};
use reprieve_wire::row::{AuditRow, COLUMNS, Cell, header_line, line};
use reprieve_wire::{ecs, google};
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    let Ok(value) = serde_json::from_slice::<Value>(input) else { return };
    let Ok(Parsed::Entry(entry)) = parse(&value) else { return };
    passes_the_filter(&value);
    comes_back_the_same(&entry);
    is_a_row(&entry);
});

/// Envelopes of Google hold what they carry in base64: the scanner opens these, and they have no text to look for.
fn passes_the_filter(record: &Value) {
    let Some(fields) = record.as_object() else { return };
    if google::is_entry(fields) || !is_spelt_as_usual(record) {
        return;
    }
    let text = record.to_string();
    assert!(NEEDLES.iter().any(|needle| text.contains(needle)), "OVERLOOKED: {text}");
}

/// Field names are read in any letter case. No service writes those that tell a record in another than these.
fn is_spelt_as_usual(value: &Value) -> bool {
    const SPELT: [&str; 8] =
        ["operationName", "OperationName", "operationname", "OPERATIONNAME", "authorization", "Authorization", "eventSource", "eventName"];
    match value {
        Value::Object(fields) => fields.iter().all(|(name, inner)| {
            let is_known = SPELT.iter().any(|spelt| spelt.eq_ignore_ascii_case(name));
            (!is_known || SPELT.contains(&name.as_str())) && is_spelt_as_usual(inner)
        }),
        Value::Array(items) => items.iter().all(is_spelt_as_usual),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

fn comes_back_the_same(entry: &AuditEvent) {
    let written = ocsf::audit_json(entry);
    assert_eq!(ocsf::read(&written), Ok(Read::Entry(Box::new(entry.clone()))), "{written}");
    let text = written.to_string();
    assert!(!text.contains('\n'), "{text}");
    let again: Value = serde_json::from_str(&text).expect("an entry is JSON");
    assert_eq!(ocsf::read(&again), Ok(Read::Entry(Box::new(entry.clone()))), "{text}");
    assert!(ecs::audit_json(entry).is_object());
}

fn is_a_row(entry: &AuditEvent) {
    let row = AuditRow::of(entry);
    let cells = row.cells();
    let read = cells_of(&line(&row));
    assert_eq!((read.len(), cells_of(&header_line()).len()), (cells.len(), COLUMNS.len()), "{read:?}");
    for (cell, read) in cells.iter().zip(&read) {
        match cell {
            Cell::Text(text) => {
                assert!(!read.starts_with(['=', '+', '-', '@', '\t', '\r']), "a formula: {read:?}");
                assert_eq!(read.strip_prefix('\'').unwrap_or(read), text.unwrap_or_default());
            }
            Cell::Integer(number) => assert_eq!(*read, number.map_or(String::new(), |number| number.to_string())),
            Cell::Flag(flag) => assert_eq!(*read, flag.map_or(String::new(), |flag| flag.to_string())),
        }
    }
}

/// Reads one line of a spreadsheet, as RFC 4180 has it.
fn cells_of(line: &str) -> Vec<String> {
    let mut rest = line.strip_suffix("\r\n").expect("a line has an end");
    let mut cells = Vec::new();
    loop {
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut cell = String::new();
            let mut letters = quoted.char_indices().peekable();
            let mut end = quoted.len();
            while let Some((at, letter)) = letters.next() {
                if letter == '"' && letters.next_if(|(_, next)| *next == '"').is_none() {
                    end = at + 1;
                    break;
                }
                cell.push(letter);
            }
            rest = &quoted[end..];
            cells.push(cell);
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            cells.push(rest[..end].to_owned());
            rest = &rest[end..];
        }
        match rest.strip_prefix(',') {
            Some(next) => rest = next,
            None => break,
        }
    }
    assert!(rest.is_empty(), "{rest:?} after the last cell of {line:?}");
    cells
}

//! Entries as rows: the columns are those of the struct, and a spreadsheet gives back what went in.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must stop, and says where")]

use reprieve_core::ActorKind;
use reprieve_wire::row::{AuditRow, COLUMNS, Cell, ColumnKind, header_line, line};
use serde_json::Value;

use crate::ocsf_entry::{azure_entry, decrypt, google_entry, refused};

/// Reads a spreadsheet with its header, as anybody's reader would, and takes the guard off.
pub(crate) fn read_back(text: &str) -> Vec<AuditRow> {
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let names = reader.headers().unwrap().clone();
    let rows = reader.records().map(|record| {
        let cells = names.iter().zip(record.unwrap().iter().map(ToOwned::to_owned).collect::<Vec<_>>()).map(|(name, cell)| {
            let column = COLUMNS.iter().find(|column| column.name == name).unwrap_or_else(|| unreachable!("`{name}`"));
            let value = match column.kind {
                ColumnKind::Text if column.is_required => unguarded(&cell).into(),
                _ if cell.is_empty() => Value::Null,
                ColumnKind::Text => unguarded(&cell).into(),
                ColumnKind::Integer => cell.parse::<i64>().unwrap().into(),
                ColumnKind::Flag => cell.parse::<bool>().unwrap().into(),
            };
            (name.to_owned(), value)
        });
        serde_json::from_value(Value::Object(cells.collect())).unwrap()
    });
    rows.collect()
}

fn unguarded(cell: &str) -> &str {
    cell.strip_prefix('\'').unwrap_or(cell)
}

/// A spreadsheet knows no difference between nothing and an empty text.
pub(crate) fn without_blanks(row: AuditRow) -> AuditRow {
    let Value::Object(mut cells) = serde_json::to_value(row).unwrap() else { unreachable!("a row is an object") };
    for (name, value) in &mut cells {
        let is_required = COLUMNS.iter().any(|column| column.name == name && column.is_required);
        if !is_required && value.as_str() == Some("") {
            *value = Value::Null;
        }
    }
    serde_json::from_value(Value::Object(cells)).unwrap()
}

#[test]
fn the_columns_are_the_fields_of_a_row_in_their_order() {
    let row = AuditRow::of(&decrypt());
    let text = serde_json::to_string(&row).unwrap();
    // Serde writes the fields of a struct in their order.
    let places: Vec<usize> = COLUMNS.iter().map(|column| text.find(&format!("\"{}\":", column.name)).unwrap()).collect();
    assert!(places.is_sorted(), "{text}");
    let fields = serde_json::to_value(&row).unwrap();
    assert_eq!(fields.as_object().unwrap().len(), COLUMNS.len());
    for (column, cell) in COLUMNS.iter().zip(row.cells()) {
        let (kind, value) = match cell {
            Cell::Text(text) => (ColumnKind::Text, Value::from(text)),
            Cell::Integer(number) => (ColumnKind::Integer, Value::from(number)),
            Cell::Flag(flag) => (ColumnKind::Flag, Value::from(flag)),
        };
        assert_eq!((kind, &value), (column.kind, &fields[column.name]), "{}", column.name);
    }
}

#[test]
fn no_column_has_the_name_of_a_partition_or_of_a_reserved_word() {
    // The partitions of the archive's names, and of what Athena's two dialects reserve, the words that come near a column here.
    let partitions = ["year", "month", "day", "hour", "account", "region"];
    let reserved = ["date", "group", "interval", "order", "partition", "row", "table", "time", "timestamp", "user", "values", "references"];
    for column in &COLUMNS {
        assert!(!partitions.contains(&column.name) && !reserved.contains(&column.name), "{}", column.name);
        assert!(column.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{}", column.name);
    }
}

#[test]
fn the_columns_are_final() {
    let columns: Vec<String> = COLUMNS.iter().map(|column| format!("{} {:?}: {}", column.name, column.kind, column.meaning)).collect();
    insta::assert_snapshot!("columns", columns.join("\n"));
}

#[test]
fn the_columns_are_in_the_documentation() {
    let page = std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/audit-records.md")).unwrap();
    let line = |column: &reprieve_wire::row::Column| {
        let kind = format!("{:?}", column.kind).to_ascii_lowercase();
        format!("| `{}` | {kind} | {} |", column.name, column.meaning)
    };
    let table = COLUMNS.iter().map(line).collect::<Vec<_>>().join("\n");
    assert!(page.contains(&table), "`shared/docs/audit-records.md` must hold this table:\n{table}");
}

#[test]
fn rows_of_every_cloud_come_back_out_of_a_spreadsheet() {
    let rows: Vec<AuditRow> = [decrypt(), refused(), azure_entry(), google_entry()].iter().map(AuditRow::of).collect();
    let text = header_line() + &rows.iter().map(line).collect::<String>();
    assert_eq!(read_back(&text), rows);
}

/// P107
#[test]
fn no_cell_of_a_spreadsheet_is_a_formula() {
    for dangerous in ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\t=1", "\r=1"] {
        let mut entry = decrypt();
        entry.event.actor.user_agent = Some(dangerous.to_owned());
        entry.event.actor.session_name = Some(dangerous.to_owned());
        entry.event.actor.kind = ActorKind::Other(dangerous.to_owned());
        let text = header_line() + &line(&AuditRow::of(&entry));
        let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
        for cell in &reader.records().next().unwrap().unwrap() {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']) || cell.parse::<i64>().is_ok(), "{cell}");
        }
        assert_eq!(read_back(&text).pop().unwrap().user_agent.as_deref(), Some(dangerous));
    }
}

#[test]
fn a_row_before_1970_has_a_number_and_no_formula() {
    let mut entry = decrypt();
    entry.event.time = Some("1969-12-31T23:59:59Z".parse().unwrap());
    assert!(line(&AuditRow::of(&entry)).starts_with("-1000,1969-12-31T23:59:59Z,"));
}

//! Rows as CSV (RFC 4180), safe to open in a spreadsheet.
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula, and user agents, session names and error messages are
//! whatever an attacker writes. Such a text gets an apostrophe in front, which spreadsheets take for "this is text"; so does one that
//! begins with a tab or a carriage return, and one that begins with an apostrophe, so that the guard can be taken off again without
//! loss. Who needs the texts as they are takes JSON lines or Parquet.

use std::borrow::Cow;

use super::{AuditRow, COLUMNS, Cell};

/// Returns the line of names, with its end of line.
#[must_use]
pub fn header_line() -> String {
    joined(COLUMNS.iter().map(|column| Cow::Borrowed(column.name)))
}

/// Returns the line of a row, with its end of line. What an entry does not say is an empty cell.
#[must_use]
pub fn line(row: &AuditRow) -> String {
    joined(row.cells().into_iter().map(|cell| match cell {
        Cell::Text(text) => guarded(text.unwrap_or_default()),
        Cell::Integer(number) => number.map_or(Cow::Borrowed(""), |number| number.to_string().into()),
        Cell::Flag(flag) => flag.map_or("", |flag| if flag { "true" } else { "false" }).into(),
    }))
}

fn guarded(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\'']) { format!("'{text}").into() } else { text.into() }
}

fn joined<'a>(cells: impl Iterator<Item = Cow<'a, str>>) -> String {
    let mut line = cells.map(quoted).collect::<Vec<_>>().join(",");
    line.push_str("\r\n");
    line
}

/// Quotes what needs it: a comma, a quote or a line's end inside, or blanks at its ends, which some readers drop.
fn quoted(text: Cow<'_, str>) -> Cow<'_, str> {
    let needs_it = text.contains([',', '"', '\n', '\r']) || text.starts_with([' ', '\t']) || text.ends_with([' ', '\t']);
    if needs_it { format!("\"{}\"", text.replace('"', "\"\"")).into() } else { text }
}

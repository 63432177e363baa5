//! Columns of text, and paragraphs below a row. Colours do not count as width, and vanish where the output is no terminal.

use std::io::Write;

use owo_colors::{OwoColorize as _, Style};

use crate::style::{WIDTH, wrap};

/// A cell: a text, and its colour.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// Returns a cell without colour.
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self::styled(text, Style::new())
    }

    /// Returns a cell in colour.
    pub(crate) fn styled(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }
}

/// A row, and the paragraphs that explain it.
#[derive(Debug, Clone)]
pub(crate) struct Row<const COLUMNS: usize> {
    pub(crate) cells: [Cell; COLUMNS],
    pub(crate) below: Vec<Cell>,
}

/// Prints a heading and the rows, each column as wide as its widest cell, and the paragraphs indented below their row.
pub(crate) fn print<const COLUMNS: usize>(heading: [&str; COLUMNS], rows: &[Row<COLUMNS>], out: &mut impl Write) -> std::io::Result<()> {
    let heading = heading.map(|text| Cell::styled(text, Style::new().bold()));
    let mut widths = [0; COLUMNS];
    for cells in std::iter::once(&heading).chain(rows.iter().map(|row| &row.cells)) {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = cell.text.chars().count().max(*width);
        }
    }
    print_cells(&heading, &widths, out)?;
    for row in rows {
        print_cells(&row.cells, &widths, out)?;
        for Cell { text, style } in &row.below {
            for line in wrap(text, WIDTH - 4) {
                writeln!(out, "    {}", line.style(*style))?;
            }
        }
    }
    Ok(())
}

fn print_cells(cells: &[Cell], widths: &[usize], out: &mut impl Write) -> std::io::Result<()> {
    let last = cells.len().saturating_sub(1);
    for (index, (Cell { text, style }, width)) in cells.iter().zip(widths).enumerate() {
        let gap = if index == last { 0 } else { width + 2 - text.chars().count() };
        write!(out, "{}{:gap$}", text.style(*style), "")?;
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_reasons_stand_below() {
        let row = |change: &str, state: &str, why: &str| Row {
            cells: [Cell::plain(change), Cell::styled(state, Style::new())],
            below: if why.is_empty() { Vec::new() } else { vec![Cell::plain(why)] },
        };
        let mut out = Vec::new();
        print(["CHANGE", "STATE"], &[row("CHG-2048", "valid now", ""), row("1", "invalid", &"why ".repeat(30))], &mut out).unwrap();
        let text = anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.iter().take(3).copied().collect::<Vec<_>>(), ["CHANGE    STATE", "CHG-2048  valid now", "1         invalid"]);
        assert!(lines.iter().skip(3).all(|line| line.starts_with("    why") && line.len() <= WIDTH), "{text}");
        assert_eq!(lines.len(), 5);
    }
}

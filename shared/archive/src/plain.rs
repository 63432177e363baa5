//! Entries as one stream of text, for other tools: OCSF, ECS, or a spreadsheet.

use reprieve_core::AuditEvent;
use reprieve_wire::row::{self, AuditRow};
use reprieve_wire::{ecs, ocsf};

/// A form of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// JSON lines of OCSF.
    Ocsf,
    /// JSON lines with the fields of the Elastic Common Schema.
    Ecs,
    /// CSV, with a line of names.
    Csv,
}

impl Form {
    /// Returns what the stream begins with.
    #[must_use]
    pub fn beginning(self) -> String {
        match self {
            Self::Ocsf | Self::Ecs => String::new(),
            Self::Csv => row::header_line(),
        }
    }

    /// Returns the line of an entry, with its end of line.
    #[must_use]
    pub fn line(self, entry: &AuditEvent) -> String {
        match self {
            Self::Ocsf => format!("{}\n", ocsf::audit_json(entry)),
            Self::Ecs => format!("{}\n", ecs::audit_json(entry)),
            Self::Csv => row::line(&AuditRow::of(entry)),
        }
    }
}

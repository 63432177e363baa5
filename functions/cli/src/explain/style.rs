//! Colours of decisions and severities.

use owo_colors::Style;
use reprieve_core::{Decision, Severity};

pub(super) use crate::style::{WIDTH, highlight, wrap};

/// Returns the colour of a severity.
pub(super) const fn of_severity(severity: Severity) -> Style {
    match severity {
        Severity::Informational => Style::new().bright_black(),
        Severity::Low => Style::new().blue(),
        Severity::Medium => Style::new().yellow(),
        Severity::High => Style::new().red(),
        Severity::Critical => Style::new().red().bold().reversed(),
    }
}

/// Returns the colour of a decision.
pub(super) const fn of_decision(decision: &Decision) -> Style {
    match decision {
        Decision::Stand { .. } => Style::new().bright_black(),
        Decision::Remedy { .. } => Style::new().green().bold(),
        Decision::Escalate { .. } => Style::new().magenta().bold(),
    }
}

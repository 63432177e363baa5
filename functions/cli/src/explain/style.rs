//! Colours and line breaks of the text form. Colours vanish where the output is no terminal, or `NO_COLOR` is set.

use owo_colors::{OwoColorize as _, Style};
use reprieve_core::{Decision, Severity};

/// The width of a line, in characters.
pub(super) const WIDTH: usize = 100;

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

/// Breaks a text into lines of at most `width` characters, at spaces; a word that is longer has a line of its own.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line_is_full = |line: &String| !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width;
        if lines.last().is_some_and(line_is_full) {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// Sets what stands in backticks off in colour.
pub(super) fn highlight(line: &str) -> String {
    if line.matches('`').count() % 2 == 1 {
        return line.to_owned();
    }
    line.split('`').enumerate().map(|(index, part)| if index % 2 == 1 { part.cyan().to_string() } else { part.to_owned() }).collect()
}

//! The table at the end.

use owo_colors::OwoColorize as _;

use crate::report::Report;

/// Makes the table: one line a scenario, and on narrow terminals two.
#[must_use]
pub fn table(reports: &[Report], width: usize) -> Vec<String> {
    let longest = |text: fn(&Report) -> &str, heading: &str| {
        reports.iter().map(|report| text(report).chars().count()).chain([heading.len()]).max().unwrap_or_default()
    };
    let title = longest(|report| report.title, "scenario");
    let expected = longest(|report| report.expected, "expected");
    let observed = longest(|report| &report.observed, "observed");
    let numbers = "detect ms  remedy ms".len();
    let needed = 2 + title + 2 + expected + 2 + observed + 2 + 2 + 2 + numbers;
    if needed > width {
        return narrow(reports, width);
    }
    let heading = format!("  {:title$}  {:expected$}  {:observed$}  ok  detect ms  remedy ms", "scenario", "expected", "observed");
    let mut lines = vec![heading.bold().to_string(), format!("  {}", "─".repeat(needed - 2)).dimmed().to_string()];
    lines.extend(reports.iter().map(|report| {
        let observed = format!("{:observed$}", report.observed);
        let observed = if report.ok { observed.green().to_string() } else { observed.red().to_string() };
        format!(
            "  {:title$}  {:expected$}  {observed}  {}   {:>9}  {:>9}",
            report.title,
            report.expected,
            mark(report.ok),
            number(report.detect_ms),
            number(report.remediate_ms)
        )
    }));
    lines
}

fn narrow(reports: &[Report], width: usize) -> Vec<String> {
    let mut lines = Vec::with_capacity(reports.len() * 2);
    for report in reports {
        lines.push(super::line::cut(&format!("{} {}", mark(report.ok), report.title.bold()), width));
        let times = match (report.detect_ms, report.remediate_ms) {
            (Some(detect), Some(remedy)) => format!(" · {detect}/{remedy} ms"),
            (Some(detect), None) => format!(" · {detect} ms"),
            (None, _) => String::new(),
        };
        let ended = if report.ok { report.observed.clone() } else { format!("{}, not {}", report.observed, report.expected) };
        lines.push(super::line::cut(&format!("  {ended}{}", times.dimmed()), width));
    }
    lines
}

fn mark(ok: bool) -> String {
    if ok { "✔".green().to_string() } else { "✘".bold().red().to_string() }
}

fn number(value: Option<i64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| value.to_string())
}

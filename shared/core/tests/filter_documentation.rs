//! The evaluator is held to the examples that AWS publishes. The rows are data (`tests/fixtures/filters/documentation.json`), so that
//! they can be sent to `logs:TestMetricFilter`, too.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must stop, and says where")]

use reprieve_core::filter::FilterPattern;
use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Deserialize)]
struct Documentation {
    rows: Vec<Row>,
}

/// A pattern, a log event as JSON or as a line of text, whether it matches, and where AWS says so.
#[derive(Debug, Deserialize)]
struct Row {
    pattern: String,
    event: Value,
    expect: bool,
    source: String,
}

fn rows() -> Vec<Row> {
    let text = include_str!("../../../tests/fixtures/filters/documentation.json");
    serde_json::from_str::<Documentation>(text).unwrap().rows
}

#[test]
fn the_published_examples_are_judged_as_published() {
    let rows = rows();
    assert!(rows.len() >= 60, "{}", rows.len());
    for Row { pattern, event, expect, source } in rows {
        let parsed = FilterPattern::parse(&pattern).unwrap_or_else(|error| unreachable!("`{pattern}`: {error} ({source})"));
        let matches = event.as_str().map_or_else(|| parsed.matches(&event), |text| parsed.matches_text(text));
        assert_eq!(matches, expect, "`{pattern}` on {event} ({source})");
    }
}

#[test]
fn an_example_means_the_same_once_it_is_printed() {
    for Row { pattern, .. } in rows() {
        let parsed = FilterPattern::parse(&pattern).unwrap();
        assert_eq!(FilterPattern::parse(&parsed.to_string()).as_ref(), Ok(&parsed), "`{pattern}` is printed as `{parsed}`");
    }
}

#[test]
fn a_json_event_matches_as_a_value_and_as_text() {
    for Row { pattern, event, .. } in rows() {
        let parsed = FilterPattern::parse(&pattern).unwrap();
        assert_eq!(parsed.matches(&event), parsed.matches_text(&event.to_string()), "`{pattern}` on {event}");
    }
}

#[test]
fn an_explanation_agrees_with_the_judgement() {
    for Row { pattern, event, .. } in rows() {
        let parsed = FilterPattern::parse(&pattern).unwrap();
        assert_eq!(parsed.explain(&event).matches, parsed.matches(&event), "`{pattern}` on {event}");
    }
}

#[test]
fn every_row_names_its_source() {
    for Row { pattern, source, .. } in rows() {
        assert!(source.starts_with("Amazon CloudWatch Logs User Guide, \""), "`{pattern}`: {source}");
    }
}

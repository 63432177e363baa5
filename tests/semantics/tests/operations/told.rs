//! What people are told, and what is counted: each notice, threat, warning, finding and metric stands in the page.

use reprieve_core::drill::Path;
use reprieve_semantics::repository_path;

use super::{PAGE, lacks, read, section_of, spans, texts_of_arms, visit, without_row};

#[test]
fn every_notice_has_a_section() {
    let page = read(PAGE);
    let mut phrases = Vec::new();
    phrases.extend(texts_of_arms(&read("shared/core/src/notice.rs"), "fn headline("));
    phrases.extend(texts_of_arms(&read("shared/core/src/notice/azure.rs"), "fn state("));
    phrases.extend(texts_of_arms(&read("shared/core/src/notice/monitoring.rs"), "fn state("));
    let drill = read("shared/core/src/drill/decide.rs");
    for (said, phrase) in [
        ("drill passed: {}", "drill passed"),
        ("drill MISSED its deadline: {}", "drill MISSED its deadline"),
        ("drill NOT held: {}", "drill NOT held"),
        ("drill not held (mode observe): {what}", "drill not held (mode observe)"),
    ] {
        assert!(drill.contains(said), "a drill is told otherwise than as `{said}`");
        phrases.push(phrase.to_owned());
    }
    assert!(read("shared/core/src/notice/finding.rs").contains("\"unusual: {}"), "an anomaly is told otherwise");
    phrases.push("unusual:".to_owned());
    assert!(phrases.len() >= 25, "only these were found: {phrases:?}");
    let problems: Vec<String> =
        phrases.iter().filter_map(|phrase| lacks(section_of(&page, &[phrase])).map(|lack| format!("`{phrase}` {lack}"))).collect();
    assert_eq!(problems, Vec::<String>::new());
}

#[test]
fn whatever_can_happen_to_a_key_has_a_row() {
    let phrases = texts_of_arms(&read("shared/core/src/threat.rs"), "fn phrase(self)");
    assert_eq!(phrases.len(), 14);
    assert_eq!(without_row(&read(PAGE), phrases.iter().map(String::as_str), 4), Vec::<String>::new());
}

#[test]
fn every_warning_has_a_row() {
    let page = read(PAGE);
    let rows: Vec<&str> =
        page.split("## Warnings in a notice").nth(1).and_then(|part| part.split("\n## ").next()).unwrap().lines().collect();
    let told: Vec<&str> = rows.iter().filter_map(|row| spans(row.strip_prefix("| ")?.split(" | ").next()?).next()).collect();
    let mut warnings: Vec<String> = Vec::new();
    for folder in ["shared/core/src", "shared/engine/src"] {
        visit(&repository_path(folder), &mut |source| {
            for rest in source.split("escalations.push(").skip(1) {
                let text = rest.trim_start().trim_start_matches("format!(").trim_start();
                warnings.extend(text.strip_prefix('"').and_then(|text| text.split('"').next()).map(ToOwned::to_owned));
            }
        });
    }
    let policies = read("shared/core/policies/default.cedar");
    warnings.extend(policies.split("\n@escalate(\"").skip(1).filter_map(|rest| rest.split('"').next().map(ToOwned::to_owned)));
    // What was put together elsewhere: its beginning is a constant that another warning of the table begins with too.
    warnings.retain(|warning| !warning.starts_with("{}: {still}"));
    assert!(warnings.len() >= 9, "only these were found: {warnings:?}");
    let untold: Vec<&String> = warnings.iter().filter(|warning| !told.iter().any(|told| warning.contains(told))).collect();
    assert_eq!(untold, Vec::<&String>::new());
}

#[test]
fn every_path_of_a_drill_every_reason_and_every_finding_has_a_row() {
    let page = read(PAGE);
    assert_eq!(without_row(&page, Path::ALL.map(Path::as_str), 3), Vec::<String>::new());
    let reasons = texts_of_arms(&read("shared/core/src/finding.rs"), "pub const fn as_str(self)");
    assert_eq!(reasons.len(), 8);
    assert_eq!(without_row(&page, reasons.iter().map(String::as_str), 3), Vec::<String>::new());
    let findings = texts_of_arms(&read("shared/evidence/src/seal/report.rs"), "pub const fn as_str(self)");
    assert_eq!(findings.len(), 11);
    assert_eq!(without_row(&page, findings.iter().map(String::as_str), 2), Vec::<String>::new());
}

#[test]
fn every_reason_for_which_sealing_stops_has_a_row() {
    let page = read(PAGE);
    let table = page.split("### When sealing stops").nth(1).and_then(|part| part.split("\n### ").next()).unwrap();
    let told: Vec<&str> = table.lines().filter_map(|row| spans(row.strip_prefix("| ")?.split(" | ").next()?).next()).collect();
    let source = read("shared/engine/src/seal.rs");
    let errors: Vec<&str> =
        source.split("#[error(").skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next()).collect();
    assert!(errors.len() >= 5, "only these were found: {errors:?}");
    let untold: Vec<&&str> = errors.iter().filter(|error| !told.iter().any(|told| error.contains(told))).collect();
    assert_eq!(untold, Vec::<&&str>::new());
}

#[test]
fn every_metric_has_a_row() {
    let page = read(PAGE);
    let table = reprieve_runtime::metrics::markdown();
    let metrics: Vec<&str> = table.lines().filter_map(|row| spans(row).next()).collect();
    assert!(metrics.len() >= 35);
    assert_eq!(without_row(&page, metrics, 2), Vec::<String>::new());
}

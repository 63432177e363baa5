//! The runbook has a section for everything that rings, and names nothing that is not there. Names are read out of the templates and sources.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed read fails the test")]

mod alarms;
mod commands;
mod google;
mod told;

use std::collections::BTreeMap;

use reprieve_semantics::repository_path;
use serde_json::Value;

const PAGE: &str = "shared/docs/operations.md";
const STACKS: [&str; 6] = ["guard.yaml", "monitoring.yaml", "drill.yaml", "evidence.yaml", "approval-key.yaml", "replay.yaml"];
const PARTS: [&str; 5] = ["**Means.**", "**At stake.**", "**Look.**", "**Do.**", "**Close**"];

fn read(relative: &str) -> String {
    std::fs::read_to_string(repository_path(relative)).unwrap_or_else(|error| panic!("`{relative}` cannot be read: {error}"))
}

/// Returns the sections below headings of the third level, by heading.
fn sections(page: &str) -> BTreeMap<&str, &str> {
    let parts = page.split("\n### ").skip(1);
    parts
        .map(|part| {
            let (heading, body) = part.split_once('\n').unwrap_or((part, ""));
            (heading, body.split("\n## ").next().unwrap_or(body))
        })
        .collect()
}

/// Returns the texts between backticks on a line.
fn spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Returns the section whose heading holds all of these code spans.
fn section_of<'a>(page: &'a str, names: &[&str]) -> Option<&'a str> {
    let found = sections(page).into_iter().find(|(heading, _)| names.iter().all(|name| spans(heading).any(|span| span == *name)));
    found.map(|(_, body)| body)
}

/// Says what a section lacks.
fn lacks(section: Option<&str>) -> Option<String> {
    let Some(section) = section else { return Some("has no section".to_owned()) };
    let missing: Vec<&str> = PARTS.into_iter().filter(|part| !section.contains(part)).collect();
    (!missing.is_empty()).then(|| format!("does not say {missing:?}"))
}

/// Returns the cells of the table's row that begins with this name, none of them empty.
fn row_of<'a>(page: &'a str, name: &str) -> Option<Vec<&'a str>> {
    let row = page.lines().find(|line| {
        line.strip_prefix('|').and_then(|rest| rest.split('|').next()).is_some_and(|first| spans(first).any(|span| span == name))
    })?;
    Some(row.trim().trim_matches('|').split(" | ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
}

/// Names those that have no row of so many cells.
fn without_row<'a>(page: &str, names: impl IntoIterator<Item = &'a str>, cells: usize) -> Vec<String> {
    let has_row = |name: &str| row_of(page, name).is_some_and(|row| row.len() >= cells);
    names.into_iter().filter(|name| !has_row(name)).map(ToOwned::to_owned).collect()
}

/// Returns the resources of a template, by logical id, with their types.
fn resources(template: &str) -> BTreeMap<String, String> {
    let template: Value = serde_saphyr::from_str(&read(&format!("infra/aws/{template}"))).expect("the template is YAML");
    let resources = template.get("Resources").and_then(Value::as_object).expect("the template has resources");
    resources
        .iter()
        .map(|(id, resource)| (id.clone(), resource.get("Type").and_then(Value::as_str).unwrap_or_default().to_owned()))
        .collect()
}

/// Returns the texts to which a function's arms lead: from where it is declared to its closing brace.
fn texts_of_arms(source: &str, declaration: &str) -> Vec<String> {
    let body = source.split(declaration).nth(1).unwrap_or_else(|| panic!("there is no `{declaration}`"));
    let indent = source.lines().find(|line| line.contains(declaration)).map_or(0, |line| line.len() - line.trim_start().len());
    let end = format!("\n{}}}", " ".repeat(indent));
    let body = body.split(&end).next().unwrap_or(body);
    // A text stands behind an arrow, at once or as the value of a block.
    let words = body.split("=>").skip(1).filter_map(|arm| {
        let value = arm.trim_start().trim_start_matches('{').trim_start();
        value.strip_prefix('"')?.split('"').next().map(ToOwned::to_owned)
    });
    words.collect()
}

fn visit(folder: &std::path::Path, act: &mut impl FnMut(&str)) {
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit(&path, act);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            act(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

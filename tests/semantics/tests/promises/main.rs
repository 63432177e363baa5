//! Each promise of `shared/docs/semantics.md` that no edge case, property or failure test cites, as a named test; and the test that
//! every promise is cited somewhere.
#![expect(clippy::unwrap_used, reason = "a test that goes another way must stop")]

mod acting;
mod approving;
mod breaking_glass;
mod deciding;
mod monitoring;
mod recording;
mod retelling;
mod sweeping;
mod unusable;

use std::collections::BTreeSet;
use std::path::Path;

use reprieve_engine::CallError;
use reprieve_semantics::repository_path;

fn no_answer() -> CallError {
    CallError::Unavailable { call: "any", message: "connection reset".to_owned() }
}

fn denied() -> CallError {
    CallError::AccessDenied { call: "kms:EnableKey", message: "explicit deny".to_owned() }
}

/// Where tests cite promises.
const CITING: [&str; 14] = [
    "tests/semantics/tests",
    "tests/e2e",
    "functions/aws-record-key-events/src",
    "functions/aws-replay-archive/src",
    "functions/azure-guard/tests",
    "functions/cli/tests",
    "functions/gcp-guard/tests",
    "shared/archive/tests",
    "shared/aws-evidence/src",
    "shared/core/tests",
    "shared/evidence/tests",
    "shared/replay/tests",
    "shared/scan/tests",
    "shared/wire/tests",
];

/// Every promise is cited by a test, and no test cites a promise that does not exist.
#[test]
fn every_promise_is_cited_and_every_citation_is_a_promise() {
    let text = std::fs::read_to_string(repository_path("shared/docs/semantics.md")).unwrap();
    let promised: Vec<u32> = text.lines().filter_map(|line| line.strip_prefix("- **P")?.split_once("**")?.0.parse().ok()).collect();
    let numbers: BTreeSet<u32> = promised.iter().copied().collect();
    assert_eq!(numbers.len(), promised.len(), "each number once");
    let mut cited = BTreeSet::new();
    for folder in CITING {
        collect_citations(&repository_path(folder), &mut cited);
    }
    let untested: Vec<&u32> = numbers.difference(&cited).collect();
    let unknown: Vec<&u32> = cited.difference(&numbers).collect();
    assert!(untested.is_empty(), "promises without a test: {untested:?}");
    assert!(unknown.is_empty(), "citations of no promise: {unknown:?}");
}

fn collect_citations(folder: &Path, cited: &mut BTreeSet<u32>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect_citations(&path, cited);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let comments = text.lines().filter_map(|line| line.trim_start().strip_prefix("///"));
            for word in comments.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric())) {
                // P-256 is a curve.
                cited.extend(word.strip_prefix('P').and_then(|number| number.parse::<u32>().ok()).filter(|number| *number < 200));
            }
        }
    }
}

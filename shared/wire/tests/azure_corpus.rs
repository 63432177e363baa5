//! Published records of Azure, where they are at hand: set `REPRIEVE_CORPUS` to their folder. Only counts are committed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use reprieve_core::azure::event::VAULT_SOURCE;
use reprieve_core::{CallOutcome, Target};
use reprieve_wire::WireError;
use reprieve_wire::azure::{ACTIVITY_SOURCE, parse_all};
use serde_json::Value;

/// Returns the lines of a file of the corpus, or says why the test is skipped.
fn lines(name: &str) -> Option<Vec<Value>> {
    let Some(folder) = std::env::var_os("REPRIEVE_CORPUS").map(PathBuf::from) else {
        let mut err = std::io::stderr();
        let _written = std::io::Write::write_all(&mut err, b"skipped: REPRIEVE_CORPUS is not set to the folder of published events\n");
        return None;
    };
    let path = folder.join("azure").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| unreachable!("`{}`: {error}", path.display()));
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| unreachable!("{error}: {line}"))).collect())
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    events: usize,
    refused: usize,
    on_resources: usize,
    named: usize,
    unnamed: usize,
    by_source: BTreeMap<String, usize>,
}

fn count(lines: &[Value]) -> Counts {
    let mut counts = Counts::default();
    for (number, line) in lines.iter().enumerate() {
        let parsed = parse_all(line);
        assert!(!parsed.is_empty(), "line {} holds nothing", number + 1);
        for item in parsed {
            let event = item.event.unwrap_or_else(|error: WireError| unreachable!("line {}: {error}", number + 1));
            counts.events += 1;
            counts.refused += usize::from(event.outcome != CallOutcome::Succeeded);
            match event.target {
                Target::Azure(_) => counts.on_resources += 1,
                Target::Named(_) => counts.named += 1,
                Target::Unnamed => counts.unnamed += 1,
                Target::Key(_) | Target::KeyStore(_) | Target::Google(_) => unreachable!("no key of another cloud is in Azure's logs"),
            }
            *counts.by_source.entry(event.source).or_default() += 1;
        }
    }
    counts
}

fn sources(sources: &[(&str, usize)]) -> BTreeMap<String, usize> {
    sources.iter().map(|(source, count)| ((*source).to_owned(), *count)).collect()
}

#[test]
fn every_published_record_is_an_event() {
    let Some(lines) = lines("panther-analysis-azure.jsonl") else { return };
    assert_eq!(lines.len(), 212);
    // Storage logs, which share the shape, come from their own sources; without a resource, Azure Monitor is all there is.
    let by_source = sources(&[
        (ACTIVITY_SOURCE, 194),
        ("Microsoft.Storage", 7),
        ("Microsoft.Storage/StorageRead", 4),
        ("Microsoft.Storage/StorageWrite", 2),
        ("Microsoft.Insights/StorageDelete", 1),
        ("Microsoft.Insights/StorageRead", 3),
        ("Microsoft.Insights/StorageWrite", 1),
    ]);
    // Refused: six calls that failed, four blobs not served. Named: five Kubernetes resources whose ids lack a name, and
    // `/providers/Microsoft.Authorization`. Unnamed: five blobs.
    let expected = Counts { events: 212, refused: 10, on_resources: 201, named: 6, unnamed: 5, by_source };
    assert_eq!(count(&lines), expected);
}

#[test]
fn every_sample_of_the_documentation_is_an_event() {
    let Some(lines) = lines("microsoft-docs.jsonl") else { return };
    assert_eq!(lines.len(), 8);
    // Most samples have `{subscription-id}` for an id: such a resource is a name.
    let by_source = sources(&[(ACTIVITY_SOURCE, 5), ("Microsoft.KeyVault", 2), (VAULT_SOURCE, 1)]);
    let expected = Counts { events: 8, refused: 0, on_resources: 2, named: 6, unnamed: 0, by_source };
    assert_eq!(count(&lines), expected);
}

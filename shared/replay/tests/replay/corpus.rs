//! Published logs, where they are at hand: set `REPRIEVE_CORPUS` to their folder. Only counts are committed.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

use reprieve_replay::{Collector, Rules, Verdict, judge};
use serde::Serialize;

/// What is committed of an answer.
#[derive(Debug, Serialize)]
struct Numbers {
    files: u64,
    records: u64,
    unique_events: u64,
    errors: u64,
    keys: usize,
    acts: BTreeMap<String, u64>,
    verdicts: BTreeMap<Verdict, u64>,
}

/// Replays a folder of the corpus, or says why the test is skipped.
fn numbers(folder: &str) -> Option<Numbers> {
    let Some(corpus) = std::env::var_os("REPRIEVE_CORPUS").map(PathBuf::from) else {
        let mut err = std::io::stderr();
        let _written = std::io::Write::write_all(&mut err, b"skipped: REPRIEVE_CORPUS is not set to the folder of published events\n");
        return None;
    };
    let collector = Collector::default();
    let found = reprieve_scan::find(&corpus.join(folder)).unwrap();
    let logs = found.files.iter().filter(|file| !file.path.to_string_lossy().ends_with(".tsv"));
    for log in logs {
        collector.read(&log.path.to_string_lossy(), File::open(&log.path).unwrap());
    }
    let answer = judge(&collector.finish(), &Rules::shipped());
    assert_eq!(answer.read.errors, answer.problems.len() as u64);
    Some(Numbers {
        files: answer.read.files,
        records: answer.read.records,
        unique_events: answer.read.unique_events,
        errors: answer.read.errors,
        keys: answer.keys.len(),
        acts: answer.acts,
        verdicts: answer.kpis.verdicts,
    })
}

#[test]
fn recorded_logs_replay_without_an_error() {
    let Some(numbers) = numbers("aws-logs") else { return };
    assert_eq!(numbers.errors, 0);
    insta::assert_json_snapshot!("corpus_aws_logs", numbers);
}

#[test]
fn published_samples_replay_to_the_same_counts() {
    let Some(numbers) = numbers("aws") else { return };
    assert_eq!(numbers.errors, 0);
    insta::assert_json_snapshot!("corpus_aws", numbers);
}

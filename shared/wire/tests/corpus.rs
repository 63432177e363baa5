//! Published events, where they are at hand: set `REPRIEVE_CORPUS` to their folder. What is committed is derived from them, never copied.

use std::path::{Path, PathBuf};

use crate::support::describe;
use reprieve_wire::{WireError, parse_text};

/// Returns the corpus, or says why the test is skipped.
fn corpus() -> Option<PathBuf> {
    let folder = std::env::var_os("REPRIEVE_CORPUS").map(PathBuf::from);
    if folder.is_none() {
        let mut err = std::io::stderr();
        let _written = std::io::Write::write_all(&mut err, b"skipped: REPRIEVE_CORPUS is not set to the folder of published events\n");
    }
    folder
}

fn jsonl_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.join("aws")).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl")).collect();
    files.sort();
    files
}

#[test]
fn every_published_event_is_understood_or_named() {
    let Some(corpus) = corpus() else { return };
    let files = jsonl_files(&corpus);
    assert!(!files.is_empty(), "no `aws/*.jsonl` in `{}`", corpus.display());
    let mut errors = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let lines = parse_text(&text);
        assert_eq!(lines.len(), text.lines().count(), "{}", file.display());
        for line in lines {
            if let Err(error) = line.parsed {
                assert!(matches!(error, WireError::NoName { .. }), "{}:{}: {error}", file.display(), line.line);
                errors.push(format!("{}:{}", file.file_name().unwrap().to_string_lossy(), line.line));
            }
        }
    }
    // A record whose every field is null.
    assert_eq!(errors, ["aws-cloudtrail-processing-library.jsonl:1"]);
}

#[test]
fn the_samples_of_the_kms_guide() {
    let Some(corpus) = corpus() else { return };
    for name in ["awsdocs-kms-guide", "awsdocs-kms-guide-eventbridge"] {
        let text = std::fs::read_to_string(corpus.join("aws").join(format!("{name}.jsonl"))).unwrap();
        insta::assert_snapshot!(format!("corpus_{name}"), describe(&parse_text(&text)));
    }
}

//! What a script of Python's standard library counts, and what the product counts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use reprieve_replay::{Answer, Rules, judge};
use serde::Deserialize;

use crate::{archive, asked, collect};

/// What both count.
#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Counted {
    files: u64,
    records: u64,
    unique_events: u64,
    acts: BTreeMap<String, u64>,
    keys: BTreeSet<String>,
}

fn by_the_script(folder: &Path) -> Counted {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/independent/count_key_events.py");
    serde_json::from_value(asked(Command::new("python3").arg(script).arg(folder), "")).unwrap()
}

/// Asserts that nothing was unreadable, besides.
fn by_the_product(folder: &Path) -> Counted {
    let Answer { read, acts, keys, problems, .. } = judge(&collect(folder), &Rules::shipped());
    assert_eq!((read.errors, problems.first()), (0, None));
    let keys = keys.into_iter().map(|history| history.key).filter(|key| key.contains(":key/")).collect();
    Counted { files: read.files, records: read.records, unique_events: read.unique_events, acts, keys }
}

/// P133
#[test]
fn a_script_that_parses_everything_counts_the_same() {
    let folder = archive::written();
    let counted = by_the_script(folder.path());
    assert!(counted.acts.len() > 25 && counted.keys.len() > 30, "the archive holds little: {counted:?}");
    assert_eq!(by_the_product(folder.path()), counted);
}

#[test]
fn the_real_logs_are_read_without_an_error_and_counted_as_the_script_counts_them() {
    let Some(corpus) = std::env::var_os("REPRIEVE_CORPUS") else {
        let mut err = std::io::stderr();
        let _written = std::io::Write::write_all(&mut err, b"skipped: REPRIEVE_CORPUS is not set to the folder of published events\n");
        return;
    };
    let folder = Path::new(&corpus).join("aws-logs");
    let counted = by_the_script(&folder);
    assert!(counted.records > 2_000, "these are not the real logs: {counted:?}");
    assert_eq!(by_the_product(&folder), counted);
}

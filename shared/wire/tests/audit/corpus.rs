//! Published records, where they are at hand: set `REPRIEVE_CORPUS` to their folder. Every one becomes an entry, or is named as not
//! ours. What is committed are counts, never records.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use reprieve_wire::audit::{Parsed, parse};
use reprieve_wire::azure::unpack;
use serde_json::Value;

use super::needles::passes;

/// Returns the corpus, or says why the test is skipped.
fn corpus() -> Option<PathBuf> {
    let folder = std::env::var_os("REPRIEVE_CORPUS").map(PathBuf::from);
    if folder.is_none() {
        let mut err = std::io::stderr();
        let _written = std::io::Write::write_all(&mut err, b"skipped: REPRIEVE_CORPUS is not set to the folder of published events\n");
    }
    folder
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.to_string_lossy().ends_with(ending)).collect();
    files.sort();
    assert!(!files.is_empty(), "no `*{ending}` in `{}`", folder.display());
    files
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| unreachable!("{error}: {text}"))
}

/// The records of a file of JSON lines; where a line holds several, each of them.
fn lines_of(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| unreachable!("`{}`: {error}", path.display()));
    let is_azure = path.parent().is_some_and(|folder| folder.ends_with("azure"));
    let records = text.lines().map(json_of).flat_map(|line| {
        if is_azure {
            return unpack(&line, "").into_iter().map(|unpacked| unpacked.input).collect();
        }
        // A pair holds what Security Lake was given, a file of CloudTrail, and what it made of it.
        line.pointer("/raw/Records").and_then(Value::as_array).cloned().unwrap_or_else(|| vec![line])
    });
    records.collect()
}

/// The records of a file as CloudTrail delivers it.
fn delivered(path: &Path) -> Vec<Value> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| unreachable!("`{}`: {error}", path.display()));
    let mut text = String::new();
    let read = flate2::read::GzDecoder::new(bytes.as_slice()).read_to_string(&mut text);
    read.unwrap_or_else(|error| unreachable!("`{}`: {error}", path.display()));
    match json_of(&text).get_mut("Records").map(Value::take) {
        Some(Value::Array(records)) => records,
        other => unreachable!("`{}` holds no records: {other:?}", path.display()),
    }
}

/// Every file of the corpus by its name; CloudTrail's deliveries as one.
fn everything(corpus: &Path) -> BTreeMap<String, Vec<Value>> {
    let mut all = BTreeMap::new();
    for folder in ["aws", "azure", "gcp", "ocsf"] {
        for path in files(&corpus.join(folder), ".jsonl") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            all.insert(format!("{folder}/{name}"), lines_of(&path));
        }
    }
    let deliveries = files(&corpus.join("aws-logs/invictus"), ".json.gz");
    all.insert("aws-logs/invictus".to_owned(), deliveries.iter().flat_map(|path| delivered(path)).collect());
    all
}

/// Counts what the records of a file are.
fn summary(records: &[Value]) -> String {
    let mut entries: BTreeMap<String, usize> = BTreeMap::new();
    let mut not_ours: BTreeMap<String, usize> = BTreeMap::new();
    let mut errors = Vec::new();
    for (number, record) in records.iter().enumerate() {
        match parse(record) {
            Ok(Parsed::Entry(entry)) => {
                let kind = entry.asset.as_ref().map_or("-", |asset| asset.kind.as_str());
                *entries.entry(format!("{} | {} | {kind}", entry.log.caption(), entry.operation.as_str())).or_default() += 1;
            }
            Ok(Parsed::NotOurs { source, .. }) => *not_ours.entry(source).or_default() += 1,
            Err(_) => errors.push(number + 1),
        }
    }
    let mut text = format!(
        "{} records: {} entries, {} not ours, {} errors\n",
        records.len(),
        entries.values().sum::<usize>(),
        not_ours.values().sum::<usize>(),
        errors.len()
    );
    for (kind, count) in entries {
        let _written = writeln!(text, "  {count:>4} {kind}");
    }
    let sources: Vec<String> = not_ours.iter().map(|(source, count)| format!("{source} {count}")).collect();
    if !sources.is_empty() {
        let _written = writeln!(text, "  not ours: {}", sources.join(", "));
    }
    if !errors.is_empty() {
        let _written = writeln!(text, "  errors in records: {errors:?}");
    }
    text
}

/// P102
#[test]
fn every_published_record_is_an_entry_or_named_as_not_ours() {
    let Some(corpus) = corpus() else { return };
    let counts: Vec<String> = everything(&corpus).iter().map(|(name, records)| format!("{name}: {}", summary(records))).collect();
    insta::assert_snapshot!(counts.join("\n"));
    // The only record that is neither is one whose every field is null.
    let with_errors: Vec<&String> = counts.iter().filter(|count| !count.contains(" 0 errors")).collect();
    assert_eq!(with_errors.len(), 1, "{with_errors:?}");
    assert!(
        with_errors
            .iter()
            .all(|count| count.starts_with("aws/aws-cloudtrail-processing-library: ") && count.contains("errors in records: [1]"))
    );
}

#[test]
fn every_published_record_that_is_ours_passes_the_filter_over_bytes() {
    let Some(corpus) = corpus() else { return };
    let (mut ours, mut others_that_pass, mut others) = (0, 0, 0);
    for record in everything(&corpus).values().flatten() {
        if matches!(parse(record), Ok(Parsed::Entry(_))) {
            assert!(passes(record), "{record}");
            ours += 1;
        } else {
            others += 1;
            others_that_pass += usize::from(passes(record));
        }
    }
    assert!(ours > 1_000, "{ours} records are ours");
    // Otherwise it would filter nothing: of CloudTrail's records that are not ours, few pass.
    assert!(others_that_pass * 2 < others, "{others_that_pass} of {others} that are not ours pass");
}

#[test]
fn no_published_plaintext_ciphertext_or_key_is_in_an_entry() {
    let Some(corpus) = corpus() else { return };
    for record in everything(&corpus).values().flatten() {
        let Ok(Parsed::Entry(entry)) = parse(record) else { continue };
        let text = serde_json::to_string(&entry).unwrap_or_else(|error| unreachable!("{error}"));
        for secret in secrets_of(record) {
            assert!(!text.contains(&secret), "`{secret}` is in {text}");
        }
    }
}

/// Texts under the names of fields that hold secret material, where they are long enough to be told from words.
fn secrets_of(value: &Value) -> Vec<String> {
    const FIELDS: [&str; 13] = [
        "plaintext",
        "ciphertextblob",
        "secretstring",
        "secretbinary",
        "publickey",
        "signature",
        "mac",
        "importtoken",
        "encryptedkeymaterial",
        "keystorepassword",
        "sessiontoken",
        "aio",
        "password",
    ];
    let mut found = Vec::new();
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let is_secret = FIELDS.contains(&name.to_ascii_lowercase().as_str());
                let text = value.as_str().filter(|text| is_secret && text.len() >= 12 && !text.contains('/'));
                found.extend(text.map(ToOwned::to_owned));
                found.extend(secrets_of(value));
            }
        }
        Value::Array(items) => found.extend(items.iter().flat_map(secrets_of)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    found
}

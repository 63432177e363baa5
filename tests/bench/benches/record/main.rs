//! What reading and recording an archive of logs costs, beside inflating the same files: throughput, memory, bytes out.
//!
//! Each measure runs in a process of its own, this bench started anew as a child, so that its peak of memory is its own; in turns, so that
//! what else the machine does meets all alike. It prints the medians, checks what was found against what the corpus holds, and ends with 1
//! where that differs or memory is not bounded.
//!
//! `cargo bench -p reprieve-bench --bench record`; `REPRIEVE_BENCH_MB=1000` for a gigabyte (40 by default), `REPRIEVE_BENCH_CORPUS=FOLDER`
//! for files of your own, with the numbers of a `truth.json` where it has one.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::case_sensitive_file_extension_comparisons,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a bench prints, and stops on the first surprise"
)]

#[path = "../corpus/mod.rs"]
mod corpus;

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use flate2::bufread::MultiGzDecoder;
use reprieve_archive::{ArchiveSink, FolderStore, PORTION_ENTRIES, Portions, log_file_name};
use reprieve_engine::evidence::{Batch, EvidenceSink as _, EvidenceStore as _};
use reprieve_scan::{Counts, LogFile, Needles, Scanner, each, find};
use reprieve_wire::audit::Parsed;
use serde_json::{Value, json};

use crate::corpus::Truth;

/// The argument by which the bench starts itself as a child that measures one thing once.
const CHILD: &str = "--child";
/// How often each thing is measured; odd, so that the median is one of them.
const RUNS: usize = 5;
/// Threads, as a small function has processors.
const THREADS: usize = 2;
/// The most memory of reading, however large the corpus.
const MEMORY_LIMIT_KIB: u64 = 32 * 1024;
/// Calls that change the state of a key.
const STATE: [&str; 8] = [
    "ScheduleKeyDeletion",
    "DisableKey",
    "CancelKeyDeletion",
    "EnableKey",
    "DeleteImportedKeyMaterial",
    "ImportKeyMaterial",
    "CreateKey",
    "DeleteKey",
];

/// What is measured, in the order of the table.
const MEASURES: [(&str, &str); 5] = [
    ("inflate", "inflate alone"),
    ("split", "split into records"),
    ("find", "find changes of keys' state"),
    ("parse", "parse every entry"),
    ("record", "record into an archive"),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip_while(|argument| argument != CHILD).skip(1).collect();
    if let [measure, folder] = &arguments[..] {
        println!("{}", child(measure, Path::new(folder)));
        return ExitCode::SUCCESS;
    }
    let made = tempfile::tempdir().expect("there is room for a corpus");
    let (folder, truth) = match std::env::var_os("REPRIEVE_BENCH_CORPUS") {
        Some(folder) => (PathBuf::from(&folder), truth_of(Path::new(&folder))),
        None => (made.path().to_owned(), Some(corpus::write(made.path(), megabytes(), corpus::BUSY))),
    };
    let mut runs: Vec<Vec<Value>> = vec![Vec::new(); MEASURES.len()];
    for _ in 0..RUNS {
        for (index, (measure, _)) in MEASURES.iter().enumerate() {
            runs[index].push(in_a_new_process(measure, &folder));
        }
    }
    let medians: Vec<Value> = runs.into_iter().map(median).collect();
    print(&medians);
    if is_right(&medians, truth) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn megabytes() -> u64 {
    std::env::var("REPRIEVE_BENCH_MB").ok().and_then(|text| text.parse().ok()).unwrap_or(40)
}

fn truth_of(folder: &Path) -> Option<Truth> {
    let text = std::fs::read(folder.join("truth.json")).ok()?;
    let truth: Value = serde_json::from_slice(&text).expect("truth.json is JSON");
    let number = |name: &str| truth[name].as_u64().expect("truth.json has its numbers");
    Some(Truth { records: number("records"), state: number("state_events"), bytes: number("bytes"), ..Truth::default() })
}

fn in_a_new_process(measure: &str, folder: &Path) -> Value {
    let this = std::env::current_exe().expect("a bench has a path");
    let output = Command::new(this).arg(CHILD).arg(measure).arg(folder).output().expect("the bench starts itself");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("a child prints JSON")
}

fn median(mut runs: Vec<Value>) -> Value {
    runs.sort_by(|a, b| seconds(a).total_cmp(&seconds(b)));
    runs.swap_remove(runs.len() / 2)
}

fn seconds(run: &Value) -> f64 {
    run["seconds"].as_f64().expect("a child says how long it took")
}

fn number(run: &Value, name: &str) -> u64 {
    run[name].as_u64().unwrap_or_default()
}

fn print(medians: &[Value]) {
    let inflate = &medians[0];
    let (bytes, packed) = (number(inflate, "bytes_inflated") as f64, number(inflate, "bytes_in") as f64);
    println!("\n{:.1} MB in {:.1} MB gz, {THREADS} threads, medians of {RUNS}", bytes / 1e6, packed / 1e6);
    println!(
        "{:<30} {:>8} {:>8} {:>9} {:>9} {:>8} {:>10} {:>10}",
        "", "seconds", "GB/s", "MB/s gz", "of limit", "MiB", "records", "entries"
    );
    for ((_, name), run) in MEASURES.iter().zip(medians) {
        let took = seconds(run);
        println!(
            "{name:<30} {took:>8.3} {:>8.2} {:>9.1} {:>9.2} {:>8.1} {:>10} {:>10}",
            bytes / took / 1e9,
            packed / took / 1e6,
            seconds(inflate) / took,
            number(run, "peak_kib") as f64 / 1024.0,
            number(run, "records"),
            number(run, "entries"),
        );
    }
    let record = &medians[MEASURES.len() - 1];
    println!(
        "bytes out: {} of JSON lines (gz) in {} objects, {} of Parquet in {}",
        number(record, "bytes_lines"),
        number(record, "objects_lines"),
        number(record, "bytes_tables"),
        number(record, "objects_tables")
    );
}

/// Checks what was found, and that memory is bounded.
fn is_right(medians: &[Value], truth: Option<Truth>) -> bool {
    let mut is_right = true;
    let mut expect = |what: &str, found: u64, expected: u64| {
        if found != expected {
            println!("WRONG: {what}: {found}, and not {expected}");
            is_right = false;
        }
    };
    if let Some(truth) = truth {
        expect("bytes", number(&medians[0], "bytes_inflated"), truth.bytes);
        for run in &medians[1..] {
            expect("records", number(run, "records"), truth.records);
        }
        expect("changes of keys' state", number(&medians[2], "entries"), truth.state);
    }
    expect("entries recorded", number(&medians[4], "entries"), number(&medians[3], "entries"));
    for (run, (_, name)) in medians[..4].iter().zip(MEASURES) {
        let peak = number(run, "peak_kib");
        if peak > MEMORY_LIMIT_KIB {
            println!("WRONG: {name}: {peak} KiB of memory, and not {MEMORY_LIMIT_KIB} at most");
            is_right = false;
        }
    }
    is_right
}

/// Measures one thing once.
fn child(measure: &str, folder: &Path) -> Value {
    let files: Vec<LogFile> =
        find(folder).expect("the corpus is there").files.into_iter().filter(|file| file.name.ends_with(".gz")).collect();
    let archive = tempfile::tempdir().expect("there is room for an archive");
    let started = Instant::now();
    let counts = match measure {
        "inflate" => sum(each(&files, THREADS, inflate)),
        "split" => {
            let scanner = Scanner::new(Needles::new(&["\u{0}"]));
            sum(each(&files, THREADS, |file| scan(file, &scanner)))
        }
        "find" => {
            let scanner =
                Scanner::new(Needles::new(&["\"kms.amazonaws.com"]).only(|_, name, _| STATE.iter().any(|call| call.as_bytes() == name)));
            sum(each(&files, THREADS, |file| scan(file, &scanner)))
        }
        "parse" => sum(each(&files, THREADS, |file| scan(file, &Scanner::default()))),
        _ => {
            let sink = ArchiveSink::new(FolderStore::create(archive.path()).expect("the archive can be made"));
            sum(each(&files, THREADS, |file| record(file, &sink)))
        }
    };
    let took = started.elapsed();
    let (lines, tables) = written(archive.path());
    json!({
        "seconds": took.as_secs_f64(),
        "bytes_in": counts.bytes_in,
        "bytes_inflated": counts.bytes_inflated,
        "records": counts.records,
        "entries": counts.entries,
        "peak_kib": peak_kib(),
        "bytes_lines": lines.0,
        "objects_lines": lines.1,
        "bytes_tables": tables.0,
        "objects_tables": tables.1,
    })
}

fn sum(all: Vec<Counts>) -> Counts {
    all.into_iter().fold(Counts::default(), |mut sum, counts| {
        sum += counts;
        sum
    })
}

fn open(file: &LogFile) -> File {
    File::open(&file.path).expect("the corpus is there")
}

fn inflate(file: &LogFile) -> Counts {
    let mut decoder = MultiGzDecoder::new(std::io::BufReader::with_capacity(64 * 1024, open(file)));
    let mut buffer = vec![0; 192 * 1024];
    let mut counts = Counts { bytes_in: file.path.metadata().expect("the corpus is there").len(), ..Counts::default() };
    loop {
        match decoder.read(&mut buffer).expect("the corpus is gz") {
            0 => return counts,
            read => counts.bytes_inflated += read as u64,
        }
    }
}

fn scan(file: &LogFile, scanner: &Scanner) -> Counts {
    let scan = scanner.scan(open(file), |entry| assert!(entry.parsed.is_ok(), "{:?}", entry.parsed));
    assert_eq!(scan.fault, None, "{}", file.name);
    scan.counts
}

/// Does what `reprieve record` does with a file.
fn record(file: &LogFile, sink: &ArchiveSink<FolderStore>) -> Counts {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime can be made");
    let write = |batch: Batch| {
        assert!(batch.events.len() <= PORTION_ENTRIES);
        let appended = runtime.block_on(sink.append_events(&batch)).expect("the archive can be written");
        assert!(appended.refused.is_empty(), "{:?}", appended.refused);
    };
    let mut portions = Portions::new(log_file_name(&file.name));
    let scan = Scanner::default().scan(open(file), |entry| {
        if let Ok(Parsed::Entry(entry)) = entry.parsed
            && let Some(batch) = portions.push(*entry)
        {
            write(batch);
        }
    });
    if let Some(batch) = portions.finish() {
        write(batch);
    }
    scan.counts
}

/// Returns bytes and objects of JSON lines, and of tables.
fn written(folder: &Path) -> ((u64, u64), (u64, u64)) {
    let store = FolderStore::at(folder);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime can be made");
    let objects = runtime.block_on(store.list("")).expect("the archive can be listed");
    let of = |ending: &str| {
        let sizes = objects.iter().filter(|object| object.name.ends_with(ending)).map(|object| object.size_bytes);
        (sizes.clone().sum(), sizes.count() as u64)
    };
    (of(".json.gz"), of(".parquet"))
}

/// Returns the most memory that this process ever had; zero where the system does not say.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or_default()
}

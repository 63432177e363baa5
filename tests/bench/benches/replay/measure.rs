//! One measure, in a process of its own: inflating a corpus, or replaying it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Instant;

use flate2::bufread::MultiGzDecoder;
use reprieve_replay::{Collector, Rules, judge_last};
use reprieve_scan::{LogFile, each, find};
use serde_json::{Value, json};

/// Threads, as a small machine has processors.
pub(crate) const THREADS: usize = 2;
/// Calls that change the state of a key, as the corpora count them.
pub(crate) const STATE: [&str; 8] = [
    "ScheduleKeyDeletion",
    "DisableKey",
    "CancelKeyDeletion",
    "EnableKey",
    "DeleteImportedKeyMaterial",
    "ImportKeyMaterial",
    "CreateKey",
    "DeleteKey",
];

/// Measures once, and returns what [`crate::Run`] reads.
pub(crate) fn measure(what: &str, folder: &Path) -> Value {
    let files: Vec<LogFile> =
        find(folder).expect("the corpus is there").files.into_iter().filter(|file| file.name.ends_with(".gz")).collect();
    let started = Instant::now();
    let mut found = if what == "inflate" { inflate_all(&files) } else { replay(&files) };
    found["seconds"] = json!(started.elapsed().as_secs_f64());
    found["cpu_seconds"] = json!(cpu_seconds());
    found["peak_kib"] = json!(peak_kib());
    found
}

fn open(file: &LogFile) -> File {
    File::open(&file.path).expect("the corpus is there")
}

/// Inflates and does nothing else: the limit of whoever reads gz with this library.
fn inflate_all(files: &[LogFile]) -> Value {
    let bytes = each(files, THREADS, |file| {
        let mut decoder = MultiGzDecoder::new(std::io::BufReader::with_capacity(64 * 1024, open(file)));
        let mut buffer = vec![0; 192 * 1024];
        let mut bytes = 0;
        loop {
            match decoder.read(&mut buffer).expect("the corpus is gz") {
                0 => return bytes,
                read => bytes += read as u64,
            }
        }
    });
    let packed: u64 = files.iter().map(|file| file.path.metadata().expect("the corpus is there").len()).sum();
    json!({"bytes": bytes.into_iter().sum::<u64>(), "bytes_packed": packed, "files": files.len()})
}

/// Does what `reprieve replay --json` does: reads all, decides on every act, writes the answer.
fn replay(files: &[LogFile]) -> Value {
    let collector = Collector::default();
    each(files, THREADS, |file| {
        let scan = collector.read(&file.name, open(file));
        assert_eq!(scan.fault, None, "{}", file.name);
    });
    let answer = judge_last(collector.finish(), &Rules::shipped());
    let written = answer.to_json().expect("an answer is JSON");
    let of_state = |acts: &BTreeMap<String, u64>| -> BTreeMap<String, u64> {
        acts.iter().filter(|(name, _)| STATE.contains(&name.as_str())).map(|(name, count)| (name.clone(), *count)).collect()
    };
    let by_name = of_state(&answer.acts);
    let keys = answer.keys.iter().filter(|key| !of_state(&key.acts).is_empty()).count();
    json!({
        "bytes": answer.read.bytes,
        "bytes_packed": answer.read.bytes_read,
        "files": answer.read.files,
        "records": answer.read.records,
        "unique": answer.read.unique_events,
        "unique_exact": answer.read.unique_events_exact,
        "errors": answer.read.errors,
        "by_name": by_name,
        "keys": keys,
        "answer_bytes": written.len(),
    })
}

/// Returns the most memory that this process ever had; zero where the system does not say.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or_default()
}

/// Returns what this process took of processors, its own time and the kernel's; zero where the system does not say.
fn cpu_seconds() -> f64 {
    /// Linux counts in hundredths of a second, whatever the processor.
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name, in brackets, may hold blanks; the 14th and 15th fields are the 12th and 13th after it.
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    after_name.split_ascii_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_SECOND
}

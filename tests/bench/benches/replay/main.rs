//! What replaying an archive of logs costs, beside inflating the same files and beside what others need to find the same calls.
//!
//! Each measure runs in a process of its own, so that its peak of memory is its own; in turns, so that what else the machine does meets
//! all alike. Prints medians and ratios, the latter of each turn, and whether they reach their targets. Ends with 1 where an answer is
//! wrong or memory is not bounded; a ratio under its target is printed as such, and is no failure.
//!
//! Started by `scripts/bench replay`, which says what can be set.

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
mod measure;
mod plot;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use serde_json::Value;

use crate::corpus::{Mix, Truth};
use crate::measure::THREADS;
use crate::plot::Point;

/// The argument by which the bench starts itself as a child that measures one thing once.
const CHILD: &str = "--child";
/// How often the replay and its limit are measured; odd, so that the median is one of them.
const RUNS: usize = 7;
/// How often others are, which take far longer.
const PEER_RUNS: usize = 3;
/// The most memory of a replay, however large the corpus.
const MEMORY_LIMIT_KIB: u64 = 16 * 1024;
/// Others, with how many times as fast a replay shall be.
const PEERS: [(&str, Option<f64>); 4] = [("duckdb", Some(20.0)), ("orjson", Some(12.0)), ("jq", None), ("json", None)];
const PEERS_SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/replay/peers.py");

/// One measure of one thing.
#[derive(Debug, Clone)]
struct Run {
    /// From its beginning to its end, in the process.
    seconds: f64,
    /// From the start of the process to its end.
    wall: f64,
    found: Value,
}

/// A corpus, and where it is.
struct Case {
    name: String,
    folder: PathBuf,
    truth: Option<Truth>,
    /// The share of the speed of inflating alone that a replay shall reach.
    target: f64,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip_while(|argument| argument != CHILD).skip(1).collect();
    if let [what, folder] = &arguments[..] {
        println!("{}", measure::measure(what, Path::new(folder)));
        return ExitCode::SUCCESS;
    }
    let made = tempfile::tempdir().expect("there is room for a corpus");
    let mut is_right = true;
    let (one, four, sixteen) = (megabytes(), 4 * megabytes(), 16 * megabytes());
    if let Some(folder) = std::env::var_os("REPRIEVE_BENCH_CORPUS").map(PathBuf::from) {
        let target = std::env::var("REPRIEVE_BENCH_TARGET").ok().and_then(|text| text.parse().ok()).unwrap_or(0.85);
        let case = Case { name: format!("`{}`", folder.display()), truth: truth_of(&folder), folder, target };
        let runs = replay_and_limit(&case, &mut is_right);
        peers(&case, &runs, &mut is_right);
        return if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let case_of = |name: &str, megabytes: u64, mix: Mix, target: f64| {
        let folder = made.path().join(name.replace(' ', "-"));
        let truth = corpus::write(&folder, megabytes, mix);
        Case { name: name.to_owned(), folder, truth: Some(truth), target }
    };
    let mut points = Vec::new();
    for (name, size) in [("usual 1x", one), ("usual 4x", four), ("usual 16x", sixteen)] {
        let case = case_of(name, size, corpus::USUAL, 0.85);
        let runs = replay_and_limit(&case, &mut is_right);
        points.push(point(&runs));
        if size == four {
            peers(&case, &runs, &mut is_right);
        }
        std::fs::remove_dir_all(&case.folder).expect("a corpus can be removed");
    }
    replay_and_limit(&case_of("40 % uses of keys 4x", four, corpus::MOSTLY_USES, 0.7), &mut is_right);
    growth(&points);
    if let Some(file) = std::env::var_os("REPRIEVE_BENCH_PLOT") {
        plot::draw(Path::new(&file), &points, MEMORY_LIMIT_KIB as f64 / 1024.0).expect("the plot can be drawn");
        println!("plotted: {}", Path::new(&file).display());
    }
    if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn megabytes() -> u64 {
    std::env::var("REPRIEVE_BENCH_MB").ok().and_then(|text| text.parse().ok()).unwrap_or(64)
}

/// Reads what a corpus of another generator holds, where it says so.
fn truth_of(folder: &Path) -> Option<Truth> {
    let text = std::fs::read(folder.join("truth.json")).ok()?;
    let truth: Value = serde_json::from_slice(&text).expect("truth.json is JSON");
    let number = |name: &str| truth[name].as_u64().expect("truth.json has its numbers");
    let by_name = serde_json::from_value(truth["by_name"].clone()).expect("truth.json counts by name");
    Some(Truth { records: number("records"), state: number("state_events"), bytes: number("bytes"), by_name, keys: number("keys") })
}

/// Measures inflating and replaying in turns, prints both, and returns the runs of each.
fn replay_and_limit(case: &Case, is_right: &mut bool) -> (Vec<Run>, Vec<Run>) {
    let this = std::env::current_exe().expect("a bench has a path");
    let ours = |what: &str| run(Command::new(&this).arg(CHILD).arg(what).arg(&case.folder)).expect("the bench starts itself");
    ours("inflate");
    let (inflates, replays): (Vec<Run>, Vec<Run>) = (0..RUNS).map(|_| (ours("inflate"), ours("replay"))).unzip();
    let (inflate, replay) = (median(&inflates), median(&replays));
    let number = |run: &Run, name: &str| run.found[name].as_u64().unwrap_or_default();
    let bytes = number(&inflate, "bytes") as f64;
    println!(
        "\n{}: {:.0} MB in {:.1} MB gz, {} files, {} records; {THREADS} threads, medians of {RUNS}",
        case.name,
        bytes / 1e6,
        number(&inflate, "bytes_packed") as f64 / 1e6,
        number(&inflate, "files"),
        number(&replay, "records"),
    );
    head();
    row("inflating alone", &inflate, bytes, None);
    row("replay", &replay, bytes, None);
    let of_limit = ratio(&inflates, &replays, |run| run.seconds);
    let of_limit_cpu = ratio(&inflates, &replays, |run| run.found["cpu_seconds"].as_f64().unwrap_or_default());
    verdict("replay, of the speed of inflating alone", of_limit, case.target);
    println!("  by CPU time: {of_limit_cpu:.2}");
    for replay in &replays {
        check(case, "replay", replay, is_right);
        let peak = number(replay, "peak_kib");
        if peak > MEMORY_LIMIT_KIB {
            println!("WRONG: replay: {peak} KiB of memory, and not {MEMORY_LIMIT_KIB} at most");
            *is_right = false;
        }
    }
    (inflates, replays)
}

/// Measures what others need, each beside a replay.
fn peers(case: &Case, (inflates, replays): &(Vec<Run>, Vec<Run>), is_right: &mut bool) {
    let Some(python) = std::env::var_os("REPRIEVE_BENCH_PYTHON") else {
        println!("  others are left out: REPRIEVE_BENCH_PYTHON names no Python, as scripts/bench does");
        return;
    };
    let this = std::env::current_exe().expect("a bench has a path");
    let bytes = median(inflates).found["bytes"].as_f64().unwrap_or_default();
    println!("  others, medians of {PEER_RUNS}, each beside a replay, from the start of a process to its end:");
    for (peer, target) in PEERS {
        let theirs = |folder: &Path| run(Command::new(&python).arg(PEERS_SCRIPT).arg(peer).arg(folder));
        let version = Command::new(&python).arg(PEERS_SCRIPT).arg(peer).arg("--version").output();
        let version = version.ok().filter(|output| output.status.success());
        let Some(version) = version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()) else {
            println!("  {peer}: left out, since it cannot be had here");
            continue;
        };
        let mut pairs = Vec::new();
        for _ in 0..PEER_RUNS {
            let ours = run(Command::new(&this).arg(CHILD).arg("replay").arg(&case.folder)).expect("the bench starts itself");
            match theirs(&case.folder) {
                Ok(theirs) => pairs.push((theirs, ours)),
                Err(why) => {
                    println!("  {version}: left out, since it failed: {why}");
                    break;
                }
            }
        }
        let (theirs, ours): (Vec<Run>, Vec<Run>) = pairs.into_iter().unzip();
        if theirs.is_empty() {
            continue;
        }
        let times = ratio(&theirs, &ours, |run| run.wall);
        row(&version, &median(&theirs), bytes, Some(times));
        if let Some(target) = target {
            verdict(&format!("replay, times as fast as {peer}"), times, target);
        }
        check(case, &version, &theirs[0], is_right);
    }
    check(case, "replay", &replays[0], is_right);
}

/// Starts a process that prints one line of JSON.
fn run(command: &mut Command) -> Result<Run, String> {
    let started = Instant::now();
    let output = command.output().map_err(|error| error.to_string())?;
    let wall = started.elapsed().as_secs_f64();
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(text.trim().lines().last().unwrap_or("it said nothing").to_owned());
    }
    let found: Value = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    Ok(Run { seconds: found["seconds"].as_f64().unwrap_or_default(), wall, found })
}

fn median(runs: &[Run]) -> Run {
    let mut runs = runs.to_vec();
    runs.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    runs.swap_remove(runs.len() / 2)
}

/// Returns the median of what one took for what the other took, turn by turn.
fn ratio(one: &[Run], other: &[Run], of: impl Fn(&Run) -> f64) -> f64 {
    let mut ratios: Vec<f64> = one.iter().zip(other).map(|(one, other)| of(one) / of(other)).collect();
    ratios.sort_by(f64::total_cmp);
    ratios[ratios.len() / 2]
}

fn head() {
    println!("  {:<24} {:>9} {:>9} {:>7} {:>9} {:>9}", "", "seconds", "CPU s", "GB/s", "MiB", "replay is");
}

fn row(name: &str, run: &Run, bytes: f64, times: Option<f64>) {
    let times = times.map(|times| format!("{times:.1} x")).unwrap_or_default();
    println!(
        "  {name:<24} {:>9.3} {:>9.2} {:>7.2} {:>9.1} {times:>9}",
        run.seconds,
        run.found["cpu_seconds"].as_f64().unwrap_or_default(),
        bytes / run.seconds / 1e9,
        run.found["peak_kib"].as_f64().unwrap_or_default() / 1024.0,
    );
}

fn verdict(what: &str, found: f64, target: f64) {
    let word = if found >= target { "reached" } else { "UNDER TARGET" };
    println!("  {what}: {found:.2}, target {target}: {word}");
}

/// Checks what was found against what the corpus holds.
fn check(case: &Case, who: &str, run: &Run, is_right: &mut bool) {
    let Some(truth) = &case.truth else { return };
    let by_name: BTreeMap<String, u64> = serde_json::from_value(run.found["by_name"].clone()).unwrap_or_default();
    let mut wrong = Vec::new();
    if by_name != truth.by_name {
        wrong.push(format!("calls {by_name:?}, and not {:?}", truth.by_name));
    }
    let mut numbers = vec![("keys", truth.keys)];
    if who == "replay" {
        numbers.extend([("records", truth.records), ("bytes", truth.bytes), ("errors", 0)]);
        let unique = run.found["unique"].as_u64().unwrap_or_default();
        let may_differ = if run.found["unique_exact"] == true { 0 } else { truth.records / 100 };
        if unique.abs_diff(truth.records) > may_differ {
            wrong.push(format!("unique: {unique}, and not {}, give or take {may_differ}", truth.records));
        }
    }
    for (name, expected) in numbers {
        if run.found[name] != expected {
            wrong.push(format!("{name}: {}, and not {expected}", run.found[name]));
        }
    }
    for wrong in wrong {
        println!("WRONG: {}: {who}: {wrong}", case.name);
        *is_right = false;
    }
}

fn point((inflates, replays): &(Vec<Run>, Vec<Run>)) -> Point {
    let (inflate, replay) = (median(inflates), median(replays));
    let peak = replays.iter().filter_map(|run| run.found["peak_kib"].as_f64()).fold(0.0, f64::max);
    Point {
        gigabytes: replay.found["bytes"].as_f64().unwrap_or_default() / 1e9,
        inflate_seconds: inflate.seconds,
        replay_seconds: replay.seconds,
        mebibytes: peak / 1024.0,
    }
}

/// Says how time and memory grow with the corpus.
fn growth(points: &[Point]) {
    let [first, .., last] = points else { return };
    println!(
        "\n{:.1} times the bytes: {:.1} times the time, {:.1} MiB of memory and not {:.1}",
        last.gigabytes / first.gigabytes,
        last.replay_seconds / first.replay_seconds,
        last.mebibytes,
        first.mebibytes
    );
}

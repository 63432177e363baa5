//! How well anomalies are told from what is usual, how fast, and how large the memory of it gets.
//!
//! The scoring was tuned on other seeds than those reported here; `--tune` shows those, with the false alarms as sentences. With
//! `REPRIEVE_CORPUS` set, real entries of CloudTrail are lived through again for weeks among the made-up ones.
//!
//! `cargo bench -p reprieve-bench --bench anomaly`

#![allow(
    clippy::print_stdout,
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a bench prints, and stops on the first surprise"
)]

use std::io::Read as _;
use std::path::Path;
use std::time::Instant;

use jiff::Timestamp;
use reprieve_bench::attacks::{Attack, Labelled, Random, Scale, weeks};
use reprieve_bench::judge::{Verdict, judge};
use reprieve_bench::replay::over_days;
use reprieve_core::AuditEvent;
use reprieve_core::audit::Asset;
use reprieve_core::{KeyArn, RoleArn, Target};
use reprieve_evidence::anomaly::{Baseline, NoPlaces, Settings};
use reprieve_wire::audit::{Parsed, parse};
use serde_json::Value;

/// Seeds by which the scoring was tuned.
const TUNING: [u64; 4] = [1, 2, 3, 4];
/// Seeds that it never saw.
const REPORTED: [u64; 6] = [101, 102, 103, 104, 105, 106];

fn main() {
    let is_tuning = std::env::args().any(|argument| argument == "--tune");
    let seeds: &[u64] = if is_tuning { &TUNING } else { &REPORTED };
    let real = real_entries();
    let mut verdict = Verdict::default();
    for seed in seeds {
        verdict.add(&judge(&with_real(weeks(*seed, &Scale::FULL), &real, *seed), Scale::FULL.quiet_days));
    }
    print(&verdict, seeds, real.len());
    if is_tuning {
        verdict.examples.iter().for_each(|example| println!("{example}"));
        return;
    }
    measure_speed();
    measure_size();
}

fn print(verdict: &Verdict, seeds: &[u64], real: usize) {
    println!("seeds {seeds:?}, {} days judged, {real} real entries lived through again", verdict.days);
    println!("\n{:<40} {:>8} {:>8} {:>8}", "attack", "of", "found", "rate");
    for attack in Attack::ALL {
        let (all, found) = verdict.attacks.get(&attack).copied().unwrap_or_default();
        println!("{:<40} {all:>8} {found:>8} {:>7.0}%", attack.caption(), verdict.share_found(attack) * 100.0);
    }
    println!("\nentries in which nothing is wrong        {:>12}", verdict.benign);
    println!("false alarms                             {:>12}", verdict.false_alarms);
    println!("false alarms per 10,000 entries          {:>12.2}", verdict.false_alarms_per_10_000());
    println!("false alarms a day                       {:>12.2}", per(verdict.false_alarms, verdict.days));
    println!("precision (findings about attacks)       {:>11.0}%\n", verdict.precision() * 100.0);
}

fn per(count: usize, days: i64) -> f64 {
    f64::from(u32::try_from(count).unwrap()) / f64::from(i32::try_from(days).unwrap())
}

fn with_real(mut log: Vec<Labelled>, real: &[AuditEvent], seed: u64) -> Vec<Labelled> {
    let first = log.first().and_then(|labelled| labelled.event.event.time).expect("a log has a first entry");
    log.extend(over_days(real, first, Scale::FULL.days, seed));
    log.sort_by_key(|labelled| labelled.event.event.time);
    log
}

/// Reads the entries of CloudTrail in the corpus.
fn real_entries() -> Vec<AuditEvent> {
    let Some(corpus) = std::env::var_os("REPRIEVE_CORPUS") else {
        println!("REPRIEVE_CORPUS is not set: only made-up entries are used");
        return Vec::new();
    };
    let mut entries = Vec::new();
    let mut add = |value: &Value| {
        if let Ok(Parsed::Entry(event)) = parse(value) {
            entries.push(*event);
        }
    };
    for name in ["invictus-aws-dataset-selection", "aws-spotlight-selection", "otrf-security-datasets"] {
        let text = std::fs::read_to_string(Path::new(&corpus).join(format!("aws/{name}.jsonl"))).expect("the corpus is complete");
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).for_each(|value: Value| add(&value));
    }
    let mut files: Vec<_> = std::fs::read_dir(Path::new(&corpus).join("aws-logs/invictus"))
        .expect("the corpus is complete")
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    for file in files {
        let mut text = String::new();
        flate2::read::GzDecoder::new(std::fs::File::open(file).unwrap()).read_to_string(&mut text).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        value.get("Records").and_then(Value::as_array).into_iter().flatten().for_each(&mut add);
    }
    entries
}

fn measure_speed() {
    let log = weeks(7, &Scale::FULL);
    let mut baseline = Baseline::new(Settings::default());
    let started = Instant::now();
    for Labelled { event, .. } in &log {
        let at = event.event.time.unwrap();
        std::hint::black_box(baseline.consider(event, at, &NoPlaces));
    }
    let took = started.elapsed();
    let rate = f64::from(u32::try_from(log.len()).unwrap()) / took.as_secs_f64();
    println!("score and learn: {} entries in {:.2} s, {rate:.0} a second", log.len(), took.as_secs_f64());
    let started = Instant::now();
    let mut learned = Baseline::new(Settings::default());
    for labelled in &log {
        learned.learn(&labelled.event);
    }
    let rate = f64::from(u32::try_from(log.len()).unwrap()) / started.elapsed().as_secs_f64();
    println!("learn alone:     {rate:.0} a second");
}

/// A thousand principals, five hundred keys: each principal uses some of them, then each of them all.
fn measure_size() {
    println!(
        "\n{:<44} {:>9} {:>12} {:>9} {:>9} {:>8}",
        "1,000 principals x 500 keys, 60 days", "pairs", "bytes", "write ms", "read ms", "lossy"
    );
    let template = weeks(9, &Scale { days: 1, quiet_days: 0, attacks: 0, ..Scale::SMALL }).remove(0).event;
    for (name, keys_of_each) in [("8 keys each", 8), ("40 keys each", 40), ("all 500 keys each", 500)] {
        let mut baseline = Baseline::new(Settings::default());
        let mut random = Random::new(77);
        for principal in 0..1_000 {
            for number in 0..keys_of_each {
                let key = (principal * 7 + number) % 500;
                for _ in 0..(40 / keys_of_each).max(1) {
                    baseline.learn(&use_of(&template, principal, key, &mut random));
                }
            }
        }
        let started = Instant::now();
        let bytes = baseline.to_bytes();
        let written = started.elapsed();
        let started = Instant::now();
        let read = Baseline::from_bytes(&bytes, Settings::default()).expect("what is written is read");
        let size = read.size();
        let (write_ms, read_ms) = (written.as_secs_f64() * 1e3, started.elapsed().as_secs_f64() * 1e3);
        println!("{name:<44} {:>9} {:>12} {write_ms:>9.0} {read_ms:>9.0} {:>8}", size.pairs, bytes.len(), size.has_forgotten);
    }
}

fn use_of(template: &AuditEvent, principal: usize, key: usize, random: &mut Random) -> AuditEvent {
    let mut event = template.clone();
    let arn = format!("arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-{key:012}");
    event.event.actor.role = RoleArn::parse(&format!("arn:aws:iam::111122223333:role/team/service-{principal}")).ok();
    event.event.actor.source_address = Some(format!("10.{}.{}.7", principal % 250, random.below(2)));
    event.event.target = Target::Key(KeyArn::parse(&arn).unwrap());
    event.asset = Some(Asset { kind: reprieve_core::audit::AssetKind::Key, id: arn, version: None });
    let second = 1_780_000_000 + random.between(0, 60 * 86_400);
    event.event.time = Some(Timestamp::from_second(second).unwrap());
    event
}

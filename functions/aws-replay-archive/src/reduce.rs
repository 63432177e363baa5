//! Merges the parts of a run, and answers. In legs: where the time does not suffice, what was merged is written down, and the state machine
//! calls again.
//!
//! What is merged is exactly what the batches said that they wrote: a part that is missing, one too many, or files that nobody read are
//! refused, so that nothing is lost or counted twice in silence. One part is in memory beside the sum and a few that are on their way.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use reprieve_replay::{Part, judge};
use serde::Serialize;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::failure::Failure;
use crate::map::Mapped;
use crate::part_name;
use crate::port::Results;
use crate::task::{Progress, Reduce};

/// Parts that are asked for ahead. Each has a few megabytes at most.
const AHEAD: usize = 6;

/// What came of a leg.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Reduced {
    /// How far it is.
    #[serde(flatten)]
    pub(crate) progress: Progress,
    /// Where the answer is, once it is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) answer: Option<Answered>,
}

/// The answer in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Answered {
    /// Where the answer is: what `reprieve replay --json` writes.
    json: String,
    /// Where the part is, which `reprieve replay` takes in place of logs.
    part: String,
    /// Log files.
    files: u64,
    /// Records.
    records: u64,
    /// Different records.
    unique_events: u64,
    /// Things that could not be read.
    errors: u64,
    /// Decisions.
    decisions: usize,
}

/// Merges parts from where the last leg ended, and answers when all are merged.
///
/// # Errors
/// When parts or files are missing or too many, or S3 refuses.
pub(crate) async fn reduce<R: Results>(results: &R, task: Reduce, left: Duration) -> Result<Reduced, Failure> {
    let until = Instant::now() + left;
    let run = &task.asked.run;
    let told = told(results, run, &task.told_below).await?;
    let parts = held_to(results, run, &told, task.log_files).await?;
    let merged = usize::try_from(task.merged_parts).ok().filter(|merged| *merged <= parts.len());
    let merged = merged.ok_or_else(|| refused(run, &format!("of {} parts {} are said to be merged", parts.len(), task.merged_parts)))?;
    let mut sum = if merged == 0 { Part::default() } else { part(results, &part_name::merged(run, task.merged_parts)).await? };
    let mut coming = Coming::new(results, parts.get(merged..).unwrap_or_default());
    let mut count = task.merged_parts;
    while let Some(next) = coming.next().await {
        sum.merge(next?);
        count += 1;
        if Instant::now() >= until && count < parts.len() as u64 {
            let name = part_name::merged(run, count);
            put_once(results, &name, &sum).await?;
            tracing::info!(run, merged = count, of = parts.len(), "the time is over; the next leg goes on");
            return Ok(Reduced { progress: Progress { done: false, parts: count }, answer: None });
        }
    }
    let files: u64 = told.values().map(|mapped| mapped.files).sum();
    if sum.files() != files {
        return Err(refused(run, &format!("its parts are of {} log files, and the batches read {files}", sum.files())));
    }
    let answered = answer(results, &task, &sum).await?;
    Ok(Reduced { progress: Progress { done: true, parts: count }, answer: Some(answered) })
}

/// Reads what the batches of this execution answered, by part; after a redrive a batch may have answered twice. What an execution of before
/// told under the same name is of the same files, which must not count twice where its batches were others.
async fn told(results: &impl Results, run: &str, prefix: &str) -> Result<BTreeMap<String, Mapped>, Failure> {
    let names = results.list(prefix).await.map_err(|error| Failure::of_call("what the batches answered cannot be listed", &error))?;
    let mut told = BTreeMap::new();
    for name in names.iter().filter(|name| is_of_successes(name)) {
        let bytes = results.read(name).await.map_err(|error| Failure::of_call(&format!("`{name}` cannot be read"), &error))?;
        let bytes = bytes.ok_or_else(|| refused(run, &format!("`{name}` is gone")))?;
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
            let mapped: Mapped = serde_json::from_slice(line).map_err(|error| {
                let line: String = String::from_utf8_lossy(line).chars().take(120).collect();
                refused(run, &format!("`{name}` holds a line that is no answer of a batch ({error}): `{line}`"))
            })?;
            told.insert(mapped.part.clone(), mapped);
        }
    }
    if told.is_empty() {
        return Err(refused(run, &format!("below `{prefix}` no batch has answered")));
    }
    Ok(told)
}

/// Says whether it is a file of answers, and not a manifest: `SUCCEEDED_0.jsonl`.
fn is_of_successes(name: &str) -> bool {
    name.rsplit('/').next().is_some_and(|own| own.starts_with("SUCCEEDED_"))
}

/// Returns the parts that are there, in order, once they are those that the batches told of.
async fn held_to(results: &impl Results, run: &str, told: &BTreeMap<String, Mapped>, log_files: u64) -> Result<Vec<String>, Failure> {
    let there = results.list(&part_name::parts(run)).await.map_err(|error| Failure::of_call("the parts cannot be listed", &error))?;
    let missing: Vec<&String> = told.keys().filter(|name| there.binary_search(name).is_err()).collect();
    if let Some(first) = missing.first() {
        return Err(refused(run, &format!("{} part(s) are missing that batches wrote, `{first}` first", missing.len())));
    }
    let unknown: Vec<&String> = there.iter().filter(|name| !told.contains_key(*name)).collect();
    if let Some(first) = unknown.first() {
        let why = format!("{} part(s) are there of which no batch of it tells, `{first}` first", unknown.len());
        return Err(refused(run, &format!("{why}: the archive has changed since they were read, or the batches have")));
    }
    let read: u64 = told.values().map(|mapped| mapped.files).sum();
    if read < log_files {
        return Err(refused(run, &format!("the batches read {read} log files, and {log_files} were there when it began")));
    }
    Ok(there)
}

fn refused(run: &str, why: &str) -> Failure {
    Failure::Refused(format!("the run `{run}` cannot be merged: {why}. Start it again under another name (`run`)"))
}

/// Parts on their way, in their order.
struct Coming<'a, R> {
    results: &'a R,
    names: std::slice::Iter<'a, String>,
    asked: VecDeque<JoinHandle<Result<Part, Failure>>>,
}

impl<'a, R: Results> Coming<'a, R> {
    fn new(results: &'a R, names: &'a [String]) -> Self {
        Self { results, names: names.iter(), asked: VecDeque::new() }
    }

    async fn next(&mut self) -> Option<Result<Part, Failure>> {
        while self.asked.len() < AHEAD {
            let Some(name) = self.names.next() else { break };
            let (results, name) = (self.results.clone(), name.clone());
            self.asked.push_back(tokio::spawn(async move { part(&results, &name).await }));
        }
        let asked = self.asked.pop_front()?;
        Some(asked.await.unwrap_or_else(|error| Err(Failure::TryAgain(format!("a part was not read: {error}")))))
    }
}

async fn part(results: &impl Results, name: &str) -> Result<Part, Failure> {
    let bytes = results.read(name).await.map_err(|error| Failure::of_call(&format!("`{name}` cannot be read"), &error))?;
    let bytes = bytes.ok_or_else(|| Failure::Refused(format!("the part `{name}` is gone: start the run again")))?;
    Part::from_bytes(&bytes).map_err(|error| Failure::Refused(format!("`{name}`: {error}")))
}

async fn put_once(results: &impl Results, name: &str, part: &Part) -> Result<(), Failure> {
    let bytes = part.to_bytes().map_err(|error| Failure::Refused(format!("`{name}` cannot be written: {error}")))?;
    let created = results.put_once(name, bytes).await;
    created.map(drop).map_err(|error| Failure::of_call(&format!("`{name}` cannot be written"), &error))
}

/// Judges what was merged, and writes part and answer.
async fn answer(results: &impl Results, task: &Reduce, sum: &Part) -> Result<Answered, Failure> {
    let run = &task.asked.run;
    let (part, json) = (part_name::result(run), part_name::answer(run));
    put_once(results, &part, sum).await?;
    let answer = judge(sum, &task.asked.rules());
    let bytes = answer.to_json().map_err(|error| refused(run, &format!("its answer cannot be written as JSON ({error})")))?;
    let put = results.put(&json, "application/json", bytes).await;
    put.map_err(|error| Failure::of_call(&format!("`{json}` cannot be written"), &error))?;
    let place = |name: &str| format!("s3://{}/{name}", results.bucket());
    let (read, decisions) = (&answer.read, answer.decisions.len());
    tracing::info!(
        run,
        answer = place(&json),
        files = read.files,
        records = read.records,
        errors = read.errors,
        decisions,
        "a run has ended"
    );
    Ok(Answered {
        json: place(&json),
        part: place(&part),
        files: read.files,
        records: read.records,
        unique_events: read.unique_events,
        errors: read.errors,
        decisions,
    })
}

//! What the function is told to do, parsed at the edge: a payload that was understood is a task that can be done.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use reprieve_aws_evidence::ListedLogFile;
use reprieve_replay::{Period, Rules};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::failure::Failure;
use crate::part_name;

/// The most characters of a run's name, as Step Functions has it for executions.
const RUN_LENGTH: usize = 80;

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Task {
    /// Say what a run would read, and refuse one that is larger than was meant.
    Estimate(Estimate),
    /// Read log files into a part.
    Map(Batch),
    /// Merge the parts of a run, and answer.
    Reduce(Reduce),
}

/// What a run is asked for with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Estimate {
    /// What is to be read, and by which rules it is judged.
    pub(crate) asked: Asked,
    /// What the stack sets.
    pub(crate) limits: Limits,
    /// How many gigabytes whoever asked said that he knows of.
    pub(crate) confirmed_gigabytes: Option<f64>,
}

/// What the stack sets, whoever starts a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limits {
    /// The most gigabytes (10^9 bytes, packed) that are read without a word.
    pub(crate) gigabytes: f64,
    /// The most files of a batch.
    pub(crate) files_per_batch: u32,
    /// The most batches that are read at once.
    pub(crate) at_once: u32,
}

/// What a run reads, and by which rules it is judged. Handed from state to state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    /// The name of the run.
    pub(crate) run: String,
    /// The bucket of the archive.
    pub(crate) bucket: String,
    /// The prefix that is read; empty, or with a slash at its end.
    pub(crate) prefix: String,
    /// The period that is decided on.
    pub(crate) from: Option<Timestamp>,
    /// See `from`.
    pub(crate) to: Option<Timestamp>,
    /// The accounts that are decided on; all where empty.
    pub(crate) accounts: BTreeSet<String>,
    /// The Regions that are decided on; all where empty.
    pub(crate) regions: BTreeSet<String>,
}

impl Asked {
    /// Returns the rules: those that are shipped, for what was asked.
    pub(crate) fn rules(&self) -> Rules {
        Rules {
            period: Period { from: self.from, to: self.to },
            accounts: self.accounts.clone(),
            regions: self.regions.clone(),
            ..Rules::shipped()
        }
    }
}

/// A batch of log files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    /// The run.
    pub(crate) run: String,
    /// The bucket.
    pub(crate) bucket: String,
    /// The prefix below which files are named.
    pub(crate) prefix: String,
    /// The objects, logs or not, as they were given.
    pub(crate) files: Vec<ListedLogFile>,
}

/// A run that is to be merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reduce {
    /// What was asked for.
    pub(crate) asked: Asked,
    /// How many log files there were when the run began.
    pub(crate) log_files: u64,
    /// How many parts were merged before.
    pub(crate) merged_parts: u64,
    /// Below what Step Functions wrote what the batches of this execution answered; with a slash at its end.
    pub(crate) told_below: String,
}

/// A payload but for a batch. `manifest` is the key of the object in which Step Functions lists the files that it wrote beside it:
/// <https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html>.
#[derive(Deserialize)]
#[serde(tag = "task", rename_all = "snake_case", deny_unknown_fields)]
enum Payload {
    Estimate { execution: String, bucket: String, within: String, limits: GivenLimits, input: Input },
    Reduce { plan: Plan, progress: Progress, manifest: String },
}

/// As a template writes numbers into a state machine: as text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenLimits {
    gigabytes: String,
    files_per_batch: String,
    at_once: String,
}

/// What the state machine is started with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    run: Option<String>,
    prefix: Option<String>,
    from: Option<String>,
    to: Option<String>,
    #[serde(default)]
    accounts: BTreeSet<String>,
    #[serde(default)]
    regions: BTreeSet<String>,
    confirmed_gigabytes: Option<f64>,
    /// Written by the console of Step Functions and by EventBridge; says nothing.
    #[serde(rename = "Comment")]
    _comment: Option<Value>,
}

/// What the estimate answers, and the state machine hands on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// What was asked for.
    #[serde(flatten)]
    pub(crate) asked: Asked,
    /// Log files.
    pub(crate) log_files: u64,
    /// Objects that are no logs.
    pub(crate) left_out: u64,
    /// Bytes of the log files, packed as they are.
    pub(crate) bytes: u64,
    /// The most files of a batch, which the state machine takes from here.
    pub(crate) files_per_batch: u32,
    /// The most batches that are read at once, likewise.
    pub(crate) at_once: u32,
}

/// How far a run is merged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Whether the answer is written.
    pub(crate) done: bool,
    /// How many parts were merged.
    pub(crate) parts: u64,
}

/// A batch as Step Functions writes it: <https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html>.
#[derive(Deserialize)]
struct ItemBatch {
    #[serde(rename = "Items")]
    items: Vec<Item>,
    #[serde(rename = "BatchInput")]
    input: BatchInput,
}

#[derive(Deserialize)]
struct BatchInput {
    run: String,
    bucket: String,
    prefix: String,
}

/// An object as `ListObjectsV2` lists it, or a row of an inventory, whose cells are text.
#[derive(Deserialize)]
struct Item {
    #[serde(rename = "Key")]
    key: String,
    #[serde(rename = "Size")]
    size: Size,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Size {
    Number(u64),
    Text(String),
}

impl Task {
    /// Parses a payload.
    ///
    /// # Errors
    /// When it is none of the known forms; what is wrong with it is said.
    pub(crate) fn parse(payload: Value) -> Result<Self, Failure> {
        if payload.get("Items").is_some() {
            let batch: ItemBatch = serde_json::from_value(payload).map_err(|error| wrong("batch of log files", &error))?;
            return batch.parse().map(Self::Map);
        }
        match serde_json::from_value(payload).map_err(|error| wrong("task", &error))? {
            Payload::Estimate { execution, bucket, within, limits, input } => {
                let (limits, confirmed_gigabytes) = (limits.parse()?, input.confirmed_gigabytes);
                let asked = input.parse(execution, bucket, &within)?;
                Ok(Self::Estimate(Estimate { asked, limits, confirmed_gigabytes }))
            }
            Payload::Reduce { plan, progress, manifest } => {
                run_name(&plan.asked.run)?;
                let told_below = folder_of(&manifest, &plan.asked.run)?;
                Ok(Self::Reduce(Reduce { asked: plan.asked, log_files: plan.log_files, merged_parts: progress.parts, told_below }))
            }
        }
    }
}

impl GivenLimits {
    fn parse(&self) -> Result<Limits, Failure> {
        let wrong = |name: &str, text: &str| Failure::Refused(format!("the stack's limit `{name}` is `{text}`, and no number above zero"));
        let whole = |name: &str, text: &str| text.parse().ok().filter(|number: &u32| *number > 0).ok_or_else(|| wrong(name, text));
        let gigabytes = self.gigabytes.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0);
        Ok(Limits {
            gigabytes: gigabytes.ok_or_else(|| wrong("gigabytes", &self.gigabytes))?,
            files_per_batch: whole("files_per_batch", &self.files_per_batch)?,
            at_once: whole("at_once", &self.at_once)?,
        })
    }
}

impl Input {
    fn parse(self, execution: String, bucket: String, within: &str) -> Result<Asked, Failure> {
        let run = self.run.unwrap_or(execution);
        run_name(&run)?;
        let prefix = self.prefix.unwrap_or_else(|| within.to_owned());
        if !prefix.is_empty() && !prefix.ends_with('/') {
            return Err(Failure::Refused(format!("the prefix `{prefix}` has no slash at its end: write `{prefix}/`")));
        }
        if !prefix.starts_with(within) {
            return Err(Failure::Refused(format!(
                "the prefix `{prefix}` does not lie below `{within}`, which is all that this stack may read: give one that does, or change \
                 its parameter `LogsPrefix`"
            )));
        }
        let moment = |text: Option<String>, last: bool| text.map(|text| moment(&text, last)).transpose();
        let (from, to) = (moment(self.from, false)?, moment(self.to, true)?);
        if let (Some(from), Some(to)) = (from, to)
            && from >= to
        {
            return Err(Failure::Refused(format!("`from` ({from}) is not before the end of `to` ({to}): nothing would be decided on")));
        }
        Ok(Asked { run, bucket, prefix, from, to, accounts: self.accounts, regions: self.regions })
    }
}

impl ItemBatch {
    fn parse(self) -> Result<Batch, Failure> {
        let BatchInput { run, bucket, prefix } = self.input;
        run_name(&run)?;
        let mut files = Vec::with_capacity(self.items.len());
        for Item { key, size } in self.items {
            let bytes = match size {
                Size::Number(bytes) => bytes,
                Size::Text(text) => {
                    text.parse().map_err(|_| Failure::Refused(format!("the size `{text}` of `{key}` is no number of bytes")))?
                }
            };
            files.push(ListedLogFile { bucket: bucket.clone(), key, bytes });
        }
        Ok(Batch { run, bucket, prefix, files })
    }
}

/// A run's name becomes a folder.
fn run_name(run: &str) -> Result<(), Failure> {
    let fits = (1..=RUN_LENGTH).contains(&run.len()) && run.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let is_folder = !run.bytes().all(|byte| byte == b'.');
    if fits && is_folder {
        return Ok(());
    }
    Err(Failure::Refused(format!("the run cannot be named `{run}`: give `run` as 1 to {RUN_LENGTH} letters, digits, `-`, `_` and `.`")))
}

/// Returns the folder of a manifest, which lies below what the run is told in.
fn folder_of(manifest: &str, run: &str) -> Result<String, Failure> {
    let below = part_name::told(run);
    let folder = manifest.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).filter(|folder| folder.starts_with(&below));
    folder.ok_or_else(|| {
        Failure::Refused(format!("the manifest `{manifest}` does not lie below `{below}`, where the batches of the run tell"))
    })
}

/// Reads a day or a moment, in UTC. A day that is the `last` one counts whole, as for `reprieve replay --to`.
fn moment(text: &str, last: bool) -> Result<Timestamp, Failure> {
    let of_day = |day: Date| {
        let day = if last { day.checked_add(1.day())? } else { day };
        Ok::<_, jiff::Error>(day.to_zoned(TimeZone::UTC)?.timestamp())
    };
    let parsed = if text.contains('T') { text.parse::<Timestamp>() } else { text.parse::<Date>().and_then(of_day) };
    parsed.map_err(|_| Failure::Refused(format!("`{text}` is no day and no moment: write it as `2026-07-01` or `2026-07-01T12:00:00Z`")))
}

fn wrong(what: &str, error: &serde_json::Error) -> Failure {
    Failure::Refused(format!(
        "the payload is no {what}: {error}. It takes `{{\"task\": \"estimate\", ...}}`, `{{\"Items\": [...], \"BatchInput\": {{...}}}}` or \
         `{{\"task\": \"reduce\", ...}}`, as the state machine of infra/aws/replay.yaml writes them"
    ))
}

#[cfg(test)]
#[path = "task_tests.rs"]
mod tests;

//! `reprieve replay`: what Reprieve would have done, by old logs. It reads files and buckets, and changes nothing.

mod anomalies;
mod bucket;
mod cost;
mod page;
mod places;
mod progress;
mod read;
mod rules;
mod stop;
mod story;
mod text;
mod words;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use owo_colors::OwoColorize as _;
use reprieve_evidence::kpi::Anomaly;
use reprieve_replay::{Answer, Collector, Part, Period, Problem, Rules, judge_last};
use reprieve_scan::LeftOut;
use serde::Serialize;

use self::places::{Input, Places, SavedPart};
use self::read::{How, Partial, miss_unreadable, read};
use self::stop::Stop;
use crate::args::desk::CloudArguments;
use crate::args::replay::ReplayArguments;
use crate::plain::{counted, visible};

/// Something could not be read; the rest was.
const NOT_ALL_READ: u8 = 3;
/// Ctrl-C stopped it, as a shell says of whom a signal ended.
const INTERRUPTED: u8 = 130;
/// How many problems are named on standard error.
const NAMED: usize = 20;

/// A replay, with what is told of it besides the answer.
struct Replay {
    /// The answer.
    answer: Answer,
    /// The period that was asked for.
    period: Period,
    /// Where Ctrl-C stopped the reading.
    partial: Option<Partial>,
    /// What was unusual, where that was asked for and searched to the end.
    anomalies: Option<Vec<Anomaly>>,
    /// Ctrl-C stopped the search for it, after everything else was read.
    is_search_stopped: bool,
    /// Files of folders that are no logs.
    left_out: Vec<LeftOut>,
    /// How long the reading took.
    took: Duration,
}

impl Replay {
    /// Says what Ctrl-C stopped, if anything.
    fn stopped(&self) -> Option<String> {
        let search = || self.is_search_stopped.then(|| "stopped by Ctrl-C: anomalies were not searched".to_owned());
        self.partial.as_ref().map(Partial::sentence).or_else(search)
    }

    /// Returns the exit code.
    fn code(&self) -> u8 {
        match (self.stopped(), self.answer.read.errors) {
            (Some(_), _) => INTERRUPTED,
            (None, 0) => 0,
            (None, _) => NOT_ALL_READ,
        }
    }
}

/// The answer's JSON, with what was unusual where that was asked for.
#[derive(Serialize)]
struct WithAnomalies<'a> {
    #[serde(flatten)]
    answer: &'a Answer,
    anomalies: &'a [Anomaly],
}

/// Replays.
///
/// # Errors
/// When a place holds nothing to read, an option cannot be used, or the output cannot be written.
pub(crate) fn run(arguments: &ReplayArguments, now: Timestamp) -> anyhow::Result<ExitCode> {
    if let (Some(from), Some(to)) = (arguments.from, arguments.to)
        && from >= to
    {
        bail!("the period ends at {to}, before it begins at {from}: give --from before --to");
    }
    let rules = rules::of(arguments)?;
    let cloud = CloudArguments { region: arguments.bucket_region.clone(), profile: arguments.profile.clone() };
    let places = Places::find(&arguments.places, &cloud)?;
    let stop = Stop::on_interrupt().context("Ctrl-C cannot be waited for")?;
    let how = How { threads: threads(arguments), stop, is_quiet: arguments.quiet };
    if let Some(key) = &arguments.explain {
        return story::run(key, places, &rules, arguments, &how);
    }
    if arguments.anomalies {
        anomalies::check(&places.inputs, &places.parts)?;
    }
    let search = arguments.anomalies.then_some(|inputs: &Arc<Vec<Input>>| anomalies::find(inputs, &rules, &how));
    let replay = replay(places, &rules, arguments.save.as_deref(), &how, search)?;
    write_files(&replay, arguments, now)?;
    let mut out = std::io::BufWriter::new(anstream::stdout().lock());
    if arguments.json.as_deref().is_some_and(is_stdout) {
        out.write_all(&json(&replay)?)?;
    } else if !arguments.quiet {
        text::print(&replay, &mut out)?;
    }
    out.flush()?;
    drop(out);
    ended(&replay)
}

fn threads(arguments: &ReplayArguments) -> usize {
    arguments.threads.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from)
}

/// Reads, saves where that is asked for, and judges; searches for what was unusual, which reads a second time and takes nothing back of what
/// the first time brought. A search that Ctrl-C stopped finds `None`.
fn replay(
    places: Places,
    rules: &Rules,
    to_save: Option<&Path>,
    how: &How,
    search: Option<impl FnOnce(&Arc<Vec<Input>>) -> anyhow::Result<Option<Vec<Anomaly>>>>,
) -> anyhow::Result<Replay> {
    let started = Instant::now();
    let Places { inputs, parts, left_out } = places;
    let inputs = Arc::new(inputs);
    let collector = Arc::new(Collector::default());
    miss_unreadable(&left_out, &*collector);
    let loaded = load(&parts, &collector);
    let partial = read(&inputs, &collector, how, "Reading");
    let mut part = Arc::try_unwrap(collector).map_or_else(|shared| shared.so_far(), Collector::finish);
    part.merge(loaded);
    let took = started.elapsed();
    // What was not read has no order of time.
    let search = search.filter(|_| partial.is_none());
    let is_searched = search.is_some();
    let anomalies = search.map_or(Ok(None), |search| search(&inputs))?;
    let is_search_stopped = is_searched && anomalies.is_none();
    if let Some(file) = to_save {
        match &partial {
            None => save(&part, file)?,
            Some(_) => anstream::eprintln!("reprieve: `{}` is not written, for not everything was read", file.display()),
        }
    }
    let mut answer = judge_last(part, rules);
    if let Some(partial) = &partial {
        forgive(&mut answer.problems, &mut answer.read.errors, partial);
    }
    Ok(Replay { answer, period: rules.period, partial, anomalies, is_search_stopped, left_out, took })
}

/// Loads parts of earlier replays. One that cannot be read is a problem, as a log is.
fn load(parts: &[SavedPart], collector: &Collector) -> Part {
    let mut all = Part::default();
    for SavedPart { path, name } in parts {
        let part = std::fs::read(path)
            .map_err(|error| format!("reading failed: {error}"))
            .and_then(|bytes| Part::from_bytes(&bytes).map_err(|error| error.to_string()));
        match part {
            Ok(part) => all.merge(part),
            Err(why) => collector.unreadable(name, why),
        }
    }
    all
}

fn save(part: &Part, file: &Path) -> anyhow::Result<()> {
    let bytes = part.to_bytes().context("what was read cannot be written as a part")?;
    std::fs::write(file, bytes).with_context(|| format!("`{}` cannot be written", file.display()))
}

/// Takes out of the problems what only seems to be wrong with files that were being read when Ctrl-C came.
fn forgive(problems: &mut Vec<Problem>, errors: &mut u64, partial: &Partial) {
    let before = problems.len();
    problems.retain(|problem| !partial.is_reason_of(problem));
    *errors = errors.saturating_sub(u64::try_from(before - problems.len()).unwrap_or(u64::MAX));
}

/// Writes what goes into files.
fn write_files(replay: &Replay, arguments: &ReplayArguments, now: Timestamp) -> anyhow::Result<()> {
    if let Some(file) = arguments.json.as_deref().filter(|file| !is_stdout(file)) {
        std::fs::write(file, json(replay)?).with_context(|| format!("`{}` cannot be written", file.display()))?;
    }
    if let Some(file) = &arguments.html {
        let page = page::render(replay, now)?;
        std::fs::write(file, page).with_context(|| format!("`{}` cannot be written", file.display()))?;
    }
    Ok(())
}

fn is_stdout(file: &Path) -> bool {
    file.as_os_str() == "-"
}

fn json(replay: &Replay) -> anyhow::Result<Vec<u8>> {
    let Some(anomalies) = &replay.anomalies else { return Ok(replay.answer.to_json()?) };
    let mut bytes = serde_json::to_vec_pretty(&WithAnomalies { answer: &replay.answer, anomalies })?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Names on standard error what could not be read, and says by the exit code how it went.
fn ended(replay: &Replay) -> anyhow::Result<ExitCode> {
    let read = &replay.answer.read;
    name_problems(&replay.answer.problems, read.errors)?;
    if let Some(sentence) = replay.stopped() {
        anstream::eprintln!("reprieve: {}", sentence.yellow().bold());
    }
    Ok(ExitCode::from(replay.code()))
}

/// Names problems on standard error, the first of them.
fn name_problems(problems: &[Problem], errors: u64) -> anyhow::Result<()> {
    let mut err = anstream::stderr().lock();
    let named = problems.iter().take(NAMED);
    let count = named.len();
    for problem in named {
        writeln!(err, "reprieve: {}", visible(&words::problem(problem)))?;
    }
    let more = errors.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
    if more > 0 {
        writeln!(err, "reprieve: and {}", counted(more, "more problem"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    /// A folder of two log files, one of which breaks off.
    fn logs() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let record =
            r#"{"Records": [{"eventVersion": "1.11", "eventID": "e-1", "eventSource": "s3.amazonaws.com", "eventName": "GetObject"}]}"#;
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(record.as_bytes()).unwrap();
        let mut packed = packed.finish().unwrap();
        std::fs::write(folder.path().join("whole.json"), record).unwrap();
        packed.truncate(packed.len() / 2);
        std::fs::write(folder.path().join("torn.json.gz"), packed).unwrap();
        folder
    }

    fn replayed(folder: &Path, is_searched: bool, found: Option<Vec<Anomaly>>) -> Replay {
        let places = Places::find(&[folder.to_owned()], &CloudArguments { region: None, profile: None }).unwrap();
        let how = How { threads: 1, stop: Stop::default(), is_quiet: true };
        let search = is_searched.then_some(move |_: &Arc<Vec<Input>>| anyhow::Ok(found));
        replay(places, &Rules::shipped(), Some(&folder.join("all.part")), &how, search).unwrap()
    }

    /// P129
    #[test]
    fn a_search_that_is_stopped_takes_nothing_from_what_was_read() {
        let (with, without) = (logs(), logs());
        let (stopped, unasked) = (replayed(with.path(), true, None), replayed(without.path(), false, None));
        assert_eq!(stopped.answer, unasked.answer);
        assert_ne!(stopped.answer.read.errors, 0, "what is wrong with a file stays wrong");
        assert!(stopped.partial.is_none() && stopped.anomalies.is_none());
        assert_eq!(std::fs::read(with.path().join("all.part")).unwrap(), std::fs::read(without.path().join("all.part")).unwrap());
        assert_eq!(stopped.stopped().as_deref(), Some("stopped by Ctrl-C: anomalies were not searched"));
        assert_eq!((stopped.code(), unasked.code()), (INTERRUPTED, NOT_ALL_READ));
        let mut shown = Vec::new();
        text::print(&stopped, &mut shown).unwrap();
        assert!(String::from_utf8_lossy(&shown).contains("anomalies were not searched"));
    }

    #[test]
    fn a_search_that_ends_is_told_and_stops_nothing() {
        let folder = logs();
        let found = replayed(folder.path(), true, Some(Vec::new()));
        assert_eq!((found.stopped(), found.code()), (None, NOT_ALL_READ));
        assert_eq!(found.anomalies, Some(Vec::new()));
    }
}

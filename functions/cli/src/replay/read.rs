//! Reads log files on several threads, the largest first, until all are read or Ctrl-C comes. What is made of them is the sink's.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use reprieve_replay::story::StoryCollector;
use reprieve_replay::{Collector, Problem};
use reprieve_scan::{LeftOut, Scan, Why, each};

use super::places::Input;
use super::progress::{Watched, bar};
use super::stop::Stop;
use crate::plain::{counted, grouped};

/// How long a file may take to end when Ctrl-C comes: one that waits for somebody else, such as a pipe, is not waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many files of buckets are asked for ahead.
const FILES_AHEAD: usize = 64;
/// How many bytes of them wait in memory, about.
const BYTES_AHEAD: u64 = 8 * 1024 * 1024;
/// How often it is looked whether all is done.
const LOOK: Duration = Duration::from_millis(50);

/// How files are read.
pub(super) struct How {
    pub(super) threads: usize,
    pub(super) stop: Stop,
    pub(super) is_quiet: bool,
}

/// What Ctrl-C left unread.
#[derive(Debug, Default)]
pub(super) struct Partial {
    /// Files that were read to their end.
    pub(super) whole: u64,
    /// Files that there are.
    pub(super) files: u64,
    /// Files that were cut off, each with the number of the record that was the last.
    cut_off: BTreeMap<String, u64>,
}

impl Partial {
    /// Says what the answer is of.
    pub(super) fn sentence(&self) -> String {
        let Self { whole, files, cut_off } = self;
        let begun = match cut_off.len() {
            0 => String::new(),
            count => format!(", and of {} the beginning", grouped(u64::try_from(count).unwrap_or(u64::MAX))),
        };
        format!("stopped by Ctrl-C: {} of {} were read{begun}. What is told is of these alone", grouped(*whole), counted(*files, "file"))
    }

    /// Says whether something is only wrong because a file was cut off: with the file, or with the record in which it was.
    pub(super) fn is_reason_of(&self, problem: &Problem) -> bool {
        self.cut_off.get(&problem.file).is_some_and(|last| problem.record.is_none_or(|record| record >= *last))
    }
}

/// What log files are read into.
pub(super) trait Sink: Send + Sync + 'static {
    /// Reads a file.
    fn take(&self, name: &str, reader: &mut dyn Read) -> Scan;
    /// Hears that one could not be opened.
    fn miss(&self, name: &str, why: String);
}

impl Sink for Collector {
    fn take(&self, name: &str, reader: &mut dyn Read) -> Scan {
        self.read(name, reader)
    }

    fn miss(&self, name: &str, why: String) {
        self.unreadable(name, why);
    }
}

impl Sink for StoryCollector {
    fn take(&self, name: &str, reader: &mut dyn Read) -> Scan {
        self.read(name, reader)
    }

    fn miss(&self, name: &str, why: String) {
        self.unreadable(name, why);
    }
}

/// Tells a sink of what folders hold and cannot be looked at, such as a folder that may not be opened.
pub(super) fn miss_unreadable(left_out: &[LeftOut], sink: &impl Sink) {
    for file in left_out {
        match &file.why {
            Why::Unreadable(why) => sink.miss(&file.name, why.clone()),
            Why::Digest | Why::Insight | Why::Name | Why::Link | Why::NoFile => {}
        }
    }
}

/// What the threads share.
struct Run<S> {
    inputs: Arc<Vec<Input>>,
    sink: Arc<S>,
    bar: ProgressBar,
    stop: Stop,
    whole: AtomicU64,
    cut_off: Mutex<BTreeMap<String, u64>>,
}

/// Reads all files; returns what is missing where Ctrl-C came.
pub(super) fn read<S: Sink>(inputs: &Arc<Vec<Input>>, sink: &Arc<S>, how: &How, what: &'static str) -> Option<Partial> {
    let bar = bar(inputs.iter().map(|input| input.bytes).sum(), what, how.is_quiet);
    let run = Arc::new(Run {
        inputs: Arc::clone(inputs),
        sink: Arc::clone(sink),
        bar: bar.clone(),
        stop: how.stop.clone(),
        whole: AtomicU64::new(0),
        cut_off: Mutex::default(),
    });
    let (done, is_done) = mpsc::channel();
    let (working, threads) = (Arc::clone(&run), how.threads);
    // Not waited for where a file does not end.
    std::thread::spawn(move || {
        let numbers: Vec<usize> = (0..working.inputs.len()).collect();
        each(&numbers, threads, |number| working.one(*number));
        drop(working);
        done.send(()).ok();
    });
    wait(&is_done, &how.stop);
    bar.finish_and_clear();
    let files = u64::try_from(inputs.len()).unwrap_or(u64::MAX);
    let whole = run.whole.load(Ordering::Relaxed);
    let cut_off = run.cut_off.lock().unwrap_or_else(PoisonError::into_inner).clone();
    (whole < files).then_some(Partial { whole, files, cut_off })
}

/// Waits until all is read; once Ctrl-C came, not for long.
fn wait(is_done: &mpsc::Receiver<()>, stop: &Stop) {
    let mut asked = None;
    while is_done.recv_timeout(LOOK) == Err(mpsc::RecvTimeoutError::Timeout) {
        if stop.is_asked() && asked.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
            break;
        }
    }
}

impl<S: Sink> Run<S> {
    /// Reads one file. One that cannot be opened is read as far as it can be.
    fn one(&self, number: usize) {
        let Some(input) = self.inputs.get(number).filter(|_| !self.stop.is_asked()) else { return };
        self.ask_ahead(number);
        match input.open() {
            Ok(inner) => {
                let mut watched = Watched::new(inner, self.bar.clone(), self.stop.clone());
                let scan = self.sink.take(&input.name, &mut watched);
                if watched.was_stopped() {
                    self.cut_off.lock().unwrap_or_else(PoisonError::into_inner).insert(input.name.clone(), scan.counts.records);
                    return;
                }
            }
            Err(error) => self.sink.miss(&input.name, format!("it cannot be opened: {error}")),
        }
        self.whole.fetch_add(1, Ordering::Relaxed);
    }
}

impl<S> Run<S> {
    /// Lets the files that come next be brought already: many requests in flight, and not more memory than a bound.
    fn ask_ahead(&self, number: usize) {
        let mut bytes = 0;
        for input in self.inputs.iter().skip(number).take(FILES_AHEAD).filter(|input| input.is_far()) {
            bytes += input.ask_ahead();
            if bytes > BYTES_AHEAD {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use reprieve_replay::Rules;
    use reprieve_replay::story::tell;

    use super::*;

    /// P129
    #[test]
    fn a_folder_that_cannot_be_read_is_a_problem_of_the_answer_and_of_a_story() {
        let left_out = |name: &str, why: Why| LeftOut { name: name.to_owned(), why };
        let left_out = [left_out("closed", Why::Unreadable("permission denied".to_owned())), left_out("notes.txt", Why::Name)];
        let (collector, story) = (Collector::default(), StoryCollector::new("orders"));
        miss_unreadable(&left_out, &collector);
        miss_unreadable(&left_out, &story);
        let told = tell(&story.finish(), &Rules::shipped());
        let named: Vec<&str> = told.problems.iter().map(|problem| problem.file.as_str()).collect();
        assert_eq!((collector.finish().problems(), told.errors, named), (1, 1, vec!["closed"]));
    }
}

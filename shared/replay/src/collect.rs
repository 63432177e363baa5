//! Reads log files into a part, several at once.

use std::io::Read;
use std::sync::{Mutex, MutexGuard, PoisonError};

use reprieve_scan::{Entry, Needles, Scan, Scanner};
use reprieve_wire::audit::{NEEDLES, Parsed};

use crate::act::{Act, SERVICES, may_be_kept};
use crate::part::{Part, Problem};

/// Digests that a thread gathers by itself, so that threads seldom wait for each other.
const AT_ONCE: usize = 1_024;
/// Digests that all threads gather together before these are added, since that takes a walk through all that are there.
const GATHERED: usize = 1 << 15;

/// Reads log files; shared between threads, which read one file each.
#[derive(Debug)]
pub struct Collector {
    scanner: Scanner,
    /// Digests of records that are still to be added. Who holds these and what is collected has taken these first.
    gathered: Mutex<Vec<u64>>,
    collected: Mutex<Collected>,
}

#[derive(Debug, Default)]
struct Collected {
    part: Part,
    /// Digests that are being added, or the memory for such.
    adding: Vec<u64>,
}

impl Default for Collector {
    fn default() -> Self {
        let needles = Needles::new(NEEDLES).of_services(&SERVICES).only(may_be_kept);
        Self { scanner: Scanner::new(needles), gathered: Mutex::default(), collected: Mutex::default() }
    }
}

impl Collector {
    /// Reads a log file, gz or not. `name` is what it is called in problems: its name below the folder or prefix that was given, so that
    /// the same archive gives the same answer wherever it lies.
    pub fn read(&self, name: &str, mut reader: impl Read) -> Scan {
        self.read_any(name, &mut reader)
    }

    fn read_any(&self, name: &str, reader: &mut dyn Read) -> Scan {
        let mut digests = Vec::with_capacity(AT_ONCE);
        let scan = self.scanner.scan_with_identities(
            reader,
            |digest| {
                if digests.len() == AT_ONCE {
                    self.gather(&mut digests);
                }
                digests.push(digest);
            },
            |Entry { record, parsed }| match parsed {
                Ok(Parsed::Entry(entry)) => {
                    if let Some(act) = Act::of(*entry) {
                        self.collected().part.gathered.add_act(act);
                    }
                }
                Ok(Parsed::NotOurs { .. }) => {}
                Err(error) => {
                    self.collected().part.gathered.add_problem(Problem {
                        file: name.to_owned(),
                        record: Some(record.ordinal),
                        why: error.to_string(),
                    });
                }
            },
        );
        self.gather(&mut digests);
        let mut collected = self.collected();
        let part = &mut collected.part;
        part.gathered.files += 1;
        part.counts += scan.counts;
        if let Some(fault) = &scan.fault {
            part.gathered.add_problem(Problem { file: name.to_owned(), record: None, why: fault.to_string() });
        }
        drop(collected);
        scan
    }

    /// Says that a file could not be opened.
    pub fn unreadable(&self, name: &str, why: String) {
        self.collected().part.gathered.add_problem(Problem { file: name.to_owned(), record: None, why });
    }

    /// Returns what was read so far: all files that were read to their end, and of others what was seen of them.
    #[must_use]
    pub fn so_far(&self) -> Part {
        let gathered = locked(&self.gathered);
        let mut part = self.collected().part.clone();
        part.add_identities(&mut gathered.clone());
        part
    }

    /// Returns what was read.
    #[must_use]
    pub fn finish(self) -> Part {
        let Collected { mut part, .. } = self.collected.into_inner().unwrap_or_else(PoisonError::into_inner);
        part.add_identities(&mut self.gathered.into_inner().unwrap_or_else(PoisonError::into_inner));
        part
    }

    /// Takes digests, to add them with others.
    fn gather(&self, digests: &mut Vec<u64>) {
        let mut gathered = locked(&self.gathered);
        gathered.append(digests);
        if gathered.len() >= GATHERED {
            let mut collected = self.collected();
            let Collected { part, adding } = &mut *collected;
            std::mem::swap(&mut *gathered, adding);
            // Others go on to gather.
            drop(gathered);
            part.add_identities(adding);
        }
    }

    fn collected(&self) -> MutexGuard<'_, Collected> {
        locked(&self.collected)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whatever a thread that panicked had added, it had added whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

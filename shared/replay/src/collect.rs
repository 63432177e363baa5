//! Reads log files into a part, several at once.

use std::io::Read;
use std::sync::{Mutex, MutexGuard, PoisonError};

use reprieve_scan::{Entry, Needles, Scan, Scanner};
use reprieve_wire::audit::{NEEDLES, Parsed};

use crate::act::{Act, SERVICES, may_be_kept};
use crate::part::{Part, Problem};

/// Identities that are added at once, so that threads seldom wait for each other.
const AT_ONCE: usize = 1_024;

/// Reads log files; shared between threads, which read one file each.
#[derive(Debug)]
pub struct Collector {
    scanner: Scanner,
    part: Mutex<Part>,
}

impl Default for Collector {
    fn default() -> Self {
        let needles = Needles::new(NEEDLES).of_services(&SERVICES).only(may_be_kept);
        Self { scanner: Scanner::new(needles), part: Mutex::default() }
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
                    self.part().identities.extend(&digests);
                    digests.clear();
                }
                digests.push(digest);
            },
            |Entry { record, parsed }| match parsed {
                Ok(Parsed::Entry(entry)) => {
                    if let Some(act) = Act::of(*entry) {
                        self.part().add_act(act);
                    }
                }
                Ok(Parsed::NotOurs { .. }) => {}
                Err(error) => {
                    self.part().add_problem(Problem { file: name.to_owned(), record: Some(record.ordinal), why: error.to_string() });
                }
            },
        );
        let mut part = self.part();
        part.identities.extend(&digests);
        part.files += 1;
        part.counts += scan.counts;
        if let Some(fault) = &scan.fault {
            part.add_problem(Problem { file: name.to_owned(), record: None, why: fault.to_string() });
        }
        drop(part);
        scan
    }

    /// Says that a file could not be opened.
    pub fn unreadable(&self, name: &str, why: String) {
        self.part().add_problem(Problem { file: name.to_owned(), record: None, why });
    }

    /// Returns what was read so far: all files that were read to their end, and of others what was seen of them.
    #[must_use]
    pub fn so_far(&self) -> Part {
        self.part().clone()
    }

    /// Returns what was read.
    #[must_use]
    pub fn finish(self) -> Part {
        self.part.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn part(&self) -> MutexGuard<'_, Part> {
        // Whatever a thread that panicked had added, it had added whole.
        self.part.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

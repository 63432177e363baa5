//! Files that are asked for ahead of the threads that read them, so that none waits for a first byte.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use reprieve_aws_evidence::ListedLogFile;

use crate::port::LogFiles;

/// Files that are asked for ahead. S3 takes 30 to 100 ms to the first byte, in which a thread would read one to ten files of usual size.
const AHEAD: usize = 24;

/// Files in their order, opened ahead.
#[derive(Debug)]
pub(crate) struct Queue<L: LogFiles> {
    logs: L,
    state: Mutex<State<L::Reader>>,
}

#[derive(Debug)]
struct State<R> {
    unopened: std::vec::IntoIter<ListedLogFile>,
    opened: VecDeque<(ListedLogFile, R)>,
}

impl<L: LogFiles> Queue<L> {
    /// Makes one; opens nothing yet.
    pub(crate) fn new(logs: L, files: Vec<ListedLogFile>) -> Self {
        Self { logs, state: Mutex::new(State { unopened: files.into_iter(), opened: VecDeque::new() }) }
    }

    /// Takes the next file; `None` where there is none.
    pub(crate) fn next(&self) -> Option<(ListedLogFile, L::Reader)> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.opened.len() <= AHEAD {
            let Some(file) = state.unopened.next() else { break };
            let reader = self.logs.open(&file);
            state.opened.push_back((file, reader));
        }
        state.opened.pop_front()
    }

    /// Forgets what was not taken.
    pub(crate) fn clear(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.unopened = Vec::new().into_iter();
        state.opened.clear();
    }
}

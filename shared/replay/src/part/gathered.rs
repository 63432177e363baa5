//! What every part gathers of log files: acts, and what could not be read. It merges, associatively and commutatively.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use reprieve_core::EventId;

use super::Problem;
use crate::act::Act;

/// The most problems that are named; all are counted.
const MOST_NAMED: usize = 1_000;

/// Files, the acts in them, and what could not be read of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Gathered {
    pub(crate) files: u64,
    pub(crate) acts: BTreeMap<EventId, Act>,
    pub(crate) problems: u64,
    /// Those that come first.
    pub(crate) named: BTreeSet<Problem>,
}

impl Gathered {
    /// Makes it of what was saved, in any order.
    pub(crate) fn of(files: u64, acts: Vec<Act>, problems: u64, named: Vec<Problem>) -> Self {
        let mut gathered = Self { files, problems, named: BTreeSet::from_iter(named), ..Self::default() };
        for act in acts {
            gathered.add_act(act);
        }
        gathered.cut_named();
        gathered
    }

    /// Takes in what was gathered of other files.
    pub(crate) fn merge(&mut self, other: Self) {
        let Self { files, acts, problems, named } = other;
        // A saved part is whatever somebody wrote: too many are as many as there are numbers.
        self.files = self.files.saturating_add(files);
        for act in acts.into_values() {
            self.add_act(act);
        }
        self.problems = self.problems.saturating_add(problems);
        self.named.extend(named);
        self.cut_named();
    }

    /// Adds an act. One that is known counts once: where two logs tell of it differently, the lesser text counts.
    pub(crate) fn add_act(&mut self, act: Act) {
        match self.acts.entry(act.event.id.clone()) {
            Entry::Vacant(free) => {
                free.insert(act);
            }
            Entry::Occupied(mut known) => {
                if *known.get() != act && text_of(&act) < text_of(known.get()) {
                    known.insert(act);
                }
            }
        }
    }

    /// Adds something that could not be read.
    pub(crate) fn add_problem(&mut self, problem: Problem) {
        self.problems = self.problems.saturating_add(1);
        self.named.insert(problem);
        self.cut_named();
    }

    fn cut_named(&mut self) {
        while self.named.len() > MOST_NAMED {
            self.named.pop_last();
        }
    }
}

fn text_of(act: &Act) -> String {
    serde_json::to_string(act).unwrap_or_default()
}

//! Judges a part by rules: lives through the history of each key in the order of time, and decides on every act that endangers one.
//!
//! History is what the logs say truly happened: what would have been given back is not given back in it, so that each decision is the one
//! that the function would have made at that time had it been there for the first time.

pub(crate) mod assumption;
mod aws;
mod azure;
mod effect;
mod google;
pub(crate) mod history;
mod tally;

use std::collections::BTreeMap;
use std::num::NonZero;
use std::thread::available_parallelism;

use reprieve_scan::each;

use crate::act::Act;
use crate::answer::{Answer, Read};
use crate::part::Part;
use crate::rules::Rules;
use tally::Tally;

/// Keys whose histories are lived through, and held, at once.
const KEYS_AT_ONCE: usize = 256;

/// Lives through the history of each key in the order of time, and decides on every act that endangers one.
#[must_use]
pub fn judge(part: &Part, rules: &Rules) -> Answer {
    answer(part, part.unique_events(), rules)
}

/// Does as [`judge`] does, and lets go of the part first where it can: what tells records apart takes as much memory as the rest together.
#[must_use]
pub fn judge_last(mut part: Part, rules: &Rules) -> Answer {
    let unique_events = part.unique_events();
    part.forget_identities();
    answer(&part, unique_events, rules)
}

fn answer(part: &Part, (unique_events, unique_events_exact): (u64, bool), rules: &Rules) -> Answer {
    let counts = part.counts();
    let read = Read {
        files: part.files(),
        records: counts.records,
        unique_events,
        unique_events_exact,
        errors: part.problems(),
        bytes: counts.bytes_inflated,
        bytes_read: counts.bytes_in,
    };
    let end = part.acts().filter_map(|act| act.event.time).max();
    let mut tally = Tally::new(rules, end);
    let threads = available_parallelism().map_or(1, NonZero::get);
    // Two threads that ask for the first time would each read the policies.
    rules.policy.prepare();
    for some in histories(part.acts()).chunks(KEYS_AT_ONCE) {
        let lived = each(some, threads, |(_, acts)| history::live_through(acts, rules));
        for ((key, _), history) in some.iter().zip(lived) {
            tally.add(key.as_deref(), &history);
        }
    }
    tally.answer(read, part.named_problems().cloned().collect())
}

/// Returns the acts on each key; an act that names none stands alone.
fn histories<'a>(acts: impl Iterator<Item = &'a Act>) -> Vec<(Option<String>, Vec<&'a Act>)> {
    let mut keys: BTreeMap<String, Vec<&Act>> = BTreeMap::new();
    let mut unnamed = Vec::new();
    for act in acts {
        match act.key() {
            Some(key) => keys.entry(key).or_default().push(act),
            None => unnamed.push((None, vec![act])),
        }
    }
    keys.into_iter().map(|(key, acts)| (Some(key), acts)).chain(unnamed).collect()
}

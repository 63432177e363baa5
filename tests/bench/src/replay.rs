//! Real entries, lived through again: what a corpus of an hour teaches of weeks.
//!
//! Each principal of the given entries does the same calls, from the same addresses, on every day at the hours at which it did them, give
//! or take a little. Attacks that the corpus holds are replayed as well: they are then what is usual, which only makes it harder.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use reprieve_core::{AuditEvent, EventId};

use crate::attacks::{Labelled, Random};

/// The most calls that one principal makes in a day.
const CALLS_A_DAY: usize = 60;

/// Returns the entries of all principals, shifted over so many days from `first` on. Those without a time or a principal are left out.
#[must_use]
pub fn over_days(entries: &[AuditEvent], first: Timestamp, days: i64, seed: u64) -> Vec<Labelled> {
    let mut by_principal: BTreeMap<String, Vec<&AuditEvent>> = BTreeMap::new();
    for event in entries.iter().filter(|event| event.event.time.is_some()) {
        if let Some(principal) = event.principal() {
            by_principal.entry(principal).or_default().push(event);
        }
    }
    let mut random = Random::new(seed);
    let mut log = Vec::new();
    for (principal, events) in by_principal {
        let stride = events.len().div_ceil(CALLS_A_DAY).max(1);
        for day in 0..days {
            for (number, event) in events.iter().enumerate().skip(random.below(stride)).step_by(stride) {
                if random.chance(0.2) {
                    continue;
                }
                log.extend(moved(event, first, day, random.between(-1_200, 1_200), &format!("{day}-{number}-{}", principal.len())));
            }
        }
    }
    log.sort_by_key(|labelled: &Labelled| labelled.event.event.time);
    log
}

fn moved(event: &AuditEvent, first: Timestamp, day: i64, jitter_seconds: i64, mark: &str) -> Option<Labelled> {
    let of_day = event.event.time?.as_second().rem_euclid(86_400);
    let midnight = first.as_second().div_euclid(86_400) * 86_400;
    let second = (midnight + day * 86_400 + of_day).checked_add(jitter_seconds)?;
    let mut event = event.clone();
    event.event.time = Some(Timestamp::UNIX_EPOCH.checked_add(SignedDuration::from_secs(second)).ok()?);
    event.event.id = EventId::parse(&format!("{}-{mark}", event.event.id.as_str().get(..36).unwrap_or("entry"))).ok()?;
    Some(Labelled { event, incident: None })
}

//! What a deployed filter catches of everything that makes a key unusable or blinds the monitoring, and precisely where it fails.

mod reason;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

pub use self::reason::NOT_NAMED;
use super::FilterPattern;
use super::probe::{Effect, Probe, probes, probes_at};
use crate::place::Place;

/// The events that control 7 of the CIS AWS Foundations Benchmark asks for.
pub const KEY_EVENTS: [&str; 2] = ["DisableKey", "ScheduleKeyDeletion"];

/// What a filter catches and misses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// Each event that makes a key unusable or blinds the monitoring, and whether the filter catches it: succeeded and refused, from the
    /// audited account, whoever calls.
    pub catches: BTreeMap<String, bool>,
    /// Those that it does not catch, and why.
    pub misses: Vec<Miss>,
    /// Harmless events that it fires on, by name.
    pub also_catches: Vec<String>,
    /// Whether what it catches it also catches in records of other accounts, as an organisation's trail delivers them.
    pub other_accounts: bool,
    /// The whole in a sentence or two.
    pub why: String,
}

/// An event that a filter misses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Miss {
    /// The event's name.
    pub event: String,
    /// Where the filter fails, for people.
    pub why: String,
}

impl Audit {
    /// Returns whether the filter catches the event.
    #[must_use]
    pub fn catches(&self, event: &str) -> bool {
        self.catches.get(event).copied().unwrap_or_default()
    }

    /// Returns whether the filter does the work of control 7: it catches `DisableKey` and `ScheduleKeyDeletion`.
    #[must_use]
    pub fn catches_key_events(&self) -> bool {
        KEY_EVENTS.iter().all(|event| self.catches(event))
    }
}

/// Tries a filter on every probe, in the shapes of the place.
#[must_use]
pub fn audit(pattern: &FilterPattern, place: &Place) -> Audit {
    let elsewhere;
    let probes = if *place == Place::documentation() {
        probes()
    } else {
        elsewhere = probes_at(place);
        &elsewhere
    };
    let tried: Vec<Tried<'_>> = probes.iter().map(|probe| Tried { probe, matches: pattern.matches(&probe.event) }).collect();
    let harmful = tried.iter().filter(|tried| is_harmful(tried.probe.effect));
    let mut by_name: BTreeMap<&str, Vec<Tried<'_>>> = BTreeMap::new();
    for tried in harmful {
        by_name.entry(&tried.probe.name).or_default().push(*tried);
    }
    let is_caught = |tried: &[Tried<'_>]| tried.iter().filter(|tried| !tried.probe.of_other_account).all(|tried| tried.matches);
    let catches: BTreeMap<String, bool> = by_name.iter().map(|(name, tried)| ((*name).to_owned(), is_caught(tried))).collect();
    let reasons = reason::Reasons::new(pattern, place);
    let misses = by_name
        .iter()
        .filter(|(_, tried)| !is_caught(tried))
        .map(|(name, tried)| Miss { event: (*name).to_owned(), why: reasons.of(name, tried) })
        .collect();
    let benign = tried.iter().filter(|tried| tried.matches && tried.probe.effect == Effect::Benign);
    let also_catches: BTreeSet<String> = benign.map(|tried| shown_name(tried.probe)).collect();
    let caught = by_name.values().filter(|tried| is_caught(tried)).flatten();
    let mut audit = Audit {
        other_accounts: catches.values().any(|caught| *caught) && caught.clone().all(|tried| tried.matches),
        catches,
        misses,
        also_catches: also_catches.into_iter().collect(),
        why: String::new(),
    };
    audit.why = reason::summary(pattern, &audit, tried.iter().any(|tried| tried.matches));
    audit
}

/// A probe, and whether the filter matches it.
#[derive(Debug, Clone, Copy)]
struct Tried<'a> {
    probe: &'a Probe,
    matches: bool,
}

fn is_harmful(effect: Effect) -> bool {
    match effect {
        Effect::MakesKeyUnusable | Effect::BlindsMonitoring => true,
        Effect::Watched | Effect::Benign => false,
    }
}

/// The name of a harmless event, with its service: `DeleteRule` is one of several.
fn shown_name(probe: &Probe) -> String {
    format!("{} ({})", probe.name, probe.source)
}

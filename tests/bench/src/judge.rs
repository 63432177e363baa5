//! Plays labelled weeks through a baseline, entry after entry, and counts what is found and what is called unusual though nothing is wrong.

use std::collections::{BTreeMap, BTreeSet};

use reprieve_core::Finding;
use reprieve_evidence::anomaly::{Baseline, NoPlaces, Settings};

use crate::attacks::{Attack, Incident, Labelled};

/// What a run came to.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// Entries in which nothing is wrong, after the quiet days.
    pub benign: usize,
    /// Findings about them.
    pub false_alarms: usize,
    /// The days that were judged.
    pub days: i64,
    /// Of each kind of attack: how many there were, and how many were found.
    pub attacks: BTreeMap<Attack, (usize, usize)>,
    /// All findings about attacks: an attack may be told of more than once.
    pub alarms: usize,
    /// Some false alarms, as sentences.
    pub examples: Vec<String>,
}

impl Verdict {
    /// Adds another run.
    pub fn add(&mut self, other: &Self) {
        self.benign += other.benign;
        self.false_alarms += other.false_alarms;
        self.days += other.days;
        self.alarms += other.alarms;
        for (attack, (all, found)) in &other.attacks {
            let sums = self.attacks.entry(*attack).or_default();
            *sums = (sums.0 + all, sums.1 + found);
        }
        self.examples.extend(other.examples.iter().cloned());
    }

    /// Returns the share of attacks of a kind that were found.
    #[must_use]
    pub fn share_found(&self, attack: Attack) -> f64 {
        let (all, found) = self.attacks.get(&attack).copied().unwrap_or_default();
        ratio(found, all)
    }

    /// Returns findings about entries in which nothing is wrong, for each 10,000 of them.
    #[must_use]
    pub fn false_alarms_per_10_000(&self) -> f64 {
        ratio(self.false_alarms, self.benign) * 10_000.0
    }

    /// Returns the share of findings that are about attacks.
    #[must_use]
    pub fn precision(&self) -> f64 {
        ratio(self.alarms, self.alarms + self.false_alarms)
    }
}

/// Returns a share; 0 of nothing.
#[must_use]
pub fn ratio(part: usize, whole: usize) -> f64 {
    let number = |count: usize| u32::try_from(count).map_or(f64::from(u32::MAX), f64::from);
    if whole == 0 { 0.0 } else { number(part) / number(whole) }
}

/// Plays a log. What happens in the first `quiet_days` is learned from and scored, but not counted.
#[must_use]
pub fn judge(log: &[Labelled], quiet_days: i64) -> Verdict {
    let mut baseline = Baseline::new(Settings::default());
    let mut verdict = Verdict::default();
    let mut found: BTreeSet<Incident> = BTreeSet::new();
    let mut all: BTreeSet<Incident> = BTreeSet::new();
    let Some(first) = log.first().and_then(|labelled| labelled.event.event.time) else { return verdict };
    let mut last = first;
    for Labelled { event, incident } in log {
        let Some(at) = event.event.time else { continue };
        last = at;
        let considered = baseline.consider(event, at, &NoPlaces);
        let is_counted = at.as_second() - first.as_second() >= quiet_days * 86_400;
        all.extend(*incident);
        verdict.benign += usize::from(is_counted && incident.is_none());
        match (considered.finding, incident) {
            (Some(_), Some(incident)) => {
                found.insert(*incident);
                verdict.alarms += 1;
            }
            (Some(finding), None) if is_counted => {
                verdict.false_alarms += 1;
                verdict.examples.push(told(&finding));
            }
            (Some(_) | None, _) => {}
        }
    }
    verdict.days = (last.as_second() - first.as_second()) / 86_400 + 1 - quiet_days;
    for incident in all {
        let (count, hits) = verdict.attacks.entry(incident.attack).or_default();
        *count += 1;
        *hits += usize::from(found.contains(&incident));
    }
    verdict
}

fn told(finding: &Finding) -> String {
    let time = finding.audit.event.time.map(|time| time.to_string()).unwrap_or_default();
    let role = finding.audit.principal().unwrap_or_default();
    format!("{time} {:>3} {} {}", finding.score, role.rsplit('/').next().unwrap_or_default(), finding.sentence())
}

//! Adds up the histories of keys to the answer: what lies in the period, accounts and Regions that were asked for.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use reprieve_core::audit::Operation;
use reprieve_core::{CallOutcome, EventForm, EventId};

use super::history::{History, Lived};
use crate::act::Act;
use crate::answer::{Aftermath, Answer, Decided, KeyHistory, Kpis, Read, Times, Verdict};
use crate::part::Problem;
use crate::rules::Rules;

/// The order of the answer's decisions.
type Place = (Option<Timestamp>, EventId);

/// What was added up so far.
#[derive(Debug)]
pub(super) struct Tally<'a> {
    rules: &'a Rules,
    /// The last act of the logs.
    end: Option<Timestamp>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    acts: BTreeMap<String, u64>,
    keys: Vec<KeyHistory>,
    decisions: BTreeMap<Place, Decided>,
    times: Vec<i64>,
    kpis: Kpis,
}

impl<'a> Tally<'a> {
    pub(super) fn new(rules: &'a Rules, end: Option<Timestamp>) -> Self {
        Self {
            rules,
            end,
            first: None,
            last: None,
            acts: BTreeMap::new(),
            keys: Vec::new(),
            decisions: BTreeMap::new(),
            times: Vec::new(),
            kpis: Kpis::default(),
        }
    }

    /// Adds a key's history; a key on which nothing happened that was asked for is left out.
    pub(super) fn add(&mut self, key: Option<&str>, history: &History<'_>) {
        let mut own = KeyHistory {
            key: key.unwrap_or_default().to_owned(),
            acts: BTreeMap::new(),
            verdicts: BTreeMap::new(),
            state: None,
            seconds_in_danger: 0,
        };
        let asked_for: Vec<&Lived<'_>> = history.acts.iter().filter(|lived| self.is_asked_for(lived.act)).collect();
        for lived in asked_for {
            let event = &lived.act.event;
            self.first = self.first.into_iter().chain(event.time).min();
            self.last = self.last.into_iter().chain(event.time).max();
            *self.acts.entry(event.name.clone()).or_default() += 1;
            *own.acts.entry(event.name.clone()).or_default() += 1;
            own.state.clone_from(&lived.state);
            self.kpis.rotations += u64::from(is_rotation(lived.act));
            if let Some(decided) = decided(key, lived) {
                *own.verdicts.entry(decided.verdict).or_default() += 1;
                self.count(&decided);
                self.decisions.insert((event.time, event.id.clone()), decided);
            }
        }
        if own.acts.is_empty() {
            return;
        }
        own.seconds_in_danger = self.seconds_in_danger(history);
        self.kpis.seconds_in_danger += own.seconds_in_danger;
        if key.is_some() {
            self.keys.push(own);
        }
    }

    fn is_asked_for(&self, act: &Act) -> bool {
        let Rules { period, accounts, regions, .. } = self.rules;
        let is_one_of = |names: &BTreeSet<String>, name: Option<String>| names.is_empty() || name.is_some_and(|name| names.contains(&name));
        period.holds(act.event.time) && is_one_of(accounts, act.account()) && is_one_of(regions, act.region())
    }

    /// How long the key was in danger within the period, and no longer than the logs reach.
    fn seconds_in_danger(&self, history: &History<'_>) -> i64 {
        let period = self.rules.period;
        let Some(end) = [self.end, period.to].into_iter().flatten().min() else { return 0 };
        let spans = history.danger.iter().map(|(since, until)| {
            let since = period.from.map_or(*since, |from| from.max(*since));
            let until = until.map_or(end, |until| until.min(end));
            until.as_second().saturating_sub(since.as_second()).max(0)
        });
        spans.sum()
    }

    fn count(&mut self, decided: &Decided) {
        let kpis = &mut self.kpis;
        *kpis.verdicts.entry(decided.verdict).or_default() += 1;
        if decided.verdict != Verdict::WouldRestore {
            return;
        }
        match &decided.aftermath {
            Aftermath::Undone { by_reprieve: false, after_seconds, .. } => {
                kpis.undone_by_people += 1;
                self.times.push(*after_seconds);
            }
            Aftermath::Lost { .. } => kpis.lost += 1,
            Aftermath::Open => kpis.open += 1,
            Aftermath::Undone { by_reprieve: true, .. } | Aftermath::Nothing => {}
        }
    }

    pub(super) fn answer(mut self, read: Read, problems: Vec<Problem>) -> Answer {
        let would_restore = self.kpis.verdicts.get(&Verdict::WouldRestore).copied().unwrap_or_default();
        let kpis = &mut self.kpis;
        kpis.time_to_undo = times(self.times);
        kpis.true_positives = kpis.undone_by_people;
        kpis.false_positives = kpis.lost;
        kpis.not_judged = would_restore - kpis.true_positives - kpis.false_positives;
        kpis.false_positive_rate = rate(kpis.false_positives, kpis.true_positives);
        Answer {
            read,
            first: self.first,
            last: self.last,
            acts: self.acts,
            keys: self.keys,
            decisions: self.decisions.into_values().collect(),
            kpis: self.kpis,
            problems,
        }
    }
}

fn decided(key: Option<&str>, lived: &Lived<'_>) -> Option<Decided> {
    let Lived { act, judgement, aftermath, .. } = lived;
    let judgement = judgement.as_ref()?;
    Some(Decided {
        event: act.event.id.to_string(),
        time: act.event.time,
        cloud: act.log.cloud(),
        account: act.account(),
        region: act.region(),
        key: key.map(ToOwned::to_owned),
        call: act.event.name.clone(),
        by: act.event.actor.display_name(),
        threat: judgement.threat,
        verdict: judgement.verdict,
        severity: judgement.severity,
        why: judgement.why.clone(),
        escalations: judgement.escalations.clone(),
        plan: judgement.plan.clone(),
        aftermath: aftermath.clone(),
        assumed: judgement.assumed.clone(),
    })
}

/// Says whether a key has got new material. A call that only asks for it is none: the service's own entry follows.
fn is_rotation(act: &Act) -> bool {
    let only_asks = act.event.form == EventForm::ApiCall && act.event.name == "RotateKeyOnDemand";
    act.operation == Operation::Rotate && act.event.outcome == CallOutcome::Succeeded && !only_asks
}

#[expect(clippy::cast_precision_loss, reason = "a rate of fewer acts than 2^52")]
fn rate(false_positives: u64, true_positives: u64) -> Option<f64> {
    let judged = false_positives + true_positives;
    (judged > 0).then(|| false_positives as f64 / judged as f64)
}

/// Percentiles by nearest rank: values that occurred.
fn times(mut seconds: Vec<i64>) -> Option<Times> {
    seconds.sort_unstable();
    let ranked = |percent: usize| seconds.get((seconds.len() * percent).div_ceil(100).saturating_sub(1)).copied();
    Some(Times { count: seconds.len() as u64, p50: ranked(50)?, p95: ranked(95)?, max: *seconds.last()? })
}

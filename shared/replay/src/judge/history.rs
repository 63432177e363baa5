//! One key's history, lived through in the order of time: the state, the decision on each act, what became of it, and when the key was in
//! danger.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use reprieve_core::{CallOutcome, Cloud, Decision, Event, Severity, Step, Threat};

use super::assumption::Assumption;
use super::aws::KeyLife;
use super::azure::ResourceLife;
use super::effect::{Effect, Lack, Lacking};
use super::google::VersionsLife;
use crate::act::Act;
use crate::answer::{Aftermath, Verdict};
use crate::rules::Rules;

/// Of so many acts at the same moment it is worked out in which order they can have happened.
const MOST_AT_ONCE: usize = 64;

/// A key's life: what it is, as far as the acts that were met tell.
pub(super) trait Life {
    /// Lives through an act, and decides on it where the function would. `None` where it would not.
    fn meet(&mut self, act: &Act, rules: &Rules) -> Option<(Decision, Vec<Assumption>)>;

    /// Returns the state of the key, in the provider's word, where it is known.
    fn state(&self) -> Option<String>;

    /// Says how well the act fits what the key is: 0 where it can have come next and changes the key, 1 where it can have come at any
    /// time, 2 where it cannot have come next.
    fn misfit(&self, act: &Act) -> u8;
}

/// What was decided on an act.
#[derive(Debug, Clone)]
pub(crate) struct Judgement {
    pub(crate) verdict: Verdict,
    pub(crate) threat: Option<Threat>,
    pub(crate) severity: Severity,
    pub(crate) why: String,
    pub(crate) escalations: Vec<String>,
    pub(crate) plan: Vec<String>,
    pub(crate) assumed: Vec<String>,
}

/// An act that was lived through.
#[derive(Debug)]
pub(crate) struct Lived<'a> {
    pub(crate) act: &'a Act,
    pub(crate) judgement: Option<Judgement>,
    /// The state after it.
    pub(crate) state: Option<String>,
    pub(crate) aftermath: Aftermath,
}

/// A history that was lived through.
#[derive(Debug, Default)]
pub(crate) struct History<'a> {
    /// The acts, in the order in which they happened; those without a time come first.
    pub(crate) acts: Vec<Lived<'a>>,
    /// When the key was in danger; the last may be open.
    pub(crate) danger: Vec<(Timestamp, Option<Timestamp>)>,
}

/// Lives through the acts on one key.
pub(crate) fn live_through<'a>(acts: &[&'a Act], rules: &Rules) -> History<'a> {
    let mut history = History::default();
    let Some(cloud) = acts.first().map(|act| act.log.cloud()) else { return history };
    let mut moments: BTreeMap<Timestamp, Vec<&Act>> = BTreeMap::new();
    for act in acts {
        match act.event.time {
            Some(time) => moments.entry(time).or_default().push(act),
            None => history.acts.push(live_alone(act, cloud, rules)),
        }
    }
    history.acts.sort_by(|one, other| one.act.event.id.cmp(&other.act.event.id));
    let mut life = life(cloud);
    let mut danger = Danger::default();
    let first = history.acts.len();
    for (time, mut acts) in moments {
        acts.sort_by(|one, other| other.event.id.cmp(&one.event.id));
        while let Some(act) = take_next(&mut acts, life.as_ref()) {
            let judgement = life.meet(act, rules).map(|(decision, assumed)| Judgement::new(act, &decision, assumed));
            danger.meet(time, &Effect::of(act), judgement.as_ref());
            history.acts.push(Lived { act, judgement, state: life.state(), aftermath: Aftermath::Nothing });
        }
    }
    if let Some(timed) = history.acts.get_mut(first..) {
        tell_aftermaths(timed, rules);
    }
    history.danger = danger.finish();
    history
}

fn life(cloud: Cloud) -> Box<dyn Life> {
    match cloud {
        Cloud::Aws => Box::new(KeyLife::default()),
        Cloud::Azure => Box::new(ResourceLife::default()),
        Cloud::GoogleCloud => Box::new(VersionsLife::default()),
    }
}

/// Takes out of the acts of one moment, which are in descending order of their ids, the one that comes next. Logs tell the second, and the
/// order within is lost: of those that can have come next, it is that of the least id.
fn take_next<'a>(acts: &mut Vec<&'a Act>, life: &dyn Life) -> Option<&'a Act> {
    if acts.len() > MOST_AT_ONCE {
        return acts.pop();
    }
    let misfits = acts.iter().enumerate().rev().map(|(index, act)| (life.misfit(act), index));
    let (_, index) = misfits.min_by_key(|(misfit, _)| *misfit)?;
    Some(acts.remove(index))
}

/// An act of which nobody knows when it was has no place in a history.
fn live_alone<'a>(act: &'a Act, cloud: Cloud, rules: &Rules) -> Lived<'a> {
    let mut life = life(cloud);
    let judgement = life.meet(act, rules).map(|(decision, mut assumed)| {
        assumed.push(Assumption::NoTime);
        Judgement::new(act, &decision, assumed)
    });
    let aftermath = if Effect::of(act).takes.is_some() { Aftermath::Open } else { Aftermath::Nothing };
    Lived { act, judgement, state: None, aftermath }
}

impl Judgement {
    fn new(act: &Act, decision: &Decision, mut assumed: Vec<Assumption>) -> Self {
        let why = decision.why();
        assumed.sort_unstable();
        assumed.dedup();
        let key = act.key();
        let step = |step: &Step| {
            let is_of_the_key = key.as_deref().is_some_and(|key| key.eq_ignore_ascii_case(step.target()));
            if is_of_the_key { step.name().to_owned() } else { format!("{} on {}", step.name(), step.target()) }
        };
        Self {
            verdict: verdict(&act.event, decision),
            threat: Threat::of(&act.event),
            severity: why.severity,
            why: why.sentence.clone(),
            escalations: why.escalations.clone(),
            plan: decision.plan().into_iter().flat_map(|plan| &plan.steps).map(step).collect(),
            assumed: assumed.into_iter().map(|assumption| assumption.sentence().to_owned()).collect(),
        }
    }

    /// Says whether the act was not to stand.
    const fn is_against(&self) -> bool {
        match self.verdict {
            Verdict::WouldRestore | Verdict::WouldEscalate => true,
            Verdict::Approved | Verdict::Refused | Verdict::Recorded => false,
        }
    }
}

fn verdict(event: &Event, decision: &Decision) -> Verdict {
    match decision {
        Decision::Remedy { .. } => Verdict::WouldRestore,
        Decision::Escalate { .. } => Verdict::WouldEscalate,
        Decision::Stand { why } if why.permitted => Verdict::Approved,
        Decision::Stand { .. } if event.outcome != CallOutcome::Succeeded => Verdict::Refused,
        Decision::Stand { why } if !why.escalations.is_empty() => Verdict::WouldEscalate,
        Decision::Stand { .. } => Verdict::Recorded,
    }
}

/// When a key was in danger: from an act that was not to stand, to the one that gave back what it took.
#[derive(Debug, Default)]
struct Danger {
    /// What is lacking, and whether an act that was not to stand took it.
    lacking: BTreeMap<(Lack, String), bool>,
    since: Option<Timestamp>,
    spans: Vec<(Timestamp, Option<Timestamp>)>,
}

impl Danger {
    fn meet(&mut self, time: Timestamp, effect: &Effect<'_>, judgement: Option<&Judgement>) {
        let own = |(lack, part): Lacking<'_>| (lack, part.to_owned());
        let given: Vec<bool> = effect.gives.iter().filter_map(|lacking| self.lacking.remove(&own(*lacking))).collect();
        let is_against = judgement.is_some_and(Judgement::is_against);
        if let Some(taken) = effect.takes.filter(|(lack, _)| lack.is_danger()) {
            *self.lacking.entry(own(taken)).or_default() |= is_against;
        }
        if let Some(left) = effect.leaves {
            // A key that comes out of its waiting period disabled is so because of the act that had put it there.
            self.lacking.entry(own(left)).or_insert_with(|| given.contains(&true));
        }
        match effect.ends {
            Some("") => self.lacking.clear(),
            Some(ended) => self.lacking.retain(|(_, part), _| part != ended),
            None => {}
        }
        let is_in_danger = self.lacking.values().any(|against| *against);
        match self.since {
            None if is_in_danger => self.since = Some(time),
            Some(since) if !is_in_danger => {
                self.spans.push((since, Some(time)));
                self.since = None;
            }
            Some(_) | None => {}
        }
    }

    fn finish(mut self) -> Vec<(Timestamp, Option<Timestamp>)> {
        self.spans.extend(self.since.map(|since| (since, None)));
        self.spans
    }
}

/// What gives something back, and from which act on the key can be used again.
#[derive(Clone, Copy)]
struct Giving {
    at: usize,
    usable: Option<usize>,
}

/// Tells of each act what became of it, from the last to the first.
fn tell_aftermaths(acts: &mut [Lived<'_>], rules: &Rules) {
    let mut givings: HashMap<(Lack, String), Giving> = HashMap::new();
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    for index in (0..acts.len()).rev() {
        let Some(act) = acts.get(index).map(|lived| lived.act) else { continue };
        let effect = Effect::of(act);
        if let Some(ended) = effect.ends {
            givings.retain(|(_, part), _| !ended.is_empty() && part != ended);
            ends.insert(ended.to_owned(), index);
        }
        let aftermath = match effect.takes {
            Some((lack, part)) => {
                let giving = givings.get(&(lack, part.to_owned()));
                let end = ends.get(part).or_else(|| ends.get("")).and_then(|at| acts.get(*at));
                become_of(act, lack, giving.copied(), end.map(|lived| lived.act), acts, rules)
            }
            None if effect.ends.is_some() => act.event.time.map_or(Aftermath::Nothing, |at| Aftermath::Lost { at, after_seconds: 0 }),
            None => Aftermath::Nothing,
        };
        let usable = match effect.leaves {
            Some((lack, part)) => givings.get(&(lack, part.to_owned())).and_then(|giving| giving.usable),
            None => Some(index),
        };
        for (lack, part) in &effect.gives {
            givings.insert((*lack, (*part).to_owned()), Giving { at: index, usable });
        }
        if let Some(lived) = acts.get_mut(index) {
            lived.aftermath = aftermath;
        }
    }
}

fn become_of(act: &Act, lack: Lack, giving: Option<Giving>, end: Option<&Act>, acts: &[Lived<'_>], rules: &Rules) -> Aftermath {
    let Some(time) = act.event.time else { return Aftermath::Open };
    let after = |later: Timestamp| later.as_second().saturating_sub(time.as_second());
    let of = |index: usize| acts.get(index).map(|lived| lived.act);
    let undone = giving.and_then(|giving| Some((of(giving.at)?, giving.usable.and_then(of))));
    if let Some((by, usable)) = undone
        && let Some(at) = by.event.time
    {
        let usable_at = usable.and_then(|act| act.event.time).filter(|_| lack.is_danger());
        return Aftermath::Undone {
            by: by.event.actor.display_name(),
            call: by.event.name.clone(),
            at,
            after_seconds: after(at),
            usable_at,
            usable_after_seconds: usable_at.map(after),
            by_reprieve: rules.remediator.as_ref().is_some_and(|role| by.event.actor.is_role(role)),
        };
    }
    match end.and_then(|act| act.event.time) {
        Some(at) => Aftermath::Lost { at, after_seconds: after(at) },
        None => Aftermath::Open,
    }
}

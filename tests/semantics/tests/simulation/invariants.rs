//! What must hold when a run is over, each held against what really happened; what does not hold is told in a sentence.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use reprieve_core::{KeyArn, Phase, Step, StepOutcome, StepResult};
use reprieve_test_support::{Call, Entry, KeyChange};

use crate::plan::{Kind, clock};
use crate::play::{Done, Fate, Past, Play, Task, millis};
use crate::truth::{Cause, Standing, Told, Truth, number_of};

/// What must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Invariant {
    /// No key that nobody approved is pending deletion or disabled once the sweep has run, unless it was so before or is held.
    EveryKeyIsBack,
    /// No approved change was undone, and nothing that was meant to be disabled was enabled.
    WhatIsApprovedStands,
    /// No record claims what did not happen, and nothing is done before its intent.
    RecordsAreTrue,
    /// Every act of ours is told by a record.
    ActsAreTold,
    /// We made no call but those that are permitted, and destroyed nothing.
    NothingIsDestroyed,
    /// No event is given up but after a fault.
    NoEventIsGivenUp,
}

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) invariant: Invariant,
    pub(crate) sentence: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.invariant, self.sentence)
    }
}

/// An act that is younger is not looked for in the log: the event that is being answered may well be its own.
const AS_ONE: SignedDuration = SignedDuration::from_mins(2);

/// The calls that the guard is made for; `approve` and `revoke` are people's.
const PERMITTED: [&str; 19] = [
    "describe",
    "tags",
    "rotation",
    "cancel_deletion",
    "enable",
    "enable_rotation",
    "aliases",
    "list",
    "recall",
    "claim",
    "finish",
    "open_case",
    "close_case",
    "learn",
    "open_cases",
    "latest_call",
    "change_calendar",
    "append",
    "tell",
];

/// Holds a run against all of them.
pub(crate) fn broken(play: &Play) -> Vec<Broken> {
    let check = Check { play, truth: Truth::of(play), broken: Vec::new() };
    check.all()
}

struct Check<'a> {
    play: &'a Play,
    truth: Truth<'a>,
    broken: Vec<Broken>,
}

impl Check<'_> {
    fn all(mut self) -> Vec<Broken> {
        for key in 0..self.play.arns.len() {
            self.is_back(key);
        }
        for told in self.truth.told.clone() {
            if let Some(invocation) = told.change.by {
                self.is_rightful(&told, invocation);
                self.is_told(&told.change, invocation);
            }
        }
        self.records_are_true();
        self.calls_are_permitted();
        self.no_event_is_given_up();
        self.broken
    }

    fn breaks(&mut self, invariant: Invariant, sentence: String) {
        self.broken.push(Broken { invariant, sentence });
    }

    fn past(&self, invocation: usize) -> &Past {
        self.play.past[invocation].as_ref().unwrap()
    }

    fn when(&self, time: Timestamp) -> String {
        clock(u64::try_from(time.duration_since(self.play.began).as_millis()).unwrap())
    }

    fn act(&self, act: usize) -> String {
        let Done { at, .. } = &self.play.done[act];
        let planned = self.truth.act(act);
        format!("act {act} ({:?} by {:?} at {})", planned.deed, planned.who, self.when(*at))
    }

    /// Says in whose name the key is not enabled, and whether that will do.
    fn is_back(&mut self, key: usize) {
        let (now, kind) = (self.play.now(), self.play.plan.keys[key]);
        if self.play.plan.is_sandbox {
            return;
        }
        let Standing { pending, disabled } = self.truth.standing[key];
        if let Some(act) = pending {
            if !self.truth.is_approved(act, now, now) {
                let act = self.act(act);
                self.breaks(
                    Invariant::EveryKeyIsBack,
                    format!("key {key} ({kind:?}) is pending deletion by {act}, which nothing approves"),
                );
            }
            return;
        }
        let Some(cause) = disabled else { return };
        let will_do = self.truth.is_held(key, now)
            || match cause {
                Cause::Before => true,
                // What was found disabled and never seen before is taken as meant to be so.
                Cause::Act(act) => {
                    let is_approved = self.truth.is_disabling_approved(act, |act| self.truth.was_ever_approved(act));
                    kind == Kind::Unseen || is_approved || self.truth.was_enabled_unheard(act)
                }
                Cause::Cancelled { act, by_us } => {
                    let is_new = kind == Kind::Unseen && !by_us;
                    let is_approved = self.truth.is_disabling_approved(act, |act| self.truth.was_ever_approved(act));
                    is_new || is_approved || self.truth.was_ever_approved(act) || self.truth.was_enabled_unheard(act)
                }
            };
        if !will_do {
            let cause = self.cause(cause);
            self.breaks(Invariant::EveryKeyIsBack, format!("key {key} ({kind:?}) is disabled, because {cause}"));
        }
    }

    fn cause(&self, cause: Cause) -> String {
        match cause {
            Cause::Before => "it was so before".to_owned(),
            Cause::Act(act) => format!("of {}", self.act(act)),
            Cause::Cancelled { act, by_us } => {
                format!("the deletion of {} was cancelled by {}", self.act(act), if by_us { "us" } else { "somebody" })
            }
        }
    }

    /// Says whether what we did undid something that was meant.
    fn is_rightful(&mut self, told: &Told, invocation: usize) {
        let Told { change, before } = told;
        let key = number_of(self.play, &change.key);
        let was_restorative = (change.before.pending.is_some() && change.after.pending.is_none())
            || (!change.before.enabled && change.after.enabled && change.before.pending.is_none());
        if !was_restorative || change.before.tags != change.after.tags {
            let at = self.when(change.at);
            self.breaks(Invariant::NothingIsDestroyed, format!("invocation {invocation} harmed key {key} at {at}: {change:?}"));
            return;
        }
        let began = self.past(invocation).began;
        let is_approved = |act: usize| self.truth.is_approved(act, began, change.at);
        let undone = match (before.pending, before.disabled) {
            (Some(act), _) => is_approved(act).then(|| format!("cancelled the deletion of key {key}, approved in {}", self.act(act))),
            (None, Some(cause)) => {
                let is_meant = match cause {
                    Cause::Before => true,
                    Cause::Act(act) => self.truth.is_disabling_approved(act, is_approved),
                    Cause::Cancelled { .. } => false,
                };
                let is_held = self.truth.is_held(key, began);
                (is_meant || is_held)
                    .then(|| format!("enabled key {key} (held: {is_held}), which was disabled because {}", self.cause(cause)))
            }
            (None, None) => None,
        };
        let is_sandbox = self.play.plan.is_sandbox;
        let undone = undone.or_else(|| is_sandbox.then(|| format!("changed key {key} in a sandbox")));
        let is_known = self.can_be_known(told);
        // Whoever cannot read whether an incident holds a key leaves it disabled.
        let enables_held = before.pending.is_none() && before.disabled.is_some() && self.truth.is_held(key, began);
        if let Some(undone) = undone.filter(|_| enables_held || (is_known && !self.was_blind(&change.key, invocation))) {
            let at = self.when(change.at);
            let about = self.about(invocation);
            self.breaks(Invariant::WhatIsApprovedStands, format!("invocation {invocation} ({about}) {undone}, at {at}"));
        }
    }

    /// Says whether anything can have told whose act it is that was undone. A deletion tells by its date that it is another than the one
    /// that was heard of; what has no date is told by its event, or by the log once that has it.
    fn can_be_known(&self, Told { change, before }: &Told) -> bool {
        let act = match (before.pending, before.disabled) {
            (Some(act), _) if change.before.pending.is_some_and(|pending| pending.date.is_none()) => act,
            (Some(act), _) => return !self.truth.has_twin(act),
            (None, Some(Cause::Act(act))) if !self.truth.is_repeated(act, change.at) => act,
            (None, Some(Cause::Act(_))) => return false,
            _ => return true,
        };
        self.play.done[act].at + millis(self.play.plan.log_lag) + AS_ONE < change.at
    }

    fn about(&self, invocation: usize) -> String {
        match &self.past(invocation).task {
            Task::Sweep { number, .. } => format!("sweep {number}"),
            Task::Batch(messages) => {
                let acts: Vec<String> = messages.iter().map(|index| format!("act {}", self.play.messages[*index].act)).collect();
                format!("told of {}", acts.join(", "))
            }
        }
    }

    /// Says whether something that approvals are read from could not be read, which counts as no approval, and is told.
    fn was_blind(&self, key: &KeyArn, invocation: usize) -> bool {
        self.past(invocation).entries.iter().any(|entry| {
            let is_read = match &entry.call {
                Call::Tags(read) | Call::Recall(read) | Call::LatestCall(read, _) => read == key,
                Call::ChangeCalendar => true,
                _ => false,
            };
            is_read && !entry.was_confirmed()
        })
    }

    /// Says whether an act had its intent before it, and is in the outcome that was written.
    fn is_told(&mut self, change: &KeyChange, invocation: usize) {
        let key = number_of(self.play, &change.key);
        let entries = &self.past(invocation).entries;
        let name = if change.before.pending.is_some() { "cancel_deletion" } else { "enable" };
        let is_it = |entry: &&Entry| entry.call.name() == name && entry.call.acts_on() == Some(&change.key) && entry.took_effect();
        let Some(act) = entries.iter().find(is_it).cloned() else {
            return self.breaks(Invariant::ActsAreTold, format!("invocation {invocation} changed key {key} by no call that was noted"));
        };
        let intents: Vec<String> = entries
            .iter()
            .filter(|entry| entry.was_confirmed() && entry.ended.is_some_and(|ended| ended < act.began))
            .filter_map(|entry| match &entry.call {
                Call::Claim(event) => Some(event.to_string()),
                Call::Append(id) => id.split_once(".intent.").map(|(event, _)| event.to_owned()),
                _ => None,
            })
            .filter(|event| self.is_about(event, &change.key))
            .collect();
        let at = self.when(change.at);
        if intents.is_empty() {
            return self
                .breaks(Invariant::RecordsAreTrue, format!("invocation {invocation} did {name} on key {key} at {at} without an intent"));
        }
        let archive = self.play.world.audit.records();
        let is_intended = intents.iter().any(|event| {
            let claim = self.play.world.ledger.kept_claim(&reprieve_core::EventId::parse(event).unwrap());
            // The intent of a later attempt takes the place of an earlier one's.
            if claim.as_ref().is_some_and(|claim| claim.attempt > 1) {
                return true;
            }
            let of_claim = claim.into_iter().map(|claim| claim.intent.considering);
            let of_records = archive.iter().filter(|record| record.event_id().as_str() == event).map(|record| record.considering.clone());
            of_claim.chain(of_records).any(|considered| considered.steps.iter().any(|step| is_call_of(step, &act.call)))
        });
        if !is_intended {
            self.breaks(Invariant::RecordsAreTrue, format!("no intent of invocation {invocation} holds its {name} on key {key} at {at}"));
        }
        self.is_in_outcome(change, invocation, &act.call);
    }

    fn is_in_outcome(&mut self, change: &KeyChange, invocation: usize, call: &Call) {
        let past = self.past(invocation);
        let lost_an_outcome =
            past.entries.iter().any(|entry| matches!(&entry.call, Call::Append(id) if id.contains(".outcome.")) && !entry.was_confirmed());
        let was_cut_off = past.was_cut_off;
        let witnessed = self.play.witnessed.lock().unwrap().clone();
        let telling = witnessed.iter().filter(|witnessed| {
            let tells = |outcome: &StepOutcome| is_call_of(&outcome.step, call) && was_called(&outcome.result);
            witnessed.invocation == invocation && witnessed.record.phase == Phase::Outcome && witnessed.record.steps.iter().any(tells)
        });
        let (mut is_told, mut is_kept) = (false, false);
        for telling in telling {
            is_told = true;
            is_kept |= telling.is_kept;
        }
        let (key, at) = (number_of(self.play, &change.key), self.when(change.at));
        if is_told && !is_kept {
            let sentence = format!("the outcome that tells of {call:?} by invocation {invocation} at {at} is not what the archive holds");
            self.breaks(Invariant::ActsAreTold, sentence);
        } else if !is_told && !was_cut_off && !lost_an_outcome {
            self.breaks(Invariant::ActsAreTold, format!("no record tells what invocation {invocation} did to key {key} at {at}"));
        }
    }

    fn is_about(&self, event: &str, key: &KeyArn) -> bool {
        match event.strip_prefix("act-").and_then(|number| number.parse::<usize>().ok()) {
            Some(act) => self.play.arns[self.truth.act(act).key] == *key,
            None => event.ends_with(&format!(".{}", key.key_id())),
        }
    }

    fn records_are_true(&mut self) {
        let witnessed = self.play.witnessed.lock().unwrap().clone();
        for written in witnessed.iter().filter(|written| written.record.phase == Phase::Outcome) {
            for outcome in &written.record.steps {
                let (step, invocation) = (&outcome.step, written.invocation);
                if !self.is_true(step, &outcome.result, invocation) {
                    let id = written.record.id();
                    let sentence =
                        format!("record {id} of invocation {invocation} says {:?} of {}, which is not so", outcome.result, step.name());
                    self.breaks(Invariant::RecordsAreTrue, sentence);
                }
            }
        }
    }

    /// Says whether what a record says of a step is so: by the calls that were made, and by the key itself.
    fn is_true(&self, step: &Step, result: &StepResult, invocation: usize) -> bool {
        let (key, is_so): (_, fn(&reprieve_test_support::FakeKey) -> bool) = match step {
            Step::CancelKeyDeletion { key } => (key, |key| key.pending.is_none()),
            Step::EnableKey { key } => (key, |key| key.enabled && key.pending.is_none()),
            Step::EnableKeyRotation { .. } | Step::Monitoring(_) | Step::Azure(_) | Step::Google(_) => return false,
        };
        let Past { began, ended, entries, .. } = self.past(invocation);
        let made = entries.iter().filter(|entry| is_call_of(step, &entry.call));
        let was_so = |from: Timestamp| self.truth.was_so(key, from, *ended, is_so);
        match result {
            StepResult::Done | StepResult::TakesEffectLater => made.clone().any(Entry::was_confirmed) && was_so(*began),
            StepResult::AlreadySo => was_so(*began - millis(self.play.plan.lag.0)),
            StepResult::NotReached | StepResult::NotCarriedOut => made.clone().count() == 0 || self.past(invocation).entries.len() > 1,
            StepResult::FailedForNow { .. } | StepResult::Refused { .. } | StepResult::Unsupported { .. } | StepResult::DoesNotExist => {
                made.clone().any(|entry| !entry.was_confirmed())
            }
        }
    }

    fn calls_are_permitted(&mut self) {
        let mut sentences = Vec::new();
        for (number, past) in self.play.past.iter().enumerate() {
            for entry in past.iter().flat_map(|past| &past.entries) {
                let is_ours = entry.call.acts_on().is_none_or(|key| self.play.arns.contains(key));
                if !PERMITTED.contains(&entry.call.name()) || !is_ours {
                    sentences.push(format!("invocation {number} called {:?}", entry.call));
                }
            }
        }
        for sentence in sentences {
            self.breaks(Invariant::NothingIsDestroyed, sentence);
        }
    }

    fn no_event_is_given_up(&mut self) {
        let mut sentences = Vec::new();
        for message in &self.play.messages {
            let Fate::Dead(invocation) = message.state else { continue };
            let past = self.past(invocation);
            let was_fault = past.was_cut_off || past.entries.iter().any(|entry| !entry.was_confirmed());
            if !was_fault {
                sentences.push(format!(
                    "the event of {} is in the dead-letter queue, and invocation {invocation} met no fault",
                    self.act(message.act)
                ));
            }
        }
        for sentence in sentences {
            self.breaks(Invariant::NoEventIsGivenUp, sentence);
        }
    }
}

fn was_called(result: &StepResult) -> bool {
    !matches!(result, StepResult::NotReached | StepResult::NotCarriedOut)
}

fn is_call_of(step: &Step, call: &Call) -> bool {
    match (step, call) {
        (Step::CancelKeyDeletion { key }, Call::CancelDeletion(called))
        | (Step::EnableKey { key }, Call::Enable(called))
        | (Step::EnableKeyRotation { key, .. }, Call::EnableRotation(called, _)) => key == called,
        _ => false,
    }
}

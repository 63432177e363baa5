//! The sweep: looks at every key, refreshes what is known of it, and decides again on all that is pending, disabled, or without its key
//! material or key store.
//!
//! EventBridge delivers on a best-effort basis, so an event can be lost. What the sweep finds without an event goes through the same
//! loop as an event, and is counted as lost.

mod again;
mod found;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{StreamExt as _, join, stream};
use jiff::{SignedDuration, Timestamp};
use reprieve_core::{
    Case, Event, EventId, KeyArn, KeyDescription, KeyState, Known, Mode, Policy, Recollection, Serving, Status, Target, Threat, lesson,
};
use serde::Serialize;

use self::again::OpenCase;
use self::found::{case_of_store, found_event, is_as_meant, is_own_rescue, taken_means};
use crate::guard::{Delivery, Guard, Handled, Ports};
use crate::observe::{believed, known};
use crate::port::{AuditSink, CallError, Circumstances, Clock, KeyControl, Ledger, Meter, NoticeSink, PolicySource};
use crate::whose::{is_about, is_ahead_of_log, is_near, names_approval};

/// How long an event may still be on its way before it counts as lost.
const IN_FLIGHT: SignedDuration = SignedDuration::from_mins(5);

/// What the keys that were begun before the budget ran out may still take.
const LAST_KEY_TAKES: SignedDuration = SignedDuration::from_mins(1);

/// What a sweep found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SweepReport {
    /// When the sweep began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Keys listed.
    pub keys: usize,
    /// Keys that AWS manages and keeps; not guarded.
    pub aws_managed: usize,
    /// Keys that could not be looked at: their policies exclude the guard.
    pub unreadable: usize,
    /// Keys found pending deletion, disabled, or without their key material or key store, against what they are meant to be.
    pub endangered: usize,
    /// Of those, the keys for which no event had arrived.
    pub lost_events: usize,
    /// Keys given back by this sweep.
    pub given_back: usize,
    /// Keys that an approval still covers, or an incident still holds.
    pub standing: usize,
    /// Keys whose answer is still open; the next sweep takes them up.
    pub open: usize,
    /// Keys left to the next sweep, because the time was used up.
    pub not_reached: usize,
    /// The answers given, in the order of the deadlines.
    #[serde(skip)]
    pub handled: Vec<Handled>,
}

/// What the sweep made of one key.
enum Seen {
    NotReached,
    AwsManaged,
    Unreadable,
    Well,
    /// It was let stand before and still is: nothing new to record.
    Standing,
    /// Its case was recorded and told before, and the mode is `observe`, people alone can help, or it waits for its tags.
    Told,
    /// An earlier sweep gave it back, and could not end that: it could not tell people, or could not write it down, and may not yet.
    Ended(Box<Handled>),
    Endangered {
        lost: bool,
        handled: Box<Handled>,
    },
}

impl<K: KeyControl, L: Ledger, A: AuditSink, N: NoticeSink, C: Clock, M: Meter, H: Circumstances, P: PolicySource>
    Guard<K, L, A, N, C, M, H, P>
{
    /// Sweeps all keys, those with open cases first, the earliest deadline first.
    ///
    /// # Errors
    /// When the keys cannot be listed.
    pub async fn sweep(&self, id: &EventId) -> Result<SweepReport, CallError> {
        let Ports { keys, ledger, clock, meter, .. } = &self.ports;
        let started_at = clock.now();
        let stop_at = started_at.checked_add(self.settings.sweep_budget).unwrap_or(Timestamp::MAX);
        let stopped_at = stop_at.checked_add(LAST_KEY_TAKES).unwrap_or(Timestamp::MAX);
        // Policies that cannot be used are an alarm at every sweep, whether or not there is anything to decide on.
        let (listed, open, policy) = join!(keys.list(), ledger.open_cases(), self.policy());
        let (listed, policy) = (listed?, &policy);
        let open = open.unwrap_or_else(|error| {
            tracing::warn!(%error, "open cases could not be listed; keys are swept in the order in which they are listed");
            Vec::new()
        });
        let mut report = SweepReport::new(started_at, listed.len());
        let seen: Vec<Seen> = stream::iter(in_order(listed, open))
            .map(|key| async move {
                if clock.now() > stop_at { Seen::NotReached } else { self.sweep_key(&key, policy, id, started_at, stopped_at).await }
            })
            .buffered(self.settings.concurrency.max(1))
            .collect()
            .await;
        for seen in seen {
            report.add(seen);
        }
        report.ended_at = clock.now();
        meter.sweep(&report);
        Ok(report)
    }

    async fn sweep_key(&self, key: &KeyArn, policy: &Policy, sweep: &EventId, now: Timestamp, stopped_at: Timestamp) -> Seen {
        let Ports { keys, ledger, .. } = &self.ports;
        let (description, recollection) = join!(keys.describe(key), ledger.recall(key));
        let is_recalled = recollection.is_ok();
        let recollection = recollection.map_or_else(
            |error| {
                tracing::error!(%error, %key, "the ledger could not be read; what it would say about the key is not known");
                Recollection::default()
            },
            |recollection| believed(recollection, now),
        );
        let description = known(description);
        let is_gone = matches!(description, Known::Absent);
        let description = match description {
            Known::Is(description) if description.aws_managed => return Seen::AwsManaged,
            Known::Is(description) => Some(description),
            // An approved deletion was carried out: nothing is left to decide on.
            Known::Absent if recollection.case.as_ref().is_some_and(|case| case.stands) => {
                if let Err(error) = ledger.close_case(key).await {
                    tracing::warn!(%error, %key, "a case that is over could not be closed");
                }
                return Seen::Well;
            }
            Known::Absent | Known::Unreadable(_) => None,
        };
        let threat = match &description {
            Some(description) => self.find_threat(key, description, &recollection).await,
            // A key that cannot be seen and had an open case is decided on again: its deadline still runs.
            None => match &recollection.case {
                Some(case) => Some(case.threat),
                None => return Seen::Unreadable,
            },
        };
        // Whether a deletion is approved cannot be told now; while its deadline is far away, the next sweep can.
        if !is_recalled && threat == Some(Threat::DeletionScheduled) && !is_near(description.as_ref(), now) {
            return Seen::NotReached;
        }
        let Some(threat) = threat else {
            // Where nothing could be recalled, a disabled key would be taken as never seen before, and as meant to be disabled.
            return match &description {
                Some(description) if is_recalled => self.see_well(key, description, &recollection, now, stopped_at).await,
                Some(_) | None => Seen::Well,
            };
        };
        let is_its_case = |case: &&Case| case.threat == threat && is_about(case, description.as_ref(), recollection.inventory.as_ref());
        let mut case = recollection.case.as_ref().filter(is_its_case);
        if let Some(known) = case
            && self.is_succeeded(known, key, description.as_ref(), now).await
        {
            case = None;
        }
        let mut event = found_event(key, threat, description.as_ref(), &recollection, case, sweep, now);
        if case.is_none() {
            let was_asked = self.tell_whose(key, &mut event, threat, recollection.inventory.as_ref(), now).await;
            // Who scheduled it may have an approval, and the log may show it to the next sweep.
            let may_tell_later = !was_asked || is_ahead_of_log(description.as_ref(), now);
            let is_unknown = threat == Threat::DeletionScheduled && !event.actor.is_known() && may_tell_later;
            if is_unknown && !is_near(description.as_ref(), now) && names_approval(&self.look(&event, key, threat).await, threat) {
                tracing::warn!(%key, "who scheduled the deletion is not known yet, and an approval is written down; the next sweep decides on it");
                return Seen::NotReached;
            }
        }
        if let Some(case) = case {
            let open = OpenCase { case, key, threat, description: description.as_ref(), is_gone, now };
            if let Some(seen) = self.see_again(open, &mut event, policy).await {
                return seen;
            }
        }
        let lost = case.is_none() && is_lost(&event, now);
        let handled = self.answer(key, &event, threat, recollection.case.as_ref(), now, stopped_at).await;
        if matches!(handled, Handled::Duplicate) && case.is_some_and(|case| case.event_id == event.id) {
            return Seen::Told;
        }
        Seen::Endangered { lost, handled: Box::new(handled) }
    }

    /// Answers what was found, and notes what the next sweep must know of it.
    async fn answer(
        &self,
        key: &KeyArn,
        event: &Event,
        threat: Threat,
        before: Option<&Case>,
        now: Timestamp,
        stopped_at: Timestamp,
    ) -> Handled {
        // A key without its means can neither be enabled nor disabled: that is its case now, whatever was before. Of a key that only fails
        // to rotate, it is the rotation, unless what was before is a rescue that may still be owed.
        let is_owed = |open: &Case| self.settings.mode == Mode::Enforce && is_own_rescue(open, key);
        let is_over = |open: &Case| {
            let is_rotation_alone = threat == Threat::RotationDisabled && !is_owed(open);
            (threat.takes_means() || is_rotation_alone) && open.threat.gravity() > threat.gravity()
        };
        if before.is_some_and(is_over) {
            warn_unless_noted(key, self.ports.ledger.close_case(key).await);
        }
        let handled = self.handle(event, Delivery { received_at: now, count: 1, stopped_at }).await;
        log_answer(key, &handled);
        warn_unless_noted(key, self.note_answer(key, event, before, &handled, now).await);
        handled
    }

    /// Nobody delivers again what a sweep found. The case of a key that is back stays open until people were told and it was written down;
    /// for all else that could not be told, the case is put back as it was, so that the next sweep finds what this one did. What was told
    /// and could not be written down is not told again for that: its claim is settled.
    async fn note_answer(
        &self,
        key: &KeyArn,
        event: &Event,
        before: Option<&Case>,
        handled: &Handled,
        now: Timestamp,
    ) -> Result<(), CallError> {
        let ledger = &self.ports.ledger;
        match handled {
            Handled::Done { record, .. } if matches!(record.status, Status::Success | Status::DoesNotExist) => ledger.close_case(key).await,
            // The next sweep does not see a key that is gone, and would tell its case again.
            Handled::Retry { record: Some(record), told: true, .. } if record.status == Status::DoesNotExist => {
                ledger.close_case(key).await
            }
            Handled::Retry { record: Some(record), told: false, .. }
                if matches!(record.status, Status::NothingToDo | Status::Observed | Status::Escalated) =>
            {
                if let Some(before) = before {
                    ledger.open_case(key, before).await
                } else {
                    ledger.close_case(key).await
                }
            }
            // The guard opens no case of a key whose whole key store was lost.
            Handled::Done { .. } | Handled::Duplicate | Handled::Retry { record: None, .. } | Handled::Retry { told: true, .. }
                if matches!(event.target, Target::KeyStore(_)) =>
            {
                ledger.open_case(key, &case_of_store(event, now)).await
            }
            Handled::Done { .. } | Handled::Duplicate | Handled::Retry { .. } => Ok(()),
        }
    }

    /// Looks after a key that is as it should be. What an earlier sweep gave back and could not end is ended first: the ledger knows
    /// whether people were told, and tells that it was begun before.
    async fn see_well(
        &self,
        key: &KeyArn,
        description: &KeyDescription,
        recollection: &Recollection,
        now: Timestamp,
        stopped_at: Timestamp,
    ) -> Seen {
        let is_over = is_as_meant(description, recollection.inventory.as_ref());
        let Some(rescue) = recollection.case.as_ref().filter(|case| is_over && is_own_rescue(case, key)) else {
            self.note_well(key, description, recollection, now).await;
            return Seen::Well;
        };
        let found = found_event(key, rescue.threat, Some(description), recollection, Some(rescue), &rescue.event_id, now);
        let event = Event { id: rescue.event_id.clone(), ..found };
        let delivery = Delivery { received_at: rescue.opened_at, count: 1, stopped_at };
        let handled = match self.handle(&event, delivery).await {
            // People were told, so that its claim is settled; that its case is still open says that its outcome may be owed.
            Handled::Duplicate => self.write_down_late(&event, delivery, rescue, &description.state).await,
            handled @ (Handled::Done { .. } | Handled::Retry { .. }) => handled,
        };
        log_answer(key, &handled);
        let is_told = match &handled {
            // Without a claim it could not be known that it was begun before, so nobody was told.
            Handled::Done { record, .. } | Handled::Retry { record: Some(record), told: true, .. } => {
                record.claimed && record.status == Status::NothingToDo
            }
            Handled::Duplicate => true,
            Handled::Retry { .. } => false,
        };
        if !is_told {
            return Seen::Endangered { lost: false, handled: Box::new(handled) };
        }
        if matches!(handled, Handled::Retry { .. }) {
            // The key is well. Its case stays open for what is still to be written down.
            self.learn_well(key, description, recollection, now).await;
        } else {
            self.note_well(key, description, recollection, now).await;
        }
        Seen::Ended(Box::new(handled))
    }

    /// Compares the key with what it is meant to be.
    async fn find_threat(&self, key: &KeyArn, description: &KeyDescription, recollection: &Recollection) -> Option<Threat> {
        if description.deletion_is_pending() {
            return Some(Threat::DeletionScheduled);
        }
        // A deletion that was cancelled and not yet enabled is still the deletion's case, and whoever cancelled it may not have been
        // able to say so. Where nothing is known of the key's past, an open case says that it is not meant to be disabled.
        let case = recollection
            .case
            .as_ref()
            .filter(|case| case.threat.endangers_state() && is_about(case, Some(description), recollection.inventory.as_ref()));
        let is_endangered = match recollection.inventory.as_ref().map(|inventory| inventory.serving) {
            Some(Serving::Enabled) => true,
            Some(Serving::Disabled) => false,
            None => case.is_some(),
        };
        if description.state == KeyState::Disabled && is_endangered {
            return Some(case.map_or(Threat::KeyDisabled, |case| case.threat));
        }
        let rotated = recollection.inventory.as_ref().and_then(|inventory| inventory.rotation).is_some_and(|rotation| rotation.enabled);
        if rotated && description.state == KeyState::Enabled {
            let rotation = self.ports.keys.rotation(key).await.ok()?;
            return (!rotation.enabled).then_some(Threat::RotationDisabled);
        }
        taken_means(description, recollection)
    }

    /// Refreshes what is known of a key that is as it should be, and closes the case that is over.
    async fn note_well(&self, key: &KeyArn, description: &KeyDescription, recollection: &Recollection, now: Timestamp) {
        self.learn_well(key, description, recollection, now).await;
        if is_as_meant(description, recollection.inventory.as_ref())
            && recollection.case.is_some()
            && let Err(error) = self.ports.ledger.close_case(key).await
        {
            tracing::warn!(%error, %key, "a case that is over could not be closed");
        }
    }

    /// Refreshes what is known of a key that is as it should be.
    async fn learn_well(&self, key: &KeyArn, description: &KeyDescription, recollection: &Recollection, now: Timestamp) {
        let Ports { keys, ledger, .. } = &self.ports;
        let serving = recollection.inventory.as_ref().map(|inventory| inventory.serving);
        let rotated = recollection.inventory.as_ref().and_then(|inventory| inventory.rotation).is_some_and(|rotation| rotation.enabled);
        if let Some(lesson) = lesson::from_state(description, serving, now) {
            let rotation = if description.state == KeyState::Enabled && !description.imported_material && description.key_store.is_none() {
                keys.rotation(key).await.ok()
            } else {
                None
            };
            // That it ceased to rotate is never learned by the way: it is answered, by its own event or by the next sweep.
            let rotation = rotation.filter(|rotation| rotation.enabled || !rotated);
            if let Err(error) = ledger.learn(key, lesson, rotation).await {
                tracing::warn!(%error, %key, "the inventory could not be refreshed");
            }
        }
    }
}

impl SweepReport {
    fn new(started_at: Timestamp, keys: usize) -> Self {
        Self {
            started_at,
            ended_at: started_at,
            keys,
            aws_managed: 0,
            unreadable: 0,
            endangered: 0,
            lost_events: 0,
            given_back: 0,
            standing: 0,
            open: 0,
            not_reached: 0,
            handled: Vec::new(),
        }
    }

    fn add(&mut self, seen: Seen) {
        match seen {
            Seen::NotReached => self.not_reached += 1,
            Seen::AwsManaged => self.aws_managed += 1,
            Seen::Unreadable => self.unreadable += 1,
            Seen::Well => {}
            Seen::Standing => self.standing += 1,
            Seen::Told => {
                self.endangered += 1;
                self.open += 1;
            }
            Seen::Ended(handled) => self.handled.push(*handled),
            Seen::Endangered { lost, handled } => {
                self.endangered += 1;
                self.lost_events += usize::from(lost);
                match handled.as_ref() {
                    Handled::Done { record, .. } | Handled::Retry { record: Some(record), .. } if record.status == Status::Success => {
                        self.given_back += 1;
                    }
                    Handled::Done { record, .. } if record.status == Status::NothingToDo => self.standing += 1,
                    Handled::Done { .. } | Handled::Retry { .. } => self.open += 1,
                    Handled::Duplicate => {}
                }
                self.handled.push(*handled);
            }
        }
    }
}

/// Puts the keys with open cases first, the earliest deadline first; keys of open cases that are no longer listed come too.
fn in_order(listed: Vec<KeyArn>, open: Vec<(KeyArn, Case)>) -> Vec<KeyArn> {
    let deadlines: BTreeMap<KeyArn, Timestamp> =
        open.into_iter().map(|(key, case)| (key, case.deadline.unwrap_or(Timestamp::MAX))).collect();
    let mut keys: Vec<KeyArn> = listed;
    for key in deadlines.keys() {
        if !keys.contains(key) {
            keys.push(key.clone());
        }
    }
    keys.sort_by_key(|key| (!deadlines.contains_key(key), deadlines.get(key).copied()));
    keys
}

/// Says whether the event that should have told of this was lost. That of a key store opens no case of its keys, so nobody can tell.
fn is_lost(event: &Event, now: Timestamp) -> bool {
    let is_late = |time: Timestamp| time.checked_add(IN_FLIGHT).is_ok_and(|late| late < now);
    event.target.key().is_some() && event.time.is_none_or(is_late)
}

fn log_answer(key: &KeyArn, handled: &Handled) {
    match handled {
        Handled::Done { complaints, .. } => {
            for complaint in complaints {
                tracing::error!(error = %complaint, %key, "what the sweep answered could not all be written down or told");
            }
        }
        Handled::Retry { reason, told: true, .. } => {
            tracing::error!(%reason, %key, "what the sweep answered was told, and could not all be written down");
        }
        Handled::Retry { reason, .. } => tracing::warn!(%reason, %key, "what the sweep found is still open; the next one takes it up"),
        Handled::Duplicate => {}
    }
}

fn warn_unless_noted(key: &KeyArn, noted: Result<(), CallError>) {
    if let Err(error) = noted {
        tracing::warn!(%error, %key, "what was answered could not be noted for the next sweep");
    }
}

/// The default of [`crate::guard::Settings::sweep_budget`]: of the 15 minutes that a function may run, it leaves enough for the last keys.
pub const DEFAULT_BUDGET: Duration = Duration::from_mins(13);

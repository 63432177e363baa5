//! The sweep: looks at every key, refreshes what is known of it, and decides again on all that is pending or disabled.
//!
//! EventBridge delivers on a best-effort basis, so an event can be lost. What the sweep finds without an event goes through the same
//! loop as an event, and is counted as lost.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{StreamExt as _, join, stream};
use jiff::{SignedDuration, Timestamp};
use reprieve_core::approval::plain;
use reprieve_core::{
    Actor, CallOutcome, Case, Decision, Details, Event, EventForm, EventId, KeyArn, KeyDescription, KeyFacts, KeyState, Known, Mode,
    Policy, Recollection, Serving, Status, Target, Threat, lesson,
};
use serde::Serialize;

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
    /// Keys found pending deletion or disabled against what they are meant to be.
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
    /// The mode is `observe` and its case was recorded and told before.
    Observed,
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
        let description = match known(description) {
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
            if is_recalled {
                self.note_well(key, description.as_ref(), &recollection, now).await;
            }
            return Seen::Well;
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
            if case.stands {
                let facts = self.look(&event, key, threat).await;
                if matches!(self.decide(&event, &facts, policy), Decision::Stand { .. }) {
                    return Seen::Standing;
                }
                // It stood when all could be read. What passes by itself shall not undo a planned deletion that has weeks to go.
                let is_unsure = approval_is_unreadable(&facts) || policy.closed_reason().is_some();
                if is_unsure && threat == Threat::DeletionScheduled && !is_near(description.as_ref(), now) {
                    tracing::error!(%key, "what lets the deletion stand could not be read; the next sweep decides on it");
                    return Seen::NotReached;
                }
            } else if self.settings.mode == Mode::Observe {
                return Seen::Observed;
            }
        }
        let lost = case.is_none() && event.time.is_none_or(|time| time.checked_add(IN_FLIGHT).is_ok_and(|late| late < now));
        let handled = self.handle(&event, Delivery { received_at: now, count: 1, stopped_at }).await;
        if let Handled::Done { complaints, .. } = &handled {
            for complaint in complaints {
                tracing::error!(error = %complaint, %key, "what the sweep answered could not all be written down or told");
            }
        }
        Seen::Endangered { lost, handled: Box::new(handled) }
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
        None
    }

    /// Refreshes what is known of a key that is as it should be.
    async fn note_well(&self, key: &KeyArn, description: Option<&KeyDescription>, recollection: &Recollection, now: Timestamp) {
        let Ports { keys, ledger, .. } = &self.ports;
        let Some(description) = description else {
            return;
        };
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
        let is_over =
            description.state == KeyState::Enabled || (description.state == KeyState::Disabled && serving == Some(Serving::Disabled));
        if is_over
            && recollection.case.is_some()
            && let Err(error) = ledger.close_case(key).await
        {
            tracing::warn!(%error, %key, "a case that is over could not be closed");
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
            Seen::Observed => {
                self.endangered += 1;
                self.open += 1;
            }
            Seen::Endangered { lost, handled } => {
                self.endangered += 1;
                self.lost_events += usize::from(lost);
                match handled.as_ref() {
                    Handled::Done { record, .. }
                        if !record.steps.is_empty() && record.steps.iter().all(|step| step.result.is_success()) =>
                    {
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

/// Makes the event that a finding stands for. Where a case is open, who and when are the case's.
fn found_event(
    key: &KeyArn,
    threat: Threat,
    description: Option<&KeyDescription>,
    recollection: &Recollection,
    case: Option<&Case>,
    sweep: &EventId,
    now: Timestamp,
) -> Event {
    let name = match threat {
        Threat::KeyDisabled => "DisableKey",
        Threat::RotationDisabled => "DisableKeyRotation",
        Threat::PolicyReplaced => "PutKeyPolicy",
        Threat::MaterialDeleted => "DeleteImportedKeyMaterial",
        Threat::MaterialExpired => "DeleteExpiredKeyMaterial",
        Threat::MaterialExpires => "ImportKeyMaterial",
        Threat::GrantRemoved => "RevokeGrant",
        Threat::TagsChanged => "UntagResource",
        Threat::AliasChanged => "UpdateAlias",
        Threat::KeyStoreDisconnected => "DisconnectCustomKeyStore",
        Threat::KeyStoreDeleted => "DeleteCustomKeyStore",
        Threat::KeyDeleted => "DeleteKey",
        Threat::RegionDisabled => "DisableRegion",
        Threat::DeletionScheduled => "ScheduleKeyDeletion",
    };
    let deletion_date = description.and_then(|description| description.deletion_date);
    let last_well = recollection.inventory.as_ref().map(|inventory| inventory.as_of);
    let inferred = || scheduling_time(deletion_date?, last_well, now);
    // Keys of two Regions can share an id.
    let id = format!("{sweep}.{}.{}", key.region(), key.key_id());
    Event {
        id: EventId::parse(&id).unwrap_or_else(|_| sweep.clone()),
        form: EventForm::Sweep,
        source: "kms.amazonaws.com".to_owned(),
        name: name.to_owned(),
        time: case.and_then(|case| case.event_time).or_else(inferred),
        account: Some(key.account()),
        region: Some(key.region()),
        actor: case.map_or_else(Actor::unknown, |case| case.actor.clone()),
        target: Target::Key(key.clone()),
        outcome: CallOutcome::Succeeded,
        details: Details { deletion_date, ..Details::default() },
        oddities: Vec::new(),
    }
}

/// Says whether something that approvals or policies stand on could not be read.
fn approval_is_unreadable(facts: &KeyFacts) -> bool {
    let KeyFacts { tags, recollection, tagging, calendar, description: _, rotation: _ } = facts;
    let is_plain = tags.value().is_some_and(plain::is_plain);
    let unread = [tags.unreadable_reason(), recollection.unreadable_reason(), calendar.unreadable_reason()];
    unread.iter().any(Option::is_some) || (is_plain && tagging.unreadable_reason().is_some())
}

/// Infers when a deletion was scheduled: KMS waits a whole number of days, 7 to 30, so only a few moments fit, and of those only one
/// may lie between the last time that the key was seen well and now. `None` where that leaves a doubt.
fn scheduling_time(deletion_date: Timestamp, last_well: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    let candidates = (7..=30).filter_map(|days| deletion_date.checked_sub(SignedDuration::from_hours(days * 24)).ok());
    let mut fitting = candidates.filter(|time| *time <= now && last_well.is_some_and(|well| *time >= well));
    match (fitting.next(), fitting.next()) {
        (Some(time), None) => Some(time),
        (Some(_), Some(_)) | (None, _) => None,
    }
}

/// The default of [`crate::guard::Settings::sweep_budget`]: of the 15 minutes that a function may run, it leaves enough for the last keys.
pub const DEFAULT_BUDGET: Duration = Duration::from_mins(13);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_scheduling_time_is_inferred_only_without_doubt() {
        let now = at("2026-12-01T12:00:00Z");
        let deletion = at("2026-12-08T11:30:00Z");
        for (last_well, expected) in [
            (Some("2026-12-01T11:00:00Z"), Some("2026-12-01T11:30:00Z")),
            (Some("2026-11-30T12:00:00Z"), Some("2026-12-01T11:30:00Z")),
            (Some("2026-11-29T11:00:00Z"), None),
            (None, None),
        ] {
            assert_eq!(scheduling_time(deletion, last_well.map(at), now), expected.map(at), "{last_well:?}");
        }
        // With a longer waiting period, more than one day fits.
        let far = at("2026-12-20T11:30:00Z");
        assert_eq!(scheduling_time(far, Some(at("2026-11-25T00:00:00Z")), now), None);
        assert_eq!(scheduling_time(far, Some(at("2026-12-01T11:00:00Z")), now), Some(at("2026-12-01T11:30:00Z")));
    }
}

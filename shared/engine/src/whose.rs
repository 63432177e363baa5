//! Whose act is it? Events are lost, and come late: what is found now may be another act's than the one that we know of. The provider's
//! own log says whose, and the act that it names is the one that is decided on.
//!
//! *Architecture invariant:* a key is only ever left as it is here where an approval for it is written down, valid or not, and then only
//! until its own event, the log or the next sweep tells more: whoever forges one gains minutes, and never the last days.

use jiff::{SignedDuration, Timestamp};
use reprieve_core::approval::ACTION_TAG;
use reprieve_core::facts::Rotation;
use reprieve_core::{
    Case, Decision, Event, EventForm, Inventory, KeyArn, KeyDescription, KeyFacts, KeyState, Known, Policy, Serving, Severity, Target,
    Threat, Why, lesson,
};

use crate::act::answered_by;
use crate::guard::{Guard, Ports};
use crate::observe::FRESH;
use crate::port::{AuditSink, Circumstances, Clock, KeyControl, Ledger, Meter, NoticeSink, PastCall, PolicySource};

/// How long it may take to look up who did what no event announced.
const LOG_WAIT: SignedDuration = SignedDuration::from_secs(20);

/// How late the provider's log may be: `CloudTrail` says 15 minutes, usually 5.
const LOG_IS_LATE: SignedDuration = SignedDuration::from_mins(20);

/// How far two times of one deletion may lie apart.
const SAME_TIME: SignedDuration = SignedDuration::from_mins(1);

/// How old the call may be by which a key store's keys are found to be unavailable, where no key tells since when: the sweeps of the
/// hours after it have found them.
const STORE_FOUND_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// A deletion that nobody can judge, because something cannot be read, is left to the next sweep, but not in its last days.
const POSTPONED_UNTIL: SignedDuration = SignedDuration::from_hours(3 * 24);

/// What stands in spite of an event that would have it undone.
#[derive(Debug)]
pub(crate) struct Overtaken {
    /// Why it stands.
    pub(crate) decision: Decision,
    /// The later act, and what it does; `None` where the log does not show it yet.
    pub(crate) later: Option<(Event, Threat)>,
}

impl<K: KeyControl, L: Ledger, A: AuditSink, N: NoticeSink, C: Clock, M: Meter, H: Circumstances, P: PolicySource>
    Guard<K, L, A, N, C, M, H, P>
{
    /// Says what takes the event's place, where the key's state is a later act's by now and that is let stand, or cannot be judged yet.
    /// What the log does not answer until then is not known.
    pub(crate) async fn overtaken(
        &self,
        event: &Event,
        key: &KeyArn,
        facts: &KeyFacts,
        decision: &Decision,
        policy: &Policy,
        until: Timestamp,
    ) -> Option<Overtaken> {
        let description = facts.description.value()?;
        let (threat, call) = if description.deletion_is_pending() {
            (Threat::DeletionScheduled, PastCall::DeletionScheduling)
        } else if description.state == KeyState::Disabled {
            (Threat::KeyDisabled, PastCall::Disabling)
        } else {
            return None;
        };
        let now = self.ports.clock.now();
        let is_announced = event.form != EventForm::Sweep && threat == Threat::DeletionScheduled;
        let is_same = is_announced.then(|| is_same_time(event.details.deletion_date, description.deletion_date)).flatten();
        let is_late = event.time.is_none_or(|time| now.duration_since(time) >= FRESH);
        if let Decision::Stand { why } = decision {
            // What covers this deletion covers no other. Where the key tells no date to tell them apart by, the log does.
            let is_covered = why.permitted && is_announced && Threat::of(event) == Some(Threat::DeletionScheduled);
            let is_another = match is_same {
                Some(is_same) => !is_same,
                None if is_covered && is_late => {
                    self.logged(call, key, now, until).await.ok().flatten().is_some_and(|later| later.time > event.time)
                }
                None => false,
            };
            return (is_covered && is_another).then(|| Overtaken { decision: left_to_its_own(event, key), later: None });
        }
        if is_same == Some(true) || (is_same.is_none() && !is_late) || !names_approval(facts, threat) {
            return None;
        }
        if let Some(later) = self.logged(call, key, now, until).await.ok().flatten()
            && later.time > event.time
            && facts.inventory().is_none_or(|inventory| is_after_well(&later, inventory))
            && is_same_time(later.details.deletion_date, description.deletion_date) != Some(false)
        {
            let facts = self.look_before(until, &later, key, threat).await;
            let decision = self.decide(&later, &facts, policy);
            return matches!(decision, Decision::Stand { .. }).then_some(Overtaken { decision, later: Some((later, threat)) });
        }
        // The key says that this is another deletion; its own event, or the next sweep, decides on it.
        let is_unknown = is_same == Some(false) && !is_near(Some(description), now);
        is_unknown.then(|| Overtaken { decision: left_to_its_own(event, key), later: None })
    }

    /// Fills in that the key is meant to be disabled, where somebody was allowed to disable it and no event said so: then a deletion is
    /// cancelled, and the key not enabled.
    pub(crate) async fn recall_disabling(&self, event: &Event, key: &KeyArn, facts: &mut KeyFacts, policy: &Policy, until: Timestamp) {
        let known = facts.inventory().cloned();
        let is_meant_to_serve = known.as_ref().is_none_or(|inventory| inventory.serving == Serving::Enabled);
        if Threat::of(event) != Some(Threat::DeletionScheduled) || !is_meant_to_serve || !names_approval(facts, Threat::KeyDisabled) {
            return;
        }
        let Ok(Some(call)) = self.logged(PastCall::Disabling, key, self.ports.clock.now(), until).await else { return };
        let Some(as_of) = call.time.filter(|_| known.as_ref().is_none_or(|known| is_after_well(&call, known))) else {
            return;
        };
        let of_call = self.look_before(until, &call, key, Threat::KeyDisabled).await;
        let (decision, remediator) = (self.decide(&call, &of_call, policy), self.settings.domain.remediator.as_ref());
        let lesson = lesson::from_event(&call, &decision, remediator, self.ports.clock.now());
        if let (Some(lesson), Known::Is(recollection)) = (lesson, &mut facts.recollection) {
            let rotation = known.and_then(|known| known.rotation);
            recollection.inventory = Some(Inventory { serving: lesson.serving, as_of, rotation });
            if let Err(error) = self.ports.ledger.learn(key, lesson, rotation).await {
                tracing::warn!(%error, %key, "that the key is meant to be disabled could not be noted");
            }
        }
    }

    /// Fills in that the key rotated before, where no sweep has seen it and the provider's log shows it: that an event says so proves
    /// nothing, whoever can write events can say it of a key that never rotated.
    pub(crate) async fn recall_rotation(&self, event: &Event, key: &KeyArn, facts: &mut KeyFacts, until: Timestamp) {
        let (Some(time), Known::Is(recollection)) = (event.time, &mut facts.recollection) else { return };
        let is_known = recollection.inventory.as_ref().and_then(|known| known.rotation).is_some_and(|rotation| rotation.enabled);
        let rotates = facts.rotation.value().is_some_and(|rotation| rotation.enabled);
        if Threat::of(event) != Some(Threat::RotationDisabled) || is_known || rotates {
            return;
        }
        let Ok(Some(enabling)) = self.logged(PastCall::RotationEnabling, key, time, until).await else { return };
        let Ok(disabling) = self.logged(PastCall::RotationDisabling, key, time, until).await else { return };
        let Some(as_of) = enabling.time.filter(|enabled| disabling.and_then(|call| call.time).is_none_or(|disabled| disabled < *enabled))
        else {
            return;
        };
        let rotation = Some(Rotation { enabled: true, period_days: enabling.details.rotation_period_days });
        let known = recollection.inventory.take().unwrap_or(Inventory { serving: Serving::Enabled, as_of, rotation: None });
        recollection.inventory = Some(Inventory { rotation, ..known });
    }

    /// Fills in who brought the key into the state that no event announced, and when. Returns whether the log could be asked.
    pub(crate) async fn tell_whose(
        &self,
        key: &KeyArn,
        event: &mut Event,
        threat: Threat,
        well: Option<&Inventory>,
        now: Timestamp,
    ) -> bool {
        let call = if threat == Threat::DeletionScheduled {
            PastCall::DeletionScheduling
        } else if threat == Threat::KeyDisabled {
            PastCall::Disabling
        } else if threat == Threat::RotationDisabled {
            PastCall::RotationDisabling
        } else if threat == Threat::MaterialDeleted {
            PastCall::MaterialDeleting
        } else if threat == Threat::KeyStoreDisconnected {
            PastCall::StoreDisconnecting
        } else {
            return true;
        };
        let Ok(found) = self.logged(call, key, now, Timestamp::MAX).await else { return false };
        // The log is minutes late: what it holds may be an earlier act, undone since, that somebody else did.
        let is_since_well = |call: &Event| well.is_some_and(|well| is_after_well(call, well));
        // A key that is meant to be disabled was last known long ago: what took its means may have been given back since.
        let is_of_late = !threat.takes_means() || well.is_some_and(|well| well.serving == Serving::Enabled);
        // Only a date that the provider gave tells deletions apart: a primary's waiting period begins when its last replica is gone.
        let is_same = |call: &Event| is_same_time(call.details.deletion_date, event.details.deletion_date);
        let is_it = |call: &Event| call.target == event.target && is_of_late && is_same(call).unwrap_or_else(|| is_since_well(call));
        // The call of a key store may have been told by its own event, and that opens no case: by the same id it is told once. A key that
        // is meant to be disabled cannot say that the call is the latest, and must not tell it beside those that can.
        if let Some(call) = found.as_ref().filter(|call| matches!(event.target, Target::KeyStore(_)) && call.target == event.target) {
            let is_recent = call.time.is_some_and(|time| now.duration_since(time) < STORE_FOUND_WITHIN);
            if is_it(call) || (!is_of_late && is_recent) {
                event.id = call.id.clone();
            }
        }
        if let Some(call) = found.filter(is_it) {
            event.time = call.time.or(event.time);
            event.actor = call.actor;
            event.details.waiting_period_days = call.details.waiting_period_days;
        } else {
            tracing::debug!(%key, "the log does not say whose act it is");
        }
        true
    }

    /// Says whether a deletion is another than the one that the case let stand, where no two dates tell: the log knows a later call.
    pub(crate) async fn is_succeeded(&self, case: &Case, key: &KeyArn, description: Option<&KeyDescription>, now: Timestamp) -> bool {
        let is_undated = |known: &KeyDescription| case.deadline.zip(known.deletion_date).is_none();
        let is_unclear = description.is_some_and(|known| known.deletion_is_pending() && is_undated(known));
        if !case.stands || case.threat != Threat::DeletionScheduled || !is_unclear {
            return false;
        }
        let later = self.logged(PastCall::DeletionScheduling, key, now, Timestamp::MAX).await.ok().flatten();
        later.and_then(|call| call.time).zip(case.event_time).is_some_and(|(later, known)| later > known)
    }

    /// Looks up the latest such call before a time. Waits no longer than until then.
    async fn logged(&self, call: PastCall, key: &KeyArn, before: Timestamp, until: Timestamp) -> Result<Option<Event>, ()> {
        let Ports { circumstances, clock, .. } = &self.ports;
        let patient_until = clock.now().checked_add(LOG_WAIT).unwrap_or(Timestamp::MAX);
        let asked = circumstances.latest_call(call, key, before);
        match answered_by(until.min(patient_until), clock, asked).await {
            Some(Ok(found)) => Ok(found),
            Some(Err(error)) => {
                tracing::warn!(%error, %key, call = call.event_name(), "who did it could not be looked up");
                Err(())
            }
            None => {
                tracing::warn!(%key, call = call.event_name(), "who did it could not be looked up in time");
                Err(())
            }
        }
    }
}

/// Says whether a call may have come after the key was last known to be as it should. The log tells whole seconds. Of a deletion, it may
/// also be our clock that was ahead: what is pending was scheduled, and nothing else can have brought it about, whereas a key is also
/// left disabled by who cancels its deletion.
fn is_after_well(call: &Event, well: &Inventory) -> bool {
    let slack = if call.name == PastCall::DeletionScheduling.event_name() { lesson::CLOCKS_DIFFER_BY } else { lesson::WHOLE_SECOND };
    // That a key was meant to be disabled says nothing of its rotation.
    let is_meant = well.serving == Serving::Disabled && call.name != PastCall::RotationDisabling.event_name();
    is_meant || call.time.is_some_and(|time| time.duration_since(well.as_of) > -slack)
}

/// Says that a deletion is not the event's.
fn left_to_its_own(event: &Event, key: &KeyArn) -> Decision {
    let sentence = format!(
        "`{key}` was scheduled for deletion by {}, was given back, and is pending deletion anew, which may be approved and is answered on \
         its own.",
        event.actor.display_name()
    );
    Decision::Stand { why: Why::new(Severity::Informational, sentence) }
}

/// Says whether an approval of this act is written down, whatever it is worth. What cannot be read names none.
pub(crate) fn names_approval(facts: &KeyFacts, threat: Threat) -> bool {
    let action = threat.action();
    let in_tags = facts.tags.value().and_then(|tags| tags.get(ACTION_TAG)).is_some_and(|named| named == action);
    let in_ledger = facts.recollection.value().is_some_and(|known| known.approvals.iter().any(|approval| approval.action == action));
    in_tags || in_ledger
}

/// Says whether the case is still about what is found: not about an earlier deletion, an earlier disablement that was let stand, or
/// anything from before the key was last seen to serve.
pub(crate) fn is_about(case: &Case, description: Option<&KeyDescription>, inventory: Option<&Inventory>) -> bool {
    let seen_well = inventory.filter(|inventory| inventory.serving == Serving::Enabled).map(|inventory| inventory.as_of);
    let was_well_since = seen_well.zip(case.event_time).is_some_and(|(well, time)| well > time);
    let pending = description.and_then(|description| description.deletion_date);
    let is_other = case.threat == Threat::DeletionScheduled && is_same_time(case.deadline, pending) == Some(false);
    let is_over = case.stands && was_well_since && case.threat.endangers_state();
    // What cannot be seen may be as it was when the case was opened.
    let is_left = description.is_some() && is_left_over(case, inventory);
    !is_other && !is_over && !is_left
}

/// Says whether the key was seen to serve after the case was opened: it is kept for what is still to be told or written down, and what
/// happens to the key from then on is another act. The case was opened by our own clock; the key was seen by it too, or serves since the
/// time of a call that made it serve, which is never more than a minute ahead of ours.
pub(crate) fn is_left_over(case: &Case, inventory: Option<&Inventory>) -> bool {
    let is_well_since = |known: &Inventory| known.serving == Serving::Enabled && known.as_of > case.opened_at;
    case.threat.endangers_state() && inventory.is_some_and(is_well_since)
}

/// Says whether the deletion may have been scheduled so lately that the log does not show it yet: KMS waits a whole number of days.
pub(crate) fn is_ahead_of_log(description: Option<&KeyDescription>, now: Timestamp) -> bool {
    let Some(date) = description.and_then(|description| description.deletion_date) else { return false };
    (7..=30).filter_map(|days| date.checked_sub(SignedDuration::from_hours(days * 24)).ok()).any(|scheduled| {
        let age = now.duration_since(scheduled);
        -SAME_TIME < age && age < LOG_IS_LATE
    })
}

/// Says whether the key may be lost before many more sweeps have looked at it. A primary that waits for its replicas has no date yet.
pub(crate) fn is_near(description: Option<&KeyDescription>, now: Timestamp) -> bool {
    let waits = description.is_some_and(|description| description.state == KeyState::PendingReplicaDeletion);
    let deletion_date = description.and_then(|description| description.deletion_date);
    !waits && deletion_date.is_none_or(|date| date.duration_since(now) < POSTPONED_UNTIL)
}

/// Says whether two deadlines are one deletion's; `None` where one is not known.
fn is_same_time(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<bool> {
    let (one, other) = one.zip(other)?;
    Some(one.duration_since(other).abs() <= SAME_TIME)
}

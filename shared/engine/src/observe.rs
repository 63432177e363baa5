//! Observe: looks at a key from every side at the same time. What cannot be read is said to be unreadable, and why.

use futures_util::join;
use jiff::{SignedDuration, Timestamp};
use reprieve_core::approval::plain;
use reprieve_core::facts::Recollection;
use reprieve_core::{Case, Decision, Event, EventForm, KeyArn, KeyFacts, KeyState, Known, Threat, lesson};

use crate::act::answered_by;
use crate::guard::{Guard, Ports};
use crate::port::{AuditSink, CallError, Circumstances, Clock, Disposition, KeyControl, Ledger, Meter, NoticeSink, PastCall, PolicySource};

/// How long it may take to look up who set plain tags. A later answer is no approval: meanwhile a disabled key is out of service.
const SETTER_WAIT: SignedDuration = SignedDuration::from_secs(6);

/// No invocation lasts longer than a Lambda function may run.
const LONGEST_LOOK: SignedDuration = SignedDuration::from_mins(15);

/// Why what was not answered before the time to act counts as unreadable.
pub(crate) const NOT_ENOUGH_TIME: &str = "there was not enough time left in this invocation";

/// What a look at a key found.
#[derive(Debug)]
pub(crate) struct Sight {
    /// What was observed.
    pub(crate) facts: KeyFacts,
    /// The tags were refused to us: reading them again soon gives the same answer.
    pub(crate) tags_are_refused: bool,
}

impl<K: KeyControl, L: Ledger, A: AuditSink, N: NoticeSink, C: Clock, M: Meter, H: Circumstances, P: PolicySource>
    Guard<K, L, A, N, C, M, H, P>
{
    /// Looks at the key where nothing waits to be acted on in this invocation.
    pub(crate) async fn look(&self, event: &Event, key: &KeyArn, threat: Threat) -> KeyFacts {
        self.see(event, key, threat).await.facts
    }

    /// Looks at the key where nothing waits to be acted on in this invocation, and says whether its tags were refused.
    pub(crate) async fn see(&self, event: &Event, key: &KeyArn, threat: Threat) -> Sight {
        let until = self.ports.clock.now().checked_add(LONGEST_LOOK).unwrap_or(Timestamp::MAX);
        self.see_before(until, event, key, threat).await
    }

    /// Looks at the key for as long as there is time.
    pub(crate) async fn look_before(&self, until: Timestamp, event: &Event, key: &KeyArn, threat: Threat) -> KeyFacts {
        self.see_before(until, event, key, threat).await.facts
    }

    /// Looks at the key, its tags, what the ledger knows of it, the change calendar and, where rotation is what was attacked, its
    /// rotation: in one round trip. Only where its tags approve the act without a seal, who set them is looked up next. What is not
    /// answered until then is unreadable.
    pub(crate) async fn see_before(&self, until: Timestamp, event: &Event, key: &KeyArn, threat: Threat) -> Sight {
        let (keys, ledger, clock) = (&self.ports.keys, &self.ports.ledger, &self.ports.clock);
        let rotation = async {
            if threat != Threat::RotationDisabled {
                return not_looked_up();
            }
            known(in_time(until, clock, "kms:GetKeyRotationStatus", keys.rotation(key)).await)
        };
        let calendar = async {
            let Some(time) = event.time else { return Known::Unreadable("the event does not say when it happened".to_owned()) };
            known_or_absent(in_time(until, clock, "ssm:GetCalendarState", self.ports.circumstances.change_calendar(time)).await)
        };
        let (description, tags, recollection, rotation, calendar) = join!(
            in_time(until, clock, "kms:DescribeKey", keys.describe(key)),
            in_time(until, clock, "kms:ListResourceTags", keys.tags(key)),
            in_time(until, clock, "ledger:Recall", ledger.recall(key)),
            rotation,
            calendar
        );
        let now = clock.now();
        let tags_are_refused = tags.as_ref().is_err_and(|error| error.disposition() == Disposition::Permanent);
        let recollection = recollection.map(|recollection| believed(recollection, now));
        let mut facts = KeyFacts {
            description: known(description),
            tags: known(tags),
            rotation,
            recollection: known(recollection),
            tagging: not_looked_up(),
            calendar,
        };
        let is_plain = facts.tags.value().is_some_and(|tags| plain::needs_setter(tags, threat.action(), &self.settings.rules));
        if is_plain && let Some(time) = event.time {
            facts.tagging = self.who_set_tags(key, time, until).await;
        }
        Sight { facts, tags_are_refused }
    }

    /// CloudTrail's times are whole seconds: whoever tags and acts within one is looked up as well, and found to have come too late.
    async fn who_set_tags(&self, key: &KeyArn, event_time: Timestamp, until: Timestamp) -> Known<Event> {
        let Ports { circumstances, clock, .. } = &self.ports;
        let before = event_time.checked_add(SignedDuration::from_secs(1)).unwrap_or(Timestamp::MAX);
        let patient_until = clock.now().checked_add(SETTER_WAIT).unwrap_or(Timestamp::MAX);
        let asked = circumstances.latest_call(PastCall::ApprovalTagging, key, before);
        match answered_by(until.min(patient_until), clock, asked).await {
            Some(answer) => known_or_absent(answer),
            None if until < patient_until => Known::Unreadable(NOT_ENOUGH_TIME.to_owned()),
            None => Known::Unreadable(format!("no answer within {} s", SETTER_WAIT.as_secs())),
        }
    }
}

/// Says that a key which needs nothing may owe it to an attempt of ours that was killed before it could record and tell what it did.
pub(crate) fn unfinished(attempt: u32, threat: Threat, facts: &KeyFacts) -> Option<String> {
    let is_enabled = facts.description.value().is_some_and(|description| description.state == KeyState::Enabled);
    let is_kept = facts.description.value().is_some_and(|description| !description.deletion_is_pending());
    let rotates = facts.rotation.value().is_some_and(|rotation| rotation.enabled);
    let how = if threat.endangers_state() && is_enabled && facts.incident_hold().is_none() {
        "is enabled"
    } else if threat == Threat::DeletionScheduled && is_kept {
        "is not pending deletion any more"
    } else if threat == Threat::RotationDisabled && rotates {
        "rotates"
    } else {
        return None;
    };
    (attempt > 1).then(|| {
        format!(
            "an earlier attempt of ours to answer this did not come to its end, and the key {how}: by that attempt or by somebody else, \
             as the provider's log tells"
        )
    })
}

/// Says whether enabling the key was left out of what is done about it, because its tags, which may hold it for an incident, could not be
/// read. Then it is owed.
pub(crate) fn is_withheld(decision: &Decision, threat: Threat, facts: &KeyFacts) -> bool {
    !matches!(decision, Decision::Stand { .. }) && threat.endangers_state() && facts.unread_hold().is_some()
}

/// Says whether all that is left to do for the key waits for its tags.
pub(crate) fn waits_for_tags(decision: &Decision, threat: Threat, facts: &KeyFacts) -> bool {
    matches!(decision, Decision::Escalate { .. }) && is_withheld(decision, threat, facts)
}

/// Says whether we cancelled the deletion in answer to this very act. A sweep that took up its case gave that an id of its own.
pub(crate) fn was_cancelled_for(event: &Event, threat: Threat, facts: &KeyFacts) -> bool {
    let is_its_case = |case: &Case| match event.time {
        Some(_) => case.threat == threat && case.event_time == event.time,
        None => case.event_id == event.id,
    };
    facts.case().is_some_and(|case| case.cancelled_at.is_some() && is_its_case(case))
}

/// Takes from a memory what cannot be believed of it.
pub(crate) fn believed(recollection: Recollection, now: Timestamp) -> Recollection {
    Recollection { inventory: recollection.inventory.map(|known| lesson::believed(known, now)), ..recollection }
}

/// Waits for an answer until then; a later one is none.
pub(crate) async fn in_time<T>(
    until: Timestamp,
    clock: &impl Clock,
    call: &'static str,
    answer: impl Future<Output = Result<T, CallError>> + Send,
) -> Result<T, CallError> {
    let late = || Err(CallError::Unavailable { call, message: NOT_ENOUGH_TIME.to_owned() });
    answered_by(until, clock, answer).await.unwrap_or_else(late)
}

fn not_looked_up<T>() -> Known<T> {
    Known::Unreadable("not looked up".to_owned())
}

/// Turns an answer that may be none into a fact.
fn known_or_absent<T>(answer: Result<Option<T>, CallError>) -> Known<T> {
    match answer {
        Ok(Some(value)) => Known::Is(value),
        Ok(None) => Known::Absent,
        Err(error) => Known::Unreadable(error.to_string()),
    }
}

/// Turns an answer into a fact.
pub fn known<T>(answer: Result<T, CallError>) -> Known<T> {
    match answer {
        Ok(value) => Known::Is(value),
        Err(CallError::NotFound { .. }) => Known::Absent,
        Err(
            error @ (CallError::InvalidState { .. }
            | CallError::Unsupported { .. }
            | CallError::AccessDenied { .. }
            | CallError::Throttled { .. }
            | CallError::Unavailable { .. }
            | CallError::Rejected { .. }),
        ) => Known::Unreadable(error.to_string()),
    }
}

/// An event younger than this can be ahead of what KMS, which is eventually consistent, says of the key.
pub(crate) const FRESH: SignedDuration = SignedDuration::from_mins(1);

/// Says whether a look may be older than the event: the event is fresh, the key looks as if it had not happened, and nothing known
/// to us undid it. An open case of something else, such as a tag, or of an earlier act, undid nothing.
#[must_use]
pub fn may_be_stale(event: &Event, threat: Threat, facts: &KeyFacts, now: Timestamp) -> bool {
    let is_fresh = event.form != EventForm::Sweep && event.time.is_some_and(|time| now.duration_since(time) < FRESH);
    let looks_untouched =
        facts.description.value().is_some_and(|description| description.state == KeyState::Enabled && !description.deletion_is_pending());
    let is_since = |case: &Case| event.time.is_none_or(|time| case.opened_at >= time);
    let is_ours = facts.case().is_some_and(|case| case.threat.endangers_state() && is_since(case));
    is_fresh && threat.endangers_state() && looks_untouched && !is_ours
}

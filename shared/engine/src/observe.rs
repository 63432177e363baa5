//! Observe: looks at a key from every side at the same time. What cannot be read is said to be unreadable, and why.

use std::time::Duration;

use futures_util::join;
use jiff::{SignedDuration, Timestamp};
use reprieve_core::approval::plain;
use reprieve_core::facts::Recollection;
use reprieve_core::{Event, EventForm, KeyArn, KeyFacts, KeyState, Known, Threat, lesson};

use crate::guard::Guard;
use crate::port::{AuditSink, CallError, Circumstances, Clock, KeyControl, Ledger, Meter, NoticeSink, PastCall, PolicySource};

/// How long it may take to look up who set plain tags. A later answer is no approval: meanwhile a disabled key is out of service.
const SETTER_WAIT: Duration = Duration::from_secs(6);

impl<K: KeyControl, L: Ledger, A: AuditSink, N: NoticeSink, C: Clock, M: Meter, H: Circumstances, P: PolicySource>
    Guard<K, L, A, N, C, M, H, P>
{
    /// Looks at the key, its tags, what the ledger knows of it, the change calendar and, where rotation is what was attacked, its
    /// rotation: in one round trip. Only where its tags approve the act without a seal, who set them is looked up next.
    pub(crate) async fn look(&self, event: &Event, key: &KeyArn, threat: Threat) -> KeyFacts {
        let (keys, ledger) = (&self.ports.keys, &self.ports.ledger);
        let rotation = async { if threat == Threat::RotationDisabled { known(keys.rotation(key).await) } else { not_looked_up() } };
        let calendar = async {
            let Some(time) = event.time else { return Known::Unreadable("the event does not say when it happened".to_owned()) };
            known_or_absent(self.ports.circumstances.change_calendar(time).await)
        };
        let (description, tags, recollection, rotation, calendar) =
            join!(keys.describe(key), keys.tags(key), ledger.recall(key), rotation, calendar);
        let now = self.ports.clock.now();
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
            facts.tagging = self.who_set_tags(key, time).await;
        }
        facts
    }

    /// CloudTrail's times are whole seconds: whoever tags and acts within one is looked up as well, and found to have come too late.
    async fn who_set_tags(&self, key: &KeyArn, event_time: Timestamp) -> Known<Event> {
        let until = event_time.checked_add(SignedDuration::from_secs(1)).unwrap_or(Timestamp::MAX);
        let asked = self.ports.circumstances.latest_call(PastCall::ApprovalTagging, key, until);
        match self.ports.clock.within(SETTER_WAIT, asked).await {
            Some(answer) => known_or_absent(answer),
            None => Known::Unreadable(format!("no answer within {} s", SETTER_WAIT.as_secs())),
        }
    }
}

/// Says that a key which needs nothing may owe it to an attempt of ours that was killed before it could record and tell what it did.
pub(crate) fn unfinished(attempt: u32, threat: Threat, facts: &KeyFacts) -> Option<String> {
    let is_enabled = facts.description.value().is_some_and(|description| description.state == KeyState::Enabled);
    let rotates = facts.rotation.value().is_some_and(|rotation| rotation.enabled);
    let how = if threat.endangers_state() && is_enabled && facts.incident_hold().is_none() {
        "is enabled"
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

/// Takes from a memory what cannot be believed of it.
pub(crate) fn believed(recollection: Recollection, now: Timestamp) -> Recollection {
    Recollection { inventory: recollection.inventory.map(|known| lesson::believed(known, now)), ..recollection }
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
/// to us undid it. An open case of something else, such as a tag, undid nothing.
#[must_use]
pub fn may_be_stale(event: &Event, threat: Threat, facts: &KeyFacts, now: Timestamp) -> bool {
    let is_fresh = event.form != EventForm::Sweep && event.time.is_some_and(|time| now.duration_since(time) < FRESH);
    let looks_untouched =
        facts.description.value().is_some_and(|description| description.state == KeyState::Enabled && !description.deletion_is_pending());
    let is_ours = facts.case().is_some_and(|case| case.threat.endangers_state());
    is_fresh && threat.endangers_state() && looks_untouched && !is_ours
}

//! Observe: looks at a key from every side at the same time. What cannot be read is said to be unreadable, and why.

use futures_util::join;
use jiff::{SignedDuration, Timestamp};
use reprieve_core::{Event, EventForm, KeyArn, KeyFacts, KeyState, Known, Threat};

use crate::port::{CallError, KeyControl, Ledger};

/// Looks at the key, its tags, what the ledger knows of it and, where rotation is what was attacked, its rotation: in one round trip.
pub async fn look(keys: &impl KeyControl, ledger: &impl Ledger, key: &KeyArn, threat: Threat) -> KeyFacts {
    let rotation = async {
        if threat == Threat::RotationDisabled { known(keys.rotation(key).await) } else { Known::Unreadable("not looked up".to_owned()) }
    };
    let (description, tags, recollection, rotation) = join!(keys.describe(key), keys.tags(key), ledger.recall(key), rotation);
    KeyFacts { description: known(description), tags: known(tags), rotation, recollection: known(recollection) }
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
const FRESH: SignedDuration = SignedDuration::from_mins(1);

/// Says whether a look may be older than the event: the event is fresh, the key looks as if it had not happened, and nothing known
/// to us undid it.
#[must_use]
pub fn may_be_stale(event: &Event, threat: Threat, facts: &KeyFacts, now: Timestamp) -> bool {
    let is_fresh = event.form != EventForm::Sweep && event.time.is_some_and(|time| now.duration_since(time) < FRESH);
    let endangers_state = matches!(threat, Threat::DeletionScheduled | Threat::KeyDisabled);
    let looks_untouched =
        facts.description.value().is_some_and(|description| description.state == KeyState::Enabled && !description.deletion_is_pending());
    is_fresh && endangers_state && looks_untouched && facts.case().is_none()
}

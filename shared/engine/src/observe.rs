//! Observe: looks at a key from every side at the same time. What cannot be read is said to be unreadable, and why.

use futures_util::join;
use reprieve_core::{KeyArn, KeyFacts, Known, Recollection, Threat};

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

/// Returns what is known of a key that the ledger never saw.
#[must_use]
pub fn nothing_recalled() -> Known<Recollection> {
    Known::Is(Recollection::default())
}

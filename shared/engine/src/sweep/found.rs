//! What a sweep finds: what keeps a key from serving, the event that this stands for, and whose case it is. Pure.

use jiff::{SignedDuration, Timestamp};
use reprieve_core::{
    Actor, CallOutcome, Case, Details, Event, EventForm, EventId, Inventory, KeyArn, KeyDescription, KeyState, Recollection, Serving,
    Target, Threat,
};

/// Returns what took from the key what it needs to serve, where it was known to have it: a key that was never seen so may be new, and
/// wait for its first key material.
pub(super) fn taken_means(description: &KeyDescription, recollection: &Recollection) -> Option<Threat> {
    recollection.inventory.as_ref()?;
    match description.state {
        KeyState::PendingImport => {
            let told = recollection.case.as_ref().map(|case| case.threat);
            Some(told.filter(|threat| *threat == Threat::MaterialExpired).unwrap_or(Threat::MaterialDeleted))
        }
        KeyState::Unavailable => Some(Threat::KeyStoreDisconnected),
        KeyState::Enabled
        | KeyState::Disabled
        | KeyState::PendingDeletion
        | KeyState::PendingReplicaDeletion
        | KeyState::Creating
        | KeyState::Updating
        | KeyState::Other(_) => None,
    }
}

/// Says whether the key is as it is meant to be, so that whatever case it had is over.
pub(super) fn is_as_meant(description: &KeyDescription, inventory: Option<&Inventory>) -> bool {
    let is_meant_disabled = inventory.is_some_and(|inventory| inventory.serving == Serving::Disabled);
    description.state == KeyState::Enabled || (description.state == KeyState::Disabled && is_meant_disabled)
}

/// Makes the event that a finding stands for. Where a case is open, who and when are the case's.
pub(super) fn found_event(
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
    // A key store is lost with every key in it, and told of once.
    let store = description.and_then(|description| description.key_store.as_deref()).filter(|_| threat == Threat::KeyStoreDisconnected);
    let id = format!("{sweep}{}", store.map_or_else(|| own_ending(key), |store| format!(".{}.{store}", key.region())));
    Event {
        id: EventId::parse(&id).unwrap_or_else(|_| sweep.clone()),
        form: EventForm::Sweep,
        source: "kms.amazonaws.com".to_owned(),
        name: name.to_owned(),
        time: case.and_then(|case| case.event_time).or_else(inferred),
        account: Some(key.account()),
        region: Some(key.region()),
        actor: case.map_or_else(Actor::unknown, |case| case.actor.clone()),
        target: store.map_or_else(|| Target::Key(key.clone()), |store| Target::KeyStore(store.to_owned())),
        outcome: CallOutcome::Succeeded,
        details: Details { deletion_date, ..Details::default() },
        oddities: Vec::new(),
    }
}

/// Returns how the id of a finding about the key ends. Keys of two Regions can share an id.
fn own_ending(key: &KeyArn) -> String {
    format!(".{}.{}", key.region(), key.key_id())
}

/// Says whether a sweep opened the case and acted on it: nobody delivers its event again.
pub(super) fn is_own_rescue(case: &Case, key: &KeyArn) -> bool {
    let is_answered_by_acts = case.threat.endangers_state() || case.threat == Threat::RotationDisabled;
    is_answered_by_acts && !case.stands && case.event_id.as_str().ends_with(&own_ending(key))
}

/// Makes the case of a key whose whole key store was lost.
pub(super) fn case_of_store(event: &Event, now: Timestamp) -> Case {
    Case {
        event_id: event.id.clone(),
        threat: Threat::KeyStoreDisconnected,
        event_time: event.time,
        actor: event.actor.clone(),
        opened_at: now,
        deadline: None,
        cancelled_at: None,
        stands: false,
    }
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

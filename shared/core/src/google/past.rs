//! What Google's own log says of a version before and after an event: whether it was enabled, and whether a later call decides anew.

use jiff::{SignedDuration, Timestamp};

use super::name::GoogleName;
use crate::audit::{AuditEvent, Operation};
use crate::event::{CallOutcome, Event, Target};
use crate::facts::Known;

/// What disabled a version so shortly before its destruction belongs to the same incident, unless an approval covers it.
const SAME_INCIDENT: SignedDuration = SignedDuration::from_hours(1);

/// What the version was before an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prior<'a> {
    /// Enabled, by the log.
    Enabled,
    /// Disabled for longer.
    Disabled,
    /// Disabled shortly before, by this call.
    JustDisabled(&'a AuditEvent),
    /// The log does not say, as of a version that was enabled since it was made.
    Unknown,
    /// The log could not be read, and why.
    Unread(&'a str),
}

/// Whose calls are our own.
pub(super) type IsOwn<'a> = &'a dyn Fn(&Event) -> bool;

/// The calls on the version that took effect, the latest first.
fn effective<'a>(past: &'a Known<Vec<AuditEvent>>, version: &'a GoogleName) -> Vec<(Timestamp, &'a AuditEvent)> {
    let is_on = |entry: &AuditEvent| matches!(&entry.event.target, Target::Google(name) if name.version() == version.version());
    let is_effective = |entry: &&AuditEvent| entry.event.outcome == CallOutcome::Succeeded && is_on(entry);
    let mut calls: Vec<(Timestamp, &AuditEvent)> =
        past.value().into_iter().flatten().filter(is_effective).filter_map(|entry| Some((entry.event.time?, entry))).collect();
    calls.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
    calls
}

/// Returns what the version was before the event.
pub(super) fn prior<'a>(past: &'a Known<Vec<AuditEvent>>, version: &'a GoogleName, event: &Event, is_own: IsOwn<'_>) -> Prior<'a> {
    if let Some(reason) = past.unreadable_reason() {
        return Prior::Unread(reason);
    }
    let Some(at) = event.time else { return Prior::Unknown };
    for (time, entry) in effective(past, version) {
        if time >= at || entry.event.id == event.id {
            continue;
        }
        match entry.operation {
            Operation::Enable | Operation::Create | Operation::Rotate | Operation::Import => return Prior::Enabled,
            Operation::Disable if at.duration_since(time) < SAME_INCIDENT => return Prior::JustDisabled(entry),
            // Our own restoring is followed by our enabling: a second destruction in between does not make it what it was.
            Operation::Restore if is_own(&entry.event) => {}
            Operation::Disable | Operation::Restore => return Prior::Disabled,
            Operation::Encrypt
            | Operation::Decrypt
            | Operation::ReEncrypt
            | Operation::Wrap
            | Operation::Unwrap
            | Operation::Generate
            | Operation::Sign
            | Operation::Verify
            | Operation::Derive
            | Operation::Access
            | Operation::Backup
            | Operation::Read
            | Operation::List
            | Operation::Update
            | Operation::Destroy
            | Operation::Purge
            | Operation::ChangeAccess
            | Operation::Tag
            | Operation::Replicate
            | Operation::Other => {}
        }
    }
    Prior::Unknown
}

/// Returns the call of somebody else that disabled the version after the event: it is answered by itself.
pub(super) fn disabled_later<'a>(
    past: &'a Known<Vec<AuditEvent>>,
    version: &'a GoogleName,
    event: &Event,
    is_own: IsOwn<'_>,
) -> Option<&'a AuditEvent> {
    let at = event.time?;
    let calls = effective(past, version);
    let later = calls.into_iter().filter(|(time, entry)| *time > at && entry.event.id != event.id);
    later.map(|(_, entry)| entry).find(|entry| entry.operation == Operation::Disable && !is_own(&entry.event))
}

/// Returns the latest call that took the version away: what a sweep finds it in the state of.
#[must_use]
pub(super) fn culprit<'a>(past: &'a Known<Vec<AuditEvent>>, version: &'a GoogleName, operation: Operation) -> Option<&'a AuditEvent> {
    effective(past, version).into_iter().map(|(_, entry)| entry).find(|entry| entry.operation == operation)
}

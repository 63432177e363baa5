//! Events after which the monitoring must be looked at, and those that blind it even where it is whole again by then.

use jiff::Timestamp;

use crate::actor::Actor;
use crate::event::{CallOutcome, Details, Event, EventForm, Target};
use crate::id::{AccountId, EventId, Region};

/// The source of what is recorded without an event: a deployment, a daily check, a drill.
pub const SOURCE: &str = "reprieve";

/// Service and call of every event that can change the monitoring, and whether it blinds: what it took away for a while is not given
/// back by mending what it changed.
const CALLS: [(&str, &str, bool); 27] = [
    ("cloudtrail.amazonaws.com", "StopLogging", true),
    ("cloudtrail.amazonaws.com", "DeleteTrail", true),
    ("cloudtrail.amazonaws.com", "UpdateTrail", false),
    ("cloudtrail.amazonaws.com", "PutEventSelectors", false),
    ("logs.amazonaws.com", "DeleteMetricFilter", true),
    ("logs.amazonaws.com", "PutMetricFilter", false),
    ("logs.amazonaws.com", "DeleteLogGroup", true),
    ("logs.amazonaws.com", "DeleteLogStream", true),
    ("logs.amazonaws.com", "PutRetentionPolicy", false),
    ("monitoring.amazonaws.com", "DeleteAlarms", true),
    ("monitoring.amazonaws.com", "DisableAlarmActions", true),
    ("monitoring.amazonaws.com", "SetAlarmState", true),
    ("monitoring.amazonaws.com", "PutMetricAlarm", false),
    ("sns.amazonaws.com", "Unsubscribe", true),
    ("sns.amazonaws.com", "DeleteTopic", true),
    ("sns.amazonaws.com", "SetTopicAttributes", false),
    ("sns.amazonaws.com", "SetSubscriptionAttributes", false),
    ("sns.amazonaws.com", "RemovePermission", false),
    ("events.amazonaws.com", "DisableRule", true),
    ("events.amazonaws.com", "DeleteRule", true),
    ("events.amazonaws.com", "RemoveTargets", true),
    ("events.amazonaws.com", "PutRule", false),
    ("events.amazonaws.com", "PutTargets", false),
    ("cloudtrail.amazonaws.com", "RemoveTags", false),
    ("logs.amazonaws.com", "UntagResource", false),
    ("monitoring.amazonaws.com", "UntagResource", false),
    ("sns.amazonaws.com", "UntagResource", false),
];

/// What an event means to the monitoring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bearing {
    /// Nothing.
    None,
    /// It was refused: an attempt, on record.
    Attempted,
    /// What it changed must be looked at.
    Changed,
    /// It took something away, for however short a time.
    Blinded,
}

/// Returns what an event means to the monitoring. Whether it was about ours is for whoever looks to say.
#[must_use]
pub fn bearing(event: &Event) -> Bearing {
    let call = CALLS.iter().find(|(source, name, _)| event.source == *source && event.name == *name);
    match (call, &event.outcome) {
        (None, _) => Bearing::None,
        (Some(_), CallOutcome::Refused { .. }) => Bearing::Attempted,
        (Some((_, _, false)), CallOutcome::Succeeded) => Bearing::Changed,
        (Some((_, _, true)), CallOutcome::Succeeded) => Bearing::Blinded,
    }
}

/// Makes the event under which something of our own is recorded: nobody called, and nothing arrived.
#[must_use]
pub fn own(id: EventId, name: &str, at: Timestamp, (account, region): (&AccountId, &Region), target: Target) -> Event {
    Event {
        id,
        form: EventForm::Sweep,
        source: SOURCE.to_owned(),
        name: name.to_owned(),
        time: Some(at),
        account: Some(account.clone()),
        region: Some(region.clone()),
        actor: Actor::unknown(),
        target,
        outcome: CallOutcome::Succeeded,
        details: Details::default(),
        oddities: Vec::new(),
    }
}

/// Says whether a record of this event is about the monitoring, and not about a key.
#[must_use]
pub fn is_about_monitoring(event: &Event) -> bool {
    event.source == SOURCE || bearing(event) != Bearing::None
}

/// Returns the service and name of every call that [`bearing`] knows, in the order of the services.
pub fn calls() -> impl Iterator<Item = (&'static str, &'static str)> {
    CALLS.iter().map(|(source, name, _)| (*source, *name))
}

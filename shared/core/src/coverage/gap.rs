//! Why a key is not monitored, in words for whoever mends it.

use serde::{Deserialize, Serialize};

/// One reason why a key is not monitored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Gap {
    /// What kind of gap it is, and what it is about.
    #[serde(flatten)]
    pub kind: GapKind,
    /// Why, in one sentence.
    pub reason: String,
    /// What to do, in one sentence.
    pub fix: String,
}

/// What kind of gap it is, and what it is about, by name or ARN.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "about")]
pub enum GapKind {
    /// No guard is deployed in the Region.
    NoGuard,
    /// No event rule matches key events.
    NoRule,
    /// The rule that would route them is disabled.
    RuleDisabled(String),
    /// No rule matches these events.
    RuleMissesEvents(Vec<String>),
    /// The rule that matches feeds nothing of ours.
    RuleTargetsNothingOfOurs(String),
    /// Nothing reads the queue.
    QueueNotRead(String),
    /// The function does not exist or cannot run.
    FunctionMissing(String),
    /// The guard records only.
    ModeObserve(String),
    /// The key policy refuses the guard's role these actions.
    KeyPolicyRefuses(Vec<String>),
    /// Whether the key policy lets the guard's role in shows only with the call.
    KeyPolicyUnclear(Vec<String>),
    /// No policy of the role allows these actions.
    IamRefuses(Vec<String>),
    /// A policy of the role denies these actions.
    IamDenies(Vec<String>),
    /// The role's permissions boundary stops these actions.
    PermissionsBoundary(Vec<String>),
    /// A service control policy stops these actions.
    OrganizationPolicy(Vec<String>),
    /// No trail records the account.
    NoTrail,
    /// The trail does not record.
    TrailStopped(String),
    /// The trail leaves out the changes that KMS makes.
    TrailMissesKms(String),
    /// The trail records another Region alone.
    NotThisRegion(String),
    /// The trail feeds no log group in which filters could stand.
    TrailFeedsNothing(String),
    /// No metric filter watches the log group.
    NoFilter(String),
    /// A metric filter is there and does not match, or counts nothing.
    FilterDead(String),
    /// No alarm watches the filter's metric.
    NoAlarm(String),
    /// The alarm cannot go off at one event.
    AlarmDead(String),
    /// The alarm's actions are disabled.
    ActionsDisabled(String),
    /// The alarm tells no topic.
    AlarmTellsNobody(String),
    /// No alarm can publish to the topic.
    TopicMute(String),
    /// Nobody who could read it is subscribed.
    NoSubscriber(String),
    /// No subscription is confirmed.
    SubscriptionPending(String),
    /// The filter policies of the confirmed subscriptions keep alarms out.
    SubscriberFiltered(String),
    /// The monitoring's plan finds the control broken otherwise.
    ControlBroken(String),
    /// Something cannot be read, so nobody can say.
    Unreadable(String),
}

impl GapKind {
    /// Returns a few words for headings.
    #[must_use]
    pub const fn title(&self) -> &'static str {
        match self {
            Self::NoGuard => "No guard in the Region",
            Self::NoRule => "No event rule",
            Self::RuleDisabled(_) => "Event rule disabled",
            Self::RuleMissesEvents(_) => "Events that no rule routes",
            Self::RuleTargetsNothingOfOurs(_) => "Event rule feeds no guard",
            Self::QueueNotRead(_) => "Queue that nobody reads",
            Self::FunctionMissing(_) => "Guard does not run",
            Self::ModeObserve(_) => "Guard only observes",
            Self::KeyPolicyRefuses(_) => "Key policy refuses the guard",
            Self::KeyPolicyUnclear(_) => "Key policy may refuse the guard",
            Self::IamRefuses(_) => "Role lacks permissions",
            Self::IamDenies(_) => "Role is denied",
            Self::PermissionsBoundary(_) => "Permissions boundary",
            Self::OrganizationPolicy(_) => "Service control policy",
            Self::NoTrail => "No trail",
            Self::TrailStopped(_) => "Trail stopped",
            Self::TrailMissesKms(_) => "Trail leaves KMS out",
            Self::NotThisRegion(_) => "Trail records another Region",
            Self::TrailFeedsNothing(_) => "Trail feeds no log group",
            Self::NoFilter(_) => "No metric filter",
            Self::FilterDead(_) => "Metric filter does not match",
            Self::NoAlarm(_) => "No alarm",
            Self::AlarmDead(_) => "Alarm cannot go off",
            Self::ActionsDisabled(_) => "Alarm actions disabled",
            Self::AlarmTellsNobody(_) => "Alarm tells nobody",
            Self::TopicMute(_) => "Alarms cannot publish",
            Self::NoSubscriber(_) => "Nobody is subscribed",
            Self::SubscriptionPending(_) => "Subscription not confirmed",
            Self::SubscriberFiltered(_) => "Filter policy keeps alarms out",
            Self::ControlBroken(_) => "Monitoring control does not hold",
            Self::Unreadable(_) => "Cannot be read",
        }
    }

    /// Makes the gap.
    pub(super) fn because(self, reason: impl Into<String>, fix: impl Into<String>) -> Gap {
        Gap { kind: self, reason: reason.into(), fix: fix.into() }
    }
}

impl Gap {
    /// Makes the gap of what cannot be read. `call` is what the observer must be allowed.
    pub(super) fn unreadable(what: &str, why: &str, call: &str) -> Self {
        let reason = format!("Of {what} nothing is known: {why}.");
        GapKind::Unreadable(what.to_owned()).because(reason, format!("Run the command as somebody who may call {call}."))
    }
}

//! The ports: one small trait per capability. Adapters carry a service behind them; fakes keep state.
//!
//! Every error answers one question: is it worth trying again?

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reprieve_core::approval::{Revocation, SealedApproval};
use reprieve_core::facts::{Recollection, Rotation, Tags};
use reprieve_core::lesson::Lesson;
use reprieve_core::notice::Notice;
use reprieve_core::{CalendarState, Case, Event, EventId, KeyArn, KeyDescription, Plan, Policy, Record, Status, Target};

/// What a provider answered instead of doing what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The key, or whatever else the call is about, does not exist.
    #[error("{call}: the {} does not exist: {message}", object(call))]
    NotFound {
        /// The call, as `service:Operation`.
        call: &'static str,
        /// The provider's message.
        message: String,
    },
    /// The state of the key, or of whatever else the call is about, does not allow the call.
    #[error("{call}: the {}'s state does not allow it: {message}", object(call))]
    InvalidState {
        /// The call.
        call: &'static str,
        /// The provider's message.
        message: String,
    },
    /// The provider cannot do this for this kind of key, or of whatever else the call is about.
    #[error("{call}: not possible for this {}: {message}", object(call))]
    Unsupported {
        /// The call.
        call: &'static str,
        /// The provider's message.
        message: String,
    },
    /// We are not allowed to.
    #[error("{call}: access denied: {message}")]
    AccessDenied {
        /// The call.
        call: &'static str,
        /// The provider's message.
        message: String,
    },
    /// The provider asks us to slow down.
    #[error("{call}: throttled: {message}")]
    Throttled {
        /// The call.
        call: &'static str,
        /// The provider's message.
        message: String,
    },
    /// No usable answer: a network fault, a time-out, a 5xx. The call may have taken effect.
    #[error("{call}: no usable answer: {message}")]
    Unavailable {
        /// The call.
        call: &'static str,
        /// What happened.
        message: String,
    },
    /// The provider rejects the request as it is, or its answer makes no sense.
    #[error("{call}: rejected: {message}")]
    Rejected {
        /// The call.
        call: &'static str,
        /// The provider's message.
        message: String,
    },
}

/// What an answer means: a [`CallError`] without its words. Adapters sort by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallErrorKind {
    /// [`CallError::NotFound`].
    NotFound,
    /// [`CallError::InvalidState`].
    InvalidState,
    /// [`CallError::Unsupported`].
    Unsupported,
    /// [`CallError::AccessDenied`].
    AccessDenied,
    /// [`CallError::Throttled`].
    Throttled,
    /// [`CallError::Unavailable`].
    Unavailable,
    /// [`CallError::Rejected`].
    Rejected,
}

impl CallErrorKind {
    /// Makes the error.
    #[must_use]
    pub const fn error(self, call: &'static str, message: String) -> CallError {
        match self {
            Self::NotFound => CallError::NotFound { call, message },
            Self::InvalidState => CallError::InvalidState { call, message },
            Self::Unsupported => CallError::Unsupported { call, message },
            Self::AccessDenied => CallError::AccessDenied { call, message },
            Self::Throttled => CallError::Throttled { call, message },
            Self::Unavailable => CallError::Unavailable { call, message },
            Self::Rejected => CallError::Rejected { call, message },
        }
    }
}

/// What people call the object of a call.
fn object(call: &str) -> &'static str {
    if call.starts_with("kms:") { "key" } else { "resource" }
}

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Try again later.
    Retryable,
    /// Trying again gives the same answer.
    Permanent,
    /// Look at the state: it may be as desired already.
    LookAgain,
}

impl CallError {
    /// Says whether trying again can help.
    #[must_use]
    pub const fn disposition(&self) -> Disposition {
        match self {
            Self::Throttled { .. } | Self::Unavailable { .. } => Disposition::Retryable,
            Self::InvalidState { .. } => Disposition::LookAgain,
            Self::NotFound { .. } | Self::Unsupported { .. } | Self::AccessDenied { .. } | Self::Rejected { .. } => Disposition::Permanent,
        }
    }

    /// Says whether the request was refused for what is in it, so that the next one may be taken.
    #[must_use]
    pub const fn is_about_the_request(&self) -> bool {
        match self {
            Self::Unsupported { .. } | Self::Rejected { .. } => true,
            Self::NotFound { .. }
            | Self::InvalidState { .. }
            | Self::AccessDenied { .. }
            | Self::Throttled { .. }
            | Self::Unavailable { .. } => false,
        }
    }
}

/// Looks at keys and gives them back. It has no way to harm one.
pub trait KeyControl: Sync {
    /// Looks at the key's state. [`CallError::NotFound`] where it does not exist.
    fn describe(&self, key: &KeyArn) -> impl Future<Output = Result<KeyDescription, CallError>> + Send;
    /// Reads the key's tags, all of them.
    fn tags(&self, key: &KeyArn) -> impl Future<Output = Result<Tags, CallError>> + Send;
    /// Reads whether the key rotates by itself.
    fn rotation(&self, key: &KeyArn) -> impl Future<Output = Result<Rotation, CallError>> + Send;
    /// Takes the key out of its waiting period. It is disabled afterwards. Paced to the provider's quota.
    fn cancel_deletion(&self, key: &KeyArn) -> impl Future<Output = Result<(), CallError>> + Send;
    /// Makes the key usable. Paced to the provider's quota.
    fn enable(&self, key: &KeyArn) -> impl Future<Output = Result<(), CallError>> + Send;
    /// Switches automatic rotation on, with this period in days or the provider's default.
    fn enable_rotation(&self, key: &KeyArn, period_days: Option<u32>) -> impl Future<Output = Result<(), CallError>> + Send;
    /// Lists the aliases that point to the key, as `alias/NAME`.
    fn aliases(&self, key: &KeyArn) -> impl Future<Output = Result<Vec<String>, CallError>> + Send;
    /// Lists all keys of the account and Region.
    fn list(&self) -> impl Future<Output = Result<Vec<KeyArn>, CallError>> + Send;
}

/// The intent behind a claim: durable before anything is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The event.
    pub event_id: EventId,
    /// The key, where the event has one.
    pub key: Option<KeyArn>,
    /// The most that will be done.
    pub considering: Plan,
    /// When the claim is made.
    pub at: Timestamp,
}

/// What the ledger answers to a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The event is ours to work on, for the `attempt`-th time (from 1).
    Granted {
        /// The attempt.
        attempt: u32,
    },
    /// The event was worked on to the end before.
    Settled,
    /// Somebody else is working on it now.
    Held,
}

/// Remembers what was, what is being done, and what has been approved outside the keys.
pub trait Ledger: Sync {
    /// Returns everything known of the key, in one read.
    fn recall(&self, key: &KeyArn) -> impl Future<Output = Result<Recollection, CallError>> + Send;
    /// Claims an event, and makes the intent durable. A claim whose holder went silent for longer than a lease, or that ended open,
    /// is granted again.
    fn claim(&self, intent: &Intent) -> impl Future<Output = Result<Claim, CallError>> + Send;
    /// Ends a claim. An open one (`settled = false`) can be claimed again at once.
    fn finish(
        &self,
        event_id: &EventId,
        status: Status,
        settled: bool,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), CallError>> + Send;
    /// Opens or renews the key's case. An earlier known deadline is kept.
    fn open_case(&self, key: &KeyArn, case: &Case) -> impl Future<Output = Result<(), CallError>> + Send;
    /// Closes the key's case, where it has one.
    fn close_case(&self, key: &KeyArn) -> impl Future<Output = Result<(), CallError>> + Send;
    /// Remembers what was learned, unless something newer is known.
    fn learn(&self, key: &KeyArn, lesson: Lesson, rotation: Option<Rotation>) -> impl Future<Output = Result<(), CallError>> + Send;
    /// Lists the keys with open cases, the earliest deadline first.
    fn open_cases(&self) -> impl Future<Output = Result<Vec<(KeyArn, Case)>, CallError>> + Send;
    /// Writes an approval outside the key. Each approver has one for each change and action; a newer one takes its place.
    fn approve(&self, key: &KeyArn, approval: &SealedApproval) -> impl Future<Output = Result<(), CallError>> + Send;
    /// Writes that a change is revoked. The first word stays.
    fn revoke(&self, key: &KeyArn, revocation: &Revocation) -> impl Future<Output = Result<(), CallError>> + Send;
}

/// A kind of call that is looked up in the provider's own log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PastCall {
    /// `TagResource` that set an approval tag.
    ApprovalTagging,
    /// `ScheduleKeyDeletion`.
    DeletionScheduling,
    /// `DisableKey`.
    Disabling,
    /// `EnableKeyRotation`.
    RotationEnabling,
    /// `DisableKeyRotation`.
    RotationDisabling,
    /// `DeleteImportedKeyMaterial`.
    MaterialDeleting,
    /// `DisconnectCustomKeyStore`, of whichever key store of the key's Region.
    StoreDisconnecting,
}

impl PastCall {
    /// Returns the call's name.
    #[must_use]
    pub const fn event_name(self) -> &'static str {
        match self {
            Self::ApprovalTagging => "TagResource",
            Self::DeletionScheduling => "ScheduleKeyDeletion",
            Self::Disabling => "DisableKey",
            Self::RotationEnabling => "EnableKeyRotation",
            Self::RotationDisabling => "DisableKeyRotation",
            Self::MaterialDeleting => "DeleteImportedKeyMaterial",
            Self::StoreDisconnecting => "DisconnectCustomKeyStore",
        }
    }

    /// Says whether the event is such a call on this key, or on a key store that may be the key's, and took effect.
    #[must_use]
    pub fn is(self, event: &Event, key: &KeyArn) -> bool {
        let is_on = match &event.target {
            Target::Key(target) => target == key,
            Target::KeyStore(_) => self == Self::StoreDisconnecting && event.region.as_ref() == Some(&key.region()),
            Target::Azure(_) | Target::Google(_) | Target::Named(_) | Target::Unnamed => false,
        };
        is_on && self.is_such(event)
    }

    /// Says whether the event is such a call, whatever it acted on, and took effect.
    #[must_use]
    pub fn is_such(self, event: &Event) -> bool {
        let touches_approval = || event.details.tag_keys.iter().any(|tag| reprieve_core::approval::APPROVAL_TAGS.contains(&tag.as_str()));
        event.is_effective_kms_call(self.event_name()) && (self != Self::ApprovalTagging || touches_approval())
    }
}

/// What the provider can say about the circumstances of an act, beyond the key itself.
pub trait Circumstances: Sync {
    /// Returns the latest such call on the key before `until`, by the provider's own log. `None` where the log holds none, as far as it
    /// reaches. Logs are minutes late, so `None` and an error both mean that nothing is known.
    fn latest_call(&self, call: PastCall, key: &KeyArn, until: Timestamp) -> impl Future<Output = Result<Option<Event>, CallError>> + Send;
    /// Returns what Change Calendar says of this time. `None` where no calendar is configured.
    fn change_calendar(&self, at: Timestamp) -> impl Future<Output = Result<Option<CalendarState>, CallError>> + Send;
}

/// Has the policies at hand.
pub trait PolicySource: Sync {
    /// Returns the policies in use, read anew from time to time. Where they cannot be read or are not valid, a set that permits nothing.
    fn current(&self) -> impl Future<Output = Arc<Policy>> + Send;
}

/// Keeps audit records. Create-only: writing the same record again adds nothing and succeeds.
pub trait AuditSink: Sync {
    /// Writes the record.
    fn append(&self, record: &Record) -> impl Future<Output = Result<(), CallError>> + Send;
}

/// Tells people.
pub trait NoticeSink: Sync {
    /// Sends the notice, with the record it was made from for machines.
    fn tell(&self, notice: &Notice, record: &Record) -> impl Future<Output = Result<(), CallError>> + Send;
}

/// The time, as an argument.
pub trait Clock: Sync {
    /// Returns the time now.
    fn now(&self) -> Timestamp;
    /// Waits.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send;
    /// Waits for an answer, for so long at most. `None` where there was none; what was asked for may still happen.
    fn within<F: Future + Send>(&self, limit: Duration, answer: F) -> impl Future<Output = Option<F::Output>> + Send;
}

/// Counts. Each metric is declared once in `reprieve-runtime`'s table.
pub trait Meter: Sync {
    /// Notes what one event came to.
    fn outcome(&self, record: &Record);
    /// Notes what a sweep found.
    fn sweep(&self, report: &crate::sweep::SweepReport);
    /// Notes that the policies cannot be used, so that nothing is approved.
    fn policy_unusable(&self, at: Timestamp);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_key_only_where_the_call_is_about_one() {
        let message = || "gone".to_owned();
        for (call, told) in [
            ("kms:EnableKey", "kms:EnableKey: the key does not exist: gone"),
            ("sns:GetTopicAttributes", "sns:GetTopicAttributes: the resource does not exist: gone"),
        ] {
            assert_eq!(CallError::NotFound { call, message: message() }.to_string(), told);
        }
    }
}

//! The ports of the loop for Google Cloud.

use std::future::Future;

use jiff::Timestamp;
use reprieve_core::audit::{AuditEvent, Operation};
use reprieve_core::google::{GoogleName, KeyVersion, Labels};
use reprieve_core::{CallOutcome, EventId, Record};

use super::sweep::VersionSweep;
use crate::port::{CallError, Claim};

/// Looks at versions of keys, and gives them back. It has no way to destroy, disable or unlabel one.
pub trait KeyVersionControl: Sync {
    /// Looks at a version. [`CallError::NotFound`] where it does not exist.
    fn version(&self, name: &GoogleName) -> impl Future<Output = Result<KeyVersion, CallError>> + Send;
    /// Reads the labels of a key.
    fn labels(&self, key: &GoogleName) -> impl Future<Output = Result<Labels, CallError>> + Send;
    /// Takes a version out of its wait for destruction. It is disabled afterwards. [`CallError::InvalidState`] where it does not wait.
    fn restore(&self, version: &GoogleName) -> impl Future<Output = Result<(), CallError>> + Send;
    /// Makes a version usable. [`CallError::InvalidState`] where it waits for destruction, or is destroyed.
    fn enable(&self, version: &GoogleName) -> impl Future<Output = Result<(), CallError>> + Send;
    /// Returns the latest calls that changed the version's state, by Google's own log. Logs are late, so what is missing may have been.
    /// Older calls need not be read than one that says what the version was `before` then.
    fn past(&self, version: &GoogleName, before: Option<Timestamp>) -> impl Future<Output = Result<LatestCalls, CallError>> + Send;
    /// Lists the versions, in all that is guarded, which wait to be destroyed or are disabled, and says what could not be searched.
    fn lost(&self) -> impl Future<Output = LostVersions> + Send;
}

/// The latest calls that changed a version's state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LatestCalls {
    /// The calls, the latest first.
    pub calls: Vec<AuditEvent>,
    /// Whether the log may hold older ones, which were not read.
    pub has_older: bool,
    /// Whether that is so because the search was given up before its end: made again, it may come further.
    pub is_cut_short: bool,
}

impl LatestCalls {
    /// Says whether a call enabled or disabled the version before then: whatever came earlier does not matter.
    #[must_use]
    pub fn sets_state_before(call: &AuditEvent, before: Timestamp) -> bool {
        let sets_state = matches!(call.operation, Operation::Enable | Operation::Disable);
        sets_state && call.event.outcome == CallOutcome::Succeeded && call.event.time.is_some_and(|time| time < before)
    }
}

/// What a search for lost versions came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LostVersions {
    /// The versions that were found.
    pub found: Vec<KeyVersion>,
    /// What could not be searched to its end, and why.
    pub unread: Vec<String>,
}

/// Sees to it that one event is worked on by one, and to the end once, and that people hear of how it ended.
pub trait VersionClaims: Sync {
    /// Claims an event that was delivered. A claim whose holder went silent for longer than a lease, or that ended open, is granted again.
    /// What was left to the sweeps counts as settled.
    fn claim(&self, event: &EventId, at: Timestamp) -> impl Future<Output = Result<Claim, CallError>> + Send;
    /// Claims an event for a sweep: like [`VersionClaims::claim`], and what was left to the sweeps is granted again.
    fn claim_left(&self, event: &EventId, at: Timestamp) -> impl Future<Output = Result<Claim, CallError>> + Send;
    /// Ends a claim. An open one (`settled = false`) can be claimed again at once.
    fn finish(&self, event: &EventId, attempt: u32, settled: bool) -> impl Future<Output = Result<(), CallError>> + Send;
    /// Ends a claim, and leaves the event to the sweeps.
    fn leave(&self, event: &EventId, attempt: u32) -> impl Future<Output = Result<(), CallError>> + Send;
    /// Keeps an outcome until people were told of it. `what` is what they are told, in short; `false` where the event owed the same before,
    /// whether or not they were told since.
    fn owe(&self, record: &Record, what: u64) -> impl Future<Output = Result<bool, CallError>> + Send;
    /// Returns the outcomes of one event, or of all, of which people are still to be told, the earliest first, each with what they are
    /// told, in short. Of very many it may return the earliest alone.
    fn owed(&self, of: Option<&EventId>) -> impl Future<Output = Result<Vec<(Record, u64)>, CallError>> + Send;
    /// Notes that people were told what was owed.
    fn paid(&self, event: &EventId, what: u64) -> impl Future<Output = Result<(), CallError>> + Send;
}

/// Counts.
pub trait VersionMeter: Sync {
    /// Notes what one event came to.
    fn outcome(&self, record: &Record);
    /// Notes what a sweep found.
    fn sweep(&self, report: &VersionSweep);
}

//! The ports of the loop for Azure.

use std::future::Future;

use jiff::Timestamp;
use reprieve_core::approval::{Revocation, SealedApproval};
use reprieve_core::azure::lesson::Lesson;
use reprieve_core::azure::memory::Case;
use reprieve_core::azure::{Change, Discovery, Memory, ResourceId, Subject, World};
use reprieve_core::{Event, EventId, Record, Status};

use super::sweep::TenantSweep;
use crate::port::{CallError, Claim, Intent};

/// Looks at what a tenant holds, and changes it. It has no way to delete, purge, unlock or shorten anything.
pub trait TenantControl: Sync {
    /// Finds every subject there is to keep, which storage keeps logs, and which vaults protect them. What could not be looked through
    /// stands in the answer.
    fn discover(&self) -> impl Future<Output = Discovery> + Send;
    /// Looks at a subject. What else could not be read says so in the answer; an error means that the subject itself could not be
    /// looked at for now.
    fn observe(&self, subject: &Subject, known: &Discovery) -> impl Future<Output = Result<World, CallError>> + Send;
    /// Makes one change. Making it again changes nothing.
    fn apply(&self, change: &Change) -> impl Future<Output = Result<(), CallError>> + Send;
    /// Returns the calls by which the subject was deleted or written before `until`, by the Activity Log, newest first. The log is minutes
    /// late and does not know of keys, so none and an error both mean that nothing is known.
    fn last_calls(&self, subject: &Subject, until: Timestamp) -> impl Future<Output = Result<Vec<Event>, CallError>> + Send;
}

/// Remembers what was, what is being done, and what has been approved outside the resources.
pub trait TenantLedger: Sync {
    /// Returns everything known of a subject.
    fn recall(&self, subject: &Subject) -> impl Future<Output = Result<Memory, CallError>> + Send;
    /// Claims an event, and makes the intent durable. A claim whose holder went silent for longer than a lease, or that ended open, is
    /// granted again.
    fn claim(&self, intent: &Intent) -> impl Future<Output = Result<Claim, CallError>> + Send;
    /// Ends a claim. An open one (`settled = false`) can be claimed again at once.
    fn finish(
        &self,
        event_id: &EventId,
        status: Status,
        settled: bool,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), CallError>> + Send;
    /// Opens or renews a subject's case; `None` closes it.
    fn keep_case(&self, subject: &Subject, case: Option<&Case>) -> impl Future<Output = Result<(), CallError>> + Send;
    /// Lists the subjects with open cases.
    fn open_cases(&self) -> impl Future<Output = Result<Vec<Subject>, CallError>> + Send;
    /// Remembers what a look taught.
    fn learn(&self, subject: &Subject, lesson: &Lesson) -> impl Future<Output = Result<(), CallError>> + Send;
    /// Returns what the sweeps found. Nothing, before the first.
    fn discovery(&self) -> impl Future<Output = Result<Discovery, CallError>> + Send;
    /// Remembers what a sweep found.
    fn keep_discovery(&self, discovery: &Discovery) -> impl Future<Output = Result<(), CallError>> + Send;
    /// Writes an approval outside the resource. Each approver has one for each change and action; a newer one takes its place.
    fn approve(&self, resource: &ResourceId, approval: &SealedApproval) -> impl Future<Output = Result<(), CallError>> + Send;
    /// Writes that a change is revoked. The first word stays.
    fn revoke(&self, resource: &ResourceId, revocation: &Revocation) -> impl Future<Output = Result<(), CallError>> + Send;
}

/// Counts.
pub trait TenantMeter: Sync {
    /// Notes what one event came to.
    fn outcome(&self, record: &Record);
    /// Notes what a sweep found.
    fn sweep(&self, report: &TenantSweep);
    /// Notes that the policies cannot be used, so that nothing is approved.
    fn policy_unusable(&self, at: Timestamp);
}

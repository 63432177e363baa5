//! The failing wrapper over the ports for Azure.

use jiff::Timestamp;
use reprieve_core::approval::{Revocation, SealedApproval};
use reprieve_core::azure::lesson::Lesson;
use reprieve_core::azure::memory::Case;
use reprieve_core::azure::{Change, Discovery, Memory, ResourceId, Subject, World};
use reprieve_core::{Event, EventId, Status};
use reprieve_engine::{CallError, Claim, Intent, TenantControl, TenantLedger};

use super::call::TenantCall;
use crate::faults::FailOnCall;
use crate::journal::Call;

impl<P> FailOnCall<P> {
    async fn tenant<T>(&self, call: TenantCall, service: impl Future<Output = Result<T, CallError>>) -> Result<T, CallError> {
        self.faults.through(Call::Tenant(call), service).await
    }
}

impl<P: TenantControl> TenantControl for FailOnCall<P> {
    /// A discovery that fails finds nothing, and says so.
    async fn discover(&self) -> Discovery {
        let found = self.tenant(TenantCall::Discover, async { Ok(self.inner.discover().await) }).await;
        found.unwrap_or_else(|error| Discovery { unreadable: vec![error.to_string()], ..Discovery::default() })
    }

    async fn observe(&self, subject: &Subject, known: &Discovery) -> Result<World, CallError> {
        self.tenant(TenantCall::Observe(subject.clone()), self.inner.observe(subject, known)).await
    }

    async fn apply(&self, change: &Change) -> Result<(), CallError> {
        self.tenant(TenantCall::Apply(Box::new(change.clone())), self.inner.apply(change)).await
    }

    async fn last_calls(&self, subject: &Subject, until: Timestamp) -> Result<Vec<Event>, CallError> {
        self.tenant(TenantCall::LastCalls(subject.clone()), self.inner.last_calls(subject, until)).await
    }
}

impl<P: TenantLedger> TenantLedger for FailOnCall<P> {
    async fn recall(&self, subject: &Subject) -> Result<Memory, CallError> {
        self.tenant(TenantCall::Recall(subject.clone()), self.inner.recall(subject)).await
    }

    async fn claim(&self, intent: &Intent) -> Result<Claim, CallError> {
        self.tenant(TenantCall::Claim(intent.event_id.clone()), self.inner.claim(intent)).await
    }

    async fn finish(&self, event_id: &EventId, status: Status, settled: bool, at: Timestamp) -> Result<(), CallError> {
        self.tenant(TenantCall::Finish(event_id.clone(), settled), self.inner.finish(event_id, status, settled, at)).await
    }

    async fn keep_case(&self, subject: &Subject, case: Option<&Case>) -> Result<(), CallError> {
        self.tenant(TenantCall::KeepCase(subject.clone(), case.is_some()), self.inner.keep_case(subject, case)).await
    }

    async fn open_cases(&self) -> Result<Vec<Subject>, CallError> {
        self.tenant(TenantCall::OpenCases, self.inner.open_cases()).await
    }

    async fn learn(&self, subject: &Subject, lesson: &Lesson) -> Result<(), CallError> {
        self.tenant(TenantCall::Learn(subject.clone()), self.inner.learn(subject, lesson)).await
    }

    async fn discovery(&self) -> Result<Discovery, CallError> {
        self.tenant(TenantCall::Discovery, self.inner.discovery()).await
    }

    async fn keep_discovery(&self, discovery: &Discovery) -> Result<(), CallError> {
        self.tenant(TenantCall::KeepDiscovery, self.inner.keep_discovery(discovery)).await
    }

    async fn approve(&self, resource: &ResourceId, approval: &SealedApproval) -> Result<(), CallError> {
        self.tenant(TenantCall::Approve(resource.clone()), self.inner.approve(resource, approval)).await
    }

    async fn revoke(&self, resource: &ResourceId, revocation: &Revocation) -> Result<(), CallError> {
        self.tenant(TenantCall::Revoke(resource.clone()), self.inner.revoke(resource, revocation)).await
    }
}

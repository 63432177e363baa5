//! A whole world for one test of the loop for Azure: the tenant, the ledger, the audit store, people, time, and the loop over them.

use std::time::Duration;

use jiff::SignedDuration;
use reprieve_core::azure::{Desired, Function, ResourceId, Subject};
use reprieve_core::{ApprovalRules, Event, EventId, Mode, Phase, Policy, Record};
use reprieve_engine::{
    Clock as _, Delivery, Handled, TenantControl as _, TenantGuard, TenantLedger as _, TenantPorts, TenantSettings, TenantSweep,
};

use super::azure::FakeTenant;
use super::events::OWN_PRINCIPAL;
use super::ledger::FakeTenantLedger;
use super::meter::FakeTenantMeter;
use super::scene::tenant_desired;
use crate::circumstances::FakePolicies;
use crate::clock::FakeClock;
use crate::event::{RECEIVED_AT, time};
use crate::faults::{FailOnCall, Faults};
use crate::finish;
use crate::journal::Journal;
use crate::sinks::{FakeAuditSink, FakeNoticeSink};
use crate::world::{LEASE, REDELIVERY, approval_rules, settled, shipped_policy};

/// How long an invocation of the tests lasts.
const INVOCATION_LASTS: SignedDuration = SignedDuration::from_secs(25);

/// How often Event Grid delivers an event in the tests before it sets it aside.
const DELIVERIES: u32 = 6;

/// The loop over fakes that can be made to fail.
pub type TenantGuardOfTests = TenantGuard<
    FailOnCall<FakeTenant>,
    FailOnCall<FakeTenantLedger>,
    FailOnCall<FakeAuditSink>,
    FailOnCall<FakeNoticeSink>,
    FakeClock,
    FakeTenantMeter,
    FakePolicies,
>;

/// Everything that a test works with.
#[derive(Debug)]
pub struct TenantWorld {
    /// The time.
    pub clock: FakeClock,
    /// The tenant.
    pub tenant: FakeTenant,
    /// The ledger.
    pub ledger: FakeTenantLedger,
    /// The audit store.
    pub audit: FakeAuditSink,
    /// The people.
    pub notices: FakeNoticeSink,
    /// The counts.
    pub meter: FakeTenantMeter,
    /// The policies in use.
    pub policies: FakePolicies,
    /// Every port call, in one global order.
    pub journal: Journal,
    /// What fails.
    pub faults: Faults,
    /// The loop.
    pub guard: TenantGuardOfTests,
}

/// A world that is being built.
#[derive(Debug)]
pub struct TenantBuilder {
    settings: TenantSettings,
    policy: Policy,
}

/// Begins a loop that enforces what [`tenant_desired`] asks for, with the shipped policies.
#[must_use]
pub fn tenant() -> TenantBuilder {
    TenantBuilder {
        settings: TenantSettings {
            mode: Mode::Enforce,
            desired: tenant_desired(),
            rules: approval_rules(),
            own_principal: Some(OWN_PRINCIPAL.to_owned()),
            patience: Duration::from_secs(2),
            concurrency: 4,
            sweep_budget: Duration::from_mins(4),
        },
        policy: shipped_policy().clone(),
    }
}

impl TenantBuilder {
    /// Sets the mode.
    #[must_use]
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.settings.mode = mode;
        self
    }

    /// Sets what is asked for.
    #[must_use]
    pub fn desired(mut self, desired: Desired) -> Self {
        self.settings.desired = desired;
        self
    }

    /// Sets what the deployment says about approving.
    #[must_use]
    pub fn rules(mut self, rules: ApprovalRules) -> Self {
        self.settings.rules = rules;
        self
    }

    /// Sets the policies.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets how long a sweep may take.
    #[must_use]
    pub const fn sweep_budget(mut self, budget: Duration) -> Self {
        self.settings.sweep_budget = budget;
        self
    }

    /// Sets how many subjects are worked on at the same time.
    #[must_use]
    pub const fn concurrency(mut self, concurrency: usize) -> Self {
        self.settings.concurrency = concurrency;
        self
    }

    /// Makes the world, at [`RECEIVED_AT`], over a tenant that holds nothing.
    #[must_use]
    pub fn build(self) -> TenantWorld {
        let clock = FakeClock::at(time(RECEIVED_AT));
        let journal = Journal::default();
        let faults = Faults::new(journal.clone());
        let (tenant, ledger) = (FakeTenant::new(clock.clone()), FakeTenantLedger::new(LEASE));
        let (audit, notices, meter) = (FakeAuditSink::default(), FakeNoticeSink::default(), FakeTenantMeter::default());
        let policies = FakePolicies::new(self.policy);
        let ports = TenantPorts {
            control: FailOnCall::new(tenant.clone(), faults.clone()),
            ledger: FailOnCall::new(ledger.clone(), faults.clone()),
            audit: FailOnCall::new(audit.clone(), faults.clone()),
            notices: FailOnCall::new(notices.clone(), faults.clone()),
            clock: clock.clone(),
            meter: meter.clone(),
            policies: policies.clone(),
        };
        let guard = TenantGuard { ports, settings: self.settings };
        TenantWorld { clock, tenant, ledger, audit, notices, meter, policies, journal, faults, guard }
    }
}

impl TenantWorld {
    /// Returns a delivery of now.
    pub fn delivery(&self) -> Delivery {
        let received_at = self.clock.now();
        let stopped_at = received_at.checked_add(INVOCATION_LASTS).expect("a test stays within the years that exist");
        Delivery { received_at, count: 1, stopped_at }
    }

    /// Delivers an event to a function once. `None` where the process was killed over it.
    pub fn try_handle(&self, function: Function, event: &Event) -> Option<Vec<Handled>> {
        finish(self.guard.handle(function, event, self.delivery()))
    }

    /// Delivers an event to a function once.
    pub fn handle(&self, function: Function, event: &Event) -> Vec<Handled> {
        self.try_handle(function, event).expect("no call of this test is killed")
    }

    /// Delivers an event about one subject once, and returns the outcome, which must be the end of it.
    pub fn settle(&self, function: Function, event: &Event) -> Record {
        let handled = self.handle(function, event);
        let outcome = handled.first().and_then(settled);
        outcome.expect("the event is answered to the end, for one subject")
    }

    /// Delivers an event as Event Grid does: again and again until it is answered, at most six times.
    pub fn deliver(&self, function: Function, event: &Event) {
        for _ in 0..DELIVERIES {
            let handled = self.try_handle(function, event);
            let is_over = |handled: &Handled| matches!(handled, Handled::Done { .. } | Handled::Duplicate);
            if handled.is_some_and(|all| all.iter().all(is_over)) {
                return;
            }
            self.clock.advance(REDELIVERY);
        }
    }

    /// Sweeps, an hour later. `None` where the process was killed over it.
    pub fn try_sweep(&self, id: &str) -> Option<TenantSweep> {
        self.clock.advance(SignedDuration::from_hours(1));
        let id = EventId::parse(id).expect("the test writes a sweep's id");
        let stopped_at = self.clock.now().checked_add(SignedDuration::from_mins(5)).expect("a test stays within the years that exist");
        finish(self.guard.sweep(&id, stopped_at))
    }

    /// Sweeps, an hour later.
    pub fn sweep(&self, id: &str) -> TenantSweep {
        self.try_sweep(id).expect("no call of this test is killed")
    }

    /// Lets the loop learn what there is, as a deployment does in its first hour; then nobody has called anything yet.
    #[must_use]
    pub fn seen(self) -> Self {
        let discovered = finish(self.tenant.discover()).expect("a fake answers");
        finish(self.ledger.keep_discovery(&discovered)).expect("a fake answers").expect("a fake does not fail");
        let id = EventId::parse("first-sweep").expect("the constant is an id");
        let stopped_at = self.clock.now().checked_add(SignedDuration::from_mins(5)).expect("a test stays within the years that exist");
        finish(self.guard.sweep(&id, stopped_at)).expect("no call is killed before the test begins");
        self.journal.clear();
        self
    }

    /// Returns the changes that were tried, by name.
    pub fn changes_tried(&self) -> Vec<&'static str> {
        let entries = self.journal.entries();
        let changes = entries.iter().filter_map(|entry| entry.call.tenant()?.change()).map(reprieve_core::azure::Change::name);
        changes.collect()
    }

    /// Returns the changes that altered something, by name.
    pub fn altered(&self) -> Vec<&'static str> {
        self.tenant.altered().iter().map(reprieve_core::azure::Change::name).collect()
    }

    /// Returns all outcomes, in the order in which they were written.
    pub fn outcomes(&self) -> Vec<Record> {
        self.audit.records().into_iter().filter(|record| record.phase == Phase::Outcome).collect()
    }

    /// Returns the outcomes about a subject.
    pub fn outcomes_of(&self, subject: &Subject) -> Vec<Record> {
        self.outcomes().into_iter().filter(|record| record.subject.as_ref() == Some(subject)).collect()
    }

    /// Approves outside of the resource.
    pub fn approve(&self, resource: &ResourceId, approval: &reprieve_core::approval::SealedApproval) {
        finish(self.ledger.approve(resource, approval)).expect("a fake answers").expect("a fake does not fail");
    }

    /// Revokes a change.
    pub fn revoke(&self, resource: &ResourceId, change: &str) {
        let revocation = reprieve_core::approval::Revocation {
            change: change.to_owned(),
            by: "carol@example.com".to_owned(),
            at: self.clock.now(),
            reason: None,
        };
        finish(self.ledger.revoke(resource, &revocation)).expect("a fake answers").expect("a fake does not fail");
    }
}

//! A whole world for one test: KMS, ledger, audit store, people, time, and the guard over them.

use std::sync::OnceLock;
use std::time::Duration;

use jiff::SignedDuration;
use reprieve_core::approval::SealedApproval;
use reprieve_core::policy::{SHIPPED_POLICIES, SHIPPED_SCHEMA};
use reprieve_core::{AccountId, ApprovalKeys, ApprovalRules, Domain, Event, EventId, KeyArn, Mode, Policy, Record, Region};
use reprieve_engine::{Clock as _, Delivery, Guard, Handled, Ports, Settings, SweepReport};

use crate::approval::{approval_keys, approval_tags};
use crate::circumstances::{FakeCircumstances, FakePolicies};
use crate::clock::FakeClock;
use crate::event::{ACCOUNT, RECEIVED_AT, REGION, key, remediator_role, time};
use crate::faults::{FailOnCall, Faults};
use crate::finish;
use crate::journal::Journal;
use crate::keys::FakeKeyControl;
use crate::ledger::FakeLedger;
use crate::sinks::{FakeAuditSink, FakeMeter, FakeNoticeSink};

/// How long a claim's holder may be silent.
pub const LEASE: SignedDuration = SignedDuration::from_mins(6);

/// How long a queue keeps a message to itself between two deliveries; longer than the lease, as the queue of the stack is.
pub const REDELIVERY: SignedDuration = SignedDuration::from_mins(7);

/// How often a queue delivers a message before it sets it aside.
pub const DELIVERIES: u32 = 6;

/// The guard over fakes that can be made to fail.
pub type TestGuard = Guard<
    FailOnCall<FakeKeyControl>,
    FailOnCall<FakeLedger>,
    FailOnCall<FakeAuditSink>,
    FailOnCall<FakeNoticeSink>,
    FakeClock,
    FakeMeter,
    FailOnCall<FakeCircumstances>,
    FakePolicies,
>;

/// Everything that a test works with.
#[derive(Debug)]
pub struct World {
    /// The time.
    pub clock: FakeClock,
    /// KMS.
    pub keys: FakeKeyControl,
    /// The ledger.
    pub ledger: FakeLedger,
    /// The audit store.
    pub audit: FakeAuditSink,
    /// The people.
    pub notices: FakeNoticeSink,
    /// The counts.
    pub meter: FakeMeter,
    /// The log of past calls, and the change calendar.
    pub circumstances: FakeCircumstances,
    /// The policies in use.
    pub policies: FakePolicies,
    /// Every port call, in one global order.
    pub journal: Journal,
    /// What fails.
    pub faults: Faults,
    /// The guard.
    pub guard: TestGuard,
}

/// How long an invocation of the tests lasts.
const INVOCATION_LASTS: SignedDuration = SignedDuration::from_mins(15);

/// Returns the shipped policies with their schema, so that every question of a test is checked against it. Parsed once: parsing takes
/// milliseconds, and property tests decide thousands of times.
#[must_use]
pub fn shipped_policy() -> &'static Policy {
    static POLICY: OnceLock<Policy> = OnceLock::new();
    POLICY.get_or_init(|| Policy::parse(SHIPPED_POLICIES, SHIPPED_SCHEMA).expect("the shipped policies are valid"))
}

/// Returns the domain of the tests: one account, one Region, our own role.
#[must_use]
pub fn domain() -> Domain {
    Domain { account: AccountId::parse(ACCOUNT).ok(), region: Region::parse(REGION).ok(), remediator: Some(remediator_role()) }
}

/// Returns what the deployment of the tests says about approving: two approval keys, and nothing else.
#[must_use]
pub fn approval_rules() -> ApprovalRules {
    ApprovalRules { keys: approval_keys(), ..ApprovalRules::default() }
}

/// A world that is being built.
#[derive(Debug)]
pub struct GuardBuilder {
    settings: Settings,
    policy: Policy,
}

/// Returns a world with one enabled key.
///
/// # Panics
/// Never: the key's id is well formed.
#[must_use]
pub fn world_with_key() -> (World, KeyArn) {
    let world = guard().build();
    let key = key("1234abcd-12ab-34cd-56ef-1234567890ab");
    world.keys.create(&key);
    (world, key)
}

/// Begins a guard that enforces, in the tests' account and Region, with the shipped policies.
#[must_use]
pub fn guard() -> GuardBuilder {
    GuardBuilder {
        settings: Settings {
            mode: Mode::Enforce,
            domain: domain(),
            rules: approval_rules(),
            owner_tag: "owner".to_owned(),
            patience: Duration::from_secs(2),
            concurrency: 4,
            sweep_budget: Duration::from_mins(4),
        },
        policy: shipped_policy().clone(),
    }
}

impl GuardBuilder {
    /// Sets the mode.
    #[must_use]
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.settings.mode = mode;
        self
    }

    /// Sets the domain.
    #[must_use]
    pub fn domain(mut self, domain: Domain) -> Self {
        self.settings.domain = domain;
        self
    }

    /// Sets the policies.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets the keys that seal approvals.
    #[must_use]
    pub fn approval_keys(mut self, keys: ApprovalKeys) -> Self {
        self.settings.rules.keys = keys;
        self
    }

    /// Sets what the deployment says about approving.
    #[must_use]
    pub fn rules(mut self, rules: ApprovalRules) -> Self {
        self.settings.rules = rules;
        self
    }

    /// Sets how long one step is tried again.
    #[must_use]
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.settings.patience = patience;
        self
    }

    /// Sets how long a sweep may take.
    #[must_use]
    pub const fn sweep_budget(mut self, budget: Duration) -> Self {
        self.settings.sweep_budget = budget;
        self
    }

    /// Sets how many keys are worked on at the same time.
    #[must_use]
    pub const fn concurrency(mut self, concurrency: usize) -> Self {
        self.settings.concurrency = concurrency;
        self
    }

    /// Makes the world, at [`RECEIVED_AT`] and without keys.
    #[must_use]
    pub fn build(self) -> World {
        let clock = FakeClock::at(time(RECEIVED_AT));
        let journal = Journal::default();
        let faults = Faults::new(journal.clone());
        let keys = FakeKeyControl::new(clock.clone());
        let ledger = FakeLedger::new(LEASE);
        let (audit, notices, meter) = (FakeAuditSink::default(), FakeNoticeSink::default(), FakeMeter::default());
        let (circumstances, policies) = (FakeCircumstances::new(clock.clone()), FakePolicies::new(self.policy));
        let ports = Ports {
            keys: FailOnCall::new(keys.clone(), faults.clone()),
            ledger: FailOnCall::new(ledger.clone(), faults.clone()),
            audit: FailOnCall::new(audit.clone(), faults.clone()),
            notices: FailOnCall::new(notices.clone(), faults.clone()),
            clock: clock.clone(),
            meter: meter.clone(),
            circumstances: FailOnCall::new(circumstances.clone(), faults.clone()),
            policies: policies.clone(),
        };
        let guard = Guard { ports, settings: self.settings };
        World { clock, keys, ledger, audit, notices, meter, circumstances, policies, journal, faults, guard }
    }
}

impl World {
    /// Returns a delivery of now, in an invocation that has time enough.
    fn delivery(&self, count: u32) -> Delivery {
        let received_at = self.clock.now();
        Delivery {
            received_at,
            count,
            stopped_at: received_at.checked_add(INVOCATION_LASTS).expect("a test stays within the years that exist"),
        }
    }

    /// Delivers an event once. `None` where the process was killed over it.
    pub fn try_handle(&self, event: &Event, count: u32) -> Option<Handled> {
        let delivery = self.delivery(count);
        finish(self.guard.handle(event, delivery))
    }

    /// Delivers an event once.
    pub fn handle(&self, event: &Event) -> Handled {
        self.try_handle(event, 1).expect("no call of this test is killed")
    }

    /// Delivers an event once and returns the outcome, which must be the end of it.
    pub fn settle(&self, event: &Event) -> Record {
        let handled = self.handle(event);
        settled(&handled).unwrap_or_else(|| unsettled(&handled))
    }

    /// Delivers an event as a queue does: again and again until it is answered, at most [`DELIVERIES`] times.
    ///
    /// Returns every answer; `None` stands for a process that was killed.
    pub fn deliver(&self, event: &Event) -> Vec<Option<Handled>> {
        let mut answers = Vec::new();
        for count in 1..=DELIVERIES {
            let handled = self.try_handle(event, count);
            let over = matches!(handled, Some(Handled::Done { .. } | Handled::Duplicate));
            answers.push(handled);
            if over {
                break;
            }
            self.clock.advance(REDELIVERY);
        }
        answers
    }

    /// Delivers a batch once.
    pub fn handle_batch(&self, events: &[Event]) -> Vec<Handled> {
        let batch: Vec<(Event, Delivery)> = events.iter().map(|event| (event.clone(), self.delivery(1))).collect();
        finish(self.guard.handle_batch(&batch)).expect("no call of this test is killed")
    }

    /// Sweeps.
    pub fn sweep(&self, id: &str) -> SweepReport {
        let id = EventId::parse(id).expect("the test writes a sweep's id");
        finish(self.guard.sweep(&id)).expect("no call of this test is killed").expect("the keys can be listed")
    }

    /// Writes an approval on a key.
    pub fn tag_approval(&self, key: &KeyArn, approval: &SealedApproval) {
        self.keys.tag(key, approval_tags(approval)).expect("an approval is written before the deletion is scheduled");
    }

    /// Returns the steps of an outcome and how they ended, in short, for assertions.
    #[must_use]
    pub fn steps(record: &Record) -> Vec<(&'static str, &reprieve_core::StepResult)> {
        record.steps.iter().map(|step| (step.step.name(), &step.result)).collect()
    }
}

/// Returns the outcome of an event that was answered to the end.
#[must_use]
pub fn settled(handled: &Handled) -> Option<Record> {
    match handled {
        Handled::Done { record, .. } => Some(record.as_ref().clone()),
        Handled::Duplicate | Handled::Retry { .. } => None,
    }
}

#[expect(clippy::panic, reason = "a test that goes another way must stop, and say which")]
fn unsettled(handled: &Handled) -> Record {
    panic!("the event was not answered to the end: {handled:?}")
}

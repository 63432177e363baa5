//! The loop for Azure: observe, plan, decide, write down what is intended, change, look again, record, tell.
//!
//! Level-triggered: an event and the sweep end in the same look at one subject. Promises kept here: nothing is changed before its
//! intent is in the audit store; what is changed is the plan that was recorded; a change that builds on one that failed is not tried,
//! all others are; a subject that is as it must be is not written to; a repeated delivery does what is missing and no more; what people
//! could not be told is told by whoever looks next.

pub mod port;
mod posture;
mod remember;
pub mod sweep;
mod tell;

use std::time::Duration;

use futures_util::{StreamExt as _, join, stream};
use jiff::Timestamp;
use reprieve_core::azure::decide::{Blame, Situation, decide, is_purged, triage};
use reprieve_core::azure::event::{Reach, gives_back, reach};
use reprieve_core::azure::memory::Case;
use reprieve_core::azure::{AzurePlan, Change, Desired, Discovery, Function, Memory, Subject, World, plan};
use reprieve_core::record::elapsed_ms;
use reprieve_core::{
    ApprovalRules, Decision, Event, EventForm, EventId, KeyNames, Mode, Phase, Plan, Record, Severity, Status, Step, StepOutcome, Why,
};

pub use self::port::{TenantControl, TenantLedger, TenantMeter};
pub use self::sweep::TenantSweep;
use crate::act::{Kind, Persistence, answered_by, make_changes, not_carried_out};
use crate::digest::digest_of;
use crate::guard::{ATTEMPT_WORTH_TELLING, Delivery, Handled};
use crate::port::{AuditSink, CallError, Claim, Clock, Intent, NoticeSink, PolicySource};

/// The pause before a change is tried again; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The pauses before a look that contradicts a fresh event, or what was just changed, is repeated: Azure is eventually consistent.
const LOOK_AGAIN_AFTER: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];

/// The capabilities that the loop works with.
#[derive(Debug, Clone)]
pub struct TenantPorts<T, L, A, N, C, M, P> {
    /// The tenant.
    pub control: T,
    /// The memory.
    pub ledger: L,
    /// The evidence.
    pub audit: A,
    /// The people.
    pub notices: N,
    /// The time.
    pub clock: C,
    /// The counts.
    pub meter: M,
    /// The policies.
    pub policies: P,
}

/// What the loop is told at start.
#[derive(Debug)]
pub struct TenantSettings {
    /// Whether plans are carried out.
    pub mode: Mode,
    /// What is asked for.
    pub desired: Desired,
    /// What the deployment says about approving.
    pub rules: ApprovalRules,
    /// The object id of our own identity.
    pub own_principal: Option<String>,
    /// How long one change is tried again before it is left to the next delivery.
    pub patience: Duration,
    /// How many subjects are worked on at the same time.
    pub concurrency: usize,
    /// How long a sweep may take before it leaves the rest to the next.
    pub sweep_budget: Duration,
}

/// The guard of a tenant: the loop with its capabilities and settings.
#[derive(Debug)]
pub struct TenantGuard<T, L, A, N, C, M, P> {
    /// The capabilities.
    pub ports: TenantPorts<T, L, A, N, C, M, P>,
    /// The settings.
    pub settings: TenantSettings,
}

/// What a look at a subject came to.
struct Look {
    world: World,
    memory: Memory,
    /// When it ended.
    at: Timestamp,
    /// Whether the ledger said what it remembers. Where it did not, nothing is learned, and no case is closed.
    recalled: bool,
    plan: AzurePlan,
}

impl Look {
    /// Says whether nothing is left to be changed, as far as anybody can tell who knows what is owed.
    const fn is_mended(&self) -> bool {
        self.recalled && self.plan.changes.is_empty()
    }
}

/// What is being worked on.
struct Work<'a> {
    subject: &'a Subject,
    /// The event, under an id of its own for this subject.
    event: Event,
    /// A sweep led here: nobody delivers it again, and only news of it is recorded.
    is_sweep: bool,
    /// What was found is the doing of the open case's event, which is judged in place of this one.
    is_of_case: bool,
    /// Whose doing it is, as the open case tells. `None` where there is none, or nothing was found.
    blamed: Option<Blame>,
    delivery: Delivery,
    /// What there is to keep, as far as it is known.
    known: &'a Discovery,
    attempt: u32,
    /// The ledger counted the attempt; see `Record::claimed`.
    claimed: bool,
}

impl Work<'_> {
    /// Returns the open case where its event is judged.
    fn case<'a>(&self, memory: &'a Memory) -> Option<&'a Case> {
        memory.case.as_ref().filter(|_| self.is_of_case)
    }
}

impl<T: TenantControl, L: TenantLedger, A: AuditSink, N: NoticeSink, C: Clock, M: TenantMeter, P: PolicySource>
    TenantGuard<T, L, A, N, C, M, P>
{
    /// Works on one event, for one function. One event can ask to look at several subjects: returns one answer for each, and none
    /// where the event is about nothing that the function answers for.
    pub async fn handle(&self, function: Function, event: &Event, delivery: Delivery) -> Vec<Handled> {
        let reach = reach(event, function);
        if reach == Reach::Nothing {
            return Vec::new();
        }
        // What is to be recovered shows by itself, and is not made to wait for what else there is.
        let known = match &reach {
            Reach::One(subject) if shows_by_itself(subject) => Ok(Discovery::default()),
            Reach::One(_) | Reach::All | Reach::Nothing => self.ports.ledger.discovery().await,
        };
        let known = match known {
            Ok(known) => known,
            Err(error) => {
                let reason = format!("what there is to keep could not be read: {error}");
                return vec![Handled::Retry { reason, record: None, told: false }];
            }
        };
        let subjects: Vec<Subject> = match reach {
            Reach::Nothing => Vec::new(),
            Reach::One(subject) => vec![subject],
            Reach::All => known.of(function).cloned().collect(),
        };
        let known = &known;
        let answers = stream::iter(subjects).map(|subject| async move { self.answer(&subject, event, delivery, known).await });
        answers.buffered(self.settings.concurrency.max(1)).collect().await
    }

    /// Works on one subject, after an event.
    pub(crate) async fn answer(&self, subject: &Subject, event: &Event, delivery: Delivery, known: &Discovery) -> Handled {
        let event_of_subject = Event { id: id_for(event, subject), ..event.clone() };
        let is_sweep = event.form == EventForm::Sweep;
        let (is_of_case, blamed, attempt, claimed) = (false, None, delivery.count, false);
        let mut work = Work { subject, event: event_of_subject, is_sweep, is_of_case, blamed, delivery, known, attempt, claimed };
        if let Some(decision) = triage(event, subject, &self.settings.desired) {
            return self.conclude(&work, &Memory::empty(), None, decision, Vec::new(), Plan::default()).await;
        }
        let look = match self.look(&work).await {
            Ok(look) => look,
            Err(error) => {
                return Handled::Retry { reason: format!("{subject} could not be looked at: {error}"), record: None, told: false };
            }
        };
        self.attribute(&mut work, &look).await;
        if let Some(decision) = self.own_answer(&work, &look) {
            return self.conclude(&work, &Memory::empty(), None, decision, Vec::new(), Plan::default()).await;
        }
        let decision = self.judge(&mut work, &look).await;
        if let (Some(case), Decision::Remedy { .. } | Decision::Escalate { .. }) = (work.case(&look.memory), &decision) {
            // Whoever came by has not done it.
            work.event = sweep::found_out(&work.event.id, case.event.clone());
        }
        let considering = look.plan.steps();
        let remedies = matches!(decision, Decision::Remedy { .. });
        if !remedies || self.settings.mode == Mode::Observe {
            let steps = decision.plan().map(not_carried_out).unwrap_or_default();
            return self.conclude(&work, &look.memory, Some(&look), decision, steps, considering).await;
        }
        match self.claim(&work, &considering).await {
            Ok(Claim::Granted { attempt }) => (work.attempt, work.claimed) = (attempt, true),
            Ok(Claim::Settled) => return self.repeat(&work, &look.memory).await,
            Ok(Claim::Held) => {
                return Handled::Retry { reason: format!("somebody else works on {subject} just now"), record: None, told: false };
            }
            // The audit store alone must hold the intent: without a ledger, the delivery's own count tells attempts apart.
            Err(error) => tracing::warn!(%error, "the ledger could not be claimed"),
        }
        if let Err(error) =
            self.ports.audit.append(&self.record(&work, Phase::Intent, None, &considering, Vec::new(), Status::Pending)).await
        {
            // Nothing is being done, so the next delivery need not wait for the lease to end. Where this fails, it does.
            if let Err(unfinished) = self.ports.ledger.finish(&work.event.id, Status::Pending, false, self.ports.clock.now()).await {
                tracing::warn!(error = %unfinished, "the claim could not be given back");
            }
            let reason = format!("the intent could not be written down, so nothing was changed: {error}");
            return Handled::Retry { reason, record: None, told: false };
        }
        let opened = self.remember_opened(&work, &look).await;
        let steps = self.carry_out(&look.plan.changes, work.delivery.act_until()).await;
        let mut handled = self.conclude(&work, &look.memory, Some(&look), decision, steps, considering).await;
        if let (Handled::Done { complaints, .. }, Err(complaint)) = (&mut handled, opened) {
            complaints.push(complaint);
        }
        handled
    }

    /// Looks at the subject; again where the look contradicts a fresh event: ARM tells of a deletion before every replica knows. What is
    /// found gone for good may only not be listed yet among what was deleted.
    async fn look(&self, work: &Work<'_>) -> Result<Look, CallError> {
        let mut look = self.look_once(work).await?;
        if work.event.form == EventForm::Sweep || !removes(&work.event) {
            return Ok(look);
        }
        for pause in LOOK_AGAIN_AFTER {
            let is_believed = !look.plan.is_whole() && !is_purged(&look.world);
            if is_believed || self.ports.clock.now() >= work.delivery.act_until() {
                break;
            }
            self.ports.clock.sleep(pause).await;
            look = self.look_once(work).await?;
        }
        Ok(look)
    }

    async fn look_once(&self, work: &Work<'_>) -> Result<Look, CallError> {
        let subject = work.subject;
        let (world, memory) = join!(self.ports.control.observe(subject, work.known), self.ports.ledger.recall(subject));
        let recalled = memory.is_ok();
        let memory = memory.unwrap_or_else(|error| Memory::unreadable(&error.to_string()));
        let world = world?;
        let plan = plan(subject, &world, &memory, &self.settings.desired);
        Ok(Look { world, memory, at: self.ports.clock.now(), recalled, plan })
    }

    /// Returns what is decided of our own write where the subject's case is open: it is a part of the answer that somebody is giving just
    /// now, and what is still missing is theirs to do, or the sweep's.
    fn own_answer(&self, work: &Work<'_>, look: &Look) -> Option<Decision> {
        let event = &work.event;
        let is_own_write = event.form != EventForm::Sweep && self.only_gives_back(event);
        let is_answer = is_own_write && look.memory.case.as_ref().is_some_and(|case| !case.stands);
        let sentence = || format!("`{}` is Reprieve's own, and belongs to its answer to what was done to {}.", event.name, work.subject);
        is_answer.then(|| Decision::Stand { why: Why::new(Severity::Informational, sentence()) })
    }

    /// Says whether the call was made under our own identity.
    fn is_own(&self, event: &Event) -> bool {
        let caller = event.actor.object_id.as_deref().zip(self.settings.own_principal.as_deref());
        caller.is_some_and(|(caller, own)| caller.eq_ignore_ascii_case(own))
    }

    /// Says whether the call is a write of our own: it takes nothing away, and explains nothing that is found.
    fn only_gives_back(&self, event: &Event) -> bool {
        self.is_own(event) && gives_back(event)
    }

    /// Decides; again where the event is covered, and cannot have done all that is found: nothing of the rest is covered with it.
    async fn judge(&self, work: &mut Work<'_>, look: &Look) -> Decision {
        let decision = self.decide(work, look).await;
        let is_covered = matches!(&decision, Decision::Stand { why } if why.permitted);
        if is_covered && self.attribute_rest(work, look).await { self.decide(work, look).await } else { decision }
    }

    async fn decide(&self, work: &Work<'_>, look: &Look) -> Decision {
        let policy = self.ports.policies.current().await;
        if let Some(reason) = policy.closed_reason() {
            tracing::error!(%reason, "the policies cannot be used, so nothing is approved");
            self.ports.meter.policy_unusable(self.ports.clock.now());
        }
        let situation = Situation {
            world: &look.world,
            memory: &look.memory,
            policy: &policy,
            rules: &self.settings.rules,
            desired: &self.settings.desired,
            own_principal: self.settings.own_principal.as_deref(),
            now: self.ports.clock.now(),
        };
        let judged = work.case(&look.memory).map_or(&work.event, |case| &case.event);
        decide(judged, work.subject, &look.plan, &situation)
    }

    async fn claim(&self, work: &Work<'_>, considering: &Plan) -> Result<Claim, CallError> {
        let intent = Intent { event_id: work.event.id.clone(), key: None, considering: considering.clone(), at: self.ports.clock.now() };
        self.ports.ledger.claim(&intent).await
    }

    async fn carry_out(&self, changes: &[Change], until: Timestamp) -> Vec<StepOutcome> {
        let kind = Kind { builds_on: Change::builds_on, step: Step::Azure };
        let persistence = Persistence { patience: self.settings.patience, first_pause: FIRST_PAUSE, until };
        make_changes(changes, kind, persistence, &self.ports.clock, |change| self.ports.control.apply(change)).await
    }

    /// Looks at what the changes came to. `None` where there was no time left to look, or the look failed.
    async fn look_again(&self, work: &Work<'_>, until: Timestamp) -> Option<Look> {
        let clock = &self.ports.clock;
        let mut look = answered_by(until, clock, self.look_once(work)).await?.ok()?;
        for pause in LOOK_AGAIN_AFTER {
            if look.is_mended() {
                break;
            }
            clock.sleep(pause).await;
            look = answered_by(until, clock, self.look_once(work)).await?.ok()?;
        }
        Some(look)
    }

    /// Verifies, records, tells, and remembers.
    async fn conclude(
        &self,
        work: &Work<'_>,
        memory: &Memory,
        look: Option<&Look>,
        mut decision: Decision,
        steps: Vec<StepOutcome>,
        considering: Plan,
    ) -> Handled {
        let until = work.delivery.act_until();
        let carried_out = matches!(decision, Decision::Remedy { .. }) && self.settings.mode == Mode::Enforce;
        let status = status_of(&decision, &steps, self.settings.mode);
        let after = if carried_out && status == Status::Success { self.look_again(work, until).await } else { None };
        let is_sweep = work.event.form == EventForm::Sweep;
        let left = after.as_ref().map(|after| after.plan.steps()).filter(|left| !left.steps.is_empty());
        // What came back can show more that is wrong with it: a recovered key is disabled. The next delivery goes on.
        let goes_on = !work.is_sweep && left.as_ref().is_some_and(|left| !left.is_within(&considering));
        if let (Some(left), false, Decision::Remedy { why, .. }) = (&left, goes_on, &mut decision) {
            why.escalations.push(format!("every call succeeded, and a second look still finds this to do: {left}"));
        }
        let mended_at = after.as_ref().filter(|after| after.is_mended()).map(|_| self.ports.clock.now());
        let is_open = carried_out && (goes_on || Status::is_open(&steps));
        let is_news = remember::silence_what_was_told(&mut decision, memory, work, status);
        // Of an answer that is still open, a delivery that follows soon tells better.
        let is_told = is_news && (!is_open || is_sweep || work.attempt >= ATTEMPT_WORTH_TELLING);
        let mut record = self.record(work, Phase::Outcome, Some(decision), &considering, steps, status);
        record.remediate_ms = mended_at.filter(|_| !is_sweep).and_then(|at| Some(elapsed_ms(record.event.time?, at)));
        // Each event has its record, whoever it turned out to be that did what it found.
        let is_recorded = !work.is_sweep || is_news || carried_out;
        let (kept, told) =
            join!(async { if is_recorded { self.ports.audit.append(&record).await } else { Ok(()) } }, self.tell(&record, is_told, memory));
        let is_all_told = told.owed.is_empty() && (is_told || !is_news);
        let seen = after.as_ref().or(look);
        if let Err(error) = kept {
            // Whoever looks next finds as it must be what was mended, and knows nothing else to tell.
            let noted = if status == Status::Success && !told.owed.is_empty() {
                self.remember(work, memory, seen, &record, &told).await
            } else {
                self.remember_told_late(work, memory, look.filter(|_| carried_out), &told).await
            };
            if let Err(complaint) = noted {
                tracing::warn!(complaint, "what people are owed could not be kept");
            }
            let reason = format!("the outcome could not be written down: {error}");
            return Handled::Retry { reason, record: Some(Box::new(record)), told: is_all_told };
        }
        if is_recorded {
            self.ports.meter.outcome(&record);
        }
        let mut complaints: Vec<String> = told.complaint.iter().cloned().collect();
        complaints.extend(self.remember(work, memory, seen, &record, &told).await.err());
        if carried_out {
            let finished = self.ports.ledger.finish(&record.event.id, status, !is_open, self.ports.clock.now()).await;
            complaints.extend(finished.err().map(|error| error.to_string()));
        }
        if is_open {
            let reason = if goes_on { "what was given back shows more to be done" } else { "a change failed for now" };
            return Handled::Retry { reason: reason.to_owned(), record: Some(Box::new(record)), told: is_all_told };
        }
        if told.calls_back(work) {
            return Handled::Retry { reason: complaints.join("; "), record: Some(Box::new(record)), told: false };
        }
        Handled::Done { record: Box::new(record), complaints }
    }

    fn record(
        &self,
        work: &Work<'_>,
        phase: Phase,
        decision: Option<Decision>,
        considering: &Plan,
        steps: Vec<StepOutcome>,
        status: Status,
    ) -> Record {
        let is_event = work.event.form != EventForm::Sweep;
        Record {
            phase,
            attempt: work.attempt,
            claimed: work.claimed,
            recorded_at: self.ports.clock.now(),
            received_at: work.delivery.received_at,
            mode: self.settings.mode,
            event: work.event.clone(),
            threat: None,
            subject: Some(work.subject.clone()),
            considering: considering.clone(),
            decision,
            steps,
            status,
            state_after: None,
            detect_ms: work.event.time.filter(|_| is_event).map(|time| elapsed_ms(time, work.delivery.received_at)),
            remediate_ms: None,
            names: KeyNames::default(),
        }
    }
}

fn status_of(decision: &Decision, steps: &[StepOutcome], mode: Mode) -> Status {
    match decision {
        Decision::Stand { .. } => Status::NothingToDo,
        Decision::Escalate { .. } => Status::Escalated,
        Decision::Remedy { .. } if mode == Mode::Observe => Status::Observed,
        Decision::Remedy { .. } => Status::of_steps(steps),
    }
}

/// Says whether a look at the subject shows what is to be done about it, whatever else there is in the tenant.
const fn shows_by_itself(subject: &Subject) -> bool {
    match subject {
        Subject::Vault(_) | Subject::VaultObject(_) | Subject::RotationPolicy(_) | Subject::VaultLogging(_) => true,
        Subject::VaultProtection(_)
        | Subject::StorageProtection(_)
        | Subject::LogEncryption(_)
        | Subject::AuditContainer(_)
        | Subject::DatabaseAuditing(_)
        | Subject::Alerts(_) => false,
    }
}

/// Says whether the event tells that something was taken away: a look that finds it there may come too early.
fn removes(event: &Event) -> bool {
    let name = event.name.to_ascii_lowercase();
    name.ends_with("/delete") || name.ends_with("delete")
}

/// Returns the id under which a subject's part of an event is worked on and recorded. One event can concern several subjects, and
/// several functions hear of one event.
fn id_for(event: &Event, subject: &Subject) -> EventId {
    EventId::parse(&format!("{}.{:016x}", event.id, digest_of(&subject.key()))).unwrap_or_else(|_| event.id.clone())
}

//! The loop for the monitoring: observe, plan, write down what is intended, change, look again, record, tell.
//!
//! Level-triggered: an event, a deployment and the daily check all end in the same look at what is there, so a lost event costs time
//! and nothing else. Promises kept here: nothing is changed before the intent is in the audit store; what is changed is the plan that
//! was recorded; a change that builds on one that failed is not tried, all others are.

use std::future::Future;
use std::time::Duration;

use futures_util::join;
use jiff::Timestamp;
use reprieve_core::monitoring::event::{Bearing, bearing, own};
use reprieve_core::monitoring::{Change, Desired, MonitoringPlan, World, decide, plan};
use reprieve_core::notice::Notice;
use reprieve_core::record::elapsed_ms;
use reprieve_core::{Decision, Event, EventForm, EventId, KeyNames, Mode, Phase, Plan, Record, RoleArn, Status, Step, StepOutcome, Target};

use crate::act::{Kind, Persistence, answered_by, make_changes, not_carried_out};
use crate::guard::{Delivery, Handled};
use crate::port::{AuditSink, CallError, Clock, NoticeSink};

/// The pause before a change is tried again; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The pauses before a second look that contradicts what was just changed is repeated: the services are eventually consistent.
const LOOK_AGAIN_AFTER: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];

/// Looks at the monitoring, and changes it. It has no way to delete, stop or narrow anything.
pub trait MonitoringControl: Sync {
    /// Looks at everything that a plan needs. What cannot be read says so in the answer.
    fn observe(&self, desired: &Desired) -> impl Future<Output = World> + Send;
    /// Makes one change. Making it again changes nothing.
    fn apply(&self, change: &Change) -> impl Future<Output = Result<(), CallError>> + Send;
}

/// Counts what became of the monitoring.
pub trait MonitoringMeter: Sync {
    /// Notes what became of a look: the record, and the plan of the last look, which says how the controls stand now.
    fn provisioned(&self, record: &Record, plan: &MonitoringPlan);
}

/// The capabilities that the loop works with.
#[derive(Debug, Clone)]
pub struct MonitoringPorts<W, A, N, C, M> {
    /// The monitoring.
    pub control: W,
    /// The evidence.
    pub audit: A,
    /// The people.
    pub notices: N,
    /// The time.
    pub clock: C,
    /// The counts.
    pub meter: M,
}

/// What the loop is told at start.
#[derive(Debug)]
pub struct MonitoringSettings {
    /// Whether plans are carried out.
    pub mode: Mode,
    /// What is asked for.
    pub desired: Desired,
    /// Our own role: its acts are not answered.
    pub own_role: Option<RoleArn>,
    /// How long one change is tried again.
    pub patience: Duration,
}

/// Why the monitoring is looked at without an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// The stack is created or updated.
    Deployment,
    /// The schedule.
    DailyCheck,
}

impl Occasion {
    /// Returns the name under which it is recorded.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::DailyCheck => "DailyCheck",
        }
    }
}

/// What a look came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provisioned {
    /// The plan that was made, and carried out where the mode is `enforce`.
    pub plan: MonitoringPlan,
    /// The outcome.
    pub record: Record,
    /// What went wrong beside it: a notice that could not be sent. Whoever asked says what that is worth: an event comes again.
    pub complaints: Vec<String>,
}

/// The loop with its capabilities and settings.
#[derive(Debug)]
pub struct Provisioner<W, A, N, C, M> {
    /// The capabilities.
    pub ports: MonitoringPorts<W, A, N, C, M>,
    /// The settings.
    pub settings: MonitoringSettings,
}

impl<W: MonitoringControl, A: AuditSink, N: NoticeSink, C: Clock, M: MonitoringMeter> Provisioner<W, A, N, C, M> {
    /// Looks, and says what would be changed. Nothing is changed or recorded.
    pub async fn look(&self) -> MonitoringPlan {
        plan(&self.settings.desired, &self.ports.control.observe(&self.settings.desired).await)
    }

    /// Provisions without an event: at deployment, and daily.
    ///
    /// # Errors
    /// When the intent or the outcome cannot be written down; without the intent nothing was changed.
    pub async fn provision(&self, occasion: Occasion, id: EventId, stopped_at: Timestamp) -> Result<Provisioned, CallError> {
        let now = self.ports.clock.now();
        let place = &self.settings.desired.place;
        let target = Target::Named(format!("monitoring of account {} in {}", place.account, place.region));
        let event = own(id, occasion.name(), now, (&place.account, &place.region), target);
        self.answer(&event, &[], Delivery { received_at: now, count: 1, stopped_at }, Bearing::None, self.look().await).await
    }

    /// Answers a batch of events with one look: whatever they changed, what is there now decides. Where people could not be told, all that
    /// the look answers come again: its notice names every caller.
    ///
    /// Returns one answer for each event, in the order given.
    pub async fn handle_batch(&self, batch: &[(Event, Delivery)]) -> Vec<Handled> {
        let drifts: Vec<usize> =
            (0..batch.len()).filter(|index| batch.get(*index).is_some_and(|(event, _)| self.is_drift(event))).collect();
        let plan = if drifts.is_empty() { MonitoringPlan::default() } else { self.look().await };
        let meant = |index: &usize| {
            let (event, delivery) = batch.get(*index)?;
            Some((*index, event, decide::bearing_of(event, delivery.count, &plan)))
        };
        let lead = decide::lead(drifts.iter().filter_map(meant), &plan);
        let mut first_answer = None;
        if let Some(index) = lead
            && let Some((event, delivery)) = batch.get(index)
        {
            let others: Vec<&Event> =
                drifts.iter().filter(|other| **other != index).filter_map(|other| Some(&batch.get(*other)?.0)).collect();
            first_answer = Some(self.answer_all(event, &others, *delivery, &plan).await);
        }
        let untold = first_answer.as_ref().and_then(why_untold);
        let mut answers = Vec::with_capacity(batch.len());
        for (index, (event, delivery)) in batch.iter().enumerate() {
            if lead == Some(index) {
                answers.extend(first_answer.take());
                continue;
            }
            let lead = lead.and_then(|lead| Some(&batch.get(lead)?.0)).filter(|_| drifts.contains(&index));
            let stood = self.stand(event, *delivery, decide::beside(event, lead, self.is_own(event))).await;
            answers.push(match (stood, &untold) {
                (Handled::Done { record, .. }, Some(reason)) if lead.is_some() => {
                    Handled::Retry { reason: reason.clone(), record: Some(record), told: false }
                }
                (stood, _) => stood,
            });
        }
        answers
    }

    /// Answers an event, and all others that came with it and may have changed the monitoring.
    async fn answer_all(&self, event: &Event, others: &[&Event], delivery: Delivery, plan: &MonitoringPlan) -> Handled {
        let bearing = decide::bearing_of(event, delivery.count, plan);
        let Provisioned { record, complaints, .. } = match self.answer(event, others, delivery, bearing, plan.clone()).await {
            Ok(done) => done,
            Err(error) => return Handled::Retry { reason: format!("it could not be written down: {error}"), record: None, told: false },
        };
        let (record, told) = (Box::new(record), complaints.is_empty());
        match (Status::is_open(&record.steps), told) {
            (false, true) => Handled::Done { record, complaints },
            (true, true) => Handled::Retry { reason: "a change failed for now".to_owned(), record: Some(record), told },
            (_, false) => {
                let reason = format!("not everybody could be told: {}", complaints.join("; "));
                Handled::Retry { reason, record: Some(record), told }
            }
        }
    }

    fn is_own(&self, event: &Event) -> bool {
        self.settings.own_role.as_ref().is_some_and(|role| event.actor.is_role(role))
    }

    fn is_drift(&self, event: &Event) -> bool {
        !self.is_own(event) && matches!(bearing(event), Bearing::Changed | Bearing::Blinded)
    }

    async fn stand(&self, event: &Event, delivery: Delivery, decision: Decision) -> Handled {
        let record = self.record(event, delivery, Phase::Outcome, Some(decision), Plan::default(), Vec::new(), Status::NothingToDo);
        match self.ports.audit.append(&record).await {
            Ok(()) => Handled::Done { record: Box::new(record), complaints: Vec::new() },
            Err(error) => Handled::Retry { reason: error.to_string(), record: Some(Box::new(record)), told: true },
        }
    }

    /// Carries out a plan in answer to an event, `others` being answered by it too.
    async fn answer(
        &self,
        event: &Event,
        others: &[&Event],
        delivery: Delivery,
        bearing: Bearing,
        plan: MonitoringPlan,
    ) -> Result<Provisioned, CallError> {
        let MonitoringPorts { audit, notices, meter, .. } = &self.ports;
        let considering = plan.remedy();
        let mut decision = decide::decide(event, others, bearing, &plan);
        let (steps, status) = match &decision {
            Decision::Stand { .. } => (Vec::new(), Status::NothingToDo),
            Decision::Escalate { .. } => (Vec::new(), Status::Escalated),
            Decision::Remedy { plan: remedy, .. } if self.settings.mode == Mode::Observe => (not_carried_out(remedy), Status::Observed),
            Decision::Remedy { .. } => {
                let intent = self.record(event, delivery, Phase::Intent, None, considering.clone(), Vec::new(), Status::Pending);
                audit.append(&intent).await?;
                let steps = self.carry_out(&plan.changes, delivery.act_until()).await;
                let status = Status::of_steps(&steps);
                (steps, status)
            }
        };
        let left = if status == Status::Success { self.look_again(delivery.act_until()).await } else { None };
        let mended_at = left.as_ref().filter(|left| left.changes.is_empty()).map(|_| self.ports.clock.now());
        if let (Some(left), Decision::Remedy { why, .. }) = (left.as_ref().filter(|left| !left.changes.is_empty()), &mut decision) {
            let still = left.changes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            why.escalations.push(format!("{}: {still}", decide::STILL_TO_DO));
        }
        let mut record = self.record(event, delivery, Phase::Outcome, Some(decision), considering, steps, status);
        record.remediate_ms = mended_at.filter(|_| event.form != EventForm::Sweep).and_then(|at| Some(elapsed_ms(event.time?, at)));
        let notice = Notice::of(&record);
        let (kept, told) = join!(audit.append(&record), async {
            match &notice {
                Some(notice) => notices.tell(notice, &record).await,
                None => Ok(()),
            }
        });
        meter.provisioned(&record, left.as_ref().unwrap_or(&plan));
        kept?;
        Ok(Provisioned { plan, record, complaints: told.err().map(|error| error.to_string()).into_iter().collect() })
    }

    async fn carry_out(&self, changes: &[Change], until: Timestamp) -> Vec<StepOutcome> {
        let kind = Kind { builds_on: Change::builds_on, step: Step::Monitoring };
        let persistence = Persistence { patience: self.settings.patience, first_pause: FIRST_PAUSE, until };
        make_changes(changes, kind, persistence, &self.ports.clock, |change| self.ports.control.apply(change)).await
    }

    /// Looks at what the changes came to. `None` where there was no time left to look.
    async fn look_again(&self, until: Timestamp) -> Option<MonitoringPlan> {
        let clock = &self.ports.clock;
        let mut left = answered_by(until, clock, self.look()).await?;
        for pause in LOOK_AGAIN_AFTER {
            if left.changes.is_empty() {
                break;
            }
            clock.sleep(pause).await;
            left = answered_by(until, clock, self.look()).await?;
        }
        Some(left)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a record, each of another type")]
    fn record(
        &self,
        event: &Event,
        delivery: Delivery,
        phase: Phase,
        decision: Option<Decision>,
        considering: Plan,
        steps: Vec<StepOutcome>,
        status: Status,
    ) -> Record {
        let is_event = event.form != EventForm::Sweep;
        Record {
            phase,
            attempt: delivery.count,
            claimed: true,
            recorded_at: self.ports.clock.now(),
            received_at: delivery.received_at,
            mode: self.settings.mode,
            event: event.clone(),
            threat: None,
            subject: None,
            considering,
            decision,
            steps,
            status,
            state_after: None,
            detect_ms: event.time.filter(|_| is_event).map(|time| elapsed_ms(time, delivery.received_at)),
            remediate_ms: None,
            names: KeyNames::default(),
        }
    }
}

/// Returns why an answer comes again of which people do not know. `None` where they do, or nobody needs to.
fn why_untold(handled: &Handled) -> Option<String> {
    match handled {
        Handled::Retry { reason, told: false, .. } => Some(reason.clone()),
        Handled::Retry { told: true, .. } | Handled::Done { .. } | Handled::Duplicate => None,
    }
}

//! Plays a run: people act, the queue delivers, invocations work side by side and die, time goes on. Which invocation moves next is
//! drawn, so any two steps of any two can come in either order; nothing is drawn from anything but the seed.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use jiff::{SignedDuration, Timestamp};
use reprieve_core::approval::Revocation;
use reprieve_core::facts::{INCIDENT_HOLD_TAG, Tags};
use reprieve_core::{Actor, ApprovalRules, Details, Event, EventId, Inventory, KeyArn, Serving};
use reprieve_engine::{CallError, Clock as _, Delivery, Guard, Handled, KeyControl as _, Ledger as _, Ports, Settings, SweepReport};
use reprieve_test_support::approval::{approval_tags, sealed_by_attacker};
use reprieve_test_support::event::{self, ACCOUNT, RECEIVED_AT, mallory, schedule, session, tagging, time};
use reprieve_test_support::world::{DELIVERIES, REDELIVERY, approval_rules, domain};
use reprieve_test_support::{
    Chance, Entry, FailOnCall, FakeKey, Faults, HostClock, Journal, Lag, LaggingKeys, Terms, World, finish, guard, key, sealed_approval,
};

use crate::plan::{Act, Answer, Approver, Deed, HOUR, Kind, Mishap, Paper, Place, Plan, Who, clock};
use crate::sabotage::{Archive, Keys, Memory, Sabotage, Witnessed};

/// How long an invocation for events may last, and one for a sweep, as Lambda would stop them.
const EVENTS_LAST: SignedDuration = SignedDuration::from_mins(1);
const SWEEP_LASTS: SignedDuration = SignedDuration::from_mins(15);

/// How many invocations for events there are at most at one time.
const CONCURRENCY: usize = 2;

/// The most messages of a batch.
const BATCH: u64 = 10;

/// A sweep that died is invoked once more, with the same id.
const SWEEP_TRIES: u32 = 2;
const SWEEP_AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(1);

/// How many sweeps there are when all is quiet: one refuses what another left in between, and one finds nothing.
pub(crate) const LAST_SWEEPS: usize = 4;

/// After so many polls an invocation is waiting for something that never comes, and time may pass faster.
const PATIENT_POLLS: u32 = 500;

/// What one step of an invocation takes at most, in milliseconds.
const STEP_TAKES: u64 = 20;

/// What somebody did.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    pub(crate) act: usize,
    pub(crate) at: Timestamp,
    /// Where it changed a key: which of the changes it was.
    pub(crate) change: Option<usize>,
    /// The provider, or the ledger, did it.
    pub(crate) took_effect: bool,
}

/// A message in the queue.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) act: usize,
    event: Event,
    visible_at: Timestamp,
    first_received_at: Option<Timestamp>,
    received: u32,
    pub(crate) state: Fate,
}

/// What has become of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Waiting,
    InHand,
    Answered,
    /// In the dead-letter queue, after this invocation.
    Dead(usize),
}

enum Ended {
    Batch(Vec<Handled>),
    Sweep(Result<SweepReport, CallError>),
}

/// What an invocation is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Task {
    Batch(Vec<usize>),
    Sweep { number: usize, tries: u32 },
}

struct Invocation {
    number: usize,
    task: Task,
    began: Timestamp,
    stops: Timestamp,
    polls: u32,
    dies_at: Option<u32>,
    journal: Journal,
    future: Pin<Box<dyn Future<Output = Ended>>>,
}

/// An invocation that is over.
#[derive(Debug)]
pub(crate) struct Past {
    pub(crate) task: Task,
    pub(crate) began: Timestamp,
    pub(crate) ended: Timestamp,
    /// It died, or was stopped.
    pub(crate) was_cut_off: bool,
    pub(crate) entries: Vec<Entry>,
}

/// A run being played, and what was seen of it.
pub(crate) struct Play {
    pub(crate) plan: Plan,
    pub(crate) world: World,
    pub(crate) keys: LaggingKeys,
    pub(crate) arns: Vec<KeyArn>,
    pub(crate) began: Timestamp,
    pub(crate) done: Vec<Done>,
    pub(crate) messages: Vec<Message>,
    /// In the order of their numbers.
    pub(crate) past: Vec<Option<Past>>,
    pub(crate) witnessed: Arc<Mutex<Vec<Witnessed>>>,
    sabotage: Sabotage,
    running: Vec<Invocation>,
    chance: Chance,
    sweeps: Vec<(Timestamp, Task)>,
    is_quiet: bool,
}

pub(crate) fn millis(ms: u64) -> SignedDuration {
    SignedDuration::from_millis(i64::try_from(ms).unwrap())
}

pub(crate) fn actor(who: Who) -> Actor {
    match who {
        Who::Mallory => mallory(),
        Who::Alice => session("Admin", "alice@example.com"),
    }
}

/// Plays a run to its end.
pub(crate) fn play(plan: &Plan, sabotage: Sabotage) -> Play {
    let mut run = Play::new(plan, sabotage);
    run.go_on();
    run.is_quiet = true;
    let last = if sabotage == Sabotage::NoLastSweep { 0 } else { LAST_SWEEPS };
    for _ in 0..last {
        run.world.clock.advance(millis(HOUR));
        let task = Task::Sweep { number: run.past.len() + run.plan.sweeps.len(), tries: SWEEP_TRIES };
        run.invoke(task);
        run.go_on();
    }
    run
}

impl Play {
    fn new(plan: &Plan, sabotage: Sabotage) -> Self {
        let world = guard().build();
        let (state_lag, tag_lag) = plan.lag;
        let lag = Lag { of_state: millis(state_lag), of_tags: millis(tag_lag) };
        let keys = LaggingKeys::new(world.keys.clone(), world.clock.clone(), lag, Chance::of(!plan.seed));
        if let Some(per_second) = plan.quota {
            world.keys.limit(per_second);
        }
        world.circumstances.set_lag(millis(plan.log_lag));
        let began = time(RECEIVED_AT);
        let arns: Vec<KeyArn> = plan.keys.iter().enumerate().map(|(number, kind)| arn(number, *kind)).collect();
        for (arn, kind) in arns.iter().zip(&plan.keys) {
            keys.put(arn, at_first(*kind));
            let remember =
                |serving| world.ledger.remember(arn, Inventory { serving, as_of: began - SignedDuration::from_hours(1), rotation: None });
            match kind {
                Kind::Enabled | Kind::Primary => remember(Serving::Enabled),
                Kind::DisabledBefore => remember(Serving::Disabled),
                Kind::Unseen => {}
            }
        }
        let sweeps = plan.sweeps.iter().enumerate();
        let sweeps = sweeps.map(|(number, at)| (began + millis(*at), Task::Sweep { number, tries: SWEEP_TRIES })).collect();
        Self {
            plan: plan.clone(),
            world,
            keys,
            arns,
            began,
            done: Vec::new(),
            messages: Vec::new(),
            past: Vec::new(),
            witnessed: Arc::default(),
            sabotage,
            running: Vec::new(),
            chance: Chance::of(plan.seed.rotate_left(32)),
            sweeps,
            is_quiet: false,
        }
    }

    /// Tells what each invocation called, and what it was answered.
    pub(crate) fn calls(&self) -> String {
        let mut told = String::new();
        for (number, past) in self.past.iter().enumerate() {
            let Some(past) = past else { continue };
            let began = clock(u64::try_from(past.began.duration_since(self.began).as_millis()).unwrap());
            let fate = if past.was_cut_off { ", and was cut off" } else { "" };
            writeln!(told, "  {began} invocation {number}: {:?}{fate}", past.task).unwrap();
            for entry in &past.entries {
                let answer = entry.answer.as_ref().map_or("no answer", |answer| if answer.is_ok() { "done" } else { "failed" });
                writeln!(told, "      {:?}: {answer}", entry.call).unwrap();
            }
        }
        for record in self.world.audit.records().iter().filter_map(|record| Some((record.id(), record.decision.as_ref()?))) {
            writeln!(told, "  record {}: {}", record.0, record.1.why().sentence).unwrap();
        }
        told
    }

    /// Returns the world's time: when the run is over, its end.
    pub(crate) fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    /// Plays until nothing is left to happen.
    fn go_on(&mut self) {
        loop {
            while self.done.len() < self.plan.acts.len() && self.acts_at() <= Some(self.now()) {
                self.act(self.done.len());
            }
            self.begin_sweep();
            self.receive();
            if self.running.is_empty() {
                let sweeps = self.sweeps.iter().map(|(at, _)| *at);
                let messages = self.messages.iter().filter(|message| message.state == Fate::Waiting).map(|message| message.visible_at);
                match sweeps.chain(messages).chain(self.acts_at()).min() {
                    Some(next) => self.world.clock.set(next),
                    None => return,
                }
            } else {
                self.step();
            }
        }
    }

    fn acts_at(&self) -> Option<Timestamp> {
        self.plan.acts.get(self.done.len()).map(|act| self.began + millis(act.at))
    }

    /// Polls one of the invocations that are running.
    fn step(&mut self) {
        let chosen = self.chance.index(self.running.len());
        let invocation = &mut self.running[chosen];
        invocation.polls += 1;
        let answer = invocation.future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let takes = if invocation.polls > PATIENT_POLLS { 50 * STEP_TAKES } else { self.chance.below(STEP_TAKES) };
        let dies = invocation.dies_at.is_some_and(|step| invocation.polls >= step);
        self.world.clock.advance(millis(takes));
        match answer {
            Poll::Ready(ended) => self.end(chosen, Some(ended)),
            Poll::Pending if dies || self.now() >= self.running[chosen].stops => self.end(chosen, None),
            Poll::Pending => {}
        }
    }

    fn end(&mut self, chosen: usize, ended: Option<Ended>) {
        let Invocation { number, task, began, journal, .. } = self.running.swap_remove(chosen);
        let was_cut_off = ended.is_none();
        match (&task, ended) {
            (Task::Batch(messages), ended) => {
                let answers = match ended {
                    Some(Ended::Batch(answers)) => answers.into_iter().map(|handled| !matches!(handled, Handled::Retry { .. })).collect(),
                    Some(Ended::Sweep(_)) | None => vec![false; messages.len()],
                };
                for (index, is_answered) in messages.iter().zip(answers) {
                    self.answered(*index, is_answered, number);
                }
            }
            (Task::Sweep { .. }, Some(Ended::Sweep(Ok(_)))) => {}
            (Task::Sweep { number, tries }, _) if *tries > 1 => {
                self.sweeps.push((self.now() + SWEEP_AGAIN_AFTER, Task::Sweep { number: *number, tries: tries - 1 }));
            }
            (Task::Sweep { .. }, _) => {}
        }
        self.past[number] = Some(Past { task, began, ended: self.now(), was_cut_off, entries: journal.entries() });
    }

    fn answered(&mut self, index: usize, is_answered: bool, invocation: usize) {
        let deliveries = if self.sabotage == Sabotage::ImpatientQueue { 1 } else { DELIVERIES };
        let message = &mut self.messages[index];
        message.state = match is_answered {
            true => Fate::Answered,
            false if message.received >= deliveries => Fate::Dead(invocation),
            false => Fate::Waiting,
        };
    }

    fn begin_sweep(&mut self) {
        let is_sweeping = self.running.iter().any(|invocation| matches!(invocation.task, Task::Sweep { .. }));
        let due = self.sweeps.iter().position(|(at, _)| *at <= self.now());
        if let Some(due) = due.filter(|_| !is_sweeping) {
            let (_, task) = self.sweeps.remove(due);
            self.invoke(task);
        }
    }

    /// Takes messages out of the queue, as Lambda does: a batch for each invocation that may be begun.
    fn receive(&mut self) {
        let now = self.now();
        while self.running.iter().filter(|invocation| matches!(invocation.task, Task::Batch(_))).count() < CONCURRENCY {
            let is_visible = |message: &Message| message.state == Fate::Waiting && message.visible_at <= now;
            let most = 1 + self.chance.index(usize::try_from(BATCH).unwrap());
            let visible = self.messages.iter().enumerate().filter(|(_, message)| is_visible(message));
            let batch: Vec<usize> = visible.map(|(index, _)| index).take(most).collect();
            if batch.is_empty() {
                return;
            }
            for index in &batch {
                let message = &mut self.messages[*index];
                message.state = Fate::InHand;
                message.received += 1;
                message.visible_at = now + REDELIVERY;
                message.first_received_at.get_or_insert(now);
            }
            self.invoke(Task::Batch(batch));
        }
    }

    fn invoke(&mut self, task: Task) {
        let number = self.past.len();
        self.past.push(None);
        let (journal, began) = (Journal::default(), self.now());
        let faults = Faults::new(journal.clone());
        let mut dies_at = None;
        for fault in self.plan.faults.iter().filter(|fault| fault.invocation == number && !self.is_quiet) {
            match fault.mishap {
                Mishap::Call { number, effect, error } => faults.fail_call(number, effect, call_error(error)),
                Mishap::Storm { name, times, error } => {
                    faults.fail_next(name, times, reprieve_test_support::Effect::Before, call_error(error));
                }
                Mishap::Death { step } => dies_at = Some(step),
            }
        }
        let skew = SignedDuration::from_millis(self.plan.skews[number % self.plan.skews.len()]);
        let guard = self.guard(number, &faults, skew);
        let (lasts, future): (_, Pin<Box<dyn Future<Output = Ended>>>) = match &task {
            Task::Batch(messages) => {
                let batch: Vec<(Event, Delivery)> = messages
                    .iter()
                    .map(|index| {
                        let Message { event, first_received_at, received, .. } = &self.messages[*index];
                        let received_at = first_received_at.unwrap_or(began);
                        (event.clone(), Delivery { received_at, count: *received, stopped_at: began + EVENTS_LAST + skew })
                    })
                    .collect();
                (EVENTS_LAST, Box::pin(async move { Ended::Batch(guard.handle_batch(&batch).await) }))
            }
            Task::Sweep { number, .. } => {
                let id = EventId::parse(&format!("sweep.{number}")).unwrap();
                (SWEEP_LASTS, Box::pin(async move { Ended::Sweep(guard.sweep(&id).await) }))
            }
        };
        self.running.push(Invocation { number, task, began, stops: began + lasts, polls: 0, dies_at, journal, future });
    }

    fn guard(&self, number: usize, faults: &Faults, skew: SignedDuration) -> SimulatedGuard {
        let World { ledger, audit, notices, clock, meter, circumstances, policies, guard, .. } = &self.world;
        let sabotage = self.sabotage;
        let keys = Keys { inner: self.keys.for_invocation(number), sabotage };
        let archive = Archive { inner: audit.clone(), sabotage, invocation: number, witnessed: Arc::clone(&self.witnessed) };
        let ports = Ports {
            keys: FailOnCall::new(keys, faults.clone()),
            ledger: FailOnCall::new(Memory { inner: ledger.clone(), sabotage }, faults.clone()),
            audit: FailOnCall::new(archive, faults.clone()),
            notices: FailOnCall::new(notices.clone(), faults.clone()),
            clock: HostClock::new(clock.clone(), skew),
            meter: meter.clone(),
            circumstances: FailOnCall::new(circumstances.clone(), faults.clone()),
            policies: policies.clone(),
        };
        let sandbox_accounts = if self.plan.is_sandbox { domain().account.into_iter().collect() } else { BTreeSet::new() };
        let Settings { mode, owner_tag, patience, concurrency, sweep_budget, .. } = &guard.settings;
        let settings = Settings {
            mode: *mode,
            domain: domain(),
            rules: ApprovalRules { sandbox_accounts, ..approval_rules() },
            owner_tag: owner_tag.clone(),
            patience: *patience,
            concurrency: *concurrency,
            sweep_budget: *sweep_budget,
        };
        Guard { ports, settings }
    }

    /// Somebody acts, and what KMS logs of it is on its way.
    fn act(&mut self, number: usize) {
        let Act { key, who, deed, copies, .. } = self.plan.acts[number].clone();
        let (now, arn) = (self.now(), self.arns[key].clone());
        let changes = self.keys.changes().len();
        let answer = self.carry_out(&arn, deed);
        let change = (self.keys.changes().len() > changes).then_some(changes);
        self.done.push(Done { act: number, at: now, change, took_effect: answer.is_ok() });
        let Some(event) = self.event_of(&arn, deed) else { return };
        let seconds = Timestamp::from_second(now.as_second()).unwrap();
        let mut event = event.id(&format!("act-{number}")).by(actor(who)).at(&seconds.to_string());
        if answer.is_err() {
            event = event.refused("KMSInvalidStateException");
        }
        let event = event.build();
        self.world.circumstances.logged(event.clone());
        for delay in copies {
            let visible_at = now + millis(delay);
            let state = Fate::Waiting;
            self.messages.push(Message { act: number, event: event.clone(), visible_at, first_received_at: None, received: 0, state });
        }
    }

    fn carry_out(&self, arn: &KeyArn, deed: Deed) -> Result<(), CallError> {
        let answered = "a fake always answers";
        match deed {
            Deed::Schedule { days } => self.keys.call(arn, |keys| keys.schedule_deletion(arn, days)),
            Deed::Disable => self.keys.call(arn, |keys| keys.disable(arn)),
            Deed::Cancel => self.keys.call(arn, |keys| finish(keys.cancel_deletion(arn)).expect(answered)),
            Deed::Enable => self.keys.call(arn, |keys| finish(keys.enable(arn)).expect(answered)),
            Deed::Approve(paper) if paper.place == Place::Ledger => {
                finish(self.world.ledger.approve(arn, &self.sealed(arn, paper))).expect(answered)
            }
            Deed::Approve(_) | Deed::Hold => self.keys.call(arn, |keys| keys.tag(arn, self.tags(arn, deed))),
            Deed::Revoke { change } => {
                let revocation = Revocation { change: name_of(change), by: "carol@example.com".to_owned(), at: self.now(), reason: None };
                finish(self.world.ledger.revoke(arn, &revocation)).expect(answered)
            }
        }
    }

    fn tags(&self, arn: &KeyArn, deed: Deed) -> Tags {
        match deed {
            Deed::Approve(paper) => approval_tags(&self.sealed(arn, paper)),
            Deed::Hold => [(INCIDENT_HOLD_TAG.to_owned(), "INC-7".to_owned())].into(),
            Deed::Schedule { .. } | Deed::Disable | Deed::Cancel | Deed::Enable | Deed::Revoke { .. } => Tags::new(),
        }
    }

    fn sealed(&self, arn: &KeyArn, paper: Paper) -> reprieve_core::approval::SealedApproval {
        let (opens, closes) = self.window(paper);
        let approver = match paper.approver {
            Approver::Carol | Approver::Forger => "carol@example.com",
            Approver::Mallory => "mallory@example.com",
        };
        let terms = Terms {
            change: name_of(paper.change),
            action: paper.action.to_owned(),
            window: format!("{opens}/{closes}"),
            approver: approver.to_owned(),
        };
        if paper.approver == Approver::Forger { sealed_by_attacker(arn, &terms) } else { sealed_approval(arn, &terms) }
    }

    /// Returns when a paper's window opens and closes.
    pub(crate) fn window(&self, paper: Paper) -> (Timestamp, Timestamp) {
        let (opens, closes) = paper.window_secs;
        (self.began + SignedDuration::from_secs(opens), self.began + SignedDuration::from_secs(closes))
    }

    fn event_of(&self, arn: &KeyArn, deed: Deed) -> Option<event::EventBuilder> {
        Some(match deed {
            Deed::Schedule { days } => {
                let pending = self.keys.find(arn).and_then(|key| key.pending);
                let deletion_date = pending.and_then(|pending| pending.date);
                schedule(arn).details(Details { waiting_period_days: Some(days), deletion_date, ..Details::default() })
            }
            Deed::Disable => event::disable(arn),
            Deed::Cancel => event::event("CancelKeyDeletion").on(arn),
            Deed::Enable => event::event("EnableKey").on(arn),
            Deed::Approve(Paper { place: Place::Ledger, .. }) | Deed::Revoke { .. } => return None,
            Deed::Approve(_) | Deed::Hold => tagging(arn, &self.tags(arn, deed)),
        })
    }
}

type SimulatedGuard = Guard<
    FailOnCall<Keys>,
    FailOnCall<Memory>,
    FailOnCall<Archive>,
    FailOnCall<reprieve_test_support::FakeNoticeSink>,
    HostClock,
    reprieve_test_support::FakeMeter,
    FailOnCall<reprieve_test_support::FakeCircumstances>,
    reprieve_test_support::FakePolicies,
>;

pub(crate) fn name_of(change: u32) -> String {
    format!("CHG-{change}")
}

fn arn(number: usize, kind: Kind) -> KeyArn {
    match kind {
        Kind::Primary => key(&format!("mrk-{number}")),
        Kind::Enabled | Kind::DisabledBefore | Kind::Unseen => key(&format!("key-{number}")),
    }
}

pub(crate) fn at_first(kind: Kind) -> FakeKey {
    let replica = || KeyArn::parse(&format!("arn:aws:kms:eu-west-1:{ACCOUNT}:key/mrk-replica")).unwrap();
    match kind {
        Kind::Enabled | Kind::Unseen => FakeKey::default(),
        Kind::DisabledBefore => FakeKey { enabled: false, ..FakeKey::default() },
        Kind::Primary => FakeKey { replicas: [replica()].into(), ..FakeKey::default() },
    }
}

fn call_error(answer: Answer) -> CallError {
    match answer {
        Answer::Throttled => CallError::Throttled { call: "any", message: "Rate exceeded".to_owned() },
        Answer::NoAnswer => CallError::Unavailable { call: "any", message: "connection reset".to_owned() },
    }
}

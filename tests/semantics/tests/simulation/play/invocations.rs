//! The invocations of a run: begun with what the queue holds or for a sweep, they work step by step, fail as was drawn, and end or die.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use jiff::{SignedDuration, Timestamp};
use reprieve_core::{ApprovalRules, Event, EventId};
use reprieve_engine::{CallError, Delivery, Guard, Handled, Ports, Settings, SweepReport};
use reprieve_test_support::world::{DELIVERIES, REDELIVERY, approval_rules, domain};
use reprieve_test_support::{FailOnCall, Faults, HostClock, Journal, World};

use super::{Fate, Message, Past, Play, Task, millis};
use crate::plan::{Answer, Mishap};
use crate::sabotage::{Archive, Keys, Memory, Sabotage};

/// How long an invocation for events may last, and one for a sweep, as Lambda would stop them.
const EVENTS_LAST: SignedDuration = SignedDuration::from_mins(1);
const SWEEP_LASTS: SignedDuration = SignedDuration::from_mins(15);

/// How many invocations for events there are at most at one time.
const CONCURRENCY: usize = 2;

/// The most messages of a batch.
const BATCH: u64 = 10;

/// A sweep that died is invoked once more, with the same id.
pub(super) const SWEEP_TRIES: u32 = 2;
const SWEEP_AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(1);

/// After so many polls an invocation is waiting for something that never comes, and time may pass faster.
const PATIENT_POLLS: u32 = 500;

/// What one step of an invocation takes at most, in milliseconds.
const STEP_TAKES: u64 = 20;

enum Ended {
    Batch(Vec<Handled>),
    Sweep(Result<SweepReport, CallError>),
}

/// An invocation that is running.
pub(super) struct Invocation {
    number: usize,
    task: Task,
    began: Timestamp,
    stops: Timestamp,
    polls: u32,
    dies_at: Option<u32>,
    journal: Journal,
    future: Pin<Box<dyn Future<Output = Ended>>>,
}

impl Play {
    /// Polls one of the invocations that are running.
    pub(super) fn step(&mut self) {
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

    pub(super) fn begin_sweep(&mut self) {
        let is_sweeping = self.running.iter().any(|invocation| matches!(invocation.task, Task::Sweep { .. }));
        let due = self.sweeps.iter().position(|(at, _)| *at <= self.now());
        if let Some(due) = due.filter(|_| !is_sweeping) {
            let (_, task) = self.sweeps.remove(due);
            self.invoke(task);
        }
    }

    /// Takes messages out of the queue, as Lambda does: a batch for each invocation that may be begun.
    pub(super) fn receive(&mut self) {
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

    pub(super) fn invoke(&mut self, task: Task) {
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

fn call_error(answer: Answer) -> CallError {
    match answer {
        Answer::Throttled => CallError::Throttled { call: "any", message: "Rate exceeded".to_owned() },
        Answer::NoAnswer => CallError::Unavailable { call: "any", message: "connection reset".to_owned() },
    }
}

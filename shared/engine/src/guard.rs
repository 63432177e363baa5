//! The loop for one event, and for a batch of them: claim and intent beside the look, decide, act, record, tell.
//!
//! Promises kept here: nothing is done before its intent is durable in the ledger or in the audit store; what is done is always
//! within the intent; the outcome says what was answered and nothing else; a repeated delivery does nothing.
//!
//! Here is the way of an event from the claim to the last step. What is remembered of it for the next look is in `memory`, what is
//! written down and told in `record`.

mod memory;
mod record;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, join, stream};
use jiff::{SignedDuration, Timestamp};
use reprieve_core::policy::PolicyError;
use reprieve_core::record::elapsed_ms;
use reprieve_core::{
    ApprovalRules, Case, Decision, Domain, Event, EventForm, KeyArn, KeyFacts, KeyNames, KeyState, Known, Mode, Plan, Policy, Record,
    Situation, Status, Step, StepOutcome, StepResult, Threat, Triage, decide,
    lesson::{self, Lesson},
    triage,
};

use self::memory::complain;
use self::record::mark_late_effects;
use crate::observe::{NOT_ENOUGH_TIME, Sight, in_time};
use crate::port::{AuditSink, CallError, Circumstances, Claim, Clock, KeyControl, Ledger, Meter, NoticeSink, PolicySource};
use crate::whose::{Overtaken, is_left_over};
use crate::{act, observe};

/// An attempt from which people are told of a case that is still open. It is also the last that waits for a key's tags.
pub(crate) const ATTEMPT_WORTH_TELLING: u32 = 3;

/// The pauses before a look that contradicts a fresh event is repeated.
const LOOK_AGAIN_AFTER: [Duration; 2] = [Duration::from_millis(500), Duration::from_millis(1500)];

/// The capabilities that the loop works with.
#[derive(Debug, Clone)]
pub struct Ports<K, L, A, N, C, M, H, P> {
    /// The keys.
    pub keys: K,
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
    /// The circumstances.
    pub circumstances: H,
    /// The policies.
    pub policies: P,
}

/// What the loop is told at start.
#[derive(Debug)]
pub struct Settings {
    /// Whether plans are carried out.
    pub mode: Mode,
    /// Where this deployment may act, and as whom.
    pub domain: Domain,
    /// What the deployment says about approving.
    pub rules: ApprovalRules,
    /// The tag that names a key's owner.
    pub owner_tag: String,
    /// How long one step is tried again before it is left to the next delivery.
    pub patience: Duration,
    /// How many keys are worked on at the same time.
    pub concurrency: usize,
    /// How long a sweep may take before it leaves the rest to the next.
    pub sweep_budget: Duration,
}

/// How an event reached us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// When it reached us first.
    pub received_at: Timestamp,
    /// The how-many-th delivery this is, from 1.
    pub count: u32,
    /// When whoever runs us will stop us. What is looked up before the act leaves time for it, and no call of a plan is begun or waited
    /// for so late that the outcome could not be written; what then remains is left to the next delivery.
    pub stopped_at: Timestamp,
}

/// What writing the outcome takes at most, in seconds.
const OUTCOME_TAKES: SignedDuration = SignedDuration::from_secs(3);

/// What is kept for acting, in seconds: a batch of ten keys at two calls a second takes as long.
const ACT_TAKES: SignedDuration = SignedDuration::from_secs(5);

impl Delivery {
    /// Returns the time by which the last call of a plan must have been answered.
    pub(crate) fn act_until(&self) -> Timestamp {
        self.stopped_at.checked_sub(OUTCOME_TAKES).unwrap_or(Timestamp::MIN)
    }

    /// Returns the time by which everything that is looked up before the act must have been answered. Where little time is left, half of
    /// it is for looking.
    pub(crate) fn look_until(&self, now: Timestamp) -> Timestamp {
        let act_until = self.act_until();
        let left = act_until.duration_since(now).max(SignedDuration::ZERO);
        act_until.checked_sub(ACT_TAKES.min(left / 2)).unwrap_or(Timestamp::MIN)
    }
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handled {
    /// It was worked on to the end; `complaints` are what went wrong beside it.
    Done {
        /// The outcome.
        record: Box<Record>,
        /// What a human must look at: a notice that could not be sent, a ledger that could not be written.
        complaints: Vec<String>,
    },
    /// It had been worked on to the end before.
    Duplicate,
    /// It must be delivered again.
    Retry {
        /// Why.
        reason: String,
        /// What was done so far, if anything was.
        record: Option<Box<Record>>,
        /// Whether people know all of that: they were told, or there was nothing to tell. Then something else went wrong, such as writing
        /// it down.
        told: bool,
    },
}

/// The guard: the loop with its capabilities and settings.
#[derive(Debug)]
pub struct Guard<K, L, A, N, C, M, H, P> {
    /// The capabilities.
    pub ports: Ports<K, L, A, N, C, M, H, P>,
    /// The settings.
    pub settings: Settings,
}

/// The event being worked on.
struct Work<'a> {
    event: &'a Event,
    delivery: Delivery,
    threat: Option<Threat>,
    considering: Plan,
    attempt: u32,
    /// The ledger counted the attempt; see `Record::claimed`.
    claimed: bool,
    /// A claim is held, and must be ended.
    holds_claim: bool,
    /// The key's tags were refused to us: no further attempt can read them.
    tags_are_refused: bool,
    /// What looking at the key taught.
    seen: Option<Lesson>,
    /// The intent, where the ledger holds it and the audit store could not take it yet.
    unkept_intent: Option<Box<Record>>,
}

impl<'a> Work<'a> {
    /// What nobody has claimed yet, and is worked on for the first time.
    fn of(event: &'a Event, delivery: Delivery, threat: Option<Threat>, considering: Plan) -> Self {
        Self {
            event,
            delivery,
            threat,
            considering,
            attempt: 1,
            claimed: true,
            holds_claim: false,
            tags_are_refused: false,
            seen: None,
            unkept_intent: None,
        }
    }

    /// Says whether a further delivery is waited for that may read the tags. Once people are told, it is left to the sweep; and nobody
    /// delivers again what a sweep found.
    fn may_read_tags_later(&self) -> bool {
        !self.tags_are_refused && self.attempt < ATTEMPT_WORTH_TELLING && self.event.form != EventForm::Sweep
    }

    /// Says whether a further delivery is waited for because the case could not be noted: without it, no sweep knows that the key is owed
    /// anything.
    fn can_note_later(&self, noted: &Result<(), CallError>) -> bool {
        noted.is_err() && self.event.form != EventForm::Sweep
    }
}

impl<K: KeyControl, L: Ledger, A: AuditSink, N: NoticeSink, C: Clock, M: Meter, H: Circumstances, P: PolicySource>
    Guard<K, L, A, N, C, M, H, P>
{
    /// Works on one event.
    pub async fn handle(&self, event: &Event, delivery: Delivery) -> Handled {
        match triage(event, &self.settings.domain) {
            Triage::Settled(decision) => self.record_only(event, delivery, decision).await,
            Triage::Examine { key, threat, considering } => {
                self.examine(Work::of(event, delivery, Some(threat), considering), &key, threat).await
            }
        }
    }

    /// Works on a batch: keys side by side, the earliest deadline first; events of one key in the order of their times.
    ///
    /// Returns one answer for each event, in the order given.
    pub async fn handle_batch(&self, batch: &[(Event, Delivery)]) -> Vec<Handled> {
        let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, (event, _)) in batch.iter().enumerate() {
            let key = event.target.key().map_or_else(|| event.id.to_string(), ToString::to_string);
            groups.entry(key).or_default().push(index);
        }
        let at = |index: &usize| batch.get(*index);
        let mut groups: Vec<Vec<usize>> = groups.into_values().collect();
        for group in &mut groups {
            group.sort_by_key(|index| at(index).and_then(|(event, _)| event.time));
        }
        groups.sort_by_key(|group| group.iter().filter_map(|index| at(index)?.0.deadline()).min().unwrap_or(Timestamp::MAX));
        let mut answers: Vec<(usize, Handled)> = stream::iter(groups)
            .map(|group| async move {
                let mut answers = Vec::with_capacity(group.len());
                for index in group {
                    if let Some((event, delivery)) = batch.get(index) {
                        answers.push((index, self.handle(event, *delivery).await));
                    }
                }
                answers
            })
            .buffer_unordered(self.settings.concurrency.max(1))
            .flat_map(stream::iter)
            .collect()
            .await;
        answers.sort_by_key(|(index, _)| *index);
        answers.into_iter().map(|(_, handled)| handled).collect()
    }

    /// Decides on an event, given what was observed of its key.
    pub(crate) fn decide(&self, event: &Event, facts: &KeyFacts, policy: &Policy) -> Decision {
        let situation =
            Situation { facts, policy, rules: &self.settings.rules, domain: &self.settings.domain, now: self.ports.clock.now() };
        decide(event, &situation)
    }

    /// Returns the policies, read while something else is waited for. That they cannot be used is an alarm of its own.
    pub(crate) async fn policy(&self) -> Arc<Policy> {
        let policy = self.ports.policies.current().await;
        self.alarm_if_closed(&policy);
        policy.prepare();
        policy
    }

    /// Returns the policies, or a set that permits nothing where they are not read until then.
    async fn policy_before(&self, until: Timestamp) -> Arc<Policy> {
        let clock = &self.ports.clock;
        let could_be_read = clock.now() < until;
        if let Some(policy) = act::answered_by(until, clock, self.policy()).await {
            return policy;
        }
        let late = Arc::new(Policy::closed(PolicyError::Closed(format!("they could not be read: {NOT_ENOUGH_TIME}"))));
        // An invocation that ends at once asked nothing, and says nothing of the policies.
        if could_be_read {
            self.alarm_if_closed(&late);
        }
        late
    }

    fn alarm_if_closed(&self, policy: &Policy) {
        if let Some(reason) = policy.closed_reason() {
            tracing::error!(%reason, "the policies cannot be used, so nothing is approved");
            self.ports.meter.policy_unusable(self.ports.clock.now());
        }
    }

    /// Records an event that needs no look at its key, and tells people where the decision says so.
    async fn record_only(&self, event: &Event, delivery: Delivery, decision: Decision) -> Handled {
        let mut work = Work::of(event, delivery, Threat::of(event), Plan::default());
        if decision.wakes_a_human() {
            // People are told once: whoever holds the claim tells them.
            match self.ports.ledger.claim(&self.intent(&work)).await {
                Ok(Claim::Granted { attempt }) => (work.attempt, work.holds_claim) = (attempt, true),
                Ok(Claim::Settled) => return Handled::Duplicate,
                Ok(Claim::Held) => return retry("another invocation is working on this event"),
                Err(error) => {
                    tracing::warn!(%error, event_id = %event.id, "the ledger granted no claim; people may be told twice");
                    (work.attempt, work.claimed) = (delivery.count, false);
                }
            }
        }
        let status = if decision.wakes_a_human() { Status::Escalated } else { Status::NothingToDo };
        let record = self.outcome(&work, decision, Vec::new(), status);
        self.conclude(&work, record, true).await
    }

    async fn examine(&self, mut work: Work<'_>, key: &KeyArn, threat: Threat) -> Handled {
        let Ports { ledger, audit, clock, .. } = &self.ports;
        let until = work.delivery.look_until(clock.now());
        let intent_record = self.intent_record(&work);
        let intent = self.intent(&work);
        let (claim, intent_kept, sight, policy) = join!(
            in_time(until, clock, "ledger:Claim", ledger.claim(&intent)),
            in_time(until, clock, "audit:Append", audit.append(&intent_record)),
            self.see_before(until, work.event, key, threat),
            self.policy_before(until)
        );
        match claim {
            Ok(Claim::Granted { attempt }) => {
                (work.attempt, work.holds_claim) = (attempt, true);
                if let Err(error) = intent_kept {
                    tracing::warn!(%error, event_id = %work.event.id, "the intent is in the ledger alone; it follows with the outcome");
                    work.unkept_intent = Some(Box::new(intent_record));
                }
            }
            Ok(Claim::Settled) => return Handled::Duplicate,
            Ok(Claim::Held) => return retry("another invocation is working on this event"),
            Err(error) => {
                if let Err(also) = intent_kept {
                    return retry(&format!("the intent could not be made durable, so nothing was done: {error}; {also}"));
                }
                tracing::warn!(%error, event_id = %work.event.id, "the ledger granted no claim; the intent is in the audit store");
                (work.attempt, work.claimed) = (work.delivery.count, false);
            }
        }
        let Sight { mut facts, tags_are_refused } = self.look_again(until, work.event, key, threat, sight).await;
        work.tags_are_refused = tags_are_refused;
        work.seen = facts.description.value().and_then(|description| lesson::from_sight(description, work.event, clock.now()));
        self.recall_disabling(work.event, key, &mut facts, &policy, until).await;
        self.recall_rotation(work.event, key, &mut facts, until).await;
        let mut decision = self.decide(work.event, &facts, &policy);
        // What a sweep gave back before does not stand, whatever covers it by now, and only the next sweep could tell it. What we
        // cancelled, because its approval could not be read yet, is told as well.
        let (is_found, mut is_over) = (work.event.form == EventForm::Sweep, false);
        if let Decision::Stand { why } = &mut decision
            && let Some(unfinished) = observe::unfinished(work.attempt, threat, &facts)
            && work.claimed
            && (is_found || !why.permitted || observe::was_cancelled_for(work.event, threat, &facts))
        {
            why.escalations.push(unfinished);
            is_over = is_found;
        }
        if !matches!(decision, Decision::Escalate { .. })
            && let Some(overtaken) = self.overtaken(work.event, key, &facts, &decision, &policy, until).await
        {
            return self.let_stand(&work, key, overtaken).await;
        }
        match decision {
            Decision::Remedy { ref plan, .. } if self.settings.mode == Mode::Enforce => {
                let plan = plan.clone();
                self.remedy(&work, key, threat, &facts, decision, &plan).await
            }
            Decision::Remedy { ref plan, .. } => {
                complain(self.note_case(key, &facts, &self.case(&work, threat, &decision)).await, "the case could not be opened");
                let steps = act::not_carried_out(plan);
                let mut record = self.outcome(&work, decision, steps, Status::Observed);
                record.names = self.names(&work, key, &facts).await;
                self.conclude(&work, record, true).await
            }
            Decision::Stand { ref why } => {
                let is_told = !why.escalations.is_empty();
                self.note_standing(&work, key, threat, &facts, &decision, is_over).await;
                let mut record = self.outcome(&work, decision, Vec::new(), Status::NothingToDo);
                if is_told {
                    record.names = self.names(&work, key, &facts).await;
                }
                self.conclude(&work, record, true).await
            }
            Decision::Escalate { .. } => {
                let noted = self.note_escalated(&work, key, threat, &facts, &decision).await;
                let is_withheld = observe::is_withheld(&decision, threat, &facts);
                let waits = is_withheld && (work.may_read_tags_later() || work.can_note_later(&noted));
                complain(noted, "the case could not be noted");
                // Whether a key rotated before is not guessed: the memory that would say so may answer the next time.
                let is_unsure = threat == Threat::RotationDisabled && facts.recollection.unreadable_reason().is_some();
                let status = self.status_of_escalation(threat, is_withheld);
                let mut record = self.outcome(&work, decision, Vec::new(), status);
                record.names = self.names(&work, key, &facts).await;
                self.conclude(&work, record, !(is_unsure || waits)).await
            }
        }
    }

    /// Repeats a look that contradicts a fresh event, while there is time for it.
    async fn look_again(&self, until: Timestamp, event: &Event, key: &KeyArn, threat: Threat, mut sight: Sight) -> Sight {
        let clock = &self.ports.clock;
        for pause in LOOK_AGAIN_AFTER {
            if !observe::may_be_stale(event, threat, &sight.facts, clock.now()) {
                break;
            }
            if clock.now().checked_add(pause).unwrap_or(Timestamp::MAX) >= until {
                sight.facts.description =
                    Known::Unreadable(format!("it looks as if nothing had happened to it, and {NOT_ENOUGH_TIME} to look again"));
                break;
            }
            clock.sleep(pause).await;
            sight = self.see_before(until, event, key, threat).await;
        }
        sight
    }

    /// Says how it ended with what people alone can help with. A key that is kept and left disabled for its tags is not given back.
    fn status_of_escalation(&self, threat: Threat, is_withheld: bool) -> Status {
        match (self.settings.mode, is_withheld) {
            (Mode::Enforce, true) if threat == Threat::DeletionScheduled => Status::Partial,
            (Mode::Enforce, true) => Status::Failure,
            (Mode::Enforce, false) | (Mode::Observe, _) => Status::Escalated,
        }
    }

    /// Records that a later act took the event's place, and notes that one for the sweep, where it is known.
    async fn let_stand(&self, work: &Work<'_>, key: &KeyArn, overtaken: Overtaken) -> Handled {
        let Overtaken { decision, later } = overtaken;
        if let Some((later, threat)) = later {
            let (event_id, event_time, actor) = (later.id, later.time, later.actor);
            let case = Case { event_id, event_time, actor, stands: true, ..self.case(work, threat, &decision) };
            complain(self.ports.ledger.open_case(key, &case).await, "what was let stand could not be noted for the sweep");
        }
        let record = self.outcome(work, decision, Vec::new(), Status::NothingToDo);
        self.conclude(work, record, true).await
    }

    /// Returns what people call the key: they are told of aliases and owners, not of ids.
    async fn names(&self, work: &Work<'_>, key: &KeyArn, facts: &KeyFacts) -> KeyNames {
        let Ports { keys, clock, .. } = &self.ports;
        let listed = in_time(work.delivery.act_until(), clock, "kms:ListAliases", keys.aliases(key)).await;
        let aliases = listed.unwrap_or_else(|error| {
            tracing::debug!(%error, %key, "the key's aliases could not be listed; people are told its id alone");
            Vec::new()
        });
        let is_owner = |name: &String| name.eq_ignore_ascii_case(&self.settings.owner_tag);
        let owner = facts.tags.value().and_then(|tags| tags.iter().find(|(name, _)| is_owner(name)));
        KeyNames { aliases, owner: owner.map(|(_, value)| value.clone()) }
    }

    /// Carries out a plan. The ledger is written beside the calls, never before a key is safe.
    async fn remedy(&self, work: &Work<'_>, key: &KeyArn, threat: Threat, facts: &KeyFacts, decision: Decision, plan: &Plan) -> Handled {
        let Ports { keys, clock, .. } = &self.ports;
        let act_until = work.delivery.act_until();
        let mut case = self.case(work, threat, &decision);
        // What was cancelled before the key served again was another act's.
        let open = facts.case().filter(|open| !is_left_over(open, facts.inventory()));
        case.cancelled_at = open.and_then(|open| open.cancelled_at);
        let mut steps: Vec<StepOutcome> = Vec::with_capacity(plan.steps.len());
        for step in &plan.steps {
            if steps.last().is_some_and(|last| !last.result.is_success()) {
                steps.push(StepOutcome { step: step.clone(), result: StepResult::NotReached, at: None });
                continue;
            }
            let (step, noted) =
                join!(act::carry_out(step, keys, clock, self.settings.patience, act_until), self.note_case(key, facts, &case));
            complain(noted, "the case could not be noted");
            if matches!(step.step, Step::CancelKeyDeletion { .. }) && step.result == StepResult::Done {
                case.cancelled_at = step.at;
            }
            steps.push(step);
        }
        // A key that is not enabled, because its tags could not be read, is not given back yet.
        let lacks_enabling = Status::of_steps(&steps) == Status::Success && observe::is_withheld(&decision, threat, facts);
        let status = if lacks_enabling { Status::Partial } else { Status::of_steps(&steps) };
        let (state_after, noted, names) = join!(
            async {
                if status == Status::Success { act::verify(key, plan, keys, clock, self.settings.patience, act_until).await } else { None }
            },
            self.note_ended(work, key, facts, &case, status),
            self.names(work, key, facts)
        );
        let waits = lacks_enabling && (work.may_read_tags_later() || work.can_note_later(&noted));
        let settled = !Status::is_open(&steps) && !waits;
        complain(noted, "the case could not be noted");
        let mut record = self.outcome(work, decision, steps, status);
        // A key whose store is not connected is as the plan wanted it, and does not serve yet.
        let verified = state_after.as_ref().is_some_and(|state| act::is_target(plan, state) && *state != KeyState::Unavailable);
        record.remediate_ms = if verified { record.event.time.map(|time| elapsed_ms(time, clock.now())) } else { None };
        mark_late_effects(&mut record, state_after.as_ref());
        record.state_after = state_after;
        record.names = names;
        self.conclude(work, record, settled).await
    }
}

fn retry(reason: &str) -> Handled {
    Handled::Retry { reason: reason.to_owned(), record: None, told: false }
}

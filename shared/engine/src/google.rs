//! The loop for Google Cloud: claim, look, decide, write down what is intended, change, look again, record, tell.
//!
//! An event and the sweep end in the same look at one version of a key. Promises kept here: nothing is changed before its intent is in
//! the audit store; what is changed is within the plan that was recorded; enabling is not tried where restoring failed; a repeated
//! delivery adds nothing. What was refused, or could not be read, is left to the sweeps.

mod act;
pub mod port;
mod sweep;
mod tell;

use std::time::Duration;

use futures_util::join;
use jiff::{SignedDuration, Timestamp};
use reprieve_core::facts::Known;
use reprieve_core::google::decide::{decide, triage};
use reprieve_core::google::{GoogleDomain, GoogleName, GoogleSituation, GoogleTriage, KeyVersion, Loss, VersionFacts, VersionState};
use reprieve_core::record::elapsed_ms;
use reprieve_core::{
    ApprovalRules, AuditEvent, Decision, Event, EventForm, EventId, KeyNames, KeyState, Mode, Phase, Plan, Record, Status, StepOutcome,
};

pub use self::port::{KeyVersionControl, LatestCalls, LostVersions, VersionClaims, VersionMeter};
pub use self::sweep::VersionSweep;
use self::tell::Untold;
use crate::act::not_carried_out;
use crate::guard::{ATTEMPT_WORTH_TELLING, Delivery, Handled};
use crate::observe::{NOT_ENOUGH_TIME, in_time};
use crate::port::{AuditSink, CallError, Claim, Clock, Disposition, NoticeSink, PolicySource};

/// The pauses before a look that contradicts a fresh event is repeated.
const LOOK_AGAIN_AFTER: [Duration; 2] = [Duration::from_millis(500), Duration::from_millis(1500)];

/// How long a log that cannot be read for now is asked again, before a version is restored without it and left disabled. A version waits
/// for its destruction for a day at least.
const LOG_PATIENCE: SignedDuration = SignedDuration::from_hours(1);

/// So shortly before its destruction, a sweep restores a version without a log that cannot be read. Not earlier: without the log nobody is
/// known to have destroyed it, so that no approval covers it, and a log that is out of reach shall undo none that was approved.
const LAST_HOURS: SignedDuration = SignedDuration::from_hours(12);

const READ_VERSION: &str = "cloudkms:GetCryptoKeyVersion";
const READ_KEY: &str = "cloudkms:GetCryptoKey";
const READ_LOG: &str = "logging:ListLogEntries";

/// The capabilities that the loop works with.
#[derive(Debug, Clone)]
pub struct VersionPorts<K, L, A, N, C, M, P> {
    /// The versions.
    pub control: K,
    /// Who works on what.
    pub claims: L,
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
pub struct VersionSettings {
    /// Whether plans are carried out.
    pub mode: Mode,
    /// Where this deployment may act, and as whom.
    pub domain: GoogleDomain,
    /// What the deployment says about approving.
    pub rules: ApprovalRules,
    /// How long one change is tried again before it is left to the next delivery.
    pub patience: Duration,
    /// How many versions a sweep works on at the same time.
    pub concurrency: usize,
}

/// The guard of versions of keys: the loop with its capabilities and settings.
#[derive(Debug)]
pub struct VersionGuard<K, L, A, N, C, M, P> {
    /// The capabilities.
    pub ports: VersionPorts<K, L, A, N, C, M, P>,
    /// The settings.
    pub settings: VersionSettings,
}

/// How the work on an event ended, for whoever comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// For good.
    Settled,
    /// No delivery does more about it. The next sweep tries again, where it finds the version still lost.
    Left,
    /// For now: whoever comes next goes on.
    Open,
}

/// What is being worked on.
struct Work<'a> {
    event: &'a Event,
    /// What was done to which version; nothing where the event alone decides.
    loss: Option<(&'a GoogleName, Loss)>,
    delivery: Delivery,
    attempt: u32,
    /// The claims counted the attempt; see `Record::claimed`.
    claimed: bool,
}

impl Work<'_> {
    /// Returns the most that will be done.
    fn considering(&self) -> Plan {
        self.loss.map(|(version, loss)| loss.considering(version)).unwrap_or_default()
    }
}

impl<K: KeyVersionControl, L: VersionClaims, A: AuditSink, N: NoticeSink, C: Clock, M: VersionMeter, P: PolicySource>
    VersionGuard<K, L, A, N, C, M, P>
{
    /// Works on one entry of the audit log. `None` where it takes no version of a key away.
    pub async fn handle(&self, entry: &AuditEvent, delivery: Delivery) -> Option<Handled> {
        self.work_on(entry, delivery, false).await.map(|(handled, _)| handled)
    }

    /// Works on one entry of the audit log, which was delivered, or by which a sweep explains what it found.
    async fn work_on(&self, entry: &AuditEvent, delivery: Delivery, is_sweep: bool) -> Option<(Handled, End)> {
        let triage = triage(entry, &self.settings.domain)?;
        let VersionPorts { claims, clock, .. } = &self.ports;
        let event = &entry.event;
        let mut work = Work { event, loss: None, delivery, attempt: delivery.count, claimed: false };
        if let GoogleTriage::Examine { version, loss } = &triage {
            work.loss = Some((version, *loss));
        }
        let now = clock.now();
        let claim = if is_sweep { claims.claim_left(&event.id, now).await } else { claims.claim(&event.id, now).await };
        match claim {
            Ok(Claim::Granted { attempt }) => (work.attempt, work.claimed) = (attempt, true),
            // A sweep tells everything that is owed before it looks.
            Ok(Claim::Settled) if is_sweep => return Some((Handled::Duplicate, End::Settled)),
            Ok(Claim::Settled) => return Some((self.repeat(&event.id, delivery).await, End::Settled)),
            Ok(Claim::Held) => {
                let reason = "somebody else works on this event just now".to_owned();
                return Some((Handled::Retry { reason, record: None, told: false }, End::Open));
            }
            // The audit store alone must hold the intent. Nobody counts the attempts then.
            Err(error) => tracing::warn!(%error, "the event could not be claimed"),
        }
        let (handled, end) = match &triage {
            GoogleTriage::Settled(decision) => self.conclude(&work, (**decision).clone(), Vec::new(), false).await,
            GoogleTriage::Examine { version, loss } => self.answer(&work, version, *loss).await,
        };
        Some((self.release(&work, handled, end).await, end))
    }

    /// Answers the repeated delivery of an event that was worked on to its end: what people could not be told of it they are told now.
    async fn repeat(&self, event: &EventId, delivery: Delivery) -> Handled {
        match self.tell_owed(Some(event), delivery.act_until()).await {
            Ok(()) => Handled::Duplicate,
            Err(error) => {
                Handled::Retry { reason: format!("people are still to be told of its answer: {error}"), record: None, told: false }
            }
        }
    }

    /// Ends the claim as the event ended.
    async fn release(&self, work: &Work<'_>, mut handled: Handled, end: End) -> Handled {
        if !work.claimed {
            return handled;
        }
        let (claims, event) = (&self.ports.claims, &work.event.id);
        let ended = match end {
            End::Settled => claims.finish(event, work.attempt, true).await,
            End::Left => claims.leave(event, work.attempt).await,
            End::Open => claims.finish(event, work.attempt, false).await,
        };
        if let Err(error) = ended {
            match &mut handled {
                Handled::Done { complaints, .. } => complaints.push(format!("the claim could not be ended: {error}")),
                Handled::Duplicate | Handled::Retry { .. } => tracing::warn!(%error, "the claim could not be given back"),
            }
        }
        handled
    }

    async fn answer(&self, work: &Work<'_>, version: &GoogleName, loss: Loss) -> (Handled, End) {
        let until = work.delivery.look_until(self.ports.clock.now());
        let facts = match self.look(work, version, loss, until).await {
            Ok(facts) => facts,
            Err(error) => {
                let reason = format!("`{version}` could not be looked at: {error}");
                return (Handled::Retry { reason, record: None, told: false }, End::Open);
            }
        };
        let decision = self.decide(work.event, version, loss, &facts).await;
        let is_unsure = is_unsure(loss, &facts);
        let Some(plan) = decision.plan() else {
            return self.conclude(work, decision, Vec::new(), is_unsure).await;
        };
        if self.settings.mode == Mode::Observe {
            let steps = not_carried_out(plan);
            return self.conclude(work, decision, steps, is_unsure).await;
        }
        let intent = self.record(work, Phase::Intent, None, Vec::new(), Status::Pending);
        if let Err(error) = self.ports.audit.append(&intent).await {
            let reason = format!("the intent could not be written down, so nothing was changed: {error}");
            return (Handled::Retry { reason, record: None, told: false }, End::Open);
        }
        let steps = self.carry_out(plan, work.delivery.act_until()).await;
        self.conclude(work, decision, steps, is_unsure).await
    }

    /// Looks at the version, its key's labels and its past. What is not answered until then is asked for again by the next delivery.
    async fn look(&self, work: &Work<'_>, name: &GoogleName, loss: Loss, until: Timestamp) -> Result<VersionFacts, CallError> {
        let VersionPorts { control, clock, .. } = &self.ports;
        let key = name.key();
        let (version, labels, past) = join!(
            self.look_at_version(work.event, name, until),
            in_time(until, clock, READ_KEY, control.labels(&key)),
            self.look_back(work, name, loss, until)
        );
        let version = version?;
        let is_lost = matches!(&version, Known::Is(version) if Loss::of_state(&version.state).is_some());
        let past = match past {
            // The past decides on nothing else.
            Err(error) if !is_lost => Known::Unreadable(error.to_string()),
            past => past?,
        };
        Ok(VersionFacts { version, labels: known(labels)?, past })
    }

    /// Looks at the version, and again where that contradicts a fresh event. What there is no time to look at again is left to the next
    /// delivery.
    async fn look_at_version(&self, event: &Event, name: &GoogleName, until: Timestamp) -> Result<Known<KeyVersion>, CallError> {
        let VersionPorts { control, clock, .. } = &self.ports;
        let mut version = known(in_time(until, clock, READ_VERSION, control.version(name)).await)?;
        for pause in LOOK_AGAIN_AFTER {
            if event.form == EventForm::Sweep || !is_as_before(&version) {
                break;
            }
            if clock.now().checked_add(pause).unwrap_or(Timestamp::MAX) >= until {
                let message = format!("it is not as the event says, and {NOT_ENOUGH_TIME} to look again");
                return Err(CallError::Unavailable { call: READ_VERSION, message });
            }
            tracing::debug!(version = %name, "the version is not as the event says; looking again");
            clock.sleep(pause).await;
            version = known(in_time(until, clock, READ_VERSION, control.version(name)).await)?;
        }
        Ok(version)
    }

    /// Reads what was done to the version before. A log that stays out of reach keeps no version waiting for its destruction.
    async fn look_back(
        &self,
        work: &Work<'_>,
        name: &GoogleName,
        loss: Loss,
        until: Timestamp,
    ) -> Result<Known<Vec<AuditEvent>>, CallError> {
        if loss == Loss::Disabled {
            // What was disabled was enabled before.
            return Ok(Known::Unreadable("not looked up".to_owned()));
        }
        let VersionPorts { control, clock, .. } = &self.ports;
        let asked = in_time(until, clock, READ_LOG, control.past(name, work.event.time)).await;
        match known(asked).and_then(|past| reaching_back(past, work.event.time)) {
            Err(error) if is_long_ago(work, clock.now()) => Ok(Known::Unreadable(error.to_string())),
            past => past,
        }
    }

    async fn decide(&self, event: &Event, version: &GoogleName, loss: Loss, facts: &VersionFacts) -> Decision {
        let policy = self.ports.policies.current().await;
        if let Some(reason) = policy.closed_reason() {
            tracing::error!(%reason, "the policies cannot be used, so nothing is approved");
        }
        let VersionSettings { domain, rules, .. } = &self.settings;
        decide(event, version, loss, &GoogleSituation { facts, domain, policy: &policy, rules, now: self.ports.clock.now() })
    }

    /// Verifies, records and tells. `is_unsure` says that something which decides could not be read.
    async fn conclude(&self, work: &Work<'_>, mut decision: Decision, steps: Vec<StepOutcome>, is_unsure: bool) -> (Handled, End) {
        let carried_out = decision.plan().is_some() && self.settings.mode == Mode::Enforce;
        let status = status_of(&decision, &steps, self.settings.mode);
        let seen = match work.loss.filter(|_| carried_out) {
            Some((version, _)) => self.verify(version, decision.plan(), work.delivery.act_until()).await,
            None => None,
        };
        let is_mended = status == Status::Success && seen.as_ref().is_some_and(|state| act::is_target(decision.plan(), state));
        let verified_at = is_mended.then(|| self.ports.clock.now());
        if let (Status::Success, false, Decision::Remedy { why, .. }) = (status, is_mended, &mut decision) {
            let state = seen.as_ref().map_or("in a state that could not be read", VersionState::as_str);
            why.escalations.push(format!("every call succeeded, and a second look does not find it as it must be: it is {state}"));
        }
        let is_open = carried_out && Status::is_open(&steps);
        let mut record = self.record(work, Phase::Outcome, Some(decision), steps, status);
        record.state_after = seen.map(|state| state.in_records());
        record.remediate_ms = verified_at.and_then(|at| Some(elapsed_ms(record.event.time?, at)));
        let end = if is_open {
            End::Open
        } else if is_over(&record, is_mended, is_unsure) {
            End::Settled
        } else {
            End::Left
        };
        let (kept, told) = join!(self.ports.audit.append(&record), self.tell(work, &record, end));
        if kept.is_ok() {
            self.ports.meter.outcome(&record);
        }
        let is_told = matches!(told, Ok(true));
        let retry = match (kept, told) {
            (Err(error), _) => Some((format!("the outcome could not be written down: {error}"), End::Open)),
            (Ok(()), Err(Untold { error, is_kept })) => {
                Some((format!("people could not be told: {error}"), if is_kept { end } else { End::Open }))
            }
            (Ok(()), Ok(_)) => is_open.then(|| ("a call failed for now".to_owned(), end)),
        };
        let record = Box::new(record);
        match retry {
            Some((reason, end)) => (Handled::Retry { reason, record: Some(record), told: is_told }, end),
            None => (Handled::Done { record, complaints: Vec::new() }, end),
        }
    }

    fn record(&self, work: &Work<'_>, phase: Phase, decision: Option<Decision>, steps: Vec<StepOutcome>, status: Status) -> Record {
        Record {
            phase,
            attempt: if phase == Phase::Intent { 1 } else { work.attempt },
            claimed: work.claimed,
            recorded_at: self.ports.clock.now(),
            received_at: work.delivery.received_at,
            mode: self.settings.mode,
            event: work.event.clone(),
            threat: work.loss.map(|(_, loss)| loss.threat()),
            subject: None,
            considering: work.considering(),
            decision,
            steps,
            status,
            state_after: None,
            detect_ms: work
                .event
                .time
                .filter(|_| work.event.form != EventForm::Sweep)
                .map(|time| elapsed_ms(time, work.delivery.received_at)),
            remediate_ms: None,
            names: KeyNames::default(),
        }
    }
}

/// Sorts an answer: what does not exist, what could not be read for good, and what is worth trying again.
fn known<T>(answer: Result<T, CallError>) -> Result<Known<T>, CallError> {
    match answer {
        Ok(value) => Ok(Known::Is(value)),
        Err(CallError::NotFound { .. }) => Ok(Known::Absent),
        Err(error) if error.disposition() == Disposition::Retryable => Err(error),
        Err(error) => Ok(Known::Unreadable(error.to_string())),
    }
}

/// Says whether the version looks as if the event had not happened.
fn is_as_before(version: &Known<KeyVersion>) -> bool {
    let is_free = |state: &VersionState| Loss::of_state(state).is_none() && *state != VersionState::Destroyed;
    matches!(version, Known::Is(version) if is_free(&version.state))
}

/// Says whether the log has been asked in vain for so long that the version is restored without it.
fn is_long_ago(work: &Work<'_>, now: Timestamp) -> bool {
    let event = work.event;
    // Without claims nobody counts the attempts.
    let is_repeated = work.attempt >= ATTEMPT_WORTH_TELLING || !work.claimed;
    let is_old = event.time.is_some_and(|time| now.duration_since(time) >= LOG_PATIENCE);
    (is_repeated && is_old) || (event.form == EventForm::Sweep && is_in_last_hours(event.details.deletion_date, now))
}

/// Says whether a version is destroyed so soon that nothing more is waited for.
fn is_in_last_hours(destroy_at: Option<Timestamp>, now: Timestamp) -> bool {
    destroy_at.is_none_or(|at| at.duration_since(now) < LAST_HOURS)
}

/// Returns the calls where they go back to one that says what the version was before, or to the first of all. Else that one lies behind
/// them, where anybody who may destroy can put it, and what it says is not known. A search that was given up may be worth another.
fn reaching_back(past: Known<LatestCalls>, before: Option<Timestamp>) -> Result<Known<Vec<AuditEvent>>, CallError> {
    let past = match past {
        Known::Is(past) => past,
        // There is always a log: where none is found, it was not read.
        Known::Absent => return Ok(Known::Unreadable("it was not found".to_owned())),
        Known::Unreadable(reason) => return Ok(Known::Unreadable(reason)),
    };
    let says = |call: &AuditEvent| before.is_some_and(|before| LatestCalls::sets_state_before(call, before));
    if !past.has_older || past.calls.iter().any(says) {
        return Ok(Known::Is(past.calls));
    }
    let message = format!("the latest {} calls on it do not go back so far", past.calls.len());
    if past.is_cut_short { Err(CallError::Unavailable { call: READ_LOG, message }) } else { Ok(Known::Unreadable(message)) }
}

/// Says whether something that decides could not be read, so that another look may tell more.
fn is_unsure(loss: Loss, facts: &VersionFacts) -> bool {
    let VersionFacts { version, labels, past } = facts;
    // Of a version that was only disabled the log is not asked.
    let is_past_unread = loss == Loss::Destroyed && past.unreadable_reason().is_some();
    version.unreadable_reason().is_some() || labels.unreadable_reason().is_some() || is_past_unread
}

/// Says whether nothing is left to be tried: it stands, the version is back, or a look that could read everything leaves it to a human.
fn is_over(record: &Record, is_mended: bool, is_unsure: bool) -> bool {
    match &record.decision {
        Some(Decision::Stand { .. }) | None => true,
        Some(Decision::Escalate { .. }) => !is_unsure,
        Some(Decision::Remedy { .. }) if record.mode == Mode::Observe => true,
        Some(Decision::Remedy { .. }) => is_mended && (!is_unsure || record.state_after == Some(KeyState::Enabled)),
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

//! What the guard writes down and tells: the records of an event, the notice made from its outcome, and the end of its claim.

use futures_util::join;
use reprieve_core::notice::Notice;
use reprieve_core::record::elapsed_ms;
use reprieve_core::{
    Case, Decision, Event, EventForm, KeyNames, KeyState, Phase, Plan, Record, Severity, Status, Step, StepOutcome, StepResult, Triage,
    Why, triage,
};

use super::{ATTEMPT_WORTH_TELLING, Delivery, Guard, Handled, Ports, Work};
use crate::port::{AuditSink, Circumstances, Clock, KeyControl, Ledger, Meter, NoticeSink, PolicySource};

impl<K: KeyControl, L: Ledger, A: AuditSink, N: NoticeSink, C: Clock, M: Meter, H: Circumstances, P: PolicySource>
    Guard<K, L, A, N, C, M, H, P>
{
    /// Writes the outcome, tells people, remembers what was learned, ends the claim.
    pub(super) async fn conclude(&self, work: &Work<'_>, record: Record, settled: bool) -> Handled {
        let Ports { ledger, audit, notices, clock, meter, .. } = &self.ports;
        let owed = Notice::of(&record);
        let notice = owed.as_ref().filter(|_| settled || work.attempt >= ATTEMPT_WORTH_TELLING);
        let lesson = self.lesson(work, &record, clock.now());
        let (kept, told, learned) = join!(
            async {
                audit.append(&record).await?;
                // The outcome counts more: without it nobody knows what was done.
                if let Some(intent) = &work.unkept_intent
                    && let Err(error) = audit.append(intent).await
                {
                    tracing::warn!(%error, event_id = %work.event.id, "the intent stays in the ledger alone");
                }
                Ok(())
            },
            async {
                match notice {
                    Some(notice) => notices.tell(notice, &record).await,
                    None => Ok(()),
                }
            },
            async {
                match (record.key(), lesson) {
                    (Some(key), Some(lesson)) => ledger.learn(key, lesson, None).await,
                    _ => Ok(()),
                }
            },
        );
        meter.outcome(&record);
        // The next delivery, or the next sweep, finds what was done, and tells it.
        let must_repeat = kept.is_err() || told.is_err() || learned.is_err();
        let is_told = told.is_ok() && notice.is_some() == owed.is_some();
        // Nobody delivers again what a sweep found; each further key of a key store would tell it again. The next sweep writes down what
        // could not be: by the case that stays open.
        let is_over = settled && (!must_repeat || (is_told && work.event.form == EventForm::Sweep));
        let settled = settled && !must_repeat;
        let mut complaints: Vec<String> =
            [kept, told, learned].into_iter().filter_map(Result::err).map(|error| error.to_string()).collect();
        if work.holds_claim {
            let ended = ledger.finish(&work.event.id, record.status, is_over, clock.now()).await;
            complaints.extend(ended.err().map(|error| error.to_string()));
        }
        if settled {
            Handled::Done { record: Box::new(record), complaints }
        } else {
            let reason = match record.steps.iter().find(|step| !step.result.is_success()) {
                Some(step) if complaints.is_empty() => {
                    format!("{} is still open: {:?}", step.step.name(), step.result)
                }
                None if complaints.is_empty() => "what could not be read is read again by the next delivery".to_owned(),
                Some(_) | None => complaints.join("; "),
            };
            Handled::Retry { reason, record: Some(Box::new(record)), told: is_told }
        }
    }

    /// Writes the outcome that an earlier sweep owes: what became of it was told, and may not have been written down. Only that sweep knew
    /// each step, so the record says how the key is by now. Where the outcome was written, its id keeps another one out; so it is with the
    /// intent, which the ledger alone may hold.
    pub(crate) async fn write_down_late(&self, event: &Event, delivery: Delivery, rescue: &Case, state: &KeyState) -> Handled {
        let considering = match triage(event, &self.settings.domain) {
            Triage::Examine { considering, .. } => considering,
            Triage::Settled(_) => Plan::default(),
        };
        // The first attempt is the one that did something; those after it only told of it.
        let work = Work::of(event, delivery, Some(rescue.threat), considering);
        let record = self.outcome(&work, Decision::Stand { why: told_already(event, rescue, state) }, Vec::new(), Status::NothingToDo);
        let kept = async {
            self.ports.audit.append(&record).await?;
            self.ports.audit.append(&self.intent_record(&work)).await
        };
        match kept.await {
            Ok(()) => Handled::Duplicate,
            Err(error) => Handled::Retry {
                reason: format!("what an earlier sweep told is still not written down: {error}"),
                record: Some(Box::new(record)),
                told: true,
            },
        }
    }

    pub(super) fn intent_record(&self, work: &Work<'_>) -> Record {
        self.record(work, Phase::Intent, None, Vec::new(), Status::Pending)
    }

    pub(super) fn outcome(&self, work: &Work<'_>, decision: Decision, steps: Vec<StepOutcome>, status: Status) -> Record {
        self.record(work, Phase::Outcome, Some(decision), steps, status)
    }

    fn record(&self, work: &Work<'_>, phase: Phase, decision: Option<Decision>, steps: Vec<StepOutcome>, status: Status) -> Record {
        Record {
            phase,
            attempt: work.attempt,
            claimed: work.claimed,
            recorded_at: self.ports.clock.now(),
            received_at: work.delivery.received_at,
            mode: self.settings.mode,
            event: work.event.clone(),
            threat: work.threat,
            subject: None,
            considering: work.considering.clone(),
            decision,
            steps,
            status,
            state_after: None,
            names: KeyNames::default(),
            detect_ms: work.event.time.map(|time| elapsed_ms(time, work.delivery.received_at)),
            remediate_ms: None,
        }
    }
}

/// Says what is still known of an answer that was told, and not written down.
fn told_already(event: &Event, rescue: &Case, state: &KeyState) -> Why {
    let key = event.target.display_name();
    let who = if event.actor.is_known() { format!(" by {}", event.actor.display_name()) } else { String::new() };
    let mut why = Why::new(Severity::Informational, format!("`{key}` {}{who}, and an earlier sweep told people.", rescue.threat.phrase()));
    let cancelled = rescue.cancelled_at.map(|at| format!("we cancelled its deletion at {at}, and ")).unwrap_or_default();
    why.escalations.push(format!(
        "what became of it could not be written down when it was told: {cancelled}the key is `{}` by now; by whom, the provider's log \
         tells",
        state.as_str()
    ));
    why
}

/// A key in a store that is not connected accepts `EnableKey` and stays unavailable until the store is back.
pub(super) fn mark_late_effects(record: &mut Record, state_after: Option<&KeyState>) {
    if state_after != Some(&KeyState::Unavailable) {
        return;
    }
    for step in &mut record.steps {
        if matches!(step.step, Step::EnableKey { .. }) && step.result == StepResult::Done {
            step.result = StepResult::TakesEffectLater;
        }
    }
    if let Some(Decision::Remedy { why, .. }) = &mut record.decision {
        why.escalations.push("the key serves again only when its custom key store is connected (ConnectCustomKeyStore)".to_owned());
    }
}

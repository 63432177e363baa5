//! The guard's memory: the intent behind a claim, the case of a key, and what an event, a look or a rescue teaches of it.
//!
//! The ledger's notes beside an act are for the next look: losing one loses no key. A key has one case, of the gravest that is open. It is
//! opened before a step is tried, and closed once the key is back; that of a rescue by a sweep is closed by the sweep, because nobody
//! delivers again what it found: an open case of a settled claim says that people were told, and that the outcome may not be written down,
//! or that the key, whose tags could not be read, is still to be enabled.
//! Another act on the key that is as grave, or keeps it from serving, takes that case's place, and what was owed is lost with it.

use jiff::Timestamp;
use reprieve_core::lesson::{self, Lesson};
use reprieve_core::{Case, Decision, EventForm, KeyArn, KeyFacts, Known, Record, Status, Threat};

use super::{Guard, Ports, Work};
use crate::port::{AuditSink, CallError, Circumstances, Clock, Intent, KeyControl, Ledger, Meter, NoticeSink, PolicySource};
use crate::whose::is_left_over;

impl<K: KeyControl, L: Ledger, A: AuditSink, N: NoticeSink, C: Clock, M: Meter, H: Circumstances, P: PolicySource>
    Guard<K, L, A, N, C, M, H, P>
{
    pub(super) fn intent(&self, work: &Work<'_>) -> Intent {
        Intent {
            event_id: work.event.id.clone(),
            key: work.event.target.key().cloned(),
            considering: work.considering.clone(),
            at: self.ports.clock.now(),
        }
    }

    pub(super) fn case(&self, work: &Work<'_>, threat: Threat, decision: &Decision) -> Case {
        Case {
            event_id: work.event.id.clone(),
            threat,
            event_time: work.event.time,
            actor: work.event.actor.clone(),
            opened_at: self.ports.clock.now(),
            deadline: decision.why().deadline,
            cancelled_at: None,
            stands: false,
        }
    }

    /// Returns the event's case, which keeps that we cancelled the deletion in answer to the same act: people may still be owed that.
    fn case_anew(&self, work: &Work<'_>, threat: Threat, facts: &KeyFacts, decision: &Decision) -> Case {
        let case = self.case(work, threat, decision);
        let is_dated = case.event_time.is_some();
        let is_same = |open: &&Case| {
            is_dated && open.threat == threat && open.event_time == case.event_time && !is_left_over(open, facts.inventory())
        };
        let cancelled_at = facts.case().filter(is_same).and_then(|open| open.cancelled_at);
        Case { cancelled_at, ..case }
    }

    /// Opens or renews the key's case, unless a graver one is open: what endangers the key itself is not forgotten over an alias. One
    /// that is left over from before the key served again gives way to whatever keeps the key from serving now.
    pub(super) async fn note_case(&self, key: &KeyArn, facts: &KeyFacts, case: &Case) -> Result<(), CallError> {
        let ours = case.threat.gravity();
        let is_graver = match facts.recollection.value() {
            Some(known) => known.case.as_ref().is_some_and(|open| {
                let gives_way = ours > 0 && is_left_over(open, known.inventory.as_ref());
                open.threat.gravity() > ours && !gives_way
            }),
            None => !case.threat.endangers_state(),
        };
        if is_graver { Ok(()) } else { self.ports.ledger.open_case(key, case).await }
    }

    /// Notes for the sweep what policy or an incident lets stand: it decides on that again. What is over does not stand any more.
    pub(super) async fn note_standing(
        &self,
        work: &Work<'_>,
        key: &KeyArn,
        threat: Threat,
        facts: &KeyFacts,
        decision: &Decision,
        is_over: bool,
    ) {
        let Ports { ledger, clock, .. } = &self.ports;
        if let Some((lesson, rotation)) = lesson::from_rotation_off(work.event, decision, facts, clock.now()) {
            complain(ledger.learn(key, lesson, Some(rotation)).await, "that the key is not meant to rotate could not be noted");
        }
        if !is_over && (decision.why().permitted || facts.incident_hold().is_some()) {
            let case = Case { stands: true, ..self.case_anew(work, threat, facts, decision) };
            complain(self.note_case(key, facts, &case).await, "what was let stand could not be noted for the sweep");
        }
    }

    /// Notes what people alone can help with. Of a key that is gone nothing is left to do.
    pub(super) async fn note_escalated(
        &self,
        work: &Work<'_>,
        key: &KeyArn,
        threat: Threat,
        facts: &KeyFacts,
        decision: &Decision,
    ) -> Result<(), CallError> {
        if matches!(facts.description, Known::Absent) {
            self.ports.ledger.close_case(key).await
        } else {
            self.note_case(key, facts, &self.case_anew(work, threat, facts, decision)).await
        }
    }

    /// Closes the case of a key that is back, or gone, and renews any other.
    pub(super) async fn note_ended(
        &self,
        work: &Work<'_>,
        key: &KeyArn,
        facts: &KeyFacts,
        case: &Case,
        status: Status,
    ) -> Result<(), CallError> {
        match status {
            // Nobody delivers again what a sweep found: the sweep closes the case once people were told and it was written down.
            Status::Success | Status::DoesNotExist if work.event.form == EventForm::Sweep => Ok(()),
            Status::Success | Status::DoesNotExist => self.ports.ledger.close_case(key).await,
            Status::Pending
            | Status::NothingToDo
            | Status::Observed
            | Status::Failure
            | Status::Partial
            | Status::Unsupported
            | Status::Escalated => self.note_case(key, facts, case).await,
        }
    }

    /// Returns what is learned of the key: by looking at it, else by the event and the decision on it, else by its rescue.
    pub(super) fn lesson(&self, work: &Work<'_>, record: &Record, now: Timestamp) -> Option<Lesson> {
        let remediator = self.settings.domain.remediator.as_ref();
        let of_event = || record.decision.as_ref().and_then(|decision| lesson::from_event(work.event, decision, remediator, now));
        work.seen.or_else(of_event).or_else(|| lesson::from_rescue(record, now))
    }
}

/// The ledger's notes beside an act are for the next look; losing one loses no key, so it is logged and not fatal.
pub(super) fn complain(noted: Result<(), CallError>, what: &'static str) {
    if let Err(error) = noted {
        tracing::warn!(%error, what, "the ledger could not be written");
    }
}

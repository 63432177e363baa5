//! What is remembered of a subject between events: its open case, what to give back, what people were told.

use reprieve_core::azure::Memory;
use reprieve_core::azure::decide::{Blame, is_purged, recovers_a_vault};
use reprieve_core::azure::lesson::lesson;
use reprieve_core::azure::memory::Case;
use reprieve_core::azure::plan::Remedy;
use reprieve_core::{Decision, EventForm, Mode, Record, Status};

use super::port::{TenantControl, TenantLedger, TenantMeter};
use super::tell::Told;
use super::{Look, TenantGuard, Work};
use crate::port::{AuditSink, CallError, Clock, NoticeSink, PolicySource};

impl<T: TenantControl, L: TenantLedger, A: AuditSink, N: NoticeSink, C: Clock, M: TenantMeter, P: PolicySource>
    TenantGuard<T, L, A, N, C, M, P>
{
    /// Opens the case before anything is changed: a vault that is recovered, and whose companions are not yet written back, looks whole
    /// to whoever does not know.
    pub(super) async fn remember_opened(&self, work: &Work<'_>, look: &Look) -> Result<(), String> {
        let case = self.case(work, &look.memory, look, false, recovers_a_vault(&look.plan));
        self.ports.ledger.keep_case(work.subject, Some(&case)).await.map_err(|error| error.to_string())
    }

    fn case(&self, work: &Work<'_>, memory: &Memory, look: &Look, stands: bool, recovering: bool) -> Case {
        let (told, untold) = memory.case.as_ref().map(|case| (case.told.clone(), case.untold.clone())).unwrap_or_default();
        let open = work.case(memory);
        let event = open.map_or(&work.event, |case| &case.event).clone();
        let earlier = memory.case.as_ref().filter(|_| !event.actor.is_known());
        // What is nobody's still was done before it was found first.
        let found_first = earlier.filter(|case| work.blamed == Some(Blame::OfCase) && !case.event.actor.is_known());
        let opened_at = open.or(found_first).map_or_else(|| self.ports.clock.now(), |case| case.opened_at);
        let explained_until = earlier.and_then(|case| case.calls_seen_until(work.blamed == Some(Blame::Beyond)));
        // What could not be read may hide more than was found, and what was purged shows nothing of what it was.
        let kept = open.and_then(|case| case.found.clone());
        let is_read = look.plan.found(Remedy::Unreadable).next().is_none();
        let is_shown = is_read && (kept.is_none() || !is_purged(&look.world));
        let (found, seen_at) =
            if is_shown { (Some(Box::new(look.world.clone())), Some(look.at)) } else { (kept, open.and_then(|case| case.seen_at)) };
        Case { event, opened_at, stands, recovering, found, seen_at, explained_until, told, untold }
    }

    /// Keeps, closes or leaves the case, and learns what the look taught. `told` is what people were told just now, and what they are owed:
    /// until they know it, the case is kept.
    pub(super) async fn remember(
        &self,
        work: &Work<'_>,
        memory: &Memory,
        seen: Option<&Look>,
        record: &Record,
        told: &Told,
    ) -> Result<(), String> {
        let Some((look, decision)) = seen.zip(record.decision.as_ref()) else { return Ok(()) };
        let owed = !look.plan.changes.is_empty() && record.status != Status::NothingToDo;
        let stands = matches!(decision, Decision::Stand { why } if why.permitted);
        let enforces = self.settings.mode == Mode::Enforce;
        let recovering = owed && enforces && (memory.is_recovering() || recovers_a_vault(&look.plan));
        let mut case = self.case(work, memory, look, stands, recovering);
        told.note_in(&mut case);
        // What is kept for what people are owed alone stays the case of whoever did it: who only looked is not named in their place.
        if let Some(open) = memory.case.as_ref().filter(|_| record.status == Status::NothingToDo && !stands) {
            (case.event, case.opened_at) = (open.event.clone(), open.opened_at);
        }
        let is_open = owed || stands || matches!(decision, Decision::Escalate { .. });
        // What was mended, and is done again, is news.
        if !is_open {
            case.told.clear();
        }
        let has_case = memory.case.is_some() || record.status != Status::NothingToDo;
        let kept = match (is_open || !case.untold.is_empty(), has_case) {
            (true, _) => self.ports.ledger.keep_case(work.subject, Some(&case)).await,
            // Whoever does not know what is owed cannot say that nothing is.
            (false, true) if look.recalled => self.ports.ledger.keep_case(work.subject, None).await,
            (false, _) => Ok(()),
        };
        kept.and(self.learn(work, memory, look, decision).await)
            .map_err(|error| format!("{} could not be remembered: {error}", work.subject))
    }

    /// Notes what people were told late where the outcome could not be written down, so that they do not hear it again: whoever answers
    /// the event again tells of the outcome itself. `opened` is the look that the case was opened with for this answer.
    pub(super) async fn remember_told_late(
        &self,
        work: &Work<'_>,
        memory: &Memory,
        opened: Option<&Look>,
        told: &Told,
    ) -> Result<(), String> {
        let Some(earlier) = &memory.case else { return Ok(()) };
        let untold: Vec<Record> = earlier.untold.iter().filter(|record| told.owed.contains(record)).cloned().collect();
        if untold.len() == earlier.untold.len() {
            return Ok(());
        }
        let mut case = opened.map_or_else(|| earlier.clone(), |look| self.case(work, memory, look, false, recovers_a_vault(&look.plan)));
        case.told.retain(|sentence| !told.given_up.contains(sentence));
        case.untold = untold;
        self.ports.ledger.keep_case(work.subject, Some(&case)).await.map_err(|error| error.to_string())
    }

    async fn learn(&self, work: &Work<'_>, memory: &Memory, look: &Look, decision: &Decision) -> Result<(), CallError> {
        if !look.recalled {
            return Ok(());
        }
        // What was done to a key whose case is open is not how it was found at first sight.
        let form = if memory.case.is_some() { EventForm::ApiCall } else { work.event.form };
        match lesson(&look.world, &look.plan, decision, (form, look.memory.object.as_ref()), self.ports.clock.now()) {
            Some(lesson) => self.ports.ledger.learn(work.subject, &lesson).await,
            None => Ok(()),
        }
    }
}

/// Takes out of a decision what people were told before, by an earlier sweep or of the same event. Returns whether anything of it is
/// news.
pub(super) fn silence_what_was_told(decision: &mut Decision, memory: &Memory, work: &Work<'_>, status: Status) -> bool {
    let is_sweep = work.event.form == EventForm::Sweep;
    let Some(case) = memory.case.as_ref().filter(|case| is_sweep || work.is_of_case || case.event.id == work.event.id) else {
        return !is_sweep || !matches!(decision, Decision::Stand { why } if !why.permitted);
    };
    let is_new = |sentence: &String| !case.told.contains(sentence);
    // What is found out about somebody else is news, although something stood before.
    let is_on_record = case.stands && (work.is_of_case || !work.event.actor.is_known());
    match decision {
        Decision::Stand { why } => why.permitted && !is_on_record,
        Decision::Remedy { why, .. } => {
            let is_news = status == Status::Success || is_new(&why.sentence) || why.escalations.iter().any(is_new);
            why.escalations.retain(is_new);
            is_news
        }
        Decision::Escalate { why } => {
            let is_news = why.escalations.iter().any(is_new);
            why.escalations.retain(|sentence| is_new(sentence) || !is_news);
            is_news
        }
    }
}

/// Returns what people know once they are told of an outcome. That something was mended is told each time.
pub(super) fn told_by(record: &Record) -> Vec<String> {
    let Some(why) = record.decision.as_ref().map(Decision::why) else { return Vec::new() };
    let sentence = Some(&why.sentence).filter(|_| record.status != Status::Success);
    why.escalations.iter().chain(sentence).cloned().collect()
}

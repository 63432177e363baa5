//! The sweep of a tenant: finds what there is to keep, and looks at every subject, open cases first. What no event announced is answered
//! like an event.

use futures_util::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use reprieve_core::azure::decide::{Blame, blame};
use reprieve_core::azure::memory::Case;
use reprieve_core::azure::{Discovery, ResourceId, Subject};
use reprieve_core::event::Details;
use reprieve_core::monitoring::event::SOURCE;
use reprieve_core::{Actor, CallOutcome, Decision, Event, EventForm, EventId, Posture, Status, Target};

use super::port::{TenantControl, TenantLedger, TenantMeter};
use super::posture::PostureCount;
use super::{Look, TenantGuard, Work};
use crate::guard::{Delivery, Handled};
use crate::port::{AuditSink, Clock, NoticeSink, PolicySource};

/// For so long after a call a look can miss it: Azure is eventually consistent.
const MISSED_FOR: SignedDuration = SignedDuration::from_secs(30);

/// What a sweep found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TenantSweep {
    /// How many subjects there are.
    pub subjects: usize,
    /// How many were looked at.
    pub looked_at: usize,
    /// How many were not as they must be, and no event had announced it.
    pub lost_events: usize,
    /// How many were mended.
    pub mended: usize,
    /// How many need a human.
    pub escalated: usize,
    /// What could not be looked at, or mended, for now, and why.
    pub failed: Vec<String>,
    /// What went wrong beside the answers: a notice that could not be sent, a ledger that could not be written.
    pub complaints: Vec<String>,
    /// How many are left to the next sweep for want of time.
    pub left: usize,
    /// What could not be looked through.
    pub unreadable: Vec<String>,
    /// How things stand in each subscription; none where the time ran out before everything was looked at.
    pub postures: Vec<Posture>,
}

impl<T: TenantControl, L: TenantLedger, A: AuditSink, N: NoticeSink, C: Clock, M: TenantMeter, P: PolicySource>
    TenantGuard<T, L, A, N, C, M, P>
{
    /// Sweeps. `id` is that of the timer's run.
    pub async fn sweep(&self, id: &EventId, stopped_at: Timestamp) -> TenantSweep {
        let mut report = TenantSweep::default();
        let started_at = self.ports.clock.now();
        let found = self.ports.control.discover().await;
        report.unreadable.extend(found.unreadable.iter().cloned());
        let (mut known, remembers) = match self.ports.ledger.discovery().await {
            Ok(older) => (found.merged_with(&older, started_at), true),
            Err(error) => {
                report.unreadable.push(error.to_string());
                (found, false)
            }
        };
        let cases = self.ports.ledger.open_cases().await.unwrap_or_else(|error| {
            report.unreadable.push(error.to_string());
            Vec::new()
        });
        known.cursor = self.look_at_all(id, &known, &cases, (started_at, stopped_at), &mut report).await.or(known.cursor);
        // What could not be read is not written over.
        if remembers && let Err(error) = self.ports.ledger.keep_discovery(&known).await {
            report.unreadable.push(error.to_string());
        }
        self.ports.meter.sweep(&report);
        report
    }

    /// Looks at every subject there is time for. Returns the key of the one that the next sweep goes on behind.
    async fn look_at_all(
        &self,
        id: &EventId,
        known: &Discovery,
        cases: &[Subject],
        (started_at, stopped_at): (Timestamp, Timestamp),
        report: &mut TenantSweep,
    ) -> Option<String> {
        let at_a_time = self.settings.concurrency.max(1);
        let budget = SignedDuration::try_from(self.settings.sweep_budget).unwrap_or(SignedDuration::MAX);
        let until = started_at.checked_add(budget).unwrap_or(Timestamp::MAX).min(stopped_at);
        let queue = in_order(cases, known);
        report.subjects = queue.len();
        let mut let_go: Vec<ResourceId> = Vec::new();
        let mut standing = PostureCount::default();
        let mut cursor = None;
        // What stands or is owed is known before the rest is looked at.
        let (first, rest) = queue.split_at(cases.len());
        for chunk in first.chunks(at_a_time).chain(rest.chunks(at_a_time)) {
            let now = self.ports.clock.now();
            if now >= until {
                break;
            }
            let delivery = Delivery { received_at: now, count: 1, stopped_at };
            let subjects: Vec<Subject> = chunk.iter().filter(|subject| !is_in(&let_go, subject)).cloned().collect();
            let looks = stream::iter(subjects.clone()).map(|subject| async move { self.sweep_one(id, &subject, delivery, known).await });
            let answers: Vec<Handled> = looks.buffered(at_a_time).collect().await;
            for (subject, handled) in subjects.iter().zip(&answers) {
                report.count(subject, handled, cases.contains(subject));
                standing.add(subject, handled);
                let_go.extend(vault_let_go(subject, handled));
            }
            report.looked_at += chunk.len();
            cursor = chunk.last().filter(|subject| !cases.contains(subject)).map(Subject::key).or(cursor);
        }
        report.left = report.subjects.saturating_sub(report.looked_at);
        if report.left == 0 {
            report.postures = standing.postures(started_at, &report.unreadable);
        }
        cursor
    }

    async fn sweep_one(&self, id: &EventId, subject: &Subject, delivery: Delivery, known: &Discovery) -> Handled {
        self.answer(subject, &unannounced(id.clone(), subject, delivery.received_at), delivery, known).await
    }

    /// Finds out by whose event what was found is judged. What the open case's event did is judged by that one, whatever came later;
    /// what no event announced, by the call that the Activity Log knows, else by nobody's. An event from before the case was opened is
    /// judged by itself: what it did may have been seen with what the case's event did. Where it is covered, see
    /// [`Self::attribute_rest`].
    pub(super) async fn attribute(&self, work: &mut Work<'_>, look: &Look) {
        // Asking takes a second, and most subjects are as they must be.
        if look.plan.is_whole() {
            return;
        }
        let (now, desired) = (self.ports.clock.now(), &self.settings.desired);
        let case = look.memory.case.as_ref();
        work.blamed = case.map(|case| blame(case, work.subject, &look.plan, (&look.world, &look.memory), desired, now));
        let named = named(work.blamed, case);
        // A repeated delivery of what was let stand tells no more than a sweep does.
        let is_repeated = named.is_some() && case.is_some_and(|case| case.stands && case.event.id == work.event.id);
        if !work.is_sweep && !is_repeated {
            work.is_of_case = work.blamed == Some(Blame::OfCase) && case.is_some_and(|case| self.came_by(&work.event, case));
            return;
        }
        work.is_of_case = named == Some(Blame::OfCase);
        if work.is_sweep || !work.is_of_case {
            self.find_out(work, look).await;
        }
    }

    /// Finds out by whose event the rest is judged, where an event is covered that cannot have done all that is found: what was found
    /// when the case was kept, by the case's event; what is beyond it, as a sweep does. Says whether there is such a rest.
    pub(super) async fn attribute_rest(&self, work: &mut Work<'_>, look: &Look) -> bool {
        let Some((case, blamed)) = look.memory.case.as_ref().zip(work.blamed) else { return false };
        let is_attributed = work.is_of_case || work.event.form == EventForm::Sweep;
        if is_attributed || self.explains(&work.event, case, blamed) {
            return false;
        }
        match blamed {
            Blame::OfCase => work.is_of_case = true,
            Blame::Beyond | Blame::Unsaid => self.find_out(work, look).await,
        }
        true
    }

    /// Says whether an event can have done what is found, for all that an open case tells: it was not seen before, nor only gives back.
    fn explains(&self, event: &Event, case: &Case, blamed: Blame) -> bool {
        if self.only_gives_back(event) {
            return false;
        }
        let is_beyond = blamed == Blame::Beyond;
        let margin = if is_beyond { MISSED_FOR } else { SignedDuration::ZERO };
        let seen_until = case.calls_seen_until(is_beyond).map(|until| until.checked_sub(margin).unwrap_or(Timestamp::MIN));
        is_later(event, seen_until)
    }

    /// Says whether an event that finds what a case's event did has done nothing of it: it happened after the case was opened, or is a
    /// write of our own, which only gives back. A case that does not stand answers for no call of ours: such a call is told as theft.
    fn came_by(&self, event: &Event, case: &Case) -> bool {
        let came_later = event.time.is_some_and(|time| time > case.opened_at);
        if self.is_own(event) {
            return case.stands && (came_later || self.only_gives_back(event));
        }
        came_later && case.event.id != event.id
    }

    /// Names whoever did what no event announced: the case's event, a call that the Activity Log knows, else nobody.
    async fn find_out(&self, work: &mut Work<'_>, look: &Look) {
        let case = look.memory.case.as_ref();
        let called = if work.is_of_case { None } else { self.called_since(work, case).await };
        work.is_of_case |= called.is_none() && named(work.blamed, case) == Some(Blame::Unsaid);
        let did = work.case(&look.memory).map(|case| case.event.clone()).or(called);
        let nobodys = || unannounced(work.event.id.clone(), work.subject, work.delivery.received_at);
        work.event = found_out(&work.event.id, did.unwrap_or_else(nobodys));
    }

    /// Returns the latest call on a subject that the Activity Log knows and that explains what is found. What was called before the look
    /// that a case tells of was seen by then, and does not explain what is found beyond it; what was called after a case was opened did
    /// nothing of what was found by then; and a write of our own explains nothing.
    async fn called_since(&self, work: &Work<'_>, case: Option<&Case>) -> Option<Event> {
        let calls = self.ports.control.last_calls(work.subject, self.ports.clock.now()).await.unwrap_or_default();
        let seen_until = case.and_then(|case| case.calls_seen_until(work.blamed == Some(Blame::Beyond)));
        let found_by = case.filter(|_| work.blamed == Some(Blame::OfCase)).map(|case| case.opened_at);
        let came_later = |call: &Event| found_by.is_some_and(|found_by| call.time.is_none_or(|time| time > found_by));
        calls.into_iter().find(|call| !self.only_gives_back(call) && is_later(call, seen_until) && !came_later(call))
    }
}

/// Returns what an open case tells whose event names somebody. Whom a case does not name is looked for again.
fn named(blamed: Option<Blame>, case: Option<&Case>) -> Option<Blame> {
    blamed.filter(|_| case.is_some_and(|case| case.event.actor.is_known()))
}

/// Says whether a call is later than those that were seen.
fn is_later(call: &Event, seen_until: Option<Timestamp>) -> bool {
    seen_until.is_none_or(|seen_until| call.time.is_some_and(|time| time > seen_until))
}

/// Returns an event as one that did not lead here, but was found out: it stands under the id of what did.
pub(super) fn found_out(id: &EventId, did: Event) -> Event {
    Event { id: id.clone(), form: EventForm::Sweep, ..did }
}

/// Returns the vault whose deletion was let stand: nothing in it can be looked at, nor needs to be.
fn vault_let_go(subject: &Subject, handled: &Handled) -> Option<ResourceId> {
    match (subject, handled) {
        (Subject::Vault(vault), Handled::Done { record, .. }) => match &record.decision {
            Some(Decision::Stand { why }) if why.permitted => Some(vault.clone()),
            Some(Decision::Stand { .. } | Decision::Remedy { .. } | Decision::Escalate { .. }) | None => None,
        },
        (_, Handled::Done { .. } | Handled::Duplicate | Handled::Retry { .. }) => None,
    }
}

fn is_in(vaults: &[ResourceId], subject: &Subject) -> bool {
    let resource = subject.resource();
    vaults.iter().any(|vault| resource.within(&vault.resource_type()).as_ref() == Some(vault))
}

impl TenantSweep {
    fn count(&mut self, subject: &Subject, handled: &Handled, was_open: bool) {
        let record = match handled {
            Handled::Done { record, complaints } => {
                self.complaints.extend(complaints.iter().map(|complaint| format!("{subject}: {complaint}")));
                record
            }
            Handled::Duplicate => return,
            Handled::Retry { reason, .. } => return self.failed.push(format!("{subject}: {reason}")),
        };
        match (&record.decision, record.status) {
            (Some(Decision::Remedy { .. }), status) => {
                self.lost_events += usize::from(!was_open);
                self.mended += usize::from(status == Status::Success);
            }
            (Some(Decision::Escalate { .. }), _) => self.escalated += 1,
            (Some(Decision::Stand { .. }) | None, _) => {}
        }
    }
}

/// Open cases first, then what is deleted by its nature of being listed, then the rest, beginning behind where the last sweep ended.
fn in_order(cases: &[Subject], known: &Discovery) -> Vec<Subject> {
    let mut rest: Vec<&Subject> = known.subjects.iter().map(|seen| &seen.what).filter(|subject| !cases.contains(subject)).collect();
    rest.sort_by_key(|subject| subject.key());
    let cursor = known.cursor.clone().unwrap_or_default();
    let begin = rest.iter().position(|subject| subject.key() > cursor).unwrap_or(0);
    rest.rotate_left(begin);
    cases.iter().chain(rest).cloned().collect()
}

/// Makes the event of what no event announced.
fn unannounced(id: EventId, subject: &Subject, now: Timestamp) -> Event {
    Event {
        id,
        form: EventForm::Sweep,
        source: SOURCE.to_owned(),
        name: "Sweep".to_owned(),
        time: Some(now),
        account: None,
        region: None,
        actor: Actor::unknown(),
        target: Target::Azure(subject.resource()),
        outcome: CallOutcome::Succeeded,
        details: Details::default(),
        oddities: Vec::new(),
    }
}

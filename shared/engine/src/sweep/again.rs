//! What a sweep makes of a case that is open already: whether it is left as it is, told once more, or answered anew.

use jiff::Timestamp;
use reprieve_core::approval::plain;
use reprieve_core::{Case, Decision, Event, KeyArn, KeyDescription, KeyFacts, Mode, Policy, Threat};

use super::Seen;
use super::found::is_own_rescue;
use crate::guard::Guard;
use crate::observe::{Sight, waits_for_tags};
use crate::port::{AuditSink, Circumstances, Clock, KeyControl, Ledger, Meter, NoticeSink, PolicySource};
use crate::whose::is_near;

/// A key that is not as it is meant to be, and the case that an earlier look opened of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenCase<'a> {
    pub(super) case: &'a Case,
    pub(super) key: &'a KeyArn,
    pub(super) threat: Threat,
    /// The key; `None` where it could not be seen.
    pub(super) description: Option<&'a KeyDescription>,
    /// The key does not exist any more.
    pub(super) is_gone: bool,
    pub(super) now: Timestamp,
}

impl<K: KeyControl, L: Ledger, A: AuditSink, N: NoticeSink, C: Clock, M: Meter, H: Circumstances, P: PolicySource>
    Guard<K, L, A, N, C, M, H, P>
{
    /// Returns what becomes of the case where this sweep has nothing to do about it. Where it may only have to be told, the event gets the
    /// id of the one that told it first: the ledger knows whether it did.
    pub(super) async fn see_again(&self, open: OpenCase<'_>, event: &mut Event, policy: &Policy) -> Option<Seen> {
        let OpenCase { case, key, threat, description, is_gone, .. } = open;
        if case.stands {
            return self.see_standing(open, event, policy).await;
        }
        if self.settings.mode == Mode::Observe || (threat.takes_means() && !is_gone) {
            return Some(Seen::Told);
        }
        // A deletion that is pending is cancelled, whatever cannot be read.
        let is_pending = description.is_some_and(KeyDescription::deletion_is_pending);
        if is_pending || !threat.endangers_state() {
            return None;
        }
        let facts = self.look(event, key, threat).await;
        if !waits_for_tags(&self.decide(event, &facts, policy), threat, &facts) {
            return None;
        }
        tracing::error!(%key, "the key stays disabled, because its tags, which may hold it for an incident, cannot be read");
        // An event is told by its own deliveries.
        if !is_own_rescue(case, key) {
            return Some(Seen::Told);
        }
        event.id = case.event_id.clone();
        None
    }

    /// Decides again on what was let stand. Returns `None` where it does not stand any more.
    async fn see_standing(&self, open: OpenCase<'_>, event: &Event, policy: &Policy) -> Option<Seen> {
        let OpenCase { key, threat, description, now, .. } = open;
        let Sight { facts, tags_are_refused } = self.see(event, key, threat).await;
        let decision = self.decide(event, &facts, policy);
        if matches!(decision, Decision::Stand { .. }) {
            return Some(Seen::Standing);
        }
        // It stood when all could be read. What passes by itself shall not undo a planned deletion that has weeks to go, nor call people
        // for a key that an incident may well hold still. Tags that are refused do not come back by themselves: that is told, once.
        let is_unsure = approval_is_unreadable(&facts) || policy.closed_reason().is_some();
        let has_time = threat == Threat::DeletionScheduled && !is_near(description, now);
        let waits = !tags_are_refused && waits_for_tags(&decision, threat, &facts);
        if waits || (is_unsure && has_time) {
            tracing::error!(%key, "what lets the key stay as it is could not be read; the next sweep decides on it");
            return Some(Seen::NotReached);
        }
        None
    }
}

/// Says whether something that approvals or policies stand on could not be read.
fn approval_is_unreadable(facts: &KeyFacts) -> bool {
    let KeyFacts { tags, recollection, tagging, calendar, description: _, rotation: _ } = facts;
    let is_plain = tags.value().is_some_and(plain::is_plain);
    let unread = [tags.unreadable_reason(), recollection.unreadable_reason(), calendar.unreadable_reason()];
    unread.iter().any(Option::is_some) || (is_plain && tagging.unreadable_reason().is_some())
}

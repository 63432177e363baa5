//! What people are told of an outcome, and what they are told late.
//!
//! What could not be sent is owed: its outcome is kept with the subject's case, and whoever looks at the subject next tells it. No act
//! waits for that, and none is made again because of it.

use jiff::{SignedDuration, Timestamp};
use reprieve_core::Record;
use reprieve_core::azure::Memory;
use reprieve_core::azure::memory::Case;
use reprieve_core::notice::Notice;

use super::port::{TenantControl, TenantLedger, TenantMeter};
use super::remember::told_by;
use super::{TenantGuard, Work};
use crate::guard::Handled;
use crate::port::{AuditSink, CallError, Clock, NoticeSink, PolicySource};

/// For so long it is tried to tell people late: as long as Event Grid delivers an event. A channel that nobody mends must not make the
/// others hear the same for ever.
const TOLD_LATE_FOR: SignedDuration = SignedDuration::from_hours(24);

/// How many outcomes of one subject are kept to be told late.
const OWED_LIMIT: usize = 8;

/// What came of telling people.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// What they know of the outcome now, or are owed.
    pub(super) sentences: Vec<String>,
    /// The outcomes that they are owed, the oldest first.
    pub(super) owed: Vec<Record>,
    /// What was to be told, and is given up: where it is still so, it is news again.
    pub(super) given_up: Vec<String>,
    /// Why they could not be told.
    pub(super) complaint: Option<String>,
}

impl Told {
    /// Says whether the delivery is to come again, because people could not be told of its event. A batch of the event hub is not: all
    /// behind it would wait for a channel to people, and the next sweep tells as well.
    pub(super) fn calls_back(&self, work: &Work<'_>) -> bool {
        let is_heard_alone = !work.is_sweep && !work.subject.function().hears_by_hub();
        is_heard_alone && self.owed.iter().any(|record| record.event.id == work.event.id)
    }

    /// Gives up what could not be told for a day, and the oldest of too many: the archive holds it.
    fn bounded(mut self, now: Timestamp) -> Self {
        let is_fresh = |record: &Record| now.duration_since(record.recorded_at) < TOLD_LATE_FOR;
        let (mut owed, mut given_up): (Vec<Record>, Vec<Record>) = self.owed.into_iter().partition(is_fresh);
        let over = owed.len().saturating_sub(OWED_LIMIT);
        given_up.extend(owed.drain(..over));
        if !given_up.is_empty() {
            let archived = format!("{} outcomes are not told any more, and stand in the archive alone", given_up.len());
            self.complaint = self.complaint.map(|complaint| format!("{complaint}; {archived}"));
        }
        let still_owed: Vec<String> = owed.iter().flat_map(told_by).collect();
        self.given_up = given_up.iter().flat_map(told_by).filter(|sentence| !still_owed.contains(sentence)).collect();
        self.owed = owed;
        self
    }

    /// Notes in a case what people know now, or are owed: what was given up they do not know.
    pub(super) fn note_in(&self, case: &mut Case) {
        case.told.retain(|sentence| !self.given_up.contains(sentence));
        let news: Vec<String> = self.sentences.iter().filter(|sentence| !case.told.contains(sentence)).cloned().collect();
        case.told.extend(news);
        case.untold.clone_from(&self.owed);
    }
}

impl<T: TenantControl, L: TenantLedger, A: AuditSink, N: NoticeSink, C: Clock, M: TenantMeter, P: PolicySource>
    TenantGuard<T, L, A, N, C, M, P>
{
    /// Tells people of an outcome, where it is time to, and then of those that they are owed.
    pub(super) async fn tell(&self, record: &Record, is_told: bool, memory: &Memory) -> Told {
        let earlier = memory.case.as_ref().map(|case| case.untold.as_slice()).unwrap_or_default();
        let notice = Notice::of(record).filter(|_| is_told);
        let mut told = match self.send(notice.as_ref(), record).await {
            Ok(()) => self.tell_late(earlier).await,
            Err(error) => {
                let owed = earlier.iter().chain([record]).cloned().collect();
                Told { owed, complaint: Some(error.to_string()), ..Told::default() }
            }
        };
        told.sentences = notice.map(|_| told_by(record)).unwrap_or_default();
        told.bounded(self.ports.clock.now())
    }

    /// Answers a delivery of what was answered before: nothing is done again, and what people are owed is told.
    pub(super) async fn repeat(&self, work: &Work<'_>, memory: &Memory) -> Handled {
        let Some(case) = memory.case.as_ref().filter(|case| !case.untold.is_empty()) else { return Handled::Duplicate };
        let told = self.tell_late(&case.untold).await.bounded(self.ports.clock.now());
        let mut case = case.clone();
        told.note_in(&mut case);
        if let Err(error) = self.ports.ledger.keep_case(work.subject, Some(&case)).await {
            tracing::warn!(%error, "what people are owed could not be noted");
        }
        let calls_back = told.calls_back(work);
        match told.complaint {
            Some(reason) if calls_back => Handled::Retry { reason, record: None, told: false },
            Some(complaint) => {
                tracing::error!(complaint, "an event was answered before, and people could not be told of it");
                Handled::Duplicate
            }
            None => Handled::Duplicate,
        }
    }

    /// Tells what people are owed, the oldest first. What is behind one that could not be sent waits with it.
    async fn tell_late(&self, owed: &[Record]) -> Told {
        for (at, record) in owed.iter().enumerate() {
            let notice = Notice::of(record);
            if let Err(error) = self.send(notice.as_ref(), record).await {
                let owed = owed.get(at..).unwrap_or_default().to_vec();
                return Told { owed, complaint: Some(error.to_string()), ..Told::default() };
            }
        }
        Told::default()
    }

    async fn send(&self, notice: Option<&Notice>, record: &Record) -> Result<(), CallError> {
        match notice {
            Some(notice) => self.ports.notices.tell(notice, record).await,
            None => Ok(()),
        }
    }
}

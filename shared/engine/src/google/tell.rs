//! Tell: people hear once how an event ended, and what they could not be told then by the next delivery or the next sweep.
//!
//! What is left to the sweeps is tried hour by hour, and told again only where something else is in the way. Of an answer that is still
//! open people hear from the third attempt on, once for the same trouble. What cannot be told for a day is given up: the archive holds it.

use jiff::{SignedDuration, Timestamp};
use reprieve_core::notice::Notice;
use reprieve_core::{Decision, EventId, Record};

use super::{End, KeyVersionControl, VersionClaims, VersionGuard, VersionMeter, VersionPorts, Work};
use crate::digest::digest_of;
use crate::guard::ATTEMPT_WORTH_TELLING;
use crate::observe::{NOT_ENOUGH_TIME, in_time};
use crate::port::{AuditSink, CallError, Clock, NoticeSink, PolicySource};

/// How long an answer is open before people hear of it where nobody counts the attempts.
const OPEN_PATIENCE: SignedDuration = SignedDuration::from_mins(5);

/// For so long it is tried to tell people late. A channel that nobody mends must not make the others hear the same for ever.
const TOLD_LATE_FOR: SignedDuration = SignedDuration::from_hours(24);

const TELL: &str = "notices:Tell";
const READ_OWED: &str = "claims:Owed";
const NOTE_TOLD: &str = "claims:Paid";

/// Why people could not be told.
pub(super) struct Untold {
    pub(super) error: CallError,
    /// It is kept, and told by the next delivery or sweep.
    pub(super) is_kept: bool,
}

impl<K: KeyVersionControl, L: VersionClaims, A: AuditSink, N: NoticeSink, C: Clock, M: VersionMeter, P: PolicySource>
    VersionGuard<K, L, A, N, C, M, P>
{
    /// Tells people of an outcome, and keeps what they could not be told. Returns whether they know all of it.
    pub(super) async fn tell(&self, work: &Work<'_>, record: &Record, end: End) -> Result<bool, Untold> {
        let VersionPorts { claims, notices, .. } = &self.ports;
        let Some(notice) = Notice::of(record) else { return Ok(true) };
        match end {
            End::Open if !self.is_worth_telling(work) => Ok(false),
            End::Settled => {
                let Err(error) = notices.tell(&notice, record).await else { return Ok(true) };
                let kept = claims.owe(record, digest_of(&record.id())).await;
                Err(Untold { error, is_kept: kept.is_ok() })
            }
            End::Open | End::Left => {
                let what = digest_of(&trouble(record));
                let owed = claims.owe(record, what).await;
                if matches!(owed, Ok(false)) {
                    return self.tell_again(work, end).await;
                }
                if let Err(error) = notices.tell(&notice, record).await {
                    return Err(Untold { error, is_kept: owed.is_ok() });
                }
                self.note_told(record.event_id(), what, work.delivery.stopped_at).await;
                Ok(true)
            }
        }
    }

    /// Answers where the same was owed before. Of what is left a sweep tells; an open answer is the next attempt's to tell.
    async fn tell_again(&self, work: &Work<'_>, end: End) -> Result<bool, Untold> {
        if end == End::Open {
            let told = self.tell_owed(Some(&work.event.id), work.delivery.act_until()).await;
            told.map_err(|error| Untold { error, is_kept: true })?;
        }
        Ok(true)
    }

    /// Says whether people hear of an answer that is still open.
    fn is_worth_telling(&self, work: &Work<'_>) -> bool {
        let now = self.ports.clock.now();
        let is_late = work.event.time.is_none_or(|time| now.duration_since(time) >= OPEN_PATIENCE);
        work.attempt >= ATTEMPT_WORTH_TELLING || (!work.claimed && is_late)
    }

    /// Tells people what they could not be told before: of one event, or of all. One that cannot be told holds up no other.
    pub(super) async fn tell_owed(&self, of: Option<&EventId>, until: Timestamp) -> Result<(), CallError> {
        let VersionPorts { claims, clock, .. } = &self.ports;
        let mut untold = None;
        for (record, what) in in_time(until, clock, READ_OWED, claims.owed(of)).await? {
            if clock.now() >= until {
                let late = CallError::Unavailable { call: TELL, message: NOT_ENOUGH_TIME.to_owned() };
                untold = untold.or(Some(late));
                break;
            }
            if let Err(error) = self.tell_late(&record, until).await {
                if clock.now().duration_since(record.recorded_at) < TOLD_LATE_FOR {
                    untold = untold.or(Some(error));
                    continue;
                }
                tracing::error!(%error, event_id = %record.event_id(), "people could not be told for a day, and that is given up");
            }
            self.note_told(record.event_id(), what, until).await;
        }
        untold.map_or(Ok(()), Err)
    }

    async fn tell_late(&self, record: &Record, until: Timestamp) -> Result<(), CallError> {
        let VersionPorts { notices, clock, .. } = &self.ports;
        match Notice::of(record) {
            Some(notice) => in_time(until, clock, TELL, notices.tell(&notice, record)).await,
            None => Ok(()),
        }
    }

    async fn note_told(&self, id: &EventId, what: u64, until: Timestamp) {
        let VersionPorts { claims, clock, .. } = &self.ports;
        if let Err(error) = in_time(until, clock, NOTE_TOLD, claims.paid(id, what)).await {
            tracing::warn!(%error, event_id = %id, "that people were told could not be noted; the next sweep tells them again");
        }
    }
}

/// Says what keeps a version from coming back: in the same words for as long as it is the same.
pub(super) fn trouble(record: &Record) -> String {
    let failed = record.steps.iter().find(|step| !step.result.is_success());
    let failed = failed.map(|step| format!("{}: {:?}", step.step.name(), step.result));
    let why = record.decision.as_ref().map(Decision::why);
    let escalations = why.into_iter().flat_map(|why| why.escalations.iter().cloned());
    let words: Vec<String> = failed.into_iter().chain(escalations).collect();
    if words.is_empty() { why.map(|why| why.sentence.clone()).unwrap_or_default() } else { words.join("; ") }
}

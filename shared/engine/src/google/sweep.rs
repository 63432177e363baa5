//! The sweep: finds versions that wait to be destroyed, or are disabled, of which no event arrived, and answers each like an event.
//!
//! The call by which it came about is looked up in Google's log, and is worked on under its own id: what an event settled is not
//! worked on again. What it left, because a call was refused or something could not be read, is tried again by every sweep, and counts as
//! open until the version is back, or may be as it is. A version that waits, of which the log knows nothing, is answered as the act of
//! somebody unknown; one that is disabled, of which the log knows nothing, may have been for years, and is left as it is. Where the log
//! cannot be read, a version is left to the next sweep, and in its last hours answered as the act of somebody unknown.

use futures_util::{StreamExt as _, join, stream};
use jiff::{SignedDuration, Timestamp};
use reprieve_core::audit::{Credential, Excerpt, Log};
use reprieve_core::facts::Known;
use reprieve_core::google::decide::KMS_SOURCE;
use reprieve_core::google::{KeyVersion, Loss, VersionFacts};
use reprieve_core::{Actor, AuditEvent, CallOutcome, Details, Event, EventForm, EventId, Target};

use super::tell::trouble;
use super::{End, KeyVersionControl, LostVersions, READ_LOG, VersionClaims, VersionGuard, VersionMeter, VersionPorts, is_in_last_hours};
use crate::digest::digest_of;
use crate::guard::{Delivery, Handled};
use crate::observe::in_time;
use crate::port::{AuditSink, Clock, NoticeSink, PolicySource};

/// A sweep that is tried again begins elsewhere: it takes up to so long.
const SWEEP_SECONDS: i64 = 300;

/// How long a sweep takes to tell what is owed, at most: the rest of its time is for the versions.
const OWED_TAKES: SignedDuration = SignedDuration::from_mins(1);

/// What a sweep came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VersionSweep {
    /// How many versions wait to be destroyed or are disabled.
    pub lost: usize,
    /// How many of them were answered now: no event had announced them, or its answer had come to nothing.
    pub answered: usize,
    /// How many had been answered before, or are nobody's act.
    pub known: usize,
    /// What is still open, could not be searched, or could not be told, and why.
    pub failed: Vec<String>,
    /// How many were left for the next sweep, for lack of time.
    pub left: usize,
}

/// What became of one lost version.
enum Swept {
    /// There was no time for it.
    NotReached,
    /// It was answered before, or is nobody's act.
    Known,
    /// It was answered now.
    Answered,
    /// It is still lost, or may be, and why.
    Open(String),
}

impl<K: KeyVersionControl, L: VersionClaims, A: AuditSink, N: NoticeSink, C: Clock, M: VersionMeter, P: PolicySource>
    VersionGuard<K, L, A, N, C, M, P>
{
    /// Sweeps what could be listed, and reports what could not.
    pub async fn sweep(&self, delivery: Delivery) -> VersionSweep {
        let tell_until = self.ports.clock.now().checked_add(OWED_TAKES).unwrap_or(Timestamp::MAX);
        // What is owed is told before anything else comes to be told of the same version.
        let (told, lost) = join!(self.tell_owed(None, tell_until), self.ports.control.lost());
        let LostVersions { found: mut lost, unread } = lost;
        in_order(&mut lost, self.ports.clock.now());
        let mut report = VersionSweep { lost: lost.len(), failed: unread, ..VersionSweep::default() };
        report.failed.extend(told.err().map(|error| format!("people are still to be told of earlier answers: {error}")));
        let answers = stream::iter(lost).map(|version| async move {
            if self.ports.clock.now() >= delivery.act_until() {
                return Swept::NotReached;
            }
            self.answer_lost(&version, delivery).await
        });
        let answers: Vec<Swept> = answers.buffered(self.settings.concurrency.max(1)).collect().await;
        for swept in answers {
            match swept {
                Swept::NotReached => report.left += 1,
                Swept::Known => report.known += 1,
                Swept::Answered => report.answered += 1,
                Swept::Open(reason) => report.failed.push(reason),
            }
        }
        self.ports.meter.sweep(&report);
        report
    }

    async fn answer_lost(&self, version: &KeyVersion, delivery: Delivery) -> Swept {
        let Some(loss) = Loss::of_state(&version.state) else { return Swept::Known };
        let VersionPorts { control, clock, .. } = &self.ports;
        let now = clock.now();
        let until = delivery.look_until(now);
        let entry = match in_time(until, clock, READ_LOG, control.past(&version.name, Some(now))).await {
            // Whose act it is the latest call tells, however many lie before it.
            Ok(past) => entry_of(version, loss, past.calls),
            Err(error) if loss == Loss::Destroyed && is_in_last_hours(version.destroy_at, clock.now()) => {
                tracing::error!(%error, version = %version.name, "it is about to be destroyed, and is answered without the log");
                found(version, loss)
            }
            Err(error) => return Swept::Open(format!("the log could not be asked about `{}`: {error}", version.name)),
        };
        let Some(entry) = entry else { return Swept::Known };
        match self.work_on(&entry, delivery, true).await {
            None | Some((Handled::Duplicate, _)) => Swept::Known,
            Some((Handled::Retry { reason, .. }, _)) => Swept::Open(reason),
            Some((Handled::Done { record, .. }, End::Left)) => {
                Swept::Open(format!("`{}` is not given back yet: {}", version.name, trouble(&record)))
            }
            Some((Handled::Done { .. }, End::Settled | End::Open)) => Swept::Answered,
        }
    }
}

/// Returns the call by which a version was lost, by the log's calls on it. `None` where it is nobody's act.
fn entry_of(version: &KeyVersion, loss: Loss, calls: Vec<AuditEvent>) -> Option<AuditEvent> {
    let facts = VersionFacts { version: Known::Is(version.clone()), labels: Known::Absent, past: Known::Is(calls) };
    let culprit = |loss: Loss| loss.culprit(&facts, &version.name);
    match loss {
        Loss::Destroyed => culprit(loss).or_else(|| found(version, loss)),
        // What our own restoring left disabled is known by the destruction before it, whoever disabled the version before that.
        Loss::Disabled => culprit(Loss::Disabled).into_iter().chain(culprit(Loss::Destroyed)).max_by_key(|entry| entry.event.time),
    }
}

/// What a sweep finds, as an event: always the same one for the same destruction.
fn found(version: &KeyVersion, loss: Loss) -> Option<AuditEvent> {
    let until = version.destroy_at.map(|at| at.as_second().to_string()).unwrap_or_default();
    let digest = digest_of(&format!("{}{until}", version.name));
    let event = Event {
        id: EventId::parse(&format!("sweep-{digest:016x}")).ok()?,
        form: EventForm::Sweep,
        source: KMS_SOURCE.to_owned(),
        name: "Sweep".to_owned(),
        time: None,
        account: None,
        region: None,
        actor: Actor::unknown(),
        target: Target::Google(version.name.clone()),
        outcome: CallOutcome::Succeeded,
        details: Details { deletion_date: version.destroy_at, ..Details::default() },
        oddities: Vec::new(),
    };
    Some(AuditEvent {
        log: Log::GoogleCloudAudit,
        event,
        operation: loss.operation(),
        asset: None,
        credential: Credential::default(),
        request: Excerpt::new(),
        response: Excerpt::new(),
    })
}

/// The earliest to be destroyed comes first. What is disabled is in no hurry, and begins at another place each time: where a sweep does not
/// come to the end of them, it is not the same ones that are left.
fn in_order(lost: &mut [KeyVersion], now: Timestamp) {
    lost.sort_by_key(|version| (version.destroy_at.is_none(), version.destroy_at, version.name.clone()));
    let waiting = lost.partition_point(|version| version.destroy_at.is_some());
    let disabled = lost.get_mut(waiting..).unwrap_or_default();
    let count = u64::try_from(disabled.len()).unwrap_or_default();
    if let Some(start) = digest_of(&(now.as_second() / SWEEP_SECONDS).to_string()).checked_rem(count) {
        disabled.rotate_left(usize::try_from(start).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use reprieve_core::google::{GoogleName, VersionState};

    use super::*;

    #[test]
    fn every_disabled_version_comes_first_some_time_and_none_before_what_is_destroyed() {
        let version = |number: i64| KeyVersion {
            name: GoogleName::parse(&format!("projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/{number}")).unwrap(),
            state: if number < 3 { VersionState::DestroyScheduled } else { VersionState::Disabled },
            destroy_at: (number < 3).then(|| Timestamp::from_second(9 - number).unwrap()),
            destroyed_at: None,
            protection_level: None,
        };
        let mut first = BTreeSet::new();
        for sweep in 0..200 {
            let mut lost: Vec<KeyVersion> = (1..=8).map(version).collect();
            in_order(&mut lost, Timestamp::from_second(1_790_000_000 + sweep * SWEEP_SECONDS).unwrap());
            let order: Vec<&str> = lost.iter().filter_map(|version| version.name.version()).collect();
            assert_eq!(order[..2], ["2", "1"]);
            first.insert(order[2].to_owned());
        }
        assert_eq!(first.len(), 6, "{first:?}");
    }
}

//! The sweep: finds versions that wait to be destroyed, or are disabled, of which no event arrived, and answers each like an event.
//!
//! The call by which it came about is looked up in Google's log, and is worked on under its own id: what an event settled is not
//! worked on again. A version that waits, of which the log knows nothing, is answered as the act of somebody unknown; one that is
//! disabled, of which the log knows nothing, may have been for years, and is left as it is. Where the log cannot be read, a version is
//! left to the next sweep, and in its last hours answered as the act of somebody unknown.

use futures_util::{StreamExt as _, stream};
use reprieve_core::audit::{Credential, Excerpt, Log};
use reprieve_core::facts::Known;
use reprieve_core::google::decide::KMS_SOURCE;
use reprieve_core::google::{KeyVersion, Loss, VersionFacts};
use reprieve_core::{Actor, AuditEvent, CallOutcome, Details, Event, EventForm, EventId, Target};

use super::{KeyVersionControl, LostVersions, READ_LOG, VersionClaims, VersionGuard, VersionMeter, VersionPorts, is_in_last_hours};
use crate::digest::digest_of;
use crate::guard::{Delivery, Handled};
use crate::observe::in_time;
use crate::port::{AuditSink, Clock, NoticeSink, PolicySource};

/// What a sweep came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VersionSweep {
    /// How many versions wait to be destroyed or are disabled.
    pub lost: usize,
    /// How many of them no event had announced, and were answered now.
    pub answered: usize,
    /// How many had been answered before, or are nobody's act.
    pub known: usize,
    /// What is still open or could not be searched, and why.
    pub failed: Vec<String>,
    /// How many were left for the next sweep, for lack of time.
    pub left: usize,
}

impl<K: KeyVersionControl, L: VersionClaims, A: AuditSink, N: NoticeSink, C: Clock, M: VersionMeter, P: PolicySource>
    VersionGuard<K, L, A, N, C, M, P>
{
    /// Sweeps what could be listed, and reports what could not.
    pub async fn sweep(&self, delivery: Delivery) -> VersionSweep {
        let LostVersions { found: mut lost, unread } = self.ports.control.lost().await;
        // The earliest to be destroyed comes first; what is disabled is in no hurry.
        lost.sort_by_key(|version| (version.destroy_at.is_none(), version.destroy_at, version.name.clone()));
        let mut report = VersionSweep { lost: lost.len(), failed: unread, ..VersionSweep::default() };
        let answers = stream::iter(lost).map(|version| async move {
            if self.ports.clock.now() >= delivery.act_until() {
                return None;
            }
            Some(self.answer_lost(&version, delivery).await)
        });
        let answers: Vec<_> = answers.buffered(self.settings.concurrency.max(1)).collect().await;
        for answer in answers {
            match answer {
                None => report.left += 1,
                Some(None | Some(Handled::Duplicate)) => report.known += 1,
                Some(Some(Handled::Done { .. })) => report.answered += 1,
                Some(Some(Handled::Retry { reason, .. })) => report.failed.push(reason),
            }
        }
        self.ports.meter.sweep(&report);
        report
    }

    async fn answer_lost(&self, version: &KeyVersion, delivery: Delivery) -> Option<Handled> {
        let loss = Loss::of_state(&version.state)?;
        let VersionPorts { control, clock, .. } = &self.ports;
        let now = clock.now();
        let until = delivery.look_until(now);
        let entry = match in_time(until, clock, READ_LOG, control.past(&version.name, Some(now))).await {
            // Whose act it is the latest call tells, however many lie before it.
            Ok(past) => entry_of(version, loss, past.calls)?,
            Err(error) if loss == Loss::Destroyed && is_in_last_hours(version.destroy_at, clock.now()) => {
                tracing::error!(%error, version = %version.name, "it is about to be destroyed, and is answered without the log");
                found(version, loss)?
            }
            Err(error) => {
                return Some(Handled::Retry {
                    reason: format!("the log could not be asked about `{}`: {error}", version.name),
                    record: None,
                    told: false,
                });
            }
        };
        self.handle(&entry, delivery).await
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

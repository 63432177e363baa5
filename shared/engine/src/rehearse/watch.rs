//! What is watched after the call: the key until it serves again, and what people are told until the alarm was.
//!
//! The drill gives its key back itself when the guard's deadline is over; it does not wait for the alarm with that.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reprieve_core::drill::{Content, Letter, Sightings};
use reprieve_core::facts::INCIDENT_HOLD_TAG;
use reprieve_core::{KeyArn, KeyState, Step, StepOutcome};

use super::{DrillInventory, DrillKey, DrillMeter, DrillWatch, Rehearsal};
use crate::act::{answered_by, carry_out};
use crate::port::{AuditSink, CallError, Clock, KeyControl, NoticeSink};

/// The pause between two looks at the key; what is measured of it is that exact.
const KEY_PAUSE: Duration = Duration::from_millis(250);

/// The pause between two looks into the queue, which waits itself as well.
const QUEUE_PAUSE: Duration = Duration::from_millis(500);

/// The time between two looks into the alarm's history.
const HISTORY_EVERY: SignedDuration = SignedDuration::from_secs(15);

/// An enabled key that was never seen pending is a stale look for so long, and an answer that was quicker than the looks after that.
const STALE_FOR: SignedDuration = SignedDuration::from_secs(5);

/// The key, from the call to the guard's deadline.
#[derive(Debug, Default)]
pub(super) struct KeyWatch {
    pub(super) cancelled_at: Option<Timestamp>,
    pub(super) enabled_at: Option<Timestamp>,
    pub(super) unseen: Option<String>,
    pub(super) until: Timestamp,
    pub(super) mended: Mended,
}

/// What the drill did to get its key back.
#[derive(Debug, Default)]
pub(super) struct Mended {
    pub(super) steps: Vec<StepOutcome>,
    /// The key serves, as far as was seen.
    pub(super) is_safe: bool,
}

/// What arrived.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    pub(super) detect_ms: Option<i64>,
    pub(super) notice_at: Option<Timestamp>,
    pub(super) alarm_told_at: Option<Timestamp>,
    pub(super) alarm_raised_at: Option<Timestamp>,
    pub(super) unseen: Option<String>,
    pub(super) until: Timestamp,
}

/// Puts together what both watches saw.
pub(super) fn sightings(key: &KeyWatch, letters: &Arrivals) -> Sightings {
    Sightings {
        cancelled_at: key.cancelled_at,
        enabled_at: key.enabled_at,
        key_unseen: key.unseen.clone(),
        detect_ms: letters.detect_ms,
        notice_at: letters.notice_at,
        alarm_told_at: letters.alarm_told_at,
        alarm_raised_at: letters.alarm_raised_at,
        letters_unseen: letters.unseen.clone(),
        alarm_unseen: None,
    }
}

impl Mended {
    /// Nothing had to be given back.
    pub(super) const fn unneeded() -> Self {
        Self { steps: Vec::new(), is_safe: true }
    }
}

/// What is waited for where people are told, and until when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sought<'a> {
    pub(super) key: &'a KeyArn,
    pub(super) alarm: Option<&'a str>,
    pub(super) started_at: Timestamp,
    pub(super) guard_by: Timestamp,
    pub(super) until: Timestamp,
}

impl<K, D, I, W, A, N, C, M> Rehearsal<K, D, I, W, A, N, C, M>
where
    K: KeyControl,
    D: DrillKey,
    I: DrillInventory,
    W: DrillWatch,
    A: AuditSink,
    N: NoticeSink,
    C: Clock,
    M: DrillMeter,
{
    /// Watches the key until it serves again; gives it back when it does not by the guard's deadline.
    pub(super) async fn watch_key(&self, key: &KeyArn, started_at: Timestamp, until: Timestamp, end_by: Timestamp) -> KeyWatch {
        let clock = &self.ports.clock;
        let mut watch = KeyWatch::default();
        let mut was_pending = false;
        loop {
            let looked = answered_by(until, clock, self.ports.keys.describe(key)).await;
            let now = clock.now();
            watch.until = now;
            match looked {
                Some(Ok(description)) => {
                    watch.unseen = None;
                    let is_pending = description.deletion_is_pending();
                    was_pending |= is_pending || description.state == KeyState::Disabled;
                    let may_be_stale = !was_pending && now.duration_since(started_at) < STALE_FOR;
                    if !is_pending && !may_be_stale {
                        watch.cancelled_at.get_or_insert(now);
                        watch.enabled_at = (description.state == KeyState::Enabled).then_some(now);
                    }
                }
                Some(Err(error)) => watch.unseen = Some(format!("the key could not be looked at: {error}")),
                None => {}
            }
            if watch.enabled_at.is_some() {
                watch.mended.is_safe = true;
                return watch;
            }
            if clock.now() >= until {
                watch.mended = self.mend(key, end_by).await;
                return watch;
            }
            clock.sleep(KEY_PAUSE).await;
        }
    }

    /// Gives the key back, as far as it has to be given back.
    pub(super) async fn mend(&self, key: &KeyArn, until: Timestamp) -> Mended {
        let keys = &self.ports.keys;
        let clock = &self.ports.clock;
        let cancel = || Step::CancelKeyDeletion { key: key.clone() };
        let enable = || Step::EnableKey { key: key.clone() };
        let planned = match answered_by(until, clock, keys.describe(key)).await {
            Some(Ok(description)) if description.deletion_is_pending() => vec![cancel(), enable()],
            Some(Ok(description)) => match description.state {
                KeyState::Enabled => return Mended::unneeded(),
                KeyState::Disabled => vec![enable()],
                KeyState::PendingDeletion
                | KeyState::PendingReplicaDeletion
                | KeyState::PendingImport
                | KeyState::Unavailable
                | KeyState::Creating
                | KeyState::Updating
                | KeyState::Other(_) => return Mended::default(),
            },
            // A key that is gone needs nothing; a new one is made by the next drill.
            Some(Err(CallError::NotFound { .. })) => return Mended::unneeded(),
            // What cannot be looked at is given back all the same: both calls change nothing where nothing is to be changed.
            Some(Err(_)) | None => vec![cancel(), enable()],
        };
        let mut steps = Vec::with_capacity(planned.len());
        for step in planned {
            let is_barred = matches!(step, Step::EnableKey { .. }) && self.is_held(key, until).await;
            if is_barred || steps.last().is_some_and(|last: &StepOutcome| !last.result.is_success()) {
                break;
            }
            steps.push(carry_out(&step, keys, clock, self.settings.patience, until).await);
        }
        let seen = answered_by(until, clock, keys.describe(key)).await;
        let is_safe = steps.iter().all(|step| step.result.is_success())
            && matches!(seen, Some(Ok(description)) if !description.deletion_is_pending());
        Mended { steps, is_safe }
    }

    /// A key that somebody holds disabled for an incident is not enabled by a drill.
    async fn is_held(&self, key: &KeyArn, until: Timestamp) -> bool {
        let tags = answered_by(until, &self.ports.clock, self.ports.keys.tags(key)).await;
        matches!(tags, Some(Ok(tags)) if tags.contains_key(INCIDENT_HOLD_TAG))
    }

    /// Waits for the guard's notice and for the alarm.
    pub(super) async fn watch_letters(&self, sought: &Sought<'_>) -> Arrivals {
        let clock = &self.ports.clock;
        let hears_people = self.settings.terms.hears_people;
        let mut seen = Arrivals::default();
        let mut looked_at = sought.started_at;
        loop {
            if hears_people {
                self.receive(sought, &mut seen).await;
            }
            if let Some(alarm) = sought.alarm
                && seen.alarm_raised_at.is_none()
                && clock.now().duration_since(looked_at) >= HISTORY_EVERY
            {
                looked_at = clock.now();
                self.look_at_history(alarm, sought, &mut seen).await;
            }
            let now = clock.now();
            seen.until = now;
            let alarm_at = if hears_people { seen.alarm_told_at } else { seen.alarm_raised_at };
            let waits_for_alarm = sought.alarm.is_some() && alarm_at.is_none();
            let waits_for_notice = hears_people && seen.notice_at.is_none() && now < sought.guard_by;
            if now >= sought.until || !(waits_for_alarm || waits_for_notice) {
                return seen;
            }
            clock.sleep(QUEUE_PAUSE).await;
        }
    }

    async fn receive(&self, sought: &Sought<'_>, seen: &mut Arrivals) {
        let Some(received) = answered_by(sought.until, &self.ports.clock, self.ports.watch.receive()).await else { return };
        let letters = match received {
            Ok(letters) => letters,
            Err(error) => {
                seen.unseen = Some(format!("what people are told could not be received: {error}"));
                return;
            }
        };
        seen.unseen = None;
        for letter in letters {
            if self.read(&letter, sought, seen)
                && let Err(error) = self.ports.watch.discard(&letter).await
            {
                tracing::debug!(%error, "a message of the drill could not be taken out of its queue; it expires there");
            }
        }
    }

    /// Takes note of a letter. Returns whether it is the drill's.
    fn read(&self, letter: &Letter, sought: &Sought<'_>, seen: &mut Arrivals) -> bool {
        let arrived_at = letter.sent_at.unwrap_or_else(|| self.ports.clock.now());
        match &letter.content {
            Content::Notice(notice) if notice.is_of(sought.key, sought.started_at) => {
                seen.notice_at.get_or_insert(arrived_at);
                seen.detect_ms = seen.detect_ms.or(notice.detect_ms);
                true
            }
            Content::Alarm(message) if sought.alarm.is_some_and(|alarm| message.is_of(alarm, sought.started_at)) => {
                seen.alarm_told_at.get_or_insert(arrived_at);
                seen.alarm_raised_at = seen.alarm_raised_at.or(message.changed_at);
                true
            }
            Content::Notice(_) | Content::Alarm(_) | Content::Other => false,
        }
    }

    async fn look_at_history(&self, alarm: &str, sought: &Sought<'_>, seen: &mut Arrivals) {
        match answered_by(sought.until, &self.ports.clock, self.ports.watch.raised_since(alarm, sought.started_at)).await {
            Some(Ok(raised_at)) => {
                seen.alarm_raised_at = raised_at;
                if !self.settings.terms.hears_people {
                    seen.unseen = None;
                }
            }
            Some(Err(error)) if !self.settings.terms.hears_people => {
                seen.unseen = Some(format!("the alarm's history could not be read: {error}"));
            }
            Some(Err(error)) => tracing::debug!(%error, alarm, "the alarm's history could not be read; its message is waited for"),
            None => {}
        }
    }
}

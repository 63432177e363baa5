//! The loop of the drill: take the turn, find the key, check it, write down the intent, schedule its deletion, watch, give the key
//! back, record, tell.
//!
//! Promises kept here: the deletion of no key is scheduled but of the one that was cleared just before that call; a drill that ends in
//! any way leaves its key as it was, or says so and lets the next invocation begin with that; what was not seen is not claimed.

mod port;
mod watch;

use std::time::Duration;

use futures_util::join;
use jiff::{SignedDuration, Timestamp};
use reprieve_core::drill::decide::{clean_up_plan, held, not_held, would_be_held};
use reprieve_core::drill::{
    Cleared, DRILL, Doubt, DrillAlias, DrillPlace, DrillReport, Evidence, Path, Sightings, Terms, may_touch, verdicts,
};
use reprieve_core::monitoring::event::own;
use reprieve_core::notice::Notice;
use reprieve_core::{Decision, EventId, KeyArn, KeyNames, Mode, Phase, Record, Severity, Status, StepOutcome, Target};

pub use self::port::{DrillInventory, DrillKey, DrillMeter, DrillWatch, Note, Remembered, Turn};
use self::watch::{Mended, Sought, sightings};
use crate::act::answered_by;
use crate::observe::known;
use crate::port::{AuditSink, CallError, Clock, KeyControl, NoticeSink};

/// What giving the key back and writing the outcome take at most.
const ENDING_TAKES: SignedDuration = SignedDuration::from_secs(20);

/// A turn lasts no longer than a function may run, whatever the caller says of its end.
const LONGEST_TURN: SignedDuration = SignedDuration::from_mins(16);

/// Tags and aliases of a new key take up to five minutes to count in policies.
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/abac.html>.
const NEW_KEY_SETTLES_IN: SignedDuration = SignedDuration::from_secs(5 * 60 + 30);

/// What to do where the key may not be named though its tags count by now.
const LOOK_AT_TAGS: &str = "; look at the key's tags, which count in policies by now, and at what the drill's role may do";

/// The pause before a call that was refused or throttled is tried again.
const PAUSE: Duration = Duration::from_secs(5);

/// How long a call that was throttled or not answered is tried again.
const CALL_PATIENCE: SignedDuration = SignedDuration::from_secs(30);

/// How many keys are begun to be made, ever, before a human has to look: each costs money as long as it is there.
const CREATIONS_LIMIT: u32 = 3;

/// The capabilities that the drill works with.
#[derive(Debug, Clone)]
pub struct RehearsalPorts<K, D, I, W, A, N, C, M> {
    /// Looks at the key and gives it back.
    pub keys: K,
    /// The drill's own key.
    pub drill_key: D,
    /// The drill's memory.
    pub inventory: I,
    /// What people are told, and the alarm.
    pub watch: W,
    /// The evidence.
    pub audit: A,
    /// The people.
    pub notices: N,
    /// The time.
    pub clock: C,
    /// The counts.
    pub meter: M,
}

/// What the drill is told at start.
#[derive(Debug)]
pub struct RehearsalSettings {
    /// Whether the guard gives keys back. In `observe` it does not, so nothing is scheduled.
    pub mode: Mode,
    /// The alias of the drill's key.
    pub alias: DrillAlias,
    /// Where the drill is held.
    pub place: DrillPlace,
    /// What is watched, and by when it has to show.
    pub terms: Terms,
    /// How long one step of giving the key back is tried again.
    pub patience: Duration,
}

/// The drill with its capabilities and settings.
#[derive(Debug)]
pub struct Rehearsal<K, D, I, W, A, N, C, M> {
    /// The capabilities.
    pub ports: RehearsalPorts<K, D, I, W, A, N, C, M>,
    /// The settings.
    pub settings: RehearsalSettings,
}

/// What became of an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rehearsed {
    /// The drill ended, in one way or another.
    Ended {
        /// The outcome.
        record: Box<Record>,
        /// What was measured, where it was held.
        report: Option<DrillReport>,
        /// What went wrong beside it: a notice that could not be sent, an inventory that could not be written.
        complaints: Vec<String>,
    },
    /// Another drill is under way.
    UnderWay {
        /// Its id.
        by: String,
    },
    /// This drill has ended before.
    EndedBefore,
}

/// One invocation.
struct Run {
    id: EventId,
    attempt: u32,
    began_at: Timestamp,
    /// When the last look has to be over, so that the outcome can still be written.
    end_by: Timestamp,
    /// What people have to hear beside what the drill came to.
    beside: Vec<String>,
    complaints: Vec<String>,
}

/// Why no drill was held.
struct NotHeld {
    reasons: Vec<String>,
    severity: Severity,
    mended: Option<Mended>,
}

impl NotHeld {
    fn because(severity: Severity, reason: impl Into<String>) -> Self {
        Self { reasons: vec![reason.into()], severity, mended: None }
    }

    fn doubted(doubts: &[Doubt]) -> Self {
        Self { reasons: doubts.iter().map(ToString::to_string).collect(), severity: Severity::High, mended: None }
    }
}

impl From<CallError> for NotHeld {
    fn from(error: CallError) -> Self {
        Self::because(Severity::Medium, error.to_string())
    }
}

/// What an invocation came to.
enum Came {
    Held { key: KeyArn, report: DrillReport, is_safe: bool },
    WouldBeHeld { what: String },
}

/// The key behind the alias.
struct Found {
    key: KeyArn,
    /// The key that the inventory knows.
    made: Option<KeyArn>,
    /// When its tags and alias count in policies at the latest.
    settled_at: Timestamp,
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
    /// Holds a drill. The same `id` again is the same drill, and is not held twice.
    ///
    /// # Errors
    /// When the turn cannot be taken, when the key could not be given back, or when the outcome cannot be written down: then the
    /// invocation is worth repeating.
    pub async fn rehearse(&self, id: EventId, stopped_at: Timestamp) -> Result<Rehearsed, CallError> {
        let RehearsalPorts { inventory, clock, .. } = &self.ports;
        let began_at = clock.now();
        let until = stopped_at.min(began_at.checked_add(LONGEST_TURN).unwrap_or(Timestamp::MAX));
        let (attempt, remembered) = match inventory.begin(&id, began_at, until).await? {
            Turn::Granted { attempt, remembered } => (attempt, remembered),
            Turn::Held { by, .. } => return Ok(Rehearsed::UnderWay { by }),
            Turn::Ended => return Ok(Rehearsed::EndedBefore),
        };
        let end_by = until.checked_sub(ENDING_TAKES).unwrap_or(Timestamp::MIN);
        let mut run = Run { id, attempt, began_at, end_by, beside: Vec::new(), complaints: Vec::new() };
        let came = self.hold(&mut run, &remembered).await;
        self.conclude(run, remembered.key, came).await
    }

    /// Everything from the turn to the last look.
    async fn hold(&self, run: &mut Run, remembered: &Remembered) -> Result<Came, NotHeld> {
        self.mend_interrupted(run, remembered).await?;
        self.check_time(run)?;
        let alarm_unseen = self.check_alarm(run).await?;
        let Some(found) = self.find(run, remembered).await? else {
            return Ok(Came::WouldBeHeld {
                what: format!("its key does not exist yet; it would be made, named `{}`", self.settings.alias),
            });
        };
        // The permission is not kept: the call takes one of its own.
        drop(self.clear(&found).await?);
        if self.settings.mode == Mode::Observe {
            return Ok(Came::WouldBeHeld { what: format!("the deletion of `{}` would be scheduled", found.key) });
        }
        self.ports.audit.append(&self.record(run, Phase::Intent, Some(&found.key), None, Vec::new(), Status::Pending)).await?;
        self.ports.inventory.note(&run.id, Note::Touching { at: self.ports.clock.now() }).await?;
        match self.schedule(run, &found).await {
            Ok(started_at) => Ok(self.watch(run, found.key, started_at, alarm_unseen).await),
            Err(mut not_held) => {
                let mended = self.mend(&found.key, run.end_by).await;
                self.note_untouched(run, &mended).await;
                not_held.mended = Some(mended);
                Err(not_held)
            }
        }
    }

    /// Gives a key back that an earlier drill left.
    async fn mend_interrupted(&self, run: &mut Run, remembered: &Remembered) -> Result<(), NotHeld> {
        let (Some(touched_at), Some(key)) = (remembered.touched_at, &remembered.key) else { return Ok(()) };
        let mended = self.mend(key, run.end_by).await;
        self.note_untouched(run, &mended).await;
        if !mended.is_safe {
            let reason = format!("the drill of {touched_at} was interrupted, and its key `{key}` could not be given back");
            return Err(NotHeld { mended: Some(mended), ..NotHeld::because(Severity::High, reason) });
        }
        let done = if mended.steps.is_empty() { "was given back without it" } else { "was given back only now, by the drill" };
        run.beside.push(format!("the drill of {touched_at} was interrupted; its key {done}"));
        Ok(())
    }

    async fn note_untouched(&self, run: &mut Run, mended: &Mended) {
        if mended.is_safe {
            let noted = self.ports.inventory.note(&run.id, Note::Untouched).await;
            run.complaints.extend(noted.err().map(|error| error.to_string()));
        }
    }

    /// The guard's whole deadline has to fit, and what giving the key back takes.
    fn check_time(&self, run: &Run) -> Result<(), NotHeld> {
        let needed = SignedDuration::from_millis(self.settings.terms.guard_deadline_ms);
        let left = run.end_by.duration_since(self.ports.clock.now());
        if left >= needed {
            return Ok(());
        }
        let (left, needed) = (left.as_secs().max(0), needed.as_secs());
        let reason = format!("the function may run for {left} s more, and the guard has {needed} s: give it more time");
        Err(NotHeld::because(Severity::Medium, reason))
    }

    /// An alarm that is going off cannot go off, and whoever answers it is not disturbed. Returns why it cannot be watched, where it cannot:
    /// the guard is rehearsed all the same.
    async fn check_alarm(&self, run: &Run) -> Result<Option<String>, NotHeld> {
        let Some(alarm) = &self.settings.terms.alarm else { return Ok(None) };
        match answered_by(run.end_by, &self.ports.clock, self.ports.watch.is_raised(alarm)).await {
            Some(Ok(Some(false))) => Ok(None),
            Some(Ok(Some(true))) => {
                let reason = format!("the alarm `{alarm}` is going off already: look at what it tells of");
                Err(NotHeld::because(Severity::Medium, reason))
            }
            Some(Ok(None)) => Ok(Some(format!("there is no alarm `{alarm}`"))),
            Some(Err(error)) => Ok(Some(format!("the alarm `{alarm}` cannot be looked at: {error}"))),
            None => Ok(Some(format!("the alarm `{alarm}` could not be looked at in time"))),
        }
    }

    /// Returns the key behind the alias; makes it where there is none. `None` in mode `observe` where it would have to be made.
    async fn find(&self, run: &mut Run, remembered: &Remembered) -> Result<Option<Found>, NotHeld> {
        let RehearsalPorts { drill_key, keys, clock, .. } = &self.ports;
        let settles = |from: Timestamp| from.checked_add(NEW_KEY_SETTLES_IN).unwrap_or(Timestamp::MAX);
        if let Some(key) = drill_key.behind(&self.settings.alias).await? {
            let settled_at = remembered.created_at.map_or(run.began_at, settles);
            return Ok(Some(Found { key, made: remembered.key.clone(), settled_at }));
        }
        if self.settings.mode == Mode::Observe {
            return Ok(None);
        }
        // The key may be there without its name: a drill was interrupted, or somebody deleted the alias.
        let unnamed = match &remembered.key {
            Some(key) => match keys.describe(key).await {
                Ok(_) => Some(key.clone()),
                Err(CallError::NotFound { .. }) => None,
                Err(error) => return Err(error.into()),
            },
            None => None,
        };
        let key = match unnamed {
            Some(key) => key,
            None => self.create(run, remembered).await?,
        };
        let made_at = remembered.created_at.filter(|_| remembered.key.as_ref() == Some(&key)).unwrap_or_else(|| clock.now());
        self.name(run, &key, settles(made_at)).await?;
        Ok(Some(Found { made: Some(key.clone()), key, settled_at: settles(clock.now()) }))
    }

    /// Names the key. A new one is named once its tags count in policies: whoever may not name others' keys may not name it before.
    async fn name(&self, run: &Run, key: &KeyArn, settled_at: Timestamp) -> Result<(), NotHeld> {
        let RehearsalPorts { drill_key, clock, .. } = &self.ports;
        let alias = &self.settings.alias;
        let patient_until = clock.now().checked_add(CALL_PATIENCE).unwrap_or(Timestamp::MAX);
        loop {
            self.check_time(run)?;
            let (error, tries_until) = match answered_by(run.end_by, clock, drill_key.name(key, alias)).await {
                Some(Ok(())) => return Ok(()),
                Some(Err(error)) => {
                    let advice = if matches!(error, CallError::AccessDenied { .. }) { LOOK_AT_TAGS } else { "" };
                    (format!("{error}{advice}"), tries_until(&error, settled_at, patient_until))
                }
                None => ("kms:CreateAlias was not answered in time".to_owned(), Timestamp::MIN),
            };
            // Whatever was answered: what counts is which key the alias leads to.
            if matches!(drill_key.behind(alias).await, Ok(Some(named)) if named == *key) {
                return Ok(());
            }
            if clock.now() >= tries_until {
                let reason = format!("the drill's key `{key}` could not be named `{alias}`: {error}");
                return Err(NotHeld::because(Severity::Medium, reason));
            }
            clock.sleep(PAUSE).await;
        }
    }

    /// Makes the key. What is begun is noted first, so that no crash makes one key after the other.
    async fn create(&self, run: &mut Run, remembered: &Remembered) -> Result<KeyArn, NotHeld> {
        let RehearsalPorts { drill_key, inventory, clock, .. } = &self.ports;
        if remembered.creations >= CREATIONS_LIMIT {
            let reason = format!(
                "{} keys were begun to be made for drills, and none is there: find what deletes them, then delete the drill's item in the \
                 ledger table",
                remembered.creations
            );
            return Err(NotHeld::because(Severity::High, reason));
        }
        if let Some(since) = remembered.creating_since {
            run.beside.push(format!(
                "a key may have been made at {since} and not been noted: it bears the tag `reprieve:drill` and no alias, and costs money \
                 until it is deleted by an approved change"
            ));
        }
        inventory.note(&run.id, Note::Creating { at: clock.now() }).await?;
        let key = drill_key.create().await?;
        inventory.note(&run.id, Note::Created { key: key.clone(), at: clock.now() }).await?;
        Ok(key)
    }

    /// Looks at everything that speaks for or against touching the key, and decides.
    async fn clear(&self, found: &Found) -> Result<Cleared, NotHeld> {
        let RehearsalPorts { drill_key, keys, .. } = &self.ports;
        let key = &found.key;
        let (description, portrait, tags, aliases, grants) =
            join!(keys.describe(key), drill_key.portrait(key), keys.tags(key), keys.aliases(key), drill_key.grants(key));
        let evidence = Evidence {
            key: key.clone(),
            inventory: found.made.clone(),
            description: known(description),
            portrait: known(portrait),
            tags: known(tags),
            aliases: known(aliases),
            grants: known(grants),
        };
        may_touch(evidence, &self.settings.alias, &self.settings.place).map_err(|doubts| NotHeld::doubted(&doubts))
    }

    /// Schedules the deletion, cleared anew before each attempt. Returns when the call was made that did it.
    async fn schedule(&self, run: &Run, found: &Found) -> Result<Timestamp, NotHeld> {
        let RehearsalPorts { drill_key, keys, clock, .. } = &self.ports;
        let patient_until = clock.now().checked_add(CALL_PATIENCE).unwrap_or(Timestamp::MAX);
        loop {
            self.check_time(run)?;
            let cleared = self.clear(found).await?;
            let called_at = clock.now();
            let (error, tries_until) = match answered_by(run.end_by, clock, drill_key.schedule_deletion(cleared)).await {
                Some(Ok(())) => return Ok(called_at),
                Some(Err(error)) => (error.to_string(), tries_until(&error, found.settled_at, patient_until)),
                None => ("kms:ScheduleKeyDeletion was not answered in time".to_owned(), Timestamp::MIN),
            };
            // Whatever was answered: what counts is whether the deletion is pending.
            if matches!(keys.describe(&found.key).await, Ok(description) if description.deletion_is_pending()) {
                return Ok(called_at);
            }
            if clock.now() >= tries_until {
                return Err(NotHeld::because(Severity::High, error));
            }
            clock.sleep(PAUSE).await;
        }
    }

    /// Watches both paths side by side.
    async fn watch(&self, run: &mut Run, key: KeyArn, started_at: Timestamp, alarm_unseen: Option<String>) -> Came {
        let terms = &self.settings.terms;
        let alarm = terms.alarm.as_deref().filter(|_| alarm_unseen.is_none());
        let after = |ms: i64| started_at.checked_add(SignedDuration::from_millis(ms)).unwrap_or(Timestamp::MAX).min(run.end_by);
        let guard_by = after(terms.guard_deadline_ms);
        let all_by = after(terms.guard_deadline_ms.max(if alarm.is_some() { terms.alarm_deadline_ms } else { 0 }));
        let mend_by = run.end_by.checked_add(ENDING_TAKES / 2).unwrap_or(Timestamp::MAX);
        let sought = Sought { key: &key, alarm, started_at, guard_by, until: all_by };
        let (watched, letters) = join!(self.watch_key(&key, started_at, guard_by, mend_by), self.watch_letters(&sought));
        let seen = Sightings { alarm_unseen, ..sightings(&watched, &letters) };
        let paths = verdicts(started_at, &seen, terms, watched.until, letters.until);
        if let (Some(raised_at), None, true) = (letters.alarm_raised_at, letters.alarm_told_at, terms.hears_people) {
            run.beside.push(format!("the alarm went off at {raised_at}, but nobody was told of it"));
        }
        self.note_untouched(run, &watched.mended).await;
        let Mended { steps: own_steps, is_safe } = watched.mended;
        Came::Held { key, report: DrillReport { started_at, paths, own_steps }, is_safe }
    }

    /// Writes the outcome, tells people, counts, ends the turn.
    async fn conclude(&self, mut run: Run, made: Option<KeyArn>, came: Result<Came, NotHeld>) -> Result<Rehearsed, CallError> {
        let RehearsalPorts { audit, notices, inventory, clock, meter, .. } = &self.ports;
        let beside = std::mem::take(&mut run.beside);
        let (key, report, steps, is_safe, (decision, status)) = match came {
            Ok(Came::Held { key, report, is_safe }) => {
                let decided = held(&report, &key, is_safe, beside);
                (Some(key), Some(report.clone()), report.own_steps, is_safe, decided)
            }
            Ok(Came::WouldBeHeld { what }) => (made, None, Vec::new(), true, would_be_held(&what, beside)),
            Err(NotHeld { reasons, severity, mended }) => {
                let Mended { steps, is_safe } = mended.unwrap_or_else(Mended::unneeded);
                let decided = not_held(&reasons, severity, &steps, beside);
                (made, None, steps, is_safe, decided)
            }
        };
        let mut record = self.record(&run, Phase::Outcome, key.as_ref(), Some(decision), steps, status);
        if let Some(report) = &report {
            record.detect_ms = report.measured_ms(Path::Detection);
            record.remediate_ms = report.measured_ms(Path::Enablement);
        }
        let notice = Notice::of(&record);
        let (kept, told) = join!(audit.append(&record), async {
            match &notice {
                Some(notice) => notices.tell(notice, &record).await,
                None => Ok(()),
            }
        });
        meter.drilled(&record, report.as_ref());
        let at = clock.now();
        let noted = inventory.note(&run.id, if is_safe { Note::Ended { at } } else { Note::Left { at } }).await;
        kept?;
        if !is_safe {
            let message = format!("the drill's key `{}` could not be given back", record.event.target.display_name());
            return Err(CallError::Unavailable { call: "kms:CancelKeyDeletion", message });
        }
        run.complaints.extend([told, noted].into_iter().filter_map(Result::err).map(|error| error.to_string()));
        Ok(Rehearsed::Ended { record: Box::new(record), report, complaints: run.complaints })
    }

    fn record(
        &self,
        run: &Run,
        phase: Phase,
        key: Option<&KeyArn>,
        decision: Option<Decision>,
        steps: Vec<StepOutcome>,
        status: Status,
    ) -> Record {
        let RehearsalSettings { mode, alias, place, .. } = &self.settings;
        let target = key.map_or_else(|| Target::Named(alias.to_string()), |key| Target::Key(key.clone()));
        let event = own(run.id.clone(), DRILL, run.began_at, (&place.account, &place.region), target);
        Record {
            phase,
            attempt: run.attempt,
            claimed: true,
            recorded_at: self.ports.clock.now(),
            received_at: run.began_at,
            mode: *mode,
            event,
            threat: None,
            subject: None,
            considering: key.map(clean_up_plan).unwrap_or_default(),
            decision,
            steps,
            status,
            state_after: None,
            detect_ms: None,
            remediate_ms: None,
            names: KeyNames { aliases: key.map(|_| alias.to_string()).into_iter().collect(), owner: None },
        }
    }
}

/// Returns until when a refused call is tried again. A refusal ends when what was made counts in policies; a fault may pass by itself.
const fn tries_until(error: &CallError, settled_at: Timestamp, patient_until: Timestamp) -> Timestamp {
    match error {
        CallError::AccessDenied { .. } => settled_at,
        CallError::Throttled { .. } | CallError::Unavailable { .. } => patient_until,
        CallError::NotFound { .. } | CallError::InvalidState { .. } | CallError::Unsupported { .. } | CallError::Rejected { .. } => {
            Timestamp::MIN
        }
    }
}

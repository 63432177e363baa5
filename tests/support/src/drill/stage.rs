//! A stage for drills: keys, an alias, the drill's inventory and queue, a guard and an alarm that answer after a while, or not at all.
//!
//! Everything keeps state and follows one clock. What the guard and the alarm do is caught up with at every call, as if they had
//! done it by themselves.

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use reprieve_core::drill::{AlarmMessage, Cleared, Content, DrillAlias, DrillReport, GuardNotice, KeyPortrait, Letter};
use reprieve_core::facts::{Rotation, Tags};
use reprieve_core::{EventId, KeyArn, KeyDescription, Record};
use reprieve_engine::{CallError, Clock as _, DrillInventory, DrillKey, DrillMeter, DrillWatch, KeyControl, Note, Remembered, Turn};

use super::{DRILL_ALARM, drill_tags};
use crate::clock::FakeClock;
use crate::event::key;
use crate::keys::{FakeKey, FakeKeyControl};
use crate::{finish, let_others_go, locked};

/// What the guard and the alarm do after a deletion is scheduled.
#[derive(Debug, Clone)]
pub struct Answers {
    /// After which time the guard cancels the deletion.
    pub cancels_after: Option<SignedDuration>,
    /// After which time it enables the key.
    pub enables_after: Option<SignedDuration>,
    /// After which time its notice reaches the queue.
    pub notice_after: Option<SignedDuration>,
    /// After which time the alarm goes off.
    pub alarm_after: Option<SignedDuration>,
    /// Whether the alarm tells anybody.
    pub alarm_tells: bool,
}

impl Default for Answers {
    /// As it should be.
    fn default() -> Self {
        Self {
            cancels_after: Some(SignedDuration::from_millis(1_700)),
            enables_after: Some(SignedDuration::from_millis(2_100)),
            notice_after: Some(SignedDuration::from_millis(2_600)),
            alarm_after: Some(SignedDuration::from_secs(250)),
            alarm_tells: true,
        }
    }
}

#[derive(Debug, Default)]
struct Item {
    drill: Option<EventId>,
    attempt: u32,
    until: Option<Timestamp>,
    ended: bool,
    remembered: Remembered,
}

#[derive(Debug)]
struct State {
    answers: Answers,
    item: Item,
    made: u32,
    grants: usize,
    /// Whether there is an alarm, and whether it is going off.
    alarm: Option<bool>,
    letters: Vec<Letter>,
    scheduled: Option<(KeyArn, Timestamp)>,
    /// What of the answers has happened.
    cancelled: bool,
    enabled: bool,
    told: bool,
    raised_at: Option<Timestamp>,
    discarded: Vec<String>,
    calls: Vec<String>,
    failures: Vec<(&'static str, u32, CallError)>,
    counted: Vec<(Record, Option<DrillReport>)>,
    /// The call at which somebody takes all tags off every key.
    untagged_at: Option<&'static str>,
}

/// The stage. Clones show the same one.
#[derive(Debug, Clone)]
pub struct FakeStage {
    clock: FakeClock,
    keys: FakeKeyControl,
    state: Arc<Mutex<State>>,
}

impl FakeStage {
    /// Makes a stage without keys, on which everything answers as it should.
    #[must_use]
    pub fn new(clock: FakeClock, keys: FakeKeyControl) -> Self {
        let state = State {
            answers: Answers::default(),
            item: Item::default(),
            made: 0,
            grants: 0,
            alarm: Some(false),
            letters: Vec::new(),
            scheduled: None,
            cancelled: false,
            enabled: false,
            told: false,
            raised_at: None,
            discarded: Vec::new(),
            calls: Vec::new(),
            failures: Vec::new(),
            counted: Vec::new(),
            untagged_at: None,
        };
        Self { clock, keys, state: Arc::new(Mutex::new(state)) }
    }

    /// Says how the guard and the alarm answer.
    pub fn answer(&self, answers: Answers) {
        locked(&self.state).answers = answers;
    }

    /// Gives or takes the alarm, and says whether it is going off.
    pub fn set_alarm(&self, alarm: Option<bool>) {
        locked(&self.state).alarm = alarm;
    }

    /// Gives the key grants.
    pub fn grant(&self, grants: usize) {
        locked(&self.state).grants = grants;
    }

    /// Changes what the inventory remembers.
    pub fn remember(&self, change: impl FnOnce(&mut Remembered)) {
        change(&mut locked(&self.state).item.remembered);
    }

    /// Returns what the inventory remembers.
    #[must_use]
    pub fn remembered(&self) -> Remembered {
        locked(&self.state).item.remembered.clone()
    }

    /// Gives the turn to another drill.
    pub fn take_turn(&self, drill: &str, until: Timestamp) {
        let mut state = locked(&self.state);
        state.item.drill = EventId::parse(drill).ok();
        (state.item.until, state.item.ended) = (Some(until), false);
    }

    /// Fails the next so-many calls of this name.
    pub fn fail_next(&self, name: &'static str, times: u32, error: CallError) {
        locked(&self.state).failures.push((name, times, error));
    }

    /// Lets somebody take all tags off every key, just before the next call of this name.
    pub fn untag_at(&self, name: &'static str) {
        locked(&self.state).untagged_at = Some(name);
    }

    /// Puts a message into the queue.
    pub fn post(&self, content: Content) {
        let mut state = locked(&self.state);
        let receipt = format!("other-{}", state.letters.len());
        state.letters.push(Letter { receipt, sent_at: Some(self.clock.now()), content });
    }

    /// Returns every call of the drill that changes something, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        locked(&self.state).calls.clone()
    }

    /// Returns the receipts of the messages that were taken out of the queue.
    #[must_use]
    pub fn discarded(&self) -> Vec<String> {
        locked(&self.state).discarded.clone()
    }

    /// Returns what was counted.
    #[must_use]
    pub fn counted(&self) -> Vec<(Record, Option<DrillReport>)> {
        locked(&self.state).counted.clone()
    }

    /// Lets happen what is due, and fails the call where that is asked for.
    async fn step(&self, name: &'static str, changes: Option<String>) -> Result<(), CallError> {
        let_others_go().await;
        self.catch_up();
        let mut state = locked(&self.state);
        if state.untagged_at == Some(name) {
            state.untagged_at = None;
            for key in finish(self.keys.list()).into_iter().flatten().flatten() {
                self.keys.change(&key, |key| key.tags.clear());
            }
        }
        state.calls.extend(changes);
        let failure = state.failures.iter_mut().find(|(wanted, left, _)| *wanted == name && *left > 0);
        match failure {
            Some((_, left, error)) => {
                *left -= 1;
                Err(error.clone())
            }
            None => Ok(()),
        }
    }

    fn catch_up(&self) {
        let mut state = locked(&self.state);
        let Some((key, at)) = state.scheduled.clone() else { return };
        let now = self.clock.now();
        let due = |after: Option<SignedDuration>| after.and_then(|after| at.checked_add(after).ok()).filter(|due| *due <= now);
        if due(state.answers.cancels_after).is_some() && !state.cancelled {
            state.cancelled = true;
            self.keys.change(&key, |key| (key.pending, key.enabled) = (None, false));
        }
        if due(state.answers.enables_after).is_some() && state.cancelled && !state.enabled {
            state.enabled = true;
            self.keys.change(&key, |key| key.enabled = true);
        }
        if let Some(sent_at) = due(state.answers.notice_after)
            && !state.told
        {
            state.told = true;
            let notice = GuardNotice {
                key: Some(key.clone()),
                call: "ScheduleKeyDeletion".to_owned(),
                called_at: Some(at),
                detect_ms: Some(1_200),
                remediate_ms: Some(2_100),
                status: "success".to_owned(),
            };
            state.letters.push(Letter { receipt: "notice".to_owned(), sent_at: Some(sent_at), content: Content::Notice(notice) });
        }
        if let Some(raised_at) = due(state.answers.alarm_after)
            && state.raised_at.is_none()
        {
            state.raised_at = Some(raised_at);
            if state.answers.alarm_tells {
                let message = AlarmMessage { name: DRILL_ALARM.to_owned(), state: "ALARM".to_owned(), changed_at: Some(raised_at) };
                state.letters.push(Letter { receipt: "alarm".to_owned(), sent_at: Some(raised_at), content: Content::Alarm(message) });
            }
        }
    }
}

impl KeyControl for FakeStage {
    async fn describe(&self, key: &KeyArn) -> Result<KeyDescription, CallError> {
        self.step("describe", None).await?;
        self.keys.describe(key).await
    }

    async fn tags(&self, key: &KeyArn) -> Result<Tags, CallError> {
        self.step("tags", None).await?;
        self.keys.tags(key).await
    }

    async fn rotation(&self, key: &KeyArn) -> Result<Rotation, CallError> {
        self.keys.rotation(key).await
    }

    async fn cancel_deletion(&self, key: &KeyArn) -> Result<(), CallError> {
        self.step("cancel_deletion", Some(format!("CancelKeyDeletion {}", key.key_id()))).await?;
        self.keys.cancel_deletion(key).await
    }

    async fn enable(&self, key: &KeyArn) -> Result<(), CallError> {
        self.step("enable", Some(format!("EnableKey {}", key.key_id()))).await?;
        self.keys.enable(key).await
    }

    async fn enable_rotation(&self, key: &KeyArn, period_days: Option<u32>) -> Result<(), CallError> {
        self.keys.enable_rotation(key, period_days).await
    }

    async fn aliases(&self, key: &KeyArn) -> Result<Vec<String>, CallError> {
        self.step("aliases", None).await?;
        self.keys.aliases(key).await
    }

    async fn list(&self) -> Result<Vec<KeyArn>, CallError> {
        self.keys.list().await
    }
}

impl DrillKey for FakeStage {
    async fn behind(&self, alias: &DrillAlias) -> Result<Option<KeyArn>, CallError> {
        self.step("behind", None).await?;
        let keys = self.keys.list().await?;
        let bears = |key: &KeyArn| self.keys.find(key).is_some_and(|key| key.aliases.iter().any(|other| other == alias.as_str()));
        Ok(keys.into_iter().find(bears))
    }

    async fn create(&self) -> Result<KeyArn, CallError> {
        self.step("create", Some("CreateKey".to_owned())).await?;
        let made = {
            let mut state = locked(&self.state);
            state.made += 1;
            key(&format!("drill-{}", state.made))
        };
        self.keys.put(&made, FakeKey { tags: drill_tags(), ..FakeKey::default() });
        Ok(made)
    }

    async fn name(&self, key: &KeyArn, alias: &DrillAlias) -> Result<(), CallError> {
        self.step("name", Some(format!("CreateAlias {}", key.key_id()))).await?;
        if self.behind(alias).await?.is_some() {
            let message = "AlreadyExistsException: the alias exists".to_owned();
            return Err(CallError::Rejected { call: "kms:CreateAlias", message });
        }
        self.keys.change(key, |key| key.aliases.push(alias.to_string()));
        Ok(())
    }

    async fn portrait(&self, _key: &KeyArn) -> Result<KeyPortrait, CallError> {
        self.step("portrait", None).await?;
        let (spec, usage) = ("SYMMETRIC_DEFAULT".to_owned(), "ENCRYPT_DECRYPT".to_owned());
        Ok(KeyPortrait { spec, usage, multi_region: false })
    }

    async fn grants(&self, _key: &KeyArn) -> Result<usize, CallError> {
        self.step("grants", None).await?;
        Ok(locked(&self.state).grants)
    }

    async fn schedule_deletion(&self, cleared: Cleared) -> Result<(), CallError> {
        let key = cleared.key();
        self.step("schedule_deletion", Some(format!("ScheduleKeyDeletion {}", key.key_id()))).await?;
        self.keys.schedule_deletion(key, cleared.waiting_days())?;
        let mut state = locked(&self.state);
        state.scheduled = Some((key.clone(), self.clock.now()));
        (state.cancelled, state.enabled, state.told, state.raised_at) = (false, false, false, None);
        Ok(())
    }
}

impl DrillInventory for FakeStage {
    async fn begin(&self, drill: &EventId, at: Timestamp, until: Timestamp) -> Result<Turn, CallError> {
        self.step("begin", None).await?;
        let item = &mut locked(&self.state).item;
        let is_same = item.drill.as_ref() == Some(drill);
        if is_same && item.ended {
            return Ok(Turn::Ended);
        }
        if let (false, Some(by), false, Some(held_until)) = (is_same, &item.drill, item.ended, item.until)
            && held_until >= at
        {
            return Ok(Turn::Held { by: by.to_string(), until: Some(held_until) });
        }
        item.attempt = if is_same { item.attempt + 1 } else { 1 };
        (item.drill, item.until, item.ended) = (Some(drill.clone()), Some(until), false);
        Ok(Turn::Granted { attempt: item.attempt, remembered: item.remembered.clone() })
    }

    async fn note(&self, drill: &EventId, note: Note) -> Result<(), CallError> {
        self.step("note", None).await?;
        let item = &mut locked(&self.state).item;
        if item.drill.as_ref() != Some(drill) {
            let message = "ConditionalCheckFailedException: another drill has the turn".to_owned();
            return Err(CallError::Rejected { call: "dynamodb:UpdateItem", message });
        }
        match note {
            Note::Creating { at } => {
                (item.remembered.creating_since, item.remembered.creations) = (Some(at), item.remembered.creations + 1);
            }
            Note::Created { key, at } => {
                (item.remembered.key, item.remembered.created_at, item.remembered.creating_since) = (Some(key), Some(at), None);
            }
            Note::Touching { at } => item.remembered.touched_at = Some(at),
            Note::Untouched => item.remembered.touched_at = None,
            Note::Ended { at } => (item.ended, item.until) = (true, Some(at)),
            Note::Left { at } => item.until = Some(at),
        }
        Ok(())
    }
}

impl DrillWatch for FakeStage {
    async fn receive(&self) -> Result<Vec<Letter>, CallError> {
        self.step("receive", None).await?;
        Ok(std::mem::take(&mut locked(&self.state).letters))
    }

    async fn discard(&self, letter: &Letter) -> Result<(), CallError> {
        self.step("discard", None).await?;
        locked(&self.state).discarded.push(letter.receipt.clone());
        Ok(())
    }

    async fn is_raised(&self, _alarm: &str) -> Result<Option<bool>, CallError> {
        self.step("is_raised", None).await?;
        Ok(locked(&self.state).alarm)
    }

    async fn raised_since(&self, _alarm: &str, since: Timestamp) -> Result<Option<Timestamp>, CallError> {
        self.step("raised_since", None).await?;
        Ok(locked(&self.state).raised_at.filter(|at| *at >= since))
    }
}

impl DrillMeter for FakeStage {
    fn drilled(&self, record: &Record, report: Option<&DrillReport>) {
        locked(&self.state).counted.push((record.clone(), report.cloned()));
    }
}

//! What the provider can say beyond the key: a log of past calls that is some minutes late, and a change calendar; and the policies.

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use reprieve_core::{CalendarState, Event, KeyArn, Policy};
use reprieve_engine::{CallError, Circumstances, Clock as _, PastCall, PolicySource};

use crate::clock::FakeClock;
use crate::locked;

#[derive(Debug, Default)]
struct Log {
    calls: Vec<Event>,
    lag: SignedDuration,
    calendar: Option<CalendarState>,
}

/// A log of past calls and a change calendar, in memory. Clones show the same.
#[derive(Debug, Clone)]
pub struct FakeCircumstances {
    log: Arc<Mutex<Log>>,
    clock: FakeClock,
}

impl FakeCircumstances {
    /// Makes an empty log that is never late, and no calendar.
    #[must_use]
    pub fn new(clock: FakeClock) -> Self {
        Self { log: Arc::default(), clock }
    }

    /// Writes a call into the log.
    pub fn logged(&self, call: Event) {
        locked(&self.log).calls.push(call);
    }

    /// Says how late the log is.
    pub fn set_lag(&self, lag: SignedDuration) {
        locked(&self.log).lag = lag;
    }

    /// Configures a change calendar, and says what it says.
    pub fn set_calendar(&self, state: CalendarState) {
        locked(&self.log).calendar = Some(state);
    }
}

impl Circumstances for FakeCircumstances {
    async fn latest_call(&self, call: PastCall, key: &KeyArn, until: Timestamp) -> Result<Option<Event>, CallError> {
        let log = locked(&self.log);
        let shown_until = self.clock.now().checked_sub(log.lag).expect("a test stays within the years that exist");
        let is_shown = |event: &&Event| event.time.is_some_and(|time| time < until && time <= shown_until);
        Ok(log.calls.iter().filter(is_shown).filter(|event| call.is(event, key)).max_by_key(|event| event.time).cloned())
    }

    async fn change_calendar(&self, _at: Timestamp) -> Result<Option<CalendarState>, CallError> {
        Ok(locked(&self.log).calendar)
    }
}

/// The policies in use, which a test may change. Clones share them.
#[derive(Debug, Clone)]
pub struct FakePolicies {
    current: Arc<Mutex<Arc<Policy>>>,
}

impl FakePolicies {
    /// Begins with these.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { current: Arc::new(Mutex::new(Arc::new(policy))) }
    }

    /// Puts others in their place.
    pub fn set(&self, policy: Policy) {
        *locked(&self.current) = Arc::new(policy);
    }
}

impl PolicySource for FakePolicies {
    async fn current(&self) -> Arc<Policy> {
        Arc::clone(&locked(&self.current))
    }
}

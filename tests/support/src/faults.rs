//! The failing wrapper: any call can be made to fail, before or after it took effect, or never to return.
//!
//! All wrapped ports of a test share one [`Faults`], so that "call N" counts over all of them.

use std::future::Future;
use std::sync::{Arc, Mutex};

use reprieve_core::approval::{Revocation, SealedApproval};
use reprieve_core::facts::{Known, Recollection, Rotation, Tags};
use reprieve_core::lesson::Lesson;
use reprieve_core::monitoring::{Change, Desired, World};
use reprieve_core::notice::Notice;
use reprieve_core::{CalendarState, Case, Event, EventId, KeyArn, KeyDescription, Record, Status};
use reprieve_engine::{AuditSink, CallError, Circumstances, Claim, Intent, KeyControl, Ledger, MonitoringControl, NoticeSink, PastCall};

use crate::journal::{Call, Journal};
use crate::{let_others_go, locked};

/// What a fault leaves of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The call never reached the service.
    Before,
    /// The call took effect and the answer was lost.
    After,
    /// The process ended before the call reached the service.
    KilledBefore,
    /// The process ended after the call took effect.
    KilledAfter,
}

#[derive(Debug, Clone)]
enum Selection {
    Number(usize),
    Named { name: &'static str, left: u32 },
}

#[derive(Debug, Clone)]
struct Rule {
    selection: Selection,
    effect: Effect,
    error: CallError,
}

/// Which calls fail, and how. Clones share the rules.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    rules: Arc<Mutex<Vec<Rule>>>,
    journal: Journal,
}

impl Faults {
    /// Makes a set of no faults that writes this journal.
    #[must_use]
    pub fn new(journal: Journal) -> Self {
        Self { rules: Arc::default(), journal }
    }

    /// Fails the `number`-th call over all ports, from 1.
    pub fn fail_call(&self, number: usize, effect: Effect, error: CallError) {
        locked(&self.rules).push(Rule { selection: Selection::Number(number), effect, error });
    }

    /// Fails the next `times` calls of this name (see [`Call::name`]).
    pub fn fail_next(&self, name: &'static str, times: u32, effect: Effect, error: CallError) {
        locked(&self.rules).push(Rule { selection: Selection::Named { name, left: times }, effect, error });
    }

    /// Takes all faults away.
    pub fn clear(&self) {
        locked(&self.rules).clear();
    }

    fn for_call(&self, number: usize, name: &str) -> Option<(Effect, CallError)> {
        let mut rules = locked(&self.rules);
        let rule = rules.iter_mut().find(|rule| match &rule.selection {
            Selection::Number(wanted) => *wanted == number,
            Selection::Named { name: wanted, left } => *wanted == name && *left > 0,
        })?;
        if let Selection::Named { left, .. } = &mut rule.selection {
            *left -= 1;
        }
        Some((rule.effect, rule.error.clone()))
    }

    pub(crate) async fn through<T>(&self, call: Call, service: impl Future<Output = Result<T, CallError>>) -> Result<T, CallError> {
        let name = call.name();
        let number = self.journal.begin(call);
        let_others_go().await;
        let fault = self.for_call(number, name);
        if matches!(fault, Some((Effect::KilledBefore, _))) {
            std::future::pending::<()>().await;
        }
        if let Some((Effect::Before, error)) = fault {
            self.journal.end(number, Err(error.clone()));
            return Err(error);
        }
        let result = service.await;
        self.journal.effect(number, result.as_ref().map(|_| ()).map_err(Clone::clone));
        match fault {
            Some((Effect::KilledAfter, _)) => std::future::pending().await,
            Some((_, error)) => {
                self.journal.end(number, Err(error.clone()));
                Err(error)
            }
            None => {
                self.journal.end(number, result.as_ref().map(|_| ()).map_err(Clone::clone));
                result
            }
        }
    }
}

/// A port whose calls are written down, and fail where [`Faults`] say so.
#[derive(Debug, Clone)]
pub struct FailOnCall<P> {
    pub(crate) inner: P,
    pub(crate) faults: Faults,
}

impl<P> FailOnCall<P> {
    /// Wraps a port.
    pub const fn new(inner: P, faults: Faults) -> Self {
        Self { inner, faults }
    }
}

impl<P: KeyControl> KeyControl for FailOnCall<P> {
    async fn describe(&self, key: &KeyArn) -> Result<KeyDescription, CallError> {
        self.faults.through(Call::Describe(key.clone()), self.inner.describe(key)).await
    }

    async fn tags(&self, key: &KeyArn) -> Result<Tags, CallError> {
        self.faults.through(Call::Tags(key.clone()), self.inner.tags(key)).await
    }

    async fn rotation(&self, key: &KeyArn) -> Result<Rotation, CallError> {
        self.faults.through(Call::Rotation(key.clone()), self.inner.rotation(key)).await
    }

    async fn cancel_deletion(&self, key: &KeyArn) -> Result<(), CallError> {
        self.faults.through(Call::CancelDeletion(key.clone()), self.inner.cancel_deletion(key)).await
    }

    async fn enable(&self, key: &KeyArn) -> Result<(), CallError> {
        self.faults.through(Call::Enable(key.clone()), self.inner.enable(key)).await
    }

    async fn enable_rotation(&self, key: &KeyArn, period_days: Option<u32>) -> Result<(), CallError> {
        self.faults.through(Call::EnableRotation(key.clone(), period_days), self.inner.enable_rotation(key, period_days)).await
    }

    async fn aliases(&self, key: &KeyArn) -> Result<Vec<String>, CallError> {
        self.faults.through(Call::Aliases(key.clone()), self.inner.aliases(key)).await
    }

    async fn list(&self) -> Result<Vec<KeyArn>, CallError> {
        self.faults.through(Call::List, self.inner.list()).await
    }
}

impl<P: Ledger> Ledger for FailOnCall<P> {
    async fn recall(&self, key: &KeyArn) -> Result<Recollection, CallError> {
        self.faults.through(Call::Recall(key.clone()), self.inner.recall(key)).await
    }

    async fn claim(&self, intent: &Intent) -> Result<Claim, CallError> {
        self.faults.through(Call::Claim(intent.event_id.clone()), self.inner.claim(intent)).await
    }

    async fn finish(&self, event_id: &EventId, status: Status, settled: bool, at: jiff::Timestamp) -> Result<(), CallError> {
        self.faults.through(Call::Finish(event_id.clone(), settled), self.inner.finish(event_id, status, settled, at)).await
    }

    async fn open_case(&self, key: &KeyArn, case: &Case) -> Result<(), CallError> {
        self.faults.through(Call::OpenCase(key.clone()), self.inner.open_case(key, case)).await
    }

    async fn close_case(&self, key: &KeyArn) -> Result<(), CallError> {
        self.faults.through(Call::CloseCase(key.clone()), self.inner.close_case(key)).await
    }

    async fn learn(&self, key: &KeyArn, lesson: Lesson, rotation: Option<Rotation>) -> Result<(), CallError> {
        self.faults.through(Call::Learn(key.clone()), self.inner.learn(key, lesson, rotation)).await
    }

    async fn open_cases(&self) -> Result<Vec<(KeyArn, Case)>, CallError> {
        self.faults.through(Call::OpenCases, self.inner.open_cases()).await
    }

    async fn approve(&self, key: &KeyArn, approval: &SealedApproval) -> Result<(), CallError> {
        self.faults.through(Call::Approve(key.clone()), self.inner.approve(key, approval)).await
    }

    async fn revoke(&self, key: &KeyArn, revocation: &Revocation) -> Result<(), CallError> {
        self.faults.through(Call::Revoke(key.clone()), self.inner.revoke(key, revocation)).await
    }
}

impl<P: Circumstances> Circumstances for FailOnCall<P> {
    async fn latest_call(&self, call: PastCall, key: &KeyArn, until: jiff::Timestamp) -> Result<Option<Event>, CallError> {
        let name = Call::LatestCall(key.clone(), call.event_name());
        self.faults.through(name, self.inner.latest_call(call, key, until)).await
    }

    async fn change_calendar(&self, at: jiff::Timestamp) -> Result<Option<CalendarState>, CallError> {
        self.faults.through(Call::ChangeCalendar, self.inner.change_calendar(at)).await
    }
}

impl<P: MonitoringControl> MonitoringControl for FailOnCall<P> {
    /// A look that fails finds that nothing can be read.
    async fn observe(&self, desired: &Desired) -> World {
        let look = async { Ok(self.inner.observe(desired).await) };
        self.faults.through(Call::Observe, look).await.unwrap_or_else(|error| unreadable(desired, &error.to_string()))
    }

    async fn apply(&self, change: &Change) -> Result<(), CallError> {
        self.faults.through(Call::Apply(Box::new(change.clone())), self.inner.apply(change)).await
    }
}

fn unreadable(desired: &Desired, why: &str) -> World {
    World {
        place: desired.place.clone(),
        trails: Known::Unreadable(why.to_owned()),
        log_groups: [(desired.log_group.clone(), Known::Unreadable(why.to_owned()))].into(),
        alarms: Known::Unreadable(why.to_owned()),
        topics: [(desired.topic.arn.clone(), Known::Unreadable(why.to_owned()))].into(),
        rules: desired.rules.iter().map(|wish| (wish.name.clone(), Known::Unreadable(why.to_owned()))).collect(),
    }
}

impl<P: AuditSink> AuditSink for FailOnCall<P> {
    async fn append(&self, record: &Record) -> Result<(), CallError> {
        self.faults.through(Call::Append(record.id()), self.inner.append(record)).await
    }
}

impl<P: NoticeSink> NoticeSink for FailOnCall<P> {
    async fn tell(&self, notice: &Notice, record: &Record) -> Result<(), CallError> {
        self.faults.through(Call::Tell(notice.subject.clone()), self.inner.tell(notice, record)).await
    }
}

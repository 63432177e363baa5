//! Act: carries out a plan, step by step, and says truthfully how each step ended.
//!
//! Steps are idempotent. "The state does not allow it" is answered by looking: KMS is eventually consistent, and somebody else may
//! have been quicker. What is worth trying again is tried again within the patience, then left to the next delivery.

use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;
use reprieve_core::{KeyArn, KeyDescription, KeyState, Plan, Step, StepOutcome, StepResult};

use crate::port::{CallError, Clock, Disposition, KeyControl};

/// The first pause before a step is tried again; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Carries out one step. Tries again what may pass, for as long as the patience lasts; begins no call at `until` or later, and waits for
/// none beyond it.
pub async fn carry_out(step: &Step, keys: &impl KeyControl, clock: &impl Clock, patience: Duration, until: Timestamp) -> StepOutcome {
    let persistence = Persistence { patience, first_pause: FIRST_PAUSE, until };
    let result = persistence.persist(clock, step.name(), || try_once(step, keys)).await;
    StepOutcome { step: step.clone(), result, at: Some(clock.now()) }
}

/// How long a call is tried again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Persistence {
    /// For how long, from the first try on.
    pub(crate) patience: Duration,
    /// The pause before the second try; doubled each time.
    pub(crate) first_pause: Duration,
    /// No call is begun then or later, and none is waited for beyond it: it may still take effect.
    pub(crate) until: Timestamp,
}

impl Persistence {
    /// Tries a call until it does not fail for now, or the patience is over.
    pub(crate) async fn persist<F: Future<Output = StepResult> + Send>(
        self,
        clock: &impl Clock,
        name: &str,
        mut attempt: impl FnMut() -> F,
    ) -> StepResult {
        let give_up_at = clock.now().checked_add(self.patience).unwrap_or(Timestamp::MAX).min(self.until);
        let mut pause = self.first_pause;
        loop {
            let time_is_up = || StepResult::FailedForNow { error: format!("{name}: no answer before the invocation's time was up") };
            let result = answered_by(self.until, clock, attempt()).await.unwrap_or_else(time_is_up);
            let next = clock.now().checked_add(pause).unwrap_or(Timestamp::MAX);
            if !matches!(result, StepResult::FailedForNow { .. }) || next > give_up_at {
                return result;
            }
            clock.sleep(pause).await;
            pause = pause.saturating_mul(2);
        }
    }
}

/// A kind of change: how two of it hang together, and under which step it is recorded.
#[derive(Clone, Copy)]
pub(crate) struct Kind<T> {
    /// Says whether the first makes no sense where the second failed.
    pub(crate) builds_on: fn(&T, &T) -> bool,
    /// Makes the step.
    pub(crate) step: fn(T) -> Step,
}

/// Makes every change that does not build on one that failed, in order.
pub(crate) async fn make_changes<'a, T: Clone, F: Future<Output = Result<(), CallError>> + Send>(
    changes: &'a [T],
    kind: Kind<T>,
    persistence: Persistence,
    clock: &impl Clock,
    apply: impl Fn(&'a T) -> F,
) -> Vec<StepOutcome> {
    let mut outcomes: Vec<(&T, StepOutcome)> = Vec::with_capacity(changes.len());
    for change in changes {
        let step = (kind.step)(change.clone());
        let is_barred = outcomes.iter().any(|(earlier, outcome)| !outcome.result.is_success() && (kind.builds_on)(change, earlier));
        if is_barred {
            outcomes.push((change, StepOutcome { step, result: StepResult::NotReached, at: None }));
            continue;
        }
        let attempt = || {
            let answer = apply(change);
            async move {
                match answer.await {
                    Ok(()) => StepResult::Done,
                    Err(error) if error.disposition() == Disposition::Permanent => failure(&error),
                    Err(error) => StepResult::FailedForNow { error: error.to_string() },
                }
            }
        };
        let result = persistence.persist(clock, step.name(), attempt).await;
        outcomes.push((change, StepOutcome { step, result, at: Some(clock.now()) }));
    }
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Waits for an answer until then; asks nothing when the time is over already.
pub(crate) async fn answered_by<F: Future + Send>(until: Timestamp, clock: &impl Clock, answer: F) -> Option<F::Output> {
    let left = Duration::try_from(until.duration_since(clock.now())).ok()?;
    clock.within(left, answer).await
}

/// Returns the steps of a plan that was decided and not carried out.
#[must_use]
pub fn not_carried_out(plan: &Plan) -> Vec<StepOutcome> {
    plan.steps.iter().map(|step| StepOutcome { step: step.clone(), result: StepResult::NotCarriedOut, at: None }).collect()
}

async fn try_once(step: &Step, keys: &impl KeyControl) -> StepResult {
    let (key, answer) = match step {
        Step::CancelKeyDeletion { key } => (key, keys.cancel_deletion(key).await),
        Step::EnableKey { key } => (key, keys.enable(key).await),
        Step::EnableKeyRotation { key, period_days } => (key, keys.enable_rotation(key, *period_days).await),
        Step::Monitoring(_) | Step::Azure(_) | Step::Google(_) => {
            let error = format!("{} changes no key in AWS: only the function that provisions what it changes can", step.name());
            return StepResult::Unsupported { error };
        }
    };
    match answer {
        Ok(()) => StepResult::Done,
        Err(error) => match error.disposition() {
            Disposition::Retryable => StepResult::FailedForNow { error: error.to_string() },
            Disposition::LookAgain => match keys.describe(key).await {
                Ok(description) => by_state(step, &description, &error),
                Err(unseen) => failure(&unseen),
            },
            Disposition::Permanent => failure(&error),
        },
    }
}

pub(crate) fn failure(error: &CallError) -> StepResult {
    match error {
        CallError::NotFound { .. } => StepResult::DoesNotExist,
        CallError::Unsupported { .. } => StepResult::Unsupported { error: error.to_string() },
        CallError::AccessDenied { .. } | CallError::Rejected { .. } => StepResult::Refused { error: error.to_string() },
        CallError::Throttled { .. } | CallError::Unavailable { .. } | CallError::InvalidState { .. } => {
            StepResult::FailedForNow { error: error.to_string() }
        }
    }
}

/// The provider said that the state does not allow the step: what does the state say?
fn by_state(step: &Step, description: &KeyDescription, error: &CallError) -> StepResult {
    let for_now = || StepResult::FailedForNow { error: error.to_string() };
    match (step, &description.state) {
        (Step::CancelKeyDeletion { .. }, _) if !description.deletion_is_pending() => StepResult::AlreadySo,
        (Step::EnableKey { .. } | Step::EnableKeyRotation { .. }, KeyState::PendingImport) => {
            StepResult::Unsupported { error: "the key holds no material: the same key material must be imported again first".to_owned() }
        }
        (Step::EnableKey { .. } | Step::EnableKeyRotation { .. }, KeyState::Unavailable) => {
            StepResult::Unsupported { error: "the key's custom key store is not connected: connect it first".to_owned() }
        }
        // A key that has just left its waiting period can still answer as if it were pending; so can a stale look. A key that is
        // enabled takes `EnableKey` again: where it was refused and looks enabled, one of the two is out of date, and asking again tells.
        (
            Step::CancelKeyDeletion { .. }
            | Step::EnableKey { .. }
            | Step::EnableKeyRotation { .. }
            | Step::Monitoring(_)
            | Step::Azure(_)
            | Step::Google(_),
            _,
        ) => for_now(),
    }
}

/// Looks whether the key is as the plan wanted it. `None` where it cannot be seen before `until`.
pub async fn verify(
    key: &KeyArn,
    plan: &Plan,
    keys: &impl KeyControl,
    clock: &impl Clock,
    patience: Duration,
    until: Timestamp,
) -> Option<KeyState> {
    let give_up_at = clock.now().checked_add(patience).unwrap_or(Timestamp::MAX).min(until);
    let mut pause = FIRST_PAUSE;
    loop {
        let state = answered_by(until, clock, keys.describe(key)).await?.ok()?.state;
        if is_target(plan, &state) || clock.now().checked_add(pause).unwrap_or(Timestamp::MAX) > give_up_at {
            return Some(state);
        }
        clock.sleep(pause).await;
        pause = pause.saturating_mul(2);
    }
}

/// Says whether the state is what a plan ends in.
#[must_use]
pub fn is_target(plan: &Plan, state: &KeyState) -> bool {
    match plan.steps.last() {
        Some(Step::EnableKey { .. }) => *state == KeyState::Enabled || *state == KeyState::Unavailable,
        Some(Step::CancelKeyDeletion { .. }) => !matches!(state, KeyState::PendingDeletion | KeyState::PendingReplicaDeletion),
        Some(Step::EnableKeyRotation { .. } | Step::Monitoring(_) | Step::Azure(_) | Step::Google(_)) | None => true,
    }
}

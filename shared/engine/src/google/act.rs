//! Act: restores and enables a version, and says truthfully how each step ended.
//!
//! Steps are idempotent. "The state does not allow it" is answered by looking: somebody else may have been quicker.

use std::time::Duration;

use jiff::Timestamp;
use reprieve_core::google::{Change, GoogleName, VersionState};
use reprieve_core::{Plan, Step, StepOutcome, StepResult};

use super::{KeyVersionControl, VersionClaims, VersionGuard, VersionMeter};
use crate::act::{Persistence, answered_by, failure};
use crate::port::{AuditSink, Clock, Disposition, NoticeSink, PolicySource};

/// The first pause before a step is tried again; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The pauses before the last look is repeated.
const VERIFY_AGAIN_AFTER: [Duration; 3] = [Duration::from_millis(250), Duration::from_millis(500), Duration::from_secs(1)];

impl<K: KeyVersionControl, L: VersionClaims, A: AuditSink, N: NoticeSink, C: Clock, M: VersionMeter, P: PolicySource>
    VersionGuard<K, L, A, N, C, M, P>
{
    /// Carries out the steps in order; none after one that failed.
    pub(super) async fn carry_out(&self, plan: &Plan, until: Timestamp) -> Vec<StepOutcome> {
        let clock = &self.ports.clock;
        let mut outcomes: Vec<StepOutcome> = Vec::with_capacity(plan.steps.len());
        for step in &plan.steps {
            let is_barred = outcomes.last().is_some_and(|last| !last.result.is_success());
            let (result, at) = match step {
                _ if is_barred => (StepResult::NotReached, None),
                Step::Google(change) => {
                    let persistence = Persistence { patience: self.settings.patience, first_pause: FIRST_PAUSE, until };
                    let result = persistence.persist(clock, change.name(), || self.try_once(change)).await;
                    (result, Some(clock.now()))
                }
                Step::CancelKeyDeletion { .. }
                | Step::EnableKey { .. }
                | Step::EnableKeyRotation { .. }
                | Step::Monitoring(_)
                | Step::Azure(_) => {
                    (StepResult::Unsupported { error: format!("{} changes nothing in Google Cloud", step.name()) }, Some(clock.now()))
                }
            };
            outcomes.push(StepOutcome { step: step.clone(), result, at });
        }
        outcomes
    }

    async fn try_once(&self, change: &Change) -> StepResult {
        let control = &self.ports.control;
        let answer = match change {
            Change::RestoreCryptoKeyVersion { version } => control.restore(version).await,
            Change::EnableCryptoKeyVersion { version } => control.enable(version).await,
        };
        let Err(error) = answer else { return StepResult::Done };
        if error.disposition() != Disposition::LookAgain {
            return failure(&error);
        }
        match control.version(change.version()).await {
            Ok(version) => by_state(change, &version.state, &error.to_string()),
            Err(unseen) => failure(&unseen),
        }
    }

    /// Looks whether the version is as the plan wanted it. `None` where it cannot be seen before `until`.
    pub(super) async fn verify(&self, name: &GoogleName, plan: Option<&Plan>, until: Timestamp) -> Option<VersionState> {
        let clock = &self.ports.clock;
        let look = || answered_by(until, clock, self.ports.control.version(name));
        let mut state = look().await?.ok()?.state;
        for pause in VERIFY_AGAIN_AFTER {
            if is_target(plan, &state) {
                break;
            }
            clock.sleep(pause).await;
            state = look().await?.ok()?.state;
        }
        Some(state)
    }
}

/// The provider said that the state does not allow the step: what does the state say?
fn by_state(change: &Change, state: &VersionState, error: &str) -> StepResult {
    match (change, state) {
        (_, VersionState::Destroyed) => {
            StepResult::Unsupported { error: "the version is destroyed: its key material is gone for good".to_owned() }
        }
        (Change::RestoreCryptoKeyVersion { .. }, VersionState::Enabled | VersionState::Disabled)
        | (Change::EnableCryptoKeyVersion { .. }, VersionState::Enabled) => StepResult::AlreadySo,
        (Change::RestoreCryptoKeyVersion { .. }, VersionState::DestroyScheduled)
        | (Change::EnableCryptoKeyVersion { .. }, VersionState::Disabled | VersionState::DestroyScheduled) => {
            StepResult::FailedForNow { error: error.to_owned() }
        }
        (_, VersionState::Other(state)) => StepResult::Unsupported { error: format!("the version is in the state `{state}`") },
    }
}

/// Says whether the state is what a plan ends in.
pub(super) fn is_target(plan: Option<&Plan>, state: &VersionState) -> bool {
    let last = plan.and_then(|plan| plan.steps.last());
    match (last, state) {
        (Some(Step::Google(Change::EnableCryptoKeyVersion { .. })), state) => *state == VersionState::Enabled,
        (Some(Step::Google(Change::RestoreCryptoKeyVersion { .. })), state) => {
            matches!(state, VersionState::Disabled | VersionState::Enabled)
        }
        (
            Some(
                Step::CancelKeyDeletion { .. }
                | Step::EnableKey { .. }
                | Step::EnableKeyRotation { .. }
                | Step::Monitoring(_)
                | Step::Azure(_),
            )
            | None,
            _,
        ) => true,
    }
}

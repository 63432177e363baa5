//! The policies in use: the shipped ones, the files deployed with the function, and those in SSM Parameter Store, read anew from
//! time to time.
//!
//! Fails closed: where policies that should be there cannot be read or are not valid, the answer is a set that permits nothing and
//! says why, never a set without them. Only what passes by itself is bridged with the last good set, and not for long.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reprieve_core::Policy;
use reprieve_core::policy::{PolicyError, PolicyFile};
use reprieve_engine::{CallError, Clock, Disposition, PolicySource};
use tokio::sync::Mutex;

use crate::clock::SystemClock;
use crate::parameters::ParameterStore;

/// How long policies are used before they are read anew.
const READ_ANEW_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// How soon they are read again where they could not be read, or cannot be used: somebody may have mended them.
const READ_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(30);
/// How long the last good policies bridge a fault that passes by itself.
const BRIDGED_FOR: SignedDuration = SignedDuration::from_hours(1);
/// How long an event waits for policies to be read anew, where good ones are at hand.
const ANEW_WAIT: Duration = Duration::from_secs(3);

/// The policies, of files and a parameter.
#[derive(Debug)]
pub struct SsmPolicySource<C = SystemClock> {
    source: Source<C>,
}

#[derive(Debug)]
enum Source<C> {
    /// Nothing is read: the shipped policies and the files.
    Fixed(Arc<Policy>),
    Parameter(Reading<C>),
}

/// Policies in a parameter, or in all parameters below a path.
#[derive(Debug)]
struct Reading<C> {
    store: ParameterStore,
    bundled: Vec<PolicyFile>,
    /// A name, or a path that ends in `/`.
    parameter: String,
    clock: C,
    /// Held while policies are read, so that they are read once for all who wait.
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// What is in use, and when it is read anew.
    in_use: Option<(Arc<Policy>, Timestamp)>,
    last_good: Option<Good>,
}

/// Policies that were read and are valid.
#[derive(Debug)]
struct Good {
    policy: Arc<Policy>,
    files: Vec<PolicyFile>,
    read_at: Timestamp,
}

impl<C: Clock> SsmPolicySource<C> {
    /// Makes it. Where there is no parameter, the policies are parsed here and now, and never again; the shipped ones alone when they
    /// are first asked. Files that could not be read permit nothing: nobody knows what they forbid.
    pub(crate) fn new(store: ParameterStore, bundled: Result<Vec<PolicyFile>, PolicyError>, parameter: Option<String>, clock: C) -> Self {
        let source = match (bundled, parameter) {
            (Err(error), _) => Source::Fixed(Arc::new(Policy::closed(error))),
            (Ok(bundled), None) => Source::Fixed(Arc::new(fixed(&bundled))),
            (Ok(bundled), Some(parameter)) => Source::Parameter(Reading { store, bundled, parameter, clock, held: Mutex::default() }),
        };
        Self { source }
    }
}

impl<C: Clock> PolicySource for SsmPolicySource<C> {
    async fn current(&self) -> Arc<Policy> {
        match &self.source {
            Source::Fixed(policy) => Arc::clone(policy),
            Source::Parameter(reading) => reading.current().await,
        }
    }
}

fn fixed(bundled: &[PolicyFile]) -> Policy {
    Policy::with_user_policies(bundled).unwrap_or_else(|error| {
        closed(format!("the policies deployed with the function cannot be used: {error}; mend them and deploy again"))
    })
}

fn closed(reason: String) -> Policy {
    Policy::closed(PolicyError::Closed(reason))
}

impl<C: Clock> Reading<C> {
    async fn current(&self) -> Arc<Policy> {
        let mut held = self.held.lock().await;
        let now = self.clock.now();
        if let Some((policy, until)) = &held.in_use
            && now < *until
        {
            return Arc::clone(policy);
        }
        let (policy, read_again_after) = self.read(&mut held, now).await;
        let until = now.checked_add(read_again_after).unwrap_or(Timestamp::MAX);
        held.in_use = Some((Arc::clone(&policy), until));
        policy
    }

    /// Reads the policies, and says after how long they are to be read again.
    async fn read(&self, held: &mut Held, now: Timestamp) -> (Arc<Policy>, SignedDuration) {
        let files = match self.files_within(held.last_good.is_some()).await {
            Ok(files) => files,
            Err(error) => return (self.unread(held, &error, now), READ_AGAIN_AFTER),
        };
        if let Some(good) = held.last_good.as_mut().filter(|good| good.files == files) {
            good.read_at = now;
            return (Arc::clone(&good.policy), READ_ANEW_AFTER);
        }
        match Policy::with_user_policies(&files) {
            Ok(policy) => {
                let policy = Arc::new(policy);
                tracing::info!(parameter = self.parameter, files = files.len(), "policies were read");
                held.last_good = Some(Good { policy: Arc::clone(&policy), files, read_at: now });
                (policy, READ_ANEW_AFTER)
            }
            Err(error) => {
                held.last_good = None;
                (Arc::new(self.closed(&format!("{error}; mend them with `reprieve policy check`"))), READ_AGAIN_AFTER)
            }
        }
    }

    /// What is used where the parameter was not read: the last good policies for a while, if the fault passes by itself.
    fn unread(&self, held: &mut Held, error: &CallError, now: Timestamp) -> Arc<Policy> {
        let passes = error.disposition() == Disposition::Retryable;
        let good = held.last_good.take_if(|good| !passes || now.duration_since(good.read_at) >= BRIDGED_FOR);
        drop(good);
        if let Some(good) = &held.last_good {
            tracing::warn!(parameter = self.parameter, %error, read_at = %good.read_at, "policies could not be read anew; the last ones stay for now");
            return Arc::clone(&good.policy);
        }
        Arc::new(self.closed(&format!("{error}; {}", advice(error))))
    }

    fn closed(&self, why: &str) -> Policy {
        closed(format!("the policies in the parameter `{}` cannot be used: {why}", self.parameter))
    }

    async fn files_within(&self, good_are_at_hand: bool) -> Result<Vec<PolicyFile>, CallError> {
        if !good_are_at_hand {
            return self.files().await;
        }
        let late = || CallError::Unavailable { call: "ssm:GetParameter", message: format!("no answer within {ANEW_WAIT:?}") };
        self.clock.within(ANEW_WAIT, self.files()).await.unwrap_or_else(|| Err(late()))
    }

    async fn files(&self) -> Result<Vec<PolicyFile>, CallError> {
        let parameter = &self.parameter;
        let mut files = self.bundled.clone();
        if !parameter.ends_with('/') {
            files.push(PolicyFile { name: parameter.clone(), text: self.store.read(parameter).await? });
            return Ok(files);
        }
        let parameters = self.store.read_path(parameter).await?;
        if parameters.is_empty() {
            let message = format!("there is no parameter below `{parameter}`");
            return Err(CallError::Rejected { call: "ssm:GetParametersByPath", message });
        }
        files.extend(parameters.into_iter().map(|(name, text)| PolicyFile { name, text }));
        Ok(files)
    }
}

/// What a person does about it.
fn advice(error: &CallError) -> &'static str {
    match error {
        CallError::AccessDenied { .. } => {
            "allow the function's role to read the parameter, and to decrypt it with its KMS key, or set no policy parameter"
        }
        CallError::Throttled { .. } | CallError::Unavailable { .. } => "it is tried again soon",
        CallError::NotFound { .. } | CallError::InvalidState { .. } | CallError::Unsupported { .. } | CallError::Rejected { .. } => {
            "write the policies to the parameter, or set no policy parameter"
        }
    }
}

#[cfg(test)]
#[path = "policies_tests.rs"]
mod tests;

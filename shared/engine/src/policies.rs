//! The policies in use: the shipped ones, the files deployed with the function, and those of a store, read anew from time to time.
//!
//! Fails closed: where policies that should be there cannot be read or are not valid, the answer is a set that permits nothing and
//! says why, never a set without them. Only what passes by itself is bridged with the last good set, and not for long.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::lock::Mutex;
use jiff::{SignedDuration, Timestamp};
use reprieve_core::Policy;
use reprieve_core::policy::{PolicyError, PolicyFile};

use crate::port::{CallError, Clock, Disposition, PolicySource};

/// How long policies are used before they are read anew.
const READ_ANEW_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// How soon they are read again where they could not be read, or cannot be used: somebody may have mended them.
const READ_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(30);
/// How long the last good policies bridge a fault that passes by itself.
const BRIDGED_FOR: SignedDuration = SignedDuration::from_hours(1);
/// How long an event waits for policies to be read anew, while good ones are at hand. Short: an invocation of a few seconds looks for about
/// one, and must come to use them within it. Once they have bridged as long as they may, the store is waited for.
const ANEW_WAIT: Duration = Duration::from_millis(500);

/// Where a user keeps policies.
pub trait PolicyStore: Sync {
    /// The call that reads them, for errors.
    const CALL: &'static str;

    /// Names the place in a sentence: "the parameter `...`".
    fn place(&self) -> String;
    /// Reads all of them. None at all is an error: a store that is named is meant to hold some.
    fn read(&self) -> impl Future<Output = Result<Vec<PolicyFile>, CallError>> + Send;
    /// Says what a person does about an error.
    fn advice(&self, error: &CallError) -> &'static str;
}

/// The policies of files and a store.
#[derive(Debug)]
pub struct KeptPolicies<S, C> {
    source: Source<S, C>,
}

#[derive(Debug)]
enum Source<S, C> {
    /// Nothing is read: the shipped policies and the files.
    Fixed(Arc<Policy>),
    Store(Reading<S, C>),
}

/// Policies in a store.
#[derive(Debug)]
struct Reading<S, C> {
    store: S,
    bundled: Vec<PolicyFile>,
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

impl<S: PolicyStore, C: Clock> KeptPolicies<S, C> {
    /// Makes it. Where there is no store, the policies are parsed here and now, and never again; the shipped ones alone when they are
    /// first asked. Files that could not be read permit nothing: nobody knows what they forbid.
    pub fn new(bundled: Result<Vec<PolicyFile>, PolicyError>, store: Option<S>, clock: C) -> Self {
        let source = match (bundled, store) {
            (Err(error), _) => Source::Fixed(Arc::new(Policy::closed(error))),
            (Ok(bundled), None) => Source::Fixed(Arc::new(fixed(&bundled))),
            (Ok(bundled), Some(store)) => Source::Store(Reading { store, bundled, clock, held: Mutex::default() }),
        };
        Self { source }
    }
}

impl<S: PolicyStore, C: Clock> PolicySource for KeptPolicies<S, C>
where
    S: Send,
    C: Send,
{
    async fn current(&self) -> Arc<Policy> {
        match &self.source {
            Source::Fixed(policy) => Arc::clone(policy),
            Source::Store(reading) => reading.current().await,
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

impl<S: PolicyStore, C: Clock> Reading<S, C> {
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
        let bridges = |good: &Good| now.duration_since(good.read_at) < BRIDGED_FOR;
        let files = match self.files(held.last_good.as_ref().is_some_and(bridges)).await {
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
                tracing::info!(place = self.store.place(), files = files.len(), "policies were read");
                held.last_good = Some(Good { policy: Arc::clone(&policy), files, read_at: now });
                (policy, READ_ANEW_AFTER)
            }
            Err(error) => {
                held.last_good = None;
                (Arc::new(self.closed(&format!("{error}; mend them with `reprieve policy check`"))), READ_AGAIN_AFTER)
            }
        }
    }

    /// What is used where the store was not read: the last good policies for a while, if the fault passes by itself.
    fn unread(&self, held: &mut Held, error: &CallError, now: Timestamp) -> Arc<Policy> {
        let passes = error.disposition() == Disposition::Retryable;
        let good = held.last_good.take_if(|good| !passes || now.duration_since(good.read_at) >= BRIDGED_FOR);
        drop(good);
        if let Some(good) = &held.last_good {
            let place = self.store.place();
            tracing::warn!(place, %error, read_at = %good.read_at, "policies could not be read anew; the last ones stay for now");
            return Arc::clone(&good.policy);
        }
        Arc::new(self.closed(&format!("{error}; {}", self.store.advice(error))))
    }

    fn closed(&self, why: &str) -> Policy {
        closed(format!("the policies in {} cannot be used: {why}", self.store.place()))
    }

    async fn files(&self, good_are_at_hand: bool) -> Result<Vec<PolicyFile>, CallError> {
        let read = self.store.read();
        let stored = if good_are_at_hand {
            let late = || CallError::Unavailable { call: S::CALL, message: format!("no answer within {ANEW_WAIT:?}") };
            self.clock.within(ANEW_WAIT, read).await.unwrap_or_else(|| Err(late()))
        } else {
            read.await
        };
        Ok(self.bundled.iter().cloned().chain(stored?).collect())
    }
}

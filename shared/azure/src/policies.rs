//! The policies in use: the shipped ones, the files deployed with the function, and the `*.cedar` blobs of a container, read anew from
//! time to time.
//!
//! Fails closed: where policies that should be there cannot be read or are not valid, the answer is a set that permits nothing and
//! says why, never a set without them. Only what passes by itself is bridged with the last good set, and not for long.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reprieve_core::Policy;
use reprieve_core::policy::{PolicyError, PolicyFile};
use reprieve_engine::{CallError, Clock, Disposition, PolicySource};
use tokio::sync::Mutex;

use crate::blobs::BlobStore;
use crate::clock::SystemClock;

const LIST: &str = "blob:ListBlobs";
const GET: &str = "blob:GetBlob";

/// How long policies are used before they are read anew.
const READ_ANEW_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// How soon they are read again where they could not be read, or cannot be used: somebody may have mended them.
const READ_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(30);
/// How long the last good policies bridge a fault that passes by itself.
const BRIDGED_FOR: SignedDuration = SignedDuration::from_hours(1);
/// How long an event waits for policies to be read anew, where good ones are at hand.
const ANEW_WAIT: Duration = Duration::from_secs(3);
/// How many blobs the container of policies may hold.
const BLOBS_LIMIT: usize = 100;

/// The policies, of files and a container.
#[derive(Debug)]
pub struct BlobPolicySource<C = SystemClock> {
    source: Source<C>,
}

#[derive(Debug)]
enum Source<C> {
    /// Nothing is read: the shipped policies and the files.
    Fixed(Arc<Policy>),
    Container(Reading<C>),
}

/// Policies in a container.
#[derive(Debug)]
struct Reading<C> {
    store: BlobStore,
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

impl<C: Clock> BlobPolicySource<C> {
    /// Makes it of the files deployed with the function (or why they cannot be read: then nothing is approved, because nobody knows what
    /// they forbid) and the container of policies. Where there is no container, the policies are parsed here and now, and never again.
    pub fn new(bundled: Result<Vec<PolicyFile>, PolicyError>, container: Option<BlobStore>, clock: C) -> Self {
        let source = match (bundled, container) {
            (Err(error), _) => Source::Fixed(Arc::new(Policy::closed(error))),
            (Ok(bundled), None) => Source::Fixed(Arc::new(fixed(&bundled))),
            (Ok(bundled), Some(store)) => Source::Container(Reading { store, bundled, clock, held: Mutex::default() }),
        };
        Self { source }
    }
}

impl<C: Clock> PolicySource for BlobPolicySource<C> {
    async fn current(&self) -> Arc<Policy> {
        match &self.source {
            Source::Fixed(policy) => Arc::clone(policy),
            Source::Container(reading) => reading.current().await,
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
                tracing::info!(container = self.store.container(), files = files.len(), "policies were read");
                held.last_good = Some(Good { policy: Arc::clone(&policy), files, read_at: now });
                (policy, READ_ANEW_AFTER)
            }
            Err(error) => {
                held.last_good = None;
                (Arc::new(self.closed(&format!("{error}; mend them with `reprieve policy check`"))), READ_AGAIN_AFTER)
            }
        }
    }

    /// What is used where the container was not read: the last good policies for a while, if the fault passes by itself.
    fn unread(&self, held: &mut Held, error: &CallError, now: Timestamp) -> Arc<Policy> {
        let passes = error.disposition() == Disposition::Retryable;
        let good = held.last_good.take_if(|good| !passes || now.duration_since(good.read_at) >= BRIDGED_FOR);
        drop(good);
        if let Some(good) = &held.last_good {
            let container = self.store.container();
            tracing::warn!(container, %error, read_at = %good.read_at, "policies could not be read anew; the last ones stay for now");
            return Arc::clone(&good.policy);
        }
        Arc::new(self.closed(&format!("{error}; {}", advice(error))))
    }

    fn closed(&self, why: &str) -> Policy {
        closed(format!("the policies in the container `{}` cannot be used: {why}", self.store.container()))
    }

    async fn files_within(&self, good_are_at_hand: bool) -> Result<Vec<PolicyFile>, CallError> {
        if !good_are_at_hand {
            return self.files().await;
        }
        let late = || CallError::Unavailable { call: LIST, message: format!("no answer within {ANEW_WAIT:?}") };
        self.clock.within(ANEW_WAIT, self.files()).await.unwrap_or_else(|| Err(late()))
    }

    async fn files(&self) -> Result<Vec<PolicyFile>, CallError> {
        let mut files = self.bundled.clone();
        let listed = self.store.list("", BLOBS_LIMIT).await?;
        let names: Vec<String> = listed.into_iter().map(|listed| listed.name).filter(|name| is_policy(name)).collect();
        if names.is_empty() {
            return Err(CallError::Rejected { call: LIST, message: "there is no blob `*.cedar` in it".to_owned() });
        }
        for name in names {
            files.push(PolicyFile { text: self.text(&name).await?, name });
        }
        Ok(files)
    }

    async fn text(&self, name: &str) -> Result<String, CallError> {
        // One that was there a moment ago is being replaced: it is read again soon.
        let gone = || CallError::Unavailable { call: GET, message: format!("the blob `{name}` has just gone") };
        let blob = self.store.read(name).await?.ok_or_else(gone)?;
        String::from_utf8(blob.bytes).map_err(|_| CallError::Rejected { call: GET, message: format!("the blob `{name}` is no text") })
    }
}

/// Says whether a blob is one of policies. However the ending is written, because a policy left out may be one that forbids.
fn is_policy(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("cedar"))
}

/// What a person does about it.
fn advice(error: &CallError) -> &'static str {
    match error {
        CallError::AccessDenied { .. } => {
            "give the function's identity the role `Storage Blob Data Reader` on the container, or set no container of policies"
        }
        CallError::Throttled { .. } | CallError::Unavailable { .. } => "it is tried again soon",
        CallError::NotFound { .. } | CallError::InvalidState { .. } | CallError::Unsupported { .. } | CallError::Rejected { .. } => {
            "write the policies to the container, or set no container of policies"
        }
    }
}

#[cfg(test)]
#[path = "policies_tests.rs"]
mod tests;

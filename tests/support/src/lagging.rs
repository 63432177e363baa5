//! KMS as it is seen over the network: eventually consistent, for a bounded time; and a list of every change, with who made it.
//!
//! A look may see a key as it was a little while ago, and each look as of another moment. A call may still be refused for what the key was.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use reprieve_core::facts::{Rotation, Tags};
use reprieve_core::{KeyArn, KeyDescription};
use reprieve_engine::{CallError, Clock as _, KeyControl};

use crate::chance::Chance;
use crate::clock::FakeClock;
use crate::keys::{FakeKey, FakeKeyControl};
use crate::locked;

/// Of a hundred looks, so many see the key as it is, whatever the lag.
const CURRENT_LOOKS: u64 = 60;

/// How far behind KMS may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag {
    /// With a key's state.
    pub of_state: SignedDuration,
    /// With a key's tags.
    pub of_tags: SignedDuration,
}

/// A change of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyChange {
    /// When.
    pub at: Timestamp,
    /// Which key.
    pub key: KeyArn,
    /// The invocation of ours that made it; `None` where somebody else did.
    pub by: Option<usize>,
    /// The key before.
    pub before: FakeKey,
    /// The key after.
    pub after: FakeKey,
}

#[derive(Debug)]
struct Pages {
    /// Each key as it was from then on, the oldest first.
    past: BTreeMap<KeyArn, Vec<(Timestamp, FakeKey)>>,
    changes: Vec<KeyChange>,
    chance: Chance,
    lag: Lag,
}

/// KMS that lags behind. Clones see the same keys.
#[derive(Debug, Clone)]
pub struct LaggingKeys {
    keys: FakeKeyControl,
    clock: FakeClock,
    pages: Arc<Mutex<Pages>>,
    caller: Option<usize>,
}

impl LaggingKeys {
    /// Wraps keys, which from now on are changed through this alone. Which looks are late is drawn from `chance`.
    #[must_use]
    pub fn new(keys: FakeKeyControl, clock: FakeClock, lag: Lag, chance: Chance) -> Self {
        let pages = Pages { past: BTreeMap::new(), changes: Vec::new(), chance, lag };
        Self { keys, clock, pages: Arc::new(Mutex::new(pages)), caller: None }
    }

    /// Returns the same keys as one invocation of ours calls them.
    #[must_use]
    pub fn for_invocation(&self, number: usize) -> Self {
        Self { caller: Some(number), ..self.clone() }
    }

    /// Adds a key that all of KMS has known for long.
    pub fn put(&self, key: &KeyArn, as_it_is: FakeKey) {
        self.keys.put(key, as_it_is.clone());
        locked(&self.pages).past.insert(key.clone(), vec![(Timestamp::MIN, as_it_is)]);
    }

    /// Calls KMS, and notes what became of the key.
    ///
    /// # Errors
    /// The call's own.
    pub fn call<T>(&self, key: &KeyArn, call: impl FnOnce(&FakeKeyControl) -> Result<T, CallError>) -> Result<T, CallError> {
        let before = self.keys.find(key);
        let answer = call(&self.keys);
        if let Some((before, after)) = before.zip(self.keys.find(key)).filter(|(before, after)| before != after) {
            let mut pages = locked(&self.pages);
            let at = self.clock.now();
            pages.past.entry(key.clone()).or_default().push((at, after.clone()));
            pages.changes.push(KeyChange { at, key: key.clone(), by: self.caller, before, after });
        }
        answer
    }

    /// Returns the key as it is.
    #[must_use]
    pub fn find(&self, key: &KeyArn) -> Option<FakeKey> {
        self.keys.find(key)
    }

    /// Returns every change, in order.
    #[must_use]
    pub fn changes(&self) -> Vec<KeyChange> {
        locked(&self.pages).changes.clone()
    }

    /// Returns the key as one look sees it.
    fn seen(&self, key: &KeyArn, lag: impl FnOnce(Lag) -> SignedDuration) -> Option<FakeKey> {
        let mut pages = locked(&self.pages);
        let most = u64::try_from(lag(pages.lag).as_millis()).expect("a lag is short");
        let is_current = pages.chance.percent(CURRENT_LOOKS);
        let behind = if is_current { 0 } else { pages.chance.below(most + 1) };
        let behind = SignedDuration::from_millis(i64::try_from(behind).expect("a lag is short"));
        let as_of = self.clock.now().checked_sub(behind).expect("a test stays within the years that exist");
        let past = pages.past.get(key)?;
        past.iter().rev().find(|(since, _)| *since <= as_of).map(|(_, key)| key.clone())
    }

    fn seen_description(&self, key: &KeyArn) -> Option<KeyDescription> {
        self.seen(key, |lag| lag.of_state).map(|key| key.description())
    }
}

fn stale(call: &'static str) -> CallError {
    CallError::InvalidState { call, message: "KMSInvalidStateException: the key is still seen as it was".to_owned() }
}

impl KeyControl for LaggingKeys {
    async fn describe(&self, key: &KeyArn) -> Result<KeyDescription, CallError> {
        let current = self.keys.describe(key).await?;
        Ok(self.seen_description(key).unwrap_or(current))
    }

    async fn tags(&self, key: &KeyArn) -> Result<Tags, CallError> {
        let current = self.keys.tags(key).await?;
        Ok(self.seen(key, |lag| lag.of_tags).map_or(current, |key| key.tags))
    }

    async fn rotation(&self, key: &KeyArn) -> Result<Rotation, CallError> {
        self.keys.rotation(key).await
    }

    async fn cancel_deletion(&self, key: &KeyArn) -> Result<(), CallError> {
        if self.seen_description(key).is_some_and(|seen| !seen.deletion_is_pending()) {
            return Err(stale("kms:CancelKeyDeletion"));
        }
        self.call(key, |keys| crate::finish(keys.cancel_deletion(key)).expect("a fake always answers"))
    }

    async fn enable(&self, key: &KeyArn) -> Result<(), CallError> {
        if self.seen_description(key).is_some_and(|seen| seen.deletion_is_pending()) {
            return Err(stale("kms:EnableKey"));
        }
        self.call(key, |keys| crate::finish(keys.enable(key)).expect("a fake always answers"))
    }

    async fn enable_rotation(&self, key: &KeyArn, period_days: Option<u32>) -> Result<(), CallError> {
        self.call(key, |keys| crate::finish(keys.enable_rotation(key, period_days)).expect("a fake always answers"))
    }

    async fn aliases(&self, key: &KeyArn) -> Result<Vec<String>, CallError> {
        self.keys.aliases(key).await
    }

    async fn list(&self) -> Result<Vec<KeyArn>, CallError> {
        self.keys.list().await
    }
}

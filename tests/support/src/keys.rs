//! KMS keys that keep state. What each call may do in which state is the provider's table; see
//! <https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html>.
//!
//! Only what the port offers can be called by the loop. What people do to keys, and what endangers them, has methods of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use reprieve_core::facts::{Rotation, Tags};
use reprieve_core::{KeyArn, KeyDescription, KeyState};
use reprieve_engine::{CallError, Clock as _, KeyControl};

use crate::clock::FakeClock;
use crate::locked;

/// A deletion that is waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    /// The waiting period, in days.
    pub window_days: u32,
    /// When the key goes; `None` while replicas remain.
    pub date: Option<Timestamp>,
}

/// One key. Its state follows from these, as at the provider.
#[expect(clippy::struct_excessive_bools, reason = "they are independent of each other, as at the provider")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FakeKey {
    /// Enabled, apart from whatever else keeps it from serving.
    pub enabled: bool,
    /// A deletion that is waiting.
    pub pending: Option<Pending>,
    /// Replicas of a multi-Region primary.
    pub replicas: BTreeSet<KeyArn>,
    /// Whether it holds key material.
    pub has_material: bool,
    /// Whether its material was imported.
    pub imported_material: bool,
    /// The custom key store, and whether it is connected.
    pub key_store: Option<(String, bool)>,
    /// Managed by AWS.
    pub aws_managed: bool,
    /// Its tags.
    pub tags: Tags,
    /// The aliases that point to it.
    pub aliases: Vec<String>,
    /// Its rotation.
    pub rotation: Rotation,
    /// The key policy excludes us: every call answers `AccessDenied`.
    pub excludes_us: bool,
    /// A state that follows from nothing else: `Creating`, `Updating`, or one that is not known.
    pub passing_state: Option<KeyState>,
    /// The description that the next so-many looks still see, and the next so-many calls still obey.
    pub stale: Option<(KeyDescription, u32)>,
}

impl Default for FakeKey {
    fn default() -> Self {
        Self {
            enabled: true,
            pending: None,
            replicas: BTreeSet::new(),
            has_material: true,
            imported_material: false,
            key_store: None,
            aws_managed: false,
            tags: Tags::new(),
            aliases: Vec::new(),
            rotation: Rotation { enabled: false, period_days: None },
            excludes_us: false,
            passing_state: None,
            stale: None,
        }
    }
}

impl FakeKey {
    /// Returns the state, as `DescribeKey` will say once all of the provider agrees.
    #[must_use]
    pub fn state(&self) -> KeyState {
        if let Some(state) = &self.passing_state {
            return state.clone();
        }
        match (&self.key_store, self.pending) {
            (Some((_, false)), _) => KeyState::Unavailable,
            (_, Some(Pending { date: None, .. })) => KeyState::PendingReplicaDeletion,
            (_, Some(Pending { date: Some(_), .. })) => KeyState::PendingDeletion,
            (_, None) if !self.has_material => KeyState::PendingImport,
            (_, None) if self.enabled => KeyState::Enabled,
            (_, None) => KeyState::Disabled,
        }
    }

    /// Returns the description, as `DescribeKey` will say once all of the provider agrees.
    #[must_use]
    pub fn description(&self) -> KeyDescription {
        let waits_for_replicas = self.pending.filter(|pending| pending.date.is_none());
        KeyDescription {
            aws_managed: self.aws_managed,
            deletion_date: self.pending.and_then(|pending| pending.date),
            pending_window_days: waits_for_replicas.map(|pending| pending.window_days),
            imported_material: self.imported_material,
            key_store: self.key_store.as_ref().map(|(id, _)| id.clone()),
            ..KeyDescription::in_state(self.state())
        }
    }

    /// Returns what a look sees now; looking uses up what is stale.
    fn seen(&mut self) -> KeyDescription {
        match &mut self.stale {
            Some((old, left)) if *left > 0 => {
                *left -= 1;
                old.clone()
            }
            _ => self.description(),
        }
    }
}

#[derive(Debug, Default)]
struct Vault {
    keys: BTreeMap<KeyArn, FakeKey>,
    stale_answers_after_cancel: u32,
    quota_per_second: Option<usize>,
    /// When each paced call was accepted, by its name.
    accepted: BTreeMap<&'static str, Vec<Timestamp>>,
}

/// KMS, with state. Clones show the same keys.
#[derive(Debug, Clone)]
pub struct FakeKeyControl {
    vault: Arc<Mutex<Vault>>,
    clock: FakeClock,
}

fn invalid(call: &'static str, state: &KeyState) -> CallError {
    CallError::InvalidState { call, message: format!("KMSInvalidStateException: the key is {}", state.as_str()) }
}

impl FakeKeyControl {
    /// Makes KMS without keys.
    #[must_use]
    pub fn new(clock: FakeClock) -> Self {
        Self { vault: Arc::default(), clock }
    }

    /// Lets the first so-many looks and calls after a cancel still see the pending key.
    pub fn answer_stale_after_cancel(&self, answers: u32) {
        locked(&self.vault).stale_answers_after_cancel = answers;
    }

    /// Throttles `CancelKeyDeletion` and `EnableKey`, each, beyond so many a second.
    pub fn limit(&self, per_second: usize) {
        locked(&self.vault).quota_per_second = Some(per_second);
    }

    /// Returns when each accepted call of this operation was accepted.
    #[must_use]
    pub fn accepted(&self, operation: &str) -> Vec<Timestamp> {
        locked(&self.vault).accepted.get(operation).cloned().unwrap_or_default()
    }

    /// Adds an enabled key.
    pub fn create(&self, key: &KeyArn) {
        self.put(key, FakeKey::default());
    }

    /// Adds or replaces a key.
    pub fn put(&self, key: &KeyArn, as_it_is: FakeKey) {
        locked(&self.vault).keys.insert(key.clone(), as_it_is);
    }

    /// Changes a key beyond what any call could.
    pub fn change(&self, key: &KeyArn, change: impl FnOnce(&mut FakeKey)) {
        change(locked(&self.vault).keys.get_mut(key).expect("the test made this key"));
    }

    /// Deletes a key for good, as the provider does when the waiting period is over.
    pub fn lose(&self, key: &KeyArn) {
        locked(&self.vault).keys.remove(key);
    }

    /// Returns a key as it is. `None` where it does not exist.
    #[must_use]
    pub fn find(&self, key: &KeyArn) -> Option<FakeKey> {
        locked(&self.vault).keys.get(key).cloned()
    }

    /// Returns the state of a key that the test made.
    #[must_use]
    pub fn state(&self, key: &KeyArn) -> KeyState {
        self.find(key).expect("the test made this key").state()
    }

    /// Schedules a deletion, as somebody with the right to would.
    ///
    /// # Errors
    /// `KMSInvalidStateException` where the state does not allow it.
    pub fn schedule_deletion(&self, key: &KeyArn, window_days: u32) -> Result<(), CallError> {
        let waiting = SignedDuration::from_hours(24 * i64::from(window_days));
        let date = self.clock.now().checked_add(waiting).expect("a waiting period is at most 30 days");
        self.use_key("kms:ScheduleKeyDeletion", key, |key| match key.state() {
            KeyState::PendingDeletion | KeyState::PendingReplicaDeletion | KeyState::Updating => {
                Err(invalid("kms:ScheduleKeyDeletion", &key.state()))
            }
            KeyState::Unavailable if key.pending.is_some() => Err(invalid("kms:ScheduleKeyDeletion", &key.state())),
            KeyState::Enabled
            | KeyState::Disabled
            | KeyState::PendingImport
            | KeyState::Unavailable
            | KeyState::Creating
            | KeyState::Other(_) => {
                key.pending = Some(Pending { window_days, date: key.replicas.is_empty().then_some(date) });
                Ok(())
            }
        })
    }

    /// Disables a key, as somebody with the right to would.
    ///
    /// # Errors
    /// `KMSInvalidStateException` where the state does not allow it.
    pub fn disable(&self, key: &KeyArn) -> Result<(), CallError> {
        self.use_key("kms:DisableKey", key, |key| switch(key, "kms:DisableKey", false))
    }

    /// Sets tags, as somebody with the right to would.
    ///
    /// # Errors
    /// `KMSInvalidStateException` where a deletion is pending.
    pub fn tag(&self, key: &KeyArn, tags: Tags) -> Result<(), CallError> {
        self.use_key("kms:TagResource", key, |key| {
            if key.description().deletion_is_pending() {
                return Err(invalid("kms:TagResource", &key.state()));
            }
            key.tags.extend(tags);
            Ok(())
        })
    }

    fn use_key<T>(&self, call: &'static str, key: &KeyArn, act: impl FnOnce(&mut FakeKey) -> Result<T, CallError>) -> Result<T, CallError> {
        let mut vault = locked(&self.vault);
        let not_found = || CallError::NotFound { call, message: format!("NotFoundException: key `{key}` does not exist") };
        act(vault.keys.get_mut(key).ok_or_else(not_found)?)
    }

    fn use_own<T>(&self, call: &'static str, key: &KeyArn, act: impl FnOnce(&mut FakeKey) -> Result<T, CallError>) -> Result<T, CallError> {
        self.use_key(call, key, |key| {
            if key.excludes_us {
                let message = "AccessDeniedException: the key policy does not allow the caller".to_owned();
                return Err(CallError::AccessDenied { call, message });
            }
            act(key)
        })
    }

    /// Takes a token of the quota.
    fn accept(&self, call: &'static str) -> Result<(), CallError> {
        let now = self.clock.now();
        let mut vault = locked(&self.vault);
        let quota = vault.quota_per_second.unwrap_or(usize::MAX);
        let accepted = vault.accepted.entry(call).or_default();
        let within = |time: &&Timestamp| now.duration_since(**time) < SignedDuration::from_secs(1);
        if accepted.iter().rev().take_while(within).count() >= quota {
            return Err(CallError::Throttled { call, message: "ThrottlingException: you have exceeded the rate".to_owned() });
        }
        accepted.push(now);
        Ok(())
    }
}

/// Enables or disables a key where its state allows it.
fn switch(key: &mut FakeKey, call: &'static str, enabled: bool) -> Result<(), CallError> {
    match key.state() {
        KeyState::Enabled | KeyState::Disabled => {}
        // Takes effect when the key store is connected again.
        KeyState::Unavailable if key.pending.is_none() => {}
        state @ (KeyState::Unavailable
        | KeyState::PendingDeletion
        | KeyState::PendingReplicaDeletion
        | KeyState::PendingImport
        | KeyState::Creating
        | KeyState::Updating
        | KeyState::Other(_)) => return Err(invalid(call, &state)),
    }
    key.enabled = enabled;
    Ok(())
}

impl KeyControl for FakeKeyControl {
    async fn describe(&self, key: &KeyArn) -> Result<KeyDescription, CallError> {
        self.use_own("kms:DescribeKey", key, |key| Ok(key.seen()))
    }

    async fn tags(&self, key: &KeyArn) -> Result<Tags, CallError> {
        self.use_own("kms:ListResourceTags", key, |key| Ok(key.tags.clone()))
    }

    async fn rotation(&self, key: &KeyArn) -> Result<Rotation, CallError> {
        self.use_own("kms:GetKeyRotationStatus", key, |key| Ok(key.rotation))
    }

    async fn cancel_deletion(&self, key: &KeyArn) -> Result<(), CallError> {
        self.accept("kms:CancelKeyDeletion")?;
        let stale_answers = locked(&self.vault).stale_answers_after_cancel;
        self.use_own("kms:CancelKeyDeletion", key, |key| {
            let before = key.description();
            if key.pending.take().is_none() {
                return Err(invalid("kms:CancelKeyDeletion", &before.state));
            }
            key.enabled = false;
            key.stale = Some((before, stale_answers));
            Ok(())
        })
    }

    async fn enable(&self, key: &KeyArn) -> Result<(), CallError> {
        self.accept("kms:EnableKey")?;
        self.use_own("kms:EnableKey", key, |key| {
            let seen = key.seen();
            if seen.deletion_is_pending() {
                return Err(invalid("kms:EnableKey", &seen.state));
            }
            switch(key, "kms:EnableKey", true)
        })
    }

    async fn enable_rotation(&self, key: &KeyArn, period_days: Option<u32>) -> Result<(), CallError> {
        const CALL: &str = "kms:EnableKeyRotation";
        self.use_own(CALL, key, |key| {
            if key.imported_material || key.key_store.is_some() {
                let message = "UnsupportedOperationException: such keys do not rotate by themselves".to_owned();
                return Err(CallError::Unsupported { call: CALL, message });
            }
            match key.state() {
                KeyState::Enabled => {
                    key.rotation = Rotation { enabled: true, period_days: period_days.or(Some(365)) };
                    Ok(())
                }
                state @ (KeyState::Disabled
                | KeyState::PendingDeletion
                | KeyState::PendingReplicaDeletion
                | KeyState::PendingImport
                | KeyState::Unavailable
                | KeyState::Creating
                | KeyState::Updating
                | KeyState::Other(_)) => Err(invalid(CALL, &state)),
            }
        })
    }

    async fn aliases(&self, key: &KeyArn) -> Result<Vec<String>, CallError> {
        self.use_own("kms:ListAliases", key, |key| Ok(key.aliases.clone()))
    }

    async fn list(&self) -> Result<Vec<KeyArn>, CallError> {
        Ok(locked(&self.vault).keys.keys().cloned().collect())
    }
}

//! Finds what there is to keep in the guarded subscriptions: subjects, which storage keeps logs, which vaults protect logs and databases.
//!
//! What it must not do: leave out silently. What could not be looked through stands in the answer, and the rest is found nevertheless.

mod databases;
mod storage;
mod vaults;

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, join, stream};
use jiff::Timestamp;
use reprieve_core::azure::world::LogUse;
use reprieve_core::azure::{Discovery, KeyReference, ResourceId, Subject, SubscriptionId};
use reprieve_engine::{CallError, Clock as _};

use self::storage::Accounts;
use crate::control::{AzureControl, CONCURRENCY};
use crate::observe::storage::container_of;
use reprieve_engine::SystemClock;

/// What was found in one place.
#[derive(Debug, Default)]
pub(crate) struct Found {
    subjects: Vec<Subject>,
    storage: Vec<(ResourceId, LogUse)>,
    /// What is encrypted with which key.
    encrypted: Vec<(ResourceId, KeyReference)>,
    /// Vaults and Managed HSMs by name, in lower case: how keys name them.
    vaults: BTreeMap<String, ResourceId>,
    unreadable: Vec<String>,
}

impl Found {
    fn join(mut self, other: Self) -> Self {
        self.subjects.extend(other.subjects);
        self.storage.extend(other.storage);
        self.encrypted.extend(other.encrypted);
        self.vaults.extend(other.vaults);
        self.unreadable.extend(other.unreadable);
        self
    }

    fn vault(&mut self, vault: &ResourceId) {
        self.vaults.insert(vault.name().to_ascii_lowercase(), vault.clone());
    }

    /// Returns what was read; what could not be is noted.
    fn read<T: Default>(&mut self, what: impl FnOnce() -> String, answer: Result<T, CallError>) -> T {
        answer.unwrap_or_else(|error| {
            self.unreadable.push(format!("{} could not be read: {error}", what()));
            T::default()
        })
    }
}

impl AzureControl {
    pub(crate) async fn look_through(&self) -> Discovery {
        // Databases name accounts, also those of other subscriptions, so accounts are known first.
        let guarded = || stream::iter(self.desired.subscriptions.clone());
        let accounts = guarded().map(async |subscription| self.accounts_of(&subscription).await);
        let empty = (Found::default(), Accounts::new());
        let (found, accounts) = accounts
            .buffer_unordered(CONCURRENCY)
            .fold(empty, async |(all, mut names), (found, more)| {
                names.extend(more);
                (all.join(found), names)
            })
            .await;
        let looks = guarded().map(async |subscription| self.look_through_subscription(&subscription, &accounts).await);
        let found = looks.buffer_unordered(CONCURRENCY).fold(found, async |all, found| all.join(found)).await;
        self.discovery_of(found, SystemClock.now())
    }

    async fn look_through_subscription(&self, subscription: &SubscriptionId, accounts: &Accounts) -> Found {
        let (exports, vaults, databases) =
            join!(self.exports_of(subscription), self.vaults_of(subscription), self.databases_of(subscription, accounts));
        let mut all = exports.join(vaults).join(databases);
        all.subjects.push(Subject::Alerts(subscription.clone()));
        all
    }

    /// Puts together what was found in all subscriptions.
    fn discovery_of(&self, mut found: Found, now: Timestamp) -> Discovery {
        found.storage.extend(self.desired.log_storage.iter().map(|account| (account.clone(), LogUse::Configured)));
        for vault in &self.desired.allowed_vaults {
            found.vaults.entry(vault.name().to_ascii_lowercase()).or_insert_with(|| vault.clone());
        }
        let mut discovery = Discovery::default();
        for (account, log_use) in &found.storage {
            self.note_account(&mut discovery, account, log_use, now, &mut found.unreadable);
        }
        // What keeps no logs and is no database does not make its vault one to be protected for good.
        let is_protected =
            |resource: &ResourceId| !resource.is("Microsoft.Storage/storageAccounts") || !discovery.uses(resource).is_empty();
        let protected: Vec<_> = found.encrypted.iter().filter(|(resource, _)| is_protected(resource)).collect();
        for (resource, key) in protected {
            match found.vaults.get(key.vault_name()) {
                Some(vault) => discovery.note_vault(vault.clone(), resource.clone(), now),
                None => found.unreadable.push(format!("`{resource}` is encrypted with `{key}`, whose vault is in no guarded subscription")),
            }
        }
        for subject in found.subjects {
            discovery.note_subject(subject, now);
        }
        found.unreadable.sort_unstable();
        found.unreadable.dedup();
        discovery.unreadable = found.unreadable;
        discovery
    }

    fn note_account(
        &self,
        discovery: &mut Discovery,
        account: &ResourceId,
        log_use: &LogUse,
        now: Timestamp,
        unreadable: &mut Vec<String>,
    ) {
        discovery.note_storage(account.clone(), log_use.clone(), now);
        if !self.desired.guards(account) {
            let name = account.name();
            let subscription = account.subscription();
            unreadable.push(format!("storage account `{name}` keeps logs, and is in subscription `{subscription}`, which is not guarded"));
            return;
        }
        discovery.note_subject(Subject::StorageProtection(account.clone()), now);
        discovery.note_subject(Subject::LogEncryption(account.clone()), now);
        if let LogUse::DatabaseAudit { container, .. } = log_use {
            discovery.note_subject(Subject::AuditContainer(container_of(account, container)), now);
        }
    }
}

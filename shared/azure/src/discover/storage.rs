//! Where a subscription exports its Activity Log to, and the storage accounts in it with their keys.

use std::collections::BTreeMap;

use reprieve_core::azure::world::LogUse;
use reprieve_core::azure::{ResourceId, SubscriptionId};

use super::Found;
use crate::answer::id;
use crate::api;
use crate::control::AzureControl;
use crate::observe::storage::account_of;

/// Storage accounts by name, in lower case: how database servers name them.
pub(super) type Accounts = BTreeMap<String, ResourceId>;

impl AzureControl {
    pub(super) async fn exports_of(&self, subscription: &SubscriptionId) -> Found {
        let mut found = Found::default();
        let settings = self.settings(&subscription.resource()).await;
        let settings = found.read(|| format!("the diagnostic settings of subscription `{subscription}`"), settings);
        found.storage.extend(settings.into_iter().filter_map(|setting| Some((setting.storage?, LogUse::ActivityLog))));
        found
    }

    pub(super) async fn accounts_of(&self, subscription: &SubscriptionId) -> (Found, Accounts) {
        let mut found = Found::default();
        let path = format!("{}/providers/Microsoft.Storage/storageAccounts", subscription.resource());
        let listed = self.arm.list(&path, api::STORAGE).await;
        let listed = found.read(|| format!("the storage accounts of subscription `{subscription}`"), listed);
        let accounts = listed.iter().filter_map(|answer| account_of(&id(answer, "/id")?, answer).ok());
        let mut names = Accounts::new();
        for account in accounts {
            names.insert(account.id.name().to_ascii_lowercase(), account.id.clone());
            found.encrypted.extend(account.key.map(|key| (account.id, key)));
        }
        (found, names)
    }
}

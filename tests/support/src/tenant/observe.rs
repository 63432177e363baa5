//! The port over the tenant: what a look shows, what there is, what the Activity Log tells.

use std::cmp::Reverse;

use jiff::Timestamp;
use reprieve_core::Event;
use reprieve_core::azure::event::{Reach, reach};
use reprieve_core::azure::world::{ApprovedKey, LogUse};
use reprieve_core::azure::{Change, Discovery, ResourceId, Subject, World};
use reprieve_core::facts::Known;
use reprieve_engine::{CallError, Clock as _, TenantControl};

use super::apply;
use super::azure::{FakeAccount, FakeTenant, FakeVault, Held, State};
use super::scene::log_key;
use crate::locked;

fn known<T>(value: Option<T>) -> Known<T> {
    value.map_or(Known::Absent, Known::Is)
}

impl TenantControl for FakeTenant {
    async fn discover(&self) -> Discovery {
        let now = self.clock.now();
        let state = locked(&self.state);
        let mut found = Discovery::default();
        for (id, vault) in &state.vaults {
            found.note_subject(Subject::Vault(id.clone()), now);
            if vault.deleted.is_some() {
                continue;
            }
            found.note_subject(Subject::VaultProtection(id.clone()), now);
            found.note_subject(Subject::VaultLogging(id.clone()), now);
            for (object, held) in &vault.objects {
                found.note_subject(Subject::VaultObject(object.clone()), now);
                if held.rotation.is_some() {
                    found.note_subject(Subject::RotationPolicy(object.clone()), now);
                }
            }
        }
        for id in state.accounts.keys() {
            found.note_storage(id.clone(), LogUse::ActivityLog, now);
            found.note_subject(Subject::StorageProtection(id.clone()), now);
            found.note_subject(Subject::LogEncryption(id.clone()), now);
        }
        found
    }

    async fn observe(&self, subject: &Subject, known: &Discovery) -> Result<World, CallError> {
        let mut state = locked(&self.state);
        if state.stale_looks > 0 && matches!(subject, Subject::Vault(_)) {
            state.stale_looks -= 1;
            return Ok(state.world_of_vault(subject, true));
        }
        if state.unlisted_looks > 0 && matches!(subject, Subject::Vault(_)) {
            state.unlisted_looks -= 1;
            return Ok(World::Vault { vault: Known::Absent, deleted: Known::Absent, companions: Known::Absent });
        }
        state.look(subject, known)
    }

    async fn apply(&self, change: &Change) -> Result<(), CallError> {
        let mut state = locked(&self.state);
        if apply::apply(&mut state, change)? {
            state.altered.push(change.clone());
        }
        Ok(())
    }

    /// The Activity Log knows nothing of what is done inside of vaults.
    async fn last_calls(&self, subject: &Subject, until: Timestamp) -> Result<Vec<Event>, CallError> {
        let state = locked(&self.state);
        let is_meant = |event: &&Event| {
            !matches!(subject, Subject::VaultObject(_) | Subject::RotationPolicy(_))
                && event.time.is_some_and(|time| time <= until)
                && reach(event, subject.function()) == Reach::One(subject.clone())
        };
        let mut calls: Vec<Event> = state.log.iter().filter(is_meant).cloned().collect();
        calls.sort_by_key(|event| Reverse(event.time));
        Ok(calls)
    }
}

impl State {
    fn look(&self, subject: &Subject, known: &Discovery) -> Result<World, CallError> {
        match subject {
            Subject::Vault(_) => Ok(self.world_of_vault(subject, false)),
            Subject::VaultProtection(id) => {
                let vault = self.present(id).map(|vault| vault.vault.clone());
                Ok(World::VaultProtection { vault: self::known(vault), protects: Known::Is(known.protected_by(id)) })
            }
            Subject::VaultLogging(id) => {
                let vault = self.present(id);
                let settings = self::known(vault.map(|vault| vault.settings.clone()));
                Ok(World::VaultLogging { vault: self::known(vault.map(|vault| vault.vault.clone())), settings })
            }
            Subject::VaultObject(id) => {
                let held = self.held(id)?;
                let object = held.filter(|held| held.deleted.is_none()).map(|held| held.object.clone());
                Ok(World::VaultObject { object: self::known(object), deleted: self::known(held.and_then(|held| held.deleted.clone())) })
            }
            Subject::RotationPolicy(id) => {
                let held = self.held(id)?.filter(|held| held.deleted.is_none());
                let rotation = self::known(held.and_then(|held| held.rotation.clone()));
                Ok(World::RotationPolicy { object: self::known(held.map(|held| held.object.clone())), rotation })
            }
            Subject::StorageProtection(id) => {
                let account = self.accounts.get(id);
                Ok(World::StorageProtection {
                    account: self::known(account.map(|account| account.account.clone())),
                    service: self::known(account.map(|account| account.service.clone())),
                    uses: Known::Is(known.uses(id)),
                })
            }
            Subject::LogEncryption(id) => Ok(self.encryption(self.accounts.get(id), Known::Is(known.uses(id)))),
            Subject::AuditContainer(_) | Subject::DatabaseAuditing(_) | Subject::Alerts(_) => {
                Err(CallError::Unsupported { call: "arm:Get", message: format!("the tenant of the tests holds no {subject}") })
            }
        }
    }

    /// What a look at a vault shows; a stale one shows a deleted vault as if it were there.
    fn world_of_vault(&self, subject: &Subject, is_stale: bool) -> World {
        let vault = self.vaults.get(&subject.resource());
        let shown = vault.filter(|vault| is_stale || vault.deleted.is_none());
        let deleted = vault.filter(|_| shown.is_none()).and_then(|vault| vault.deleted.clone());
        World::Vault {
            vault: known(shown.map(|vault| vault.vault.clone())),
            deleted: known(deleted),
            companions: known(shown.map(FakeVault::shown_companions)),
        }
    }

    fn encryption(&self, account: Option<&FakeAccount>, uses: Known<std::collections::BTreeSet<LogUse>>) -> World {
        let vault_id = self.desired.log_vault();
        let vault = vault_id.and_then(|vault| self.present(vault));
        let may_use = vault_id.is_some_and(|vault| self.grants.contains(vault));
        let object = vault.and_then(|vault| vault.objects.get(&vault.vault.id.child("keys", "logs")));
        let present = account.and_then(|account| account.account.key.as_ref());
        let approved = ApprovedKey {
            key: log_key(),
            vault: known(vault.map(|vault| vault.vault.clone())),
            object: known(object.filter(|held| held.deleted.is_none()).map(|held| held.object.clone())),
            identity_principal: Known::Is("principal-of-id-logs".to_owned()),
            identity_may_use_key: Known::Is(may_use),
        };
        World::LogEncryption {
            account: known(account.map(|account| account.account.clone())),
            uses,
            approved: Known::Is(approved),
            present_identity_may_use_key: known(present.map(|key| may_use || !self.desired.allows(key))),
        }
    }

    fn present(&self, vault: &ResourceId) -> Option<&FakeVault> {
        self.vaults.get(vault).filter(|vault| vault.deleted.is_none())
    }

    /// A vault that is not there answers for none of what it holds: its host has no name.
    fn held(&self, object: &ResourceId) -> Result<Option<&Held>, CallError> {
        let vault = object.parent().and_then(|vault| self.present(&vault));
        let no_name = || CallError::Unavailable { call: "vault:Get", message: "no address of the vault is known".to_owned() };
        Ok(vault.ok_or_else(no_name)?.objects.get(object))
    }
}

//! What the tenant holds, and everything that people and attackers do to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use reprieve_core::Event;
use reprieve_core::azure::world::{
    BlobService, Companion, DeletedObject, DeletedVault, DiagnosticSetting, RotationPolicy, StorageAccount, Vault, VaultObject,
};
use reprieve_core::azure::{Change, Desired, KeyReference, ResourceId};
use reprieve_core::facts::Tags;
use reprieve_engine::{CallError, Clock as _};
use serde_json::json;

use super::apply;
use super::scene::{companions, companions_of_its_own, log_identity, log_key, rotation_policy, setting_of, tenant_desired, whole_vault};
use crate::clock::FakeClock;
use crate::locked;

/// For how many days Azure keeps what was deleted.
const RETENTION: SignedDuration = SignedDuration::from_hours(90 * 24);

/// A key, secret or certificate.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) object: VaultObject,
    pub(super) deleted: Option<DeletedObject>,
    pub(super) rotation: Option<RotationPolicy>,
}

/// A vault, there or deleted, with all that belongs to it.
#[derive(Debug, Clone)]
pub struct FakeVault {
    /// The vault.
    pub vault: Vault,
    /// Its deletion, where it was deleted.
    pub deleted: Option<DeletedVault>,
    /// What belongs to it, and is lost with it.
    pub companions: Vec<Companion>,
    /// Its diagnostic settings.
    pub settings: Vec<DiagnosticSetting>,
    pub(super) objects: BTreeMap<ResourceId, Held>,
}

impl FakeVault {
    /// Returns what a look finds that belongs to the vault.
    pub(super) fn shown_companions(&self) -> Vec<Companion> {
        let settings = self.settings.iter().map(|_| setting_of(&self.vault.id));
        self.companions.iter().cloned().chain(settings).collect()
    }
}

#[derive(Debug, Clone)]
pub(super) struct FakeAccount {
    pub(super) account: StorageAccount,
    pub(super) service: BlobService,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) vaults: BTreeMap<ResourceId, FakeVault>,
    pub(super) accounts: BTreeMap<ResourceId, FakeAccount>,
    /// The vaults of which the log identity may use the keys.
    pub(super) grants: BTreeSet<ResourceId>,
    /// The Activity Log.
    pub(super) log: Vec<Event>,
    /// How many looks still show a deleted vault as if it were there.
    pub(super) stale_looks: u32,
    /// How many looks do not list a deleted vault yet.
    pub(super) unlisted_looks: u32,
    /// The changes that altered something.
    pub(super) altered: Vec<Change>,
    pub(super) desired: Desired,
}

/// A tenant. Clones show the same.
#[derive(Debug, Clone)]
pub struct FakeTenant {
    pub(super) state: Arc<Mutex<State>>,
    pub(super) clock: FakeClock,
}

impl FakeTenant {
    /// Makes a tenant that holds nothing.
    #[must_use]
    pub fn new(clock: FakeClock) -> Self {
        let state = State {
            vaults: BTreeMap::new(),
            accounts: BTreeMap::new(),
            grants: BTreeSet::new(),
            log: Vec::new(),
            stale_looks: 0,
            unlisted_looks: 0,
            altered: Vec::new(),
            desired: tenant_desired(),
        };
        Self { state: Arc::new(Mutex::new(state)), clock }
    }

    /// Makes a vault that is as it must be, with a role assignment and an event subscription.
    pub fn create_vault(&self, id: &ResourceId) {
        let vault = FakeVault {
            vault: whole_vault(id),
            deleted: None,
            companions: companions_of_its_own(id),
            settings: vec![apply::own_setting()],
            objects: BTreeMap::new(),
        };
        locked(&self.state).vaults.insert(id.clone(), vault);
    }

    /// Makes an enabled key, secret or certificate; a key rotates by itself.
    pub fn create_object(&self, id: &ResourceId) {
        let rotation = id.is("Microsoft.KeyVault/vaults/keys").then(rotation_policy);
        let object = VaultObject { enabled: true, tags: Tags::new(), version: Some("0123".to_owned()), managed: false };
        self.vault_with(id, |vault| vault.objects.insert(id.clone(), Held { object, deleted: None, rotation }));
    }

    /// Makes a storage account that is as it must be, under the log key.
    pub fn create_log_storage(&self, id: &ResourceId) {
        let service = BlobService {
            delete_retention_days: Some(30),
            container_delete_retention_days: Some(30),
            versioning: true,
            properties: json!({
                "deleteRetentionPolicy": { "enabled": true, "days": 30 },
                "containerDeleteRetentionPolicy": { "enabled": true, "days": 30 },
                "isVersioningEnabled": true,
            }),
        };
        let account = StorageAccount {
            id: id.clone(),
            location: "westeurope".to_owned(),
            tags: Tags::new(),
            customer_managed: true,
            key: Some(log_key()),
            key_identity: Some(log_identity()),
            system_identity: false,
            identities: [log_identity()].into(),
        };
        let mut state = locked(&self.state);
        state.accounts.insert(id.clone(), FakeAccount { account, service });
        let vault = super::log_vault();
        state.grants.insert(vault);
    }

    /// Changes a vault, whatever Azure would say.
    pub fn alter_vault(&self, id: &ResourceId, change: impl FnOnce(&mut FakeVault)) {
        change(locked(&self.state).vaults.get_mut(id).expect("the test made the vault"));
    }

    fn vault_with<T>(&self, object: &ResourceId, change: impl FnOnce(&mut FakeVault) -> T) -> T {
        let vault = object.parent().expect("an object is of a vault");
        change(locked(&self.state).vaults.get_mut(&vault).expect("the test made the vault"))
    }

    /// Returns a vault.
    #[must_use]
    pub fn vault(&self, id: &ResourceId) -> FakeVault {
        locked(&self.state).vaults.get(id).expect("the test made the vault").clone()
    }

    /// Deletes a vault: what belongs to it is lost.
    pub fn delete_vault(&self, id: &ResourceId) {
        let (deleted_at, purge_at) = (self.clock.now(), self.purge_at());
        locked(&self.state).grants.remove(id);
        self.alter_vault(id, |vault| {
            vault.deleted = Some(DeletedVault {
                id: vault.vault.id.clone(),
                location: vault.vault.location.clone(),
                tags: vault.vault.tags.clone(),
                deleted_at: Some(deleted_at),
                purge_at: Some(purge_at),
                purge_protection: vault.vault.purge_protection,
            });
            (vault.companions, vault.settings) = (Vec::new(), Vec::new());
        });
    }

    fn purge_at(&self) -> Timestamp {
        self.clock.now().checked_add(RETENTION).expect("a test stays within the years that exist")
    }

    /// Recovers a vault, as a person does: what belonged to it stays lost.
    pub fn recover_vault(&self, id: &ResourceId) {
        self.alter_vault(id, |vault| vault.deleted = None);
    }

    /// Purges a vault, as nobody may who is under protection.
    pub fn purge_vault(&self, id: &ResourceId) {
        locked(&self.state).vaults.remove(id);
    }

    /// Says whether a vault is there.
    #[must_use]
    pub fn has_vault(&self, id: &ResourceId) -> bool {
        locked(&self.state).vaults.get(id).is_some_and(|vault| vault.deleted.is_none())
    }

    /// Says whether a vault is there with all that belonged to it when it was made.
    #[must_use]
    pub fn is_whole_vault(&self, id: &ResourceId) -> bool {
        self.has_vault(id) && companions(id).iter().all(|companion| self.vault(id).shown_companions().contains(companion))
    }

    /// Deletes a key, secret or certificate.
    pub fn delete_object(&self, id: &ResourceId) {
        let (deleted_at, purge_at) = (self.clock.now(), self.purge_at());
        self.vault_with(id, |vault| {
            let held = vault.objects.get_mut(id).expect("the test made the object");
            let tags = held.object.tags.clone();
            held.deleted = Some(DeletedObject { tags, deleted_at: Some(deleted_at), purge_at: Some(purge_at), managed: false });
        });
    }

    /// Purges a key, secret or certificate.
    pub fn purge_object(&self, id: &ResourceId) {
        self.vault_with(id, |vault| vault.objects.remove(id));
    }

    /// Says whether a key, secret or certificate is there.
    #[must_use]
    pub fn has_object(&self, id: &ResourceId) -> bool {
        self.vault_with(id, |vault| vault.objects.get(id).is_some_and(|held| held.deleted.is_none()))
    }

    /// Enables or disables a key.
    pub fn set_enabled(&self, id: &ResourceId, enabled: bool) {
        self.held(id, |held| held.object.enabled = enabled);
    }

    /// Says whether a key is enabled.
    #[must_use]
    pub fn is_enabled(&self, id: &ResourceId) -> bool {
        self.held(id, |held| held.object.enabled)
    }

    /// Takes a key's rotation policy away.
    pub fn remove_rotation(&self, id: &ResourceId) {
        self.held(id, |held| held.rotation = None);
    }

    /// Returns a key's rotation policy.
    #[must_use]
    pub fn rotation(&self, id: &ResourceId) -> Option<RotationPolicy> {
        self.held(id, |held| held.rotation.clone())
    }

    fn held<T>(&self, id: &ResourceId, change: impl FnOnce(&mut Held) -> T) -> T {
        self.vault_with(id, |vault| change(vault.objects.get_mut(id).expect("the test made the object")))
    }

    /// Tags a vault, a key, secret or certificate, or a storage account.
    pub fn tag(&self, id: &ResourceId, tags: Tags) {
        let mut state = locked(&self.state);
        let State { vaults, accounts, .. } = &mut *state;
        let present = match (vaults.get_mut(id), accounts.get_mut(id)) {
            (Some(vault), _) => Some(&mut vault.vault.tags),
            (None, Some(account)) => Some(&mut account.account.tags),
            (None, None) => vaults.values_mut().find_map(|vault| Some(&mut vault.objects.get_mut(id)?.object.tags)),
        };
        present.expect("the test made the resource").extend(tags);
    }

    /// Switches soft delete and versions of a storage account off.
    pub fn weaken_storage(&self, id: &ResourceId) {
        let weak = BlobService { properties: json!({ "isVersioningEnabled": false }), ..BlobService::default() };
        locked(&self.state).accounts.get_mut(id).expect("the test made the account").service = weak;
    }

    /// Switches versions of a storage account off, and leaves soft delete on.
    pub fn switch_versions_off(&self, id: &ResourceId) {
        let mut state = locked(&self.state);
        let service = &mut state.accounts.get_mut(id).expect("the test made the account").service;
        service.versioning = false;
        if let Some(properties) = service.properties.as_object_mut() {
            properties.insert("isVersioningEnabled".to_owned(), json!(false));
        }
    }

    /// Encrypts a storage account under another key, by its system-assigned identity.
    pub fn swap_key(&self, id: &ResourceId, key: KeyReference) {
        let mut state = locked(&self.state);
        let account = &mut state.accounts.get_mut(id).expect("the test made the account").account;
        (account.key, account.key_identity, account.system_identity) = (Some(key), None, true);
        account.identities.clear();
    }

    /// Takes the role from the identity by which storage reads the log key.
    pub fn revoke_key_use(&self) {
        locked(&self.state).grants.clear();
    }

    /// Returns a storage account.
    #[must_use]
    pub fn account(&self, id: &ResourceId) -> StorageAccount {
        locked(&self.state).accounts.get(id).expect("the test made the account").account.clone()
    }

    /// Writes a call into the Activity Log.
    pub fn logged(&self, call: Event) {
        locked(&self.state).log.push(call);
    }

    /// Shows deleted vaults as if they were there, for so many looks.
    pub fn answer_stale(&self, looks: u32) {
        locked(&self.state).stale_looks = looks;
    }

    /// Shows deleted vaults neither as there nor as deleted, for so many looks.
    pub fn list_late(&self, looks: u32) {
        locked(&self.state).unlisted_looks = looks;
    }

    /// Returns the changes that altered something, in order: a change that found all as it asks for altered nothing.
    #[must_use]
    pub fn altered(&self) -> Vec<Change> {
        locked(&self.state).altered.clone()
    }
}

pub(super) fn missing(message: &str) -> CallError {
    CallError::NotFound { call: "arm:Get", message: message.to_owned() }
}

//! What each change makes of the tenant. What is as the change asks for already is left as it is.

use std::collections::BTreeSet;

use reprieve_core::azure::world::{BlobService, DiagnosticSetting};
use reprieve_core::azure::{Change, ResourceId};
use reprieve_engine::CallError;
use serde_json::Value;

use super::azure::{FakeVault, Held, State, missing};
use super::scene::{setting_of, tenant_desired};

/// Returns the diagnostic setting that vaults of the tests have.
pub(super) fn own_setting() -> DiagnosticSetting {
    let desired = tenant_desired();
    DiagnosticSetting {
        name: "reprieve".to_owned(),
        storage: desired.log_storage,
        event_hub_rule: desired.audit_route.as_ref().map(|route| route.event_hub_rule.clone()),
        event_hub_name: desired.audit_route.map(|route| route.event_hub_name),
        workspace: None,
        categories: BTreeSet::from(["audit".to_owned()]),
    }
}

/// Makes a change. Returns whether it altered anything.
pub(super) fn apply(state: &mut State, change: &Change) -> Result<bool, CallError> {
    match change {
        Change::PatchVault { vault, soft_delete, purge_protection, .. } => {
            let vault = &mut present(state, vault)?.vault;
            let before = (vault.soft_delete, vault.purge_protection);
            vault.soft_delete |= soft_delete;
            vault.purge_protection |= purge_protection;
            Ok(before != (vault.soft_delete, vault.purge_protection))
        }
        Change::RecoverVault { vault, .. } => {
            let vault = state.vaults.get_mut(vault).ok_or_else(|| missing("no such deleted vault"))?;
            Ok(vault.deleted.take().is_some())
        }
        Change::RestoreCompanion { companion } => {
            let vault = companion.id.parent().ok_or_else(|| missing("a companion of nothing"))?;
            let present = present(state, &vault)?;
            let is_missing = !present.shown_companions().contains(companion);
            match (is_missing, *companion == setting_of(&vault)) {
                (true, true) => present.settings.push(own_setting()),
                (true, false) => present.companions.push(companion.clone()),
                (false, _) => {}
            }
            Ok(is_missing)
        }
        Change::RecoverObject { object } => Ok(held(state, object)?.deleted.take().is_some()),
        Change::EnableKey { key, .. } => {
            let object = &mut held(state, key)?.object;
            Ok(!std::mem::replace(&mut object.enabled, true))
        }
        Change::PutRotationPolicy { key, policy } => {
            let rotation = &mut held(state, key)?.rotation;
            Ok(rotation.replace(policy.clone()).as_ref() != Some(policy))
        }
        Change::PutBlobService { account, properties, .. } => put_service(state, account, properties),
        Change::AssignIdentity { account, identities, .. } => {
            let account = &mut state.accounts.get_mut(account).ok_or_else(|| missing("no such account"))?.account;
            let wanted: BTreeSet<ResourceId> = identities.iter().cloned().collect();
            Ok(std::mem::replace(&mut account.identities, wanted.clone()) != wanted)
        }
        Change::GrantKeyUse { vault, .. } => {
            present(state, vault)?;
            Ok(state.grants.insert(vault.clone()))
        }
        Change::SetKeySource { account, key, identity } => set_key(state, account, key, identity),
        Change::PutDiagnosticSetting { setting, .. } => {
            let about = setting.parent().ok_or_else(|| missing("a setting of nothing"))?;
            let settings = &mut present(state, &about)?.settings;
            let wanted = own_setting();
            let altered = !settings.contains(&wanted);
            settings.retain(|kept| kept.name != wanted.name);
            settings.push(wanted);
            Ok(altered)
        }
        Change::RestoreContainer { .. }
        | Change::CreateContainer { .. }
        | Change::PutImmutabilityPolicy { .. }
        | Change::ExtendImmutabilityPolicy { .. }
        | Change::LockImmutabilityPolicy { .. }
        | Change::PutSqlAuditing { .. }
        | Change::PutServerParameter { .. }
        | Change::PutActivityLogAlert { .. }
        | Change::RestoreActionGroup { .. }
        | Change::EnableActionGroup { .. } => {
            Err(CallError::Unsupported { call: "arm:Put", message: format!("the tenant of the tests holds no `{}`", change.target()) })
        }
    }
}

fn present<'a>(state: &'a mut State, vault: &ResourceId) -> Result<&'a mut FakeVault, CallError> {
    let vault = state.vaults.get_mut(vault).filter(|vault| vault.deleted.is_none());
    vault.ok_or_else(|| missing("no such vault"))
}

fn held<'a>(state: &'a mut State, object: &ResourceId) -> Result<&'a mut Held, CallError> {
    let vault = object.parent().ok_or_else(|| missing("an object of no vault"))?;
    present(state, &vault)?.objects.get_mut(object).ok_or_else(|| missing("no such object"))
}

fn put_service(state: &mut State, account: &ResourceId, properties: &Value) -> Result<bool, CallError> {
    let account = state.accounts.get_mut(account).ok_or_else(|| missing("no such account"))?;
    let days = |policy: &str| {
        let policy = properties.get(policy).filter(|policy| policy.get("enabled") == Some(&Value::Bool(true)))?;
        u32::try_from(policy.get("days")?.as_u64()?).ok()
    };
    let after = BlobService {
        delete_retention_days: days("deleteRetentionPolicy"),
        container_delete_retention_days: days("containerDeleteRetentionPolicy"),
        versioning: properties.get("isVersioningEnabled") == Some(&Value::Bool(true)),
        properties: properties.clone(),
    };
    Ok(std::mem::replace(&mut account.service, after.clone()) != after)
}

/// Azure refuses a key that the account could not read.
fn set_key(
    state: &mut State,
    account: &ResourceId,
    key: &reprieve_core::azure::KeyReference,
    identity: &ResourceId,
) -> Result<bool, CallError> {
    let vault = state.desired.allowed_vaults.iter().find(|vault| vault.name().eq_ignore_ascii_case(key.vault_name())).cloned();
    let may_use = vault.is_some_and(|vault| state.grants.contains(&vault) && present(state, &vault).is_ok());
    let account = &mut state.accounts.get_mut(account).ok_or_else(|| missing("no such account"))?.account;
    if !may_use || !account.identities.contains(identity) {
        return Err(CallError::InvalidState { call: "arm:Patch", message: "the account could not read its key".to_owned() });
    }
    let after = (Some(key.clone()), Some(identity.clone()));
    let altered = (account.key.clone(), account.key_identity.clone()) != after;
    (account.key, account.key_identity, account.customer_managed) = (after.0, after.1, true);
    Ok(altered)
}

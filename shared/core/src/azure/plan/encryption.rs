//! The key of storage accounts that keep the Activity Log.
//!
//! A storage account is switched to the approved key only where nothing that was read stands against it: an account that cannot read
//! its key serves nobody. The order is identity, role, key source, and each needs the one before it.
//!
//! *Absent on purpose:* switching to a key of Microsoft's; taking an identity or a role away.

use std::collections::BTreeSet;

use super::{AzurePlan, Remedy, named};
use crate::azure::change::Change;
use crate::azure::desired::Desired;
use crate::azure::id::{KeyReference, ResourceId};
use crate::azure::world::{ApprovedKey, LogUse, StorageAccount, Vault};
use crate::decision::Severity;
use crate::facts::Known;

/// What is read: the account, what it keeps, the approved key, and whether the present identity may use the present key.
type Facts<'a> = (&'a Known<StorageAccount>, &'a Known<BTreeSet<LogUse>>, &'a Known<ApprovedKey>, &'a Known<bool>);

/// Plans for the key of an account that keeps the Activity Log.
pub(super) fn plan(
    plan: &mut AzurePlan,
    id: &ResourceId,
    (account, uses, approved, present_identity_may_use_key): Facts<'_>,
    desired: &Desired,
) {
    let name = named(id);
    let Some(uses) = plan.read(&format!("what {name} keeps"), uses) else { return };
    if !uses.contains(&LogUse::ActivityLog) && !uses.contains(&LogUse::Configured) {
        return;
    }
    let Some(account) = plan.read(&name, account) else { return };
    match wrong_key(&name, account, desired) {
        Some(wrong) => switch(plan, id, account, approved, wrong, desired),
        None => use_of_present_key(plan, &name, account, approved, present_identity_may_use_key, desired),
    }
}

type Wrong = (Severity, String);

/// Says what is wrong with the key, if anything. Any key of a vault in the allow-list is right.
fn wrong_key(name: &str, account: &StorageAccount, desired: &Desired) -> Option<Wrong> {
    if !account.customer_managed {
        return Some((
            Severity::High,
            format!("{name} keeps the Activity Log under a key of Microsoft's, not under a customer-managed one"),
        ));
    }
    match &account.key {
        None => {
            Some((Severity::Critical, format!("{name} keeps the Activity Log under a key that it does not name (it counts as no key)")))
        }
        Some(key) if desired.allows(key) => None,
        Some(key) => Some((
            Severity::Critical,
            format!(
                "{name} keeps the Activity Log under `{key}`, outside of the allowed vaults (it counts as no key, and may be an attacker's)"
            ),
        )),
    }
}

/// What keeps an account from being switched to the approved key.
type Obstacle = (Remedy, String);

fn switch(plan: &mut AzurePlan, id: &ResourceId, account: &StorageAccount, approved: &Known<ApprovedKey>, wrong: Wrong, desired: &Desired) {
    let (severity, sentence) = wrong;
    match steps(id, account, approved, desired) {
        Ok(steps) => {
            plan.find(Remedy::Mended, severity, sentence);
            plan.changes.extend(steps);
        }
        Err(obstacles) => {
            // The key was read, whatever else was not: that it is wrong is known.
            let sentence = format!("{sentence}; it is not switched, so that it never has a key that it cannot read");
            plan.find(Remedy::NeedsHuman, severity, sentence);
            for (remedy, sentence) in obstacles {
                plan.find(remedy, Severity::High, sentence);
            }
        }
    }
}

/// Returns the changes that bring an account under the approved key, in the order that never locks it out, or what stands against it.
fn steps(
    id: &ResourceId,
    account: &StorageAccount,
    approved: &Known<ApprovedKey>,
    desired: &Desired,
) -> Result<Vec<Change>, Vec<Obstacle>> {
    let needs_human = |sentence: &str| vec![(Remedy::NeedsHuman, sentence.to_owned())];
    let Some(identity) = &desired.log_identity else {
        return Err(needs_human("no identity is configured by which storage would read the log key"));
    };
    let approved = match approved {
        Known::Is(approved) => approved,
        Known::Absent => return Err(needs_human("no key is configured for the storage of the Activity Log")),
        Known::Unreadable(reason) => return Err(vec![(Remedy::Unreadable, format!("the configured log key could not be read: {reason}"))]),
    };
    let (vault, principal_id) = usable(approved, desired)?;
    let mut steps = Vec::new();
    if !account.identities.contains(identity) {
        let identities: BTreeSet<ResourceId> = account.identities.iter().chain([identity]).cloned().collect();
        steps.push(Change::AssignIdentity {
            account: id.clone(),
            identity: identity.clone(),
            identities: identities.into_iter().collect(),
            system_identity: account.system_identity,
        });
    }
    if approved.identity_may_use_key != Known::Is(true) {
        steps.push(Change::GrantKeyUse { vault: vault.id.clone(), principal_id: principal_id.clone() });
    }
    let key = KeyReference { version: None, ..approved.key.clone() };
    steps.push(Change::SetKeySource { account: id.clone(), key, identity: identity.clone() });
    Ok(steps)
}

/// Returns the vault and the principal where all that is known says that the key can be used, or all that stands against it.
fn usable<'a>(approved: &'a ApprovedKey, desired: &Desired) -> Result<(&'a Vault, &'a String), Vec<Obstacle>> {
    let mut obstacles = Vec::new();
    if !desired.log_key.as_ref().is_some_and(|key| key.is_same_key(&approved.key)) || !desired.allows(&approved.key) {
        obstacles.push((Remedy::NeedsHuman, format!("`{}` is not the configured log key, or its vault is not allowed", approved.key)));
    }
    let vault = known(&mut obstacles, "the vault of the log key", &approved.vault);
    if let Some(vault) = vault {
        obstacles.extend(wrong_with_vault(vault));
    }
    let key_name = format!("the log key `{}`", approved.key);
    if known(&mut obstacles, &key_name, &approved.object).is_some_and(|object| !object.enabled) {
        obstacles.push((Remedy::NeedsHuman, format!("{key_name} is disabled")));
    }
    let principal_id = known(&mut obstacles, "the identity by which storage reads the log key", &approved.identity_principal);
    if let Known::Unreadable(reason) = &approved.identity_may_use_key {
        obstacles.push((Remedy::Unreadable, format!("whether the log identity may use the log key could not be read: {reason}")));
    }
    match (vault, principal_id) {
        (Some(vault), Some(principal_id)) if obstacles.is_empty() => Ok((vault, principal_id)),
        _ => Err(obstacles),
    }
}

/// Returns what was read; what is absent or unreadable is an obstacle.
fn known<'a, T>(obstacles: &mut Vec<Obstacle>, what: &str, fact: &'a Known<T>) -> Option<&'a T> {
    match fact {
        Known::Is(value) => return Some(value),
        Known::Absent => obstacles.push((Remedy::NeedsHuman, format!("{what} does not exist"))),
        Known::Unreadable(reason) => obstacles.push((Remedy::Unreadable, format!("{what} could not be read: {reason}"))),
    }
    None
}

/// Azure refuses a key of a vault without soft delete and purge protection; and a role counts only in a vault that goes by roles.
/// <https://learn.microsoft.com/azure/storage/common/customer-managed-keys-overview>
fn wrong_with_vault(vault: &Vault) -> Vec<Obstacle> {
    let name = named(&vault.id);
    let checks = [
        (
            vault.soft_delete && vault.purge_protection,
            "is without soft delete or purge protection, and Azure takes no key of it for storage",
        ),
        (
            vault.access_by_roles,
            "goes by access policies; give the log identity get, wrapKey and unwrapKey there, or let the vault go by roles",
        ),
    ];
    checks.into_iter().filter(|(is_right, _)| !is_right).map(|(_, why)| (Remedy::NeedsHuman, format!("{name} {why}"))).collect()
}

/// Plans for a key that is right, where the identity by which the account reads it may have lost its role.
fn use_of_present_key(
    plan: &mut AzurePlan,
    name: &str,
    account: &StorageAccount,
    approved: &Known<ApprovedKey>,
    may_use_key: &Known<bool>,
    desired: &Desired,
) {
    match may_use_key {
        Known::Is(true) | Known::Absent => return,
        Known::Unreadable(_) => {
            plan.read(&format!("whether the identity of {name} may use its key"), may_use_key);
            return;
        }
        Known::Is(false) => {}
    }
    let sentence = format!("the identity by which {name} reads its key may not use it");
    match grant(account, approved, desired) {
        Some(change) => plan.mend(Severity::Critical, sentence, change),
        None => plan.find(
            Remedy::NeedsHuman,
            Severity::Critical,
            format!("{sentence}; give it the role `Key Vault Crypto Service Encryption User`"),
        ),
    }
}

/// Returns the role that the configured identity lacks on the vault of the configured key. Other identities and vaults are not ours.
fn grant(account: &StorageAccount, approved: &Known<ApprovedKey>, desired: &Desired) -> Option<Change> {
    let (approved, present) = (approved.value()?, account.key.as_ref()?);
    let (vault, principal_id) = (approved.vault.value()?, approved.identity_principal.value()?);
    let is_ours = account.key_identity.is_some() && account.key_identity == desired.log_identity;
    let is_same_vault = present.vault_uri == approved.key.vault_uri && desired.allows(&approved.key);
    let is_asked_for = is_ours && is_same_vault && vault.access_by_roles;
    is_asked_for.then(|| Change::GrantKeyUse { vault: vault.id.clone(), principal_id: principal_id.clone() })
}

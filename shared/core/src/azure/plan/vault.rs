//! Soft delete and purge protection of vaults and Managed HSMs; vaults that were deleted, and what was lost with them.
//!
//! *Absent on purpose:* writing back a role that lets its holder hand out roles. Who held one is said, and a human decides.

use super::{AzurePlan, IS_PURGED, Remedy, named};
use crate::azure::change::Change;
use crate::azure::desired::{Desired, PurgeProtection};
use crate::azure::id::ResourceId;
use crate::azure::memory::Memory;
use crate::azure::world::{Companion, DeletedVault, Vault, VaultInventory};
use crate::decision::Severity;
use crate::facts::Known;

/// The fewest days that Azure lets a new vault keep what is deleted.
/// <https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview>
const LEAST_RETENTION_DAYS: u32 = 7;

/// Roles whose holder can hand out roles.
/// <https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/privileged>
const PRIVILEGED_ROLES: [(&str, &str); 3] = [
    ("8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "Owner"),
    ("18d7d88d-d35e-4fb5-a5c3-7773c20a72d9", "User Access Administrator"),
    ("f58310d9-a9f6-439a-9e8d-f62e7b41a168", "Role Based Access Control Administrator"),
];

/// Plans for soft delete and purge protection. Where both are off, one patch switches both on.
pub(super) fn protection(
    plan: &mut AzurePlan,
    id: &ResourceId,
    vault: &Known<Vault>,
    protects: &Known<Vec<ResourceId>>,
    desired: &Desired,
) {
    let name = named(id);
    let Some(vault) = plan.read(&name, vault) else { return };
    // A Managed HSM cannot be without soft delete.
    let soft_delete = !vault.soft_delete && !is_managed_hsm(id);
    if soft_delete {
        let sentence = format!("{name} is without soft delete (what is deleted in it is gone; once on, nobody can take it off again)");
        plan.find(Remedy::Mended, Severity::High, sentence);
    }
    let purge_protection = !vault.purge_protection && is_to_be_purge_protected(plan, id, protects, desired);
    if purge_protection {
        let sentence =
            format!("{name} is without purge protection (what is deleted can be purged for good; once on, nobody can take it off again)");
        plan.find(Remedy::Mended, Severity::High, sentence);
    }
    if soft_delete || purge_protection {
        plan.changes.push(Change::PatchVault { vault: id.clone(), location: vault.location.clone(), soft_delete, purge_protection });
    }
    if let Some(days) = vault.retention_days.filter(|days| *days < LEAST_RETENTION_DAYS) {
        let sentence = format!("{name} keeps what is deleted for {days} days only, which was fixed when it was made");
        plan.find(Remedy::NeedsHuman, Severity::Low, sentence);
    }
}

fn is_managed_hsm(id: &ResourceId) -> bool {
    id.is("Microsoft.KeyVault/managedHSMs")
}

/// Says whether the deployment asks for purge protection of a vault that lacks it. What stands against it is a finding.
fn is_to_be_purge_protected(plan: &mut AzurePlan, id: &ResourceId, protects: &Known<Vec<ResourceId>>, desired: &Desired) -> bool {
    let name = named(id);
    match desired.purge_protection {
        PurgeProtection::All => true,
        PurgeProtection::LogVaults if desired.allowed_vaults.contains(id) => true,
        PurgeProtection::LogVaults => match protects {
            Known::Is(protected) => !protected.is_empty(),
            Known::Absent => false,
            Known::Unreadable(reason) => {
                let sentence = format!(
                    "{name} is without purge protection, and what its keys protect could not be read, so it is not switched on: {reason}"
                );
                plan.find(Remedy::Unreadable, Severity::Medium, sentence);
                false
            }
        },
        PurgeProtection::Off => {
            let sentence = format!("{name} is without purge protection, and this deployment is told not to switch it on");
            plan.find(Remedy::NeedsHuman, Severity::Low, sentence);
            false
        }
    }
}

/// Plans for a vault that may be deleted, and for what is owed to one that was recovered.
pub(super) fn existence(
    plan: &mut AzurePlan,
    id: &ResourceId,
    (vault, deleted, companions): (&Known<Vault>, &Known<DeletedVault>, &Known<Vec<Companion>>),
    memory: &Memory,
) {
    let name = named(id);
    match vault {
        Known::Unreadable(_) => {
            plan.read(&name, vault);
        }
        Known::Is(_) => {
            if let (true, Some(inventory)) = (memory.is_recovering(), &memory.vault) {
                restore_missing(plan, id, companions, inventory);
            }
        }
        Known::Absent => match deleted {
            Known::Unreadable(_) => {
                plan.read(&format!("whether {name}, which is not there, can be recovered"), deleted);
            }
            Known::Absent => {
                plan.find(Remedy::NeedsHuman, Severity::Critical, format!("{name} {IS_PURGED}"));
            }
            Known::Is(deleted) => recover(plan, id, deleted, memory.vault.as_ref()),
        },
    }
}

fn recover(plan: &mut AzurePlan, id: &ResourceId, deleted: &DeletedVault, inventory: Option<&VaultInventory>) {
    let name = named(id);
    if deleted.id != *id {
        let sentence = format!("{name} is gone; what Azure keeps under its name is another, `{}`, and is left as it is", deleted.id);
        return plan.find(Remedy::NeedsHuman, Severity::Critical, sentence);
    }
    let until = deleted.purge_at.map_or_else(|| "later".to_owned(), |at| format!("at {at}"));
    let (severity, danger) = if deleted.purge_protection {
        (Severity::High, "nobody can purge it before")
    } else {
        (Severity::Critical, "until it is recovered anybody who may can purge it for good")
    };
    let recover = Change::RecoverVault {
        vault: id.clone(),
        location: deleted.location.clone(),
        tenant_id: inventory.map(|inventory| inventory.vault.tenant_id.clone()),
        sku: inventory.map(|inventory| inventory.vault.sku.clone()),
    };
    plan.mend(severity, format!("{name} is deleted (Azure purges it {until}; {danger})"), recover);
    let Some(inventory) = inventory else {
        let lost = format!("the role assignments, event subscriptions and diagnostic settings of {name}");
        let sentence = format!("{lost} were never seen; Azure does not recover them, so they must be made again by hand");
        return plan.find(Remedy::NeedsHuman, Severity::Medium, sentence);
    };
    inventory.companions.iter().for_each(|companion| restore(plan, id, companion));
}

fn restore_missing(plan: &mut AzurePlan, id: &ResourceId, companions: &Known<Vec<Companion>>, inventory: &VaultInventory) {
    let present = match companions {
        Known::Is(present) => present.as_slice(),
        Known::Absent => &[],
        Known::Unreadable(_) => {
            plan.read(&format!("what belongs to {}, which was recovered,", named(id)), companions);
            return;
        }
    };
    let missing = inventory.companions.iter().filter(|companion| !present.iter().any(|other| is_same(companion, other)));
    missing.for_each(|companion| restore(plan, id, companion));
}

fn restore(plan: &mut AzurePlan, vault: &ResourceId, companion: &Companion) {
    let vault_name = named(vault);
    if let Some(role) = privileged_role(companion) {
        let principal = text(companion, "principalId").unwrap_or("a principal that is not known");
        let sentence = format!(
            "`{principal}` held the role {role} on {vault_name} (role assignment `{}`); who can hand out roles is not written back by itself",
            companion.id.name()
        );
        return plan.find(Remedy::NeedsHuman, Severity::High, sentence);
    }
    let sentence = format!("{} of {vault_name} was lost with it", named(&companion.id));
    plan.mend(Severity::High, sentence, Change::RestoreCompanion { companion: companion.clone() });
}

fn text<'a>(companion: &'a Companion, property: &str) -> Option<&'a str> {
    companion.properties.get(property)?.as_str()
}

/// Returns the id of a role's definition: its last word, whatever scope it is written with.
fn role_definition(companion: &Companion) -> Option<&str> {
    text(companion, "roleDefinitionId")?.trim_end_matches('/').rsplit('/').next()
}

fn privileged_role(companion: &Companion) -> Option<&'static str> {
    let definition = role_definition(companion)?;
    PRIVILEGED_ROLES.iter().find(|(id, _)| definition.eq_ignore_ascii_case(id)).map(|(_, role)| *role)
}

/// Says whether both are the same. Of role assignments that give one principal one role in one place Azure allows one, whatever its name.
fn is_same(companion: &Companion, other: &Companion) -> bool {
    if companion.id == other.id {
        return true;
    }
    let grant = |companion: &Companion| {
        let principal = text(companion, "principalId")?.to_ascii_lowercase();
        Some((principal, role_definition(companion)?.to_ascii_lowercase(), companion.id.parent()?))
    };
    matches!((grant(companion), grant(other)), (Some(first), Some(second)) if first == second)
}

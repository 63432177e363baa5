//! Keys, secrets and certificates that were deleted, keys that were disabled, and rotation policies that were removed.
//!
//! *Absent on purpose:* reading or writing any secret; enabling a key that was never seen enabled.

use super::{AzurePlan, IS_PURGED, Remedy, named};
use crate::azure::change::Change;
use crate::azure::id::ResourceId;
use crate::azure::memory::Memory;
use crate::azure::world::{DeletedObject, RotationPolicy, VaultObject};
use crate::decision::Severity;
use crate::facts::{INCIDENT_HOLD_TAG, Known};

/// Plans for a key, secret or certificate that may be deleted or disabled.
pub(super) fn existence(
    plan: &mut AzurePlan,
    id: &ResourceId,
    object: &Known<VaultObject>,
    deleted: &Known<DeletedObject>,
    memory: &Memory,
) {
    let name = named(id);
    match (object, deleted) {
        (Known::Unreadable(_), _) => {
            plan.read(&name, object);
        }
        (Known::Is(object), _) if object.enabled => {}
        (Known::Is(object), _) => disabled(plan, id, object, memory),
        (Known::Absent, Known::Is(deleted)) => recover(plan, id, deleted),
        (Known::Absent, Known::Unreadable(_)) => {
            plan.read(&format!("whether {name}, which is not there, can be recovered"), deleted);
        }
        (Known::Absent, Known::Absent) => {
            plan.find(Remedy::NeedsHuman, Severity::Critical, format!("{name} {IS_PURGED}"));
        }
    }
}

fn is_key(id: &ResourceId) -> bool {
    id.is("Microsoft.KeyVault/vaults/keys") || id.is("Microsoft.KeyVault/managedHSMs/keys")
}

fn disabled(plan: &mut AzurePlan, id: &ResourceId, object: &VaultObject, memory: &Memory) {
    let name = named(id);
    let was_enabled = memory.object.as_ref().and_then(|inventory| inventory.enabled);
    if was_enabled == Some(false) {
        return;
    }
    if let Some(incident) = object.tags.get(INCIDENT_HOLD_TAG) {
        return plan.find(Remedy::NeedsHuman, Severity::Low, format!("{name} stays disabled: incident `{incident}` holds it"));
    }
    if was_enabled.is_none() {
        return plan.find(Remedy::NeedsHuman, Severity::Medium, format!("{name} is disabled, and was never seen enabled"));
    }
    if object.managed {
        let sentence = format!("{name} is disabled; it belongs to a certificate, and is enabled with that");
        return plan.find(Remedy::NeedsHuman, Severity::Medium, sentence);
    }
    if !is_key(id) {
        return plan.find(Remedy::NeedsHuman, Severity::Medium, format!("{name} is disabled, and must be enabled by hand"));
    }
    plan.mend(Severity::High, format!("{name} is disabled"), Change::EnableKey { key: id.clone(), version: object.version.clone() });
}

fn recover(plan: &mut AzurePlan, id: &ResourceId, deleted: &DeletedObject) {
    let name = named(id);
    if deleted.managed {
        let sentence = format!("{name} is deleted; it belongs to a certificate, and comes back with that");
        return plan.find(Remedy::NeedsHuman, Severity::Informational, sentence);
    }
    let until = deleted.purge_at.map_or_else(String::new, |at| format!(" (Azure purges it at {at})"));
    plan.mend(Severity::High, format!("{name} is deleted{until}"), Change::RecoverObject { object: id.clone() });
}

/// Plans for a rotation policy. What the inventory does not know to rotate need not.
pub(super) fn rotation(
    plan: &mut AzurePlan,
    id: &ResourceId,
    object: &Known<VaultObject>,
    rotation: &Known<RotationPolicy>,
    memory: &Memory,
) {
    let known = memory.object.as_ref().and_then(|inventory| inventory.rotation.as_ref());
    let Some(known) = known.filter(|policy| policy.rotates()) else { return };
    let name = named(id);
    let Some(object) = plan.read(&name, object) else { return };
    // The key of a certificate is renewed with it.
    if object.managed {
        return;
    }
    let present = match rotation {
        Known::Is(policy) => policy.clone(),
        Known::Absent => RotationPolicy::default(),
        Known::Unreadable(_) => {
            plan.read(&format!("the rotation policy of {name}"), rotation);
            return;
        }
    };
    if !present.rotates() {
        let change = Change::PutRotationPolicy { key: id.clone(), policy: known.clone() };
        return plan.mend(Severity::Medium, format!("{name} no longer rotates by itself"), change);
    }
    if present != *known {
        plan.find(Remedy::NeedsHuman, Severity::Low, format!("{name} rotates by another policy than it did"));
    }
}

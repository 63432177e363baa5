//! The scenarios in Azure: what somebody does to a tenant, and how it is shown that it came back.

mod approval;
mod attack;
mod delivery;
mod evidence;
mod faults;
mod observe;
mod proof;

use super::stage::AzureStage;
use crate::scenario::{Playhouse, Scenario};

impl Playhouse for AzureStage {
    fn clear_faults(&self) {
        Self::clear_faults(self);
    }
}

macro_rules! scenario {
    ($name:literal, $title:literal, $story:literal => $expected:literal, $play:path) => {
        Scenario { name: $name, title: $title, story: $story, expected: $expected, is_crowded: false, play: |stage| Box::pin($play(stage)) }
    };
}

/// All scenarios, in the order in which they are shown.
pub const AZURE: [Scenario<AzureStage>; 23] = [
    scenario!("azure-bare-tenant", "bare tenant, swept once", "Nobody watches this tenant. The guard is deployed, and its timer runs." => "provisioned", attack::bare_tenant),
    scenario!("azure-protection-missing", "vault without protection", "A vault from long ago has no soft delete. Somebody touches it." => "protected", attack::protection_missing),
    scenario!("azure-vault-deleted", "vault deleted", "Mallory deletes the vault of the orders, with every key in it." => "back, with its roles", attack::vault_deleted),
    scenario!("azure-hsm-deleted", "Managed HSM deleted", "Mallory deletes the Managed HSM." => "back", attack::hsm_deleted),
    scenario!("azure-key-deleted", "key deleted", "Mallory deletes the key of the orders." => "back", attack::key_deleted),
    scenario!("azure-secret-deleted", "secret and certificate deleted", "Mallory deletes a secret and a certificate." => "back, back", attack::secret_deleted),
    scenario!("azure-key-disabled", "key disabled", "Mallory disables the key of the orders: whatever it encrypts stands still." => "enabled", attack::key_disabled),
    scenario!("azure-rotation-removed", "rotation policy removed", "Mallory empties the rotation policy of the key of the orders." => "restored", attack::rotation_removed),
    scenario!("azure-log-key-swapped", "log key swapped to an attacker's", "Mallory encrypts the log storage with a key in a vault of her own." => "approved key again", attack::log_key_swapped),
    scenario!("azure-log-key-microsoft", "log key set to Microsoft's, role lost", "Mallory takes the identity's role on the log vault away, and the customer's key off the log storage." => "approved key again", attack::log_key_removed),
    scenario!("azure-storage-unprotected", "soft delete and versions off", "Mallory switches soft delete and versions of the log storage off." => "on again", attack::storage_unprotected),
    scenario!("azure-immutability-removed", "immutability removed", "Mallory deletes the immutability policy of the database audit container." => "immutable again", attack::immutability_removed),
    scenario!("azure-audit-container-deleted", "audit container deleted", "Mallory deletes the policy, and quicker than the guard the container with all audit logs." => "back, immutable", attack::container_deleted),
    scenario!("azure-auditing-off", "database auditing off, three ways", "Mallory switches off the auditing of the SQL, the PostgreSQL and the MySQL server." => "on again, three times", attack::auditing_off),
    scenario!("azure-alerts-torn-down", "diagnostic settings and alert deleted", "Mallory deletes the subscription's and a vault's diagnostic settings and an alert, mutes the action group, and deletes it." => "provisioned again", attack::alerts_torn_down),
    scenario!("azure-approved-deletion", "approved vault deletion", "Alice seals CHG-3001; Pat deletes the vault inside the window." => "stands", approval::covered),
    scenario!("azure-altered-approval", "sealed approval, one tag altered", "The window of CHG-3002 opens tomorrow. Mallory stretches the tag and deletes the vault today." => "back", approval::altered),
    scenario!("azure-self-approval", "self-approval", "Alice seals CHG-3003 and deletes the vault herself." => "back, escalated", approval::of_oneself),
    scenario!("azure-revoked-approval", "revoked approval", "Alice seals CHG-3004 and Pat deletes. Alice finds the vault in use and revokes; the timer runs." => "stood, then back", approval::revoked),
    scenario!("azure-duplicates", "duplicate and reordered events", "Mallory deletes a vault. Event Grid delivers every event three times, the last one first." => "one remediation", delivery::duplicated),
    scenario!("azure-lost-event", "lost event", "Mallory deletes a vault, and every event of it is lost. The timer runs." => "back", delivery::lost),
    scenario!("azure-throttled", "ARM throttled, then broken", "Mallory deletes a vault while ARM throttles, and fails on the first recovery." => "back, resumed", delivery::throttled),
    scenario!("azure-logs-recorded", "logs recorded", "Mallory reads a secret and deletes a key. Vaults and the Activity Log tell of it." => "recorded", evidence::recorded),
];

/// What the first deployment does: it looks, decides, records and tells, and changes nothing. It needs a stage of its own.
pub const OBSERVING: Scenario<AzureStage> = scenario!("azure-observing", "mode observe", "The guard only observes. Mallory deletes a vault." => "told, nothing changed", observe::vault_deleted);

/// What goes wrong with the guard's own machinery: it takes minutes, and a stage of its own, so it is no part of [`AZURE`].
pub const FAULTS: [Scenario<AzureStage>; 2] = [
    scenario!("azure-killed-mid-flight", "host killed, at five points", "At each call that matters, the function app's process is killed: before it has an effect, and before it is answered." => "5 of 5 back", faults::killed),
    scenario!("azure-arm-away", "ARM away for 20 s", "Mallory deletes a vault, and from then on ARM answers nobody for 20 s." => "back, retried", faults::arm_away),
];

//! What vaults, keys, secrets, certificates and the action group were, to be given back.

use jiff::SignedDuration;
use reprieve_core::azure::lesson::Lesson;
use reprieve_core::azure::world::{ActionGroupInventory, ObjectInventory, VaultInventory};
use reprieve_core::azure::{ResourceId, Subject};
use reprieve_engine::CallError;
use serde::{Deserialize, Serialize};

use super::BlobLedger;
use super::document::{Change, digest};

/// How old an unchanged inventory of a vault may be before it is written anew: the sweep looks every hour.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(24);

/// What is kept of a resource. A key's two subjects share it: that it is there, and how it rotates.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Inventory {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resource: Option<ResourceId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) vault: Option<VaultInventory>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) object: Option<ObjectInventory>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) group: Option<ActionGroupInventory>,
}

fn name_of(resource: &ResourceId) -> String {
    format!("inventory/{}.json", digest(resource.canonical()))
}

impl BlobLedger {
    pub(super) async fn inventory(&self, resource: &ResourceId) -> Result<Inventory, CallError> {
        Ok(self.read(&name_of(resource)).await?.map(|(inventory, _)| inventory).unwrap_or_default())
    }

    pub(super) async fn learn_of(&self, subject: &Subject, lesson: &Lesson) -> Result<(), CallError> {
        let resource = subject.resource();
        self.change(&name_of(&resource), |found: Option<Inventory>| {
            let found = found.unwrap_or_default();
            let resource = Some(resource.clone());
            match lesson {
                Lesson::Vault(vault) if is_known(found.vault.as_ref(), vault) => Change::Nothing,
                Lesson::Vault(vault) => Change::Write(Inventory { resource, vault: Some(vault.as_ref().clone()), ..found }),
                Lesson::ActionGroup(group) if found.group.as_ref() == Some(&**group) => Change::Nothing,
                Lesson::ActionGroup(group) => Change::Write(Inventory { resource, group: Some(group.as_ref().clone()), ..found }),
                Lesson::Object(object) => {
                    let object = learned(subject, found.object.clone().unwrap_or_default(), object);
                    let is_known = found.object.as_ref() == Some(&object);
                    if is_known { Change::Nothing } else { Change::Write(Inventory { resource, object: Some(object), ..found }) }
                }
            }
        })
        .await
    }
}

/// Says whether nothing is new: what is known is newer, or the same and not old.
fn is_known(known: Option<&VaultInventory>, seen: &VaultInventory) -> bool {
    known.is_some_and(|known| {
        let is_same = known.vault == seen.vault && known.companions == seen.companions;
        known.as_of > seen.as_of || (is_same && seen.as_of.duration_since(known.as_of) < KEPT_FOR)
    })
}

/// Takes from a lesson what its subject looked at: the other half may be older than what another look wrote meanwhile.
fn learned(subject: &Subject, known: ObjectInventory, seen: &ObjectInventory) -> ObjectInventory {
    match subject {
        Subject::RotationPolicy(_) => ObjectInventory { rotation: seen.rotation.clone(), ..known },
        Subject::VaultObject(_) => ObjectInventory { enabled: seen.enabled, ..known },
        Subject::VaultProtection(_)
        | Subject::Vault(_)
        | Subject::StorageProtection(_)
        | Subject::LogEncryption(_)
        | Subject::AuditContainer(_)
        | Subject::DatabaseAuditing(_)
        | Subject::VaultLogging(_)
        | Subject::Alerts(_) => seen.clone(),
    }
}

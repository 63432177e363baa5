//! What a look teaches: the state to give back the next time. Pure.
//!
//! Only a state that is as it must be, or that an approval covers, is learned: what an attacker left is not, nor what a broken glass lets
//! pass for some hours.

use jiff::Timestamp;

use super::plan::AzurePlan;
use super::world::{ActionGroup, ActionGroupInventory, ObjectInventory, VaultInventory, World};
use crate::decision::Decision;
use crate::event::EventForm;
use crate::facts::Known;
use crate::lesson::is_meant_to_last;

/// What is to be remembered of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lesson {
    /// Of a vault.
    Vault(Box<VaultInventory>),
    /// Of a key, secret or certificate: whether it is meant to be usable.
    Object(ObjectInventory),
    /// Of the alerts of a subscription: the action group that they call.
    ActionGroup(Box<ActionGroupInventory>),
}

/// Returns what a look taught. `known` is what was remembered of the object before.
#[must_use]
pub fn lesson(
    world: &World,
    plan: &AzurePlan,
    decision: &Decision,
    (form, known): (EventForm, Option<&ObjectInventory>),
    now: Timestamp,
) -> Option<Lesson> {
    let is_meant = plan.is_whole() || is_meant_to_last(decision);
    match world {
        World::Vault { vault: Known::Is(vault), companions: Known::Is(companions), .. } if plan.is_whole() => {
            Some(Lesson::Vault(Box::new(VaultInventory { vault: vault.clone(), companions: companions.clone(), as_of: now })))
        }
        // A key that a sweep finds disabled, and that was never seen before, is taken as meant to be so.
        World::VaultObject { object: Known::Is(object), .. } if is_meant || (form == EventForm::Sweep && known.is_none()) => {
            let rotation = known.and_then(|known| known.rotation.clone());
            Some(Lesson::Object(ObjectInventory { enabled: Some(object.enabled), rotation })).filter(|lesson| differs(lesson, known))
        }
        // The policy of a key that is not there says nothing.
        World::RotationPolicy { object: Known::Is(_), rotation } if is_meant => {
            let rotation = match rotation {
                Known::Is(policy) => Some(policy.clone()),
                Known::Absent => None,
                Known::Unreadable(_) => return None,
            };
            let enabled = known.and_then(|known| known.enabled);
            Some(Lesson::Object(ObjectInventory { enabled, rotation })).filter(|lesson| differs(lesson, known))
        }
        // A group that is off, or that nobody hears, is not as it must be, whatever else of the alerts is.
        World::Alerts { group: Known::Is(ActionGroup { enabled: true, receivers: 1.., kept: Some(kept) }), .. } => {
            Some(Lesson::ActionGroup(Box::new(kept.clone())))
        }
        World::Vault { .. }
        | World::VaultObject { .. }
        | World::RotationPolicy { .. }
        | World::VaultProtection { .. }
        | World::StorageProtection { .. }
        | World::LogEncryption { .. }
        | World::AuditContainer { .. }
        | World::DatabaseAuditing { .. }
        | World::VaultLogging { .. }
        | World::Alerts { .. } => None,
    }
}

fn differs(lesson: &Lesson, known: Option<&ObjectInventory>) -> bool {
    match lesson {
        Lesson::Object(object) => known != Some(object),
        Lesson::Vault(_) | Lesson::ActionGroup(_) => true,
    }
}

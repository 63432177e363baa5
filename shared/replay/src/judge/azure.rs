//! The life of a resource of Azure, as far as its acts tell it.
//!
//! Azure's functions look at the resource and decide by what they see. Of a key, secret, certificate or vault that was deleted, disabled
//! or purged, the act tells what that is. Of all else only the resource itself tells, and that is what is said.

use std::collections::BTreeSet;

use jiff::Timestamp;
use reprieve_core::audit::Operation;
use reprieve_core::azure::decide::{Situation, decide, triage};
use reprieve_core::azure::event::{Reach, reach};
use reprieve_core::azure::lesson::{Lesson, lesson};
use reprieve_core::azure::world::{DeletedObject, DeletedVault, ObjectInventory, VaultObject};
use reprieve_core::azure::{Desired, Function, Memory, PurgeProtection, ResourceId, Subject, World, plan};
use reprieve_core::facts::Tags;
use reprieve_core::{CallOutcome, Decision, Known, Severity, Why};

use super::assumption::Assumption;
use super::history::Life;
use crate::act::Act;
use crate::rules::Rules;

/// A resource's life.
#[derive(Debug)]
pub(super) struct ResourceLife {
    state: Option<&'static str>,
    /// What the ledger holds of a key, secret or certificate.
    object: ObjectInventory,
}

impl Default for ResourceLife {
    fn default() -> Self {
        Self { state: None, object: ObjectInventory { enabled: Some(true), rotation: None } }
    }
}

impl Life for ResourceLife {
    fn meet(&mut self, act: &Act, rules: &Rules) -> Option<(Decision, Vec<Assumption>)> {
        if act.event.outcome == CallOutcome::Succeeded {
            self.live_through(act.operation);
        }
        if gives(act.operation) {
            self.object.enabled = Some(true);
            return None;
        }
        let mut looks = Function::ALL.into_iter().map(|function| reach(&act.event, function));
        let subjects: Vec<Subject> = looks
            .by_ref()
            .filter_map(|reach| match reach {
                Reach::One(subject) => Some(subject),
                Reach::Nothing | Reach::All => None,
            })
            .collect();
        let Some(subject) = subjects.first() else { return purged(act) };
        let desired = usual(&subject.resource());
        let assumed = vec![Assumption::Resource, Assumption::Desired];
        if let Some(decision) = triage(&act.event, subject, &desired) {
            return Some((decision, Vec::new()));
        }
        let Some(world) = world(subject, act) else { return Some((unseen(act, &subjects), assumed)) };
        let (decision, ledger) = self.decide(act, subject, &world, &desired, rules)?;
        Some((decision, assumed.into_iter().chain([ledger, Assumption::StateBefore]).collect()))
    }

    fn state(&self) -> Option<String> {
        self.state.map(ToOwned::to_owned)
    }

    fn misfit(&self, act: &Act) -> u8 {
        match (act.operation, self.state) {
            (Operation::Restore, Some("Deleted")) | (Operation::Create, _) => 0,
            (Operation::Restore | Operation::Purge, None | Some("Deleted")) => 1,
            (Operation::Restore | Operation::Purge, Some(_)) | (Operation::Destroy | Operation::Disable, Some("Deleted" | "Purged")) => 2,
            (_, _) => 1,
        }
    }
}

impl ResourceLife {
    const fn live_through(&mut self, operation: Operation) {
        match operation {
            Operation::Create | Operation::Import | Operation::Rotate | Operation::Enable | Operation::Restore => {
                self.state = Some("Enabled");
            }
            Operation::Disable => self.state = Some("Disabled"),
            Operation::Destroy => self.state = Some("Deleted"),
            Operation::Purge => self.state = Some("Purged"),
            Operation::Encrypt
            | Operation::Decrypt
            | Operation::ReEncrypt
            | Operation::Wrap
            | Operation::Unwrap
            | Operation::Generate
            | Operation::Sign
            | Operation::Verify
            | Operation::Derive
            | Operation::Access
            | Operation::Backup
            | Operation::Read
            | Operation::List
            | Operation::Update
            | Operation::ChangeAccess
            | Operation::Tag
            | Operation::Replicate
            | Operation::Other => {}
        }
    }

    /// Decides on what was seen, and learns of it. `None` where everything is as it must be.
    fn decide(&mut self, act: &Act, subject: &Subject, world: &World, desired: &Desired, rules: &Rules) -> Option<(Decision, Assumption)> {
        let event = &act.event;
        let written = rules.written_as_of(subject.approval_resource().canonical(), event.time);
        let ledger = if written.is_some() { Assumption::Ledger } else { Assumption::NoLedger };
        let memory = Memory { written: Known::Is(written.unwrap_or_default()), object: Some(self.object.clone()), ..Memory::empty() };
        let plan = plan(subject, world, &memory, desired);
        if plan.is_whole() {
            return None;
        }
        let now = event.time.unwrap_or(Timestamp::UNIX_EPOCH);
        let situation =
            Situation { world, memory: &memory, policy: &rules.policy, rules: &rules.approval, desired, own_principal: None, now };
        let decision = decide(event, subject, &plan, &situation);
        if let Some(Lesson::Object(learned)) = lesson(world, &plan, &decision, (event.form, Some(&self.object)), now) {
            self.object = learned;
        }
        Some((decision, ledger))
    }
}

/// Says whether an act gives something back or makes it: what it leaves needs no answer.
const fn gives(operation: Operation) -> bool {
    matches!(operation, Operation::Create | Operation::Import | Operation::Rotate | Operation::Enable | Operation::Restore)
}

/// Returns what the function would have seen, as the act left it; `None` where only the resource itself tells.
fn world(subject: &Subject, act: &Act) -> Option<World> {
    let at = act.event.time;
    match (subject, act.operation) {
        (Subject::VaultObject(_), Operation::Destroy) => Some(World::VaultObject {
            object: Known::Absent,
            deleted: Known::Is(DeletedObject { tags: Tags::new(), deleted_at: at, purge_at: None, managed: false }),
        }),
        (Subject::VaultObject(_), Operation::Purge) => Some(World::VaultObject { object: Known::Absent, deleted: Known::Absent }),
        (Subject::VaultObject(_), operation) => {
            let version = act.asset.as_ref().and_then(|asset| asset.version.clone());
            let enabled = operation != Operation::Disable;
            let object = VaultObject { enabled, tags: Tags::new(), version, managed: false };
            Some(World::VaultObject { object: Known::Is(object), deleted: Known::Absent })
        }
        (Subject::Vault(id), Operation::Destroy) => Some(World::Vault {
            vault: Known::Absent,
            deleted: Known::Is(DeletedVault {
                id: id.clone(),
                location: String::new(),
                tags: Tags::new(),
                deleted_at: at,
                purge_at: None,
                purge_protection: false,
            }),
            companions: Known::Absent,
        }),
        (
            Subject::Vault(_)
            | Subject::VaultProtection(_)
            | Subject::RotationPolicy(_)
            | Subject::StorageProtection(_)
            | Subject::LogEncryption(_)
            | Subject::AuditContainer(_)
            | Subject::DatabaseAuditing(_)
            | Subject::VaultLogging(_)
            | Subject::Alerts(_),
            _,
        ) => None,
    }
}

/// What is said where only the resource tells whether anything is wrong.
fn unseen(act: &Act, subjects: &[Subject]) -> Decision {
    let looked_at: Vec<String> = subjects.iter().map(ToString::to_string).collect();
    let who = act.event.actor.display_name();
    let sentence = format!(
        "`{}` by {who}: the function would have looked at {}, and mended what is not as it must be. The log does not tell what that was.",
        act.event.name,
        looked_at.join(" and ")
    );
    Decision::Stand { why: Why::new(Severity::Informational, sentence) }
}

/// What was purged is gone, whatever the function would look at.
fn purged(act: &Act) -> Option<(Decision, Vec<Assumption>)> {
    if act.operation != Operation::Purge {
        return None;
    }
    let (who, what) = (act.event.actor.display_name(), act.event.target.display_name());
    if let CallOutcome::Refused { code, .. } = &act.event.outcome {
        let sentence = format!("{who} tried `{}` on `{what}` and was refused ({code}): recorded, nothing to undo.", act.event.name);
        return Some((Decision::Stand { why: Why::new(Severity::Low, sentence) }, Vec::new()));
    }
    let sentence = format!("`{}` by {who}: `{what}` was purged, and is gone for good. A human must look.", act.event.name);
    Some((Decision::Escalate { why: Why::new(Severity::Critical, sentence) }, vec![Assumption::Desired]))
}

/// Returns what a deployment asks for that guards the resource's subscription and leaves everything at its default.
fn usual(resource: &ResourceId) -> Desired {
    Desired {
        subscriptions: BTreeSet::from([resource.subscription()]),
        purge_protection: PurgeProtection::LogVaults,
        soft_delete_days: 30,
        immutability_days: 365,
        lock_immutability: false,
        allowed_vaults: BTreeSet::new(),
        log_key: None,
        log_identity: None,
        log_storage: None,
        audit_route: None,
        action_group: None,
        alerts_group: None,
    }
}

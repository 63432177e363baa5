//! What is known of subjects in Azure, read from `--facts`: what was observed, what the ledger holds, what is asked for. Nothing is looked
//! up.

use std::collections::BTreeMap;

use anyhow::Context as _;
use reprieve_core::Known;
use reprieve_core::approval::{Revocation, SealedApproval, Written};
use reprieve_core::azure::desired::PurgeProtection;
use reprieve_core::azure::memory::Case;
use reprieve_core::azure::world::{ActionGroupInventory, ObjectInventory, VaultInventory};
use reprieve_core::azure::{Desired, Memory, Subject, World};
use serde::Deserialize;
use serde_json::Value;

/// Where the facts come from.
#[derive(Debug)]
pub(crate) enum AzureFacts {
    /// None were given.
    None,
    /// Of the one subject whose aspect they are about.
    OneForAll(Box<SubjectFacts>),
    /// By subject, in lower case.
    BySubject(BTreeMap<String, SubjectFacts>),
}

/// What is known of one subject.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) world: World,
    pub(super) memory: Memory,
    pub(super) desired: Desired,
}

/// The facts of one subject as people write them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubjectFacts {
    world: World,
    #[serde(default)]
    memory: WrittenMemory,
    desired: Option<Desired>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenMemory {
    approvals: Vec<SealedApproval>,
    revocations: Vec<Revocation>,
    case: Option<Case>,
    vault: Option<VaultInventory>,
    object: Option<ObjectInventory>,
    group: Option<ActionGroupInventory>,
}

impl AzureFacts {
    /// Reads the file, where there is one.
    ///
    /// # Errors
    /// When it cannot be read, or is not as the help says.
    pub(crate) fn load(file: Option<&str>) -> anyhow::Result<Self> {
        let Some(file) = file else {
            return Ok(Self::None);
        };
        let text = std::fs::read_to_string(file).with_context(|| format!("the facts `{file}` cannot be read"))?;
        Self::parse(&text).with_context(|| format!("the facts `{file}` cannot be used (see `reprieve explain --help`)"))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let value: Value = serde_json::from_str(text)?;
        let Value::Object(object) = &value else {
            anyhow::bail!("expected a JSON object");
        };
        if object.contains_key("world") {
            return Ok(Self::OneForAll(Box::new(serde_json::from_value(value)?)));
        }
        let mut by_subject = BTreeMap::new();
        for (subject, facts) in object {
            let facts = serde_json::from_value(facts.clone()).with_context(|| format!("the facts of `{subject}`"))?;
            by_subject.insert(subject.to_ascii_lowercase(), facts);
        }
        Ok(Self::BySubject(by_subject))
    }

    /// Returns what is known of a subject.
    pub(super) fn of(&self, subject: &Subject) -> Option<Facts> {
        let written = match self {
            Self::None => return None,
            Self::OneForAll(written) => written.as_ref(),
            Self::BySubject(by_subject) => by_subject.get(&subject.key())?,
        };
        let SubjectFacts { world, memory, desired } = written.clone();
        if !is_about(subject, &world) {
            return None;
        }
        let WrittenMemory { approvals, revocations, case, vault, object, group } = memory;
        let memory = Memory { written: Known::Is(Written { approvals, revocations }), case, vault, object, group };
        Some(Facts { world, memory, desired: desired.unwrap_or_else(|| usual(subject)) })
    }
}

/// Says whether this is what is observed of such a subject.
const fn is_about(subject: &Subject, world: &World) -> bool {
    match subject {
        Subject::VaultProtection(_) => matches!(world, World::VaultProtection { .. }),
        Subject::Vault(_) => matches!(world, World::Vault { .. }),
        Subject::VaultObject(_) => matches!(world, World::VaultObject { .. }),
        Subject::RotationPolicy(_) => matches!(world, World::RotationPolicy { .. }),
        Subject::StorageProtection(_) => matches!(world, World::StorageProtection { .. }),
        Subject::LogEncryption(_) => matches!(world, World::LogEncryption { .. }),
        Subject::AuditContainer(_) => matches!(world, World::AuditContainer { .. }),
        Subject::DatabaseAuditing(_) => matches!(world, World::DatabaseAuditing { .. }),
        Subject::VaultLogging(_) => matches!(world, World::VaultLogging { .. }),
        Subject::Alerts(_) => matches!(world, World::Alerts { .. }),
    }
}

/// Returns what a deployment asks for that guards the subject's subscription and leaves everything at its default.
pub(super) fn usual(subject: &Subject) -> Desired {
    Desired {
        subscriptions: [subject.resource().subscription()].into(),
        purge_protection: PurgeProtection::LogVaults,
        soft_delete_days: 30,
        immutability_days: 365,
        lock_immutability: false,
        allowed_vaults: [].into(),
        log_key: None,
        log_identity: None,
        log_storage: None,
        audit_route: None,
        action_group: None,
        alerts_group: None,
    }
}

//! Compares what was observed of a subject with what is asked for, and says what is wrong and what is to be changed. Pure.
//!
//! What already satisfies is left alone: the plan of a subject that is as it must be is empty. What cannot be read is never taken for
//! missing: it is a finding, and nothing is changed because of it.

mod alerts;
mod database;
mod encryption;
mod object;
mod setting;
mod storage;
mod vault;

use serde::{Deserialize, Serialize};

use super::change::Change;
use super::desired::Desired;
use super::id::ResourceId;
use super::memory::Memory;
use super::subject::{Subject, kind};
use super::world::World;
use crate::decision::Severity;
use crate::facts::Known;
use crate::plan::{Plan, Step};

pub use alerts::{ALERTS, Alarm};

/// Ends the sentence of what was purged.
pub(crate) const IS_PURGED: &str = "is gone for good: it is not among the deleted ones that can be recovered, so it was purged";

/// What becomes of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// A change of the plan mends it.
    Mended,
    /// Only a human can mend it, or may decide to.
    NeedsHuman,
    /// It is not known, because something could not be read.
    Unreadable,
}

/// Something that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What, as a sentence without its full stop: "vault `kv-prod` is deleted".
    pub sentence: String,
    /// How urgent it is.
    pub severity: Severity,
    /// What becomes of it.
    pub remedy: Remedy,
    /// All that it tells of, one by one, each in words that are the same whatever else is found.
    #[serde(default)]
    pub known_by: Vec<String>,
}

impl Finding {
    /// Says whether all that it tells of was found then, in whatever words it was said.
    #[must_use]
    pub fn is_among(&self, found: &[Self]) -> bool {
        let was_found = |fact: &String| found.iter().any(|other| other.known_by.contains(fact));
        !self.known_by.is_empty() && self.known_by.iter().all(was_found)
    }
}

/// What is wrong with a subject, and what is to be changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AzurePlan {
    /// The changes, in order.
    pub changes: Vec<Change>,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

impl AzurePlan {
    /// Says whether the subject is as it must be.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.changes.is_empty() && self.findings.is_empty()
    }

    /// Returns the plan as steps.
    #[must_use]
    pub fn steps(&self) -> Plan {
        Plan::new(self.changes.iter().cloned().map(Step::Azure).collect())
    }

    /// Returns how grave the gravest finding is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Informational)
    }

    /// Returns the findings that this becomes of.
    pub fn found(&self, remedy: Remedy) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.remedy == remedy)
    }

    fn find(&mut self, remedy: Remedy, severity: Severity, sentence: impl Into<String>) {
        let sentence = sentence.into();
        self.find_known_by(vec![sentence.clone()], remedy, severity, sentence);
    }

    /// Finds what is said in other words where more is found with it.
    fn find_known_by(&mut self, known_by: Vec<String>, remedy: Remedy, severity: Severity, sentence: impl Into<String>) {
        self.findings.push(Finding { sentence: sentence.into(), severity, remedy, known_by });
    }

    fn mend(&mut self, severity: Severity, sentence: impl Into<String>, change: Change) {
        self.find(Remedy::Mended, severity, sentence);
        self.changes.push(change);
    }

    /// Returns a fact that was read. One that could not be read is a finding, and nothing is changed because of it.
    fn read<'a, T>(&mut self, what: &str, fact: &'a Known<T>) -> Option<&'a T> {
        if let Known::Unreadable(reason) = fact {
            self.find(Remedy::Unreadable, Severity::Medium, format!("{what} could not be read: {reason}"));
        }
        fact.value()
    }
}

/// Returns what people call a resource: "vault `kv-prod`", "key `invoices` of vault `kv-prod`".
fn named(id: &ResourceId) -> String {
    let own = format!("{} `{}`", kind(id), id.name());
    match id.resource_type().rsplit('/').next() {
        Some("keys" | "secrets" | "certificates") => id.parent().map_or(own.clone(), |vault| format!("{own} of {}", named(&vault))),
        _ => own,
    }
}

/// Plans for a subject. Where `world` is of another subject, nothing is planned and that is said.
#[must_use]
pub fn plan(subject: &Subject, world: &World, memory: &Memory, desired: &Desired) -> AzurePlan {
    let mut plan = AzurePlan::default();
    match (subject, world) {
        (Subject::VaultProtection(id), World::VaultProtection { vault, protects }) => {
            vault::protection(&mut plan, id, vault, protects, desired);
        }
        (Subject::Vault(id), World::Vault { vault, deleted, companions }) => {
            vault::existence(&mut plan, id, (vault, deleted, companions), memory);
        }
        (Subject::VaultObject(id), World::VaultObject { object, deleted }) => object::existence(&mut plan, id, object, deleted, memory),
        (Subject::RotationPolicy(id), World::RotationPolicy { object, rotation }) => {
            object::rotation(&mut plan, id, object, rotation, memory);
        }
        (Subject::StorageProtection(id), World::StorageProtection { account, service, uses }) => {
            storage::protection(&mut plan, id, (account, service, uses), desired);
        }
        (Subject::LogEncryption(id), World::LogEncryption { account, uses, approved, present_identity_may_use_key }) => {
            encryption::plan(&mut plan, id, (account, uses, approved, present_identity_may_use_key), desired);
        }
        (Subject::AuditContainer(id), World::AuditContainer { account, uses, container, deleted_version, immutability }) => {
            storage::container(&mut plan, id, account, uses, (container, deleted_version, immutability), desired);
        }
        (Subject::DatabaseAuditing(id), World::DatabaseAuditing { engine, server, sql, identity_may_write, parameters, settings }) => {
            let server = (*engine, server);
            database::plan(&mut plan, id, server, (sql, identity_may_write), parameters, settings, desired);
        }
        (Subject::VaultLogging(id), World::VaultLogging { vault, settings }) => alerts::vault(&mut plan, id, vault, settings, desired),
        (Subject::Alerts(subscription), World::Alerts { subscription: _, settings, alerts, group }) => {
            alerts::subscription(&mut plan, subscription, (settings, alerts, group), memory, desired);
        }
        (subject, _) => plan.find(Remedy::Unreadable, Severity::Medium, format!("{subject} was not looked at, but something else was")),
    }
    plan
}

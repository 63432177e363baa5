//! What there is to keep: the subjects, which storage keeps logs, which vaults protect them. Found by the sweep, remembered between
//! sweeps, so that an event is judged without looking through a whole tenant, and an attacker who removes what points to a storage
//! account does not make it be forgotten.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::id::ResourceId;
use super::subject::{Function, Subject};
use super::world::LogUse;

/// For how many days something that is not found any more is remembered.
const REMEMBERED_DAYS: i64 = 30;

/// Something that was found, and when it was last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen<T> {
    /// What.
    pub what: T,
    /// When it was found last.
    pub last_seen: Timestamp,
}

/// A storage account, and something that it keeps.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Keeps {
    /// The account.
    pub account: ResourceId,
    /// What it keeps.
    pub log_use: LogUse,
}

/// A vault, and something that is encrypted with a key of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Protects {
    /// The vault or Managed HSM.
    pub vault: ResourceId,
    /// What its keys protect.
    pub resource: ResourceId,
}

/// What there is to keep.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Discovery {
    /// The storage accounts that keep logs, and why.
    pub storage: Vec<Seen<Keeps>>,
    /// The vaults that protect logs and databases.
    pub vaults: Vec<Seen<Protects>>,
    /// Every subject.
    pub subjects: Vec<Seen<Subject>>,
    /// What could not be looked through, and why.
    pub unreadable: Vec<String>,
    /// The key of the subject that the last sweep came to; the next goes on behind it.
    pub cursor: Option<String>,
}

impl Discovery {
    /// Notes that an account keeps something.
    pub fn note_storage(&mut self, account: ResourceId, log_use: LogUse, now: Timestamp) {
        note(&mut self.storage, Keeps { account, log_use }, now);
    }

    /// Notes that a vault's key protects something.
    pub fn note_vault(&mut self, vault: ResourceId, resource: ResourceId, now: Timestamp) {
        note(&mut self.vaults, Protects { vault, resource }, now);
    }

    /// Notes a subject.
    pub fn note_subject(&mut self, subject: Subject, now: Timestamp) {
        note(&mut self.subjects, subject, now);
    }

    /// Returns what an account keeps.
    #[must_use]
    pub fn uses(&self, account: &ResourceId) -> BTreeSet<LogUse> {
        self.storage.iter().filter(|seen| seen.what.account == *account).map(|seen| seen.what.log_use.clone()).collect()
    }

    /// Returns what the keys of a vault protect.
    #[must_use]
    pub fn protected_by(&self, vault: &ResourceId) -> Vec<ResourceId> {
        self.vaults.iter().filter(|seen| seen.what.vault == *vault).map(|seen| seen.what.resource.clone()).collect()
    }

    /// Returns the subjects that a function answers for.
    pub fn of(&self, function: Function) -> impl Iterator<Item = &Subject> {
        self.subjects.iter().map(|seen| &seen.what).filter(move |subject| subject.function() == function)
    }

    /// Remembers what an older discovery found and this one did not, for a while.
    #[must_use]
    pub fn merged_with(mut self, older: &Self, now: Timestamp) -> Self {
        let oldest = now.checked_sub(SignedDuration::from_hours(REMEMBERED_DAYS * 24)).unwrap_or(Timestamp::MIN);
        merge(&mut self.storage, &older.storage, oldest);
        merge(&mut self.vaults, &older.vaults, oldest);
        merge(&mut self.subjects, &older.subjects, oldest);
        self.cursor = self.cursor.or_else(|| older.cursor.clone());
        self
    }
}

fn note<T: PartialEq>(seen: &mut Vec<Seen<T>>, what: T, now: Timestamp) {
    match seen.iter_mut().find(|seen| seen.what == what) {
        Some(seen) => seen.last_seen = seen.last_seen.max(now),
        None => seen.push(Seen { what, last_seen: now }),
    }
}

fn merge<T: PartialEq + Clone>(newer: &mut Vec<Seen<T>>, older: &[Seen<T>], oldest: Timestamp) {
    for seen in older.iter().filter(|seen| seen.last_seen >= oldest) {
        note(newer, seen.what.clone(), seen.last_seen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i8) -> Timestamp {
        format!("2026-11-{day:02}T00:00:00Z").parse().unwrap()
    }

    #[test]
    fn what_an_attacker_unlinked_is_remembered_for_a_while() {
        let account = ResourceId::parse("/subscriptions/a/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/logs").unwrap();
        let mut older = Discovery::default();
        older.note_storage(account.clone(), LogUse::ActivityLog, at(1));
        let kept = Discovery::default().merged_with(&older, at(20));
        assert_eq!(kept.uses(&account), BTreeSet::from([LogUse::ActivityLog]));
        let later = "2026-12-20T00:00:00Z".parse().unwrap();
        assert!(Discovery::default().merged_with(&kept, later).uses(&account).is_empty());
    }

    #[test]
    fn what_is_found_again_is_not_noted_twice() {
        let account = ResourceId::parse("/subscriptions/a/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/logs").unwrap();
        let mut found = Discovery::default();
        found.note_storage(account.clone(), LogUse::ActivityLog, at(1));
        found.note_storage(account, LogUse::ActivityLog, at(2));
        assert_eq!(found.storage.len(), 1);
        assert_eq!(found.storage.first().unwrap().last_seen, at(2));
    }
}

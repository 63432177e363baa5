//! How things stand in each subscription, counted while a sweep looks at everything. It looks at nothing itself.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use reprieve_core::azure::{ResourceId, Subject, SubscriptionId};
use reprieve_core::posture::{KeyAtRisk, Posture};
use reprieve_core::{Cloud, Decision, Record, Status};

use crate::guard::Handled;

/// What a sweep has counted so far.
#[derive(Debug, Default)]
pub(super) struct PostureCount {
    keys: BTreeMap<ResourceId, Option<KeyAtRisk>>,
    logged_vaults: BTreeSet<ResourceId>,
    log_storages: BTreeMap<ResourceId, bool>,
    subscriptions: BTreeSet<SubscriptionId>,
}

impl PostureCount {
    /// Counts one subject as it stands after the look.
    pub(super) fn add(&mut self, subject: &Subject, handled: &Handled) {
        let resource = subject.resource();
        self.subscriptions.insert(resource.subscription());
        let is_well = is_well(handled);
        match subject {
            Subject::VaultObject(id) if is_key(id) => {
                self.keys.insert(id.clone(), (!is_well).then(|| at_risk(id, handled)));
            }
            Subject::VaultLogging(vault) if is_well => {
                self.logged_vaults.insert(vault.clone());
            }
            Subject::LogEncryption(account) => {
                self.log_storages.insert(account.clone(), is_well);
            }
            Subject::VaultProtection(_)
            | Subject::Vault(_)
            | Subject::VaultObject(_)
            | Subject::RotationPolicy(_)
            | Subject::StorageProtection(_)
            | Subject::AuditContainer(_)
            | Subject::DatabaseAuditing(_)
            | Subject::VaultLogging(_)
            | Subject::Alerts(_) => {}
        }
    }

    /// Returns how things stand, one posture for each subscription. A key is monitored where the guard sees it as it must be, and its
    /// vault's log, which tells of its deletion, is on. Each place that could not be looked through counts as a key that is not.
    pub(super) fn postures(self, at: Timestamp, unreadable: &[String]) -> Vec<Posture> {
        let posture = |subscription: &SubscriptionId| {
            let is_here = |id: &ResourceId| id.subscription() == *subscription;
            let keys: Vec<_> = self.keys.iter().filter(|(id, _)| is_here(id)).collect();
            let storages: Vec<bool> = self.log_storages.iter().filter(|(id, _)| is_here(id)).map(|(_, is_well)| *is_well).collect();
            let is_monitored = |id: &ResourceId| vault_of(id).is_some_and(|vault| self.logged_vaults.contains(&vault));
            let mut at_risk: Vec<KeyAtRisk> = keys.iter().filter_map(|(_, risk)| (*risk).clone()).collect();
            let unwatched = keys.iter().filter(|(id, risk)| risk.is_none() && !is_monitored(id));
            let why = "is not monitored: its vault's audit log does not reach the guard";
            at_risk.extend(unwatched.map(|(id, _)| KeyAtRisk { id: id.to_string(), why: why.to_owned(), deadline: None }));
            // A reason names what it is about; one that names no subscription is everybody's.
            let is_about =
                |reason: &&String| reason.to_ascii_lowercase().contains(subscription.as_str()) || !reason.contains("/subscriptions/");
            let unseen = unreadable.iter().filter(is_about).map(|reason| KeyAtRisk {
                id: subscription.resource().to_string(),
                why: format!("what is here could not be looked at: {reason}"),
                deadline: None,
            });
            let before = at_risk.len();
            at_risk.extend(unseen);
            let unseen = at_risk.len() - before;
            at_risk.sort_by_key(|key| (key.deadline.is_none(), key.deadline));
            Posture {
                at,
                cloud: Cloud::Azure,
                account: subscription.to_string(),
                region: "global".to_owned(),
                keys: count(keys.len() + unseen),
                keys_monitored: count(keys.iter().filter(|(id, risk)| risk.is_none() && is_monitored(id)).count()),
                log_storages: count(storages.len()),
                log_storages_under_customer_key: count(storages.iter().filter(|is_well| **is_well).count()),
                at_risk,
            }
        };
        self.subscriptions.iter().map(posture).collect()
    }
}

/// Says whether a subject is as it must be: it was, or it was mended. What is let stand is not.
fn is_well(handled: &Handled) -> bool {
    match handled {
        Handled::Done { record, .. } => match &record.decision {
            Some(Decision::Stand { why }) => !why.permitted,
            Some(Decision::Remedy { .. }) => record.status == Status::Success,
            Some(Decision::Escalate { .. }) | None => false,
        },
        Handled::Duplicate | Handled::Retry { .. } => false,
    }
}

fn at_risk(id: &ResourceId, handled: &Handled) -> KeyAtRisk {
    let of_record = |record: &Record| record.decision.as_ref().map(|decision| (decision.why().sentence.clone(), decision.why().deadline));
    let (why, deadline) = match handled {
        Handled::Done { record, .. } => of_record(record).unwrap_or_else(|| ("nothing was decided".to_owned(), None)),
        Handled::Duplicate => ("is being worked on".to_owned(), None),
        Handled::Retry { reason, .. } => (format!("could not be looked at: {reason}"), None),
    };
    KeyAtRisk { id: id.to_string(), why, deadline }
}

fn is_key(id: &ResourceId) -> bool {
    id.resource_type().ends_with("/keys")
}

fn vault_of(key: &ResourceId) -> Option<ResourceId> {
    key.parent()
}

fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}

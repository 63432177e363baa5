//! Storage accounts and containers that keep logs: soft delete, versions, immutability.
//!
//! *Absent on purpose:* shortening anything; looking after containers that keep something else.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{AzurePlan, Remedy, named};
use crate::azure::change::Change;
use crate::azure::desired::Desired;
use crate::azure::id::ResourceId;
use crate::azure::world::{BlobService, Container, Immutability, LogUse, StorageAccount};
use crate::decision::Severity;
use crate::facts::Known;

/// The longest that Azure keeps deleted blobs and containers, in days.
/// <https://learn.microsoft.com/azure/storage/blobs/soft-delete-blob-overview>
const LONGEST_SOFT_DELETE_DAYS: u32 = 365;

/// The longest that a container can be immutable, in days.
/// <https://learn.microsoft.com/azure/storage/blobs/immutable-time-based-retention-policy-overview>
const LONGEST_IMMUTABILITY_DAYS: u32 = 146_000;

/// The container to which the auditing of Azure SQL writes.
/// <https://learn.microsoft.com/azure/azure-sql/database/audit-log-format>
const SQL_AUDIT_CONTAINER: &str = "sqldbauditlogs";

/// What the names of the containers begin with to which diagnostic settings write.
/// <https://learn.microsoft.com/azure/azure-monitor/platform/resource-logs>
const SETTING_CONTAINERS: [&str; 2] = ["insights-activity-logs", "insights-logs-"];

/// Plans for soft delete and versions of an account that keeps logs. What is wrong is mended by one write, merged with what is there.
pub(super) fn protection(
    plan: &mut AzurePlan,
    id: &ResourceId,
    (account, service, uses): (&Known<StorageAccount>, &Known<BlobService>, &Known<BTreeSet<LogUse>>),
    desired: &Desired,
) {
    let name = named(id);
    let Some(uses) = plan.read(&format!("what {name} keeps"), uses) else { return };
    if uses.is_empty() {
        return;
    }
    match account {
        Known::Is(_) => {}
        Known::Unreadable(_) => {
            plan.read(&name, account);
            return;
        }
        Known::Absent => {
            let sentence = format!("{name}, which keeps {}, is gone; Azure can recover it for 14 days after its deletion", kept(uses));
            return plan.find(Remedy::NeedsHuman, Severity::Critical, sentence);
        }
    }
    if let Some(service) = plan.read(&format!("the blob service of {name}"), service) {
        protect(plan, id, service, uses, desired);
    }
}

/// Says in words what an account keeps.
fn kept(uses: &BTreeSet<LogUse>) -> String {
    let words = uses.iter().map(|log_use| match log_use {
        LogUse::ActivityLog => "the Activity Log".to_owned(),
        LogUse::VaultAudit => "audit logs of vaults".to_owned(),
        LogUse::DatabaseAudit { server, .. } => format!("audit logs of {}", named(server)),
        LogUse::Configured => "the logs of this deployment".to_owned(),
    });
    let distinct: BTreeSet<String> = words.collect();
    distinct.into_iter().collect::<Vec<_>>().join(", ")
}

fn protect(plan: &mut AzurePlan, id: &ResourceId, service: &BlobService, uses: &BTreeSet<LogUse>, desired: &Desired) {
    let mut properties = service.properties.as_object().cloned().unwrap_or_default();
    let days = wanted_days(&properties, desired);
    let mut what = Vec::new();
    if service.delete_retention_days.is_none_or(|present| present < days) {
        what.push("soft delete of blobs".to_owned());
        keep_for(&mut properties, "deleteRetentionPolicy", days);
        let wrong = too_short("blobs", service.delete_retention_days, days);
        find_of_service(plan, (id, uses), (Remedy::Mended, Severity::High), wrong);
    }
    if service.container_delete_retention_days.is_none_or(|present| present < days) {
        what.push("soft delete of containers".to_owned());
        keep_for(&mut properties, "containerDeleteRetentionPolicy", days);
        let wrong = too_short("containers", service.container_delete_retention_days, days);
        find_of_service(plan, (id, uses), (Remedy::Mended, Severity::High), wrong);
    }
    if !service.versioning {
        what.push("versions of blobs".to_owned());
        properties.insert("isVersioningEnabled".to_owned(), Value::Bool(true));
        find_of_service(plan, (id, uses), (Remedy::Mended, Severity::High), "keeps no versions of blobs".to_owned());
    }
    if allows_permanent_delete(&service.properties) {
        let wrong = "lets soft-deleted versions be deleted for good (`allowPermanentDelete`)".to_owned();
        find_of_service(plan, (id, uses), (Remedy::NeedsHuman, Severity::Medium), wrong);
    }
    if !what.is_empty() {
        plan.changes.push(Change::PutBlobService { account: id.clone(), properties: Value::Object(properties), what });
    }
}

/// Finds what is wrong with the blob service of an account. What it keeps is said once, so each is known by what is wrong alone.
fn find_of_service(
    plan: &mut AzurePlan,
    (id, uses): (&ResourceId, &BTreeSet<LogUse>),
    (remedy, severity): (Remedy, Severity),
    wrong: String,
) {
    let which = if plan.findings.is_empty() { format!("{}, which keeps {},", named(id), kept(uses)) } else { "it".to_owned() };
    let sentence = format!("{which} {wrong}");
    plan.find_known_by(vec![wrong], remedy, severity, sentence);
}

/// Returns for how many days deleted blobs must be kept: longer than those over which the account can be restored to a point in time,
/// as Azure asks.
fn wanted_days(properties: &Map<String, Value>, desired: &Desired) -> u32 {
    let restore = properties.get("restorePolicy").filter(|policy| policy.get("enabled") == Some(&Value::Bool(true)));
    let restore_days = restore.and_then(|policy| policy.get("days")?.as_u64()).and_then(|days| u32::try_from(days).ok());
    let least = restore_days.map_or(1, |days| days.saturating_add(1));
    desired.soft_delete_days.max(least).clamp(1, LONGEST_SOFT_DELETE_DAYS)
}

/// Switches a retention on, and keeps what else its policy holds.
fn keep_for(properties: &mut Map<String, Value>, policy: &str, days: u32) {
    let mut merged = properties.get(policy).and_then(Value::as_object).cloned().unwrap_or_default();
    merged.insert("enabled".to_owned(), Value::Bool(true));
    merged.insert("days".to_owned(), json!(days));
    properties.insert(policy.to_owned(), Value::Object(merged));
}

fn too_short(what: &str, present: Option<u32>, days: u32) -> String {
    match present {
        None => format!("does not keep deleted {what}"),
        Some(present) => format!("keeps deleted {what} for {present} days, not for {days}"),
    }
}

fn allows_permanent_delete(properties: &Value) -> bool {
    properties.pointer("/deleteRetentionPolicy/allowPermanentDelete") == Some(&Value::Bool(true))
}

/// What a container keeps, as far as it matters here.
enum Keeps<'a> {
    /// The audit logs of a database server.
    DatabaseAudit(&'a ResourceId),
    /// What auditing or a diagnostic setting writes.
    OtherLogs,
    /// Nothing that matters.
    Nothing,
}

/// Plans for a container that may keep audit logs.
pub(super) fn container(
    plan: &mut AzurePlan,
    id: &ResourceId,
    account: &Known<StorageAccount>,
    uses: &Known<BTreeSet<LogUse>>,
    (container, deleted_version, immutability): (&Known<Container>, &Known<String>, &Known<Immutability>),
    desired: &Desired,
) {
    let account_name = id.within("Microsoft.Storage/storageAccounts").map_or_else(|| named(id), |account| named(&account));
    let Some(uses) = plan.read(&format!("what {account_name} keeps"), uses) else { return };
    let keeps = keeps(id.name(), uses);
    if matches!(keeps, Keeps::Nothing) || plan.read(&account_name, account).is_none() {
        return;
    }
    let name = format!("{} of {account_name}", named(id));
    match container {
        Known::Unreadable(_) => {
            plan.read(&name, container);
        }
        Known::Is(container) => immutable(plan, id, container, immutability, desired),
        Known::Absent => missing(plan, id, &name, deleted_version, &keeps, desired),
    }
}

fn keeps<'a>(container: &str, uses: &'a BTreeSet<LogUse>) -> Keeps<'a> {
    let audits = |log_use: &'a LogUse| match log_use {
        LogUse::DatabaseAudit { server, container: audited } if audited.eq_ignore_ascii_case(container) => Some(server),
        LogUse::DatabaseAudit { .. } | LogUse::ActivityLog | LogUse::VaultAudit | LogUse::Configured => None,
    };
    if let Some(server) = uses.iter().find_map(audits) {
        return Keeps::DatabaseAudit(server);
    }
    let takes_settings = uses.iter().any(|log_use| match log_use {
        LogUse::ActivityLog | LogUse::VaultAudit | LogUse::Configured => true,
        LogUse::DatabaseAudit { .. } => false,
    });
    let usual = container.to_ascii_lowercase();
    let is_of_setting = SETTING_CONTAINERS.iter().any(|prefix| usual.starts_with(prefix));
    if usual == SQL_AUDIT_CONTAINER || (takes_settings && is_of_setting) { Keeps::OtherLogs } else { Keeps::Nothing }
}

fn missing(plan: &mut AzurePlan, id: &ResourceId, name: &str, deleted_version: &Known<String>, keeps: &Keeps<'_>, desired: &Desired) {
    match (deleted_version, keeps) {
        (Known::Unreadable(_), _) => {
            plan.read(&format!("whether {name}, which is not there, can be restored"), deleted_version);
            return;
        }
        (Known::Is(version), _) => {
            let change = Change::RestoreContainer { container: id.clone(), version: version.clone() };
            plan.mend(Severity::Critical, format!("{name} is deleted, with the logs in it"), change);
        }
        (Known::Absent, Keeps::DatabaseAudit(server)) => {
            let sentence = format!("{name}, to which the auditing of {} writes, does not exist", named(server));
            plan.mend(Severity::High, sentence, Change::CreateContainer { container: id.clone() });
        }
        (Known::Absent, Keeps::OtherLogs | Keeps::Nothing) => {
            let sentence = format!("{name} does not exist and cannot be restored; Azure makes it again when the next log arrives");
            return plan.find(Remedy::NeedsHuman, Severity::Medium, sentence);
        }
    }
    let days = wanted_immutability(desired);
    plan.changes.push(Change::PutImmutabilityPolicy { container: id.clone(), days, etag: None });
    lock(plan, id, None, desired);
}

fn wanted_immutability(desired: &Desired) -> u32 {
    desired.immutability_days.clamp(1, LONGEST_IMMUTABILITY_DAYS)
}

fn immutable(plan: &mut AzurePlan, id: &ResourceId, container: &Container, immutability: &Known<Immutability>, desired: &Desired) {
    let name = named(id);
    let days = wanted_immutability(desired);
    match immutability {
        Known::Unreadable(_) => {
            plan.read(&format!("the immutability of {name}"), immutability);
        }
        Known::Absent if container.version_level_immutability => {
            let sentence = format!("{name} has no retention of its own; its versions are immutable one by one, if their account says so");
            plan.find(Remedy::NeedsHuman, Severity::Low, sentence);
        }
        Known::Absent => {
            let change = Change::PutImmutabilityPolicy { container: id.clone(), days, etag: None };
            plan.mend(Severity::High, format!("{name} is not immutable (its logs can be changed and deleted)"), change);
            lock(plan, id, None, desired);
        }
        Known::Is(policy) if policy.locked => locked(plan, id, policy, days),
        Known::Is(policy) => unlocked(plan, id, policy, desired),
    }
}

fn locked(plan: &mut AzurePlan, id: &ResourceId, policy: &Immutability, days: u32) {
    let name = named(id);
    if policy.days < days {
        let change = Change::ExtendImmutabilityPolicy { container: id.clone(), days, etag: policy.etag.clone() };
        // It is as short as it was before it was locked.
        let short = immutable_too_short(&name, policy, days);
        let sentence = format!("{short} (once lengthened, nobody can shorten it again)");
        plan.find_known_by(vec![short], Remedy::Mended, Severity::Medium, sentence);
        plan.changes.push(change);
    }
    if !policy.append_allowed {
        let sentence =
            format!("{name} is locked without appends, so that no log can be continued in it; its logs must go to another container");
        plan.find(Remedy::NeedsHuman, Severity::High, sentence);
    }
}

fn immutable_too_short(name: &str, policy: &Immutability, days: u32) -> String {
    format!("{name} is immutable for {} days, not for {days}", policy.days)
}

fn unlocked(plan: &mut AzurePlan, id: &ResourceId, policy: &Immutability, desired: &Desired) {
    let name = named(id);
    let days = wanted_immutability(desired);
    if policy.days < days {
        plan.find(Remedy::Mended, Severity::Medium, immutable_too_short(&name, policy, days));
    }
    if !policy.append_allowed {
        plan.find(Remedy::Mended, Severity::Medium, format!("{name} takes no appends, so that no log can be continued in it"));
    }
    let is_put = policy.days < days || !policy.append_allowed;
    if is_put {
        let (days, etag) = (days.max(policy.days), Some(policy.etag.clone()));
        plan.changes.push(Change::PutImmutabilityPolicy { container: id.clone(), days, etag });
    }
    lock(plan, id, Some(&policy.etag).filter(|_| !is_put), desired);
}

/// Locks a policy where the deployment asks for it.
fn lock(plan: &mut AzurePlan, id: &ResourceId, etag: Option<&String>, desired: &Desired) {
    if desired.lock_immutability {
        let sentence = format!("the immutability of {} is not locked (once locked, nobody can take it off or shorten it again)", named(id));
        plan.mend(Severity::Medium, sentence, Change::LockImmutabilityPolicy { container: id.clone(), etag: etag.cloned() });
    }
}

//! The diagnostic setting of ours on a vault, a server or a subscription: merged with what it holds already.
//!
//! *Absent on purpose:* touching a setting of anybody else's.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{AzurePlan, Remedy, named};
use crate::azure::change::Change;
use crate::azure::desired::AuditRoute;
use crate::azure::id::ResourceId;
use crate::azure::world::DiagnosticSetting;
use crate::decision::Severity;

/// The name of our setting.
pub(super) const NAME: &str = "reprieve";

/// How many settings Azure lets a resource have.
/// <https://learn.microsoft.com/azure/azure-monitor/platform/diagnostic-settings>
const MOST_SETTINGS: usize = 5;

/// The groups of categories, as Azure writes them. A setting names groups or categories, never both.
const GROUPS: [&str; 2] = ["audit", "allLogs"];

/// The categories of what we look at, as Azure writes them; a setting is read in lower case.
const CATEGORIES: [&str; 17] = [
    "Administrative",
    "Security",
    "ServiceHealth",
    "Alert",
    "Recommendation",
    "Policy",
    "Autoscale",
    "ResourceHealth",
    "AuditEvent",
    "AzurePolicyEvaluationDetails",
    "PostgreSQLLogs",
    "PostgreSQLFlexSessions",
    "PostgreSQLFlexQueryStoreRuntime",
    "PostgreSQLFlexQueryStoreWaitStats",
    "PostgreSQLFlexTableStats",
    "MySqlAuditLogs",
    "MySqlSlowLogs",
];

/// What our setting must write, beside what it writes already. Azure refuses a destination that another setting uses for the same
/// category, so only what is missing is asked for.
pub(super) struct Wanted<'a> {
    /// The categories.
    pub categories: &'a [&'a str],
    /// The group that holds them, for a setting that names none yet.
    pub group: Option<&'a str>,
    /// The storage account.
    pub storage: Option<&'a ResourceId>,
    /// The event hub.
    pub route: Option<&'a AuditRoute>,
}

/// Says whether a setting writes to storage: anybody's to any account, ours to the configured one alone, so that nobody leads it astray.
pub(super) fn keeps_in_storage(setting: &DiagnosticSetting, configured: Option<&ResourceId>) -> bool {
    let is_ours = setting.name.eq_ignore_ascii_case(NAME);
    setting.storage.as_ref().is_some_and(|storage| !is_ours || configured.is_none_or(|configured| configured == storage))
}

/// What is not written that must be.
pub(super) struct Unwritten {
    /// How urgent it is.
    pub severity: Severity,
    /// What, as a sentence.
    pub sentence: String,
    /// What, one by one.
    pub known_by: Vec<String>,
}

/// Mends a finding with our setting; where there is no room for it, a human must.
pub(super) fn mend(plan: &mut AzurePlan, about: &ResourceId, settings: &[DiagnosticSetting], unwritten: Unwritten, wanted: &Wanted<'_>) {
    let Unwritten { severity, sentence, known_by } = unwritten;
    let ours = settings.iter().find(|setting| setting.name.eq_ignore_ascii_case(NAME));
    if ours.is_none() && settings.len() >= MOST_SETTINGS {
        let sentence = format!("{sentence}; {} has {MOST_SETTINGS} diagnostic settings, and Azure allows no more", named(about));
        return plan.find_known_by(known_by, Remedy::NeedsHuman, severity, sentence);
    }
    let setting = about.extension("Microsoft.Insights", "diagnosticSettings", NAME);
    plan.find_known_by(known_by, Remedy::Mended, severity, sentence);
    plan.changes.push(Change::PutDiagnosticSetting { setting, properties: properties(ours, wanted) });
}

fn properties(ours: Option<&DiagnosticSetting>, wanted: &Wanted<'_>) -> Value {
    let mut properties = Map::new();
    let storage = wanted.storage.or_else(|| ours?.storage.as_ref());
    if let Some(storage) = storage {
        properties.insert("storageAccountId".to_owned(), json!(storage));
    }
    let rule = wanted.route.map(|route| &route.event_hub_rule).or_else(|| ours?.event_hub_rule.as_ref());
    if let Some(rule) = rule {
        properties.insert("eventHubAuthorizationRuleId".to_owned(), json!(rule));
    }
    let hub = wanted.route.map(|route| &route.event_hub_name).or_else(|| ours?.event_hub_name.as_ref());
    if let Some(hub) = hub {
        properties.insert("eventHubName".to_owned(), json!(hub));
    }
    if let Some(workspace) = ours.and_then(|setting| setting.workspace.as_ref()) {
        properties.insert("workspaceId".to_owned(), json!(workspace));
    }
    let present = ours.map(|setting| setting.categories.clone()).unwrap_or_default();
    properties.insert("logs".to_owned(), logs(&present, wanted));
    Value::Object(properties)
}

/// Keeps what is written, and adds what is wanted: as a group where groups are, or nothing is yet; else as categories.
fn logs(present: &BTreeSet<String>, wanted: &Wanted<'_>) -> Value {
    let is_group = |name: &str| GROUPS.iter().any(|group| group.eq_ignore_ascii_case(name));
    if let Some(group) = wanted.group.filter(|_| present.iter().all(|name| is_group(name))) {
        let groups: Vec<&str> = GROUPS.into_iter().filter(|group| present.contains(&group.to_ascii_lowercase())).collect();
        let groups = if groups.is_empty() { vec![group] } else { groups };
        return groups.iter().map(|group| json!({ "categoryGroup": group, "enabled": true })).collect();
    }
    let added = wanted.categories.iter().map(|category| category.to_ascii_lowercase());
    let all: BTreeSet<String> = present.iter().filter(|name| !is_group(name)).cloned().chain(added).collect();
    all.iter().map(|category| json!({ "category": written(category), "enabled": true })).collect()
}

fn written(category: &str) -> &str {
    CATEGORIES.into_iter().find(|known| known.eq_ignore_ascii_case(category)).unwrap_or(category)
}

//! The diagnostic setting of ours on a vault, a server or a subscription: merged with what it logs already, and with those of its
//! destinations that are configured.
//!
//! *Absent on purpose:* touching a setting of anybody else's.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{AzurePlan, Remedy, named};
use crate::azure::change::Change;
use crate::azure::desired::{AuditRoute, Desired};
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
    /// What the deployment asks for: what our setting may write to besides.
    pub desired: &'a Desired,
}

/// Says whether a setting writes to storage: anybody's to any account, ours to the configured one alone, so that nobody leads it astray.
pub(super) fn keeps_in_storage(setting: &DiagnosticSetting, configured: Option<&ResourceId>) -> bool {
    let is_ours = setting.name.eq_ignore_ascii_case(NAME);
    setting.storage.as_ref().is_some_and(|storage| !is_ours || configured.is_none_or(|configured| configured == storage))
}

/// Says whether a setting writes to this event hub, by whatever rule of its namespace.
pub(super) fn is_routed(setting: &DiagnosticSetting, route: &AuditRoute) -> bool {
    let is_namespace = setting.event_hub_rule.as_ref().is_some_and(|rule| namespace(rule) == namespace(&route.event_hub_rule));
    is_namespace && setting.event_hub_name.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(&route.event_hub_name))
}

/// Returns the Event Hubs namespace of an authorization rule.
fn namespace(rule: &ResourceId) -> ResourceId {
    rule.within("Microsoft.EventHub/namespaces").unwrap_or_else(|| rule.clone())
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
    let to = Destinations::of(ours, wanted);
    let sentence = match ours.map(|ours| to.left_out(ours)).filter(|left_out| !left_out.is_empty()) {
        Some(left_out) => {
            let left_out = left_out.join(", ");
            format!("{sentence}; its setting `{NAME}` also writes to {left_out}: that is not configured, and is taken out")
        }
        None => sentence,
    };
    plan.find_known_by(known_by, Remedy::Mended, severity, sentence);
    plan.changes.push(Change::PutDiagnosticSetting { setting, properties: to.properties(ours, wanted) });
}

/// Where our setting writes to once it is mended: to what is wanted, and of what it writes to already, to what is configured. Azure asks
/// whoever writes a setting for a right on each destination, so that one of somebody else's would have every mending refused.
/// <https://learn.microsoft.com/azure/azure-monitor/platform/diagnostic-settings>
struct Destinations<'a> {
    storage: Option<&'a ResourceId>,
    route: Option<&'a AuditRoute>,
}

impl<'a> Destinations<'a> {
    fn of(ours: Option<&DiagnosticSetting>, wanted: &Wanted<'a>) -> Self {
        let desired = wanted.desired;
        let storage = desired.log_storage.as_ref().filter(|storage| ours.is_some_and(|ours| ours.storage.as_ref() == Some(*storage)));
        let route = desired.audit_route.as_ref().filter(|route| ours.is_some_and(|ours| is_routed(ours, route)));
        Self { storage: wanted.storage.or(storage), route: wanted.route.or(route) }
    }

    /// Names what our setting writes to, and will no longer.
    fn left_out(&self, ours: &DiagnosticSetting) -> Vec<String> {
        let storage = ours.storage.as_ref().filter(|storage| self.storage != Some(*storage)).map(named);
        let hub = event_hub(ours).filter(|_| self.route.is_none_or(|route| !is_routed(ours, route)));
        let workspace = ours.workspace.as_ref().map(|workspace| format!("workspace `{}`", workspace.name()));
        [storage, hub, workspace].into_iter().flatten().collect()
    }

    fn properties(&self, ours: Option<&DiagnosticSetting>, wanted: &Wanted<'_>) -> Value {
        let mut properties = Map::new();
        if let Some(storage) = self.storage {
            properties.insert("storageAccountId".to_owned(), json!(storage));
        }
        if let Some(AuditRoute { event_hub_rule, event_hub_name }) = self.route {
            properties.insert("eventHubAuthorizationRuleId".to_owned(), json!(event_hub_rule));
            properties.insert("eventHubName".to_owned(), json!(event_hub_name));
        }
        let present = ours.map(|setting| setting.categories.clone()).unwrap_or_default();
        properties.insert("logs".to_owned(), logs(&present, wanted));
        Value::Object(properties)
    }
}

/// Names the event hub that a setting writes to; without a name of its own, Azure Monitor makes one for each category.
fn event_hub(setting: &DiagnosticSetting) -> Option<String> {
    let namespace = namespace(setting.event_hub_rule.as_ref()?);
    let hub = setting.event_hub_name.as_ref().map_or_else(|| "event hubs".to_owned(), |hub| format!("event hub `{hub}`"));
    Some(format!("{hub} of namespace `{}`", namespace.name()))
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

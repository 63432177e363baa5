//! That somebody hears: diagnostic settings of vaults and subscriptions, activity-log alerts, the action group that they call.
//!
//! What satisfies may be anybody's; only a setting or an alert of our own name is ever written.

use serde_json::{Value, json};

use super::setting::{self, Unwritten, Wanted};
use super::{AzurePlan, Remedy, named};
use crate::azure::change::Change;
use crate::azure::desired::Desired;
use crate::azure::id::{ResourceId, SubscriptionId};
use crate::azure::memory::Memory;
use crate::azure::world::{ActionGroup, ActionGroupInventory, ActivityLogAlert, DiagnosticSetting, Vault};
use crate::decision::Severity;
use crate::facts::Known;

/// An operation that must call people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alarm {
    /// The name of our alert, after `Reprieve-`.
    pub name: &'static str,
    /// The operation of the Activity Log, as Azure writes it.
    pub operation: &'static str,
    /// Why it matters: a sentence without its full stop.
    pub why: &'static str,
}

const fn alarm(name: &'static str, operation: &'static str, why: &'static str) -> Alarm {
    Alarm { name, operation, why }
}

/// The operations that must call people, whoever made the alert.
/// <https://learn.microsoft.com/azure/role-based-access-control/permissions/security#microsoftkeyvault>
pub const ALERTS: [Alarm; 9] = [
    alarm("VaultDeleted", "Microsoft.KeyVault/vaults/delete", "a vault was deleted, with the keys in it"),
    alarm("VaultPurged", "Microsoft.KeyVault/locations/deletedVaults/purge/action", "a deleted vault was purged, and is gone for good"),
    alarm("VaultWritten", "Microsoft.KeyVault/vaults/write", "a vault was changed: its protection, its network or who may use it"),
    alarm("ManagedHsmDeleted", "Microsoft.KeyVault/managedHSMs/delete", "a Managed HSM was deleted, with the keys in it"),
    alarm(
        "ManagedHsmPurged",
        "Microsoft.KeyVault/locations/deletedManagedHsms/purge/action",
        "a deleted Managed HSM was purged, and is gone for good",
    ),
    alarm(
        "PolicyUnassigned",
        "Microsoft.Authorization/policyAssignments/delete",
        "a policy assignment was deleted, and prevents nothing any more",
    ),
    alarm(
        "LoggingDeleted",
        "Microsoft.Insights/diagnosticSettings/delete",
        "a diagnostic setting was deleted: something is no longer logged",
    ),
    alarm("AlertDeleted", "Microsoft.Insights/activityLogAlerts/delete", "an activity-log alert was deleted: something is no longer told"),
    alarm("StorageDeleted", "Microsoft.Storage/storageAccounts/delete", "a storage account was deleted, with the logs that it may keep"),
];

/// The categories of the Activity Log that must be exported (CIS Azure Foundations, 6.1.2 of version 3).
const EXPORTED: [&str; 4] = ["Administrative", "Alert", "Policy", "Security"];

/// Plans for the diagnostic settings of a vault: audit events to the event hub, from which the guard hears of deleted keys, and to
/// storage.
pub(super) fn vault(
    plan: &mut AzurePlan,
    id: &ResourceId,
    vault: &Known<Vault>,
    settings: &Known<Vec<DiagnosticSetting>>,
    desired: &Desired,
) {
    let name = named(id);
    if plan.read(&name, vault).is_none() {
        return;
    }
    let Some(settings) = settings_of(plan, &name, settings) else { return };
    let audits: Vec<&DiagnosticSetting> = settings.iter().filter(|setting| setting.writes("AuditEvent", &["audit", "allLogs"])).collect();
    if desired.audit_route.is_none() && desired.log_storage.is_none() {
        if audits.is_empty() {
            let sentence = format!("{name} does not log its audit events, and neither an event hub nor storage is configured for them");
            plan.find(Remedy::NeedsHuman, Severity::Low, sentence);
        }
        return;
    }
    let route = desired.audit_route.as_ref().filter(|route| !audits.iter().any(|setting| setting::is_routed(setting, route)));
    let storage = desired
        .log_storage
        .as_ref()
        .filter(|_| !audits.iter().any(|setting| setting::keeps_in_storage(setting, desired.log_storage.as_ref())));
    let (severity, whither) = match (route, storage) {
        (None, None) => return,
        (Some(route), None) => (Severity::High, format!("event hub `{}`, from which deleted keys are heard of", route.event_hub_name)),
        (None, Some(_)) => (Severity::Medium, "storage".to_owned()),
        (Some(route), Some(_)) => (Severity::High, format!("event hub `{}` and storage", route.event_hub_name)),
    };
    let hub = route.map(|route| format!("event hub `{}`", route.event_hub_name));
    let known_by = hub.into_iter().chain(storage.map(|_| "storage".to_owned())).map(|to| format!("no audit events to {to}")).collect();
    let unwritten = Unwritten { severity, sentence: format!("{name} does not log its audit events to {whither}"), known_by };
    let wanted = Wanted { categories: &["AuditEvent"], group: Some("audit"), storage, route, desired };
    setting::mend(plan, id, settings, unwritten, &wanted);
}

fn settings_of<'a>(plan: &mut AzurePlan, name: &str, settings: &'a Known<Vec<DiagnosticSetting>>) -> Option<&'a [DiagnosticSetting]> {
    match settings {
        Known::Is(settings) => Some(settings),
        Known::Absent => Some(&[]),
        Known::Unreadable(_) => {
            plan.read(&format!("the diagnostic settings of {name}"), settings);
            None
        }
    }
}

/// Plans for what a subscription exports, for its activity-log alerts, and for the action group that they call.
pub(super) fn subscription(
    plan: &mut AzurePlan,
    subscription: &SubscriptionId,
    (settings, alerts, group): (&Known<Vec<DiagnosticSetting>>, &Known<Vec<ActivityLogAlert>>, &Known<ActionGroup>),
    memory: &Memory,
    desired: &Desired,
) {
    exported(plan, subscription, settings, desired);
    let Some(group_id) = &desired.action_group else {
        let sentence = format!("no action group is configured for subscription `{subscription}`, so alerts call nobody");
        return plan.find(Remedy::NeedsHuman, Severity::Low, sentence);
    };
    if heard(plan, group_id, group, memory.group.as_ref()) {
        alerting(plan, subscription, alerts, group_id, desired);
    }
}

fn exported(plan: &mut AzurePlan, subscription: &SubscriptionId, settings: &Known<Vec<DiagnosticSetting>>, desired: &Desired) {
    let id = subscription.resource();
    let name = named(&id);
    let Some(settings) = settings_of(plan, &name, settings) else { return };
    let keeps = |setting: &DiagnosticSetting| setting::keeps_in_storage(setting, desired.log_storage.as_ref());
    let is_exported = |category: &str| settings.iter().any(|setting| keeps(setting) && setting.writes(category, &["allLogs"]));
    let missing: Vec<&str> = EXPORTED.into_iter().filter(|category| !is_exported(category)).collect();
    if missing.is_empty() {
        return;
    }
    let sentence = format!("{name} does not export {} of its Activity Log to storage", missing.join(", "));
    let known_by = missing.iter().map(|category| format!("{category} is not exported")).collect();
    let Some(storage) = &desired.log_storage else {
        let sentence = format!("{sentence}, and no storage account is configured for that");
        return plan.find_known_by(known_by, Remedy::NeedsHuman, Severity::Medium, sentence);
    };
    let wanted = Wanted { categories: &missing, group: None, storage: Some(storage), route: None, desired };
    setting::mend(plan, &id, settings, Unwritten { severity: Severity::High, sentence, known_by }, &wanted);
}

/// Plans for the action group. Says whether there is one that alerts can call.
fn heard(plan: &mut AzurePlan, id: &ResourceId, group: &Known<ActionGroup>, known: Option<&ActionGroupInventory>) -> bool {
    let name = named(id);
    let group = match group {
        Known::Is(group) => group,
        Known::Absent => return made_again(plan, id, known),
        Known::Unreadable(_) => {
            plan.read(&name, group);
            // The alerts that must call it are known all the same.
            return true;
        }
    };
    if group.receivers == 0 {
        plan.find(Remedy::NeedsHuman, Severity::High, format!("{name} has no receivers, so alerts call nobody"));
    }
    if !group.enabled {
        plan.mend(Severity::High, format!("{name} is off, so alerts call nobody"), Change::EnableActionGroup { group: id.clone() });
    }
    true
}

/// Plans for an action group that does not exist. Says whether it comes back.
fn made_again(plan: &mut AzurePlan, id: &ResourceId, known: Option<&ActionGroupInventory>) -> bool {
    let name = named(id);
    let sentence = format!("{name} does not exist, so alerts call nobody");
    let Some(known) = known.filter(|known| known.id == *id) else {
        plan.find(Remedy::NeedsHuman, Severity::High, format!("{sentence}; whom it called is not known"));
        return false;
    };
    plan.mend(Severity::High, sentence, Change::RestoreActionGroup { group: id.clone(), body: known.body.clone() });
    if known.left_out > 0 {
        let count = known.left_out;
        let sentence = format!("{name} also called {count} by URL, which may be a secret and is not remembered: add them again");
        plan.find(Remedy::NeedsHuman, Severity::High, sentence);
    }
    true
}

fn alerting(
    plan: &mut AzurePlan,
    subscription: &SubscriptionId,
    alerts: &Known<Vec<ActivityLogAlert>>,
    group: &ResourceId,
    desired: &Desired,
) {
    let present = match alerts {
        Known::Is(alerts) => alerts.as_slice(),
        Known::Absent => &[],
        Known::Unreadable(_) => {
            plan.read(&format!("the activity-log alerts of subscription `{subscription}`"), alerts);
            return;
        }
    };
    let scope = subscription.resource();
    for alarm in ALERTS.iter().filter(|alarm| !present.iter().any(|alert| calls(alert, alarm, &scope, group))) {
        let sentence = format!("no alert of subscription `{subscription}` calls action group `{}` when {}", group.name(), alarm.why);
        let Some(alert) = alert_id(subscription, alarm, desired) else {
            let sentence = format!("{sentence}, and no resource group is configured to put one in");
            plan.find(Remedy::NeedsHuman, Severity::Medium, sentence);
            continue;
        };
        let ours = present.iter().find(|present| present.id == alert);
        let properties = alert_properties(&scope, alarm, group, ours);
        plan.mend(Severity::Medium, sentence, Change::PutActivityLogAlert { alert, properties });
    }
}

fn calls(alert: &ActivityLogAlert, alarm: &Alarm, scope: &ResourceId, group: &ResourceId) -> bool {
    let fires =
        alert.enabled && !alert.is_narrowed && alert.operations.iter().any(|operation| operation.eq_ignore_ascii_case(alarm.operation));
    fires && alert.scopes.contains(scope) && alert.action_groups.contains(group)
}

/// Returns the id of our alert. An alert hears of its own subscription alone, so in any other than that of the configured resource
/// group it is put in the group of the same name there.
fn alert_id(subscription: &SubscriptionId, alarm: &Alarm, desired: &Desired) -> Option<ResourceId> {
    let group = desired.alerts_group.as_ref()?.resource_group()?;
    let group = subscription.resource().child("resourceGroups", group);
    Some(group.extension("Microsoft.Insights", "activityLogAlerts", &format!("Reprieve-{}", alarm.name)))
}

/// Returns all properties of our alert. Whom it calls already, it keeps calling.
fn alert_properties(scope: &ResourceId, alarm: &Alarm, group: &ResourceId, ours: Option<&ActivityLogAlert>) -> Value {
    let others = ours.into_iter().flat_map(|alert| alert.action_groups.iter()).filter(|other| *other != group);
    let groups: Vec<Value> = [group].into_iter().chain(others).map(|group| json!({ "actionGroupId": group })).collect();
    json!({
        "scopes": [scope],
        "condition": { "allOf": [
            { "field": "category", "equals": "Administrative" },
            { "field": "operationName", "equals": alarm.operation },
        ] },
        "actions": { "actionGroups": groups },
        "enabled": true,
        "description": format!("Reprieve: {}.", alarm.why),
    })
}

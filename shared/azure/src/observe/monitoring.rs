//! Diagnostic settings, activity-log alerts, action groups.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::join;
use reprieve_core::azure::world::{ActionGroup, ActionGroupInventory, ActivityLogAlert, DiagnosticSetting};
use reprieve_core::azure::{ResourceId, SubscriptionId, World};
use reprieve_core::facts::Tags;
use reprieve_engine::CallError;
use serde_json::Value;

use crate::answer::{id, is_same, is_true, items, own, tags, text, writable};
use crate::api;
use crate::control::AzureControl;

/// The receivers that are named by an address, a number or an id. The others are called by a URL, which may be a secret.
const NAMED: [&str; 6] =
    ["armRoleReceivers", "azureAppPushReceivers", "emailReceivers", "eventHubReceivers", "smsReceivers", "voiceReceivers"];

impl AzureControl {
    pub(super) async fn vault_logging(&self, vault: &ResourceId) -> Result<World, CallError> {
        let (present, settings) = join!(self.vault(vault), self.settings(vault));
        Ok(World::VaultLogging { vault: own(present)?, settings: own(settings.map(Some))? })
    }

    pub(super) async fn alerts(&self, subscription: &SubscriptionId) -> Result<World, CallError> {
        let scope = subscription.resource();
        let (tags, settings, alerts, group) =
            join!(self.subscription_tags(&scope), self.settings(&scope), self.activity_log_alerts(&scope), self.action_group());
        Ok(World::Alerts {
            subscription: own(tags)?,
            settings: own(settings.map(Some))?,
            alerts: own(alerts.map(Some))?,
            group: own(group)?,
        })
    }

    /// Lists the diagnostic settings of a resource or subscription.
    pub(crate) async fn settings(&self, about: &ResourceId) -> Result<Vec<DiagnosticSetting>, CallError> {
        let listed = self.list_of(about, "Microsoft.Insights/diagnosticSettings", api::DIAGNOSTIC_SETTINGS).await?;
        Ok(listed.iter().filter_map(setting_of).collect())
    }

    async fn subscription_tags(&self, scope: &ResourceId) -> Result<Option<Tags>, CallError> {
        Ok(self.arm.get(scope.as_str(), api::SUBSCRIPTIONS).await?.map(|answer| tags(&answer, "/tags")))
    }

    async fn activity_log_alerts(&self, scope: &ResourceId) -> Result<Vec<ActivityLogAlert>, CallError> {
        let listed = self.list_of(scope, "Microsoft.Insights/activityLogAlerts", api::ACTIVITY_LOG_ALERTS).await?;
        Ok(listed.iter().filter_map(alert_of).collect())
    }

    async fn action_group(&self) -> Result<Option<ActionGroup>, CallError> {
        let Some(group) = &self.desired.action_group else { return Ok(None) };
        Ok(self.arm.get(group.as_str(), api::ACTION_GROUPS).await?.map(|answer| group_of(&answer)))
    }
}

/// Reads a diagnostic setting.
pub(crate) fn setting_of(answer: &Value) -> Option<DiagnosticSetting> {
    let is_on = |log: &&Value| is_true(log, "/enabled");
    let category = |log: &Value| text(log, "/category").or_else(|| text(log, "/categoryGroup")).map(str::to_ascii_lowercase);
    Some(DiagnosticSetting {
        name: text(answer, "/name")?.to_owned(),
        storage: id(answer, "/properties/storageAccountId"),
        event_hub_rule: id(answer, "/properties/eventHubAuthorizationRuleId"),
        event_hub_name: text(answer, "/properties/eventHubName").map(str::to_owned),
        workspace: id(answer, "/properties/workspaceId"),
        categories: items(answer, "/properties/logs").iter().filter(is_on).filter_map(category).collect(),
    })
}

/// Reads an activity-log alert.
pub(crate) fn alert_of(answer: &Value) -> Option<ActivityLogAlert> {
    let condition = Condition::of(items(answer, "/properties/condition/allOf"));
    let scopes = items(answer, "/properties/scopes").iter().filter_map(|scope| ResourceId::parse(scope.as_str()?).ok());
    Some(ActivityLogAlert {
        id: id(answer, "/id")?,
        // Azure makes an alert enabled where nobody says otherwise.
        enabled: answer.pointer("/properties/enabled").and_then(Value::as_bool).unwrap_or(true),
        scopes: scopes.collect(),
        operations: condition.operations,
        is_narrowed: condition.is_narrowed,
        action_groups: items(answer, "/properties/actions/actionGroups").iter().filter_map(|group| id(group, "/actionGroupId")).collect(),
    })
}

#[derive(Default)]
struct Condition {
    operations: BTreeSet<String>,
    is_narrowed: bool,
}

impl Condition {
    /// Reads what all must hold. Whatever is not understood narrows.
    fn of(all: &[Value]) -> Self {
        let mut condition = Self::default();
        for one in all {
            let any = items(one, "/anyOf");
            let leaves = if any.is_empty() { std::slice::from_ref(one) } else { any };
            match operations(leaves) {
                // A second list of operations leaves what both have.
                Some(operations) if condition.operations.is_empty() => condition.operations = operations,
                Some(_) => condition.is_narrowed = true,
                None => condition.is_narrowed |= !leaves.iter().any(is_administrative),
            }
        }
        condition
    }
}

/// Returns the operations that these leaves name, if all of them name some.
fn operations(leaves: &[Value]) -> Option<BTreeSet<String>> {
    let mut operations = BTreeSet::new();
    for leaf in leaves {
        text(leaf, "/field").filter(|field| is_same(field, "operationName"))?;
        let listed = items(leaf, "/containsAny").iter().filter_map(Value::as_str);
        operations.extend(text(leaf, "/equals").into_iter().chain(listed).map(str::to_ascii_lowercase));
    }
    (!operations.is_empty()).then_some(operations)
}

fn is_administrative(leaf: &Value) -> bool {
    let is = |pointer: &str, word: &str| text(leaf, pointer).is_some_and(|text| is_same(text, word));
    is("/field", "category") && is("/equals", "Administrative")
}

fn group_of(answer: &Value) -> ActionGroup {
    ActionGroup {
        enabled: answer.pointer("/properties/enabled").and_then(Value::as_bool).unwrap_or(true),
        receivers: count(&receivers_of(answer)),
        kept: inventory_of(answer),
    }
}

/// Receivers by their kind.
type Receivers<'a> = BTreeMap<&'a str, Vec<&'a Value>>;

/// Returns the receivers that somebody hears. Mail and text messages can be unsubscribed from; others say nothing.
fn receivers_of(answer: &Value) -> Receivers<'_> {
    let is_heard = |receiver: &&Value| text(receiver, "/status").is_none_or(|status| !is_same(status, "Disabled"));
    let properties = answer.get("properties").and_then(Value::as_object).into_iter().flatten();
    let lists = properties.filter(|(kind, _)| kind.ends_with("Receivers"));
    lists.filter_map(|(kind, list)| Some((kind.as_str(), list.as_array()?.iter().filter(is_heard).collect()))).collect()
}

fn count(receivers: &Receivers<'_>) -> u32 {
    u32::try_from(receivers.values().map(Vec::len).sum::<usize>()).unwrap_or(u32::MAX)
}

/// Returns what is to be remembered of an action group. `None` where all of its receivers are called by a URL.
fn inventory_of(answer: &Value) -> Option<ActionGroupInventory> {
    let (kept, left_out): (Receivers<'_>, Receivers<'_>) = receivers_of(answer).into_iter().partition(|(kind, _)| NAMED.contains(kind));
    if count(&kept) == 0 {
        return None;
    }
    let mut body = writable(Some(answer), &["id", "name", "type", "systemData", "identity", "kind", "etag"]);
    let properties = body.get_mut("properties")?.as_object_mut()?;
    properties.retain(|name, value| !name.ends_with("Receivers") && !value.is_null());
    for (kind, receivers) in kept {
        let receivers: Value = receivers.into_iter().map(|receiver| writable(Some(receiver), &["status"])).collect();
        properties.insert(kind.to_owned(), receivers);
    }
    Some(ActionGroupInventory { id: id(answer, "/id")?, body, left_out: count(&left_out) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_setting_shows_what_is_on_in_lower_case() {
        let setting = setting_of(&json!({"name": "cis", "properties": {"workspaceId": "/w", "logs": [
            {"categoryGroup": "Audit", "enabled": true, "category": null}, {"category": "AuditEvent", "enabled": false},
        ]}}));
        assert_eq!(setting.unwrap().categories, BTreeSet::from(["audit".to_owned()]));
    }

    #[test]
    fn an_alert_that_asks_for_more_may_not_fire() {
        let leaf = |field: &str, equals: &str| json!({"field": field, "equals": equals});
        let category = leaf("category", "Administrative");
        let operation = leaf("operationName", "Microsoft.KeyVault/vaults/delete");
        for (all, operations, is_narrowed) in [
            (vec![category.clone(), operation.clone()], 1, false),
            (vec![category.clone(), leaf("status", "Failed"), operation.clone()], 1, true),
            (vec![leaf("category", "Security"), operation.clone()], 1, true),
            (vec![json!({"anyOf": [operation.clone(), leaf("operationName", "b")]})], 2, false),
            (vec![json!({"anyOf": [operation.clone(), leaf("level", "Error")]})], 0, true),
            (vec![json!({"field": "operationName", "containsAny": ["A", "b"]})], 2, false),
            (vec![operation.clone(), leaf("operationName", "b")], 1, true),
            (vec![category], 0, false),
        ] {
            let condition = Condition::of(&all);
            assert_eq!((condition.operations.len(), condition.is_narrowed), (operations, is_narrowed), "{all:?}");
        }
    }

    #[test]
    fn only_receivers_who_hear_something_count() {
        let group = group_of(&json!({"properties": {"enabled": false,
            "emailReceivers": [{"name": "a", "status": "Disabled"}, {"name": "b", "status": "Enabled"}],
            "webhookReceivers": [{"name": "c"}], "groupShortName": "x"}}));
        assert_eq!(group, ActionGroup { enabled: false, receivers: 2, kept: None });
    }

    #[test]
    fn an_action_group_is_remembered_without_those_whom_it_calls_by_url() {
        let group = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Insights/actionGroups/oncall";
        let answer = json!({"id": group, "name": "oncall", "type": "Microsoft.Insights/ActionGroups", "location": "Global",
        "tags": {"a": "b"}, "identity": null, "properties": {
            "groupShortName": "oncall", "enabled": true,
            "emailReceivers": [{"name": "a", "status": "Disabled"}, {"name": "b", "emailAddress": "b@c", "status": "Enabled"}],
            "smsReceivers": [], "webhookReceivers": [{"name": "c", "serviceUri": "https://secret"}],
            "logicAppReceivers": [{"name": "d", "callbackUrl": "https://secret"}], "itsmReceivers": null,
        }});
        let kept = group_of(&answer).kept.unwrap();
        let body = json!({"location": "Global", "tags": {"a": "b"}, "properties": {
            "groupShortName": "oncall", "enabled": true,
            "emailReceivers": [{"name": "b", "emailAddress": "b@c"}], "smsReceivers": [],
        }});
        assert_eq!(kept, ActionGroupInventory { id: ResourceId::parse(group).unwrap(), body, left_out: 2 });
        let by_url = json!({"id": group, "location": "Global", "properties": {"webhookReceivers": [{"name": "c"}]}});
        assert_eq!(group_of(&by_url), ActionGroup { enabled: true, receivers: 1, kept: None });
    }
}

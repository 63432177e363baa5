//! Diagnostic settings and activity-log alerts of ours: made, or mended with what they hold besides, but for destinations that nobody asked
//! for. Action groups: made again where they are gone, and switched on.

use reprieve_core::azure::ResourceId;
use reprieve_engine::CallError;
use serde_json::{Map, Value, json};

use super::gone;
use crate::answer::{holds, is_true, items, merged, writable};
use crate::api;
use crate::arm::Condition;
use crate::control::AzureControl;

/// Where a diagnostic setting can write to. Azure asks whoever writes it for a right on each that it names.
/// <https://learn.microsoft.com/rest/api/monitor/diagnostic-settings/create-or-update>
const DESTINATIONS: [&str; 6] =
    ["eventHubAuthorizationRuleId", "eventHubName", "marketplacePartnerId", "serviceBusRuleId", "storageAccountId", "workspaceId"];

impl AzureControl {
    pub(super) async fn put_diagnostic_setting(&self, setting: &ResourceId, wanted: &Value) -> Result<(), CallError> {
        let present = self.arm.get(setting.as_str(), api::DIAGNOSTIC_SETTINGS).await?;
        let present = writable(present.as_ref().and_then(|present| present.get("properties")), &[]);
        let wanted = without_other_destinations(wanted);
        if holds(&present, &wanted) {
            return Ok(());
        }
        let body = json!({ "properties": writable(Some(&merged(&present, &wanted)), &[]) });
        self.arm.put(setting.as_str(), api::DIAGNOSTIC_SETTINGS, &body, Condition::Always).await.map(drop)
    }

    pub(super) async fn put_activity_log_alert(&self, alert: &ResourceId, wanted: &Value) -> Result<(), CallError> {
        let present = self.arm.get(alert.as_str(), api::ACTIVITY_LOG_ALERTS).await?.unwrap_or_default();
        let properties = writable(present.get("properties"), &[]);
        // A condition that asks for more than ours does not fire when it should.
        let leaves = |properties: &Value| items(properties, "/condition/allOf").len();
        if holds(&properties, wanted) && leaves(&properties) == leaves(wanted) {
            return Ok(());
        }
        let mut body = Map::new();
        body.insert("location".to_owned(), json!("Global"));
        if let Some(tags) = present.get("tags").filter(|tags| tags.is_object()) {
            body.insert("tags".to_owned(), tags.clone());
        }
        body.insert("properties".to_owned(), merged(&properties, wanted));
        self.arm.put(alert.as_str(), api::ACTIVITY_LOG_ALERTS, &Value::Object(body), Condition::Always).await.map(drop)
    }

    /// Makes an action group again. One that is there is left as it is, whoever made it.
    pub(super) async fn restore_action_group(&self, group: &ResourceId, body: &Value) -> Result<(), CallError> {
        if self.arm.get(group.as_str(), api::ACTION_GROUPS).await?.is_some() {
            return Ok(());
        }
        self.arm.put(group.as_str(), api::ACTION_GROUPS, body, Condition::Always).await.map(drop)
    }

    pub(super) async fn enable_action_group(&self, group: &ResourceId) -> Result<(), CallError> {
        let present = self.arm.get(group.as_str(), api::ACTION_GROUPS).await?.ok_or_else(|| gone(group))?;
        if is_true(&present, "/properties/enabled") {
            return Ok(());
        }
        let body = json!({ "properties": { "enabled": true } });
        self.arm.patch(group.as_str(), api::ACTION_GROUPS, &body, Condition::Always).await.map(drop)
    }
}

/// Returns properties with a null for each destination that they do not name: it is to be absent.
fn without_other_destinations(wanted: &Value) -> Value {
    let mut wanted = wanted.clone();
    if let Some(properties) = wanted.as_object_mut() {
        for destination in DESTINATIONS {
            properties.entry(destination).or_insert(Value::Null);
        }
    }
    wanted
}

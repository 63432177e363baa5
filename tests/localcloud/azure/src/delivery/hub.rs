//! Event Hubs: diagnostic settings route a vault's audit records to a hub, and the host gives them to the functions bound to it.
//!
//! Must not invent a retry: a failed batch is given again only as the function's own `retry` says, and is lost without one, as in
//! Azure. Until then nothing behind it is given to that function. Source: Azure Functions reliable event processing; Monitor diagnostic
//! settings, stream to Event Hubs.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::sleep;

use super::Shared;
use crate::host::{Function, Host, Trigger};
use crate::tenant::Tenant;

/// The hub that a setting without a name streams audit records to.
const DEFAULT_HUB: &str = "insights-logs-auditevent";

/// How many records one message holds at most; Azure Monitor batches by size.
const RECORDS_A_MESSAGE: usize = 50;

/// How many messages one call gets at most: `maxEventBatchSize` of the extension.
const MESSAGES_A_CALL: usize = 100;

/// A hub.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hub {
    pub(super) namespace: String,
    pub(super) name: String,
}

/// A function that reads a hub.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reader {
    pub(super) hub: Hub,
    pub(super) site: String,
    pub(super) function: String,
}

/// Returns the hubs that the diagnostic settings of a vault stream its audit records to.
pub(super) fn hubs(tenant: &Tenant, vault_id: &str) -> Vec<Hub> {
    let settings = tenant.resources_of(vault_id, "Microsoft.Insights/diagnosticSettings");
    settings.filter_map(|setting| hub(setting.body.get("properties")?)).collect()
}

fn hub(properties: &Value) -> Option<Hub> {
    let logs = properties.get("logs").and_then(Value::as_array);
    let streams_audit = logs.into_iter().flatten().any(|log| {
        let is = |key: &str, wanted: &[&str]| log.get(key).and_then(Value::as_str).is_some_and(|have| wanted.contains(&have));
        let is_enabled = log.get("enabled").and_then(Value::as_bool).unwrap_or_default();
        is_enabled && (is("category", &["AuditEvent"]) || is("categoryGroup", &["audit", "allLogs"]))
    });
    let rule = properties.get("eventHubAuthorizationRuleId").and_then(Value::as_str).filter(|_| streams_audit)?;
    let mut segments = rule.split('/').skip_while(|segment| !segment.eq_ignore_ascii_case("namespaces"));
    let namespace = segments.nth(1)?.to_owned();
    let named = properties.get("eventHubName").and_then(Value::as_str).filter(|name| !name.is_empty());
    Some(Hub { namespace, name: named.unwrap_or(DEFAULT_HUB).to_owned() })
}

/// Packs records into messages.
pub(super) fn messages(records: &[Value]) -> Vec<Value> {
    records.chunks(RECORDS_A_MESSAGE).map(|records| json!({ "records": records })).collect()
}

/// Gives the messages of one hub to one function bound to it, batch after batch: a hub with one partition keeps its order.
pub(super) async fn drain(shared: Arc<Shared>, hub: Hub, host: Host, function: Function, mut queue: UnboundedReceiver<Value>) {
    let mut number = 0;
    while let Some(first) = queue.recv().await {
        let mut batch = vec![first];
        while batch.len() < MESSAGES_A_CALL {
            let Ok(next) = queue.try_recv() else { break };
            batch.push(next);
        }
        give(&shared, &host, &function, &hub, &batch, number).await;
        number += u64::try_from(batch.len()).unwrap_or_default();
        shared.finish(batch.len());
    }
}

/// Returns the functions whose trigger names this hub and whose connection, where it is set, names this namespace.
pub(super) fn bound(shared: &Shared, hub: &Hub) -> Vec<(Host, Function)> {
    let of_host = |host: &Host| {
        let is_bound = |function: &&Function| match &function.trigger {
            Trigger::EventHub { hub: name, connection, takes_many: _ } => {
                let address = host.setting(&format!("{connection}__fullyQualifiedNamespace"));
                let is_namespace = address.is_none_or(|address| address.split('.').next() == Some(hub.namespace.as_str()));
                name.eq_ignore_ascii_case(&hub.name) && is_namespace
            }
            Trigger::EventGrid { .. } | Trigger::Timer { .. } => false,
        };
        host.functions().filter(is_bound).map(|function| (host.clone(), function.clone())).collect::<Vec<_>>()
    };
    shared.hosts.iter().flat_map(of_host).collect()
}

/// Calls one function with a batch, and again as its `retry` says.
async fn give(shared: &Shared, host: &Host, function: &Function, hub: &Hub, batch: &[Value], number: u64) {
    let mut retried = 0;
    loop {
        if host.receive(&function.name, &hub.name, batch, number).await.is_ok() {
            shared.count(|report| report.hub_delivered += batch.len());
            return;
        }
        shared.count(|report| report.hub_failed_calls += 1);
        let retry = function.retry.as_ref().filter(|retry| retry.limit.is_none_or(|limit| retried < limit));
        let Some(retry) = retry else {
            // The host moves its checkpoint on: nothing gives these messages again.
            shared.count(|report| report.hub_lost += batch.len());
            return;
        };
        retried += 1;
        sleep(shared.scaled(retry.wait(retried))).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_stream_audit_records_only_where_they_say_so() {
        let rule = "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventHub/namespaces/ns/authorizationRules/send";
        let setting = |log: Value, hub: Value| json!({ "eventHubAuthorizationRuleId": rule, "eventHubName": hub, "logs": [log] });
        let cases = [
            ("a category", setting(json!({ "category": "AuditEvent", "enabled": true }), json!("audit")), Some("audit")),
            ("a group", setting(json!({ "categoryGroup": "audit", "enabled": true }), json!("audit")), Some("audit")),
            ("no name", setting(json!({ "category": "AuditEvent", "enabled": true }), Value::Null), Some(DEFAULT_HUB)),
            ("disabled", setting(json!({ "category": "AuditEvent", "enabled": false }), json!("audit")), None),
            ("other logs", setting(json!({ "category": "AzurePolicyEvaluationDetails", "enabled": true }), json!("audit")), None),
            ("no hub", json!({ "logs": [{ "category": "AuditEvent", "enabled": true }] }), None),
        ];
        for (name, properties, expected) in cases {
            let found = hub(&properties);
            assert_eq!(found.as_ref().map(|hub| hub.name.as_str()), expected, "{name}");
            assert!(found.is_none_or(|hub| hub.namespace == "ns"), "{name}");
        }
    }
}

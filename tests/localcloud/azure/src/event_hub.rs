//! Microsoft.EventHub in ARM: namespaces, hubs, authorization rules, consumer groups.
//!
//! Must not carry an event: delivery reads what is kept here.

use serde_json::{Value, json};

use crate::crud::{self, Complete, set, set_default};
use crate::request::{Answer, ArmRequest};
use crate::tenant::Tenant;

/// Answers a request to the provider. `None`: not its path.
pub(crate) fn handle(tenant: &mut Tenant, request: &ArmRequest) -> Option<Answer> {
    let path = request.resource_path()?;
    if !path.namespace.eq_ignore_ascii_case("Microsoft.EventHub") {
        return None;
    }
    let (kind, complete): (&str, Complete) = match path.types.join("/").to_ascii_lowercase().as_str() {
        "namespaces" => ("Microsoft.EventHub/namespaces", |properties| {
            ready(properties);
            Ok(())
        }),
        "namespaces/eventhubs" => ("Microsoft.EventHub/namespaces/eventhubs", |properties| {
            hub(properties);
            Ok(())
        }),
        "namespaces/eventhubs/consumergroups" => ("Microsoft.EventHub/namespaces/eventhubs/consumergroups", |_| Ok(())),
        "namespaces/authorizationrules" => ("Microsoft.EventHub/namespaces/authorizationRules", rule),
        "namespaces/eventhubs/authorizationrules" => ("Microsoft.EventHub/namespaces/eventhubs/authorizationRules", rule),
        _ => return None,
    };
    let answer = crud::answer(tenant, request, &path, kind, complete);
    // Only a new namespace is answered 201; hubs, rules and groups are answered 200 always.
    let is_new_child = answer.status == 201 && path.types.len() > 1;
    Some(if is_new_child { Answer { status: 200, ..answer } } else { answer })
}

fn ready(properties: &mut Value) {
    set(properties, "provisioningState", json!("Succeeded"));
    set(properties, "status", json!("Active"));
}

fn hub(properties: &mut Value) {
    set_default(properties, "partitionCount", json!(4));
    set_default(properties, "messageRetentionInDays", json!(7));
    set(properties, "status", json!("Active"));
    let count = properties.get("partitionCount").and_then(Value::as_i64).unwrap_or(4);
    set(properties, "partitionIds", (0..count).map(|number| json!(number.to_string())).collect());
}

fn rule(properties: &mut Value) -> Result<(), String> {
    let rights = properties.get("rights").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let known = ["Manage", "Send", "Listen"];
    match rights.iter().find(|right| !known.iter().any(|it| right.as_str() == Some(*it))) {
        Some(right) => Err(format!("The right `{right}` is invalid: it is Manage, Send or Listen.")),
        None if rights.is_empty() => Err("An authorization rule needs at least one of the rights Manage, Send and Listen.".to_owned()),
        None => Ok(()),
    }
}

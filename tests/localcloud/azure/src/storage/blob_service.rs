//! `blobServices/default` of an account: soft delete of blobs and containers, versioning, change feed, point-in-time restore.
//!
//! Must not touch blobs: a setting counts from the next write on.

use serde_json::{Value, json};

use crate::crud::{self, set};
use crate::path::ResourcePath;
use crate::request::{Answer, ArmRequest};
use crate::storage::blobs::BlobStores;
use crate::tenant::Tenant;

/// Answers a request to the collection or to `default`.
pub(super) fn answer(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath, account: &str) -> Answer {
    if path.names_a_resource() && !path.name().eq_ignore_ascii_case("default") {
        return crud::bad_request("InvalidRequestPropertyValue", &format!("The blob service is named `default`, not `{}`.", path.name()));
    }
    match (request.method.as_str(), path.names_a_resource()) {
        ("GET", false) => Answer::ok(json!({ "value": [body(tenant, &format!("{}/default", path.id), account)] })),
        ("GET", true) => Answer::ok(body(tenant, &path.id, account)),
        ("PUT", true) => put(tenant, request, path, account),
        _ => crud::method_not_allowed(request),
    }
}

fn body(tenant: &Tenant, id: &str, account: &str) -> Value {
    let fresh = BlobStores::default().account_mut(account).service.clone();
    let properties = tenant.blobs.account(account).map_or(fresh, |store| store.service.clone());
    let account_id = id.rsplitn(3, '/').last().unwrap_or_default();
    let sku = tenant.resource(account_id).and_then(|resource| resource.body.get("sku")).cloned();
    let mut body =
        json!({ "id": id, "name": "default", "type": "Microsoft.Storage/storageAccounts/blobServices", "properties": properties });
    if let Some(sku) = sku {
        set(&mut body, "sku", sku);
    }
    body
}

fn put(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath, account: &str) -> Answer {
    let wanted = crud::properties(&request.json());
    let mut service = tenant.blobs.account_mut(account).service.clone();
    // Each block that is named is replaced as a whole; a block that is absent keeps its value.
    for (name, value) in wanted.as_object().into_iter().flatten() {
        set(&mut service, name, value.clone());
    }
    if let Some(refusal) = refusal(tenant, account, &service) {
        return refusal;
    }
    tenant.blobs.account_mut(account).service = service;
    Answer::ok(body(tenant, &path.id, account))
}

fn refusal(tenant: &Tenant, account: &str, service: &Value) -> Option<Answer> {
    for policy in ["deleteRetentionPolicy", "containerDeleteRetentionPolicy"] {
        let days = service.get(policy).and_then(|policy| policy.get("days")).and_then(Value::as_i64);
        if is_on(service, policy) && !days.is_some_and(|days| (1..=365).contains(&days)) {
            let message = format!("The days of `{policy}` must be between 1 and 365 while it is enabled.");
            return Some(crud::bad_request("InvalidRequestPropertyValue", &message));
        }
    }
    let is_versioned = service.get("isVersioningEnabled").and_then(Value::as_bool).unwrap_or(false);
    if is_on(service, "restorePolicy") && !(is_versioned && is_on(service, "deleteRetentionPolicy") && is_on(service, "changeFeed")) {
        let message = "Point-in-time restore needs versioning, change feed and blob soft delete.";
        return Some(Answer::error(409, "RestorePolicyPrerequisitesNotMet", message));
    }
    let holds_versions =
        tenant.blobs.account(account).is_some_and(|store| store.containers.values().any(|it| it.version_level_since.is_some()));
    if holds_versions && !is_versioned {
        let message = "Versioning cannot be disabled while version-level immutability is enabled on the account or on a container.";
        return Some(Answer::error(409, "VersioningCannotBeDisabled", message));
    }
    None
}

fn is_on(service: &Value, policy: &str) -> bool {
    service.get(policy).and_then(|policy| policy.get("enabled")).and_then(Value::as_bool).unwrap_or(false)
}

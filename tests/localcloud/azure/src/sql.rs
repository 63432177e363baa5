//! Microsoft.Sql in ARM: servers, databases, and the auditing settings of both.
//!
//! Must not write an audit record. A server's settings change some time after the answer, as in Azure.
//! Source: <https://learn.microsoft.com/rest/api/sql/server-auditing-settings>.

use serde_json::{Value, json};

use crate::crud::{self, set_default, text};
use crate::managed_identity;
use crate::path::ResourcePath;
use crate::request::{Answer, ArmRequest};
use crate::tenant::Tenant;

const NAMESPACE: &str = "Microsoft.Sql";

/// Answers a request to the provider. `None`: not its path.
pub(crate) fn handle(tenant: &mut Tenant, request: &ArmRequest) -> Option<Answer> {
    let path = request.resource_path()?;
    if !path.namespace.eq_ignore_ascii_case(NAMESPACE) {
        return None;
    }
    match path.types.join("/").to_ascii_lowercase().as_str() {
        "servers" => Some(resource(tenant, request, &path, "Microsoft.Sql/servers")),
        "servers/databases" => Some(resource(tenant, request, &path, "Microsoft.Sql/servers/databases")),
        "servers/auditingsettings"
        | "servers/extendedauditingsettings"
        | "servers/devopsauditingsettings"
        | "servers/databases/auditingsettings"
        | "servers/databases/extendedauditingsettings" => Some(auditing(tenant, request, &path)),
        _ => None,
    }
}

fn resource(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath, kind: &str) -> Answer {
    match (request.method.as_str(), path.names_a_resource()) {
        ("GET", false) => {
            let below = if path.types.len() == 1 { path.scope.clone() } else { path.parent_id().to_owned() };
            crud::list(tenant, request, crud::bodies(tenant, &below, kind))
        }
        ("GET", true) => crud::read(tenant, path),
        ("PUT" | "PATCH", true) => put(tenant, request, path, kind),
        ("DELETE", true) => crud::delete(tenant, path),
        _ => crud::method_not_allowed(request),
    }
}

fn put(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath, kind: &str) -> Answer {
    if let Some(missing) = crud::missing_parent(tenant, path) {
        return missing;
    }
    let existing = tenant.resource(&path.id).map(|resource| resource.body.clone());
    if existing.is_none() && request.method == http::Method::PATCH {
        return crud::not_found(path);
    }
    let is_new = existing.is_none();
    let mut body = existing.unwrap_or_else(|| json!({ "id": path.id, "name": path.name(), "type": kind, "tags": {}, "properties": {} }));
    let mut sent = request.json();
    let wanted_identity = sent.as_object_mut().and_then(|fields| fields.remove("identity"));
    if let Some(properties) = sent.get_mut("properties").and_then(Value::as_object_mut) {
        properties.remove("administratorLoginPassword");
    }
    let held_identity = body.get("identity").cloned();
    crud::merge(&mut body, &sent);
    if let Some(wanted) = wanted_identity.filter(|wanted| !wanted.is_null()) {
        match managed_identity::settle(tenant, path.name(), held_identity.as_ref(), &wanted) {
            Ok(settled) => crud::set(&mut body, "identity", settled),
            Err(id) => return crud::bad_request("FailedIdentityOperation", &format!("The resource `{id}` was not found.")),
        }
    }
    if let Some(properties) = body.get_mut("properties") {
        if path.types.len() == 1 {
            set_default(properties, "fullyQualifiedDomainName", json!(format!("{}.database.windows.net", path.name())));
            set_default(properties, "version", json!("12.0"));
            set_default(properties, "publicNetworkAccess", json!("Enabled"));
            crud::set(properties, "state", json!("Ready"));
        } else {
            crud::set(properties, "status", json!("Online"));
        }
    }
    tenant.put_resource(&path.id, body.clone(), request.now);
    if is_new { Answer::created(body) } else { Answer::ok(body) }
}

/// Auditing settings are always there: off until they are written.
fn auditing(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    let owner = owner_id(path);
    let Some(owner_path) = ResourcePath::parse(&owner).filter(|_| tenant.resource(&owner).is_some()) else {
        let parent = ResourcePath::parse(&owner);
        return parent.map_or_else(|| crud::not_found(path), |parent| crud::not_found(&parent));
    };
    if path.names_a_resource() && !path.name().eq_ignore_ascii_case("default") {
        return crud::bad_request(
            "InvalidBlobAuditingPolicyName",
            &format!("The auditing settings are named `default`, not `{}`.", path.name()),
        );
    }
    match (request.method.as_str(), path.names_a_resource()) {
        ("GET", false) => {
            let default = ResourcePath {
                id: format!("{}/default", path.id),
                names: [owner_path.names, vec!["Default".to_owned()]].concat(),
                ..path.clone()
            };
            Answer::ok(json!({ "value": [settings(tenant, &default)] }))
        }
        ("GET", true) => Answer::ok(settings(tenant, path)),
        ("PUT", true) => put_auditing(tenant, request, path),
        _ => crud::method_not_allowed(request),
    }
}

/// The server or the database that settings belong to.
fn owner_id(path: &ResourcePath) -> String {
    let owner = path.id.rsplit_once('/').map_or("", |(owner, _)| owner);
    if path.names_a_resource() { owner.rsplit_once('/').map_or("", |(owner, _)| owner).to_owned() } else { owner.to_owned() }
}

fn settings(tenant: &Tenant, path: &ResourcePath) -> Value {
    if let Some(resource) = tenant.resource(&path.id) {
        return resource.body.clone();
    }
    json!({ "id": path.id, "name": "Default", "type": path.full_type(), "properties": off(path) })
}

fn is_dev_ops(path: &ResourcePath) -> bool {
    path.types.last().is_some_and(|kind| kind.eq_ignore_ascii_case("devOpsAuditingSettings"))
}

fn off(path: &ResourcePath) -> Value {
    if is_dev_ops(path) {
        return json!({ "state": "Disabled", "isAzureMonitorTargetEnabled": false });
    }
    json!({
        "state": "Disabled",
        "storageEndpoint": "",
        "storageAccountSubscriptionId": "00000000-0000-0000-0000-000000000000",
        "retentionDays": 0,
        "auditActionsAndGroups": [],
        "isStorageSecondaryKeyInUse": false,
        "isAzureMonitorTargetEnabled": false,
        "isManagedIdentityInUse": false,
    })
}

fn put_auditing(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    let wanted = crud::properties(&request.json());
    if let Some(refusal) = refusal(tenant, path, &wanted) {
        return refusal;
    }
    // A PUT states the whole: what it does not name goes back to its default.
    let mut properties = off(path);
    crud::merge(&mut properties, &wanted);
    if let Some(fields) = properties.as_object_mut() {
        fields.remove("storageAccountAccessKey");
    }
    if text(&properties, "/state") == "Enabled" && !is_dev_ops(path) {
        let groups = ["SUCCESSFUL_DATABASE_AUTHENTICATION_GROUP", "FAILED_DATABASE_AUTHENTICATION_GROUP", "BATCH_COMPLETED_GROUP"];
        if properties.get("auditActionsAndGroups").and_then(Value::as_array).is_none_or(Vec::is_empty) {
            crud::set(&mut properties, "auditActionsAndGroups", json!(groups));
        }
    }
    let body = json!({ "id": path.id, "name": "Default", "type": path.full_type(), "properties": properties });
    if path.types.len() > 2 {
        tenant.put_resource(&path.id, body.clone(), request.now);
        return Answer::ok(body);
    }
    let id = path.id.clone();
    let ticket = tenant.begin_operation(&path.id, NAMESPACE, request.now, move |tenant, at| {
        tenant.put_resource(&id, body, at);
    });
    Answer::accepted(&ticket)
}

fn refusal(tenant: &Tenant, path: &ResourcePath, wanted: &Value) -> Option<Answer> {
    let state = text(wanted, "/state");
    if !["Enabled", "Disabled"].contains(&state) {
        return Some(crud::bad_request("InvalidParameterValue", &format!("The state `{state}` is invalid: it is Enabled or Disabled.")));
    }
    if state == "Disabled" {
        return None;
    }
    let endpoint = text(wanted, "/storageEndpoint");
    let goes_to_monitor = wanted.get("isAzureMonitorTargetEnabled") == Some(&json!(true));
    if endpoint.is_empty() {
        let message = "Either `storageEndpoint` or `isAzureMonitorTargetEnabled` is required while auditing is enabled.";
        return (!goes_to_monitor).then(|| crud::bad_request("DataSecurityInvalidUserSuppliedParameter", message));
    }
    let has_key = !text(wanted, "/storageAccountAccessKey").is_empty();
    let uses_identity = wanted.get("isManagedIdentityInUse") == Some(&json!(true));
    let server = format!("{}/providers/{NAMESPACE}/servers/{}", path.scope, path.names.first().map_or("", String::as_str));
    let has_identity = tenant.resource(&server).is_some_and(|server| server.body.get("identity").is_some());
    if !has_key && !uses_identity && !has_identity {
        let message = "The server has no managed identity: give `storageAccountAccessKey`, or an identity to the server.";
        return Some(crud::bad_request("BlobAuditingPredicateStorageKeyMissing", message));
    }
    None
}

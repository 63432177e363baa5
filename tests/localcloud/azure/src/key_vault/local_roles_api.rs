//! The API of a Managed HSM's own role assignments: `/{scope}/providers/Microsoft.Authorization/roleAssignments/{name}`.
//!
//! Must not let anybody assign roles but those who administer the HSM.

use http::Method;
use serde_json::{Value, json};

use super::local_roles::{LocalRole, names};
use super::store::VaultData;
use crate::crud::text;
use crate::request::{Answer, ArmRequest};
use crate::tenant::{Resource, Tenant};

const MARK: &str = "/providers/Microsoft.Authorization/";

/// Answers a request about local roles. `None`: none of them.
pub(super) fn answer(tenant: &mut Tenant, request: &ArmRequest, data: &VaultData, hsm: &Resource) -> Option<Answer> {
    if !data.is_hsm {
        return None;
    }
    let (scope, rest) = request.path.split_once(MARK)?;
    let scope = format!("/{}", scope.trim_matches('/'));
    let segments: Vec<&str> = rest.split('/').filter(|segment| !segment.is_empty()).collect();
    let is_read = request.method == Method::GET;
    let act = if is_read { "read/action" } else { "write/action" };
    let action = format!("Microsoft.KeyVault/managedHSMs/roleAssignments/{act}");
    if !tenant.is_data_allowed(&request.caller.object_id, &action, &hsm.id, request.now) {
        let message = format!("The principal `{}` may not do `{action}` on this Managed HSM.", request.caller.object_id);
        return Some(Answer::error(403, "Forbidden", &message));
    }
    match (request.method.as_str(), segments.as_slice()) {
        ("GET", ["roleDefinitions"]) => Some(definitions()),
        ("GET", ["roleAssignments"]) => Some(Answer::ok(json!({ "value": data.local_roles.iter().map(view).collect::<Vec<_>>() }))),
        ("GET", ["roleAssignments", name]) => Some(find(data, name).map_or_else(missing, |role| Answer::ok(view(role)))),
        ("PUT", ["roleAssignments", name]) => Some(put(tenant, request, &scope, name)),
        ("DELETE", ["roleAssignments", name]) => Some(delete(tenant, request, name)),
        _ => Some(Answer::error(404, "NotFound", &format!("The sandbox knows no `{}` on `{}`.", request.method, request.path))),
    }
}

fn find<'a>(data: &'a VaultData, name: &str) -> Option<&'a LocalRole> {
    data.local_roles.iter().find(|role| role.name.eq_ignore_ascii_case(name))
}

fn missing() -> Answer {
    Answer::error(404, "RoleAssignmentNotFound", "There is no such role assignment.")
}

fn view(role: &LocalRole) -> Value {
    let path = if role.scope == "/" { String::new() } else { role.scope.clone() };
    json!({
        "id": format!("{path}{MARK}roleAssignments/{}", role.name),
        "name": role.name,
        "type": "Microsoft.Authorization/roleAssignments",
        "properties": { "scope": role.scope, "roleDefinitionId": role.role_definition_id, "principalId": role.principal_id },
    })
}

fn put(tenant: &mut Tenant, request: &ArmRequest, scope: &str, name: &str) -> Answer {
    let sent = request.json();
    let role = LocalRole {
        name: name.to_owned(),
        principal_id: text(&sent, "/properties/principalId").to_owned(),
        role_definition_id: text(&sent, "/properties/roleDefinitionId").to_owned(),
        scope: scope.to_owned(),
    };
    let is_known = names().any(|(id, _)| role.role_definition_id.to_ascii_lowercase().ends_with(id));
    if role.principal_id.is_empty() || !is_known {
        return Answer::error(
            400,
            "BadParameter",
            "The properties must name a `principalId`, and the `roleDefinitionId` of a local built-in role.",
        );
    }
    let Some(data) = tenant.data.get_mut(&request.host) else { return missing() };
    if find(data, name).is_some() {
        return Answer::error(409, "RoleAssignmentExists", "The role assignment already exists.");
    }
    data.local_roles.push(role.clone());
    Answer::created(view(&role))
}

fn delete(tenant: &mut Tenant, request: &ArmRequest, name: &str) -> Answer {
    let Some(data) = tenant.data.get_mut(&request.host) else { return missing() };
    let Some(role) = find(data, name).cloned() else { return missing() };
    data.local_roles.retain(|held| held != &role);
    Answer::ok(view(&role))
}

fn definitions() -> Answer {
    let entry = |(id, name): (&str, &str)| {
        json!({
            "id": format!("Microsoft.KeyVault/providers/Microsoft.Authorization/roleDefinitions/{id}"),
            "name": id,
            "type": "Microsoft.Authorization/roleDefinitions",
            "properties": { "roleName": name, "type": "AKVBuiltInRole", "assignableScopes": ["/"] },
        })
    };
    Answer::ok(json!({ "value": names().map(entry).collect::<Vec<_>>() }))
}

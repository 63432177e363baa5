//! Role definitions in ARM: the built-in ones, which nobody changes, and custom ones.
//!
//! Must not say who has a role, nor what a built-in one permits: `roles` does. Source: <https://learn.microsoft.com/azure/role-based-access-control/built-in-roles>.

use serde_json::{Value, json};

use crate::crud::{self, set, text};
use crate::path::ResourcePath;
use crate::request::{Answer, ArmRequest};
use crate::roles::{BUILT_IN, Role, words};
use crate::tenant::Tenant;

/// The type of role definitions.
pub(crate) const DEFINITION_TYPE: &str = "Microsoft.Authorization/roleDefinitions";

/// Answers a request to the collection or to one definition.
pub(crate) fn answer(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    match (request.method.as_str(), path.names_a_resource()) {
        ("GET", false) => list(tenant, request, path),
        ("GET", true) => read(tenant, path),
        ("PUT", true) => put(tenant, request, path),
        ("DELETE", true) => delete(tenant, path),
        _ => crud::method_not_allowed(request),
    }
}

/// Says whether a definition exists, built-in or custom. Only its GUID counts: it is unique in a tenant.
pub(crate) fn exists(tenant: &Tenant, id: &str) -> bool {
    definition(tenant, id).is_some()
}

/// Returns a definition as ARM answers it, by its id at any scope.
pub(crate) fn definition(tenant: &Tenant, id: &str) -> Option<Value> {
    let guid = id.rsplit('/').next()?;
    if let Some(role) = Role::by_id(guid) {
        return Some(body_of(role, id));
    }
    let mut all = tenant.resources.values().filter(|resource| resource.resource_type().eq_ignore_ascii_case(DEFINITION_TYPE));
    all.find(|resource| text(&resource.body, "/name").eq_ignore_ascii_case(guid)).map(|resource| resource.body.clone())
}

/// Writes an id as Azure answers it: with a slash in front, without one behind.
pub(crate) fn normal_id(id: &str) -> String {
    let trimmed = id.trim_matches('/');
    if trimmed.is_empty() { String::new() } else { format!("/{trimmed}") }
}

fn body_of(role: &Role, id: &str) -> Value {
    let permission = json!({
        "actions": words(role.actions),
        "notActions": words(role.not_actions),
        "dataActions": words(role.data_actions),
        "notDataActions": [],
    });
    json!({
        "id": normal_id(id), "name": role.id, "type": DEFINITION_TYPE,
        "properties": {
            "roleName": role.name, "type": "BuiltInRole", "description": role.name,
            "assignableScopes": ["/"], "permissions": [permission],
        },
    })
}

fn list(tenant: &Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    let built_in = BUILT_IN.iter().map(|role| body_of(role, &format!("{}/providers/{DEFINITION_TYPE}/{}", path.scope, role.id)));
    let custom = tenant.resources.values().filter(|resource| resource.resource_type().eq_ignore_ascii_case(DEFINITION_TYPE));
    let mut shown: Vec<Value> = built_in.chain(custom.map(|resource| resource.body.clone())).collect();
    let filter = request.query.get("$filter").map_or("", String::as_str);
    let asked = filter.split('\'').nth(1);
    if let Some(name) = asked.filter(|_| filter.to_ascii_lowercase().starts_with("rolename eq")) {
        shown.retain(|body| text(body, "/properties/roleName") == name);
    }
    if let Some(kind) = asked.filter(|_| filter.to_ascii_lowercase().starts_with("type eq")) {
        shown.retain(|body| text(body, "/properties/type").eq_ignore_ascii_case(kind));
    }
    crud::list(tenant, request, shown)
}

fn read(tenant: &Tenant, path: &ResourcePath) -> Answer {
    match definition(tenant, &path.id) {
        Some(body) => Answer::ok(body),
        None => Answer::error(
            404,
            "RoleDefinitionDoesNotExist",
            &format!("The specified role definition with ID '{}' does not exist.", path.name()),
        ),
    }
}

fn is_built_in(path: &ResourcePath) -> bool {
    Role::by_id(path.name()).is_some()
}

fn put(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    if is_built_in(path) {
        return crud::bad_request("CannotModifyBuiltInRoleDefinition", "A built-in role definition cannot be changed.");
    }
    let mut properties = crud::properties(&request.json());
    let name = text(&properties, "/roleName").to_owned();
    let scopes = properties.get("assignableScopes").and_then(Value::as_array).map_or(0, Vec::len);
    if name.is_empty() || scopes == 0 {
        return crud::bad_request("InvalidRoleDefinition", "A role definition needs `roleName` and at least one of `assignableScopes`.");
    }
    let mut all = tenant.resources.values().filter(|resource| resource.resource_type().eq_ignore_ascii_case(DEFINITION_TYPE));
    if all.any(|held| text(&held.body, "/properties/roleName") == name && !text(&held.body, "/name").eq_ignore_ascii_case(path.name())) {
        return Answer::error(409, "RoleDefinitionWithSameNameExists", &format!("A custom role with the name '{name}' already exists."));
    }
    set(&mut properties, "type", json!("CustomRole"));
    let body = json!({ "id": path.id, "name": path.name(), "type": DEFINITION_TYPE, "properties": properties });
    tenant.put_resource(&path.id, body.clone(), request.now);
    Answer::created(body)
}

fn delete(tenant: &mut Tenant, path: &ResourcePath) -> Answer {
    if is_built_in(path) {
        return crud::bad_request("CannotDeleteBuiltInRoleDefinition", "A built-in role definition cannot be deleted.");
    }
    let assignments = crate::authorization::ASSIGNMENT_TYPE;
    let guid = path.name().to_ascii_lowercase();
    let is_used = tenant.resources.values().any(|resource| {
        resource.resource_type().eq_ignore_ascii_case(assignments)
            && text(&resource.body, "/properties/roleDefinitionId").to_ascii_lowercase().ends_with(&guid)
    });
    if is_used {
        return crud::bad_request("RoleDefinitionHasAssignments", "There are existing role assignments referencing this role.");
    }
    match tenant.remove_resource(&path.id) {
        Some(resource) => Answer::ok(resource.body),
        None => Answer::no_content(),
    }
}

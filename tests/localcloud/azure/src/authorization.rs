//! Microsoft.Authorization in ARM: role assignments, role definitions, policy assignments and definitions, at any scope.
//!
//! Must not evaluate a permission: `rbac` reads what is kept here.
//! Source: <https://learn.microsoft.com/rest/api/authorization/role-assignments>.

use serde_json::{Value, json};

use crate::crud::{self, set, text};
use crate::path::ResourcePath;
use crate::principal::PrincipalKind;
use crate::request::{Answer, ArmRequest};
use crate::role_definitions;
use crate::tenant::Tenant;

/// The type of role assignments.
pub(crate) const ASSIGNMENT_TYPE: &str = "Microsoft.Authorization/roleAssignments";

/// Answers a request to the provider. `None`: not its path.
pub(crate) fn handle(tenant: &mut Tenant, request: &ArmRequest) -> Option<Answer> {
    let path = request.resource_path()?;
    if !path.namespace.eq_ignore_ascii_case("Microsoft.Authorization") || path.types.len() != 1 {
        return None;
    }
    match path.types.first()?.to_ascii_lowercase().as_str() {
        "roleassignments" => Some(assignments(tenant, request, &path)),
        "roledefinitions" => Some(role_definitions::answer(tenant, request, &path)),
        "policyassignments" => Some(policy(tenant, request, &path, "Microsoft.Authorization/policyAssignments")),
        "policydefinitions" | "policysetdefinitions" => Some(policy(tenant, request, &path, "Microsoft.Authorization/policyDefinitions")),
        _ => None,
    }
}

fn assignments(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    match (request.method.as_str(), path.names_a_resource()) {
        ("GET", false) => list(tenant, request, path),
        ("GET", true) => read(tenant, path),
        ("PUT", true) => put(tenant, request, path),
        ("DELETE", true) => match tenant.remove_resource(&path.id) {
            Some(resource) => Answer::ok(resource.body),
            None => Answer::no_content(),
        },
        _ => crud::method_not_allowed(request),
    }
}

fn read(tenant: &Tenant, path: &ResourcePath) -> Answer {
    match tenant.resource(&path.id) {
        Some(resource) => Answer::ok(resource.body.clone()),
        None => Answer::error(404, "RoleAssignmentNotFound", &format!("The role assignment '{}' is not found.", path.name())),
    }
}

/// Lists what `$filter` asks for: without one at, above and below the scope; with `atScope()` at and above it.
fn list(tenant: &Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    let scope = path.scope.to_ascii_lowercase();
    let filter = request.query.get("$filter").map_or("", String::as_str);
    let at_scope_only = filter.to_ascii_lowercase().contains("atscope()");
    let principal = principal_of(filter);
    let all = tenant.resources.values().filter(|resource| resource.resource_type().eq_ignore_ascii_case(ASSIGNMENT_TYPE));
    let shown = all.map(|resource| &resource.body).filter(|body| {
        let held = text(body, "/properties/scope").to_ascii_lowercase();
        let is_above = is_at_or_below(&scope, &held);
        let is_below = !at_scope_only && is_at_or_below(&held, &scope);
        let is_theirs = principal.as_deref().is_none_or(|wanted| text(body, "/properties/principalId").eq_ignore_ascii_case(wanted));
        (is_above || is_below) && is_theirs
    });
    crud::list(tenant, request, shown.cloned().collect())
}

/// Whether a scope is another one or lies below it. The root is above all.
fn is_at_or_below(scope: &str, other: &str) -> bool {
    let other = other.trim_end_matches('/');
    scope.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Reads `principalId eq '..'` and `assignedTo('..')`.
fn principal_of(filter: &str) -> Option<String> {
    let lower = filter.to_ascii_lowercase();
    let at = lower.find("principalid eq").or_else(|| lower.find("assignedto("))?;
    filter.get(at..)?.split('\'').nth(1).map(str::to_owned)
}

fn put(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    if uuid::Uuid::parse_str(path.name()).is_err() {
        let message = format!("The role assignment ID '{}' is not valid. The role assignment ID must be a GUID.", path.name());
        return crud::bad_request("InvalidRoleAssignmentId", &message);
    }
    let sent = crud::properties(&request.json());
    let wanted = Wanted {
        role: role_definitions::normal_id(text(&sent, "/roleDefinitionId")),
        principal: text(&sent, "/principalId").to_owned(),
        scope: if path.scope.is_empty() { "/".to_owned() } else { path.scope.clone() },
    };
    if let Some(refusal) = refusal(tenant, path, &wanted, text(&sent, "/principalType")) {
        return refusal;
    }
    let existing = tenant.resource(&path.id).map(|resource| resource.body.clone());
    let body = assignment(tenant, request, path, &wanted, &sent, existing.as_ref());
    tenant.put_resource(&path.id, body.clone(), request.now);
    if existing.is_some() { Answer::ok(body) } else { Answer::created(body) }
}

/// What an assignment is about.
struct Wanted {
    role: String,
    principal: String,
    scope: String,
}

impl Wanted {
    fn is_same(&self, body: &Value) -> bool {
        text(body, "/properties/principalId").eq_ignore_ascii_case(&self.principal)
            && text(body, "/properties/scope").eq_ignore_ascii_case(&self.scope)
            && text(body, "/properties/roleDefinitionId")
                .rsplit('/')
                .next()
                .is_some_and(|held| self.role.to_ascii_lowercase().ends_with(held))
    }
}

fn refusal(tenant: &Tenant, path: &ResourcePath, wanted: &Wanted, principal_type: &str) -> Option<Answer> {
    if wanted.principal.is_empty() || wanted.role.is_empty() {
        return Some(crud::bad_request(
            "BadRequestFormat",
            "The request was incorrectly formatted: roleDefinitionId and principalId are required.",
        ));
    }
    if !role_definitions::exists(tenant, &wanted.role) {
        let guid = wanted.role.rsplit('/').next().unwrap_or_default();
        return Some(crud::bad_request(
            "RoleDefinitionDoesNotExist",
            &format!("The specified role definition with ID '{guid}' does not exist."),
        ));
    }
    if let Some(held) = tenant.resource(&path.id) {
        let message = "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.";
        return (!wanted.is_same(&held.body)).then(|| crud::bad_request("RoleAssignmentUpdateNotPermitted", message));
    }
    // With a principal type Azure does not look the principal up, so that a new identity is no error.
    if principal_type.is_empty() && !tenant.principals.contains_key(&wanted.principal) {
        let message = format!("Principal {} does not exist in the directory {}.", wanted.principal.replace('-', ""), tenant.tenant_id);
        return Some(crud::bad_request("PrincipalNotFound", &message));
    }
    let mut all = tenant.resources.values().filter(|resource| resource.resource_type().eq_ignore_ascii_case(ASSIGNMENT_TYPE));
    let twin = all.find(|resource| wanted.is_same(&resource.body))?;
    let name = text(&twin.body, "/name").replace('-', "");
    let message = format!("The role assignment already exists. The ID of the existing role assignment is {name}.");
    Some(Answer::error(409, "RoleAssignmentExists", &message))
}

fn assignment(tenant: &Tenant, request: &ArmRequest, path: &ResourcePath, wanted: &Wanted, sent: &Value, held: Option<&Value>) -> Value {
    let known = tenant.principals.get(&wanted.principal).map(|principal| match principal.kind {
        PrincipalKind::User => "User",
        PrincipalKind::ServicePrincipal | PrincipalKind::ManagedIdentity => "ServicePrincipal",
    });
    let named = Some(text(sent, "/principalType")).filter(|named| !named.is_empty());
    let created_on = held.map_or_else(|| request.now.to_string(), |body| text(body, "/properties/createdOn").to_owned());
    let mut properties = json!({
        "roleDefinitionId": wanted.role,
        "principalId": wanted.principal,
        "principalType": named.or(known).unwrap_or("ServicePrincipal"),
        "scope": wanted.scope,
        "createdOn": created_on,
        "updatedOn": request.now.to_string(),
        "createdBy": request.caller.object_id,
        "updatedBy": request.caller.object_id,
    });
    for field in ["condition", "conditionVersion", "description", "delegatedManagedIdentityResourceId"] {
        if let Some(value) = sent.get(field).filter(|value| !value.is_null()) {
            set(&mut properties, field, value.clone());
        }
    }
    json!({ "id": path.id, "name": path.name(), "type": ASSIGNMENT_TYPE, "properties": properties })
}

/// Policy assignments and definitions are kept as they are written; they bind nobody here.
fn policy(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath, kind: &str) -> Answer {
    let code = if kind.ends_with("Assignments") { "PolicyAssignmentNotFound" } else { "PolicyDefinitionNotFound" };
    match (request.method.as_str(), path.names_a_resource()) {
        ("GET", false) => crud::list(tenant, request, crud::bodies(tenant, &path.scope, kind)),
        ("GET", true) => match tenant.resource(&path.id) {
            Some(resource) => Answer::ok(resource.body.clone()),
            None => Answer::error(404, code, &format!("The policy object '{}' is not found.", path.name())),
        },
        ("PUT" | "PATCH", true) => put_policy(tenant, request, path),
        ("DELETE", true) => match tenant.remove_resource(&path.id) {
            Some(resource) => Answer::ok(resource.body),
            None => Answer::no_content(),
        },
        _ => crud::method_not_allowed(request),
    }
}

fn put_policy(tenant: &mut Tenant, request: &ArmRequest, path: &ResourcePath) -> Answer {
    let sent = request.json();
    let mut properties =
        tenant.resource(&path.id).filter(|_| request.method == http::Method::PATCH).map(|held| crud::properties(&held.body));
    let target = properties.get_or_insert_with(|| json!({ "scope": path.scope, "enforcementMode": "Default" }));
    if path.types.first().is_some_and(|kind| kind.to_ascii_lowercase().contains("definition")) {
        *target = json!({ "policyType": "Custom" });
    }
    crud::merge(target, &crud::properties(&sent));
    let body = crud::resource_body(path, &sent, &["location", "identity"], target.clone());
    tenant.put_resource(&path.id, body.clone(), request.now);
    Answer::created(body)
}

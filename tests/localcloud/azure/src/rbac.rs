//! Role-based access: who may do what where, by the role assignments that are resources of the tenant.
//!
//! Must not grant anything that no assignment grants, but to the tenant's owner.
//! Sources: Azure RBAC (scopes, `NotActions`, propagation) and the local RBAC of Managed HSM.

use jiff::Timestamp;
use serde_json::Value;

use crate::key_vault::local_roles::data_actions;
use crate::path::ResourcePath;
use crate::role_definitions;
use crate::tenant::{Resource, Tenant};

/// Which plane an action is on. An Owner may do every control action, and no data action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plane {
    /// ARM.
    Control,
    /// The data of vaults and of storage accounts.
    Data,
}

/// One block of a role: what it permits and what it takes back, on both planes.
struct Permission {
    actions: Vec<String>,
    not_actions: Vec<String>,
    data_actions: Vec<String>,
    not_data_actions: Vec<String>,
}

impl Permission {
    fn covers(&self, plane: Plane, action: &str) -> bool {
        let (permitted, taken_back) = match plane {
            Plane::Control => (&self.actions, &self.not_actions),
            Plane::Data => (&self.data_actions, &self.not_data_actions),
        };
        let any = |patterns: &[String]| patterns.iter().any(|pattern| matches_action(pattern, action));
        any(permitted) && !any(taken_back)
    }
}

/// Says whether a principal may do an action on a scope at a moment.
pub(crate) fn is_allowed(tenant: &Tenant, object_id: &str, plane: Plane, action: &str, scope: &str, now: Timestamp) -> bool {
    if object_id == tenant.owner_object_id {
        return true;
    }
    let mut roles: Vec<String> = tenant
        .resources_of("", "Microsoft.Authorization/roleAssignments")
        .filter(|assignment| is_for(assignment, object_id) && has_propagated(tenant, assignment, now))
        .filter(|assignment| covers_scope(&assigned_scope(assignment), scope))
        .map(|assignment| text(&assignment.body, "/properties/roleDefinitionId"))
        .filter(|role| role_permits(tenant, role, plane, action))
        .map(|role| role.rsplit('/').next().unwrap_or_default().to_owned())
        .collect();
    roles.sort();
    roles.dedup();
    let is_allowed = !roles.is_empty() || (plane == Plane::Data && local_roles_permit(tenant, object_id, action, scope));
    tenant.asked.keep(object_id, plane, action, roles, is_allowed);
    is_allowed
}

fn is_for(assignment: &Resource, object_id: &str) -> bool {
    text(&assignment.body, "/properties/principalId").eq_ignore_ascii_case(object_id)
}

/// A new assignment counts once it has spread.
fn has_propagated(tenant: &Tenant, assignment: &Resource, now: Timestamp) -> bool {
    assignment.created_at.checked_add(tenant.options.role_propagation).is_ok_and(|effective| effective <= now)
}

fn assigned_scope(assignment: &Resource) -> String {
    ResourcePath::parse(&assignment.id).map(|path| path.scope).unwrap_or_default()
}

/// A scope covers itself and everything below. The tenant's one tree of management groups covers all subscriptions.
fn covers_scope(assigned: &str, scope: &str) -> bool {
    let assigned = assigned.trim_end_matches('/').to_ascii_lowercase();
    let scope = scope.trim_end_matches('/').to_ascii_lowercase();
    assigned.is_empty()
        || assigned.starts_with("/providers/microsoft.management/managementgroups/")
        || scope == assigned
        || scope.strip_prefix(&assigned).is_some_and(|rest| rest.starts_with('/'))
}

/// The roles that a Managed HSM itself assigns: they live in the HSM, not in ARM, and count for its keys alone.
fn local_roles_permit(tenant: &Tenant, object_id: &str, action: &str, scope: &str) -> bool {
    let scope = scope.to_ascii_lowercase();
    let hsm = tenant.data.values().find_map(|data| {
        let below = scope.strip_prefix(&data.resource_id.to_ascii_lowercase())?;
        (data.is_hsm && (below.is_empty() || below.starts_with('/'))).then_some((data, below))
    });
    let Some((data, below)) = hsm else { return false };
    let mut held =
        data.local_roles.iter().filter(|role| role.principal_id.eq_ignore_ascii_case(object_id) && covers_scope(&role.scope, below));
    held.any(|role| {
        let id = role.role_definition_id.rsplit('/').next().unwrap_or_default();
        data_actions(id).is_some_and(|actions| actions.iter().any(|pattern| matches_action(pattern, action)))
    })
}

fn role_permits(tenant: &Tenant, role_definition_id: &str, plane: Plane, action: &str) -> bool {
    let definition = role_definitions::definition(tenant, role_definition_id);
    definition.is_some_and(|body| permissions(&body).iter().any(|permission| permission.covers(plane, action)))
}

/// Reads the permissions of a role's body.
fn permissions(body: &Value) -> Vec<Permission> {
    let blocks = body.pointer("/properties/permissions").and_then(Value::as_array);
    blocks.into_iter().flatten().map(permission).collect()
}

fn permission(block: &Value) -> Permission {
    let words = |name: &str| -> Vec<String> {
        let list = block.get(name).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    Permission {
        actions: words("actions"),
        not_actions: words("notActions"),
        data_actions: words("dataActions"),
        not_data_actions: words("notDataActions"),
    }
}

fn text<'a>(body: &'a Value, pointer: &str) -> &'a str {
    body.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Matches an action against a pattern in any case, where `*` stands for any text.
fn matches_action(pattern: &str, action: &str) -> bool {
    let pattern = pattern.to_ascii_lowercase();
    let action = action.to_ascii_lowercase();
    let mut parts = pattern.split('*');
    let Some(mut rest) = action.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principal::PrincipalKind;
    use crate::tenant::Options;
    use serde_json::json;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, action, expected) in [
            ("*", "Microsoft.KeyVault/vaults/write", true),
            ("*/read", "Microsoft.KeyVault/vaults/read", true),
            ("*/read", "Microsoft.KeyVault/vaults/write", false),
            ("Microsoft.KeyVault/*", "microsoft.keyvault/vaults/delete", true),
            ("Microsoft.KeyVault/locations/*/read", "Microsoft.KeyVault/locations/deletedVaults/read", true),
            ("Microsoft.KeyVault/vaults/write", "Microsoft.KeyVault/vaults/write", true),
            ("Microsoft.KeyVault/vaults/write", "Microsoft.KeyVault/vaults/writer", false),
        ] {
            assert_eq!(matches_action(pattern, action), expected, "{pattern} {action}");
        }
    }

    #[test]
    fn an_assignment_covers_its_scope_and_what_lies_below() {
        for (assigned, scope, expected) in [
            ("/subscriptions/s", "/subscriptions/S/resourceGroups/g", true),
            ("/subscriptions/s", "/subscriptions/s2", false),
            ("/subscriptions/s/resourceGroups/g", "/subscriptions/s", false),
            ("", "/subscriptions/s", true),
            ("/providers/Microsoft.Management/managementGroups/root", "/subscriptions/s", true),
        ] {
            assert_eq!(covers_scope(assigned, scope), expected, "{assigned} {scope}");
        }
    }

    #[test]
    fn an_owner_of_a_subscription_has_no_data() {
        let (mut tenant, now) = (Tenant::new(Options::default()), Timestamp::now());
        let user = tenant.register_principal(PrincipalKind::User, "ann").object_id;
        let id = "/subscriptions/s/providers/Microsoft.Authorization/roleAssignments/1";
        let role = "/providers/Microsoft.Authorization/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
        let body =
            json!({ "type": "Microsoft.Authorization/roleAssignments", "properties": { "principalId": user, "roleDefinitionId": role } });
        tenant.put_resource(id, body, now);
        let scope = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v";
        assert!(is_allowed(&tenant, &user, Plane::Control, "Microsoft.KeyVault/vaults/delete", scope, now));
        assert!(!is_allowed(&tenant, &user, Plane::Data, "Microsoft.KeyVault/vaults/keys/read", scope, now));
    }
}

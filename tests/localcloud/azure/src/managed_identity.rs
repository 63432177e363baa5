//! The managed identities of a resource: what a PUT or PATCH asks for, filled in with the principals behind them.
//!
//! Must not give a principal any permission. Source: the `identity` block that all resource providers share.

use serde_json::{Map, Value, json};

use crate::crud::{set, text};
use crate::principal::PrincipalKind;
use crate::tenant::Tenant;

/// Works out the identity that a resource has after a write. `Err` holds the id of a user-assigned identity that does not exist.
///
/// # Errors
/// The id of an identity that was named and does not exist.
pub(crate) fn settle(tenant: &mut Tenant, resource_name: &str, current: Option<&Value>, wanted: &Value) -> Result<Value, String> {
    let kinds = text(wanted, "/type").to_ascii_lowercase();
    let mut identity = json!({ "type": text(wanted, "/type") });
    if kinds.contains("systemassigned") {
        let principal_id = current.map(|identity| text(identity, "/principalId")).filter(|id| !id.is_empty()).map(str::to_owned);
        let principal_id =
            principal_id.unwrap_or_else(|| tenant.register_principal(PrincipalKind::ManagedIdentity, resource_name).object_id);
        set(&mut identity, "principalId", json!(principal_id));
        set(&mut identity, "tenantId", json!(tenant.tenant_id));
    }
    if kinds.contains("userassigned") {
        let assigned = user_assigned(tenant, current, wanted)?;
        set(&mut identity, "userAssignedIdentities", Value::Object(assigned));
    }
    Ok(identity)
}

/// The user-assigned identities: those that were there, those that are named now; `null` takes one away.
fn user_assigned(tenant: &Tenant, current: Option<&Value>, wanted: &Value) -> Result<Map<String, Value>, String> {
    let field = "/userAssignedIdentities";
    let mut assigned: Map<String, Value> =
        current.and_then(|identity| identity.pointer(field)).and_then(Value::as_object).cloned().unwrap_or_default();
    for (id, value) in wanted.pointer(field).and_then(Value::as_object).into_iter().flatten() {
        assigned.retain(|held, _| !held.eq_ignore_ascii_case(id));
        if value.is_null() {
            continue;
        }
        let resource = tenant.resource(id).ok_or_else(|| id.clone())?;
        let principal = text(&resource.body, "/properties/principalId");
        assigned.insert(id.clone(), json!({ "principalId": principal, "clientId": text(&resource.body, "/properties/clientId") }));
    }
    Ok(assigned)
}

/// Finds the principal of a user-assigned identity that a resource has.
pub(crate) fn user_assigned_principal(identity: &Value, id: &str) -> Option<String> {
    let assigned = identity.pointer("/userAssignedIdentities")?.as_object()?;
    let (_, found) = assigned.iter().find(|(held, _)| held.eq_ignore_ascii_case(id))?;
    Some(text(found, "/principalId").to_owned())
}

//! Whether a caller may do something with a vault's data: by data action where the vault uses RBAC, else by its access policies.
//!
//! Must not let anybody in by both ways: a vault has one of them.

use serde_json::{Value, json};

use super::data_plane::{Call, Use, Verb};
use super::store::{ObjectKind, VaultData};
use crate::crud::text;
use crate::request::{Answer, ArmRequest};
use crate::tenant::{Resource, Tenant};

/// Says why a call is refused, where it is.
pub(super) fn refuse(tenant: &Tenant, request: &ArmRequest, vault: &Resource, data: &VaultData, call: &Call) -> Option<Answer> {
    let uses_rbac = data.is_hsm || vault.body.pointer("/properties/enableRbacAuthorization").and_then(Value::as_bool) == Some(true);
    let caller = &request.caller;
    if uses_rbac {
        let action = data_action(call.kind, call.verb, data.is_hsm);
        let scope = if call.name.is_empty() { vault.id.clone() } else { format!("{}/{}/{}", vault.id, call.kind.plural(), call.name) };
        if tenant.is_data_allowed(&caller.object_id, &action, &scope, request.now) {
            return None;
        }
        return Some(forbidden_by_rbac(tenant, request, vault, &action, &scope));
    }
    if caller.object_id == tenant.owner_object_id || has_permission(vault, &caller.object_id, call.kind, permission(call.kind, call.verb)) {
        return None;
    }
    Some(forbidden_by_policy(request, vault, call))
}

fn has_permission(vault: &Resource, object_id: &str, kind: ObjectKind, wanted: &str) -> bool {
    let policies = vault.body.pointer("/properties/accessPolicies").and_then(Value::as_array);
    let mut own = policies.into_iter().flatten().filter(|policy| text(policy, "/objectId").eq_ignore_ascii_case(object_id));
    own.any(|policy| {
        let granted = policy.pointer(&format!("/permissions/{}", kind.plural())).and_then(Value::as_array);
        let fits = |word: &str| word.eq_ignore_ascii_case(wanted) || (word.eq_ignore_ascii_case("all") && wanted != "purge");
        granted.into_iter().flatten().filter_map(Value::as_str).any(fits)
    })
}

/// The data action of a call. Source: Azure resource provider operations, Microsoft.KeyVault.
fn data_action(kind: ObjectKind, verb: Verb, is_hsm: bool) -> String {
    let family = if is_hsm { "managedHSMs" } else { "vaults" };
    let act = match (kind, verb) {
        (ObjectKind::Key, Verb::PolicyGet) => return format!("Microsoft.KeyVault/{family}/keyrotationpolicies/read"),
        (ObjectKind::Key, Verb::PolicySet) => return format!("Microsoft.KeyVault/{family}/keyrotationpolicies/write"),
        (ObjectKind::Secret, Verb::Get) => "getSecret/action",
        (ObjectKind::Secret, Verb::Create) => "setSecret/action",
        (ObjectKind::Secret, Verb::List | Verb::ListVersions | Verb::GetDeleted | Verb::ListDeleted) => "readMetadata/action",
        (_, Verb::List | Verb::ListVersions | Verb::Get | Verb::GetDeleted | Verb::ListDeleted | Verb::PolicyGet | Verb::PendingGet) => {
            "read"
        }
        (_, Verb::Create) => "create/action",
        (_, Verb::Import) => "import/action",
        (_, Verb::Update | Verb::PolicySet) => "update/action",
        (_, Verb::Delete) => "delete",
        (_, Verb::Recover) => "recover/action",
        (_, Verb::Purge) => "purge/action",
        (_, Verb::Rotate) => "rotate/action",
        (_, Verb::Use(Use::Sign)) => "sign/action",
        (_, Verb::Use(Use::Verify)) => "verify/action",
        (_, Verb::Use(Use::Wrap)) => "wrap/action",
        (_, Verb::Use(Use::Unwrap)) => "unwrap/action",
        (_, Verb::Use(Use::Encrypt)) => "encrypt/action",
        (_, Verb::Use(Use::Decrypt)) => "decrypt/action",
    };
    format!("Microsoft.KeyVault/{family}/{}/{act}", kind.plural())
}

/// The permission of a call in access policies.
fn permission(kind: ObjectKind, verb: Verb) -> &'static str {
    match (kind, verb) {
        (ObjectKind::Key, Verb::PolicyGet) => "getrotationpolicy",
        (ObjectKind::Key, Verb::PolicySet) => "setrotationpolicy",
        (ObjectKind::Secret, Verb::Create | Verb::Update) => "set",
        (_, Verb::List | Verb::ListVersions | Verb::ListDeleted) => "list",
        (_, Verb::Get | Verb::GetDeleted | Verb::PolicyGet | Verb::PendingGet) => "get",
        (_, Verb::Create) => "create",
        (_, Verb::Import) => "import",
        (_, Verb::Update | Verb::PolicySet) => "update",
        (_, Verb::Delete) => "delete",
        (_, Verb::Recover) => "recover",
        (_, Verb::Purge) => "purge",
        (_, Verb::Rotate) => "rotate",
        (_, Verb::Use(purpose)) => purpose.word(),
    }
}

fn forbidden(message: &str, inner: &str) -> Answer {
    let body = json!({ "error": { "code": "Forbidden", "message": message, "innererror": { "code": inner } } });
    Answer { body: Some(body), ..Answer::status(403) }
}

fn who(request: &ArmRequest) -> String {
    let caller = &request.caller;
    let app_id = caller.app_id.as_deref().unwrap_or_default();
    format!("appid={app_id};oid={};iss=https://sts.windows.net/{}/", caller.object_id, caller.tenant_id)
}

fn place(vault: &Resource) -> String {
    format!("{};location={}", text(&vault.body, "/name"), text(&vault.body, "/location"))
}

fn forbidden_by_rbac(tenant: &Tenant, request: &ArmRequest, vault: &Resource, action: &str, scope: &str) -> Answer {
    let propagation = if tenant.options.role_propagation.is_zero() {
        ""
    } else {
        "\r\nIf role assignments, deny assignments or role definitions were changed recently, please observe propagation time."
    };
    let message = format!(
        "Caller is not authorized to perform action on resource.{propagation}\r\nCaller: {}\r\nAction: '{action}'\r\nResource: '{}'\r\nAssignment: \
         (not found)\r\nDenyAssignmentId: null\r\nDecisionReason: null \r\nVault: {}\r\n",
        who(request),
        scope.to_ascii_lowercase(),
        place(vault)
    );
    forbidden(&message, "ForbiddenByRbac")
}

fn forbidden_by_policy(request: &ArmRequest, vault: &Resource, call: &Call) -> Answer {
    let message = format!(
        "The user, group or application '{}' does not have {} {} permission on key vault '{}'. For help resolving this issue, please see \
         https://go.microsoft.com/fwlink/?linkid=2125287",
        who(request),
        call.kind.plural(),
        permission(call.kind, call.verb),
        place(vault)
    );
    forbidden(&message, "ForbiddenByPolicy")
}

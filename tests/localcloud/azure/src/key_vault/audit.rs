//! The `AuditEvent` record of a call on a vault's data, as Azure logs it.
//!
//! Must not be kinder than Azure: `resultType` says `Success` of refused calls too; the truth is `properties.httpStatusCode`.
//! Source: <https://learn.microsoft.com/azure/key-vault/general/logging>.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::data_plane::{Call, Use, Verb};
use super::store::ObjectKind;
use crate::activity_log::seven_digits;
use crate::crud::{set, text};
use crate::request::{Answer, ArmRequest};
use crate::tenant::Resource;

/// The name of an operation in the log, e.g. `KeyDelete`.
pub(super) fn operation(kind: ObjectKind, verb: Verb) -> String {
    let act = match (kind, verb) {
        (ObjectKind::Key, Verb::PolicyGet) => "RotationPolicyGet",
        (ObjectKind::Key, Verb::PolicySet) => "RotationPolicySet",
        (ObjectKind::Secret, Verb::Create) => "Set",
        (ObjectKind::Certificate, Verb::PolicySet) => "PolicyUpdate",
        (_, Verb::PolicyGet) => "PolicyGet",
        (_, Verb::PolicySet) => "PolicySet",
        (_, Verb::PendingGet) => "PendingGet",
        (_, Verb::List) => "List",
        (_, Verb::ListVersions) => "ListVersions",
        (_, Verb::Get) => "Get",
        (_, Verb::GetDeleted) => "GetDeleted",
        (_, Verb::ListDeleted) => "ListDeleted",
        (_, Verb::Create) => "Create",
        (_, Verb::Import) => "Import",
        (_, Verb::Update) => "Update",
        (_, Verb::Delete) => "Delete",
        (_, Verb::Recover) => "Recover",
        (_, Verb::Purge) => "Purge",
        (_, Verb::Rotate) => "Rotate",
        (_, Verb::Use(Use::Sign)) => "Sign",
        (_, Verb::Use(Use::Verify)) => "Verify",
        (_, Verb::Use(Use::Wrap)) => "Wrap",
        (_, Verb::Use(Use::Unwrap)) => "Unwrap",
        (_, Verb::Use(Use::Encrypt)) => "Encrypt",
        (_, Verb::Use(Use::Decrypt)) => "Decrypt",
    };
    format!("{}{act}", kind.word())
}

/// Writes the record of a call and its answer.
pub(super) fn record(request: &ArmRequest, vault: &Resource, call: &Call, answer: &Answer) -> Value {
    let status = http::StatusCode::from_u16(answer.status).ok();
    let signature = status.and_then(|status| status.canonical_reason()).unwrap_or_default();
    let mut properties = json!({
        "id": object_id(request, call, answer),
        "clientInfo": request.header("user-agent").unwrap_or_default(),
        "requestUri": request.url(),
        "httpStatusCode": answer.status,
        "tlsVersion": "TLS1_3",
    });
    if let Some(attributes) = answer.body.as_ref().and_then(|body| body.get("attributes")) {
        let name = format!("{}Properties", call.kind.word().to_ascii_lowercase());
        set(&mut properties, &name, json!({ "attributes": attributes }));
    }
    json!({
        "time": seven_digits(request.now),
        "category": "AuditEvent",
        "operationName": operation(call.kind, call.verb),
        "operationVersion": request.api_version(),
        "resultType": "Success",
        "resultSignature": signature,
        "resultDescription": answer.body.as_ref().map(|body| text(body, "/error/message")).unwrap_or_default(),
        "durationMs": "14",
        "callerIpAddress": request.caller.ip,
        "correlationId": request.header("x-ms-client-request-id").unwrap_or(&request.correlation_id),
        "identity": { "claim": claim(request) },
        "properties": properties,
        "resourceId": vault.id.to_ascii_uppercase(),
    })
}

/// Writes the record of a call whose token was missing or not taken: nobody's, and none that was done.
pub(super) fn unauthenticated(at: Timestamp, vault: &Resource, request_uri: &str, user_agent: &str, ip: &str) -> Value {
    json!({
        "time": seven_digits(at),
        "category": "AuditEvent",
        "operationName": "Authentication",
        "operationVersion": "",
        "resultType": "Success",
        "resultSignature": "Unauthorized",
        "resultDescription": "",
        "durationMs": "0",
        "callerIpAddress": ip,
        "correlationId": Uuid::new_v4().to_string(),
        "identity": {},
        "properties": { "clientInfo": user_agent, "requestUri": request_uri, "httpStatusCode": 401 },
        "resourceId": vault.id.to_ascii_uppercase(),
    })
}

/// The object by its id: what the answer says, else what was asked for.
fn object_id(request: &ArmRequest, call: &Call, answer: &Answer) -> String {
    let answered = answer.body.as_ref().and_then(|body| body.pointer("/key/kid").or_else(|| body.get("id")).or_else(|| body.get("kid")));
    if let Some(id) = answered.and_then(Value::as_str) {
        return id.to_owned();
    }
    if call.name.is_empty() {
        return format!("https://{}/{}", request.host, call.kind.plural());
    }
    let version = if call.version.is_empty() { String::new() } else { format!("/{}", call.version) };
    format!("https://{}/{}/{}{version}", request.host, call.kind.plural(), call.name)
}

fn claim(request: &ArmRequest) -> Value {
    let caller = &request.caller;
    let mut claim = json!({
        "http://schemas.microsoft.com/identity/claims/objectidentifier": caller.object_id,
        "http://schemas.microsoft.com/identity/claims/tenantid": caller.tenant_id,
    });
    if let Some(app_id) = &caller.app_id {
        set(&mut claim, "appid", json!(app_id));
    }
    if let Some(upn) = &caller.upn {
        set(&mut claim, "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn", json!(upn));
    }
    claim
}

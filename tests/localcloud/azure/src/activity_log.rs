//! The Activity Log: an event of each write on ARM, and the query of `eventtypes/management/values`.
//!
//! Must not leave out a write that was refused: the log tells of it too, as failed.
//! Source: <https://learn.microsoft.com/azure/azure-monitor/essentials/activity-log-schema>.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::crud;
use crate::request::{Answer, ArmRequest};
use crate::tenant::{ArmWrite, Tenant};

/// Writes a time as Azure does, with seven digits of fraction.
pub(crate) fn seven_digits(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%7fZ").to_string()
}

/// The claims of a caller, under the names that tokens have in logs.
pub(crate) fn claims(caller: &crate::request::Caller) -> Value {
    let mut claims = json!({
        "aud": "https://management.core.windows.net/",
        "iss": format!("https://sts.windows.net/{}/", caller.tenant_id),
        "http://schemas.microsoft.com/identity/claims/objectidentifier": caller.object_id,
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier": caller.object_id,
        "http://schemas.microsoft.com/identity/claims/tenantid": caller.tenant_id,
        "ipaddr": caller.ip,
        "ver": "1.0",
    });
    if let Some(app_id) = &caller.app_id {
        crud::set(&mut claims, "appid", json!(app_id));
    }
    if let Some(upn) = &caller.upn {
        crud::set(&mut claims, "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn", json!(upn));
        crud::set(&mut claims, "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name", json!(upn));
        crud::set(&mut claims, "http://schemas.microsoft.com/identity/claims/scope", json!("user_impersonation"));
    } else {
        crud::set(&mut claims, "idtyp", json!("app"));
    }
    claims
}

/// Writes the event of a write.
pub(crate) fn record(tenant: &mut Tenant, write: &ArmWrite, request: &ArmRequest, answer: &Answer) {
    let readable_at = write.at + tenant.options.activity_log_delay;
    let event = event(tenant, write, request, answer);
    tenant.do_later(readable_at, move |tenant, _| tenant.activity.push(event));
    tenant.settle(request.now);
}

fn event(tenant: &Tenant, write: &ArmWrite, request: &ArmRequest, answer: &Answer) -> Value {
    let path = request.resource_path();
    let group = path.as_ref().and_then(|path| path.resource_group.clone()).unwrap_or_default();
    let namespace = path.as_ref().map(|path| path.namespace.clone()).unwrap_or_default();
    let event_id = Uuid::new_v4().to_string();
    let status = if answer.is_success() { "Succeeded" } else { "Failed" };
    let code = http::StatusCode::from_u16(answer.status).ok();
    let reason = code.and_then(|code| code.canonical_reason()).unwrap_or_default().replace(' ', "");
    let ticks = write.at.as_nanosecond() / 100 + 621_355_968_000_000_000;
    let mut properties = json!({
        "statusCode": reason,
        "serviceRequestId": request.request_id,
        "eventCategory": "Administrative",
        "entity": write.resource_id,
        "message": write.operation,
        "hierarchy": format!("{}/{}", tenant.tenant_id, write.subscription),
    });
    if let Some(body) = &answer.body {
        let name = if answer.is_success() { "responseBody" } else { "statusMessage" };
        crud::set(&mut properties, name, json!(body.to_string()));
    }
    json!({
        "authorization": { "action": write.operation, "scope": write.resource_id },
        "caller": write.caller.upn.as_ref().unwrap_or(&write.caller.object_id),
        "channels": "Operation",
        "claims": claims(&write.caller),
        "correlationId": write.correlation_id,
        "description": "",
        "eventDataId": event_id,
        "eventName": { "value": "EndRequest", "localizedValue": "End request" },
        "category": { "value": "Administrative", "localizedValue": "Administrative" },
        "httpRequest": {
            "clientRequestId": request.header("x-ms-client-request-id").unwrap_or(&write.correlation_id),
            "clientIpAddress": write.caller.ip,
            "method": write.method,
            "uri": write.url,
        },
        "id": format!("{}/events/{event_id}/ticks/{ticks}", write.resource_id),
        "level": if answer.is_success() { "Informational" } else { "Error" },
        "resourceGroupName": group,
        "resourceProviderName": { "value": namespace, "localizedValue": namespace },
        "resourceId": write.resource_id,
        "resourceType": { "value": resource_type(write), "localizedValue": resource_type(write) },
        "operationId": write.correlation_id,
        "operationName": { "value": write.operation, "localizedValue": localized(&write.operation) },
        "properties": properties,
        "status": { "value": status, "localizedValue": status },
        "subStatus": {
            "value": reason,
            "localizedValue": format!("{} (HTTP Status Code: {})", reason, answer.status),
        },
        "eventTimestamp": seven_digits(write.at),
        "submissionTimestamp": seven_digits(write.at + tenant.options.activity_log_delay),
        "subscriptionId": write.subscription,
        "tenantId": tenant.tenant_id,
    })
}

fn resource_type(write: &ArmWrite) -> String {
    crate::path::ResourcePath::parse(&write.resource_id).map(|path| path.full_type()).unwrap_or_default()
}

/// The words that the portal shows for the operations that a guard looks at; else the operation itself.
fn localized(operation: &str) -> String {
    let words = match operation.to_ascii_lowercase().as_str() {
        "microsoft.keyvault/vaults/delete" => "Delete Key Vault",
        "microsoft.keyvault/vaults/write" => "Update Key Vault",
        "microsoft.keyvault/locations/deletedvaults/purge/action" => "Purge Soft Deleted Key Vault",
        "microsoft.insights/diagnosticsettings/delete" => "Delete diagnostic setting",
        "microsoft.authorization/policyassignments/delete" => "Delete policy assignment",
        "microsoft.authorization/roleassignments/write" => "Create role assignment",
        "microsoft.authorization/roleassignments/delete" => "Delete role assignment",
        _ => operation,
    };
    words.to_owned()
}

/// Answers the query of the log.
pub(crate) fn handle(tenant: &mut Tenant, request: &ArmRequest) -> Option<Answer> {
    let path = request.resource_path()?;
    if !path.is("Microsoft.Insights", &["eventtypes", "values"]) || request.method != http::Method::GET {
        return None;
    }
    let Some(filter) = request.query.get("$filter") else {
        return Some(Answer::error(400, "BadRequest", "The $filter query parameter must be provided, with `eventTimestamp`."));
    };
    let clauses = match clauses(filter) {
        Ok(clauses) => clauses,
        Err(message) => return Some(Answer::error(400, "BadRequest", &message)),
    };
    if !clauses.iter().any(|clause| matches!(clause, Clause::From(_))) {
        return Some(Answer::error(400, "BadRequest", "The $filter must say from when: `eventTimestamp ge '..'`."));
    }
    let subscription = path.subscription_id();
    let matches = |event: &&Value| {
        crud::text(event, "/subscriptionId").eq_ignore_ascii_case(subscription) && clauses.iter().all(|clause| clause.holds(event))
    };
    // The newest first, as the log answers.
    let found: Vec<Value> = tenant.activity.iter().rev().filter(matches).cloned().collect();
    Some(crud::list(tenant, request, found))
}

enum Clause {
    From(Timestamp),
    Until(Timestamp),
    /// A field of the event, as a JSON pointer, and what it must be in any case.
    Is(&'static str, String),
}

impl Clause {
    fn holds(&self, event: &Value) -> bool {
        let at = crud::text(event, "/eventTimestamp").parse::<Timestamp>();
        match self {
            Self::From(from) => at.is_ok_and(|at| at >= *from),
            Self::Until(until) => at.is_ok_and(|at| at <= *until),
            Self::Is(pointer, wanted) => crud::text(event, pointer).eq_ignore_ascii_case(wanted),
        }
    }
}

/// Reads a filter of clauses joined by `and`: the log knows no other way.
fn clauses(filter: &str) -> Result<Vec<Clause>, String> {
    filter.split(" and ").map(|clause| read_clause(clause.trim())).collect()
}

fn read_clause(clause: &str) -> Result<Clause, String> {
    let refuse = || format!("The clause `{clause}` of the $filter is not one that the Activity Log takes.");
    let mut words = clause.splitn(3, ' ');
    let (Some(field), Some(comparison), Some(value)) = (words.next(), words.next(), words.next()) else { return Err(refuse()) };
    let value = value.trim().trim_matches('\'');
    match (field.to_ascii_lowercase().as_str(), comparison.to_ascii_lowercase().as_str()) {
        ("eventtimestamp", "ge") => value.parse().map(Clause::From).map_err(|_| refuse()),
        ("eventtimestamp", "le") => value.parse().map(Clause::Until).map_err(|_| refuse()),
        ("resourceuri", "eq") => Ok(Clause::Is("/resourceId", value.to_owned())),
        ("resourcegroupname", "eq") => Ok(Clause::Is("/resourceGroupName", value.to_owned())),
        ("resourceprovider", "eq") => Ok(Clause::Is("/resourceProviderName/value", value.to_owned())),
        ("correlationid", "eq") => Ok(Clause::Is("/correlationId", value.to_owned())),
        _ => Err(refuse()),
    }
}

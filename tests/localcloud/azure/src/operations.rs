//! Asynchronous operations of ARM: a ticket at once, the effect later, a status to poll meanwhile.
//!
//! Must not answer `Succeeded` before the effect is there.

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::crud::set;
use crate::request::{Answer, ArmRequest, OperationTicket};
use crate::tenant::Tenant;

/// An asynchronous operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// The resource that is worked on.
    pub resource_id: String,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended, once it has.
    pub ended_at: Option<Timestamp>,
    /// Why it failed: code and message.
    pub failure: Option<(String, String)>,
    /// How often its status was asked for.
    pub polls: u64,
}

type Effect = Box<dyn FnOnce(&mut Tenant, Timestamp) + Send>;

pub(crate) fn begin(tenant: &mut Tenant, resource_id: &str, provider: &str, now: Timestamp, effect: Effect) -> OperationTicket {
    let id = Uuid::new_v4().to_string();
    let subscription = crate::path::ResourcePath::parse(resource_id).and_then(|path| path.subscription).unwrap_or_default();
    let base = format!("https://management.azure.com/subscriptions/{subscription}/providers/{provider}/locations/global");
    let started = Operation { resource_id: resource_id.to_owned(), started_at: now, ended_at: None, failure: None, polls: 0 };
    tenant.operations.insert(id.clone(), started);
    let done = id.clone();
    let delay = tenant.options.operation_delay;
    tenant.do_later(now + delay, move |tenant, at| {
        effect(tenant, at);
        if let Some(operation) = tenant.operations.get_mut(&done) {
            operation.ended_at = Some(at);
        }
    });
    if delay.is_zero() {
        tenant.settle(now);
    }
    OperationTicket {
        status_url: format!("{base}/operationStatuses/{id}?api-version=2024-11-01"),
        result_url: format!("{base}/operationResults/{id}?api-version=2024-11-01"),
        retry_after_seconds: tenant.options.retry_after_seconds,
        id,
    }
}

/// Answers what became of an operation.
pub(crate) fn handle(tenant: &mut Tenant, request: &ArmRequest) -> Option<Answer> {
    let path = request.resource_path()?;
    if path.types.len() != 2 || !path.types.first()?.eq_ignore_ascii_case("locations") || request.method != http::Method::GET {
        return None;
    }
    let asks_for_result = path.types.get(1)?.eq_ignore_ascii_case("operationResults");
    if !asks_for_result && !path.types.get(1)?.eq_ignore_ascii_case("operationStatuses") {
        return None;
    }
    let retry_after = tenant.options.retry_after_seconds;
    let Some(operation) = tenant.operations.get_mut(path.name()) else {
        return Some(Answer::error(404, "OperationNotFound", &format!("There is no operation `{}`.", path.name())));
    };
    operation.polls += 1;
    let operation = operation.clone();
    if asks_for_result {
        Some(result(tenant, &operation, request, retry_after))
    } else {
        Some(status(&operation, &path.id, path.name(), retry_after))
    }
}

fn status(operation: &Operation, id: &str, name: &str, retry_after_seconds: u64) -> Answer {
    let mut body = json!({ "id": id, "name": name, "startTime": operation.started_at.to_string() });
    let word = match (&operation.failure, operation.ended_at) {
        (Some(_), _) => "Failed",
        (None, Some(_)) => "Succeeded",
        (None, None) => "InProgress",
    };
    set(&mut body, "status", json!(word));
    if let Some(ended_at) = operation.ended_at {
        set(&mut body, "endTime", json!(ended_at.to_string()));
    }
    if let Some((code, message)) = &operation.failure {
        set(&mut body, "error", json!({ "code": code, "message": message }));
    }
    let answer = Answer::ok(body);
    if operation.ended_at.is_none() { answer.with_header("Retry-After", retry_after_seconds.to_string()) } else { answer }
}

fn result(tenant: &Tenant, operation: &Operation, request: &ArmRequest, retry_after_seconds: u64) -> Answer {
    if operation.ended_at.is_none() {
        let again = format!("https://{}{}?api-version={}", request.host, request.path, request.api_version());
        return Answer::status(202).with_header("Location", again).with_header("Retry-After", retry_after_seconds.to_string());
    }
    if let Some((code, message)) = &operation.failure {
        return Answer::error(409, code, message);
    }
    match tenant.resource(&operation.resource_id) {
        Some(resource) => Answer::ok(resource.body.clone()),
        None => Answer::status(200),
    }
}

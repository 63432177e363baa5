//! Google's own log: the latest calls that changed a version's state.
//!
//! Admin Activity logs are always written, and are kept for 400 days. Source:
//! <https://docs.cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list>

use http::Method;
use reprieve_core::audit::AuditEvent;
use reprieve_core::google::GoogleName;
use reprieve_engine::CallError;
use reprieve_wire::audit::Parsed;
use reprieve_wire::google::parse_entry;
use serde_json::{Value, json};

use crate::api::Api;

const CALL: &str = "logging:ListLogEntries";
const URL: &str = "https://logging.googleapis.com/v2/entries:list";

/// So many calls say what a version was before, and by whom it was taken away.
const PAGE_SIZE: u32 = 50;

/// Returns the latest calls that changed the state of a version, whether or not they succeeded.
pub(crate) async fn calls_on(api: &Api, version: &GoogleName) -> Result<Vec<AuditEvent>, CallError> {
    let project = version.project().unwrap_or_default();
    let body = json!({
        "resourceNames": [format!("projects/{project}")],
        "filter": filter(project, version),
        "orderBy": "timestamp desc",
        "pageSize": PAGE_SIZE,
    });
    let answer = api.send_json(CALL, Method::POST, URL, &body).await?;
    let entries = answer.get("entries").and_then(Value::as_array).cloned().unwrap_or_default();
    let ours = entries.iter().filter_map(|entry| match parse_entry(entry) {
        Ok(Parsed::Entry(event)) => Some(*event),
        Ok(Parsed::NotOurs { .. }) | Err(_) => None,
    });
    Ok(ours.collect())
}

fn filter(project: &str, version: &GoogleName) -> String {
    let methods = ["DestroyCryptoKeyVersion", "RestoreCryptoKeyVersion", "UpdateCryptoKeyVersion"];
    // `:` matches a part of a method's name, which is short or fully qualified.
    let methods = methods.map(|method| format!("protoPayload.methodName:\"{method}\"")).join(" OR ");
    format!(
        "logName=\"projects/{project}/logs/cloudaudit.googleapis.com%2Factivity\" AND protoPayload.serviceName=\"cloudkms.googleapis.com\" \
         AND protoPayload.resourceName=\"{version}\" AND ({methods})"
    )
}

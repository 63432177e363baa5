//! One page of Google's own log: calls that changed the state of some versions of keys.
//!
//! Source: <https://docs.cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list>

use reprieve_core::audit::AuditEvent;
use reprieve_core::google::GoogleName;
use reprieve_engine::CallError;
use reprieve_wire::audit::Parsed;
use reprieve_wire::google::parse_entry;
use serde_json::{Value, json};

use crate::api::Api;
use crate::pace::Turns;

/// What the call is called in errors.
pub(crate) const CALL: &str = "logging:ListLogEntries";

const URL: &str = "https://logging.googleapis.com/v2/entries:list";

/// How many calls are asked for at once. Google takes 1,000, which could be more bytes than an answer may have: callers write into entries.
const PAGE_SIZE: usize = 500;

/// What is asked for: the calls on versions of the keys of one project, the latest first.
pub(crate) struct Query {
    project: String,
    filter: String,
}

/// A page.
#[derive(Debug)]
pub(crate) struct Page {
    /// The calls; among them may be some on versions that were not asked for.
    pub(crate) calls: Vec<AuditEvent>,
    /// The token of the next page, where there is more or may be.
    pub(crate) next: Option<String>,
}

impl Query {
    /// Asks for the calls on these versions, which are of one project.
    pub(crate) fn of(versions: &[GoogleName]) -> Self {
        let project = versions.first().and_then(GoogleName::project).unwrap_or_default();
        Self { project: project.to_owned(), filter: filter(project, versions) }
    }

    /// Reads the first page, or the one that a token leads to. Its turn has come; each time that it is tried again takes another one.
    pub(crate) async fn page(&self, api: &Api, token: Option<&str>, turns: Turns<'_>) -> Result<Page, CallError> {
        let mut body = json!({
            "resourceNames": [format!("projects/{}", self.project)],
            "filter": self.filter,
            "orderBy": "timestamp desc",
            "pageSize": PAGE_SIZE,
        });
        if let (Some(token), Some(body)) = (token, body.as_object_mut()) {
            body.insert("pageToken".to_owned(), Value::from(token));
        }
        let mut answer = api.send_json_in_turns(CALL, URL, &body, turns).await?;
        let entries = match answer.get_mut("entries").map(Value::take) {
            // An empty list is left out.
            None => Vec::new(),
            Some(Value::Array(found)) => found,
            Some(_) => return Err(unreadable("its `entries` are no list")),
        };
        let next = answer.get("nextPageToken").and_then(Value::as_str).filter(|token| !token.is_empty());
        Ok(Page { calls: calls_in(&entries)?, next: next.map(ToOwned::to_owned) })
    }
}

/// Returns what follows the project in a version's name. In front of it, calls have the project's id or its number.
pub(crate) fn place_of(version: &GoogleName) -> Option<&str> {
    version.as_str().split_once("/locations/").map(|(_, place)| place)
}

fn calls_in(entries: &[Value]) -> Result<Vec<AuditEvent>, CallError> {
    let mut calls = Vec::with_capacity(entries.len());
    for entry in entries {
        match parse_entry(entry) {
            Ok(Parsed::Entry(event)) => calls.push(*event),
            Ok(Parsed::NotOurs { .. }) => {}
            Err(error) => return Err(unreadable(&error.unquoted())),
        }
    }
    Ok(calls)
}

fn unreadable(what: &str) -> CallError {
    CallError::Rejected { call: CALL, message: format!("the answer cannot be used: {what}") }
}

/// `:` matches a part of a text, and takes no notice of case: `.../cryptoKeyVersions/1` is found in version 12 too, so that names are to be
/// compared afterwards. <https://docs.cloud.google.com/logging/docs/view/logging-query-language>
fn filter(project: &str, versions: &[GoogleName]) -> String {
    let places = versions.iter().filter_map(place_of).map(|place| format!("protoPayload.resourceName:\"/locations/{place}\""));
    let places = places.collect::<Vec<_>>().join(" OR ");
    let methods = ["DestroyCryptoKeyVersion", "RestoreCryptoKeyVersion", "UpdateCryptoKeyVersion"];
    // The name of a method is short or fully qualified.
    let methods = methods.map(|method| format!("protoPayload.methodName:\"{method}\"")).join(" OR ");
    // A field that is missing fulfils no comparison: an entry of success has no code, or 0.
    format!(
        "logName=\"projects/{project}/logs/cloudaudit.googleapis.com%2Factivity\" AND protoPayload.serviceName=\"cloudkms.googleapis.com\" \
         AND ({places}) AND ({methods}) AND NOT protoPayload.status.code>0"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_no_call_that_was_never_made() {
        for entry in [json!("no"), json!({ "textPayload": "no" }), json!({ "protoPayload": "no" })] {
            assert!(matches!(calls_in(std::slice::from_ref(&entry)), Err(CallError::Rejected { .. })), "{entry}");
        }
        let of_another = json!({ "protoPayload": { "serviceName": "k8s.io", "methodName": "io.k8s.core.v1.secrets.get" } });
        assert_eq!(calls_in(&[of_another]), Ok(Vec::new()));
    }
}

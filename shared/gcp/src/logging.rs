//! Google's own log: the latest calls that changed a version's state.
//!
//! Admin Activity logs are always written, and are kept for 400 days. Google may answer an empty page with a token, where it had no
//! time to search further: what was not read to its end says nothing, so it is an error and never an empty list. Of a past that is longer
//! than what was read, it is said that there is more. Source:
//! <https://docs.cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list>

use std::time::Duration;

use http::Method;
use jiff::Timestamp;
use reprieve_core::audit::AuditEvent;
use reprieve_core::google::GoogleName;
use reprieve_engine::{CallError, LatestCalls};
use reprieve_wire::audit::Parsed;
use reprieve_wire::google::parse_entry;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::api::Api;

const CALL: &str = "logging:ListLogEntries";
const URL: &str = "https://logging.googleapis.com/v2/entries:list";

/// How many calls are asked for at once: reading is limited to 60 requests a minute. Google takes 1,000, which could be more bytes than an
/// answer may have: callers write into entries. <https://docs.cloud.google.com/logging/quotas>
const PAGE_SIZE: usize = 500;

/// How many calls are read. Whoever destroys a version that we restore each time can hide an older disabling behind any number.
const CALLS_LIMIT: usize = 1_000;

/// More pages than this are no answer for one version, but a search that does not end.
const PAGES_LIMIT: usize = 20;

/// For the search with all its pages: what waits to be given back waits for it.
const SEARCH_TAKES: Duration = Duration::from_secs(20);

/// Returns the latest calls that changed the state of a version, and says where there may be more: none is read behind a page with a call
/// that says what the version was `before` then. Refused ones changed nothing, and anybody can make any number of them: they are not asked
/// for, so that they hide none that took effect.
///
/// # Errors
/// When the log could not be searched so far that it showed a call, or holds what cannot be read.
pub(crate) async fn calls_on(api: &Api, version: &GoogleName, before: Option<Timestamp>) -> Result<LatestCalls, CallError> {
    let project = version.project().unwrap_or_default();
    let mut body = json!({
        "resourceNames": [format!("projects/{project}")],
        "filter": filter(project, version),
        "orderBy": "timestamp desc",
        "pageSize": PAGE_SIZE,
    });
    let end = Instant::now() + SEARCH_TAKES;
    let (mut read, mut calls) = (0, Vec::new());
    for _ in 0..PAGES_LIMIT {
        let mut answer = api.send_json(CALL, Method::POST, URL, &body).await?;
        let mut page = match answer.get_mut("entries").map(Value::take) {
            // An empty list is left out.
            None => Vec::new(),
            Some(Value::Array(found)) => found,
            Some(_) => return Err(unreadable("its `entries` are no list")),
        };
        let token = answer.get_mut("nextPageToken").map(Value::take).filter(|token| token.as_str().is_some_and(|token| !token.is_empty()));
        let room = CALLS_LIMIT.saturating_sub(read);
        let has_older = token.is_some() || page.len() > room;
        page.truncate(room);
        read += page.len();
        let of_page = calls_in(&page)?;
        let says_before = before.is_some_and(|before| of_page.iter().any(|call| LatestCalls::sets_state_before(call, before)));
        let is_enough = read == CALLS_LIMIT || says_before;
        calls.extend(of_page);
        let Some(token) = token.filter(|_| !is_enough) else { return Ok(LatestCalls { calls, has_older, is_cut_short: false }) };
        if Instant::now() >= end {
            break;
        }
        if let Some(body) = body.as_object_mut() {
            body.insert("pageToken".to_owned(), token);
        }
    }
    if calls.is_empty() {
        return Err(CallError::Unavailable { call: CALL, message: format!("the search for the calls on `{version}` came to no end") });
    }
    Ok(LatestCalls { calls, has_older: true, is_cut_short: true })
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

fn filter(project: &str, version: &GoogleName) -> String {
    let methods = ["DestroyCryptoKeyVersion", "RestoreCryptoKeyVersion", "UpdateCryptoKeyVersion"];
    // `:` matches a part of a method's name, which is short or fully qualified.
    let methods = methods.map(|method| format!("protoPayload.methodName:\"{method}\"")).join(" OR ");
    // A field that is missing fulfils no comparison: an entry of success has no code, or 0.
    format!(
        "logName=\"projects/{project}/logs/cloudaudit.googleapis.com%2Factivity\" AND protoPayload.serviceName=\"cloudkms.googleapis.com\" \
         AND protoPayload.resourceName=\"{version}\" AND ({methods}) AND NOT protoPayload.status.code>0"
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

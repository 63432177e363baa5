//! The audit log: what each call leaves, and how entries are listed.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::state::{Refusal, State};

/// Makes the entry of a call on a version, under the name that the caller wrote. Google writes the short name of the method for Cloud KMS,
/// and an empty status for success; the log's name and the labels of the resource have the project's id, whatever the caller wrote.
pub(crate) fn entry(
    number: usize,
    who: &str,
    method: &str,
    name: &str,
    version: &str,
    request: &Value,
    answer: &Result<Value, Refusal>,
) -> Value {
    let part = |index: usize| version.split('/').nth(index).unwrap_or_default();
    let project = part(1);
    let kind = if who.ends_with("gserviceaccount.com") { "serviceAccount" } else { "user" };
    let mut payload = json!({
        "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
        "serviceName": "cloudkms.googleapis.com",
        "methodName": method,
        "resourceName": name,
        "authenticationInfo": {"principalEmail": who, "principalSubject": format!("{kind}:{who}")},
        "requestMetadata": {"callerIp": "198.51.100.7", "callerSuppliedUserAgent": "google-cloud-sdk gcloud/548.0.0"},
        "request": request,
    });
    let (status, response) = match answer {
        Ok(version) => (json!({}), version.clone()),
        Err(Refusal(code, _, message)) => (json!({"code": match code { 400 => 9, 403 => 7, _ => 5 }, "message": message}), Value::Null),
    };
    if let Some(object) = payload.as_object_mut() {
        object.insert("status".to_owned(), status);
        if !response.is_null() {
            object.insert("response".to_owned(), response);
        }
    }
    let now = Timestamp::now().to_string();
    json!({
        "insertId": format!("sandbox{number:06}"),
        "logName": format!("projects/{project}/logs/cloudaudit.googleapis.com%2Factivity"),
        "timestamp": now,
        "receiveTimestamp": now,
        "severity": "NOTICE",
        "resource": {
            "type": "cloudkms_cryptokeyversion",
            "labels": {
                "project_id": project,
                "location": part(3),
                "key_ring_id": part(5),
                "crypto_key_id": part(7),
                "crypto_key_version_id": part(9),
            },
        },
        "protoPayload": payload,
    })
}

/// A comparison of a filter: `="text"`, or `:"text"`, which a part fulfils. Neither takes notice of case.
/// <https://docs.cloud.google.com/logging/docs/view/logging-query-language>
struct Comparison<'f> {
    is_whole: bool,
    text: &'f str,
}

impl<'f> Comparison<'f> {
    /// Returns every comparison of a field.
    fn all_of(filter: &'f str, field: &str) -> Vec<Self> {
        filter.split(field).skip(1).filter_map(Self::at).collect()
    }

    /// Reads what follows the field.
    fn at(rest: &'f str) -> Option<Self> {
        let is_whole = rest.starts_with('=');
        let (text, _) = rest.strip_prefix(['=', ':'])?.strip_prefix('"')?.split_once('"')?;
        Some(Self { is_whole, text })
    }

    fn holds(&self, value: &str) -> bool {
        if self.is_whole {
            value.eq_ignore_ascii_case(self.text)
        } else {
            value.to_ascii_lowercase().contains(&self.text.to_ascii_lowercase())
        }
    }
}

/// Lists entries by the conditions that the guard asks with; any other filter is refused, so that nothing passes unnoticed.
pub(crate) fn list(state: &State, body: &Value) -> Result<Value, Refusal> {
    let invalid = |what: &str| Refusal(400, "INVALID_ARGUMENT", what.to_owned());
    let filter = body.get("filter").and_then(Value::as_str).unwrap_or_default();
    // Each field is compared with one text or another.
    let asked = |field: &str| {
        let comparisons = Comparison::all_of(filter, field);
        if comparisons.is_empty() { Err(invalid(&format!("nothing is said of {field}"))) } else { Ok(comparisons) }
    };
    let logs = asked("logName")?;
    let services = asked("protoPayload.serviceName")?;
    let resources = asked("protoPayload.resourceName")?;
    let methods = asked("protoPayload.methodName")?;
    if body.get("orderBy").and_then(Value::as_str) != Some("timestamp desc") {
        return Err(invalid("another order"));
    }
    // A field that is missing fulfils no comparison, so its negation holds.
    let only_effective = filter.ends_with(" AND NOT protoPayload.status.code>0");
    let matches = |entry: &&Value| {
        let is_refused = entry.pointer("/protoPayload/status/code").and_then(Value::as_u64).is_some_and(|code| code > 0);
        let is = |pointer: &str, comparisons: &[Comparison<'_>]| {
            let text = entry.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            comparisons.iter().any(|comparison| comparison.holds(text))
        };
        is("/logName", &logs)
            && is("/protoPayload/serviceName", &services)
            && is("/protoPayload/resourceName", &resources)
            && is("/protoPayload/methodName", &methods)
            && !(only_effective && is_refused)
    };
    let size = body.get("pageSize").and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok()).unwrap_or(50);
    // A token says how many entries were answered before.
    let token = body.get("pageToken").and_then(Value::as_str);
    let start = token.map_or(Ok(0), str::parse::<usize>).map_err(|_| invalid("the page token is none of ours"))?;
    let mut answer = Map::new();
    if state.is_log_slow && token.is_none() {
        answer.insert("nextPageToken".to_owned(), Value::from("0"));
        return Ok(Value::Object(answer));
    }
    let found: Vec<&Value> = state.log.iter().rev().filter(matches).collect();
    let entries: Vec<Value> = found.iter().copied().skip(start).take(size).cloned().collect();
    let end = start.saturating_add(entries.len());
    if end < found.len() || state.is_log_endless {
        answer.insert("nextPageToken".to_owned(), Value::from(end.to_string()));
    }
    // An empty list is left out.
    if !entries.is_empty() {
        answer.insert("entries".to_owned(), Value::from(entries));
    }
    Ok(Value::Object(answer))
}

#[cfg(test)]
mod tests {
    use super::Comparison;

    #[test]
    fn a_part_is_found_in_a_text_and_neither_comparison_takes_notice_of_case() {
        let filter = "name=\"a/Keys/1\" AND (name:\"/keys/1\" OR name:\"/other\")";
        let comparisons = Comparison::all_of(filter, "name");
        for (text, expected) in [
            ("A/keys/1", [true, true, false]),
            ("a/keys/12", [false, true, false]),
            ("b/OTHER", [false, false, true]),
            ("a/keys", [false; 3]),
        ] {
            assert_eq!(comparisons.iter().map(|comparison| comparison.holds(text)).collect::<Vec<_>>(), expected, "{text}");
        }
    }
}

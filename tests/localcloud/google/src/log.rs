//! The audit log: what each call leaves, and how entries are listed.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::state::{Refusal, State};

/// Makes the entry of a call. Google writes the short name of the method for Cloud KMS, and an empty status for success.
pub(crate) fn entry(number: usize, who: &str, method: &str, name: &str, request: &Value, answer: &Result<Value, Refusal>) -> Value {
    let project = name.split('/').nth(1).unwrap_or_default();
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
        "protoPayload": payload,
    })
}

/// Lists entries by the conditions that the guard asks with; any other filter is refused, so that nothing passes unnoticed.
pub(crate) fn list(state: &State, body: &Value) -> Result<Value, Refusal> {
    let invalid = |what: &str| Refusal(400, "INVALID_ARGUMENT", what.to_owned());
    let filter = body.get("filter").and_then(Value::as_str).unwrap_or_default();
    let between = |start: &str| {
        let (_, rest) = filter.split_once(start)?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    let log = between("logName=\"").ok_or_else(|| invalid("no log is named"))?;
    let service = between("protoPayload.serviceName=\"").ok_or_else(|| invalid("no service is named"))?;
    let resource = between("protoPayload.resourceName=\"").ok_or_else(|| invalid("no resource is named"))?;
    let methods: Vec<&str> = filter.split("protoPayload.methodName:\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    if methods.is_empty() || body.get("orderBy").and_then(Value::as_str) != Some("timestamp desc") {
        return Err(invalid("no methods are named, or another order"));
    }
    // A field that is missing fulfils no comparison, so its negation holds.
    let only_effective = filter.ends_with(" AND NOT protoPayload.status.code>0");
    let matches = |entry: &&Value| {
        let is_refused = entry.pointer("/protoPayload/status/code").and_then(Value::as_u64).is_some_and(|code| code > 0);
        let text = |pointer: &str| entry.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        text("/logName") == log
            && text("/protoPayload/serviceName") == service
            && text("/protoPayload/resourceName") == resource
            && methods.iter().any(|method| text("/protoPayload/methodName").contains(method))
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

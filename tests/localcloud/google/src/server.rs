//! The one server in front of all services: checks the host and the token, and takes faults that are due.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State as Shared};
use axum::http::{HeaderMap, Response, StatusCode};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::state::{OWN_ACCOUNT, Refusal, State};
use crate::{kms, log, permissions, storage};

/// The token of the guard. Nothing secret: it opens this sandbox.
const TOKEN: &str = "sandbox-token";

const BODY_LIMIT_BYTES: usize = 4 * 1024 * 1024;

type SharedState = Arc<Mutex<State>>;

pub(crate) fn router(state: SharedState) -> Router {
    Router::new().fallback(serve).with_state(state)
}

async fn serve(Shared(state): Shared<SharedState>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT_BYTES).await else {
        return respond(413, Bytes::new());
    };
    let query: Vec<(String, String)> = form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let answer = answer(&mut state, head.method.as_str(), head.uri.path(), &query, &head.headers, &body);
    match answer {
        Ok(body) => respond(200, body),
        Err(refusal) => respond(refusal.0, Bytes::from(refusal.json().to_string())),
    }
}

fn respond(status: u16, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}

fn answer(
    state: &mut State,
    method: &str,
    path: &str,
    query: &[(String, String)],
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Bytes, Refusal> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let host = header("host");
    if host == "metadata.google.internal" {
        return metadata(state, path, header("metadata-flavor"));
    }
    if header("authorization") != format!("Bearer {TOKEN}") {
        return Err(Refusal(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.".to_owned()));
    }
    let parsed: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let unknown = || Refusal(404, "NOT_FOUND", format!("{method} {path} is not served by this sandbox."));
    match host {
        "cloudkms.googleapis.com" => {
            let call = path.strip_prefix("/v1/").and_then(|path| kms::call(method, path)).ok_or_else(unknown)?;
            begin(state, call.name)?;
            call.answer(state, query, &parsed).map(bytes)
        }
        "logging.googleapis.com" if (method, path) == ("POST", "/v2/entries:list") => {
            begin(state, "ListLogEntries")?;
            log::list(state, &parsed).map(bytes)
        }
        "storage.googleapis.com" => of_storage(state, method, path, query, body).unwrap_or_else(|| Err(unknown())),
        _ => Err(unknown()),
    }
}

fn of_storage(state: &mut State, method: &str, path: &str, query: &[(String, String)], body: &Bytes) -> Option<Result<Bytes, Refusal>> {
    let is_upload = path.starts_with("/upload/");
    let rest = path.strip_prefix("/upload").unwrap_or(path).strip_prefix("/storage/v1/b/")?;
    let (bucket, rest) = rest.split_once("/o")?;
    match (method, is_upload, rest) {
        ("POST", true, "") => Some(begin(state, "InsertObject").and_then(|()| storage::insert(state, bucket, query, body)).map(bytes)),
        ("GET", false, "") => Some(begin(state, "ListObjects").map(|()| bytes(storage::list(state, bucket, query)))),
        ("GET", false, object) => {
            // A name is one part of the path: its slashes are escaped.
            let escaped = object.strip_prefix('/')?.replace('+', "%2B");
            let (name, _) = form_urlencoded::parse(escaped.as_bytes()).next()?;
            Some(begin(state, "GetObject").and_then(|()| storage::read(state, bucket, &name)))
        }
        _ => None,
    }
}

/// Notes a call, and fails it where a fault is due, or where no shipped role permits it.
fn begin(state: &mut State, call: &str) -> Result<(), Refusal> {
    state.calls.push(call.to_owned());
    if let Some(permission) = permissions::needed(call).filter(|permission| !permissions::is_granted(permission)) {
        return Err(Refusal(403, "PERMISSION_DENIED", format!("Permission '{permission}' denied on resource (or it may not exist).")));
    }
    match state.fault(call) {
        Some(429) => Err(Refusal(429, "RESOURCE_EXHAUSTED", "Quota exceeded.".to_owned())),
        Some(401) => Err(Refusal(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.".to_owned())),
        Some(403) => Err(Refusal(403, "PERMISSION_DENIED", format!("Permission for {call} denied."))),
        Some(status) => Err(Refusal(status, "UNAVAILABLE", "The service is currently unavailable.".to_owned())),
        None => Ok(()),
    }
}

fn metadata(state: &mut State, path: &str, flavor: &str) -> Result<Bytes, Refusal> {
    if flavor != "Google" {
        return Err(Refusal(403, "PERMISSION_DENIED", "Missing Metadata-Flavor:Google header.".to_owned()));
    }
    match path.strip_prefix("/computeMetadata/v1/instance/service-accounts/default/") {
        Some("token") => {
            begin(state, "Token")?;
            Ok(bytes(json!({"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"})))
        }
        Some("email") => Ok(Bytes::from(OWN_ACCOUNT)),
        _ => Err(Refusal(404, "NOT_FOUND", "no such metadata".to_owned())),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it ends a chain of maps")]
fn bytes(value: Value) -> Bytes {
    Bytes::from(value.to_string())
}

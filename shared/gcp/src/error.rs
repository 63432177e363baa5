//! What Google's errors mean: `{"error": {"code": 400, "message": "...", "status": "FAILED_PRECONDITION"}}`.
//!
//! Source: <https://docs.cloud.google.com/apis/design/errors#http_mapping>

use http::StatusCode;
use reprieve_engine::{CallError, CallErrorKind};
use serde_json::Value;

/// The most of a message that is shown, in characters.
const MESSAGE_LIMIT: usize = 300;

/// Sorts an answer by its status and the word of its body.
#[must_use]
pub fn kind_of(status: StatusCode, word: &str) -> CallErrorKind {
    match (word, status.as_u16()) {
        ("FAILED_PRECONDITION", _) => CallErrorKind::InvalidState,
        ("NOT_FOUND", _) | (_, 404) => CallErrorKind::NotFound,
        ("PERMISSION_DENIED" | "UNAUTHENTICATED", _) | (_, 401 | 403) => CallErrorKind::AccessDenied,
        ("RESOURCE_EXHAUSTED", _) | (_, 429) => CallErrorKind::Throttled,
        ("UNIMPLEMENTED", _) | (_, 501) => CallErrorKind::Unsupported,
        // `ABORTED` is a conflict with another call at the same time.
        ("ABORTED" | "UNAVAILABLE" | "DEADLINE_EXCEEDED" | "INTERNAL", _) | (_, 408 | 409 | 500..=599) => CallErrorKind::Unavailable,
        _ => CallErrorKind::Rejected,
    }
}

/// Makes the error of an answer that is no success.
pub(crate) fn call_error(call: &'static str, status: StatusCode, body: &[u8]) -> CallError {
    let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let field = |name: &str| body.get("error").and_then(|error| error.get(name)).and_then(Value::as_str).unwrap_or_default();
    let (word, message) = (field("status"), field("message"));
    let message: String = message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MESSAGE_LIMIT).collect();
    let words = [format!("HTTP {}", status.as_u16()), word.to_owned(), message].into_iter().filter(|word| !word.is_empty());
    kind_of(status, word).error(call, words.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_its_meaning() {
        for (status, word, kind) in [
            (400, "FAILED_PRECONDITION", CallErrorKind::InvalidState),
            (400, "INVALID_ARGUMENT", CallErrorKind::Rejected),
            (401, "UNAUTHENTICATED", CallErrorKind::AccessDenied),
            (403, "PERMISSION_DENIED", CallErrorKind::AccessDenied),
            (404, "NOT_FOUND", CallErrorKind::NotFound),
            (409, "ABORTED", CallErrorKind::Unavailable),
            (429, "RESOURCE_EXHAUSTED", CallErrorKind::Throttled),
            (500, "INTERNAL", CallErrorKind::Unavailable),
            (503, "", CallErrorKind::Unavailable),
        ] {
            assert_eq!(kind_of(StatusCode::from_u16(status).unwrap_or_default(), word), kind, "{status} {word}");
        }
    }

    #[test]
    fn the_words_of_google_are_told() {
        let body = br#"{"error":{"code":400,"message":"not DESTROY_SCHEDULED","status":"FAILED_PRECONDITION"}}"#;
        let error = call_error("cloudkms:RestoreCryptoKeyVersion", StatusCode::BAD_REQUEST, body).to_string();
        assert!(error.ends_with("HTTP 400 FAILED_PRECONDITION not DESTROY_SCHEDULED"), "{error}");
    }
}

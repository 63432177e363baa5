//! The answer to the Functions host: what became of an invocation.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use reprieve_wire::azure::answer_json;
use serde_json::Map;

/// What an invocation came to.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// What the host logs.
    logs: Vec<String>,
    /// Whether something must be delivered again.
    retry: bool,
}

impl Answer {
    /// Notes something that was worked on to the end.
    pub(crate) fn done(&mut self, line: impl Into<String>) {
        self.logs.push(line.into());
    }

    /// Notes something that must be delivered again, and why.
    pub(crate) fn again(&mut self, line: impl Into<String>) {
        self.logs.push(line.into());
        self.retry = true;
    }

    /// Makes the answer of one that must be delivered again.
    pub(crate) fn failed(line: impl Into<String>) -> Self {
        Self { logs: vec![line.into()], retry: true }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = if self.retry { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK };
        respond(status, &self.logs)
    }
}

/// Writes an answer of this status.
pub(crate) fn respond(status: StatusCode, logs: &[String]) -> Response {
    let body = answer_json(Map::new(), logs, None).to_string();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

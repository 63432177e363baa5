//! What a provider module is given and what it gives back: one request whose caller is known, one answer.
//!
//! Must not know a provider, nor touch the tenant: it only carries and shapes.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::path::ResourcePath;

/// A request after its bearer token was read: to ARM, to a vault's data plane or to blob storage.
#[derive(Debug, Clone)]
pub struct ArmRequest {
    /// The method.
    pub method: http::Method,
    /// The host asked for, in lower case and without a port, e.g. `management.azure.com`.
    pub host: String,
    /// The path as it was sent, still percent-encoded, without the query.
    pub path: String,
    /// The query parameters, percent-decoded; keys in lower case.
    pub query: BTreeMap<String, String>,
    /// All request headers.
    pub headers: http::HeaderMap,
    /// The body, where it is JSON.
    pub body: Option<Value>,
    /// The body as it was sent.
    pub raw_body: Bytes,
    /// Who asks.
    pub caller: Caller,
    /// When the request arrived, by the sandbox's clock.
    pub now: Timestamp,
    /// The correlation id: what `x-ms-correlation-request-id` said, else made here.
    pub correlation_id: String,
    /// The request id that the answer carries as `x-ms-request-id`.
    pub request_id: String,
}

impl ArmRequest {
    /// Returns the `api-version` of the query, or an empty text.
    #[must_use]
    pub fn api_version(&self) -> &str {
        self.query.get("api-version").map_or("", String::as_str)
    }

    /// Returns the URL as a client that does not know of the sandbox would write it.
    #[must_use]
    pub fn url(&self) -> String {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.query).finish();
        if query.is_empty() {
            return format!("https://{}{}", self.host, self.path);
        }
        format!("https://{}{}?{query}", self.host, self.path)
    }

    /// Returns what the path names, where it is a path of ARM.
    #[must_use]
    pub fn resource_path(&self) -> Option<ResourcePath> {
        ResourcePath::parse(&self.path)
    }

    /// Returns the value of a header, where it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the JSON body, or `null` where there is none.
    #[must_use]
    pub fn json(&self) -> Value {
        self.body.clone().unwrap_or(Value::Null)
    }
}

/// Who asks, read from the claims of the bearer token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The object id of the user or of the service principal: what a role assignment names.
    pub object_id: String,
    /// The client id of the application, for a service principal or a managed identity.
    pub app_id: Option<String>,
    /// The user principal name, for a user.
    pub upn: Option<String>,
    /// The tenant of the token.
    pub tenant_id: String,
    /// The caller's address.
    pub ip: String,
}

/// What the sandbox answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Headers beyond those that every answer has.
    pub headers: Vec<(String, String)>,
    /// The body as JSON.
    pub body: Option<Value>,
    /// The body as bytes, where it is not JSON. Stands before `body`.
    pub raw: Option<Bytes>,
}

impl Answer {
    /// Creates an answer with a status and no body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: None, raw: None }
    }

    /// Creates a 200 with a JSON body.
    #[must_use]
    pub fn ok(body: Value) -> Self {
        Self { body: Some(body), ..Self::status(200) }
    }

    /// Creates a 201 with a JSON body.
    #[must_use]
    pub fn created(body: Value) -> Self {
        Self { body: Some(body), ..Self::status(201) }
    }

    /// Creates a 204.
    #[must_use]
    pub fn no_content() -> Self {
        Self::status(204)
    }

    /// Creates a 202 without body, whose headers say where the operation can be asked after.
    #[must_use]
    pub fn accepted(ticket: &OperationTicket) -> Self {
        Self::status(202).with_operation(ticket)
    }

    /// Creates an error in the shape of ARM and of Key Vault: `{"error":{"code":..,"message":..}}`.
    #[must_use]
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self { body: Some(json!({ "error": { "code": code, "message": message } })), ..Self::status(status) }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Adds the headers of an asynchronous operation: `Azure-AsyncOperation`, `Location` and `Retry-After`.
    #[must_use]
    pub fn with_operation(self, ticket: &OperationTicket) -> Self {
        self.with_header("Azure-AsyncOperation", &ticket.status_url)
            .with_header("Location", &ticket.result_url)
            .with_header("Retry-After", ticket.retry_after_seconds.to_string())
    }

    /// Says whether the status is 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Where an asynchronous operation can be asked after. Comes from [`crate::Tenant::begin_operation`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationTicket {
    /// The operation's id.
    pub id: String,
    /// The address that answers `{"status": "InProgress"}` and so on.
    pub status_url: String,
    /// The address that answers 202 until the operation is done, and then its result.
    pub result_url: String,
    /// After how many seconds to ask again.
    pub retry_after_seconds: u64,
}

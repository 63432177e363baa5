//! From Azure's answers to the engine's [`CallError`]: one table of error codes, then the HTTP status, so that no answer is left unsorted.
//!
//! *Architecture invariant:* not every 404 says that a thing is missing. One for a subscription that we cannot see, or a path that the
//! service does not know, is no news about the resource.

use std::error::Error;

use azure_core::error::ErrorKind;
use azure_core::http::RawResponse;
use azure_core::http::headers::{HeaderName, Headers};
use reprieve_engine::CallError;
pub use reprieve_engine::CallErrorKind as Kind;
use serde_json::Value;

/// The service's name of the request, for its support.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");
/// Where blobs say their error code.
const ERROR_CODE: HeaderName = HeaderName::from_static("x-ms-error-code");

/// The longest message of a service that is repeated, in characters.
const MESSAGE_LIMIT: usize = 1_000;

/// Sorts an answer by its error code (empty where it has none) and HTTP status.
#[must_use]
pub fn kind_of(status: u16, code: &str) -> Kind {
    kind_of_code(code).unwrap_or_else(|| kind_of_status(status))
}

/// The codes that mean something else than their status, or come without one from an operation
/// (<https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors>).
fn kind_of_code(code: &str) -> Option<Kind> {
    let kind = match code {
        "AuthorizationFailed"
        | "AuthorizationPermissionMismatch"
        | "AuthenticationFailed"
        | "Forbidden"
        | "LinkedAuthorizationFailed"
        | "RequestDisallowedByPolicy"
        | "ScopeLocked"
        // 404 of a subscription that the identity has no role in.
        | "SubscriptionNotFound" => Kind::AccessDenied,
        // Codes of 404 that speak of the request, not of what it is about.
        "InvalidApiVersionParameter"
        | "InvalidResourceNamespace"
        | "InvalidResourceType"
        | "InvalidSubscriptionId"
        | "MissingApiVersionParameter"
        | "NoRegisteredProviderFound"
        // 409, but only a person can register the provider.
        | "MissingSubscriptionRegistration"
        | "SubscriptionNotRegistered" => Kind::Rejected,
        "DeploymentNotFound"
        | "NotFound"
        | "ParentResourceNotFound"
        | "ResourceGroupNotFound"
        | "ResourceNotFound"
        | "VaultNotFound" => Kind::NotFound,
        "AnotherOperationInProgress" | "Conflict" | "ConcurrentUpdateError" | "PreconditionFailed" | "ConditionNotMet" => Kind::InvalidState,
        "FeatureNotSupportedForAccount" | "OperationNotSupported" | "NotSupported" => Kind::Unsupported,
        "OperationNotAllowedDueToThrottling" | "ServerBusy" | "SubscriptionRequestsThrottled" | "Throttled" | "TooManyRequests" => {
            Kind::Throttled
        }
        "GatewayTimeout" | "InternalError" | "InternalServerError" | "OperationTimedOut" | "RetryableError" | "ServiceUnavailable" => {
            Kind::Unavailable
        }
        _ => return None,
    };
    Some(kind)
}

const fn kind_of_status(status: u16) -> Kind {
    match status {
        401 | 403 => Kind::AccessDenied,
        404 => Kind::NotFound,
        409 | 412 => Kind::InvalidState,
        429 => Kind::Throttled,
        408 | 500..=599 => Kind::Unavailable,
        _ => Kind::Rejected,
    }
}

/// What a service says of an error.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Words {
    /// The code, empty where there is none.
    pub(crate) code: String,
    /// The more precise code inside, such as Key Vault's `ForbiddenByRbac`.
    inner_code: Option<String>,
    message: Option<String>,
}

impl Words {
    /// Reads the forms in use: `{"error": {...}}` of Resource Manager and Key Vault, the same without the wrapper of older providers,
    /// `{"odata.error": ...}`, and the XML of blobs.
    pub(crate) fn of_body(body: &[u8]) -> Self {
        match serde_json::from_slice::<Value>(body) {
            Ok(value) => Self::of_json(&value),
            Err(_) => Self::of_xml(&String::from_utf8_lossy(body)),
        }
    }

    /// Reads the error inside of a JSON answer, such as that of an operation that failed.
    pub(crate) fn of_json(value: &Value) -> Self {
        let error = [value.get("error"), value.get("odata.error")].into_iter().flatten().find(|error| error.is_object()).unwrap_or(value);
        let text = |value: Option<&Value>| value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
        let message = error.get("message");
        let inner = error.get("innererror").or_else(|| error.get("innerError"));
        Self {
            code: text(error.get("code")).unwrap_or_default(),
            inner_code: text(inner.and_then(|inner| inner.get("code"))),
            message: text(message).or_else(|| text(message.and_then(|message| message.get("value")))),
        }
    }

    fn of_xml(text: &str) -> Self {
        let element = |name: &str| {
            let (_, rest) = text.split_once(&format!("<{name}>"))?;
            rest.split_once(&format!("</{name}>")).map(|(content, _)| content.trim().to_owned())
        };
        // What follows the first line of a blob's message are the request's id and time.
        let message = element("Message").and_then(|message| message.lines().next().map(str::to_owned));
        Self { code: element("Code").unwrap_or_default(), inner_code: None, message }
    }

    /// Says it in one line.
    pub(crate) fn line(&self, status: Option<u16>) -> String {
        let code = match (self.code.as_str(), &self.inner_code, status) {
            ("", _, Some(status)) => format!("HTTP {status}"),
            ("", _, None) => "without a code".to_owned(),
            (code, Some(inner), _) => format!("`{code}` (`{inner}`)"),
            (code, None, _) => format!("`{code}`"),
        };
        match &self.message {
            Some(message) => format!("{code}: {}", one_line(message)),
            None => code,
        }
    }
}

/// An answer's text on one line, and not too long.
fn one_line(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(MESSAGE_LIMIT) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// Sorts an answer that is no success. `about` is what the call was about, in backticks where it is a name.
pub(crate) fn of_answer(call: &'static str, about: &str, answer: &RawResponse) -> CallError {
    let status = u16::from(answer.status());
    let mut words = Words::of_body(answer.body());
    if words.code.is_empty() {
        words.code = answer.headers().get_optional_string(&ERROR_CODE).unwrap_or_default();
    }
    let message = format!("{} ({about}{})", words.line(Some(status)), request_id(answer.headers()));
    kind_of(status, &words.code).error(call, message)
}

fn request_id(headers: &Headers) -> String {
    headers.get_optional_str(&REQUEST_ID).map(|id| format!(", request {id}")).unwrap_or_default()
}

/// Sorts an error of the SDK. `about` is what the call was about, in backticks where it is a name.
#[must_use]
pub fn call_error(call: &'static str, about: &str, error: &azure_core::Error) -> CallError {
    let kind = match error.kind() {
        ErrorKind::HttpResponse { raw_response: Some(answer), .. } => return of_answer(call, about, answer),
        ErrorKind::HttpResponse { status, error_code, .. } => kind_of(u16::from(*status), error_code.as_deref().unwrap_or_default()),
        ErrorKind::Connection | ErrorKind::Io => Kind::Unavailable,
        ErrorKind::Credential => kind_of_credential(error),
        // What we refuse to send, and answers that cannot be read.
        ErrorKind::DataConversion | ErrorKind::Other => Kind::Rejected,
    };
    kind.error(call, format!("{} ({about})", one_line(&chain(error))))
}

/// What it means that there is no token: a refusal of the identity's endpoint, or no usable answer of it.
fn kind_of_credential(error: &azure_core::Error) -> Kind {
    let mut cause = error.source();
    while let Some(found) = cause {
        if let Some(ErrorKind::HttpResponse { status, .. }) = found.downcast_ref::<azure_core::Error>().map(azure_core::Error::kind) {
            return match u16::from(*status) {
                429 => Kind::Throttled,
                408 | 500..=599 => Kind::Unavailable,
                _ => Kind::AccessDenied,
            };
        }
        cause = found.source();
    }
    Kind::Unavailable
}

/// An error and its causes in one line; a cause that only repeats its effect is left out.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;

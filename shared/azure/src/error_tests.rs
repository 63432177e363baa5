//! How answers are sorted, and what people are told of them.

use azure_core::http::headers::Headers;

use super::*;

#[test]
fn every_answer_is_sorted() {
    let table = [
        (404, "ResourceNotFound", Kind::NotFound),
        (404, "ParentResourceNotFound", Kind::NotFound),
        (404, "ResourceGroupNotFound", Kind::NotFound),
        (404, "KeyNotFound", Kind::NotFound),
        (404, "SecretNotFound", Kind::NotFound),
        (404, "", Kind::NotFound),
        // No news about the resource.
        (404, "SubscriptionNotFound", Kind::AccessDenied),
        (404, "InvalidResourceType", Kind::Rejected),
        (404, "InvalidResourceNamespace", Kind::Rejected),
        (409, "Conflict", Kind::InvalidState),
        (409, "VaultAlreadyExists", Kind::InvalidState),
        (409, "", Kind::InvalidState),
        (412, "PreconditionFailed", Kind::InvalidState),
        (409, "MissingSubscriptionRegistration", Kind::Rejected),
        (401, "", Kind::AccessDenied),
        (403, "AuthorizationFailed", Kind::AccessDenied),
        (403, "Forbidden", Kind::AccessDenied),
        (409, "ScopeLocked", Kind::AccessDenied),
        (429, "", Kind::Throttled),
        (429, "TooManyRequests", Kind::Throttled),
        (503, "ServerBusy", Kind::Throttled),
        (500, "", Kind::Unavailable),
        (503, "", Kind::Unavailable),
        (408, "", Kind::Unavailable),
        (400, "RetryableError", Kind::Unavailable),
        (400, "BadRequest", Kind::Rejected),
        (400, "FeatureNotSupportedForAccount", Kind::Unsupported),
        (405, "", Kind::Rejected),
        (302, "", Kind::Rejected),
    ];
    for (status, code, kind) in table {
        assert_eq!(kind_of(status, code), kind, "{status} {code}");
    }
}

fn told(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> String {
    let mut known = Headers::new();
    for (name, value) in headers {
        known.insert(*name, *value);
    }
    of_answer("arm:Get", "`/a`", &RawResponse::from_bytes(status.into(), known, body)).to_string()
}

#[test]
fn people_are_told_in_the_service_s_words() {
    let table = [
        (r#"{"error":{"code":"BadRequest","message":"it is\n bad"}}"#, "`BadRequest`: it is bad (`/a`)"),
        (r#"{"code":"BadRequest","message":"it is bad"}"#, "`BadRequest`: it is bad (`/a`)"),
        (r#"{"odata.error":{"code":"BadRequest","message":{"value":"it is bad"}}}"#, "`BadRequest`: it is bad (`/a`)"),
        (r#"{"error":{"code":"A","message":"m","innererror":{"code":"B"}}}"#, "`A` (`B`): m (`/a`)"),
        ("\u{feff}<Error><Code>A</Code><Message>m\nRequestId:1\nTime:2</Message></Error>", "`A`: m (`/a`)"),
        ("", "HTTP 400 (`/a`)"),
        ("<html>no</html>", "HTTP 400 (`/a`)"),
    ];
    for (body, words) in table {
        assert_eq!(told(400, &[], body), format!("arm:Get: rejected: {words}"), "{body}");
    }
}

#[test]
fn the_request_s_id_is_told() {
    assert_eq!(told(429, &[("x-ms-request-id", "r-1")], ""), "arm:Get: throttled: HTTP 429 (`/a`, request r-1)");
}

#[test]
fn a_code_may_be_in_a_header() {
    assert_eq!(told(404, &[("x-ms-error-code", "BlobNotFound")], ""), "arm:Get: the resource does not exist: `BlobNotFound` (`/a`)");
}

#[test]
fn long_messages_are_cut() {
    assert_eq!(one_line(&"é".repeat(1_001)).chars().count(), MESSAGE_LIMIT + 3);
}

#[test]
fn errors_of_the_sdk_are_sorted() {
    let of = |error: &azure_core::Error| call_error("arm:Get", "`/a`", error);
    let identity = |status: u16| {
        let kind = ErrorKind::HttpResponse { status: status.into(), error_code: None, raw_response: None };
        azure_core::Error::new(ErrorKind::Credential, azure_core::Error::with_message(kind, "no identity"))
    };
    for kind in [ErrorKind::Io, ErrorKind::Connection] {
        assert!(matches!(of(&azure_core::Error::with_message(kind, "no")), CallError::Unavailable { .. }));
    }
    for kind in [ErrorKind::Other, ErrorKind::DataConversion] {
        assert!(matches!(of(&azure_core::Error::with_message(kind, "no")), CallError::Rejected { .. }));
    }
    assert!(matches!(of(&identity(400)), CallError::AccessDenied { .. }));
    assert!(matches!(of(&identity(429)), CallError::Throttled { .. }));
    assert!(matches!(of(&identity(500)), CallError::Unavailable { .. }));
    assert!(matches!(of(&azure_core::Error::with_message(ErrorKind::Credential, "no")), CallError::Unavailable { .. }));
}

#[test]
fn a_cause_that_repeats_its_effect_is_said_once() {
    #[derive(Debug, thiserror::Error)]
    #[error("outer: inner")]
    struct Outer(#[source] Inner);
    #[derive(Debug, thiserror::Error)]
    #[error("inner")]
    struct Inner;
    assert_eq!(chain(&Outer(Inner)), "outer: inner");
}

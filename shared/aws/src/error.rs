//! From SDK errors to the engine's [`CallError`]: one table of error codes, then the HTTP status, so that no answer is left unsorted.
//!
//! Sorted by code rather than by SDK variant: the codes are what the services send and document, and some of the most important
//! (`AccessDeniedException`, `ThrottlingException`) are not modelled at all.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use reprieve_engine::CallError;
pub use reprieve_engine::CallErrorKind as Kind;

/// Sorts an SDK error. `own` knows the codes that mean something else, or something more, in the one service.
pub fn call_error<E>(call: &'static str, error: &SdkError<E, HttpResponse>, own: fn(&str) -> Option<Kind>) -> CallError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    #[expect(clippy::wildcard_enum_match_arm, reason = "a failure of a kind that is added later is no usable answer either")]
    let (kind, message) = match error {
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            let code = answer.err().code().unwrap_or_default();
            let kind = own(code).or_else(|| kind_of_code(code)).unwrap_or_else(|| kind_of_status(status));
            (kind, words_of(answer.err(), status))
        }
        SdkError::ConstructionFailure(_) => (Kind::Rejected, chain(error)),
        // An answer that cannot be read, none at all, or none in time: the call may have taken effect.
        _ => (Kind::Unavailable, chain(error)),
    };
    let message = match error.request_id() {
        Some(id) => format!("{message} (request {id})"),
        None => message,
    };
    kind.error(call, message)
}

/// For services whose codes are all in the common table.
pub(crate) const fn no_own_codes(_code: &str) -> Option<Kind> {
    None
}

/// The codes that mean the same in every AWS service.
fn kind_of_code(code: &str) -> Option<Kind> {
    let kind = match code {
        "AccessDenied"
        | "AccessDeniedException"
        | "AuthorizationError"
        | "AuthorizationErrorException"
        | "IncompleteSignature"
        | "InvalidSecurity"
        | "InvalidAccessKeyId"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "KMSAccessDenied"
        | "KMSOptInRequired"
        | "MissingAuthenticationToken"
        | "NotAuthorized"
        | "OptInRequired"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException" => Kind::AccessDenied,
        "BandwidthLimitExceeded"
        | "ConditionalRequestConflict"
        | "KMSThrottling"
        | "LimitExceededException"
        | "OperationAborted"
        | "PriorRequestNotComplete"
        | "ProvisionedThroughputExceededException"
        | "ReplicatedWriteConflictException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "SlowDown"
        | "Throttled"
        | "ThrottledException"
        | "Throttling"
        | "ThrottlingException"
        | "TooManyRequestsException"
        | "TransactionConflictException"
        | "TransactionInProgressException" => Kind::Throttled,
        // Lambda gives expired credentials to no new environment: the next attempt runs in one.
        "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpired"
        | "InternalError"
        | "InternalFailure"
        | "InternalServerError"
        | "RequestTimeout"
        | "RequestTimeoutException"
        | "ServiceUnavailable"
        | "ServiceUnavailableException" => Kind::Unavailable,
        _ => return None,
    };
    Some(kind)
}

/// What an unknown code means, by its HTTP status.
const fn kind_of_status(status: u16) -> Kind {
    match status {
        401 | 403 => Kind::AccessDenied,
        429 => Kind::Throttled,
        408 | 500..=599 => Kind::Unavailable,
        _ => Kind::Rejected,
    }
}

/// The provider's own words.
fn words_of(error: &(impl ProvideErrorMetadata + Error), status: u16) -> String {
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("`{code}`: {message}"),
        (Some(code), None) => format!("`{code}`"),
        (None, Some(message)) => format!("HTTP {status}: {message}"),
        (None, None) => format!("HTTP {status}"),
    }
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
mod tests {
    use super::*;

    #[test]
    fn an_unknown_code_is_sorted_by_its_status() {
        let table = [
            (400, Kind::Rejected),
            (403, Kind::AccessDenied),
            (404, Kind::Rejected),
            (408, Kind::Unavailable),
            (429, Kind::Throttled),
            (500, Kind::Unavailable),
            (503, Kind::Unavailable),
        ];
        for (status, kind) in table {
            assert_eq!(kind_of_status(status), kind, "{status}");
        }
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
}

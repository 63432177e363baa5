//! What the answers of CloudTrail, CloudWatch, CloudWatch Logs, SNS, EventBridge and IAM mean: to a look, and to a change. It calls nothing.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use reprieve_aws::{Kind, call_error};
use reprieve_core::monitoring::{MANAGED_BY, MANAGED_BY_TAG};
use reprieve_engine::CallError;
pub(crate) use reprieve_engine::observe::known;

/// How many calls of one kind are under way at once: enough for few round trips, and well below each service's quota.
pub(crate) const AT_ONCE: usize = 8;

/// Sorts the error of a call that looks.
pub(crate) fn sorted<E>(call: &'static str) -> impl Fn(SdkError<E, HttpResponse>) -> CallError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    move |error| call_error(call, &error, kind_of_monitoring_code)
}

/// Sorts the error of a call that changes something.
///
/// What a change is made to was seen, or made, a moment before. Where it is not found, either the service does not know it everywhere yet,
/// or it has just been deleted; both ask for another attempt, and another look.
pub(crate) fn sorted_change<E>(call: &'static str) -> impl Fn(SdkError<E, HttpResponse>) -> CallError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    move |error| match call_error(call, &error, kind_of_monitoring_code) {
        CallError::NotFound { call, message } => CallError::Unavailable { call, message },
        other @ (CallError::InvalidState { .. }
        | CallError::Unsupported { .. }
        | CallError::AccessDenied { .. }
        | CallError::Throttled { .. }
        | CallError::Unavailable { .. }
        | CallError::Rejected { .. }) => other,
    }
}

/// What the codes of these services mean, where the common table does not say, or says something else.
///
/// Sources: the "Errors" section of each call in the API references of the services. A quota that is used up is no throttling: it does
/// not pass by itself. Right after a role or a log group was made, `CloudTrail` cannot use it yet and calls its ARN invalid.
pub(crate) fn kind_of_monitoring_code(code: &str) -> Option<Kind> {
    let kind = match code {
        "NoSuchEntity" | "NotFound" | "NotFoundException" | "ResourceNotFound" | "ResourceNotFoundException" | "TrailNotFoundException" => {
            Kind::NotFound
        }
        "ConcurrentAccess"
        | "ConcurrentAccessException"
        | "ConcurrentModification"
        | "ConcurrentModificationException"
        | "ConflictException"
        | "OperationAbortedException"
        | "StaleTag" => Kind::Throttled,
        "InternalException"
        | "InternalServiceError"
        | "InternalServiceFault"
        | "InvalidCloudWatchLogsLogGroupArnException"
        | "InvalidCloudWatchLogsRoleArnException"
        | "KMSInternalException"
        | "DependencyTimeoutException" => Kind::Unavailable,
        "FilterPolicyLimitExceeded"
        | "InsufficientEncryptionPolicyException"
        | "InsufficientS3BucketPolicyException"
        | "LimitExceeded"
        | "LimitExceededException"
        | "LimitExceededFault"
        | "MaximumNumberOfTrailsExceededException"
        | "SubscriptionLimitExceeded"
        | "TagLimitExceeded"
        | "TopicLimitExceeded" => Kind::Rejected,
        _ => return None,
    };
    Some(kind)
}

/// The answer makes no sense.
pub(crate) fn senseless(call: &'static str, what: impl Into<String>) -> CallError {
    CallError::Rejected { call, message: what.into() }
}

/// Returns the code of a service's answer; empty where there was no answer.
pub(crate) fn code_of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> &str {
    error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default()
}

/// Says whether this is the tag that what we made bears.
pub(crate) fn is_our_tag(key: &str, value: &str) -> bool {
    key == MANAGED_BY_TAG && value == MANAGED_BY
}

/// Says whether something bears our tag. What cannot be seen to be ours is taken for somebody else's, and left alone.
pub(crate) fn is_ours(name: &str, answer: Result<bool, CallError>) -> bool {
    match answer {
        Ok(is_ours) => is_ours,
        Err(CallError::NotFound { .. }) => false,
        Err(error) => {
            tracing::warn!(name, %error, "tags cannot be read: it is taken for somebody else's");
            false
        }
    }
}

/// Counts as the services send them; what is negative or missing is `None`.
pub(crate) fn count(number: Option<i32>) -> Option<u32> {
    number.and_then(|number| u32::try_from(number).ok())
}

/// A count as the services take it.
///
/// # Errors
/// When it is beyond what the services know.
pub(crate) fn as_count(call: &'static str, what: &str, number: u32) -> Result<i32, CallError> {
    i32::try_from(number).map_err(|_| senseless(call, format!("{what} of {number} is out of range")))
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;

//! What looks and changes make of the services' answers.

use aws_sdk_cloudtrail::operation::create_trail::CreateTrailError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use reprieve_core::facts::Known;
use reprieve_engine::Disposition;

use super::*;
use crate::scripted::{kind, refusal};

fn error_of(status: u16, code: &str) -> SdkError<CreateTrailError, HttpResponse> {
    let response = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty());
    SdkError::service_error(CreateTrailError::generic(refusal(code)), response)
}

#[test]
fn every_code_of_the_services_is_sorted() {
    for (status, code, looked, changed) in [
        (400, "TrailNotFoundException", "not found", "unavailable"),
        (400, "ResourceNotFoundException", "not found", "unavailable"),
        (404, "NotFound", "not found", "unavailable"),
        (400, "InvalidCloudWatchLogsLogGroupArnException", "unavailable", "unavailable"),
        (400, "InvalidCloudWatchLogsRoleArnException", "unavailable", "unavailable"),
        (400, "InsufficientEncryptionPolicyException", "rejected", "rejected"),
        (403, "InsufficientS3BucketPolicyException", "rejected", "rejected"),
        (404, "S3BucketDoesNotExistException", "rejected", "rejected"),
        (403, "MaximumNumberOfTrailsExceededException", "rejected", "rejected"),
        (400, "LimitExceededException", "rejected", "rejected"),
        (400, "LimitExceeded", "rejected", "rejected"),
        (403, "SubscriptionLimitExceeded", "rejected", "rejected"),
        (400, "ConcurrentModificationException", "throttled", "throttled"),
        (400, "OperationAbortedException", "throttled", "throttled"),
        (409, "ConflictException", "throttled", "throttled"),
        (400, "ThrottlingException", "throttled", "throttled"),
        (403, "AuthorizationError", "access denied", "access denied"),
        (400, "AccessDeniedException", "access denied", "access denied"),
        (500, "InternalServiceFault", "unavailable", "unavailable"),
        (503, "SomethingNew", "unavailable", "unavailable"),
        (400, "InvalidParameterException", "rejected", "rejected"),
    ] {
        let look = sorted("service:Look")(error_of(status, code));
        let change = sorted_change("service:Change")(error_of(status, code));
        assert_eq!((kind(&look), kind(&change)), (looked, changed), "{status} {code}");
        assert!(look.to_string().starts_with("service:Look: ") && look.to_string().contains(code), "{look}");
    }
}

#[test]
fn a_quota_that_is_used_up_is_not_tried_again() {
    assert_eq!(sorted_change("logs:PutMetricFilter")(error_of(400, "LimitExceededException")).disposition(), Disposition::Permanent);
}

#[test]
fn only_the_services_own_word_makes_something_absent() {
    for (code, expected) in [("NotFound", Known::Absent), ("NotFoundException", Known::Absent)] {
        assert_eq!(known::<()>(Err(sorted("sns:GetTopicAttributes")(error_of(404, code)))), expected);
    }
    for code in ["AccessDenied", "ThrottlingException", "InternalError", "SomethingNew"] {
        let found = known::<()>(Err(sorted("sns:GetTopicAttributes")(error_of(400, code))));
        assert!(found.unreadable_reason().is_some_and(|reason| reason.starts_with("sns:GetTopicAttributes: ")), "{code}: {found:?}");
    }
}

#[test]
fn what_cannot_be_seen_to_be_ours_is_not() {
    assert!(is_ours("x", Ok(true)));
    assert!(!is_ours("x", Ok(false)));
    assert!(!is_ours("x", Err(sorted("logs:ListTagsForResource")(error_of(400, "AccessDeniedException")))));
}

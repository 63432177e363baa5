//! Conditional writes to S3: an object is created, or replaced in the version that was read, or left as it is.
//!
//! How S3 refuses one: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>.

use std::time::Duration;

use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::put_object::PutObjectError;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;
use reprieve_engine::CallError;

use crate::error::{call_error, no_own_codes};

const CALL: &str = "s3:PutObject";

/// How often a write is tried that conflicts with another one of the same name. The other one wins or fails within moments.
const CONFLICT_ATTEMPTS: u32 = 4;
const CONFLICT_PAUSE: Duration = Duration::from_millis(50);

/// Writes an object under the condition that `request` carries (`If-None-Match` or `If-Match`). Returns `false` where the condition does not
/// hold: the object is there already, or is no longer the version that was to be replaced. `request` is made anew for each attempt.
///
/// # Errors
/// When S3 refuses for any other reason, or goes on reporting conflicts.
pub async fn put_conditionally(request: impl Fn() -> PutObjectFluentBuilder) -> Result<bool, CallError> {
    let mut attempt = 1;
    loop {
        match request().send().await {
            Ok(_) => return Ok(true),
            Err(error) => match Refusal::of(&error) {
                Some(Refusal::ConditionFailed) => return Ok(false),
                Some(Refusal::Conflict) if attempt < CONFLICT_ATTEMPTS => {
                    tokio::time::sleep(CONFLICT_PAUSE * attempt).await;
                    attempt += 1;
                }
                Some(Refusal::Conflict) | None => return Err(call_error(CALL, &error, no_own_codes)),
            },
        }
    }
}

/// How S3 refuses a conditional write.
enum Refusal {
    /// An object of this name exists, or not in this version. One that is to be replaced and does not exist is answered with `NoSuchKey`.
    ConditionFailed,
    /// Another write of this name is under way.
    Conflict,
}

impl Refusal {
    fn of(error: &SdkError<PutObjectError, HttpResponse>) -> Option<Self> {
        let status = error.raw_response()?.status().as_u16();
        let code = error.as_service_error()?.code().unwrap_or_default();
        match (status, code) {
            (412, _) | (_, "PreconditionFailed" | "NoSuchKey") => Some(Self::ConditionFailed),
            (_, "ConditionalRequestConflict" | "OperationAborted") => Some(Self::Conflict),
            _ => None,
        }
    }
}

//! What the scripted tests share: a place, and answers that refuse.

use aws_smithy_types::error::ErrorMetadata;
use reprieve_core::monitoring::world::Place;
use reprieve_core::{AccountId, Partition, Region};
use reprieve_engine::CallError;

/// Where the scripted monitoring stands.
pub(crate) fn place() -> Place {
    Place {
        partition: Partition::parse("aws").unwrap(),
        account: AccountId::parse("111122223333").unwrap(),
        region: Region::parse("eu-central-1").unwrap(),
    }
}

/// A service's refusal, by its code.
pub(crate) fn refusal(code: &str) -> ErrorMetadata {
    ErrorMetadata::builder().code(code).message("the words of the service").build()
}

/// The kind of an error, in words.
pub(crate) const fn kind(error: &CallError) -> &'static str {
    match error {
        CallError::NotFound { .. } => "not found",
        CallError::InvalidState { .. } => "invalid state",
        CallError::Unsupported { .. } => "unsupported",
        CallError::AccessDenied { .. } => "access denied",
        CallError::Throttled { .. } => "throttled",
        CallError::Unavailable { .. } => "unavailable",
        CallError::Rejected { .. } => "rejected",
    }
}

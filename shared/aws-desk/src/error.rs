//! What can go wrong at the desk, in words for the person who sits there; and whether it lies with what was given, or with the cloud.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use reprieve_aws::TlsError;
use reprieve_core::approval::SealError;
use reprieve_core::{IdError, KeyArn};
use reprieve_engine::CallError;

/// Says why the desk could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Neither the environment, nor the profile, nor an option names a Region.
    #[error("no Region is known: give --region, set AWS_REGION, or name the key by its full ARN")]
    NoRegion,
    /// No credentials were found, or they could not be used.
    #[error("no AWS credentials can be used (set AWS_PROFILE or give --profile, after `aws sso login` where you sign in with it): {0}")]
    Credentials(String),
    /// The key does not exist there.
    #[error("there is no key `{name}` in {place}: give its id, its ARN, or `alias/NAME` ({message})")]
    NoSuchKey {
        /// What was given.
        name: String,
        /// Where it was looked for.
        place: String,
        /// The provider's message.
        message: String,
    },
    /// The text is no name of a key.
    #[error("`{0}` is no key: give its id, its ARN (`arn:aws:kms:REGION:ACCOUNT:key/ID`), or `alias/NAME`")]
    KeyName(String),
    /// An answer holds an id that cannot be one.
    #[error(transparent)]
    Id(#[from] IdError),
    /// A value cannot be sealed, or a seal does not hold.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The approval key is of the wrong kind.
    #[error("`{name}` cannot seal: it is a {spec} key for {usage}, and approvals are sealed with an ECC_NIST_P256 key for SIGN_VERIFY")]
    WrongKind {
        /// What was given.
        name: String,
        /// The key's specification.
        spec: String,
        /// What it may be used for.
        usage: String,
    },
    /// KMS answered with something that is no signature.
    #[error("kms:Sign answered with something that is no ES256 signature")]
    NoSignature,
    /// The seal that was just made does not verify; nothing was written.
    #[error("the seal that KMS made does not verify with the key's own public key, so nothing was written: {0}")]
    SealDoesNotVerify(SealError),
    /// Tags of the key cannot be changed in its state.
    #[error("the tags of `{key}` cannot be changed: its deletion is pending. Approve in the ledger instead, with --late")]
    PendingDeletion {
        /// The key.
        key: KeyArn,
    },
    /// The caller is not allowed to.
    #[error("{call}: you are not allowed to: {message}")]
    AccessDenied {
        /// The call, as `service:Operation`.
        call: &'static str,
        /// The provider's message.
        message: String,
    },
    /// The provider answered otherwise than hoped, or not at all.
    #[error("{call}: {message}")]
    Call {
        /// The call.
        call: &'static str,
        /// The provider's message.
        message: String,
    },
    /// The ledger answered otherwise than hoped, or not at all.
    #[error("the ledger `{table}`: {source}")]
    Ledger {
        /// The table.
        table: String,
        /// What it answered.
        source: CallError,
    },
}

impl DeskError {
    /// Says whether what was given is at fault, rather than the cloud.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        match self {
            Self::NoRegion
            | Self::NoSuchKey { .. }
            | Self::KeyName(_)
            | Self::Seal(_)
            | Self::WrongKind { .. }
            | Self::PendingDeletion { .. } => true,
            Self::Tls(_)
            | Self::Credentials(_)
            | Self::Id(_)
            | Self::NoSignature
            | Self::SealDoesNotVerify(_)
            | Self::AccessDenied { .. }
            | Self::Call { .. }
            | Self::Ledger { .. } => false,
        }
    }

    /// Says whether the caller lacks a permission.
    #[must_use]
    pub const fn is_access_denied(&self) -> bool {
        matches!(self, Self::AccessDenied { .. } | Self::Ledger { source: CallError::AccessDenied { .. }, .. })
    }
}

/// Returns the code of a service's answer; `None` where there was no answer.
pub(crate) fn code_of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

/// Sorts an SDK error.
pub(crate) fn sorted<E>(call: &'static str) -> impl Fn(SdkError<E, HttpResponse>) -> DeskError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    move |error| {
        let Some(answer) = error.as_service_error() else {
            let words = chain(&error);
            // The SDK has no type for it that could be matched.
            let lacks_credentials = words.contains("credentials") || words.contains("identity");
            // Below its first line stand the places that it looked at.
            let first = words.lines().next().unwrap_or_default().trim_end_matches(" Attempted:").to_owned();
            return if lacks_credentials { DeskError::Credentials(first) } else { DeskError::Call { call, message: words } };
        };
        let code = answer.code().unwrap_or_default();
        let message = answer.message().map_or_else(|| code.to_owned(), |message| format!("{message} ({code})"));
        match code {
            "AccessDenied" | "AccessDeniedException" | "NotAuthorized" => DeskError::AccessDenied { call, message },
            "ExpiredToken" | "ExpiredTokenException" | "InvalidClientTokenId" | "UnrecognizedClientException" | "SignatureDoesNotMatch" => {
                DeskError::Credentials(message)
            }
            _ => DeskError::Call { call, message },
        }
    }
}

/// The error and its sources in one line, each said once.
fn chain(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let text = error.to_string();
        if !words.contains(&text) {
            words.push_str(": ");
            words.push_str(&text);
        }
        source = error.source();
    }
    words
}

//! What the adapters are told. Nothing in this crate reads the environment by itself.

use std::time::Duration;

use aws_credential_types::Credentials;
use reprieve_core::Region;
use reprieve_core::policy::{PolicyError, PolicyFile};

use crate::kms::Quotas;

/// How long a claim on an event lasts without a word from its holder, where nothing else is asked for.
///
/// As long as the longest time-out of the function that answers events: whoever is silent for longer has been stopped. It is shorter than
/// the queue's visibility time-out, so that the next delivery after a crash finds the claim free.
pub const DEFAULT_LEASE: Duration = Duration::from_mins(1);

/// Everything that the adapters need to know.
#[derive(Debug, Clone)]
pub struct AwsSettings {
    /// The Region that is guarded (`AWS_REGION`).
    pub region: Region,
    /// Whom to call as; see [`credentials`].
    pub credentials: Credentials,
    /// Where to send every call instead of to AWS (`AWS_ENDPOINT_URL`): a local cloud, with path-style S3 addresses. Only then may the
    /// scheme be `http`.
    pub endpoint_url: Option<String>,
    /// The DynamoDB table of the ledger.
    pub ledger_table: String,
    /// The S3 bucket of the audit records.
    pub audit_bucket: String,
    /// How long each audit record is locked, in days.
    pub retention_days: u32,
    /// The SNS topic of the notices.
    pub topic_arn: String,
    /// How long a claim lasts without a word from its holder; see [`DEFAULT_LEASE`].
    pub lease: Duration,
    /// The calls a second that this process may make of the scarce ones.
    pub quotas: Quotas,
    /// The SSM parameter that holds the user's policies, or a path ending in `/` below which every parameter is a file of them.
    pub policy_parameter: Option<String>,
    /// The user's policies that were deployed with the function, or why they cannot be read; then nothing is approved.
    pub policy_files: Result<Vec<PolicyFile>, PolicyError>,
    /// The SSM parameter that holds the webhooks of chats, one `slack URL` or `teams URL` a line.
    pub webhook_parameter: Option<String>,
    /// The Change Calendars, by name or ARN; where there is none, none is asked.
    pub change_calendars: Vec<String>,
}

/// Says which variable is missing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{variable}` is not set: AWS Lambda sets it to the credentials of the function's role")]
pub struct CredentialsError {
    variable: &'static str,
}

/// Makes credentials of the three variables that AWS Lambda sets, looked up by `variable`. There is no other source: no instance
/// metadata, profile or single sign-on. They last as long as the execution environment.
///
/// # Errors
/// Names the variable that is missing or empty. The session token may be absent: a user's own keys have none.
pub fn credentials(variable: impl Fn(&str) -> Option<String>) -> Result<Credentials, CredentialsError> {
    let set = |name: &'static str| variable(name).filter(|value| !value.is_empty());
    let needed = |name| set(name).ok_or(CredentialsError { variable: name });
    Ok(Credentials::new(needed("AWS_ACCESS_KEY_ID")?, needed("AWS_SECRET_ACCESS_KEY")?, set("AWS_SESSION_TOKEN"), None, "environment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_missing_variable_is_named() {
        let error = credentials(|name| (name == "AWS_ACCESS_KEY_ID").then(|| "AKIA".to_owned())).unwrap_err();
        assert!(error.to_string().starts_with("`AWS_SECRET_ACCESS_KEY` is not set"), "{error}");
    }

    #[test]
    fn the_session_token_is_taken_where_there_is_one() {
        let credentials = credentials(|name| Some(name.to_lowercase())).unwrap();
        assert_eq!(credentials.session_token(), Some("aws_session_token"));
    }
}

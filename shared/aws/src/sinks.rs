//! What a function needs that keeps evidence and tells people, and touches neither keys nor the ledger: the audit store, the notices,
//! and the configuration for SDK clients that are made elsewhere, all over one connection pool.

use aws_credential_types::Credentials;
use aws_types::SdkConfig;
use reprieve_core::Region;

use crate::audit::S3AuditSink;
use crate::channels::ChatNoticeSink;
use crate::client::{AwsNoticeSink, ConnectError, http_client, lazily_sns, lazily_ssm, s3_client, sdk_config};
use crate::notice::SnsNoticeSink;
use crate::parameters::ParameterStore;
use crate::responses::CloudFormationResponses;
use crate::webhook::FanOutNoticeSink;
use reprieve_engine::SystemClock;

/// What the sinks are told.
#[derive(Debug, Clone)]
pub struct SinkSettings {
    /// The Region (`AWS_REGION`).
    pub region: Region,
    /// Whom to call as; see [`crate::credentials`].
    pub credentials: Credentials,
    /// Where to send every call instead of to AWS (`AWS_ENDPOINT_URL`).
    pub endpoint_url: Option<String>,
    /// The S3 bucket of the audit records.
    pub audit_bucket: String,
    /// How long each audit record is locked, in days.
    pub retention_days: u32,
    /// The SNS topic of the notices.
    pub topic_arn: String,
    /// The SSM parameter that holds the webhooks of chats.
    pub webhook_parameter: Option<String>,
}

/// Where evidence and notices go.
#[derive(Debug)]
pub struct Sinks {
    /// Audit records.
    pub audit: S3AuditSink,
    /// Notices.
    pub notices: AwsNoticeSink,
    /// The time.
    pub clock: SystemClock,
    /// Answers to CloudFormation.
    pub responses: CloudFormationResponses,
    /// The configuration of further SDK clients: same credentials, connections, waits and retries.
    pub config: SdkConfig,
}

/// Makes the sinks. Opens no connection.
///
/// # Errors
/// When TLS cannot be set up, or the endpoint is no URL.
pub fn connect_sinks(settings: &SinkSettings) -> Result<Sinks, ConnectError> {
    let http = http_client(settings.endpoint_url.as_deref())?;
    let config = sdk_config(&settings.region, &settings.credentials, settings.endpoint_url.as_deref(), &http);
    let parameters = ParameterStore::new(lazily_ssm(&config));
    let chats = ChatNoticeSink::new(parameters, http.clone(), settings.webhook_parameter.clone(), SystemClock);
    let s3 = s3_client(&config, settings.endpoint_url.is_some());
    Ok(Sinks {
        audit: S3AuditSink::new(s3, &settings.audit_bucket, settings.retention_days),
        notices: FanOutNoticeSink::new(SnsNoticeSink::new(lazily_sns(&config), &settings.topic_arn), chats),
        clock: SystemClock,
        responses: CloudFormationResponses::new(http),
        config,
    })
}

//! The SDK clients, built by hand: one HTTP client, one retry and time-out policy, credentials given.
//!
//! Nothing is looked up: no profile, no instance metadata, no environment. See `http` and `tls` for what is underneath.

use std::time::Duration;

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_kms::config::BehaviorVersion;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::app_name::AppName;
use aws_types::region::Region;

use crate::audit::S3AuditSink;
use crate::channels::ChatNoticeSink;
use crate::circumstances::AwsCircumstances;
use crate::http::{Http, Schemes, Waits};
use crate::kms::{KmsClients, KmsKeyControl};
use crate::lazily::{Lazily, lazily};
use crate::ledger::DynamoLedger;
use crate::notice::SnsNoticeSink;
use crate::parameters::ParameterStore;
use crate::policies::{SsmPolicySource, policies};
use crate::settings::AwsSettings;
use crate::tls::TlsError;
use crate::webhook::FanOutNoticeSink;
use reprieve_engine::SystemClock;

/// For name resolution, TCP and TLS together.
const CONNECT_WAIT: Duration = Duration::from_secs(1);
/// From sending a request to the head of its answer, a new connection included.
const ANSWER_WAIT: Duration = Duration::from_secs(3);
/// One attempt, up to the whole answer being read.
const ATTEMPT_WAIT: Duration = Duration::from_secs(4);
/// All attempts of one call. A third of the function's time-out: a plan is two such calls in a row.
const OPERATION_WAIT: Duration = Duration::from_secs(10);
/// The attempts of one call, the first included. What then remains is retried by the queue.
const ATTEMPTS: u32 = 4;

/// Shows in CloudTrail's `userAgent` of every call.
const APP_NAME: &str = "reprieve";

/// Says why no clients can be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The endpoint is no URL.
    #[error("the endpoint `{url}` is no URL such as `http://127.0.0.1:4566`")]
    Endpoint {
        /// What was given.
        url: String,
    },
}

/// The clients of all services, over one connection pool. Those that few events need are made when one does: a client takes
/// milliseconds of a cold start.
#[derive(Debug, Clone)]
pub struct Clients {
    pub(crate) kms: KmsClients,
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) s3: aws_sdk_s3::Client,
    pub(crate) sns: Lazily<aws_sdk_sns::Client>,
    pub(crate) cloudtrail: Lazily<aws_sdk_cloudtrail::Client>,
    pub(crate) ssm: Lazily<aws_sdk_ssm::Client>,
    pub(crate) http: Http,
}

/// Tells people through the topic, which must get every notice, and through chats.
pub type AwsNoticeSink = FanOutNoticeSink<SnsNoticeSink, ChatNoticeSink>;

/// The engine's ports on AWS.
#[derive(Debug)]
pub struct AwsPorts {
    /// Keys.
    pub keys: KmsKeyControl,
    /// The ledger.
    pub ledger: DynamoLedger,
    /// Audit records.
    pub audit: S3AuditSink,
    /// Notices.
    pub notices: AwsNoticeSink,
    /// The time.
    pub clock: SystemClock,
    /// What was called before, and what the calendars say.
    pub circumstances: AwsCircumstances,
    /// The policies.
    pub policies: SsmPolicySource,
}

/// Makes the clients. Opens no connection: see [`Clients::warm`].
///
/// # Errors
/// When TLS cannot be set up, or the endpoint is no URL.
pub fn connect(settings: &AwsSettings) -> Result<Clients, ConnectError> {
    let http = http_client(settings.endpoint_url.as_deref())?;
    let config = sdk_config(&settings.region, &settings.credentials, settings.endpoint_url.as_deref(), &http);
    Ok(Clients {
        kms: KmsClients::new(&config),
        dynamodb: aws_sdk_dynamodb::Client::new(&config),
        s3: s3_client(&config, settings.endpoint_url.is_some()),
        sns: lazily_sns(&config),
        cloudtrail: lazily_cloudtrail(&config),
        ssm: lazily_ssm(&config),
        http,
    })
}

/// Makes the configuration of SDK clients that are made elsewhere, for whoever needs nothing else. Opens no connection.
///
/// # Errors
/// When TLS cannot be set up, or the endpoint is no URL.
pub fn connect_config(
    region: &reprieve_core::Region,
    credentials: &aws_credential_types::Credentials,
    endpoint_url: Option<&str>,
) -> Result<SdkConfig, ConnectError> {
    let http = http_client(endpoint_url)?;
    Ok(sdk_config(region, credentials, endpoint_url, &http))
}

/// Makes the HTTP client: plain HTTP is spoken with a local cloud alone.
///
/// # Errors
/// When TLS cannot be set up, or the endpoint is no URL.
pub(crate) fn http_client(endpoint_url: Option<&str>) -> Result<Http, ConnectError> {
    if let Some(url) = endpoint_url.filter(|url| !is_url(url)) {
        return Err(ConnectError::Endpoint { url: url.to_owned() });
    }
    let schemes = if endpoint_url.is_some() { Schemes::HttpToo } else { Schemes::HttpsOnly };
    Ok(Http::new(crate::tls::config()?, Waits { connect: CONNECT_WAIT, answer: ANSWER_WAIT }, schemes))
}

/// A local cloud has no host name for each bucket.
pub(crate) fn s3_client(config: &SdkConfig, is_local: bool) -> aws_sdk_s3::Client {
    aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(config).force_path_style(is_local).build())
}

impl Clients {
    /// Makes the engine's ports over these clients.
    #[must_use]
    pub fn ports(&self, settings: &AwsSettings) -> AwsPorts {
        let parameters = ParameterStore::new(self.ssm.clone());
        let chats = ChatNoticeSink::new(parameters.clone(), self.http.clone(), settings.webhook_parameter.clone(), SystemClock);
        let (cloudtrail, ssm) = (self.cloudtrail.clone(), self.ssm.clone());
        let (files, parameter) = (settings.policy_files.clone(), settings.policy_parameter.clone());
        AwsPorts {
            keys: KmsKeyControl::new(self.kms.clone(), settings.quotas),
            ledger: DynamoLedger::new(self.dynamodb.clone(), &settings.ledger_table, settings.lease),
            audit: S3AuditSink::new(self.s3.clone(), &settings.audit_bucket, settings.retention_days),
            notices: FanOutNoticeSink::new(SnsNoticeSink::new(self.sns.clone(), &settings.topic_arn), chats),
            clock: SystemClock,
            circumstances: AwsCircumstances::new(cloudtrail, ssm, settings.quotas, settings.change_calendars.clone(), SystemClock),
            policies: policies(parameters.clone(), files, parameter, SystemClock),
        }
    }
}

/// Without the SDK's retries: look-ups are tried again at the pace that all of them share.
fn lazily_cloudtrail(config: &SdkConfig) -> Lazily<aws_sdk_cloudtrail::Client> {
    use aws_sdk_cloudtrail::{Client, config::Builder};
    let config = config.clone();
    lazily(move || Client::from_conf(Builder::from(&config).retry_config(RetryConfig::disabled()).build()))
}

pub(crate) fn lazily_sns(config: &SdkConfig) -> Lazily<aws_sdk_sns::Client> {
    let config = config.clone();
    lazily(move || aws_sdk_sns::Client::new(&config))
}

pub(crate) fn lazily_ssm(config: &SdkConfig) -> Lazily<aws_sdk_ssm::Client> {
    let config = config.clone();
    lazily(move || aws_sdk_ssm::Client::new(&config))
}

fn is_url(text: &str) -> bool {
    text.parse::<http::Uri>().is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some())
}

/// Makes what every SDK client is configured with.
pub(crate) fn sdk_config(
    region: &reprieve_core::Region,
    credentials: &aws_credential_types::Credentials,
    endpoint_url: Option<&str>,
    http: &Http,
) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_WAIT)
        .read_timeout(ANSWER_WAIT)
        .operation_attempt_timeout(ATTEMPT_WAIT)
        .operation_timeout(OPERATION_WAIT)
        .build();
    // Adaptive: after a throttled answer the client slows itself down instead of spending its attempts.
    let retries = RetryConfig::adaptive()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(Duration::from_millis(200))
        .with_max_backoff(Duration::from_secs(2));
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_string()))
        .credentials_provider(SharedCredentialsProvider::new(credentials.clone()))
        .http_client(http.for_sdk())
        .retry_config(retries)
        .timeout_config(timeouts)
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SharedTimeSource::new(SystemTimeSource::new()));
    config.set_endpoint_url(endpoint_url.map(ToOwned::to_owned));
    config.set_app_name(AppName::new(APP_NAME).ok());
    config.build()
}

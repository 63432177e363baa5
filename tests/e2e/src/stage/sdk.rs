//! SDK clients that talk to the local cloud.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_kms::config::BehaviorVersion;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;

/// How to reach one local cloud.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Address, such as `http://127.0.0.1:40213`.
    pub url: String,
    /// Region of the guard.
    pub region: String,
    http: SharedHttpClient,
}

impl Endpoint {
    /// Makes an endpoint; no connection is opened yet.
    #[must_use]
    pub fn new(url: &str, region: &str) -> Self {
        Self { url: url.to_owned(), region: region.to_owned(), http: aws_smithy_http_client::Builder::new().build_http() }
    }

    /// Returns a configuration with these credentials in this Region.
    ///
    /// Throttled calls are repeated patiently: people and scripts do so too.
    #[must_use]
    pub fn config(&self, credentials: Credentials, region: &str) -> SdkConfig {
        let retries = RetryConfig::standard()
            .with_max_attempts(20)
            .with_initial_backoff(Duration::from_millis(100))
            .with_max_backoff(Duration::from_millis(800));
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .endpoint_url(&self.url)
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(self.http.clone())
            .retry_config(retries)
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .time_source(SharedTimeSource::new(SystemTimeSource::new()))
            .build()
    }

    /// Returns the configuration of the account's root user, in whose name the stage is set and looked at.
    #[must_use]
    pub fn root_config(&self) -> SdkConfig {
        self.config(Credentials::from_keys("test", "test", None), &self.region)
    }

    /// Returns the same in the Region that nobody guards.
    #[must_use]
    pub fn config_elsewhere(&self) -> SdkConfig {
        self.config(Credentials::from_keys("test", "test", None), super::people::OTHER_REGION)
    }
}

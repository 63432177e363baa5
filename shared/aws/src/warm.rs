//! Opens the connections that the first event will use, before it arrives: TCP and TLS alone, no request, no permission needed.
//!
//! A failure here is no failure: whatever was not opened is opened by the first request, as without it.

use std::time::Duration;

use aws_sdk_dynamodb::config::endpoint::ResolveEndpoint as _;
use aws_sdk_kms::config::endpoint::ResolveEndpoint as _;
use aws_sdk_s3::config::endpoint::ResolveEndpoint as _;
use aws_sdk_ssm::config::endpoint::ResolveEndpoint as _;
use aws_smithy_runtime_api::box_error::BoxError;
use futures_util::future::join_all;

use crate::client::Clients;
use crate::settings::AwsSettings;

/// How long opening may take in all. Lambda gives the start-up phase ten seconds and the full CPU.
const WARM_WAIT: Duration = Duration::from_secs(1);

/// The calls that the first event makes at the same time: a look at the key and its tags, a recollection of two partitions and a claim.
const KMS_CONNECTIONS: usize = 2;
const LEDGER_CONNECTIONS: usize = 3;

impl Clients {
    /// Opens the connections that the first event will use, at most for a second. Returns how many were opened.
    pub async fn warm(&self, settings: &AwsSettings) -> usize {
        let origins = origins(settings).await;
        let opened = std::sync::atomic::AtomicUsize::new(0);
        let all = join_all(origins.into_iter().map(|origin| async {
            let result = match origin {
                Ok(origin) => self.open_ahead(&origin).await,
                Err(error) => Err(error),
            };
            match result {
                Ok(()) => {
                    opened.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
                Err(error) => tracing::debug!(error, "a connection could not be opened ahead; the first request opens it"),
            }
        }));
        if tokio::time::timeout(WARM_WAIT, all).await.is_err() {
            tracing::debug!("opening connections ahead took too long; the first requests open the rest");
        }
        opened.into_inner()
    }

    async fn open_ahead(&self, origin: &str) -> Result<(), BoxError> {
        self.http.open_ahead(origin.parse()?).await
    }
}

/// Where the SDK will connect to, by its own rules: partition, bucket address and endpoint override included.
async fn origins(settings: &AwsSettings) -> Vec<Result<String, BoxError>> {
    let kms = kms_origin(settings).await.map_err(|error| error.to_string());
    let ledger = ledger_origin(settings).await.map_err(|error| error.to_string());
    let mut origins = vec![audit_origin(settings).await];
    origins.extend(std::iter::repeat_n(kms, KMS_CONNECTIONS).map(|origin| origin.map_err(Into::into)));
    origins.extend(std::iter::repeat_n(ledger, LEDGER_CONNECTIONS).map(|origin| origin.map_err(Into::into)));
    if settings.policy_parameter.is_some() || !settings.change_calendars.is_empty() {
        origins.push(parameter_origin(settings).await);
    }
    origins
}

async fn kms_origin(settings: &AwsSettings) -> Result<String, BoxError> {
    use aws_sdk_kms::config::endpoint::{DefaultResolver, Params};
    let params = Params::builder().region(settings.region.as_str()).set_endpoint(settings.endpoint_url.clone()).build()?;
    Ok(DefaultResolver::new().resolve_endpoint(&params).await?.url().to_owned())
}

async fn ledger_origin(settings: &AwsSettings) -> Result<String, BoxError> {
    use aws_sdk_dynamodb::config::endpoint::{DefaultResolver, Params};
    let params = Params::builder().region(settings.region.as_str()).set_endpoint(settings.endpoint_url.clone()).build()?;
    Ok(DefaultResolver::new().resolve_endpoint(&params).await?.url().to_owned())
}

async fn audit_origin(settings: &AwsSettings) -> Result<String, BoxError> {
    use aws_sdk_s3::config::endpoint::{DefaultResolver, Params};
    let params = Params::builder()
        .region(settings.region.as_str())
        .bucket(&settings.audit_bucket)
        .force_path_style(settings.endpoint_url.is_some())
        .set_endpoint(settings.endpoint_url.clone())
        .build()?;
    Ok(DefaultResolver::new().resolve_endpoint(&params).await?.url().to_owned())
}

async fn parameter_origin(settings: &AwsSettings) -> Result<String, BoxError> {
    use aws_sdk_ssm::config::endpoint::{DefaultResolver, Params};
    let params = Params::builder().region(settings.region.as_str()).set_endpoint(settings.endpoint_url.clone()).build()?;
    Ok(DefaultResolver::new().resolve_endpoint(&params).await?.url().to_owned())
}

#[cfg(test)]
#[path = "warm_tests.rs"]
mod tests;

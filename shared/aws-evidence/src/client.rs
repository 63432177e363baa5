//! The S3 client of the archive: as every other one, but with time for whole files.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;

/// One attempt. A file of a trail, or what is written of one, has megabytes where a record has kilobytes.
const ATTEMPT_WAIT: Duration = Duration::from_secs(20);
/// All attempts of one call.
const OPERATION_WAIT: Duration = Duration::from_secs(45);

/// Makes the client, over the connections of this configuration. A local cloud has no host name for each bucket.
#[must_use]
pub fn evidence_s3_client(config: &SdkConfig) -> Client {
    let waits = config.timeout_config().map_or_else(TimeoutConfig::builder, TimeoutConfig::to_builder);
    let waits = waits.read_timeout(ATTEMPT_WAIT).operation_attempt_timeout(ATTEMPT_WAIT).operation_timeout(OPERATION_WAIT).build();
    Client::from_conf(Builder::from(config).timeout_config(waits).force_path_style(config.endpoint_url().is_some()).build())
}

//! Where answers to CloudFormation go. The address is checked before anything is sent there.

use std::future::Future;
use std::time::Duration;

use reprieve_aws::{CloudFormationResponses, ResponseAddress};
use reprieve_core::Partition;
use reprieve_wire::ResponseUrl;

/// Takes answers to CloudFormation.
pub(crate) trait Responses: Sync {
    /// Puts a document at a presigned URL, again and again until it is taken or this time is over.
    ///
    /// # Errors
    /// Says why it was not taken, without the URL.
    fn put(&self, url: &ResponseUrl, document: &str, wait: Duration) -> impl Future<Output = Result<(), String>> + Send;
}

/// Answers at S3.
#[derive(Debug)]
pub(crate) struct AwsResponses {
    responses: CloudFormationResponses,
    partition: Partition,
    is_local: bool,
}

impl AwsResponses {
    /// Answers at S3 of this partition, or anywhere where a local cloud stands in for AWS.
    pub(crate) const fn new(responses: CloudFormationResponses, partition: Partition, is_local: bool) -> Self {
        Self { responses, partition, is_local }
    }
}

impl Responses for AwsResponses {
    async fn put(&self, url: &ResponseUrl, document: &str, wait: Duration) -> Result<(), String> {
        let address = ResponseAddress::parse(url.as_str(), &self.partition, self.is_local).map_err(|error| error.to_string())?;
        self.responses.put(&address, document, wait).await
    }
}

//! Answers to CloudFormation: puts a document at the presigned URL that a custom resource request came with.
//!
//! *Architecture invariant:* the URL is a secret and is used exactly as it was written: no header that was not signed, no redirect
//! followed. It must be S3's, because a request can be forged by whoever may invoke the function. No error shows more than its host.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use http::Uri;
use reprieve_core::Partition;
use tokio::time::{Instant, timeout_at};

use crate::error::chain;
use crate::http::Http;

/// The pause before the second attempt; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The longest pause.
const PAUSE_LIMIT: Duration = Duration::from_secs(4);

/// One attempt. The HTTP client gives up earlier on a server that says nothing.
const ATTEMPT_WAIT: Duration = Duration::from_secs(5);

/// The domains of S3, by partition. Source: the endpoint rules of the SDKs (`partitions.json`).
const DOMAINS: [(&str, &str); 8] = [
    ("aws", "amazonaws.com"),
    ("aws-us-gov", "amazonaws.com"),
    ("aws-cn", "amazonaws.com.cn"),
    ("aws-eusc", "amazonaws.eu"),
    ("aws-iso", "c2s.ic.gov"),
    ("aws-iso-b", "sc2s.sgov.gov"),
    ("aws-iso-e", "cloud.adc-e.uk"),
    ("aws-iso-f", "csp.hci.ic.gov"),
];

/// Says why an address is not answered to. It shows the host alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is no URL.
    #[error("the `ResponseURL` is no URL: expected the presigned URL of S3 that CloudFormation sends")]
    NoUrl,
    /// It is not one of HTTPS.
    #[error("the `ResponseURL` at `{host}` is not `https`: nothing is sent there")]
    Scheme {
        /// The host.
        host: String,
    },
    /// It is not S3's.
    #[error("the `ResponseURL` is at `{host}`, which is not S3 in partition `{partition}`: nothing is sent there")]
    Host {
        /// The host.
        host: String,
        /// The partition that we run in.
        partition: Partition,
    },
}

/// An address that may be answered to. Shows its host alone.
#[derive(Clone, PartialEq, Eq)]
pub struct ResponseAddress(Uri);

impl fmt::Debug for ResponseAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResponseAddress({})", self.host())
    }
}

impl ResponseAddress {
    /// Takes S3's addresses of the partition; any address of HTTP where a local cloud stands in for AWS.
    ///
    /// # Errors
    /// Says why nothing is sent to the address.
    pub fn parse(url: &str, partition: &Partition, is_local: bool) -> Result<Self, AddressError> {
        let uri: Uri = url.parse().map_err(|_| AddressError::NoUrl)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(AddressError::NoUrl);
        };
        let host = authority.host().to_ascii_lowercase();
        if authority.as_str().contains('@') {
            return Err(AddressError::NoUrl);
        }
        if scheme != "https" && !(is_local && scheme == "http") {
            return Err(AddressError::Scheme { host });
        }
        let is_default_port = authority.port().is_none_or(|port| port == 443);
        if is_local || (is_default_port && is_s3(&host, partition)) {
            return Ok(Self(uri));
        }
        Err(AddressError::Host { host, partition: partition.clone() })
    }

    fn host(&self) -> &str {
        self.0.host().unwrap_or_default()
    }
}

/// `BUCKET.s3.DOMAIN`, `BUCKET.s3.REGION.DOMAIN`, `BUCKET.s3-REGION.DOMAIN`, and the same without a bucket.
fn is_s3(host: &str, partition: &Partition) -> bool {
    let Some((_, domain)) = DOMAINS.iter().find(|(name, _)| *name == partition.as_str()) else {
        return false;
    };
    let Some(service) = host.strip_suffix(domain).and_then(|rest| rest.strip_suffix('.')) else {
        return false;
    };
    let is_service = |label: &str| label == "s3" || label.starts_with("s3-");
    // Below `REGION.DOMAIN` other services live; the service's own label is the last, or the one before the Region.
    let mut labels = service.rsplit('.');
    let (last, before) = (labels.next().unwrap_or_default(), labels.next());
    is_service(last) || before.is_some_and(is_service)
}

/// Why a document was not taken.
#[derive(Debug)]
enum Fault {
    Status(u16),
    Unreachable(String),
    Silent,
}

impl Fault {
    /// Says what the connection's error was, unless that would show the URL.
    fn unreachable(error: &(dyn Error + 'static), url: &Uri) -> Self {
        let words = chain(error);
        let secrets = [url.path(), url.query().unwrap_or_default()];
        let is_told = secrets.iter().all(|secret| secret.len() < 2 || !words.contains(secret));
        Self::Unreachable(if is_told { words } else { "cannot be reached".to_owned() })
    }

    const fn may_pass(&self) -> bool {
        match self {
            Self::Status(status) => matches!(status, 408 | 429 | 500..=599),
            Self::Unreachable(_) | Self::Silent => true,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "HTTP {status}"),
            Self::Unreachable(why) => f.write_str(why),
            Self::Silent => f.write_str("no answer"),
        }
    }
}

/// Puts documents at presigned URLs.
#[derive(Debug, Clone)]
pub struct CloudFormationResponses {
    http: Http,
}

impl CloudFormationResponses {
    pub(crate) const fn new(http: Http) -> Self {
        Self { http }
    }

    /// Puts a document, again and again until it is taken or the time is over. Putting it twice is the same as once.
    ///
    /// # Errors
    /// Says what the last attempt ran into, and at which host.
    pub async fn put(&self, address: &ResponseAddress, document: &str, wait: Duration) -> Result<(), String> {
        let end = Instant::now() + wait;
        let mut pause = FIRST_PAUSE;
        loop {
            let attempt_end = end.min(Instant::now() + ATTEMPT_WAIT);
            let answer = timeout_at(attempt_end, self.attempt(&address.0, document)).await.unwrap_or(Err(Fault::Silent));
            let Err(fault) = answer else {
                return Ok(());
            };
            if !fault.may_pass() || Instant::now() + pause >= end {
                return Err(format!("the answer was not taken by `{}`: {fault}", address.host()));
            }
            tracing::warn!(%fault, host = address.host(), "the answer was not taken; it is sent again");
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2).min(PAUSE_LIMIT);
        }
    }

    /// The URL is signed for an empty content type: whatever else is sent makes S3 refuse it.
    async fn attempt(&self, url: &Uri, document: &str) -> Result<(), Fault> {
        let mut request = HttpRequest::new(SdkBody::from(document));
        request.set_uri(url.to_string()).map_err(|error| Fault::unreachable(&error, url))?;
        request.set_method("PUT").map_err(|error| Fault::unreachable(&error, url))?;
        let answer = self.http.call(request).await;
        let answer = answer.map_err(|error| if error.is_timeout() { Fault::Silent } else { Fault::unreachable(&error, url) })?;
        let status = answer.status().as_u16();
        if (200..300).contains(&status) { Ok(()) } else { Err(Fault::Status(status)) }
    }
}

#[cfg(test)]
#[path = "responses_tests.rs"]
mod tests;

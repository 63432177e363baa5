//! The HTTP client for those who call AWS as a person does: the same transport and TLS as the functions', with a person's patience.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::http::{Http, Schemes, Waits};
use crate::tls::TlsError;

/// For name resolution, TCP and TLS together.
const CONNECT_WAIT: Duration = Duration::from_secs(3);
/// From sending a request to the head of its answer, a new connection included.
const ANSWER_WAIT: Duration = Duration::from_secs(20);

/// Makes an HTTP client for SDK clients that are configured elsewhere. It speaks plain HTTP too, because the places that hand out
/// credentials to containers and machines do.
///
/// # Errors
/// When TLS cannot be set up.
pub fn desk_http_client() -> Result<SharedHttpClient, TlsError> {
    let waits = Waits { connect: CONNECT_WAIT, answer: ANSWER_WAIT };
    Ok(Http::new(crate::tls::config()?, waits, Schemes::HttpToo).for_sdk())
}

//! The one HTTP client: HTTP/1.1 over hyper and rustls with ring, one connection pool.
//!
//! For a sandbox, every request goes to one loopback address instead, with its own host in the `Host` header.
//!
//! *Architecture invariants:* no redirect of a server is followed, and no URL is shown in an error: those of webhooks are secrets.
//! Without a sandbox, plain `http` is spoken to the metadata server alone, which is inside the machine.

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::tls::{self, TlsError};

/// Where tokens come from. <https://docs.cloud.google.com/compute/docs/metadata/querying-metadata>
pub(crate) const METADATA_HOST: &str = "metadata.google.internal";

/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(50);

/// For name resolution and TCP.
const CONNECT_WAIT: Duration = Duration::from_secs(3);

/// From sending a request to the end of its answer, a new connection included.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// The longest answer that is read, in bytes.
const ANSWER_LIMIT_BYTES: usize = 16 * 1024 * 1024;

/// Says why a sandbox cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the endpoint `{0}` is not `http://127.0.0.1:PORT`: only this machine may stand in for Google Cloud")]
pub struct EndpointError(String);

/// The loopback address that stands in for Google Cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(Authority);

impl Endpoint {
    /// Reads an endpoint such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// When it is no such URL, or is not on this machine: then everything that is meant for Google, tokens included, would go elsewhere.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        let wrong = || EndpointError(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let authority = uri.authority().ok_or_else(wrong)?;
        let is_bare = uri.path_and_query().is_none_or(|rest| rest.as_str() == "/") && !authority.as_str().contains('@');
        let is_near = ["127.0.0.1", "localhost", "[::1]"].contains(&authority.host());
        let is_usable = uri.scheme_str() == Some("http") && is_bare && is_near && authority.port_u16().is_some();
        if is_usable { Ok(Self(authority.clone())) } else { Err(wrong()) }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing came back in time, or the connection broke.
    Unreachable(String),
    /// The request was not sent.
    Unsendable(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(words) | Self::Unsendable(words) => f.write_str(words),
        }
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// Returns the pause that it asks for, in seconds. <https://www.rfc-editor.org/rfc/rfc9110#name-retry-after>
    pub(crate) fn pause(&self) -> Option<Duration> {
        self.headers.get("retry-after")?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
    }
}

/// The client; clones share the pool.
#[derive(Clone)]
pub struct GoogleHttp {
    pool: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    endpoint: Option<Endpoint>,
}

impl fmt::Debug for GoogleHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GoogleHttp").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl GoogleHttp {
    /// Makes the client. With an endpoint, no request leaves the machine.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(endpoint: Option<Endpoint>) -> Result<Self, TlsError> {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT_WAIT));
        let https = HttpsConnectorBuilder::new().with_tls_config(tls::config()?).https_or_http().enable_http1().wrap_connector(tcp);
        let pool = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE).build(https);
        Ok(Self { pool, endpoint })
    }

    /// Sends a request once, and waits for its answer.
    pub(crate) async fn send(&self, method: Method, url: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Result<Answer, Fault> {
        let unsendable = |words: &str| Fault::Unsendable(words.to_owned());
        if ![Method::GET, Method::POST, Method::PATCH].contains(&method) {
            return Err(unsendable("nothing is ever deleted"));
        }
        let uri: Uri = url.parse().map_err(|_| unsendable("the URL of the request holds what no request line may"))?;
        let (uri, host) = self.target(uri)?;
        let mut builder = http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        let mut request =
            builder.body(Full::new(Bytes::from(body))).map_err(|_| unsendable("a header of the request holds what none may"))?;
        if let Some(host) = host {
            request.headers_mut().insert(HOST, host);
        }
        let late = |_elapsed| Fault::Unreachable(format!("no answer within {} s", ANSWER_WAIT.as_secs()));
        tokio::time::timeout(ANSWER_WAIT, self.exchange(request)).await.map_err(late)?
    }

    /// Returns where a request goes, and the `Host` that it names where that is another one.
    fn target(&self, uri: Uri) -> Result<(Uri, Option<HeaderValue>), Fault> {
        let unsendable = |words: &str| Fault::Unsendable(words.to_owned());
        let host = uri.host().unwrap_or_default().to_owned();
        let Some(Endpoint(authority)) = &self.endpoint else {
            let is_fit = uri.scheme_str() == Some("https") || host == METADATA_HOST;
            return if is_fit { Ok((uri, None)) } else { Err(unsendable("it is not called without TLS")) };
        };
        // A webhook on this machine, as the sandbox's tests have one, stays where it is.
        if host == "127.0.0.1" {
            return Ok((uri, None));
        }
        let named = HeaderValue::from_str(&host).map_err(|_| unsendable("the host of the request cannot be named"))?;
        let mut parts = uri.into_parts();
        parts.scheme = Some(http::uri::Scheme::HTTP);
        parts.authority = Some(authority.clone());
        let uri = Uri::from_parts(parts).map_err(|_| unsendable("the URL of the request cannot be redirected"))?;
        Ok((uri, Some(named)))
    }

    async fn exchange(&self, request: http::Request<Full<Bytes>>) -> Result<Answer, Fault> {
        let response = self.pool.request(request).await.map_err(|error| {
            let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            Fault::Unreachable(if error.is_connect() { format!("no connection: {cause}") } else { cause })
        })?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_LIMIT_BYTES).collect().await;
        let body = body.map_err(|error| Fault::Unreachable(format!("the answer broke off: {error}")))?;
        Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_stands_in_for_google() {
        for (text, is_usable) in [
            ("http://127.0.0.1:8080", true),
            ("http://localhost:8080/", true),
            ("http://127.0.0.1", false),
            ("https://127.0.0.1:8080", false),
            ("http://203.0.113.1:8080", false),
            ("http://user@127.0.0.1:8080", false),
            ("http://127.0.0.1:8080/path", false),
            ("sandbox", false),
        ] {
            assert_eq!(Endpoint::parse(text).is_ok(), is_usable, "{text}");
        }
    }

    /// An answer beyond the limit is not kept, however much of it there is.
    #[tokio::test]
    async fn an_answer_beyond_the_limit_is_not_read_to_its_end() {
        use std::io::{Read as _, Write as _};

        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1/x", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            assert!(stream.read(&mut [0; 8_192]).unwrap() > 0);
            let length = ANSWER_LIMIT_BYTES + 1;
            // It is not all taken.
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{}", "x".repeat(length)).ok();
        });
        let http = GoogleHttp::new(Some(Endpoint::parse("http://127.0.0.1:1").unwrap())).unwrap();
        let answer = http.send(Method::GET, &url, &[], Vec::new()).await;
        assert!(matches!(&answer, Err(Fault::Unreachable(why)) if why == "the answer broke off: length limit exceeded"), "{answer:?}");
        server.join().unwrap();
    }

    #[tokio::test]
    async fn nothing_is_deleted_and_nobody_far_is_called_without_tls() -> Result<(), TlsError> {
        let http = GoogleHttp::new(None)?;
        for (method, url) in
            [(Method::DELETE, "https://cloudkms.googleapis.com/v1/x"), (Method::GET, "http://cloudkms.googleapis.com/v1/x")]
        {
            let answer = http.send(method, url, &[], Vec::new()).await;
            assert!(matches!(answer, Err(Fault::Unsendable(_))), "{answer:?}");
        }
        Ok(())
    }
}

//! The one HTTP client under all clients of Azure: HTTP/1.1 over hyper and rustls with ring, one connection pool.
//!
//! The SDK's own client is not used: it brings aws-lc and reads certificates from the system. For a local cloud, every `https` request
//! goes to one loopback address instead, with its own host in the `Host` header: the SDK still sees the URL of Azure, so that its checks
//! stay on.
//!
//! *Architecture invariants:* no redirect of a server is followed, and no URL is shown in an error: those of webhooks are secrets. Plain
//! `http` is sent to addresses of the machine and its own network alone, where the managed identity's endpoint is.

use std::error::Error as _;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use azure_core::Bytes;
use azure_core::error::{Error, ErrorKind};
use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, Body, HttpClient, Method, Request, Url};
use futures_util::TryStreamExt as _;
use http::header::HOST;
use http::uri::Authority;
use http::{HeaderValue, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use tower_service::Service;

use crate::error::chain;
use crate::tls::{self, TlsError};

/// How long an idle connection is kept. Shorter than any load balancer or NAT in between keeps it.
const IDLE: Duration = Duration::from_secs(50);

/// The longest answer that is read, in bytes. A page of Resource Manager's has some hundred kilobytes.
const ANSWER_LIMIT_BYTES: usize = 16 * 1024 * 1024;

/// How long to wait for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Waits {
    /// For name resolution, TCP and TLS together.
    connect: Duration,
    /// From sending a request to the end of its answer, a new connection included.
    answer: Duration,
}

const WAITS: Waits = Waits { connect: Duration::from_secs(3), answer: Duration::from_secs(10) };

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Says why a local endpoint cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedirectError {
    /// It is no URL of the form that is needed.
    #[error("the local endpoint `{0}` is no URL such as `http://127.0.0.1:8080`: name scheme, address and port, and nothing else")]
    Form(String),
    /// It is not on this machine.
    #[error("the local endpoint `{0}` is not on this machine: only `127.0.0.1`, `[::1]` and `localhost` may stand in for Azure")]
    NotLoopback(String),
}

/// The loopback address that stands in for Azure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    to: Authority,
}

impl Redirect {
    /// Reads a local endpoint such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// When it is no such URL, or is not on this machine: then everything that is meant for Azure, tokens included, would go elsewhere.
    pub fn parse(text: &str) -> Result<Self, RedirectError> {
        let form = || RedirectError::Form(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| form())?;
        let to = uri.authority().ok_or_else(form)?;
        if uri.scheme_str() != Some("http") || uri.path_and_query().is_some_and(|rest| rest.as_str() != "/") || to.as_str().contains('@') {
            return Err(form());
        }
        if !is_loopback(to.host()) {
            return Err(RedirectError::NotLoopback(text.to_owned()));
        }
        if to.port_u16().is_none() {
            return Err(form());
        }
        Ok(Self { to: to.clone() })
    }
}

/// The client; clones share the pool.
#[derive(Clone)]
pub struct AzureHttp {
    pool: Client<Dialer, Full<Bytes>>,
    redirect: Option<Redirect>,
    answer_wait: Duration,
}

impl fmt::Debug for AzureHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AzureHttp").field("redirect", &self.redirect).finish_non_exhaustive()
    }
}

impl AzureHttp {
    /// Makes the client. With a redirect, no `https` request leaves the machine.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(redirect: Option<Redirect>) -> Result<Self, TlsError> {
        Ok(Self::waiting(tls::config()?, WAITS, redirect))
    }

    fn waiting(tls: ClientConfig, waits: Waits, redirect: Option<Redirect>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp);
        let dialer = Dialer { https, wait: waits.connect };
        let pool = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE).build(dialer);
        Self { pool, redirect, answer_wait: waits.answer }
    }

    /// Returns where a request goes, and the `Host` that it names where that is another one.
    fn target(&self, url: &Url) -> Result<(Uri, Option<HeaderValue>), Error> {
        let uri: Uri = url.as_str().parse().map_err(|_| refusal("the URL of the request holds what no request line may"))?;
        let host = url.host_str().unwrap_or_default();
        match (url.scheme(), &self.redirect) {
            ("https", None) => Ok((uri, None)),
            ("https", Some(redirect)) => redirected(&uri, redirect),
            ("http", _) if is_near(host) => Ok((uri, None)),
            _ => Err(refusal(&format!("`{host}` is not called without TLS"))),
        }
    }

    async fn exchange(&self, request: http::Request<Full<Bytes>>) -> Result<AsyncRawResponse, Error> {
        let response = self.pool.request(request).await.map_err(|error| {
            let kind = if error.is_connect() { ErrorKind::Connection } else { ErrorKind::Io };
            let words = error.source().map_or_else(|| error.to_string(), chain);
            Error::with_message(kind, words)
        })?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_LIMIT_BYTES).collect().await;
        let body = body.map_err(|error| Error::with_message(ErrorKind::Io, format!("the answer broke off: {error}")))?;
        Ok(AsyncRawResponse::from_bytes(head.status.as_u16().into(), headers_of(&head.headers), body.to_bytes()))
    }
}

#[async_trait]
impl HttpClient for AzureHttp {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let (uri, host) = self.target(request.url())?;
        let mut builder = http::Request::builder().method(method_of(request.method())?).uri(uri);
        for (name, value) in request.headers().iter() {
            builder = builder.header(name.as_str(), value.as_str());
        }
        let body = bytes_of(request.body()).await?;
        let mut sent = builder.body(Full::new(body)).map_err(|_| refusal("a header of the request holds what none may"))?;
        if let Some(host) = host {
            sent.headers_mut().insert(HOST, host);
        }
        let wait = self.answer_wait;
        let late = || Error::with_message(ErrorKind::Io, format!("no answer within {wait:?}"));
        tokio::time::timeout(wait, self.exchange(sent)).await.unwrap_or_else(|_elapsed| Err(late()))
    }
}

/// An error after which nothing is tried again.
fn refusal(words: &str) -> Error {
    Error::with_message(ErrorKind::Other, words.to_owned())
}

fn redirected(uri: &Uri, redirect: &Redirect) -> Result<(Uri, Option<HeaderValue>), Error> {
    let unusable = || refusal("the URL of the request cannot be redirected");
    let host = uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok()).ok_or_else(unusable)?;
    let rest = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let to = Uri::builder().scheme("http").authority(redirect.to.clone()).path_and_query(rest).build().map_err(|_| unusable())?;
    Ok((to, Some(host)))
}

/// Returns the address that a host is, if it is one; brackets around version 6 are left out.
fn address(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Says whether a host is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || address(host).is_some_and(|address| address.is_loopback())
}

/// Says whether a host is this machine or an address of its own network, as the endpoints of managed identities are: Functions names
/// `localhost`, a link-local or a private address, virtual machines 169.254.169.254
/// (<https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference>).
fn is_near(host: &str) -> bool {
    let is_near_v4 = |address: Ipv4Addr| address.is_link_local() || address.is_private();
    is_loopback(host) || matches!(address(host), Some(IpAddr::V4(address)) if is_near_v4(address))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a method that is added later is none that we send")]
fn method_of(method: Method) -> Result<http::Method, Error> {
    match method {
        Method::Get => Ok(http::Method::GET),
        Method::Head => Ok(http::Method::HEAD),
        Method::Patch => Ok(http::Method::PATCH),
        Method::Post => Ok(http::Method::POST),
        Method::Put => Ok(http::Method::PUT),
        _ => Err(refusal("nothing is ever deleted")),
    }
}

async fn bytes_of(body: &Body) -> Result<Bytes, Error> {
    match body.clone() {
        Body::Bytes(bytes) => Ok(bytes),
        Body::SeekableStream(stream) => {
            let whole = stream.try_fold(Vec::new(), |mut whole, piece| {
                whole.extend_from_slice(&piece);
                std::future::ready(Ok(whole))
            });
            Ok(Bytes::from(whole.await?))
        }
    }
}

fn headers_of(headers: &http::HeaderMap) -> Headers {
    let mut known = Headers::new();
    for (name, value) in headers {
        if let Ok(value) = value.to_str() {
            known.insert(name.as_str().to_owned(), value.to_owned());
        }
    }
    known
}

/// Opens connections within their wait.
#[derive(Clone)]
struct Dialer {
    https: HttpsConnector<HttpConnector>,
    wait: Duration,
}

impl Service<Uri> for Dialer {
    type Response = <HttpsConnector<HttpConnector> as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.https.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let host = uri.host().unwrap_or_default().to_owned();
        let dial = self.https.call(uri);
        let wait = self.wait;
        Box::pin(async move {
            match tokio::time::timeout(wait, dial).await {
                Ok(result) => result,
                Err(_elapsed) => Err(format!("no connection to `{host}` within {wait:?}").into()),
            }
        })
    }
}

#[cfg(test)]
#[path = "transport_tests.rs"]
mod tests;

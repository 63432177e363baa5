//! The one HTTP client under all SDK clients: HTTP/1.1 over hyper, one connection pool, and a stock of connections opened ahead.
//!
//! The SDK's own client is not used: it can trust certificates only as PEM text to be parsed at start, and it cannot open a
//! connection without sending a request. What this one leaves out on purpose: HTTP/2 (no service called here offers it), proxies.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpConnector as SdkConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{CaptureConnection, HttpConnector, capture_connection};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use tokio::time::Instant;
use tower_service::Service;

/// How long an idle connection is kept. Shorter than any load balancer or NAT in between keeps it.
const IDLE: Duration = Duration::from_secs(50);

/// How long a connection opened ahead may wait for its first request. Servers close silent connections soon.
const STOCK_AGE: Duration = Duration::from_secs(10);

/// An open connection: TCP, or TLS over it.
type Link = <HttpsConnector<HttpConnector> as Service<Uri>>::Response;

/// How long to wait for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Waits {
    /// For name resolution, TCP and TLS together.
    pub(crate) connect: Duration,
    /// From sending a request to the head of its answer, a new connection included.
    pub(crate) answer: Duration,
}

/// Which schemes may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Schemes {
    /// `https` alone: what AWS is called with.
    HttpsOnly,
    /// `http` as well, for a local cloud.
    HttpToo,
}

/// The client; clones share the pool and the stock.
#[derive(Clone)]
pub(crate) struct Http {
    pool: Client<Dialer, SdkBody>,
    dialer: Dialer,
    answer_wait: Duration,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("answer_wait", &self.answer_wait).finish_non_exhaustive()
    }
}

impl Http {
    /// Makes the client.
    pub(crate) fn new(tls: ClientConfig, waits: Waits, schemes: Schemes) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        let https = HttpsConnectorBuilder::new().with_tls_config(tls);
        let https = match schemes {
            Schemes::HttpsOnly => https.https_only(),
            Schemes::HttpToo => https.https_or_http(),
        };
        let dialer = Dialer { https: https.enable_http1().wrap_connector(tcp), stock: Arc::default(), wait: waits.connect };
        let pool = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE).build(dialer.clone());
        Self { pool, dialer, answer_wait: waits.answer }
    }

    /// Returns the client in the SDK's form. Its waits are its own: the SDK's connector settings are not consulted, so that every
    /// service shares the one pool.
    pub(crate) fn for_sdk(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(self.clone());
        http_client_fn(move |_settings, _components| connector.clone())
    }

    /// Opens a connection and stocks it for the first request to the same origin.
    ///
    /// # Errors
    /// When it cannot be opened in time.
    pub(crate) async fn open_ahead(&self, origin: Uri) -> Result<(), BoxError> {
        let link = self.dialer.dial(origin.clone()).await?;
        self.dialer.stock(&origin, link);
        Ok(())
    }
}

impl SdkConnector for Http {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        let captured = capture_connection(&mut request);
        if let Some(capture) = request.extensions().get::<CaptureSmithyConnection>() {
            capture.set_connection_retriever(move || metadata_of(&captured));
        }
        let answer = self.pool.request(request);
        let wait = self.answer_wait;
        HttpConnectorFuture::new(async move {
            match tokio::time::timeout(wait, answer).await {
                Ok(Ok(response)) => {
                    HttpResponse::try_from(response.map(SdkBody::from_body_1_x)).map_err(|error| ConnectorError::other(error.into(), None))
                }
                // Every call made through here may be repeated, so every fault of the network may be retried.
                Ok(Err(error)) => Err(ConnectorError::io(error.into())),
                Err(_elapsed) => Err(ConnectorError::timeout(format!("no answer within {wait:?}").into())),
            }
        })
    }
}

/// Lets the SDK close the connection on which a server misbehaved, so that a retry gets another one.
fn metadata_of(captured: &CaptureConnection) -> Option<ConnectionMetadata> {
    let is_open = captured.connection_metadata().is_some();
    let captured = captured.clone();
    let poison = move || {
        if let Some(connection) = captured.connection_metadata().as_ref() {
            connection.poison();
        }
    };
    is_open.then(|| ConnectionMetadata::builder().proxied(false).poison_fn(poison).build())
}

/// Opens connections; takes them from the stock first.
#[derive(Clone)]
struct Dialer {
    https: HttpsConnector<HttpConnector>,
    stock: Arc<Mutex<HashMap<Origin, Vec<Stocked>>>>,
    wait: Duration,
}

/// Scheme, host and port: whatever makes two requests fit for one connection.
type Origin = (Option<String>, Option<String>, Option<u16>);

struct Stocked {
    link: Link,
    since: Instant,
}

impl Dialer {
    fn dial(&self, uri: Uri) -> impl Future<Output = Result<Link, BoxError>> + Send + 'static {
        let dial = self.https.clone().call(uri.clone());
        let wait = self.wait;
        async move {
            match tokio::time::timeout(wait, dial).await {
                Ok(result) => result,
                Err(_elapsed) => Err(format!("no connection to `{uri}` within {wait:?}").into()),
            }
        }
    }

    fn stock(&self, uri: &Uri, link: Link) {
        let mut stock = self.stock.lock().unwrap_or_else(PoisonError::into_inner);
        stock.entry(origin_of(uri)).or_default().push(Stocked { link, since: Instant::now() });
    }

    fn take(&self, uri: &Uri) -> Option<Link> {
        let mut stock = self.stock.lock().unwrap_or_else(PoisonError::into_inner);
        let links = stock.get_mut(&origin_of(uri))?;
        links.retain(|stocked| stocked.since.elapsed() < STOCK_AGE);
        links.pop().map(|stocked| stocked.link)
    }
}

impl Service<Uri> for Dialer {
    type Response = Link;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Link, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.https.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        match self.take(&uri) {
            Some(link) => Box::pin(std::future::ready(Ok(link))),
            None => Box::pin(self.dial(uri)),
        }
    }
}

fn origin_of(uri: &Uri) -> Origin {
    let default_port = match uri.scheme_str() {
        Some("https") => Some(443),
        Some("http") => Some(80),
        Some(_) | None => None,
    };
    (uri.scheme_str().map(str::to_owned), uri.host().map(str::to_ascii_lowercase), uri.port_u16().or(default_port))
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;

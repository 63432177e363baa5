//! The wire: two loopback listeners, one plain and one with TLS, and the way of a request through both.
//!
//! Must not decide anything about a request beyond the faults that were asked for.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming as Body;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::exchange::Exchange;
use crate::fault::FaultAnswer;
use crate::request::Answer;
use crate::router::{Incoming, Routed, route};
use crate::tenant::Tenant;

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) tenant: Mutex<Tenant>,
    pub(crate) exchanges: Mutex<Vec<Exchange>>,
    pub(crate) identity_header: String,
    pub(crate) killer: Mutex<Option<Killer>>,
}

/// Kills the process of the function app, and is done when it is gone.
pub(crate) type Killer = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// The connection was cut because a fault says so.
#[derive(Debug, thiserror::Error)]
#[error("the connection was cut by a fault")]
struct Cut;

/// Serves plain HTTP until the task is aborted.
pub(crate) fn serve_plain(shared: Arc<Shared>, listener: TcpListener) -> JoinHandle<()> {
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve_connection(Arc::clone(&shared), "http", stream));
        }
    })
}

/// Serves TLS until the task is aborted.
pub(crate) fn serve_tls(shared: Arc<Shared>, listener: TcpListener, acceptor: TlsAcceptor) -> JoinHandle<()> {
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve_handshake(Arc::clone(&shared), stream, acceptor.clone()));
        }
    })
}

async fn serve_handshake(shared: Arc<Shared>, stream: TcpStream, acceptor: TlsAcceptor) {
    // A client that does not trust the certificate hangs up: its own error says so.
    if let Ok(stream) = acceptor.accept(stream).await {
        serve_connection(shared, "https", stream).await;
    }
}

async fn serve_connection<S>(shared: Arc<Shared>, scheme: &'static str, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| answer(Arc::clone(&shared), scheme, request));
    // The error is that of a client that went away, or of a fault.
    drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

async fn answer(shared: Arc<Shared>, scheme: &'static str, request: http::Request<Body>) -> Result<Response<Full<Bytes>>, Cut> {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes) else { return Err(Cut) };
    let incoming = read(scheme, &parts, body);
    let (at, fault) = meet_fault(&shared, &incoming);
    if let Some(FaultAnswer::Delay(by)) = fault {
        tokio::time::sleep(by).await;
    }
    let routed = effect(&shared, &incoming, fault.as_ref());
    // A host without address: nothing was asked of anybody, so that there is no exchange either.
    if routed.is_unreachable {
        return Err(Cut);
    }
    let response = write(&incoming, &routed);
    record(&shared, &parts, &incoming, &routed, &response, (at, fault.as_ref()));
    if matches!(fault, Some(FaultAnswer::Kill | FaultAnswer::KillAfterEffect)) {
        let killer = shared.killer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(kill) = killer {
            // The caller goes away with its connection: what kills it must go on all the same.
            drop(tokio::spawn(async move { kill().await }).await);
        }
        return Err(Cut);
    }
    if matches!(fault, Some(FaultAnswer::Reset | FaultAnswer::ResetAfterEffect)) {
        return Err(Cut);
    }
    let (head, bytes) = response.into_parts();
    Ok(Response::from_parts(head, Full::new(bytes)))
}

fn read(scheme: &'static str, parts: &http::request::Parts, body: Bytes) -> Incoming {
    let named = parts.uri.authority().map(ToString::to_string);
    let sent = || parts.headers.get(http::header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default().to_owned();
    let authority = named.unwrap_or_else(sent);
    let host = authority.rsplit_once(':').map_or(authority.as_str(), |(host, _)| host).to_ascii_lowercase();
    let query = parts.uri.query().unwrap_or_default();
    let query: BTreeMap<String, String> =
        form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (name.to_ascii_lowercase(), value.into_owned())).collect();
    Incoming {
        method: parts.method.clone(),
        scheme,
        authority,
        host,
        path: parts.uri.path().to_owned(),
        query,
        headers: parts.headers.clone(),
        body,
        ip: "127.0.0.1".to_owned(),
    }
}

fn meet_fault(shared: &Shared, incoming: &Incoming) -> (Timestamp, Option<FaultAnswer>) {
    let mut tenant = shared.tenant.lock().unwrap_or_else(PoisonError::into_inner);
    let place = format!("{}{}", incoming.host, incoming.path);
    let fault = tenant.faults.meet(incoming.method.as_str(), &place, &incoming.action());
    (tenant.now(), fault)
}

/// Lets the request have its effect, unless the fault that it meets stands before it.
fn effect(shared: &Shared, incoming: &Incoming, fault: Option<&FaultAnswer>) -> Routed {
    let played = match fault {
        Some(FaultAnswer::Error { status, code }) => Some(Answer::error(*status, code, "The sandbox was asked to answer so.")),
        Some(FaultAnswer::Throttle { retry_after_seconds }) => {
            let message = "The number of requests has exceeded the limit. Please try again later.";
            let answer = Answer::error(429, "TooManyRequests", message);
            Some(answer.with_header("Retry-After", retry_after_seconds.to_string()))
        }
        Some(FaultAnswer::Reset | FaultAnswer::Kill) => Some(Answer::status(503)),
        Some(FaultAnswer::Delay(_) | FaultAnswer::ResetAfterEffect | FaultAnswer::KillAfterEffect) | None => None,
    };
    if let Some(answer) = played {
        let id = || uuid::Uuid::new_v4().to_string();
        return Routed { answer, caller: None, request_id: id(), correlation_id: id(), is_unreachable: false };
    }
    let mut tenant = shared.tenant.lock().unwrap_or_else(PoisonError::into_inner);
    let now = tenant.now();
    tenant.settle(now);
    route(&mut tenant, incoming, &shared.identity_header)
}

fn write(incoming: &Incoming, routed: &Routed) -> Response<Bytes> {
    let answer = &routed.answer;
    let (body, content_type) = match (&answer.raw, &answer.body) {
        (Some(raw), _) => (raw.clone(), None),
        (None, Some(json)) => (Bytes::from(json.to_string()), Some("application/json; charset=utf-8")),
        (None, None) => (Bytes::new(), None),
    };
    let mut builder = Response::builder().status(answer.status);
    if let Some(content_type) = content_type {
        builder = builder.header(http::header::CONTENT_TYPE, content_type);
    }
    for (name, value) in &answer.headers {
        builder = builder.header(name, value);
    }
    builder = builder.header("x-ms-request-id", &routed.request_id).header("x-ms-correlation-request-id", &routed.correlation_id);
    if let Some(client_request_id) = incoming.header("x-ms-client-request-id") {
        builder = builder.header("x-ms-client-request-id", client_request_id);
    }
    builder.body(body).unwrap_or_else(|error| unanswerable(&error))
}

/// An answer that HTTP cannot carry is a fault of the sandbox; the exchange shows it.
fn unanswerable(error: &http::Error) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(format!("the sandbox made an answer that HTTP cannot carry: {error}")));
    *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
    response
}

fn record(
    shared: &Shared,
    parts: &http::request::Parts,
    incoming: &Incoming,
    routed: &Routed,
    response: &Response<Bytes>,
    (at, fault): (Timestamp, Option<&FaultAnswer>),
) {
    let exchange = Exchange {
        at,
        method: incoming.method.to_string(),
        host: incoming.host.clone(),
        path_and_query: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        request_headers: headers(&incoming.headers),
        request_body: incoming.body.clone(),
        status: response.status().as_u16(),
        response_headers: headers(response.headers()),
        response_body: response.body().clone(),
        caller: routed.caller.clone(),
        fault: fault.map(|fault| fault.name().to_owned()),
    };
    shared.exchanges.lock().unwrap_or_else(PoisonError::into_inner).push(exchange);
}

fn headers(headers: &HeaderMap) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())).collect()
}

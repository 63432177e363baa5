//! The way from the proxy to the emulator: calls are passed on as they came, and the launcher is asked what no AWS call
//! can ask.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, HeaderValue, Method, Request, Uri, header, uri::PathAndQuery};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::answer::Answer;
use super::kms::Key;
use crate::error::LocalCloudError;

/// Bodies larger than this are refused, in bytes; Lambda packages and S3 objects of tests stay far below.
pub(crate) const BODY_LIMIT_BYTES: usize = 256 * 1024 * 1024;

/// A request as it came in, with its whole body.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A client of the emulator behind the proxy.
#[derive(Debug)]
pub(crate) struct Upstream {
    port: u16,
    client: Client<HttpConnector, Body>,
    is_closed: watch::Sender<bool>,
    under_way: AtomicUsize,
}

/// Counts a request for as long as it is under way.
struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Upstream {
    pub(crate) fn new(port: u16) -> Self {
        // The emulator closes idle connections after 75 s; a connection must not be used in that moment.
        let client = Client::builder(TokioExecutor::new()).pool_idle_timeout(Duration::from_secs(30)).build_http();
        Self { port, client, is_closed: watch::Sender::new(false), under_way: AtomicUsize::new(0) }
    }

    /// Lets nothing through any more, and waits until what is under way has been answered, but no longer than that: what waits for
    /// something that is no longer let through never would be.
    pub(crate) async fn close(&self, limit: Duration) {
        self.is_closed.send_replace(true);
        let give_up_at = Instant::now() + limit;
        while self.under_way.load(Ordering::SeqCst) > 0 && Instant::now() < give_up_at {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Lets everything through again, what waited first.
    pub(crate) fn open(&self) {
        self.is_closed.send_replace(false);
    }

    /// Lets the emulator end its functions and save its state, when it is closed.
    pub(crate) async fn save(&self) -> Result<(), LocalCloudError> {
        let answer = self.send_now(Method::POST, "/_reprieve/saves", HeaderMap::new(), "{}".into()).await?;
        if answer.status.is_success() {
            return Ok(());
        }
        let problem = String::from_utf8_lossy(&answer.body).into_owned();
        Err(LocalCloudError::Emulator { request: "save".to_owned(), problem })
    }

    /// Passes a call on, unchanged but for what belongs to the connection and its transport.
    pub(crate) async fn forward(&self, incoming: &Incoming) -> Result<Answer, LocalCloudError> {
        let mut headers = incoming.headers.clone();
        // The length stays: it may be signed, even where it is 0 and would be left out.
        for name in [header::CONNECTION, header::TRANSFER_ENCODING, header::EXPECT] {
            headers.remove(name);
        }
        // The proxy stands where the TLS endpoints of AWS are: policies that refuse `aws:SecureTransport` false let calls pass here too.
        headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
        let path = incoming.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        self.send(incoming.method.clone(), path, headers, incoming.body.clone()).await
    }

    /// Asks the launcher; `what` is the name of one of its routes.
    pub(crate) async fn ask(&self, what: &str, question: &Value) -> Result<Value, LocalCloudError> {
        let path = format!("/_reprieve/{what}");
        let answer = self.send(Method::POST, &path, HeaderMap::new(), question.to_string().into()).await?;
        let members: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        match members.get("error").and_then(Value::as_str) {
            None if answer.status.is_success() => Ok(members),
            problem => Err(LocalCloudError::Emulator {
                request: format!("{what} {question}"),
                problem: problem.map_or_else(|| answer.status.to_string(), str::to_owned),
            }),
        }
    }

    /// Reads the stored state of a key; `None` when there is none of that name.
    pub(crate) async fn key(&self, account: &str, region: &str, name: &str) -> Result<Option<Key>, LocalCloudError> {
        let question = json!({"account": account, "region": region, "do": "describe", "key": name});
        let answer = self.ask("keys", &question).await?;
        read_key(&answer)
    }

    /// Corrects stored fields of a key; `null` removes a field.
    pub(crate) async fn update_key(&self, account: &str, region: &str, name: &str, fields: Value) -> Result<Option<Key>, LocalCloudError> {
        let question = json!({"account": account, "region": region, "do": "update", "key": name, "fields": fields});
        let answer = self.ask("keys", &question).await?;
        read_key(&answer)
    }

    /// Tells whether the emulator serves.
    pub(crate) async fn is_healthy(&self) -> bool {
        let answer = self.send_now(Method::GET, "/_ministack/health", HeaderMap::new(), Bytes::new()).await;
        answer.is_ok_and(|answer| answer.status.is_success())
    }

    /// Forgets everything that the emulator holds.
    pub(crate) async fn reset(&self) -> Result<(), LocalCloudError> {
        let answer = self.send(Method::POST, "/_ministack/reset", HeaderMap::new(), Bytes::new()).await?;
        if answer.status.is_success() {
            return Ok(());
        }
        Err(LocalCloudError::Emulator { request: "reset".to_owned(), problem: answer.status.to_string() })
    }

    async fn send(&self, method: Method, path: &str, headers: HeaderMap, body: Bytes) -> Result<Answer, LocalCloudError> {
        let _counted = self.admitted().await;
        self.send_now(method, path, headers, body).await
    }

    /// Waits until requests are let through, and counts one more.
    async fn admitted(&self) -> UnderWay<'_> {
        let mut is_closed = self.is_closed.subscribe();
        loop {
            // It ends only with the sender, which is ours.
            is_closed.wait_for(|&is_closed| !is_closed).await.ok();
            self.under_way.fetch_add(1, Ordering::SeqCst);
            let counted = UnderWay(&self.under_way);
            if !*self.is_closed.borrow() {
                return counted;
            }
        }
    }

    async fn send_now(&self, method: Method, path: &str, headers: HeaderMap, body: Bytes) -> Result<Answer, LocalCloudError> {
        let failed = |problem: String| LocalCloudError::Emulator { request: format!("{method} {path}"), problem };
        let mut request = Request::builder()
            .method(method.clone())
            .uri(format!("http://127.0.0.1:{}{path}", self.port))
            .body(Body::from(body))
            .map_err(|error| failed(error.to_string()))?;
        *request.headers_mut() = headers;
        let response = self.client.request(request).await.map_err(|error| failed(error.to_string()))?;
        let (parts, body) = response.into_parts();
        let body = to_bytes(Body::new(body), BODY_LIMIT_BYTES).await.map_err(|error| failed(error.to_string()))?;
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }
}

fn read_key(answer: &Value) -> Result<Option<Key>, LocalCloudError> {
    match answer.get("key") {
        None | Some(Value::Null) => Ok(None),
        Some(key) => serde_json::from_value(key.clone())
            .map(Some)
            .map_err(|error| LocalCloudError::Emulator { request: "describe a key".to_owned(), problem: format!("{error} in `{key}`") }),
    }
}

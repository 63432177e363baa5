//! The custom handler's process: started with a free port, asked until it answers, called, ended by its id.
//!
//! Must not understand what the handler answers, nor leave a process behind.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, TcpListener};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::HostError;
use super::app::FunctionApp;

/// How often a starting handler is asked. Source: the Functions host.
const POLL: Duration = Duration::from_millis(25);

/// How many lines of output are kept.
const KEPT_LINES: usize = 20_000;

/// The last lines that a handler wrote, with `out` or `err` before each.
pub(super) type Log = Arc<Mutex<VecDeque<String>>>;

/// A running handler.
#[derive(Debug)]
pub(super) struct Handler {
    child: Child,
    readers: Vec<JoinHandle<()>>,
    port: u16,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// What a handler answered.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) body: Bytes,
}

impl Handler {
    /// Starts the handler and waits until it answers `GET /`, with whatever status.
    pub(super) async fn start(
        app: &FunctionApp,
        environment: &BTreeMap<String, String>,
        limit: Duration,
        log: &Log,
    ) -> Result<Self, HostError> {
        let port = free_port()?;
        let mut command = Command::new(&app.executable);
        // The handler gets what a function app has and nothing of the machine it is tested on.
        command.args(&app.arguments).current_dir(&app.working_folder).env_clear();
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string()).env("FUNCTIONS_WORKER_RUNTIME", "custom").envs(environment);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|source| HostError::Spawn { path: app.executable.clone(), source })?;
        let readers = keep(child.stdout.take(), "out", log).into_iter().chain(keep(child.stderr.take(), "err", log)).collect();
        let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        let mut handler = Self { child, readers, port, client };
        handler.wait_until_it_answers(limit, log).await?;
        Ok(handler)
    }

    async fn wait_until_it_answers(&mut self, limit: Duration, log: &Log) -> Result<(), HostError> {
        let end = Instant::now() + limit;
        loop {
            if let Some(status) = self.exit_status() {
                // The last words may still be in the pipe.
                for reader in self.readers.drain(..) {
                    timeout(POLL * 20, reader).await.ok();
                }
                return Err(HostError::Ended { status, output: tail(log) });
            }
            let asked = self.client.get(self.address("/")?);
            if timeout(POLL * 40, asked).await.is_ok_and(|answer| answer.is_ok()) {
                return Ok(());
            }
            if Instant::now() >= end {
                self.stop().await;
                return Err(HostError::Silent { limit_seconds: limit.as_secs(), output: tail(log) });
            }
            sleep(POLL).await;
        }
    }

    fn address(&self, path: &str) -> Result<http::Uri, HostError> {
        let address = format!("http://127.0.0.1:{}{path}", self.port);
        address.parse().map_err(|_| HostError::Route { path: path.to_owned() })
    }

    /// Says how the process ended, where it has.
    pub(super) fn exit_status(&mut self) -> Option<String> {
        self.child.try_wait().ok().flatten().map(|status| status.to_string())
    }

    /// Gives a process that is about to end the moment that it takes.
    pub(super) async fn settle(&mut self) {
        timeout(POLL * 8, self.child.wait()).await.ok();
    }

    /// Returns the process id, while the process runs.
    pub(super) fn process_id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Returns what calls a function: a request that no longer needs the handler borrowed.
    pub(super) fn call(
        &self,
        function: &str,
        invocation_id: &str,
        body: String,
    ) -> Result<impl Future<Output = Result<Reply, String>> + Send + use<>, HostError> {
        let path = format!("/{function}");
        let request = http::Request::post(self.address(&path)?)
            .header(http::header::CONTENT_TYPE, "application/json; charset=utf-8")
            .header("X-Azure-Functions-InvocationId", invocation_id)
            .header(http::header::USER_AGENT, "Azure-Functions-Host/4.0")
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| HostError::Route { path })?;
        let sent = self.client.request(request);
        Ok(async move {
            let answer = sent.await.map_err(|error| error.to_string())?;
            let status = answer.status().as_u16();
            let content_type = answer.headers().get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
            let content_type = content_type.to_owned();
            let body = answer.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
            Ok(Reply { status, content_type, body })
        })
    }

    /// Ends the process by its id.
    pub(super) async fn stop(&mut self) {
        // An error says that the process has ended already, which is what is wanted.
        self.child.kill().await.ok();
    }
}

fn free_port() -> Result<u16, HostError> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    bound.map(|address| address.port()).map_err(HostError::Port)
}

/// Keeps what is written to a stream, until it ends.
fn keep(stream: Option<impl AsyncRead + Send + Unpin + 'static>, name: &'static str, log: &Log) -> Option<JoinHandle<()>> {
    let stream = stream?;
    let log = Arc::clone(log);
    Some(tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            if log.len() == KEPT_LINES {
                log.pop_front();
            }
            log.push_back(format!("{name} {line}"));
        }
    }))
}

fn tail(log: &Log) -> String {
    let log = log.lock().unwrap_or_else(PoisonError::into_inner);
    let skipped = log.len().saturating_sub(8);
    log.iter().skip(skipped).map(String::as_str).collect::<Vec<_>>().join(" / ")
}

//! The binary and the sandbox, on ports of this machine; both end with the test.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use jiff::{SignedDuration, Timestamp};
use reprieve_core::google::GoogleName;
use reprieve_core::google::label::labels_of;
use reprieve_google_sandbox::{Sandbox, get};
use reprieve_test_support::approval::{approval_tags, sealed_for};
use reprieve_test_support::{Terms, approval_keys_text};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

pub(crate) const KEY: &str = "projects/prod/locations/europe-west3/keyRings/payments/cryptoKeys/card-data";
pub(crate) const AUDIT_BUCKET: &str = "acme-audit";
pub(crate) const CLAIMS_BUCKET: &str = "acme-claims";

pub(crate) struct Stage {
    pub(crate) cloud: Sandbox,
    guard: Child,
    url: String,
    /// Variables beyond those of every guard.
    variables: Variables,
}

type Variables = Vec<(&'static str, String)>;

/// What the guard answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

impl Stage {
    pub(crate) async fn start(mode: &str) -> Self {
        Self::start_with(mode, Variables::new()).await
    }

    pub(crate) async fn start_telling(mode: &str, url: &str) -> Self {
        Self::start_with(mode, vec![("REPRIEVE_WEBHOOKS", format!("slack {url}"))]).await
    }

    pub(crate) async fn start_with(mode: &str, variables: Variables) -> Self {
        let cloud = Sandbox::start().await.unwrap();
        let (guard, url) = run(mode, cloud.url(), &variables).await;
        Self { cloud, guard, url, variables }
    }

    /// Ends the guard, and starts it in another mode beside the same cloud.
    pub(crate) async fn restart(&mut self, mode: &str) {
        self.restart_with(mode, self.variables.clone()).await;
    }

    pub(crate) async fn restart_with(&mut self, mode: &str, variables: Variables) {
        self.guard.kill().await.unwrap();
        (self.guard, self.url) = run(mode, self.cloud.url(), &variables).await;
        self.variables = variables;
    }

    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let reply = reprieve_google_sandbox::post(&format!("{}{path}", self.url), headers, body).await.unwrap();
        Answer { status: reply.status, body: reply.body }
    }

    /// Delivers an entry as Eventarc does: a `CloudEvent` in binary mode.
    pub(crate) async fn deliver(&self, entry: &Value) -> Answer {
        let headers = [
            ("content-type", "application/json; charset=utf-8"),
            ("ce-specversion", "1.0"),
            ("ce-id", "1"),
            ("ce-type", "google.cloud.audit.log.v1.written"),
            ("ce-source", "//cloudaudit.googleapis.com/projects/prod/logs/activity"),
        ];
        self.post("/", &headers, &entry.to_string()).await
    }

    pub(crate) async fn sweep(&self) -> Answer {
        self.post("/sweep", &[], "").await
    }

    /// The calls by which the guard changed something.
    pub(crate) fn changes(&self) -> Vec<String> {
        let is_change =
            |call: &String| ["RestoreCryptoKeyVersion", "UpdateCryptoKeyVersion", "DestroyCryptoKeyVersion"].contains(&call.as_str());
        self.cloud.calls().into_iter().filter(is_change).collect()
    }

    /// The records, in the order in which their names sort: an intent before its outcome.
    pub(crate) fn records(&self) -> Vec<(String, String)> {
        let objects = self.cloud.objects(AUDIT_BUCKET);
        objects.into_iter().map(|(name, bytes)| (name, String::from_utf8(bytes).unwrap())).collect()
    }
}

/// Starts the binary on a free port, and waits until it is up.
async fn run(mode: &str, cloud: &str, variables: &[(&'static str, String)]) -> (Child, String) {
    let port = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap().port();
    let guard = Command::new(env!("CARGO_BIN_EXE_gcp-guard"))
        .env_clear()
        .envs([
            ("PORT", port.to_string().as_str()),
            ("REPRIEVE_MODE", mode),
            ("REPRIEVE_LOG", "warn"),
            ("REPRIEVE_GOOGLE_PROJECTS", "prod,staging"),
            ("REPRIEVE_GOOGLE_AUDIT_BUCKET", AUDIT_BUCKET),
            ("REPRIEVE_GOOGLE_CLAIMS_BUCKET", CLAIMS_BUCKET),
            ("REPRIEVE_GOOGLE_ENDPOINT_URL", cloud),
            ("REPRIEVE_APPROVAL_KEYS", &approval_keys_text()),
        ])
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let url = format!("http://127.0.0.1:{port}");
    for _ in 0..200 {
        if get(&format!("{url}/healthz")).await.is_ok_and(|reply| reply.status == 200) {
            return (guard, url);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the guard is not up after ten seconds");
}

pub(crate) fn approval_labels(version: &GoogleName, terms: &Terms) -> BTreeMap<String, String> {
    labels_of(&approval_tags(&sealed_for(version, terms))).unwrap()
}

/// A window of two hours around now, to the second.
pub(crate) fn window_around_now() -> String {
    let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap();
    let hour = SignedDuration::from_hours(1);
    format!("{}/{}", now.checked_sub(hour).unwrap(), now.checked_add(hour).unwrap())
}

pub(crate) fn base64_of(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// A chat that hears notices.
pub(crate) struct Chat {
    heard: Arc<Mutex<Heard>>,
    url: String,
    server: JoinHandle<()>,
}

#[derive(Default)]
struct Heard {
    said: Vec<String>,
    /// How many more it refuses.
    refusals: usize,
}

impl Drop for Chat {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Chat {
    pub(crate) async fn start() -> Self {
        let heard = Arc::<Mutex<Heard>>::default();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let hear = |State(heard): State<Arc<Mutex<Heard>>>, body: String| async move {
            let mut heard = heard.lock().unwrap();
            if heard.refusals > 0 {
                heard.refusals -= 1;
                return StatusCode::FORBIDDEN;
            }
            heard.said.push(body);
            StatusCode::OK
        };
        let router = Router::new().route("/hook", post(hear)).with_state(Arc::clone(&heard));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { heard, url, server }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Lets it refuse the next notices, so many.
    pub(crate) fn refuse(&self, times: usize) {
        self.heard.lock().unwrap().refusals = times;
    }

    pub(crate) fn said(&self) -> Vec<String> {
        self.heard.lock().unwrap().said.clone()
    }
}

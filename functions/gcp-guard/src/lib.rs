//! The guard on Google Cloud as a service of Cloud Run: Eventarc or Pub/Sub posts entries of the audit log, Cloud Scheduler calls for
//! the sweep and the seals.
//!
//! | route | what |
//! |---|---|
//! | `POST /` | a `CloudEvent` of Eventarc in binary or structured mode, or a push of Pub/Sub: one entry |
//! | `POST /sweep` | looks for versions that were taken away and of which no entry arrived |
//! | `POST /seal` | seals every hour of the evidence that is over |
//! | `GET /healthz`, `GET /health` | the service is up; Google's front end keeps `/healthz` to itself, so only probes inside see it |
//!
//! An answer of 2xx says that it was done; 5xx, that it must come again; 4xx, that it can never be read, so that a
//! subscription with a dead-letter topic puts it aside. A sweep that leaves a version lost which nothing lets be lost, or people untold,
//! is not done. *Architecture invariant:* who may call is IAM's to say (`roles/run.invoker` for Eventarc's and the scheduler's service
//! accounts): the service is deployed without public access, and checks no caller itself.

mod keep;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use reprieve_core::AuditEvent;
use reprieve_engine::{
    AuditSink, Clock, Delivery, Handled, KeyVersionControl, NoticeSink, PolicySource, Sealed, VersionClaims, VersionGuard, VersionMeter,
    VersionSweep,
};
use reprieve_runtime::log_answer;
use reprieve_wire::audit::Parsed;
use reprieve_wire::google::{Delivered, Headers, parse_delivery};
use serde_json::{Value, json};

pub use keep::Keeper;

/// How long one entry is worked on: within the acknowledgement deadline of a push subscription, as the deployment sets it.
const ENTRY_TAKES: Duration = Duration::from_secs(45);

/// How long a sweep may take; Cloud Run ends a request after 300 s.
const SWEEP_TAKES: Duration = Duration::from_secs(270);

/// An entry has at most 256 KiB, and base64 makes it a third longer.
const BODY_LIMIT_BYTES: usize = 1024 * 1024;

/// The answer to one entry, and why.
struct Answer {
    status: StatusCode,
    why: String,
}

/// The guard as this service runs it, whatever stands behind its ports.
pub trait Guard: Send + Sync + 'static {
    /// Works on one entry of the audit log. `None` where it takes no version of a key away.
    fn handle(&self, entry: &AuditEvent, delivery: Delivery) -> impl Future<Output = Option<Handled>> + Send;
    /// Sweeps.
    fn sweep(&self, delivery: Delivery) -> impl Future<Output = VersionSweep> + Send;
    /// Returns the time.
    fn now(&self) -> Timestamp;
}

impl<K, L, A, N, C, M, P> Guard for VersionGuard<K, L, A, N, C, M, P>
where
    K: KeyVersionControl + Send + 'static,
    L: VersionClaims + Send + 'static,
    A: AuditSink + Send + 'static,
    N: NoticeSink + Send + 'static,
    C: Clock + Send + 'static,
    M: VersionMeter + Send + 'static,
    P: PolicySource + Send + 'static,
{
    async fn handle(&self, entry: &AuditEvent, delivery: Delivery) -> Option<Handled> {
        Self::handle(self, entry, delivery).await
    }

    async fn sweep(&self, delivery: Delivery) -> VersionSweep {
        Self::sweep(self, delivery).await
    }

    fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }
}

/// Makes the routes over a guard and what keeps its evidence.
pub fn router<G: Guard>(guard: G, keeper: Keeper) -> Router {
    let up = || async { respond(StatusCode::OK, &json!({"status": "up"})) };
    let guarding: Router = Router::new().route("/", post(entry::<G>)).route("/sweep", post(sweep::<G>)).with_state(Arc::new(guard));
    let sealing: Router = Router::new().route("/seal", post(seal)).with_state(Arc::new(keeper));
    guarding.merge(sealing).route("/healthz", get(up)).route("/health", get(up)).layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
}

async fn entry<G: Guard>(State(guard): State<Arc<G>>, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let headers = Headers { content_type: text("content-type"), event_type: text("ce-type"), event_id: text("ce-id") };
    let event = match parse_delivery(headers, &body) {
        Ok(Delivered::Entry(Parsed::Entry(event))) => event,
        Ok(Delivered::Entry(Parsed::NotOurs { source, name })) => {
            return done(&format!("`{name}` of {source} is about no key"));
        }
        Ok(Delivered::OtherEvent { event_type }) => return done(&format!("an event of type `{event_type}` is nobody's here")),
        Err(error) => {
            let why = error.unquoted();
            tracing::error!(event_id = headers.event_id, why, "a delivery could not be read");
            return respond(StatusCode::BAD_REQUEST, &json!({"status": "unreadable", "why": why}));
        }
    };
    let received_at = guard.now();
    // How often it was delivered before, the claims alone know.
    let delivery = Delivery { received_at, count: 1, stopped_at: later(received_at, ENTRY_TAKES) };
    let Some(handled) = guard.handle(&event, delivery).await else {
        return done(&format!("`{}` takes no version of a key away", event.event.name));
    };
    let Answer { status, why } = answer(&handled);
    let again = log_answer(&event.event, handled);
    respond(status, &json!({"status": if again.is_some() { "again" } else { "done" }, "why": why}))
}

async fn sweep<G: Guard>(State(guard): State<Arc<G>>) -> Response {
    let received_at = guard.now();
    let delivery = Delivery { received_at, count: 1, stopped_at: later(received_at, SWEEP_TAKES) };
    let report = guard.sweep(delivery).await;
    for reason in &report.failed {
        tracing::warn!(reason, "a version, a project or a notice is still open, and the next sweep goes on with it");
    }
    let is_whole = report.failed.is_empty() && report.left == 0;
    let status = if is_whole { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "status": if is_whole { "done" } else { "again" },
        "lost": report.lost,
        "answered": report.answered,
        "known": report.known,
        "failed": report.failed,
        "left": report.left,
    });
    respond(status, &body)
}

async fn seal(State(keeper): State<Arc<Keeper>>) -> Response {
    let Sealed { sealed: seals, objects, from, until, last_seal, is_more_due, .. } = match keeper.seal().await {
        Ok(sealed) => sealed,
        Err(why) => {
            tracing::error!(why, "the evidence could not be sealed");
            return respond(StatusCode::SERVICE_UNAVAILABLE, &json!({"status": "again", "why": why}));
        }
    };
    let last_seal = last_seal.map(|hash| hash.to_string());
    tracing::info!(seals, objects, ?from, ?until, last_seal, "sealed");
    if is_more_due {
        tracing::warn!(?until, "more is due than one run seals; the next one goes on");
    }
    respond(StatusCode::OK, &json!({"status": "done", "seals": seals, "objects": objects, "until": until, "last_seal": last_seal}))
}

fn answer(handled: &Handled) -> Answer {
    match handled {
        Handled::Done { record, .. } => {
            let mut why = record.decision.as_ref().map(|decision| decision.why().sentence.clone()).unwrap_or_default();
            // Writing to a string cannot fail.
            write!(why, " ({:?})", record.status).ok();
            Answer { status: StatusCode::OK, why }
        }
        Handled::Duplicate => Answer { status: StatusCode::OK, why: "it was answered before".to_owned() },
        Handled::Retry { reason, .. } => Answer { status: StatusCode::SERVICE_UNAVAILABLE, why: reason.clone() },
    }
}

fn done(why: &str) -> Response {
    respond(StatusCode::OK, &json!({"status": "not ours", "why": why}))
}

fn respond(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

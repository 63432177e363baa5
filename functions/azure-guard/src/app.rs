//! Routes and invocations. Nothing is decided here.
//!
//! An item that cannot be read or answered fails its invocation. What Event Grid brought ends in the dead-letter store after the last
//! attempt, where it can be read and given in again. What the event hub brought has no such place: the host tries the batch five times
//! more, for about five minutes, and then goes on behind it; what was not answered by then the sweep finds. To be recorded, a batch is
//! tried until it succeeds, so that what cannot be read of it is named and passed by. The other items of a batch are answered all the
//! same, once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use reprieve_core::azure::Function;
use reprieve_core::azure::event::{Reach, reach};
use reprieve_core::{Event, EventId};
use reprieve_engine::port::{AuditSink, Clock, NoticeSink, PolicySource};
use reprieve_engine::{Delivery, TenantControl, TenantGuard, TenantLedger, TenantMeter};
use reprieve_runtime::{LogMeter, log_answer};
use reprieve_wire::WireError;
use reprieve_wire::azure::custom_handler::Kind;
use reprieve_wire::azure::{Parsed, TimerCall, parse_invocation};

use crate::answer::{Answer, respond};
use crate::record::{Entries, Evidence, Source, place_in_hub};

/// The routes that are none of a [`Function`], beside those of a [`Source`]: two timers.
const SWEEP: &str = "Sweep";
const SEAL: &str = "SealEvidence";

/// Event Grid takes an invocation for failed after 30 s; by then all of it is written down.
pub(crate) const INVOCATION_TAKES: Duration = Duration::from_secs(25);

/// More than the host hands over in one invocation: four messages of an event hub (`maxEventBatchSize` in `host.json`), each of 1 MiB and
/// written as a text in a text, which makes up to seven bytes of one. Instances have 512 MB.
pub const BODY_LIMIT_BYTES: usize = 32 * 1024 * 1024;

/// The guard as this handler runs it, whatever stands behind its ports.
pub trait Guard: Send + Sync + 'static {
    /// Works on one event, for one function.
    fn handle(&self, function: Function, event: &Event, delivery: Delivery) -> impl Future<Output = Vec<reprieve_engine::Handled>> + Send;
    /// Sweeps.
    fn sweep(&self, id: &EventId, stopped_at: Timestamp) -> impl Future<Output = reprieve_engine::TenantSweep> + Send;
    /// Returns the time.
    fn now(&self) -> Timestamp;
    /// Returns how many things are worked on at the same time.
    fn concurrency(&self) -> usize;
    /// Returns how long a sweep may take.
    fn sweep_budget(&self) -> Duration;
}

impl<T, L, A, N, C, M, P> Guard for TenantGuard<T, L, A, N, C, M, P>
where
    T: TenantControl + Send + 'static,
    L: TenantLedger + Send + 'static,
    A: AuditSink + Send + 'static,
    N: NoticeSink + Send + 'static,
    C: Clock + Send + 'static,
    M: TenantMeter + Send + 'static,
    P: PolicySource + Send + 'static,
{
    async fn handle(&self, function: Function, event: &Event, delivery: Delivery) -> Vec<reprieve_engine::Handled> {
        Self::handle(self, function, event, delivery).await
    }

    async fn sweep(&self, id: &EventId, stopped_at: Timestamp) -> reprieve_engine::TenantSweep {
        Self::sweep(self, id, stopped_at).await
    }

    fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    fn concurrency(&self) -> usize {
        self.settings.concurrency
    }

    fn sweep_budget(&self) -> Duration {
        self.settings.sweep_budget
    }
}

/// What every route works with.
#[derive(Debug)]
pub struct App<G, E> {
    guard: Arc<G>,
    evidence: Arc<E>,
}

impl<G, E> Clone for App<G, E> {
    fn clone(&self) -> Self {
        Self { guard: Arc::clone(&self.guard), evidence: Arc::clone(&self.evidence) }
    }
}

/// Makes the routes over a guard and its evidence.
pub fn router<G: Guard, E: Evidence>(guard: G, evidence: E) -> Router {
    Router::new()
        .route("/", get(|| async { respond(StatusCode::OK, &[]) }))
        .route("/{function}", post(invoke::<G, E>))
        .fallback(|| async { respond(StatusCode::NOT_FOUND, &["there is no such route: a function is called with POST /NAME".to_owned()]) })
        .method_not_allowed_fallback(|| async {
            respond(StatusCode::METHOD_NOT_ALLOWED, &["a function is called with POST /NAME".to_owned()])
        })
        .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
        .with_state(App { guard: Arc::new(guard), evidence: Arc::new(evidence) })
}

async fn invoke<G: Guard, E: Evidence>(
    State(app): State<App<G, E>>,
    path: Result<Path<String>, PathRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let Path(name) = match path {
        Ok(path) => path,
        Err(rejected) => return respond(rejected.status(), &[format!("the route could not be read: {}", rejected.body_text())]),
    };
    let body = match body {
        Ok(body) => body,
        Err(rejected) => return respond(rejected.status(), &[format!("the invocation could not be read: {}", rejected.body_text())]),
    };
    match Function::of_name(&name) {
        Some(function) => app.events(function, &body).await.into_response(),
        None if name == SWEEP => app.sweep(&body).await.into_response(),
        None if name == SEAL => app.seal(&body).await.into_response(),
        None => match Source::of_function(&name) {
            Some(source) => app.record(source, &body).await.into_response(),
            None => respond(StatusCode::NOT_FOUND, &[format!("there is no function `{name}`")]),
        },
    }
}

impl<G: Guard, E: Evidence> App<G, E> {
    async fn events(&self, function: Function, body: &[u8]) -> Answer {
        let invocation = match parse_invocation(body) {
            Ok(invocation) => invocation,
            Err(error) => {
                let error = error.unquoted();
                tracing::error!(function = function.name(), error, "the invocation could not be read");
                return Answer::failed(error);
            }
        };
        match invocation.kind {
            Kind::Events(items) => self.batch(function, &items).await,
            Kind::Timer(_) => Answer::failed(format!("{} answers events, and a timer called it", function.name())),
        }
    }

    /// Works on a batch: what concerns different resources side by side, what concerns one in the order of its times.
    async fn batch(&self, function: Function, items: &[Parsed]) -> Answer {
        let received_at = self.guard.now();
        let delivery = Delivery { received_at, count: 1, stopped_at: later(received_at, INVOCATION_TAKES) };
        let mut answer = Answer::default();
        let mut groups: BTreeMap<String, Vec<Event>> = BTreeMap::new();
        for Parsed { at, event, .. } in items {
            match event {
                Ok(event) => groups.entry(subject_of(event, function)).or_default().push(event.clone()),
                Err(error) => {
                    let error = error.unquoted();
                    tracing::error!(function = function.name(), at, error, "an event could not be read");
                    answer.again(format!("{at}: {error}"));
                }
            }
        }
        for group in groups.values_mut() {
            group.sort_by_key(|event| event.time);
        }
        let answers = stream::iter(groups.into_values()).map(|group| async move {
            let mut answers = Vec::new();
            for event in group {
                let handled = self.guard.handle(function, &event, delivery).await;
                answers.extend(handled.into_iter().map(|handled| (event.clone(), handled)));
            }
            answers
        });
        let answers: Vec<_> = answers.buffer_unordered(self.guard.concurrency().max(1)).flat_map(stream::iter).collect().await;
        for (event, handled) in answers {
            match log_answer(&event, handled) {
                Some(reason) => answer.again(format!("`{}` on {}: {reason}", event.name, event.target.display_name())),
                None => answer.done(format!("`{}` on {}: answered", event.name, event.target.display_name())),
            }
        }
        answer
    }

    async fn sweep(&self, body: &[u8]) -> Answer {
        let TimerCall { sweep, .. } = match parse_invocation(body).map(|invocation| invocation.kind) {
            Ok(Kind::Timer(call)) => call,
            Ok(Kind::Events(_)) => return Answer::failed("Sweep answers a timer, and events called it"),
            Err(error) => return Answer::failed(error.unquoted()),
        };
        let now = self.guard.now();
        let report = self.guard.sweep(&sweep.id, later(now, self.guard.sweep_budget() + INVOCATION_TAKES)).await;
        for reason in &report.failed {
            tracing::warn!(reason, "a subject is still open and will be looked at again");
        }
        for complaint in &report.complaints {
            tracing::error!(complaint, "what the sweep answered could not all be written down or told");
        }
        for reason in &report.unreadable {
            tracing::error!(reason, "the sweep could not look everywhere");
        }
        for posture in &report.postures {
            // A percentage that is missing for an hour: the next sweep writes it.
            if let Err(error) = self.evidence.keep_posture(posture).await {
                tracing::warn!(%error, subscription = posture.account, "how things stand could not be written");
            }
        }
        let mut answer = Answer::default();
        answer.done(format!(
            "{} of {} looked at, {} not announced by any event, {} mended, {} need a human, {} open, {} left",
            report.looked_at,
            report.subjects,
            report.lost_events,
            report.mended,
            report.escalated,
            report.failed.len(),
            report.left
        ));
        answer
    }

    /// Writes what a vault's log or the Activity Log told.
    async fn record(&self, source: Source, body: &[u8]) -> Answer {
        let entries = match parse_invocation(body).map(|invocation| invocation.kind) {
            Ok(Kind::Events(items)) => Entries::read(&items),
            Ok(Kind::Timer(_)) => return Answer::failed("events are recorded, and a timer called it"),
            Err(error @ WireError::NotJson { .. }) => Entries::of_no_json(&error),
            Err(error) => return Answer::failed(error.unquoted()),
        };
        let mut answer = Answer::default();
        name_unreadable(&mut answer, source, &entries.unreadable, body);
        let not_ours = entries.not_ours;
        if entries.events.is_empty() {
            answer.done(format!("nothing to record, {not_ours} entries about something else"));
            return answer;
        }
        match self.evidence.record(&entries.into_batch(), source.invocation_takes()).await {
            Ok(line) => answer.done(format!("{line}, {not_ours} entries about something else")),
            Err(error) => {
                tracing::error!(%error, "entries could not be recorded");
                answer.again(error.to_string());
            }
        }
        answer
    }

    /// Seals the evidence.
    async fn seal(&self, body: &[u8]) -> Answer {
        match parse_invocation(body).map(|invocation| invocation.kind) {
            Ok(Kind::Timer(_)) => {}
            Ok(Kind::Events(_)) => return Answer::failed("SealEvidence answers a timer, and events called it"),
            Err(error) => return Answer::failed(error.unquoted()),
        }
        match self.evidence.seal().await {
            Ok(line) => {
                let mut answer = Answer::default();
                answer.done(line);
                answer
            }
            Err(reason) => {
                tracing::error!(reason, "the evidence could not be sealed");
                Answer::failed(reason)
            }
        }
    }
}

/// Names the entries that cannot be read, and where they can be looked at.
fn name_unreadable(answer: &mut Answer, source: Source, unreadable: &[String], body: &[u8]) {
    if unreadable.is_empty() {
        return;
    }
    LogMeter::entries_unreadable(unreadable.len());
    let place = place_in_hub(body).unwrap_or_default();
    for unreadable in unreadable {
        tracing::error!(unreadable, place, "an entry of a log could not be read");
        let line = format!("an entry of a log could not be read, and is not recorded: {unreadable}");
        if source.passes_by() { answer.done(line) } else { answer.again(line) }
    }
}

/// Groups what concerns one resource.
fn subject_of(event: &Event, function: Function) -> String {
    match reach(event, function) {
        Reach::One(subject) => subject.key(),
        Reach::All => "all".to_owned(),
        Reach::Nothing => event.id.to_string(),
    }
}

pub(crate) fn later(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

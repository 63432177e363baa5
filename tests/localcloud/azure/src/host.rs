//! Stand-in of the Azure Functions host: reads a function app's folder, starts its custom handler and calls its functions.
//!
//! It takes an answer as the host does: 2xx, JSON with its content type, an object with `Outputs`, `Logs` and `ReturnValue`; a body
//! that is `null` would hang the call for good and is told as such. It answers the subscription handshake of Event Grid itself.
//! Must not know what the functions do, nor hide a failed call: every call is recorded.

mod app;
mod handler;
mod payload;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::{Value, json};
use thiserror::Error;
use uuid::Uuid;

use self::app::FunctionApp;
pub use self::app::{Function, Retry, Trigger};
use self::handler::{Handler, Log, Reply};
pub use self::payload::PayloadForm;

/// Says why a function app cannot be hosted.
#[derive(Debug, Error)]
pub enum HostError {
    /// A file or folder cannot be read.
    #[error("cannot read `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("`{}` cannot be understood", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The app's folder says something that the host refuses.
    #[error("`{}`: {reason}", path.display())]
    App {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The handler cannot be started.
    #[error("cannot start `{}`", path.display())]
    Spawn {
        /// The handler.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The handler ended instead of listening.
    #[error("the handler ended ({status}) before it answered `GET /`: {output}")]
    Ended {
        /// How it ended.
        status: String,
        /// The last lines that it wrote.
        output: String,
    },
    /// The handler does not answer.
    #[error("the handler did not answer `GET /` within {limit_seconds} s on FUNCTIONS_CUSTOMHANDLER_PORT: {output}")]
    Silent {
        /// How long it was asked.
        limit_seconds: u64,
        /// The last lines that it wrote.
        output: String,
    },
    /// No port is free.
    #[error("no loopback port is free")]
    Port(#[source] io::Error),
    /// A function's name cannot be a route.
    #[error("`{path}` cannot be called: rename the function")]
    Route {
        /// The route.
        path: String,
    },
}

/// How an app is hosted.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// The app's folder: `host.json`, `<Function>/function.json`.
    pub folder: PathBuf,
    /// The custom handler, where it is not the one beside `host.json`.
    pub executable: Option<PathBuf>,
    /// The function app's name: what an endpoint `…/Microsoft.Web/sites/NAME/functions/FUNCTION` names.
    pub site: String,
    /// App settings: the handler's whole environment, beside what the host sets.
    pub environment: BTreeMap<String, String>,
    /// In which form bindings are sent.
    pub form: PayloadForm,
    /// How long a starting handler is asked; the host asks 30 s.
    pub start_limit: Duration,
    /// How long a call may take; 30 s, after which Event Grid no longer waits.
    pub call_limit: Duration,
    /// How long a run of a timer or over messages of an event hub may take: nobody waits for it but the host, whose `functionTimeout` is 5
    /// minutes by default.
    pub run_limit: Duration,
}

impl HostOptions {
    /// Hosts the app in `folder` under a name, with the host's own limits.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, site: &str) -> Self {
        Self {
            folder: folder.into(),
            executable: None,
            site: site.to_owned(),
            environment: BTreeMap::new(),
            form: PayloadForm::default(),
            start_limit: Duration::from_secs(30),
            call_limit: Duration::from_secs(30),
            run_limit: Duration::from_mins(5),
        }
    }
}

/// Why the host counts a call as failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvocationFault {
    /// There is no such function.
    #[error("there is no function `{0}`")]
    NoFunction(String),
    /// The handler does not run, or ended under the call.
    #[error("the handler cannot be reached: {0}")]
    Unreachable(String),
    /// The handler took too long.
    #[error("no answer within {0} s")]
    TooSlow(u64),
    /// The status is not 2xx.
    #[error("status {status}: {body}")]
    Status {
        /// The status.
        status: u16,
        /// The beginning of the body.
        body: String,
    },
    /// The body parses to `null`: the host would wait for ever.
    #[error("the body is `null` or empty, on which the host hangs: answer an object")]
    Hang,
    /// The answer is not what the host takes.
    #[error("the answer is not one of a custom handler: {0}")]
    Malformed(String),
}

/// One call of a function.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The id that the handler was given.
    pub id: String,
    /// The function.
    pub function: String,
    /// When it was called.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// How many events or messages it was given.
    pub events: usize,
    /// The `ReturnValue`, or why the call failed.
    pub outcome: Result<Value, InvocationFault>,
    /// The `Logs`.
    pub logs: Vec<String>,
}

/// What the host's webhook for Event Grid answers.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookAnswer {
    /// The status: 200 for a handshake, 202 where all events went through, 500 where one did not.
    pub status: u16,
    /// The body of a handshake.
    pub body: Option<Value>,
}

/// A hosted function app. Clones are handles on the same one.
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

struct Inner {
    options: HostOptions,
    app: FunctionApp,
    log: Log,
    invocations: Mutex<Vec<Invocation>>,
    // Held across an await only while a handler starts; calls run beside each other.
    handler: tokio::sync::Mutex<Option<Handler>>,
}

impl Host {
    /// Reads the app and starts its handler.
    ///
    /// # Errors
    ///
    /// Fails when the folder is no function app, and when the handler does not answer in time.
    pub async fn start(options: HostOptions) -> Result<Self, HostError> {
        let app = FunctionApp::read(&options.folder, options.executable.as_deref(), &options.environment)?;
        let log: Log = Arc::new(Mutex::new(VecDeque::new()));
        let handler = Handler::start(&app, &options.environment, options.start_limit, &log).await?;
        let handler = tokio::sync::Mutex::new(Some(handler));
        Ok(Self { inner: Arc::new(Inner { options, app, log, invocations: Mutex::default(), handler }) })
    }

    /// Returns the function app's name.
    #[must_use]
    pub fn site(&self) -> &str {
        &self.inner.options.site
    }

    /// Returns an app setting.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.inner.options.environment.get(name).map(String::as_str)
    }

    /// Lists the functions.
    pub fn functions(&self) -> impl Iterator<Item = &Function> {
        self.inner.app.functions.values()
    }

    /// Returns a function by its name, in any case.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions().find(|function| function.name.eq_ignore_ascii_case(name))
    }

    /// Returns every call so far.
    #[must_use]
    pub fn invocations(&self) -> Vec<Invocation> {
        self.inner.invocations.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns what the handler wrote, with `out` or `err` before each line.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.inner.log.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Returns the handler's process id, while it runs.
    pub async fn process_id(&self) -> Option<u32> {
        self.inner.handler.lock().await.as_ref().and_then(Handler::process_id)
    }

    /// Ends the handler's process. The next call starts it again, as the host does after a crash.
    pub async fn crash(&self) {
        if let Some(mut handler) = self.inner.handler.lock().await.take() {
            handler.stop().await;
        }
    }

    /// Ends the handler's process for good.
    pub async fn stop(self) {
        self.crash().await;
    }

    /// Answers a request to the host's Event Grid webhook. `event_type` is the header `aeg-event-type`.
    pub async fn webhook(&self, function: &str, event_type: &str, body: &Value) -> WebhookAnswer {
        if self.function(function).is_none() {
            return WebhookAnswer { status: 404, body: None };
        }
        let events: &[Value] = body.as_array().map_or(std::slice::from_ref(body), Vec::as_slice);
        if event_type.eq_ignore_ascii_case("SubscriptionValidation") {
            let code = events.first().and_then(|event| event.pointer("/data/validationCode"));
            return match code {
                Some(code) => WebhookAnswer { status: 200, body: Some(json!({ "validationResponse": code })) },
                None => WebhookAnswer { status: 400, body: None },
            };
        }
        if !event_type.eq_ignore_ascii_case("Notification") {
            return WebhookAnswer { status: 400, body: None };
        }
        let all_went_through = self.notify(function, events).await;
        WebhookAnswer { status: if all_went_through { 202 } else { 500 }, body: None }
    }

    /// Calls a function with events: one call an event beside each other, or one call for all where the function takes many.
    async fn notify(&self, name: &str, events: &[Value]) -> bool {
        let Some(function) = self.function(name) else {
            return false;
        };
        let now = Timestamp::now();
        let form = self.inner.options.form;
        if let Trigger::EventGrid { takes_many: true } = function.trigger {
            let metadata = payload::event_grid_metadata(&function.name, now, &Value::Null);
            let invocation = self.invoke(function, payload::many(events, form), &metadata, events.len()).await;
            return invocation.outcome.is_ok();
        }
        let calls = events.iter().map(|event| {
            let data = event.get("data").unwrap_or(&Value::Null);
            let metadata = payload::event_grid_metadata(&function.name, now, data);
            async move { self.invoke(function, payload::one(event, form), &metadata, 1).await }
        });
        join_all(calls).await.iter().all(|invocation| invocation.outcome.is_ok())
    }

    /// Calls a function with messages of an event hub: one call for all, or one by one where the function takes one.
    ///
    /// # Errors
    ///
    /// Fails with the first call that the host counts as failed.
    pub async fn receive(&self, name: &str, hub: &str, messages: &[Value], first_number: u64) -> Result<(), InvocationFault> {
        let Some(function) = self.function(name) else {
            return Err(InvocationFault::NoFunction(name.to_owned()));
        };
        let form = self.inner.options.form;
        let metadata = |count: usize| payload::event_hub_metadata(&function.name, hub, Timestamp::now(), first_number, count);
        if let Trigger::EventHub { takes_many: true, .. } = function.trigger {
            let invocation = self.invoke(function, payload::many(messages, form), &metadata(messages.len()), messages.len()).await;
            return invocation.outcome.map(drop);
        }
        for message in messages {
            self.invoke(function, payload::one(message, form), &metadata(1), 1).await.outcome?;
        }
        Ok(())
    }

    /// Calls a function as its timer does.
    pub async fn run_timer(&self, name: &str) -> Invocation {
        let Some(function) = self.function(name) else {
            return no_function(name);
        };
        let (value, metadata) = payload::timer(&function.name, Timestamp::now(), false);
        self.invoke(function, value, &metadata, 0).await
    }

    /// Calls a function with a value as it stands, in no form: for payloads that the host itself would not make.
    pub async fn call(&self, name: &str, value: Value) -> Invocation {
        let Some(function) = self.function(name) else {
            return no_function(name);
        };
        let metadata = payload::event_grid_metadata(&function.name, Timestamp::now(), &Value::Null);
        self.invoke(function, value, &metadata, 1).await
    }

    async fn invoke(&self, function: &Function, value: Value, metadata: &Value, events: usize) -> Invocation {
        let id = Uuid::new_v4().to_string();
        let at = Timestamp::now();
        let started = Instant::now();
        let body = payload::body(&function.binding, value, metadata).to_string();
        let options = &self.inner.options;
        let limit = match function.trigger {
            Trigger::EventGrid { .. } => options.call_limit,
            Trigger::EventHub { .. } | Trigger::Timer { .. } => options.run_limit,
        };
        let answered = self.send(&function.name, &id, body, limit).await.and_then(|reply| understood(&reply));
        let (outcome, logs) = match answered {
            Ok((value, logs)) => (Ok(value), logs),
            Err(fault) => (Err(fault), Vec::new()),
        };
        let invocation = Invocation { id, function: function.name.clone(), at, took: started.elapsed(), events, outcome, logs };
        self.inner.invocations.lock().unwrap_or_else(PoisonError::into_inner).push(invocation.clone());
        invocation
    }

    async fn send(&self, function: &str, id: &str, body: String, limit: Duration) -> Result<Reply, InvocationFault> {
        let unreachable = |error: HostError| InvocationFault::Unreachable(error.to_string());
        let sent = {
            let mut running = self.inner.handler.lock().await;
            let has_ended = running.as_mut().is_none_or(|handler| handler.exit_status().is_some());
            if has_ended {
                let options = &self.inner.options;
                let started = Handler::start(&self.inner.app, &options.environment, options.start_limit, &self.inner.log).await;
                *running = Some(started.map_err(unreachable)?);
            }
            let Some(handler) = running.as_ref() else {
                return Err(InvocationFault::Unreachable("it does not run".to_owned()));
            };
            handler.call(function, id, body).map_err(unreachable)?
        };
        match tokio::time::timeout(limit, sent).await {
            Err(_) => Err(InvocationFault::TooSlow(limit.as_secs())),
            Ok(Err(error)) => {
                // A handler that ended under the call is seen as ended by the next one.
                if let Some(handler) = self.inner.handler.lock().await.as_mut() {
                    handler.settle().await;
                }
                Err(InvocationFault::Unreachable(error))
            }
            Ok(Ok(reply)) => Ok(reply),
        }
    }
}

fn no_function(name: &str) -> Invocation {
    Invocation {
        id: String::new(),
        function: name.to_owned(),
        at: Timestamp::now(),
        took: Duration::ZERO,
        events: 0,
        outcome: Err(InvocationFault::NoFunction(name.to_owned())),
        logs: Vec::new(),
    }
}

/// Takes an answer as the host does, and returns its `ReturnValue` and its `Logs`.
fn understood(reply: &Reply) -> Result<(Value, Vec<String>), InvocationFault> {
    if !(200..300).contains(&reply.status) {
        let body: String = String::from_utf8_lossy(&reply.body).chars().take(400).collect();
        return Err(InvocationFault::Status { status: reply.status, body });
    }
    let malformed = |reason: &str| Err(InvocationFault::Malformed(reason.to_owned()));
    let body: Result<Value, serde_json::Error> = serde_json::from_slice(&reply.body);
    if reply.body.is_empty() || matches!(body, Ok(Value::Null)) {
        return Err(InvocationFault::Hang);
    }
    let is_json = reply.content_type.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
    if !is_json {
        return Err(InvocationFault::Malformed(format!("its content type is `{}`, not `application/json`", reply.content_type)));
    }
    let Ok(body) = body else {
        return malformed("it is not JSON");
    };
    let Some(answer) = body.as_object() else {
        return malformed("it is not an object");
    };
    if !answer.get("Outputs").is_some_and(Value::is_object) {
        return malformed("`Outputs` is not an object");
    }
    let Some(logs) = answer.get("Logs").and_then(Value::as_array) else {
        return malformed("`Logs` is not a list");
    };
    let texts: Option<Vec<String>> = logs.iter().map(|line| line.as_str().map(str::to_owned)).collect();
    let Some(texts) = texts else {
        return malformed("`Logs` has an item that is not text");
    };
    let Some(value) = answer.get("ReturnValue") else {
        return malformed("`ReturnValue` is missing");
    };
    Ok((value.clone(), texts))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, content_type: &str, body: &str) -> Reply {
        Reply { status, content_type: content_type.to_owned(), body: body.to_owned().into() }
    }

    #[test]
    fn answers_are_taken_as_the_host_takes_them() {
        let good = r#"{"Outputs":{},"Logs":["done"],"ReturnValue":null}"#;
        assert_eq!(understood(&reply(200, "application/json; charset=utf-8", good)), Ok((Value::Null, vec!["done".to_owned()])));
        let cases = [
            (reply(500, "application/json", good), "status 500"),
            (reply(200, "application/json", "null"), "hangs"),
            (reply(200, "application/json", ""), "hangs"),
            (reply(200, "text/plain", good), "content type is `text/plain`"),
            (reply(200, "application/json", "[]"), "not an object"),
            (reply(200, "application/json", "{}"), "`Outputs`"),
            (reply(200, "application/json", r#"{"Outputs":{},"ReturnValue":null}"#), "`Logs`"),
            (reply(200, "application/json", r#"{"Outputs":{},"Logs":[]}"#), "`ReturnValue`"),
        ];
        for (reply, expected) in cases {
            let fault = understood(&reply).map_or_else(|fault| fault.to_string(), |_| "taken".to_owned());
            assert!(fault.contains(expected), "{fault}");
        }
    }
}

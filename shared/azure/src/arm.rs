//! A thin client of Azure Resource Manager: resources as JSON, read, listed, written and patched, to their end.
//!
//! *Architecture invariants:* it has no method that deletes, and of actions it knows those of [`Action`] alone. A list is whole or an
//! error. A call ends within the connection's budget, its retries and the operation that it sets off included; what is still under way
//! then is [`CallError::Unavailable`], and the next look shows how it went.

mod operation;
mod pace;
mod path;

use std::sync::Arc;
use std::time::Duration;

use azure_core::http::headers::{HeaderName, Headers};
use azure_core::http::{Context, Method, Pipeline, PipelineSendOptions, RawResponse, Request, Url};
use reprieve_engine::CallError;
use serde_json::Value;
use tokio::time::Instant;

use self::operation::{Follow, Progress};
use self::pace::Pace;
use crate::connection::Connection;
use crate::error::{Words, kind_of, of_answer};
use crate::fence;
use crate::patience::{Fault, pause_asked, persist};

const GET: &str = "arm:Get";
const LIST: &str = "arm:List";
const PUT: &str = "arm:Put";
const PATCH: &str = "arm:Patch";
const POST: &str = "arm:Post";

/// What tokens are asked for.
const SCOPE: &str = "https://management.azure.com/.default";

/// How many pages a list may have. The longest lists here, of the Activity Log, are asked for by time.
const PAGES_LIMIT: usize = 200;

/// The pause between two looks at an operation, where none is asked for.
const POLL_PAUSE: Duration = Duration::from_secs(2);

const IF_MATCH: HeaderName = HeaderName::from_static("if-match");
const IF_NONE_MATCH: HeaderName = HeaderName::from_static("if-none-match");
const ETAG: HeaderName = HeaderName::from_static("etag");

/// The actions that may be asked for. None of them takes anything away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Locks an immutability policy: one-way.
    Lock,
    /// Lengthens a locked immutability policy.
    Extend,
}

impl Action {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Lock => "lock",
            Self::Extend => "extend",
        }
    }
}

/// When a write is to take effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition<'a> {
    /// In any case.
    Always,
    /// If the resource still has this `ETag`; else [`CallError::InvalidState`].
    IfMatch(&'a str),
    /// If there is no such resource; else [`CallError::InvalidState`].
    IfAbsent,
}

/// A resource, with its `ETag` where it has one.
#[derive(Debug, Clone, PartialEq)]
pub struct Tagged {
    /// The resource.
    pub value: Value,
    /// Its `ETag`, as [`Condition::IfMatch`] takes it.
    pub etag: Option<String>,
}

/// An answer of success.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: Headers,
    /// Null where there is none.
    body: Value,
}

/// Reads and writes resources. Clones share connections, tokens and pace.
#[derive(Debug, Clone)]
pub struct ArmClient {
    pipeline: Pipeline,
    pace: Arc<Pace>,
    budget: Duration,
}

impl ArmClient {
    /// Makes the client.
    #[must_use]
    pub fn new(connection: &Connection) -> Self {
        Self { pipeline: connection.pipeline(path::HOST, SCOPE), pace: Arc::new(Pace::new()), budget: connection.budget() }
    }

    /// Returns the same client with another time for a call, for a sweep or an operation that takes long.
    #[must_use]
    pub fn with_budget(&self, budget: Duration) -> Self {
        Self { budget, ..self.clone() }
    }

    /// Reads a resource by its id. `None` where it does not exist.
    ///
    /// # Errors
    /// When it cannot be read; a subscription that we cannot see is [`CallError::AccessDenied`], not a missing resource.
    pub async fn get(&self, path: &str, api_version: &str) -> Result<Option<Value>, CallError> {
        Ok(self.read(path, api_version).await?.map(|tagged| tagged.value))
    }

    /// Reads a resource and its `ETag`. `None` where it does not exist.
    ///
    /// # Errors
    /// As [`ArmClient::get`].
    pub async fn read(&self, path: &str, api_version: &str) -> Result<Option<Tagged>, CallError> {
        let url = Self::url(GET, path, api_version, &[])?;
        match self.exchange(GET, self.end(), Method::Get, &url, None, Condition::Always).await {
            Ok(answer) if answer.body.is_null() => Err(rejected(GET, &url, "the answer is empty")),
            Ok(answer) => Ok(Some(Tagged { etag: etag_of(&answer), value: answer.body })),
            Err(CallError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lists all resources of a collection, page by page.
    ///
    /// # Errors
    /// When a page cannot be read, leads to another host, or is one too many; part of a list is never returned.
    pub async fn list(&self, path: &str, api_version: &str) -> Result<Vec<Value>, CallError> {
        self.list_where(path, api_version, &[]).await
    }

    /// Lists the resources of a collection that a query such as `$filter` names.
    ///
    /// # Errors
    /// As [`ArmClient::list`].
    pub async fn list_where(&self, path: &str, api_version: &str, query: &[(&str, &str)]) -> Result<Vec<Value>, CallError> {
        let end = self.end();
        let mut url = Self::url(LIST, path, api_version, query)?;
        let mut found = Vec::new();
        for _page in 0..PAGES_LIMIT {
            let answer = self.exchange(LIST, end, Method::Get, &url, None, Condition::Always).await?;
            let Value::Object(mut page) = answer.body else {
                return Err(rejected(LIST, &url, "the answer is no page of a list"));
            };
            let Some(Value::Array(values)) = page.remove("value") else {
                return Err(rejected(LIST, &url, "the answer has no list in `value`"));
            };
            found.extend(values);
            match page.get("nextLink").and_then(Value::as_str).filter(|link| !link.is_empty()) {
                None => return Ok(found),
                Some(link) => url = path::link(link).map_err(|why| rejected(LIST, &url, &why))?,
            }
        }
        Err(rejected(LIST, &url, &format!("the list has more than {PAGES_LIMIT} pages")))
    }

    /// Writes a resource whole, waits for the end, and returns what is there then (null where nothing is told).
    ///
    /// # Errors
    /// When it is refused, fails, or is not done in time.
    pub async fn put(&self, path: &str, api_version: &str, body: &Value, condition: Condition<'_>) -> Result<Value, CallError> {
        self.write(PUT, Method::Put, path, api_version, body, condition).await
    }

    /// Changes what `body` names of a resource, waits for the end, and returns what is there then (null where nothing is told).
    ///
    /// # Errors
    /// As [`ArmClient::put`].
    pub async fn patch(&self, path: &str, api_version: &str, body: &Value, condition: Condition<'_>) -> Result<Value, CallError> {
        self.write(PATCH, Method::Patch, path, api_version, body, condition).await
    }

    /// Carries out an action on a resource, waits for the end, and returns its result (null where it has none).
    ///
    /// # Errors
    /// As [`ArmClient::put`].
    pub async fn post(
        &self,
        path: &str,
        action: Action,
        api_version: &str,
        body: Option<&Value>,
        condition: Condition<'_>,
    ) -> Result<Value, CallError> {
        let end = self.end();
        let url = Self::url(POST, &format!("{path}/{}", action.as_str()), api_version, &[])?;
        let accepted = self.exchange(POST, end, Method::Post, &url, body, condition).await?;
        let result = operation::result_link(&accepted.headers).map_err(|why| rejected(POST, &url, &why))?;
        match follow_of(POST, &url, &accepted)? {
            // An action's own path is never read.
            None | Some(Follow::Resource) => Ok(accepted.body),
            Some(follow) => {
                let last = self.follow(POST, end, &url, &follow, pause_asked(&accepted.headers)).await?;
                match (follow, result) {
                    (Follow::Status(_), Some(result)) => Ok(self.look(POST, end, &result).await?.body),
                    (Follow::Status(_), None) => Ok(last.body.get("properties").cloned().unwrap_or_default()),
                    (Follow::Location(_) | Follow::Resource, _) => Ok(last.body),
                }
            }
        }
    }

    async fn write(
        &self,
        call: &'static str,
        method: Method,
        path: &str,
        api_version: &str,
        body: &Value,
        condition: Condition<'_>,
    ) -> Result<Value, CallError> {
        let end = self.end();
        let url = Self::url(call, path, api_version, &[])?;
        let accepted = self.exchange(call, end, method, &url, Some(body), condition).await?;
        match follow_of(call, &url, &accepted)? {
            None => Ok(accepted.body),
            Some(follow) => {
                let last = self.follow(call, end, &url, &follow, pause_asked(&accepted.headers)).await?;
                match follow {
                    Follow::Resource => Ok(last.body),
                    Follow::Status(_) | Follow::Location(_) => Ok(self.look(call, end, &url).await?.body),
                }
            }
        }
    }

    /// Follows an operation to its end, and returns the last answer.
    async fn follow(
        &self,
        call: &'static str,
        end: Instant,
        url: &Url,
        follow: &Follow,
        mut pause: Option<Duration>,
    ) -> Result<Answer, CallError> {
        let place = match follow {
            Follow::Status(place) | Follow::Location(place) => place,
            Follow::Resource => url,
        };
        loop {
            let wait = pause.unwrap_or(POLL_PAUSE);
            if Instant::now() + wait >= end {
                let message = format!("the change was accepted and is still under way ({})", about(url));
                return Err(CallError::Unavailable { call, message });
            }
            tokio::time::sleep(wait).await;
            let answer = self.look(call, end, place).await?;
            match follow.progress(&answer) {
                Progress::Done => return Ok(answer),
                Progress::UnderWay => pause = pause_asked(&answer.headers),
                Progress::Failed(told) => return Err(failed(call, url, &told)),
            }
        }
    }

    /// Reads an answer in the course of another call.
    async fn look(&self, call: &'static str, end: Instant, url: &Url) -> Result<Answer, CallError> {
        self.exchange(call, end, Method::Get, url, None, Condition::Always).await
    }

    fn end(&self) -> Instant {
        Instant::now() + self.budget
    }

    fn url(call: &'static str, path: &str, api_version: &str, query: &[(&str, &str)]) -> Result<Url, CallError> {
        let refused = |message| CallError::Rejected { call, message };
        let url = path::url(path, api_version, query).map_err(refused)?;
        if fence::is_purge(url.path()) { Err(refused(format!("`{path}` purges, and nothing is ever purged"))) } else { Ok(url) }
    }

    async fn exchange(
        &self,
        call: &'static str,
        end: Instant,
        method: Method,
        url: &Url,
        body: Option<&Value>,
        condition: Condition<'_>,
    ) -> Result<Answer, CallError> {
        persist(call, end, || self.attempt(call, method, url, body, condition)).await
    }

    async fn attempt(
        &self,
        call: &'static str,
        method: Method,
        url: &Url,
        body: Option<&Value>,
        condition: Condition<'_>,
    ) -> Result<Answer, Fault> {
        let pause = self.pace.pause(method);
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        let mut request = request(method, url, body, condition);
        let options = PipelineSendOptions { skip_checks: true, ..PipelineSendOptions::default() };
        let answer = self.pipeline.send(&Context::new(), &mut request, Some(options)).await;
        let answer = answer.map_err(|error| Fault::of_sdk(call, &about(url), &error))?;
        self.pace.note(method, answer.headers());
        if answer.status().is_success() {
            return read(call, url, answer).map_err(Fault::from);
        }
        Err(Fault { error: of_answer(call, &about(url), &answer), pause: pause_asked(answer.headers()) })
    }
}

fn request(method: Method, url: &Url, body: Option<&Value>, condition: Condition<'_>) -> Request {
    let mut request = Request::new(url.clone(), method);
    request.insert_header("accept", "application/json");
    match condition {
        Condition::Always => (),
        Condition::IfMatch(etag) => request.insert_header(IF_MATCH, etag.to_owned()),
        Condition::IfAbsent => request.insert_header(IF_NONE_MATCH, "*"),
    }
    if let Some(body) = body {
        request.insert_header("content-type", "application/json");
        request.set_body(body.to_string());
    }
    request
}

fn read(call: &'static str, url: &Url, answer: RawResponse) -> Result<Answer, CallError> {
    let (status, headers, body) = answer.deconstruct();
    let body: &[u8] = body.as_ref();
    let body = if body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(body) };
    let body = body.map_err(|error| rejected(call, url, &format!("the answer is no JSON: {error}")))?;
    Ok(Answer { status: u16::from(status), headers, body })
}

/// Names what a call is about. Queries of links hold what only Resource Manager reads.
fn about(url: &Url) -> String {
    format!("`{}`", url.path())
}

fn rejected(call: &'static str, url: &Url, why: &str) -> CallError {
    CallError::Rejected { call, message: format!("{why} ({})", about(url)) }
}

fn etag_of(answer: &Answer) -> Option<String> {
    let in_body = || answer.body.get("etag").and_then(Value::as_str).map(str::to_owned);
    answer.headers.get_optional_str(&ETAG).map(str::to_owned).or_else(in_body)
}

fn follow_of(call: &'static str, url: &Url, accepted: &Answer) -> Result<Option<Follow>, CallError> {
    Follow::of(accepted).map_err(|why| rejected(call, url, &format!("the change was accepted, but its end cannot be seen: {why}")))
}

/// What an operation that failed comes to: its error has a code, and no status.
fn failed(call: &'static str, url: &Url, told: &Value) -> CallError {
    let words = Words::of_json(told);
    let kind = kind_of(400, &words.code);
    kind.error(call, format!("the change was accepted and then failed, {} ({})", words.line(None), about(url)))
}

#[cfg(test)]
#[path = "arm_tests.rs"]
mod tests;

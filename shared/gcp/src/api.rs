//! One authorized JSON call, tried again after what passes by itself, and never past its budget.

use std::time::Duration;

use http::{Method, StatusCode};
use reprieve_engine::{CallError, Disposition};
use serde_json::Value;
use tokio::time::Instant;

use crate::error::call_error;
use crate::http::{Answer, Fault, GoogleHttp};
use crate::pace::Turns;
use crate::token::MetadataServer;

/// For one call with all that is tried of it.
const BUDGET: Duration = Duration::from_secs(12);

/// How often a call is tried.
const ATTEMPTS: u32 = 4;

/// The pause before the second attempt; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// A call: what it is called in errors, and the request.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) name: &'static str,
    pub(crate) method: Method,
    pub(crate) url: &'a str,
    pub(crate) content_type: &'a str,
    pub(crate) body: Vec<u8>,
}

/// Makes authorized calls; clones share connections and token.
#[derive(Debug, Clone)]
pub struct Api {
    http: GoogleHttp,
    metadata: MetadataServer,
}

impl Api {
    /// Makes the client.
    #[must_use]
    pub const fn new(http: GoogleHttp, metadata: MetadataServer) -> Self {
        Self { http, metadata }
    }

    /// Reads JSON.
    pub(crate) async fn read_json(&self, name: &'static str, url: &str) -> Result<Value, CallError> {
        self.json(Call { name, method: Method::GET, url, content_type: "application/json", body: Vec::new() }, None).await
    }

    /// Sends JSON, and returns the JSON that is answered.
    pub(crate) async fn send_json(&self, name: &'static str, method: Method, url: &str, body: &Value) -> Result<Value, CallError> {
        self.json(Call { name, method, url, content_type: "application/json", body: body.to_string().into_bytes() }, None).await
    }

    /// Posts JSON in a turn that has come, and in another one each time that it is tried again. Returns the JSON that is answered.
    pub(crate) async fn send_json_in_turns(
        &self,
        name: &'static str,
        url: &str,
        body: &Value,
        turns: Turns<'_>,
    ) -> Result<Value, CallError> {
        let body = body.to_string().into_bytes();
        self.json(Call { name, method: Method::POST, url, content_type: "application/json", body }, Some(turns)).await
    }

    async fn json(&self, call: Call<'_>, turns: Option<Turns<'_>>) -> Result<Value, CallError> {
        let name = call.name;
        let answer = self.persist(call, |_| false, turns).await?;
        let rejected = |error| CallError::Rejected { call: name, message: format!("the answer is not JSON: {error}") };
        serde_json::from_slice(&answer.body).map_err(rejected)
    }

    /// Makes a call, until it succeeds, is answered with a status that the caller takes too, fails for good, or its time is up.
    pub(crate) async fn call(&self, call: Call<'_>, takes: impl Fn(StatusCode) -> bool) -> Result<Answer, CallError> {
        self.persist(call, takes, None).await
    }

    async fn persist(&self, call: Call<'_>, takes: impl Fn(StatusCode) -> bool, turns: Option<Turns<'_>>) -> Result<Answer, CallError> {
        let end = turns.map_or_else(|| Instant::now() + BUDGET, |turns| turns.until);
        let (mut tried, mut renewed) = (0, false);
        loop {
            tried += 1;
            let (error, pause) = match self.attempt(&call).await {
                Ok(answer) if answer.status.is_success() || takes(answer.status) => return Ok(answer),
                // The token may have been revoked since: once, another one is tried.
                Ok(answer) if answer.status == StatusCode::UNAUTHORIZED && !renewed => {
                    renewed = true;
                    self.metadata.forget().await;
                    continue;
                }
                Ok(answer) => (call_error(call.name, answer.status, &answer.body), answer.pause()),
                Err(error) => (error, None),
            };
            let pause = pause.unwrap_or(FIRST_PAUSE * 2_u32.pow(tried - 1));
            let is_worth_it = error.disposition() == Disposition::Retryable && tried < ATTEMPTS;
            if !is_worth_it || Instant::now() + pause >= end {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
            if let Some(turns) = turns
                && !turns.take().await
            {
                return Err(error);
            }
        }
    }

    async fn attempt(&self, call: &Call<'_>) -> Result<Answer, CallError> {
        let token = self.metadata.token().await?;
        let authorization = format!("Bearer {token}");
        let headers = [("authorization", authorization.as_str()), ("content-type", call.content_type), ("user-agent", "reprieve")];
        let answer = self.http.send(call.method.clone(), call.url, &headers, call.body.clone()).await;
        answer.map_err(|fault| match fault {
            Fault::Unreachable(message) => CallError::Unavailable { call: call.name, message },
            Fault::Unsendable(message) => CallError::Rejected { call: call.name, message },
        })
    }
}

/// Writes a text as one part of a path or query: every byte that is not plainly safe as `%XX`.
pub(crate) fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

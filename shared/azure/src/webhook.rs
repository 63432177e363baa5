//! Notices to chat webhooks of Slack and Teams.
//!
//! *Architecture invariant:* a webhook's URL is a secret, because whoever knows it may post. Nothing here shows more of one than its
//! host: not in an error, a log or a `Debug` text.

use std::sync::Arc;
use std::time::Duration;

use azure_core::error::ErrorKind;
use azure_core::http::{HttpClient, Method, Request, Url};
use futures_util::future::join_all;
use reprieve_core::Record;
use reprieve_core::notice::Notice;
use reprieve_engine::{CallError, NoticeSink};
use reprieve_wire::chat::{Webhook, Webhooks};
use tokio::time::{Instant, timeout_at};

use crate::patience::pause_asked;

const CALL: &str = "webhook:Post";

/// For all that is tried at one webhook, the pause in between included: the outcome is not held up for longer.
const WAIT: Duration = Duration::from_secs(3);

/// The pause before the second attempt, where the webhook asks for none.
const PAUSE: Duration = Duration::from_millis(300);

/// The longest pause that a webhook may ask for.
const PAUSE_LIMIT: Duration = Duration::from_secs(2);

/// Why a webhook did not take a message.
#[derive(Debug)]
enum Fault {
    /// It answered otherwise than with success, and asks for this pause.
    Status { status: u16, pause: Option<Duration> },
    /// It cannot be reached, or broke off; why.
    Unreachable(String),
    /// The message was not sent; why.
    Unsendable(String),
    /// It says nothing.
    Silent,
}

impl Fault {
    /// Sorts an error of the transport, which shows no URL.
    fn of(error: &azure_core::Error) -> Self {
        match error.kind() {
            ErrorKind::Connection | ErrorKind::Io => Self::Unreachable(error.to_string()),
            ErrorKind::HttpResponse { .. } | ErrorKind::DataConversion | ErrorKind::Credential | ErrorKind::Other => {
                Self::Unsendable(error.to_string())
            }
        }
    }

    /// Returns the pause after which trying again can help. A kept connection may have died while the function slept.
    fn pause(&self) -> Option<Duration> {
        match self {
            Self::Status { status: 429 | 500..=599, pause } => Some(pause.map_or(PAUSE, |pause| pause.min(PAUSE_LIMIT))),
            Self::Unreachable(_) => Some(PAUSE),
            Self::Status { .. } | Self::Unsendable(_) | Self::Silent => None,
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Status { status, .. } => format!("HTTP {status}"),
            Self::Unreachable(why) | Self::Unsendable(why) => why.clone(),
            Self::Silent => format!("no answer within {} s", WAIT.as_secs()),
        }
    }
}

/// Posts notices to webhooks, to all at once. Where there is none, it succeeds.
#[derive(Debug, Clone)]
pub struct WebhookNoticeSink {
    http: Arc<dyn HttpClient>,
    webhooks: Webhooks,
}

impl WebhookNoticeSink {
    /// Makes a sink for these webhooks.
    #[must_use]
    pub fn new(http: Arc<dyn HttpClient>, webhooks: Webhooks) -> Self {
        Self { http, webhooks }
    }

    /// Posts once; once more where the webhook is busy and there is time.
    async fn post(&self, webhook: &Webhook, body: &str) -> Result<(), String> {
        let end = Instant::now() + WAIT;
        let attempt = || async { timeout_at(end, self.attempt(webhook, body)).await.unwrap_or(Err(Fault::Silent)) };
        let Err(fault) = attempt().await else {
            return Ok(());
        };
        let Some(pause) = fault.pause().filter(|pause| Instant::now() + *pause < end) else {
            return Err(fault.words());
        };
        tokio::time::sleep(pause).await;
        attempt().await.map_err(|last| format!("{}, then {}", fault.words(), last.words()))
    }

    async fn attempt(&self, webhook: &Webhook, body: &str) -> Result<(), Fault> {
        let url = Url::parse(&webhook.url().to_string()).map_err(|_| Fault::Unsendable("its URL cannot be used".to_owned()))?;
        let mut request = Request::new(url, Method::Post);
        request.insert_header("content-type", "application/json; charset=utf-8");
        request.insert_header("user-agent", "reprieve");
        request.set_body(body.to_owned());
        let answer = self.http.execute_request(&request).await.map_err(|error| Fault::of(&error))?;
        if answer.status().is_success() {
            return Ok(());
        }
        Err(Fault::Status { status: u16::from(answer.status()), pause: pause_asked(answer.headers()) })
    }
}

impl NoticeSink for WebhookNoticeSink {
    /// Posts the notice to every webhook.
    ///
    /// # Errors
    /// [`CallError::Unavailable`] where one did not take it, with the kind and host of each that did not; the others have it.
    async fn tell(&self, notice: &Notice, record: &Record) -> Result<(), CallError> {
        let posts = self.webhooks.iter().map(|webhook| async move {
            let body = webhook.message(notice, record).to_string();
            self.post(webhook, &body).await.err().map(|words| format!("{webhook}: {words}"))
        });
        let faults: Vec<String> = join_all(posts).await.into_iter().flatten().collect();
        if faults.is_empty() { Ok(()) } else { Err(CallError::Unavailable { call: CALL, message: faults.join("; ") }) }
    }
}

#[cfg(test)]
#[path = "webhook_tests.rs"]
mod tests;

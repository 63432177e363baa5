//! Notices to chat webhooks of Slack and Teams.
//!
//! *Architecture invariant:* a webhook's URL is a secret, because whoever knows it may post. Nothing here shows more of one than its
//! host: not in an error, a log or a `Debug` text.

use std::time::Duration;

use futures_util::future::join_all;
use http::Method;
use reprieve_core::Record;
use reprieve_core::notice::Notice;
use reprieve_engine::{CallError, NoticeSink};
use reprieve_wire::chat::{Webhook, Webhooks};

use crate::http::GoogleHttp;

const CALL: &str = "webhook:Post";

/// For all that is tried at one webhook, the pause in between included: the outcome is not held up for longer.
const WAIT: Duration = Duration::from_secs(3);

/// The pause before the second attempt.
const PAUSE: Duration = Duration::from_millis(300);

/// Posts notices to webhooks, to all at once. Where there is none, it succeeds.
#[derive(Debug, Clone)]
pub struct WebhookNoticeSink {
    http: GoogleHttp,
    webhooks: Webhooks,
}

impl WebhookNoticeSink {
    /// Makes a sink for these webhooks.
    #[must_use]
    pub const fn new(http: GoogleHttp, webhooks: Webhooks) -> Self {
        Self { http, webhooks }
    }

    /// Posts; once more where the webhook is busy or did not answer.
    async fn post(&self, webhook: &Webhook, body: &str) -> Result<(), String> {
        let both = async {
            match self.attempt(webhook, body).await {
                Ok(()) => Ok(()),
                Err((words, false)) => Err(words),
                Err((_, true)) => {
                    tokio::time::sleep(PAUSE).await;
                    self.attempt(webhook, body).await.map_err(|(words, _)| words)
                }
            }
        };
        tokio::time::timeout(WAIT, both).await.unwrap_or_else(|_elapsed| Err(format!("no answer within {} s", WAIT.as_secs())))
    }

    /// Posts once; an error says whether trying again can help.
    async fn attempt(&self, webhook: &Webhook, body: &str) -> Result<(), (String, bool)> {
        let headers = [("content-type", "application/json; charset=utf-8"), ("user-agent", "reprieve")];
        let answer = self.http.send(Method::POST, &webhook.url().to_string(), &headers, body.as_bytes().to_vec()).await;
        let status = answer.map_err(|fault| (fault.to_string(), true))?.status;
        if status.is_success() { Ok(()) } else { Err((format!("HTTP {}", status.as_u16()), matches!(status.as_u16(), 429 | 500..=599))) }
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

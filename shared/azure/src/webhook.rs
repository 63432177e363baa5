//! Notices to chat webhooks of Slack and Teams.
//!
//! *Architecture invariant:* a webhook's URL is a secret, because whoever knows it may post. Nothing here shows more of one than its
//! host: not in an error, a log or a `Debug` text.

use std::sync::Arc;

use azure_core::error::ErrorKind;
use azure_core::http::{HttpClient, Method, Request, Url};
use reprieve_core::Record;
use reprieve_core::notice::Notice;
use reprieve_engine::{CallError, NoticeSink, PostFault, post_to_all};
use reprieve_wire::chat::{Webhook, Webhooks};

use crate::patience::pause_asked;

/// Sorts an error of the transport, which shows no URL.
fn fault_of(error: &azure_core::Error) -> PostFault {
    match error.kind() {
        ErrorKind::Connection | ErrorKind::Io => PostFault::Unreachable(error.to_string()),
        ErrorKind::HttpResponse { .. } | ErrorKind::DataConversion | ErrorKind::Credential | ErrorKind::Other => {
            PostFault::Unsendable(error.to_string())
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

    async fn attempt(&self, webhook: &Webhook, body: String) -> Result<(), PostFault> {
        let url = Url::parse(&webhook.url().to_string()).map_err(|_| PostFault::Unsendable("its URL cannot be used".to_owned()))?;
        let mut request = Request::new(url, Method::Post);
        request.insert_header("content-type", "application/json; charset=utf-8");
        request.insert_header("user-agent", "reprieve");
        request.set_body(body);
        let answer = self.http.execute_request(&request).await.map_err(|error| fault_of(&error))?;
        if answer.status().is_success() {
            return Ok(());
        }
        Err(PostFault::Status { status: u16::from(answer.status()), pause: pause_asked(answer.headers()) })
    }
}

impl NoticeSink for WebhookNoticeSink {
    /// Posts the notice to every webhook.
    ///
    /// # Errors
    /// [`CallError::Unavailable`] where one did not take it, with the kind and host of each that did not; the others have it.
    async fn tell(&self, notice: &Notice, record: &Record) -> Result<(), CallError> {
        post_to_all(self.webhooks.iter().map(|webhook| {
            let body = webhook.message(notice, record).to_string();
            (webhook.to_string(), move || self.attempt(webhook, body.clone()))
        }))
        .await
    }
}

#[cfg(test)]
#[path = "webhook_tests.rs"]
mod tests;

//! Notices to chat webhooks of Slack and Teams.
//!
//! *Architecture invariant:* a webhook's URL is a secret, because whoever knows it may post. Nothing here shows more of one than its
//! host: not in an error, a log or a `Debug` text.

use http::Method;
use reprieve_core::Record;
use reprieve_core::notice::Notice;
use reprieve_engine::{CallError, NoticeSink, PostFault, post_to_all};
use reprieve_wire::chat::{Webhook, Webhooks};

use crate::http::{Fault, GoogleHttp};

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

    async fn attempt(&self, webhook: &Webhook, body: String) -> Result<(), PostFault> {
        let headers = [("content-type", "application/json; charset=utf-8"), ("user-agent", "reprieve")];
        let answer =
            self.http.send(Method::POST, &webhook.url().to_string(), &headers, body.into_bytes()).await.map_err(|fault| match fault {
                Fault::Unreachable(why) => PostFault::Unreachable(why),
                Fault::Unsendable(why) => PostFault::Unsendable(why),
            })?;
        if answer.status.is_success() { Ok(()) } else { Err(PostFault::Status { status: answer.status.as_u16(), pause: answer.pause() }) }
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

//! Notices to chat webhooks of Slack and Teams, beside the SNS topic that must get them.
//!
//! *Architecture invariant:* a webhook's URL is a secret, because whoever knows it may post. Nothing here shows more of one than its
//! host: not in an error, a log or a `Debug` text. A webhook that fails costs a line of log and a few seconds, never a notice.

use std::error::Error;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use futures_util::future::join;
use http::Uri;
use reprieve_core::Record;
use reprieve_core::notice::Notice;
use reprieve_engine::{CallError, NoticeSink, PostFault, post_to_all};
use reprieve_wire::chat::{Webhook, Webhooks};

use crate::error::chain;
use crate::http::Http;

/// Says what the connection's error was, unless that would show the URL.
fn unreachable(error: &(dyn Error + 'static), url: &Uri) -> PostFault {
    let words = chain(error);
    let secrets = [url.path(), url.query().unwrap_or_default()];
    let is_told = secrets.iter().all(|secret| secret.len() < 2 || !words.contains(secret));
    PostFault::Unreachable(if is_told { words } else { "cannot be reached".to_owned() })
}

/// Posts notices to webhooks, to all at once.
#[derive(Debug)]
pub struct WebhookNoticeSink {
    http: Http,
    webhooks: Webhooks,
}

impl WebhookNoticeSink {
    /// Makes a sink for these webhooks. Plain HTTP is refused unless the connections take it.
    pub(crate) const fn new(http: Http, webhooks: Webhooks) -> Self {
        Self { http, webhooks }
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

impl WebhookNoticeSink {
    async fn attempt(&self, webhook: &Webhook, body: String) -> Result<(), PostFault> {
        let url = webhook.url();
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_uri(url.to_string()).map_err(|error| unreachable(&error, url))?;
        request.set_method("POST").map_err(|error| unreachable(&error, url))?;
        request.headers_mut().insert("content-type", "application/json; charset=utf-8");
        request.headers_mut().insert("user-agent", "reprieve");
        let answer = self.http.call(request).await;
        let answer = answer.map_err(|error| if error.is_timeout() { PostFault::Silent } else { unreachable(&error, url) })?;
        let status = answer.status().as_u16();
        if (200..300).contains(&status) {
            return Ok(());
        }
        // Of the two forms of `Retry-After` chats send seconds; a date counts as none.
        let pause = answer.headers().get("retry-after").and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs);
        Err(PostFault::Status { status, pause })
    }
}

/// Tells through one sink that must succeed, and through another that may fail.
#[derive(Debug)]
pub struct FanOutNoticeSink<A, B> {
    must: A,
    may: B,
}

impl<A, B> FanOutNoticeSink<A, B> {
    /// Makes the sink.
    #[must_use]
    pub const fn new(must: A, may: B) -> Self {
        Self { must, may }
    }
}

impl<A: NoticeSink, B: NoticeSink> NoticeSink for FanOutNoticeSink<A, B> {
    /// Tells through both at once.
    ///
    /// # Errors
    /// As the sink that must succeed; a failure of the other is logged.
    async fn tell(&self, notice: &Notice, record: &Record) -> Result<(), CallError> {
        let (told, also_told) = join(self.must.tell(notice, record), self.may.tell(notice, record)).await;
        if let Err(error) = also_told {
            tracing::error!(%error, event_id = %record.event.id, "a notice did not reach every channel, and is not sent there again");
        }
        told
    }
}

#[cfg(test)]
#[path = "webhook_tests.rs"]
mod tests;

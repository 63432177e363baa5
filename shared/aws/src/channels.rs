//! Where people are told: the SNS topic, and the chats that a parameter names. The parameter is read at the first notice and anew
//! after a while, so that a cold start does not wait for it and a new webhook needs no deployment.

use jiff::{SignedDuration, Timestamp};
use reprieve_core::Record;
use reprieve_core::notice::Notice;
use reprieve_engine::{CallError, Clock, NoticeSink};
use reprieve_wire::chat::Webhooks;
use tokio::sync::Mutex;

use crate::http::Http;
use crate::parameters::ParameterStore;
use crate::webhook::WebhookNoticeSink;
use reprieve_engine::SystemClock;

/// How long webhooks are used before they are read anew.
const READ_ANEW_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// Posts notices to the chats of which a parameter holds the webhooks. Where there is no parameter, to none.
#[derive(Debug)]
pub struct ChatNoticeSink<C = SystemClock> {
    store: ParameterStore,
    http: Http,
    /// The parameter's name; its value is a secret.
    parameter: Option<String>,
    clock: C,
    webhooks: Mutex<Option<(Webhooks, Timestamp)>>,
}

impl<C: Clock> ChatNoticeSink<C> {
    /// Makes it. Nothing is read before the first notice.
    pub(crate) fn new(store: ParameterStore, http: Http, parameter: Option<String>, clock: C) -> Self {
        Self { store, http, parameter, clock, webhooks: Mutex::default() }
    }

    /// Returns the webhooks, read anew where that is due. Those that were read before bridge a fault.
    async fn webhooks(&self, parameter: &str) -> Result<Webhooks, CallError> {
        let mut held = self.webhooks.lock().await;
        let now = self.clock.now();
        if let Some((webhooks, until)) = held.as_ref()
            && now < *until
        {
            return Ok(webhooks.clone());
        }
        let read = self.store.read(parameter).await.and_then(|text| {
            let wrong = |error| CallError::Rejected { call: "ssm:GetParameter", message: format!("`{parameter}`: {error}") };
            Webhooks::parse(&text).map_err(wrong)
        });
        match (read, held.as_ref()) {
            (Ok(webhooks), _) => {
                *held = Some((webhooks.clone(), now.checked_add(READ_ANEW_AFTER).unwrap_or(Timestamp::MAX)));
                Ok(webhooks)
            }
            (Err(error), Some((webhooks, _))) => {
                tracing::error!(%error, "the webhooks could not be read anew; those read before are used");
                Ok(webhooks.clone())
            }
            (Err(error), None) => Err(error),
        }
    }
}

impl<C: Clock> NoticeSink for ChatNoticeSink<C> {
    /// Posts the notice to every webhook.
    ///
    /// # Errors
    /// Where the webhooks cannot be read, and as [`WebhookNoticeSink`].
    async fn tell(&self, notice: &Notice, record: &Record) -> Result<(), CallError> {
        let Some(parameter) = &self.parameter else { return Ok(()) };
        let webhooks = self.webhooks(parameter).await?;
        WebhookNoticeSink::new(self.http.clone(), webhooks).tell(notice, record).await
    }
}

#[cfg(test)]
#[path = "channels_tests.rs"]
mod tests;

//! What the guard left behind: records in the audit container, messages in the chat.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use reprieve_azure_sandbox::Sandbox;
use reprieve_core::{Phase, Record};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::company::EVIDENCE;

/// Reads every audit record, in the order in which they were made.
///
/// # Errors
/// When an object is no record.
pub fn records(sandbox: &Sandbox) -> Result<Vec<Record>> {
    let objects = sandbox.tenant().blobs.contents(EVIDENCE, "reprieve-audit");
    let decisions = objects.into_iter().filter(|(name, _)| name.starts_with("audit/decisions/"));
    let read = decisions.map(|(name, bytes)| {
        let event: Value = serde_json::from_slice(&bytes).with_context(|| format!("`{name}` is no JSON"))?;
        let whole = event.pointer("/unmapped/reprieve").with_context(|| format!("`{name}` holds no record"))?;
        serde_json::from_value(whole.clone()).with_context(|| format!("`{name}` is no record"))
    });
    let mut records: Vec<Record> = read.collect::<Result<_>>()?;
    records.sort_by_key(|record| record.recorded_at);
    Ok(records)
}

/// Returns the outcomes about a resource, or a part of it, that tell of something done or to be told.
///
/// # Errors
/// When an object is no record.
pub fn outcomes(sandbox: &Sandbox, resource: &str) -> Result<Vec<Record>> {
    let below = resource.to_ascii_lowercase();
    let is_about = |record: &Record| {
        let subject = record.subject.as_ref().map(|subject| subject.resource().canonical().to_owned());
        record.phase == Phase::Outcome && subject.is_some_and(|subject| subject.starts_with(&below))
    };
    Ok(records(sandbox)?.into_iter().filter(is_about).collect())
}

/// A chat that keeps what is posted to it.
#[derive(Debug)]
pub struct Chat {
    messages: Arc<Mutex<Vec<Value>>>,
    port: u16,
    server: JoinHandle<()>,
}

impl Chat {
    /// Opens the chat on a free port of this machine.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn open() -> Result<Self> {
        let messages: Arc<Mutex<Vec<Value>>> = Arc::default();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let router = Router::new().route("/hook", post(keep)).with_state(Arc::clone(&messages));
        let server = tokio::spawn(async move {
            // Ends with the stage.
            axum::serve(listener, router).await.ok();
        });
        Ok(Self { messages, port, server })
    }

    /// Returns the entry of `REPRIEVE_WEBHOOKS`.
    #[must_use]
    pub fn entry(&self) -> String {
        format!("slack http://127.0.0.1:{}/hook", self.port)
    }

    /// Returns what was posted so far.
    #[must_use]
    pub fn messages(&self) -> Vec<Value> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Closes the chat.
    pub fn close(&self) {
        self.server.abort();
    }
}

async fn keep(State(messages): State<Arc<Mutex<Vec<Value>>>>, body: String) -> &'static str {
    let message = serde_json::from_str(&body).unwrap_or(Value::String(body));
    messages.lock().unwrap_or_else(PoisonError::into_inner).push(message);
    "ok"
}

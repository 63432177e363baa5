//! Tokens of the metadata server: the service account that Cloud Run runs the function as. No key file is ever read.
//!
//! Source: <https://docs.cloud.google.com/compute/docs/access/authenticate-workloads#applications>

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use reprieve_engine::CallError;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::http::{GoogleHttp, METADATA_HOST};

const CALL: &str = "metadata:Token";

/// A token is asked for anew so long before it ends.
const EARLY: Duration = Duration::from_mins(4);

/// A token, and until when it is used.
#[derive(Clone)]
struct Token {
    text: Arc<str>,
    until: Instant,
}

/// Asks the metadata server; clones share the token.
#[derive(Clone)]
pub struct MetadataServer {
    http: GoogleHttp,
    kept: Arc<Mutex<Option<Token>>>,
}

impl fmt::Debug for MetadataServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetadataServer").finish_non_exhaustive()
    }
}

impl MetadataServer {
    /// Makes the client.
    #[must_use]
    pub fn new(http: GoogleHttp) -> Self {
        Self { http, kept: Arc::default() }
    }

    /// Returns the address of our own service account.
    ///
    /// # Errors
    /// When the metadata server does not answer with one.
    pub async fn own_account(&self) -> Result<String, CallError> {
        let body = self.ask("email").await?;
        let email = String::from_utf8_lossy(&body).trim().to_owned();
        if email.contains('@') { Ok(email) } else { Err(unusable("it names no service account")) }
    }

    /// Returns a token that is valid for some minutes more.
    pub(crate) async fn token(&self) -> Result<Arc<str>, CallError> {
        let mut kept = self.kept.lock().await;
        if let Some(token) = kept.as_ref().filter(|token| Instant::now() < token.until) {
            return Ok(Arc::clone(&token.text));
        }
        let asked_at = Instant::now();
        let answer: Value = serde_json::from_slice(&self.ask("token").await?).map_err(|_| unusable("its answer is not JSON"))?;
        let text = answer.get("access_token").and_then(Value::as_str).filter(|text| !text.is_empty());
        let seconds = answer.get("expires_in").and_then(Value::as_u64);
        let (Some(text), Some(seconds)) = (text, seconds) else { return Err(unusable("its answer holds no token")) };
        let text: Arc<str> = text.into();
        let until = asked_at + Duration::from_secs(seconds).saturating_sub(EARLY);
        *kept = Some(Token { text: Arc::clone(&text), until });
        Ok(text)
    }

    /// Forgets the token: it was refused.
    pub(crate) async fn forget(&self) {
        *self.kept.lock().await = None;
    }

    async fn ask(&self, what: &str) -> Result<Vec<u8>, CallError> {
        let url = format!("http://{METADATA_HOST}/computeMetadata/v1/instance/service-accounts/default/{what}");
        let answer = self.http.send(Method::GET, &url, &[("metadata-flavor", "Google")], Vec::new()).await;
        let answer = answer.map_err(|fault| unusable(&fault.to_string()))?;
        if answer.status.is_success() { Ok(answer.body.to_vec()) } else { Err(unusable(&format!("HTTP {}", answer.status.as_u16()))) }
    }
}

fn unusable(why: &str) -> CallError {
    CallError::Unavailable { call: CALL, message: format!("the metadata server gives no token: {why}") }
}

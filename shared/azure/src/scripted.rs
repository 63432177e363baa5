//! A transport that plays a script, and remembers what it was asked.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::{Error, ErrorKind};
use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, Body, HttpClient, Request};
use azure_core::time::OffsetDateTime;
use serde_json::Value;

use crate::connection::Connection;

/// What the transport answers.
#[derive(Debug, Clone)]
pub(crate) enum Scripted {
    /// A status, headers, and a body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// The connection breaks.
    Broken,
    /// Nothing, ever.
    Silence,
}

/// An answer without a body.
pub(crate) fn empty(status: u16) -> Scripted {
    Scripted::Answer(status, Vec::new(), String::new())
}

/// An answer of JSON.
pub(crate) fn json(status: u16, body: &Value) -> Scripted {
    Scripted::Answer(status, Vec::new(), body.to_string())
}

/// An error in the form of Resource Manager and Key Vault.
pub(crate) fn refused(status: u16, code: &str) -> Scripted {
    json(status, &serde_json::json!({"error": {"code": code, "message": "the words of Azure"}}))
}

impl Scripted {
    /// Adds a header.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let Self::Answer(_, headers, _) = &mut self {
            headers.push((name, value.into()));
        }
        self
    }
}

/// A request that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// `METHOD URL`.
    pub(crate) line: String,
    /// Name and value, in the order of names.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Gives the answer to a request, named by its line.
type Script = Box<dyn FnMut(&str) -> Scripted + Send>;

/// Plays a script.
pub(crate) struct ScriptedHttp {
    script: Mutex<Script>,
    asked: Mutex<Vec<Asked>>,
}

impl fmt::Debug for ScriptedHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScriptedHttp")
    }
}

impl ScriptedHttp {
    /// Plays these answers in order; the last one stays.
    pub(crate) fn playing(answers: impl IntoIterator<Item = Scripted>) -> Arc<Self> {
        let mut answers: VecDeque<Scripted> = answers.into_iter().collect();
        Self::answering(move |_line| if answers.len() > 1 { answers.pop_front().unwrap() } else { answers.front().cloned().unwrap() })
    }

    /// Answers each request, given as `METHOD URL`.
    pub(crate) fn answering(script: impl FnMut(&str) -> Scripted + Send + 'static) -> Arc<Self> {
        Arc::new(Self { script: Mutex::new(Box::new(script)), asked: Mutex::default() })
    }

    pub(crate) fn connection(self: &Arc<Self>) -> Connection {
        let http: Arc<dyn HttpClient> = self.clone();
        Connection::new(http, Arc::new(FixedCredential))
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// `METHOD URL` of every request.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

#[async_trait]
impl HttpClient for ScriptedHttp {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let mut headers: Vec<_> = request.headers().iter().map(|(name, value)| (name.as_str().into(), value.as_str().into())).collect();
        headers.sort();
        let body = match request.body() {
            Body::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            Body::SeekableStream(_) => panic!("a stream was sent"),
        };
        let line = format!("{} {}", request.method(), request.url());
        let answer = (self.script.lock().unwrap())(&line);
        self.asked.lock().unwrap().push(Asked { line, headers, body });
        match answer {
            Scripted::Answer(status, headers, body) => {
                let mut known = Headers::new();
                for (name, value) in headers {
                    known.insert(name, value);
                }
                Ok(AsyncRawResponse::from_bytes(status.into(), known, body))
            }
            Scripted::Broken => Err(Error::with_message(ErrorKind::Io, "connection reset")),
            Scripted::Silence => {
                tokio::time::sleep(Duration::from_hours(24)).await;
                Err(Error::with_message(ErrorKind::Io, "silence"))
            }
        }
    }
}

/// Gives the scope as the token.
#[derive(Debug)]
pub(crate) struct FixedCredential;

#[async_trait]
impl TokenCredential for FixedCredential {
    async fn get_token(&self, scopes: &[&str], _options: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        let expires_on = OffsetDateTime::now_utc() + azure_core::time::Duration::hours(1);
        Ok(AccessToken::new(scopes.join(" "), expires_on))
    }
}

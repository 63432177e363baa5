//! The list of webhooks, as a deployment is configured with it.

use std::fmt;

use azure_core::http::Url;
use reprieve_core::Record;
use reprieve_core::notice::Notice;
use reprieve_wire::chat;
use serde_json::Value;

use crate::transport::is_loopback;

/// How many webhooks there may be: all are posted to at once, from one function.
const WEBHOOKS_LIMIT: usize = 8;

/// Says why a list of webhooks cannot be read. It never repeats the list: URLs of webhooks are secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// The line does not begin with a kind.
    #[error("line {line} of the webhooks begins with neither `slack` nor `teams`: a line is `slack https://...` or `teams https://...`")]
    Kind {
        /// The line, from 1.
        line: usize,
    },
    /// What follows the kind is no URL.
    #[error("line {line} of the webhooks holds no URL after `{kind}`: a line is `{kind} https://...`")]
    Url {
        /// The line, from 1.
        line: usize,
        /// The kind.
        kind: &'static str,
    },
    /// The URL is not one of HTTPS.
    #[error("line {line} of the webhooks is not `https`: only a webhook on this very machine may be `http`")]
    Scheme {
        /// The line, from 1.
        line: usize,
    },
    /// The URL holds a user name or password.
    #[error("line {line} of the webhooks has a user name in its URL, which is not sent: leave out what stands before the `@`")]
    User {
        /// The line, from 1.
        line: usize,
    },
    /// There are more than can be told.
    #[error("there are more than {WEBHOOKS_LIMIT} webhooks: name fewer, and let one channel tell the others")]
    TooMany,
}

/// The shape that a webhook takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Slack,
    Teams,
}

impl Kind {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "slack" => Some(Self::Slack),
            "teams" => Some(Self::Teams),
            _ => None,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Teams => "teams",
        }
    }
}

/// One webhook. Shows its kind and host alone.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Webhook {
    kind: Kind,
    url: Url,
}

impl Webhook {
    pub(super) const fn url(&self) -> &Url {
        &self.url
    }

    /// Writes a notice in the webhook's shape.
    pub(super) fn message(&self, notice: &Notice, record: &Record) -> Value {
        match self.kind {
            Kind::Slack => chat::slack(notice, record),
            Kind::Teams => chat::teams(notice, record),
        }
    }
}

impl fmt::Display for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.kind.as_str(), self.url.host_str().unwrap_or_default())
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The webhooks of a deployment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Webhooks(Vec<Webhook>);

impl Webhooks {
    /// Reads a list of webhooks: one a line, as `slack URL` or `teams URL`. Empty lines and lines that begin with `#` say nothing.
    ///
    /// # Errors
    /// Names the line that is wrong, and never what it holds.
    pub fn parse(text: &str) -> Result<Self, WebhookError> {
        let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
        let told = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let webhooks: Vec<Webhook> = told.map(|(line, text)| parse_line(line, text)).collect::<Result<_, _>>()?;
        if webhooks.len() > WEBHOOKS_LIMIT { Err(WebhookError::TooMany) } else { Ok(Self(webhooks)) }
    }

    /// Says whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn as_slice(&self) -> &[Webhook] {
        &self.0
    }
}

fn parse_line(line: usize, text: &str) -> Result<Webhook, WebhookError> {
    let (word, url) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let kind = Kind::parse(word).ok_or(WebhookError::Kind { line })?;
    let no_url = || WebhookError::Url { line, kind: kind.as_str() };
    let url: Url = url.trim().parse().map_err(|_| no_url())?;
    let host = url.host_str().ok_or_else(no_url)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(WebhookError::User { line });
    }
    match url.scheme() {
        "https" => Ok(Webhook { kind, url }),
        "http" if is_loopback(host) => Ok(Webhook { kind, url }),
        _ => Err(WebhookError::Scheme { line }),
    }
}

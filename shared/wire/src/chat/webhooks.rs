//! The list of webhooks, as a deployment is configured with it.
//!
//! *Architecture invariant:* a webhook's URL is a secret, because whoever knows it may post. Nothing here shows more of one than its
//! host: not in an error, nor in a `Debug` text.

use std::fmt;

use http::Uri;
use reprieve_core::Record;
use reprieve_core::notice::Notice;
use serde_json::Value;

use super::{slack, teams};

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
pub struct Webhook {
    kind: Kind,
    url: Uri,
}

impl Webhook {
    /// Returns its URL, which is a secret.
    #[must_use]
    pub const fn url(&self) -> &Uri {
        &self.url
    }

    /// Writes a notice in the webhook's shape.
    #[must_use]
    pub fn message(&self, notice: &Notice, record: &Record) -> Value {
        match self.kind {
            Kind::Slack => slack(notice, record),
            Kind::Teams => teams(notice, record),
        }
    }
}

impl fmt::Display for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.kind.as_str(), self.url.host().unwrap_or_default())
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

    /// Returns them, in the order in which they are written.
    pub fn iter(&self) -> impl Iterator<Item = &Webhook> {
        self.0.iter()
    }
}

fn parse_line(line: usize, text: &str) -> Result<Webhook, WebhookError> {
    let (word, url) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let kind = Kind::parse(word).ok_or(WebhookError::Kind { line })?;
    let no_url = || WebhookError::Url { line, kind: kind.as_str() };
    let url: Uri = url.trim().parse().map_err(|_| no_url())?;
    let (Some(scheme), Some(authority)) = (url.scheme_str(), url.authority()) else {
        return Err(no_url());
    };
    if authority.as_str().contains('@') {
        return Err(WebhookError::User { line });
    }
    match scheme {
        "https" => Ok(Webhook { kind, url }),
        "http" if matches!(authority.host(), "127.0.0.1" | "localhost" | "[::1]") => Ok(Webhook { kind, url }),
        _ => Err(WebhookError::Scheme { line }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_webhooks_is_read_or_says_which_line_is_wrong() {
        let list =
            "# both\r\n\r\n slack https://hooks.slack.com/services/T/B/x \r\nteams\thttps://prod.example.logic.azure.com:443/w?sig=x\n";
        let webhooks = Webhooks::parse(list).unwrap();
        assert_eq!(format!("{webhooks:?}"), "Webhooks([slack at hooks.slack.com, teams at prod.example.logic.azure.com])");
        assert!(Webhooks::parse("\n# none\n").unwrap().is_empty());
        for (text, says) in [
            ("https://hooks.slack.com/services/SECRET", "line 1 of the webhooks begins with neither `slack` nor `teams`"),
            ("\nSECRET https://hooks.slack.com/services/SECRET", "line 2 of the webhooks begins with neither"),
            ("slack", "line 1 of the webhooks holds no URL after `slack`"),
            ("teams SECRET", "line 1 of the webhooks holds no URL after `teams`"),
            ("teams /SECRET", "line 1 of the webhooks holds no URL after `teams`"),
            ("teams https://a.example/SECRET SECRET", "line 1 of the webhooks holds no URL after `teams`"),
            ("slack http://hooks.slack.com/services/SECRET", "line 1 of the webhooks is not `https`"),
            ("slack ftp://hooks.slack.com/services/SECRET", "line 1 of the webhooks is not `https`"),
            ("slack http://localhost.evil.example/SECRET", "line 1 of the webhooks is not `https`"),
            ("slack https://SECRET:SECRET@hooks.slack.com/", "line 1 of the webhooks has a user name in its URL"),
            (&"slack https://a.example/SECRET\n".repeat(9), "there are more than 8 webhooks"),
        ] {
            let error = Webhooks::parse(text).unwrap_err();
            assert!(error.to_string().starts_with(says), "{error}");
            assert!(!format!("{error} {error:?}").contains("SECRET"), "{error}");
        }
    }

    #[test]
    fn a_list_that_is_wrong_names_the_line_and_not_what_it_holds() {
        for (text, expected) in [
            ("mail https://hooks.example/SECRET", WebhookError::Kind { line: 1 }),
            ("\n# x\nslack", WebhookError::Url { line: 3, kind: "slack" }),
            ("teams SECRET", WebhookError::Url { line: 1, kind: "teams" }),
            ("slack http://hooks.example/SECRET", WebhookError::Scheme { line: 1 }),
            ("slack ftp://hooks.example/SECRET", WebhookError::Scheme { line: 1 }),
            ("slack https://me:SECRET@hooks.example/", WebhookError::User { line: 1 }),
            ("slack https://hooks.example/\n".repeat(9).as_str(), WebhookError::TooMany),
        ] {
            let error = Webhooks::parse(text).unwrap_err();
            assert_eq!(error, expected);
            assert!(!error.to_string().contains("SECRET"), "{error}");
        }
    }

    #[test]
    fn a_webhook_on_this_machine_may_be_plain() {
        for host in ["127.0.0.1:8080", "localhost:8080", "[::1]:8080"] {
            assert!(!Webhooks::parse(&format!("slack http://{host}/a")).unwrap().is_empty());
        }
    }

    #[test]
    fn no_secret_is_shown_while_debugging() {
        let shown = format!("{:?}", Webhooks::parse("slack https://hooks.example/SECRET").unwrap());
        assert_eq!(shown, "Webhooks([slack at hooks.example])");
    }
}

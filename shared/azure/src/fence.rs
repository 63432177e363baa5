//! What no request of this crate may be, refused before it gets a token: one that deletes or purges, or goes to another host than the
//! client's own. The clients offer no such call; this holds for the SDK's clients as well, and for links that a server gave.

use std::sync::Arc;

use async_trait::async_trait;
use azure_core::error::{Error, ErrorKind};
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{Context, Method, Request, Url};

/// Refuses requests that no part of the product may make.
#[derive(Debug)]
pub(crate) struct Fence {
    host: String,
}

impl Fence {
    /// Lets requests to this host pass, unless they destroy.
    pub(crate) fn around(host: &str) -> Self {
        Self { host: host.to_ascii_lowercase() }
    }
}

#[async_trait]
impl Policy for Fence {
    async fn send(&self, context: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        if let Some(why) = refusal(&self.host, request.method(), request.url()) {
            return Err(Error::with_message(ErrorKind::Other, why));
        }
        match next.split_first() {
            Some((first, rest)) => first.send(context, request, rest).await,
            None => Err(Error::with_message(ErrorKind::Other, "the pipeline has no transport")),
        }
    }
}

/// Returns why a request is refused, if it is.
fn refusal(host: &str, method: Method, url: &Url) -> Option<String> {
    if method == Method::Delete {
        return Some("nothing is ever deleted".to_owned());
    }
    // A look is none: a key may bear the name.
    if !matches!(method, Method::Get | Method::Head) && is_purge(url.path()) {
        return Some(format!("nothing is ever purged: `{}`", url.path()));
    }
    // Another port or user than the default is another host to the one who sent the link.
    let is_own = url.scheme() == "https" && url.host_str() == Some(host) && url.port().is_none() && url.username().is_empty();
    (!is_own).then(|| format!("`{}` is not `https://{host}`", url.host_str().unwrap_or_default()))
}

/// Says whether a path ends in the action that purges, however it is written.
pub(crate) fn is_purge(path: &str) -> bool {
    let decoded = decoded(path);
    decoded.split('/').rfind(|segment| !segment.is_empty()).is_some_and(|last| last.trim().eq_ignore_ascii_case("purge"))
}

/// Takes percent-encoding back, as often as it was done.
fn decoded(path: &str) -> String {
    let mut text = path.to_owned();
    // Every round makes it shorter.
    loop {
        let next = decoded_once(&text);
        if next == text {
            return text;
        }
        text = next;
    }
}

fn decoded_once(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%'
            && let [high, low, after @ ..] = after
            && let (Some(high), Some(low)) = (char::from(*high).to_digit(16), char::from(*low).to_digit(16))
            && let Ok(byte) = u8::try_from(high * 16 + low)
        {
            bytes.push(byte);
            rest = after;
            continue;
        }
        bytes.push(*first);
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "kv.vault.azure.net";

    fn refused(method: Method, url: &str) -> bool {
        refusal(HOST, method, &url.parse().unwrap()).is_some()
    }

    #[test]
    fn deleting_is_refused_everywhere() {
        assert!(refused(Method::Delete, "https://kv.vault.azure.net/keys/a?api-version=7.5"));
    }

    #[test]
    fn purging_is_refused_however_it_is_written() {
        for path in ["deletedkeys/a/purge", "deletedkeys/a/Purge/", "a/%70urge", "a/%2570urge", "a%2Fpurge", "a/purge//", "a/purge%20"] {
            assert!(refused(Method::Post, &format!("https://kv.vault.azure.net/{path}?api-version=7.5")), "{path}");
        }
    }

    #[test]
    fn what_only_mentions_a_purge_passes() {
        for (method, path) in
            [(Method::Get, "deletedkeys/purge"), (Method::Post, "deletedkeys/purge/recover"), (Method::Patch, "keys/purged/")]
        {
            assert!(!refused(method, &format!("https://kv.vault.azure.net/{path}")), "{path}");
        }
    }

    #[test]
    fn another_host_is_refused() {
        for url in [
            "https://evil.example/keys",
            "https://kv.vault.azure.net.evil.example/keys",
            "http://kv.vault.azure.net/keys",
            "https://kv.vault.azure.net:8443/keys",
            "https://me@kv.vault.azure.net/keys",
        ] {
            assert!(refused(Method::Get, url), "{url}");
        }
        assert!(!refused(Method::Get, "https://kv.vault.azure.net/keys?$skiptoken=1"));
    }
}

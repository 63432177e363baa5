//! The least of an HTTP client, for tests that call the guard: one request, one connection.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The longest that an answer is waited for.
const WAIT: Duration = Duration::from_mins(1);

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// Posts a body to `http://HOST:PORT/PATH`.
///
/// # Errors
/// When there is no answer in a minute, or what answers is no HTTP server.
pub async fn post(url: &str, headers: &[(&str, &str)], body: &str) -> io::Result<Reply> {
    exchange("POST", url, headers, body).await
}

/// Gets `http://HOST:PORT/PATH`.
///
/// # Errors
/// As [`post`].
pub async fn get(url: &str) -> io::Result<Reply> {
    exchange("GET", url, &[], "").await
}

async fn exchange(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> io::Result<Reply> {
    let wrong = |what: &str| io::Error::other(format!("`{url}`: {what}"));
    let rest = url.strip_prefix("http://").ok_or_else(|| wrong("is no http URL"))?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let headers: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let headers = headers.concat();
    let request = format!(
        "{method} /{path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    let talk = async {
        let mut stream = TcpStream::connect(authority).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<_, io::Error>(String::from_utf8_lossy(&answer).into_owned())
    };
    let answer = tokio::time::timeout(WAIT, talk).await.map_err(|_| wrong("no answer in a minute"))??;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| wrong("the answer has no end of its head"))?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(|| wrong("the answer has no status"))?;
    Ok(Reply { status, body: body.to_owned() })
}

//! What a request to a blob service names and carries, and the shapes in which the service answers.
//!
//! Must not touch the tenant. Source: <https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api>.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use quick_xml::events::Event;

use crate::request::{Answer, ArmRequest};
use crate::storage::blobs::{Blob, BlobRefusal, Conditions, Container, Retention};

/// Where a request to a blob service goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The container, in a request that names one.
    pub(super) container: Option<String>,
    /// The blob, in a request that names one.
    pub(super) blob: Option<String>,
}

impl Place {
    /// Reads `/container/a%2Fblob`: the first segment is the container, all the rest the blob.
    pub(super) fn of(path: &str) -> Self {
        let decoded = |part: &str| Some(percent_decode_str(part).decode_utf8_lossy().into_owned()).filter(|part| !part.is_empty());
        let path = path.trim_start_matches('/');
        match path.split_once('/') {
            Some((container, blob)) => Self { container: decoded(container), blob: decoded(blob) },
            None => Self { container: decoded(path), blob: None },
        }
    }
}

/// An answer of the service without a body.
pub(super) fn bare(status: u16, request: &ArmRequest) -> Answer {
    let version = request.header("x-ms-version").unwrap_or("2026-04-06").to_owned();
    Answer::status(status).with_header("x-ms-version", version)
}

/// An answer of the service with XML.
pub(super) fn xml(status: u16, request: &ArmRequest, body: Vec<u8>) -> Answer {
    let answer = bare(status, request).with_header("Content-Type", "application/xml");
    Answer { raw: Some(Bytes::from(body)), ..answer }
}

/// The service's error: the code in a header and, save for HEAD, in XML.
pub(super) fn error(request: &ArmRequest, status: u16, code: &str, message: &str) -> Answer {
    if request.method == http::Method::HEAD || status == 304 {
        return bare(status, request).with_header("x-ms-error-code", code);
    }
    let text = format!("{message}\nRequestId:{}\nTime:{}", request.request_id, super::blobs::version_id(request.now));
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>{}</Message></Error>",
        quick_xml::escape::escape(&text)
    );
    xml(status, request, body.into_bytes()).with_header("x-ms-error-code", code)
}

/// The error that a refusal is answered with.
pub(super) fn refused(request: &ArmRequest, refusal: BlobRefusal) -> Answer {
    let (status, code) = refusal.status_and_code();
    error(request, status, code, &refusal.to_string())
}

/// The time as HTTP headers write it.
pub(super) fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Reads a time as HTTP headers write it.
pub(super) fn parse_http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp())
}

/// Reads `x-ms-meta-*`.
pub(super) fn metadata(request: &ArmRequest) -> BTreeMap<String, String> {
    let named = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        Some((name.as_str().strip_prefix("x-ms-meta-")?.to_owned(), value.to_str().ok()?.to_owned()))
    };
    request.headers.iter().filter_map(named).collect()
}

/// Reads `If-Match` and `If-None-Match`.
pub(super) fn conditions(request: &ArmRequest) -> Conditions {
    let tag = |name: &str| request.header(name).map(|tag| tag.trim_matches('"').to_owned());
    Conditions { if_match: tag("if-match"), if_none_match: tag("if-none-match") }
}

/// Reads the retention that a write brings for its own version.
pub(super) fn retention(request: &ArmRequest) -> Option<Retention> {
    let until = parse_http_date(request.header("x-ms-immutability-policy-until-date")?)?;
    let is_locked = request.header("x-ms-immutability-policy-mode").is_some_and(|mode| mode.eq_ignore_ascii_case("locked"));
    Some(Retention { until, is_locked })
}

/// Reads `Range` or `x-ms-range`: first and last byte, both included.
///
/// # Errors
/// `InvalidRange` where the range begins behind the end.
pub(super) fn range(request: &ArmRequest, length: usize) -> Result<Option<(usize, usize)>, BlobRefusal> {
    let Some(text) = request.header("x-ms-range").or_else(|| request.header("range")) else { return Ok(None) };
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else { return Ok(None) };
    let Ok(first) = first.trim().parse::<usize>() else { return Ok(None) };
    if first >= length {
        return Err(BlobRefusal::InvalidRange);
    }
    let last = last.trim().parse::<usize>().unwrap_or(usize::MAX).min(length - 1);
    Ok(Some((first, last)))
}

/// Adds what every answer about a written blob says.
pub(super) fn with_written(answer: Answer, blob: &Blob) -> Answer {
    let mut answer = answer
        .with_header("ETag", format!("\"{}\"", blob.etag))
        .with_header("Last-Modified", http_date(blob.changed_at))
        .with_header("x-ms-request-server-encrypted", "true");
    if let Some(version) = &blob.version_id {
        answer = answer.with_header("x-ms-version-id", version);
    }
    answer
}

/// Adds what a read of a blob or of its properties says.
pub(super) fn with_properties(answer: Answer, blob: &Blob, is_current: bool) -> Answer {
    let mut answer = with_written(answer, blob)
        .with_header("Content-Type", &blob.content_type)
        .with_header("Accept-Ranges", "bytes")
        .with_header("x-ms-blob-type", blob.kind.name())
        .with_header("x-ms-creation-time", http_date(blob.created_at))
        .with_header("x-ms-server-encrypted", "true")
        .with_header("x-ms-lease-status", "unlocked")
        .with_header("x-ms-lease-state", "available");
    if blob.version_id.is_some() && is_current {
        answer = answer.with_header("x-ms-is-current-version", "true");
    }
    if blob.hold {
        answer = answer.with_header("x-ms-legal-hold", "true");
    }
    if let Some(retention) = blob.retention {
        answer = answer
            .with_header("x-ms-immutability-policy-until-date", http_date(retention.until))
            .with_header("x-ms-immutability-policy-mode", if retention.is_locked { "locked" } else { "unlocked" });
    }
    for (name, value) in &blob.metadata {
        answer = answer.with_header(&format!("x-ms-meta-{name}"), value);
    }
    answer
}

/// Adds what every answer about a container says.
pub(super) fn with_container(answer: Answer, container: &Container) -> Answer {
    let mut answer = answer
        .with_header("ETag", format!("\"{}\"", container.etag))
        .with_header("Last-Modified", http_date(container.changed_at))
        .with_header("x-ms-lease-status", "unlocked")
        .with_header("x-ms-lease-state", "available")
        .with_header("x-ms-has-immutability-policy", container.policy.is_some().to_string())
        .with_header("x-ms-has-legal-hold", container.hold.is_held().to_string())
        .with_header("x-ms-immutable-storage-with-versioning-enabled", container.version_level_since.is_some().to_string());
    for (name, value) in &container.metadata {
        answer = answer.with_header(&format!("x-ms-meta-{name}"), value);
    }
    answer
}

/// Reads the ids of a block list, in their order.
pub(super) fn block_list(body: &[u8]) -> Option<Vec<String>> {
    let mut reader = quick_xml::Reader::from_reader(body);
    let mut ids = Vec::new();
    let mut is_in_block = false;
    loop {
        let event = reader.read_event().ok()?;
        if let Event::Start(element) = &event {
            is_in_block = matches!(element.name().as_ref(), b"Latest" | b"Uncommitted" | b"Committed");
        } else if let Event::Text(text) = &event {
            if is_in_block {
                ids.push(String::from_utf8(text.to_vec()).ok()?.trim().to_owned());
            }
        } else if let Event::End(_) = &event {
            is_in_block = false;
        } else if let Event::Eof = &event {
            return Some(ids);
        }
    }
}

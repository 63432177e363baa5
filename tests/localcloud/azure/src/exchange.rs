//! The record of what was asked and what was answered, both ways and in order: what contracts are held against.
//!
//! Must not shorten or tidy anything: a record that differs from the wire proves nothing.

use bytes::Bytes;
use jiff::Timestamp;

use crate::request::Caller;

/// One request and its answer.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// When the request arrived, by the sandbox's clock.
    pub at: Timestamp,
    /// The method.
    pub method: String,
    /// The host asked for, in lower case and without a port.
    pub host: String,
    /// The path and the query as sent.
    pub path_and_query: String,
    /// The request's headers in their order; names in lower case.
    pub request_headers: Vec<(String, String)>,
    /// The request's body.
    pub request_body: Bytes,
    /// The status answered. An answer that a fault swallowed is recorded with the status that it would have had.
    pub status: u16,
    /// The answer's headers; names in lower case.
    pub response_headers: Vec<(String, String)>,
    /// The answer's body.
    pub response_body: Bytes,
    /// Who asked, where a token said so.
    pub caller: Option<Caller>,
    /// The fault that was played on this request, by its name.
    pub fault: Option<String>,
}

//! An answer to an AWS call: one that came from the emulator, or a refusal in the words of the call's protocol.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use serde_json::{Value, json};
use uuid::Uuid;

use super::call::{Call, Protocol};
use super::input;

/// Describes why a call is refused, before it is put into a protocol's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// HTTP status.
    pub(crate) status: u16,
    /// The exception's name.
    pub(crate) code: String,
    /// What the service says.
    pub(crate) message: String,
}

impl Refusal {
    /// Makes a refusal with status 400.
    pub(crate) fn bad_request(code: &str, message: impl Into<String>) -> Self {
        Self { status: 400, code: code.to_owned(), message: message.into() }
    }
}

/// An HTTP answer with its whole body.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// Says a refusal in the protocol of the call.
    pub(crate) fn refused(call: &Call, refusal: &Refusal) -> Self {
        let Refusal { code, message, .. } = refusal;
        let (content_type, body) = match call.protocol {
            Protocol::Json10 | Protocol::Json11 | Protocol::RestJson => {
                let kind = match call.protocol {
                    Protocol::Json10 => "application/x-amz-json-1.0",
                    Protocol::Json11 => "application/x-amz-json-1.1",
                    Protocol::RestJson | Protocol::Query | Protocol::Cbor | Protocol::RestXml => "application/json",
                };
                (kind, json!({"__type": code, "message": message}).to_string().into_bytes())
            }
            Protocol::Query => (
                "text/xml",
                format!(
                    "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
                     <RequestId>{}</RequestId></ErrorResponse>",
                    Uuid::new_v4()
                )
                .into_bytes(),
            ),
            Protocol::RestXml => (
                "application/xml",
                format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>")
                    .into_bytes(),
            ),
            Protocol::Cbor => ("application/cbor", cbor_error(code, message)),
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Ok(value) = HeaderValue::from_str(code) {
            headers.insert("x-amzn-errortype", value);
        }
        if call.protocol == Protocol::Cbor {
            headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
        }
        if let Ok(value) = HeaderValue::from_str(&Uuid::new_v4().to_string()) {
            headers.insert("x-amzn-requestid", value);
        }
        let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
        Self { status, headers, body: body.into() }
    }

    /// Says something in JSON that the emulator has no answer for.
    pub(crate) fn said(call: &Call, members: &Value) -> Self {
        let content_type = if call.protocol == Protocol::Json10 { "application/x-amz-json-1.0" } else { "application/x-amz-json-1.1" };
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Ok(value) = HeaderValue::from_str(&Uuid::new_v4().to_string()) {
            headers.insert("x-amzn-requestid", value);
        }
        Self { status: StatusCode::OK, headers, body: members.to_string().into() }
    }

    /// Replaces the body by other JSON members.
    pub(crate) fn with_members(mut self, members: &Value) -> Self {
        self.headers.remove(header::CONTENT_LENGTH);
        self.headers.remove("x-amz-crc32");
        self.body = members.to_string().into();
        self
    }

    /// Returns the members of a JSON or CBOR answer.
    pub(crate) fn members(&self, protocol: Protocol) -> Value {
        match protocol {
            Protocol::Json10 | Protocol::Json11 | Protocol::RestJson => serde_json::from_slice(&self.body).unwrap_or(Value::Null),
            Protocol::Cbor => input::from_cbor(&self.body),
            Protocol::Query | Protocol::RestXml => Value::Null,
        }
    }

    /// Returns code and message of an error answer.
    pub(crate) fn error(&self, protocol: Protocol) -> Option<(String, Option<String>)> {
        if self.status.is_success() || self.status.is_redirection() || self.status.is_informational() {
            return None;
        }
        let by_header = self.headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
        let (code, message) = match protocol {
            Protocol::Query | Protocol::RestXml => {
                let xml = String::from_utf8_lossy(&self.body);
                (input::xml_text(&xml, "Code"), input::xml_text(&xml, "Message"))
            }
            Protocol::Json10 | Protocol::Json11 | Protocol::RestJson | Protocol::Cbor => {
                let members = self.members(protocol);
                let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
                (text("__type").or_else(|| text("code")), text("message").or_else(|| text("Message")))
            }
        };
        let code = code.or_else(|| by_header.map(str::to_owned)).unwrap_or_else(|| self.status.as_str().to_owned());
        let name = code.rsplit('#').next().unwrap_or(&code);
        Some((name.split(':').next().unwrap_or(name).to_owned(), message))
    }

    /// Returns the request id that the service gave, or a fresh one.
    pub(crate) fn request_id(&self) -> String {
        ["x-amzn-requestid", "x-amz-request-id"]
            .iter()
            .find_map(|name| self.headers.get(*name).and_then(|value| value.to_str().ok()))
            .map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
    }

    /// Makes the HTTP response; a HEAD answer keeps the length that the service gave.
    pub(crate) fn into_response(self, method: &Method) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        for name in [header::CONNECTION, header::TRANSFER_ENCODING] {
            response.headers_mut().remove(name);
        }
        if method != Method::HEAD {
            response.headers_mut().remove(header::CONTENT_LENGTH);
        }
        response
    }
}

fn cbor_error(code: &str, message: &str) -> Vec<u8> {
    let text = |text: &str| ciborium::Value::Text(text.to_owned());
    let value = ciborium::Value::Map(vec![(text("__type"), text(code)), (text("message"), text(message))]);
    let mut body = Vec::new();
    match ciborium::into_writer(&value, &mut body) {
        Ok(()) => body,
        // Writing to memory does not fail; an empty body would still be an error by its status.
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(protocol: Protocol) -> Call {
        Call {
            service: "kms".into(),
            operation: "EnableKey".into(),
            region: "us-east-1".into(),
            access_key_id: None,
            protocol,
            input: Value::Null,
            user_agent: String::new(),
        }
    }

    #[test]
    fn a_refusal_reads_back_in_every_protocol() {
        let refusal = Refusal::bad_request("ThrottlingException", "slow down");
        for protocol in [Protocol::Json10, Protocol::Json11, Protocol::Query, Protocol::Cbor, Protocol::RestXml, Protocol::RestJson] {
            let answer = Answer::refused(&call(protocol), &refusal);
            assert_eq!(answer.status, StatusCode::BAD_REQUEST);
            assert_eq!(answer.error(protocol), Some(("ThrottlingException".to_owned(), Some("slow down".to_owned()))), "{protocol:?}");
        }
    }

    #[test]
    fn namespaced_error_types_lose_their_namespace() {
        let mut answer = Answer::refused(&call(Protocol::Json10), &Refusal::bad_request("x", "y"));
        answer.body = Bytes::from_static(br#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}"#);
        assert_eq!(answer.error(Protocol::Json10).map(|(code, _)| code).as_deref(), Some("ConditionalCheckFailedException"));
    }
}

//! Calls of CloudWatch over Smithy RPC v2 with CBOR, as its SDKs make them.

use ciborium::Value as Cbor;
use serde_json::Value;

/// The headers of a call.
pub(crate) const HEADERS: [(&str, &str); 3] =
    [("content-type", "application/cbor"), ("accept", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")];

/// Returns the path of an operation.
pub(crate) fn path(operation: &str) -> String {
    format!("/service/GraniteServiceVersion20100801/operation/{operation}")
}

/// Writes members as CBOR.
pub(crate) fn encode(members: &Value) -> Vec<u8> {
    let mut body = Vec::new();
    ciborium::into_writer(members, &mut body).expect("writing to memory");
    body
}

/// Reads members; times are their seconds.
pub(crate) fn decode(body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    json(&ciborium::from_reader(body).expect("an answer in CBOR"))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the enum is not ours and may grow; all else reads as JSON by itself")]
fn json(value: &Cbor) -> Value {
    match value {
        Cbor::Map(members) => members.iter().map(|(name, value)| (name.as_text().unwrap_or_default().to_owned(), json(value))).collect(),
        Cbor::Array(items) => items.iter().map(json).collect(),
        Cbor::Tag(_, inner) => json(inner),
        other => other.deserialized().unwrap_or_default(),
    }
}

//! What functions were asked to do: one entry for each invocation, with the messages that came with it.
//!
//! Must not say what a function made of it: that shows in its calls.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

/// Describes one invocation of a function that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invocation {
    /// Name of the function.
    pub function: String,
    /// Its request id.
    pub request_id: String,
    /// Access key id of the process that it ran in; calls name the same.
    pub access_key_id: Option<String>,
    /// When it began.
    #[serde(deserialize_with = "seconds")]
    pub began_at: Timestamp,
    /// When it ended.
    #[serde(deserialize_with = "seconds")]
    pub ended_at: Timestamp,
    /// Why it failed as a whole: its process is gone, its time was up, or it answered with an error.
    pub failure: Option<String>,
    /// The messages of its batch; none where no queue fed it.
    pub messages: Vec<Received>,
}

/// One message of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// The id of the message.
    pub message_id: String,
    /// The how-many-th time it was received.
    pub receive_count: u32,
    /// The `eventID` of the CloudTrail record in it, where there is one.
    pub event_id: Option<String>,
}

/// Reads seconds since 1970 with a fraction, as Python writes them.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    let milliseconds = format!("{:.0}", seconds * 1_000.0).parse().map_err(serde::de::Error::custom)?;
    Timestamp::from_millisecond(milliseconds).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invocation_is_read_as_the_launcher_writes_it() {
        let text = r#"{"function": "guard", "request_id": "r", "began_at": 1795265416.25, "ended_at": 1795265417.5, "failure": null,
            "access_key_id": "ASIA1", "messages": [{"message_id": "m", "receive_count": 2, "event_id": null}]}"#;
        let read = serde_json::from_str::<Invocation>(text).unwrap();
        assert_eq!(read.ended_at.as_millisecond() - read.began_at.as_millisecond(), 1_250);
        assert_eq!(read.messages.iter().map(|message| message.receive_count).collect::<Vec<_>>(), [2]);
    }
}

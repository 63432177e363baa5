//! Recording and sealing: what the event hub and Event Grid bring becomes audit entries, and every hour of the archive is sealed.
//!
//! Of a batch of the event hub that fails, the host tries nothing behind it until it succeeds: so it fails only for what somebody can
//! mend. What will never be readable is named and passed by; what is refused for what is in it is kept elsewhere, and named, whoever
//! brought it.

use std::fmt::Write as _;
use std::time::Duration;

use reprieve_core::{AuditEvent, Posture};
use reprieve_engine::{Batch, CallError};
use reprieve_wire::WireError;
use reprieve_wire::audit;
use reprieve_wire::azure::{Parsed, unpack};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::app::INVOCATION_TAKES;

/// How long a batch of the event hub is recorded. A run that the host ends may be taken for done: `functionTimeout` in `host.json` is
/// longer.
pub const RECORDING_TAKES: Duration = Duration::from_mins(4);

/// The evidence as this handler keeps it, whatever stands behind its ports.
pub trait Evidence: Send + Sync + 'static {
    /// Writes entries of a log within this time; says what came of it, with what was refused and is kept elsewhere. After an error,
    /// something is missing.
    fn record(&self, batch: &Batch, takes: Duration) -> impl Future<Output = Result<String, CallError>> + Send;
    /// Seals every whole hour that is not sealed yet; says what came of it.
    fn seal(&self) -> impl Future<Output = Result<String, String>> + Send;
    /// Writes how things stand.
    fn keep_posture(&self, posture: &Posture) -> impl Future<Output = Result<(), CallError>> + Send;
}

/// Who brings entries of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The event hub, in which everything behind a batch that fails waits.
    EventHub,
    /// Event Grid, which lays down what fails to the end as a dead letter.
    EventGrid,
}

impl Source {
    /// Returns who calls a function of this name; `None` where it records nothing.
    pub(crate) fn of_function(name: &str) -> Option<Self> {
        match name {
            "RecordKeyEvents" => Some(Self::EventHub),
            "RecordActivityLog" => Some(Self::EventGrid),
            _ => None,
        }
    }

    /// Returns how long an invocation may take.
    pub(crate) const fn invocation_takes(self) -> Duration {
        match self {
            Self::EventHub => RECORDING_TAKES,
            Self::EventGrid => INVOCATION_TAKES,
        }
    }

    /// Says whether something that will never be readable is passed by.
    pub(crate) const fn passes_by(self) -> bool {
        match self {
            Self::EventHub => true,
            Self::EventGrid => false,
        }
    }
}

/// What an invocation brought of a log.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    /// The entries about keys, secrets and logs.
    pub(crate) events: Vec<AuditEvent>,
    /// How many told of something else.
    pub(crate) not_ours: usize,
    /// What could not be read, and where it stood.
    pub(crate) unreadable: Vec<String>,
}

impl Entries {
    /// Reads what the host handed over.
    pub(crate) fn read(items: &[Parsed]) -> Self {
        let mut entries = Self::default();
        for unpacked in items.iter().flat_map(|item| unpack(&item.input, &item.at)) {
            match unpacked.item.and_then(|item| audit::parse(&item)) {
                Ok(audit::Parsed::Entry(event)) => entries.events.push(*event),
                Ok(audit::Parsed::NotOurs { .. }) => entries.not_ours += 1,
                Err(error) => entries.unreadable.push(format!("{}: {}", unpacked.at, error.unquoted())),
            }
        }
        entries
    }

    /// Stands for an invocation that is no JSON: the host writes JSON, so it is what was put into it, such as bytes that are no text.
    pub(crate) fn of_no_json(error: &WireError) -> Self {
        Self { unreadable: vec![format!("all of the invocation: {}", error.unquoted())], ..Self::default() }
    }

    /// Makes them a batch: the same entries come to the same name, however often they are delivered.
    pub(crate) fn into_batch(self) -> Batch {
        let mut hasher = Sha256::new();
        for event in &self.events {
            hasher.update(event.event.id.as_str());
            hasher.update(b"\n");
        }
        let mut log_file = "event-hub-".to_owned();
        for byte in hasher.finalize().iter().take(16) {
            // Writing to a string cannot fail.
            write!(log_file, "{byte:02x}").ok();
        }
        Batch { log_file, events: self.events }
    }
}

/// What the host says of an invocation. What it hands over in it is skipped, however deep it is nested.
#[derive(Deserialize)]
struct Request {
    #[serde(rename = "Metadata")]
    metadata: Value,
}

/// Says where in the event hub the messages of an invocation lie, as far as the host tells: there they can be read for seven days.
pub(crate) fn place_in_hub(body: &[u8]) -> Option<String> {
    let Request { metadata } = serde_json::from_slice(body).ok()?;
    let partition = metadata.pointer("/PartitionContext/PartitionId").and_then(number)?;
    let numbers = metadata.get("SequenceNumberArray").and_then(Value::as_array)?;
    let (first, last) = (numbers.first().and_then(number)?, numbers.last().and_then(number)?);
    Some(format!("partition {partition} of the event hub, sequence numbers {first} to {last}"))
}

/// Reads a number, also one that is written as a text.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_batch_is_found_in_the_hub_by_its_numbers_and_by_nothing_else_of_the_request() {
        let metadata = |partition: Value, numbers: Value| {
            let context = json!({ "PartitionId": partition });
            json!({ "Data": {}, "Metadata": { "PartitionContext": context, "SequenceNumberArray": numbers } })
        };
        let told = Some("partition 2 of the event hub, sequence numbers 17 to 19");
        for (request, expected) in [
            (metadata(json!("2"), json!([17, 18, 19])), told),
            (metadata(json!(2), json!(["17", "19"])), told),
            (metadata(json!("a secret"), json!([17])), None),
            (metadata(json!("2"), json!([])), None),
            (json!({ "Data": {} }), None),
        ] {
            assert_eq!(place_in_hub(request.to_string().as_bytes()).as_deref(), expected, "{request}");
        }
    }

    /// It is asked for just where a message cannot be read.
    #[test]
    fn a_batch_is_found_however_deep_its_messages_are_nested() {
        let nested = format!("{}{}", "[".repeat(500), "]".repeat(500));
        let metadata = r#"{"PartitionContext":{"PartitionId":"2"},"SequenceNumberArray":[17,19]}"#;
        let told = Some("partition 2 of the event hub, sequence numbers 17 to 19");
        for body in [
            format!(r#"{{"Data":{{"events":{nested}}},"Metadata":{metadata}}}"#),
            format!(r#"{{"Metadata":{metadata},"Data":{{"events":{nested}}}}}"#),
        ] {
            assert_eq!(place_in_hub(body.as_bytes()).as_deref(), told, "{body}");
        }
    }
}

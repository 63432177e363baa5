//! Provider JSON to the domain, and the domain to OCSF.
//!
//! What is odd about an input is noted on the event and the rest is parsed; what cannot be parsed is a [`WireError`] in the words
//! of whoever sent it. *Architecture invariant:* nothing here decides, does I/O, reads a clock, or panics on any input.

pub mod audit;
pub mod azure;
pub mod chat;
pub mod cloudtrail;
pub mod custom_resource;
pub mod ecs;
pub mod error;
pub mod eventbridge;
mod fields;
pub mod google;
pub mod log_notice;
pub mod monitoring;
pub mod ocsf;
pub mod row;
pub mod sqs;
pub mod text;

use jiff::Timestamp;
use reprieve_core::{Event, EventId};

pub use cloudtrail::parse_record;
pub use custom_resource::{
    AnswerStatus, CustomResourceAnswer, CustomResourceRequest, ReplyTo, RequestType, ResponseUrl, UnreadableRequest,
};
pub use error::WireError;
pub use eventbridge::parse_envelope;
pub use monitoring::{MonitoringInvocation, MonitoringTask, parse_monitoring_invocation};
pub use sqs::parse_invocation;
pub use text::parse_text;

/// What one input turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sighting {
    /// An event, of whatever service.
    Event(Box<Event>),
    /// The schedule asks for a sweep.
    Sweep(SweepCall),
}

/// A scheduled call to sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweepCall {
    /// The id of the schedule's run; repeated deliveries of one run carry the same one.
    pub id: EventId,
    /// When the run was due, where the schedule says.
    pub time: Option<Timestamp>,
}

/// What a function was invoked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invocation {
    /// Messages of a queue, each to be answered for by itself.
    Batch(Vec<Message>),
    /// One event or sweep, handed over directly.
    Single(Sighting),
}

/// One message of an SQS batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// SQS's `messageId`: what a failed message is reported by. Empty where the message has none; Lambda then takes the whole batch
    /// as failed, which loses nothing.
    pub id: String,
    /// What the body holds.
    pub sighting: Result<Sighting, WireError>,
    /// When the message was first received (`ApproximateFirstReceiveTimestamp`).
    pub first_received_at: Option<Timestamp>,
    /// How often the message has been received, from 1 (`ApproximateReceiveCount`).
    pub receive_count: Option<u32>,
}

/// One event of a text, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The line on which it begins, from 1.
    pub line: usize,
    /// What it holds.
    pub parsed: Result<Sighting, WireError>,
}

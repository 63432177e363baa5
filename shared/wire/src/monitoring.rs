//! What the function that keeps the monitoring is invoked with: a queue's batch of drift events, one event, a request of
//! CloudFormation, or a task.
//!
//! A batch and an event are read as the guard reads them; only tasks and custom resources are this function's own.

use reprieve_core::Event;
use serde_json::Value;

use crate::custom_resource::{CustomResourceRequest, UnreadableRequest, is_custom_resource_request, parse_custom_resource_request};
use crate::error::{WireError, shorten_value};
use crate::sqs::parse_invocation;
use crate::{Invocation, Message, Sighting};

const EXPECTED: &str =
    "an SQS batch, an EventBridge envelope, a CloudFormation custom resource request, `{\"task\":\"check\"}` or `{\"task\":\"plan\"}`";

/// What is asked for without an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MonitoringTask {
    /// Look, and change what is missing: the schedule.
    Check,
    /// Look, and say what would be changed: a dry run.
    Plan,
}

impl MonitoringTask {
    fn parse(task: &Value) -> Result<Self, WireError> {
        match task.as_str() {
            Some("check") => Ok(Self::Check),
            Some("plan") => Ok(Self::Plan),
            Some(_) | None => Err(WireError::Container { expected: "a `task` of `check` or `plan`", input: shorten_value(task) }),
        }
    }
}

/// What the function was invoked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MonitoringInvocation {
    /// Messages of a queue, each to be answered for by itself. A sweep among them asks for a check.
    Batch(Vec<Message>),
    /// One event, handed over directly.
    Event(Box<Event>),
    /// A task.
    Task(MonitoringTask),
    /// A request of CloudFormation, which must be answered even where it cannot be read.
    CustomResource(Box<Result<CustomResourceRequest, UnreadableRequest>>),
}

/// Parses what the function that keeps the monitoring was invoked with.
///
/// # Errors
/// When it is nothing of the kind. Inside a batch, errors are each message's own; a custom resource request carries its own too.
pub fn parse_monitoring_invocation(payload: &Value) -> Result<MonitoringInvocation, WireError> {
    if is_custom_resource_request(payload) {
        return Ok(MonitoringInvocation::CustomResource(Box::new(parse_custom_resource_request(payload))));
    }
    if let Some(task) = task_of(payload) {
        return MonitoringTask::parse(task).map(MonitoringInvocation::Task);
    }
    match parse_invocation(payload) {
        Ok(Invocation::Batch(messages)) => Ok(MonitoringInvocation::Batch(messages)),
        Ok(Invocation::Single(Sighting::Event(event))) => Ok(MonitoringInvocation::Event(event)),
        Ok(Invocation::Single(Sighting::Sweep(_))) => Ok(MonitoringInvocation::Task(MonitoringTask::Check)),
        Err(WireError::NoName { input, .. }) => Err(WireError::NoName { expected: EXPECTED, input }),
        Err(error) => Err(error),
    }
}

/// A task stands by itself, or as the detail of a scheduled event.
fn task_of(payload: &Value) -> Option<&Value> {
    let is_scheduled = payload.get("detail-type").and_then(Value::as_str) == Some("Scheduled Event");
    let scheduled = payload.get("detail").filter(|_| is_scheduled).and_then(|detail| detail.get("task"));
    payload.get("task").or(scheduled)
}

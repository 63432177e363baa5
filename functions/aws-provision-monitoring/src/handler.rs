//! One invocation: a batch of drift events from the queue, one event, the daily check, a dry run, or a request of CloudFormation.
//!
//! A batch is answered with one look, and message by message: what cannot be understood, and what is still open, is delivered again
//! and, in the end, set aside in the dead-letter queue. Nothing is dropped silently.

use jiff::Timestamp;
use reprieve_core::monitoring::{Finding, MonitoringPlan, diff};
use reprieve_core::{Event, EventForm, EventId, Status};
use reprieve_engine::{
    AuditSink, CallError, Clock, Delivery, MonitoringControl, MonitoringMeter, NoticeSink, Occasion, Provisioned, Provisioner,
};
use reprieve_runtime::{Invoked, log_answer};
use reprieve_wire::{Message, MonitoringInvocation, MonitoringTask, Sighting, parse_monitoring_invocation};
use serde_json::{Value, json};

use crate::responses::Responses;

/// What goes wrong with a whole invocation.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The loop, and where answers to CloudFormation go.
#[derive(Debug)]
pub(crate) struct Service<W, A, N, C, M, R> {
    /// The loop.
    pub(crate) provisioner: Provisioner<W, A, N, C, M>,
    /// Where answers to CloudFormation go.
    pub(crate) responses: R,
}

impl<W: MonitoringControl, A: AuditSink, N: NoticeSink, C: Clock, M: MonitoringMeter, R: Responses> Service<W, A, N, C, M, R> {
    /// Answers one invocation.
    ///
    /// # Errors
    /// When the payload is of no known form, when what was asked for is still open or could not be told, or when CloudFormation cannot be
    /// answered: Lambda then tries again, and an alarm goes off.
    pub(crate) async fn answer(&self, payload: &Value, invoked: &Invoked) -> Result<Value, Failure> {
        match parse_monitoring_invocation(payload).map_err(|error| error.unquoted())? {
            MonitoringInvocation::Batch(messages) => Ok(self.answer_batch(messages, invoked).await),
            MonitoringInvocation::Event(event) => {
                let delivery = invoked.delivery(None, None, self.clock().now());
                let id = event.id.clone();
                match self.answer_events(&[(*event, delivery)]).await.pop().flatten() {
                    None => Ok(json!({ "event_id": id })),
                    Some(reason) => Err(format!("event `{id}` is still open: {reason}").into()),
                }
            }
            MonitoringInvocation::Task(MonitoringTask::Check) => self.answer_check(invoked).await,
            MonitoringInvocation::Task(MonitoringTask::Plan) => Ok(dry_run(&self.provisioner.look().await)),
            MonitoringInvocation::CustomResource(request) => self.answer_custom_resource(*request, invoked).await,
        }
    }

    pub(crate) const fn clock(&self) -> &C {
        &self.provisioner.ports.clock
    }

    /// Looks without an event, until this time. A repeated invocation may find something else, so each look has an id of its own.
    pub(crate) async fn provision(&self, occasion: Occasion, request_id: &str, until: Timestamp) -> Result<Provisioned, Failure> {
        let now = self.clock().now().as_millisecond();
        let id = EventId::parse(&format!("{}.{request_id}.{now}", occasion.name()))?;
        let done = self.provisioner.provision(occasion, id, until).await.map_err(|error| not_written_down(&error))?;
        log(occasion, &done);
        Ok(done)
    }

    async fn answer_check(&self, invoked: &Invoked) -> Result<Value, Failure> {
        let done = self.provision(Occasion::DailyCheck, &invoked.request_id, invoked.stopped_at).await?;
        let is_open = Status::is_open(&done.record.steps);
        let open = is_open.then(|| format!("the check is still open: {}", crate::custom_resource::what_failed(&done.record)));
        let amiss: Vec<String> = open.into_iter().chain(untold(&done)).collect();
        if amiss.is_empty() { Ok(report(&done)) } else { Err(amiss.join(" ").into()) }
    }

    /// Works on a batch and says which messages must be delivered again.
    async fn answer_batch(&self, messages: Vec<Message>, invoked: &Invoked) -> Value {
        let now = self.clock().now();
        let mut failed: Vec<String> = Vec::new();
        let mut ids: Vec<String> = Vec::new();
        let mut events: Vec<(Event, Delivery)> = Vec::new();
        for message in messages {
            let delivery = invoked.delivery(message.first_received_at, message.receive_count, now);
            match message.sighting {
                Ok(Sighting::Event(event)) if !is_schedule(&event) => {
                    ids.push(message.id);
                    events.push((*event, delivery));
                }
                Ok(Sighting::Event(_) | Sighting::Sweep(_)) => {
                    if let Err(error) = self.answer_check(invoked).await {
                        tracing::error!(error, "the check failed");
                        failed.push(message.id);
                    }
                }
                Err(error) => {
                    tracing::error!(error = error.unquoted(), message_id = %message.id, "a message could not be understood; it goes to the dead-letter queue");
                    failed.push(message.id);
                }
            }
        }
        let open = self.answer_events(&events).await;
        failed.extend(ids.into_iter().zip(open).filter_map(|(id, reason)| reason.map(|_| id)));
        let failures: Vec<Value> = failed.into_iter().map(|id| json!({ "itemIdentifier": id })).collect();
        json!({ "batchItemFailures": failures })
    }

    /// Answers events with one look. Returns for each why it must come again, if it must.
    async fn answer_events(&self, events: &[(Event, Delivery)]) -> Vec<Option<String>> {
        let answers = self.provisioner.handle_batch(events).await;
        events.iter().zip(answers).map(|((event, _), handled)| log_answer(event, handled)).collect()
    }
}

/// A schedule's own event, where it does not say `check` in a way that is known: it can only mean that.
fn is_schedule(event: &Event) -> bool {
    event.form == EventForm::Native && event.name == "Scheduled Event"
}

fn not_written_down(error: &CallError) -> Failure {
    format!(
        "the audit store could not be written, and nothing is changed without evidence: {error}. Check the bucket that \
         `REPRIEVE_AUDIT_BUCKET` names, and that the function's role may write to it."
    )
    .into()
}

/// What a dry run answers: the plan as data, and as text for people.
fn dry_run(plan: &MonitoringPlan) -> Value {
    json!({ "task": "plan", "summary": plan.summary(), "diff": diff::text(plan), "plan": plan })
}

/// What a check answers.
fn report(done: &Provisioned) -> Value {
    json!({
        "task": "check",
        "status": done.record.status,
        "planned": done.plan.changes.len(),
        "made": made(done),
        "findings": done.plan.findings.iter().map(Finding::to_string).collect::<Vec<_>>(),
        "summary": done.plan.summary(),
    })
}

/// Counts the changes that were made.
pub(crate) fn made(done: &Provisioned) -> usize {
    done.record.steps.iter().filter(|step| step.result.is_success()).count()
}

fn log(occasion: Occasion, done: &Provisioned) {
    tracing::info!(
        event_id = %done.record.event.id,
        occasion = occasion.name(),
        status = ?done.record.status,
        planned = done.plan.changes.len(),
        made = made(done),
        findings = done.plan.findings.len(),
        "looked at the monitoring"
    );
}

/// Says who could not be told of what was found. `None` where everybody was, or nobody needs to be.
pub(crate) fn untold(done: &Provisioned) -> Option<String> {
    (!done.complaints.is_empty()).then(|| format!("Not everybody could be told: {}.", done.complaints.join("; ")))
}

#[cfg(test)]
#[path = "handler_tests.rs"]
mod tests;

//! One invocation: a batch of key events from the queue, one event, or the scheduled sweep.
//!
//! What cannot be understood, and what is still open, is reported item by item, so that the queue delivers it again and, in the
//! end, sets it aside in the dead-letter queue. Nothing is dropped silently.

use jiff::Timestamp;
use reprieve_core::{Event, EventId};
use reprieve_engine::{AuditSink, Clock, Delivery, Guard, Handled, KeyControl, Ledger, Meter, NoticeSink};
use reprieve_wire::{Invocation, Message, Sighting};
use serde_json::{Value, json};

/// What goes wrong with a whole invocation.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Answers one invocation.
///
/// # Errors
/// When the payload is of no known form, when a directly invoked event is still open, or when a sweep cannot list the keys: Lambda
/// then tries again, and sets it aside in the dead-letter queue in the end.
pub(crate) async fn answer<K, L, A, N, C, M>(guard: &Guard<K, L, A, N, C, M>, payload: &Value, request_id: &str) -> Result<Value, Failure>
where
    K: KeyControl,
    L: Ledger,
    A: AuditSink,
    N: NoticeSink,
    C: Clock,
    M: Meter,
{
    match reprieve_wire::parse_invocation(payload)? {
        Invocation::Batch(messages) => Ok(answer_batch(guard, messages, request_id).await),
        Invocation::Single(Sighting::Sweep(_)) => sweep(guard, request_id).await,
        Invocation::Single(Sighting::Event(event)) => {
            let delivery = Delivery { received_at: guard.ports.clock.now(), count: 1 };
            match report(&event, guard.handle(&event, delivery).await) {
                None => Ok(json!({ "event_id": event.id })),
                Some(reason) => Err(format!("event `{}` is still open: {reason}", event.id).into()),
            }
        }
    }
}

/// Works on a batch and says which messages must be delivered again.
async fn answer_batch<K, L, A, N, C, M>(guard: &Guard<K, L, A, N, C, M>, messages: Vec<Message>, request_id: &str) -> Value
where
    K: KeyControl,
    L: Ledger,
    A: AuditSink,
    N: NoticeSink,
    C: Clock,
    M: Meter,
{
    let now = guard.ports.clock.now();
    let mut failed: Vec<String> = Vec::new();
    let mut ids: Vec<String> = Vec::new();
    let mut events: Vec<(Event, Delivery)> = Vec::new();
    for message in messages {
        let delivery = delivery(&message, now);
        match message.sighting {
            Ok(Sighting::Event(event)) => {
                ids.push(message.id);
                events.push((*event, delivery));
            }
            Ok(Sighting::Sweep(_)) => {
                if let Err(error) = sweep(guard, request_id).await {
                    tracing::error!(error = %error, "the sweep failed");
                    failed.push(message.id);
                }
            }
            Err(error) => {
                tracing::error!(error = %error, message_id = %message.id, "a message could not be understood; it goes to the dead-letter queue");
                failed.push(message.id);
            }
        }
    }
    let answers = guard.handle_batch(&events).await;
    for ((id, (event, _)), handled) in ids.into_iter().zip(&events).zip(answers) {
        if report(event, handled).is_some() {
            failed.push(id);
        }
    }
    let failures: Vec<Value> = failed.into_iter().map(|id| json!({ "itemIdentifier": id })).collect();
    json!({ "batchItemFailures": failures })
}

fn delivery(message: &Message, now: Timestamp) -> Delivery {
    Delivery { received_at: message.first_received_at.unwrap_or(now), count: message.receive_count.unwrap_or(1) }
}

/// Logs what became of an event; returns why it must come again, if it must.
fn report(event: &Event, handled: Handled) -> Option<String> {
    let key = event.target.display_name();
    match handled {
        Handled::Done { record, complaints } => {
            let decision = record.decision.as_ref();
            tracing::info!(
                event_id = %event.id,
                event = %event.name,
                key,
                threat = record.threat.map(|threat| threat.as_str()),
                decision = decision.map(reprieve_core::Decision::name),
                why = decision.map(|decision| decision.why().sentence.as_str()),
                status = ?record.status,
                remediate_ms = record.remediate_ms,
                "event answered"
            );
            for complaint in complaints {
                tracing::error!(event_id = %event.id, key, error = %complaint, "the event was answered, but not all of it could be written down");
            }
            None
        }
        Handled::Duplicate => {
            tracing::info!(event_id = %event.id, event = %event.name, key, "event was answered before");
            None
        }
        Handled::Retry { reason, .. } => {
            tracing::warn!(event_id = %event.id, event = %event.name, key, reason, "event is still open and will be tried again");
            Some(reason)
        }
    }
}

/// Sweeps. The request id tells this sweep from others; a repeated invocation carries the same one.
async fn sweep<K, L, A, N, C, M>(guard: &Guard<K, L, A, N, C, M>, request_id: &str) -> Result<Value, Failure>
where
    K: KeyControl,
    L: Ledger,
    A: AuditSink,
    N: NoticeSink,
    C: Clock,
    M: Meter,
{
    let id = EventId::parse(&format!("sweep.{request_id}"))?;
    let swept = guard.sweep(&id).await?;
    tracing::info!(
        keys = swept.keys,
        endangered = swept.endangered,
        given_back = swept.given_back,
        lost_events = swept.lost_events,
        unreadable = swept.unreadable,
        open = swept.open,
        not_reached = swept.not_reached,
        "swept"
    );
    Ok(serde_json::to_value(&swept)?)
}

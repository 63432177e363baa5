//! One invocation: a batch of key events from the queue, one event, or the scheduled sweep.
//!
//! What cannot be understood, and what is still open, is reported item by item, so that the queue delivers it again and, in the
//! end, sets it aside in the dead-letter queue. Nothing is dropped silently.

use reprieve_core::{Event, EventId};
use reprieve_engine::{AuditSink, Circumstances, Clock, Delivery, Guard, KeyControl, Ledger, Meter, NoticeSink, PolicySource};
use reprieve_runtime::{Invoked, log_answer};
use reprieve_wire::{Invocation, Message, Sighting};
use serde_json::{Value, json};

/// What goes wrong with a whole invocation.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What the guard does as a Lambda function.
pub(crate) trait Answer {
    /// Answers one invocation.
    ///
    /// # Errors
    /// When the payload is of no known form, when a directly invoked event is still open, or when a sweep cannot list the keys: Lambda
    /// then tries again, and sets it aside in the dead-letter queue in the end.
    async fn answer(&self, payload: &Value, invocation: &Invoked) -> Result<Value, Failure>;

    /// Works on a batch and says which messages must be delivered again.
    async fn answer_batch(&self, messages: Vec<Message>, invocation: &Invoked) -> Value;

    /// Sweeps. The request id tells this sweep from others; a repeated invocation carries the same one.
    async fn answer_sweep(&self, request_id: &str) -> Result<Value, Failure>;
}

impl<K: KeyControl, L: Ledger, A: AuditSink, N: NoticeSink, C: Clock, M: Meter, H: Circumstances, P: PolicySource> Answer
    for Guard<K, L, A, N, C, M, H, P>
{
    async fn answer(&self, payload: &Value, invocation: &Invoked) -> Result<Value, Failure> {
        match reprieve_wire::parse_invocation(payload).map_err(|error| error.unquoted())? {
            Invocation::Batch(messages) => Ok(self.answer_batch(messages, invocation).await),
            Invocation::Single(Sighting::Sweep(_)) => self.answer_sweep(&invocation.request_id).await,
            Invocation::Single(Sighting::Event(event)) => {
                let delivery = invocation.delivery(None, None, self.ports.clock.now());
                match log_answer(&event, self.handle(&event, delivery).await) {
                    None => Ok(json!({ "event_id": event.id })),
                    Some(reason) => Err(format!("event `{}` is still open: {reason}", event.id).into()),
                }
            }
        }
    }

    async fn answer_batch(&self, messages: Vec<Message>, invocation: &Invoked) -> Value {
        let now = self.ports.clock.now();
        let mut failed: Vec<String> = Vec::new();
        let mut ids: Vec<String> = Vec::new();
        let mut events: Vec<(Event, Delivery)> = Vec::new();
        for message in messages {
            let delivery = invocation.delivery(message.first_received_at, message.receive_count, now);
            match message.sighting {
                Ok(Sighting::Event(event)) => {
                    ids.push(message.id);
                    events.push((*event, delivery));
                }
                Ok(Sighting::Sweep(_)) => {
                    if let Err(error) = self.answer_sweep(&invocation.request_id).await {
                        tracing::error!(error = %error, "the sweep failed");
                        failed.push(message.id);
                    }
                }
                Err(error) => {
                    tracing::error!(error = error.unquoted(), message_id = %message.id, "a message could not be understood; it goes to the dead-letter queue");
                    failed.push(message.id);
                }
            }
        }
        let answers = self.handle_batch(&events).await;
        for ((id, (event, _)), handled) in ids.into_iter().zip(&events).zip(answers) {
            if log_answer(event, handled).is_some() {
                failed.push(id);
            }
        }
        let failures: Vec<Value> = failed.into_iter().map(|id| json!({ "itemIdentifier": id })).collect();
        json!({ "batchItemFailures": failures })
    }

    async fn answer_sweep(&self, request_id: &str) -> Result<Value, Failure> {
        let id = EventId::parse(&format!("sweep.{request_id}"))?;
        let swept = self.sweep(&id).await?;
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
}

#[cfg(test)]
mod tests {
    use reprieve_core::KeyState;
    use reprieve_test_support::event::time;
    use reprieve_test_support::{World, finish, guard, key};

    use super::*;

    fn invoke(world: &World, payload: &Value) -> Result<Value, Failure> {
        let invoked = Invoked { request_id: "request-1".to_owned(), stopped_at: time("2100-01-01T00:00:00Z") };
        finish(world.guard.answer(payload, &invoked)).unwrap()
    }

    fn message(id: &str, body: &Value) -> Value {
        json!({ "messageId": id, "body": body.to_string(), "eventSource": "aws:sqs", "attributes": { "ApproximateReceiveCount": "1" } })
    }

    fn scheduled(id: &str, arn: &str) -> Value {
        json!({
            "version": "0", "id": format!("envelope-{id}"), "detail-type": "AWS API Call via CloudTrail", "source": "aws.kms",
            "account": "111122223333", "time": "2026-11-20T10:00:00Z", "region": "us-east-1", "resources": [],
            "detail": {
                "eventVersion": "1.11", "eventID": id, "eventTime": "2026-11-20T10:00:00Z", "eventSource": "kms.amazonaws.com",
                "eventName": "ScheduleKeyDeletion", "awsRegion": "us-east-1", "recipientAccountId": "111122223333",
                "userIdentity": { "type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/mallory", "userName": "mallory", "accountId": "111122223333" },
                "requestParameters": { "keyId": arn, "pendingWindowInDays": 7 },
                "resources": [{ "accountId": "111122223333", "type": "AWS::KMS::Key", "ARN": arn }],
            },
        })
    }

    #[test]
    fn only_what_failed_comes_again() {
        let world = guard().build();
        let key = key("k1");
        world.keys.create(&key);
        world.keys.schedule_deletion(&key, 7).unwrap();
        let batch = json!({ "Records": [
            message("good", &scheduled("event-1", key.as_str())),
            message("unreadable", &json!("no envelope")),
            message("again", &scheduled("event-1", key.as_str())),
        ] });
        let answer = invoke(&world, &batch).unwrap();
        assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "unreadable" }] }));
        assert_eq!(world.keys.state(&key), KeyState::Enabled);
        assert_eq!(world.journal.made("cancel_deletion"), 1);
    }

    #[test]
    fn a_scheduled_event_sweeps() {
        let world = guard().build();
        let key = key("k1");
        world.keys.create(&key);
        world.keys.schedule_deletion(&key, 7).unwrap();
        let payload = json!({ "version": "0", "id": "s-1", "detail-type": "Scheduled Event", "source": "aws.scheduler", "account": "111122223333",
            "time": "2026-11-20T11:00:00Z", "region": "us-east-1", "resources": [], "detail": { "task": "sweep" } });
        let report = invoke(&world, &payload).unwrap();
        assert_eq!((&report["keys"], &report["given_back"], &report["lost_events"]), (&json!(1), &json!(1), &json!(1)));
        assert_eq!(world.keys.state(&key), KeyState::Enabled);
    }

    #[test]
    fn an_unknown_payload_is_an_error_that_says_what_was_expected() {
        let error = invoke(&guard().build(), &json!({ "hello": "world" })).unwrap_err().to_string();
        // It is logged, and nothing of what came in ever is.
        assert!(error.contains("an SQS batch, an EventBridge envelope or a CloudTrail record") && !error.contains("hello"), "{error}");
    }
}

//! One invocation as Lambda describes it, what the engine is told of the messages in it, and how its answers are logged.

use jiff::Timestamp;
use reprieve_core::{Decision, Event, Threat};
use reprieve_engine::{Delivery, Handled};

/// What Lambda says of an invocation.
#[derive(Debug, Clone)]
pub struct Invoked {
    /// The request id; a repeated invocation carries the same one.
    pub request_id: String,
    /// When Lambda will stop it.
    pub stopped_at: Timestamp,
}

impl Invoked {
    /// Takes what Lambda says: the request id, and the deadline in milliseconds since 1970.
    #[must_use]
    pub fn new(request_id: &str, deadline_ms: u64) -> Self {
        let stopped_at = i64::try_from(deadline_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        Self { request_id: request_id.to_owned(), stopped_at: stopped_at.unwrap_or(Timestamp::MAX) }
    }

    /// Returns what the engine is told of an event in this invocation; what the queue does not say is taken for a first delivery, now.
    #[must_use]
    pub fn delivery(&self, first_received_at: Option<Timestamp>, receive_count: Option<u32>, now: Timestamp) -> Delivery {
        Delivery { received_at: first_received_at.unwrap_or(now), count: receive_count.unwrap_or(1), stopped_at: self.stopped_at }
    }
}

/// Logs what became of an event; returns why it must come again, if it must.
#[must_use]
pub fn log_answer(event: &Event, handled: Handled) -> Option<String> {
    let target = event.target.display_name();
    match handled {
        Handled::Done { record, complaints } => {
            let decision = record.decision.as_ref();
            tracing::info!(
                event_id = %event.id,
                event = %event.name,
                target,
                threat = record.threat.map(Threat::as_str),
                decision = decision.map(Decision::name),
                why = decision.map(|decision| decision.why().sentence.as_str()),
                status = ?record.status,
                remediate_ms = record.remediate_ms,
                "event answered"
            );
            for complaint in complaints {
                tracing::error!(event_id = %event.id, target, error = %complaint, "the event was answered, but not all of it could be written down or told");
            }
            None
        }
        Handled::Duplicate => {
            tracing::info!(event_id = %event.id, event = %event.name, target, "event was answered before");
            None
        }
        Handled::Retry { reason, record, .. } => {
            // Where the audit store could not be written, this line is what tells what was done.
            let done = record.as_ref().map(|record| (record.status, &record.steps));
            tracing::warn!(event_id = %event.id, event = %event.name, target, reason, ?done, "event is still open and will be tried again");
            Some(reason)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_beyond_all_times_is_no_deadline() {
        assert_eq!(Invoked::new("r", u64::MAX).stopped_at, Timestamp::MAX);
        assert_eq!(Invoked::new("r", 1_500).stopped_at, Timestamp::from_millisecond(1_500).unwrap());
    }

    #[test]
    fn what_the_queue_does_not_say_is_a_first_delivery_now() {
        let (now, earlier) = (Timestamp::from_second(10).unwrap(), Timestamp::from_second(4).unwrap());
        let invoked = Invoked::new("r", 60_000);
        assert_eq!(invoked.delivery(None, None, now), Delivery { received_at: now, count: 1, stopped_at: invoked.stopped_at });
        assert_eq!(
            invoked.delivery(Some(earlier), Some(3), now),
            Delivery { received_at: earlier, count: 3, stopped_at: invoked.stopped_at }
        );
    }
}

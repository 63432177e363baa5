//! Events on their way to EventBridge: which are lost, repeated, late or out of order, and the delivery of the rest.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::faults::{EventAction, EventFault};
use super::timeline::{Activity, EventEntry, Fate, Timeline};
use super::upstream::Upstream;

/// Describes an event for the default bus of an account and Region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Account id.
    pub account: String,
    /// Region.
    pub region: String,
    /// `source`, which may be `aws.kms` and the like.
    pub source: String,
    /// `detail-type`.
    pub detail_type: String,
    /// `detail`.
    pub detail: Value,
    /// `resources`.
    #[serde(default)]
    pub resources: Vec<String>,
}

impl Event {
    fn name(&self) -> Option<&str> {
        self.detail.get("eventName").and_then(Value::as_str)
    }

    fn key(&self) -> Option<String> {
        self.detail
            .get("resources")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|resource| resource.get("ARN").and_then(Value::as_str))
            .chain(self.resources.iter().map(String::as_str))
            .find(|arn| arn.contains(":key/"))
            .map(str::to_owned)
    }
}

/// One delivery that is due: after how long, how often, and what.
#[derive(Debug, PartialEq, Eq)]
struct Delivery {
    delay_ms: u64,
    copies: u32,
    event: Event,
}

#[derive(Debug)]
struct Rule {
    fault: EventFault,
    left: u32,
    held: Vec<Event>,
}

/// The event faults in force. Decides; does not deliver.
#[derive(Debug, Default)]
struct Router(Vec<Rule>);

impl Router {
    /// Says what becomes of an event, and what is to be delivered now that it has come.
    fn route(&mut self, event: Event) -> (Fate, Vec<Delivery>) {
        let text = event.detail.to_string();
        let name = event.name().unwrap_or(&event.detail_type).to_owned();
        let (mut released, mut hit) = (Vec::new(), None);
        for rule in self.0.iter_mut().filter(|rule| rule.fault.matches(&name, &text)) {
            if rule.left == 0 {
                released.extend(rule.held.drain(..).rev());
            } else if hit.is_none() {
                hit = Some(rule);
            }
        }
        let now = |event| Delivery { delay_ms: 0, copies: 1, event };
        let Some(rule) = hit else {
            return (Fate::Delivered, std::iter::once(event).chain(released).map(now).collect());
        };
        rule.left -= 1;
        let (fate, first) = match rule.fault.action {
            EventAction::Lose => (Fate::Lost, None),
            EventAction::Duplicate(copies) => (Fate::Duplicated, Some(Delivery { delay_ms: 0, copies, event })),
            EventAction::Delay(delay_ms) => (Fate::Delayed, Some(Delivery { delay_ms, copies: 1, event })),
            EventAction::Hold => {
                rule.held.push(event);
                (Fate::Held, None)
            }
        };
        (fate, first.into_iter().chain(released.into_iter().map(now)).collect())
    }

    fn release(&mut self) -> Vec<Event> {
        self.0.iter_mut().flat_map(|rule| rule.held.drain(..).rev()).collect()
    }
}

/// Takes events in and delivers them one after the other, as far as no fault says otherwise.
#[derive(Debug)]
pub(crate) struct EventBus {
    router: Mutex<Router>,
    queue: mpsc::UnboundedSender<Event>,
    upstream: Arc<Upstream>,
    timeline: Arc<Timeline>,
}

impl EventBus {
    /// Makes the bus and starts its delivery; needs a Tokio runtime around it.
    pub(crate) fn start(upstream: Arc<Upstream>, timeline: Arc<Timeline>) -> Arc<Self> {
        let (queue, mut incoming) = mpsc::unbounded_channel();
        let bus = Arc::new(Self { router: Mutex::default(), queue, upstream, timeline });
        let weak = Arc::downgrade(&bus);
        tokio::spawn(async move {
            while let Some(event) = incoming.recv().await {
                let Some(bus) = weak.upgrade() else { return };
                bus.take(event).await;
            }
        });
        bus
    }

    /// Puts an event in line.
    pub(crate) fn publish(&self, event: Event) {
        // The delivery lives as long as the bus; afterwards there is nobody left to deliver to.
        drop(self.queue.send(event));
    }

    pub(crate) fn add_fault(&self, fault: EventFault) {
        self.with_router(|router| router.0.push(Rule { left: fault.events, fault, held: Vec::new() }));
    }

    pub(crate) fn clear_faults(&self) {
        self.with_router(|router| router.0.clear());
    }

    /// Delivers all events that are held, newest first.
    pub(crate) fn release(&self) {
        for event in self.with_router(Router::release) {
            self.publish(event);
        }
    }

    fn with_router<T>(&self, change: impl FnOnce(&mut Router) -> T) -> T {
        change(&mut self.router.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn take(self: &Arc<Self>, event: Event) {
        let (fate, deliveries) = self.with_router(|router| router.route(event.clone()));
        if matches!(fate, Fate::Lost | Fate::Held | Fate::Delayed) {
            self.note(&event, fate);
        }
        for delivery in deliveries {
            if delivery.delay_ms == 0 {
                self.deliver(delivery).await;
                continue;
            }
            let bus = Arc::clone(self);
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(delivery.delay_ms)).await;
                bus.deliver(delivery).await;
            });
        }
    }

    async fn deliver(&self, Delivery { copies, event, .. }: Delivery) {
        let question = json!({
            "account": event.account,
            "region": event.region,
            "source": event.source,
            "detail_type": event.detail_type,
            "detail": event.detail,
            "resources": event.resources,
            "copies": copies,
        });
        let fate = match self.upstream.ask("events", &question).await {
            Ok(_) if copies > 1 => Fate::Duplicated,
            Ok(_) => Fate::Delivered,
            Err(_) => Fate::Failed,
        };
        self.note(&event, fate);
    }

    fn note(&self, event: &Event, fate: Fate) {
        self.timeline.add(Activity::Event(EventEntry {
            order: self.timeline.next_order(),
            at_ms: self.timeline.ms_of(Instant::now()),
            time: Timestamp::now(),
            source: event.source.clone(),
            detail_type: event.detail_type.clone(),
            event_name: event.name().map(str::to_owned),
            key: event.key(),
            fate,
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str) -> Event {
        Event {
            account: "111122223333".into(),
            region: "us-east-1".into(),
            source: "aws.kms".into(),
            detail_type: "AWS API Call via CloudTrail".into(),
            detail: json!({"eventName": name, "resources": [{"ARN": "arn:aws:kms:us-east-1:111122223333:key/k"}]}),
            resources: Vec::new(),
        }
    }

    fn router(faults: &[EventFault]) -> Router {
        Router(faults.iter().map(|fault| Rule { left: fault.events, fault: fault.clone(), held: Vec::new() }).collect())
    }

    fn names(deliveries: &[Delivery]) -> Vec<(String, u64, u32)> {
        deliveries.iter().map(|due| (due.event.name().unwrap_or_default().to_owned(), due.delay_ms, due.copies)).collect()
    }

    #[test]
    fn an_event_without_fault_is_delivered_once() {
        let (fate, due) = router(&[]).route(event("DisableKey"));
        assert_eq!((fate, names(&due)), (Fate::Delivered, vec![("DisableKey".into(), 0, 1)]));
    }

    #[test]
    fn events_are_lost_repeated_and_delayed_as_often_as_asked() {
        let table = [
            (EventAction::Lose, Fate::Lost, vec![]),
            (EventAction::Duplicate(3), Fate::Duplicated, vec![("DisableKey".to_owned(), 0, 3)]),
            (EventAction::Delay(70), Fate::Delayed, vec![("DisableKey".to_owned(), 70, 1)]),
        ];
        for (action, fate, expected) in table {
            let mut router = router(&[EventFault::on(&["DisableKey"], action)]);
            let (found, due) = router.route(event("DisableKey"));
            assert_eq!((found, names(&due)), (fate, expected));
            assert_eq!(router.route(event("DisableKey")).0, Fate::Delivered, "only the first is hit");
        }
    }

    #[test]
    fn a_held_event_comes_after_the_next_one() {
        let mut router = router(&[EventFault::on(&["DisableKey", "EnableKey"], EventAction::Hold)]);
        assert_eq!(router.route(event("DisableKey")), (Fate::Held, vec![]));
        assert_eq!(names(&router.route(event("TagResource")).1), [("TagResource".to_owned(), 0, 1)]);
        let (fate, due) = router.route(event("EnableKey"));
        assert_eq!(fate, Fate::Delivered);
        assert_eq!(names(&due), [("EnableKey".to_owned(), 0, 1), ("DisableKey".to_owned(), 0, 1)]);
    }

    #[test]
    fn several_held_events_come_in_reverse_order() {
        let mut router = router(&[EventFault::on(&[], EventAction::Hold).times(2)]);
        for name in ["A", "B"] {
            assert_eq!(router.route(event(name)).0, Fate::Held);
        }
        let order: Vec<String> = names(&router.route(event("C")).1).into_iter().map(|(name, ..)| name).collect();
        assert_eq!(order, ["C", "B", "A"]);
        assert_eq!(router.release(), vec![]);
    }

    #[test]
    fn an_event_knows_its_key() {
        assert_eq!(event("X").key().as_deref(), Some("arn:aws:kms:us-east-1:111122223333:key/k"));
    }
}

//! Carries one batch of events to its function: the handshake, the attempts, the waits between them, the dead letter.
//!
//! Must not choose what is carried. Source: Event Grid message delivery and retry.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::Shared;
use super::event::{GridEvent, Schema, seven_digits};
use super::subscription::{DeadLetter, Subscription};
use crate::storage::blobs::{BlobKind, Conditions};
use crate::storage::writes::{Circumstances, NewBlob};
use crate::tenant::Tenant;

/// How long Event Grid waits before each further attempt, in seconds; hourly afterwards.
const WAITS_SECONDS: &[u64] = &[10, 30, 60, 300, 600, 1800, 3600];

/// Carries a batch until it is taken, dead-lettered or dropped.
pub(super) async fn carry(shared: Arc<Shared>, subscription: Subscription, events: Vec<GridEvent>) {
    let published = Timestamp::now();
    let deadline = Instant::now() + shared.scaled(subscription.time_to_live);
    let written: Vec<Value> = events.iter().map(|event| event.written(subscription.schema, &subscription.topic)).collect();
    let mut attempt = 1;
    loop {
        let status = attempt_once(&shared, &subscription, &written).await;
        shared.count(|report| report.attempts += 1);
        if (200..300).contains(&status) {
            shared.count(|report| report.delivered += events.len());
            return;
        }
        shared.count(|report| report.failed_attempts += 1);
        let reason = match status {
            // The two answers that no further attempt can change.
            400 => Some("UndeliverableDueToHttpBadRequest"),
            413 => Some("UndeliverableDueToHttpRequestEntityTooLarge"),
            _ if attempt >= subscription.largest_attempts => Some("MaxDeliveryAttemptsExceeded"),
            _ => None,
        };
        let wait = shared.scaled(wait_before(attempt + 1));
        let reason = reason.or((Instant::now() + wait > deadline).then_some("TimeToLiveExceeded"));
        if let Some(reason) = reason {
            let end = End { reason, attempts: attempt, status, published };
            bury(&shared, &subscription, written, &end);
            return;
        }
        sleep(wait).await;
        if shared.tenant().resource(&subscription.id).is_none() {
            // Whoever deletes a subscription deletes what it was still to be told.
            shared.count(|report| report.dropped += events.len());
            return;
        }
        attempt += 1;
    }
}

/// Returns how long to wait before the attempt with this number, from 2.
fn wait_before(attempt: u32) -> Duration {
    let place = usize::try_from(attempt.saturating_sub(2)).unwrap_or(usize::MAX);
    let seconds = WAITS_SECONDS.get(place).or(WAITS_SECONDS.last()).copied().unwrap_or_default();
    Duration::from_secs(seconds)
}

async fn attempt_once(shared: &Shared, subscription: &Subscription, written: &[Value]) -> u16 {
    let Some(host) = shared.host(&subscription.site) else {
        return 404;
    };
    if !shared.is_validated(&subscription.id) {
        let code = Uuid::new_v4().to_string();
        let answer = host.webhook(&subscription.function, "SubscriptionValidation", &handshake(subscription, &code)).await;
        let is_echoed = answer.body.as_ref().and_then(|body| body.get("validationResponse")) == Some(&json!(code));
        if answer.status != 200 || !is_echoed {
            return answer.status.max(400);
        }
        shared.set_validated(&subscription.id);
    }
    host.webhook(&subscription.function, "Notification", &json!(written)).await.status
}

fn handshake(subscription: &Subscription, code: &str) -> Value {
    json!([{
        "id": Uuid::new_v4().to_string(),
        "topic": subscription.topic,
        "subject": "",
        "data": { "validationCode": code },
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "eventTime": seven_digits(Timestamp::now()),
        "metadataVersion": "1",
        "dataVersion": "2",
    }])
}

/// How the carrying of a batch ended.
struct End {
    reason: &'static str,
    attempts: u32,
    status: u16,
    published: Timestamp,
}

/// Writes events to the dead letters, or drops them where there is no place for them.
fn bury(shared: &Shared, subscription: &Subscription, written: Vec<Value>, end: &End) {
    let count = written.len();
    let now = Timestamp::now();
    let letters: Vec<Value> = written.into_iter().map(|event| letter(event, subscription.schema, end, now)).collect();
    let hour = now.strftime("%Y/%-m/%-d/%-H").to_string();
    let name = format!("{}/{hour}/{}.json", subscription.name.to_uppercase(), Uuid::new_v4());
    let content = Bytes::from(json!(letters).to_string());
    let is_written = subscription.dead_letter.as_ref().is_some_and(|place| write(&mut shared.tenant(), place, &name, content, now));
    shared.count(|report| *(if is_written { &mut report.dead_lettered } else { &mut report.dropped }) += count);
}

/// Adds to an event why it could not be delivered, in the words of its schema.
fn letter(mut event: Value, schema: Schema, end: &End, now: Timestamp) -> Value {
    let outcome = match end.status {
        400 => "BadRequest",
        404 => "NotFound",
        413 => "RequestEntityTooLarge",
        _ => "InternalServerError",
    };
    let Some(fields) = event.as_object_mut() else {
        return event;
    };
    let said = [
        ("deadLetterReason", json!(end.reason)),
        ("deliveryAttempts", json!(end.attempts)),
        ("lastDeliveryOutcome", json!(outcome)),
        ("lastHttpStatusCode", json!(end.status)),
        ("publishTime", json!(seven_digits(end.published))),
        ("lastDeliveryAttemptTime", json!(seven_digits(now))),
    ];
    for (key, value) in said {
        let key = match schema {
            Schema::EventGrid => key.to_owned(),
            // Extension attributes of CloudEvents are lower case.
            Schema::CloudEvents => key.to_lowercase(),
        };
        fields.insert(key, value);
    }
    event
}

fn write(tenant: &mut Tenant, place: &DeadLetter, name: &str, content: Bytes, now: Timestamp) -> bool {
    let etag = tenant.blobs.new_etag();
    let account = tenant.blobs.account_mut(&place.account);
    let keeping = account.keeping();
    let Some(container) = account.containers.get_mut(&place.container) else {
        return false;
    };
    let new = NewBlob {
        kind: BlobKind::Block,
        content,
        content_type: "application/json".to_owned(),
        metadata: std::collections::BTreeMap::new(),
        hold: false,
        retention: None,
    };
    let at = Circumstances { conditions: Conditions::default(), keeping, etag, now };
    container.put(name, new, &at).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_come_further_and_further_apart() {
        let waits: Vec<u64> = (2..=10).map(|attempt| wait_before(attempt).as_secs()).collect();
        assert_eq!(waits, [10, 30, 60, 300, 600, 1800, 3600, 3600, 3600]);
    }

    #[test]
    fn a_dead_letter_says_why_in_the_words_of_its_schema() {
        let end = End { reason: "MaxDeliveryAttemptsExceeded", attempts: 3, status: 500, published: Timestamp::UNIX_EPOCH };
        let grid = letter(json!({}), Schema::EventGrid, &end, Timestamp::UNIX_EPOCH);
        let cloud = letter(json!({}), Schema::CloudEvents, &end, Timestamp::UNIX_EPOCH);
        assert_eq!(grid.get("deadLetterReason"), cloud.get("deadletterreason"));
        assert_eq!(cloud.get("deliveryattempts"), Some(&json!(3)));
    }
}

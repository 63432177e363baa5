//! What a record sets off beyond the timeline: EventBridge, the log groups of trails; and what a scenario may say about
//! alarms and subscriptions that no AWS call can.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::events::Event;
use super::trails::{self, Trail};
use super::{Proxy, cloudtrail, locked};
use crate::error::LocalCloudError;

/// Describes one mail that SNS sent to an address whose owner confirmed the subscription.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mail {
    /// The address.
    pub to: String,
    /// ARN of the topic.
    pub topic_arn: String,
    /// The subject; empty when the message has none.
    pub subject: String,
    /// The message.
    pub message: String,
    /// When it was sent, in seconds since the epoch.
    pub at: f64,
}

impl Proxy {
    /// Lets a record reach EventBridge and the log groups of the trails that record it.
    ///
    /// `before` is what the trails were when the call came in.
    pub(crate) fn spread(&self, record: Value, event: Option<Event>, before: &[Trail]) {
        let recording = trails::recording(&locked(&self.trails), before, &record);
        let recorded = !recording.is_empty();
        for trail in recording.into_iter().filter(|trail| trail.feeds_a_log_group) {
            self.delivery.send(trail.arn, record.clone());
        }
        self.timeline.add_record(record);
        if let Some(event) = event
            && (recorded || !*locked(&self.events_need_a_trail))
        {
            self.bus.publish(event);
        }
    }

    /// Says whether EventBridge gets calls only while a trail records them, as on AWS.
    pub(crate) fn let_events_need_a_trail(&self, needed: bool) {
        *locked(&self.events_need_a_trail) = needed;
    }

    /// Says how long records are on their way to log groups.
    pub(crate) fn set_log_delivery_delay(&self, delay: Duration) {
        self.delivery.set_delay(delay);
    }

    /// Confirms the subscription of an address.
    pub(crate) async fn confirm_subscription(&self, topic_arn: &str, endpoint: &str) -> Result<String, LocalCloudError> {
        let none = || LocalCloudError::Control(format!("`{endpoint}` is not subscribed to the topic `{topic_arn}`"));
        if topic_arn.split(':').count() != 6 {
            return Err(LocalCloudError::Control(format!("`{topic_arn}` is no topic ARN")));
        }
        let answer = self.upstream.ask("confirmations", &json!({"topic_arn": topic_arn, "endpoint": endpoint})).await?;
        answer.get("subscription_arn").and_then(Value::as_str).map(str::to_owned).ok_or_else(none)
    }

    /// Returns the mail that SNS sent, oldest first.
    pub(crate) async fn mail(&self) -> Result<Vec<Mail>, LocalCloudError> {
        let answer = self.upstream.ask("mail", &json!({})).await?;
        Vec::deserialize(answer.get("mail").unwrap_or(&Value::Null))
            .map_err(|error| LocalCloudError::Emulator { request: "mail".to_owned(), problem: error.to_string() })
    }

    /// Ends the time that the alarms of the default account look at, in one Region.
    pub(crate) async fn settle_alarms(&self, region: Option<&str>) -> Result<(), LocalCloudError> {
        let question = json!({"account": self.account, "region": region.unwrap_or(&self.region)});
        self.upstream.ask("alarms", &question).await.map(drop)
    }

    /// Says whether metrics in the embedded format are read from what functions log.
    pub(crate) async fn read_embedded_metrics(&self, on: bool) -> Result<(), LocalCloudError> {
        self.upstream.ask("embedded-metrics", &json!({"on": on})).await.map(drop)
    }

    /// Forgets trails, mail and settings.
    pub(crate) async fn reset_monitoring(&self) -> Result<(), LocalCloudError> {
        locked(&self.trails).clear();
        self.let_events_need_a_trail(false);
        self.set_log_delivery_delay(Duration::ZERO);
        self.read_embedded_metrics(false).await?;
        self.upstream.ask("mail", &json!({"clear": true})).await.map(drop)
    }

    /// Publishes something that KMS did on its own, and records it.
    pub(crate) fn publish_service_event(&self, event_name: &str, key_arn: &str) -> Result<(), LocalCloudError> {
        let (account, region, _) = super::keys::split_arn(key_arn)?;
        let record = cloudtrail::service_event(event_name, key_arn, Timestamp::now(), &uuid::Uuid::new_v4().to_string());
        let event = Event {
            account: account.to_owned(),
            region: region.to_owned(),
            source: "aws.kms".to_owned(),
            detail_type: "AWS Service Event via CloudTrail".to_owned(),
            detail: record.clone(),
            resources: Vec::new(),
        };
        self.spread(record, Some(event), &[]);
        Ok(())
    }
}

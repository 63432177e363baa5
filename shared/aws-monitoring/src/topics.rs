//! Topics and who is subscribed: looks, makes, subscribes, lets alarms publish. It has no call that deletes a topic or a subscription.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_sns::Client;
use aws_sdk_sns::error::SdkError;
use aws_sdk_sns::types::{Subscription as SdkSubscription, Tag};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::SdkConfig;
use futures_util::{StreamExt as _, join, stream};
use reprieve_core::facts::Known;
use reprieve_core::monitoring::desired::Subscriber;
use reprieve_core::monitoring::world::{Subscription, Topic};
use reprieve_core::monitoring::{MANAGED_BY, MANAGED_BY_TAG};
use reprieve_engine::CallError;

use crate::answer::{AT_ONCE, code_of, is_our_tag, is_ours, known, senseless, sorted, sorted_change};
use crate::topic_keys::TopicKeys;

const CREATE: &str = "sns:CreateTopic";
const SET: &str = "sns:SetTopicAttributes";
const SUBSCRIBE: &str = "sns:Subscribe";

/// What SNS says instead of an ARN while a subscription waits to be confirmed.
const PENDING: &str = "PendingConfirmation";
/// What SNS says instead of an ARN for a while after somebody unsubscribed.
const DELETED: &str = "Deleted";

/// The topics of a Region.
#[derive(Debug, Clone)]
pub(crate) struct Topics {
    client: Client,
    keys: TopicKeys,
}

impl Topics {
    pub(crate) fn new(config: &SdkConfig) -> Self {
        Self::over(Client::new(config), TopicKeys::new(config))
    }

    pub(crate) const fn over(client: Client, keys: TopicKeys) -> Self {
        Self { client, keys }
    }

    /// Looks at each topic that is named.
    pub(crate) async fn look(&self, arns: impl IntoIterator<Item = String>) -> BTreeMap<String, Known<Topic>> {
        let looks = stream::iter(arns).map(async |arn: String| {
            let found = self.look_at(&arn).await;
            (arn, found)
        });
        looks.buffered(AT_ONCE).collect().await
    }

    async fn look_at(&self, arn: &str) -> Known<Topic> {
        let (attributes, subscriptions, tagged) = join!(self.attributes(arn), self.subscriptions(arn), self.bears_our_tag(arn));
        let mut attributes = match attributes {
            Ok(attributes) => attributes,
            Err(error) => return known(Err(error)),
        };
        Known::Is(Topic {
            arn: arn.to_owned(),
            policy: attributes.remove("Policy").unwrap_or_default(),
            key: self.keys.look(attributes.remove("KmsMasterKeyId")).await,
            subscriptions: known(subscriptions),
            is_ours: is_ours(arn, tagged),
        })
    }

    async fn attributes(&self, topic: &str) -> Result<HashMap<String, String>, CallError> {
        let answer = self.client.get_topic_attributes().topic_arn(topic).send().await.map_err(sorted("sns:GetTopicAttributes"))?;
        Ok(answer.attributes.unwrap_or_default())
    }

    async fn subscriptions(&self, topic: &str) -> Result<Vec<Subscription>, CallError> {
        let mut pages = self.client.list_subscriptions_by_topic().topic_arn(topic).into_paginator().items().send();
        let mut listed = Vec::new();
        while let Some(subscription) = pages.try_next().await.map_err(sorted("sns:ListSubscriptionsByTopic"))? {
            listed.push(subscription);
        }
        let looks = stream::iter(listed).map(|subscription| self.subscription(subscription)).buffered(AT_ONCE);
        Ok(looks.filter_map(std::future::ready).collect().await)
    }

    /// Looks at a subscription; `None` where it is no more.
    async fn subscription(&self, listed: SdkSubscription) -> Option<Subscription> {
        let arn = listed.subscription_arn.unwrap_or_default();
        if arn == DELETED {
            return None;
        }
        let mut subscription = Subscription {
            protocol: listed.protocol.unwrap_or_default(),
            endpoint: listed.endpoint.unwrap_or_default(),
            arn: None,
            filter_policy: Known::Absent,
        };
        if arn.is_empty() || arn == PENDING {
            return Some(subscription);
        }
        let answer = self.client.get_subscription_attributes().subscription_arn(&arn).send().await;
        let attributes = match answer.map_err(sorted("sns:GetSubscriptionAttributes")) {
            Ok(answer) => answer.attributes.unwrap_or_default(),
            Err(CallError::NotFound { .. }) => return None,
            Err(error) => {
                subscription.filter_policy = Known::Unreadable(error.to_string());
                HashMap::new()
            }
        };
        let waits = attributes.get("PendingConfirmation").is_some_and(|waits| waits == "true");
        subscription.arn = (!waits).then_some(arn);
        if let Some(policy) = attributes.get("FilterPolicy").filter(|policy| !policy.is_empty()) {
            subscription.filter_policy = Known::Is(policy.clone());
        }
        Some(subscription)
    }

    async fn bears_our_tag(&self, topic: &str) -> Result<bool, CallError> {
        let answer = self.client.list_tags_for_resource().resource_arn(topic).send().await.map_err(sorted("sns:ListTagsForResource"))?;
        Ok(answer.tags().iter().any(|tag| is_our_tag(tag.key(), tag.value())))
    }

    /// Makes a topic under the name that its ARN says; one that is there already is as good.
    pub(crate) async fn create(&self, topic: &str) -> Result<(), CallError> {
        let name = topic.rsplit(':').next().unwrap_or_default();
        let tag = Tag::builder().key(MANAGED_BY_TAG).value(MANAGED_BY).build().map_err(|error| senseless(CREATE, error.to_string()))?;
        let made = match self.client.create_topic().name(name).tags(tag).send().await {
            Ok(made) => made.topic_arn.unwrap_or_default(),
            Err(error) if code_of(&error) == "InvalidParameter" && says_that_it_exists(&error) => return Ok(()),
            Err(error) => return Err(sorted_change(CREATE)(error)),
        };
        let elsewhere = || format!("`{made}` was made instead of `{topic}`: the topic asked for is of another account or Region");
        if made == topic { Ok(()) } else { Err(senseless(CREATE, elsewhere())) }
    }

    /// Sets the topic policy, whole.
    pub(crate) async fn set_policy(&self, topic: &str, policy: &str) -> Result<(), CallError> {
        self.set(topic, "Policy", policy).await
    }

    /// Takes the customer's or AWS's key off; SNS's own encryption at rest remains.
    pub(crate) async fn remove_key(&self, topic: &str) -> Result<(), CallError> {
        self.set(topic, "KmsMasterKeyId", "").await
    }

    async fn set(&self, topic: &str, name: &str, value: &str) -> Result<(), CallError> {
        let request = self.client.set_topic_attributes().topic_arn(topic).attribute_name(name).attribute_value(value);
        request.send().await.map_err(sorted_change(SET))?;
        Ok(())
    }

    /// Subscribes. Where somebody waits to confirm, SNS asks them again.
    pub(crate) async fn subscribe(&self, topic: &str, subscriber: &Subscriber) -> Result<(), CallError> {
        let request = self.client.subscribe().topic_arn(topic).protocol(&subscriber.protocol).endpoint(&subscriber.endpoint);
        request.send().await.map_err(sorted_change(SUBSCRIBE))?;
        Ok(())
    }
}

/// A topic that bears other tags is said to exist, in the message of an error that is about many things.
fn says_that_it_exists<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    error.as_service_error().and_then(|error| error.message()).is_some_and(|message| message.contains("already exists"))
}

#[cfg(test)]
#[path = "topics_tests.rs"]
mod tests;

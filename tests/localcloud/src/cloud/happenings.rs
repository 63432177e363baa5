//! What is made to happen that no call of a client leads to: events, the end of a key, a schedule's time, a person's click.

use std::path::Path;
use std::sync::Arc;

use super::LocalCloud;
use crate::error::LocalCloudError;
use crate::proxy::events::Event;
use crate::proxy::kms::KeyState;

impl LocalCloud {
    /// Puts an event of any source on a default bus; event faults apply.
    pub fn publish(&self, event: Event) {
        self.proxy.bus.publish(event);
    }

    /// Records and publishes something that KMS did on its own, such as `DeleteExpiredKeyMaterial`.
    ///
    /// # Errors
    ///
    /// Fails when `key_arn` is no key ARN.
    pub fn publish_service_event(&self, event_name: &str, key_arn: &str) -> Result<(), LocalCloudError> {
        self.proxy.publish_service_event(event_name, key_arn)
    }

    /// Publishes an event of KMS itself, such as `KMS Imported Key Material Expiration`.
    ///
    /// # Errors
    ///
    /// Fails when `key_arn` is no key ARN.
    pub fn publish_kms_event(&self, detail_type: &str, key_arn: &str) -> Result<(), LocalCloudError> {
        self.proxy.publish_kms_event(detail_type, key_arn)
    }

    /// Puts a key into a state that no call leads to here, such as `Unavailable`.
    ///
    /// # Errors
    ///
    /// Fails when there is no such key.
    pub async fn set_key_state(&self, key_arn: &str, state: KeyState) -> Result<(), LocalCloudError> {
        let (proxy, key_arn) = (Arc::clone(&self.proxy), key_arn.to_owned());
        self.inside(async move { proxy.set_key_state(&key_arn, state).await }).await
    }

    /// Deletes a key as if its waiting period were over, with the events that KMS sends.
    ///
    /// # Errors
    ///
    /// Fails when there is no such key, or when it is a primary key that has replicas.
    pub async fn expire_key(&self, key_arn: &str) -> Result<(), LocalCloudError> {
        let (proxy, key_arn) = (Arc::clone(&self.proxy), key_arn.to_owned());
        self.inside(async move { proxy.expire_key(&key_arn).await }).await
    }

    /// Runs an `EventBridge` Scheduler schedule now, without waiting for its time.
    ///
    /// # Errors
    ///
    /// Fails when there is no schedule of that name in the cloud's account and Region.
    pub async fn fire_schedule(&self, name: &str) -> Result<(), LocalCloudError> {
        let (proxy, name) = (Arc::clone(&self.proxy), name.to_owned());
        self.inside(async move { proxy.fire_schedule(&name).await }).await
    }

    /// Confirms the subscription of an email address, as its owner does by the link in the mail, and returns its ARN.
    ///
    /// # Errors
    ///
    /// Fails when the address is not subscribed to the topic.
    pub async fn confirm_subscription(&self, topic_arn: &str, endpoint: &str) -> Result<String, LocalCloudError> {
        let (proxy, topic_arn, endpoint) = (Arc::clone(&self.proxy), topic_arn.to_owned(), endpoint.to_owned());
        self.inside(async move { proxy.confirm_subscription(&topic_arn, &endpoint).await }).await
    }

    /// Ends the time that alarms look at, in one Region of the cloud's account or in its default one: data that was put no
    /// longer counts, and each alarm goes where missing data leads it.
    ///
    /// # Errors
    ///
    /// Fails when the emulator cannot be reached.
    pub async fn settle_alarms(&self, region: Option<&str>) -> Result<(), LocalCloudError> {
        let (proxy, region) = (Arc::clone(&self.proxy), region.map(str::to_owned));
        self.inside(async move { proxy.settle_alarms(region.as_deref()).await }).await
    }

    /// Puts every file below a folder into a bucket, each under its path behind a prefix, without a call; returns how many.
    ///
    /// # Errors
    ///
    /// Fails when the folder cannot be read, or there is no such bucket.
    pub async fn fill_bucket(&self, bucket: &str, prefix: &str, folder: &Path) -> Result<u64, LocalCloudError> {
        let (proxy, bucket, prefix) = (Arc::clone(&self.proxy), bucket.to_owned(), prefix.to_owned());
        let folder = folder.to_owned();
        self.inside(async move { proxy.fill_bucket(&bucket, &prefix, &folder).await }).await
    }
}

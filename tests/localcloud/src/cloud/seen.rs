//! What was seen: records, calls, events, invocations, mail, and what IAM was asked.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::broadcast;

use super::LocalCloud;
use crate::error::LocalCloudError;
use crate::proxy::decisions::IamDecision;
use crate::proxy::invocations::Invocation;
use crate::proxy::monitoring::Mail;
use crate::proxy::timeline::{Activity, CallEntry, EventEntry};

impl LocalCloud {
    /// Returns the CloudTrail records, oldest first.
    #[must_use]
    pub fn records(&self) -> Vec<Value> {
        self.proxy.timeline.records()
    }

    /// Returns everything that happened, oldest answer first.
    #[must_use]
    pub fn activity(&self) -> Vec<Activity> {
        self.proxy.timeline.entries()
    }

    /// Returns the calls, oldest answer first.
    #[must_use]
    pub fn calls(&self) -> Vec<CallEntry> {
        let entries = self.proxy.timeline.entries().into_iter();
        entries.filter_map(|entry| if let Activity::Call(call) = entry { Some(call) } else { None }).collect()
    }

    /// Returns what became of the events, oldest first.
    #[must_use]
    pub fn events(&self) -> Vec<EventEntry> {
        let entries = self.proxy.timeline.entries().into_iter();
        entries.filter_map(|entry| if let Activity::Event(event) = entry { Some(event) } else { None }).collect()
    }

    /// Hears what happens from now on; who falls more than 4,096 entries behind misses some.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Activity> {
        self.proxy.timeline.subscribe()
    }

    /// Returns the invocations of a function that ended, in the order in which they began.
    ///
    /// # Errors
    ///
    /// Fails when the emulator cannot be reached.
    pub async fn invocations(&self, function: &str) -> Result<Vec<Invocation>, LocalCloudError> {
        let (proxy, function) = (Arc::clone(&self.proxy), function.to_owned());
        self.inside(async move { proxy.invocations(Some(&function)).await }).await
    }

    /// Returns the mail that SNS sent to confirmed addresses, oldest first.
    ///
    /// # Errors
    ///
    /// Fails when the emulator cannot be reached.
    pub async fn mail(&self) -> Result<Vec<Mail>, LocalCloudError> {
        let proxy = Arc::clone(&self.proxy);
        self.inside(async move { proxy.mail().await }).await
    }

    /// Returns what IAM was asked in the name of roles: by calls, and by services of AWS that act for them.
    ///
    /// # Errors
    ///
    /// Fails when the emulator cannot be reached, and when more was asked than is kept.
    pub async fn iam_decisions(&self) -> Result<Vec<IamDecision>, LocalCloudError> {
        let proxy = Arc::clone(&self.proxy);
        self.inside(async move { proxy.iam_decisions().await }).await
    }

    /// Forgets what IAM was asked until now.
    ///
    /// # Errors
    ///
    /// Fails when the emulator cannot be reached.
    pub async fn forget_iam_decisions(&self) -> Result<(), LocalCloudError> {
        let proxy = Arc::clone(&self.proxy);
        self.inside(async move { proxy.forget_iam_decisions().await }).await
    }
}
